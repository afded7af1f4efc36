-- activity: the log of facts that everything is a projection of, and metrics as data.

set role learn_owner;

create table learn.activity_types (
  key           text primary key,
  description   text not null default '',
  is_qualifying boolean not null default false,
  happens_once  boolean not null default false,
  is_internal   boolean not null default false,
  pays          integer,
  is_capped     boolean not null default false,
  feeds_metrics boolean not null default false,
  feeds_days    boolean not null default false,
  resets_runs   boolean not null default false,
  constraint activity_type_key_is_a_slug check (key ~ '^[a-z0-9]+([-_.:][a-z0-9]+)*$')
);
comment on table learn.activity_types is
  'The kinds of facts. A product adds its own; Laurel''s own are named by its triggers.';
comment on column learn.activity_types.is_qualifying is
  'Makes the user''s local day an active one: a learning act.';
comment on column learn.activity_types.happens_once is
  'At most once per user and subject: record_activity() ignores a repeat.';
comment on column learn.activity_types.pays is
  'XP that a fact pays by the rule in xp_rules; null: there is none. This and the next four are kept '
  'by the triggers of xp_rules and metrics, so that the engine need not look there.';
comment on column learn.activity_types.is_capped is 'The rule that pays has a cap for the day.';
comment on column learn.activity_types.feeds_metrics is
  'Some metric counts, sums up, runs on or keeps the maximum of it.';
comment on column learn.activity_types.feeds_days is 'Some metric counts its days.';
comment on column learn.activity_types.resets_runs is 'It ends a run of some metric.';
comment on column learn.activity_types.is_internal is
  'Written by Laurel alone: record_activity() refuses it (LX010).';
grant select on learn.activity_types to learn_app, learn_readonly;

insert into learn.activity_types (key, description, is_qualifying, happens_once, is_internal) values
  ('user_registered', 'The user''s account was made.', false, true, true),
  ('lesson_started', 'The user started a lesson.', true, true, false),
  ('lesson_completed', 'The user completed a lesson.', true, true, false),
  ('lesson_perfect', 'The user completed a lesson without a fault.', true, true, false),
  ('track_completed', 'The user completed every item of a track.', true, true, false),
  ('difficulty_completed', 'The user completed every track of a difficulty.', true, true, false),
  ('path_completed', 'The user completed every track of a learning path.', true, true, false),
  ('achievement_earned', 'The user earned an achievement.', false, false, true),
  ('achievement_revoked', 'An achievement was taken away from the user.', false, false, true),
  ('level_reached', 'The user reached a level for the first time.', false, true, true),
  ('xp_awarded', 'XP was awarded by award_xp().', false, false, true),
  ('xp_reversed', 'XP was taken back by reverse_xp().', false, false, true),
  ('streak_freeze_granted', 'The user was given a streak freeze.', false, false, true),
  ('streak_freeze_earned', 'The user''s streak earned a freeze.', false, false, true),
  ('streak_freeze_used', 'A freeze covered a missed day.', false, false, true);

create table learn.activity_log (
  user_id         uuid not null references learn.users on delete cascade,
  id              bigint generated always as identity,
  activity_type   text not null,
  subject_type    text,
  subject_id      text,
  properties      jsonb not null default '{}',
  xp              integer,
  occurred_at     timestamptz not null default learn.clock(),
  local_date      date not null,
  is_qualifying   boolean not null,
  recorded_at     timestamptz not null default learn.clock(),
  idempotency_key text,
  primary key (user_id, id, recorded_at)
) partition by range (recorded_at);
comment on table learn.activity_log is
  'What happened: append-only (LX009), partitioned by month of recorded_at. A row that is inserted '
  'moves the streak, pays XP, counts in metrics and earns achievements in the same statement. '
  'The engine refuses malformed ones (LX001).';
comment on column learn.activity_log.properties is 'A JSON object, which the engine makes sure of.';
comment on column learn.activity_log.subject_type is
  'What kind of thing the fact is about; null: about none, and so is subject_id.';
comment on column learn.activity_log.activity_type is
  'A row of activity_types, which the engine makes sure of: no foreign key, because it would be asked '
  'for every fact.';
comment on column learn.activity_log.subject_id is 'Id or slug of what the fact is about, as text.';
comment on column learn.activity_log.xp is
  'XP that the fact itself carries; null: what xp_rules pays for its type.';
comment on column learn.activity_log.occurred_at is
  'When it happened; recorded_at is when Laurel heard of it.';
comment on column learn.activity_log.local_date is
  'The user''s local date at occurred_at. A later change of timezone leaves it.';
