-- First day of the period in which a day lies: itself, the Monday, the first of the month;
-- -infinity for all time.
-- Errors: LX001 no such period.
-- lint: ignore plpgsql because the literal '-infinity' is a date's own spelling
create or replace function learn_internal.period_start(p_period text, p_on date)
returns date
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  case p_period
    when 'day' then return p_on;
    when 'week' then return date_trunc('week', p_on::timestamp)::date;
    when 'month' then return date_trunc('month', p_on::timestamp)::date;
    when 'all_time' then return '-infinity';
    else
      raise exception 'unknown period'
        using errcode = 'LX001', detail = format('p_period = %s', coalesce(p_period, 'null')),
          hint = 'Periods are day, week, month and all_time.';
  end case;
end;
$$;
comment on function learn_internal.period_start(text, date) is
  'First day of the period in which a day lies; -infinity for all_time. LX001: no such period.';
