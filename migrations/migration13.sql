-- Quizzes: a question bank, attempts graded by the database, and avatars to choose.

set role learn_owner;

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('question_answered_correctly', 'The user answered a quiz question correctly.', true, false),
  ('quiz_completed', 'The user completed a quiz.', true, false),
  ('quiz_perfect', 'The user answered every question of a quiz correctly.', true, false)
-- they stay when this is rolled back, because facts of theirs may be in the log
on conflict (key) do nothing;

insert into learn.platform_settings (key, value, value_type, description) values
  ('quiz_minimum_questions', '5', 'number',
    'Questions that a quiz needs to count as perfect or of a high score.'),
  ('quiz_high_score_percentage', '90', 'number',
    'Percentage from which a quiz counts as one of a high score.'),
  ('quiz_maximum_questions', '500', 'number', 'Questions that a quiz may have.');

create table learn.exam_types (
  key         text primary key,
  name        text not null,
  description text not null default '',
  constraint exam_type_key_is_a_slug check (key ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint name_is_not_blank check (name ~ '\S')
);
comment on table learn.exam_types is 'Exams that questions and quizzes are for.';
grant select on learn.exam_types to learn_app, learn_readonly;

-- functions/quizzes/options_problem.sql
-- What is wrong with the options of a question; null when nothing is. Two to four options under
-- the letters A to D, each with a text and perhaps an explanation; the correct answer is one of them.
create or replace function learn_internal.options_problem(p_options jsonb, p_correct_answer text)
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$
  select case
    when jsonb_typeof(p_options) is distinct from 'object'
      then 'the options are not a JSON object'
    when jsonb_path_exists(p_options, 'strict $.keyvalue() ? (!(@.key like_regex "^[A-D]$"))')
      then 'the options have other keys than A, B, C and D'
    when (select count(*) from jsonb_object_keys(p_options)) < 2
      then 'there are fewer than two options'
    when jsonb_path_exists(p_options, 'strict $.* ? (@.type() != "object")')
      or (select count(*) from jsonb_each(p_options) o
        where o.value ->> 'text' ~ '\S' and jsonb_typeof(o.value -> 'text') = 'string')
        < (select count(*) from jsonb_object_keys(p_options))
      then 'an option has no text'
    when jsonb_path_exists(p_options,
        'strict $.*.keyvalue() ? (@.key == "explanation" && @.value.type() != "string"
          && @.value.type() != "null")')
      then 'an explanation is not a text'
    when p_correct_answer is null or not p_options ? p_correct_answer
      then 'the correct answer is none of the options'
  end;
$$;
comment on function learn_internal.options_problem(jsonb, text) is
  'What is wrong with the options of a question; null when nothing is.';
revoke all on function learn_internal.options_problem(jsonb, text) from public;

create table learn.questions (
  id             bigint generated always as identity primary key,
  exam_type      text not null references learn.exam_types on update cascade,
  external_id    text,
  domain         text not null default '',
  question_text  text not null,
  correct_answer text not null,
  options        jsonb not null,
  is_active      boolean not null default true,
  created_at     timestamptz not null default learn.clock(),
  updated_at     timestamptz not null default learn.clock(),
  constraint questions_external_id_is_unique unique (exam_type, external_id),
  constraint question_is_not_blank check (question_text ~ '\S'),
  constraint correct_answer_is_a_letter check (correct_answer in ('A', 'B', 'C', 'D')),
  constraint options_make_sense check (
    learn_internal.options_problem(options, correct_answer) is null)
);
comment on table learn.questions is
  'The question bank. Editing a question does not change how earlier answers were graded.';
comment on column learn.questions.external_id is
  'The question''s id where it comes from: import_questions() updates by it.';
comment on column learn.questions.domain is 'Part of the exam that it belongs to, such as 1.1.';
comment on column learn.questions.options is
  '{"A": {"text": "…", "explanation": "…"}, "B": …}: two to four, A to D.';
comment on column learn.questions.is_active is 'False: no quiz may ask it any more (LX004).';
create index questions_domain on learn.questions (exam_type, domain);
grant select on learn.questions to learn_app, learn_readonly;

create table learn.quiz_attempts (
  user_id            uuid not null references learn.users on delete cascade,
  id                 bigint generated always as identity,
  exam_type          text not null references learn.exam_types on update cascade,
  total_questions    integer not null,
  correct_answers    integer not null,
  score_percentage   numeric(5, 2) not null generated always as (
    -- of nonsense it is some percentage too, so that the constraints below say what is wrong
    round(100.0 * greatest(0, least(correct_answers, total_questions))
      / greatest(1, total_questions), 2)) stored,
  time_taken_seconds integer,
  xp_earned          integer not null default 0,
  completed_at       timestamptz not null default learn.clock(),
  primary key (user_id, id),
  constraint total_questions_are_positive check (total_questions > 0),
  constraint correct_answers_are_answers check (correct_answers between 0 and total_questions),
  constraint time_taken_is_not_negative check (time_taken_seconds >= 0),
  constraint xp_earned_is_not_negative check (xp_earned >= 0)
) with (fillfactor = 90);
comment on table learn.quiz_attempts is
  'Completed quizzes. Inserting one pays for the correct answers and, when perfect, for that.';
comment on column learn.quiz_attempts.score_percentage is 'Correct answers in percent, 0 to 100.';
comment on column learn.quiz_attempts.time_taken_seconds is 'Time for the quiz, in seconds.';
comment on column learn.quiz_attempts.xp_earned is
  'XP that the answers and a perfect score paid, within caps for the day.';
create index quiz_attempts_score
  on learn.quiz_attempts (exam_type, score_percentage, completed_at, user_id);
create index quiz_attempts_history on learn.quiz_attempts (user_id, completed_at);
grant select on learn.quiz_attempts to learn_app, learn_readonly;

create table learn.user_answers (
  user_id            uuid not null references learn.users on delete cascade,
  quiz_attempt_id    bigint not null,
  position           integer not null,
  question_id        bigint references learn.questions on delete set null,
  user_answer        text,
  correct_answer     text not null,
  is_correct         boolean not null,
  time_spent_seconds integer,
  answered_at        timestamptz not null default learn.clock(),
  primary key (user_id, quiz_attempt_id, position),
  constraint user_answers_attempt_fkey foreign key (user_id, quiz_attempt_id)
    references learn.quiz_attempts (user_id, id) on delete cascade,
  constraint user_answer_is_a_letter check (user_answer in ('A', 'B', 'C', 'D')),
  constraint correct_answer_is_a_letter check (correct_answer in ('A', 'B', 'C', 'D')),
  constraint is_correct_says_so check (is_correct = coalesce(user_answer = correct_answer, false)),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0)
);
comment on table learn.user_answers is
  'The answers of a quiz, graded by the database when they are written.';
