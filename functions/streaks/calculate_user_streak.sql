-- The user's streak as of their local today: 0 once a day was missed that no freeze in hand covers.
-- Errors: LX002 unknown user.
create or replace function learn.calculate_user_streak(p_user_id uuid)
returns integer
language plpgsql
stable
security definer                  -- freezes and time zones are read for a caller
                                  -- who may see neither
set search_path = ''
as $$
declare
  v_stats learn.user_stats;
  v_today date;
begin
  select s.* into v_stats from learn.user_stats s where s.user_id = p_user_id;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first.';
  end if;
  if v_stats.last_activity_date is null then
    return 0;
  end if;

  select (learn.clock() at time zone u.timezone)::date into v_today
  from learn.users u where u.id = p_user_id;
  if v_stats.last_activity_date >= v_today - 1
    or v_stats.streak_freezes > 0
      and exists (
        select from learn_internal.covering_freezes(p_user_id, v_stats.last_activity_date, v_today))
  then
    return v_stats.current_streak;
  end if;
  return 0;
end;
$$;
comment on function learn.calculate_user_streak(uuid) is
  'The user''s streak as of their local today, in days; 0 once a day was missed.';
revoke all on function learn.calculate_user_streak(uuid) from public;
grant execute on function learn.calculate_user_streak(uuid) to learn_app, learn_readonly;
