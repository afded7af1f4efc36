-- Courses: with or without levels, enrolment, prerequisites, level unlocks, ratings. A course can be
-- an item of a track, like a lesson.

set role learn_owner;

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('course_enrolled', 'The user enrolled in a course.', false, true),
  ('level_completed', 'The user completed a level of a course.', true, true),
  ('course_completed', 'The user completed a course.', true, true)
-- they stay when this is rolled back, because facts of theirs may be in the log
on conflict (key) do nothing;

insert into learn.platform_settings (key, value, value_type, description) values
  ('level_completion_policy', '"any"', 'string',
    'A level of a course is completed when "any" of its published lessons is, or when "all" are.');
-- lint: ignore constraint-missing-not-valid because the table has a few dozen rows
alter table learn.platform_settings add constraint level_completion_policy_is_known check (
  key <> 'level_completion_policy' or value in ('"any"', '"all"'));

alter type learn_internal.call add attribute last_unlock bigint;
comment on type learn.award_summary is
  'What a call did for a user: XP of this call and in total, level, streak as of today in days, '
  'slugs of achievements earned by this call, what it unlocked ({"avatars": [slug, …], '
  '"levels": [{"course": slug, "level": slug}, …]}), '
  'and whether it is the stored answer of an earlier call with the same idempotency key.';

create type learn_internal.lesson_time as (
  user_id uuid, lesson_id bigint, seconds integer, at timestamptz);
comment on type learn_internal.lesson_time is
  'Time that a user has spent in a lesson, in seconds, and when; null: now.';

-- functions/catalog/is_translations.sql
-- Whether a document holds translations: {"fil": {"title": "…", "description": "…"}, …}.
create or replace function learn_internal.is_translations(p_translations jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_typeof(p_translations) = 'object'
    and not jsonb_path_exists(p_translations, 'strict $.* ? (@.type() != "object")')
    and not jsonb_path_exists(p_translations, 'strict $.*.* ? (@.type() != "string")');
$$;
comment on function learn_internal.is_translations(jsonb) is
  'Whether a document holds translations: texts by field by language tag.';
revoke all on function learn_internal.is_translations(jsonb) from public;

create table learn.courses (
  id              bigint generated always as identity primary key,
  slug            text not null,
  track_id        bigint references learn.tracks on delete set null,
  title           text not null,
  description     text not null default '',
  category        text not null default '',
  language        text not null default '',
  difficulty      text not null default 'beginner' references learn.difficulties on update cascade,
  estimated_hours numeric(6, 2),
  icon_url        text,
  color           text,
  position        integer not null default 0,
  completion_xp   integer not null default 0,
  translations    jsonb not null default '{}',
  is_published    boolean not null default true,
  is_featured     boolean not null default false,
  total_lessons   integer not null default 0,
  total_levels    integer not null default 0,
  total_weight    numeric(12, 2) not null default 0,
  created_at      timestamptz not null default learn.clock(),
  updated_at      timestamptz not null default learn.clock(),
  constraint courses_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint estimated_hours_are_positive check (estimated_hours > 0),
  constraint completion_xp_is_not_negative check (completion_xp >= 0),
  constraint translations_are_texts check (learn_internal.is_translations(translations))
);
comment on table learn.courses is
  'A course of lessons, directly or in levels. Completed when all its published levels are '
  '(lessons, where it has no levels). Can be an item of a track.';
comment on column learn.courses.track_id is 'The track of which the course is an item.';
comment on column learn.courses.language is
  'What the course teaches or is taught in, such as python; for clients to filter by.';
comment on column learn.courses.completion_xp is 'XP for completing the course.';
comment on column learn.courses.translations is
  '{"fil": {"title": "…", "description": "…"}}: read with learn.localized().';
comment on column learn.courses.total_lessons is
  'Published lessons. This and the next two are kept by triggers.';
comment on column learn.courses.total_levels is 'Published levels with a published lesson.';
comment on column learn.courses.total_weight is
  'Sum of the XP multipliers of the published lessons: what mastery is measured by.';
create index courses_track on learn.courses (track_id, difficulty, category);
create index courses_difficulty on learn.courses (difficulty, category);
grant select on learn.courses to learn_app, learn_readonly;

create table learn.course_prerequisites (
  course_id              bigint not null references learn.courses on delete cascade,
  prerequisite_course_id bigint not null references learn.courses on delete cascade,
  is_required            boolean not null default true,
  primary key (course_id, prerequisite_course_id),
  constraint course_is_not_its_own_prerequisite check (course_id <> prerequisite_course_id)
);
comment on table learn.course_prerequisites is
  'Courses to complete before another. A cycle is refused (LX012).';
comment on column learn.course_prerequisites.is_required is
  'True: enrolment waits for it (LX006). False: it is recommended.';
create index course_prerequisites_prerequisite
  on learn.course_prerequisites (prerequisite_course_id);
grant select on learn.course_prerequisites to learn_app, learn_readonly;

create table learn.course_levels (
  id           bigint generated always as identity primary key,
  course_id    bigint not null references learn.courses on delete cascade,
  slug         text not null,
  title        text not null,
  description  text not null default '',
  position     integer not null default 0,
  translations jsonb not null default '{}',
  is_published boolean not null default true,
  created_at   timestamptz not null default learn.clock(),
  updated_at   timestamptz not null default learn.clock(),
  constraint course_levels_slug_is_unique unique (course_id, slug),
  constraint course_levels_course_is_unique unique (id, course_id),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint translations_are_texts check (learn_internal.is_translations(translations))
);
comment on table learn.course_levels is
  'A chapter of a course, in order of position (then id). Completing one unlocks the next.';
create index course_levels_position on learn.course_levels (course_id, position, id);
grant select on learn.course_levels to learn_app, learn_readonly;

-- lint: ignore adding-foreign-key-constraint, constraint-missing-not-valid because 0.1.0 is the first release: the table is empty yet
-- lint: ignore disallowed-unique-constraint because 0.1.0 is the first release: the table is empty yet
-- lint: ignore ban-drop-constraint because translations_are_texts asks for more
alter table learn.lessons
  add column course_id       bigint references learn.courses on delete cascade,
  add column course_level_id bigint,
  add column is_available    boolean not null default true,
  add constraint lessons_course_level_fkey foreign key (course_level_id, course_id)
    references learn.course_levels (id, course_id) on update cascade on delete cascade,
  add constraint level_lessons_have_a_course check (course_level_id is null or course_id is not null),
  add constraint lessons_sequence_is_unique unique (course_id, sequence_number)
    deferrable initially immediate,
  add constraint lessons_tier_is_unique unique (course_level_id, difficulty)
    deferrable initially immediate,
  drop constraint translations_are_an_object,
  add constraint translations_are_texts check (learn_internal.is_translations(translations));
update learn.lessons set is_available = is_published where not is_published;
comment on column learn.lessons.course_id is
  'The course that the lesson belongs to; filled in where only course_level_id is given.';
comment on column learn.lessons.course_level_id is
  'The level of the course, at most one lesson for each difficulty; null: directly in the course.';
comment on column learn.lessons.sequence_number is
  'Place in the course, 1 first; unique in it. For clients to order by.';
comment on column learn.lessons.is_available is
  'Published, and so are its level and course: what learners can complete. Kept by triggers.';
comment on column learn.lessons.translations is
  '{"fil": {"title": "…"}}: read with learn.localized().';
-- lint: ignore require-concurrent-index-creation because 0.1.0 is the first release: the table is empty yet
create index lessons_course_level on learn.lessons (course_level_id, course_id);
-- lint: ignore require-concurrent-index-creation because 0.1.0 is the first release: the table is empty yet
create index lessons_content on learn.lessons using gin (content jsonb_path_ops);
-- lint: ignore require-concurrent-index-creation because 0.1.0 is the first release: the table is empty yet
create index user_lesson_progress_recent
  on learn.user_lesson_progress (user_id, completed_at desc) where completed_at is not null;

create table learn.user_course_progress (
  user_id               uuid not null references learn.users on delete cascade,
  course_id             bigint not null references learn.courses on delete cascade,
  status                text not null generated always as (
    case when completed_at is not null then 'completed'
      when lessons_completed > 0 then 'in_progress' else 'not_started' end) stored,
  enrolled_at           timestamptz not null default learn.clock(),
  completed_at          timestamptz,
  lessons_completed     integer not null default 0,
  total_lessons         integer not null default 0,
  levels_completed      integer not null default 0,
  total_levels          integer not null default 0,
  weight_completed      numeric(12, 2) not null default 0,
  total_weight          numeric(12, 2) not null default 0,
  completion_percentage numeric(5, 2) not null generated always as (
    case when total_levels > 0 then round(100.0 * levels_completed / total_levels, 2)
      when total_lessons > 0 then round(100.0 * lessons_completed / total_lessons, 2)
      else 0 end) stored,
  mastery_percentage    numeric(5, 2) not null generated always as (
    case when total_weight > 0 then round(100.0 * weight_completed / total_weight, 2)
      else 0 end) stored,
  time_spent_seconds    bigint not null default 0,
  last_activity_at      timestamptz,
  primary key (user_id, course_id),
  constraint lessons_completed_are_lessons check (
    lessons_completed between 0 and total_lessons),
  constraint levels_completed_are_levels check (levels_completed between 0 and total_levels),
  constraint weight_completed_is_weight check (weight_completed between 0 and total_weight),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0)
) with (fillfactor = 70);
comment on table learn.user_course_progress is
  'An enrolment, and how far it has come: live numbers, a sticky completed_at. '
  'Inserting a row enrols: it checks prerequisites (LX006) and unlocks the first level.';
comment on column learn.user_course_progress.completion_percentage is
  'Completed of the published levels (lessons, where the course has no levels), in percent.';
comment on column learn.user_course_progress.mastery_percentage is
  'XP multipliers of the completed lessons, of those of all published lessons, in percent.';
comment on column learn.user_course_progress.weight_completed is
  'Sum of the XP multipliers of the completed lessons.';
comment on column learn.user_course_progress.time_spent_seconds is
  'Time spent in the lessons of the course, in seconds.';
create index user_course_progress_course on learn.user_course_progress (course_id, user_id);
grant select on learn.user_course_progress to learn_app, learn_readonly;

create table learn.user_level_unlocks (
  user_id         uuid not null references learn.users on delete cascade,
  id              bigint generated always as identity,
  course_level_id bigint not null references learn.course_levels on delete cascade,
  unlocked_at     timestamptz not null default learn.clock(),
  completed_at    timestamptz,
  primary key (user_id, course_level_id),
  constraint user_level_unlocks_id_is_unique unique (user_id, id)
) with (fillfactor = 80);
comment on table learn.user_level_unlocks is
  'Levels of courses that a user may work on. Unlocks and completions are sticky.';
comment on column learn.user_level_unlocks.id is 'Order of the unlocks.';
comment on column learn.user_level_unlocks.completed_at is
  'When the level was completed, by the setting level_completion_policy; null: not yet.';
create index user_level_unlocks_level on learn.user_level_unlocks (course_level_id, user_id);
grant select on learn.user_level_unlocks to learn_app, learn_readonly;

create table learn.course_ratings (
  user_id    uuid not null references learn.users on delete cascade,
  course_id  bigint not null references learn.courses on delete cascade,
  rating     integer not null,
  review     text,
  created_at timestamptz not null default learn.clock(),
  updated_at timestamptz not null default learn.clock(),
  primary key (user_id, course_id),
  constraint rating_is_one_to_five check (rating between 1 and 5),
  constraint review_is_not_blank check (review ~ '\S' and length(review) <= 10000)
);
comment on table learn.course_ratings is 'Ratings of courses by users who are enrolled, 1 to 5.';
create index course_ratings_course on learn.course_ratings (course_id, user_id, rating);
grant select on learn.course_ratings to learn_app, learn_readonly;

-- lint: ignore ban-drop-function because it is internal, and nothing calls it any more
drop function learn_internal.require_lesson(bigint);

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
      where a.user_id = p_user_id order by a.id desc limit 1), 0),
    coalesce((
      select l.id from learn.user_level_unlocks l
      where l.user_id = p_user_id order by l.id desc limit 1), 0)
  into v_is_active, v_call.occurred_at, v_call.last_achievement, v_call.last_unlock
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

-- functions/_shared/summarize.sql

-- What has happened to a user since a call began.
create or replace function learn_internal.summarize(p_call learn_internal.call)
returns learn.award_summary
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_summary      learn.award_summary;
  v_last_date    date;
  v_today        date;
  v_has_earned   boolean;
  v_has_unlocked boolean;
  v_avatars      jsonb;
