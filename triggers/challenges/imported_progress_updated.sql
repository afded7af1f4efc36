-- When imported progress grows: new levels count, and the difference in XP is paid. It does not
-- shrink.
-- Errors: LX001 fewer levels, less XP, or another user or challenge.
create or replace function learn_internal.imported_progress_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_bad record;
begin
  select n.* into v_bad
  from new_rows n
  left join old_rows o on o.user_id = n.user_id and o.challenge_id = n.challenge_id
  where o.user_id is null or not o.completed_levels <@ n.completed_levels
    or n.total_xp < o.total_xp
  limit 1;
  if found then
    raise exception 'imported progress does not shrink'
      using errcode = 'LX001',
        detail = format('user_id = %s, challenge_id = %s: levels %s, %s XP',
          v_bad.user_id, v_bad.challenge_id, v_bad.completed_levels, v_bad.total_xp),
        hint = 'What was paid is in the ledger: learn.reverse_xp() takes it back.';
  end if;
  perform learn_internal.apply_imports(
    array_agg(n.user_id), array_agg(n.challenge_id), array_agg(n.total_xp - o.total_xp))
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.challenge_id = n.challenge_id
  where (n.completed_levels, n.total_xp) <> (o.completed_levels, o.total_xp)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.imported_progress_updated() is
  'Statement trigger: what imported progress grew by counts and is paid; '
  'it does not shrink (LX001).';
revoke all on function learn_internal.imported_progress_updated() from public;

create or replace trigger imported_progress_updated
  after update on learn.imported_challenge_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_updated();
comment on trigger imported_progress_updated on learn.imported_challenge_progress is
  'What it grew by counts and is paid (LX001 when it shrinks).';
