-- Archives the facts and payments of all months before one: packed, a row per learner and year, they take about a tenth
-- of the room, and everything that looks back still finds them (learn_internal.all_facts, all_payments). The partitions
-- of these months are gone then. Learners go on meanwhile: what is packed are months in which nothing is written any
-- more, and only to drop them the logs are locked, for a moment. Whoever erases or merges accounts waits.
-- It happens as a whole or, where it is cancelled or killed, not at all. Returns how many facts were archived.
-- Errors: LX001 no month, one that has not been over for three days, or a transaction that is not read committed;
-- 55P03 the logs could not be locked: call it again.
-- no grant: for operators, as learn_owner.
create or replace function learn.archive_before(p_month date)
returns bigint
language plpgsql
volatile
security definer                  -- partitions belong to the owner of the table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_before     timestamptz := date_trunc('month', least(p_month, '2200-01-01')::timestamp) at time zone 'UTC';
  v_partitions regclass[];
  v_partition  regclass;
  v_facts      bigint;
begin
  if p_month is null or p_month < '1970-01-01' or v_before > learn.clock() - interval '72 hours'
    or current_setting('transaction_isolation') <> 'read committed'
  then
    raise exception 'what is archived are months that have been over for three days, in a transaction that is read committed'
      using errcode = 'LX001', detail = format('p_month = %s, transaction_isolation = %s',
          coalesce(p_month::text, 'null'), current_setting('transaction_isolation')),
        hint = 'Give the first month that stays: limits of today look back so far.';
  end if;

  perform from learn_internal.turns t where t.name = 'partitions' for update;
  v_partitions := array(
    select c.oid::regclass
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('learn.activity_log'::regclass, 'learn.xp_transactions'::regclass)
      and c.relname ~ '^(activity_log|xp_transactions)_[0-9]{4}_[0-9]{2}$'
      and to_date(right(c.relname, 7), 'YYYY_MM') < v_before
    order by c.relname);
  if v_partitions <> '{}' then  -- what is over is changed by hand alone, and not while it is packed
    perform learn_internal.lock_patiently(format('lock table %s in share mode', array_to_string(v_partitions, ', ')));
  end if;
  v_facts := (select count(*) from learn.activity_log l where l.recorded_at < v_before);
  perform learn_internal.pack_archive(v_before, v_partitions);

  if v_partitions <> '{}' then
    perform learn_internal.lock_logs();
    foreach v_partition in array v_partitions loop
      execute format('drop table %s', v_partition);
    end loop;
  end if;
  return v_facts;
end;
$$;
comment on function learn.archive_before(date) is
  'Packs the facts and payments of all months before one, and drops their partitions; returns how many facts.';
