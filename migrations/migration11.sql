-- Analytics

set role learn_owner;

-- views/analytics/tally.sql

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
from learn.xp_transactions t
group by t.earned_on, t.activity_type
having sum(t.amount) <> 0;
comment on view learn_internal.tally_recounts is
  'The tallies recounted from the rows that they count.';

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

-- views/analytics/learners.sql

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

-- views/analytics/funnel.sql

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

-- views/analytics/by_source.sql

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
select * from learn_internal.identity_damage
union all select * from learn_internal.xp_damage
union all select * from learn_internal.streak_damage
union all select * from learn_internal.activity_damage
union all select * from learn_internal.practice_damage
union all select * from learn_internal.quiz_damage
union all select * from learn_internal.challenge_damage
union all select * from learn_internal.skill_damage
union all select * from learn_internal.progress_damage
union all select * from learn_internal.date_damage
union all select * from learn_internal.achievement_damage
union all select * from learn_internal.community_damage
union all select * from learn_internal.credential_damage
union all select * from learn_internal.board_damage;
comment on view learn_internal.damage is
  'Where projections of learners are not what follows from facts, in all domains; no row when all is well.';

-- What belongs to nobody: content, rules, and what is counted of everybody.
create or replace view learn_internal.common_damage (check_name, user_id, expected, actual) as
select * from learn_internal.catalog_damage
union all select * from learn_internal.rule_damage
union all select * from learn_internal.board_stretch_damage
union all select * from learn_internal.tally_damage;
comment on view learn_internal.common_damage is
  'Where projections that are nobody''s are not what follows from facts; no row when all is well.';

-- views/operations/health.sql

