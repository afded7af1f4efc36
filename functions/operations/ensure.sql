-- Makes the partition of one month of a log that is partitioned by month, and moves the rows
-- of that month out of the default partition. Returns whether there was something to do.
-- The caller holds the locks: see lock_logs().
create or replace function learn_internal.ensure_month(p_table name, p_month date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition name := p_table || to_char(p_month, '_YYYY_MM');
  v_default   name := p_table || '_default';
  v_key       name := case p_table when 'activity_log' then 'recorded_at' else 'created_at' end;
begin
  if to_regclass(format('learn.%I', v_partition)) is not null then
    return false;
  end if;

  execute format('create table learn.%I (like learn.%I including defaults including constraints)',
    v_partition, v_default);
  execute format('alter table learn.%I disable trigger user', v_default);
  execute format(
    'with moved as (delete from learn.%1$I '
    'where %2$I >= %3$L::timestamptz and %2$I < %4$L::timestamptz returning *)
     insert into learn.%5$I select * from moved',
    v_default, v_key, p_month::timestamp at time zone 'UTC',
    (p_month + interval '1 month')::timestamp at time zone 'UTC', v_partition);
  execute format('alter table learn.%I enable trigger user', v_default);
  execute format(
    'alter table learn.%I attach partition learn.%I for values from (%L) to (%L)',
    p_table, v_partition, p_month::timestamp at time zone 'UTC',
    (p_month + interval '1 month')::timestamp at time zone 'UTC');
  execute format(
    'create trigger %I before truncate on learn.%I for each statement execute function '
    'learn_internal.refuse_truncate()',
    v_partition || '_truncate', v_partition);
  if p_table = 'activity_log' then
    execute format(
      'create trigger refuse_by_hand before insert on learn.%I for each statement when (pg_trigger_depth() = 0) '
      'execute function learn_internal.refuse_by_hand(%L)',
      v_partition, 'Insert into learn.activity_log.');
  end if;
  execute format('comment on table learn.%I is %L',
    v_partition, 'Rows of ' || to_char(p_month, 'YYYY-MM') || ' (UTC).');
  perform learn_internal.hide_texts(format('learn.%I', v_partition)::regclass);
  if p_table <> 'audit_log' then  -- which is nobody's to read
    execute format('grant select on learn.%I to learn_app, learn_readonly', v_partition);
    perform learn_internal.protect_rows(
      format('learn.%I', v_partition)::regclass, 'user_id = (select learn.current_learner())');
  end if;
  return true;
end;
$$;
comment on function learn_internal.ensure_month(name, date) is
  'Makes one month''s partition of activity_log, audit_log or xp_transactions; '
  'false when it is there already.';

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
