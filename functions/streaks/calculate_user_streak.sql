-- The user's streak as of their local today: 0 once a day was missed that no freeze in hand covers.
-- Errors: LX002 unknown user.
create or replace function learn.calculate_user_streak(p_user_id uuid)
returns integer
language plpgsql
stable
security definer                  -- freezes and time zones are read for a caller
                                  -- who may see neither
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  return coalesce((
    select e.days from learn_internal.streak_ends e
    where e.user_id = p_user_id and e.ends_at > learn.clock()), 0);
end;
$$;
comment on function learn.calculate_user_streak(uuid) is
  'The user''s streak as of their local today, in days; 0 once a day was missed.';
grant execute on function learn.calculate_user_streak(uuid) to learn_app, learn_user, learn_readonly;
