-- The engine: activity, XP, streaks, achievements

set role learn_owner;

-- views/streaks/freeze_days.sql

-- The day that each freeze in hand would cover: the i-th one the i-th day after the user's last. It
-- covers it if it was held by then. Filter by user_id: the condition reaches the table.
create or replace view learn_internal.freeze_days as
select f.user_id, f.freeze_id, f.missed_day, f.granted_on <= f.missed_day as is_held
from (
  select f.user_id, f.id as freeze_id, f.granted_on,
    s.last_activity_date + (row_number() over (
      partition by f.user_id order by f.granted_on, f.is_earned, f.id))::integer as missed_day
  from learn.streak_freezes f
  join learn.user_stats s on s.user_id = f.user_id
  where f.used_on is null
) f;
comment on view learn_internal.freeze_days is
  'Freezes in hand and the days that they would cover, whether each was held by then.';

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
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  return coalesce((
    select e.days from learn_internal.streak_ends e
    where e.user_id = p_user_id and e.ends_at > learn.clock()), 0);
end;
$$;
comment on function learn.calculate_user_streak(uuid) is
  'The user''s streak as of their local today, in days; 0 once a day was missed.';
grant execute on function learn.calculate_user_streak(uuid) to learn_app, learn_user, learn_readonly;

-- functions/streaks/walk_streak.sql

-- What a user's active days and freezes make of the streak, from the first day to the last: so that it is
-- the same in whatever order they came in. Before each active day, the days missed since the last one are
-- covered if the freezes in hand suffice for all of them, each held by the day that it covers; else the streak
-- starts anew. From the day p_from on, streaks earn freezes, by the settings of now; those that were earned
-- before, and null for all, are taken as they are. Freezes that were granted on a day count from the next
-- on as held when it comes to earning another.
create or replace function learn_internal.walk_streak(p_user_id uuid, p_from date)
returns learn_internal.streak_walk
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_walk    learn_internal.streak_walk;
  v_every   integer := 0;
  v_maximum integer;
  v_ids     bigint[];                -- the freezes in hand, in the order in which they are spent
  v_granted date[];
  v_last    date;
  v_missed  integer;
  v_covered integer;
  v_place   integer;
  v_date    date;
  v_flown   integer;
begin
  if p_from is not null then
    v_every := learn_internal.setting_number('streak_freeze_every_days');
    v_maximum := learn_internal.setting_number('streak_freeze_maximum');
  end if;
  select coalesce(array_agg(f.id order by f.granted_on, f.is_earned, f.id), '{}'),
    coalesce(array_agg(f.granted_on order by f.granted_on, f.is_earned, f.id), '{}')
  into v_ids, v_granted
  from learn.streak_freezes f
  where f.user_id = p_user_id and not (f.is_earned and v_every > 0 and f.granted_on >= p_from);
  v_walk := (0, 0, 0, null, '{}', '{}', '{}', '{}');

  for v_date, v_flown in
    select d.activity_date, d.flown_over
    from learn.user_activity_days d
    where d.user_id = p_user_id and not d.is_freeze
    order by d.activity_date
  loop
    v_missed := v_date - v_last - 1 - v_flown;
    if v_missed > 0 and v_missed <= cardinality(v_ids) then
      select count(*) filter (where g.granted_on <= v_last + g.place::integer) into v_covered
      from unnest(v_granted[1:v_missed]) with ordinality g(granted_on, place);
      if v_covered = v_missed then
        v_walk.used_on := v_walk.used_on
          || array(select v_last + n from generate_series(1, v_missed) n);
        v_walk.freeze_ids := v_walk.freeze_ids || v_ids[1:v_missed];
        v_walk.granted_on := v_walk.granted_on || v_granted[1:v_missed];
        v_ids := v_ids[v_missed + 1:];
        v_granted := v_granted[v_missed + 1:];
        v_missed := 0;
      end if;
    end if;
    v_walk.current_streak := case when v_missed = 0 then v_walk.current_streak + 1 else 1 end;
    v_walk.longest_streak := greatest(v_walk.longest_streak, v_walk.current_streak);
    v_walk.active_days := v_walk.active_days + 1;
    if v_every > 0 and v_date >= p_from and v_walk.current_streak % v_every = 0 then
      v_place := (select count(*) from unnest(v_granted) g where g < v_date);
      if v_place < v_maximum then
        v_walk.earned_on := v_walk.earned_on || v_date;
        v_place := (select count(*) from unnest(v_granted) g where g <= v_date);
        v_ids := v_ids[:v_place] || null::bigint || v_ids[v_place + 1:];
        v_granted := v_granted[:v_place] || v_date || v_granted[v_place + 1:];
      end if;
    end if;
    v_last := v_date;
  end loop;
  v_walk.last_activity_date := v_last;
  return v_walk;
end;
$$;
comment on function learn_internal.walk_streak(uuid, date) is
  'What a user''s active days and freezes make of the streak, in whatever order they came in.';

-- functions/activity/is_countable.sql

-- Whether a value of a fact's properties can be summed up: missing, null,
-- or a number that fits a counter.
create or replace function learn_internal.is_countable(p_value jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case coalesce(jsonb_typeof(p_value), 'null')
    when 'null' then true
    when 'number' then abs(p_value::numeric) <= 1e12
    else false
  end;
$$;
comment on function learn_internal.is_countable(jsonb) is
  'Whether a value of a fact''s properties can be summed up: missing, null, '
  'or a number of at most 1e12.';

-- functions/activity/activity_problem.sql

-- What is wrong with an activity that a backend wants recorded, in words; null when nothing is.
create or replace function learn_internal.activity_problem(
  p_activity_type text, p_subject_type text, p_subject_id text, p_properties jsonb
)
returns text
language plpgsql                  -- keeps its plan
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case
      when t.key is null then format('unknown activity type %s', coalesce(left(p_activity_type, 50), 'null'))
      when t.is_internal then format('%s is written by Laurel itself', t.key)
      when (p_subject_type is null) <> (p_subject_id is null)
        then 'a subject has both a type and an id'
      when length(p_subject_type) > 100 or length(p_subject_id) > 500
        then 'a subject''s type has at most 100 characters, its id at most 500'
      when jsonb_typeof(p_properties) is distinct from 'object'
        then 'the properties are not a JSON object'
      when pg_column_size(p_properties) > 65536
        then format('the properties have %s bytes, at most 65536', pg_column_size(p_properties))
      else (
        select case
          when not learn_internal.is_countable(p_properties -> m.property)
            then format('the property %s is not a number of at most 1e12: %s',
              m.property, left((p_properties -> m.property)::text, 50))
          else format('the property %s, a scope, has more than 200 characters', m.scope_property)
        end
        from learn.metrics m
        where m.activity_type = t.key and p_properties @> m.filter
          and (not learn_internal.is_countable(p_properties -> m.property)
            or length(p_properties ->> m.scope_property) > 200)
        order by m.key
        limit 1)
    end
    from (select p_activity_type as key) a
    left join learn.activity_types t on t.key = a.key);
end;
$$;
comment on function learn_internal.activity_problem(text, text, text, jsonb) is
  'What is wrong with an activity to record, in words; null when nothing is.';

-- functions/activity/activity_problem_code.sql

