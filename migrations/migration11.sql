-- Analytics

set role learn_owner;

-- views/analytics/tally_recounts.sql

-- The tallies recounted from the rows that they count: what tally_totals must say.
create or replace view learn_internal.tally_recounts as
select 'registrations' as measure, s.registered_on as day, '' as item, count(*) as value
from learn.user_stats s
group by s.registered_on
union all
select 'active_days', d.activity_date, '', count(*)
from learn.user_activity_days d
where not d.is_freeze
group by d.activity_date
union all
select 'active_weeks', w.week, to_char(w.cohort_week, 'YYYY-MM-DD'), count(*)
from (
  select distinct d.user_id, date_trunc('week', d.activity_date::timestamp)::date as week,
    date_trunc('week', s.registered_on::timestamp)::date as cohort_week
  from learn.user_activity_days d
  join learn.user_stats s on s.user_id = d.user_id
  where not d.is_freeze
) w
group by w.week, w.cohort_week
union all
select 'xp', t.earned_on, t.activity_type, sum(t.amount)
from learn_internal.all_payments t
group by t.earned_on, t.activity_type
having sum(t.amount) <> 0;
comment on view learn_internal.tally_recounts is
  'The tallies recounted from the rows that they count.';

-- views/analytics/tally_totals.sql

-- The tallies as of now: as they were written down last, what has changed since, and the XP that is yet
-- to be merged. Exact in every snapshot, because a change is a row of the transaction that makes it.
-- Filter by measure and day: the conditions reach the tables.
create or replace view learn_internal.tally_totals as
select c.measure, c.day, c.item, sum(c.value)::bigint as value
from (
  select t.measure, t.day, t.item, t.value from learn_internal.tallies t
  union all
  select t.measure, t.day, t.item, t.value from learn_internal.tally_changes t
  union all
  select 'xp', g.local_date, g.activity_type, g.amount
  from learn_internal.board_gains g
  where g.metric in ('xp', 'no board') and g.activity_type is not null
) c
group by c.measure, c.day, c.item
having sum(c.value) <> 0;
comment on view learn_internal.tally_totals is
  'The tallies as of now: those written down, and what has changed since.';

-- views/analytics/tally_differences.sql

-- Where the tallies are not what a recount says: no row when all is well.
create or replace view learn_internal.tally_differences as
select coalesce(r.measure, t.measure) as measure, coalesce(r.day, t.day) as day,
  coalesce(r.item, t.item) as item, coalesce(r.value, 0)::bigint as expected,
  coalesce(t.value, 0) as actual
from learn_internal.tally_recounts r
full join learn_internal.tally_totals t
  on t.measure = r.measure and t.day = r.day and t.item = r.item
where coalesce(r.value, 0) <> coalesce(t.value, 0);
comment on view learn_internal.tally_differences is
  'Tallies that are not what a recount of the rows says.';

-- views/analytics/tally_damage.sql

-- Where tallies are not what the rows say: the part of check_integrity() about analytics.
create or replace view learn_internal.tally_damage (check_name, user_id, expected, actual) as
select 'tallies_follow_from_rows', null::uuid,
  format('%s %s %s: %s', d.measure, d.day, d.item, d.expected),
  format('%s %s %s: %s', d.measure, d.day, d.item, d.actual)
from learn_internal.tally_differences d;
comment on view learn_internal.tally_damage is
  'Where tallies are not what the rows say; no row when all is well.';

-- functions/analytics/refresh_analytics.sql

-- Adds what has changed since the last time to the tallies, so that the views of analytics have less
-- to sum up. They are exact before and after. One transaction: a run that is killed leaves everything
-- as it was. Readers and learners do not wait; a second run waits for the first, and has what is left.
-- Returns the number of changes.
create or replace function learn.refresh_analytics()
returns bigint
language plpgsql
volatile
security definer                  -- the tallies are the owner's
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_changes bigint;
begin
  lock table learn_internal.tallies in share update exclusive mode;
  with taken as (
    delete from learn_internal.tally_changes returning measure, day, item, value
  ), added as (
    insert into learn_internal.tallies as t (measure, day, item, value)
    select c.measure, c.day, c.item, sum(c.value)
    from taken c
    group by c.measure, c.day, c.item
    having sum(c.value) <> 0
    on conflict (measure, day, item) do update set value = t.value + excluded.value
  )
  select count(*) into v_changes from taken;
  delete from learn_internal.tallies t where t.value = 0;
  return v_changes;
