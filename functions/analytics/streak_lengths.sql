-- How many learners have a streak of so many days: as of their own today, as calculate_user_streak()
-- tells it, and at its longest. No tally, because a streak ends with nothing being written; one look
-- at every learner's row. When a streak ends is asked for only where the time zone or freezes decide.
create or replace function learn.streak_lengths()
returns table (days integer, learners bigint, learners_at_longest bigint)
language sql
stable
security definer                  -- freezes and time zones are read for a caller
                                  -- who may see neither
set search_path = pg_catalog, pg_temp
set jit = off                     -- a guess of what all the learners cost, where few are asked for
as $$
  with today as materialized (
    select learn.clock() as at, (learn.clock() at time zone 'UTC')::date as date
  ), streaks as (
    select s.longest_streak, case
        when s.current_streak = 0 or s.last_activity_date < t.date - 2 - s.streak_freezes then 0
        when s.last_activity_date >= t.date then s.current_streak
        else coalesce((
          select e.days from learn_internal.streak_ends e
          where e.user_id = s.user_id and e.ends_at > t.at), 0)
      end as current_streak
    from learn.user_stats s
    cross join today t
  )
  select l.days, sum(l.current)::bigint, sum(l.longest)::bigint
  from (
    select s.current_streak as days, count(*) as current, 0 as longest
    from streaks s
    group by s.current_streak
    union all
    select s.longest_streak, 0, count(*)
    from learn.user_stats s
    group by s.longest_streak
  ) l
  group by l.days;
$$;
comment on function learn.streak_lengths() is
  'Per length of a streak in days: learners whose streak is so long as of their today, and learners '
  'whose longest one is. Read it as learn.streak_distribution.';
grant execute on function learn.streak_lengths() to learn_app, learn_readonly;
