-- Makes the table of one month of a log that is partitioned by month, with what tells that it holds nothing else:
-- where that stands, attaching it reads no rows.
create or replace function learn_internal.create_month(p_table name, p_month date)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create table learn.%1$I (like learn.%2$I including defaults including constraints,
    constraint is_of_the_month check (%3$I >= %4$L and %3$I < %5$L))',
    p_table || to_char(p_month, '_YYYY_MM'), p_table || '_default',
    case p_table when 'activity_log' then 'recorded_at' else 'created_at' end,
    p_month::timestamp at time zone 'UTC', (p_month + interval '1 month')::timestamp at time zone 'UTC');
end;
$$;
comment on function learn_internal.create_month(name, date) is
  'Makes the table of one month of activity_log, audit_log or xp_transactions, to be attached.';
