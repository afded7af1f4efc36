-- When users have more points in skills: points and room are checked, and levels follow. Fewer
-- points are always good. What does not touch points is left alone, as the levels that are
-- written by settle_skills().
-- Errors: LX001 more points than there are, or than fit.
create or replace function learn_internal.user_skills_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_now       timestamptz := learn.clock();
  v_user_ids  uuid[];
  v_skill_ids bigint[];
  v_at        timestamptz[];
begin
  perform learn_internal.apply_allocations(
    array_agg(n.user_id), array_agg(n.skill_id), array_agg(false),
    -- who says nothing of the time means now
    array_agg(case when n.allocated_at <> o.allocated_at then n.allocated_at else v_now end))
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.skill_id = n.skill_id
  where n.points_allocated > o.points_allocated
  having count(*) > 0;

  select array_agg(n.user_id), array_agg(n.skill_id), array_agg(v_now)
  into v_user_ids, v_skill_ids, v_at
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.skill_id = n.skill_id
  where n.points_allocated < o.points_allocated;
  if v_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.settle_skills(v_user_ids, v_skill_ids, v_at);
  end if;
  return null;
end;
$$;
comment on function learn_internal.user_skills_updated() is
  'Statement trigger: checks more points in skills (LX001); levels follow.';
revoke all on function learn_internal.user_skills_updated() from public;

create or replace trigger user_skills_updated
  after update on learn.user_skills
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.user_skills_updated();
comment on trigger user_skills_updated on learn.user_skills is
  'Checks points (LX001); levels follow.';
