-- Undoes migration23.sql.

set role learn_owner;

drop function learn_internal.fold_streaks(integer);
drop function learn_internal.note_streaks(uuid[]);
drop view learn.current_leaderboard;
drop view learn.streak_distribution;
drop view learn_internal.board_damage;
drop view learn_internal.board_recounts;
drop view learn_internal.board_values;
drop view learn_internal.difficulty_recounts;
drop view learn_internal.path_recounts;
drop view learn_internal.path_sizes;
drop view learn_internal.streak_ends;
drop view learn_internal.filled_tracks;
drop view learn_internal.freeze_days;

-- view learn.course_catalog

-- The published courses for browsing, each with what leads to it and how it is received.
-- Titles are the base texts: translate with learn.localized().
create or replace view learn.course_catalog as
select c.id, c.slug, c.track_id, t.slug as track, c.title, c.description, c.category, c.language,
  c.difficulty, c.estimated_hours, c.icon_url, c.color, c.position, c.completion_xp,
  c.translations, c.is_featured,
  c.total_lessons as lesson_count, c.total_levels as level_count,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
        'course_id', r.id, 'slug', r.slug, 'title', r.title, 'is_required', e.is_required)
      order by e.is_required desc, r.position, r.id), '[]')
    from learn.course_prerequisites e
    join learn.courses r on r.id = e.prerequisite_course_id and r.is_published
    where e.course_id = c.id
  ) as prerequisites,
  (select count(*) from learn.user_course_progress p where p.course_id = c.id) as enrollment_count,
  a.average_rating, a.rating_count
from learn.courses c
left join learn.tracks t on t.id = c.track_id
cross join lateral (
  select round(avg(r.rating), 2) as average_rating, count(*) as rating_count
  from learn.course_ratings r
  where r.course_id = c.id
) a
where c.is_published;
comment on view learn.course_catalog is 'Published courses with prerequisites, lesson counts, enrolments and ratings.';
comment on column learn.course_catalog.prerequisites is '[{"course_id": 1, "slug": "…", "title": "…", "is_required": true}, …]: published ones, required ones first.';
comment on column learn.course_catalog.average_rating is '1 to 5; null while there is none.';
grant select on table learn.course_catalog to learn_app;
grant select on table learn.course_catalog to learn_readonly;

-- function learn_internal.covering_freezes(uuid,date,date)

-- functions/streaks/covering_freezes.sql
-- The freezes that would keep a streak alive over the missed days between two dates:
-- the i-th freeze covers the i-th missed day and must have been held by then. All days or none:
-- no row where one of them stays uncovered.
create or replace function learn_internal.covering_freezes(p_user_id uuid, p_last date, p_next date)
returns table (freeze_id bigint, missed_day date)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with candidates as (
    select f.id, f.granted_on,
      p_last + (row_number() over (order by f.granted_on, f.id))::integer as missed_day
    from learn.streak_freezes f
    where f.user_id = p_user_id and f.used_on is null
  ), covered as (
    select c.id, c.missed_day, count(*) over () as days
    from candidates c
    where c.missed_day < p_next and c.granted_on <= c.missed_day
  )
  select c.id, c.missed_day from covered c where c.days = p_next - p_last - 1;
$$;
comment on function learn_internal.covering_freezes(uuid,date,date) is 'Freezes that cover every missed day between two dates; none where they do not suffice.';
revoke execute on function learn_internal.covering_freezes(uuid,date,date) from public;

-- function learn.calculate_user_streak(uuid)

-- functions/streaks/calculate_user_streak.sql
-- The user's streak as of their local today: 0 once a day was missed that no freeze in hand covers.
-- Errors: LX002 unknown user.
create or replace function learn.calculate_user_streak(p_user_id uuid)
returns integer
language plpgsql
stable
security definer                  -- freezes and time zones are read for a caller
                                  -- who may see neither
set search_path = pg_catalog, pg_temp
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
comment on function learn.calculate_user_streak(uuid) is 'The user''s streak as of their local today, in days; 0 once a day was missed.';
revoke execute on function learn.calculate_user_streak(uuid) from public;
grant execute on function learn.calculate_user_streak(uuid) to learn_app;
grant execute on function learn.calculate_user_streak(uuid) to learn_readonly;

-- view learn.current_leaderboard

-- Everybody who learned, or was seen, in the last 30 days, ranked by XP, by challenges and by streak.
create or replace view learn.current_leaderboard as
select b.user_id, b.username, b.display_name, b.avatar_url, b.total_xp, b.current_level,
  b.challenges_completed, b.current_streak,
  rank() over (order by b.total_xp desc) as xp_rank,
  rank() over (order by b.challenges_completed desc) as challenge_rank,
  rank() over (order by b.current_streak desc) as streak_rank
from (
  select u.id as user_id, u.username, u.display_name, u.avatar_url, s.total_xp, s.current_level,
    coalesce(m.value, 0) as challenges_completed,
    case when s.current_streak = 0 then 0 else learn.calculate_user_streak(u.id) end
      as current_streak
  from learn.users u
  join learn.user_stats s on s.user_id = u.id
  left join learn.user_metrics m
    on m.user_id = u.id and m.metric = 'challenges_completed' and m.scope = ''
  where u.is_active and u.show_on_leaderboard
    and (u.last_active_at > learn.clock() - interval '30 days'
      or s.last_activity_date > (learn.clock() at time zone u.timezone)::date - 30)
) b;
comment on view learn.current_leaderboard is 'Users active in the last 30 days, ranked by XP, completed challenges and streak; ties share a rank.';
grant select on table learn.current_leaderboard to learn_app;
grant select on table learn.current_leaderboard to learn_readonly;

-- view learn.leaderboard_entries

-- The boards as rows: those of periods that were closed as they stood then, the others as of the last fold.
-- leaderboard() answers by index, and for this moment.
create or replace view learn.leaderboard_entries as
select s.metric, s.period, s.starts_on as period_start, s.user_id, s.value,
  rank() over (partition by s.metric, s.period, s.starts_on order by s.value desc) as rank,
  (select b.folded_at from learn_internal.board_state b) as calculated_at
from learn_internal.board_scores s
join learn.metrics m on m.key = s.metric and m.is_board
join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard
where s.value > 0 and not exists (
  select from learn.closed_periods c
  where c.metric = s.metric and c.period = s.period and c.starts_on = s.starts_on)
union all
select s.metric, s.period, s.starts_on, s.user_id, s.value, s.rank, c.closed_at
from learn.period_standings s
join learn.closed_periods c
  on c.metric = s.metric and c.period = s.period and c.starts_on = s.starts_on
join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard;
comment on view learn.leaderboard_entries is 'The boards as rows: closed periods as they stood when they were closed, others as of the last fold (calculated_at). Filter by metric, period and period_start.';
grant select on table learn.leaderboard_entries to learn_app;
grant select on table learn.leaderboard_entries to learn_readonly;

-- view learn.streak_distribution

-- How many learners have a streak of so many days: as of their own today, as calculate_user_streak()
-- tells it, and at its longest. No tally, because a streak ends with nothing being written; one look
-- at every learner's row. The time zone is asked for only where it decides, freezes likewise.
create or replace view learn.streak_distribution as
with today as materialized (
  select learn.clock() as at, (learn.clock() at time zone 'UTC')::date as date
), streaks as (
  select s.longest_streak, case
      when s.current_streak = 0 or s.last_activity_date < t.date - 2 - s.streak_freezes then 0
      when s.last_activity_date >= t.date then s.current_streak
      when s.streak_freezes > 0 then learn.calculate_user_streak(s.user_id)
      when s.last_activity_date >= (
        select (t.at at time zone u.timezone)::date - 1 from learn.users u where u.id = s.user_id)
        then s.current_streak
      else 0
    end as current_streak
  from learn.user_stats s
  cross join today t
)
select l.days, sum(l.current)::bigint as learners, sum(l.longest)::bigint as learners_at_longest
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
comment on view learn.streak_distribution is 'Per length of a streak in days: learners whose streak is so long as of their today, and learners whose longest one is.';
grant select on table learn.streak_distribution to learn_app;
grant select on table learn.streak_distribution to learn_readonly;

-- view learn_internal.board_totals

-- What users have reached of all time in the metrics with boards.
create or replace view learn_internal.board_totals as
select s.user_id, v.metric, v.value
from learn.user_stats s
cross join lateral (
  values
    ('xp', s.total_xp),
    ('level_reached', s.highest_level::bigint),
    ('active_days', s.active_days::bigint)
) v(metric, value)
where v.metric in (select m.key from learn.metrics m where m.is_board)
union all
select v.user_id, m.key, v.value
from learn.metrics m
join learn.user_metrics v on v.metric = m.key and v.scope = ''
where m.is_board;
comment on view learn_internal.board_totals is 'Values of all time per user and metric with boards; the streak, which ends by itself, is not here.';

-- view learn_internal.board_recounts

-- The boards recounted from the facts: what board_scores must say once everything is folded.
-- Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_recounts as
select f.user_id, f.metric, p.period, p.starts_on,
  (case when bool_or(f.is_maximum) then max(f.amount) else sum(f.amount) end)::bigint as value
from learn_internal.board_facts f
cross join lateral (
  values
    ('day', f.local_date, f.local_date + 1),
    ('week', date_trunc('week', f.local_date::timestamp)::date,
      date_trunc('week', f.local_date::timestamp)::date + 7),
    ('month', date_trunc('month', f.local_date::timestamp)::date,
      (date_trunc('month', f.local_date::timestamp) + interval '1 month')::date)
) p(period, starts_on, ends_on)
where f.amount is not null
  and p.ends_on > (select s.kept_from from learn_internal.board_state s)
group by f.user_id, f.metric, p.period, p.starts_on
union all
select t.user_id, t.metric, 'all_time', '-infinity'::date, t.value
from learn_internal.board_totals t;
comment on view learn_internal.board_recounts is 'The boards that board_scores keeps, recounted from the facts, whether users want to be seen or not.';

-- view learn_internal.board_values