begin
  select s.user_id, s.total_xp - p_call.total_xp, s.total_xp,
    s.current_level, s.current_level > p_call.current_level, s.current_streak,
    s.last_activity_date, (
      -- the time as learn.clock() tells it
      coalesce((select o.now_is from learn_internal.clock_override o), now())
      at time zone u.timezone)::date,
    exists (
      select from learn.user_achievements a
      where a.user_id = p_call.user_id and a.id > p_call.last_achievement),
    exists (
      select from learn.user_level_unlocks l
      where l.user_id = p_call.user_id and l.id > p_call.last_unlock)
  into v_summary.user_id, v_summary.xp_awarded, v_summary.total_xp,
    v_summary.current_level, v_summary.leveled_up, v_summary.current_streak,
    v_last_date, v_today, v_has_earned, v_has_unlocked
  from learn.user_stats s
  join learn.users u on u.id = s.user_id
  where s.user_id = p_call.user_id;
  if v_last_date is null or v_last_date < v_today - 1 then
    v_summary.current_streak := learn.calculate_user_streak(p_call.user_id);
  end if;
  v_summary.unlocked := '{}';
  v_summary.replayed := false;
  if v_has_unlocked then
    select jsonb_build_object('levels', jsonb_agg(
      jsonb_build_object('course', c.slug, 'level', v.slug) order by u.id))
    into v_summary.unlocked
    from learn.user_level_unlocks u
    join learn.course_levels v on v.id = u.course_level_id
    join learn.courses c on c.id = v.course_id
    where u.user_id = p_call.user_id and u.id > p_call.last_unlock;
  end if;
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
  into v_avatars
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
  v_summary.unlocked := v_summary.unlocked || coalesce(v_avatars, '{}');
  return v_summary;
end;
$$;
comment on function learn_internal.summarize(learn_internal.call) is
  'What has happened to a user since a call began.';
revoke all on function learn_internal.summarize(learn_internal.call) from public;

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
      null,
      coalesce((select max(l.id) from learn.user_level_unlocks l where l.user_id = s.user_id), 0)
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
          u.total_xp, u.current_level, u.last_achievement, u.replay, u.last_unlock
        )::learn_internal.call as call
      from unnest(v_calls) with ordinality
        u(user_id, function_name, idempotency_key, arguments_hash, occurred_at,
          total_xp, current_level, last_achievement, replay, last_unlock, position)
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

-- views/catalog/course_lessons.sql

-- What a course is made of: its published lessons, in published levels where they belong to one.
-- Counted whether the course itself is published or not, as with tracks.
create or replace view learn_internal.course_lessons as
select l.course_id, l.course_level_id, l.id as lesson_id, coalesce(d.xp_multiplier, 1) as weight
from learn.lessons l
left join learn.course_levels v on v.id = l.course_level_id
left join learn.difficulties d on d.key = l.difficulty
where l.course_id is not null and l.is_published and (l.course_level_id is null or v.is_published);
comment on view learn_internal.course_lessons is
  'The published lessons of each course, with their XP multipliers.';

-- views/catalog/course_sizes.sql

-- How much each course consists of; no row for a course without published lessons.
create or replace view learn_internal.course_sizes as
select c.course_id, count(*)::integer as total_lessons,
  count(distinct c.course_level_id)::integer as total_levels, sum(c.weight) as total_weight
from learn_internal.course_lessons c
group by c.course_id;
comment on view learn_internal.course_sizes is
  'Published lessons, levels with such lessons, and sum of XP multipliers, per course.';

-- functions/catalog/count_courses.sql

-- After a change of lessons or levels: what courses consist of is counted anew.
create or replace function learn_internal.count_courses(p_course_ids bigint[])
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  update learn.courses c
  set total_lessons = n.total_lessons, total_levels = n.total_levels,
    total_weight = n.total_weight
  from (
    select i.id, coalesce(s.total_lessons, 0) as total_lessons,
      coalesce(s.total_levels, 0) as total_levels, coalesce(s.total_weight, 0) as total_weight
    from unnest(p_course_ids) i(id)
    left join learn_internal.course_sizes s on s.course_id = i.id
  ) n
  where c.id = n.id and (c.total_lessons, c.total_levels, c.total_weight)
    <> (n.total_lessons, n.total_levels, n.total_weight);
$$;
comment on function learn_internal.count_courses(bigint[]) is
  'Counts the published lessons and levels of courses anew.';
revoke all on function learn_internal.count_courses(bigint[]) from public;

-- functions/catalog/localized.sql

-- A text in a reader's language: localized(c.translations, u.locale, 'title', c.title).
-- Falls back from fil-PH to fil, and from there to the base text.
create or replace function learn.localized(
  p_translations jsonb, p_locale text, p_field text, p_base text
)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    p_translations -> p_locale ->> p_field,
    p_translations -> split_part(translate(p_locale, '_', '-'), '-', 1) ->> p_field,
    p_base);
$$;
comment on function learn.localized(jsonb, text, text, text) is
  'A field of translations ({"fil": {"title": "…"}}) in a locale such as fil or fil-PH; '
  'the base text where there is no translation.';
revoke all on function learn.localized(jsonb, text, text, text) from public;
grant execute on function learn.localized(jsonb, text, text, text) to learn_app, learn_readonly;

-- functions/catalog/require_course.sql

