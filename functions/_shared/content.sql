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

-- Keeps content and rules as they are until the transaction ends: the first lock of all that
-- happens to learners. It is shared and taken on the fast path, so that learners do not wait
-- for each other, only for a change of content. A caller whose snapshot is older than such a change
-- gets a serialization failure (40001) and retries.
create or replace function learn_internal.hold_content()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform from learn_internal.content_lock for share;
  end if;
end;
$$;
comment on function learn_internal.hold_content() is
  'Keeps content and rules as they are until the transaction ends.';

-- Tables that refer to content and are written by learners: content is held before
-- the first row refers to it.
create or replace function learn_internal.hold_content_first()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  -- as hold_content() does it, without the price of a call
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;
  return null;
end;
$$;
comment on function learn_internal.hold_content_first() is
  'Statement trigger: keeps content as it is until the transaction ends.';
