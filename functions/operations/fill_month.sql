-- Makes a table of what was archived of one month, as the month's partition of the log or the ledger will be, with its
-- key; or, where the month has a partition already, puts the rows into that.
-- Returns whether there is a table to attach. Errors: LX001 a table of that name is in the way.
create or replace function learn_internal.fill_month(p_table name, p_month date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition name := p_table || to_char(p_month, '_YYYY_MM');
  v_time      name := case p_table when 'activity_log' then 'recorded_at' else 'created_at' end;
  v_from      timestamptz := p_month::timestamp at time zone 'UTC';
  v_until     timestamptz := (p_month + interval '1 month')::timestamp at time zone 'UTC';
  v_is_there  boolean := to_regclass(format('learn.%I', v_partition)) is not null;
  v_columns   text;
begin
  if v_is_there and not exists (
    select from pg_inherits i where i.inhrelid = to_regclass(format('learn.%I', v_partition)))
  then
    raise exception 'a table is in the way'
      using errcode = 'LX001', detail = format('learn.%I is no partition of learn.%I', v_partition, p_table),
        hint = 'Rename or drop it: what it holds was detached by hand.';
  end if;
  v_columns := (
    select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
    from pg_attribute a
    where a.attrelid = format('learn.%I', p_table)::regclass and a.attnum > 0 and not a.attisdropped);
  if not v_is_there then
    perform learn_internal.create_month(p_table, p_month);
  end if;
  perform set_config('learn_internal.writes_facts', 'yes', true);
  execute format('insert into learn.%1$I (%2$s) overriding system value select %2$s from learn_internal.%3$I '
    'where year = %4$s and %5$I >= %6$L and %5$I < %7$L order by user_id, id',
    v_partition, v_columns, case p_table when 'activity_log' then 'unpacked_facts' else 'unpacked_payments' end,
    extract(year from p_month), v_time, v_from, v_until);
  perform set_config('learn_internal.writes_facts', '', true);
  if not v_is_there then
    execute (
      select format('alter table learn.%I add %s', v_partition, pg_get_constraintdef(k.oid))
      from pg_constraint k
      where k.conrelid = format('learn.%I', p_table)::regclass and k.contype = 'p');
  end if;
  return not v_is_there;
end;
$$;
comment on function learn_internal.fill_month(name, date) is
  'Makes a table of what was archived of one month, to be attached; false where its partition was there and has it now.';
