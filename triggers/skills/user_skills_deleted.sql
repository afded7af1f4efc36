-- When users' skills are deleted: only with the user or with the skill, because levels that were
-- reached would be reported again.
-- Errors: LX009.
create or replace function learn_internal.user_skills_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept record;
begin
  select d.user_id, k.slug into v_kept
  from deleted_rows d
  join learn.users u on u.id = d.user_id
  join learn.skills k on k.id = d.skill_id
  limit 1;
  if found then
    raise exception 'skills of users are not deleted'
      using errcode = 'LX009',
        detail = format('user_id = %s, skill %s', v_kept.user_id, v_kept.slug),
        hint = 'Set points_allocated to 0 to give the points back.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.user_skills_deleted() is
  'Statement trigger: users'' skills go only with the user or the skill (LX009).';
revoke all on function learn_internal.user_skills_deleted() from public;

create or replace trigger user_skills_deleted
  after delete on learn.user_skills
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.user_skills_deleted();
comment on trigger user_skills_deleted on learn.user_skills is
  'Refuses delete (LX009), except with the user or the skill.';