-- Refuses a course that does not exist or is not published.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_course(p_course_id bigint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_published boolean;
begin
  select c.is_published into v_is_published from learn.courses c where c.id = p_course_id;
  if not found then
    raise exception 'unknown course'
      using errcode = 'LX003',
        detail = format('p_course_id = %s', coalesce(p_course_id::text, 'null')),
        hint = 'Look the course up in learn.courses.';
  end if;
  if not v_is_published then
    raise exception 'the course is not published'
      using errcode = 'LX004', detail = format('p_course_id = %s', p_course_id),
        hint = 'Publish it: learn.courses.is_published.';
  end if;
end;
$$;
comment on function learn_internal.require_course(bigint) is
  'Refuses an unknown (LX003) or unpublished (LX004) course.';
revoke all on function learn_internal.require_course(bigint) from public;

-- functions/progress/enroll_in_course.sql

-- Enrols a user in a course and unlocks its first level. Enrolling again changes nothing.
-- Errors: LX001, LX002, LX003 unknown course, LX004 not published or user inactive,
-- LX006 required prerequisites are not completed, LX013.
create or replace function learn.enroll_in_course(
  p_user_id         uuid,
  p_course_id       bigint,
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
    'enroll_in_course', p_user_id, jsonb_build_object('course_id', p_course_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_course(p_course_id);

  insert into learn.user_course_progress (user_id, course_id, enrolled_at)
  values (p_user_id, p_course_id, v_call.occurred_at)
  on conflict (user_id, course_id) do nothing;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.enroll_in_course(uuid, bigint, timestamptz, text) is
  'Enrols a user in a course whose required prerequisites are completed, and unlocks '
  'its first level.';
revoke all on function learn.enroll_in_course(uuid, bigint, timestamptz, text) from public;
grant execute on function learn.enroll_in_course(uuid, bigint, timestamptz, text) to learn_app;

-- functions/catalog/rate_course.sql

-- Rates a course, 1 to 5, with a review if there is one. Rating again replaces the earlier rating.
-- Errors: LX001 rating out of range, blank or overlong review; LX002; LX003 unknown course;
-- LX004 not published or user inactive; LX010 the user is not enrolled; LX013.
create or replace function learn.rate_course(
  p_user_id         uuid,
  p_course_id       bigint,
  p_rating          integer,
  p_review          text default null,
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
    'rate_course', p_user_id,
    jsonb_build_object('course_id', p_course_id, 'rating', p_rating, 'review', p_review),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_course(p_course_id);
  if p_rating is null or p_rating not between 1 and 5
    or p_review is not null and (p_review !~ '\S' or length(p_review) > 10000)
  then
    raise exception 'the rating makes no sense'
      using errcode = 'LX001',
        detail = format('p_rating = %s, p_review = %L',
          coalesce(p_rating::text, 'null'), left(p_review, 80)),
        hint = 'A rating is a number from 1 to 5; a review has 1 to 10000 characters or is null.';
  end if;
  if not exists (
    select from learn.user_course_progress p
    where p.user_id = p_user_id and p.course_id = p_course_id)
  then
    raise exception 'the user is not enrolled in the course'
      using errcode = 'LX010',
        detail = format('p_user_id = %s, p_course_id = %s', p_user_id, p_course_id),
        hint = 'Enrol first: learn.enroll_in_course().';
  end if;

  insert into learn.course_ratings as r (user_id, course_id, rating, review, created_at, updated_at)
  values (p_user_id, p_course_id, p_rating, p_review, v_call.occurred_at, v_call.occurred_at)
  on conflict (user_id, course_id) do update
    set rating = excluded.rating, review = excluded.review, updated_at = excluded.updated_at;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.rate_course(uuid, bigint, integer, text, timestamptz, text) is
  'Rates a course in which the user is enrolled, 1 to 5; again, it replaces the rating.';
revoke all on function learn.rate_course(uuid, bigint, integer, text, timestamptz, text)
  from public;
grant execute on function learn.rate_course(uuid, bigint, integer, text, timestamptz, text)
  to learn_app;

-- views/catalog/level_order.sql

-- The published levels of courses, each with the one that has to be completed before it: the nearest
-- earlier one that has something to complete. A level without lessons keeps nobody from the next.
create or replace view learn_internal.level_order as
select l.course_id, l.id as course_level_id, l.position, (
    select e.id
    from learn.course_levels e
    where e.course_id = l.course_id and e.is_published and (e.position, e.id) < (l.position, l.id)
      and exists (select from learn.lessons s where s.course_level_id = e.id and s.is_published)
    order by e.position desc, e.id desc
    limit 1
  ) as previous_level_id
from learn.course_levels l
where l.is_published;
comment on view learn_internal.level_order is
  'Published levels of courses, each with the level that unlocks it; null: the first.';

-- functions/progress/require_unlocked.sql

-- Refuses lessons (parallel arrays) in levels that their users have not unlocked. The first level
-- of a course is open: enrolling, or completing a lesson of it, unlocks it.
-- Errors: LX005.
create or replace function learn_internal.require_unlocked(
  p_user_ids uuid[], p_lesson_ids bigint[]
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_locked record;
begin
  select c.user_id, l.id as lesson_id, v.slug as level, k.slug as course, b.slug as before
  into v_locked
  from unnest(p_user_ids, p_lesson_ids) c(user_id, lesson_id)
  join learn.lessons l on l.id = c.lesson_id
  join learn.course_levels v on v.id = l.course_level_id
  join learn.courses k on k.id = v.course_id
  join learn_internal.level_order o on o.course_level_id = v.id
  left join learn.course_levels b on b.id = o.previous_level_id
  where b.id is not null and not exists (
    select from learn.user_level_unlocks u
    where u.user_id = c.user_id and u.course_level_id = v.id)
  limit 1;
  if found then
    raise exception 'the level of the lesson is locked'
      using errcode = 'LX005',
        detail = format('user_id = %s, lesson_id = %s, level %s of course %s',
          v_locked.user_id, v_locked.lesson_id, v_locked.level, v_locked.course),
        hint = format('Complete the level before it first: %s.', v_locked.before);
  end if;
end;
$$;
comment on function learn_internal.require_unlocked(uuid[], bigint[]) is
  'Refuses lessons in levels that their users have not unlocked (LX005).';
revoke all on function learn_internal.require_unlocked(uuid[], bigint[]) from public;

-- functions/catalog/require_lesson.sql

-- Refuses a lesson that does not exist, is not available, or is locked for the user.
-- Errors: LX003, LX004, LX005.
create or replace function learn_internal.require_lesson(p_user_id uuid, p_lesson_id bigint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_available boolean;
  v_level_id     bigint;
begin
  select l.is_available, l.course_level_id into v_is_available, v_level_id
  from learn.lessons l
  where l.id = p_lesson_id;
  if not found then
    raise exception 'unknown lesson'
      using errcode = 'LX003',
        detail = format('p_lesson_id = %s', coalesce(p_lesson_id::text, 'null')),
        hint = 'Look the lesson up in learn.lessons.';
  end if;
  if not v_is_available then
    raise exception 'the lesson is not published'
      using errcode = 'LX004', detail = format('p_lesson_id = %s', p_lesson_id),
        hint = 'Publish it, and its level and course: is_published.';
  end if;
  if v_level_id is not null and not exists (
    select from learn.user_lesson_progress p
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id and p.completed_at is not null)
  then
    perform learn_internal.require_unlocked(array[p_user_id], array[p_lesson_id]);
  end if;
end;
$$;
comment on function learn_internal.require_lesson(uuid, bigint) is
  'Refuses an unknown (LX003), unpublished (LX004) or locked (LX005) lesson.';
revoke all on function learn_internal.require_lesson(uuid, bigint) from public;

-- views/xp/xp_recounts.sql

-- XP recounted from the ledger, and the level that it means: what user_stats must say.
-- One grouping over all sources: so a condition on user_id reaches each of them.
create or replace view learn_internal.xp_recounts as
select x.user_id, coalesce(sum(x.amount), 0)::bigint as total_xp,
  max(x.highest_level) as highest_level
from (
  select s.user_id, null::integer as amount, 1 as highest_level
  from learn.user_stats s
  union all
  select t.user_id, t.amount, null
  from learn.xp_transactions t
  union all
  select f.user_id, null, f.subject_id::integer
  from learn.activity_log f
  where f.activity_type = 'level_reached'
) x
group by x.user_id;
comment on view learn_internal.xp_recounts is
  'Total XP recounted from the ledger, and the highest level announced, per user.';

-- views/catalog/course_requirements.sql

-- What enrolment in courses waits for: required prerequisites. One that nobody can complete
-- keeps nobody out.
create or replace view learn_internal.course_requirements as
select e.course_id, e.prerequisite_course_id, r.slug
from learn.course_prerequisites e
join learn.courses r on r.id = e.prerequisite_course_id
where e.is_required and r.is_published and r.total_lessons > 0;
comment on view learn_internal.course_requirements is
  'Required prerequisites of courses, of those that can be completed.';

-- views/practice/solved_lessons.sql

-- Lessons of which a user has solved every published exercise, at least one:
-- those complete by themselves. Not in a level that is locked for the user, nor in a course whose
-- prerequisites keep the user out: enrolling and unlocking complete these.
create or replace view learn_internal.solved_lessons as
select x.user_id, e.lesson_id, max(x.solved_at) as solved_at
from learn.user_exercise_progress x
join learn.exercises e on e.id = x.exercise_id and e.is_published
join learn.lessons l on l.id = e.lesson_id and l.is_available
where x.solved_at is not null
  and (l.course_level_id is null
    or exists (
      select from learn.user_level_unlocks u
      where u.user_id = x.user_id and u.course_level_id = l.course_level_id)
    or exists (
      select from learn_internal.level_order o
      where o.course_level_id = l.course_level_id and o.previous_level_id is null))
  and (l.course_id is null
    or exists (
      select from learn.user_course_progress p
      where p.user_id = x.user_id and p.course_id = l.course_id)
    or not exists (
      select from learn_internal.course_requirements r
      where r.course_id = l.course_id and not exists (
        select from learn.user_course_progress p
        where p.user_id = x.user_id and p.course_id = r.prerequisite_course_id
          and p.completed_at is not null)))
group by x.user_id, e.lesson_id
having count(*) = (
  select count(*) from learn.exercises a
  where a.lesson_id = e.lesson_id and a.is_published);
comment on view learn_internal.solved_lessons is
  'Available lessons of which a user has solved every published exercise.';

-- views/progress/course_recounts.sql

-- Progress in courses recounted from lessons: what user_course_progress must say, for those who are
-- enrolled. Filter by user_id and course_id: both conditions reach the tables.
create or replace view learn_internal.course_recounts as
select p.user_id, l.course_id,
  (count(*) filter (where c.lesson_id is not null and p.completed_at is not null))::integer
    as lessons_completed,
  coalesce(sum(c.weight) filter (where p.completed_at is not null), 0) as weight_completed,
  coalesce(sum(p.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(p.completed_at) filter (where c.lesson_id is not null) as last_completed_at,
  greatest(max(p.started_at), max(p.completed_at)) as last_activity_at
from learn.user_lesson_progress p
join learn.lessons l on l.id = p.lesson_id and l.course_id is not null
left join learn_internal.course_lessons c on c.lesson_id = l.id and c.course_id = l.course_id
group by p.user_id, l.course_id;
comment on view learn_internal.course_recounts is
  'Lessons, XP multipliers and time per user and course, recounted from user_lesson_progress.';

-- views/progress/course_level_recounts.sql

-- Completed levels per user and course, of those that there are to complete.
create or replace view learn_internal.course_level_recounts as
select u.user_id, v.course_id, count(*)::integer as levels_completed,
  max(u.completed_at) as last_completed_at
from learn.user_level_unlocks u
join learn.course_levels v on v.id = u.course_level_id and v.is_published
where u.completed_at is not null and exists (
  select from learn.lessons s where s.course_level_id = v.id and s.is_published)
group by u.user_id, v.course_id;
comment on view learn_internal.course_level_recounts is
  'Levels completed per user and course, recounted from user_level_unlocks.';

-- views/progress/due_level_unlocks.sql

-- Levels that users who are enrolled should have unlocked and have not: the first of the course,
-- and the one after each completed level.
create or replace view learn_internal.due_level_unlocks as
select p.user_id, o.course_id, o.course_level_id, o.position,
  greatest(p.enrolled_at, b.completed_at) as unlocked_at
from learn.user_course_progress p
join learn_internal.level_order o on o.course_id = p.course_id
left join learn.user_level_unlocks b
  on b.user_id = p.user_id and b.course_level_id = o.previous_level_id
where (o.previous_level_id is null or b.completed_at is not null)
  and not exists (
    select from learn.user_level_unlocks u
    where u.user_id = p.user_id and u.course_level_id = o.course_level_id);
comment on view learn_internal.due_level_unlocks is
  'Levels of courses that are due to be unlocked for users; empty between statements.';

-- views/progress/level_recounts.sql

-- Levels of courses whose lessons users have completed: any of them or all, as the setting
-- level_completion_policy says. Whether the level was unlocked is not asked here.
create or replace view learn_internal.level_recounts as
select r.user_id, r.course_id, r.course_level_id,
  case when s.is_any then r.first_completed_at else r.last_completed_at end as completed_at
from (
  select p.user_id, c.course_id, c.course_level_id, count(*) as lessons_completed,
    min(p.completed_at) as first_completed_at, max(p.completed_at) as last_completed_at
  from learn_internal.course_lessons c
  join learn.user_lesson_progress p on p.lesson_id = c.lesson_id and p.completed_at is not null
  where c.course_level_id is not null
  group by p.user_id, c.course_id, c.course_level_id
) r
cross join (
  select coalesce(bool_or(t.value = '"any"'), true) as is_any
  from learn.platform_settings t
  where t.key = 'level_completion_policy'
) s
where s.is_any or r.lessons_completed = (
  select count(*) from learn_internal.course_lessons a
  where a.course_level_id = r.course_level_id);
comment on view learn_internal.level_recounts is
  'Levels of courses that users'' completed lessons complete, by level_completion_policy.';

-- functions/operations/check_integrity.sql

-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  -- identity
  select 'user_has_stats', u.id, 'a row in user_stats', 'none'
  from learn.users u
  where not exists (select from learn.user_stats s where s.user_id = u.id)

  -- xp
  union all
  select 'total_xp_is_the_ledger_sum', s.user_id, x.total_xp::text, s.total_xp::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.total_xp <> x.total_xp
  union all
  select 'level_follows_the_curve', s.user_id,
    learn.calculate_level_from_xp(s.total_xp)::text, s.current_level::text
  from learn.user_stats s
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
  union all
  select 'levels_are_announced', s.user_id, x.highest_level::text, s.highest_level::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.highest_level <> x.highest_level
  union all
  select 'facts_are_paid', coalesce(f.user_id, t.user_id),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(f.xp, 0)),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(t.xp, 0))
  from (
    select l.user_id, l.activity_type, sum(l.xp) as xp
    from learn.activity_log l
    where l.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by l.user_id, l.activity_type
  ) f
  full join (
    select t.user_id, t.activity_type, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by t.user_id, t.activity_type
  ) t on t.user_id = f.user_id and t.activity_type = f.activity_type
  where coalesce(f.xp, 0) <> coalesce(t.xp, 0)

  -- streaks
  union all
  select 'active_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'no ' || d.activity_date
      else format('%s freeze=%s', r.activity_date, r.is_freeze) end,
    case when d.user_id is null then 'no ' || r.activity_date
      else format('%s freeze=%s', d.activity_date, d.is_freeze) end
  from learn_internal.activity_day_recounts r
  full join learn.user_activity_days d
    on d.user_id = r.user_id and d.activity_date = r.activity_date
  where r.is_freeze is distinct from d.is_freeze
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

  -- activity
  union all
  select 'metrics_follow_from_facts', coalesce(r.user_id, m.user_id),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(r.value, 0)),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(m.value, 0))
  from learn_internal.metric_recounts r
  full join learn.user_metrics m
    on m.user_id = r.user_id and m.metric = r.metric and m.scope = r.scope
  where coalesce(r.value, 0) <> coalesce(m.value, 0)

  union all
  select 'metric_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'none'
      else format('%s %s %s', r.metric, r.scope, r.activity_date) end,
    case when d.user_id is null then 'none'
      else format('%s %s %s', d.metric, d.scope, d.activity_date) end
  from learn_internal.metric_day_recounts r
  full join learn_internal.user_metric_days d
    on d.user_id = r.user_id and d.metric = r.metric and d.scope = r.scope
      and d.activity_date = r.activity_date
  where r.user_id is null or d.user_id is null

  -- catalog
  union all
  select 'course_sizes_follow_from_lessons', null::uuid,
    format('course %s: %s lessons, %s levels, weight %s', c.id,
      coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0)),
    format('course %s: %s lessons, %s levels, weight %s', c.id,
      c.total_lessons, c.total_levels, c.total_weight)
  from learn.courses c
  left join learn_internal.course_sizes z on z.course_id = c.id
  where (c.total_lessons, c.total_levels, c.total_weight)
    <> (coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0))
  union all
  select 'lessons_are_available_when_all_is_published', null,
    format('lesson %s: %s', l.id, not l.is_available), format('lesson %s: %s', l.id, l.is_available)
  from learn.lessons l
  left join learn.course_levels v on v.id = l.course_level_id
  left join learn.courses c on c.id = l.course_id
  where l.is_available
    <> (l.is_published and coalesce(v.is_published, true) and coalesce(c.is_published, true))

  -- practice
  union all
  select 'exercise_progress_follows_from_submissions', coalesce(r.user_id, p.user_id),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try, p.solved_at))
  from learn_internal.exercise_recounts r
  full join learn.user_exercise_progress p
    on p.user_id = r.user_id and p.exercise_id = r.exercise_id
  where (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)
    is distinct from (p.submissions, p.wrong_submissions,
      p.failed_submissions, p.is_first_try, p.solved_at)

  -- progress
  union all
  select 'solved_lessons_are_completed', v.user_id,
    format('lesson %s completed', v.lesson_id), 'not completed'
  from learn_internal.solved_lessons v
  join learn.lessons l on l.id = v.lesson_id
  where not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
    and (l.course_id is null or exists (  -- else when they enrol
      select from learn.user_course_progress p
      where p.user_id = v.user_id and p.course_id = l.course_id))
  union all
  select 'completed_lessons_are_facts', p.user_id,
    format('a fact for lesson %s', p.lesson_id), 'none'
  from learn.user_lesson_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'lesson_completed'
    and f.subject_type = 'lesson' and f.subject_id = p.lesson_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'enrolments_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_enrolled'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where f.id is null
  union all
  select 'course_progress_follows_from_lessons', p.user_id,
    format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
      coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
      c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
      coalesce(r.time_spent_seconds, 0)),
    format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
      p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
      p.weight_completed, p.total_weight, p.time_spent_seconds)
  from learn.user_course_progress p
  join learn.courses c on c.id = p.course_id
  left join learn_internal.course_recounts r
    on r.user_id = p.user_id and r.course_id = p.course_id
  left join learn_internal.course_level_recounts v
    on v.user_id = p.user_id and v.course_id = p.course_id
  where (p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
      p.weight_completed, p.total_weight, p.time_spent_seconds)
    <> (coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
      c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
      coalesce(r.time_spent_seconds, 0))
  union all
  select 'full_courses_are_completed', p.user_id,
    format('course %s completed', p.course_id), 'not completed'
  from learn.user_course_progress p
  join learn.courses c on c.id = p.course_id and c.is_published
  where p.completion_percentage = 100 and p.completed_at is null
  union all
  select 'completed_courses_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_completed'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'due_levels_are_unlocked', d.user_id, format('level %s unlocked', d.course_level_id),
    'locked'
  from learn_internal.due_level_unlocks d
  union all
  select 'full_levels_are_completed', r.user_id, format('level %s completed', r.course_level_id),
    'not completed'
  from learn_internal.level_recounts r
  join learn.user_level_unlocks u
    on u.user_id = r.user_id and u.course_level_id = r.course_level_id
  where u.completed_at is null
  union all
  select 'track_progress_follows_from_items', coalesce(r.user_id, p.user_id),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(r.items_completed, 0), coalesce(z.total_items, 0)),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(p.items_completed, 0), coalesce(p.total_items, 0))
  from learn_internal.track_recounts r
  full join learn.user_track_progress p on p.user_id = r.user_id and p.track_id = r.track_id
  left join learn_internal.track_sizes z on z.track_id = coalesce(r.track_id, p.track_id)
  where coalesce(r.items_completed, 0) <> coalesce(p.items_completed, 0)
    or coalesce(z.total_items, 0) <> coalesce(p.total_items, 0)
  union all
  select 'full_tracks_are_completed', p.user_id,
    format('track %s completed', p.track_id), 'not completed'
  from learn.user_track_progress p
  join learn.tracks t on t.id = p.track_id and t.is_published
  where p.total_items > 0 and p.items_completed = p.total_items and p.completed_at is null
  union all
  select 'path_progress_follows_from_tracks', coalesce(r.user_id, p.user_id),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(r.tracks_completed, 0), coalesce(z.total_tracks, 0)),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(p.tracks_completed, 0), coalesce(p.total_tracks, 0))
  from learn_internal.path_recounts r
  full join learn.user_path_progress p on p.user_id = r.user_id and p.path_id = r.path_id
  left join learn_internal.path_sizes z on z.path_id = coalesce(r.path_id, p.path_id)
  where coalesce(r.tracks_completed, 0) <> coalesce(p.tracks_completed, 0)
    or coalesce(z.total_tracks, 0) <> coalesce(p.total_tracks, 0)
  union all
  select 'full_paths_are_completed', p.user_id,
    format('path %s completed', p.path_id), 'not completed'
  from learn.user_path_progress p
  join learn.learning_paths l on l.id = p.path_id and l.is_published
  where p.total_tracks > 0 and p.tracks_completed = p.total_tracks and p.completed_at is null
  union all
  select 'full_difficulties_are_completed', r.user_id,
    format('difficulty %s completed', r.difficulty), 'not completed'
  from learn_internal.difficulty_recounts r
  where not exists (
    select from learn.user_difficulty_progress p
    where p.user_id = r.user_id and p.difficulty = r.difficulty)

  -- achievements
  union all
  select 'achievements_follow_from_facts', coalesce(r.user_id, u.user_id),
    case when r.user_id is null then 'no achievement ' || u.achievement_id
      else 'achievement ' || r.achievement_id end,
    case when u.user_id is null then 'no achievement ' || r.achievement_id
      else 'achievement ' || u.achievement_id end
  from learn_internal.achievement_recounts r
  full join learn.user_achievements u
    on u.user_id = r.user_id and u.achievement_id = r.achievement_id
  where r.user_id is null or u.user_id is null
  union all
  select 'reached_achievements_are_earned', d.user_id, d.slug, 'not earned'
  from learn_internal.deserved_achievements d
  where (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
    and not learn_internal.was_deserved_before(
      d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at);
$$;
comment on function learn.check_integrity() is
  'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke all on function learn.check_integrity() from public;

-- views/progress/completion_facts.sql

-- The first time that the log says a user completed something: levels, courses, tracks, paths,
-- difficulties: all that is completed as a whole.
create or replace view learn_internal.completion_facts as
select f.user_id, f.activity_type, f.subject_id, min(f.occurred_at) as completed_at
from learn.activity_log f
where f.activity_type in ('level_completed', 'course_completed',
    'track_completed', 'path_completed', 'difficulty_completed')
  and f.subject_id is not null
group by f.user_id, f.activity_type, f.subject_id;
comment on view learn_internal.completion_facts is
  'When the log says that users completed levels, courses, tracks, paths and difficulties.';

-- functions/progress/unlock_levels.sql

-- Unlocks the levels that are due for users in courses, completes those whose lessons are completed
-- already, and goes on with the ones after them until nothing is new: as often as a course has such
-- levels in a row, each time for all users at once.
create or replace function learn_internal.unlock_levels(p_user_ids uuid[], p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
declare
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
  v_facts      learn_internal.fact[];
begin
  loop
    -- As due_level_unlocks says, by key whatever the size of the statement: the order of levels
    -- is looked up once per course, and unlocks once per user and level.
    with levels as materialized (
      select * from learn_internal.level_order o where o.course_id = any (p_course_ids)
    ), unlocked as (
      insert into learn.user_level_unlocks (user_id, course_level_id, unlocked_at)
      select p.user_id, o.course_level_id, greatest(p.enrolled_at, b.completed_at)
      from learn.user_course_progress p
      join levels o on o.course_id = p.course_id
      left join lateral (
        select u.completed_at from learn.user_level_unlocks u
        where u.user_id = p.user_id and u.course_level_id = o.previous_level_id
        limit 1
      ) b on true
      left join lateral (
        select u.user_id from learn.user_level_unlocks u
        where u.user_id = p.user_id and u.course_level_id = o.course_level_id
        limit 1
      ) a on true
      where p.user_id = any (p_user_ids) and p.course_id = any (p_course_ids)
        and (o.previous_level_id is null or b.completed_at is not null) and a.user_id is null
      order by p.user_id, o.course_id, o.position, o.course_level_id
      returning user_id, course_level_id
    )
    select array_agg(u.user_id), array_agg(l.id) into v_user_ids, v_lesson_ids
    from unlocked u
    join learn.lessons l on l.course_level_id = u.course_level_id and l.is_available
    where exists (
      select from learn.exercises e
      join learn.user_exercise_progress x
        on x.user_id = u.user_id and x.exercise_id = e.id and x.solved_at is not null
      where e.lesson_id = l.id and e.is_published)
      and not exists (
        select from learn.user_lesson_progress p
        where p.user_id = u.user_id and p.lesson_id = l.id and p.completed_at is not null);
    -- Their exercises may have been solved before, in another level or before there was one.
    if v_user_ids is not null then
      perform learn_internal.complete_solved_lessons(v_user_ids, v_lesson_ids);
    end if;

    with due as (
      select u.user_id, u.course_level_id, r.completed_at
      from learn.user_level_unlocks u
      join learn.course_levels v on v.id = u.course_level_id and v.course_id = any (p_course_ids)
      cross join lateral (
        select x.completed_at from learn_internal.level_recounts x
        where x.user_id = u.user_id and x.course_level_id = u.course_level_id
        limit 1
      ) r
      where u.user_id = any (p_user_ids) and u.completed_at is null
    ), completed as (
      update learn.user_level_unlocks u
      set completed_at = d.completed_at
      from due d
      where u.user_id = d.user_id and u.course_level_id = d.course_level_id
      returning u.user_id, u.course_level_id, u.completed_at
    )
    select array_agg(
      (c.user_id, 'level_completed', 'course_level', c.course_level_id::text,
        jsonb_build_object('slug', v.slug, 'course', k.slug), null,
        c.completed_at)::learn_internal.fact
      order by c.user_id, c.completed_at, v.position, v.id)
    into v_facts
    from completed c
    join learn.course_levels v on v.id = c.course_level_id
    join learn.courses k on k.id = v.course_id;
    exit when v_facts is null;
    perform learn_internal.write_facts(v_facts);
  end loop;
end;
$$;
comment on function learn_internal.unlock_levels(uuid[], bigint[]) is
  'Unlocks levels that are due for users in courses, and completes those that are complete.';
revoke all on function learn_internal.unlock_levels(uuid[], bigint[]) from public;

-- views/catalog/track_items.sql

-- What a track is made of, whatever kind of item: the one definition. Only what can be completed
-- counts: available lessons, and published courses with something in them. A track counts whether
-- published or not (an unpublished one keeps its learners' numbers right for the day it comes back).
create or replace view learn_internal.track_items as
select tl.track_id, 'lesson' as item_type, tl.lesson_id as item_id
from learn.track_lessons tl
join learn.lessons l on l.id = tl.lesson_id
where l.is_available
union all
select c.track_id, 'course', c.id
from learn.courses c
where c.track_id is not null and c.is_published and c.total_lessons > 0;
comment on view learn_internal.track_items is
  'The published items of each track: what there is to complete.';

-- functions/progress/begin_tracks.sql

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
    update learn.user_track_progress p
    set total_items = z.total_items
    from unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    join (
      select i.track_id, count(*)::integer as total_items
      from learn_internal.track_items i
      where i.track_id = any (p_track_ids)
      group by i.track_id
    ) z on z.track_id = g.track_id
    where p.user_id = g.user_id and p.track_id = g.track_id and p.total_items <> z.total_items
    returning p.user_id, p.track_id
  )
  select c.user_id, i.track_id, max(c.at)
  from unnest(p_item_user_ids, p_item_ids, p_at) c(user_id, item_id, at)
  cross join lateral (
    select t.track_id from learn_internal.track_items t
    where t.item_type = p_item_type and t.item_id = c.item_id
    offset 0  -- keeps this a query by key in each kind of item
  ) i
  join unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    on g.user_id = c.user_id and g.track_id = i.track_id
  join learn.tracks t on t.id = i.track_id and t.is_published
  where not exists (
    select from begun b where b.user_id = c.user_id and b.track_id = i.track_id)
  group by c.user_id, i.track_id;
end;
$$;
comment on function learn_internal.begin_tracks(
  uuid[], bigint[], uuid[], text, bigint[], timestamptz[]) is
  'Counts what there is to complete in tracks that users have begun; returns those that are full.';
revoke all on function learn_internal.begin_tracks(
  uuid[], bigint[], uuid[], text, bigint[], timestamptz[]) from public;

-- functions/progress/advance_tracks.sql

-- Counts newly completed items towards the tracks that contain them.
-- Takes parallel arrays of completions that were not completed before. Increments,
-- so that a completion costs the same in a track of five items and of five thousand.
-- Completes the tracks, paths and difficulties that this fills.
create or replace function learn_internal.advance_tracks(
  p_user_ids uuid[], p_item_type text, p_item_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  -- A first item of a track makes the row, which knows of no more items than these: so it claims
  -- to be full, like one that is.
  with counted as (
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select c.user_id, i.track_id, count(*)::integer, count(*)::integer
    from unnest(p_user_ids, p_item_ids) c(user_id, item_id)
    cross join lateral (
      select t.track_id from learn_internal.track_items t
      where t.item_type = p_item_type and t.item_id = c.item_id
      offset 0  -- keeps this a query by key in each kind of item
    ) i
    group by c.user_id, i.track_id
    on conflict (user_id, track_id) do update
      set items_completed = p.items_completed + excluded.items_completed
    returning p.user_id, p.track_id,
      p.items_completed = p.total_items and p.completed_at is null as is_full
  )
  select array_agg(c.user_id), array_agg(c.track_id) into v_user_ids, v_track_ids
  from counted c
  where c.is_full;
  if v_user_ids is null then
    return;
  end if;

  -- What there is to complete is counted then, and kept by refresh_tracks().
  select array_agg(b.user_id), array_agg(b.track_id), array_agg(b.at)
  into v_user_ids, v_track_ids, v_at
  from learn_internal.begin_tracks(
    v_user_ids, v_track_ids, p_user_ids, p_item_type, p_item_ids, p_at) b;
  if v_user_ids is not null then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[]) is
  'Counts newly completed items towards their tracks.';
revoke all on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[])
  from public;

-- functions/progress/complete_courses.sql

-- Marks courses as completed for users, parallel arrays, and follows up: facts and tracks.
create or replace function learn_internal.complete_courses(
  p_user_ids uuid[], p_course_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
declare
  v_facts learn_internal.fact[];
begin
  with completed as (
    update learn.user_course_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_course_ids, p_at) c(user_id, course_id, at)
    where p.user_id = c.user_id and p.course_id = c.course_id
    returning p.user_id, p.course_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'course_completed', 'course', c.course_id::text,
      jsonb_build_object('slug', k.slug, 'category', k.category, 'difficulty', k.difficulty,
        'language', k.language, 'track', t.slug),
      k.completion_xp, c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.course_id)
  into v_facts
  from completed c
  join learn.courses k on k.id = c.course_id
  left join learn.tracks t on t.id = k.track_id;
  perform learn_internal.write_facts(v_facts);

  perform learn_internal.advance_tracks(p_user_ids, 'course', p_course_ids, p_at);
end;
$$;
comment on function learn_internal.complete_courses(uuid[], bigint[], timestamptz[]) is
  'Completes courses for users, writes the facts, and moves the tracks.';
revoke all on function learn_internal.complete_courses(uuid[], bigint[], timestamptz[]) from public;

-- functions/progress/settle_courses.sql

-- Brings users' progress in courses up to date, for those of them who are enrolled: levels,
-- live numbers, completion. The caller has locked the users. Costs grow with the size of the courses,
-- so a single completion comes here only when a level or a course may be complete.
create or replace function learn_internal.settle_courses(p_user_ids uuid[], p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_at         timestamptz[];
begin
  perform learn_internal.unlock_levels(p_user_ids, p_course_ids);

  with recounted as (
    select p.user_id, p.course_id,
      coalesce(r.lessons_completed, 0) as lessons_completed, c.total_lessons,
      coalesce(v.levels_completed, 0) as levels_completed, c.total_levels,
      coalesce(r.weight_completed, 0) as weight_completed, c.total_weight,
      coalesce(r.time_spent_seconds, 0) as time_spent_seconds, r.last_activity_at,
      c.is_published,
      case when c.total_levels > 0 then v.last_completed_at else r.last_completed_at end
        as last_completed_at
    from learn.user_course_progress p
    join learn.courses c on c.id = p.course_id
    left join lateral (  -- by key: a join of all with all grows with the square of the users
      select * from learn_internal.course_recounts x
      where x.user_id = p.user_id and x.course_id = p.course_id
      limit 1
    ) r on true
    left join lateral (
      select * from learn_internal.course_level_recounts x
      where x.user_id = p.user_id and x.course_id = p.course_id
      limit 1
    ) v on true
    where p.user_id = any (p_user_ids) and p.course_id = any (p_course_ids)
  ), saved as (
    update learn.user_course_progress p
    set lessons_completed = r.lessons_completed, total_lessons = r.total_lessons,
      levels_completed = r.levels_completed, total_levels = r.total_levels,
      weight_completed = r.weight_completed, total_weight = r.total_weight,
      time_spent_seconds = r.time_spent_seconds,
      last_activity_at = greatest(p.last_activity_at, r.last_activity_at)
    from recounted r
    where p.user_id = r.user_id and p.course_id = r.course_id
    returning p.user_id, p.course_id, p.completed_at, r.is_published, r.last_completed_at,
      case when p.total_levels > 0 then p.levels_completed = p.total_levels
        else p.total_lessons > 0 and p.lessons_completed = p.total_lessons end as is_full
  )
  select array_agg(s.user_id order by s.user_id, s.last_completed_at, s.course_id),
    array_agg(s.course_id order by s.user_id, s.last_completed_at, s.course_id),
    array_agg(s.last_completed_at order by s.user_id, s.last_completed_at, s.course_id)
  into v_user_ids, v_course_ids, v_at
  from saved s
  where s.is_full and s.is_published and s.completed_at is null;

  if v_user_ids is not null then
    perform learn_internal.complete_courses(v_user_ids, v_course_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.settle_courses(uuid[], bigint[]) is
  'Brings users'' progress in courses up to date: levels, numbers, completion.';
revoke all on function learn_internal.settle_courses(uuid[], bigint[]) from public;

-- functions/progress/recount_tracks.sql

-- Recounts tracks for users, whose stats rows the caller has locked, and completes
-- the tracks that are complete by now.
create or replace function learn_internal.recount_tracks(p_user_ids uuid[], p_track_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  with recounted as (
    select u.user_id, s.track_id, coalesce(r.items_completed, 0) as items_completed,
      s.total_items, r.last_completed_at
    from (select distinct d.user_id from unnest(p_user_ids) d(user_id)) u
    cross join (
      select t.id as track_id, coalesce(z.total_items, 0) as total_items
      from learn.tracks t
      left join learn_internal.track_sizes z on z.track_id = t.id
      where t.id = any (p_track_ids)
    ) s
    left join (  -- filtered where it is grouped: a join would group everybody's
      select * from learn_internal.track_recounts x
      where x.user_id = any (p_user_ids) and x.track_id = any (p_track_ids)
    ) r on r.user_id = u.user_id and r.track_id = s.track_id
    where r.user_id is not null or exists (
      select from learn.user_track_progress e
      where e.user_id = u.user_id and e.track_id = s.track_id)
  ), saved as (
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select r.user_id, r.track_id, r.items_completed, r.total_items
    from recounted r
    order by r.user_id, r.track_id
    on conflict (user_id, track_id) do update
      set items_completed = excluded.items_completed, total_items = excluded.total_items
    returning p.user_id, p.track_id, p.items_completed, p.total_items, p.completed_at
  )
  select array_agg(s.user_id), array_agg(s.track_id), array_agg(r.last_completed_at)
  into v_user_ids, v_track_ids, v_at
  from saved s
  join recounted r on r.user_id = s.user_id and r.track_id = s.track_id
  join learn.tracks t on t.id = s.track_id and t.is_published
  where s.total_items > 0 and s.items_completed = s.total_items and s.completed_at is null;

  if v_user_ids is not null then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.recount_tracks(uuid[], bigint[]) is
  'Recounts tracks for users and completes those that are complete by now.';
revoke all on function learn_internal.recount_tracks(uuid[], bigint[]) from public;

-- functions/progress/refresh_paths.sql

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
comment on function learn_internal.refresh_paths(uuid[], bigint[]) is
  'Recounts learning paths for users; returns the facts to write for the ones that this completes.';
revoke all on function learn_internal.refresh_paths(uuid[], bigint[]) from public;

-- functions/operations/rebuild_users.sql

-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, courses, tracks,
-- paths and difficulties.
-- Nothing is paid, earned or lost: the ledger, the log and what was earned are the facts;
-- an achievement whose row was lost is put back from the log.
create or replace function learn_internal.rebuild_users(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  insert into learn.user_stats (user_id)
  select u.id from learn.users u where u.id = any (p_user_ids)
  on conflict do nothing;

  -- Days and streaks
  delete from learn.user_activity_days d where d.user_id = any (p_user_ids);
  insert into learn.user_activity_days (user_id, activity_date, is_freeze)
  select r.user_id, r.activity_date, r.is_freeze
  from learn_internal.activity_day_recounts r
  where r.user_id = any (p_user_ids);

  -- XP, level, streak
  update learn.user_stats s
  set total_xp = x.total_xp,
    current_level = learn.calculate_level_from_xp(x.total_xp),
    highest_level = x.highest_level,
    current_streak = coalesce(d.current_streak, 0),
    longest_streak = coalesce(d.longest_streak, 0),
    active_days = coalesce(d.active_days, 0),
    last_activity_date = d.last_activity_date,
    streak_freezes = (
      select count(*) from learn.streak_freezes z
      where z.user_id = s.user_id and z.used_on is null)
  from (
    select * from learn_internal.xp_recounts r where r.user_id = any (p_user_ids)
  ) x
  left join (
    select * from learn_internal.streak_states t where t.user_id = any (p_user_ids)
  ) d on d.user_id = x.user_id
  where s.user_id = any (p_user_ids) and x.user_id = s.user_id;

  -- Metrics
  delete from learn.user_metrics m where m.user_id = any (p_user_ids);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.user_id = any (p_user_ids) and r.value <> 0;

  delete from learn_internal.user_metric_days d where d.user_id = any (p_user_ids);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
  select r.user_id, r.metric, r.scope, r.activity_date
  from learn_internal.metric_day_recounts r
  where r.user_id = any (p_user_ids);

  -- Progress
  delete from learn.user_exercise_progress p
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.query_submissions q
    where q.user_id = p.user_id and q.exercise_id = p.exercise_id);
  insert into learn.user_exercise_progress as p
    (user_id, exercise_id, submissions, wrong_submissions,
     failed_submissions, is_first_try, solved_at)
  select r.user_id, r.exercise_id, r.submissions, r.wrong_submissions,
    r.failed_submissions, r.is_first_try, r.solved_at
  from learn_internal.exercise_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, exercise_id) do update
    set submissions = excluded.submissions, wrong_submissions = excluded.wrong_submissions,
      failed_submissions = excluded.failed_submissions, is_first_try = excluded.is_first_try,
      solved_at = excluded.solved_at;

  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select r.user_id, r.achievement_id, r.earned_at, '{"is_restored": true}'
  from learn_internal.achievement_recounts r
  where r.user_id = any (p_user_ids)
  on conflict do nothing;

  -- What was completed stays completed: the facts say so, and are not written again.
  insert into learn.user_level_unlocks as p (user_id, course_level_id, unlocked_at, completed_at)
  select c.user_id, v.id, c.completed_at, c.completed_at
  from learn_internal.completion_facts c
  join learn.course_levels v on c.activity_type = 'level_completed' and v.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, course_level_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  update learn.user_course_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'course_completed'
    and p.user_id = c.user_id and p.course_id::text = c.subject_id and p.completed_at is null;
  insert into learn.user_track_progress as p (user_id, track_id, total_items, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.tracks t on c.activity_type = 'track_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, track_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_path_progress as p (user_id, path_id, total_tracks, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.learning_paths t on c.activity_type = 'path_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, path_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
  select c.user_id, t.key, c.completed_at
  from learn_internal.completion_facts c
  join learn.difficulties t on c.activity_type = 'difficulty_completed' and t.key = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict do nothing;

  perform learn_internal.settle_courses(p_user_ids, (select array_agg(c.id) from learn.courses c));
  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;
end;
$$;
comment on function learn_internal.rebuild_users(uuid[]) is
  'Recomputes every projection of users from facts.';
revoke all on function learn_internal.rebuild_users(uuid[]) from public;

-- functions/practice/submit_query.sql

-- Records a run of a query for an exercise, graded by the backend that ran it.
-- Errors: LX001 blank query, no verdict, an error message on a correct query, negative duration;
-- LX002; LX003 unknown exercise; LX004 exercise or lesson not published, or user inactive;
-- LX005 the lesson's level is locked; LX013.
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
  v_lesson_id    bigint;
  v_is_published boolean;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  select e.lesson_id, e.is_published into v_lesson_id, v_is_published
  from learn.exercises e
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
        hint = 'Publish it: learn.exercises.is_published.';
  end if;
  perform learn_internal.require_lesson(p_user_id, v_lesson_id);
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

-- functions/progress/advance_courses.sql

-- Counts newly completed lessons, parallel arrays, towards their courses: enrols users who are not,
-- increments the live numbers, and settles a course where a level or all of it may be complete.
-- Errors: LX005 a lesson's level is locked, after all that this statement unlocks;
-- LX006 required prerequisites of a course are not completed, after all that it completes.
create or replace function learn_internal.advance_courses(
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_is_new     boolean;
begin
  -- A lesson that settle_courses() completes on its way comes through here too, before
  -- the totals are recounted: no number goes above them, and the recount has the last word.
  with moved as (
    select c.user_id, l.course_id, count(*)::integer as lessons, sum(l.weight) as weight,
      max(c.at) as last_at,
      bool_or(l.course_level_id is not null and u.completed_at is null) as is_new_level
    from unnest(p_user_ids, p_lesson_ids, p_at) c(user_id, lesson_id, at)
    join learn_internal.course_lessons l on l.lesson_id = c.lesson_id
    left join learn.user_level_unlocks u
      on u.user_id = c.user_id and u.course_level_id = l.course_level_id
    group by c.user_id, l.course_id
  ), counted as (
    update learn.user_course_progress p
    set lessons_completed = least(p.lessons_completed + m.lessons, p.total_lessons),
      weight_completed = least(p.weight_completed + m.weight, p.total_weight),
      last_activity_at = greatest(p.last_activity_at, m.last_at)
    from moved m
    where p.user_id = m.user_id and p.course_id = m.course_id
    returning p.user_id, p.course_id, m.is_new_level
      or p.total_levels = 0 and p.lessons_completed = p.total_lessons and p.completed_at is null
      as is_unsettled
  )
  select array_agg(c.user_id) filter (where c.is_unsettled),
    array_agg(c.course_id) filter (where c.is_unsettled),
    count(*) < (select count(*) from moved)
  into v_user_ids, v_course_ids, v_is_new
  from counted c;

  if v_user_ids is not null then
    perform learn_internal.settle_courses(v_user_ids, v_course_ids);
  end if;
  -- Enrolling counts everything, these lessons included. It comes last: what was completed above
  -- may be what it waits for.
  if v_is_new then
    insert into learn.user_course_progress (user_id, course_id, enrolled_at)
    select c.user_id, l.course_id, min(c.at)
    from unnest(p_user_ids, p_lesson_ids, p_at) c(user_id, lesson_id, at)
    join learn_internal.course_lessons l on l.lesson_id = c.lesson_id
    where not exists (
      select from learn.user_course_progress p
      where p.user_id = c.user_id and p.course_id = l.course_id)
    group by c.user_id, l.course_id
    order by c.user_id, min(c.at), l.course_id;
  end if;
  perform learn_internal.require_unlocked(p_user_ids, p_lesson_ids);
end;
$$;
comment on function learn_internal.advance_courses(uuid[], bigint[], timestamptz[]) is
  'Counts newly completed lessons towards their courses, and enrols where needed.';
revoke all on function learn_internal.advance_courses(uuid[], bigint[], timestamptz[]) from public;

-- functions/progress/apply_lesson_completions.sql

-- What completing lessons causes. Takes rows of user_lesson_progress that have just become
-- completed, three of their columns as parallel arrays, whether any was started before, and whether
-- any score is 100. One array of rows for the statement that reads all columns: an array more
-- in unnest() costs more than a column more in a row.
create or replace function learn_internal.apply_lesson_completions(
  p_completions learn_internal.completion[],
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[],
  p_were_started boolean, p_have_full_score boolean
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
as $$
declare
  v_completions   learn_internal.completion[] := p_completions;
  v_fast_seconds  interval;
  v_now           timestamptz;
  v_has_recorded  boolean;
  v_has_any       boolean;             -- exercises
  v_has_courses   boolean;
  v_pays          integer;             -- what lesson_completed does
  v_is_qualifying boolean;
  v_is_perfect_qualifying boolean;
  v_recorded      jsonb;               -- facts recorded from outside already: type, user, lesson
begin
  -- The users first, in key order: everything else of theirs comes after this lock.
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;

  -- What is the same for all; the time as learn.clock() tells it, without the price of a call
  select t.pays, t.is_qualifying,
    coalesce((select o.now_is from learn_internal.clock_override o), now()),
    exists (select from learn_internal.recorded_subjects r where r.user_id = any (p_user_ids)),
    exists (
      select from learn.exercises e where e.lesson_id = any (p_lesson_ids) and e.is_published),
    exists (
      select from learn.lessons l where l.id = any (p_lesson_ids) and l.course_id is not null)
  into v_pays, v_is_qualifying, v_now, v_has_recorded, v_has_any, v_has_courses
  from learn.activity_types t
  where t.key = 'lesson_completed';
  if p_were_started then
    select (s.value #>> '{}')::numeric * interval '1 second' into v_fast_seconds
    from learn.platform_settings s
    where s.key = 'speed_runner_seconds';
  end if;
  if v_has_recorded then
    select jsonb_object_agg(format('%s %s %s', r.activity_type, r.user_id, r.subject_id), true)
    into v_recorded
    from unnest(p_user_ids, p_lesson_ids) c(user_id, lesson_id)
    join learn_internal.recorded_subjects r
      on r.user_id = c.user_id and r.activity_type in ('lesson_completed', 'lesson_perfect')
        and r.subject_type = 'lesson' and r.subject_id = c.lesson_id::text;
  end if;

  if v_has_any then
    -- How the exercises of each lesson were solved; null where a lesson has none
    select array_agg((c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
      c.exercises > 0, c.first_tries = c.exercises, c.wrong = 0, c.failed = 0,
      'lesson_completed')::learn_internal.completion order by c.position)
    into v_completions
    from (
      select c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
        count(e.id) as exercises,
        count(*) filter (where x.is_first_try) as first_tries,
        coalesce(sum(x.wrong_submissions), 0) as wrong,
        coalesce(sum(x.failed_submissions), 0) as failed
      from unnest(p_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      left join learn.exercises e on e.lesson_id = c.lesson_id and e.is_published
      left join learn.user_exercise_progress x
        on x.user_id = c.user_id and x.exercise_id = e.id
      group by c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score
    ) c;
  end if;
  -- A lesson without a fault is a fact more.
  if p_have_full_score or v_has_any then
    select t.is_qualifying into v_is_perfect_qualifying
    from learn.activity_types t
    where t.key = 'lesson_perfect';
    v_completions := array(
      select (c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score, c.has_exercises,
        c.is_first_try, c.is_flawless, c.is_clean, f.activity_type)::learn_internal.completion
      from unnest(v_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      cross join lateral (
        values ('lesson_completed', true),
          ('lesson_perfect', case when c.has_exercises then c.is_first_try else c.score = 100 end)
      ) f(activity_type, is_due)
      where f.is_due
      order by c.position, f.activity_type);
  end if;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at,
     local_date, is_qualifying, recorded_at)
  select p.user_id, p.activity_type, 'lesson', p.lesson_id::text,
    case when p.activity_type = 'lesson_perfect' then '{}'
      else jsonb_build_object('slug', l.slug, 'difficulty', l.difficulty,
          'has_exercises', coalesce(p.has_exercises, false),
          'is_fast', coalesce(p.completed_at >= p.started_at
            and p.completed_at < p.started_at + v_fast_seconds, false))
        || case when p.has_exercises then jsonb_build_object(
          'is_clean', p.is_clean, 'is_first_try', p.is_first_try,
          'is_flawless', p.is_flawless) else '{}' end
    end,
    case when p.activity_type = 'lesson_completed' then
      round(coalesce(l.xp_reward, v_pays, 0) * coalesce(d.xp_multiplier, 1))::integer
    end,
    p.completed_at, (p.completed_at at time zone u.timezone)::date,
    case when p.activity_type = 'lesson_perfect' then v_is_perfect_qualifying
      else v_is_qualifying end,
    v_now
  from unnest(v_completions) p
  join learn.users u on u.id = p.user_id
  join learn.lessons l on l.id = p.lesson_id
  left join learn.difficulties d on d.key = l.difficulty
  -- recorded from outside already: paid
  where v_recorded is null
    or not v_recorded ? format('%s %s %s', p.activity_type, p.user_id, p.lesson_id);

  if v_has_courses then
    perform learn_internal.advance_courses(p_user_ids, p_lesson_ids, p_at);
  end if;
  perform learn_internal.advance_tracks(p_user_ids, 'lesson', p_lesson_ids, p_at);
end;
$$;
comment on function learn_internal.apply_lesson_completions(
  learn_internal.completion[], uuid[], bigint[], timestamptz[], boolean, boolean) is
  'Writes the facts of newly completed lessons, and moves their courses and tracks.';
revoke all on function learn_internal.apply_lesson_completions(
  learn_internal.completion[], uuid[], bigint[], timestamptz[], boolean, boolean) from public;

-- functions/progress/complete_lesson.sql

-- Completes a lesson for a user. Completing it again pays nothing; it keeps the best
-- score and adds up the time.
-- A lesson of a course enrols its user.
-- Errors: LX001 score or time out of range; LX002; LX003 unknown lesson; LX004 not published
-- or user inactive; LX005 its level is locked; LX006 prerequisites of its course are not met;
-- LX007 exercises are not solved yet; LX013.
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
  perform learn_internal.require_lesson(p_user_id, p_lesson_id);
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

-- functions/progress/refresh_courses.sql

-- After a change of content: what courses consist of is counted anew, and so is the progress
-- of everybody who is enrolled. Percentages are live, unlocks and completions sticky.
create or replace function learn_internal.refresh_courses(p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  perform learn_internal.count_courses(p_course_ids);

  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_course_progress p where p.course_id = any (p_course_ids))
    order by s.user_id
    for no key update
  ) l;
  if v_user_ids is not null then
    perform learn_internal.settle_courses(v_user_ids, p_course_ids);
  end if;
end;
$$;
comment on function learn_internal.refresh_courses(bigint[]) is
  'Recounts courses, and the progress of everybody enrolled in them, after a change of content.';
revoke all on function learn_internal.refresh_courses(bigint[]) from public;

-- functions/progress/start_lesson.sql

-- Notes that a user starts a lesson. Starting again changes nothing.
-- Errors: LX001, LX002, LX003 unknown lesson, LX004 not published or user inactive,
-- LX005 the lesson's level is locked, LX013.
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
  perform learn_internal.require_lesson(p_user_id, p_lesson_id);

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

-- functions/progress/touch_courses.sql

-- Notes activity in lessons with the courses of users who are enrolled: time spent, in seconds, and
-- when. A completion that enrols its user counts the time by itself.
create or replace function learn_internal.touch_courses(p_times learn_internal.lesson_time[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
begin
  perform from learn.user_stats s where s.user_id in (select t.user_id from unnest(p_times) t)
  order by s.user_id
  for no key update;

  update learn.user_course_progress p
  set time_spent_seconds = greatest(0, p.time_spent_seconds + g.seconds),
    last_activity_at = greatest(p.last_activity_at, g.at)
  from (
    select t.user_id, l.course_id, sum(t.seconds) as seconds, max(coalesce(t.at, v_now)) as at
    from unnest(p_times) t
    join learn.lessons l on l.id = t.lesson_id and l.course_id is not null
    group by t.user_id, l.course_id
  ) g
  where p.user_id = g.user_id and p.course_id = g.course_id;
end;
$$;
comment on function learn_internal.touch_courses(learn_internal.lesson_time[]) is
  'Adds time spent in lessons, in seconds, to the courses of users who are enrolled.';
revoke all on function learn_internal.touch_courses(learn_internal.lesson_time[]) from public;

-- triggers/catalog/course_levels_change.sql

-- When levels of courses are added, published, unpublished, moved or deleted: learners wait.
create or replace trigger course_levels_change
  before insert or update of is_published, position, course_id or delete on learn.course_levels
  for each statement
  execute function learn_internal.change_content();
comment on trigger course_levels_change on learn.course_levels is 'A change has learners wait.';

-- triggers/catalog/course_levels_deleted.sql

-- When levels of courses are deleted: progress follows, and the level behind may be due.
create or replace function learn_internal.course_levels_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct o.course_id))
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.course_levels_deleted() is
  'Statement trigger: recounts courses that lost levels.';
revoke all on function learn_internal.course_levels_deleted() from public;

create or replace trigger course_levels_deleted
  after delete on learn.course_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.course_levels_deleted();
comment on trigger course_levels_deleted on learn.course_levels is 'Recounts the courses.';

-- triggers/catalog/course_levels_inserted.sql

-- When courses get levels: those that are due are unlocked.
create or replace function learn_internal.course_levels_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct n.course_id))
  from new_rows n having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.course_levels_inserted() is
  'Statement trigger: recounts courses that got levels.';
revoke all on function learn_internal.course_levels_inserted() from public;

create or replace trigger course_levels_inserted
  after insert on learn.course_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.course_levels_inserted();
comment on trigger course_levels_inserted on learn.course_levels is 'Recounts the courses.';

-- triggers/catalog/course_levels_updated.sql

-- When levels of courses change: the lessons of one that is published or unpublished come and go
-- with it, and progress follows, in both courses where a level moves from one to another.
create or replace function learn_internal.course_levels_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_level_ids bigint[];
begin
  select array_agg(n.id) into v_level_ids
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published;
  if v_level_ids is not null then
    -- place_lessons() says what is available now
    update learn.lessons l set is_available = l.is_published
    where l.course_level_id = any (v_level_ids);
  end if;

  perform learn_internal.refresh_courses(array_agg(distinct c.course_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.course_id), (o.course_id)) c(course_id)
  where n.is_published <> o.is_published or n.position <> o.position or n.course_id <> o.course_id
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.course_levels_updated() is
  'Statement trigger: recounts courses whose levels changed.';
revoke all on function learn_internal.course_levels_updated() from public;

create or replace trigger course_levels_updated
  after update on learn.course_levels
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.course_levels_updated();
comment on trigger course_levels_updated on learn.course_levels is 'Recounts the courses.';

create or replace trigger course_levels_touch
  before update on learn.course_levels
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger course_levels_touch on learn.course_levels is 'Keeps updated_at.';

-- triggers/catalog/course_prerequisites_change.sql

-- When prerequisites of courses change: learners wait.
create or replace trigger course_prerequisites_change
  before insert or update or delete on learn.course_prerequisites
  for each statement
  execute function learn_internal.change_content();
comment on trigger course_prerequisites_change on learn.course_prerequisites is
  'A change has learners wait.';

-- triggers/catalog/course_prerequisites_inserted.sql

-- When a course gets a prerequisite, required or recommended: no cycle.
create or replace trigger course_prerequisites_inserted
  after insert on learn.course_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('course_id', 'prerequisite_course_id');
comment on trigger course_prerequisites_inserted on learn.course_prerequisites is
  'Refuses a cycle (LX012).';

-- triggers/catalog/course_prerequisites_updated.sql

-- When a course's prerequisite changes: no cycle.
create or replace trigger course_prerequisites_updated
  after update on learn.course_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('course_id', 'prerequisite_course_id');
comment on trigger course_prerequisites_updated on learn.course_prerequisites is
  'Refuses a cycle (LX012).';

-- triggers/catalog/courses_change.sql

-- When courses are published, unpublished, put into tracks or deleted: learners wait.
create or replace trigger courses_change
  before update of is_published, track_id or delete on learn.courses
  for each statement
  execute function learn_internal.change_content();
comment on trigger courses_change on learn.courses is 'A change has learners wait.';

-- triggers/catalog/courses_deleted.sql

-- When courses are deleted: their tracks may be complete without them.
create or replace function learn_internal.courses_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct o.track_id))
  from old_rows o
  where o.track_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.courses_deleted() is
  'Statement trigger: recounts tracks that lost courses.';
revoke all on function learn_internal.courses_deleted() from public;

create or replace trigger courses_deleted
  after delete on learn.courses
  referencing old table as old_rows
  for each statement
  execute function learn_internal.courses_deleted();
comment on trigger courses_deleted on learn.courses is 'Recounts the tracks.';

-- triggers/catalog/courses_updated.sql

-- When courses change: the lessons of one that is published or unpublished come and go with it, who
-- has completed all of one that is published completes it, and tracks follow when a course
-- comes, goes, moves, or is empty from now on.
create or replace function learn_internal.courses_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_course_ids bigint[];
begin
  select array_agg(n.id) into v_course_ids
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published;
  if v_course_ids is not null then
    -- place_lessons() says what is available now, and lessons_updated() recounts the courses
    update learn.lessons l set is_available = l.is_published where l.course_id = any (v_course_ids);
  end if;

  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.track_id), (o.track_id)) t(track_id)
  where t.track_id is not null
    and (n.is_published <> o.is_published or n.track_id is distinct from o.track_id
      or (n.total_lessons > 0) <> (o.total_lessons > 0))
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.courses_updated() is
  'Statement trigger: recounts what a published or unpublished course belongs to.';
revoke all on function learn_internal.courses_updated() from public;

create or replace trigger courses_updated
  after update on learn.courses
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.courses_updated();
comment on trigger courses_updated on learn.courses is 'Recounts lessons, progress and tracks.';

create or replace trigger courses_touch
  before update on learn.courses
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger courses_touch on learn.courses is 'Keeps updated_at.';

-- triggers/catalog/difficulties_change.sql

-- When difficulties multiply XP otherwise, or are renamed, which lessons and tracks follow:
-- learners wait.
create or replace trigger difficulties_change
  before update of key, xp_multiplier on learn.difficulties
  for each statement
  execute function learn_internal.change_content();
comment on trigger difficulties_change on learn.difficulties is 'A change has learners wait.';

-- triggers/catalog/difficulties_updated.sql

-- When difficulties multiply XP otherwise: lessons of that tier weigh otherwise in mastery.
create or replace function learn_internal.difficulties_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct l.course_id))
  from learn.lessons l
  where l.course_id is not null and l.difficulty in (
    select n.key
    from new_rows n
    left join old_rows o on o.key = n.key
    where n.xp_multiplier is distinct from o.xp_multiplier)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.difficulties_updated() is
  'Statement trigger: recounts courses with lessons of difficulties that changed.';