-- SQLSTATE for an activity that cannot be recorded: LX010 for a type that only Laurel writes,
-- else LX001.
create or replace function learn_internal.activity_problem_code(p_activity_type text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case when exists (
    select from learn.activity_types t where t.key = p_activity_type and t.is_internal
  ) then 'LX010' else 'LX001' end;
$$;
comment on function learn_internal.activity_problem_code(text) is
  'SQLSTATE for an activity that cannot be recorded.';

-- functions/activity/batch_rows.sql

-- The elements of a valid batch of activities as rows.
create or replace function learn_internal.batch_rows(p_batch jsonb)
returns table (
  "position" bigint, user_id uuid,
  activity_type text, subject_type text, subject_id text, properties jsonb,
  occurred_at timestamptz, idempotency_key text, arguments_hash text, first_position_of_key bigint
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select e.position, (e.value ->> 'user_id')::uuid,
    e.value ->> 'activity_type', e.value ->> 'subject_type', e.value ->> 'subject_id',
    coalesce(nullif(e.value -> 'properties', 'null'), '{}'),
    coalesce((e.value ->> 'occurred_at')::timestamptz, learn.clock()),
    e.value ->> 'idempotency_key',
    learn_internal.hash_call('record_activity', jsonb_build_object(
      'activity_type', e.value ->> 'activity_type',
      'subject_type', e.value ->> 'subject_type', 'subject_id', e.value ->> 'subject_id',
      'properties', coalesce(nullif(e.value -> 'properties', 'null'), '{}'),
      'occurred_at', (e.value ->> 'occurred_at')::timestamptz at time zone 'UTC')),
    min(e.position) over (partition by (e.value ->> 'user_id')::uuid, e.value ->> 'idempotency_key')
  from jsonb_array_elements(p_batch) with ordinality e(value, position);
$$;
comment on function learn_internal.batch_rows(jsonb) is
  'The elements of a valid batch of activities as rows.';

-- functions/activity/batch_problems.sql

-- What is wrong with the elements of a batch of activities: their numbers from 1,
-- an SQLSTATE, and words.
create or replace function learn_internal.batch_problems(p_batch jsonb)
returns table ("position" bigint, code text, problem text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The shape first: what follows casts to uuid and timestamptz.
  return query
  select e.position, 'LX001', case
    when jsonb_typeof(e.value) <> 'object' then 'it is not a JSON object'
    when not coalesce(e.value ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
      then format('user_id is not a UUID: %s', coalesce(left(e.value ->> 'user_id', 50), 'null'))
    when e.value ->> 'occurred_at' is not null
      and not learn_internal.is_timestamp(e.value ->> 'occurred_at')
      then format('occurred_at is not a time: %s', left(e.value ->> 'occurred_at', 50))
    when e.value ->> 'idempotency_key' !~ E'\\S' or length(e.value ->> 'idempotency_key') > 200
      then 'idempotency_key is blank or longer than 200 characters'
  end
  from jsonb_array_elements(p_batch) with ordinality e(value, position)
  where jsonb_typeof(e.value) <> 'object'
    or not coalesce(e.value ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
    or e.value ->> 'occurred_at' is not null
      and not learn_internal.is_timestamp(e.value ->> 'occurred_at')
    or e.value ->> 'idempotency_key' !~ E'\\S' or length(e.value ->> 'idempotency_key') > 200;
  if found then
    return;
  end if;

  return query
  with rows as materialized (
    select b.*, u.id as known_user_id, u.is_active,
      k.arguments_hash as earlier_hash, k.function_name,
      first_value(b.arguments_hash) over (
        partition by b.user_id, b.idempotency_key order by b.position) as first_hash,
      learn_internal.activity_problem(
        b.activity_type, b.subject_type, b.subject_id, b.properties) as problem
    from learn_internal.batch_rows(p_batch) b
    left join learn.users u on u.id = b.user_id
    left join learn.idempotency_keys k on k.user_id = b.user_id and k.key = b.idempotency_key
  ), limits as materialized (
    select learn.clock() + interval '5 minutes' as latest,
      learn.clock() - learn_internal.setting_number('max_event_age_days') * interval '24 hours'
        as earliest
  ), found as (
    select r.position, case
      when r.known_user_id is null then array['LX002', format('unknown user %s', r.user_id)]
      when not r.is_active then array['LX004', format('user %s is inactive', r.user_id)]
      when r.idempotency_key is not null
        and r.arguments_hash <> coalesce(r.earlier_hash, r.first_hash)
        then array['LX013', format('the idempotency key %s was used for another call (%s)',
          r.idempotency_key, coalesce(r.function_name, 'an earlier element'))]
      when r.earlier_hash is not null then null  -- a retry
      when r.problem is not null
        then array[learn_internal.activity_problem_code(r.activity_type), r.problem]
      when r.occurred_at not between l.earliest and l.latest
        then array['LX001', format('occurred_at is out of bounds: %s', r.occurred_at)]
    end as finding
    from rows r
    cross join limits l
  )
  select f.position, f.finding[1], f.finding[2] from found f where f.finding is not null;
end;
$$;
comment on function learn_internal.batch_problems(jsonb) is
  'What is wrong with the elements of a batch of activities; no row when nothing is.';

-- views/activity/domain_facts.sql

-- The facts that happen once per subject and that follow from rows of Laurel's own tables:
-- what those tables' keys say, in the words of the log.
create or replace view learn_internal.domain_facts as
select p.user_id, t.activity_type, 'lesson' as subject_type, p.lesson_id::text as subject_id
from learn.user_lesson_progress p
cross join lateral (
  values
    ('lesson_started', p.started_at is not null),
    ('lesson_completed', p.completed_at is not null),
    ('lesson_perfect', p.completed_at is not null)
) t(activity_type, has_happened)
where t.has_happened
union all
select p.user_id, t.activity_type, 'exercise', p.exercise_id::text
from learn.user_exercise_progress p
cross join lateral (
  values
    ('exercise_solved', p.solved_at is not null),
    ('exercise_solved_first_try', p.solved_at is not null)
) t(activity_type, has_happened)
where t.has_happened
union all
select p.user_id, t.activity_type, 'course', p.course_id::text
from learn.user_course_progress p
cross join lateral (
  values
    ('course_enrolled', true),
    ('course_completed', p.completed_at is not null)
) t(activity_type, has_happened)
where t.has_happened
union all
select p.user_id, 'level_completed', 'course_level', p.course_level_id::text
from learn.user_level_unlocks p
where p.completed_at is not null
union all
select p.user_id, 'challenge_completed', 'challenge', p.challenge_id::text
from learn.user_challenge_progress p
where p.completed_at is not null
union all
select p.user_id, 'challenge_level_passed', 'challenge_level', p.challenge_id || ':' || l
from learn.user_challenge_progress p
cross join lateral unnest(p.levels_completed) l
union all
select a.user_id, 'daily_challenge_completed', 'daily_challenge', a.daily_challenge_id::text
from learn.daily_challenge_attempts a
where a.passed
union all
select p.user_id, 'track_completed', 'track', p.track_id::text
from learn.user_track_progress p
where p.completed_at is not null
union all
select p.user_id, 'path_completed', 'path', p.path_id::text
from learn.user_path_progress p
where p.completed_at is not null
union all
select p.user_id, 'difficulty_completed', 'difficulty', p.difficulty
from learn.user_difficulty_progress p
union all
select d.author_id, 'discussion_posted', 'discussion', d.id::text
from learn.discussions d
where d.author_id is not null
union all
select r.author_id, 'reply_posted', 'reply', r.id::text
from learn.replies r
where r.author_id is not null
union all
select r.author_id, 'solution_accepted', 'reply', r.id::text
from learn.replies r
where r.first_accepted_at is not null and r.author_id is not null;
comment on view learn_internal.domain_facts is
  'Facts that happen once per subject and follow from rows of Laurel''s own tables. '
  'A lesson or exercise that is done settles the bonus facts of it too, earned or not.';

-- functions/activity/has_happened.sql

-- Whether a fact that happens once per subject has happened to a user: recorded from outside,
-- or written by Laurel's own triggers, whose tables say so. The caller has locked the user.
create or replace function learn_internal.has_happened(
  p_user_id uuid, p_activity_type text, p_subject_type text, p_subject_id text
)
returns boolean
language plpgsql                  -- keeps its plan
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = p_user_id and r.activity_type = p_activity_type
      and r.subject_type = p_subject_type and r.subject_id = p_subject_id)
  or exists (
    select from learn_internal.domain_facts d
    where d.user_id = p_user_id and d.activity_type = p_activity_type
      and d.subject_type = p_subject_type and d.subject_id = p_subject_id);
end;
$$;
comment on function learn_internal.has_happened(uuid, text, text, text) is
  'Whether a fact that happens once per subject has happened to a user.';

-- functions/activity/add_to_metric.sql

-- Adds to a user's metric, and finds the achievements whose thresholds that crosses.
-- The caller has locked the user.
create or replace function learn_internal.add_to_metric(
  p_user_id uuid, p_metric text, p_scope text, p_amount bigint, p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_won learn_internal.win[];
begin
  insert into learn.user_metrics as m (user_id, metric, scope, value)
  values (p_user_id, p_metric, p_scope, p_amount)
  on conflict (user_id, metric, scope) do update set value = m.value + excluded.value
  returning array(  -- as crossed_thresholds() says, without the price of another statement
    select (p_user_id, t.achievement_id, p_at, jsonb_build_object(
      'metric', p_metric, 'scope', p_scope, 'value', m.value))::learn_internal.win
    from learn_internal.achievement_thresholds t
    where t.metric = p_metric and t.scope = p_scope
      and t.threshold > m.value - p_amount and t.threshold <= m.value)
  into v_won;
  return v_won;
end;
$$;
comment on function learn_internal.add_to_metric(uuid, text, text, bigint, timestamptz) is
  'Adds to a user''s metric; returns the achievements whose thresholds that crosses.';

-- functions/activity/feed_metric.sql

-- Adds a group of facts (of one user, type and day) to a metric that sums up a property, keeps its
-- maximum, or counts by scope. A fact without the property, or without a scope, adds nothing.
create or replace function learn_internal.feed_metric(
  p_user_id uuid, p_feed learn_internal.metric_feeds, p_properties jsonb[],
  p_local_date date, p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  f      record;
  v_old  bigint;
  v_won  learn_internal.win[] := '{}'::learn_internal.win[];
begin
  for f in
    select a.scope,
      (case when (p_feed).aggregate = 'max' then max(a.amount) else sum(a.amount) end)::bigint
        as amount
    from (
      select coalesce(p ->> (p_feed).scope_property, '') as scope,
        case when (p_feed).property is null then 1
          else learn_internal.number_property(p, (p_feed).property) end as amount
      from unnest(p_properties) p
      where p @> (p_feed).filter
        and ((p_feed).scope_property is null or p ->> (p_feed).scope_property <> '')
    ) a
    group by a.scope
  loop
    continue when coalesce(f.amount, 0) = 0;
    if (p_feed).is_board then
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      values (p_user_id, (p_feed).metric, p_local_date, f.amount);
    end if;
    if (p_feed).aggregate = 'max' then  -- rises by what it lacks
      select m.value into v_old from learn.user_metrics m
      where m.user_id = p_user_id and m.metric = (p_feed).metric and m.scope = f.scope;
      f.amount := f.amount - coalesce(v_old, 0);
      continue when f.amount <= 0;
    end if;
    v_won := v_won
      || learn_internal.add_to_metric(p_user_id, (p_feed).metric, f.scope, f.amount, p_at);
  end loop;
  return v_won;
end;
$$;
comment on function learn_internal.feed_metric(
  uuid, learn_internal.metric_feeds, jsonb[], date, timestamptz) is
  'Adds a group of facts to a metric of sums, maxima or scopes; returns what that earns.';

-- functions/activity/metric_scopes.sql

-- The scopes in which a fact counts: the total, and its own where the metric has scopes
-- and the fact names one.
create or replace function learn_internal.metric_scopes(p_properties jsonb, p_scope_property text)
returns setof text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select ''
  union all
  select p_properties ->> p_scope_property
  where p_properties ->> p_scope_property <> '';
$$;
comment on function learn_internal.metric_scopes(jsonb, text) is
  'The scopes in which a fact counts: '''' and its own.';

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
    feeds_days = c.feeds_days, resets_runs = c.resets_runs, notifies = c.notifies
  from learn_internal.type_consequences c
  where t.key = c.key and (t.pays, t.is_capped, t.feeds_metrics, t.feeds_days,
      t.resets_runs, t.notifies)
    is distinct from (c.pays, c.is_capped, c.feeds_metrics, c.feeds_days,
      c.resets_runs, c.notifies);

  delete from learn_internal.metric_feeds o
  where not exists (
    select from learn_internal.due_feeds f
    where (f.activity_type, f.metric, f.is_scoped) = (o.activity_type, o.metric, o.is_scoped));
  insert into learn_internal.metric_feeds as o
    (activity_type, metric, is_scoped, aggregate, property, filter, scope_property, is_board)
  select * from learn_internal.due_feeds f
  on conflict (activity_type, metric, is_scoped) do update
    set aggregate = excluded.aggregate, property = excluded.property, filter = excluded.filter,
      scope_property = excluded.scope_property, is_board = excluded.is_board
    where (o.aggregate, o.property, o.filter, o.scope_property, o.is_board)
      is distinct from (excluded.aggregate, excluded.property, excluded.filter,
        excluded.scope_property, excluded.is_board);
  return null;
end;
$$;
comment on function learn_internal.note_consequences() is
  'Statement trigger: notes with activity types what facts can cause.';

-- functions/activity/number_property.sql

-- A number in a fact's properties, for metrics that sum it or keep its maximum;
-- a missing one is null.
-- Errors: LX001 the property is no number, or too large for a counter.
create or replace function learn_internal.number_property(p_properties jsonb, p_property text)
returns bigint
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value jsonb := p_properties -> p_property;
begin
  if v_value is null or jsonb_typeof(v_value) = 'null' then
    return null;
  end if;
  if not learn_internal.is_countable(v_value) then
    raise exception 'the property % must be a number', p_property
      using errcode = 'LX001', detail = format('%s = %s', p_property, v_value),
        hint = 'A metric counts this property; send a JSON number of at most 1e12.';
  end if;
  return round(v_value::numeric);
end;
$$;
comment on function learn_internal.number_property(jsonb, text) is
  'A number in a fact''s properties, rounded to a whole one; null when missing.';

-- functions/activity/record_activities.sql

-- Records a batch of activities, of one user or of many, in one set-based step: all or nothing.
-- Each element is {"user_id", "activity_type", "subject_type"?, "subject_id"?, "properties"?,
-- "occurred_at"?, "idempotency_key"?}. Returns one summary per user, in order of first appearance;
-- replayed: everything of that user was a retry.
-- Errors, each naming the element by its number from 1: LX001 malformed, unknown type,
-- time out of bounds; LX002; LX004 user inactive; LX010 a type that Laurel writes itself; LX013.
create or replace function learn.record_activities(p_batch jsonb)
returns setof learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_bad      record;
  v_calls    learn_internal.call[];
  v_user_ids uuid[];
begin
  perform learn_internal.require_size('p_batch', pg_column_size(p_batch), 8388608, 'bytes');
  if jsonb_typeof(p_batch) is distinct from 'array' then
    raise exception 'the batch is not a list'
      using errcode = 'LX001',
        detail = format('p_batch is %s', coalesce(jsonb_typeof(p_batch), 'null')),
        hint = 'Pass a JSON array of activities.';
  end if;
  perform learn_internal.require_size('p_batch', jsonb_array_length(p_batch), 10000, 'elements');

  perform learn_internal.hold_content();
  -- Users next, in key order.
  perform from learn.user_stats s
  where s.user_id in (
    select (e.value ->> 'user_id')::uuid
    from jsonb_array_elements(p_batch) e
    where e.value ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
  order by s.user_id
  for no key update;

  select b.position, b.code, b.problem into v_bad
  from learn_internal.batch_problems(p_batch) b
  order by b.position
  limit 1;
  if found then
    raise exception 'element % of the batch cannot be recorded', v_bad.position
      using errcode = v_bad.code, detail = format('element %s: %s', v_bad.position, v_bad.problem),
        hint = 'Nothing of the batch was recorded. Correct the element, or leave it out, '
          'and send the batch again.';
  end if;

  -- What held before, per user.
  select array_agg(
    (s.user_id, 'record_activities', null, null, null, s.total_xp, s.current_level,
      coalesce((select max(a.id) from learn.user_achievements a where a.user_id = s.user_id), 0),
      null,
      coalesce((select max(l.id) from learn.user_level_unlocks l where l.user_id = s.user_id), 0),
      coalesce((
        select max(c.id) from learn.user_challenge_progress c where c.user_id = s.user_id), 0),
      (learn.clock() at time zone l.timezone - l.day_starts_at)::date
    )::learn_internal.call order by u.first_position)
  into v_calls
  from (
    select b.user_id, min(b.position) as first_position
    from learn_internal.batch_rows(p_batch) b group by b.user_id
  ) u
  join learn.user_stats s on s.user_id = u.user_id
  join learn.users l on l.id = u.user_id;

  -- Users of whom something is new. A key that was used before is a retry.
  select array_agg(distinct b.user_id) into v_user_ids
  from learn_internal.batch_rows(p_batch) b
  where b.idempotency_key is null or not exists (
    select from learn.idempotency_keys k where k.user_id = b.user_id and k.key = b.idempotency_key);

  -- A key that was used before is a retry, and so is its second appearance here.
  perform set_config('learn_internal.writes_facts', 'yes', true);  -- not by hand: see complete_activity()
  with rows as materialized (
    select b.* from learn_internal.batch_rows(p_batch) b
  ), fresh as (
    select r.*
    from rows r
    where r.idempotency_key is null or (
      not exists (
        select from learn.idempotency_keys k
        where k.user_id = r.user_id and k.key = r.idempotency_key)
      and r.position = r.first_position_of_key)
  ), once as (
    insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
    select distinct f.user_id, f.activity_type, f.subject_type, f.subject_id
    from fresh f
    join learn.activity_types t on t.key = f.activity_type and t.happens_once
    where f.subject_id is not null
      and not learn_internal.has_happened(f.user_id, f.activity_type, f.subject_type, f.subject_id)
    order by 1, 2, 3, 4
    on conflict do nothing
    returning user_id, activity_type, subject_type, subject_id
  ), kept as (
    select f.*, t.is_qualifying,
      not t.happens_once or f.subject_id is null or (
        o.user_id is not null
        and row_number() over (
          partition by f.user_id, f.activity_type, f.subject_type, f.subject_id
          order by f.position) = 1) as is_kept
    from fresh f
    join learn.activity_types t on t.key = f.activity_type
    left join once o on o.user_id = f.user_id and o.activity_type = f.activity_type
      and o.subject_type = f.subject_type and o.subject_id = f.subject_id
  ), keyed as (
    insert into learn.idempotency_keys (user_id, key, function_name, arguments_hash)
    select f.user_id, f.idempotency_key, 'record_activity', f.arguments_hash
    from fresh f
    where f.idempotency_key is not null
    on conflict do nothing  -- only a caller with an old snapshot conflicts, and gets 40001
  )
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, zone_number, is_qualifying, idempotency_key)
  select k.user_id, k.activity_type, k.subject_type, k.subject_id, k.properties,
    learn_internal.recorded_xp(k.user_id, k.activity_type), k.occurred_at,
    d.local_date, d.zone_number, k.is_qualifying, k.idempotency_key
  from kept k
  cross join lateral learn_internal.local_date(k.user_id, k.occurred_at) d
  where k.is_kept
  order by k.position;
  perform set_config('learn_internal.writes_facts', '', true);

  -- The answers: of this call, and, where everything of a user was a retry, the first one.
  return query
  with summaries as (
    select c.position, learn_internal.summarize(c.call) as summary
    from (
      select u.position,
        (u.user_id, u.function_name, u.idempotency_key, u.arguments_hash, u.occurred_at,
          u.total_xp, u.current_level, u.last_achievement, u.replay, u.last_unlock,
          u.last_challenge, u.today
        )::learn_internal.call as call
      from unnest(v_calls) with ordinality
        u(user_id, function_name, idempotency_key, arguments_hash, occurred_at,
          total_xp, current_level, last_achievement, replay, last_unlock,
          last_challenge, today, position)
    ) c
  ), kept as (
    update learn.idempotency_keys k
    set response = to_jsonb(s.summary)
    from summaries s
    where k.user_id = (s.summary).user_id and k.response is null
  ), answers as (
    select s.position, coalesce(
      jsonb_populate_record(null::learn.award_summary, (
        select k.response || '{"replayed": true}'
        from learn_internal.batch_rows(p_batch) b
        join learn.idempotency_keys k on k.user_id = b.user_id and k.key = b.idempotency_key
        where b.user_id = (s.summary).user_id
          and (s.summary).user_id <> all (coalesce(v_user_ids, '{}'))
        order by b.position
        limit 1)),
      s.summary) as answer
    from summaries s
  )
  select (a.answer).* from answers a order by a.position;
end;
$$;
comment on function learn.record_activities(jsonb) is
  'Records a batch of activities in one step, all or nothing; returns one summary per user. '
  'Elements are {"user_id", "activity_type", "subject_type"?, "subject_id"?, "properties"?, '
  '"occurred_at"?, "idempotency_key"?}.';
grant execute on function learn.record_activities(jsonb) to learn_app;

-- functions/activity/record_activity.sql

-- Records what a user did, of any activity type that Laurel does not write itself. A fact of a type
-- that happens once per subject is recorded once: a repeat changes nothing and is no error.
-- Errors: LX001 unknown type, half a subject, properties that are no object or hold no number where
-- a metric wants one; LX002; LX004 user inactive; LX010 a type that Laurel writes itself; LX013.
create or replace function learn.record_activity(
  p_user_id         uuid,
  p_activity_type   text,
  p_subject_type    text default null,
  p_subject_id      text default null,
  p_properties      jsonb default '{}',
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'record_activity', p_user_id,
    jsonb_build_object('activity_type', p_activity_type, 'subject_type', p_subject_type,
      'subject_id', p_subject_id, 'properties', p_properties),
    p_occurred_at, p_idempotency_key);
  v_problem text;
  v_is_once boolean;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if length(p_activity_type) > 200 or length(p_subject_type) > 100
    or length(p_subject_id) > 500 or pg_column_size(p_properties) > 65536
  then  -- tested here, without the price of calls
    perform learn_internal.require_size('p_activity_type', length(p_activity_type), 200);
    perform learn_internal.require_size('p_subject_type', length(p_subject_type), 100);
    perform learn_internal.require_size('p_subject_id', length(p_subject_id), 500);
    perform learn_internal.require_size('p_properties', pg_column_size(p_properties), 65536, 'bytes');
  end if;
  v_problem := learn_internal.activity_problem(
    p_activity_type, p_subject_type, p_subject_id, p_properties);
  if v_problem is not null then
    raise exception 'the activity cannot be recorded'
      using errcode = learn_internal.activity_problem_code(p_activity_type), detail = v_problem,
        hint = 'Activity types are rows of learn.activity_types; '
          'Laurel writes the internal ones itself, when a function such as learn.award_xp() '
          'or learn.grant_achievement() is called.';
  end if;
  if learn_internal.is_learner() and exists (
    select from learn.activity_types t
    where t.key = p_activity_type and (t.pays > 0 or t.feeds_metrics))
  then
    raise exception 'a learner does not report what pays or counts'
      using errcode = 'LX010', detail = format('p_activity_type = %s', p_activity_type),
        hint = 'Let a backend that is a member of learn_app report it.';
  end if;

  v_is_once := p_subject_id is not null and exists (
    select from learn.activity_types t where t.key = p_activity_type and t.happens_once);
  if not v_is_once or not learn_internal.has_happened(
      p_user_id, p_activity_type, p_subject_type, p_subject_id) then
    perform learn_internal.write_facts(
      array[(
        p_user_id, p_activity_type, p_subject_type, p_subject_id, p_properties,
        learn_internal.recorded_xp(p_user_id, p_activity_type), v_call.occurred_at)::learn_internal.fact],
      p_idempotency_key);
    if v_is_once then
      insert into learn_internal.recorded_subjects
        (user_id, activity_type, subject_type, subject_id)
      values (p_user_id, p_activity_type, p_subject_type, p_subject_id)
      on conflict do nothing;  -- only a caller with an old snapshot conflicts, and gets 40001
    end if;
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.record_activity(uuid, text, text, text, jsonb, timestamptz, text) is
  'Records what a user did; pays, counts and awards by the rules. Types that happen once '
  'per subject are recorded once.';
grant execute on function learn.record_activity(uuid, text, text, text, jsonb, timestamptz, text)
  to learn_app, learn_user;

-- functions/activity/write_facts.sql

-- Writes facts to the log, in the given order: with the local date of each and whether it makes the day
-- active. One that happens once and that is remembered is left out: it was recorded from outside, or the row that
-- said so has been deleted. Facts of the past count like others, but pay only what they carry, and make no day active.
-- Errors: LX001 a fact ahead of the clock, or before 1970.
create or replace function learn_internal.write_facts(
  p_facts learn_internal.fact[], p_idempotency_key text default null, p_is_past boolean default false
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  f               learn_internal.fact;
  v_rows          learn_internal.logged_fact[] := '{}'::learn_internal.logged_fact[];
  v_user_id       uuid;
  v_timezone      text;
  v_day_starts_at time;
  v_zone          learn_internal.local_date;
  v_zone_number   integer;
  v_zone_since    timestamptz;
  v_has_recorded  boolean;           -- facts that are remembered
  v_type          text;
  v_is_qualifying boolean;
  v_happens_once  boolean;
  v_now           timestamptz;       -- as learn.clock() tells it
  v_is_function   boolean := pg_trigger_depth() = 0;  -- that has called this
begin
  if p_facts is null then
    return;
  end if;
  foreach f in array p_facts loop
    -- Facts of a user, or of a type, mostly follow one another: these are looked up once.
    if f.user_id is distinct from v_user_id then
      select u.id, u.timezone, u.day_starts_at, u.zone_number, u.zone_since, exists (
          select from learn_internal.recorded_subjects r where r.user_id = u.id),
        t.key, t.is_qualifying, t.happens_once, coalesce((select o.now_is from learn_internal.clock_override o), now())
      into v_user_id, v_timezone, v_day_starts_at, v_zone_number, v_zone_since, v_has_recorded,
        v_type, v_is_qualifying, v_happens_once, v_now
      from learn.users u
      join learn.activity_types t on t.key = f.activity_type
      where u.id = f.user_id;
    elsif f.activity_type is distinct from v_type then
      select t.key, t.is_qualifying, t.happens_once into v_type, v_is_qualifying, v_happens_once
      from learn.activity_types t
      where t.key = f.activity_type;
    end if;
    if v_user_id is null or v_type is null then
      v_user_id := null;  -- so that the next fact is looked up whole
      continue;
    end if;
    if f.occurred_at > v_now + interval '5 minutes' or f.occurred_at < '1970-01-01 00:00:00+00' then
      perform learn_internal.require_possible_time('occurred_at', f.occurred_at);
    end if;
    if v_happens_once and v_has_recorded then
      continue when exists (
        select from learn_internal.recorded_subjects r
        where r.user_id = f.user_id and r.activity_type = f.activity_type
          and r.subject_type = f.subject_type and r.subject_id = f.subject_id);
    end if;
    if f.occurred_at < v_zone_since then
      v_zone := learn_internal.local_date(f.user_id, f.occurred_at);
    else
      v_zone.local_date := (f.occurred_at at time zone v_timezone - v_day_starts_at)::date;
      v_zone.zone_number := v_zone_number;
    end if;
    v_rows := v_rows || (
      f.user_id, f.activity_type, f.subject_type, f.subject_id, coalesce(f.properties, '{}'),
      case when p_is_past then coalesce(f.xp, 0) else f.xp end,
      f.occurred_at, v_zone.local_date, v_zone.zone_number, v_is_qualifying and not p_is_past
    )::learn_internal.logged_fact;
  end loop;

  if cardinality(v_rows) > 0 then
    if v_is_function then  -- not by hand: see complete_activity()
      perform set_config('learn_internal.writes_facts', 'yes', true);
    end if;
    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties, xp,
       occurred_at, local_date, zone_number, is_qualifying, idempotency_key, recorded_at)
    select r.user_id, r.activity_type, r.subject_type, r.subject_id, r.properties, r.xp,
      r.occurred_at, r.local_date, r.zone_number, r.is_qualifying, p_idempotency_key, v_now
    from unnest(v_rows) r;
    if v_is_function then
      perform set_config('learn_internal.writes_facts', '', true);
    end if;
  end if;
end;
$$;
comment on function learn_internal.write_facts(learn_internal.fact[], text, boolean) is
  'Writes facts to the log, in the given order; those of the past pay what they carry and make no day active.';

-- functions/xp/reverse_xp.sql

-- Takes back what a transaction paid, by a new negative row. The total never falls below 0:
-- a reversal is cut to what is there, and its description says so. A second reversal
-- of the same transaction changes nothing.
-- Errors: LX001 no reason, or the transaction is itself a reversal; LX002; LX003 no such
-- transaction of this user; LX004 user inactive; LX013.
create or replace function learn.reverse_xp(
  p_user_id         uuid,
  p_transaction_id  bigint,
  p_reason          text,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- crosses from the app role to the ledger
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call   learn_internal.call := learn_internal.begin_call(
    'reverse_xp', p_user_id,
    jsonb_build_object('transaction_id', p_transaction_id, 'reason', p_reason),
    p_occurred_at, p_idempotency_key);
  v_type   text;
  v_amount integer;
  v_taken  integer;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  p_reason := learn_internal.require_text('p_reason', p_reason, 2000);
  select t.amount, t.activity_type into v_amount, v_type
  from learn_internal.all_payments t
  where t.user_id = p_user_id and t.id = p_transaction_id;
  if not found then
    raise exception 'the user has no such transaction'
      using errcode = 'LX003',
        detail = format('p_user_id = %s, p_transaction_id = %s', p_user_id, p_transaction_id),
        hint = 'Look it up in learn.xp_transactions.';
  end if;
  if v_amount < 0 or coalesce(p_reason, '') !~ E'\\S' then
    raise exception 'a reversal takes back a payment, for a reason'
      using errcode = 'LX001',
        detail = format('transaction %s is of %s XP; p_reason = %L',
          p_transaction_id, v_amount, p_reason),
        hint = 'To undo a reversal, pay again: learn.award_xp().';
  end if;

  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  values (p_user_id, 'xp_reversed', 'xp_transaction', p_transaction_id::text)
  on conflict do nothing;
  if found then
    v_taken := least(v_amount, v_call.total_xp);
    perform learn_internal.write_facts(
      array[(
        p_user_id, case v_type when 'period_rewarded' then 'period_reward_reversed' else 'xp_reversed' end,
        'xp_transaction', p_transaction_id::text,
        jsonb_build_object('source_type', 'reversal', 'source_id', p_transaction_id::text,
          'description', case
            when v_taken < v_amount
              then format('%s (%s XP, cut to the %s there were)', p_reason, v_amount, v_taken)
            else p_reason end),
        -v_taken, v_call.occurred_at
      )::learn_internal.fact],
      p_idempotency_key);
    perform learn_internal.audit('reverse_xp', 'xp', p_user_id, jsonb_build_object('id', p_transaction_id),
      jsonb_build_object('amount', v_amount), jsonb_build_object('amount', v_amount - v_taken));
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.reverse_xp(uuid, bigint, text, timestamptz, text) is
  'Takes back what a transaction paid, cut to what is there. A second reversal changes nothing.';
grant execute on function learn.reverse_xp(uuid, bigint, text, timestamptz, text) to learn_app;

-- functions/xp/award_xp.sql

-- Pays XP for one fact, once: with a source id, a second payment for the same source
-- changes nothing and is no error.
-- Errors: LX001 amount is not positive, blank source; LX002; LX004 user inactive; LX013.
create or replace function learn.award_xp(
  p_user_id         uuid,
  p_amount          integer,
  p_source_type     text default 'manual',
  p_source_id       text default null,
  p_description     text default null,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- crosses from the app role to the ledger
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'award_xp', p_user_id,
    jsonb_build_object('amount', p_amount, 'source_type', p_source_type, 'source_id', p_source_id,
      'description', p_description),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if length(p_source_type) > 100
    or length(p_source_id) > 500 or length(p_description) > 2000
  then  -- tested here, without the price of calls
    perform learn_internal.require_size('p_source_type', length(p_source_type), 100);
    perform learn_internal.require_size('p_source_id', length(p_source_id), 500);
    perform learn_internal.require_size('p_description', length(p_description), 2000);
  end if;
  p_description := learn_internal.require_text('p_description', p_description, 2000);
  if p_amount is null or p_amount not between 1 and 1000000000
    or coalesce(p_source_type, '') !~ E'\\S' or p_source_id !~ E'\\S'
  then
    raise exception 'an award is an amount from 1 to 1,000,000,000 from a named source'
      using errcode = 'LX001',
        detail = format('p_amount = %s, p_source_type = %L, p_source_id = %L',
          p_amount, left(p_source_type, 50), left(p_source_id, 50)),
        hint = 'A source''s type has at most 100 characters, its id at most 500. To take XP back, reverse the transaction: learn.reverse_xp().';
  end if;

  if p_source_id is not null then
    insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
    values (p_user_id, 'xp_awarded', p_source_type, p_source_id)
    on conflict do nothing;
  end if;
  if p_source_id is null or found then
    perform learn_internal.write_facts(
      array[(
        p_user_id, 'xp_awarded',
        case when p_source_id is not null then p_source_type end, p_source_id,
        jsonb_strip_nulls(jsonb_build_object(
          'source_type', p_source_type, 'source_id', p_source_id, 'description', p_description)),
        p_amount, v_call.occurred_at
      )::learn_internal.fact],
      p_idempotency_key);
    perform learn_internal.audit('award_xp', 'xp', p_user_id,
      jsonb_build_object('source_type', p_source_type, 'source_id', p_source_id),
      p_new => jsonb_build_object('amount', p_amount));
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.award_xp(uuid, integer, text, text, text, timestamptz, text) is
  'Pays XP for one fact, once per source id.';
grant execute on function learn.award_xp(uuid, integer, text, text, text, timestamptz, text)
  to learn_app;

-- functions/xp/note_xp_marks.sql

-- When levels or the thresholds of achievements change: the totals of XP at which something happens
-- are noted in one place, where the engine sees at a glance that nothing does.
create or replace function learn_internal.note_xp_marks()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  with marks as (
    select t.min_xp as xp from learn.level_thresholds t
    union
    select t.threshold from learn_internal.achievement_thresholds t
    where t.metric = 'xp' and t.scope = ''
  ), gone as (
    delete from learn_internal.xp_marks o
    where not exists (select from marks m where m.xp = o.xp)
  )
  insert into learn_internal.xp_marks (xp)
  select m.xp from marks m
  on conflict do nothing;
  return null;
end;
$$;
comment on function learn_internal.note_xp_marks() is
  'Statement trigger: notes the totals of XP at which something happens.';

-- functions/achievements/achievement_progress.sql

-- How far a user is with every active achievement (hidden ones only once earned), named in the user's language.
-- Value and target are those of criteria_progress(); nothing is at 100 percent before it is earned.
-- Errors: LX002.
create or replace function learn.achievement_progress(p_user_id uuid)
returns table (
  slug text, name text, category text, value bigint, target bigint,
  percentage numeric, earned_at timestamptz
)
language plpgsql
stable
security definer                  -- reads metrics and thresholds for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_locale text;
begin
  perform learn_internal.require_self(p_user_id);
  select u.locale into v_locale from learn.users u where u.id = p_user_id;
  if not found then
    perform learn_internal.require_user(p_user_id, false);
  end if;
  return query
  select a.slug, learn.localized(a.translations, v_locale, 'name', a.name), a.category, p.value, p.target,
    case when u.earned_at is not null then 100.00
      else least(99.99, round(100.0 * p.value / p.target, 2)) end,
    u.earned_at
  from learn.achievements a
  left join learn.user_achievements u on u.user_id = p_user_id and u.achievement_id = a.id
  cross join lateral learn_internal.criteria_progress(p_user_id, a.criteria) p
  where a.is_active and (not a.is_hidden or u.earned_at is not null) or u.earned_at is not null
  order by a.system, a.display_order, a.slug;
end;
$$;
comment on function learn.achievement_progress(uuid) is
  'How far a user is with every active achievement, named in the user''s language: value of target, '
  'in percent (below 100 until it is earned), and when it was earned.';
grant execute on function learn.achievement_progress(uuid) to learn_app, learn_user, learn_readonly;

-- functions/achievements/require_achievement.sql

-- An achievement by its slug; it has to be active unless the caller says otherwise.
-- Errors: LX003 unknown slug; LX004 inactive.
create or replace function learn_internal.require_achievement(p_slug text, p_is_active boolean default true)
returns learn.achievements
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_achievement learn.achievements;
begin
  perform learn_internal.require_size('p_slug', length(p_slug), 200);
  select a.* into v_achievement from learn.achievements a where a.slug = p_slug;
  if not found then
    raise exception 'unknown achievement'
      using errcode = 'LX003', detail = format('p_slug = %s', coalesce(p_slug, 'null')),
        hint = 'Look it up in learn.achievements.';
  end if;
  if p_is_active and not v_achievement.is_active then
    raise exception 'the achievement is inactive'
      using errcode = 'LX004', detail = format('p_slug = %s', p_slug),
        hint = 'Set learn.achievements.is_active.';
  end if;
  return v_achievement;
end;
$$;
comment on function learn_internal.require_achievement(text, boolean) is
  'An achievement by its slug (else LX003), an active one (LX004) unless the caller says otherwise.';

-- functions/achievements/backfill_achievement.sql

-- Grants an achievement to everybody whose metrics deserve it by now: for a rule that came after
-- the deed. Set-based. Returns how many users earned it.
-- Errors: LX003 unknown achievement; LX004 inactive.
-- no grant: for operators, as learn_owner.
create or replace function learn.backfill_achievement(p_slug text)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_achievement_id bigint := (learn_internal.require_achievement(p_slug)).id;
  v_user_ids       uuid[];
  v_earned         bigint;
begin
  perform learn_internal.hold_content();
  select array_agg(distinct d.user_id) into v_user_ids
  from learn_internal.deserved_achievements d
  where d.achievement_id = v_achievement_id;
  if v_user_ids is null then
    return 0;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  -- Asked again under the lock: meanwhile one may have earned it, or been deprived of it.
  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select distinct on (d.user_id) d.user_id, v_achievement_id, learn.clock(),
    d.evidence || '{"is_backfill": true}'
  from learn_internal.deserved_achievements d
  where d.achievement_id = v_achievement_id and d.user_id = any (v_user_ids)
    and (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
  order by d.user_id, d.metric, d.scope
  on conflict (user_id, achievement_id) do nothing;
  get diagnostics v_earned = row_count;
  if v_earned > 0 then
    perform learn_internal.audit('backfill_achievement', 'achievement', null, jsonb_build_object('slug', p_slug), null,
      jsonb_build_object('users', v_earned));
  end if;
  return v_earned;
end;
$$;
comment on function learn.backfill_achievement(text) is
  'Grants an achievement to everybody whose metrics deserve it by now; returns how many earned it.';

-- functions/achievements/grant_achievement.sql

-- Gives a user an achievement whatever its criteria say, with its XP and avatar;
-- also one that was revoked. Granting one that the user has changes nothing.
-- Errors: LX002; LX003 unknown achievement; LX004 inactive achievement or user; LX013.
create or replace function learn.grant_achievement(
  p_user_id         uuid,
  p_slug            text,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call           learn_internal.call := learn_internal.begin_call(
    'grant_achievement', p_user_id, jsonb_build_object('slug', p_slug),
    p_occurred_at, p_idempotency_key);
  v_achievement_id bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  v_achievement_id := (learn_internal.require_achievement(p_slug)).id;
  delete from learn.revoked_achievements r
  where r.user_id = p_user_id and r.achievement_id = v_achievement_id;
  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  values (p_user_id, v_achievement_id, v_call.occurred_at,
    jsonb_build_object('granted_by', session_user))
  on conflict (user_id, achievement_id) do nothing;
  if found then
    perform learn_internal.audit('grant_achievement', 'achievement', p_user_id,
      jsonb_build_object('slug', p_slug));
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.grant_achievement(uuid, text, timestamptz, text) is
  'Gives a user an achievement whatever its criteria say, with its XP and avatar.';
grant execute on function learn.grant_achievement(uuid, text, timestamptz, text) to learn_app;

-- functions/achievements/revoke_achievement.sql

-- Takes an achievement away, with the XP that it paid (cut to what is there) and the avatar that
-- only it unlocked. It is not earned again by itself; grant_achievement() gives it back.
-- Errors: LX001 no reason, or the user does not have it; LX002; LX003 unknown achievement;
-- LX004 user inactive; LX013.
create or replace function learn.revoke_achievement(
  p_user_id         uuid,
  p_slug            text,
  p_reason          text,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call        learn_internal.call := learn_internal.begin_call(
    'revoke_achievement', p_user_id, jsonb_build_object('slug', p_slug, 'reason', p_reason),
    p_occurred_at, p_idempotency_key);
  v_achievement learn.achievements;
  v_paid        bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  p_reason := learn_internal.require_text('p_reason', p_reason, 2000);
  if coalesce(p_reason, '') !~ E'\\S' then
    raise exception 'an achievement is revoked for a reason'
      using errcode = 'LX001', detail = 'p_reason is blank or null', hint = 'Say why; it is kept.';
  end if;
  v_achievement := learn_internal.require_achievement(p_slug, false);
  insert into learn.revoked_achievements (user_id, achievement_id, reason, revoked_at)
  values (p_user_id, v_achievement.id, p_reason, v_call.occurred_at)
  on conflict (user_id, achievement_id) do update
    set reason = excluded.reason, revoked_at = excluded.revoked_at;
  delete from learn.user_achievements u
  where u.user_id = p_user_id and u.achievement_id = v_achievement.id;
  if not found then
    raise exception 'the user does not have the achievement'
      using errcode = 'LX001', detail = format('p_user_id = %s, p_slug = %s', p_user_id, p_slug),
        hint = 'Look at learn.user_achievements.';
  end if;

  if v_achievement.unlocks_avatar_id is not null and not exists (
    select from learn.user_achievements u
    join learn.achievements a on a.id = u.achievement_id
    where u.user_id = p_user_id and a.unlocks_avatar_id = v_achievement.unlocks_avatar_id)
  then
    delete from learn.user_avatars v
    where v.user_id = p_user_id and v.avatar_id = v_achievement.unlocks_avatar_id;
    update learn.users u set selected_avatar_id = null
    where u.id = p_user_id and u.selected_avatar_id = v_achievement.unlocks_avatar_id;
  end if;

  -- What the achievement has paid, under whatever slug, and what has not been taken back since.
  with facts as (
    select f.subject_id, f.xp
    from learn_internal.all_facts f
    where f.user_id = p_user_id and f.activity_type in ('achievement_earned', 'achievement_revoked')
      and (f.properties ->> 'achievement_id')::bigint = v_achievement.id
  ), payments as (
    select t.id::text as id
    from learn_internal.all_payments t
    where t.user_id = p_user_id and t.activity_type = 'achievement_earned'
      and t.source_id in (select f.subject_id from facts f)
  )
  select coalesce(sum(f.xp), 0) + coalesce((
    select sum(t.amount)
    from learn_internal.all_payments t
    where t.user_id = p_user_id and t.activity_type = 'xp_reversed'
      and t.source_id in (select p.id from payments p)), 0)
  into v_paid
  from facts f;

  perform learn_internal.write_facts(
    array[(
      p_user_id, 'achievement_revoked', 'achievement', p_slug,
      jsonb_build_object('achievement_id', v_achievement.id, 'reason', p_reason),
      -least(greatest(v_paid, 0), v_call.total_xp), v_call.occurred_at
    )::learn_internal.fact],
    p_idempotency_key);
  perform learn_internal.audit('revoke_achievement', 'achievement', p_user_id,
    jsonb_build_object('slug', p_slug));
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.revoke_achievement(uuid, text, text, timestamptz, text) is
  'Takes an achievement away, with its XP (cut to what is there) and its avatar.';
grant execute on function learn.revoke_achievement(uuid, text, text, timestamptz, text)
  to learn_app;

-- triggers/activity/activity_log.sql

-- What happens when rows of learn.activity_log are written, in the order in which triggers fire.
-- See also complete_activity.sql, process_activities.sql.
-- Errors: LX001, LX002, LX009, LX010.

-- When someone empties the log: refused.
create or replace trigger activity_log_truncate
  before truncate on learn.activity_log
  for each statement
  execute function learn_internal.refuse_truncate();

-- When a fact is changed or deleted: refused.
create or replace trigger activity_log_is_append_only
  before update or delete on learn.activity_log
  for each row
  execute function learn_internal.refuse_change();

-- triggers/activity/activity_log_default.sql

-- When someone empties the default partition: refused.
create or replace trigger activity_log_default_truncate
  before truncate on learn.activity_log_default
  for each statement
  execute function learn_internal.refuse_truncate();

-- triggers/activity/complete_activity.sql

-- A fact that is written by hand, and neither by a function nor by the trigger of another table, is one from outside, as
-- record_activity() takes it: what follows from its type and from the learner's zone is filled in, whatever the writer
-- says; what has happened is not written twice; what pays is bounded. XP it may carry, which no other fact from outside
-- may, and be an award. Functions say that it is them, by a setting, because to look costs more than they do.
-- Errors: LX001 unknown activity type, a malformed fact, a time ahead of the clock or before 1970; LX002 unknown user;
-- LX010 a type that Laurel writes itself, or XP taken away.
create or replace function learn_internal.complete_activity()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type    learn.activity_types;
  v_problem text;
begin
  if current_setting('learn_internal.writes_facts', true) = 'yes' then  -- asked here: a long WHEN is read in every statement
    return new;
  end if;
  perform learn_internal.require_possible_time('occurred_at', new.occurred_at);
  perform learn_internal.require_possible_time('recorded_at', new.recorded_at);
  select * into v_type from learn.activity_types t where t.key = new.activity_type;
  if v_type.key = 'xp_awarded' then
    v_problem := case when coalesce(new.xp, 0) <= 0 then format('an award is positive: %s', new.xp) end;
    new.properties := '{"source_type": "manual"}' || new.properties;
  else
    v_problem := learn_internal.activity_problem(
      new.activity_type, new.subject_type, new.subject_id, new.properties);
    if v_problem is null and new.xp < 0 then
      v_problem := format('%s would take XP away: %s', v_type.key, new.xp);
    end if;
  end if;
  if v_problem is not null then
    raise exception 'the fact cannot be written by hand'
      using errcode = case when new.xp < 0 then 'LX010'
          else learn_internal.activity_problem_code(new.activity_type) end, detail = v_problem,
        hint = 'Laurel writes internal types itself, when a function such as learn.grant_achievement() or '
          'learn.reverse_xp() is called, or their rows are inserted.';
  end if;

  if v_type.pays > 0 and new.xp is null or v_type.happens_once or v_type.key = 'xp_awarded' then
    perform from learn.user_stats s where s.user_id = new.user_id for no key update;
  end if;
  select d.local_date, d.zone_number into new.local_date, new.zone_number
  from learn_internal.local_date(new.user_id, new.occurred_at) d;
  if new.local_date is null then
    perform learn_internal.require_user(new.user_id, false, 'user_id');
  end if;
  new.is_qualifying := v_type.is_qualifying;
  if new.subject_id is not null and (v_type.happens_once or v_type.key = 'xp_awarded') then
    if learn_internal.has_happened(
      new.user_id, new.activity_type, new.subject_type, new.subject_id)
    then
      return null;
    end if;
    insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
    values (new.user_id, new.activity_type, new.subject_type, new.subject_id)
    on conflict do nothing;
  end if;
  if v_type.pays > 0 and new.xp is null then
    new.xp := learn_internal.recorded_xp(new.user_id, new.activity_type);
  end if;
  return new;
end;
$$;
comment on function learn_internal.complete_activity() is
  'Row trigger: a fact that is written by hand is taken as record_activity() takes it (LX001, LX002, LX010).';

create or replace trigger complete_activity
  before insert on learn.activity_log
  for each row
  when (pg_trigger_depth() = 0)
  execute function learn_internal.complete_activity();

-- triggers/activity/activity_types.sql

-- What happens when rows of learn.activity_types are written, in the order in which triggers fire.
-- Errors: LX001, LX010.

-- When activity types are renamed or deleted: this blocks learners.
create or replace trigger activity_types_change
  before update of key, is_on_boards or delete on learn.activity_types
  for each statement
  execute function learn_internal.change_content();

-- When activity types are renamed or deleted, or come onto the boards: not those that facts have, because the log and
-- the boards keep what they were; and those that Laurel writes are never renamed, deleted or written by others.
-- Errors: LX001 there are facts of the type; LX010 it is Laurel's own.
create or replace function learn_internal.keep_activity_types()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if old.is_built_in and (tg_op = 'DELETE' or (new.key, new.is_built_in, new.is_internal, new.happens_once)
    is distinct from (old.key, old.is_built_in, old.is_internal, old.happens_once))
  then
    raise exception 'the activity type % is Laurel''s own', old.key
      using errcode = 'LX010', detail = format('key = %s', old.key),
        hint = 'What it pays say learn.xp_rules, and what it counts learn.metrics.';
  elsif (tg_op = 'DELETE' or new.key <> old.key or new.is_on_boards <> old.is_on_boards)
    and exists (select from learn_internal.all_facts f where f.activity_type = old.key)
  then
    raise exception 'there are facts of the activity type %', old.key
      using errcode = 'LX001', detail = format('key = %s', old.key),
        hint = 'The log is append-only: leave the type, and add another one.';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end;
$$;
comment on function learn_internal.keep_activity_types() is
  'Row trigger: activity types that facts have, and Laurel''s own, keep their keys (LX001, LX010).';

create or replace trigger keep_activity_types
  before update of key, is_built_in, is_internal, happens_once, is_on_boards or delete on learn.activity_types
  for each row
  execute function learn_internal.keep_activity_types();

-- triggers/activity/metrics.sql

-- What happens when rows of learn.metrics are written, in the order in which triggers fire.
-- Errors: LX001.

-- When metrics are defined differently: this blocks learners.
create or replace trigger metrics_change
  before insert or update or delete on learn.metrics
  for each statement
  execute function learn_internal.change_content();

-- When a metric is redefined: the change is dated. Its key stays, because criteria name it.
-- Errors: LX001 the key changes.
create or replace function learn_internal.date_metrics()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.key <> old.key then
    raise exception 'the key of a metric does not change'
      using errcode = 'LX001', detail = format('%s to %s', old.key, new.key),
        hint = 'Criteria name metrics by key: add a new metric and change the criteria.';
  end if;
  new.defined_at := learn.clock();
  return new;
end;
$$;
comment on function learn_internal.date_metrics() is
  'Row trigger: dates a metric''s definition, and keeps its key (LX001).';

create or replace trigger date_metrics
  before update on learn.metrics
  for each row
  when ((old.key, old.activity_type, old.aggregate, old.property, old.filter, old.scope_property,
      old.reset_activity_type, old.reset_filter)
    is distinct from (new.key, new.activity_type, new.aggregate, new.property,
      new.filter, new.scope_property, new.reset_activity_type, new.reset_filter))
  execute function learn_internal.date_metrics();

-- When metrics change: what each type of fact can cause is noted with the type.
create or replace trigger metrics_consequences
  after insert or update or delete on learn.metrics
  for each statement
  execute function learn_internal.note_consequences();

-- When metrics are defined or redefined: their values are recounted from the log, for everybody. So
-- a metric that comes late knows the past; what it deserves is granted by backfill_achievement().
create or replace function learn_internal.recount_metrics()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metrics  text[];
  v_is_board boolean;  -- whether boards change too
begin
  if tg_op = 'INSERT' then
    select array_agg(n.key) filter (where n.aggregate <> 'stat'), bool_or(n.is_board)
    into v_metrics, v_is_board
    from new_metrics n;
  else
    select bool_or(n.is_board or o.is_board) into v_is_board
    from new_metrics n
    join old_metrics o on o.key = n.key
    where (o.activity_type, o.aggregate, o.property, o.filter, o.is_board)
      is distinct from (n.activity_type, n.aggregate, n.property, n.filter, n.is_board);
    select array_agg(n.key) into v_metrics
    from new_metrics n
    left join old_metrics o on o.key = n.key
      and (o.activity_type, o.aggregate, o.filter, o.reset_filter)
        = (n.activity_type, n.aggregate, n.filter, n.reset_filter)
      and o.property is not distinct from n.property
      and o.scope_property is not distinct from n.scope_property
      and o.reset_activity_type is not distinct from n.reset_activity_type
    where n.aggregate <> 'stat' and o.key is null;
  end if;
  if (v_metrics is null and v_is_board is not true)
    or not exists (select from learn_internal.all_facts)
  then
    return null;
  end if;

  -- Nobody earns anything while the values change.
  perform from learn.user_stats s order by s.user_id for no key update;
  delete from learn.user_metrics u where u.metric = any (v_metrics);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.metric = any (v_metrics) and r.value <> 0
  order by r.user_id, r.metric, r.scope;

  delete from learn_internal.user_runs u where u.metric = any (v_metrics);
  insert into learn_internal.user_runs (user_id, metric, scope, reset_at, last_at)
  select r.user_id, r.metric, r.scope, r.reset_at, r.last_at
  from learn_internal.run_recounts r
  where r.metric = any (v_metrics);
  delete from learn_internal.user_metric_days d where d.metric = any (v_metrics);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date, zone_number)
  select r.user_id, r.metric, r.scope, r.activity_date, r.zone_number
  from learn_internal.metric_day_recounts r
  where r.metric = any (v_metrics);

  if v_is_board then
    perform learn_internal.recount_boards(array_agg(s.user_id)) from learn.user_stats s;
  end if;
  return null;
end;
$$;
comment on function learn_internal.recount_metrics() is
  'Statement trigger: recounts new and redefined metrics for everybody.';

create or replace trigger metrics_inserted
  after insert on learn.metrics
  referencing new table as new_metrics
  for each statement
  execute function learn_internal.recount_metrics();

create or replace trigger metrics_updated
  after update on learn.metrics
  referencing old table as old_metrics new table as new_metrics
  for each statement
  execute function learn_internal.recount_metrics();

-- functions/streaks/covering_freezes.sql

-- The freezes that would keep a user's streak alive until a date, one for each day missed since the last.
-- All days or none: no row where one of them stays uncovered.
create or replace function learn_internal.covering_freezes(p_user_id uuid, p_last date, p_next date)
returns table (freeze_id bigint, missed_day date)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c.freeze_id, c.missed_day
  from (
    select f.freeze_id, f.missed_day, count(*) over () as days
    from learn_internal.freeze_days f
    where f.user_id = p_user_id and f.missed_day < p_next and f.is_held
  ) c
  where c.days = p_next - p_last - 1;
$$;
comment on function learn_internal.covering_freezes(uuid, date, date) is
  'Freezes that cover every missed day between two dates; none where they do not suffice.';

-- functions/streaks/give_streak_freezes.sql

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

-- functions/streaks/grant_streak_freezes.sql

-- Gives a user streak freezes. Each covers one day missed from today on;
-- a streak that is lost already stays lost.
-- Errors: LX001 count out of range; LX002; LX004 user inactive; LX013.
create or replace function learn.grant_streak_freezes(
  p_user_id         uuid,
  p_count           integer default 1,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'grant_streak_freezes', p_user_id, jsonb_build_object('count', p_count),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if p_count is null or p_count not between 1 and 100 then
    raise exception 'from 1 to 100 freezes are granted at a time'
      using errcode = 'LX001', detail = format('p_count = %s', coalesce(p_count::text, 'null')),
        hint = 'Pass a count from 1 to 100.';
  end if;
  perform set_config('learn_internal.writes_facts', 'yes', true);  -- not by hand: see complete_activity()
  perform learn_internal.give_streak_freezes(
    p_user_id, d.local_date, p_count, 'streak_freeze_granted', v_call.occurred_at)
  from learn_internal.local_date(p_user_id, v_call.occurred_at) d;
  perform set_config('learn_internal.writes_facts', '', true);
  perform learn_internal.audit('grant_streak_freezes', 'streak_freezes', p_user_id,
    p_new => jsonb_build_object('count', p_count));
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.grant_streak_freezes(uuid, integer, timestamptz, text) is
  'Gives a user streak freezes; each covers one missed day.';
grant execute on function learn.grant_streak_freezes(uuid, integer, timestamptz, text) to learn_app;

-- functions/streaks/spend_streak_freezes.sql

-- Covers the missed days between two active days of a user, where the freezes in hand
-- suffice for all of them.
create or replace function learn_internal.spend_streak_freezes(
  p_user_id uuid, p_last date, p_next date, p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  with covering as (
    select c.freeze_id, c.missed_day
    from learn_internal.covering_freezes(p_user_id, p_last, p_next) c
  ), used as (
    update learn.streak_freezes f
    set used_on = c.missed_day
    from covering c
    where f.user_id = p_user_id and f.id = c.freeze_id
  ), covered as (
    insert into learn.user_activity_days (user_id, activity_date, is_freeze)
    select p_user_id, c.missed_day, true from covering c
    on conflict do nothing
  ), counted as (
    update learn.user_stats s
    set streak_freezes = s.streak_freezes - (select count(*) from covering)
    where s.user_id = p_user_id and exists (select from covering)
  )
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, occurred_at, local_date, is_qualifying)
  select p_user_id, 'streak_freeze_used', 'day', c.missed_day::text, p_at, c.missed_day, false
  from covering c
  order by c.missed_day;
end;
$$;
comment on function learn_internal.spend_streak_freezes(uuid, date, date, timestamptz) is
  'Covers the days a user missed between two active days, all of them or none.';

-- views/achievements/reward_values.sql

-- The values that achievements are measured by: metrics, and the columns of user_stats that count
-- as metrics. A streak counts at its longest and a level at its highest, since an achievement,
-- once deserved, stays so.
create or replace view learn_internal.reward_values as
select m.user_id, m.metric, m.scope, m.value
from learn.user_metrics m
union all
select s.user_id, 'xp', '', s.total_xp from learn.user_stats s
union all
select s.user_id, 'level_reached', '', s.highest_level from learn.user_stats s
union all
select s.user_id, 'current_streak', '', s.longest_streak from learn.user_stats s
union all
select s.user_id, 'active_days', '', s.active_days from learn.user_stats s;
comment on view learn_internal.reward_values is
  'Value of every metric of every user, those kept in user_stats included.';

-- functions/achievements/criteria_leaves.sql

-- The conditions on single metrics in an achievement's criteria.
create or replace function learn_internal.criteria_leaves(p_criteria jsonb)
returns table (metric text, scope text, threshold bigint, is_sole boolean)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  with recursive nodes(node, is_root) as (
    select p_criteria, true
    union all
    select c.value, false
    from nodes n
    cross join lateral jsonb_array_elements(
      coalesce(n.node -> 'all', n.node -> 'any', n.node -> 'of')) c
    where not n.node ? 'metric'
  )
  select n.node ->> 'metric', coalesce(n.node ->> 'scope', ''),
    (n.node ->> 'at_least')::numeric::bigint, n.is_root
  from nodes n
  where n.node ? 'metric';
$$;
comment on function learn_internal.criteria_leaves(jsonb) is
  'The conditions on single metrics in an achievement''s criteria.';

-- functions/achievements/criteria_problem.sql

-- What is wrong with an achievement's criteria; null when nothing is.
create or replace function learn_internal.criteria_problem(
  p_criteria jsonb, p_path text default '$'
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys    text[];
  v_list    text;
  v_metric  learn.metrics;
  v_child   record;
  v_problem text;
begin
  if length(p_path) > 200 then
    return 'criteria are nested too deeply';
  end if;
  if p_criteria is null or jsonb_typeof(p_criteria) <> 'object' then
    return p_path || ' is not an object';
  end if;
  select array_agg(k order by k) into v_keys from jsonb_object_keys(p_criteria) k;

  if v_keys in ('{at_least,metric}', '{at_least,metric,scope}') then
    if jsonb_typeof(p_criteria -> 'metric') <> 'string' then
      return p_path || '.metric is not a string';
    end if;
    select m.* into v_metric from learn.metrics m where m.key = p_criteria ->> 'metric';
    if not found then
      return format('%s.metric: there is no metric %s', p_path, p_criteria ->> 'metric');
    elsif v_metric.key = 'longest_streak' then
      return p_path || '.metric: longest_streak is for boards; current_streak counts at its longest';
    end if;
    if p_criteria ? 'scope' then
      if jsonb_typeof(p_criteria -> 'scope') <> 'string' then
        return p_path || '.scope is not a string';
      end if;
      if v_metric.scope_property is null and p_criteria ->> 'scope' <> '' then
        return format('%s.scope: the metric %s has no scopes', p_path, v_metric.key);
      end if;
    end if;
    return learn_internal.count_problem(p_criteria -> 'at_least', p_path || '.at_least');
  end if;

  v_list := case
    when v_keys = '{all}' then 'all'
    when v_keys = '{any}' then 'any'
    when v_keys = '{at_least,of}' then 'of'
  end;
  if v_list is null then
    return format('%s has the keys (%s)', p_path, array_to_string(v_keys, ', '));
  end if;
  if jsonb_typeof(p_criteria -> v_list) <> 'array'
    or jsonb_array_length(p_criteria -> v_list) = 0 then
    return format('%s.%s is not a list with something in it', p_path, v_list);
  end if;
  if v_list = 'of' then
    v_problem := learn_internal.count_problem(p_criteria -> 'at_least', p_path || '.at_least');
    if v_problem is not null then
      return v_problem;
    end if;
    if (p_criteria ->> 'at_least')::numeric > jsonb_array_length(p_criteria -> 'of') then
      return format('%s.at_least is more than there are in the list', p_path);
    end if;
  end if;
  for v_child in
    select c.value, c.position
    from jsonb_array_elements(p_criteria -> v_list) with ordinality c(value, position)
  loop
    v_problem := learn_internal.criteria_problem(
      v_child.value, format('%s.%s[%s]', p_path, v_list, v_child.position - 1));
    if v_problem is not null then
      return v_problem;
    end if;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.criteria_problem(jsonb, text) is
  'What is wrong with an achievement''s criteria, in words; null when nothing is.';

-- functions/achievements/satisfies_criteria.sql

-- Whether a user's metrics satisfy criteria.
create or replace function learn_internal.satisfies_criteria(p_user_id uuid, p_criteria jsonb)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_children  jsonb := coalesce(p_criteria -> 'all', p_criteria -> 'any', p_criteria -> 'of');
  v_satisfied integer;
begin
  if p_criteria ? 'metric' then
    return exists (
      select from learn_internal.reward_values v
      where v.user_id = p_user_id and v.metric = p_criteria ->> 'metric'
        and v.scope = coalesce(p_criteria ->> 'scope', '')
        and v.value >= (p_criteria ->> 'at_least')::numeric::bigint);
  end if;
  select count(*) into v_satisfied
  from jsonb_array_elements(v_children) c
  where learn_internal.satisfies_criteria(p_user_id, c.value);
  return v_satisfied >= case
    when p_criteria ? 'all' then jsonb_array_length(v_children)
    when p_criteria ? 'any' then 1
    else (p_criteria ->> 'at_least')::numeric::integer
  end;
end;
$$;
comment on function learn_internal.satisfies_criteria(uuid, jsonb) is
  'Whether a user''s metrics satisfy an achievement''s criteria.';

-- functions/achievements/criteria_progress.sql

-- How far a user is with criteria: a value of a target. Of one condition they are the metric's; of a list that
-- must all hold, those of the condition that is furthest away; of another list, how many of its conditions hold
-- of those that must.
create or replace function learn_internal.criteria_progress(
  p_user_id uuid, p_criteria jsonb, out value bigint, out target bigint
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_criteria ? 'metric' then
    target := (p_criteria ->> 'at_least')::numeric;
    value := coalesce((
      select v.value from learn_internal.reward_values v
      where v.user_id = p_user_id and v.metric = p_criteria ->> 'metric'
        and v.scope = coalesce(p_criteria ->> 'scope', '')), 0);
    if p_criteria ->> 'metric' = 'current_streak' and value < target then
      value := learn.calculate_user_streak(p_user_id);  -- as it is today, while the longest does not suffice
    end if;
  elsif p_criteria ? 'all' then
    select p.value, p.target into value, target
    from jsonb_array_elements(p_criteria -> 'all') with ordinality c(criteria, position)
    cross join lateral learn_internal.criteria_progress(p_user_id, c.criteria) p
    order by least(1, p.value::numeric / p.target), c.position
    limit 1;
  else
    target := coalesce((p_criteria ->> 'at_least')::numeric, 1);
    select count(*) filter (where learn_internal.satisfies_criteria(p_user_id, c)) into value
    from jsonb_array_elements(coalesce(p_criteria -> 'any', p_criteria -> 'of')) c;
  end if;
end;
$$;
comment on function learn_internal.criteria_progress(uuid, jsonb) is
  'How far a user is with criteria: of a list that must all hold, with the condition that is furthest away.';

-- triggers/activity/process_activities.sql

-- When facts are written: the engine. Everything that a fact causes happens here, in this order: lock, XP and level,
-- streak, metrics, achievements. Earned achievements and new levels are facts too: they come through here again, until
-- nothing is new. It goes by groups of facts that came in together: of one learner, type and day, and whether they
-- count in metrics; a load is many, in the order of the learners' keys. Each step is a simple statement by key: to start
-- a plan of many parts costs more than all that it does for one fact. What is rare has a function of its own. Costs do
-- not depend on a learner's history: counters are incremented, thresholds found by index.
-- Errors: LX001 a fact of an unknown activity type, one that is malformed, or ahead of the clock.
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
  v_groups      refcursor;
  g             record;                           -- a group of facts
  v_key         text;                             -- its type
  v_type        record;                           -- what that says
  v_feed        learn_internal.metric_feeds;
  v_user_id     uuid;
  v_at          timestamptz;                      -- when the user's latest fact came in, or later
  v_stats       learn.user_stats;
  v_paid        record;
  v_xp          bigint;
  v_facts       integer;
  v_gains       learn_internal.gain[];            -- what boards are to count
  v_pays        jsonb := '{}'::jsonb;             -- what types pay, by their keys
  v_has_xp      boolean := false;
  v_is_one      boolean;                          -- one fact, and no more
  v_is_turn     boolean;                          -- to look whether too much waits
  v_capped      jsonb;                            -- what facts pay within a cap, by their ids
  v_rise        learn_internal.rise;
  v_rises       learn_internal.rise[];            -- new levels
  v_new         learn_internal.win[];             -- thresholds that this group has crossed
  v_won         learn_internal.win[];             -- thresholds crossed
  v_run         learn_internal.run_event[];       -- what this group does to runs
  v_events      learn_internal.run_event[];
  v_day         learn_internal.opened_day;
  v_days        learn_internal.opened_day[];
  v_terms       learn_internal.day_terms;         -- what days mean
  v_notifies    boolean := false;
  v_seen        uuid[]; v_seen_at timestamptz[];  -- users who were not seen for five minutes
begin
  perform from new_facts offset 1;
  v_is_one := not found;
  if v_is_one then  -- mostly: to start aggregates costs several times as much as this look
    open v_groups for
    select n.user_id, n.activity_type, n.local_date, n.zone_number, n.is_qualifying, n.recorded_at,
      n.properties @> '{"counts": false}' as is_uncounted, 1 as facts,
      coalesce(n.xp, 0)::bigint as xp, (n.xp is not null)::integer as told,
      n.occurred_at as first_at, n.occurred_at as last_at, array[n.id] as ids,
      array[n.occurred_at] as times, array[n.properties::jsonb] as properties,
      jsonb_typeof(n.properties) = 'object' and (n.subject_type is null) = (n.subject_id is null) as is_well_formed
    from new_facts n;
  else
    open v_groups for
    select n.user_id, n.activity_type, n.local_date, n.zone_number, n.is_qualifying, n.recorded_at,
      n.properties @> '{"counts": false}' as is_uncounted, count(*)::integer as facts,
      coalesce(sum(n.xp), 0) as xp, count(n.xp)::integer as told,
      min(n.occurred_at) as first_at, max(n.occurred_at) as last_at, array_agg(n.id) as ids,
      array_agg(n.occurred_at) as times, array_agg(n.properties::jsonb) as properties,
      bool_and(jsonb_typeof(n.properties) = 'object'
        and (n.subject_type is null) = (n.subject_id is null)) as is_well_formed
    from new_facts n
    group by n.user_id, n.activity_type, n.local_date, n.zone_number, n.is_qualifying, n.recorded_at,
      n.properties @> '{"counts": false}'
    order by n.user_id, min(n.id);
  end if;
  loop
    fetch v_groups into g;
    exit when not found;
    v_new := null; v_run := null;
    -- 1. What the type says.
    if g.activity_type is distinct from v_key then
      select t.key, t.pays, t.is_capped, t.is_on_boards, t.feeds_days, t.resets_runs, t.notifies, array(
        select f from learn_internal.metric_feeds f where f.activity_type = t.key) as feeds
      into v_type from learn.activity_types t where t.key = g.activity_type;
      v_key := v_type.key;
      v_pays := v_pays || jsonb_build_object(g.activity_type, v_type.pays);
      v_notifies := v_notifies or v_type.notifies;
    end if;
    if v_key is null or not g.is_well_formed
      or greatest(g.last_at, g.recorded_at) > now()  -- or the clock is set ahead
      or least(g.first_at, g.recorded_at) < '1970-01-01 00:00:00+00'
      or g.local_date > (g.first_at at time zone 'UTC')::date + 1
      or g.local_date < (g.last_at at time zone 'UTC')::date - 1
    then
      perform learn_internal.require_sound_facts(v_key is not null, g.activity_type, g.is_qualifying,
        g.local_date, g.recorded_at, g.first_at, g.last_at, case when not g.is_well_formed then (
          select max(format('properties = %s, subject_type = %L, subject_id = %L',
            n.properties, n.subject_type, n.subject_id)) from new_facts n where n.id = any (g.ids)) end);
    end if;
    v_is_turn := hashint8(g.ids[1]) % 8 = 0;  -- ids of a shard count in steps
    v_xp := g.xp + (g.facts - g.told)::bigint * coalesce(v_type.pays, 0);
    v_has_xp := v_has_xp or v_xp <> 0 or g.told > 0 and g.facts > 1;  -- which may add up to nothing

    -- 2. Lock the learner, and pay: what the facts carry, else what the rule says.
    if v_type.is_capped then
      if v_capped is null then
        select learn_internal.paid_today_within_caps(
          array_agg(n.id), array_agg(n.user_id), array_agg(n.activity_type::text), array_agg(n.xp))
        into v_capped from new_facts n;
      end if;
      select sum(coalesce((v_capped ->> n.id::text)::integer, n.xp, v_type.pays, 0)) into v_xp
      from new_facts n where n.id = any (g.ids);
    end if;
    continue when v_xp = 0 and not g.is_qualifying and cardinality(v_type.feeds) = 0
      and not v_type.feeds_days and not v_type.resets_runs;  -- such as new levels, which are at most reported
    v_at := greatest(g.last_at, g.recorded_at, case when g.user_id = v_user_id then v_at end);
    v_user_id := g.user_id;
    if v_xp = 0 then
      select * into v_stats from learn.user_stats s where s.user_id = g.user_id for no key update;
    else
      update learn.user_stats s set total_xp = s.total_xp + v_xp where s.user_id = g.user_id
      returning s as stats,
        -- a total that means a level or an achievement, or a level of an easier curve that is yet to be announced
        s.current_level > s.highest_level or exists (
          select from learn_internal.xp_marks m
          where m.xp > least(s.total_xp - v_xp, s.total_xp)
            and m.xp <= greatest(s.total_xp - v_xp, s.total_xp)) as is_marked
      into v_paid;
      v_stats := v_paid.stats;
      v_gains := v_gains || (g.user_id, case when v_type.is_on_boards then 'xp' else 'no board' end,
        g.local_date, g.activity_type, v_xp)::learn_internal.gain;
      if not v_type.is_on_boards then
        update learn.user_stats s set reward_xp = s.reward_xp + v_xp where s.user_id = g.user_id;
      end if;
      if v_paid.is_marked then  -- 3. The level, and what the total earns
        v_rise := learn_internal.move_level(v_stats, v_xp, v_at);
        v_new := v_rise.won;
        if v_rise.to_level > v_rise.from_level then
          v_rises := v_rises || v_rise;
        end if;
      end if;
    end if;

    -- 4. Another day than the last active one moves the streak.
    if g.is_qualifying then
      if v_stats.last_active_at is null or v_at >= v_stats.last_active_at + interval '5 minutes' then
        v_seen := v_seen || g.user_id;
        v_seen_at := v_seen_at || v_at;
      end if;
      if g.local_date is distinct from v_stats.last_activity_date or g.zone_number <> v_stats.settled_zone then
        v_terms := coalesce(v_terms, learn_internal.day_terms());
        v_day := learn_internal.open_day(v_stats, g.local_date, g.zone_number, g.first_at, g.last_at, v_at, v_terms);
        v_days := v_days || v_day;
        v_new := v_new || v_day.won;
        for v_i in 1 .. coalesce(cardinality(v_day.gains), 0) loop
          v_gains := v_gains || v_day.gains[v_i];
        end loop;
      end if;
    end if;

    -- 5. Metrics count what happened.
    if not g.is_uncounted then
      foreach v_feed in array v_type.feeds loop
        v_facts := case when v_feed.filter = '{}' then g.facts
          when not v_feed.filter <@ any (g.properties) then 0 when g.facts = 1 then 1 end;
        if v_facts is null then
          v_facts := (select count(*) from unnest(g.properties) p where p @> v_feed.filter);
        end if;
        continue when v_facts = 0;
        if v_feed.aggregate = 'run' then
          v_run := v_run || learn_internal.run_events(g.user_id, v_feed, g.ids, g.properties, g.times);
        elsif v_feed.aggregate <> 'count' or v_feed.scope_property is not null then
          v_new := v_new || learn_internal.feed_metric(g.user_id, v_feed, g.properties, g.local_date, v_at);
        else
          v_new := v_new || learn_internal.add_to_metric(g.user_id, v_feed.metric, '', v_facts, v_at);
          if v_feed.is_board then
            v_gains := v_gains || (g.user_id, v_feed.metric, g.local_date, null, v_facts)::learn_internal.gain;
          end if;
        end if;
      end loop;
      if v_type.feeds_days then
        v_new := v_new || learn_internal.count_days(
          g.user_id, g.activity_type, g.local_date, g.zone_number, g.properties, v_at);
      end if;
      if v_type.resets_runs then
        v_run := v_run || learn_internal.run_ends(g.user_id, g.activity_type, g.ids, g.properties, g.times);
      end if;
    end if;
    -- one by one, which costs the same however many there are: joining arrays copies them
    for v_i in 1 .. coalesce(cardinality(v_new), 0) loop
      v_won := v_won || v_new[v_i];
    end loop;
    for v_i in 1 .. coalesce(cardinality(v_run), 0) loop
      v_events := v_events || v_run[v_i];
    end loop;
  end loop;
  close v_groups;  -- for zero rows, for which triggers fire too, nothing below finds anything to do
  if v_events is not null then
    v_won := v_won || learn_internal.advance_runs(v_events);
  end if;

  -- 6. The ledger
  if v_has_xp then
    insert into learn.xp_transactions
      (user_id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
    select p.user_id, p.amount, p.activity_type, coalesce(p.told ->> 'source_type', p.activity_type),
      case when p.told is null then p.subject_id else p.told ->> 'source_id' end,
      p.told ->> 'description', p.local_date, p.recorded_at
    from (
      select n.*,
        case when n.activity_type in ('xp_awarded', 'xp_reversed', 'period_rewarded', 'period_reward_reversed')
          then n.properties end as told,  -- its caller names the source
        coalesce((v_capped ->> n.id::text)::integer, n.xp, (v_pays ->> n.activity_type)::integer) as amount
      from new_facts n
    ) p where p.amount <> 0;
  end if;
  if v_gains is not null then
    insert into learn_internal.board_gains (user_id, metric, local_date, activity_type, amount)
    select b.user_id, b.metric, b.local_date, b.activity_type, b.amount from unnest(v_gains) b;
  end if;
  -- refresh_leaderboard() merges them into the boards, and a load when it commits; where far too many wait, so does a
  -- call, one fact in eight, but a few only.
  if cardinality(v_gains) >= 100 then
    perform learn_internal.request_merge(null);
  elsif v_is_turn then
    perform learn_internal.limit_waiting();
  end if;
  if v_days is not null then
    perform learn_internal.tally_days(v_days);
  end if;

  -- 7. Users were seen, and are told of what rules name.
  if v_seen is not null then
    perform learn_internal.note_seen(v_seen, v_seen_at);
  end if;
  if v_notifies and v_is_one then
    perform learn_internal.notify_facts(array[(n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id,
      n.properties)::learn_internal.notice]) from new_facts n;
  elsif v_notifies then
    perform learn_internal.notify_facts(array_agg(
      (n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id, n.properties)::learn_internal.notice
      order by n.id))
    from new_facts n join learn.activity_types t on t.key = n.activity_type and t.notifies;
  end if;

  -- 8. What was reached is a fact too.
  if v_rises is not null then
    perform learn_internal.announce_levels(v_rises);
  end if;
  if cardinality(v_won) > 0 then
    perform learn_internal.earn_achievements(v_won);
  end if;
  return null;
end;
$$;
comment on function learn_internal.process_activities() is
  'The engine, a statement trigger: facts move streaks, pay XP, count in metrics and earn achievements.';

create or replace trigger process_activities
  after insert on learn.activity_log referencing new table as new_facts
  for each statement execute function learn_internal.process_activities();

-- functions/xp/calculate_level_from_xp.sql

-- Level for an amount of XP, by the curve in learn.level_thresholds. Below 0 is level 1;
-- the highest level is the cap.
create or replace function learn.calculate_level_from_xp(p_xp bigint)
returns integer
language plpgsql                  -- keeps its plan
stable
parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  return coalesce(
    (select t.level from learn.level_thresholds t
      where t.min_xp <= p_xp order by t.min_xp desc limit 1), 1);
end;
$$;
comment on function learn.calculate_level_from_xp(bigint) is
  'Level for an amount of XP, by the level curve.';
grant execute on function learn.calculate_level_from_xp(bigint) to learn_editor, learn_app, learn_user, learn_readonly;

-- functions/xp/move_level.sql

-- Brings a user's level up to date after a payment (negative: XP that was taken back), and finds the
-- achievements whose thresholds the total or the level has crossed. A level is reached once: what was
-- reached before stays reached. The caller has locked the user; p_stats has the new total.
create or replace function learn_internal.move_level(
  p_stats learn.user_stats, p_xp bigint, p_at timestamptz
)
returns learn_internal.rise
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_level integer := learn.calculate_level_from_xp((p_stats).total_xp);
  v_rise  learn_internal.rise;
begin
  v_rise.user_id := (p_stats).user_id;
  v_rise.from_level := (p_stats).highest_level;
  v_rise.to_level := greatest((p_stats).highest_level, v_level);
  v_rise.at := p_at;
  update learn.user_stats s
  set current_level = v_level, highest_level = v_rise.to_level
  where s.user_id = (p_stats).user_id;
  v_rise.won := learn_internal.crossed_thresholds(v_rise.user_id, array['xp', 'level_reached'], '',
    array[(p_stats).total_xp - p_xp, v_rise.from_level], array[(p_stats).total_xp::bigint, v_rise.to_level], p_at);
  return v_rise;
end;
$$;
comment on function learn_internal.move_level(learn.user_stats, bigint, timestamptz) is
  'Brings a user''s level up to date after a payment; says which levels are new, and what they earn.';

-- functions/xp/xp_for_level.sql

-- XP from which a user is on a level.
-- Errors: LX001 no such level.
create or replace function learn.xp_for_level(p_level integer)
returns bigint
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_xp bigint;
begin
  select t.min_xp into v_xp from learn.level_thresholds t where t.level = p_level;
  if not found then
    raise exception 'there is no such level'
      using errcode = 'LX001', detail = format('p_level = %s', coalesce(p_level::text, 'null')),
        hint = (
          select format('Levels go from %s to %s.', min(t.level), max(t.level))
          from learn.level_thresholds t);
  end if;
  return v_xp;
end;
$$;
comment on function learn.xp_for_level(integer) is 'XP from which a user is on a level.';
grant execute on function learn.xp_for_level(integer) to learn_editor, learn_app, learn_user, learn_readonly;

-- triggers/xp/level_thresholds.sql

-- What happens when rows of learn.level_thresholds are written, in the order in which triggers fire.
-- Errors: LX001.

-- When the level curve changes: this blocks learners.
create or replace trigger level_thresholds_change
  before insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.change_content();

-- When the level curve is changed: it must be one, and everybody's level follows it.
-- Levels that were reached stay reached: nothing is announced, and no achievement is taken away.
-- Errors: LX001 not a curve.
create or replace function learn_internal.apply_level_curve()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from (
      select t.level, t.min_xp, row_number() over (order by t.level) as position,
        lag(t.min_xp) over (order by t.level) as previous
      from learn.level_thresholds t
    ) c
    where c.level <> c.position or c.position = 1 and c.min_xp <> 0 or c.min_xp <= c.previous
  ) or not exists (select from learn.level_thresholds)
  then
    raise exception 'the level curve must rise from level 1 at 0 XP without gaps'
      using errcode = 'LX001',
        detail = (
          select coalesce(
            string_agg(format('%s: %s', t.level, t.min_xp), ', ' order by t.level), 'no levels')
          from learn.level_thresholds t),
        hint = 'Change all levels concerned in one statement.';
  end if;

  perform from learn.user_stats s
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
  order by s.user_id
  for no key update;
  update learn.user_stats s
  set current_level = learn.calculate_level_from_xp(s.total_xp)
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp);
  return null;
end;
$$;
comment on function learn_internal.apply_level_curve() is
  'Statement trigger: checks the level curve (LX001) and applies it to all users.';

create or replace trigger apply_level_curve
  after insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.apply_level_curve();

-- When the level curve changes: the totals of XP at which something happens are noted again.
create or replace trigger level_thresholds_marks
  after insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.note_xp_marks();

-- triggers/xp/xp_rules.sql

-- What happens when rows of learn.xp_rules are written, in the order in which triggers fire.

-- When the rules that pay change: this blocks learners.
create or replace trigger xp_rules_change
  before insert or update or delete on learn.xp_rules
  for each statement
  execute function learn_internal.change_content();

-- When the rules that pay change: what each type of fact can cause is noted with the type.
create or replace trigger xp_rules_consequences
  after insert or update or delete on learn.xp_rules
  for each statement
  execute function learn_internal.note_consequences();

-- triggers/xp/xp_transactions.sql

-- What happens when rows of learn.xp_transactions are written, in the order in which triggers fire.
-- Errors: LX009.

-- When someone empties the ledger: refused.
create or replace trigger xp_transactions_truncate
  before truncate on learn.xp_transactions
  for each statement
  execute function learn_internal.refuse_truncate();

-- When a ledger row is changed or deleted: refused.
create or replace trigger xp_transactions_is_append_only
  before update or delete on learn.xp_transactions
  for each row
  execute function learn_internal.refuse_change();

-- triggers/xp/xp_transactions_default.sql

-- When someone empties the default partition: refused.
create or replace trigger xp_transactions_default_truncate
  before truncate on learn.xp_transactions_default
  for each statement
  execute function learn_internal.refuse_truncate();

-- functions/achievements/avatar_collection.sql

-- All avatars as one user sees them: which are the user's, since when, which is shown, and what
-- unlocks the others.
-- Errors: LX002 unknown user.
create or replace function learn.avatar_collection(p_user_id uuid)
returns table (
  avatar_id bigint, slug text, name text, description text, image_url text, rarity text,
  is_unlocked boolean, unlocked_at timestamptz, is_selected boolean, unlocked_by text[]
)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_selected bigint;
begin
  perform learn_internal.require_self(p_user_id);
  select u.selected_avatar_id into v_selected from learn.users u where u.id = p_user_id;
  if not found then
    perform learn_internal.require_user(p_user_id, false);
  end if;
  return query
  select a.id, a.slug, a.name, a.description, a.image_url, a.rarity,
    a.is_default or o.user_id is not null, o.unlocked_at, a.id is not distinct from v_selected,
    (
      select coalesce(array_agg(c.slug order by c.display_order, c.slug), '{}')
      from learn.achievements c
      where c.unlocks_avatar_id = a.id and c.is_active and not c.is_hidden
    )
  from learn.avatars a
  left join learn.user_avatars o on o.avatar_id = a.id and o.user_id = p_user_id
  order by a.display_order, a.slug;
end;
$$;
comment on function learn.avatar_collection(uuid) is
  'All avatars as one user sees them: unlocked or not, which is shown, and the slugs of the '
  'achievements that unlock each.';
grant execute on function learn.avatar_collection(uuid) to learn_app, learn_user, learn_readonly;

-- views/achievements/deserved_achievements.sql

-- Achievements that users' metrics deserve and that they neither have nor lost:
-- by the one condition that is the whole criterion, or (is_sole is false) by one of several,
-- so that satisfies_criteria() has to be asked.
create or replace view learn_internal.deserved_achievements as
select v.user_id, t.achievement_id, t.is_sole, a.criteria, a.slug, a.criteria_changed_at,
  t.metric, t.scope, t.threshold,
  jsonb_build_object('metric', v.metric, 'scope', v.scope, 'value', v.value) as evidence
from learn_internal.achievement_thresholds t
join learn.achievements a on a.id = t.achievement_id
join learn_internal.reward_values v
  on v.metric = t.metric and v.scope = t.scope and v.value >= t.threshold
where not exists (
  select from learn.user_achievements u
  where u.user_id = v.user_id and u.achievement_id = t.achievement_id)
  and not exists (
  select from learn.revoked_achievements r
  where r.user_id = v.user_id and r.achievement_id = t.achievement_id);
comment on view learn_internal.deserved_achievements is
  'Achievements that users'' metrics deserve and that they do not have.';

-- functions/achievements/check_achievements.sql

-- Earns for a user every achievement that their metrics deserve by now, those that came after
-- the deed included. Returns the slugs that are new.
-- Errors: LX002; LX004 user inactive.
create or replace function learn.check_achievements(p_user_id uuid)
returns setof text
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'check_achievements', p_user_id, '{}', null, null);
begin
  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select d.user_id, d.achievement_id, v_call.occurred_at, d.evidence
  from learn_internal.deserved_achievements d
  where d.user_id = p_user_id
    and (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
  order by d.achievement_id
  on conflict (user_id, achievement_id) do nothing;

  return query select unnest((learn_internal.summarize(v_call)).new_achievements);
end;
$$;
comment on function learn.check_achievements(uuid) is
  'Earns for a user every achievement that their metrics deserve by now; returns the new slugs.';
grant execute on function learn.check_achievements(uuid) to learn_app, learn_user;

-- functions/achievements/earn_achievements.sql

-- Gives users the achievements whose thresholds they have crossed, where the whole rule is satisfied and
-- nobody has taken the achievement away from them. Earning one is a fact: announce_achievements().
create or replace function learn_internal.earn_achievements(p_won learn_internal.win[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select w.user_id, w.achievement_id, w.at, w.evidence
  from unnest(p_won) w
  join learn.achievements a on a.id = w.achievement_id
  where (a.criteria ? 'metric' or learn_internal.satisfies_criteria(w.user_id, a.criteria))
    and not exists (
      select from learn.revoked_achievements r
      where r.user_id = w.user_id and r.achievement_id = w.achievement_id
      offset 0)
  order by w.user_id, a.display_order, w.achievement_id
  on conflict (user_id, achievement_id) do nothing;
end;
$$;
comment on function learn_internal.earn_achievements(learn_internal.win[]) is
  'Gives users the achievements whose thresholds they have crossed, where the whole rule is satisfied.';

-- functions/achievements/count_problem.sql

-- What is wrong with a count in criteria: it must be a whole number
-- of at least 1 that fits a bigint.
create or replace function learn_internal.count_problem(p_count jsonb, p_path text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_count) is distinct from 'number' then p_path || ' is not a number'
    when p_count::numeric <> trunc(p_count::numeric) then p_path || ' is not a whole number'
    when p_count::numeric < 1 then p_path || ' is less than 1'
    when p_count::numeric > 9223372036854775807 then p_path || ' is too large'
  end;
$$;
comment on function learn_internal.count_problem(jsonb, text) is
  'What is wrong with a count in criteria, in words; null when nothing is.';

-- functions/achievements/was_deserved_before.sql

-- Whether a user's value of a metric had reached a threshold by a point in time already,
-- as far as facts can tell; null when they cannot. For check_integrity(): such an achievement
-- is for backfill_achievement() to grant, not a fault.
create or replace function learn_internal.was_deserved_before(
  p_user_id uuid, p_metric text, p_scope text, p_threshold bigint, p_until timestamptz
)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metric learn.metrics;
  v_value  bigint;
begin
  select m.* into v_metric from learn.metrics m where m.key = p_metric;
  -- redefining a metric recounts it, and earns nothing
  p_until := greatest(p_until, v_metric.defined_at);
  if v_metric.aggregate = 'run' or p_metric = 'current_streak' then
    -- The best run of the past is not kept; but where there are no facts from before,
    -- there was none.
    return case when exists (
      select from learn_internal.all_facts f
      where f.user_id = p_user_id and f.recorded_at <= p_until
        and f.activity_type <> 'user_registered') then null
    else false end;
  end if;

  if p_metric = 'xp' then
    select sum(t.amount) into v_value
    from learn_internal.all_payments t
    where t.user_id = p_user_id and t.created_at <= p_until;
  elsif p_metric = 'level_reached' then
    select max(f.subject_id::bigint) into v_value
    from learn_internal.all_facts f
    where f.user_id = p_user_id and f.activity_type = 'level_reached' and f.recorded_at <= p_until;
  elsif p_metric = 'active_days' then
    select count(distinct f.local_date) into v_value
    from learn_internal.all_facts f
    where f.user_id = p_user_id and f.is_qualifying and f.recorded_at <= p_until;
  else
    select case v_metric.aggregate
        when 'max' then max(a.amount)
        when 'distinct_days' then count(distinct f.local_date)
        else sum(a.amount)
      end into v_value
    from learn_internal.counted_facts f
    cross join lateral (
      select case when v_metric.property is null then 1
        else learn_internal.number_property(f.properties, v_metric.property) end as amount
    ) a
    where f.user_id = p_user_id and f.activity_type = v_metric.activity_type
      and f.recorded_at <= p_until and f.properties @> v_metric.filter
      and (p_scope = '' or f.properties ->> v_metric.scope_property = p_scope);
  end if;
  return coalesce(v_value, 0) >= p_threshold;
end;
$$;
comment on function learn_internal.was_deserved_before(uuid, text, text, bigint, timestamptz) is
  'Whether a user''s metric had reached a threshold by a point in time already; '
  'null when facts cannot tell.';

-- views/achievements/achievement_catalog.sql

-- Every active achievement that is no secret, with how many have earned it. Names are the base texts: translate
-- with learn.localized().
create or replace view learn.achievement_catalog with (security_barrier) as
select a.id, a.slug, a.name, a.description, a.icon, a.category, a.system,
  a.rarity, a.criteria, a.xp_reward,
  v.slug as unlocks_avatar, a.display_order, coalesce(e.times_earned, 0) as times_earned, a.translations
from learn.achievements a
left join learn.avatars v on v.id = a.unlocks_avatar_id
left join (
  select u.achievement_id, count(*) as times_earned
  from learn.user_achievements u group by u.achievement_id
) e on e.achievement_id = a.id
where a.is_active and not a.is_hidden;
comment on view learn.achievement_catalog is
  'Active achievements that are no secret, with how many users have earned each.';
grant select on learn.achievement_catalog to learn_editor, learn_app, learn_user, learn_readonly;

-- triggers/achievements/achievement_thresholds_marks.sql

-- When thresholds of achievements change: the totals of XP at which something happens
-- are noted again.
create or replace trigger achievement_thresholds_marks
  after insert or update or delete or truncate on learn_internal.achievement_thresholds
  for each statement
  execute function learn_internal.note_xp_marks();

-- triggers/achievements/achievements.sql

-- What happens when rows of learn.achievements are written, in the order in which triggers fire.
-- Errors: LX009, LX011.

-- When the rules of achievements change: this blocks learners.
create or replace trigger achievements_change
  before insert or update of criteria, is_active or delete on learn.achievements
  for each statement
  execute function learn_internal.change_content();

-- When an achievement is written: its criteria must make sense, and a change of the rule is dated.
-- Errors: LX011 criteria are not of the grammar, or name an unknown metric.
create or replace function learn_internal.check_criteria()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem text := learn_internal.criteria_problem(new.criteria);
begin
  if v_problem is not null then
    raise exception 'invalid criteria of achievement %', new.slug
      using errcode = 'LX011', detail = v_problem,
        hint = 'Criteria are {"metric": m, "scope": s?, "at_least": n}, {"all": […]}, '
          '{"any": […]} or {"at_least": k, "of": […]}; metrics are rows of learn.metrics.';
  end if;
  if tg_op = 'INSERT' or new.criteria <> old.criteria or new.is_active and not old.is_active then
    new.criteria_changed_at := learn.clock();
  end if;
  return new;
end;
$$;
comment on function learn_internal.check_criteria() is
  'Row trigger: validates an achievement''s criteria (LX011).';

create or replace trigger check_criteria
  before insert or update of criteria, is_active on learn.achievements
  for each row
  execute function learn_internal.check_criteria();

-- When an achievement is written: its thresholds are indexed, or taken out of the index
-- while it is inactive.
create or replace function learn_internal.index_criteria()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from learn_internal.achievement_thresholds t where t.achievement_id = new.id;
  if new.is_active then
    insert into learn_internal.achievement_thresholds
      (metric, scope, threshold, achievement_id, is_sole)
    select distinct l.metric, l.scope, l.threshold, new.id, l.is_sole
    from learn_internal.criteria_leaves(new.criteria) l;
  end if;
  return null;
end;
$$;
comment on function learn_internal.index_criteria() is
  'Row trigger: indexes the thresholds of an active achievement.';

create or replace trigger index_criteria
  after insert or update of criteria, is_active on learn.achievements
  for each row
  execute function learn_internal.index_criteria();

-- When an achievement is deleted: not while somebody holds it, because another of its name would be earned again.
-- Errors: LX009.
create or replace function learn_internal.keep_held_achievements()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from learn.user_achievements u where u.achievement_id = old.id) then
    raise exception 'an achievement that somebody holds stays'
      using errcode = 'LX009', detail = format('achievement %s', old.slug),
        hint = 'Deactivate it: update learn.achievements set is_active = false.';
  end if;
  return old;
end;
$$;
comment on function learn_internal.keep_held_achievements() is
  'Row trigger: an achievement that somebody holds is not deleted (LX009).';

create or replace trigger keep_held_achievements
  before delete on learn.achievements
  for each row execute function learn_internal.keep_held_achievements();

-- triggers/achievements/revoked_achievements.sql

-- What happens when rows of learn.revoked_achievements are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.revoked_achievements
  for each row
  when (learn_internal.is_off_time(new.revoked_at, new.revoked_at))
  execute function learn_internal.refuse_times('revoked_at');

create or replace trigger refuse_new_times
  before update of revoked_at on learn.revoked_achievements
  for each row
  when (new.revoked_at is distinct from old.revoked_at and learn_internal.is_off_time(new.revoked_at, new.revoked_at))
  execute function learn_internal.refuse_times('revoked_at');

-- triggers/achievements/user_achievements.sql

-- What happens when rows of learn.user_achievements are written, in the order in which triggers fire.
-- Errors: LX009, LX010.

-- When an earned achievement is changed: its token is written once.
-- Errors: LX010.
create or replace function learn_internal.keep_achievement_tokens()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if learn_internal.is_merging() then
    return new;
  end if;
  raise exception 'the token of an achievement stays'
    using errcode = 'LX010',
      detail = format('user_id = %s, achievement_id = %s, token %s', old.user_id, old.achievement_id, old.token_id),
      hint = 'Token data are written once, by learn.achievement_minted().';
end;
$$;
comment on function learn_internal.keep_achievement_tokens() is
  'Row trigger: refuses changes of the tokens of achievements (LX010).';

create or replace trigger keep_achievement_tokens
  before update on learn.user_achievements
  for each row
  when (old.token_id is not null
    and (old.token_id, old.collection_id, old.serial_number, old.metadata_uri, old.tx_id, old.minted_at)
      is distinct from (new.token_id, new.collection_id, new.serial_number, new.metadata_uri, new.tx_id,
        new.minted_at))
  execute function learn_internal.keep_achievement_tokens();

-- When achievements are deleted otherwise than by revoke_achievement(): refused. They would be earned, and paid, again.
-- Errors: LX009.
create or replace function learn_internal.keep_achievements()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept record;
begin
  select o.user_id, a.slug into v_kept
  from lost o
  join learn.users u on u.id = o.user_id
  join learn.achievements a on a.id = o.achievement_id
  where not exists (
    select from learn.revoked_achievements r
    where r.user_id = o.user_id and r.achievement_id = o.achievement_id)
  limit 1;
  if found and not learn_internal.is_merging() then
    raise exception 'an achievement stays earned'
      using errcode = 'LX009', detail = format('user_id = %s, achievement %s', v_kept.user_id, v_kept.slug),
        hint = 'Take it away, with what it paid, by learn.revoke_achievement().';
  end if;
  return null;
end;
$$;
comment on function learn_internal.keep_achievements() is
  'Statement trigger: achievements go only by revoke_achievement(), or with the user (LX009).';

create or replace trigger keep_achievements
  after delete on learn.user_achievements
  referencing old table as lost
  for each statement
  execute function learn_internal.keep_achievements();

-- When achievements are earned: their avatars are unlocked, and earning them is a fact, which pays
-- their XP.
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
declare
  v_count   bigint;
  v_avatars bigint;
  v_now     timestamptz;
begin
  select count(*), count(a.unlocks_avatar_id) into v_count, v_avatars
  from earned e
  join learn.achievements a on a.id = e.achievement_id;
  if v_count = 0 then
    return null;
  end if;
  v_now := learn.clock();

  if v_avatars > 0 then
    insert into learn.user_avatars (user_id, avatar_id, unlocked_at)
    select e.user_id, a.unlocks_avatar_id, e.earned_at
    from earned e
    join learn.achievements a on a.id = e.achievement_id
    where a.unlocks_avatar_id is not null
    order by e.user_id, a.unlocks_avatar_id
    on conflict do nothing;
  end if;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, zone_number, is_qualifying, recorded_at)
  select e.user_id, 'achievement_earned', 'achievement', a.slug,
    jsonb_build_object(
      'achievement_id', a.id, 'category', a.category, 'rarity', a.rarity, 'system', a.system),
    a.xp_reward, e.earned_at, (d.here).local_date, (d.here).zone_number, false, v_now
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  cross join lateral (
    select case when e.earned_at < u.zone_since then learn_internal.local_date(e.user_id, e.earned_at)
      else ((e.earned_at at time zone u.timezone - u.day_starts_at)::date,
        u.zone_number)::learn_internal.local_date end as here
    from learn.users u
    where u.id = e.user_id
    offset 0
  ) d
  where not e.evidence ? 'is_restored'  -- rebuilt from the fact that is there
  order by e.user_id, e.id;
  return null;
end;
$$;
comment on function learn_internal.announce_achievements() is
  'Statement trigger: unlocks the avatars of earned achievements and writes '
  'achievement_earned facts.';

create or replace trigger announce_achievements
  after insert on learn.user_achievements
  referencing new table as earned
  for each statement
  execute function learn_internal.announce_achievements();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back. Of what triggers write, that is
-- asked of its fact.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_achievements
  for each row
  when (pg_trigger_depth() = 0 and learn_internal.is_off_time(new.earned_at, new.earned_at))
  execute function learn_internal.refuse_times('earned_at');

create or replace trigger refuse_new_times
  before update of earned_at on learn.user_achievements
  for each row
  when (new.earned_at is distinct from old.earned_at and learn_internal.is_off_time(new.earned_at, new.earned_at))
  execute function learn_internal.refuse_times('earned_at');

-- When it was earned stays: a fact says so.
-- Errors: LX009.
create or replace trigger dates_stay
  after update of earned_at on learn.user_achievements
  for each row when (old.earned_at <> new.earned_at)
  execute function learn_internal.refuse_change();

-- functions/achievements/crossed_thresholds.sql

-- The achievements whose thresholds some values of a user have crossed, each of a metric, on their ways from old ones
-- to new ones (parallel arrays). The only place where thresholds are looked up by value, but for add_to_metric().
create or replace function learn_internal.crossed_thresholds(
  p_user_id uuid, p_metrics text[], p_scope text, p_old bigint[], p_new bigint[], p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select (p_user_id, t.achievement_id, p_at, jsonb_build_object(
      'metric', v.metric, 'scope', p_scope, 'value', v.new))::learn_internal.win
    from unnest(p_metrics, p_old, p_new) v(metric, old, new)
    join learn_internal.achievement_thresholds t on t.metric = v.metric and t.scope = p_scope
      and t.threshold > v.old and t.threshold <= v.new);
end;
$$;
comment on function learn_internal.crossed_thresholds(
  uuid, text[], text, bigint[], bigint[], timestamptz) is
  'The achievements whose thresholds some values have crossed on their ways from old ones to new ones.';

-- functions/activity/advance_runs.sql

-- Moves runs: facts that lengthen one, and facts that end it, by the times at which they occurred (then by
-- their ids); a fact that does both ends a run and begins the next. What comes late counts in its place: it
-- may lengthen a run of the past, or cut the one that goes on. Achievements go by the longest that a run was
-- on the way.
create or replace function learn_internal.advance_runs(p_events learn_internal.run_event[])
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  e       learn_internal.run_event;
  v_run   learn_internal.user_runs;
  v_next  learn_internal.run_event;
  v_count integer := cardinality(p_events);
  v_place integer := 0;
  v_old   bigint;
  v_value bigint;
  v_peak  bigint;
  v_won   learn_internal.win[];
begin
  if v_count > 1 then
    p_events := array(
      select v from unnest(p_events) v
      order by (v).user_id, (v).metric, (v).scope, (v).at, (v).id, (v).is_end desc);
  end if;
  foreach e in array p_events loop
    v_place := v_place + 1;
    if v_run.user_id is null then
      select * into v_run from learn_internal.user_runs r
      where r.user_id = e.user_id and r.metric = e.metric and r.scope = e.scope;
      v_run.user_id := e.user_id;
      select m.value into v_old from learn.user_metrics m
      where m.user_id = e.user_id and m.metric = e.metric and m.scope = e.scope;
      v_old := coalesce(v_old, 0);
      v_value := v_old;
      v_peak := v_old;
    end if;

    if e.is_end then
      if e.at < v_run.last_at and (v_run.reset_at is null or e.at >= v_run.reset_at) then
        v_value := learn_internal.run_since(e.user_id, e.metric, e.scope, e.at);
      elsif v_run.reset_at is null or e.at >= v_run.reset_at then
        v_value := 0;
      end if;
      v_run.reset_at := greatest(v_run.reset_at, e.at);
    else
      if v_run.reset_at is null or e.at >= v_run.reset_at then
        v_value := v_value + 1;
        v_peak := greatest(v_peak, v_value);
      elsif exists (
        select from learn_internal.achievement_thresholds t
        where t.metric = e.metric and t.scope = e.scope and t.threshold > v_peak and not exists (
          select from learn.user_achievements a
          where a.user_id = e.user_id and a.achievement_id = t.achievement_id))
      then
        v_peak := greatest(
          v_peak, learn_internal.run_around(e.user_id, e.metric, e.scope, e.at, e.id));
      end if;
      v_run.last_at := greatest(v_run.last_at, e.at);
    end if;

    v_next := p_events[v_place + 1];
    if v_place = v_count
      or (v_next.user_id, v_next.metric, v_next.scope) <> (e.user_id, e.metric, e.scope)
    then
      insert into learn_internal.user_runs (user_id, metric, scope, reset_at, last_at)
      values (e.user_id, e.metric, e.scope, v_run.reset_at, v_run.last_at)
      on conflict (user_id, metric, scope) do update
        set reset_at = excluded.reset_at, last_at = excluded.last_at;
      if v_value <> v_old then
        insert into learn.user_metrics (user_id, metric, scope, value)
        values (e.user_id, e.metric, e.scope, v_value)
        on conflict (user_id, metric, scope) do update set value = excluded.value;
        insert into learn_internal.board_gains (user_id, metric, local_date, amount)
        select e.user_id, m.key, '-infinity', v_value - v_old
        from learn.metrics m
        where m.key = e.metric and m.is_board and e.scope = '';
      end if;
      if v_peak > v_old then
        v_won := v_won || learn_internal.crossed_thresholds(
          e.user_id, array[e.metric], e.scope, array[v_old], array[v_peak], greatest(learn.clock(), e.at));
      end if;
      v_run.user_id := null;
    end if;
  end loop;
  return v_won;
end;
$$;
comment on function learn_internal.advance_runs(learn_internal.run_event[]) is
  'Moves the runs that facts lengthen or end, by when they occurred; returns what that earns.';

-- functions/activity/count_days.sql

-- Counts a day of a user for the metrics of distinct days that a type of fact feeds, each once. A day that follows the
-- last one in its zone counts; where another zone could have a say, all are counted anew from the log, as
-- chain_days() has it: then hopping between zones makes no extra day, and one that was counted may be none any more.
-- The caller has locked the user.
create or replace function learn_internal.count_days(
  p_user_id uuid, p_activity_type text, p_local_date date, p_zone_number integer, p_properties jsonb[], p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  d      record;
  v_same learn_internal.user_metric_days;  -- the same date
  v_near learn_internal.user_metric_days;  -- the last day; of a late one, the day before
  v_days integer;
  v_won  learn_internal.win[] := '{}'::learn_internal.win[];
begin
  for d in
    select distinct m.key as metric, s.scope, m.is_board and s.scope = '' as is_board
    from learn.metrics m
    cross join unnest(p_properties) p
    cross join lateral learn_internal.metric_scopes(p, m.scope_property) s(scope)
    where m.activity_type = p_activity_type and m.aggregate = 'distinct_days' and p @> m.filter
  loop
    select * into v_same from learn_internal.user_metric_days c
    where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope and c.activity_date = p_local_date;
    continue when v_same.zone_number <= p_zone_number;
    select * into v_near from learn_internal.user_metric_days c
    where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope
    order by c.activity_date desc limit 1;
    if v_near.zone_number = p_zone_number and p_local_date < v_near.activity_date and p_zone_number > 0 then
      select * into v_near from learn_internal.user_metric_days c
      where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope and c.activity_date < p_local_date
      order by c.activity_date desc limit 1;
    end if;

    if v_same.user_id is null and coalesce(v_near.zone_number, p_zone_number) = p_zone_number
      and (v_near.user_id is not null or p_zone_number = 0)
    then
      insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date, zone_number)
      values (p_user_id, d.metric, d.scope, p_local_date, p_zone_number);
      v_days := 1;
      if d.is_board then
        insert into learn_internal.board_gains (user_id, metric, local_date, amount)
        values (p_user_id, d.metric, p_local_date, 1);
      end if;
    else
      with due as materialized (
        select r.activity_date, r.zone_number from learn_internal.metric_day_recounts r
        where r.user_id = p_user_id and r.metric = d.metric and r.scope = d.scope
      ), removed as (
        delete from learn_internal.user_metric_days c
        where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope
          and c.activity_date not in (select n.activity_date from due n)
        returning c.activity_date
      ), written as (
        insert into learn_internal.user_metric_days as c (user_id, metric, scope, activity_date, zone_number)
        select p_user_id, d.metric, d.scope, n.activity_date, n.zone_number from due n
        on conflict (user_id, metric, scope, activity_date) do update
          set zone_number = excluded.zone_number where c.zone_number <> excluded.zone_number
        returning c.activity_date
      ), changed as (
        select r.activity_date, -1 as days from removed r
        union all
        select w.activity_date, 1 from written w
        where not exists (  -- as it was before
          select from learn_internal.user_metric_days c
          where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope and c.activity_date = w.activity_date)
      ), gained as (
        insert into learn_internal.board_gains (user_id, metric, local_date, amount)
        select p_user_id, d.metric, c.activity_date, c.days from changed c where d.is_board
      )
      select coalesce(sum(c.days), 0) into v_days from changed c;
    end if;
    if v_days <> 0 then
      v_won := v_won || learn_internal.add_to_metric(p_user_id, d.metric, d.scope, v_days, p_at);
    end if;
  end loop;
  return v_won;
end;
$$;
comment on function learn_internal.count_days(uuid, text, date, integer, jsonb[], timestamptz) is
  'Counts a day of a user for the metrics of distinct days; returns what that earns.';

-- functions/activity/run_around.sql

-- How long the run of the past is to which a fact belongs that has come late, by its time and id: between what
-- ended one before it and what ends one after it.
create or replace function learn_internal.run_around(
  p_user_id uuid, p_metric text, p_scope text, p_at timestamptz, p_id bigint
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metric learn.metrics;
  v_from   record;
  v_until  record;
begin
  select * into v_metric from learn.metrics m where m.key = p_metric;
  select f.occurred_at as at, f.id into v_from
  from learn_internal.counted_facts f
  where f.user_id = p_user_id and f.activity_type = v_metric.reset_activity_type
    and f.properties @> v_metric.reset_filter and (f.occurred_at, f.id) <= (p_at, p_id)
    and (p_scope = '' or f.properties ->> v_metric.scope_property = p_scope)
  order by f.occurred_at desc, f.id desc
  limit 1;
  select f.occurred_at as at, f.id into v_until
  from learn_internal.counted_facts f
  where f.user_id = p_user_id and f.activity_type = v_metric.reset_activity_type
    and f.properties @> v_metric.reset_filter and (f.occurred_at, f.id) > (p_at, p_id)
    and (p_scope = '' or f.properties ->> v_metric.scope_property = p_scope)
  order by f.occurred_at, f.id
  limit 1;
  return (
    select count(*)
    from learn_internal.counted_facts f
    where f.user_id = p_user_id and f.activity_type = v_metric.activity_type
      and f.properties @> v_metric.filter
      and (v_from.at is null or (f.occurred_at, f.id) >= (v_from.at, v_from.id))
      and (v_until.at is null or (f.occurred_at, f.id) < (v_until.at, v_until.id))
      and (p_scope = '' or f.properties ->> v_metric.scope_property = p_scope));
end;
$$;
comment on function learn_internal.run_around(uuid, text, text, timestamptz, bigint) is
  'How long the run of the past is to which a fact belongs that has come late.';

-- functions/activity/run_ends.sql

-- The runs that a group of facts (of one user and type, parallel arrays) ends, in total and by scope.
create or replace function learn_internal.run_ends(
  p_user_id uuid, p_activity_type text, p_ids bigint[], p_properties jsonb[], p_times timestamptz[]
)
returns learn_internal.run_event[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  m            record;
  v_properties jsonb;
  v_events     learn_internal.run_event[];
begin
  for m in
    select d.key, d.reset_filter, d.scope_property from learn.metrics d
    where d.reset_activity_type = p_activity_type
  loop
    for v_i in 1 .. cardinality(p_ids) loop
      v_properties := p_properties[v_i];
      if v_properties @> m.reset_filter then
        v_events := v_events
          || (p_user_id, m.key, '', p_ids[v_i], true, p_times[v_i])::learn_internal.run_event;
        if v_properties ->> m.scope_property <> '' then
          v_events := v_events || (p_user_id, m.key, v_properties ->> m.scope_property,
            p_ids[v_i], true, p_times[v_i])::learn_internal.run_event;
        end if;
      end if;
    end loop;
  end loop;
  return v_events;
end;
$$;
comment on function learn_internal.run_ends(uuid, text, bigint[], jsonb[], timestamptz[]) is
  'The runs that a group of facts ends.';

-- functions/activity/run_events.sql

-- What a group of facts (of one user and type, parallel arrays) adds to a run, in total or by scope.
create or replace function learn_internal.run_events(
  p_user_id uuid, p_feed learn_internal.metric_feeds, p_ids bigint[], p_properties jsonb[],
  p_times timestamptz[]
)
returns learn_internal.run_event[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select (p_user_id, (p_feed).metric, coalesce(f.properties ->> (p_feed).scope_property, ''),
      f.id, false, f.at)::learn_internal.run_event
    from unnest(p_ids, p_properties, p_times) f(id, properties, at)
    where f.properties @> (p_feed).filter
      and ((p_feed).scope_property is null or f.properties ->> (p_feed).scope_property <> ''));
end;
$$;
comment on function learn_internal.run_events(
  uuid, learn_internal.metric_feeds, bigint[], jsonb[], timestamptz[]) is
  'What a group of facts adds to a run.';

-- functions/activity/run_since.sql

-- How many of a user's facts have made a run longer after a time: where something that ended it comes late.
-- Facts are recorded at most 5 minutes before they occur, which leaves the log from before alone.
create or replace function learn_internal.run_since(
  p_user_id uuid, p_metric text, p_scope text, p_at timestamptz
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select count(*)
    from learn.metrics m
    join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
    where m.key = p_metric and f.user_id = p_user_id
      and f.occurred_at > p_at and f.recorded_at > p_at - interval '5 minutes'
      and (p_scope = '' or f.properties ->> m.scope_property = p_scope));
end;
$$;
comment on function learn_internal.run_since(uuid, text, text, timestamptz) is
  'How many of a user''s facts have made a run longer after a time.';

-- functions/streaks/open_moved_day.sql

-- What open_day() does, for a learner who has learned in several zones: notes when something was learned on which
-- local date, settles which dates are active days, and the streak. Returns the achievements that this earns.
-- The caller has locked the user; p_stats is the row as it is now.
create or replace function learn_internal.open_moved_day(
  p_stats learn.user_stats, p_date date, p_zone_number integer, p_first timestamptz,
  p_last timestamptz, p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := (p_stats).user_id;
  v_day     learn_internal.local_days;
  v_moves   record;
  v_weeks   date[];               -- those that had an active day before
  v_stats   learn.user_stats;
begin
  if (p_stats).settled_zone = 0 then  -- so far there was one zone
    insert into learn_internal.local_days (user_id, zone_number, local_date, is_active)
    select v_user_id, 0, a.activity_date, true
    from learn.user_activity_days a
    where a.user_id = v_user_id and not a.is_freeze;
  end if;
  insert into learn_internal.local_days as d (user_id, zone_number, local_date, first_at, last_at)
  values (v_user_id, p_zone_number, p_date, p_first, p_last)
  on conflict (user_id, zone_number, local_date) do update
    set first_at = least(d.first_at, excluded.first_at),
      last_at = greatest(d.last_at, excluded.last_at)
  returning d.* into v_day;
  if v_day.is_active and v_day.first_at < p_first then
    return '{}'::learn_internal.win[];
  end if;

  v_weeks := array(
    select distinct date_trunc('week', d.activity_date::timestamp)::date
    from learn.user_activity_days d
    where d.user_id = v_user_id and not d.is_freeze);
  select * into v_moves from learn_internal.settle_days(v_user_id);
  if v_moves.changed_from is null then
    return '{}'::learn_internal.win[];
  end if;
  v_stats := learn_internal.settle_streak(v_user_id, v_moves.changed_from);

  insert into learn_internal.board_gains (user_id, metric, local_date, amount)
  select v_user_id, m.key, g.day, g.days
  from learn.metrics m
  join (
    select 'active_days' as metric, a as day, 1 as days from unnest(v_moves.added) a
    union all
    select 'active_days', r, -1 from unnest(v_moves.removed) r
    union all
    select 'current_streak', '-infinity', null
  ) g on g.metric = m.key
  where m.is_board;
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'active_days', a, '', 1 from unnest(v_moves.added) a
  union all
  select 'active_days', r, '', -1 from unnest(v_moves.removed) r
  union all
  select 'active_weeks', coalesce(w.week, b.week),
    to_char(date_trunc('week', (p_stats).registered_on::timestamp), 'YYYY-MM-DD'),
    case when b.week is null then 1 else -1 end
  from (
    select distinct date_trunc('week', d.activity_date::timestamp)::date as week
    from learn.user_activity_days d
    where d.user_id = v_user_id and not d.is_freeze
  ) w
  full join unnest(v_weeks) b(week) on b.week = w.week
  where w.week is null or b.week is null;
  return learn_internal.crossed_thresholds(v_user_id, array['current_streak', 'active_days'], '',
    array[(p_stats).longest_streak::bigint, (p_stats).active_days],
    array[v_stats.longest_streak::bigint, v_stats.active_days], p_at);
end;
$$;
comment on function learn_internal.open_moved_day(
  learn.user_stats, date, integer, timestamptz, timestamptz, timestamptz) is
  'Makes a day active, of a learner who has learned in several zones, and moves the streak.';

-- functions/streaks/open_day.sql

-- Makes a day of a user active, if it is not yet, and moves the streak. A day after the last one
-- continues the run or starts a new one, and freezes in hand cover a gap before it. A late day leaves what it
-- would have left in time: settle_streak(). Where there are several zones, see open_moved_day(). Returns the achievements
-- that this earns, and what boards and analytics are to count. The caller has locked the user; p_stats is the row as it
-- is now.
create or replace function learn_internal.open_day(
  p_stats learn.user_stats, p_date date, p_zone_number integer, p_first timestamptz,
  p_last timestamptz, p_at timestamptz, p_terms learn_internal.day_terms
)
returns learn_internal.opened_day
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := (p_stats).user_id;
  v_last    date := (p_stats).last_activity_date;
  v_streak  integer := 0;            -- the run that this day continues
  v_stats   learn.user_stats;
  v_day     learn_internal.opened_day;
  v_metric  text;
  v_week    date := date_trunc('week', p_date::timestamp)::date;
  v_is_first_of_week boolean := v_last is null or v_last < v_week;
begin
  if (p_stats).settled_zone <> p_zone_number or p_zone_number > 0 and p_date <= v_last then
    v_day.won := learn_internal.open_moved_day(p_stats, p_date, p_zone_number, p_first, p_last, p_at);
    return v_day;
  elsif p_zone_number > 0 then
    insert into learn_internal.local_days
      (user_id, zone_number, local_date, first_at, last_at, is_active)
    values (v_user_id, p_zone_number, p_date, p_first, p_last, true);
  end if;
  if p_date < v_last then
    if exists (
      select from learn.user_activity_days d
      where d.user_id = v_user_id and d.activity_date = p_date and not d.is_freeze)
    then
      return v_day;
    end if;
    v_is_first_of_week := not exists (
      select from learn.user_activity_days d
      where d.user_id = v_user_id and d.activity_date between v_week and v_week + 6
        and not d.is_freeze);
  elsif (p_stats).streak_freezes > 0 and p_date > v_last + 1 then
    perform learn_internal.spend_streak_freezes(v_user_id, v_last, p_date, learn.clock());
  end if;

  insert into learn.user_activity_days (user_id, activity_date) values (v_user_id, p_date)
  on conflict do nothing;
  if not found then
    update learn.user_activity_days d set is_freeze = false
    where d.user_id = v_user_id and d.activity_date = p_date;
  end if;
  if p_date < v_last then
    v_stats := learn_internal.settle_streak(v_user_id, p_date);
  else
    if v_last is not null then
      if exists (
        select from learn.user_activity_days d
        where d.user_id = v_user_id and d.activity_date = p_date - 1)
      then
        v_streak := (p_stats).current_streak;
      end if;
    end if;
    update learn.user_stats s
    set current_streak = v_streak + 1, longest_streak = greatest(s.longest_streak, v_streak + 1),
      active_days = s.active_days + 1, last_activity_date = p_date,
      last_active_at = greatest(s.last_active_at, p_at)
    where s.user_id = v_user_id
    returning s.* into v_stats;
  end if;
  foreach v_metric in array (p_terms).boards loop
    continue when v_metric = 'longest_streak' and p_date <= v_last;  -- of a late day settle_streak() says it
    v_day.gains := v_day.gains || (
      v_user_id, v_metric, case v_metric when 'current_streak' then '-infinity' else p_date end, null,
      case v_metric when 'active_days' then 1 when 'longest_streak' then v_stats.current_streak end
    )::learn_internal.gain;
  end loop;

  -- Analytics count days, and weeks by the week of registration.
  v_day.day := p_date;
  if v_is_first_of_week then
    v_day.week := v_week;
    v_day.cohort := date_trunc('week', (p_stats).registered_on::timestamp)::date;
  end if;

  -- A streak that has grown by so many days earns a freeze: see walk_streak().
  if (p_terms).freeze_every > 0 and v_stats.current_streak % (p_terms).freeze_every = 0
    and (v_last is null or p_date > v_last)
  then
    if learn_internal.setting_number('streak_freeze_maximum') > (
      select count(*) from learn.streak_freezes f
      where f.user_id = v_user_id and f.used_on is null and f.granted_on < p_date)
    then
      perform learn_internal.give_streak_freezes(
        v_user_id, p_date, 1, 'streak_freeze_earned', learn.clock());
    end if;
  end if;
  v_day.won := learn_internal.crossed_thresholds(v_user_id, array['active_days', 'current_streak'], '',
    array[(p_stats).active_days::bigint, (p_stats).longest_streak],
    array[v_stats.active_days::bigint, v_stats.longest_streak], p_at);
  return v_day;
end;
$$;
comment on function learn_internal.open_day(
  learn.user_stats, date, integer, timestamptz, timestamptz, timestamptz, learn_internal.day_terms) is
  'Makes a day of a user active and moves the streak; spends, returns and earns freezes on the way.';

-- functions/xp/announce_levels.sql

-- Writes a fact for each level that users have reached for the first time.
create or replace function learn_internal.announce_levels(p_rises learn_internal.rise[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date, amount)
  select r.user_id, 'level_reached', '-infinity', r.to_level - r.from_level
  from unnest(p_rises) r
  where exists (select from learn.metrics m where m.key = 'level_reached' and m.is_board);

  perform learn_internal.write_facts(array_agg(
    (r.user_id, 'level_reached', 'level', l.level::text, jsonb_build_object('level', l.level),
      null, r.at)::learn_internal.fact
    order by r.user_id, l.level))
  from unnest(p_rises) r
  cross join lateral generate_series(r.from_level + 1, r.to_level) l(level);
end;
$$;
comment on function learn_internal.announce_levels(learn_internal.rise[]) is
  'Writes a fact for each level that users have reached for the first time.';

-- functions/xp/paid_today.sql

-- What a type of fact has paid a learner today, by Laurel's clock, whatever the days of the facts: so nobody gets a
-- second cap by dating facts back, nor by hopping between zones: see is_over(). Ledger rows are of the moment when they
-- were written, which leaves older partitions alone.
create or replace function learn_internal.paid_today(p_user_id uuid, p_activity_type text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := learn.clock();
  v_learner record;
  v_today   timestamptz;            -- when it began, where the learner is
begin
  select u.timezone, u.day_starts_at, u.zone_since into v_learner
  from learn.users u
  where u.id = p_user_id;
  v_today := (date_trunc('day', v_now at time zone v_learner.timezone - v_learner.day_starts_at)
    + v_learner.day_starts_at) at time zone v_learner.timezone;
  return (
    select coalesce(sum(t.amount), 0)
    from learn.xp_transactions t
    where t.user_id = p_user_id and t.activity_type = p_activity_type and t.amount > 0
      and t.created_at >= greatest(v_today, v_learner.zone_since))
    + case when v_learner.zone_since > v_now - interval '72 hours' then (  -- no date lasts longer, wherever
      select coalesce(sum(t.amount), 0)
      from learn.xp_transactions t
      where t.user_id = p_user_id and t.activity_type = p_activity_type and t.amount > 0
        and t.created_at >= v_now - interval '72 hours' and t.created_at < v_learner.zone_since
        and not learn_internal.is_over(p_user_id, t.created_at))
    else 0 end;
end;
$$;
comment on function learn_internal.paid_today(uuid, text) is
  'XP that a type of fact has paid a learner today, by the clock and by the zones of now and of then.';

-- functions/xp/paid_today_within_caps.sql

-- What facts pay of a type whose rule has a cap for the day, in their order: what the cap leaves of today, by the clock.
-- By their ids; those that have no cap are not in it. Parallel arrays, of all facts of a statement.
create or replace function learn_internal.paid_today_within_caps(
  p_ids bigint[], p_user_ids uuid[], p_activity_types text[], p_xp integer[]
)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from learn.user_stats s
  where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  return (
    select jsonb_object_agg(c.id, greatest(0, least(c.xp, c.daily_cap - c.paid - c.until + c.xp)))
    from (
      select f.*, sum(f.xp) over w as until,
        sum(case when f.place = 1
          then learn_internal.paid_today(f.user_id, f.activity_type) end) over w as paid
      from (
        select n.id, n.user_id, n.activity_type, coalesce(n.xp, r.amount) as xp, r.daily_cap,
          row_number() over (partition by n.user_id, n.activity_type order by n.id) as place
        from unnest(p_ids, p_user_ids, p_activity_types, p_xp) n(id, user_id, activity_type, xp)
        join learn.xp_rules r on r.activity_type = n.activity_type and r.daily_cap is not null
        where coalesce(n.xp, r.amount) > 0
      ) f
      window w as (partition by f.user_id, f.activity_type order by f.id)
    ) c);
end;
$$;
comment on function learn_internal.paid_today_within_caps(bigint[], uuid[], text[], integer[]) is
  'What facts of capped types pay, by their ids, as jsonb; locks their users.';

-- triggers/achievements/user_avatars.sql

-- What happens when rows of learn.user_avatars are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_avatars
  for each row
  when (learn_internal.is_off_time(new.unlocked_at, new.unlocked_at))
  execute function learn_internal.refuse_times('unlocked_at');

create or replace trigger refuse_new_times
  before update of unlocked_at on learn.user_avatars
  for each row
  when (new.unlocked_at is distinct from old.unlocked_at and learn_internal.is_off_time(new.unlocked_at, new.unlocked_at))
  execute function learn_internal.refuse_times('unlocked_at');

-- triggers/streaks/streak_freezes.sql

-- What happens when rows of learn.streak_freezes are written: by hand they are granted, or taken away, as functions do
-- it. What earns freezes and what they cover follows from days.
-- Errors: LX001 a date out of bounds; LX009 another date; LX010 one that was earned, or covers a day, by hand.

create or replace function learn_internal.freezes_by_hand()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
  v     record;
begin
  perform from learn.user_stats s
  where s.user_id in (select c.user_id from changed_rows c)
  order by s.user_id for no key update;
  if tg_op = 'DELETE' then
    for v in
      select distinct c.user_id from changed_rows c join learn.users u on u.id = c.user_id order by 1
    loop
      perform learn_internal.settle_streak(v.user_id, null);
      insert into learn_internal.board_gains (user_id, metric, local_date)
      select v.user_id, m.key, '-infinity' from learn.metrics m
      where m.key = 'current_streak' and m.is_board;
    end loop;
    return null;
  end if;
  for v in
    select c.user_id, c.granted_on, count(*)::integer as freezes, bool_or(c.is_earned) as is_earned,
      bool_or(c.used_on is not null) as is_used, u.timezone, u.day_starts_at
    from changed_rows c
    join learn.users u on u.id = c.user_id
    group by c.user_id, c.granted_on, u.id
    order by c.user_id, c.granted_on
  loop
    if v.is_earned or v.is_used then
      raise exception 'freezes are earned and used by days'
        using errcode = 'LX010', detail = format('user_id = %s, granted_on = %s', v.user_id, v.granted_on),
          hint = 'Write user_id and granted_on: the day that it covers follows.';
    end if;
    perform learn_internal.note_streak_freezes(v.user_id, v.granted_on, v.freezes, 'streak_freeze_granted',
      least(v_now, (v.granted_on + v.day_starts_at) at time zone v.timezone));
  end loop;
  return null;
end;
$$;
comment on function learn_internal.freezes_by_hand() is
  'Statement trigger: freezes that are written or deleted by hand are granted, or taken away (LX010).';

-- Content is held, before PostgreSQL locks the users of the rows.
create or replace trigger freezes_hold
  before insert or update on learn.streak_freezes
  for each statement when (pg_trigger_depth() = 0 and coalesce(current_setting('learn_internal.writes_facts', true), '') = '')
  execute function learn_internal.hold_content_first();

create or replace trigger freezes_inserted
  after insert on learn.streak_freezes
  referencing new table as changed_rows
  for each statement when (pg_trigger_depth() = 0 and coalesce(current_setting('learn_internal.writes_facts', true), '') = '')
  execute function learn_internal.freezes_by_hand();

create or replace trigger freezes_deleted
  after delete on learn.streak_freezes
  referencing old table as changed_rows
  for each statement when (pg_trigger_depth() = 0 and coalesce(current_setting('learn_internal.writes_facts', true), '') = '')
  execute function learn_internal.freezes_by_hand();

create or replace trigger results_stay
  after update of granted_on, is_earned on learn.streak_freezes
  for each row
  when ((old.granted_on, old.is_earned) is distinct from (new.granted_on, new.is_earned))
  execute function learn_internal.refuse_change();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.streak_freezes
  for each row
  when (learn_internal.is_off_date(
    greatest(new.granted_on, new.used_on),
    least(new.granted_on, new.used_on)))
  execute function learn_internal.refuse_times('granted_on', 'used_on');

create or replace trigger refuse_new_times
  before update of granted_on, used_on on learn.streak_freezes
  for each row
  when (new.granted_on is distinct from old.granted_on and learn_internal.is_off_date(new.granted_on, new.granted_on)
    or new.used_on is distinct from old.used_on and learn_internal.is_off_date(new.used_on, new.used_on))
  execute function learn_internal.refuse_times('granted_on', 'used_on');

-- triggers/streaks/user_activity_days.sql

-- What happens when rows of learn.user_activity_days are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back. What triggers write follows from
-- facts, of which that was asked.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_activity_days
  for each row
  when (pg_trigger_depth() = 0 and learn_internal.is_off_date(new.activity_date, new.activity_date))
  execute function learn_internal.refuse_times('activity_date');

create or replace trigger refuse_new_times
  before update of activity_date on learn.user_activity_days
  for each row
  when (new.activity_date is distinct from old.activity_date and learn_internal.is_off_date(new.activity_date, new.activity_date))
  execute function learn_internal.refuse_times('activity_date');

-- functions/achievements/metric_steps.sql

-- What counts for a user's metric, in order, each with what it adds and the value after it: facts of the
-- log, rows of the ledger for XP, active days for streaks. A run or a streak that was broken starts again.
create or replace function learn_internal.metric_steps(p_user_id uuid, p_metric text, p_scope text)
returns table (place bigint, occurred_at timestamptz, what text, amount bigint, total bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  m learn.metrics;
begin
  select * into m from learn.metrics k where k.key = p_metric;
  if p_metric = 'xp' then
    return query
    select row_number() over w, t.created_at,
      concat_ws(' ', t.activity_type, nullif(t.source_type, t.activity_type), t.source_id),
      t.amount::bigint, sum(t.amount) over w
    from learn_internal.all_payments t
    where t.user_id = p_user_id
    window w as (order by t.created_at, t.id);
  elsif p_metric in ('current_streak', 'active_days') then
    return query
    select row_number() over w, f.at, 'active day ' || d.activity_date, 1::bigint,
      case when p_metric = 'active_days' then row_number() over w
        else count(*) over (partition by d.run order by d.activity_date) end
    from (
      select a.activity_date, a.is_freeze, a.activity_date
        - (row_number() over (order by a.activity_date))::integer as run
      from learn.user_activity_days a
      where a.user_id = p_user_id
    ) d
    left join (
      select l.local_date, min(l.occurred_at) as at
      from learn_internal.all_facts l
      where l.user_id = p_user_id and l.is_qualifying
      group by l.local_date
    ) f on f.local_date = d.activity_date
    where not d.is_freeze
    window w as (order by d.activity_date);
  else
    return query
    with facts as (
      select f.id, f.occurred_at, f.activity_type, f.subject_type, f.subject_id, f.local_date, f.zone_number,
        case
          when p_metric = 'level_reached' then (f.properties ->> 'level')::numeric
          when m.property is null then 1
          else learn_internal.number_property(f.properties, m.property) end as amount,
        false as is_end
      from learn_internal.counted_facts f
      where f.user_id = p_user_id
        and f.activity_type = case when p_metric = 'level_reached' then p_metric
          else m.activity_type end
        and f.properties @> m.filter
        and (p_scope = '' or f.properties ->> m.scope_property = p_scope)
      union all
      select f.id, f.occurred_at, f.activity_type, f.subject_type, f.subject_id, f.local_date, f.zone_number, 0, true
      from learn_internal.counted_facts f
      where m.aggregate = 'run' and f.user_id = p_user_id
        and f.activity_type = m.reset_activity_type and f.properties @> m.reset_filter
        and (p_scope = '' or f.properties ->> m.scope_property = p_scope)
    ), runs as (
      select f.*, count(*) filter (where f.is_end) over (order by f.occurred_at, f.id) as run,
        row_number() over (partition by f.local_date, f.zone_number order by f.id) = 1 as is_new_day
      from facts f
      where f.amount is not null
    )
    select row_number() over w, r.occurred_at,
      concat_ws(' ', r.activity_type, r.subject_type, r.subject_id), r.amount::bigint,
      (case
        when m.aggregate = 'max' or p_metric = 'level_reached' then max(r.amount) over w
        else sum(r.amount) over (partition by r.run order by r.occurred_at, r.id)
      end)::bigint
    from runs r
    where not r.is_end and (m.aggregate <> 'distinct_days' or r.is_new_day and exists (
      select from learn_internal.user_metric_days d
      where d.user_id = p_user_id and d.metric = p_metric and d.scope = p_scope
        and d.activity_date = r.local_date and d.zone_number = r.zone_number))
    window w as (order by r.occurred_at, r.id);
  end if;
end;
$$;
comment on function learn_internal.metric_steps(uuid, text, text) is
  'What counts for a user''s metric, in order, each with what it adds and the value after it.';

-- functions/achievements/why.sql

-- Why a user has an achievement, or not yet: a row for the achievement, one for each condition of its
-- rule, and below it the facts that count for it, up to the one that met it: the last 100 of them.
-- The rule is that of today; what it was when the achievement was earned, the first row says.
-- Errors: LX002 unknown user; LX003 unknown achievement, or a hidden one that the user has not earned.
create or replace function learn.why(p_user_id uuid, p_slug text)
returns table (
  condition integer, metric text, scope text, needed bigint, had bigint,
  occurred_at timestamptz, what text, amount bigint, total bigint, why text
)
language plpgsql
stable
security definer                  -- reads metrics and the log for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  a         record;
  c         record;
  v_met     record;                -- the fact that met a condition
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  perform learn_internal.require_size('p_slug', length(p_slug), 200);
  select k.id, k.criteria, k.xp_reward, u.earned_at, u.evidence into a
  from learn.achievements k
  left join learn.user_achievements u on u.user_id = p_user_id and u.achievement_id = k.id
  where k.slug = p_slug and (u.earned_at is not null or not k.is_hidden);
  if not found then
    raise exception 'unknown achievement'
      using errcode = 'LX003', detail = format('p_slug = %s', coalesce(p_slug, 'null')),
        hint = 'Look it up in learn.achievements; a hidden one can be asked for once it is earned.';
  end if;

  condition := 0;
  occurred_at := a.earned_at;
  what := p_slug;
  amount := a.xp_reward;
  why := case
    when a.earned_at is null then 'not earned yet'
    when a.evidence ? 'metric' then format('earned when %s reached %s', concat_ws(' of ',
      a.evidence ->> 'metric', nullif(a.evidence ->> 'scope', '')), a.evidence ->> 'value')
    else format('earned, as its evidence says: %s', a.evidence)
  end || case when a.evidence ? 'is_backfill' then ', granted for the past' else '' end;
  return next;

  for c in
    with recursive nodes as (
      select a.criteria as node, array[]::bigint[] as path, '' as words
      union all
      select i.value, o.path || i.place, case
        when o.node ? 'all' then 'one of all'
        when o.node ? 'any' then 'any of these is enough'
        else format('%s of these are enough', o.node ->> 'at_least') end
      from nodes o
      cross join lateral jsonb_array_elements(
        coalesce(o.node -> 'all', o.node -> 'any', o.node -> 'of')) with ordinality i(value, place)
      where not o.node ? 'metric'
    )
    select row_number() over (order by n.path)::integer as number, n.node ->> 'metric' as metric,
      coalesce(n.node ->> 'scope', '') as scope, (n.node ->> 'at_least')::numeric::bigint as needed,
      n.words
    from nodes n
    where n.node ? 'metric'
    order by n.path
  loop
    condition := c.number;
    metric := c.metric;
    scope := c.scope;
    needed := c.needed;
    had := coalesce((
      select v.value from learn_internal.reward_values v
      where v.user_id = p_user_id and v.metric = c.metric and v.scope = c.scope), 0);
    select f.* into v_met
    from learn_internal.metric_steps(p_user_id, c.metric, c.scope) f
    where f.total >= c.needed
    order by f.place
    limit 1;
    occurred_at := v_met.occurred_at;
    what := null;
    amount := null;
    total := v_met.total;
    why := concat_ws('; ', case
      when v_met.place is not null then
        format('%s needed, met by %s', c.needed, v_met.what)
      when had >= c.needed then format('%s needed, and met before', c.needed)
      else format('%s needed, %s so far', c.needed, had) end, nullif(c.words, ''));
    return next;

    return query
    select c.number, c.metric, c.scope, c.needed, condition_had.value, n.occurred_at, n.what, n.amount,
      n.total, format('adds %s, which makes %s of %s', n.amount, n.total, c.needed)
    from (
      select f.*
      from learn_internal.metric_steps(p_user_id, c.metric, c.scope) f
      where v_met.place is null or f.place <= v_met.place
      order by f.place desc
      limit 100
    ) n
    cross join (select had as value) condition_had
    order by n.place;
  end loop;
end;
$$;
comment on function learn.why(uuid, text) is
  'Why a user has an achievement, or not yet: each condition (needed and had) and the facts that count.';
grant execute on function learn.why(uuid, text) to learn_app, learn_user, learn_readonly;

-- functions/xp/explain_xp.sql

-- Where a user's XP of some days comes from: each row of the ledger, in words. Days are the user's own,
-- both included. Rules, multipliers and caps are those of today: where they were others then, the amount
-- is what was paid, and the words say that it differs.
-- Errors: LX001 no days, the last before the first, or absurd ones; LX002 unknown user.
create or replace function learn.explain_xp(p_user_id uuid, p_from date, p_to date)
returns table (
  transaction_id bigint, occurred_at timestamptz, earned_on date, what text, amount integer,
  rule_amount integer, multiplier numeric, daily_cap integer, source_type text, source_id text,
  why text
)
language plpgsql
stable
security definer                  -- reads the ledger and the log for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  if p_from is null or p_to is null or p_to < p_from or p_from < '1970-01-01'
    or p_to >= '2200-01-01'
  then
    raise exception 'the days make no period'
      using errcode = 'LX001', detail = format('p_from = %s, p_to = %s',
          coalesce(p_from::text, 'null'), coalesce(p_to::text, 'null')),
        hint = 'Name the first and the last day, both included, from 1970 on.';
  end if;
  return query
  select x.id, x.happened_at, x.earned_on, x.what, x.amount::integer, x.rule_amount, x.multiplier,
    x.daily_cap, x.source_type::text, x.source_id::text,
    case
      when x.activity_type = 'xp_reversed' then
        concat_ws(': ', 'taken back', x.description)
      when x.activity_type = 'xp_awarded' then
        concat_ws(': ', format('awarded as %s', x.source_type), x.description)
      when x.expected is null then format('%s carried by the fact, no rule', x.amount)
      else format('%s by %s', x.base, x.base_from)
        || case when x.multiplier <> 1 then format(' × %s (%s)', x.multiplier, x.difficulty) else '' end
        || case
          when x.amount = x.expected then ''
          when x.daily_cap is not null and x.amount < x.expected then
            format(', cut to %s by the cap of %s a day', x.amount, x.daily_cap)
          else format(', paid as %s: by the rules of then, or less for hints', x.amount) end
    end
  from (
    select t.*, coalesce(f.occurred_at, t.created_at) as happened_at,
      concat_ws(' ', t.activity_type, nullif(f.subject_type, t.activity_type),
        coalesce(f.properties ->> 'slug', t.source_id)) as what,
      r.amount as rule_amount, r.daily_cap, b.base, b.base_from, d.key as difficulty,
      case when t.activity_type = 'lesson_completed' then coalesce(d.xp_multiplier, 1) end as multiplier,
      round(b.base * case when t.activity_type = 'lesson_completed'
        then coalesce(d.xp_multiplier, 1) else 1 end)::integer as expected
    from learn_internal.all_payments t
    left join learn.xp_rules r on r.activity_type = t.activity_type
    left join (  -- the fact that paid: recorded with the row, on that day or later
      select distinct on (l.activity_type, l.recorded_at, l.subject_id) l.activity_type, l.recorded_at, l.subject_id,
        l.occurred_at, l.subject_type, l.properties, l.xp
      from learn_internal.all_facts l
      where l.user_id = p_user_id and l.recorded_at >= (p_from - 2)::timestamp at time zone 'UTC'
      order by l.activity_type, l.recorded_at, l.subject_id, l.id
    ) f on f.activity_type = t.activity_type and f.recorded_at = t.created_at
      and f.subject_id is not distinct from t.source_id and t.activity_type not in ('xp_awarded', 'xp_reversed')
    left join learn.difficulties d
      on t.activity_type = 'lesson_completed' and d.key = f.properties ->> 'difficulty'
    left join learn.lessons o
      on t.activity_type = 'lesson_completed' and o.id::text = t.source_id
    cross join lateral (
      select coalesce(o.xp_reward, case when t.activity_type <> 'lesson_completed' then f.xp end,
          r.amount) as base,
        case
          when o.xp_reward is not null then 'the lesson''s own reward'
          when t.activity_type <> 'lesson_completed' and f.xp is not null then 'what the fact carries'
          else format('the rule %s', t.activity_type) end as base_from
    ) b
    where t.user_id = p_user_id and t.earned_on between p_from and p_to
  ) x
  order by x.created_at, x.id;
end;
$$;
comment on function learn.explain_xp(uuid, date, date) is
  'Where a user''s XP of some days comes from: each row of the ledger with rule, multiplier, cap and '
  'source, in words.';
grant execute on function learn.explain_xp(uuid, date, date) to learn_app, learn_user, learn_readonly;

-- functions/streaks/local_date.sql

-- A learner's date at a time, by the zone that was theirs then; of changes at the same time, the last counts.
-- Writers of facts ask only for what happened before the last change: the current zone they know.
create or replace function learn_internal.local_date(p_user_id uuid, p_at timestamptz)
returns learn_internal.local_date
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_date learn_internal.local_date;
begin
  select (p_at at time zone z.timezone - z.day_starts_at)::date, z.number into v_date
  from learn.user_timezones z
  where z.user_id = p_user_id and z.until > p_at
  order by z.number
  limit 1;
  if not found then
    select (p_at at time zone u.timezone - u.day_starts_at)::date, u.zone_number into v_date
    from learn.users u
    where u.id = p_user_id;
  end if;
  return v_date;
end;
$$;
comment on function learn_internal.local_date(uuid, timestamptz) is
  'A learner''s date at a time, by the zone that was theirs then.';

-- functions/streaks/zone_date.sql

-- What date one of a learner's zones shows at a time, also where another one was theirs.
create or replace function learn_internal.zone_date(
  p_user_id uuid, p_zone_number integer, p_at timestamptz
)
returns date
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select (p_at at time zone z.timezone - z.day_starts_at)::date
      from learn.user_timezones z
      where z.user_id = p_user_id and z.number = p_zone_number
    ), (
      select (p_at at time zone u.timezone - u.day_starts_at)::date
      from learn.users u
      where u.id = p_user_id
    ));
end;
$$;
comment on function learn_internal.zone_date(uuid, integer, timestamptz) is
  'What date one of a learner''s zones shows at a time.';

-- functions/streaks/chain_days.sql

-- Which of a learner's local dates, zone by zone, are active days. A date opens a day when it is later than the
-- last active one by both clocks: that of its own zone, and that of the last active day's zone. So hopping
-- between zones makes no extra day. Days missed in between are counted by the clock that counts fewer: the
-- others were flown over.
create or replace function learn_internal.chain_days(p_days learn_internal.local_days[])
returns table (activity_date date, zone_number integer, flown_over integer)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  d learn_internal.local_days;
begin
  foreach d in array array(
    select v from unnest(p_days) v order by (v).zone_number, (v).local_date)
  loop
    if activity_date is null or d.zone_number = zone_number then
      flown_over := 0;
    elsif d.local_date > activity_date
      and learn_internal.zone_date(d.user_id, zone_number, d.last_at) > activity_date
    then
      flown_over := greatest(0, d.local_date - greatest(
        activity_date + 1, learn_internal.zone_date(d.user_id, zone_number, d.first_at)));
    else
      continue;
    end if;
    activity_date := d.local_date;
    zone_number := d.zone_number;
    return next;
  end loop;
end;
$$;
comment on function learn_internal.chain_days(learn_internal.local_days[]) is
  'Which of a learner''s local dates, zone by zone, are active days: those later by both clocks.';

-- functions/streaks/settle_days.sql

-- Brings the active days of a learner who has learned in several zones up to date with local_days, and says which
-- are new, which are none any more, and from which date on something is different (null: nothing is). Whether the
-- last zone is settled: its days have come to follow each other, and no fact can be in doubt any more.
-- The caller has locked the user.
create or replace function learn_internal.settle_days(
  p_user_id uuid, out added date[], out removed date[], out changed_from date
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_chain   learn_internal.chained_day[];
  v_last    learn_internal.chained_day;
  v_zone    integer;
begin
  v_chain := array(
    select (c.activity_date, c.zone_number, c.flown_over)::learn_internal.chained_day
    from learn_internal.chain_days(array(
      select d from learn_internal.local_days d where d.user_id = p_user_id)) c
    order by c.activity_date);
  added := array(
    select c.activity_date from unnest(v_chain) c
    where not exists (
      select from learn.user_activity_days d
      where d.user_id = p_user_id and d.activity_date = c.activity_date and not d.is_freeze));
  removed := array(
    select d.activity_date from learn.user_activity_days d
    where d.user_id = p_user_id and not d.is_freeze
      and d.activity_date not in (select c.activity_date from unnest(v_chain) c));
  select least(min(c.activity_date), (select min(r) from unnest(removed) r)) into changed_from
  from unnest(v_chain) c
  left join learn.user_activity_days d
    on d.user_id = p_user_id and d.activity_date = c.activity_date and not d.is_freeze
  where d.flown_over is distinct from c.flown_over;

  delete from learn.user_activity_days d
  where d.user_id = p_user_id and d.activity_date = any (removed);
  insert into learn.user_activity_days as d (user_id, activity_date, flown_over)
  select p_user_id, c.activity_date, c.flown_over from unnest(v_chain) c
  on conflict (user_id, activity_date) do update
    set is_freeze = false, flown_over = excluded.flown_over
    where (d.is_freeze, d.flown_over) <> (false, excluded.flown_over);
  update learn_internal.local_days d
  set is_active = not d.is_active
  where d.user_id = p_user_id and d.is_active <> exists (
    select from unnest(v_chain) c
    where c.zone_number = d.zone_number and c.activity_date = d.local_date);

  v_last := v_chain[cardinality(v_chain)];
  select max(d.zone_number) into v_zone from learn_internal.local_days d where d.user_id = p_user_id;
  update learn.user_stats s
  set last_zone_number = v_last.zone_number,
    settled_zone = case
      when v_last.zone_number = v_zone and exists (
        select from unnest(v_chain) c
        where c.zone_number = v_zone and c.activity_date < v_last.activity_date)
        and not exists (
        select from learn_internal.local_days d
        where d.user_id = p_user_id and d.zone_number < v_zone
          and d.local_date > v_last.activity_date - 4)
      then v_zone else -1 end
  where s.user_id = p_user_id;
end;
$$;
comment on function learn_internal.settle_days(uuid) is
  'Brings the active days of a learner who has learned in several zones up to date with local_days.';

-- functions/streaks/settle_streak.sql

-- Brings a user's streak up to date where days or freezes have come late: which days freezes cover, and from
-- the day p_from on, which freezes are earned (null: those that were stay). What is new of it becomes facts.
-- The caller has locked the user. Returns the row as it is then.
create or replace function learn_internal.settle_streak(p_user_id uuid, p_from date)
returns learn.user_stats
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_walk   learn_internal.streak_walk := learn_internal.walk_streak(p_user_id, p_from);
  v_new    learn_internal.logged_fact[];
  v_now    timestamptz := learn.clock();
  v_stats  learn.user_stats;
  v_writes text := current_setting('learn_internal.writes_facts', true);
begin
  perform set_config('learn_internal.writes_facts', 'yes', true);  -- not by hand: see complete_activity()
  if p_from is not null then
    select array_agg((p_user_id, n.type, n.subject_type, n.subject_id, n.properties, null, v_now, n.day, 0,
      false)::learn_internal.logged_fact order by n.day, n.type)
    into v_new
    from (
      select 'streak_freeze_used' as type, 'day' as subject_type, u::text as subject_id,
        '{}'::jsonb as properties, u as day
      from unnest(v_walk.used_on) u
      where u not in (
        select f.used_on from learn.streak_freezes f where f.user_id = p_user_id and f.used_on is not null)
      union all
      select 'streak_freeze_earned', null, null, '{"count": 1}', e
      from unnest(v_walk.earned_on) e
      where e not in (
        select f.granted_on from learn.streak_freezes f where f.user_id = p_user_id and f.is_earned)
    ) n;
    if learn_internal.setting_number('streak_freeze_every_days') > 0 then
      delete from learn.streak_freezes f
      where f.user_id = p_user_id and f.is_earned and f.granted_on >= p_from
        and f.granted_on <> all (v_walk.earned_on);
      insert into learn.streak_freezes (user_id, granted_on, is_earned)
      select p_user_id, e, true
      from unnest(v_walk.earned_on) e
      where e not in (
        select f.granted_on from learn.streak_freezes f where f.user_id = p_user_id and f.is_earned);
    end if;
  end if;

  -- First none covers a day, because no day is covered twice on the way either.
  update learn.streak_freezes f set used_on = null
  where f.user_id = p_user_id and f.used_on is not null;
  update learn.streak_freezes f set used_on = u.used_on
  from unnest(v_walk.used_on, v_walk.freeze_ids, v_walk.granted_on) u(used_on, id, granted_on)
  where f.user_id = p_user_id
    and (f.id = u.id or u.id is null and f.is_earned and f.granted_on = u.granted_on);
  delete from learn.user_activity_days d
  where d.user_id = p_user_id and d.is_freeze and d.activity_date <> all (v_walk.used_on);
  insert into learn.user_activity_days (user_id, activity_date, is_freeze)
  select p_user_id, u, true from unnest(v_walk.used_on) u
  on conflict do nothing;
  update learn.user_stats s
  set current_streak = v_walk.current_streak, longest_streak = v_walk.longest_streak,
    active_days = v_walk.active_days, last_activity_date = v_walk.last_activity_date,
    streak_freezes = (
      select count(*) from learn.streak_freezes f
      where f.user_id = p_user_id and f.used_on is null)
  where s.user_id = p_user_id
  returning s.* into v_stats;
  if v_new is not null then
    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties, occurred_at, local_date,
       is_qualifying)
    select n.user_id, n.activity_type, n.subject_type, n.subject_id, n.properties, n.occurred_at,
      n.local_date, n.is_qualifying
    from unnest(v_new) n;
  end if;
  perform set_config('learn_internal.writes_facts', coalesce(v_writes, ''), true);

  -- How long the streak was on the days from then on: longer; where freezes or zones have a say, perhaps shorter.
  if exists (select from learn.metrics m where m.key = 'longest_streak' and m.is_board) then
    if p_from is null or v_stats.settled_zone <> 0
      or exists (select from learn.streak_freezes f where f.user_id = p_user_id)
    then
      perform learn_internal.recount_boards(array[p_user_id]);
    else
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select p_user_id, 'longest_streak', d.activity_date, d.streak
      from learn_internal.streak_days d
      where d.user_id = p_user_id and d.activity_date >= p_from;
    end if;
  end if;
  return v_stats;
end;
$$;
comment on function learn_internal.settle_streak(uuid, date) is
  'Brings a user''s streak and freezes up to date where days or freezes have come late.';

-- functions/activity/recorded_xp.sql

-- What a fact that a backend records pays: null is what the rule says, and 0 what is beyond the setting
-- recorded_payments_per_day. Laurel's own acts are bounded by what there is to learn; what comes from outside has made-up
-- subjects, or none. The day is the learner's, by the clock, as is_over() has it. The caller has locked the user.
create or replace function learn_internal.recorded_xp(p_user_id uuid, p_activity_type text)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_facts integer;
begin
  if not exists (
    select from learn.activity_types t where t.key = p_activity_type and t.pays > 0)
  then
    return null;
  end if;
  insert into learn_internal.recorded_payments as r (user_id, activity_type, opened_at, facts)
  values (p_user_id, p_activity_type, learn.clock(), 1)
  on conflict (user_id, activity_type) do update
    set (facts, opened_at) = (
      select case when o.is_over then 1 else r.facts + 1 end, case when o.is_over then excluded.opened_at else r.opened_at end
      from (select learn_internal.is_over(r.user_id, r.opened_at) as is_over offset 0) o)
  returning r.facts into v_facts;
  return case when v_facts > learn_internal.setting_number('recorded_payments_per_day') then 0 end;
end;
$$;
comment on function learn_internal.recorded_xp(uuid, text) is
  'What a fact that a backend records pays: null, by its rule, or 0 when there were enough today.';

-- views/xp/economy.sql

-- What each act can pay a learner at most, by the rules and the content of today: the bounds of docs/economy.md, where
-- they are explained. Nothing but the day limits an hour. A rule of yours for an act that may be repeated as often
-- as one likes has no bound but its daily_cap: null says so.
create or replace view learn.economy as
with acts(activity_type, act, times, xp_each, xp, is_once) as (
  select 'exercise_solved', 'solve an exercise', count(*), max(r.amount), count(*) * max(r.amount), true
  from learn.exercises e
  join learn.xp_rules r on r.activity_type = 'exercise_solved'
  where e.is_published
  union all
  select 'exercise_solved_first_try', 'solve it with the first submission', count(*), max(r.amount),
    count(*) * max(r.amount), true
  from learn.exercises e
  join learn.xp_rules r on r.activity_type = 'exercise_solved_first_try'
  where e.is_published
  union all
  select 'lesson_completed', 'complete a lesson', count(*), max(l.xp), sum(l.xp), true
  from (
    select round(coalesce(l.xp_reward, r.amount, 0) * coalesce(d.xp_multiplier, 1))::integer as xp
    from learn.lessons l
    left join learn.difficulties d on d.key = l.difficulty
    left join learn.xp_rules r on r.activity_type = 'lesson_completed'
    where l.is_available
  ) l
  union all
  select 'lesson_perfect', 'complete it without a fault', count(*), max(r.amount),
    count(*) * max(r.amount), true
  from learn.lessons l
  join learn.xp_rules r on r.activity_type = 'lesson_perfect'
  where l.is_available
  union all
  select 'course_completed', 'complete a course', count(*), max(c.completion_xp), sum(c.completion_xp), true
  from learn.courses c
  where c.is_published and c.completion_xp > 0
  union all
  select 'track_completed', 'complete a track', count(*), max(coalesce(t.completion_xp, r.amount)),
    sum(coalesce(t.completion_xp, r.amount)), true
  from learn.tracks t
  left join learn.xp_rules r on r.activity_type = 'track_completed'
  where t.is_published and t.total_items > 0
  union all
  select 'question_answered_correctly', 'answer a question of a quiz', count(*), max(r.amount),
    count(*) * max(r.amount), false
  from learn.questions q
  join learn.exam_types e on e.key = q.exam_type and e.is_active
  join learn.xp_rules r on r.activity_type = 'question_answered_correctly'
  where q.is_active
  union all
  select 'quiz_perfect', 'answer all questions of a quiz', (s.value #>> '{}')::bigint, r.amount,
    (s.value #>> '{}')::bigint * r.amount, false
  from learn.xp_rules r
  join learn.platform_settings s on s.key = 'quiz_perfect_payments_per_day'
  where r.activity_type = 'quiz_perfect'
  union all
  select 'challenge_level_passed', 'pass a level of a challenge', count(*), max(l.xp_reward),
    sum(l.xp_reward), true
  from learn.challenge_levels l
  join learn.challenges c on c.id = l.challenge_id and c.is_active
  union all
  select 'challenge_completed', 'complete a challenge', count(*), max(c.xp_base), sum(c.xp_base), true
  from learn.challenges c
  where c.is_active and exists (select from learn.challenge_levels l where l.challenge_id = c.id)
  union all
  select 'daily_challenge_completed', 'pass the challenge of the day', count(distinct 1), max(d.xp),
    max(d.xp), false
  from (
    select round(c.xp_base * least(2, coalesce(trunc(max(l.xp_reward)::numeric
      / nullif(c.xp_base, 0), 2), 2)))::integer as xp
    from learn.challenges c
    join learn.challenge_levels l on l.challenge_id = c.id
    where c.is_active
    group by c.id
    union all
    select round(c.xp_base * d.xp_multiplier)::integer
    from learn.daily_challenges d
    join learn.challenges c on c.id = d.challenge_id
  ) d
  union all
  select 'achievement_earned', 'earn an achievement', count(*), max(a.xp_reward), sum(a.xp_reward), true
  from learn.achievements a
  where a.is_active and a.xp_reward > 0
  union all
  select 'xp_awarded', 'be awarded XP by award_xp()', null, null, r.daily_cap, false
  from learn.xp_rules r
  where r.activity_type = 'xp_awarded'
  union all
  -- what a backend records, under subjects of its own
  select r.activity_type, 'have it recorded by record_activity()', (s.value #>> '{}')::bigint, r.amount,
    (s.value #>> '{}')::bigint * r.amount, false
  from learn.xp_rules r
  join learn.activity_types t on t.key = r.activity_type and not t.is_internal
  join learn.platform_settings s on s.key = 'recorded_payments_per_day'
  where r.amount > 0
  union all
  -- rules for what may be repeated, and is written by tables of Laurel's
  select r.activity_type, 'repeat it', null, r.amount, null, false
  from learn.xp_rules r
  where r.amount > 0 and r.activity_type in ('exercise_attempted', 'quiz_completed', 'challenge_attempted',
    'assessment_completed', 'discussion_posted', 'reply_posted', 'solution_accepted')
)
select a.act, a.activity_type, a.xp_each, a.times as times_a_day, least(a.xp, r.daily_cap) as xp_an_hour,
  least(a.xp, r.daily_cap) as xp_a_day, case when a.is_once then a.xp end as xp_in_all
from acts a
left join learn.xp_rules r on r.activity_type = a.activity_type
where a.times is distinct from 0 and a.xp_each is distinct from 0;
comment on view learn.economy is
  'What each act can pay a learner at most, in an hour, a day and in all, by the rules and content of today. Null in xp_a_day: '
  'nothing bounds it; in xp_in_all: it comes again every day.';
grant select on learn.economy to learn_editor, learn_app, learn_readonly;

-- triggers/activity/remember_facts.sql

-- When rows are deleted that say that something has happened once: that it has is remembered, so that doing it
-- again pays nothing and counts nothing. Other facts that follow from the log are not forgotten at all.
-- What goes with its learner, or with the content that it was about, needs no memory.
-- First of all that follows a deletion: the triggers fire in the order of their names.
-- Errors: LX009.
create or replace function learn_internal.remember_facts()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
begin
  if not exists (select from deleted_rows) then
    return null;
  end if;
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  select distinct d.user_id, f.activity_type, f.subject_type, f.subject_id
  from (select (to_jsonb(o) ->> 'user_id')::uuid as user_id, to_jsonb(o) as row from deleted_rows o) d
  cross join lateral (
    select t.activity_type, 'lesson' as subject_type, l.id::text as subject_id
    from learn.lessons l
    cross join lateral (
      values
        ('lesson_started', d.row ->> 'started_at' is not null),
        ('lesson_completed', d.row ->> 'completed_at' is not null),
        -- without exercises and so far without a score, the first one is yet to come
        ('lesson_perfect', d.row ->> 'completed_at' is not null and (
          d.row ->> 'score' is not null or exists (select from learn.exercises e where e.lesson_id = l.id)))
    ) t(activity_type, has_happened)
    where tg_table_name = 'user_lesson_progress' and l.id = (d.row ->> 'lesson_id')::bigint and t.has_happened
    union all
    select t.activity_type, 'exercise', e.id::text
    from learn.exercises e
    cross join lateral (
      values ('exercise_solved', d.row ->> 'solved_at' is not null), ('exercise_solved_first_try', true)
    ) t(activity_type, has_happened)
    where tg_table_name = 'user_exercise_progress' and e.id = (d.row ->> 'exercise_id')::bigint
      and t.has_happened
    union all
    select t.activity_type, 'course', c.id::text
    from learn.courses c
    cross join lateral (
      values ('course_enrolled', true), ('course_completed', d.row ->> 'completed_at' is not null)
    ) t(activity_type, has_happened)
    where tg_table_name = 'user_course_progress' and c.id = (d.row ->> 'course_id')::bigint
      and t.has_happened
    union all
    select 'level_completed', 'course_level', v.id::text
    from learn.course_levels v
    where tg_table_name = 'user_level_unlocks' and v.id = (d.row ->> 'course_level_id')::bigint
      and d.row ->> 'completed_at' is not null
    union all
    select 'track_completed', 'track', t.id::text
    from learn.tracks t
    where tg_table_name = 'user_track_progress' and t.id = (d.row ->> 'track_id')::bigint
      and d.row ->> 'completed_at' is not null
    union all
    select 'path_completed', 'path', p.id::text
    from learn.learning_paths p
    where tg_table_name = 'user_path_progress' and p.id = (d.row ->> 'path_id')::bigint
      and d.row ->> 'completed_at' is not null
    union all
    select 'difficulty_completed', 'difficulty', k.key
    from learn.difficulties k
    where tg_table_name = 'user_difficulty_progress' and k.key = d.row ->> 'difficulty'
    union all
    select t.activity_type, 'challenge', c.id::text
    from learn.challenges c
    cross join lateral (
      values
        ('challenge_unlocked', d.row ->> 'unlocked_at' is not null),
        ('challenge_completed', d.row ->> 'completed_at' is not null)
    ) t(activity_type, has_happened)
    where tg_table_name = 'user_challenge_progress' and c.id = (d.row ->> 'challenge_id')::bigint
      and t.has_happened
    union all
    select 'challenge_level_passed', 'challenge_level', c.id || ':' || l.level_number
    from learn.challenges c
    cross join lateral (
      select (d.row ->> 'level_number')::integer where (d.row ->> 'passed')::boolean
      union all
      select x.level::integer
      from jsonb_array_elements_text(coalesce(
        d.row -> 'levels_completed', d.row -> 'completed_levels', '[]')) x(level)
    ) l(level_number)
    where tg_table_name in ('level_attempts', 'user_challenge_progress', 'imported_challenge_progress')
      and c.id = (d.row ->> 'challenge_id')::bigint
    union all
    -- what an import has paid, see apply_imports()
    select 'xp_awarded', 'import', c.id::text
    from learn.challenges c
    where tg_table_name = 'imported_challenge_progress' and c.id = (d.row ->> 'challenge_id')::bigint
    union all
    -- by its date, because another challenge may come on it: see daily_challenges
    select 'daily_challenge_completed', 'date', c.date::text
    from learn.daily_challenges c
    where tg_table_name = 'daily_challenge_attempts' and c.id = (d.row ->> 'daily_challenge_id')::bigint
      and (d.row ->> 'passed')::boolean
  ) f
  join learn.users u on u.id = d.user_id
  order by 1, 2, 3, 4
  on conflict do nothing;
  return null;
end;
$$;
comment on function learn_internal.remember_facts() is
  'Statement trigger: what deleted rows say to have happened once does not happen again.';

create or replace trigger are_remembered
  after delete on learn.user_lesson_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_exercise_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_course_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_level_unlocks
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_track_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_path_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_difficulty_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.level_attempts
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.imported_challenge_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.daily_challenge_attempts
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

-- Nor are these tables emptied past the memory.
create or replace trigger refuse_truncate before truncate on learn.user_lesson_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_exercise_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_course_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_level_unlocks
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_track_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_path_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_difficulty_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_challenge_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.level_attempts
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.imported_challenge_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.daily_challenge_attempts
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.query_submissions
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_achievements
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_skills
  for each statement execute function learn_internal.refuse_truncate();

-- views/activity/due_feeds.sql

-- How facts feed metrics, by the definitions of today: what metric_feeds must say.
create or replace view learn_internal.due_feeds as
select m.activity_type, m.key as metric, s.is_scoped, m.aggregate, m.property, m.filter,
  case when s.is_scoped then m.scope_property end as scope_property,
  m.is_board and not s.is_scoped as is_board
from learn.metrics m
cross join (values (false), (true)) s(is_scoped)
where m.activity_type is not null and m.aggregate <> 'distinct_days'
  and (m.scope_property is not null or not s.is_scoped);
comment on view learn_internal.due_feeds is 'How facts feed metrics, by the definitions of today.';

-- views/activity/type_consequences.sql

-- What facts of each type can cause, by the rules of today: what must be noted with the types.
create or replace view learn_internal.type_consequences as
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
  exists (select from learn.metrics m where m.reset_activity_type = a.key) as resets_runs,
  exists (
    select from learn.notification_rules r
    where r.activity_type = a.key and r.is_active) as notifies
from learn.activity_types a;
comment on view learn_internal.type_consequences is 'What facts of each type can cause, by the rules of today.';

-- views/activity/rule_damage.sql

-- Where what is noted of rules is not what they say: a part of check_integrity(). Rules are nobody's: no user is named.
create or replace view learn_internal.rule_damage (check_name, user_id, expected, actual) as
select 'rules_are_noted', null::uuid,
  case when d.is_missing then d.note else 'nothing such' end, case when d.is_missing then 'none' else d.note end
from (
  select w.note, sum(w.amount) > 0 as is_missing
  from (
    select 1 as amount, format('type %s', c) as note from learn_internal.type_consequences c
    union all
    select -1, format('type %s', (t.key, t.pays, t.is_capped, t.feeds_metrics, t.feeds_days, t.resets_runs, t.notifies))
    from learn.activity_types t
    union all
    select 1, format('feed %s', f) from learn_internal.due_feeds f
    union all
    select -1, format('feed %s', (o.activity_type, o.metric, o.is_scoped, o.aggregate, o.property, o.filter,
      o.scope_property, o.is_board))
    from learn_internal.metric_feeds o
    union all
    select 1, format('threshold %s', (a.id, l.metric, l.scope, l.threshold, l.is_sole))
    from learn.achievements a
    cross join lateral (select distinct * from learn_internal.criteria_leaves(a.criteria)) l
    where a.is_active
    union all
    select -1, format('threshold %s', (t.achievement_id, t.metric, t.scope, t.threshold, t.is_sole))
    from learn_internal.achievement_thresholds t
    union all
    select 1, format('mark %s', m.xp)
    from (
      select t.min_xp as xp from learn.level_thresholds t
      union
      select t.threshold from learn_internal.achievement_thresholds t where t.metric = 'xp' and t.scope = ''
    ) m
    union all
    select -1, format('mark %s', m.xp) from learn_internal.xp_marks m
  ) w
  group by w.note
  having sum(w.amount) <> 0
) d;
comment on view learn_internal.rule_damage is
  'Where what is noted of rules is not what they say; no row when all is well.';

-- functions/streaks/note_streak_freezes.sql

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

-- views/streaks/streak_states.sql

-- Streaks recounted from the active days: what user_stats must say. A day that a freeze covers
-- keeps a run together but adds nothing to it. Filter by user_id: the condition reaches the table.
create or replace view learn_internal.streak_states as
with runs as (
  select d.user_id, max(d.activity_date) as last_date,
    count(*) filter (where not d.is_freeze) as days
  from (
    select a.user_id, a.activity_date, a.is_freeze,
      a.activity_date - (row_number() over w + sum(a.flown_over) over w)::integer as run
    from learn.user_activity_days a
    window w as (partition by a.user_id order by a.activity_date)
  ) d
  group by d.user_id, d.run
)
select r.user_id,
  (array_agg(r.days order by r.last_date desc))[1]::integer as current_streak,
  max(r.days)::integer as longest_streak,
  sum(r.days)::integer as active_days,
  max(r.last_date) as last_activity_date
from runs r
group by r.user_id;
comment on view learn_internal.streak_states is
  'Streaks recounted from user_activity_days, one row per user with any.';

-- views/streaks/streak_ends.sql

-- How long each user's streak is, and when it ends unless another day becomes active: at the end of
-- the user's day after the last one, or of as many days more as freezes in hand cover without a gap. Where the
-- last day was counted by another zone, by whichever of the two clocks is later.
-- Filter by user_id: the condition reaches the tables.
create or replace view learn_internal.streak_ends as
select e.user_id, e.days, greatest(
  (e.lost_on + e.day_starts_at) at time zone e.timezone,
  (
    select (e.lost_on + z.day_starts_at) at time zone z.timezone
    from learn.user_timezones z
    where z.user_id = e.user_id and z.number = e.last_zone_number
  )) as ends_at
from (
  select s.user_id, s.current_streak as days, s.last_zone_number, u.timezone, u.day_starts_at,
    s.last_activity_date + 2 + case when s.streak_freezes = 0 then 0 else (
      select coalesce(min(f.place) filter (where f.granted_on > s.last_activity_date + f.place::integer) - 1, count(*))
      from unnest((  -- the days that each would cover: see freeze_days
        select array_agg(z.granted_on order by z.granted_on)
        from learn.streak_freezes z
        where z.user_id = s.user_id and z.used_on is null
      )) with ordinality f(granted_on, place)
    ) end::integer as lost_on
  from learn.user_stats s
  join learn.users u on u.id = s.user_id
  where s.current_streak > 0
) e;
comment on view learn_internal.streak_ends is
  'Length of streaks in days, and the moment from which they are lost.';

-- views/activity/unpacked_facts.sql

-- The facts that are archived, in the columns of learn.activity_log. They are unpacked by the select list: so conditions
-- on user_id reach the table, and no join is planned (see docs/engine.md#plans).
create or replace view learn_internal.unpacked_facts as
select f.user_id, f.id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp, f.occurred_at, f.local_date,
  f.zone_number, f.is_qualifying, coalesce(f.recorded_at, f.occurred_at) as recorded_at, f.idempotency_key, f.year
from (
  select a.user_id, a.year, unnest(a.id) as id, unnest(a.activity_type) as activity_type,
    unnest(a.subject_type) as subject_type, unnest(a.subject_id) as subject_id, unnest(a.properties) as properties,
    unnest(a.xp) as xp, unnest(a.occurred_at) as occurred_at, unnest(a.local_date) as local_date,
    unnest(a.zone_number) as zone_number, unnest(a.is_qualifying) as is_qualifying,
    unnest(a.recorded_at) as recorded_at, unnest(a.idempotency_key) as idempotency_key
  from learn_internal.archived_facts a
) f;
comment on view learn_internal.unpacked_facts is 'The facts that archive_before() has packed, row by row.';

-- views/xp/unpacked_payments.sql

-- The rows of the ledger that are archived, in the columns of learn.xp_transactions: see learn_internal.unpacked_facts.
create or replace view learn_internal.unpacked_payments as
select a.user_id, unnest(a.id) as id, unnest(a.amount) as amount, unnest(a.activity_type) as activity_type,
  unnest(a.source_type) as source_type, unnest(a.source_id) as source_id, unnest(a.description) as description,
  unnest(a.earned_on) as earned_on, unnest(a.created_at) as created_at, a.year
from learn_internal.archived_payments a;
comment on view learn_internal.unpacked_payments is
  'The rows of the ledger that archive_before() has packed, row by row.';

-- views/activity/all_facts.sql

-- The facts of all times: those of the log, and those that are archived, in columns of the same types. Recounts,
-- explanations and exports read them here; what is of today is in learn.activity_log.
create or replace view learn_internal.all_facts as
select l.user_id, l.id, l.activity_type::text, l.subject_type::text, l.subject_id::text, l.properties::jsonb, l.xp,
  l.occurred_at, l.local_date, l.zone_number, l.is_qualifying, l.recorded_at, l.idempotency_key::text
from learn.activity_log l
union all
select f.user_id, f.id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp, f.occurred_at, f.local_date,
  f.zone_number, f.is_qualifying, f.recorded_at, f.idempotency_key
from learn_internal.unpacked_facts f;
comment on view learn_internal.all_facts is
  'The facts of all times, those of activity_log and those that archive_before() has packed.';

-- views/xp/all_payments.sql

-- The ledger of all times: its rows, and those that are archived. See learn_internal.all_facts.
create or replace view learn_internal.all_payments as
select t.user_id, t.id, t.amount::integer, t.activity_type::text, t.source_type::text, t.source_id::text,
  t.description::text, t.earned_on, t.created_at
from learn.xp_transactions t
union all
select p.user_id, p.id, p.amount, p.activity_type, p.source_type, p.source_id, p.description, p.earned_on, p.created_at
from learn_internal.unpacked_payments p;
comment on view learn_internal.all_payments is
  'The ledger of all times, rows of xp_transactions and those that archive_before() has packed.';

-- views/activity/counted_facts.sql

-- The facts that metrics count: not those that say themselves that they do not, such as quizzes of too few
-- questions, nor those that turned out not to hold, such as answers by a wrong key.
create or replace view learn_internal.counted_facts as
select f.*
from learn_internal.all_facts f
where not f.properties @> '{"counts": false}'
  and not exists (
    select from learn_internal.withdrawn_facts w where w.user_id = f.user_id and w.fact_id = f.id);
comment on view learn_internal.counted_facts is
  'Facts that metrics count: neither those that say {"counts": false} nor those that were withdrawn.';

-- views/activity/run_facts.sql

-- The facts that lengthen runs or end them, in total and by scope; a fact that does both is here twice.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.run_facts as
select f.user_id, m.metric, case when m.is_scoped then f.properties ->> m.scope_property else '' end as scope,
  f.occurred_at, f.id, m.is_reset
from (
  select r.key as metric, e.activity_type, e.filter, e.is_reset, s.is_scoped, r.scope_property
  from learn.metrics r
  cross join lateral (
    values (r.activity_type, r.filter, false), (r.reset_activity_type, r.reset_filter, true)
  ) e(activity_type, filter, is_reset)
  cross join (values (false), (true)) s(is_scoped)
  where r.aggregate = 'run' and (r.scope_property is not null or not s.is_scoped)
) m
join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
where not m.is_scoped or f.properties ->> m.scope_property <> '';
comment on view learn_internal.run_facts is 'The facts that lengthen runs or end them.';

-- views/xp/xp_recounts.sql

-- XP recounted from the ledger, and the level that it means: what user_stats must say.
-- One grouping over all sources: so a condition on user_id reaches each of them.
create or replace view learn_internal.xp_recounts as
select x.user_id, coalesce(sum(x.amount), 0)::bigint as total_xp,
  max(x.highest_level) as highest_level,
  coalesce(sum(x.amount) filter (where not x.is_on_boards), 0)::bigint as reward_xp
from (
  select s.user_id, null::integer as amount, 1 as highest_level, null::boolean as is_on_boards
  from learn.user_stats s
  union all
  select t.user_id, t.amount, null,
    t.activity_type not in (select a.key from learn.activity_types a where not a.is_on_boards)
  from learn_internal.all_payments t
  union all
  select f.user_id, null, f.subject_id::integer, null
  from learn_internal.all_facts f
  where f.activity_type = 'level_reached'
) x
group by x.user_id;
comment on view learn_internal.xp_recounts is
  'Total XP, and that of rewards, recounted from the ledger, and the highest level announced, per user.';

-- views/xp/xp_damage.sql

-- Where XP and levels are not what the ledger says, or the ledger not what the facts say:
-- the part of check_integrity() about XP.
create or replace view learn_internal.xp_damage (check_name, user_id, expected, actual) as
select c.check_name, s.user_id, c.expected::text, c.actual::text
from learn.user_stats s
join learn_internal.xp_recounts x on x.user_id = s.user_id
cross join lateral (
  values
    ('total_xp_is_the_ledger_sum', x.total_xp, s.total_xp),
    ('reward_xp_is_that_of_rewards', x.reward_xp, s.reward_xp),
    ('level_follows_the_curve', learn.calculate_level_from_xp(s.total_xp), s.current_level),
    ('levels_are_announced', x.highest_level, s.highest_level)
) c(check_name, expected, actual)
where c.expected <> c.actual
union all
select 'facts_are_paid', w.user_id,
  format('%s: %s', w.activity_type, sum(w.due)), format('%s: %s', w.activity_type, sum(w.paid))
from (
  select l.user_id, l.activity_type, coalesce(l.xp, 0) as due, 0 as paid
  from learn_internal.all_facts l
  where l.activity_type in (
    'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked', 'period_rewarded',
    'period_reward_reversed')
  union all
  select t.user_id, t.activity_type, 0, t.amount
  from learn_internal.all_payments t
  where t.activity_type in (
    'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked', 'period_rewarded',
    'period_reward_reversed')
) w
group by w.user_id, w.activity_type
having sum(w.due) <> sum(w.paid)
  and not (sum(w.paid) < sum(w.due) and exists (  -- a cap for the day has cut it
    select from learn.xp_rules r
    where r.activity_type = w.activity_type and r.daily_cap is not null));
comment on view learn_internal.xp_damage is
  'Where XP and levels are not what the ledger says, or the ledger not what the facts say; '
  'no row when all is well.';

-- views/achievements/achievement_recounts.sql

-- Achievements recounted from the log: earned, and not revoked since.
-- What user_achievements must say.
create or replace view learn_internal.achievement_recounts as
select f.user_id, f.achievement_id::bigint as achievement_id,
  case when f.times = 1 then f.earned_at else (  -- in the order of the log, whatever the dates
    select l.occurred_at from learn_internal.all_facts l where l.user_id = f.user_id and l.id = f.earned) end as earned_at
from (
  select l.user_id, l.properties ->> 'achievement_id' as achievement_id,
    count(*) filter (where l.activity_type = 'achievement_earned') as times,
    max(l.occurred_at) filter (where l.activity_type = 'achievement_earned') as earned_at,
    max(l.id) filter (where l.activity_type = 'achievement_earned') as earned,
    max(l.id) filter (where l.activity_type = 'achievement_revoked') as revoked
  from learn_internal.all_facts l
  where l.activity_type in ('achievement_earned', 'achievement_revoked')
  group by l.user_id, l.properties ->> 'achievement_id'
) f
join learn.achievements a on a.id = f.achievement_id::bigint
where f.earned > coalesce(f.revoked, 0);
comment on view learn_internal.achievement_recounts is
  'Achievements earned and not revoked since, recounted from the log.';

-- views/achievements/achievement_damage.sql

-- Where achievements are not what the facts say: the part of check_integrity() about achievements.
create or replace view learn_internal.achievement_damage (check_name, user_id, expected, actual) as
select c.check_name, w.user_id, c.expected, c.actual
from (
  select e.user_id, e.achievement_id, sum(e.due) as due, min(e.earned_at) as earned_at, max(e.noted_at) as noted_at
  from (
    select r.user_id, r.achievement_id, 1 as due, r.earned_at, null::timestamptz as noted_at
    from learn_internal.achievement_recounts r
    union all
    select u.user_id, u.achievement_id, -1, null, u.earned_at from learn.user_achievements u
  ) e
  group by e.user_id, e.achievement_id
  having sum(e.due) <> 0 or min(e.earned_at) <> max(e.noted_at)
) w
cross join lateral (
  select 'achievements_follow_from_facts', case when w.due > 0 then 'achievement ' else 'no achievement ' end || w.achievement_id,
    case when w.due > 0 then 'no achievement ' else 'achievement ' end || w.achievement_id
  where w.due <> 0
  union all
  select 'achievements_are_dated_by_facts', format('achievement %s: %s', w.achievement_id, w.earned_at), w.noted_at::text
  where w.due = 0
) c(check_name, expected, actual)
union all
select 'reached_achievements_are_earned', v.user_id, a.slug, 'not earned'
from learn_internal.achievement_thresholds t
join learn.achievements a on a.id = t.achievement_id
join learn_internal.reward_values v on v.metric = t.metric and v.scope = t.scope and v.value >= t.threshold
where case  -- in this order, because the last two are dear
  when exists (
    select from learn.user_achievements u
    where u.user_id = v.user_id and u.achievement_id = t.achievement_id) then false
  when exists (
    select from learn.revoked_achievements r
    where r.user_id = v.user_id and r.achievement_id = t.achievement_id) then false
  else (t.is_sole or learn_internal.satisfies_criteria(v.user_id, a.criteria))
    and not learn_internal.was_deserved_before(v.user_id, t.metric, t.scope, t.threshold, a.criteria_changed_at)
end;
comment on view learn_internal.achievement_damage is
  'Where achievements are not what the facts say; no row when all is well.';

-- views/streaks/local_day_recounts.sql

-- The local dates of the learning acts of users who have moved, zone by zone, recounted from the log.
create or replace view learn_internal.local_day_recounts as
select f.user_id, f.zone_number, f.local_date, min(f.occurred_at) as first_at, max(f.occurred_at) as last_at
from learn_internal.all_facts f
join learn.users u on u.id = f.user_id and u.zone_number > 0
where f.is_qualifying
group by f.user_id, f.zone_number, f.local_date;
comment on view learn_internal.local_day_recounts is
  'The local dates of the learning acts of users who have moved, zone by zone, recounted from the log.';

-- views/streaks/activity_day_recounts.sql

-- Active days recounted from the log and from the freezes spent: what user_activity_days must say.
create or replace view learn_internal.activity_day_recounts as
select d.user_id, d.activity_date, bool_and(d.is_freeze) as is_freeze, max(d.flown_over) as flown_over
from (
  select f.user_id, f.local_date as activity_date, false as is_freeze, 0 as flown_over
  from learn_internal.all_facts f
  join learn.users u on u.id = f.user_id and u.zone_number = 0
  where f.is_qualifying
  union all
  select u.id, c.activity_date, false, c.flown_over
  from learn.users u
  cross join lateral learn_internal.chain_days(array(
    select (r.user_id, r.zone_number, r.local_date, r.first_at, r.last_at, false)::learn_internal.local_days
    from learn_internal.local_day_recounts r
    where r.user_id = u.id)) c
  where u.zone_number > 0
  union all
  select z.user_id, z.used_on, true, 0 from learn.streak_freezes z where z.used_on is not null
) d
group by d.user_id, d.activity_date;
comment on view learn_internal.activity_day_recounts is
  'Active and frozen days recounted from the log and the freezes.';

-- views/activity/metric_day_recounts.sql

-- The days that distinct_days metrics have counted, recounted from the log: what user_metric_days must say. Of learners
-- who have moved, those that are later by both clocks, as chain_days() has it for active days.
create or replace view learn_internal.metric_day_recounts as
select distinct f.user_id, m.key as metric, s.scope, f.local_date as activity_date, 0 as zone_number
from learn.metrics m
join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
join learn.users u on u.id = f.user_id and u.zone_number = 0
cross join lateral learn_internal.metric_scopes(f.properties, m.scope_property) s(scope)
where m.aggregate = 'distinct_days'
union all
select d.user_id, d.metric, d.scope, c.activity_date, c.zone_number
from (
  select z.user_id, z.metric, z.scope, array_agg(
    (z.user_id, z.zone_number, z.local_date, z.first_at, z.last_at, false)::learn_internal.local_days) as days
  from (
    select f.user_id, m.key as metric, s.scope, f.zone_number, f.local_date,
      min(f.occurred_at) as first_at, max(f.occurred_at) as last_at
    from learn.metrics m
    join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
    join learn.users u on u.id = f.user_id and u.zone_number > 0
    cross join lateral learn_internal.metric_scopes(f.properties, m.scope_property) s(scope)
    where m.aggregate = 'distinct_days'
    group by f.user_id, m.key, s.scope, f.zone_number, f.local_date
  ) z
  group by z.user_id, z.metric, z.scope
) d
cross join lateral learn_internal.chain_days(d.days) c;
comment on view learn_internal.metric_day_recounts is
  'Days counted by distinct_days metrics, recounted from activity_log.';

-- views/activity/run_recounts.sql

-- Runs recounted from the log: how long they are, as user_metrics must say, and when they were ended last and made longer
-- last, as user_runs must.
create or replace view learn_internal.run_recounts as
select r.user_id, r.metric, r.scope, count(*) filter (where not r.is_reset and not r.is_over) as value,
  max(r.occurred_at) filter (where r.is_reset) as reset_at,
  max(r.occurred_at) filter (where not r.is_reset) as last_at
from (
  -- by when they occurred; a fact that does both ends a run and begins the next
  select e.*, coalesce(bool_or(e.is_reset) over (
    partition by e.user_id, e.metric, e.scope order by e.occurred_at desc, e.id desc, e.is_reset
    rows between unbounded preceding and 1 preceding), false) as is_over
  from learn_internal.run_facts e
) r
group by r.user_id, r.metric, r.scope;
comment on view learn_internal.run_recounts is
  'How long runs are, and when they were ended last and made longer last, recounted from activity_log.';

-- views/streaks/moved_learners.sql

-- Learners who have learned in several zones, recounted from the log: their active days, and which zone the last one is of.
-- The last zone is settled when its days have come to follow each other, and no fact can be in doubt any more: see
-- settle_days(), which may not have noticed yet (-1).
create or replace view learn_internal.moved_learners as
select m.user_id, m.chain, (m.last_day).zone_number as last_zone_number,
  case when (m.last_day).zone_number = m.zones and exists (
      select from unnest(m.chain) c
      where c.zone_number = m.zones and c.activity_date < (m.last_day).activity_date)
      and not exists (
      select from unnest(m.days) d
      where d.zone_number < m.zones and d.local_date > (m.last_day).activity_date - 4)
    then m.zones else -1 end as settled_zone
from (
  select d.user_id, d.days, d.zones, c.chain, c.chain[cardinality(c.chain)] as last_day
  from (
    select r.user_id, max(r.zone_number) as zones, array_agg(
      (r.user_id, r.zone_number, r.local_date, r.first_at, r.last_at, false)::learn_internal.local_days) as days
    from learn_internal.local_day_recounts r
    group by r.user_id
    having max(r.zone_number) > 0
  ) d
  cross join lateral (
    select array_agg((h.activity_date, h.zone_number, h.flown_over)::learn_internal.chained_day
      order by h.activity_date) as chain
    from learn_internal.chain_days(d.days) h
  ) c
) m;
comment on view learn_internal.moved_learners is
  'Learners who have learned in several zones: their active days recounted, and whether the last zone is settled.';

-- views/streaks/streak_damage.sql

-- Where active days, streaks and freezes are not what the facts say: the part of
-- check_integrity() about streaks.
create or replace view learn_internal.streak_damage (check_name, user_id, expected, actual) as
select 'active_days_follow_from_facts', w.user_id,
  case when bool_or(w.is_due) then format('%s freeze=%s flown over=%s', w.activity_date,
      bool_or(w.is_freeze) filter (where w.is_due), max(w.flown_over) filter (where w.is_due))
    else 'no ' || w.activity_date end,
  case when bool_and(w.is_due) then 'no ' || w.activity_date
    else format('%s freeze=%s flown over=%s', w.activity_date,
      bool_or(w.is_freeze) filter (where not w.is_due), max(w.flown_over) filter (where not w.is_due)) end
from (
  select r.user_id, r.activity_date, r.is_freeze, r.flown_over, true as is_due
  from learn_internal.activity_day_recounts r
  union all
  select d.user_id, d.activity_date, d.is_freeze, d.flown_over, false
  from learn.user_activity_days d
) w
group by w.user_id, w.activity_date
having count(*) = 1 or bool_and(w.is_freeze) <> bool_or(w.is_freeze) or min(w.flown_over) <> max(w.flown_over)
union all
select 'streak_follows_from_days', s.user_id,
  format('current %s, longest %s, days %s, last %s',
    coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0),
    coalesce(r.active_days, 0), r.last_activity_date),
  format('current %s, longest %s, days %s, last %s',
    s.current_streak, s.longest_streak, s.active_days, s.last_activity_date)
from learn.user_stats s
left join learn_internal.streak_states r on r.user_id = s.user_id
where (s.current_streak, s.longest_streak, s.active_days)
  <> (coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0), coalesce(r.active_days, 0))
  or s.last_activity_date is distinct from r.last_activity_date
union all
select 'freezes_held_are_counted', s.user_id, coalesce(z.held, 0)::text, s.streak_freezes::text
from learn.user_stats s
left join (
  select f.user_id, count(*) as held from learn.streak_freezes f
  where f.used_on is null group by f.user_id
) z on z.user_id = s.user_id
where s.streak_freezes <> coalesce(z.held, 0)
union all
select 'freezes_cover_what_follows_from_days', h.user_id,
  'days ' || array(select u from unnest(h.due) u order by u)::text,
  'days ' || h.used::text
from (
  select f.user_id, (learn_internal.walk_streak(f.user_id, null)).used_on as due,
    coalesce(array_agg(f.used_on order by f.used_on) filter (where f.used_on is not null), '{}') as used
  from learn.streak_freezes f
  group by f.user_id
) h
where h.due <> h.used
union all
-- first and last acts may be inner ones, where the zone has long been settled: see local_days
select 'local_days_follow_from_facts', w.user_id,
  format('%s of zone %s: active %s, within %s and %s', w.local_date, w.zone_number,
    bool_or(w.is_active) filter (where w.is_due), min(w.first_at) filter (where w.is_due),
    max(w.last_at) filter (where w.is_due)),
  format('active %s, within %s and %s', bool_or(w.is_active) filter (where not w.is_due),
    min(w.first_at) filter (where not w.is_due), max(w.last_at) filter (where not w.is_due))
from (
  select l.user_id, l.zone_number, l.local_date, l.first_at, l.last_at, true as is_due, exists (
    select from unnest(m.chain) c
    where c.zone_number = l.zone_number and c.activity_date = l.local_date) as is_active
  from learn_internal.moved_learners m
  join learn_internal.local_day_recounts l on l.user_id = m.user_id
  union all
  select d.user_id, d.zone_number, d.local_date, d.first_at, d.last_at, false, d.is_active
  from learn_internal.local_days d
) w
group by w.user_id, w.zone_number, w.local_date
having count(*) = 1 or bool_and(w.is_active) <> bool_or(w.is_active)
  or min(w.first_at) filter (where not w.is_due) < min(w.first_at) filter (where w.is_due)
  or max(w.last_at) filter (where not w.is_due) > max(w.last_at) filter (where w.is_due)
  or max(w.first_at) filter (where not w.is_due) > max(w.last_at) filter (where not w.is_due)
union all
select 'zones_of_days_are_noted', s.user_id,
  format('last zone %s, settled %s', coalesce(m.last_zone_number, 0), coalesce(m.settled_zone, 0)),
  format('last zone %s, settled %s', s.last_zone_number, s.settled_zone)
from learn.user_stats s
left join learn_internal.moved_learners m on m.user_id = s.user_id
where s.last_zone_number <> coalesce(m.last_zone_number, 0)
  or s.settled_zone <> coalesce(m.settled_zone, 0) and (m.user_id is null or s.settled_zone <> -1);
comment on view learn_internal.streak_damage is
  'Where active days, streaks and freezes are not what the facts say; no row when all is well.';

-- triggers/activity/archived_facts.sql

-- What happens when rows of learn_internal.archived_facts are written: nobody does so by hand, nor empties it.
-- Errors: LX009, LX010.
create or replace trigger refuse_by_hand
  before insert or update or delete on learn_internal.archived_facts
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand(
    'What is old comes here by learn.archive_before(), and back by learn.attach_archive().');

create or replace trigger archived_facts_truncate
  before truncate on learn_internal.archived_facts
  for each statement
  execute function learn_internal.refuse_truncate();

-- triggers/xp/archived_payments.sql

-- What happens when rows of learn_internal.archived_payments are written: nobody does so by hand, nor empties it.
-- Errors: LX009, LX010.
create or replace trigger refuse_by_hand
  before insert or update or delete on learn_internal.archived_payments
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand(
    'What is old comes here by learn.archive_before(), and back by learn.attach_archive().');

create or replace trigger archived_payments_truncate
  before truncate on learn_internal.archived_payments
  for each statement
  execute function learn_internal.refuse_truncate();

-- functions/streaks/is_over.sql

-- Whether a learner's day of a time is over, by the clock: it is when the date is a later one by both clocks, that of the zone
-- that was theirs then and that of the zone of now, as chain_days() has it for active days. So hopping between
-- zones makes no second day of what is limited by day.
create or replace function learn_internal.is_over(p_user_id uuid, p_at timestamptz)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  timestamptz := learn.clock();
  v_here record;
  v_then learn_internal.local_date;
begin
  select (v_now at time zone u.timezone - u.day_starts_at)::date as today, u.zone_since,
    (p_at at time zone u.timezone - u.day_starts_at)::date as local_date
  into v_here
  from learn.users u
  where u.id = p_user_id;
  if v_here.zone_since is null or p_at >= v_here.zone_since then
    return v_here.today > v_here.local_date;
  end if;
  v_then := learn_internal.local_date(p_user_id, p_at);
  return v_here.today > v_then.local_date
    and learn_internal.zone_date(p_user_id, v_then.zone_number, v_now) > v_then.local_date;
end;
$$;
comment on function learn_internal.is_over(uuid, timestamptz) is
  'Whether a learner''s day of a time is over, by the clock and by the zones of then and of now.';

-- views/identity/identity_damage.sql

-- Where users lack what registering makes: the part of check_integrity() about identity.
create or replace view learn_internal.identity_damage (check_name, user_id, expected, actual) as
select 'user_has_stats', u.id, 'a row in user_stats', 'none'
from learn.users u
where not exists (select from learn.user_stats s where s.user_id = u.id)
union all
select 'registration_days_follow_from_facts', s.user_id, f.local_date::text, s.registered_on::text
from learn.user_stats s
join learn_internal.all_facts f on f.user_id = s.user_id and f.activity_type = 'user_registered'
where s.registered_on <> f.local_date;
comment on view learn_internal.identity_damage is
  'Users without what registering makes; no row when all is well.';

-- views/streaks/streak_days.sql

-- How long a user's streak was on each of their days: active days so far of the run that it is in; a day that a freeze covers
-- adds nothing to it. Filter by user_id: the condition reaches the table.
create or replace view learn_internal.streak_days as
select d.user_id, d.activity_date, d.is_freeze,
  count(*) filter (where not d.is_freeze) over (partition by d.user_id, d.run order by d.activity_date) as streak
from (
  select a.user_id, a.activity_date, a.is_freeze,
    a.activity_date - (row_number() over w + sum(a.flown_over) over w)::integer as run
  from learn.user_activity_days a
  window w as (partition by a.user_id order by a.activity_date)
) d;
comment on view learn_internal.streak_days is
  'How long a user''s streak was on each of their active and frozen days.';

-- functions/streaks/day_terms.sql

-- What active days mean, looked up once for all users of a statement.
-- Errors: LX003 the setting is missing.
create or replace function learn_internal.day_terms()
returns learn_internal.day_terms
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    array(
      select m.key from learn.metrics m
      where m.key in ('active_days', 'current_streak', 'longest_streak') and m.is_board),
    learn_internal.setting_number('streak_freeze_every_days')::integer
  )::learn_internal.day_terms;
end;
$$;
comment on function learn_internal.day_terms() is
  'Which metrics of active days have boards, and after how many days a streak earns a freeze.';

-- functions/streaks/tally_days.sql

-- Has analytics count new active days, all of a statement together: days, and weeks by the week of registration.
create or replace function learn_internal.tally_days(p_days learn_internal.opened_day[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  d learn_internal.opened_day := p_days[1];
begin
  if cardinality(p_days) = 1 then  -- mostly: to start aggregates costs several times as much
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'active_days', d.day, '', 1 where d.day is not null
    union all
    select 'active_weeks', d.week, to_char(d.cohort, 'YYYY-MM-DD'), 1 where d.week is not null;
  else
    insert into learn_internal.tally_changes (measure, day, item, value)
    select t.measure, t.day, t.item, count(*)
    from unnest(p_days) o
    cross join lateral (
      values ('active_days', o.day, ''), ('active_weeks', o.week, to_char(o.cohort, 'YYYY-MM-DD'))
    ) t(measure, day, item)
    where t.day is not null
    group by t.measure, t.day, t.item;
  end if;
end;
$$;
comment on function learn_internal.tally_days(learn_internal.opened_day[]) is
  'Has analytics count new active days.';

-- views/activity/count_recounts.sql

-- Metrics that are no runs, recounted from the log by the definitions of today.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.count_recounts as
select t.user_id, t.metric, t.scope,
  case when bool_or(t.is_maximum) then greatest(max(t.amount), 0) else sum(t.amount) end::bigint as value
from (
  select f.user_id, m.metric, m.aggregate = 'max' as is_maximum,
    case when m.is_scoped then f.properties ->> m.scope_property else '' end as scope,
    case when m.property is null then 1
      else learn_internal.number_property(f.properties, m.property) end as amount
  from learn_internal.counted_facts f
  join (select * from learn_internal.due_feeds offset 0) m on m.activity_type = f.activity_type and f.properties @> m.filter
  where m.aggregate in ('count', 'sum', 'max')
    and (not m.is_scoped or f.properties ->> m.scope_property <> '')
) t
where t.amount is not null
group by t.user_id, t.metric, t.scope
union all
select d.user_id, d.metric, d.scope, count(*)
from learn_internal.metric_day_recounts d
group by d.user_id, d.metric, d.scope;
comment on view learn_internal.count_recounts is
  'Metrics that are no runs, recounted from activity_log, one row per user, metric and scope.';

-- views/activity/metric_recounts.sql

-- Metrics recounted from the log by the definitions of today: what user_metrics must say.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.metric_recounts as
select c.user_id, c.metric, c.scope, c.value
from learn_internal.count_recounts c
union all
select r.user_id, r.metric, r.scope, r.value
from learn_internal.run_recounts r;
comment on view learn_internal.metric_recounts is
  'Metrics recounted from activity_log, one row per user, metric and scope.';

-- views/activity/activity_damage.sql

-- Where metrics are not what the facts say: the part of check_integrity() about activity.
create or replace view learn_internal.activity_damage (check_name, user_id, expected, actual) as
select 'metrics_follow_from_facts', w.user_id,
  format('%s %s = %s', w.metric, w.scope, sum(w.due)), format('%s %s = %s', w.metric, w.scope, sum(w.value))
from (
  select r.user_id, r.metric, r.scope, r.value as due, 0 as value from learn_internal.count_recounts r
  union all
  select m.user_id, m.metric, m.scope, 0, m.value from learn.user_metrics m
  where m.metric not in (select k.key from learn.metrics k where k.aggregate = 'run')  -- runs: below
) w
group by w.user_id, w.metric, w.scope
having sum(w.due) <> sum(w.value)
union all
select 'metric_days_follow_from_facts', w.user_id,
  case when sum(w.due) > 0 then format('%s %s %s, zone %s', w.metric, w.scope, w.activity_date, w.zone_number)
    else 'none' end,
  case when sum(w.due) > 0 then 'none'
    else format('%s %s %s, zone %s', w.metric, w.scope, w.activity_date, w.zone_number) end
from (
  select r.user_id, r.metric, r.scope, r.activity_date, r.zone_number, 1 as due from learn_internal.metric_day_recounts r
  union all
  select d.user_id, d.metric, d.scope, d.activity_date, d.zone_number, -1 from learn_internal.user_metric_days d
) w
group by w.user_id, w.metric, w.scope, w.activity_date, w.zone_number
having sum(w.due) <> 0
union all
select c.check_name, w.user_id, format('%s %s: %s', w.metric, w.scope, c.expected), format('%s %s: %s', w.metric, w.scope, c.actual)
from (
  select r.user_id, r.metric, r.scope, sum(r.due) as due, sum(r.value) as value, max(r.due_reset) as due_reset,
    max(r.due_last) as due_last, max(r.reset_at) as reset_at, max(r.last_at) as last_at
  from (
    select e.user_id, e.metric, e.scope, e.value as due, 0 as value, e.reset_at as due_reset, e.last_at as due_last,
      null::timestamptz as reset_at, null::timestamptz as last_at
    from learn_internal.run_recounts e
    union all
    select u.user_id, u.metric, u.scope, 0, 0, null, null, u.reset_at, u.last_at from learn_internal.user_runs u
    union all
    select m.user_id, m.metric, m.scope, 0, m.value, null, null, null, null
    from learn.user_metrics m
    where m.metric in (select k.key from learn.metrics k where k.aggregate = 'run')
  ) r
  group by r.user_id, r.metric, r.scope
) w
cross join lateral (
  values
    ('metrics_follow_from_facts', w.due is distinct from w.value, w.due::text, w.value::text),
    ('runs_follow_from_facts', (w.due_reset, w.due_last) is distinct from (w.reset_at, w.last_at),
      format('ended %s, longer %s', w.due_reset, w.due_last), format('ended %s, longer %s', w.reset_at, w.last_at))
) c(check_name, is_wrong, expected, actual)
where c.is_wrong;
comment on view learn_internal.activity_damage is
  'Where metrics are not what the facts say; no row when all is well.';

reset role;
