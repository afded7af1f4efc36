-- A learner's date at a time, by the zone that was theirs then; of changes at the same time, the last counts.
-- Writers of facts ask only for what happened before the last change: the current zone they know.
create or replace function learn_internal.local_date(p_user_id uuid, p_at timestamptz)
returns learn_internal.local_date
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_date learn_internal.local_date;
begin
  select (p_at at time zone z.timezone - z.day_starts_at)::date, z.number into v_date
  from learn.user_timezones z
  where z.user_id = p_user_id and z.until > p_at
  order by z.number
  limit 1;
  if not found then
    select (p_at at time zone u.timezone - u.day_starts_at)::date, u.zone_number into v_date
    from learn.users u
    where u.id = p_user_id;
  end if;
  return v_date;
end;
$$;
comment on function learn_internal.local_date(uuid, timestamptz) is
  'A learner''s date at a time, by the zone that was theirs then.';