revoke all on function learn_internal.difficulties_updated() from public;

create or replace trigger difficulties_updated
  after update on learn.difficulties
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.difficulties_updated();
comment on trigger difficulties_updated on learn.difficulties is 'Recounts mastery.';

-- triggers/catalog/lessons_change.sql

-- When lessons are added, published, unpublished, moved or deleted, or their tier changes:
-- learners wait.
create or replace trigger lessons_change
  before insert
    or update of is_published, is_available, course_id, course_level_id, difficulty
    or delete on learn.lessons
  for each statement
  execute function learn_internal.change_content();
comment on trigger lessons_change on learn.lessons is 'A change has learners wait.';

-- triggers/catalog/lessons_deleted.sql

-- When lessons are deleted, alone or with their level: progress in their courses follows.
-- (Tracks hear of it from the rows of track_lessons that go with them.)
create or replace function learn_internal.lessons_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct o.course_id))
  from old_rows o
  where o.course_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_deleted() is
  'Statement trigger: recounts courses that lost lessons.';
revoke all on function learn_internal.lessons_deleted() from public;

create or replace trigger lessons_deleted
  after delete on learn.lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.lessons_deleted();
comment on trigger lessons_deleted on learn.lessons is 'Recounts the courses.';

-- triggers/catalog/lessons_inserted.sql

