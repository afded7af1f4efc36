-- Has the boards of users recounted from the facts: at once for who reads them, and by a merge, where they
-- are many when this commits.
create or replace function learn_internal.recount_boards(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date)
  select distinct u.id, '', '-infinity'::date from unnest(p_user_ids) u(id);
  if cardinality(p_user_ids) >= 100 then
    perform learn_internal.request_merge(null);
  end if;
end;
$$;
comment on function learn_internal.recount_boards(uuid[]) is
  'Has the boards of users recounted from the facts.';
