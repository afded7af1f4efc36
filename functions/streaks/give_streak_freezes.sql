-- Gives users streak freezes, each held from the given local date on.
-- The caller has locked their stats rows.
create or replace function learn_internal.give_streak_freezes(
  p_user_ids uuid[], p_dates date[], p_count integer, p_activity_type text, p_at timestamptz
)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  with given as (
    insert into learn.streak_freezes (user_id, granted_on)
    select d.user_id, d.granted_on
    from unnest(p_user_ids, p_dates) d(user_id, granted_on)
    cross join generate_series(1, p_count)
  ), counted as (
    update learn.user_stats s
    set streak_freezes = s.streak_freezes + p_count
    from unnest(p_user_ids) d(user_id)
    where s.user_id = d.user_id
  )
  insert into learn.activity_log
    (user_id, activity_type, properties, occurred_at, local_date, is_qualifying)
  select d.user_id, p_activity_type, jsonb_build_object('count', p_count), p_at, d.granted_on, false
  from unnest(p_user_ids, p_dates) d(user_id, granted_on);
  select learn_internal.note_streaks(p_user_ids);
$$;
comment on function learn_internal.give_streak_freezes(
  uuid[], date[], integer, text, timestamptz) is
  'Gives users streak freezes, held from a local date on, and writes the facts.';
revoke all on function learn_internal.give_streak_freezes(
  uuid[], date[], integer, text, timestamptz) from public;
