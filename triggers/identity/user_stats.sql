-- What happens when rows of learn.user_stats are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_stats
  for each row
  when (learn_internal.is_off_date(
    greatest(new.last_activity_date, new.registered_on),
    least(new.last_activity_date, new.registered_on))
    or learn_internal.is_off_time(new.last_active_at, new.last_active_at))
  execute function learn_internal.refuse_times('last_activity_date', 'registered_on', 'last_active_at');

-- Likewise what is changed by hand. What triggers write follows from facts, of which that was asked. It is asked in a
-- function because the engine writes here in every call, and a long WHEN is read from text in every statement.
-- Errors: LX001.
create or replace function learn_internal.refuse_new_stats_times()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.last_activity_date is distinct from old.last_activity_date
      and learn_internal.is_off_date(new.last_activity_date, new.last_activity_date)
    or new.registered_on is distinct from old.registered_on
      and learn_internal.is_off_date(new.registered_on, new.registered_on)
  then
    raise exception 'a date is out of bounds'
      using errcode = 'LX001', detail = format('user_stats: last_activity_date = %s, registered_on = %s',
          new.last_activity_date, new.registered_on),
        hint = 'What has happened is dated by the learner''s clock, and not before 1970.';
  end if;
  if new.last_active_at is distinct from old.last_active_at then
    perform learn_internal.require_possible_time('last_active_at', new.last_active_at);
  end if;
  return new;
end;
$$;
comment on function learn_internal.refuse_new_stats_times() is
  'Row trigger: refuses statistics that are dated ahead of the clock or before 1970 by hand (LX001).';

create or replace trigger refuse_new_times
  before update of last_activity_date, registered_on, last_active_at on learn.user_stats
  for each row
  when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_new_stats_times();
