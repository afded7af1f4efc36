-- When users begin skills: points, room and prerequisites are checked, and levels follow.
-- Errors: LX001 more points than there are, or than fit; LX006 prerequisites at level 0.
create or replace function learn_internal.user_skills_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.apply_allocations(
    array_agg(n.user_id), array_agg(n.skill_id), array_agg(true), array_agg(n.allocated_at))
  from new_rows n
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.user_skills_inserted() is
  'Statement trigger: checks points in skills that users begin (LX001, LX006); levels follow.';
revoke all on function learn_internal.user_skills_inserted() from public;

create or replace trigger user_skills_inserted
  after insert on learn.user_skills
  referencing new table as new_rows
  for each statement
  execute function learn_internal.user_skills_inserted();
comment on trigger user_skills_inserted on learn.user_skills is
  'Checks points (LX001) and prerequisites (LX006); levels follow.';
