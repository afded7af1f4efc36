-- Whether a learner's day of a time is over, by the clock: it is when the date is a later one by both clocks, that of the zone
-- that was theirs then and that of the zone of now, as chain_days() has it for active days. So hopping between
-- zones makes no second day of what is limited by day.
create or replace function learn_internal.is_over(p_user_id uuid, p_at timestamptz)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  timestamptz := learn.clock();
  v_here record;
  v_then learn_internal.local_date;
begin
  select (v_now at time zone u.timezone - u.day_starts_at)::date as today, u.zone_since,
    (p_at at time zone u.timezone - u.day_starts_at)::date as local_date
  into v_here
  from learn.users u
  where u.id = p_user_id;
  if v_here.zone_since is null or p_at >= v_here.zone_since then
    return v_here.today > v_here.local_date;
  end if;
  v_then := learn_internal.local_date(p_user_id, p_at);
  return v_here.today > v_then.local_date
    and learn_internal.zone_date(p_user_id, v_then.zone_number, v_now) > v_then.local_date;
end;
$$;
comment on function learn_internal.is_over(uuid, timestamptz) is
  'Whether a learner''s day of a time is over, by the clock and by the zones of then and of now.';
