-- What follows from freezes that a user has got, held from a local date on: they are counted, those that come late may
-- cover a day of the past, and it is a fact. The caller has locked the user.
create or replace function learn_internal.note_streak_freezes(
  p_user_id uuid, p_date date, p_count integer, p_activity_type text, p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_late boolean;
  v_longest integer;
begin
  update learn.user_stats s
  set streak_freezes = (
    select count(*) from learn.streak_freezes f where f.user_id = p_user_id and f.used_on is null)
  where s.user_id = p_user_id
  returning s.last_activity_date > p_date, s.longest_streak into v_is_late, v_longest;
  if v_is_late then
    perform learn_internal.earn_achievements(learn_internal.crossed_thresholds(
      p_user_id, array['current_streak'], '', array[v_longest::bigint],
      array[(learn_internal.settle_streak(p_user_id, p_date)).longest_streak::bigint], learn.clock()));
  end if;
  insert into learn.activity_log
    (user_id, activity_type, properties, occurred_at, local_date, is_qualifying)
  values (p_user_id, p_activity_type, jsonb_build_object('count', p_count), p_at, p_date, false);
  -- the streak ends later now
  insert into learn_internal.board_gains (user_id, metric, local_date)
  select p_user_id, m.key, '-infinity' from learn.metrics m
  where m.key = 'current_streak' and m.is_board;
end;
$$;
comment on function learn_internal.note_streak_freezes(uuid, date, integer, text, timestamptz) is
  'What follows from freezes that a user has got: counts them, settles the streak, writes the fact.';
