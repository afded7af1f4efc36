-- Refuses a group of facts (of one type and local date) that cannot be: of an unknown type, malformed, at an impossible
-- time, or on a date on which nobody on earth was then. Late ones, which make no day active, may be on any day since.
-- Errors: LX001.
create or replace function learn_internal.require_sound_facts(
  p_type_is_known boolean, p_activity_type text, p_is_qualifying boolean, p_local_date date,
  p_recorded_at timestamptz, p_first_at timestamptz, p_last_at timestamptz, p_malformed text
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not p_type_is_known then
    raise exception 'unknown activity type'
      using errcode = 'LX001', detail = coalesce(p_activity_type, 'null'),
        hint = 'Add it to learn.activity_types first.';
  elsif p_malformed is not null then
    raise exception 'a fact is malformed'
      using errcode = 'LX001', detail = p_malformed,
        hint = 'Properties are a JSON object; a subject has both a type and an id.';
  end if;
  perform learn_internal.require_possible_time('occurred_at', least(p_first_at, p_recorded_at));
  perform learn_internal.require_possible_time(
    'occurred_at or recorded_at', greatest(p_last_at, p_recorded_at));
  if p_local_date > (p_first_at at time zone 'UTC')::date + 1
    or p_local_date < (p_last_at at time zone 'UTC')::date - 1
      and (p_is_qualifying or p_local_date < '1970-01-01')
  then
    raise exception 'a local date is that of no place'
      using errcode = 'LX001',
        detail = format('local_date = %s, occurred_at = %s', p_local_date, p_last_at at time zone 'UTC'),
        hint = 'Leave local_date out: it follows from occurred_at and the user''s time zone.';
  end if;
end;
$$;
comment on function learn_internal.require_sound_facts(
  boolean, text, boolean, date, timestamptz, timestamptz, timestamptz, text) is
  'Refuses a group of facts of an unknown type, malformed, or of an impossible time or date (LX001).';
