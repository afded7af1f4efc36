-- Before users are deleted: one statement after the other, because each of them may have
-- taken part in what goes with the other. Learners who stay do not wait here.
create or replace function learn_internal.take_turns()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock('learn.users'::regclass::integer, 3);
  return null;
end;
$$;
comment on function learn_internal.take_turns() is
  'Statement trigger: deletions of users take turns.';
revoke all on function learn_internal.take_turns() from public;

create or replace trigger take_turns
  before delete on learn.users
  for each statement
  execute function learn_internal.take_turns();
comment on trigger take_turns on learn.users is 'Deletions of users take turns.';
