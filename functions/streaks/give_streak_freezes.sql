-- Gives a user streak freezes, held from a local date on, and writes the fact.
-- The caller has locked the user.
create or replace function learn_internal.give_streak_freezes(
  p_user_id uuid, p_date date, p_count integer, p_activity_type text, p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.streak_freezes (user_id, granted_on)
  select p_user_id, p_date from generate_series(1, p_count);
  update learn.user_stats s set streak_freezes = s.streak_freezes + p_count
  where s.user_id = p_user_id;
  insert into learn.activity_log
    (user_id, activity_type, properties, occurred_at, local_date, is_qualifying)
  values (p_user_id, p_activity_type, jsonb_build_object('count', p_count), p_at, p_date, false);
  -- the streak ends later now
  insert into learn_internal.board_gains (user_id, metric, local_date)
  select p_user_id, m.key, '-infinity' from learn.metrics m
  where m.key = 'current_streak' and m.is_board;
end;
$$;
comment on function learn_internal.give_streak_freezes(uuid, date, integer, text, timestamptz) is
  'Gives a user streak freezes, held from a local date on, and writes the fact.';
revoke all on function learn_internal.give_streak_freezes(uuid, date, integer, text, timestamptz)
  from public;