-- What boards say of each user: the last fold and what was gained since. Users who are to be recounted are
-- not here.
create or replace view learn_internal.board_values as
select v.user_id, v.metric, v.period, v.starts_on,
  (case when bool_or(m.aggregate = 'max') then max(v.value) else sum(v.value) end)::bigint as value
from (
  select s.user_id, s.metric, s.period, s.starts_on, s.value
  from learn_internal.board_scores s
  union all
  select g.user_id, g.metric, p.period, p.starts_on, g.amount
  from learn_internal.board_gains g
  join learn.users u on u.id = g.user_id and u.is_active and u.show_on_leaderboard
  cross join lateral (
    values
      ('day', g.local_date),
      ('week', date_trunc('week', g.local_date::timestamp)::date),
      ('month', date_trunc('month', g.local_date::timestamp)::date),
      ('all_time', '-infinity'::date)
  ) p(period, starts_on)
  where p.period = 'all_time' or g.local_date > '-infinity'
) v
join learn.metrics m on m.key = v.metric and m.is_board
where not exists (
  select from learn_internal.board_gains k where k.metric = '' and k.user_id = v.user_id)
group by v.user_id, v.metric, v.period, v.starts_on;
comment on view learn_internal.board_values is 'What boards say of each user: the last fold and what was gained since.';

-- view learn_internal.board_damage

-- Where boards are not what the facts say: the part of check_integrity() about leaderboards.
create or replace view learn_internal.board_damage as
select 'boards_follow_from_facts' as check_name, coalesce(r.user_id, b.user_id) as user_id,
  format('%s %s %s: %s', coalesce(r.metric, b.metric), coalesce(r.period, b.period),
    coalesce(r.starts_on, b.starts_on), coalesce(r.value, 0)) as expected,
  coalesce(b.value, 0)::text as actual
