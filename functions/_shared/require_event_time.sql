-- Refuses a time of occurrence that lies ahead or too far back.
-- Errors: LX001.
create or replace function learn_internal.require_event_time(p_occurred_at timestamptz)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_days numeric;
begin
  if p_occurred_at is null then
    return;
  end if;
  v_days := learn_internal.setting_number('max_event_age_days');
  if p_occurred_at > learn.clock() + interval '5 minutes'
    or p_occurred_at < learn.clock() - v_days * interval '24 hours'
  then
    raise exception 'the time of the event is out of bounds'
      using errcode = 'LX001', detail = format('p_occurred_at = %s', p_occurred_at),
        hint = format(
          'It may lie at most 5 minutes ahead and %s days back (setting max_event_age_days).',
          v_days);
  end if;
end;
$$;
comment on function learn_internal.require_event_time(timestamptz) is
  'Refuses a time more than 5 minutes ahead or further back than max_event_age_days (LX001).';