end;
$$;
comment on function learn.refresh_analytics() is
  'Adds what has changed since the last time to the tallies behind the views of analytics, which are '
  'exact at any time; returns how many changes. From a scheduler, every few minutes.';
grant execute on function learn.refresh_analytics() to learn_app;

-- functions/analytics/settle_tallies.sql

-- Makes the tallies what a recount of everybody's rows says: a part of every rebuild, since rows that
-- were lost behind the triggers' backs are still counted. Waits for refresh_analytics(). What learners
-- do meanwhile is not visible here, neither their rows nor the changes that come with them.
create or replace function learn_internal.settle_tallies()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table learn_internal.tallies in share update exclusive mode;
  insert into learn_internal.tallies as t (measure, day, item, value)
  select d.measure, d.day, d.item, d.expected - d.actual
  from learn_internal.tally_differences d
  on conflict (measure, day, item) do update set value = t.value + excluded.value;
end;
$$;
comment on function learn_internal.settle_tallies() is
  'Makes the tallies what a recount of the rows says.';

-- views/analytics/achievement_rarity.sql

-- How many learners hold each achievement, those that nobody holds included. The column rarity is what
-- its author calls it; the share says what it is.
create or replace view learn.achievement_rarity with (security_barrier) as
select a.id as achievement_id, a.slug, a.name, a.system, a.rarity, a.is_active, a.is_hidden,
  coalesce(h.holders, 0) as holders, l.learners,
  round(coalesce(h.holders, 0)::numeric / nullif(l.learners, 0), 4) as share
from learn.achievements a
left join (
  select u.achievement_id, count(*) as holders
  from learn.user_achievements u
  group by u.achievement_id
) h on h.achievement_id = a.id
cross join (
  select coalesce(sum(t.value), 0)::bigint as learners
  from learn_internal.tally_totals t
  where t.measure = 'registrations'
) l;
comment on view learn.achievement_rarity is
  'Per achievement, also those that nobody has earned: holders, all learners, and the share (0 to 1) '
  'of learners who hold it; null where there are no learners.';
grant select on learn.achievement_rarity to learn_app, learn_user, learn_readonly;

-- views/analytics/daily_active_learners.sql

-- Learners with a qualifying activity on a day, and those who registered on it. Days are
-- the learners' local dates. A day without any of both is not listed.
create or replace view learn.daily_active_learners as
select t.day as activity_date,
  coalesce(sum(t.value) filter (where t.measure = 'active_days'), 0)::bigint as active_learners,
  coalesce(sum(t.value) filter (where t.measure = 'registrations'), 0)::bigint as new_learners
from learn_internal.tally_totals t
where t.measure in ('active_days', 'registrations')
group by t.day;
comment on view learn.daily_active_learners is
  'Per local day: learners with a qualifying activity, and learners who registered. '
  'Days with neither are not listed.';
grant select on learn.daily_active_learners to learn_app, learn_readonly;

-- views/analytics/weekly_active_learners.sql

-- Learners with a qualifying activity in a week, each counted once, and those who registered in it.
create or replace view learn.weekly_active_learners as
select date_trunc('week', t.day::timestamp)::date as week_start,
  coalesce(sum(t.value) filter (where t.measure = 'active_weeks'), 0)::bigint as active_learners,
  coalesce(sum(t.value) filter (where t.measure = 'registrations'), 0)::bigint as new_learners
from learn_internal.tally_totals t
where t.measure in ('active_weeks', 'registrations')
group by 1;
comment on view learn.weekly_active_learners is
  'Per week (Monday): learners with a qualifying activity in it, each counted once, and learners '
  'who registered. Weeks with neither are not listed.';
grant select on learn.weekly_active_learners to learn_app, learn_readonly;

-- views/analytics/cohort_retention.sql

-- Of the learners who registered in a week: how many were active in that week (weeks_since 0) and in
-- each one after it, up to the current one. What was imported from before the registration is left out.
create or replace view learn.cohort_retention as
with cohorts as (
  select w.week_start, w.new_learners
  from learn.weekly_active_learners w
  where w.new_learners > 0
), active as (
  -- case, because a condition on the column may be tried on items of other measures first
  select case when t.measure = 'active_weeks' then t.item::date end as cohort_week,
    t.day as week_start, t.value
  from learn_internal.tally_totals t
  where t.measure = 'active_weeks'
)
select c.week_start as cohort_week, (g.week::date - c.week_start) / 7 as weeks_since,
  c.new_learners as learners, coalesce(a.value, 0) as active_learners,
  round(coalesce(a.value, 0)::numeric / c.new_learners, 4) as share_active