-- When lessons are added to courses: progress follows.
create or replace function learn_internal.lessons_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct n.course_id))
  from new_rows n
  where n.course_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_inserted() is
  'Statement trigger: recounts courses that got lessons.';
revoke all on function learn_internal.lessons_inserted() from public;

create or replace trigger lessons_inserted
  after insert on learn.lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.lessons_inserted();
comment on trigger lessons_inserted on learn.lessons is 'Recounts the courses.';

-- triggers/catalog/lessons_updated.sql

-- When lessons change: one that is published, unpublished or moved changes the percentages of its
-- courses and tracks, and one that is published is complete for those who have solved its
-- exercises already.
create or replace function learn_internal.lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_course_ids bigint[];
begin
  select array_agg(distinct c.course_id) into v_course_ids
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.course_id), (o.course_id)) c(course_id)
  where c.course_id is not null
    and (n.is_published, n.is_available, n.course_id, n.course_level_id, n.difficulty)
      is distinct from (o.is_published, o.is_available, o.course_id, o.course_level_id, o.difficulty);
  -- What there is to complete comes first: what is completed then is counted on top of it.
  if v_course_ids is not null then
    perform learn_internal.count_courses(v_course_ids);
  end if;

  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from (
    select i.track_id
    from new_rows n
    join old_rows o on o.id = n.id
    join learn.track_lessons i on i.lesson_id = n.id
    where n.is_available <> o.is_available
    union
    select c.track_id
    from learn.courses c
    where c.id = any (v_course_ids) and c.track_id is not null
  ) t
  having count(*) > 0;

  if v_course_ids is not null then
    perform learn_internal.refresh_courses(v_course_ids);
  end if;

  perform learn_internal.refresh_lessons(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_available
    and (not o.is_available
      or (n.course_id, n.course_level_id) is distinct from (o.course_id, o.course_level_id))
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_updated() is
  'Statement trigger: recounts courses and tracks of published, unpublished and moved lessons.';
revoke all on function learn_internal.lessons_updated() from public;

create or replace trigger lessons_updated
  after update on learn.lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lessons_updated();
comment on trigger lessons_updated on learn.lessons is 'Recounts courses and tracks.';

create or replace trigger lessons_touch
  before update on learn.lessons
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger lessons_touch on learn.lessons is 'Keeps updated_at.';

-- triggers/catalog/place_lessons.sql

-- When a lesson of a course is written, or one is unpublished: the course follows from the level,
-- and is_available from what is published.
create or replace function learn_internal.place_lessons()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_open   boolean := true;
  v_course_id bigint;
begin
  if tg_op = 'UPDATE' and new.course_level_id <> coalesce(old.course_level_id, 0)
    and new.course_id = old.course_id
  then
    new.course_id := null;  -- moved by its level alone
  end if;
  if new.course_level_id is not null then
    select v.is_published, v.course_id into v_is_open, v_course_id
    from learn.course_levels v
    where v.id = new.course_level_id;
    new.course_id := coalesce(new.course_id, v_course_id);
  end if;
  if new.course_id is not null then
    select coalesce(v_is_open and c.is_published, false) into v_is_open
    from learn.courses c
    where c.id = new.course_id;
  end if;
  new.is_available := new.is_published and coalesce(v_is_open, false);
  return new;
end;
$$;
comment on function learn_internal.place_lessons() is
  'Row trigger: a lesson belongs to the course of its level, and is available when all is published.';
revoke all on function learn_internal.place_lessons() from public;

create or replace trigger place_lessons
  before insert on learn.lessons
  for each row
  when (new.course_id is not null or new.course_level_id is not null
    or new.is_available <> new.is_published)
  execute function learn_internal.place_lessons();
comment on trigger place_lessons on learn.lessons is 'Keeps course_id and is_available.';

create or replace trigger move_lessons
  before update on learn.lessons
  for each row
  when (new.course_id is not null or new.course_level_id is not null
    or new.is_available <> new.is_published)
  execute function learn_internal.place_lessons();
comment on trigger move_lessons on learn.lessons is 'Keeps course_id and is_available.';

-- triggers/operations/settings_updated.sql

-- When settings change: levels of courses that are complete by the new level_completion_policy
-- are completed. Those that were stay so.
create or replace function learn_internal.settings_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from new_rows n
    join old_rows o on o.key = n.key
    where n.key = 'level_completion_policy' and n.value <> o.value)
  then
    lock table learn_internal.content_lock in exclusive mode;
    update learn_internal.content_lock set version = version + 1;
    perform learn_internal.refresh_courses(array_agg(distinct v.course_id))
    from learn.course_levels v having count(*) > 0;
  end if;
  return null;
