-- The public functions of this part: each is about one user, runs in the caller's transaction,
-- and says what it did.

set role learn_owner;

create type learn.award_summary as (
  user_id          uuid,
  xp_awarded       integer,
  total_xp         bigint,
  current_level    integer,
  leveled_up       boolean,
  current_streak   integer,
  new_achievements text[],
  unlocked         jsonb,
  replayed         boolean
);
comment on type learn.award_summary is
  'What a call did for a user: XP of this call and in total, level, streak as of today in days, '
  'slugs of achievements earned by this call, what it unlocked ({"avatars": [slug, …]}), '
  'and whether it is the stored answer of an earlier call with the same idempotency key.';

create type learn_internal.call as (
  user_id          uuid,
  function_name    text,
  idempotency_key  text,
  arguments_hash   text,
  occurred_at      timestamptz,
  total_xp         bigint,
  current_level    integer,
  last_achievement bigint,
  replay           learn.award_summary
);
comment on type learn_internal.call is
  'A public call under way: what held before it, or the answer to replay.';

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
select p.user_id, 'track_completed', 'track', p.track_id::text
from learn.user_track_progress p
where p.completed_at is not null
union all
select p.user_id, 'path_completed', 'path', p.path_id::text
from learn.user_path_progress p
where p.completed_at is not null
union all
select p.user_id, 'difficulty_completed', 'difficulty', p.difficulty
from learn.user_difficulty_progress p;
comment on view learn_internal.domain_facts is
  'Facts that happen once per subject and follow from rows of Laurel''s own tables. '
  'A lesson or exercise that is done settles the bonus facts of it too, earned or not.';

-- functions/_shared/hash_call.sql
-- What tells two calls apart: SHA-256 of the function's name and its arguments, in hex.
create or replace function learn_internal.hash_call(p_function text, p_arguments jsonb)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(p_function || p_arguments::text, 'UTF8')), 'hex');
$$;
comment on function learn_internal.hash_call(text, jsonb) is 'SHA-256 of a call, in hex.';
revoke all on function learn_internal.hash_call(text, jsonb) from public;

-- functions/_shared/require_event_time.sql
-- Refuses a time of occurrence that lies ahead or too far back.
-- Errors: LX001.
create or replace function learn_internal.require_event_time(p_occurred_at timestamptz)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_days numeric;
begin
  if p_occurred_at is null then
    return;
  end if;
  v_days := learn_internal.setting_number('max_event_age_days');
  if p_occurred_at > learn.clock() + interval '5 minutes'
    or p_occurred_at < learn.clock() - v_days * interval '1 day'
  then
    raise exception 'the time of the event is out of bounds'
      using errcode = 'LX001', detail = format('p_occurred_at = %s', p_occurred_at),
        hint = format(
          'It may lie at most 5 minutes ahead and %s days back (setting max_event_age_days).',
          v_days);
  end if;
end;
$$;
comment on function learn_internal.require_event_time(timestamptz) is
  'Refuses a time more than 5 minutes ahead or further back than max_event_age_days (LX001).';
revoke all on function learn_internal.require_event_time(timestamptz) from public;

-- functions/_shared/summarize.sql
-- What has happened to a user since a call began.
create or replace function learn_internal.summarize(p_call learn_internal.call)
returns learn.award_summary
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_summary    learn.award_summary;
  v_last_date  date;
  v_today      date;
  v_has_earned boolean;
begin
  select s.user_id, s.total_xp - p_call.total_xp, s.total_xp,
    s.current_level, s.current_level > p_call.current_level, s.current_streak,
    s.last_activity_date, (
      -- the time as learn.clock() tells it
      coalesce((select o.now_is from learn_internal.clock_override o), now())
      at time zone u.timezone)::date,
    exists (
      select from learn.user_achievements a
      where a.user_id = p_call.user_id and a.id > p_call.last_achievement)
  into v_summary.user_id, v_summary.xp_awarded, v_summary.total_xp,
    v_summary.current_level, v_summary.leveled_up, v_summary.current_streak,
    v_last_date, v_today, v_has_earned
  from learn.user_stats s
  join learn.users u on u.id = s.user_id
  where s.user_id = p_call.user_id;
  if v_last_date is null or v_last_date < v_today - 1 then
    v_summary.current_streak := learn.calculate_user_streak(p_call.user_id);
  end if;
  v_summary.unlocked := '{}';
  v_summary.replayed := false;
  if not v_has_earned then
    v_summary.new_achievements := '{}';
    return v_summary;
  end if;

  select array_agg(a.slug order by u.id) into v_summary.new_achievements
  from learn.user_achievements u
  join learn.achievements a on a.id = u.achievement_id
  where u.user_id = p_call.user_id and u.id > p_call.last_achievement;

  -- Avatars that these achievements unlock and no earlier one had unlocked.
  select jsonb_build_object('avatars', jsonb_agg(v.slug order by v.display_order, v.slug))
  into v_summary.unlocked
  from learn.avatars v
  where exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and u.id > p_call.last_achievement
        and a.unlocks_avatar_id = v.id)
    and not exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and u.id <= p_call.last_achievement
        and a.unlocks_avatar_id = v.id)
  having count(*) > 0;
  v_summary.unlocked := coalesce(v_summary.unlocked, '{}');
  return v_summary;