from cohorts c
cross join lateral generate_series(
  c.week_start::timestamp, (select learn.clock() at time zone 'UTC'), interval '7 days') g(week)
left join active a on a.cohort_week = c.week_start and a.week_start = g.week::date;
comment on view learn.cohort_retention is
  'Per week of registration and number of weeks since: learners of that cohort, how many of them were '
  'active in that week, and their share (0 to 1).';
comment on column learn.cohort_retention.weeks_since is
  '0: the week of registration. The last one is the current week, which is not over yet.';
grant select on learn.cohort_retention to learn_app, learn_readonly;

-- views/analytics/course_funnel.sql

-- How far the learners of each course have come: a column has those who have come at least so far.
-- Content that changes moves them, except those who have completed it.
create or replace view learn.course_funnel as
select c.id as course_id, c.slug, c.title, c.is_published,
  coalesce(p.enrolled, 0) as enrolled,
  coalesce(p.started, 0) as started,
  coalesce(p.reached_25, 0) as reached_25,
  coalesce(p.reached_50, 0) as reached_50,
  coalesce(p.reached_75, 0) as reached_75,
  coalesce(p.completed, 0) as completed
from learn.courses c
left join (
  select p.course_id, count(*) as enrolled,
    count(*) filter (
      where p.lessons_completed > 0 or p.completion_percentage >= 25
        or p.completed_at is not null) as started,
    count(*) filter (where p.completion_percentage >= 25 or p.completed_at is not null) as reached_25,
    count(*) filter (where p.completion_percentage >= 50 or p.completed_at is not null) as reached_50,
    count(*) filter (where p.completion_percentage >= 75 or p.completed_at is not null) as reached_75,
    count(p.completed_at) as completed
  from learn.user_course_progress p
  group by p.course_id
) p on p.course_id = c.id;
comment on view learn.course_funnel is
  'Per course: learners who have enrolled, started, done at least 25, 50 and 75 percent, '
  'and completed it.';
grant select on learn.course_funnel to learn_app, learn_readonly;

-- views/analytics/track_funnel.sql

-- How far the learners of each track have come: a column has those who have come at least so far.
-- Content that changes moves them, except those who have completed it.
-- Nobody enrols in a track: it is started with its first item.
create or replace view learn.track_funnel as
select c.id as track_id, c.slug, c.title, c.is_published,
  coalesce(p.started, 0) as started,
  coalesce(p.reached_25, 0) as reached_25,
  coalesce(p.reached_50, 0) as reached_50,
  coalesce(p.reached_75, 0) as reached_75,
  coalesce(p.completed, 0) as completed
from learn.tracks c
left join (
  select p.track_id,
    count(*) filter (
      where p.items_completed > 0 or p.progress_percentage >= 25
        or p.completed_at is not null) as started,
    count(*) filter (where p.progress_percentage >= 25 or p.completed_at is not null) as reached_25,
    count(*) filter (where p.progress_percentage >= 50 or p.completed_at is not null) as reached_50,
    count(*) filter (where p.progress_percentage >= 75 or p.completed_at is not null) as reached_75,
    count(p.completed_at) as completed
  from learn.user_track_progress p
  group by p.track_id
) p on p.track_id = c.id;
comment on view learn.track_funnel is
  'Per track: learners who have started, done at least 25, 50 and 75 percent, '
  'and completed it.';
grant select on learn.track_funnel to learn_app, learn_readonly;

-- views/analytics/daily_xp_by_source.sql

-- XP of a day by the type of the fact that paid it. A reversal is a source of its own, below 0,
-- on the day of the reversal.
create or replace view learn.daily_xp_by_source as
select t.day as earned_on, t.item as activity_type, t.value as xp
from learn_internal.tally_totals t
where t.measure = 'xp';
comment on view learn.daily_xp_by_source is
  'XP per local day and type of the fact that paid it. What was taken back is xp_reversed, below 0, '
  'on the day when it was taken back.';
grant select on learn.daily_xp_by_source to learn_app, learn_readonly;

-- views/analytics/weekly_xp_by_source.sql

-- XP of a week by the type of the fact that paid it.
create or replace view learn.weekly_xp_by_source as
select date_trunc('week', t.earned_on::timestamp)::date as week_start, t.activity_type,
  sum(t.xp)::bigint as xp
