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