from (
  select c.*
  from learn_internal.board_recounts c
  join learn.users u on u.id = c.user_id and u.is_active and u.show_on_leaderboard
  where not exists (
    select from learn_internal.board_gains k where k.metric = '' and k.user_id = c.user_id)
) r
full join (
  select v.*
  from learn_internal.board_values v
  where v.period = 'all_time' or (v.starts_on + case v.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date
    > (select s.kept_from from learn_internal.board_state s)
) b on b.user_id = r.user_id and b.metric = r.metric and b.period = r.period
  and b.starts_on = r.starts_on
where coalesce(r.value, 0) <> coalesce(b.value, 0)
union all
select 'stretches_of_boards_are_counted', null::uuid,
  format('%s %s %s from %s: %s', f.metric, f.period, f.starts_on, f.floor, c.users), f.users::text
from (
  select w.*, lead(w.floor, 1, 9223372036854775807)
    over (partition by w.metric, w.period, w.starts_on order by w.floor) as until
  from learn_internal.board_fences w
) f
cross join lateral (
  select count(*) as users
  from learn_internal.board_scores s
  where s.metric = f.metric and s.period = f.period and s.starts_on = f.starts_on
    and s.value > 0 and s.value >= f.floor and s.value < f.until
) c
where f.users <> c.users;
comment on view learn_internal.board_damage is 'Where boards are not what the facts say; no row when all is well.';

-- view learn_internal.difficulty_recounts

-- views/progress/difficulty_recounts.sql
-- Difficulties of which users have completed every published track that has something in it,
-- at least one.
create or replace view learn_internal.difficulty_recounts as
select p.user_id, t.difficulty, max(p.completed_at) as last_completed_at
from learn.tracks t
join learn_internal.track_sizes s on s.track_id = t.id
join learn.user_track_progress p on p.track_id = t.id and p.completed_at is not null
where t.is_published
group by p.user_id, t.difficulty
having count(*) = (
  select count(*)
  from learn.tracks a
  join learn_internal.track_sizes b on b.track_id = a.id
  where a.is_published and a.difficulty = t.difficulty);
comment on view learn_internal.difficulty_recounts is 'Difficulties whose published tracks a user has all completed.';

-- view learn_internal.path_recounts

-- views/progress/path_recounts.sql
-- Progress in learning paths recounted from completed tracks: what user_path_progress must say.
create or replace view learn_internal.path_recounts as
select p.user_id, pt.path_id, count(*)::integer as tracks_completed,
  max(p.completed_at) as last_completed_at
from learn.learning_path_tracks pt
join learn.tracks t on t.id = pt.track_id
join learn_internal.track_sizes s on s.track_id = pt.track_id
join learn.user_track_progress p on p.track_id = pt.track_id
where t.is_published and p.completed_at is not null
group by p.user_id, pt.path_id;
comment on view learn_internal.path_recounts is 'Tracks completed per user and path, recounted.';

-- view learn_internal.path_sizes

-- views/progress/path_sizes.sql
-- How many published tracks with something in them each learning path has;
-- no row for a path without any.
create or replace view learn_internal.path_sizes as
select pt.path_id, count(*)::integer as total_tracks
from learn.learning_path_tracks pt
join learn.tracks t on t.id = pt.track_id
join learn_internal.track_sizes s on s.track_id = pt.track_id
where t.is_published
group by pt.path_id;
comment on view learn_internal.path_sizes is 'Number of published tracks per learning path.';

-- view learn_internal.tally_totals

-- The tallies as of now: as they were written down last, and what has changed since. Exact in every
-- snapshot, because a change is a row of the transaction that makes it. Filter by measure and day:
-- the conditions reach both tables.
create or replace view learn_internal.tally_totals as
select c.measure, c.day, c.item, sum(c.value)::bigint as value
from (
  select t.measure, t.day, t.item, t.value from learn_internal.tallies t
  union all
  select t.measure, t.day, t.item, t.value from learn_internal.tally_changes t
) c
group by c.measure, c.day, c.item
having sum(c.value) <> 0;
comment on view learn_internal.tally_totals is 'The tallies as of now: those written down, and what has changed since.';

-- function learn_internal.find_board(text,text,date)

-- The board of a metric for the period in which a day lies.
-- Errors: LX001 no such period, no board of this metric, or none of it for periods.
create or replace function learn_internal.find_board(p_period text, p_metric text, p_on date)
returns learn_internal.board
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metric learn.metrics;
  v_board  learn_internal.board;
begin
  v_board.metric := p_metric;
  v_board.period := p_period;
  v_board.starts_on := learn_internal.period_start(p_period, p_on);
  v_board.ends_on := case p_period
    when 'day' then v_board.starts_on + 1
    when 'week' then v_board.starts_on + 7
    when 'month' then (v_board.starts_on + interval '1 month')::date
    else 'infinity' end;
  select m.* into v_metric from learn.metrics m where m.key = p_metric and m.is_board;
  if not found
    or p_period <> 'all_time' and (v_metric.aggregate = 'run'
      or v_metric.aggregate = 'stat' and p_metric not in ('xp', 'active_days'))
  then
    raise exception 'there is no such board'
      using errcode = 'LX001',
        detail = format('p_metric = %s, p_period = %s', coalesce(p_metric, 'null'), p_period),
        hint = 'Boards are of the metrics where learn.metrics.is_board; of runs, levels and the '
          'streak there are only those of all_time.';
  end if;
  v_board.is_maximum := v_metric.aggregate = 'max';
  -- A streak ends without anything being written: it is looked up.
  v_board.is_kept := p_metric <> 'current_streak'
    and v_board.ends_on > (select s.kept_from from learn_internal.board_state s);
  return v_board;
end;
$$;
comment on function learn_internal.find_board(text,text,date) is 'The board of a metric for the period in which a day lies. LX001: there is none.';
revoke execute on function learn_internal.find_board(text,text,date) from public;

-- function learn_internal.recount_board(learn_internal.board,uuid[])

-- A board recounted from the facts, for some users or (null) for everybody: users who are active and
-- want to be seen, also with 0 or less. Days are the users' local dates.
create or replace function learn_internal.recount_board(
  p_board learn_internal.board, p_user_ids uuid[]
)
returns table (user_id uuid, value bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- by user or for everybody: plans that differ
as $$
begin
  if p_user_ids = '{}' then
    return;
  end if;
  if (p_board).metric = 'current_streak' then
    return query
    -- missed days that freezes cover are rare: asked only where they may matter
    select s.user_id, case
        when s.last_activity_date < (learn.clock() at time zone 'UTC')::date - 2 - s.streak_freezes
          then 0
        else learn.calculate_user_streak(s.user_id) end::bigint
    from learn.user_stats s
    join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard
    where s.current_streak > 0 and (p_user_ids is null or s.user_id = any (p_user_ids));
  elsif (p_board).period = 'all_time' then
    return query
    select t.user_id, t.value
    from learn_internal.board_totals t
    join learn.users u on u.id = t.user_id and u.is_active and u.show_on_leaderboard
    where t.metric = (p_board).metric and (p_user_ids is null or t.user_id = any (p_user_ids));
  else
    return query
    select f.user_id,
      (case when (p_board).is_maximum then max(f.amount) else sum(f.amount) end)::bigint
    from learn_internal.board_facts f
    join learn.users u on u.id = f.user_id and u.is_active and u.show_on_leaderboard
    where f.metric = (p_board).metric
      and f.local_date >= (p_board).starts_on and f.local_date < (p_board).ends_on
      and f.recorded_at >= (p_board).starts_on - interval '2 days'
      and (p_user_ids is null or f.user_id = any (p_user_ids))
    group by f.user_id;
  end if;
end;
$$;
comment on function learn_internal.recount_board(learn_internal.board,uuid[]) is 'Users and values of a board, recounted from the facts, for some users or (null) for everybody.';
revoke execute on function learn_internal.recount_board(learn_internal.board,uuid[]) from public;

-- function learn_internal.board_changes(learn_internal.board)

-- What has changed on a board since the last fold: the users who have gained, and those to be
-- recounted, with what board_scores says and what is true now. Costs as much as there were gains.
create or replace function learn_internal.board_changes(p_board learn_internal.board)
returns learn_internal.board_change[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- by key, whatever the size of board_gains was
set enable_seqscan = off
set jit = off
as $$
declare
  v_recounted uuid[];
begin
  if not (p_board).is_kept then
    return '{}';
  end if;
  v_recounted := array(
    select distinct g.user_id from learn_internal.board_gains g where g.metric = '');
  return array(
    select (c.user_id, c.name, greatest(c.old_value, 0), greatest(c.new_value, 0))
      ::learn_internal.board_change
    from (
      select g.user_id, coalesce(s.name, lower(u.username)) as name,
        coalesce(s.value, 0) as old_value,
        case
          when s.user_id is null and u.id is null then 0
          when (p_board).is_maximum then greatest(s.value, g.amount)
          else coalesce(s.value, 0) + g.amount end as new_value
      from (
        select n.user_id,
          (case when (p_board).is_maximum then max(n.amount) else sum(n.amount) end)::bigint as amount
        from learn_internal.board_gains n
        where n.metric = (p_board).metric
          and n.local_date >= (p_board).starts_on and n.local_date < (p_board).ends_on
          and n.user_id not in (select r from unnest(v_recounted) r)
        group by n.user_id
      ) g
      left join lateral (
        select b.user_id, b.name, b.value
        from learn_internal.board_scores b
        where b.user_id = g.user_id and b.metric = (p_board).metric
          and b.period = (p_board).period and b.starts_on = (p_board).starts_on
        offset 0
      ) s on true
      left join lateral (  -- new on this board, unless the user does not want to be seen
        select l.id, l.username
        from learn.users l
        where l.id = g.user_id and s.user_id is null and l.is_active and l.show_on_leaderboard
        offset 0
      ) u on true
      where s.user_id is not null or u.id is not null
      union all
      select i.user_id, coalesce(lower(u.username), s.name), coalesce(s.value, 0), coalesce(r.value, 0)
      from unnest(v_recounted) i(user_id)
      left join learn_internal.board_scores s
        on s.user_id = i.user_id and s.metric = (p_board).metric
          and s.period = (p_board).period and s.starts_on = (p_board).starts_on
      left join learn.users u on u.id = i.user_id
      left join learn_internal.recount_board(p_board, v_recounted) r on r.user_id = i.user_id
    ) c);
end;
$$;
comment on function learn_internal.board_changes(learn_internal.board) is 'The users whose place on a board may have changed since the last fold, with old and new values.';
revoke execute on function learn_internal.board_changes(learn_internal.board) from public;

-- function learn_internal.board_standings(learn_internal.board,uuid[],learn_internal.board_change[])

-- Who stands on a board with what, all of it or among some users: those with a value above 0.
-- Kept boards are read, others recounted.
create or replace function learn_internal.board_standings(
  p_board learn_internal.board, p_among uuid[], p_changes learn_internal.board_change[]
)
returns table (user_id uuid, value bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
begin
  if not (p_board).is_kept then
    return query
    select r.user_id, r.value
    from learn_internal.recount_board(p_board, p_among) r
    where r.value > 0;
    return;
  end if;
  if p_among is null then
    return query
    select s.user_id, s.value
    from learn_internal.board_scores s
    where s.metric = (p_board).metric and s.period = (p_board).period
      and s.starts_on = (p_board).starts_on and s.value > 0
      and s.user_id not in (select c.user_id from unnest(p_changes) c);
  else
    return query
    select s.user_id, s.value
    from (select distinct i.id from unnest(p_among) i(id)) a
    cross join lateral (
      select b.user_id, b.value
      from learn_internal.board_scores b
      where b.user_id = a.id and b.metric = (p_board).metric and b.period = (p_board).period
        and b.starts_on = (p_board).starts_on
      offset 0
    ) s
    where s.value > 0 and s.user_id not in (select c.user_id from unnest(p_changes) c);
  end if;
  return query
  select c.user_id, c.new_value
  from unnest(p_changes) c
  where c.new_value > 0 and (p_among is null or c.user_id = any (p_among));
end;
$$;
comment on function learn_internal.board_standings(learn_internal.board,uuid[],learn_internal.board_change[]) is 'Users and values of a board, all of it or among some users.';
revoke execute on function learn_internal.board_standings(learn_internal.board,uuid[],learn_internal.board_change[]) from public;

-- function learn.leaderboard(text,text,integer,integer,date,uuid[])

-- A page of a board: exact and live. Ties share a rank (1, 2, 2, 4) and stand by username.
-- Errors: LX001 no such board, a page out of range, or too many users in p_among.
create or replace function learn.leaderboard(
  p_period text default 'all_time',
  p_metric text default 'xp',
  p_limit  integer default 10,
  p_offset integer default 0,
  p_on     date default null,
  p_among  uuid[] default null
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- the same plan for small boards and large ones
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(
    p_period, p_metric, coalesce(p_on, (learn.clock() at time zone 'UTC')::date));
  v_changes learn_internal.board_change[];
begin
  if p_limit is null or p_limit not between 0 and 1000 or p_offset is null or p_offset < 0 then
    raise exception 'the page is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s, p_offset = %s',
          coalesce(p_limit::text, 'null'), coalesce(p_offset::text, 'null')),
        hint = 'A page has 0 to 1000 rows; the offset is 0 or more.';
  end if;
  perform learn_internal.require_cohort(p_among);
  v_changes := learn_internal.board_changes(v_board);

  if p_among is not null or not v_board.is_kept then
    return query
    select r.rank, r.user_id, u.username, u.display_name, r.value
    from (
      select rank() over (order by b.value desc) as rank, b.user_id, b.value
      from learn_internal.board_standings(v_board, p_among, v_changes) b
    ) r
    join learn.users u on u.id = r.user_id
    order by r.rank, lower(u.username)
    limit p_limit offset p_offset;
    return;
  end if;

  return query
  select r.rank, r.user_id, u.username, u.display_name, r.value
  from (
    select rank() over (order by b.value desc) as rank, b.*
    from (
      -- the head of the board in order, up to the end of the page, without those who have moved
      (
        select s.user_id, s.name, s.value
        from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value desc, s.name, s.user_id
        limit p_limit + p_offset::bigint
      )
      union all
      select c.user_id, c.name, c.new_value from unnest(v_changes) c where c.new_value > 0
    ) b
    order by b.value desc, b.name, b.user_id
    limit p_limit offset p_offset
  ) r
  join lateral (select * from learn.users l where l.id = r.user_id offset 0) u on true
  order by r.value desc, r.name, r.user_id;
end;
$$;
comment on function learn.leaderboard(text,text,integer,integer,date,uuid[]) is 'A page of a board (day, week, month, all_time; of the period in which p_on lies, today if null), or of the same board among some users: exact and live, ties share a rank.';
revoke execute on function learn.leaderboard(text,text,integer,integer,date,uuid[]) from public;
grant execute on function learn.leaderboard(text,text,integer,integer,date,uuid[]) to learn_app;
grant execute on function learn.leaderboard(text,text,integer,integer,date,uuid[]) to learn_readonly;

-- function learn_internal.board_rank(learn_internal.board,bigint,learn_internal.board_change[])

-- The rank of a value on a kept board: 1 and the number of users above it. Those are the users in all
-- the stretches above its own, the few above it in its own, and a correction for the changes since the last fold.
create or replace function learn_internal.board_rank(
  p_board learn_internal.board, p_value bigint, p_changes learn_internal.board_change[]
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  v_floor bigint;
  v_above bigint;
begin
  select min(f.floor), coalesce(sum(f.users), 0) into v_floor, v_above
  from learn_internal.board_fences f
  where f.metric = (p_board).metric and f.period = (p_board).period
    and f.starts_on = (p_board).starts_on and f.floor > p_value;
  return 1 + v_above + (
    select count(*)
    from learn_internal.board_scores s
    where s.metric = (p_board).metric and s.period = (p_board).period
      and s.starts_on = (p_board).starts_on and s.value > 0
      and s.value > p_value and s.value < coalesce(v_floor, 9223372036854775807)
  ) + (
    select coalesce(sum((c.new_value > p_value)::integer - (c.old_value > p_value)::integer), 0)
    from unnest(p_changes) c
  );
end;
$$;
comment on function learn_internal.board_rank(learn_internal.board,bigint,learn_internal.board_change[]) is 'The rank of a value on a kept board: 1 and the number of users above it.';
revoke execute on function learn_internal.board_rank(learn_internal.board,bigint,learn_internal.board_change[]) from public;

-- function learn.leaderboard_around(uuid,text,text,integer,uuid[])

-- The rows of a board around a user, also among some users only: up to p_span before and after; none when the
-- user is not on it.
-- Errors: LX001 no such board, a span out of range, or too many users in p_among; LX002 unknown user.
create or replace function learn.leaderboard_around(
  p_user_id uuid, p_period text, p_metric text, p_span integer default 5, p_among uuid[] default null
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- the same plan for small boards and large ones
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(
    p_period, p_metric, (learn.clock() at time zone 'UTC')::date);
  v_changes learn_internal.board_change[];
  v_value   bigint;
  v_name    text;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  if p_span is null or p_span not between 0 and 500 then
    raise exception 'the span is out of range'
      using errcode = 'LX001', detail = format('p_span = %s', coalesce(p_span::text, 'null')),
        hint = 'Ask for 0 to 500 rows on either side.';
  end if;
  perform learn_internal.require_cohort(p_among);
  v_changes := learn_internal.board_changes(v_board);

  if p_among is not null or not v_board.is_kept then
    return query
    with board as materialized (
      select rank() over (order by b.value desc) as rank, b.user_id, u.username, u.display_name,
        b.value, row_number() over (order by b.value desc, lower(u.username)) as place
      from learn_internal.board_standings(v_board, p_among, v_changes) b
      join learn.users u on u.id = b.user_id
    )
    select b.rank, b.user_id, b.username, b.display_name, b.value
    from board b
    join board me on me.user_id = p_user_id
    where b.place between me.place - p_span and me.place + p_span
    order by b.place;
    return;
  end if;

  select m.value, m.name into v_value, v_name
  from (
    select c.new_value as value, c.name
    from unnest(v_changes) c
    where c.user_id = p_user_id
    union all
    select s.value, s.name
    from learn_internal.board_scores s
    where s.user_id = p_user_id and s.metric = v_board.metric
      and s.period = v_board.period and s.starts_on = v_board.starts_on
      and s.user_id not in (select c.user_id from unnest(v_changes) c)
  ) m;
  if v_value is null or v_value <= 0 then
    return;
  end if;

  return query
  with kept as (  -- the neighbours in the order of the board, by index in both directions
    select n.*
    from (
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
          and s.value = v_value and s.name < v_name
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value, s.name desc
        limit p_span
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
          and s.value > v_value
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value, s.name desc
        limit p_span
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
          and s.value = v_value and s.name >= v_name
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value desc, s.name
        limit p_span + 1
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
          and s.value < v_value
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value desc, s.name
        limit p_span + 1
      )
    ) n
    union all
    select c.user_id, c.name, c.new_value from unnest(v_changes) c where c.new_value > 0
  ), placed as (
    select k.*, row_number() over (order by k.value desc, k.name) as place
    from kept k
  ), near as (
    select p.*, rank() over (order by p.value desc) as local_rank
    from placed p
    join placed me on me.user_id = p_user_id
    where p.place between me.place - p_span and me.place + p_span
  ), firsts as (  -- ranks are counted on from those of the two highest values
    select f.value, f.local_rank, learn_internal.board_rank(v_board, f.value, v_changes) as rank
    from (select distinct n.value, n.local_rank from near n order by n.value desc limit 2) f
  )
  select f.rank + n.local_rank - f.local_rank, n.user_id, u.username, u.display_name, n.value
  from near n
  cross join lateral (
    select * from firsts x where x.value >= n.value order by x.value limit 1
  ) f
  join lateral (select * from learn.users l where l.id = n.user_id offset 0) u on true
  order by n.place;
end;
$$;
comment on function learn.leaderboard_around(uuid,text,text,integer,uuid[]) is 'The rows of a board of today around a user, or of the same board among some users, up to p_span before and after.';
revoke execute on function learn.leaderboard_around(uuid,text,text,integer,uuid[]) from public;
grant execute on function learn.leaderboard_around(uuid,text,text,integer,uuid[]) to learn_app;
grant execute on function learn.leaderboard_around(uuid,text,text,integer,uuid[]) to learn_readonly;

-- function learn_internal.fold_recounts(uuid[])

-- The part of a fold that recounts users from the facts, and takes those off who are no longer to be seen.
-- Its caller holds the lock. Returns how many gains and marks of theirs that settles.
create or replace function learn_internal.fold_recounts(p_user_ids uuid[])
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for one user or for a million: plans that differ
set jit = off
as $$
declare
  v_count bigint;
begin
  with taken as (
    delete from learn_internal.board_gains g where g.user_id = any (p_user_ids) returning g.user_id
  ), wanted as (
    select r.user_id, r.metric, r.period, r.starts_on, r.value, lower(u.username) as name
    from learn_internal.board_recounts r
    join learn.users u on u.id = r.user_id and u.is_active and u.show_on_leaderboard
    where r.user_id = any (p_user_ids) and r.value <> 0
  ), gone as (
    delete from learn_internal.board_scores s
    where s.user_id = any (p_user_ids) and not exists (
      select from wanted w
      where (w.user_id, w.metric, w.period, w.starts_on)
        = (s.user_id, s.metric, s.period, s.starts_on))
  ), saved as (
    insert into learn_internal.board_scores as s
      (user_id, metric, period, starts_on, value, name)
    select w.* from wanted w
    order by w.user_id, w.metric, w.period, w.starts_on
    on conflict (user_id, metric, period, starts_on) do update
      set value = excluded.value, name = excluded.name
      where (s.value, s.name) <> (excluded.value, excluded.name)
  )
  select count(*) into v_count from taken;
  return v_count;
end;
$$;
comment on function learn_internal.fold_recounts(uuid[]) is 'The part of a fold that recounts users from the facts; returns how many gains that settles.';
revoke execute on function learn_internal.fold_recounts(uuid[]) from public;

-- function learn_internal.fold_boards()

-- Folds what users have gained into the boards: adds it up, recounts those who are marked, takes those
-- off who are no longer to be seen. What each statement takes from board_gains it has put into
-- board_scores, so that every snapshot sees a gain in one of them.
-- The caller holds the lock of the fold: see try_fold_boards(). Returns how many gains there were.
create or replace function learn_internal.fold_boards()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_kept_from date;
  v_marked    uuid[] := array(
    select distinct g.user_id from learn_internal.board_gains g where g.metric = '');
  v_count     bigint;
  v_marks     bigint := 0;
begin
  select s.kept_from into v_kept_from from learn_internal.board_state s;

  if v_marked <> '{}' then
    v_marks := learn_internal.fold_recounts(v_marked);
  end if;

  with taken as (
    delete from learn_internal.board_gains g
    where g.metric <> '' and not exists (  -- marked in this moment: for the next time
      select from learn_internal.board_gains k where k.metric = '' and k.user_id = g.user_id)
    returning g.user_id, g.metric, g.local_date, g.amount
  ), gained as (
    select t.user_id, t.metric, p.period, p.starts_on, m.aggregate = 'max' as is_maximum,
      (case when m.aggregate = 'max' then max(t.amount) else sum(t.amount) end)::bigint as amount
    from taken t
    join learn.metrics m on m.key = t.metric and m.is_board
    cross join lateral (
      values
        ('day', t.local_date, t.local_date + 1),
        ('week', date_trunc('week', t.local_date::timestamp)::date,
          date_trunc('week', t.local_date::timestamp)::date + 7),
        ('month', date_trunc('month', t.local_date::timestamp)::date,
          (date_trunc('month', t.local_date::timestamp) + interval '1 month')::date),
        ('all_time', '-infinity'::date, 'infinity'::date)
    ) p(period, starts_on, ends_on)
    where p.ends_on > v_kept_from and (p.period = 'all_time' or t.local_date > '-infinity')
    group by t.user_id, t.metric, p.period, p.starts_on, m.aggregate
  ), placed as (
    select g.user_id, g.metric, g.period, g.starts_on, s.row_id,
      case when g.is_maximum then greatest(s.value, g.amount)
        else coalesce(s.value, 0) + g.amount end as value,
      lower(u.username) as name
    from gained g
    left join lateral (
      select b.ctid as row_id, b.value
      from learn_internal.board_scores b
      where b.user_id = g.user_id and b.metric = g.metric and b.period = g.period
        and b.starts_on = g.starts_on
      offset 0
    ) s on true
    left join lateral (
      select l.username
      from learn.users l
      where l.id = g.user_id and s.row_id is null and l.is_active and l.show_on_leaderboard
      offset 0
    ) u on true
  ), moved as (
    update learn_internal.board_scores s set value = p.value
    from placed p
    where s.ctid = p.row_id  -- nobody else writes here: the row stays where it is
  ), come as (
    insert into learn_internal.board_scores (user_id, metric, period, starts_on, value, name)
    select p.user_id, p.metric, p.period, p.starts_on, p.value, p.name
    from placed p
    where p.row_id is null and p.name is not null
    order by p.user_id, p.metric, p.period, p.starts_on
  )
  select count(*) into v_count from taken;

  if v_count + v_marks > 0 then
    update learn_internal.board_state set folded_at = learn.clock();
    perform learn_internal.split_fence(f.metric, f.period, f.starts_on, f.floor)
    from learn_internal.board_fences f
    where f.users >= f.split_at;
  end if;
  return v_count + v_marks;
end;
$$;
comment on function learn_internal.fold_boards() is 'Folds what users have gained into the boards; returns how many gains there were. Its caller holds the lock.';
revoke execute on function learn_internal.fold_boards() from public;

-- function learn.refresh_leaderboard()

-- Folds all that users have gained into the boards, drops the boards of periods that are over for longer
-- than leaderboard_days_kept, and evens out what ranks are counted by. Boards are right without it; it
-- keeps them fast. Readers and learners never wait for it; a second run waits for the first. Returns
-- how many gains it folded.
create or replace function learn.refresh_leaderboard()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept_from date := (learn.clock() at time zone 'UTC')::date
    - learn_internal.setting_number('leaderboard_days_kept')::integer;
  v_count     bigint;
begin
  perform pg_advisory_xact_lock('learn_internal.board_state'::regclass::oid::bigint);
  v_count := learn_internal.fold_boards();

  update learn_internal.board_state s set kept_from = v_kept_from where s.kept_from < v_kept_from;
  if found then
    delete from learn_internal.board_scores s
    where s.period <> 'all_time' and (s.starts_on + case s.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date <= v_kept_from;
    delete from learn_internal.board_fences f
    where f.period <> 'all_time' and (f.starts_on + case f.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date <= v_kept_from;
  end if;

  -- Where users have moved on, stretches are left that are nearly empty: those boards are divided anew.
  perform learn_internal.divide_board(b.metric, b.period, b.starts_on)
  from (
    select f.metric, f.period, f.starts_on
    from learn_internal.board_fences f
    group by f.metric, f.period, f.starts_on
    having count(*) > 4 + 4 * sum(f.users) / 1000
  ) b;
  return v_count;
end;
$$;
comment on function learn.refresh_leaderboard() is 'Folds what users have gained into the boards, which keeps them fast; returns how many gains. Call it every minute or so.';
revoke execute on function learn.refresh_leaderboard() from public;
grant execute on function learn.refresh_leaderboard() to learn_app;

-- function learn.user_rank(uuid,text,text,uuid[])

-- A user's rank on a board of today, or among some users, exact and live; null for one who is not on it.
-- Errors: LX001 no such board, or too many users in p_among; LX002 unknown user.
create or replace function learn.user_rank(
  p_user_id uuid,
  p_period  text default 'all_time',
  p_metric  text default 'xp',
  p_among   uuid[] default null
)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(
    p_period, p_metric, (learn.clock() at time zone 'UTC')::date);
  v_changes learn_internal.board_change[];
  v_value   bigint;
  v_rank    bigint;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  perform learn_internal.require_cohort(p_among);
  v_changes := learn_internal.board_changes(v_board);
  if p_among is not null or not v_board.is_kept then
    select r.rank into v_rank
    from (
      select b.user_id, rank() over (order by b.value desc) as rank
      from learn_internal.board_standings(v_board, p_among, v_changes) b
    ) r
    where r.user_id = p_user_id;
    return v_rank;
  end if;

  select coalesce(
    (select c.new_value from unnest(v_changes) c where c.user_id = p_user_id),
    (
      select s.value from learn_internal.board_scores s
      where s.user_id = p_user_id and s.metric = v_board.metric
        and s.period = v_board.period and s.starts_on = v_board.starts_on
    )) into v_value;
  if v_value > 0 then
    return learn_internal.board_rank(v_board, v_value, v_changes);
  end if;
  return null;
end;
$$;
comment on function learn.user_rank(uuid,text,text,uuid[]) is 'A user''s rank on a board of today, or among some users, exact and live; null: not on it.';
revoke execute on function learn.user_rank(uuid,text,text,uuid[]) from public;
grant execute on function learn.user_rank(uuid,text,text,uuid[]) to learn_app;
grant execute on function learn.user_rank(uuid,text,text,uuid[]) to learn_readonly;

-- function learn_internal.give_streak_freezes(uuid[],date[],integer,text,timestamp with time zone)

-- functions/streaks/give_streak_freezes.sql
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
$$;
comment on function learn_internal.give_streak_freezes(uuid[],date[],integer,text,timestamp with time zone) is 'Gives users streak freezes, held from a local date on, and writes the facts.';
revoke execute on function learn_internal.give_streak_freezes(uuid[],date[],integer,text,timestamp with time zone) from public;

-- function learn_internal.advance_streaks(uuid[],date[],timestamp with time zone)

-- functions/streaks/advance_streaks.sql
-- Makes days of users active and moves their streaks. Takes parallel arrays of days
-- that are not active yet, each day once, in the order in which they became known.
-- The users' stats rows are locked by the caller.
-- A user's days are taken one at a time, because freezes earned and spent on one decide about the
-- next: the loop runs once per new day of the user with the most, each time for all users at once.
-- A single fact is one round.
create or replace function learn_internal.advance_streaks(
  p_user_ids uuid[], p_dates date[], p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rounds    integer[];
  v_round     integer;
  v_last      integer;
  v_gap       record;
  v_earners   uuid[];
  v_earned_on date[];
  v_every     integer := learn_internal.setting_number('streak_freeze_every_days');
  v_maximum   integer := learn_internal.setting_number('streak_freeze_maximum');
begin
  select array_agg(n.round order by n.position), max(n.round) into v_rounds, v_last
  from (
    select d.position,
      (row_number() over (partition by d.user_id order by d.position))::integer as round
    from unnest(p_user_ids) with ordinality d(user_id, position)
  ) n;

  for v_round in 1 .. coalesce(v_last, 0) loop
    -- A freeze in hand covers a gap before the new day.
    for v_gap in
      select s.user_id, s.last_activity_date, d.activity_date
      from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
      join learn.user_stats s on s.user_id = d.user_id
      where d.round = v_round and s.streak_freezes > 0
        and d.activity_date > s.last_activity_date + 1
      order by s.user_id
    loop
      perform learn_internal.spend_streak_freezes(
        v_gap.user_id, v_gap.last_activity_date, v_gap.activity_date, p_at);
    end loop;

    -- A day that a freeze covered and that was active after all gives the freeze back.
    with returned as (
      update learn.streak_freezes f
      set used_on = null
      from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
      where d.round = v_round and f.user_id = d.user_id and f.used_on = d.activity_date
      returning f.user_id
    )
    update learn.user_stats s
    set streak_freezes = s.streak_freezes + 1
    from returned r
    where s.user_id = r.user_id;

    insert into learn.user_activity_days (user_id, activity_date)
    select d.user_id, d.activity_date
    from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
    where d.round = v_round
    on conflict (user_id, activity_date) do update set is_freeze = false;

    -- A day after the last one continues the run or starts a new one;
    -- a late day may join two runs: recount.
    with moved as (
      update learn.user_stats s
      set current_streak = n.current_streak,
        longest_streak = greatest(s.longest_streak, n.longest_streak),
        active_days = s.active_days + 1,
        last_activity_date = greatest(s.last_activity_date, d.activity_date)
      from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
      join learn.user_stats o on o.user_id = d.user_id
      cross join lateral (
        select c.continued + 1 as current_streak, c.continued + 1 as longest_streak, c.continued
        from (
          select case when exists (
            select from learn.user_activity_days y
            where y.user_id = d.user_id and y.activity_date = d.activity_date - 1
          ) then o.current_streak else 0 end as continued
        ) c
        where o.last_activity_date is null or d.activity_date > o.last_activity_date
        union all
        select v.current_streak, v.longest_streak, o.current_streak
        from learn_internal.streak_states v
        where v.user_id = d.user_id and d.activity_date < o.last_activity_date
      ) n
      where d.round = v_round and s.user_id = d.user_id
      returning s.user_id, d.activity_date, s.streak_freezes, n.continued, n.current_streak
    )
    select array_agg(m.user_id), array_agg(m.activity_date) into v_earners, v_earned_on
    from moved m
    where v_every > 0 and m.streak_freezes < v_maximum
      and m.current_streak / v_every > m.continued / v_every;

    -- A streak that has grown by so many days earns a freeze.
    if v_earners is not null then
      perform learn_internal.give_streak_freezes(
        v_earners, v_earned_on, 1, 'streak_freeze_earned', p_at);
    end if;
  end loop;
end;
$$;
comment on function learn_internal.advance_streaks(uuid[],date[],timestamp with time zone) is 'Makes new days of users active, moves their streaks, and spends, returns and earns freezes on the way.';
revoke execute on function learn_internal.advance_streaks(uuid[],date[],timestamp with time zone) from public;

-- function learn_internal.announce_achievements()

-- When achievements are earned: their avatars are unlocked, their holders are tallied, and earning
-- them is a fact, which pays their XP.
create or replace function learn_internal.announce_achievements()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
begin
  if not exists (select from earned) then
    return null;
  end if;

  insert into learn.user_avatars (user_id, avatar_id, unlocked_at)
  select e.user_id, a.unlocks_avatar_id, e.earned_at
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  where a.unlocks_avatar_id is not null
  order by e.user_id, a.unlocks_avatar_id
  on conflict do nothing;

  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'achievements', '-infinity', e.achievement_id::text, count(*)
  from earned e
  group by e.achievement_id;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying)
  select e.user_id, 'achievement_earned', 'achievement', a.slug,
    jsonb_build_object(
      'achievement_id', a.id, 'category', a.category, 'rarity', a.rarity, 'system', a.system),
    a.xp_reward, e.earned_at, (e.earned_at at time zone u.timezone)::date, false
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  join learn.users u on u.id = e.user_id
  where not e.evidence ? 'is_restored'  -- rebuilt from the fact that is there
  order by e.user_id, e.id;
  return null;
end;
$$;
comment on function learn_internal.announce_achievements() is 'Statement trigger: unlocks the avatars of earned achievements and writes achievement_earned facts.';
revoke execute on function learn_internal.announce_achievements() from public;

-- function learn_internal.begin_tracks(uuid[],bigint[],uuid[],text,bigint[],timestamp with time zone[])

-- Counts what there is to complete in tracks that users seem to have filled (the first two arrays),
-- and notes it with those that they have only begun. Returns the published ones that are full,
-- and when the last of the items that were completed now (the other arrays) was.
create or replace function learn_internal.begin_tracks(
  p_user_ids uuid[], p_track_ids bigint[],
  p_item_user_ids uuid[], p_item_type text, p_item_ids bigint[], p_at timestamptz[]
)
returns table (user_id uuid, track_id bigint, at timestamptz)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
begin
  return query
  with begun as (
    -- the rows are there: this finds each by its key, whatever the planner makes of the arrays
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select b.user_id, b.track_id, b.total_items, b.total_items
    from (
      select s.user_id, s.track_id,
        max(s.total_items) over (partition by s.track_id) as total_items
      from (
        select g.user_id, g.track_id, null::integer as total_items
        from unnest(p_user_ids, p_track_ids) g(user_id, track_id)
        union all
        select null, i.track_id, count(*)::integer
        from learn_internal.track_items i
        where i.track_id = any (p_track_ids)
        group by i.track_id
      ) s
    ) b
    where b.user_id is not null
    on conflict on constraint user_track_progress_pkey do update
      set total_items = excluded.total_items
      where p.total_items <> excluded.total_items
    returning p.user_id, p.track_id
  )
  -- Sets are matched by grouping them together, which takes the same time per row for any number.
  select s.user_id, s.track_id, max(s.at)
  from (
    select c.user_id, i.track_id, c.at, false as is_full, false as is_begun
    from unnest(p_item_user_ids, p_item_ids, p_at) c(user_id, item_id, at)
    cross join lateral (
      select t.track_id from learn_internal.track_items t
      where t.item_type = p_item_type and t.item_id = c.item_id
      offset 0  -- keeps this a query by key in each kind of item
    ) i
    union all
    select g.user_id, g.track_id, null, true, false
    from unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    union all
    select b.user_id, b.track_id, null, false, true
    from begun b
  ) s
  group by s.user_id, s.track_id
  having bool_or(s.is_full) and not bool_or(s.is_begun)
    and (select t.is_published from learn.tracks t where t.id = s.track_id);
end;
$$;
comment on function learn_internal.begin_tracks(uuid[],bigint[],uuid[],text,bigint[],timestamp with time zone[]) is 'Counts what there is to complete in tracks that users have begun; returns those that are full.';
revoke execute on function learn_internal.begin_tracks(uuid[],bigint[],uuid[],text,bigint[],timestamp with time zone[]) from public;

-- function learn_internal.fill_placeholders(text,jsonb)

-- A text with its placeholders, {name} and the like, filled in, in one pass: what is filled in
-- is not looked at again. What there is no value for is left out.
create or replace function learn_internal.fill_placeholders(p_text text, p_values jsonb)
returns text
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_text  text := '';
begin
  if p_text is null or strpos(p_text, '{') = 0 then
    return p_text;
  end if;
  -- What precedes a brace, and each piece from a brace on: as many pieces as braces, a few.
  v_parts := string_to_array(p_text, '{');
  for v_i in 1 .. cardinality(v_parts) loop
    v_text := v_text || case
      when v_i = 1 then v_parts[v_i]
      when v_parts[v_i] ~ '^[a-z0-9_]+\}' then
        coalesce(p_values ->> split_part(v_parts[v_i], '}', 1), '')
          || substr(v_parts[v_i], strpos(v_parts[v_i], '}') + 1)
      else '{' || v_parts[v_i] end;
  end loop;
  return v_text;
end;
$$;
comment on function learn_internal.fill_placeholders(text,jsonb) is 'A text with its placeholders filled in; those without a value are left out.';
revoke execute on function learn_internal.fill_placeholders(text,jsonb) from public;

-- function learn_internal.notify_facts(learn_internal.notice[])

-- Tells users of facts by the rules: one notification for each fact that an active rule names.
-- Silent while the parameter learn.quiet is on, as in imports: `set local learn.quiet = on`.
-- The engine calls it for facts whose type says that it notifies.
create or replace function learn_internal.notify_facts(p_notices learn_internal.notice[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('learn.quiet', true) in ('on', 'true') then
    return;
  end if;
  insert into learn.notifications (user_id, type, title, message, action_url, fact_id)
  select t.user_id, r.type,
    -- a title that comes out blank must not fail what the user has just done
    coalesce(nullif(btrim(learn_internal.fill_placeholders(r.title, t.values)), ''), r.type),
    learn_internal.fill_placeholders(r.message, t.values),
    learn_internal.fill_placeholders(r.action_url, t.values), t.fact_id
  from (
    select n.user_id, n.fact_id, n.activity_type, n.position,
      jsonb_strip_nulls(jsonb_build_object('name', d.name)) || coalesce(e.evidence, '{}')
        || n.properties
        || jsonb_build_object('subject_type', n.subject_type, 'subject_id', n.subject_id) as values
    from unnest(p_notices) with ordinality
      n(user_id, fact_id, activity_type, subject_type, subject_id, properties, position)
    cross join lateral (
      -- subjects that others record need not be numbers
      select case when split_part(n.subject_id, ':', 1) ~ '^[0-9]{1,18}$'
        then split_part(n.subject_id, ':', 1)::bigint end as id
    ) s
    cross join lateral (
      select case n.subject_type
        when 'achievement' then (
          select a.name from learn.achievements a where a.slug = n.subject_id)
        when 'challenge' then (select c.title from learn.challenges c where c.id = s.id)
        when 'challenge_level' then (select c.title from learn.challenges c where c.id = s.id)
        when 'course' then (select c.title from learn.courses c where c.id = s.id)
        when 'course_level' then (select c.title from learn.course_levels c where c.id = s.id)
        when 'lesson' then (select l.title from learn.lessons l where l.id = s.id)
        when 'track' then (select t.title from learn.tracks t where t.id = s.id)
        when 'path' then (select p.title from learn.learning_paths p where p.id = s.id)
      end as name
    ) d
    left join lateral (
      select u.evidence
      from learn.achievements a
      join learn.user_achievements u on u.user_id = n.user_id and u.achievement_id = a.id
      where n.activity_type = 'achievement_earned' and a.slug = n.subject_id
    ) e on true
  ) t
  cross join lateral (
    select k.type, k.title, k.message, k.action_url
    from learn.notification_rules k
    where k.activity_type = t.activity_type and k.is_active and t.values @> k.filter
    order by k.filter = '{}', k.type
    limit 1
  ) r
  order by t.position
  on conflict (user_id, fact_id) where fact_id is not null do nothing;
end;
$$;
comment on function learn_internal.notify_facts(learn_internal.notice[]) is 'Tells users of facts by the rules, each fact once.';
revoke execute on function learn_internal.notify_facts(learn_internal.notice[]) from public;

-- function learn_internal.process_activities()

-- When facts are written: the engine. Everything that a fact causes happens here, in this order,
-- for one fact or for a million: lock, streak, XP and level, metrics, achievements.
-- Earned achievements and new levels are facts too: they are written to the log and come through
-- here again, until nothing is new.
--
-- Costs do not depend on a user's history: counters are incremented, thresholds found by index.
-- Statements are small and the rare ones conditional, because for a single fact preparing a plan
-- to run costs more than running it.
-- Errors: LX001 a fact of an unknown activity type, or one that is malformed.
create or replace function learn_internal.process_activities()
returns trigger
language plpgsql
volatile
security definer                  -- a writer of facts need not be a writer of rewards
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  v_gains         learn_internal.gain[];  -- per user: the XP of these facts
  v_user_ids      uuid[];              -- the same users; where it is needed
  -- what some of these facts cause, so that the rest is left out:
  v_causes        integer;             -- bits, see below
  v_is_capped     boolean := false;
  v_feeds_days    boolean := false;
  v_resets_runs   boolean := false;
  v_notifies      boolean := false;
  v_unknown       text;
  v_is_malformed  boolean;
  v_capped        jsonb;               -- what facts within a cap for the day pay, by their ids
  v_level         integer[];           -- per user, before these facts
  v_streak        integer[];
  v_active_days   integer[];
  v_day_user_ids  uuid[];
  v_days          date[];
  v_is_new_level  boolean;
  v_won           learn_internal.win[];  -- thresholds crossed
  v_earned_at     jsonb;               -- by user: when the latest of these facts occurred
begin
  -- Content is held as hold_content() does it, without the price of a call.
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;

  -- 1. Lock the users' stats rows in key order, before anything else of theirs is read.
  -- The same statement tells what there is to do, from these rows and from what types can cause:
  -- 1 XP, 2 metrics, 4 what is rare (see below), 8 another day than the last active one,
  -- 16 a total of XP that means a level or an achievement, or a level that an easier curve has given
  -- and that is yet to be announced, 32 boards. Bits, since each aggregate has its price.
  select array_agg((f.user_id, f.xp)::learn_internal.gain), bit_or(f.causes
    | case when f.first_day < f.last_day or f.last_day <> f.last_activity_date
        or f.last_activity_date is null and f.last_day is not null then 8 else 0 end
    | case when f.xp <> 0 and (f.current_level > f.highest_level or exists (
        select from learn_internal.xp_marks m
        where m.xp > least(f.total_xp, f.total_xp + f.xp)
          and m.xp <= greatest(f.total_xp, f.total_xp + f.xp))) then 16 else 0 end)
  into v_gains, v_causes
  from (
    select c.*, s.total_xp, s.current_level, s.highest_level, s.last_activity_date
    from (
      select n.user_id, sum(coalesce(n.xp, t.pays)) as xp,
        min(n.local_date) filter (where n.is_qualifying) as first_day,
        max(n.local_date) filter (where n.is_qualifying) as last_day,
        bit_or(case when coalesce(n.xp, t.pays) <> 0 then 1 else 0 end
          | case when t.feeds_metrics then 2 else 0 end
          | case when t.feeds_boards then 32 else 0 end
          | case when t.key is null or t.is_capped or t.feeds_days or t.resets_runs or t.notifies
              or jsonb_typeof(n.properties) <> 'object'
              or (n.subject_type is null) <> (n.subject_id is null) then 4 else 0 end) as causes
      from new_facts n
      left join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) c
    join learn.user_stats s on s.user_id = c.user_id
    order by c.user_id
    for no key update of s
  ) f;
  if v_gains is null then
    -- statement triggers fire for zero rows too: without this they would call each other for ever
    return null;
  end if;
  if v_causes & 4 <> 0 then
    select bool_or(t.is_capped), bool_or(t.feeds_days), bool_or(t.resets_runs), bool_or(t.notifies),
      string_agg(distinct n.activity_type, ', ') filter (where t.key is null),
      bool_or(jsonb_typeof(n.properties) <> 'object'
        or (n.subject_type is null) <> (n.subject_id is null))
    into v_is_capped, v_feeds_days, v_resets_runs, v_notifies, v_unknown, v_is_malformed
    from new_facts n
    left join learn.activity_types t on t.key = n.activity_type;
    if v_unknown is not null then
      raise exception 'unknown activity type'
        using errcode = 'LX001', detail = v_unknown,
          hint = 'Add it to learn.activity_types first.';
    elsif v_is_malformed then
      raise exception 'a fact is malformed'
        using errcode = 'LX001', detail = (
          select format('properties = %s, subject_type = %L, subject_id = %L',
            n.properties, n.subject_type, n.subject_id)
          from new_facts n
          where jsonb_typeof(n.properties) <> 'object'
            or (n.subject_type is null) <> (n.subject_id is null)
          limit 1),
          hint = 'Properties are a JSON object; a subject has both a type and an id.';
    end if;
  end if;

  if v_causes & 28 <> 0 then
    v_user_ids := array(select g.user_id from unnest(v_gains) g order by g.user_id);
  end if;

  -- 2. Local active days move the streak.
  if v_causes & 8 <> 0 then
    select array_agg(d.user_id order by d.first_id), array_agg(d.local_date order by d.first_id)
    into v_day_user_ids, v_days
    from (
      select n.user_id, n.local_date, min(n.id) as first_id
      from new_facts n
      where n.is_qualifying
      group by n.user_id, n.local_date
    ) d
    where not exists (
      select from learn.user_activity_days a
      where a.user_id = d.user_id and a.activity_date = d.local_date and not a.is_freeze);
    if v_days is not null then
      select array_agg(s.longest_streak), array_agg(s.active_days) into v_streak, v_active_days
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      perform learn_internal.advance_streaks(v_day_user_ids, v_days, learn.clock());
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select d.user_id, 'active_days', d.local_date, 1
      from unnest(v_day_user_ids, v_days) d(user_id, local_date)
      where exists (select from learn.metrics m where m.key = 'active_days' and m.is_board);
    end if;
  end if;

  -- 3. XP into the ledger: what the fact carries, else what the rule pays.
  if v_is_capped then
    -- Within a cap: less what the same type has paid this user for the same day,
    -- in the ledger and before in this statement. Ledger rows of a day are never older than it,
    -- which leaves older partitions and rows alone.
    select jsonb_object_agg(c.id, greatest(0, least(c.amount, c.daily_cap - c.earlier - c.before)))
    into v_capped
    from (
      select n.id, coalesce(n.xp, r.amount) as amount, r.daily_cap,
        sum(coalesce(n.xp, r.amount)) over (
          partition by n.user_id, n.activity_type, n.local_date
          order by n.id) - coalesce(n.xp, r.amount) as earlier,
        (
          select coalesce(sum(t.amount), 0)
          from learn.xp_transactions t
          where t.user_id = n.user_id and t.earned_on = n.local_date
            and t.activity_type = n.activity_type
            and t.amount > 0 and t.created_at >= n.local_date - interval '2 days'
        ) as before
      from new_facts n
      join learn.xp_rules r on r.activity_type = n.activity_type
      where r.daily_cap is not null and coalesce(n.xp, r.amount) > 0
    ) c;
    select array_agg((p.user_id, p.xp)::learn_internal.gain), v_causes | 16 into v_gains, v_causes
    from (
      select n.user_id,
        sum(coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays))::bigint as xp
      from new_facts n
      join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) p
    where p.user_id = any (v_user_ids);
  end if;

  if v_causes & 1 <> 0 then
    with paid as (
      insert into learn.xp_transactions
        (user_id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
      select p.user_id, p.amount, p.activity_type,
        case when p.is_told then p.properties ->> 'source_type' else p.activity_type end,
        case when p.is_told then p.properties ->> 'source_id' else p.subject_id end,
        case when p.is_told then p.properties ->> 'description' end,
        p.local_date, p.recorded_at
      from (
        select n.*,
          -- its caller names the source
          n.activity_type in ('xp_awarded', 'xp_reversed') as is_told,
          coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays) as amount
        from new_facts n
        join learn.activity_types t on t.key = n.activity_type
      ) p
      where p.amount <> 0
      returning user_id, earned_on, activity_type, amount
    ), tallied as (
      insert into learn_internal.tally_changes (measure, day, item, value)
      select 'xp', p.earned_on, p.activity_type, sum(p.amount)
      from paid p
      group by p.earned_on, p.activity_type
    )
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select p.user_id, 'xp', p.earned_on, sum(p.amount)
    from paid p
    where exists (select from learn.metrics m where m.key = 'xp' and m.is_board)
    group by p.user_id, p.earned_on;

    -- 4. The total and the level follow, and the achievements for these.
    if v_causes & 16 = 0 then
      update learn.user_stats s
      set total_xp = s.total_xp + g.xp
      from unnest(v_gains) g
      where s.user_id = g.user_id and g.xp <> 0;
    else
      select array_agg(s.highest_level) into v_level
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      with credited as (
        update learn.user_stats s
        set total_xp = o.total_xp + g.xp,
          current_level = l.level,
          highest_level = greatest(o.highest_level, l.level)
        from unnest(v_gains) g
        join learn.user_stats o on o.user_id = g.user_id
        cross join lateral (
          select coalesce((
            select t.level from learn.level_thresholds t
            where t.min_xp <= o.total_xp + g.xp
            order by t.min_xp desc
            limit 1), 1) as level
        ) l
        where s.user_id = g.user_id and g.xp <> 0
        returning s.user_id, o.total_xp as old_xp, s.total_xp as new_xp,
          o.highest_level as old_level, s.highest_level as new_level
      )
      select bool_or(c.new_level > c.old_level),
        array_agg((c.user_id, t.achievement_id, jsonb_build_object(
          'metric', t.metric, 'scope', '', 'value', case t.metric when 'xp' then c.new_xp
            else c.new_level end))::learn_internal.win) filter (where t.metric is not null)
      into v_is_new_level, v_won
      from credited c
      left join learn_internal.achievement_thresholds t
        on t.scope = '' and (
          t.metric = 'xp' and t.threshold > c.old_xp and t.threshold <= c.new_xp
          or t.metric = 'level_reached' and t.threshold > c.old_level
            and t.threshold <= c.new_level);
    end if;
  end if;

  -- 5. Metrics count what happened.
  -- 6. The achievements whose thresholds that crosses are found by index.
  if v_causes & 2 <> 0 then
    -- (An amount is null where facts lack the property: the new value is null or the old one then.)
    with changed as (
      select t.user_id, t.metric, t.scope, coalesce(o.value, 0) as old_value,
        case when t.is_maximum then greatest(coalesce(o.value, 0), t.amount)
          else coalesce(o.value, 0) + t.amount end as new_value
      from (
        select f.user_id, f.metric, f.scope, f.aggregate = 'max' as is_maximum,
          case f.aggregate when 'max' then max(f.amount) else sum(f.amount) end::bigint as amount
        from (
          select n.user_id, m.metric, m.aggregate,
            coalesce(n.properties ->> m.scope_property, '') as scope,
            case when m.property is null then 1
              else learn_internal.number_property(n.properties, m.property) end as amount
          from new_facts n
          join learn_internal.metric_feeds m on m.activity_type = n.activity_type
          where n.properties @> m.filter
            and (m.aggregate <> 'run' or not v_resets_runs)
            and (m.scope_property is null or n.properties ->> m.scope_property <> '')
        ) f
        group by f.user_id, f.metric, f.scope, f.aggregate
      ) t
      left join learn.user_metrics o
        on o.user_id = t.user_id and o.metric = t.metric and o.scope = t.scope
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope and t.threshold > c.old_value
        and t.threshold <= c.new_value;
  end if;

  if v_causes & 32 <> 0 then
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select g.user_id, g.metric, g.local_date,
      case g.aggregate when 'max' then max(g.amount) else sum(g.amount) end
    from (
      select n.user_id, m.metric, m.aggregate,
        case when m.aggregate = 'run' then '-infinity' else n.local_date end as local_date,
        case when m.property is null then 1
          else learn_internal.number_property(n.properties, m.property) end as amount
      from new_facts n
      join learn_internal.metric_feeds m on m.activity_type = n.activity_type
      where m.is_board and n.properties @> m.filter
        and (m.aggregate <> 'run' or not v_resets_runs)
    ) g
    where g.amount is not null
    group by g.user_id, g.metric, g.local_date, g.aggregate;
  end if;

  if v_feeds_days then
    with new_days as (
      insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
      select distinct n.user_id, m.key, s.scope, n.local_date
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type and m.aggregate = 'distinct_days'
        and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      on conflict do nothing
      returning user_id, metric, scope, activity_date
    ), changed as (
      select d.user_id, d.metric, d.scope, o.value as old_value, o.value + d.added as new_value
      from (
        select n.user_id, n.metric, n.scope, count(*) as added
        from new_days n
        group by n.user_id, n.metric, n.scope
      ) d
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = d.user_id and u.metric = d.metric and u.scope = d.scope), 0) as value
      ) o
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value from changed c
      on conflict (user_id, metric, scope) do update set value = excluded.value
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select n.user_id, n.metric, n.activity_date, 1
      from new_days n
      join learn.metrics m on m.key = n.metric and m.is_board
      where n.scope = ''
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.new_value;
  end if;

  if v_resets_runs then
    with events as (
      select n.user_id, m.key as metric, s.scope, n.id, false as is_reset
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type
        and m.aggregate = 'run' and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      union all
      select n.user_id, m.key, s.scope, n.id, true
      from new_facts n
      join learn.metrics m on m.reset_activity_type = n.activity_type
        and n.properties @> m.reset_filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
    ), runs as (
      -- Run 0 goes on from before this statement, each reset starts another;
      -- the last one is the value that stays.
      select e.user_id, e.metric, e.scope, e.run, count(*) filter (where not e.is_reset) as length,
        e.run = max(e.run) over (partition by e.user_id, e.metric, e.scope) as is_last
      from (
        select v.*, count(*) filter (where v.is_reset) over (
          partition by v.user_id, v.metric, v.scope
          order by v.id, v.is_reset desc rows unbounded preceding) as run
        from events v
      ) e
      group by e.user_id, e.metric, e.scope, e.run
    ), changed as (
      select r.user_id, r.metric, r.scope, o.value as old_value,
        coalesce(
          sum(r.length) filter (where r.is_last and r.run > 0),
          o.value + sum(r.length) filter (where r.run = 0)) as new_value,
        greatest(
          o.value + coalesce(sum(r.length) filter (where r.run = 0), 0),
          max(r.length) filter (where r.run > 0)) as peak
      from runs r
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = r.user_id and u.metric = r.metric and u.scope = r.scope), 0) as value
      ) o
      group by r.user_id, r.metric, r.scope, o.value
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select c.user_id, c.metric, '-infinity', c.new_value - c.old_value
      from changed c
      join learn.metrics m on m.key = c.metric and m.is_board
      where c.scope = '' and c.new_value <> c.old_value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.peak)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.peak;
  end if;

  if v_days is not null then
    select v_won || array_agg((
      s.user_id, t.achievement_id,
      jsonb_build_object('metric', v.metric, 'scope', '', 'value', v.new_value)
    )::learn_internal.win)
    into v_won
    from unnest(v_user_ids, v_streak, v_active_days) b(user_id, streak, active_days)
    join learn.user_stats s on s.user_id = b.user_id
    cross join lateral (
      values
        ('current_streak', b.streak, s.longest_streak),
        ('active_days', b.active_days, s.active_days)
    ) v(metric, old_value, new_value)
    join learn_internal.achievement_thresholds t
      on t.metric = v.metric and t.scope = '' and t.threshold > v.old_value
        and t.threshold <= v.new_value;
  end if;

  -- 7. Users are told of what rules name.
  if v_notifies then
    perform learn_internal.notify_facts(array_agg(
      (n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id,
        n.properties)::learn_internal.notice order by n.id))
    from new_facts n
    join learn.activity_types t on t.key = n.activity_type and t.notifies;
  end if;

  -- 8. What was reached is a fact too.
  if v_is_new_level or v_won is not null then
    select jsonb_object_agg(f.user_id, f.last_at) into v_earned_at
    from (
      select n.user_id, max(n.occurred_at) as last_at from new_facts n group by n.user_id
    ) f;
  end if;
  if v_is_new_level then
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select b.user_id, 'level_reached', '-infinity', s.highest_level - b.level
    from unnest(v_user_ids, v_level) b(user_id, level)
    join learn.user_stats s on s.user_id = b.user_id and s.highest_level > b.level
    where exists (select from learn.metrics m where m.key = 'level_reached' and m.is_board);

    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties,
       occurred_at, local_date, is_qualifying)
    select b.user_id, t.key, 'level', l.level::text, jsonb_build_object('level', l.level),
      e.at, (e.at at time zone u.timezone)::date, t.is_qualifying
    from unnest(v_user_ids, v_level) b(user_id, level)
    cross join lateral (select (v_earned_at ->> b.user_id::text)::timestamptz as at) e
    join learn.user_stats s on s.user_id = b.user_id
    join learn.users u on u.id = b.user_id
    join learn.activity_types t on t.key = 'level_reached'
    cross join lateral generate_series(b.level + 1, s.highest_level) l(level)
    order by b.user_id, l.level;
  end if;

  if v_won is not null then
    insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
    select w.user_id, w.achievement_id, (v_earned_at ->> w.user_id::text)::timestamptz, w.evidence
    from unnest(v_won) w
    join learn.achievements a on a.id = w.achievement_id
    where (a.criteria ? 'metric' or learn_internal.satisfies_criteria(w.user_id, a.criteria))
      and not exists (
        select from learn.revoked_achievements r
        where r.user_id = w.user_id and r.achievement_id = w.achievement_id)
    order by w.user_id, a.display_order, w.achievement_id
    on conflict (user_id, achievement_id) do nothing;
  end if;

  -- 9. What has been gained is folded into the boards now and then, by whoever comes to it.
  if v_causes & 33 <> 0 and random() * 100 < cardinality(v_gains) then
    perform learn_internal.try_fold_boards();
  end if;
  return null;
end;
$$;
comment on function learn_internal.process_activities() is 'The engine, a statement trigger: facts move streaks, pay XP, count in metrics and earn achievements.';
revoke execute on function learn_internal.process_activities() from public;

-- function learn_internal.recount_user_boards()

-- When users are renamed, come and go, or want to be seen or not: the boards follow at once.
create or replace function learn_internal.recount_user_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.recount_boards(array[old.id]);
  return null;
end;
$$;
comment on function learn_internal.recount_user_boards() is 'Row trigger: has the boards of a user recounted.';
revoke execute on function learn_internal.recount_user_boards() from public;

-- function learn_internal.refresh_difficulties(uuid[],text[])

-- functions/progress/refresh_difficulties.sql
-- Notes the difficulties that users have completed by now. Returns the facts to write.
create or replace function learn_internal.refresh_difficulties(
  p_user_ids uuid[], p_difficulties text[]
)
returns setof learn_internal.fact
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  with saved as (
    insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
    select r.user_id, r.difficulty, r.last_completed_at
    from learn_internal.difficulty_recounts r
    where r.user_id = any (p_user_ids) and r.difficulty = any (p_difficulties)
    order by r.user_id, r.difficulty
    on conflict do nothing
    returning user_id, difficulty, completed_at
  )
  select s.user_id, 'difficulty_completed', 'difficulty', s.difficulty,
    jsonb_build_object('difficulty', s.difficulty), null::integer, s.completed_at
  from saved s
  order by s.user_id, s.completed_at, s.difficulty;
$$;
comment on function learn_internal.refresh_difficulties(uuid[],text[]) is 'Notes the difficulties that users have completed by now; returns the facts to write.';
revoke execute on function learn_internal.refresh_difficulties(uuid[],text[]) from public;

-- function learn_internal.refresh_paths(uuid[],bigint[])

-- Recounts learning paths for users. Returns the facts to write: the paths that this completes.
create or replace function learn_internal.refresh_paths(p_user_ids uuid[], p_path_ids bigint[])
returns setof learn_internal.fact
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  with recounted as (
    select u.user_id, s.path_id, coalesce(r.tracks_completed, 0) as tracks_completed,
      s.total_tracks, s.is_published, r.last_completed_at
    from (select distinct d.user_id from unnest(p_user_ids) d(user_id)) u
    cross join (
      select p.id as path_id, coalesce(z.total_tracks, 0) as total_tracks, p.is_published
      from learn.learning_paths p
      left join learn_internal.path_sizes z on z.path_id = p.id
      where p.id = any (p_path_ids)
    ) s
    left join (  -- filtered where it is grouped: a join would group everybody's
      select * from learn_internal.path_recounts x
      where x.user_id = any (p_user_ids) and x.path_id = any (p_path_ids)
    ) r on r.user_id = u.user_id and r.path_id = s.path_id
    where r.user_id is not null or exists (
      select from learn.user_path_progress e where e.user_id = u.user_id and e.path_id = s.path_id)
  ), earlier as (
    select e.user_id, e.path_id
    from learn.user_path_progress e
    join recounted r on r.user_id = e.user_id and r.path_id = e.path_id
    where e.completed_at is not null
  ), saved as (
    insert into learn.user_path_progress as p
      (user_id, path_id, tracks_completed, total_tracks, completed_at)
    select r.user_id, r.path_id, r.tracks_completed, r.total_tracks,
      case when r.is_published and r.total_tracks > 0 and r.tracks_completed = r.total_tracks
        then r.last_completed_at end
    from recounted r
    order by r.user_id, r.path_id
    on conflict (user_id, path_id) do update
      set tracks_completed = excluded.tracks_completed,
        total_tracks = excluded.total_tracks,
        completed_at = coalesce(p.completed_at, excluded.completed_at)
    returning p.user_id, p.path_id, p.completed_at
  )
  select s.user_id, 'path_completed', 'path', s.path_id::text,
    jsonb_build_object('slug', p.slug), null::integer, s.completed_at
  from saved s
  join learn.learning_paths p on p.id = s.path_id
  where s.completed_at is not null
    and not exists (select from earlier e where e.user_id = s.user_id and e.path_id = s.path_id)
  order by s.user_id, s.completed_at, s.path_id;
$$;
comment on function learn_internal.refresh_paths(uuid[],bigint[]) is 'Recounts learning paths for users; returns the facts to write for the ones that this completes.';
revoke execute on function learn_internal.refresh_paths(uuid[],bigint[]) from public;

-- function learn_internal.write_facts(learn_internal.fact[],text)

-- functions/activity/write_facts.sql
-- Writes facts to the log, with the local date of each and whether it makes the day active.
-- One that happens once and that was recorded from outside already is left out.
create or replace function learn_internal.write_facts(
  p_facts learn_internal.fact[], p_idempotency_key text default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying, idempotency_key)
  select f.user_id, f.activity_type, f.subject_type, f.subject_id,
    coalesce(f.properties, '{}'), f.xp, f.occurred_at,
    (f.occurred_at at time zone u.timezone)::date, t.is_qualifying, p_idempotency_key
  from unnest(p_facts) with ordinality
    f(user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at, position)
  join learn.users u on u.id = f.user_id
  join learn.activity_types t on t.key = f.activity_type
  where not t.happens_once or not exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = f.user_id and r.activity_type = f.activity_type
      and r.subject_type = f.subject_type and r.subject_id = f.subject_id)
  order by f.position;
end;
$$;
comment on function learn_internal.write_facts(learn_internal.fact[],text) is 'Writes facts to the log, in the given order.';
revoke execute on function learn_internal.write_facts(learn_internal.fact[],text) from public;

-- trigger announce_achievements on learn.user_achievements

create or replace trigger announce_achievements
  after insert on learn.user_achievements
  referencing new table as earned
  for each statement
  execute function learn_internal.announce_achievements();
comment on trigger announce_achievements on learn.user_achievements is 'Unlocks avatars and writes achievement_earned facts.';

-- trigger process_activities on learn.activity_log

create or replace trigger process_activities
  after insert on learn.activity_log
  referencing new table as new_facts
  for each statement
  execute function learn_internal.process_activities();
comment on trigger process_activities on learn.activity_log is 'The engine: streaks, XP, levels, metrics, achievements.';

-- trigger users_seen on learn.users

create or replace trigger users_seen
  after update of username, is_active, show_on_leaderboard on learn.users
  for each row
  when ((old.username, old.is_active, old.show_on_leaderboard)
    is distinct from (new.username, new.is_active, new.show_on_leaderboard))
  execute function learn_internal.recount_user_boards();
comment on trigger users_seen on learn.users is 'Boards show who wants to be seen, by name.';

-- What is gained and not yet folded is tallied now, since the older fold does not.
insert into learn_internal.tally_changes (measure, day, item, value)
select 'xp', g.local_date, g.activity_type, sum(g.amount)
from learn_internal.board_gains g
where g.activity_type is not null
group by g.local_date, g.activity_type;
delete from learn_internal.board_gains g where g.metric = 'current_streak';
delete from learn_internal.board_scores s where s.metric = 'current_streak';
delete from learn_internal.board_fences f where f.metric = 'current_streak';

alter type learn_internal.board drop attribute at;
comment on type learn_internal.board is
  'A board: a metric in a period, from its first day to before ends_on. is_kept: it is in board_scores.';
drop index learn_internal.board_scores_lapses;
drop index learn_internal.board_scores_order;
create index board_scores_order
  on learn_internal.board_scores (metric, period, starts_on, value desc, name, user_id)
  where value > 0;
drop index learn_internal.tally_changes_key;
alter table learn_internal.board_scores drop column lapses_at;
alter table learn_internal.board_gains drop column activity_type;
comment on column learn_internal.board_gains.amount is
  'What to add, or the value that a maximum may rise to; null: recount the user from the facts, or '
  'take the user off the boards.';

reset role;