from learn.daily_xp_by_source t
group by 1, 2;
comment on view learn.weekly_xp_by_source is
  'XP per week (Monday) and type of the fact that paid it; see daily_xp_by_source.';
grant select on learn.weekly_xp_by_source to learn_app, learn_readonly;

-- functions/analytics/streak_lengths.sql

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

-- views/analytics/streak_distribution.sql

-- Streaks by length. A function counts them: a view cannot keep PostgreSQL from compiling its plan, which
-- would take longer than to run it.
create or replace view learn.streak_distribution as
select s.days, s.learners, s.learners_at_longest
from learn.streak_lengths() s;
comment on view learn.streak_distribution is
  'Per length of a streak in days: learners whose streak is so long as of their today, and learners '
  'whose longest one is.';
grant select on learn.streak_distribution to learn_app, learn_readonly;

-- views/operations/damage.sql

-- Where projections are not what follows from facts, in all domains: each has a view of its damage, which says
-- what is checked.

-- What belongs to learners. A condition on user_id reaches all of them.
create or replace view learn_internal.damage (check_name, user_id, expected, actual) as
select * from learn_internal.damage_but_boards
union all select * from learn_internal.board_damage;
comment on view learn_internal.damage is
  'Where projections of learners are not what follows from facts, in all domains; no row when all is well.';

-- views/operations/common_damage.sql

-- What belongs to nobody: content, rules, and what is counted of everybody.
create or replace view learn_internal.common_damage (check_name, user_id, expected, actual) as
select * from learn_internal.catalog_damage
union all select * from learn_internal.rule_damage
union all select * from learn_internal.board_stretch_damage
union all select * from learn_internal.tally_damage;
comment on view learn_internal.common_damage is
  'Where projections that are nobody''s are not what follows from facts; no row when all is well.';

-- functions/operations/count_damage.sql

-- How many rows each check of integrity finds, and the least of what they have and should have. Read it as learn.health.
create or replace function learn_internal.count_damage()
returns table (check_name text, rows bigint, expected text, actual text)
language sql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select d.check_name, count(*), min(d.expected), min(d.actual)
  from learn_internal.damage d
  group by d.check_name
$$;
comment on function learn_internal.count_damage() is
  'How many rows each check of integrity finds. Read it as learn.health.';

-- views/operations/health.sql

-- What ails the database, each with the statement that mends it: no row when all is well. Read by `dbtool doctor`, and by
-- psql. Reads only; all topics but integrity are answered from catalogs and statistics in milliseconds, and where
-- topic <> 'integrity' leaves that one out. Who is no member of pg_monitor sees no sessions of others.
create or replace view learn.health as
select a.severity, a.topic, a.subject, a.finding, a.mend
from learn_internal.find_ailments() a
union all
select 'error', 'integrity', d.check_name,
  format('%s rows are not what the facts say, such as %s instead of %s', d.rows, coalesce(d.actual, 'null'),
    coalesce(d.expected, 'null')),
  'select learn.rebuild_all();  -- or learn.rebuild_user(), for those in learn.check_integrity()'
from learn_internal.count_damage() d;
comment on view learn.health is
  'What ails the database, by topic, with the statement that mends it: no row when all is well. severity: error, warning, note. '
  'Where topic <> ''integrity'' it answers in milliseconds.';

-- functions/analytics/tally_user.sql

-- Puts what is tallied of a user into the tallies, or (p_sign -1) takes it out again.
create or replace function learn_internal.tally_user(p_user_id uuid, p_sign integer)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'registrations', s.registered_on, '', p_sign
  from learn.user_stats s
  where s.user_id = p_user_id
  union all
  select 'active_days', d.activity_date, '', p_sign
  from learn.user_activity_days d
  where d.user_id = p_user_id and not d.is_freeze
  union all
  select distinct 'active_weeks', date_trunc('week', d.activity_date::timestamp)::date,
    to_char(date_trunc('week', s.registered_on::timestamp), 'YYYY-MM-DD'), p_sign
  from learn.user_activity_days d
  join learn.user_stats s on s.user_id = d.user_id
  where d.user_id = p_user_id and not d.is_freeze
  union all
  select 'xp', t.earned_on, t.activity_type, p_sign * sum(t.amount)
  from learn_internal.all_payments t
  where t.user_id = p_user_id
  group by t.earned_on, t.activity_type;
end;
$$;
comment on function learn_internal.tally_user(uuid, integer) is
  'Puts what is tallied of a user into the tallies, or takes it out again.';

reset role;
