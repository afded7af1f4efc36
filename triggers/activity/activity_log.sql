-- What happens when rows of learn.activity_log are written, in the order in which triggers fire.
-- See also process_activities.sql.
-- Errors: LX001, LX002, LX009.

-- When someone empties the log: refused.
create or replace trigger activity_log_truncate
  before truncate on learn.activity_log
  for each statement
  execute function learn_internal.refuse_truncate();

-- When a fact is changed or deleted: refused.
create or replace trigger activity_log_is_append_only
  before update or delete on learn.activity_log
  for each row
  execute function learn_internal.refuse_change();

-- When a fact is written by hand: what its writer left out is filled in. Laurel's own triggers
-- leave nothing out, set-based, so that this row trigger does not fire for them.
-- Errors: LX001 unknown activity type, a time ahead of the clock or before 1970; LX002 unknown user.
create or replace function learn_internal.complete_activity()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.require_possible_time('occurred_at', new.occurred_at);
  perform learn_internal.require_possible_time('recorded_at', new.recorded_at);
  if new.local_date is null then
    select d.local_date, d.zone_number into new.local_date, new.zone_number
    from learn_internal.local_date(new.user_id, new.occurred_at) d;
    if new.local_date is null then
      raise exception 'unknown user'
        using errcode = 'LX002',
          detail = format('user_id = %s', coalesce(new.user_id::text, 'null')),
          hint = 'Register the user first.';
    end if;
  end if;
  if new.is_qualifying is null then
    select t.is_qualifying into new.is_qualifying
    from learn.activity_types t
    where t.key = new.activity_type;
    if not found then
      raise exception 'unknown activity type'
        using errcode = 'LX001',
          detail = format('activity_type = %s', coalesce(new.activity_type, 'null')),
          hint = 'Add it to learn.activity_types first.';
    end if;
  end if;
  return new;
end;
$$;
comment on function learn_internal.complete_activity() is
  'Row trigger: fills local_date and is_qualifying of a fact.';

create or replace trigger complete_activity
  before insert on learn.activity_log
  for each row
  when (new.local_date is null or new.is_qualifying is null)
  execute function learn_internal.complete_activity();

-- When someone empties the default partition: refused.
create or replace trigger activity_log_default_truncate
  before truncate on learn.activity_log_default
  for each statement
  execute function learn_internal.refuse_truncate();