end;
$$;
comment on function learn_internal.settings_updated() is
  'Statement trigger: applies a change of level_completion_policy.';
revoke all on function learn_internal.settings_updated() from public;

create or replace trigger settings_updated
  after update on learn.platform_settings
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.settings_updated();
comment on trigger settings_updated on learn.platform_settings is
  'Applies a change of level_completion_policy.';

-- triggers/progress/course_progress_deleted.sql

-- When enrolments are deleted, alone or with the course: the tracks concerned are recounted.
create or replace function learn_internal.course_progress_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
begin
  select array_agg(distinct d.user_id), array_agg(distinct c.track_id) into v_user_ids, v_track_ids
  from deleted_rows d
  join learn.courses c on c.id = d.course_id and c.track_id is not null
  join learn.users u on u.id = d.user_id
  where d.completed_at is not null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$$;
comment on function learn_internal.course_progress_deleted() is
  'Statement trigger: recounts the tracks of deleted enrolments.';
revoke all on function learn_internal.course_progress_deleted() from public;

create or replace trigger course_progress_deleted
  after delete on learn.user_course_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.course_progress_deleted();
comment on trigger course_progress_deleted on learn.user_course_progress is 'Recounts tracks.';

-- triggers/progress/course_progress_inserted.sql

-- When users are enrolled: required prerequisites must be completed, enrolling is a fact, the first
-- level is unlocked, and lessons of the course that were completed before count.
-- Errors: LX006 a required prerequisite is not completed.
create or replace function learn_internal.course_progress_inserted()
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
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_missing    record;
  v_done       record;
