-- Has analytics count new active days, all of a statement together: days, and weeks by the week of registration.
create or replace function learn_internal.tally_days(p_days learn_internal.opened_day[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  d learn_internal.opened_day := p_days[1];
begin
  if cardinality(p_days) = 1 then  -- mostly: to start aggregates costs several times as much
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'active_days', d.day, '', 1 where d.day is not null
    union all
    select 'active_weeks', d.week, to_char(d.cohort, 'YYYY-MM-DD'), 1 where d.week is not null;
  else
    insert into learn_internal.tally_changes (measure, day, item, value)
    select t.measure, t.day, t.item, count(*)
    from unnest(p_days) o
    cross join lateral (
      values ('active_days', o.day, ''), ('active_weeks', o.week, to_char(o.cohort, 'YYYY-MM-DD'))
    ) t(measure, day, item)
    where t.day is not null
    group by t.measure, t.day, t.item;
  end if;
end;
$$;
comment on function learn_internal.tally_days(learn_internal.opened_day[]) is
  'Has analytics count new active days.';
