-- Nothing is dated ahead of the clock, nor absurdly far back, however a row is written: the WHEN clauses
-- of the triggers ask is_off_time() and is_off_date(). Arguments of the trigger: the columns.
-- Errors: LX001.
create or replace function learn_internal.refuse_times()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'a time is out of bounds'
    using errcode = 'LX001', detail = (
      select tg_table_name || ': ' || string_agg(format('%s = %s', c.name, to_jsonb(new) ->> c.name), ', ')
      from unnest(tg_argv) c(name)),
      hint = 'What has happened is dated at most 5 minutes ahead of learn.clock(), and not before 1970.';
end;
$$;
comment on function learn_internal.refuse_times() is
  'Row trigger: refuses a row dated ahead of the clock or before 1970 (LX001).';
