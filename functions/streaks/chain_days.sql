-- Which of a learner's local dates, zone by zone, are active days. A date opens a day when it is later than the
-- last active one by both clocks: that of its own zone, and that of the last active day's zone. So hopping
-- between zones makes no extra day. Days missed in between are counted by the clock that counts fewer: the
-- others were flown over.
create or replace function learn_internal.chain_days(p_days learn_internal.local_days[])
returns table (activity_date date, zone_number integer, flown_over integer)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  d learn_internal.local_days;
begin
  foreach d in array array(
    select v from unnest(p_days) v order by (v).zone_number, (v).local_date)
  loop
    if activity_date is null or d.zone_number = zone_number then
      flown_over := 0;
    elsif d.local_date > activity_date
      and learn_internal.zone_date(d.user_id, zone_number, d.last_at) > activity_date
    then
      flown_over := greatest(0, d.local_date - greatest(
        activity_date + 1, learn_internal.zone_date(d.user_id, zone_number, d.first_at)));
    else
      continue;
    end if;
    activity_date := d.local_date;
    zone_number := d.zone_number;
    return next;
  end loop;
end;
$$;
comment on function learn_internal.chain_days(learn_internal.local_days[]) is
  'Which of a learner''s local dates, zone by zone, are active days: those later by both clocks.';