comment on column learn.activity_log.is_qualifying is
  'Whether the activity type made a day active when this was recorded.';
grant select on learn.activity_log to learn_app, learn_readonly;
create table learn.activity_log_default partition of learn.activity_log default;
comment on table learn.activity_log_default is
  'Facts of months without a partition of their own; ensure_partitions() moves them into one.';
grant select on learn.activity_log_default to learn_app, learn_readonly;

create table learn_internal.recorded_subjects (
  user_id       uuid not null references learn.users on delete cascade,
  activity_type text not null,
  subject_type  text not null,
  subject_id    text not null,
  primary key (user_id, activity_type, subject_type, subject_id)
);
comment on table learn_internal.recorded_subjects is
  'Facts from outside that happen once per subject, so that a repeat is known without a scan '
  'of the log. Laurel''s own triggers write no row here, since their tables'' keys say the same, '
  'but heed those that are here.';

create table learn.metrics (
  key                 text primary key,
  activity_type       text references learn.activity_types on update cascade,
  aggregate           text not null default 'count',
  property            text,
  filter              jsonb not null default '{}',
  scope_property      text,
  reset_activity_type text references learn.activity_types on update cascade,
  reset_filter        jsonb not null default '{}',
  description         text not null default '',
  is_board            boolean not null default false,
  defined_at          timestamptz not null default learn.clock(),
  constraint metric_key_is_a_slug check (key ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint aggregate_is_known check (
    aggregate in ('count', 'sum', 'max', 'distinct_days', 'run', 'stat')),
  constraint stats_come_from_user_stats check (
    (aggregate = 'stat') = (activity_type is null)
    and (aggregate <> 'stat' or key in ('xp', 'level_reached', 'current_streak', 'active_days'))),
  constraint sums_and_maxima_name_a_property check (
    (aggregate in ('sum', 'max')) = (property is not null)),
  constraint runs_have_a_reset check ((aggregate = 'run') = (reset_activity_type is not null)),
  constraint filters_are_objects check (
    jsonb_typeof(filter) = 'object' and jsonb_typeof(reset_filter) = 'object')
);
comment on table learn.metrics is
  'What is counted per user. count: facts; sum and max: of a number in properties; '
  'distinct_days: local days; run: facts since the last reset; '
  'stat: a column of user_stats (kept there, not in user_metrics).';
comment on column learn.metrics.filter is 'Only facts whose properties contain this count.';
comment on column learn.metrics.scope_property is
  'Property whose value is a scope: the metric is kept in total (scope '''') and once per value.';
comment on column learn.metrics.reset_activity_type is
  'For runs: a fact of this type, with reset_filter, ends the run.';
comment on column learn.metrics.defined_at is
  'When the metric was defined as it is. Its values are recounted then.';
comment on column learn.metrics.is_board is 'May be asked for as a leaderboard.';
create index metrics_activity_type on learn.metrics (activity_type);
create index metrics_reset_activity_type on learn.metrics (reset_activity_type);
grant select on learn.metrics to learn_app, learn_readonly;

create table learn_internal.metric_feeds (
  activity_type  text not null
    references learn.activity_types on update cascade on delete cascade,
  metric         text not null references learn.metrics on update cascade on delete cascade,
  is_scoped      boolean not null,
  aggregate      text not null,
  property       text,
  filter         jsonb not null,
  scope_property text,
  primary key (activity_type, metric, is_scoped)
);
comment on table learn_internal.metric_feeds is
  'What facts of a type add to: a row for each metric that they feed, and one more for its scopes. '
  'Kept by the triggers of metrics. Metrics of distinct days are not here.';
create index metric_feeds_metric on learn_internal.metric_feeds (metric);

create table learn.user_metrics (
  user_id uuid not null references learn.users on delete cascade,
  metric  text not null references learn.metrics on delete cascade,
  scope   text not null default '',
  value   bigint not null default 0,
  primary key (user_id, metric, scope)
) with (fillfactor = 70);
comment on table learn.user_metrics is
  'Value of each metric for each user and scope: a projection of activity_log.';
create index user_metrics_metric on learn.user_metrics (metric, scope, user_id);
grant select on learn.user_metrics to learn_app, learn_readonly;

create table learn_internal.user_metric_days (
  user_id       uuid not null references learn.users on delete cascade,
  metric        text not null references learn.metrics on delete cascade,
  scope         text not null,
  activity_date date not null,
  primary key (user_id, metric, scope, activity_date)
);
comment on table learn_internal.user_metric_days is
  'The days that a distinct_days metric has counted already.';
create index user_metric_days_metric on learn_internal.user_metric_days (metric, user_id);

-- functions/_shared/refuse_change.sql
-- Append-only tables: rows are neither changed nor deleted, except with the user
-- whose rows they are.
-- Errors: LX009.
create or replace function learn_internal.refuse_change()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' and not exists (select from learn.users u where u.id = old.user_id) then
    return old;  -- goes with its user
  end if;
  raise exception '% is append-only', tg_table_name
    using errcode = 'LX009',
      detail = format('%s of a row of user %s', lower(tg_op), old.user_id),
      hint = 'Write a new row that makes up for it: XP is taken back by learn.reverse_xp().';
end;
$$;
comment on function learn_internal.refuse_change() is
  'Row trigger: refuses update and delete (LX009) while the user exists.';
revoke all on function learn_internal.refuse_change() from public;

-- functions/_shared/refuse_truncate.sql
-- Append-only tables are not emptied either.
-- Errors: LX009.
create or replace function learn_internal.refuse_truncate()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '% is append-only', tg_table_name
    using errcode = 'LX009', detail = format('truncate of %s.%s', tg_table_schema, tg_table_name),
      hint = 'To retire old rows, detach or drop a whole month''s partition.';
end;
$$;
comment on function learn_internal.refuse_truncate() is
  'Statement trigger: refuses truncate (LX009).';
revoke all on function learn_internal.refuse_truncate() from public;

-- triggers/activity/activity_log_is_append_only.sql
-- When a fact is changed or deleted: refused.
create or replace trigger activity_log_is_append_only
  before update or delete on learn.activity_log
  for each row
  execute function learn_internal.refuse_change();
comment on trigger activity_log_is_append_only on learn.activity_log is
  'Refuses update and delete (LX009).';

-- triggers/activity/activity_log_truncate.sql
-- When someone empties the log: refused.
create or replace trigger activity_log_truncate
  before truncate on learn.activity_log
  for each statement
  execute function learn_internal.refuse_truncate();
comment on trigger activity_log_truncate on learn.activity_log is 'Refuses truncate (LX009).';

-- triggers/activity/activity_log_default_truncate.sql
-- When someone empties the default partition: refused.
create or replace trigger activity_log_default_truncate
  before truncate on learn.activity_log_default
  for each statement
  execute function learn_internal.refuse_truncate();
comment on trigger activity_log_default_truncate on learn.activity_log_default is
  'Refuses truncate (LX009).';

-- triggers/activity/complete_activity.sql
-- When a fact is written by hand: what its writer left out is filled in. Laurel's own triggers
-- leave nothing out, set-based, so that this row trigger does not fire for them.
-- Errors: LX001 unknown activity type; LX002 unknown user.
create or replace function learn_internal.complete_activity()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.local_date is null then
    select (new.occurred_at at time zone u.timezone)::date into new.local_date
    from learn.users u
    where u.id = new.user_id;
    if not found then
      raise exception 'unknown user'
        using errcode = 'LX002',
          detail = format('user_id = %s', coalesce(new.user_id::text, 'null')),
          hint = 'Register the user first.';
    end if;
  end if;
  if new.is_qualifying is null then
    select t.is_qualifying into new.is_qualifying
    from learn.activity_types t
    where t.key = new.activity_type;
    if not found then
      raise exception 'unknown activity type'
        using errcode = 'LX001',
          detail = format('activity_type = %s', coalesce(new.activity_type, 'null')),
          hint = 'Add it to learn.activity_types first.';
    end if;
  end if;
  return new;
end;
$$;
comment on function learn_internal.complete_activity() is
  'Row trigger: fills local_date and is_qualifying of a fact.';
revoke all on function learn_internal.complete_activity() from public;

create or replace trigger complete_activity
  before insert on learn.activity_log
  for each row
  when (new.local_date is null or new.is_qualifying is null)
  execute function learn_internal.complete_activity();
comment on trigger complete_activity on learn.activity_log is
  'Fills local_date and is_qualifying where left out.';

-- functions/activity/note_consequences.sql
-- When rules or metrics change: what each type of fact can cause is noted with the type,
-- and how it feeds metrics, a row for each value that it moves.
create or replace function learn_internal.note_consequences()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update learn.activity_types t
  set pays = c.pays, is_capped = c.is_capped, feeds_metrics = c.feeds_metrics,
    feeds_days = c.feeds_days, resets_runs = c.resets_runs
  from (
    select a.key,
      (select r.amount from learn.xp_rules r where r.activity_type = a.key) as pays,
      exists (
        select from learn.xp_rules r
        where r.activity_type = a.key and r.daily_cap is not null) as is_capped,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate <> 'distinct_days') as feeds_metrics,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate = 'distinct_days') as feeds_days,
      exists (select from learn.metrics m where m.reset_activity_type = a.key) as resets_runs
    from learn.activity_types a
  ) c
  where t.key = c.key and (t.pays, t.is_capped, t.feeds_metrics, t.feeds_days, t.resets_runs)
    is distinct from (c.pays, c.is_capped, c.feeds_metrics, c.feeds_days, c.resets_runs);

  with feeds as (
    select m.activity_type, m.key as metric, s.is_scoped, m.aggregate, m.property, m.filter,
      case when s.is_scoped then m.scope_property end as scope_property
    from learn.metrics m
    cross join (values (false), (true)) s(is_scoped)
    where m.activity_type is not null and m.aggregate <> 'distinct_days'
      and (m.scope_property is not null or not s.is_scoped)
  ), gone as (
    delete from learn_internal.metric_feeds o
    where not exists (
      select from feeds f
      where (f.activity_type, f.metric, f.is_scoped) = (o.activity_type, o.metric, o.is_scoped))
  )
  insert into learn_internal.metric_feeds as o
    (activity_type, metric, is_scoped, aggregate, property, filter, scope_property)
  select * from feeds
  on conflict (activity_type, metric, is_scoped) do update
    set aggregate = excluded.aggregate, property = excluded.property, filter = excluded.filter,
      scope_property = excluded.scope_property
    where (o.aggregate, o.property, o.filter, o.scope_property)
      is distinct from (excluded.aggregate, excluded.property, excluded.filter,
        excluded.scope_property);
  return null;
end;
$$;
comment on function learn_internal.note_consequences() is
  'Statement trigger: notes with activity types what facts can cause.';
revoke all on function learn_internal.note_consequences() from public;

-- triggers/activity/activity_types_change.sql
-- When activity types are renamed or deleted: learners wait.
create or replace trigger activity_types_change
  before update of key or delete on learn.activity_types
  for each statement
  execute function learn_internal.change_content();
comment on trigger activity_types_change on learn.activity_types is 'A change has learners wait.';

-- triggers/activity/keep_activity_types.sql
-- When activity types are renamed or deleted: not those that facts have, because the log keeps
-- their keys.
-- Errors: LX001 there are facts of the type.
create or replace function learn_internal.keep_activity_types()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if (tg_op = 'DELETE' or new.key <> old.key)
    and exists (select from learn.activity_log f where f.activity_type = old.key)
  then
    raise exception 'there are facts of the activity type %', old.key
      using errcode = 'LX001', detail = format('key = %s', old.key),
        hint = 'The log is append-only: leave the type, and add another one.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.keep_activity_types() is
  'Row trigger: activity types that facts have keep their keys (LX001).';
revoke all on function learn_internal.keep_activity_types() from public;

create or replace trigger keep_activity_types
  after update of key or delete on learn.activity_types
  for each row
  execute function learn_internal.keep_activity_types();
comment on trigger keep_activity_types on learn.activity_types is
  'Activity types that facts have keep their keys (LX001).';

-- triggers/activity/metrics_consequences.sql
-- When metrics change: what each type of fact can cause is noted with the type.
create or replace trigger metrics_consequences
  after insert or update or delete on learn.metrics
  for each statement
  execute function learn_internal.note_consequences();
comment on trigger metrics_consequences on learn.metrics is
  'Notes with activity types what facts can cause.';

-- functions/operations/lock_logs.sql
-- Takes every lock that making partitions needs, all at once or none: users (for the foreign keys),
-- the log and the ledger. Tries for short whiles, letting go in between, so that it is never part
-- of a deadlock and never has writers queue behind it for long. Errors: 55P03 after 50 tries.
create or replace function learn_internal.lock_logs()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
begin
  for v_try in 1 .. 50 loop
    begin
      lock table learn.users in share row exclusive mode;
      lock table learn.activity_types in share row exclusive mode;
      lock table learn.activity_log in access exclusive mode;
      lock table learn.xp_transactions in access exclusive mode;
      return;
    exception
      when lock_not_available then
        if v_try = 50 then
          raise;
        end if;
    end;
    perform pg_sleep(0.02 * v_try);
  end loop;
end;
$$;
comment on function learn_internal.lock_logs() is
  'Takes the locks that making partitions needs, all at once or none.';
revoke all on function learn_internal.lock_logs() from public;

-- functions/operations/ensure_month.sql
-- Makes the partition of one month of a log that is partitioned by month, and moves the rows
-- of that month out of the default partition. Returns whether there was something to do.
-- The caller holds the locks: see lock_logs().
create or replace function learn_internal.ensure_month(p_table name, p_month date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition name := p_table || to_char(p_month, '_YYYY_MM');
  v_default   name := p_table || '_default';
  v_key       name := case p_table when 'activity_log' then 'recorded_at' else 'created_at' end;
begin
  if to_regclass(format('learn.%I', v_partition)) is not null then
    return false;
  end if;

  execute format('create table learn.%I (like learn.%I including defaults including constraints)',
    v_partition, v_default);
  execute format('alter table learn.%I disable trigger user', v_default);
  execute format(
    'with moved as (delete from learn.%1$I '
    'where %2$I >= %3$L::timestamptz and %2$I < %4$L::timestamptz returning *)
     insert into learn.%5$I select * from moved',
    v_default, v_key, p_month::timestamp at time zone 'UTC',
    (p_month + interval '1 month')::timestamp at time zone 'UTC', v_partition);
  execute format('alter table learn.%I enable trigger user', v_default);
  execute format(
    'alter table learn.%I attach partition learn.%I for values from (%L) to (%L)',
    p_table, v_partition, p_month::timestamp at time zone 'UTC',
    (p_month + interval '1 month')::timestamp at time zone 'UTC');
  execute format(
    'create trigger %I before truncate on learn.%I for each statement execute function '
    'learn_internal.refuse_truncate()',
    v_partition || '_truncate', v_partition);
  execute format('comment on table learn.%I is %L',
    v_partition, 'Rows of ' || to_char(p_month, 'YYYY-MM') || ' (UTC).');
  execute format('grant select on learn.%I to learn_app, learn_readonly', v_partition);
  return true;
end;
$$;
comment on function learn_internal.ensure_month(name, date) is
  'Makes one month''s partition of activity_log or xp_transactions; '
  'false when it is there already.';
revoke all on function learn_internal.ensure_month(name, date) from public;

-- functions/operations/ensure_partitions.sql
-- Makes the monthly partitions of the log and the ledger from the current month (UTC)
-- up to the one of p_until, and for every month that has rows in a default partition.
-- Call it from a scheduler, some months ahead; without it rows go to the default
-- partitions and nothing fails.
-- Errors: LX001 p_until is missing or more than ten years ahead; 55P03 the logs could
-- not be locked: call it again.
create or replace function learn.ensure_partitions(p_until date)
returns integer
language plpgsql
volatile
security definer                  -- partitions belong to the owner of the table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_now    date := date_trunc('month', learn.clock())::date;
  v_tables name[];
  v_months date[];
  v_made   integer;
begin
  if p_until is null or p_until > v_now + interval '10 years' then
    raise exception 'partitions are made at most ten years ahead'
      using errcode = 'LX001', detail = format('p_until = %s', coalesce(p_until::text, 'null')),
        hint = 'Give a date some months ahead.';
  end if;

  -- One scheduler at a time. Nothing to do is the common case, and takes no lock
  -- that a writer waits for.
  perform pg_advisory_xact_lock('learn.activity_log'::regclass::integer, 2);
  select array_agg(m.name order by m.month, m.name), array_agg(m.month order by m.month, m.name)
  into v_tables, v_months
  from (
    select t.name, g.month::date as month
    from unnest(array['activity_log', 'xp_transactions']::name[]) t(name)
    cross join generate_series(
      v_now::timestamp, date_trunc('month', greatest(p_until, v_now)::timestamp),
      interval '1 month') g(month)
    union
    select 'activity_log', date_trunc('month', f.recorded_at)::date
    from learn.activity_log_default f
    union
    select 'xp_transactions', date_trunc('month', t.created_at)::date
    from learn.xp_transactions_default t
  ) m
  where to_regclass(format('learn.%I', m.name || to_char(m.month, '_YYYY_MM'))) is null;
  if v_tables is null then
    return 0;
  end if;

  perform learn_internal.lock_logs();
  select count(*) filter (where learn_internal.ensure_month(m.name, m.month)) into v_made
  from unnest(v_tables, v_months) m(name, month);
  return v_made;
end;
$$;
comment on function learn.ensure_partitions(date) is
  'Makes the monthly partitions of activity_log and xp_transactions up to a date; '
  'returns how many were made.';
revoke all on function learn.ensure_partitions(date) from public;

reset role;
