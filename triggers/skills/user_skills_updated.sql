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
  v_now  timestamptz := learn.clock();
  v_more record;
  v_less record;
begin
  select array_agg(c.user_id) as user_ids, array_agg(c.skill_id) as skill_ids, array_agg(false) as begun,
    -- who says nothing of the time means now
    array_agg(case when c.allocated_at <> c.old_allocated_at then c.allocated_at else v_now end) as at
  into v_more
  from (
    -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
    select r.user_id, r.skill_id, max(r.allocated_at) filter (where r.is_new) as allocated_at,
      max(r.allocated_at) filter (where not r.is_new) as old_allocated_at
    from (
      select n.user_id, n.skill_id, n.points_allocated, n.allocated_at, true as is_new from new_rows n
      union all
      select o.user_id, o.skill_id, -o.points_allocated, o.allocated_at, false from old_rows o
    ) r
    group by r.user_id, r.skill_id
    having count(*) = 2 and sum(r.points_allocated) > 0
  ) c;
  if v_more.user_ids is not null then
    perform learn_internal.apply_allocations(v_more.user_ids, v_more.skill_ids, v_more.begun, v_more.at);
  end if;

  select array_agg(c.user_id) as user_ids, array_agg(c.skill_id) as skill_ids, array_agg(v_now) as at
  into v_less
  from (
    select r.user_id, r.skill_id
    from (
      select n.user_id, n.skill_id, n.points_allocated from new_rows n
      union all
      select o.user_id, o.skill_id, -o.points_allocated from old_rows o
    ) r
    group by r.user_id, r.skill_id
    having count(*) = 2 and sum(r.points_allocated) < 0
  ) c;
  if v_less.user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_less.user_ids)
    order by s.user_id for no key update;
    perform learn_internal.settle_skills(v_less.user_ids, v_less.skill_ids, v_less.at);
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