begin
  select array_agg(n.user_id), array_agg(n.course_id) into v_user_ids, v_course_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  perform learn_internal.write_facts(array_agg(
    (n.user_id, 'course_enrolled', 'course', n.course_id::text,
      jsonb_build_object('slug', c.slug), null, n.enrolled_at)::learn_internal.fact
    order by n.user_id, n.enrolled_at, n.course_id))
  from new_rows n
  join learn.courses c on c.id = n.course_id;

  perform learn_internal.settle_courses(v_user_ids, v_course_ids);

  -- Lessons that were solved while the prerequisites were not met
  select array_agg(n.user_id) as user_ids, array_agg(l.id) as lesson_ids
  into v_done
  from new_rows n
  join learn.lessons l on l.course_id = n.course_id and l.course_level_id is null and l.is_available
  where exists (
    select from learn.exercises e
    join learn.user_exercise_progress x
      on x.user_id = n.user_id and x.exercise_id = e.id and x.solved_at is not null
    where e.lesson_id = l.id and e.is_published)
    and not exists (
      select from learn.user_lesson_progress p
      where p.user_id = n.user_id and p.lesson_id = l.id and p.completed_at is not null);
  if v_done.user_ids is not null then
    perform learn_internal.complete_solved_lessons(v_done.user_ids, v_done.lesson_ids);
  end if;

  -- A completion that was brought along, by an import
  select array_agg(n.user_id) as user_ids, array_agg(n.course_id) as course_ids,
    array_agg(n.completed_at) as at
  into v_done
  from new_rows n
  where n.completed_at is not null;
  if v_done.user_ids is not null then
    perform learn_internal.complete_courses(v_done.user_ids, v_done.course_ids, v_done.at);
  end if;

  -- Last, because the statement may bring what it asks for
  select n.user_id, c.slug, string_agg(r.slug, ', ' order by r.slug) as prerequisites
  into v_missing
  from new_rows n
  join learn.courses c on c.id = n.course_id
  join learn_internal.course_requirements r on r.course_id = n.course_id
  where not exists (
    select from learn.user_course_progress p
    where p.user_id = n.user_id and p.course_id = r.prerequisite_course_id
      and p.completed_at is not null)
  group by n.user_id, c.slug
  limit 1;
  if found then
    raise exception 'the prerequisites of the course are not met'
      using errcode = 'LX006',
        detail = format('user_id = %s, course %s needs: %s',
          v_missing.user_id, v_missing.slug, v_missing.prerequisites),
        hint = 'Complete these courses first.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.course_progress_inserted() is
  'Statement trigger: enrolments are checked (LX006), become facts, and unlock the first level.';
