-- Whether a fact that happens once per subject has happened to a user: recorded from outside,
-- or written by Laurel's own triggers, whose tables say so. The caller has locked the user.
create or replace function learn_internal.has_happened(
  p_user_id uuid, p_activity_type text, p_subject_type text, p_subject_id text
)
returns boolean
language plpgsql                  -- keeps its plan
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = p_user_id and r.activity_type = p_activity_type
      and r.subject_type = p_subject_type and r.subject_id = p_subject_id)
  or exists (
    select from learn_internal.domain_facts d
    where d.user_id = p_user_id and d.activity_type = p_activity_type
      and d.subject_type = p_subject_type and d.subject_id = p_subject_id);
end;
$$;
comment on function learn_internal.has_happened(uuid, text, text, text) is
  'Whether a fact that happens once per subject has happened to a user.';
