-- Tables of content and rules: a change waits for the learners under way, and new ones wait for it,
-- until it commits. Keep such transactions short on a live database.
create or replace function learn_internal.change_content()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table learn_internal.content_lock in exclusive mode;
  update learn_internal.content_lock set version = version + 1;
  return null;
end;
$$;
comment on function learn_internal.change_content() is
  'Statement trigger: a change of content or rules blocks learners.';
