-- Brings facts and payments back from the archive, into partitions of their months: all of the years from that of
-- p_from on, or (null) all there are. Learners go on while the partitions are filled; then the logs are locked until
-- they are attached. As a whole or not at all. Returns how many facts are back.
-- Errors: LX001 an absurd day, a table of a month's name is in the way, or the transaction is not read committed; 55P03
-- the logs could not be locked: call it again.
-- no grant: for operators, as learn_owner.
create or replace function learn.attach_archive(p_from date default null)
returns bigint
language plpgsql
volatile
security definer                  -- partitions belong to the owner of the table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_year   integer;
  v_facts  bigint;
  v_tables name[];
  v_months date[];
begin
  if p_from < '1970-01-01' or p_from >= '2200-01-01'
    or current_setting('transaction_isolation') <> 'read committed'
  then
    raise exception 'what is attached are years from 1970 on, in a transaction that is read committed'
      using errcode = 'LX001', detail = format('p_from = %s, transaction_isolation = %s', p_from,
          current_setting('transaction_isolation')),
        hint = 'Give a day of the first year that comes back, or null for all; in a transaction of its own.';
  end if;
  v_year := coalesce(extract(year from p_from), 0);
  perform from learn_internal.turns t where t.name = 'partitions' for update;
  select coalesce(sum(cardinality(a.id)), 0) into v_facts from learn_internal.archived_facts a where a.year >= v_year;
  select array_agg(m.name), array_agg(m.month) into v_tables, v_months
  from (
    select 'activity_log' as name, date_trunc('month', f.recorded_at)::date as month
    from learn_internal.unpacked_facts f
    where f.year >= v_year
    group by 2
    union all
    select 'xp_transactions', date_trunc('month', p.created_at)::date
    from learn_internal.unpacked_payments p
    where p.year >= v_year
    group by 2
  ) m;
  select array_agg(m.name), array_agg(m.month) into v_tables, v_months
  from unnest(v_tables, v_months) m(name, month)
  where learn_internal.fill_month(m.name, m.month);
  delete from learn_internal.archived_facts a where a.year >= v_year;
  delete from learn_internal.archived_payments a where a.year >= v_year;

  if v_tables is not null then
    perform learn_internal.lock_logs();
    perform learn_internal.ensure_month(m.name, m.month) from unnest(v_tables, v_months) m(name, month);
  end if;
  return v_facts;
end;
$$;
comment on function learn.attach_archive(date) is
  'Brings archived facts and payments back into partitions: of the years from that of p_from on, or (null) all; '
  'returns how many facts.';