comment on column learn.user_answers.position is 'Place in the quiz, 1 first.';
comment on column learn.user_answers.question_id is 'Null: the question was deleted since.';
comment on column learn.user_answers.user_answer is 'Null: skipped, which counts as wrong.';
comment on column learn.user_answers.correct_answer is
  'What was correct when it was answered; from questions, not from the caller.';
comment on column learn.user_answers.time_spent_seconds is 'Time for the question, in seconds.';
create unique index user_answers_ask_once
  on learn.user_answers (user_id, quiz_attempt_id, question_id);
create index user_answers_question on learn.user_answers (question_id, is_correct, user_id);
grant select on learn.user_answers to learn_app, learn_readonly;

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
set search_path = ''
as $$
declare
  v_selected bigint;
begin
  select u.selected_avatar_id into v_selected from learn.users u where u.id = p_user_id;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
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
revoke all on function learn.avatar_collection(uuid) from public;
grant execute on function learn.avatar_collection(uuid) to learn_app, learn_readonly;

-- functions/identity/select_avatar.sql

-- Selects the avatar that a user shows: a default one, or one that the user has unlocked;
-- null: none.
-- Errors: LX001, LX002, LX003 unknown avatar, LX004 user inactive, LX010 not the user's, LX013.
create or replace function learn.select_avatar(
  p_user_id         uuid,
  p_avatar_id       bigint,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = ''
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'select_avatar', p_user_id, jsonb_build_object('avatar_id', p_avatar_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if p_avatar_id is not null and not exists (
    select from learn.avatars a where a.id = p_avatar_id)
  then
    raise exception 'unknown avatar'
      using errcode = 'LX003', detail = format('p_avatar_id = %s', p_avatar_id),
        hint = 'Look the avatar up in learn.avatars.';
  end if;
  update learn.users u set selected_avatar_id = p_avatar_id
  where u.id = p_user_id and u.selected_avatar_id is distinct from p_avatar_id;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.select_avatar(uuid, bigint, timestamptz, text) is
  'Selects the avatar that a user shows: a default one or one of the user''s own; null: none.';
revoke all on function learn.select_avatar(uuid, bigint, timestamptz, text) from public;
grant execute on function learn.select_avatar(uuid, bigint, timestamptz, text) to learn_app;

-- functions/operations/check_integrity.sql

-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language sql
stable
security definer
set search_path = ''
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

  -- quizzes
  union all
  select 'quizzes_are_facts', a.user_id, format('a fact for quiz %s', a.id), 'none'
  from learn.quiz_attempts a
  left join learn.activity_log f on f.user_id = a.user_id and f.activity_type = 'quiz_completed'
    and f.subject_type = 'quiz' and f.subject_id = a.id::text
  where f.id is null
  union all
  select 'quiz_answers_add_up', a.user_id,
    format('quiz %s: %s of %s', a.id, s.correct, s.answers),
    format('quiz %s: %s of %s', a.id, a.correct_answers, a.total_questions)
  from learn.quiz_attempts a
  join (
    select w.user_id, w.quiz_attempt_id, count(*) as answers,
      count(*) filter (where w.is_correct) as correct
    from learn.user_answers w
    group by w.user_id, w.quiz_attempt_id
  ) s on s.user_id = a.user_id and s.quiz_attempt_id = a.id
  where (s.correct, s.answers) <> (a.correct_answers, a.total_questions)

  -- progress
  union all
  select 'solved_lessons_are_completed', v.user_id,
    format('lesson %s completed', v.lesson_id), 'not completed'
  from learn_internal.solved_lessons v
  where not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
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

-- functions/quizzes/import_problems.sql

-- What is wrong with questions to import, a line for each bad row, by its number from 1.
create or replace function learn_internal.import_problems(p_questions jsonb)
returns setof text
language sql
stable
set search_path = ''
as $$
  select format('row %s: %s', p.position, p.problem)
  from (
    select e.position, case
      when jsonb_typeof(e.row) <> 'object' then 'it is not an object'
      when coalesce(e.row ->> 'external_id', '') !~ '\S' then 'it has no external_id'
      when length(e.row ->> 'external_id') > 200
        then 'its external_id has more than 200 characters'
      when t.key is null
        then format('there is no exam %s', coalesce(left(e.row ->> 'exam_type', 40), 'null'))
      when coalesce(e.row ->> 'question_text', '') !~ '\S' then 'it has no question_text'
      when coalesce(e.row ->> 'correct_answer', '') not in ('A', 'B', 'C', 'D')
        then 'its correct_answer is not one of A, B, C, D'
      when e.earlier > 0 then format('%s was there before', e.row ->> 'external_id')
      else learn_internal.options_problem(e.row -> 'options', e.row ->> 'correct_answer')
    end as problem
    from (
      select r.row, r.position, row_number() over (
        partition by r.row ->> 'exam_type', r.row ->> 'external_id' order by r.position) - 1 as earlier
      from jsonb_array_elements(
        case when jsonb_typeof(p_questions) = 'array' then p_questions else '[]' end)
        with ordinality r(row, position)
    ) e
    left join learn.exam_types t on t.key = e.row ->> 'exam_type'
  ) p
  where p.problem is not null
  order by p.position;
$$;
comment on function learn_internal.import_problems(jsonb) is
  'What is wrong with questions to import, a line for each bad row.';
revoke all on function learn_internal.import_problems(jsonb) from public;

-- functions/quizzes/import_questions.sql

-- Imports questions: new ones are added, ones of the same exam and external_id brought up to date.
-- All or nothing. From CSV: learn.import_questions(learn.questions_from_csv(…)).
-- Errors: LX001 not an array, or bad rows, named by their numbers.
create or replace function learn.import_questions(
  p_questions jsonb, out inserted integer, out updated integer, out unchanged integer
)
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = ''
as $$
declare
  v_problems text[];
begin
  if jsonb_typeof(p_questions) is distinct from 'array' then
    v_problems := array['it is not an array'];
  else
    select array_agg(p) into v_problems from learn_internal.import_problems(p_questions) p;
  end if;
  if v_problems is not null then
    raise exception 'the questions cannot be imported'
      using errcode = 'LX001',
        detail = array_to_string(v_problems[1:20], E'\n')
          || case when cardinality(v_problems) > 20
            then format(E'\nand %s more', cardinality(v_problems) - 20) else '' end,
        hint = 'Nothing was imported. Rows are {"exam_type": …, "external_id": …, "domain": …, '
          '"question_text": …, "correct_answer": "A", "options": {"A": {"text": …, '
          '"explanation": …}, …}}.';
  end if;

  with rows as (
    select r.row ->> 'exam_type' as exam_type, r.row ->> 'external_id' as external_id,
      coalesce(r.row ->> 'domain', '') as domain, r.row ->> 'question_text' as question_text,
      r.row ->> 'correct_answer' as correct_answer, r.row -> 'options' as options, r.position
    from jsonb_array_elements(p_questions) with ordinality r(row, position)
  ), earlier as materialized (
    select q.exam_type, q.external_id
    from learn.questions q
    join rows r on r.exam_type = q.exam_type and r.external_id = q.external_id
  ), saved as (
    insert into learn.questions as q
      (exam_type, external_id, domain, question_text, correct_answer, options)
    select r.exam_type, r.external_id, r.domain, r.question_text, r.correct_answer, r.options
    from rows r
    order by r.position
    on conflict (exam_type, external_id) do update
      set domain = excluded.domain, question_text = excluded.question_text,
        correct_answer = excluded.correct_answer, options = excluded.options
      where (q.domain, q.question_text, q.correct_answer, q.options)
        is distinct from (excluded.domain, excluded.question_text, excluded.correct_answer,
          excluded.options)
    returning q.exam_type, q.external_id
  )
  select count(*) filter (where s.external_id is not null and e.external_id is null),
    count(*) filter (where s.external_id is not null and e.external_id is not null),
    count(*) filter (where s.external_id is null)
  into inserted, updated, unchanged
  from rows r
  left join saved s on s.exam_type = r.exam_type and s.external_id = r.external_id
  left join earlier e on e.exam_type = r.exam_type and e.external_id = r.external_id;
end;
$$;
comment on function learn.import_questions(jsonb) is
  'Imports questions, all or nothing: [{"exam_type": …, "external_id": …, "domain": …, '
  '"question_text": …, "correct_answer": "A", "options": {…}}, …]; says how many were '
  'inserted, updated and unchanged.';
revoke all on function learn.import_questions(jsonb) from public;
grant execute on function learn.import_questions(jsonb) to learn_app;

-- functions/quizzes/parse_csv.sql

-- The cells of a CSV text (RFC 4180), by line and column from 1. Lines without any text are left
-- out and not counted. Whether the text is well-formed is the caller's to check.
create or replace function learn_internal.parse_csv(p_csv text)
returns table (line integer, col integer, cell text)
language sql
immutable
parallel safe
set search_path = ''
as $$
  with tokens as (
    select t.match, t.position
    from regexp_matches(
      regexp_replace(p_csv, '^\uFEFF', '') || E'\n',
      '(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r)', 'g') with ordinality t(match, position)
  ), placed as (
    select k.match, k.position,
      1 + count(*) filter (where k.match[3] <> ',') over (
        order by k.position rows between unbounded preceding and 1 preceding) as line
    from tokens k
  ), cells as (
    select p.line, p.position, coalesce(replace(p.match[1], '""', '"'), p.match[2]) as cell
    from placed p
  ), said as (
    select c.*, bool_or(c.cell ~ '\S') over (partition by c.line) as has_text
    from cells c
  )
  select dense_rank() over (order by s.line)::integer,
    row_number() over (partition by s.line order by s.position)::integer, s.cell
  from said s
  where s.has_text;
$$;
comment on function learn_internal.parse_csv(text) is 'The cells of a CSV text, by line and column.';
revoke all on function learn_internal.parse_csv(text) from public;

-- functions/quizzes/questions_from_csv.sql

-- Questions in CSV, as import_questions() takes them. The first line names the columns: question_id
-- (or external_id), exam_type, domain, question_text (or question), correct_answer,
-- option_a … option_d, explanation_a … explanation_d, in any order. Fields with commas,
-- quotes or line breaks are quoted.
-- Errors: LX001 malformed CSV, unknown or repeated columns, a row with too many cells.
create or replace function learn.questions_from_csv(p_csv text)
returns jsonb
language plpgsql
immutable
parallel safe
security definer                  -- learn_internal is not for backends
set search_path = ''
as $$
declare
  v_problem   text;
  v_questions jsonb;
begin
  -- What the parser would not match is malformed: a quote that is open, or in a bare field.
  if coalesce(regexp_replace(p_csv, '^\uFEFF', ''), '') !~ '\S' then
    v_problem := 'it is empty';
  elsif regexp_replace(regexp_replace(p_csv, '^\uFEFF', '') || E'\n',
    '(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r)', '', 'g') <> ''
  then
    v_problem := 'a quote is open, or stands inside a field that is not quoted';
  end if;

  if v_problem is null then
    with cells as materialized (
      select c.line, c.col, c.cell from learn_internal.parse_csv(p_csv) c
    ), header as (
      select c.col, case lower(trim(c.cell))
        when 'question_id' then 'external_id' when 'question' then 'question_text'
        else lower(trim(c.cell)) end as name
      from cells c
      where c.line = 1
    ), problems as (
      select format('unknown column %L', h.name) as problem, 1 as rank
      from header h
      where h.name not in ('external_id', 'exam_type', 'domain', 'question_text', 'correct_answer')
        and h.name !~ '^(option|explanation)_[a-d]$'
      union all
      select format('column %L is there twice', h.name), 2
      from header h group by h.name having count(*) > 1
      union all
      select format('row %s has more cells than there are columns', c.line - 1), 3
      from cells c
      where c.line > 1 and c.col > (select max(h.col) from header h)
    ), rows as (
      select c.line, jsonb_object_agg(h.name, c.cell)
        filter (where h.name !~ '_[a-d]$' and c.cell <> '') as plain,
        jsonb_object_agg(upper(right(h.name, 1)), c.cell)
          filter (where h.name like 'option\__' and c.cell <> '') as options,
        jsonb_object_agg(upper(right(h.name, 1)), c.cell)
          filter (where h.name like 'explanation\__' and c.cell <> '') as explanations
      from cells c
      join header h on h.col = c.col
      where c.line > 1
      group by c.line
    )
    select (select p.problem from problems p order by p.rank, p.problem limit 1),
      (
        select coalesce(jsonb_agg(
          coalesce(r.plain, '{}') || jsonb_build_object('options', (
            select coalesce(jsonb_object_agg(o.key, jsonb_strip_nulls(jsonb_build_object(
              'text', o.value, 'explanation', r.explanations -> o.key))), '{}')
            from jsonb_each(r.options) o))
          order by r.line), '[]')
        from rows r
      )
    into v_problem, v_questions;
  end if;
  if v_problem is not null then
    raise exception 'the CSV cannot be read'
      using errcode = 'LX001', detail = v_problem,
        hint = 'The first line names the columns: question_id, exam_type, domain, question_text, '
          'correct_answer, option_a … option_d, explanation_a … explanation_d.';
  end if;
  return v_questions;
end;
$$;
comment on function learn.questions_from_csv(text) is
  'Questions in CSV (columns question_id, exam_type, domain, question_text, correct_answer, '
  'option_a … option_d, explanation_a … explanation_d) as import_questions() takes them.';
revoke all on function learn.questions_from_csv(text) from public;
grant execute on function learn.questions_from_csv(text) to learn_app;

-- functions/quizzes/quiz_problem.sql

-- What is wrong with the answers of a quiz, the first of it, in words; null when nothing is.
create or replace function learn_internal.quiz_problem(p_exam_type text, p_answers jsonb)
returns text
language sql
stable
set search_path = ''
as $$
  select format('answer %s: %s', p.position, p.problem)
  from (
    select a.position, case
      when jsonb_typeof(a.answer) <> 'object' then 'it is not an object'
      when jsonb_typeof(a.answer -> 'question_id') is distinct from 'number'
        or a.answer ->> 'question_id' !~ '^[0-9]{1,18}$'
        then format('question_id is not a number: %s', coalesce(a.answer ->> 'question_id', 'null'))
      when q.id is null then format('there is no question %s', a.answer ->> 'question_id')
      when q.exam_type is distinct from p_exam_type
        then format('question %s is of exam %s', q.id, q.exam_type)
      when not q.is_active then format('question %s is not active', q.id)
      when a.earlier > 0 then format('question %s was answered before', q.id)
      when a.answer ->> 'answer' is not null and not q.options ? (a.answer ->> 'answer')
        then format('question %s has no option %s', q.id, left(a.answer ->> 'answer', 20))
      when a.answer ->> 'time_spent_seconds' is not null
        and (jsonb_typeof(a.answer -> 'time_spent_seconds') <> 'number'
          or a.answer ->> 'time_spent_seconds' !~ '^[0-9]{1,9}$')
        then format('time_spent_seconds is no number of seconds: %s',
          left(a.answer ->> 'time_spent_seconds', 20))
    end as problem
    from (
      select e.answer, e.position,
        row_number() over (partition by e.answer -> 'question_id' order by e.position) - 1 as earlier
      from jsonb_array_elements(p_answers) with ordinality e(answer, position)
    ) a
    left join learn.questions q on q.id = case
      when a.answer ->> 'question_id' ~ '^[0-9]{1,18}$' then (a.answer ->> 'question_id')::bigint end
  ) p
  where p.problem is not null
  order by p.position
  limit 1;
$$;
comment on function learn_internal.quiz_problem(text, jsonb) is
  'What is wrong with the answers of a quiz, the first of it; null when nothing is.';
revoke all on function learn_internal.quiz_problem(text, jsonb) from public;

-- functions/quizzes/submit_quiz.sql

-- Submits a completed quiz: answers are graded by the question bank, in one statement, and paid.
-- p_answers: [{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …]; answer null: skipped,
-- which counts as wrong.
-- Errors: LX001 no answers, too many, one that makes no sense, negative time; LX002; LX003 unknown exam;
-- LX004 user inactive; LX013.
create or replace function learn.submit_quiz(
  p_user_id            uuid,
  p_exam_type          text,
  p_answers            jsonb,
  p_time_taken_seconds integer default null,
  p_occurred_at        timestamptz default null,
  p_idempotency_key    text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = ''
as $$
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'submit_quiz', p_user_id,
    jsonb_build_object('exam_type', p_exam_type, 'answers', p_answers,
      'time_taken_seconds', p_time_taken_seconds),
    p_occurred_at, p_idempotency_key);
  v_maximum integer := learn_internal.setting_number('quiz_maximum_questions');
  v_problem text;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if not exists (select from learn.exam_types e where e.key = p_exam_type) then
    raise exception 'unknown exam'
      using errcode = 'LX003', detail = format('p_exam_type = %s', coalesce(p_exam_type, 'null')),
        hint = 'Look the exam up in learn.exam_types.';
  end if;
  if jsonb_typeof(p_answers) is distinct from 'array' then
    v_problem := 'p_answers is not an array';
  elsif jsonb_array_length(p_answers) not between 1 and v_maximum then
    v_problem := format('there are %s answers', jsonb_array_length(p_answers));
  elsif p_time_taken_seconds < 0 then
    v_problem := format('p_time_taken_seconds = %s', p_time_taken_seconds);
  else
    v_problem := learn_internal.quiz_problem(p_exam_type, p_answers);
  end if;
  if v_problem is not null then
    raise exception 'the quiz makes no sense'
      using errcode = 'LX001', detail = v_problem,
        hint = format('Answers are [{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …], '
          '1 to %s of them, each question of the exam once; null is a skipped answer.', v_maximum);
  end if;

  with graded as (
    select e.position, q.id as question_id, e.answer ->> 'answer' as user_answer, q.correct_answer,
      coalesce(e.answer ->> 'answer' = q.correct_answer, false) as is_correct,
      (e.answer ->> 'time_spent_seconds')::integer as time_spent_seconds
    from jsonb_array_elements(p_answers) with ordinality e(answer, position)
    join learn.questions q on q.id = (e.answer ->> 'question_id')::bigint
  ), attempt as (
    insert into learn.quiz_attempts
      (user_id, exam_type, total_questions, correct_answers, time_taken_seconds, completed_at)
    select p_user_id, p_exam_type, count(*), count(*) filter (where g.is_correct),
      p_time_taken_seconds, v_call.occurred_at
    from graded g
    returning user_id, id, completed_at
  )
  insert into learn.user_answers
    (user_id, quiz_attempt_id, position, question_id, user_answer, correct_answer, is_correct,
     time_spent_seconds, answered_at)
  select a.user_id, a.id, g.position, g.question_id, g.user_answer, g.correct_answer, g.is_correct,
    g.time_spent_seconds, a.completed_at
  from graded g
  cross join attempt a;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_quiz(uuid, text, jsonb, integer, timestamptz, text) is
  'Submits a completed quiz, graded by the question bank: '
  '[{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …], times in seconds.';
revoke all on function learn.submit_quiz(uuid, text, jsonb, integer, timestamptz, text)
  from public;
grant execute on function learn.submit_quiz(uuid, text, jsonb, integer, timestamptz, text)
  to learn_app;

-- triggers/identity/check_avatar.sql

-- When a user shows another avatar: it must be a default one, or one that the user has unlocked.
-- Errors: LX010 the avatar is not the user's.
create or replace function learn_internal.check_avatar()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  if not exists (
    select from learn.avatars a where a.id = new.selected_avatar_id and a.is_default)
    and not exists (
    select from learn.user_avatars o
    where o.user_id = new.id and o.avatar_id = new.selected_avatar_id)
  then
    raise exception 'the avatar is not unlocked'
      using errcode = 'LX010',
        detail = format('user_id = %s, avatar_id = %s', new.id, new.selected_avatar_id),
        hint = 'Default avatars belong to everyone, others come with achievements: '
          'learn.avatar_collection().';
  end if;
  return new;
end;
$$;
comment on function learn_internal.check_avatar() is
  'Row trigger: a user shows only avatars that are the user''s (LX010).';
revoke all on function learn_internal.check_avatar() from public;

create or replace trigger check_avatar
  before update of selected_avatar_id on learn.users
  for each row
  when (new.selected_avatar_id is not null
    and new.selected_avatar_id is distinct from old.selected_avatar_id)
  execute function learn_internal.check_avatar();
comment on trigger check_avatar on learn.users is 'Only own avatars are shown (LX010).';

create or replace trigger check_first_avatar
  before insert on learn.users
  for each row
  when (new.selected_avatar_id is not null)
  execute function learn_internal.check_avatar();
comment on trigger check_first_avatar on learn.users is 'Only own avatars are shown (LX010).';

-- triggers/quizzes/fill_answers.sql

-- When an answer is written without its grade: the question says what is correct. submit_quiz()
-- grades whole quizzes at once, so that this row trigger does not fire for them.
create or replace function learn_internal.fill_answers()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  select q.correct_answer into new.correct_answer
  from learn.questions q
  where q.id = new.question_id;
  new.is_correct := coalesce(new.user_answer = new.correct_answer, false);
  return new;
end;
$$;
comment on function learn_internal.fill_answers() is
  'Row trigger: grades an answer that comes without a grade.';
revoke all on function learn_internal.fill_answers() from public;

create or replace trigger fill_answers
  before insert on learn.user_answers
  for each row
  when (new.question_id is not null and (new.correct_answer is null or new.is_correct is null))
  execute function learn_internal.fill_answers();
comment on trigger fill_answers on learn.user_answers is 'Grades what comes without a grade.';

-- triggers/quizzes/grade_answers.sql

-- When answers are written: what is correct comes from the questions, never from the writer.
create or replace function learn_internal.grade_answers()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  update learn.user_answers a
  set correct_answer = q.correct_answer,
    is_correct = coalesce(n.user_answer = q.correct_answer, false)
  from new_rows n
  join learn.questions q on q.id = n.question_id and q.correct_answer <> n.correct_answer
  where a.user_id = n.user_id and a.quiz_attempt_id = n.quiz_attempt_id
    and a.position = n.position;
  return null;
end;
$$;
comment on function learn_internal.grade_answers() is
  'Statement trigger: answers are graded by the questions, whatever their writer says.';
revoke all on function learn_internal.grade_answers() from public;

create or replace trigger grade_answers
  after insert on learn.user_answers
  referencing new table as new_rows
  for each statement
  execute function learn_internal.grade_answers();
comment on trigger grade_answers on learn.user_answers is 'Grades by the questions.';

-- triggers/quizzes/questions_touch.sql

-- When a question is changed, its updated_at says so.
create or replace trigger questions_touch
  before update on learn.questions
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger questions_touch on learn.questions is 'Keeps updated_at.';

-- triggers/quizzes/quiz_attempts_hold.sql

-- Before quizzes are written: rules are held.
create or replace trigger quiz_attempts_hold
  before insert on learn.quiz_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger quiz_attempts_hold on learn.quiz_attempts is 'Keeps rules as they are.';

-- triggers/quizzes/quizzes_completed.sql

-- When quizzes are written: the quiz, each correct answer, and a perfect score are facts, and what
-- they paid is noted with the quiz. Answers that are written by the same statement tell which
-- questions these were.
create or replace function learn_internal.quizzes_completed()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_user_ids uuid[];
  v_facts    learn_internal.fact[];
  v_minimum  numeric;
  v_high     numeric;
  v_last_id  bigint;              -- of the ledger, before
  v_now      timestamptz := learn.clock();
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  select coalesce(max(l.id), 0) into v_last_id
  from unnest(v_user_ids) u(user_id)
  cross join lateral (
    select t.id from learn.xp_transactions t
    where t.user_id = u.user_id
    order by t.id desc
    limit 1
  ) l;
  v_minimum := learn_internal.setting_number('quiz_minimum_questions');
  v_high := learn_internal.setting_number('quiz_high_score_percentage');

  with answered as (
    select a.user_id, a.quiz_attempt_id, a.question_id, q.domain,
      row_number() over (partition by a.user_id, a.quiz_attempt_id order by a.position) as number
    from new_rows n
    join learn.user_answers a on a.user_id = n.user_id and a.quiz_attempt_id = n.id
    left join learn.questions q on q.id = a.question_id
    where a.is_correct
  ), facts as (
    select n.user_id, n.id, n.completed_at, 1 as kind, g.number, 'question_answered_correctly' as type,
      jsonb_build_object('exam_type', n.exam_type, 'question_id', a.question_id,
        'domain', a.domain) as properties
    from new_rows n
    cross join lateral generate_series(1, n.correct_answers) g(number)
    left join answered a
      on a.user_id = n.user_id and a.quiz_attempt_id = n.id and a.number = g.number
    union all
    select n.user_id, n.id, n.completed_at, 2, 0, 'quiz_completed',
      jsonb_build_object('exam_type', n.exam_type, 'score', n.score_percentage,
        'total_questions', n.total_questions, 'correct_answers', n.correct_answers,
        'is_perfect', n.correct_answers = n.total_questions and n.total_questions >= v_minimum,
        'is_high_score', 100 * n.correct_answers >= v_high * n.total_questions
          and n.total_questions >= v_minimum)
    from new_rows n
    union all
    select n.user_id, n.id, n.completed_at, 3, 0, 'quiz_perfect',
      jsonb_build_object('exam_type', n.exam_type)
    from new_rows n
    where n.correct_answers = n.total_questions
  )
  select array_agg(
    (f.user_id, f.type, 'quiz', f.id::text, f.properties, null, f.completed_at)::learn_internal.fact
    order by f.user_id, f.completed_at, f.id, f.kind, f.number)
  into v_facts
  from facts f;
  perform learn_internal.write_facts(v_facts);

  -- What the facts have paid is what the ledger has got since.
  with paid as materialized (
    select t.user_id, t.source_id, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.user_id = any (v_user_ids) and t.id > v_last_id and t.created_at >= v_now
      and t.activity_type in ('question_answered_correctly', 'quiz_perfect', 'quiz_completed')
    group by t.user_id, t.source_id
  )
  update learn.quiz_attempts a
  set xp_earned = coalesce(p.xp, 0)
  from new_rows n
  left join paid p on p.user_id = n.user_id and p.source_id = n.id::text
  where a.user_id = n.user_id and a.id = n.id and a.xp_earned <> coalesce(p.xp, 0);
  return null;
end;
$$;
comment on function learn_internal.quizzes_completed() is
  'Statement trigger: quizzes, correct answers and perfect scores become facts, which pay.';
revoke all on function learn_internal.quizzes_completed() from public;

create or replace trigger quizzes_completed
  after insert on learn.quiz_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.quizzes_completed();
comment on trigger quizzes_completed on learn.quiz_attempts is
  'Quizzes, correct answers and perfect scores become facts.';

-- views/quizzes/exam_stats.sql

-- Every exam: how many questions there are, and how its quizzes go.
create or replace view learn.exam_stats as
select e.key as exam_type, e.name,
  (select count(*) from learn.questions q where q.exam_type = e.key and q.is_active)
    as active_questions,
  s.quizzes_completed, s.users, s.average_score, s.best_score, s.perfect_quizzes
from learn.exam_types e
cross join lateral (
  select count(*) as quizzes_completed, count(distinct a.user_id) as users,
    round(avg(a.score_percentage), 2) as average_score, max(a.score_percentage) as best_score,
    count(*) filter (where a.correct_answers = a.total_questions) as perfect_quizzes
  from learn.quiz_attempts a
  where a.exam_type = e.key
) s;
comment on view learn.exam_stats is 'Questions and quizzes per exam, scores in percent.';
grant select on learn.exam_stats to learn_app, learn_readonly;

-- views/quizzes/question_stats.sql

-- How questions are answered: the hardest of an exam are those of the lowest accuracy.
create or replace view learn.question_stats as
select q.id as question_id, q.exam_type, q.domain, q.external_id, q.question_text,
  s.times_answered, s.times_correct, s.times_skipped,
  round(100.0 * s.times_correct / nullif(s.times_answered, 0), 2) as accuracy_percentage,
  s.average_time_seconds
from learn.questions q
cross join lateral (
  select count(*) as times_answered, count(*) filter (where a.is_correct) as times_correct,
    count(*) filter (where a.user_answer is null) as times_skipped,
    round(avg(a.time_spent_seconds), 1) as average_time_seconds
  from learn.user_answers a
  where a.question_id = q.id
) s;
comment on view learn.question_stats is
  'Answers per question: how often correct and skipped, accuracy in percent, time in seconds.';
comment on column learn.question_stats.accuracy_percentage is 'Null: nobody has answered it.';
grant select on learn.question_stats to learn_app, learn_readonly;

-- views/quizzes/quiz_review.sql

-- The answers of quizzes beside their questions, to look through afterwards: filter by user_id
-- and quiz_attempt_id.
create or replace view learn.quiz_review as
select a.user_id, a.quiz_attempt_id, a.position, a.question_id, q.domain, q.question_text, q.options,
  a.user_answer, a.correct_answer, a.is_correct, a.time_spent_seconds
from learn.user_answers a
left join learn.questions q on q.id = a.question_id;
comment on view learn.quiz_review is
  'Answers of quizzes with questions, options and explanations; times in seconds.';
grant select on learn.quiz_review to learn_app, learn_readonly;

-- views/quizzes/user_domain_stats.sql

-- How well users answer, by exam and domain. Filter by user_id: the condition reaches the table.
create or replace view learn.user_domain_stats as
select a.user_id, q.exam_type, q.domain, count(*) as questions_answered,
  count(*) filter (where a.is_correct) as correct_answers,
  round(100.0 * count(*) filter (where a.is_correct) / count(*), 2) as accuracy_percentage
from learn.user_answers a
join learn.questions q on q.id = a.question_id
group by a.user_id, q.exam_type, q.domain;
comment on view learn.user_domain_stats is
  'Answers per user, exam and domain, with the accuracy in percent.';
grant select on learn.user_domain_stats to learn_app, learn_readonly;

-- views/quizzes/user_quiz_stats.sql

-- Quizzes of users by exam. Filter by user_id: the condition reaches the table.
create or replace view learn.user_quiz_stats as
select a.user_id, a.exam_type, count(*) as quizzes_completed,
  sum(a.total_questions) as questions_answered, sum(a.correct_answers) as correct_answers,
  round(100.0 * sum(a.correct_answers) / sum(a.total_questions), 2) as accuracy_percentage,
  max(a.score_percentage) as best_score, round(avg(a.score_percentage), 2) as average_score,
  sum(a.time_taken_seconds) as time_taken_seconds, max(a.completed_at) as last_completed_at
from learn.quiz_attempts a
group by a.user_id, a.exam_type;
comment on view learn.user_quiz_stats is
  'Quizzes per user and exam: counts, accuracy and scores in percent, time in seconds.';
grant select on learn.user_quiz_stats to learn_app, learn_readonly;

reset role;
