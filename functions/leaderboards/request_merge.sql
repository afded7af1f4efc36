-- Has the boards merged when this transaction commits: once, however often it is asked for.
create or replace function learn_internal.request_merge()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.merge_requests (transaction_id) values (pg_current_xact_id())
  on conflict (transaction_id) do nothing;
end;
$$;
comment on function learn_internal.request_merge() is
  'Has the boards merged when this transaction commits.';