end;
$$;
comment on function learn_internal.summarize(learn_internal.call) is
  'What has happened to a user since a call began.';
revoke all on function learn_internal.summarize(learn_internal.call) from public;

-- functions/_shared/begin_call.sql
-- The opening of every public function that changes a learner's state: takes the locks in order,
-- answers a retry from its idempotency key, and notes what held before. When the result carries
-- a replay, the caller returns that and nothing else.
-- Errors: LX001 time out of bounds, blank key; LX002 unknown user; LX004 inactive user;
-- LX013 the key was used for another call.
create or replace function learn_internal.begin_call(
  p_function        text,
  p_user_id         uuid,
  p_arguments       jsonb,
  p_occurred_at     timestamptz,
  p_idempotency_key text
)
returns learn_internal.call
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_call      learn_internal.call;
  v_is_active boolean;
  v_earlier   learn.idempotency_keys;
begin
  -- as hold_content() does it, without the price of a call
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;
  select s.total_xp, s.current_level into v_call.total_xp, v_call.current_level
  from learn.user_stats s
  where s.user_id = p_user_id
  for no key update;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  select u.is_active,
    -- the time as learn.clock() tells it
    coalesce(p_occurred_at, (select o.now_is from learn_internal.clock_override o), now()),
    coalesce((
      select a.id from learn.user_achievements a
      where a.user_id = p_user_id order by a.id desc limit 1), 0)
  into v_is_active, v_call.occurred_at, v_call.last_achievement
  from learn.users u
  where u.id = p_user_id;
  if not v_is_active then
    raise exception 'the user is inactive'
      using errcode = 'LX004', detail = format('p_user_id = %s', p_user_id),
        hint = 'Set learn.users.is_active to let the user take part again.';
  end if;

  v_call.user_id := p_user_id;
  v_call.function_name := p_function;

  if p_idempotency_key is not null then
    if p_idempotency_key !~ '\S' or length(p_idempotency_key) > 200 then
      raise exception 'an idempotency key has 1 to 200 characters, not all of them blank'
        using errcode = 'LX001',
          detail = format('p_idempotency_key = %L', left(p_idempotency_key, 50)),
          hint = 'Use a UUID made for the request, or pass null.';
    end if;
    v_call.idempotency_key := p_idempotency_key;
    v_call.arguments_hash := learn_internal.hash_call(
      p_function,
      p_arguments || jsonb_build_object('occurred_at', p_occurred_at at time zone 'UTC'));

    select k.* into v_earlier
    from learn.idempotency_keys k
    where k.user_id = p_user_id and k.key = p_idempotency_key;
    if found then
      if v_earlier.arguments_hash <> v_call.arguments_hash then
        raise exception 'the idempotency key was used for another call'
          using errcode = 'LX013',
            detail = format('key %s: %s at %s',
              p_idempotency_key, v_earlier.function_name, v_earlier.created_at),
            hint = 'Retry with the same arguments, or use a new key for a new call.';
      end if;
      v_call.replay := jsonb_populate_record(null::learn.award_summary, v_earlier.response);
      v_call.replay.replayed := true;
      return v_call;
    end if;
  end if;

  if p_occurred_at is not null then
    perform learn_internal.require_event_time(p_occurred_at);
  end if;
  return v_call;
end;
$$;
comment on function learn_internal.begin_call(text, uuid, jsonb, timestamptz, text) is
  'Opens a public call: locks the user, replays a retry (LX013 when it differs), '
  'notes what held before.';
revoke all on function learn_internal.begin_call(text, uuid, jsonb, timestamptz, text) from public;

-- functions/_shared/end_call.sql
-- The close of every public function that changes a learner's state: sums up,
-- and keeps the answer for a retry.
create or replace function learn_internal.end_call(p_call learn_internal.call)
returns learn.award_summary
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_summary learn.award_summary := learn_internal.summarize(p_call);
begin
  if p_call.idempotency_key is not null then
    insert into learn.idempotency_keys (user_id, key, function_name, arguments_hash, response)
    values (p_call.user_id, p_call.idempotency_key, p_call.function_name,
      p_call.arguments_hash, to_jsonb(v_summary))
    on conflict do nothing;  -- only a caller with an old snapshot conflicts, and gets 40001
  end if;
  return v_summary;
