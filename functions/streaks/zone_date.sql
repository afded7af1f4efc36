-- What date one of a learner's zones shows at a time, also where another one was theirs.
create or replace function learn_internal.zone_date(
  p_user_id uuid, p_zone_number integer, p_at timestamptz
)
returns date
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select (p_at at time zone z.timezone - z.day_starts_at)::date
      from learn.user_timezones z
      where z.user_id = p_user_id and z.number = p_zone_number
    ), (
      select (p_at at time zone u.timezone - u.day_starts_at)::date
      from learn.users u
      where u.id = p_user_id
    ));
end;
$$;
comment on function learn_internal.zone_date(uuid, integer, timestamptz) is
  'What date one of a learner''s zones shows at a time.';
