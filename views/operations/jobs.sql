-- What has to be called from a scheduler, as `dbtool schedule` prints it, and what shows that one is not.
-- No job is needed for what learners see: these keep things fast, small and ahead of time.
create or replace view learn.jobs as
with asked as (
  select learn.clock() as now_is, 10000 as many
)
select j.name, j.schedule, j.command, j.purpose, j.is_wanted, case when j.is_wanted then j.late end as late
from asked a
cross join lateral (values
  ('boards', '* * * * *', 'select learn.refresh_leaderboard()', 'merges what was gained into the boards', true,
    (select format('gains wait since %s', to_char(s.merged_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
     from learn_internal.board_state s
     where s.merged_at < a.now_is - interval '1 hour' and exists (select from learn_internal.board_gains))),
  ('analytics', '*/10 * * * *', 'select learn.refresh_analytics()', 'adds what has changed to the tallies', true,
    (select format('more than %s changes wait', a.many)
     from learn_internal.tally_changes c offset a.many limit 1)),
  ('sessions', '*/5 * * * *', 'select learn.close_abandoned_sessions()', 'closes sessions that nobody ended', true,
    (select 'a session has been open for more than a day'
     from learn.learning_sessions s
     where s.ended_at is null and s.started_at < a.now_is - interval '24 hours' limit 1)),
  ('integrity', '*/15 * * * *', 'select * from learn.check_slice(0.011)', 'checks all learners once a day, by slices', true,
    (select format('the round that began at %s has not ended',
       to_char(s.round_began_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
     from learn_internal.integrity_state s
     where s.round_began_at < a.now_is - interval '48 hours')),
  ('challenges', '10 2 * * *', 'select * from learn.schedule_daily_challenges(30)',
    'picks challenges of the day ahead', exists (select from learn.challenges c where c.is_active),
    (select 'there is no challenge for tomorrow'
     where not exists (
       select from learn.daily_challenges d where d.date > (a.now_is at time zone 'UTC')::date))),
  ('partitions', '0 3 * * *', 'select learn.ensure_partitions((now() + interval ''3 months'')::date)',
    'makes the partitions of coming months', true,
    (select format('learn.%s has no partition for %s', l.name, to_char(m.month, 'YYYY-MM'))
     from (values ('activity_log'), ('xp_transactions'), ('audit_log')) l(name)
     cross join (values (a.now_is at time zone 'UTC'), (a.now_is at time zone 'UTC' + interval '1 month')) m(month)
     where to_regclass(format('learn.%s_%s', l.name, to_char(m.month, 'YYYY_MM'))) is null
     limit 1)),
  ('keys', '20 3 * * *', 'delete from learn.idempotency_keys where created_at < now() - interval ''30 days''',
    'forgets calls that nobody repeats any more', true,
    (select 'keys are older than 60 days'
     from learn.idempotency_keys k where k.created_at < a.now_is - 60 * interval '24 hours' limit 1)),
  ('outbox', '30 3 * * *', 'select learn.purge_outbox(now() - interval ''30 days'')',
    'removes messages that are done', true,
    (select 'messages have been done for more than 60 days'
     from learn.outbox o where o.completed_at < a.now_is - 60 * interval '24 hours' limit 1)),
  ('notifications', '40 3 * * *', 'select learn.purge_notifications(now() - interval ''90 days'')',
    'removes old notifications', true,
    (select 'notifications are older than 180 days'
     from learn.notifications n where n.created_at < a.now_is - 180 * interval '24 hours' limit 1)),
  ('weeks', '0 13 * * 2', 'select learn.close_period(''week'')', 'keeps the standings of the week, and pays ranks',
    exists (select from learn.period_rewards r where r.period = 'week'),
    (select 'the last week but one is not closed'
     where not exists (
       select from learn.closed_periods c
       where c.period = 'week' and c.starts_on >= (a.now_is at time zone 'UTC')::date - 21))),
  ('months', '0 13 2 * *', 'select learn.close_period(''month'')', 'the same of the month',
    exists (select from learn.period_rewards r where r.period = 'month'),
    (select 'the last month but one is not closed'
     where not exists (
       select from learn.closed_periods c
       where c.period = 'month' and c.starts_on >= (a.now_is at time zone 'UTC' - interval '3 months')::date)))
) j(name, schedule, command, purpose, is_wanted, late);
comment on view learn.jobs is
  'What a scheduler has to call, by cron''s five fields, as learn_owner. late: what shows that a job does not run; '
  'null: nothing does. is_wanted: there is something to do for it in this product.';
