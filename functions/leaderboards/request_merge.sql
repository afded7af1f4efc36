-- Has so many gains, or (null) all, merged when this transaction commits: at once, however often it is asked for.
create or replace function learn_internal.request_merge(p_gains bigint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.merge_requests as r (transaction_id, gains) values (pg_current_xact_id(), p_gains)
  on conflict (transaction_id) do update set gains = r.gains + excluded.gains;
end;
$$;
comment on function learn_internal.request_merge(bigint) is
  'Has so many gains, or (null) all, merged when this transaction commits.';
