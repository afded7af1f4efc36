-- Makes the monthly partitions of the log and the ledger from the current month (UTC)
-- up to the one of p_until, and for every month that has rows in a default partition.
-- Call it from a scheduler, some months ahead; without it rows go to the default
-- partitions and nothing fails.
-- Errors: LX001 p_until is missing or more than ten years ahead; 55P03 the logs could
-- not be locked: call it again.
-- no grant: for operators, as learn_owner.
create or replace function learn.ensure_partitions(p_until date)
returns integer
language plpgsql
volatile
security definer                  -- partitions belong to the owner of the table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_now    date := date_trunc('month', learn.clock())::date;
  v_tables name[];
  v_months date[];
  v_made   integer;
begin
  if p_until is null or p_until > v_now + interval '10 years' then
    raise exception 'partitions are made at most ten years ahead'
      using errcode = 'LX001', detail = format('p_until = %s', coalesce(p_until::text, 'null')),
        hint = 'Give a date some months ahead.';
  end if;

  -- One scheduler at a time. Nothing to do is the common case, and takes no lock
  -- that a writer waits for.
  perform from learn_internal.turns t where t.name = 'partitions' for update;
  select array_agg(m.name order by m.month, m.name), array_agg(m.month order by m.month, m.name)
  into v_tables, v_months
  from (
    select t.name, g.month::date as month
    from unnest(array['activity_log', 'audit_log', 'xp_transactions']::name[]) t(name)
    cross join generate_series(
      v_now::timestamp, date_trunc('month', greatest(p_until, v_now)::timestamp),
      interval '1 month') g(month)
    union
    select 'activity_log', date_trunc('month', f.recorded_at)::date
    from learn.activity_log_default f
    union
    select 'audit_log', date_trunc('month', a.created_at)::date
    from learn.audit_log_default a
    union
    select 'xp_transactions', date_trunc('month', t.created_at)::date
    from learn.xp_transactions_default t
  ) m
  where to_regclass(format('learn.%I', m.name || to_char(m.month, '_YYYY_MM'))) is null;
  if v_tables is null then
    return 0;
  end if;

  perform learn_internal.lock_logs();
  select count(*) filter (where learn_internal.ensure_month(m.name, m.month)) into v_made
  from unnest(v_tables, v_months) m(name, month);
  return v_made;
end;
$$;
comment on function learn.ensure_partitions(date) is
  'Makes the monthly partitions of activity_log, audit_log and xp_transactions up to a date; '
  'returns how many were made.';