end;
$$;
comment on function learn_internal.end_call(learn_internal.call) is
  'Closes a public call: sums up, and keeps the answer for a retry.';
revoke all on function learn_internal.end_call(learn_internal.call) from public;

-- functions/_shared/is_timestamp.sql
-- Whether a text is a point in time.
create or replace function learn_internal.is_timestamp(p_text text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return isfinite(p_text::timestamptz);
exception
  when invalid_datetime_format or datetime_field_overflow or invalid_parameter_value then
    return false;
end;
$$;
comment on function learn_internal.is_timestamp(text) is
  'Whether a text is a (finite) point in time.';
revoke all on function learn_internal.is_timestamp(text) from public;

-- functions/identity/register_user.sql
-- Makes a user. Signing up is a fact, so that a welcome badge is there when this returns.
-- Errors: LX001 blank or taken username, malformed or taken email, unknown time zone,
-- malformed locale.
create or replace function learn.register_user(
  p_username     text,
  p_email        text default null,
  p_timezone     text default 'UTC',
  p_locale       text default 'en',
  p_display_name text default null
)
returns uuid
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id    uuid;
  v_constraint text;
begin
  insert into learn.users (username, email, timezone, locale, display_name)
  values (p_username, p_email, coalesce(p_timezone, 'UTC'),
    coalesce(p_locale, 'en'), p_display_name)
  returning id into v_user_id;
  return v_user_id;
exception
  when unique_violation or check_violation or not_null_violation then
    get stacked diagnostics v_constraint = constraint_name;
    raise exception 'the user cannot be registered'
      using errcode = 'LX001',
        detail = format('%s: username = %s, email = %s, locale = %s',
          case v_constraint
            when 'users_username_is_unique' then 'username is taken'
            when 'users_email_is_unique' then 'email is taken'
            when '' then 'username is missing'
            else replace(v_constraint, '_', ' ') || ' does not hold'
          end, coalesce(p_username, 'null'), coalesce(p_email, 'null'), p_locale),
        hint = 'Usernames and emails are unique without regard to case; '
          'only the username is required.';
end;
$$;
comment on function learn.register_user(text, text, text, text, text) is
  'Makes a user and returns the id. Time zone: an IANA name; locale: a language tag.';
revoke all on function learn.register_user(text, text, text, text, text) from public;
grant execute on function learn.register_user(text, text, text, text, text) to learn_app;

-- functions/identity/set_password_hash.sql
-- Stores the hash of a user's password, made by the backend. Laurel never sees a password.
-- Errors: LX001 blank hash; LX002 unknown user.
create or replace function learn.set_password_hash(p_user_id uuid, p_password_hash text)
returns void
language plpgsql
volatile
security definer                  -- no app role reads or writes user_credentials
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(p_password_hash, '') !~ '\S' then
    raise exception 'the password hash is blank'
      using errcode = 'LX001', detail = 'p_password_hash is blank or null',
        hint = 'Hash the password in the backend.';
  end if;
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  insert into learn.user_credentials (user_id, password_hash)
  values (p_user_id, p_password_hash)
  on conflict (user_id) do update
    set password_hash = excluded.password_hash, updated_at = learn.clock();
end;
$$;
comment on function learn.set_password_hash(uuid, text) is
  'Stores the hash of a user''s password, made by the backend.';
revoke all on function learn.set_password_hash(uuid, text) from public;
grant execute on function learn.set_password_hash(uuid, text) to learn_app;

-- functions/identity/get_password_hash.sql
-- The stored hash of one active user's password, for the backend to verify;
-- null where there is none.
create or replace function learn.get_password_hash(p_user_id uuid)
returns text
language sql
stable
security definer                  -- no app role reads user_credentials
set search_path = pg_catalog, pg_temp
as $$
  select c.password_hash
  from learn.user_credentials c
  join learn.users u on u.id = c.user_id
  where c.user_id = p_user_id and u.is_active;
$$;
comment on function learn.get_password_hash(uuid) is
  'The hash of one active user''s password, for the backend to verify; null where there is none.';
revoke all on function learn.get_password_hash(uuid) from public;
grant execute on function learn.get_password_hash(uuid) to learn_app;

-- functions/catalog/require_lesson.sql
-- Refuses a lesson that does not exist or is not published.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_lesson(p_lesson_id bigint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_published boolean;
begin
  select l.is_published into v_is_published from learn.lessons l where l.id = p_lesson_id;
  if not found then
    raise exception 'unknown lesson'
      using errcode = 'LX003',
        detail = format('p_lesson_id = %s', coalesce(p_lesson_id::text, 'null')),
        hint = 'Look the lesson up in learn.lessons.';
  end if;
  if not v_is_published then
    raise exception 'the lesson is not published'
      using errcode = 'LX004', detail = format('p_lesson_id = %s', p_lesson_id),
        hint = 'Publish it: learn.lessons.is_published.';
  end if;
end;
$$;
comment on function learn_internal.require_lesson(bigint) is
  'Refuses an unknown (LX003) or unpublished (LX004) lesson.';
revoke all on function learn_internal.require_lesson(bigint) from public;

-- functions/progress/start_lesson.sql
-- Notes that a user starts a lesson. Starting again changes nothing.
-- Errors: LX001, LX002, LX003 unknown lesson, LX004 not published or user inactive, LX013.
create or replace function learn.start_lesson(
  p_user_id         uuid,
  p_lesson_id       bigint,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'start_lesson', p_user_id, jsonb_build_object('lesson_id', p_lesson_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_lesson(p_lesson_id);

  insert into learn.user_lesson_progress as p (user_id, lesson_id, status, started_at)
  values (p_user_id, p_lesson_id, 'in_progress', v_call.occurred_at)
  on conflict (user_id, lesson_id) do update
    set status = 'in_progress', started_at = excluded.started_at
    where p.started_at is null and p.completed_at is null;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.start_lesson(uuid, bigint, timestamptz, text) is
  'Notes that a user starts a lesson; the time to its completion counts from here. '
  'Starting again changes nothing.';
revoke all on function learn.start_lesson(uuid, bigint, timestamptz, text) from public;
grant execute on function learn.start_lesson(uuid, bigint, timestamptz, text) to learn_app;

-- functions/progress/complete_lesson.sql
-- Completes a lesson for a user. Completing it again pays nothing; it keeps the best
-- score and adds up the time.
-- Errors: LX001 score or time out of range; LX002; LX003 unknown lesson; LX004 not published
-- or user inactive; LX007 exercises are not solved yet; LX013.
create or replace function learn.complete_lesson(
  p_user_id            uuid,
  p_lesson_id          bigint,
  p_score              numeric default null,
  p_time_spent_seconds integer default null,
  p_occurred_at        timestamptz default null,
  p_idempotency_key    text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_call     learn_internal.call := learn_internal.begin_call(
    'complete_lesson', p_user_id,
    jsonb_build_object('lesson_id', p_lesson_id, 'score', trim_scale(p_score),
      'time_spent_seconds', p_time_spent_seconds),
    p_occurred_at, p_idempotency_key);
  v_unsolved bigint[];
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_lesson(p_lesson_id);
  if p_score not between 0 and 100 or p_score = 'NaN' or p_time_spent_seconds < 0 then
    raise exception 'score or time is out of range'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_time_spent_seconds = %s', p_score, p_time_spent_seconds),
        hint = 'A score is a percentage from 0 to 100; time is in seconds, 0 or more.';
  end if;

  if exists (
    select from learn.exercises e where e.lesson_id = p_lesson_id and e.is_published)
  then
    select array_agg(e.id order by e.position, e.id) into v_unsolved
    from learn.exercises e
    where e.lesson_id = p_lesson_id and e.is_published and not exists (
      select from learn.user_exercise_progress x
      where x.user_id = p_user_id and x.exercise_id = e.id and x.solved_at is not null);
  end if;
  if v_unsolved is not null and not exists (
    select from learn.user_lesson_progress p
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id and p.completed_at is not null)
  then
    raise exception 'the lesson has unsolved exercises'
      using errcode = 'LX007',
        detail = format('unsolved exercises: %s', array_to_string(v_unsolved, ', ')),
        hint = 'It completes by itself when learn.submit_query() has solved all of them.';
  end if;

  insert into learn.user_lesson_progress as p
    (user_id, lesson_id, status, score, time_spent_seconds, completed_at)
  values (p_user_id, p_lesson_id, 'completed', p_score, p_time_spent_seconds, v_call.occurred_at)
  on conflict (user_id, lesson_id) do update
    set status = 'completed',
      score = greatest(p.score, excluded.score),
      time_spent_seconds = case
        when p.time_spent_seconds is null and excluded.time_spent_seconds is null then null
        else least(
          coalesce(p.time_spent_seconds, 0)::bigint + coalesce(excluded.time_spent_seconds, 0),
          2147483647)::integer
      end,
      completed_at = coalesce(p.completed_at, excluded.completed_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.complete_lesson(uuid, bigint, numeric, integer, timestamptz, text) is
  'Completes a lesson for a user: score in percent (0 to 100), time in seconds. '
  'Again, it pays nothing.';
revoke all on function learn.complete_lesson(uuid, bigint, numeric, integer, timestamptz, text)
  from public;
grant execute on function learn.complete_lesson(uuid, bigint, numeric, integer, timestamptz, text)
  to learn_app;

-- functions/practice/submit_query.sql
-- Records a run of a query for an exercise, graded by the backend that ran it.
-- Errors: LX001 blank query, no verdict, an error message on a correct query, negative duration;
-- LX002; LX003 unknown exercise; LX004 exercise or lesson not published, or user inactive; LX013.
create or replace function learn.submit_query(
  p_user_id         uuid,
  p_exercise_id     bigint,
  p_query_text      text,
  p_is_correct      boolean,
  p_error_message   text default null,
  p_duration_ms     integer default null,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_call         learn_internal.call := learn_internal.begin_call(
    'submit_query', p_user_id,
    jsonb_build_object('exercise_id', p_exercise_id, 'query_text', p_query_text,
      'is_correct', p_is_correct, 'error_message', p_error_message, 'duration_ms', p_duration_ms),
    p_occurred_at, p_idempotency_key);
  v_is_published boolean;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  select e.is_published and l.is_published into v_is_published
  from learn.exercises e
  join learn.lessons l on l.id = e.lesson_id
  where e.id = p_exercise_id;
  if not found then
    raise exception 'unknown exercise'
      using errcode = 'LX003',
        detail = format('p_exercise_id = %s', coalesce(p_exercise_id::text, 'null')),
        hint = 'Look the exercise up in learn.exercises.';
  end if;
  if not v_is_published then
    raise exception 'the exercise is not published'
      using errcode = 'LX004', detail = format('p_exercise_id = %s', p_exercise_id),
        hint = 'Publish the exercise and its lesson: is_published.';
  end if;
  if coalesce(p_query_text, '') !~ '\S' or p_is_correct is null or p_duration_ms < 0
    or p_is_correct and p_error_message is not null
  then
    raise exception 'the submission makes no sense'
      using errcode = 'LX001',
        detail = format(
          'p_query_text = %L, p_is_correct = %s, p_error_message = %L, p_duration_ms = %s',
          left(p_query_text, 80), p_is_correct, p_error_message, p_duration_ms),
        hint = 'A submission has a query and a verdict; one with an error message is not correct; '
          'its duration is in milliseconds, 0 or more.';
  end if;

  insert into learn.query_submissions
    (user_id, exercise_id, query_text, is_correct, error_message, duration_ms, submitted_at)
  values
    (p_user_id, p_exercise_id, p_query_text, p_is_correct, p_error_message,
     p_duration_ms, v_call.occurred_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_query(
  uuid, bigint, text, boolean, text, integer, timestamptz, text) is
  'Records a graded run of a query for an exercise: an error message when it did not execute, '
  'duration in milliseconds.';
revoke all on function learn.submit_query(
  uuid, bigint, text, boolean, text, integer, timestamptz, text) from public;
grant execute on function learn.submit_query(
  uuid, bigint, text, boolean, text, integer, timestamptz, text) to learn_app;

-- functions/activity/activity_problem.sql
-- What is wrong with an activity that a backend wants recorded, in words; null when nothing is.
create or replace function learn_internal.activity_problem(
  p_activity_type text, p_subject_type text, p_subject_id text, p_properties jsonb
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when t.key is null then format('unknown activity type %s', coalesce(p_activity_type, 'null'))
    when t.is_internal then format('%s is written by Laurel itself', t.key)
    when (p_subject_type is null) <> (p_subject_id is null)
      then 'a subject has both a type and an id'
    when length(p_subject_type) > 100 or length(p_subject_id) > 500
      then 'a subject''s type has at most 100 characters, its id at most 500'
    when jsonb_typeof(p_properties) is distinct from 'object'
      then 'the properties are not a JSON object'
    else (
      select case
        when not learn_internal.is_countable(p_properties -> m.property)
          then format('the property %s is not a number of at most 1e15: %s',
            m.property, p_properties -> m.property)
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
  left join learn.activity_types t on t.key = a.key;
$$;
comment on function learn_internal.activity_problem(text, text, text, jsonb) is
  'What is wrong with an activity to record, in words; null when nothing is.';
revoke all on function learn_internal.activity_problem(text, text, text, jsonb) from public;

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
revoke all on function learn_internal.activity_problem_code(text) from public;

-- functions/activity/has_happened.sql
-- Whether a fact that happens once per subject has happened to a user: recorded from outside,
-- or written by Laurel's own triggers, whose tables say so. The caller has locked the user.
create or replace function learn_internal.has_happened(
  p_user_id uuid, p_activity_type text, p_subject_type text, p_subject_id text
)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = p_user_id and r.activity_type = p_activity_type
      and r.subject_type = p_subject_type and r.subject_id = p_subject_id)
  or exists (
    select from learn_internal.domain_facts d
    where d.user_id = p_user_id and d.activity_type = p_activity_type
      and d.subject_type = p_subject_type and d.subject_id = p_subject_id);
$$;
comment on function learn_internal.has_happened(uuid, text, text, text) is
  'Whether a fact that happens once per subject has happened to a user.';
revoke all on function learn_internal.has_happened(uuid, text, text, text) from public;

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
  v_problem := learn_internal.activity_problem(
    p_activity_type, p_subject_type, p_subject_id, p_properties);
  if v_problem is not null then
    raise exception 'the activity cannot be recorded'
      using errcode = learn_internal.activity_problem_code(p_activity_type), detail = v_problem,
        hint = 'Activity types are rows of learn.activity_types; '
          'Laurel writes the internal ones itself, when a function such as learn.award_xp() '
          'or learn.grant_achievement() is called.';
  end if;

  v_is_once := p_subject_id is not null and exists (
    select from learn.activity_types t where t.key = p_activity_type and t.happens_once);
  if not v_is_once or not learn_internal.has_happened(
      p_user_id, p_activity_type, p_subject_type, p_subject_id) then
    perform learn_internal.write_facts(
      array[(
        p_user_id, p_activity_type, p_subject_type, p_subject_id, p_properties, null,
        v_call.occurred_at)::learn_internal.fact],
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
revoke all on function learn.record_activity(uuid, text, text, text, jsonb, timestamptz, text)
  from public;
grant execute on function learn.record_activity(uuid, text, text, text, jsonb, timestamptz, text)
  to learn_app;

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
revoke all on function learn_internal.batch_rows(jsonb) from public;

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
      then format('user_id is not a UUID: %s', coalesce(e.value ->> 'user_id', 'null'))
    when e.value ->> 'occurred_at' is not null
      and not learn_internal.is_timestamp(e.value ->> 'occurred_at')
      then format('occurred_at is not a time: %s', e.value ->> 'occurred_at')
    when e.value ->> 'idempotency_key' !~ '\S' or length(e.value ->> 'idempotency_key') > 200
      then 'idempotency_key is blank or longer than 200 characters'
  end
  from jsonb_array_elements(p_batch) with ordinality e(value, position)
  where jsonb_typeof(e.value) <> 'object'
    or not coalesce(e.value ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
    or e.value ->> 'occurred_at' is not null
      and not learn_internal.is_timestamp(e.value ->> 'occurred_at')
    or e.value ->> 'idempotency_key' !~ '\S' or length(e.value ->> 'idempotency_key') > 200;
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
      learn.clock() - learn_internal.setting_number('max_event_age_days') * interval '1 day'
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
revoke all on function learn_internal.batch_problems(jsonb) from public;

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
as $$
declare
  v_bad      record;
  v_calls    learn_internal.call[];
  v_user_ids uuid[];
begin
  if jsonb_typeof(p_batch) is distinct from 'array' then
    raise exception 'the batch is not a list'
      using errcode = 'LX001',
        detail = format('p_batch is %s', coalesce(jsonb_typeof(p_batch), 'null')),
        hint = 'Pass a JSON array of activities.';
  end if;

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
      null
    )::learn_internal.call order by u.first_position)
  into v_calls
  from (
    select b.user_id, min(b.position) as first_position
    from learn_internal.batch_rows(p_batch) b group by b.user_id
  ) u
  join learn.user_stats s on s.user_id = u.user_id;

  -- Users of whom something is new. A key that was used before is a retry.
  select array_agg(distinct b.user_id) into v_user_ids
  from learn_internal.batch_rows(p_batch) b
  where b.idempotency_key is null or not exists (
    select from learn.idempotency_keys k where k.user_id = b.user_id and k.key = b.idempotency_key);

  -- A key that was used before is a retry, and so is its second appearance here.
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
    (user_id, activity_type, subject_type, subject_id, properties,
     occurred_at, local_date, is_qualifying, idempotency_key)
  select k.user_id, k.activity_type, k.subject_type, k.subject_id, k.properties, k.occurred_at,
    (k.occurred_at at time zone u.timezone)::date, k.is_qualifying, k.idempotency_key
  from kept k
  join learn.users u on u.id = k.user_id
  where k.is_kept
  order by k.position;

  -- The answers: of this call, and, where everything of a user was a retry, the first one.
  return query
  with summaries as (
    select c.position, learn_internal.summarize(c.call) as summary
    from (
      select u.position,
        (u.user_id, u.function_name, u.idempotency_key, u.arguments_hash, u.occurred_at,
        u.total_xp, u.current_level, u.last_achievement, u.replay)::learn_internal.call as call
      from unnest(v_calls) with ordinality
        u(user_id, function_name, idempotency_key, arguments_hash, occurred_at,
          total_xp, current_level, last_achievement, replay, position)
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
revoke all on function learn.record_activities(jsonb) from public;
grant execute on function learn.record_activities(jsonb) to learn_app;

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
  if p_amount is null or p_amount not between 1 and 1000000000
    or coalesce(p_source_type, '') !~ '\S' or p_source_id !~ '\S'
    or length(p_source_type) > 100 or length(p_source_id) > 500
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
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.award_xp(uuid, integer, text, text, text, timestamptz, text) is
  'Pays XP for one fact, once per source id.';
revoke all on function learn.award_xp(uuid, integer, text, text, text, timestamptz, text)
  from public;
grant execute on function learn.award_xp(uuid, integer, text, text, text, timestamptz, text)
  to learn_app;

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
as $$
declare
  v_call   learn_internal.call := learn_internal.begin_call(
    'reverse_xp', p_user_id,
    jsonb_build_object('transaction_id', p_transaction_id, 'reason', p_reason),
    p_occurred_at, p_idempotency_key);
  v_amount integer;
  v_taken  integer;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  select t.amount into v_amount
  from learn.xp_transactions t
  where t.user_id = p_user_id and t.id = p_transaction_id;
  if not found then
    raise exception 'the user has no such transaction'
      using errcode = 'LX003',
        detail = format('p_user_id = %s, p_transaction_id = %s', p_user_id, p_transaction_id),
        hint = 'Look it up in learn.xp_transactions.';
  end if;
  if v_amount < 0 or coalesce(p_reason, '') !~ '\S' then
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
        p_user_id, 'xp_reversed', 'xp_transaction', p_transaction_id::text,
        jsonb_build_object('source_type', 'reversal', 'source_id', p_transaction_id::text,
          'description', case
            when v_taken < v_amount
              then format('%s (%s XP, cut to the %s there were)', p_reason, v_amount, v_taken)
            else p_reason end),
        -v_taken, v_call.occurred_at
      )::learn_internal.fact],
      p_idempotency_key);
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.reverse_xp(uuid, bigint, text, timestamptz, text) is
  'Takes back what a transaction paid, cut to what is there. A second reversal changes nothing.';
revoke all on function learn.reverse_xp(uuid, bigint, text, timestamptz, text) from public;
grant execute on function learn.reverse_xp(uuid, bigint, text, timestamptz, text) to learn_app;

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
  perform learn_internal.give_streak_freezes(
    array[p_user_id], array[(v_call.occurred_at at time zone u.timezone)::date],
    p_count, 'streak_freeze_granted', v_call.occurred_at)
  from learn.users u
  where u.id = p_user_id;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.grant_streak_freezes(uuid, integer, timestamptz, text) is
  'Gives a user streak freezes; each covers one missed day.';
revoke all on function learn.grant_streak_freezes(uuid, integer, timestamptz, text) from public;
grant execute on function learn.grant_streak_freezes(uuid, integer, timestamptz, text) to learn_app;

-- functions/achievements/require_achievement.sql
-- Id of an active achievement.
-- Errors: LX003 unknown slug; LX004 inactive.
create or replace function learn_internal.require_achievement(p_slug text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_achievement learn.achievements;
begin
  select a.* into v_achievement from learn.achievements a where a.slug = p_slug;
  if not found then
    raise exception 'unknown achievement'
      using errcode = 'LX003', detail = format('p_slug = %s', coalesce(p_slug, 'null')),
        hint = 'Look it up in learn.achievements.';
  end if;
  if not v_achievement.is_active then
    raise exception 'the achievement is inactive'
      using errcode = 'LX004', detail = format('p_slug = %s', p_slug),
        hint = 'Set learn.achievements.is_active.';
  end if;
  return v_achievement.id;
end;
$$;
comment on function learn_internal.require_achievement(text) is
  'Id of an active achievement (LX003, LX004).';
revoke all on function learn_internal.require_achievement(text) from public;

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
  v_achievement_id := learn_internal.require_achievement(p_slug);
  delete from learn.revoked_achievements r
  where r.user_id = p_user_id and r.achievement_id = v_achievement_id;
  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  values (p_user_id, v_achievement_id, v_call.occurred_at,
    jsonb_build_object('granted_by', session_user))
  on conflict (user_id, achievement_id) do nothing;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.grant_achievement(uuid, text, timestamptz, text) is
  'Gives a user an achievement whatever its criteria say, with its XP and avatar.';
revoke all on function learn.grant_achievement(uuid, text, timestamptz, text) from public;
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
  if coalesce(p_reason, '') !~ '\S' then
    raise exception 'an achievement is revoked for a reason'
      using errcode = 'LX001', detail = 'p_reason is blank or null', hint = 'Say why; it is kept.';
  end if;
  select a.* into v_achievement from learn.achievements a where a.slug = p_slug;
  if not found then
    raise exception 'unknown achievement'
      using errcode = 'LX003', detail = format('p_slug = %s', coalesce(p_slug, 'null')),
        hint = 'Look it up in learn.achievements.';
  end if;
  delete from learn.user_achievements u
  where u.user_id = p_user_id and u.achievement_id = v_achievement.id;
  if not found then
    raise exception 'the user does not have the achievement'
      using errcode = 'LX001', detail = format('p_user_id = %s, p_slug = %s', p_user_id, p_slug),
        hint = 'Look at learn.user_achievements.';
  end if;
  insert into learn.revoked_achievements (user_id, achievement_id, reason, revoked_at)
  values (p_user_id, v_achievement.id, p_reason, v_call.occurred_at)
  on conflict (user_id, achievement_id) do update
    set reason = excluded.reason, revoked_at = excluded.revoked_at;

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
    from learn.activity_log f
    where f.user_id = p_user_id and f.activity_type in ('achievement_earned', 'achievement_revoked')
      and (f.properties ->> 'achievement_id')::bigint = v_achievement.id
  ), payments as (
    select t.id::text as id
    from learn.xp_transactions t
    where t.user_id = p_user_id and t.activity_type = 'achievement_earned'
      and t.source_id in (select f.subject_id from facts f)
  )
  select coalesce(sum(f.xp), 0) + coalesce((
    select sum(t.amount)
    from learn.xp_transactions t
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
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.revoke_achievement(uuid, text, text, timestamptz, text) is
  'Takes an achievement away, with its XP (cut to what is there) and its avatar.';
revoke all on function learn.revoke_achievement(uuid, text, text, timestamptz, text) from public;
grant execute on function learn.revoke_achievement(uuid, text, text, timestamptz, text)
  to learn_app;

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
revoke all on function learn.check_achievements(uuid) from public;
grant execute on function learn.check_achievements(uuid) to learn_app;

-- functions/achievements/achievement_progress.sql
-- How far a user is with every active achievement (hidden ones only once earned).
-- For one condition, value and target are the metric's; for a list, how many of its conditions
-- hold and how many are needed.
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
as $$
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  return query
  select a.slug, a.name, a.category, p.value, p.target,
    case when u.earned_at is not null then 100.00
      else least(100, round(100.0 * p.value / p.target, 2)) end,
    u.earned_at
  from learn.achievements a
  left join learn.user_achievements u on u.user_id = p_user_id and u.achievement_id = a.id
  cross join lateral (
    select coalesce(case
        when a.criteria ->> 'metric' = 'current_streak' and u.earned_at is null
          then learn.calculate_user_streak(p_user_id)::bigint
        else (
          select v.value from learn_internal.reward_values v
          where v.user_id = p_user_id and v.metric = a.criteria ->> 'metric'
            and v.scope = coalesce(a.criteria ->> 'scope', ''))
      end, 0) as value, (a.criteria ->> 'at_least')::numeric::bigint as target
    where a.criteria ? 'metric'
    union all
    select count(*) filter (where learn_internal.satisfies_criteria(p_user_id, c.value)), case
        when a.criteria ? 'all' then count(*)
        when a.criteria ? 'any' then 1
        else (a.criteria ->> 'at_least')::numeric::bigint
      end
    from jsonb_array_elements(
      coalesce(a.criteria -> 'all', a.criteria -> 'any', a.criteria -> 'of')) c
    where not a.criteria ? 'metric'
    having not a.criteria ? 'metric'
  ) p
  where a.is_active and (not a.is_hidden or u.earned_at is not null) or u.earned_at is not null
  order by a.system, a.display_order, a.slug;
end;
$$;
comment on function learn.achievement_progress(uuid) is
  'How far a user is with every active achievement: value of target, in percent, '
  'and when it was earned.';
revoke all on function learn.achievement_progress(uuid) from public;
grant execute on function learn.achievement_progress(uuid) to learn_app, learn_readonly;

-- functions/achievements/backfill_achievement.sql
-- Grants an achievement to everybody whose metrics deserve it by now: for a rule that came after
-- the deed. Set-based. Returns how many users earned it.
-- Errors: LX003 unknown achievement; LX004 inactive.
create or replace function learn.backfill_achievement(p_slug text)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_achievement_id bigint := learn_internal.require_achievement(p_slug);
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
  return v_earned;
end;
$$;
comment on function learn.backfill_achievement(text) is
  'Grants an achievement to everybody whose metrics deserve it by now; returns how many earned it.';
revoke all on function learn.backfill_achievement(text) from public;

reset role;
