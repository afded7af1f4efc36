-- Whether a fact may be recorded: always, unless its type happens once per subject and it has happened. Notes that it
-- has. The caller has locked the user.
create or replace function learn_internal.is_first_time(
  p_user_id uuid, p_activity_type text, p_subject_type text, p_subject_id text
)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  if p_subject_id is null or not exists (
    select from learn.activity_types t where t.key = p_activity_type and t.happens_once)
  then
    return true;
  end if;
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  values (p_user_id, p_activity_type, p_subject_type, p_subject_id)
  on conflict do nothing;
  return found;
end;
$$;
comment on function learn_internal.is_first_time(uuid, text, text, text) is
  'Whether a fact may be recorded: once per subject, where its type says so.';
revoke all on function learn_internal.is_first_time(uuid, text, text, text) from public;
