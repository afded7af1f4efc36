-- When a user moves to another time zone: it must be one. Days that were are not rewritten.
-- Errors: LX001 unknown time zone.
create or replace function learn_internal.check_timezone()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.require_timezones(array[new.timezone]);
  return null;
end;
$$;
comment on function learn_internal.check_timezone() is
  'Row trigger: refuses an unknown time zone (LX001).';
revoke all on function learn_internal.check_timezone() from public;

create or replace trigger check_timezone
  after update of timezone on learn.users
  for each row
  when (new.timezone <> old.timezone)
  execute function learn_internal.check_timezone();
comment on trigger check_timezone on learn.users is 'Refuses an unknown time zone (LX001).';
