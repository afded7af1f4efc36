-- Gives a user streak freezes, held from a local date on, and writes the fact. Those that come late may cover
-- a day of the past. The caller has locked the user.
create or replace function learn_internal.give_streak_freezes(
  p_user_id uuid, p_date date, p_count integer, p_activity_type text, p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.streak_freezes (user_id, granted_on, is_earned)
  select p_user_id, p_date, p_activity_type = 'streak_freeze_earned'
  from generate_series(1, p_count);
  perform learn_internal.note_streak_freezes(p_user_id, p_date, p_count, p_activity_type, p_at);
end;
$$;
comment on function learn_internal.give_streak_freezes(uuid, date, integer, text, timestamptz) is
  'Gives a user streak freezes, held from a local date on, and writes the fact.';