-- What ails the database, each with the statement that mends it: no row when all is well. Read by `dbtool doctor`, and by
-- psql. Reads only; all topics but integrity are answered from catalogs and statistics in milliseconds, and where
-- topic <> 'integrity' leaves that one out. Who is no member of pg_monitor sees no sessions of others.
create or replace view learn.health as
with relation as (
  select c.oid, c.oid::regclass::text as name, c.relname, c.relkind, c.relowner, c.reltoastrelid, c.relfrozenxid,
    c.reloptions, n.nspname ~ '^learn(_internal)?$' as is_ours
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace and n.nspname !~ '^(pg_|information_schema$)'
  where c.relkind in ('r', 'p', 'i', 'I', 'm', 'S', 'v')
),
index_ as (
  select i.*, i.indexrelid::regclass::text as name, pg_relation_size(i.indexrelid) as size,
    exists (select from pg_constraint k where k.conindid = i.indexrelid) as backs_constraint
  from pg_index i
  join relation r on r.oid = i.indrelid
),
database as (
  select d.*, quote_ident(d.datname) as name, pg_database_size(d.oid) as size
  from pg_database d
  where d.datname = current_database()
),
setting as (
  select s.name, s.setting, current_setting(s.name) as shown
  from pg_settings s
)
select f.severity, f.topic, f.subject, f.finding, f.mend
from (
  select 'error' as severity, 'integrity' as topic, d.check_name as subject,
    format('%s rows are not what the facts say, such as %s instead of %s', count(*), coalesce(min(d.actual), 'null'),
      coalesce(min(d.expected), 'null')) as finding,
    'select learn.rebuild_all();  -- or learn.rebuild_user(), for those in learn.check_integrity()' as mend
  from learn_internal.damage d
  group by d.check_name
  union all
  select 'error', 'roles', r.name, 'the role does not exist', format('create role %I nologin;', r.name)
  from (values ('learn_owner'), ('learn_app'), ('learn_user'), ('learn_editor'), ('learn_readonly')) r(name)
  where not exists (select from pg_roles p where p.rolname = r.name)
  union all
  select 'note', 'roles', 'learn_app', 'nobody who logs in is a member: no backend can call anything',
    'grant learn_app to my_backend;'
  where not exists (
    select from pg_roles p, pg_roles a
    where a.rolname = 'learn_app' and p.rolcanlogin and not p.rolsuper and pg_has_role(p.oid, a.oid, 'member'))
  union all
  select 'error', 'grants', n.nspname, format('%s may not use the schema', p.rolname),
    format('grant usage on schema %I to %I;  -- dbtool verify has all of what is missing', n.nspname, p.rolname)
  from pg_namespace n
  join pg_roles p on p.rolname in ('learn_app', 'learn_user', 'learn_editor', 'learn_readonly')
  where n.nspname = 'learn' and not has_schema_privilege(p.oid, n.oid, 'usage')
  union all
  select 'error', 'grants', p.oid::regprocedure::text, 'everybody may call it',
    format('revoke execute on function %s from public;', p.oid::regprocedure)
  from pg_proc p
  where p.pronamespace in (to_regnamespace('learn'), to_regnamespace('learn_internal'))
    and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) e
                where e.grantee = 0 and e.privilege_type = 'EXECUTE')
  union all
  select 'warning', 'grants', r.name, format('it belongs to %s', pg_get_userbyid(r.relowner)),
    format('alter table %s owner to learn_owner;', r.name)
  from relation r
  where r.is_ours and r.relkind in ('r', 'p', 'v') and pg_get_userbyid(r.relowner) <> 'learn_owner'
  union all
  select 'warning', 'jobs', j.name, format('it does not run: %s', j.late), j.command || ';  -- and see dbtool schedule'
  from learn.jobs j
  where j.late is not null
  union all
  select 'error', 'outbox', o.topic, format('%s messages were given up', count(*)),
    'select * from learn.dead_outbox;  -- then select learn.retry_outbox(array[…]);'
  from learn.dead_outbox o
  group by o.topic
  union all
  select 'error', 'indexes', i.name, 'it is invalid: it is kept up, and not read',
    format('reindex index concurrently %s;', i.name)
  from index_ i
  where not i.indisvalid and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
  union all
  select 'warning', 'indexes', i.name, format('it is the same as %s', o.name),
    format('drop index concurrently %s;', i.name)
  from index_ i
  join index_ o on o.indrelid = i.indrelid and o.indexrelid <> i.indexrelid and o.indisvalid
    and o.indkey = i.indkey and o.indclass = i.indclass and o.indcollation = i.indcollation and o.indoption = i.indoption
    and o.indnkeyatts = i.indnkeyatts and o.indisunique >= i.indisunique
    and pg_get_expr(o.indpred, o.indrelid) is not distinct from pg_get_expr(i.indpred, i.indrelid)
    and pg_get_expr(o.indexprs, o.indrelid) is not distinct from pg_get_expr(i.indexprs, i.indrelid)
  where not i.backs_constraint
    and (o.backs_constraint or (o.indisunique, o.indexrelid < i.indexrelid) > (i.indisunique, false))
  union all
  select 'note', 'indexes', i.name, format('nothing has read it since %s, and it takes %s',
      coalesce(to_char(t.stats_reset, 'YYYY-MM-DD'), 'the statistics began'), pg_size_pretty(i.size)),
    format('drop index concurrently %s;  -- if it is yours, and replicas do not read it either', i.name)
  from index_ i
  join pg_stat_all_indexes s on s.indexrelid = i.indexrelid and s.idx_scan = 0
  join pg_stat_database t on t.datname = current_database()
  where i.size > 50 * 1024 * 1024 and not i.indisunique and not i.backs_constraint
  union all
  select 'error', 'triggers', format('%s on %s', t.tgname, r.name), 'it is disabled',
    format('alter table %s enable trigger %I;  -- then look at learn.check_integrity()', r.name, t.tgname)
  from pg_trigger t
  join relation r on r.oid = t.tgrelid
  where t.tgenabled = 'D' and not t.tgisinternal
  union all
  select 'warning', 'bloat', r.name, format('%s of %s rows are dead', s.n_dead_tup, s.n_dead_tup + s.n_live_tup),
    format('vacuum (analyze) %s;', r.name)
  from pg_stat_all_tables s
  join relation r on r.oid = s.relid
  where s.n_dead_tup > 10000 and s.n_dead_tup > 0.3 * s.n_live_tup
  union all
  select 'warning', 'bloat', r.name, 'autovacuum is switched off for it',
    format('alter table %s reset (autovacuum_enabled);', r.name)
  from relation r
  where 'autovacuum_enabled=false' = any (r.reloptions)
  union all
  select 'error', 'bloat', r.name, format('its oldest transaction is %s transactions old', age(r.relfrozenxid)),
    format('vacuum (freeze) %s;', r.name)
  from relation r
  where r.relkind in ('r', 'm') and r.relfrozenxid <> '0' and age(r.relfrozenxid) > 1000000000
  union all
  select 'warning', 'sessions', format('pid %s', s.pid),
    format('%s of %s: a transaction open since %s', s.state, s.usename, to_char(s.xact_start, 'YYYY-MM-DD HH24:MI')),
    format('select pg_terminate_backend(%s);', s.pid)
  from pg_stat_activity s
  where s.datname = current_database() and s.pid <> pg_backend_pid() and s.backend_type = 'client backend'
    and s.xact_start < now() - interval '10 minutes'
  union all
  select 'error', 'sessions', x.gid, 'a prepared transaction holds its locks since ' || to_char(x.prepared, 'YYYY-MM-DD HH24:MI'),
    format('rollback prepared %L;', x.gid)
  from pg_prepared_xacts x
  where x.database = current_database() and x.prepared < now() - interval '10 minutes'
  union all
  select 'warning', 'sessions', s.slot_name, 'a replication slot that nobody reads keeps the write-ahead log',
    format('select pg_drop_replication_slot(%L);', s.slot_name)
  from pg_replication_slots s
  where not s.active and not s.temporary
  union all
  select 'warning', 'sequences', format('%I.%I', s.schemaname, s.sequencename),
    format('it is at %s of %s', s.last_value, s.max_value),
    format('alter sequence %I.%I as bigint;  -- and its column', s.schemaname, s.sequencename)
  from pg_sequences s
  where s.increment_by > 0 and s.last_value > 0.7 * s.max_value
  union all
  select w.severity, 'settings', s.name, format('it is %s: %s', s.shown, w.why),
    case when w.is_local then format('alter database %s set %s = %s;', d.name, s.name, w.better)
      else format('alter system set %s = %L; select pg_reload_conf();', s.name, w.better) || w.note end
  from database d
  cross join setting s
  join (values
    ('warning', 'jit', 'on', 'short statements are compiled for longer than they run', 'off', true, ''),
    ('error', 'fsync', 'off', 'a crash of the machine can destroy the database', 'on', false, ''),
    ('error', 'full_page_writes', 'off', 'a crash of the machine can destroy the database', 'on', false, ''),
    ('error', 'autovacuum', 'off', 'tables grow for ever', 'on', false, ''),
    ('error', 'track_counts', 'off', 'autovacuum does not know what to do', 'on', false, ''),
    ('note', 'synchronous_commit', 'off', 'a crash loses the last calls that were answered', 'on', true, ''),
    ('note', 'idle_in_transaction_session_timeout', '0', 'a client that is lost holds its locks for ever', '''1min''', true, '')
  ) w(severity, name, value, why, better, is_local, note) on w.name = s.name and w.value = s.setting
  where s.name <> 'jit' or pg_jit_available()
  union all
  select 'warning', 'settings', s.name, format('it is %s, and the database has %s', s.shown, pg_size_pretty(d.size)),
    'alter system set shared_buffers = ''2GB'';  -- a quarter of the memory; then restart'
  from database d
  join setting s on s.name = 'shared_buffers' and s.setting::bigint * 8192 < least(d.size / 8, 1073741824)
  union all
  select 'note', 'settings', s.name, format('it is %s: so many sessions cost memory, and waits for one another', s.shown),
    'alter system set max_connections = ''200'';  -- behind a pooler; then restart'
  from setting s
  where s.name = 'max_connections' and s.setting::integer > 500
) f;
comment on view learn.health is
  'What ails the database, by topic, with the statement that mends it: no row when all is well. severity: error, warning, note. '
  'Where topic <> ''integrity'' it answers in milliseconds.';

reset role;