revoke all on function learn_internal.course_progress_inserted() from public;

create or replace trigger course_progress_inserted
  after insert on learn.user_course_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.course_progress_inserted();
comment on trigger course_progress_inserted on learn.user_course_progress is
  'Checks prerequisites, writes facts, unlocks the first level.';

-- triggers/progress/lesson_progress_deleted.sql

-- When lesson progress is deleted, alone or with its lesson: the courses
-- and tracks concerned are recounted.
create or replace function learn_internal.lesson_progress_deleted()
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
  v_user_ids   uuid[];
  v_track_ids  bigint[];
  v_course_ids bigint[];
begin
  select array_agg(distinct d.user_id), array_agg(distinct i.track_id),
    array_agg(distinct l.course_id)
  into v_user_ids, v_track_ids, v_course_ids
  from deleted_rows d
  join learn.lessons l on l.id = d.lesson_id
  join learn.users u on u.id = d.user_id
  left join lateral (
    select t.track_id from learn_internal.track_items t
    where t.item_type = 'lesson' and t.item_id = d.lesson_id and d.completed_at is not null
    offset 0  -- keeps this a query by key
  ) i on true
  where i.track_id is not null or l.course_id is not null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.settle_courses(v_user_ids, v_course_ids);
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_deleted() is
  'Statement trigger: recounts the courses and tracks of deleted lesson progress.';
revoke all on function learn_internal.lesson_progress_deleted() from public;

create or replace trigger lesson_progress_deleted
  after delete on learn.user_lesson_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.lesson_progress_deleted();
comment on trigger lesson_progress_deleted on learn.user_lesson_progress is 'Recounts courses and tracks.';

-- triggers/progress/lesson_progress_inserted.sql

-- When lesson progress is written: started lessons are facts, and completed ones
-- pay and move their tracks.
create or replace function learn_internal.lesson_progress_inserted()
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
  v_completions learn_internal.completion[];
  v_user_ids    uuid[];
  v_lesson_ids  bigint[];
  v_at          timestamptz[];
  v_started     bigint;
  v_is_perfect  boolean;
  v_has_time    boolean;
begin
  select
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion),
    array_agg(n.user_id), array_agg(n.lesson_id), array_agg(n.completed_at),
    count(n.started_at), bool_or(n.score = 100), bool_or(n.time_spent_seconds > 0)
  into v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect, v_has_time
  from new_rows n;
  if v_started > 0 or v_has_time then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.touch_courses(
      array_agg((n.user_id, n.lesson_id, coalesce(n.time_spent_seconds, 0),
        greatest(n.started_at, n.completed_at))::learn_internal.lesson_time))
    from new_rows n
    where n.time_spent_seconds > 0 or n.started_at is not null;
  end if;
  if v_started > 0 then
    perform learn_internal.write_lesson_starts(
      array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event))
    from new_rows n
    where n.started_at is not null;
  end if;
  if array_position(v_at, null) is not null then
    select array_agg(c), array_agg(c.user_id), array_agg(c.lesson_id), array_agg(c.completed_at)
    into v_completions, v_user_ids, v_lesson_ids, v_at
    from unnest(v_completions) c
    where c.completed_at is not null;
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_inserted() is
  'Statement trigger: facts of started lessons; completed ones pay and move their tracks.';
revoke all on function learn_internal.lesson_progress_inserted() from public;

create or replace trigger lesson_progress_inserted
  after insert on learn.user_lesson_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_inserted();
comment on trigger lesson_progress_inserted on learn.user_lesson_progress is
  'Started and completed lessons become facts.';

-- triggers/progress/lesson_progress_updated.sql

-- When lesson progress changes: what has become started or completed by the change
-- is treated like new rows.
create or replace function learn_internal.lesson_progress_updated()
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
  v_completions learn_internal.completion[];
  v_user_ids    uuid[];
  v_lesson_ids  bigint[];
  v_at          timestamptz[];
  v_starts      learn_internal.lesson_event[];
  v_started     bigint;
  v_is_perfect  boolean;
  v_touched     learn_internal.lesson_time[];
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  select
    array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event)
      filter (where n.started_at is not null and o.started_at is null),
    array_agg((n.user_id, n.lesson_id,
        coalesce(n.time_spent_seconds, 0) - coalesce(o.time_spent_seconds, 0),
        greatest(
          case when o.started_at is null then n.started_at end,
          case when o.completed_at is null then n.completed_at end))::learn_internal.lesson_time)
      filter (where n.time_spent_seconds is distinct from o.time_spent_seconds
        or n.started_at is not null and o.started_at is null),
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion)
      filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.user_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.lesson_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.completed_at) filter (where n.completed_at is not null and o.completed_at is null),
    count(n.started_at), bool_or(n.score = 100)
  into v_starts, v_touched, v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.lesson_id = n.lesson_id;
  if v_touched is not null and v_user_ids is not null then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s where s.user_id in (select n.user_id from new_rows n)
    order by s.user_id for no key update;
  end if;
  if v_touched is not null then
    perform learn_internal.touch_courses(v_touched);
  end if;
  if v_starts is not null then
    perform learn_internal.write_lesson_starts(v_starts);
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_updated() is
  'Statement trigger: lessons that a change has started or completed become facts.';
revoke all on function learn_internal.lesson_progress_updated() from public;

create or replace trigger lesson_progress_updated
  after update on learn.user_lesson_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_updated();
comment on trigger lesson_progress_updated on learn.user_lesson_progress is
  'Started and completed lessons become facts.';

-- triggers/progress/user_course_progress_hold.sql

-- Before users are enrolled: content is held.
create or replace trigger user_course_progress_hold
  before insert or update on learn.user_course_progress
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger user_course_progress_hold on learn.user_course_progress is
  'Keeps content as it is.';

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

-- views/catalog/course_catalog.sql

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
comment on view learn.course_catalog is
  'Published courses with prerequisites, lesson counts, enrolments and ratings.';
comment on column learn.course_catalog.prerequisites is
  '[{"course_id": 1, "slug": "…", "title": "…", "is_required": true}, …]: published ones, '
  'required ones first.';
comment on column learn.course_catalog.average_rating is '1 to 5; null while there is none.';
grant select on learn.course_catalog to learn_app, learn_readonly;

-- views/identity/user_dashboard.sql

-- What a user's home page shows, one row per user. The streak is as of the user's today.
create or replace view learn.user_dashboard as
select u.id as user_id, u.username, u.display_name, u.avatar_url, u.avatar_emoji,
  v.slug as selected_avatar,
  s.total_xp, s.current_level, s.total_xp - l.min_xp as xp_in_level,
  n.min_xp - s.total_xp as xp_to_next_level,
  learn.calculate_user_streak(u.id) as current_streak, s.longest_streak,
  s.active_days, s.last_activity_date, s.streak_freezes,
  (select count(*) from learn.user_lesson_progress p
    where p.user_id = u.id and p.completed_at is not null) as lessons_completed,
  (select count(*) from learn.user_track_progress p
    where p.user_id = u.id and p.completed_at is not null) as tracks_completed,
  (select count(*) from learn.user_achievements a where a.user_id = u.id) as achievements_earned,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
      'slug', r.slug, 'name', r.name, 'icon', r.icon, 'rarity', r.rarity, 'earned_at', r.earned_at)
        order by r.id desc), '[]')
    from (
      select e.id, e.earned_at, a.slug, a.name, a.icon, a.rarity
      from learn.user_achievements e
      join learn.achievements a on a.id = e.achievement_id
      where e.user_id = u.id
      order by e.id desc
      limit 5
    ) r
  ) as recent_achievements,
  (select count(*) from learn.user_course_progress p where p.user_id = u.id) as courses_enrolled,
  (select count(*) from learn.user_course_progress p
    where p.user_id = u.id and p.completed_at is not null) as courses_completed,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
        'slug', r.slug, 'title', r.title, 'completion_percentage', r.completion_percentage,
        'last_activity_at', r.last_activity_at)
      order by r.last_activity_at desc nulls last, r.course_id), '[]')
    from (
      select p.course_id, c.slug, learn.localized(c.translations, u.locale, 'title', c.title) as title,
        p.completion_percentage, p.last_activity_at
      from learn.user_course_progress p
      join learn.courses c on c.id = p.course_id and c.is_published
      where p.user_id = u.id and p.completed_at is null
      order by p.last_activity_at desc nulls last, p.course_id
      limit 5
    ) r
  ) as current_courses
from learn.users u
join learn.user_stats s on s.user_id = u.id
left join learn.avatars v on v.id = u.selected_avatar_id
left join learn.level_thresholds l on l.level = s.current_level
left join learn.level_thresholds n on n.level = s.current_level + 1;
comment on view learn.user_dashboard is
  'One row per user for a home page: XP, level, streak as of the user''s today, counts, '
  'the five newest achievements.';
comment on column learn.user_dashboard.xp_to_next_level is 'Null on the highest level.';
comment on column learn.user_dashboard.current_courses is
  'The five courses under way with the latest activity: [{"slug": "…", "title": "…", '
  '"completion_percentage": 40.00, "last_activity_at": "…"}, …], in the user''s language.';
grant select on learn.user_dashboard to learn_app, learn_readonly;

-- views/progress/completed_items.sql

-- What users have completed, whatever kind of item: the other half of the definition
-- of a track's progress.
create or replace view learn_internal.completed_items as
select p.user_id, 'lesson' as item_type, p.lesson_id as item_id, p.completed_at
from learn.user_lesson_progress p
where p.completed_at is not null
union all
select p.user_id, 'course', p.course_id, p.completed_at
from learn.user_course_progress p
where p.completed_at is not null;
comment on view learn_internal.completed_items is 'The items of tracks that users have completed.';

-- views/progress/course_xp.sql

-- XP that users have earned in courses: lessons, levels and completions, from the ledger.
-- Filter by user_id: the condition reaches the ledger.
create or replace view learn.course_xp as
select x.user_id, x.course_id, sum(x.amount)::bigint as xp_earned
from (
  select t.user_id, l.course_id, t.amount
  from learn.xp_transactions t
  join learn.lessons l on l.id::text = t.source_id and l.course_id is not null
  where t.source_type in ('lesson_completed', 'lesson_perfect')
  union all
  select t.user_id, v.course_id, t.amount
  from learn.xp_transactions t
  join learn.course_levels v on v.id::text = t.source_id
  where t.source_type = 'level_completed'
  union all
  select t.user_id, c.id, t.amount
  from learn.xp_transactions t
  join learn.courses c on c.id::text = t.source_id
  where t.source_type = 'course_completed'
) x
group by x.user_id, x.course_id;
comment on view learn.course_xp is
  'XP earned per user and course: its lessons, its levels and its completion.';
grant select on learn.course_xp to learn_app, learn_readonly;

reset role;
