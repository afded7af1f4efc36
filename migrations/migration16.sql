-- Quizzes: a question bank, attempts graded by the database, and avatars to choose. Challenges in
-- levels, with hints, unlocking and a challenge of the day, which can be items of tracks.

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
set search_path = pg_catalog, pg_temp
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

-- Challenges

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('challenge_attempted', 'The user attempted a level of a challenge.', true, false),
  ('challenge_level_passed',
    'The user passed a level of a challenge for the first time.', true, true),
  ('challenge_completed', 'The user passed every level of a challenge.', true, true),
  ('daily_challenge_completed', 'The user passed a daily challenge.', true, true)
-- they stay when this is rolled back, because facts of theirs may be in the log
on conflict (key) do nothing;

create table learn.challenges (
  id                bigint generated always as identity primary key,
  slug              text not null,
  title             text not null,
  description       text not null default '',
  category          text not null default '',
  track_id          bigint references learn.tracks on delete set null,
  position          integer not null default 0,
  difficulty        text not null default 'beginner' references learn.difficulties on update cascade,
  xp_base           integer not null default 100,
  estimated_minutes integer not null default 30,
  ddia_concepts     jsonb not null default '[]',
  tags              jsonb not null default '[]',
  metadata          jsonb not null default '{}',
  is_active         boolean not null default true,
  created_at        timestamptz not null default learn.clock(),
  updated_at        timestamptz not null default learn.clock(),
  constraint challenges_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint xp_base_is_not_negative check (xp_base >= 0),
  constraint estimated_minutes_are_positive check (estimated_minutes > 0),
  constraint ddia_concepts_are_a_list check (jsonb_typeof(ddia_concepts) = 'array'),
  constraint tags_are_a_list check (jsonb_typeof(tags) = 'array'),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);
comment on table learn.challenges is
  'A problem in levels, passed in order. Unlocked when its prerequisites are completed, and the '
  'tracks that its track asks for.';
comment on column learn.challenges.xp_base is 'XP for passing all of its levels.';
comment on column learn.challenges.ddia_concepts is
  'Concepts of Designing Data-Intensive Applications that it practises, as a list of texts.';
comment on column learn.challenges.is_active is 'False: attempts are refused (LX004).';
create index challenges_track on learn.challenges (track_id, position);
create index challenges_difficulty on learn.challenges (difficulty);
create index challenges_category on learn.challenges (category);
create index challenges_tags on learn.challenges using gin (tags jsonb_path_ops);
create index challenges_ddia_concepts on learn.challenges using gin (ddia_concepts jsonb_path_ops);
grant select on learn.challenges to learn_app, learn_readonly;

create table learn.challenge_prerequisites (
  challenge_id              bigint not null references learn.challenges on delete cascade,
  prerequisite_challenge_id bigint not null references learn.challenges on delete cascade,
  primary key (challenge_id, prerequisite_challenge_id),
  constraint challenge_is_not_its_own_prerequisite check (
    challenge_id <> prerequisite_challenge_id)
);
comment on table learn.challenge_prerequisites is
  'Challenges to complete before another. A cycle is refused (LX012).';
create index challenge_prerequisites_prerequisite
  on learn.challenge_prerequisites (prerequisite_challenge_id);
grant select on learn.challenge_prerequisites to learn_app, learn_readonly;

create table learn.challenge_levels (
  challenge_id      bigint not null references learn.challenges on delete cascade,
  level_number      integer not null,
  level_name        text not null,
  description       text not null default '',
  requirements      jsonb not null,
  test_cases        jsonb not null,
  passing_criteria  jsonb not null,
  xp_reward         integer not null,
  hints             jsonb not null default '[]',
  solution_approach text,
  estimated_minutes integer not null default 15,
  primary key (challenge_id, level_number),
  constraint level_number_is_one_to_five check (level_number between 1 and 5),
  constraint level_name_is_not_blank check (level_name ~ '\S'),
  constraint xp_reward_is_not_negative check (xp_reward >= 0),
  constraint estimated_minutes_are_positive check (estimated_minutes > 0),
  constraint hints_have_text_and_penalty check (
    jsonb_typeof(hints) = 'array'
    and not jsonb_path_exists(hints, 'strict $[*] ? (@.type() != "object")')
    and not jsonb_path_exists(hints, 'lax $[*] ? (!(@.text.type() == "string"))')
    and not jsonb_path_exists(hints, 'lax $[*] ? (exists (@.xp_penalty) && (
      @.xp_penalty.type() != "number" || @.xp_penalty < 0 || @.xp_penalty > 1000000))'))
);
comment on table learn.challenge_levels is 'The levels of a challenge, 1 to 5.';
comment on column learn.challenge_levels.passing_criteria is
  'For the backend that runs the tests and says whether an attempt passed.';
comment on column learn.challenge_levels.hints is
  '[{"text": "…", "xp_penalty": 5}, …], counted from 1: see use_hint().';
comment on column learn.challenge_levels.xp_reward is
  'XP for passing the level for the first time, less the penalties of hints used, not below 0.';
create index challenge_levels_requirements
  on learn.challenge_levels using gin (requirements jsonb_path_ops);
grant select on learn.challenge_levels to learn_app, learn_readonly;

create table learn.user_challenge_progress (
  user_id            uuid not null references learn.users on delete cascade,
  id                 bigint generated always as identity,
  challenge_id       bigint not null references learn.challenges on delete cascade,
  status             text not null generated always as (
    case when completed_at is not null then 'completed'
      when total_attempts > 0 or levels_completed <> '{}' then 'in_progress'
      else 'not_started' end) stored,
  current_level      integer not null default 0,
  levels_completed   integer[] not null default '{}',
  unlocked_at        timestamptz,
  started_at         timestamptz,
  completed_at       timestamptz,
  total_attempts     integer not null default 0,
  time_spent_seconds bigint not null default 0,
  best_score         numeric(5, 2),
  primary key (user_id, challenge_id),
  constraint user_challenge_progress_id_is_unique unique (user_id, id),
  constraint current_level_is_a_level check (current_level between 0 and 5),
  constraint levels_completed_are_levels check (levels_completed <@ '{1,2,3,4,5}'),
  constraint total_attempts_are_not_negative check (total_attempts >= 0),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0),
  constraint best_score_is_a_percentage check (best_score between 0 and 100)
) with (fillfactor = 70);
comment on table learn.user_challenge_progress is
  'Challenges that a user has unlocked, and how far each has come. Unlocks and completions '
  'are sticky.';
comment on column learn.user_challenge_progress.id is 'Order of the unlocks.';
comment on column learn.user_challenge_progress.current_level is
  'The highest level passed; 0: none yet.';
comment on column learn.user_challenge_progress.levels_completed is 'Levels passed, in order.';
comment on column learn.user_challenge_progress.best_score is
  'Best score of any attempt, in percent, 0 to 100.';
create index user_challenge_progress_challenge
  on learn.user_challenge_progress (challenge_id, user_id);
grant select on learn.user_challenge_progress to learn_app, learn_readonly;

create table learn.level_attempts (
  user_id            uuid not null references learn.users on delete cascade,
  id                 bigint generated always as identity,
  challenge_id       bigint not null,
  level_number       integer not null,
  attempt_number     integer not null default 0,
  design_snapshot    jsonb not null default '{}',
  test_results       jsonb not null default '[]',
  score              numeric(5, 2) not null,
  passed             boolean not null,
  xp_earned          integer not null default 0,
  hints_used         integer not null default 0,
  time_spent_seconds integer,
  feedback           jsonb not null default '{}',
  created_at         timestamptz not null default learn.clock(),
  primary key (user_id, id),
  foreign key (challenge_id, level_number)
    references learn.challenge_levels on delete cascade,
  constraint score_is_a_percentage check (score between 0 and 100),
  constraint attempt_number_is_not_negative check (attempt_number >= 0),
  constraint xp_earned_is_not_negative check (xp_earned >= 0),
  constraint hints_used_are_not_negative check (hints_used >= 0),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0)
) with (fillfactor = 90);
comment on table learn.level_attempts is
  'Every attempt at a level of a challenge. The first that passes pays; passing them all '
  'completes the challenge.';
comment on column learn.level_attempts.attempt_number is
  'Counts the user''s attempts at the level from 1; filled in when it is written.';
comment on column learn.level_attempts.score is 'Percent, 0 to 100.';
comment on column learn.level_attempts.xp_earned is 'What the first pass paid; filled in.';
comment on column learn.level_attempts.hints_used is
  'Hints of the level that the user had used by then; filled in.';
comment on column learn.level_attempts.time_spent_seconds is 'In seconds.';
create index level_attempts_level
  on learn.level_attempts (challenge_id, level_number, user_id, attempt_number);
create index level_attempts_recent on learn.level_attempts (user_id, created_at desc);
grant select on learn.level_attempts to learn_app, learn_readonly;

create table learn.hint_usage (
  user_id      uuid not null references learn.users on delete cascade,
  challenge_id bigint not null,
  level_number integer not null,
  hint_number  integer not null,
  xp_penalty   integer not null,
  used_at      timestamptz not null default learn.clock(),
  primary key (user_id, challenge_id, level_number, hint_number),
  foreign key (challenge_id, level_number)
    references learn.challenge_levels on delete cascade,
  constraint hint_number_is_positive check (hint_number >= 1),
  constraint xp_penalty_is_not_negative check (xp_penalty >= 0)
);
comment on table learn.hint_usage is
  'Hints that users have looked at, each once: they lower what passing the level pays.';
comment on column learn.hint_usage.xp_penalty is 'As the hint said then; filled in.';
create index hint_usage_level on learn.hint_usage (challenge_id, level_number, user_id);
grant select on learn.hint_usage to learn_app, learn_readonly;

create table learn.daily_challenges (
  id                   bigint generated always as identity primary key,
  challenge_id         bigint not null references learn.challenges on delete cascade,
  date                 date not null,
  difficulty_modifier  numeric(3, 2) not null default 1.0,
  xp_multiplier        numeric(3, 2) not null default 2.0,
  special_requirements jsonb not null default '{}',
  created_at           timestamptz not null default learn.clock(),
  constraint daily_challenges_date_is_unique unique (date),
  constraint difficulty_modifier_is_positive check (difficulty_modifier > 0),
  constraint xp_multiplier_is_not_negative check (xp_multiplier >= 0)
);
comment on table learn.daily_challenges is
  'The challenge of a day (UTC), open to all: see schedule_daily_challenges().';
comment on column learn.daily_challenges.difficulty_modifier is
  'What the passing score is multiplied by, by the backend that says whether an attempt passed.';
comment on column learn.daily_challenges.xp_multiplier is
  'Passing pays the challenge''s xp_base times this, rounded half up.';
create index daily_challenges_challenge on learn.daily_challenges (challenge_id, date);
grant select on learn.daily_challenges to learn_app, learn_readonly;

create table learn.daily_challenge_attempts (
  user_id            uuid not null references learn.users on delete cascade,
  daily_challenge_id bigint not null references learn.daily_challenges on delete cascade,
  score              numeric(5, 2) not null,
  passed             boolean not null,
  xp_earned          integer not null default 0,
  completed_at       timestamptz not null default learn.clock(),
  primary key (user_id, daily_challenge_id),
  constraint score_is_a_percentage check (score between 0 and 100),
  constraint xp_earned_is_not_negative check (xp_earned >= 0)
);
comment on table learn.daily_challenge_attempts is
  'The one scored attempt of each user at a daily challenge.';
comment on column learn.daily_challenge_attempts.score is 'Percent, 0 to 100.';
comment on column learn.daily_challenge_attempts.xp_earned is 'What passing it paid; filled in.';
create index daily_challenge_attempts_score
  on learn.daily_challenge_attempts (daily_challenge_id, score desc, user_id);
grant select on learn.daily_challenge_attempts to learn_app, learn_readonly;

alter type learn_internal.call add attribute last_challenge bigint;
comment on type learn.award_summary is
  'What a call did for a user: XP of this call and in total, level, streak as of today in days, '
  'slugs of achievements earned by this call, what it unlocked or made ({"avatars": [slug, …], '
  '"levels": [{"course": slug, "level": slug}, …], "challenges": [slug, …], '
  '"discussion_id": 1, "reply_id": 1, "vote": "upvote"}: each where there is one), '
  'and whether it is the stored answer of an earlier call with the same idempotency key.';

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
      where l.user_id = p_user_id order by l.id desc limit 1), 0),
    coalesce((
      select c.id from learn.user_challenge_progress c
      where c.user_id = p_user_id order by c.id desc limit 1), 0)
  into v_is_active, v_call.occurred_at, v_call.last_achievement, v_call.last_unlock,
    v_call.last_challenge
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
  v_has_challenges boolean;
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
      where l.user_id = p_call.user_id and l.id > p_call.last_unlock),
    exists (
      select from learn.user_challenge_progress c
      where c.user_id = p_call.user_id and c.id > p_call.last_challenge)
  into v_summary.user_id, v_summary.xp_awarded, v_summary.total_xp,
    v_summary.current_level, v_summary.leveled_up, v_summary.current_streak,
    v_last_date, v_today, v_has_earned, v_has_unlocked, v_has_challenges
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
  if v_has_challenges then
    select v_summary.unlocked
      || jsonb_build_object('challenges', jsonb_agg(c.slug order by p.id))
    into v_summary.unlocked
    from learn.user_challenge_progress p
    join learn.challenges c on c.id = p.challenge_id
    where p.user_id = p_call.user_id and p.id > p_call.last_challenge;
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
      coalesce((select max(l.id) from learn.user_level_unlocks l where l.user_id = s.user_id), 0),
      coalesce((
        select max(c.id) from learn.user_challenge_progress c where c.user_id = s.user_id), 0)
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
          u.total_xp, u.current_level, u.last_achievement, u.replay, u.last_unlock,
          u.last_challenge
        )::learn_internal.call as call
      from unnest(v_calls) with ordinality
        u(user_id, function_name, idempotency_key, arguments_hash, occurred_at,
          total_xp, current_level, last_achievement, replay, last_unlock,
          last_challenge, position)
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

-- functions/challenges/challenge_status.sql

-- Every active challenge as one user sees it, with its levels.
-- Errors: LX002 unknown user.
create or replace function learn.challenge_status(p_user_id uuid)
returns table (
  challenge_id bigint, slug text, title text, category text, track text, status text,
  is_unlocked boolean, current_level integer, levels_completed integer[], best_score numeric,
  levels jsonb
)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  return query
  select c.id, c.slug, c.title, c.category, t.slug, coalesce(p.status, 'not_started'),
    p.unlocked_at is not null, coalesce(p.current_level, 0), coalesce(p.levels_completed, '{}'),
    p.best_score,
    (
      select coalesce(jsonb_agg(jsonb_build_object(
          'level', l.level_number, 'name', l.level_name, 'xp_reward', l.xp_reward,
          'completed', l.level_number = any (coalesce(p.levels_completed, '{}')))
        order by l.level_number), '[]')
      from learn.challenge_levels l
      where l.challenge_id = c.id
    )
  from learn.challenges c
  left join learn.tracks t on t.id = c.track_id
  left join learn.user_challenge_progress p on p.challenge_id = c.id and p.user_id = p_user_id
  where c.is_active
  order by t.position, t.id, c.position, c.id;
end;
$$;
comment on function learn.challenge_status(uuid) is
  'Every active challenge as one user sees it; levels are '
  '[{"level": 1, "name": "…", "completed": true, "xp_reward": 20}, …].';
revoke all on function learn.challenge_status(uuid) from public;
grant execute on function learn.challenge_status(uuid) to learn_app, learn_readonly;

-- views/challenges/due_challenge_unlocks.sql

-- Challenges that users could have unlocked and have not: active, with every prerequisite completed,
-- and every track that their track asks for. Filter by user_id: nobody else is looked at.
create or replace view learn_internal.due_challenge_unlocks as
select s.user_id, c.id as challenge_id, c.slug, c.position, c.track_id
from learn.user_stats s
cross join learn.challenges c
where c.is_active
  and not exists (
    select from learn.user_challenge_progress p
    where p.user_id = s.user_id and p.challenge_id = c.id and p.unlocked_at is not null)
  and not exists (
    select from learn.challenge_prerequisites e
    join learn.challenges r on r.id = e.prerequisite_challenge_id and r.is_active
    where e.challenge_id = c.id and not exists (
      select from learn.user_challenge_progress p
      where p.user_id = s.user_id and p.challenge_id = r.id and p.completed_at is not null))
  and not exists (
    select from learn.track_prerequisites e
    join learn.tracks t on t.id = e.prerequisite_track_id and t.is_published
    join learn_internal.track_sizes z on z.track_id = t.id
    where e.track_id = c.track_id and not exists (
      select from learn.user_track_progress p
      where p.user_id = s.user_id and p.track_id = t.id and p.completed_at is not null));
comment on view learn_internal.due_challenge_unlocks is
  'Challenges that users have earned to unlock and have not unlocked yet.';

-- functions/challenges/unlock_challenges.sql

-- Unlocks for users the challenges that they have earned. The caller has locked the users.
create or replace function learn_internal.unlock_challenges(p_user_ids uuid[], p_at timestamptz)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  insert into learn.user_challenge_progress as p (user_id, challenge_id, unlocked_at)
  select d.user_id, d.challenge_id, p_at
  from learn_internal.due_challenge_unlocks d
  where d.user_id = any (p_user_ids)
  order by d.user_id, d.track_id, d.position, d.challenge_id
  on conflict (user_id, challenge_id) do update set unlocked_at = excluded.unlocked_at;
$$;
comment on function learn_internal.unlock_challenges(uuid[], timestamptz) is
  'Unlocks for users the challenges that they have earned.';
revoke all on function learn_internal.unlock_challenges(uuid[], timestamptz) from public;

-- functions/challenges/check_and_unlock_challenges.sql

-- Unlocks every challenge that a user has earned, and says which ones. Completing a challenge
-- or a track does this by itself; the first ones of all are unlocked here, or by an attempt.
-- Errors: LX002; LX004 user inactive.
create or replace function learn.check_and_unlock_challenges(p_user_id uuid)
returns setof bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'check_and_unlock_challenges', p_user_id, '{}', null, null);
begin
  perform learn_internal.unlock_challenges(array[p_user_id], v_call.occurred_at);
  return query
  select p.challenge_id
  from learn.user_challenge_progress p
  where p.user_id = p_user_id and p.id > v_call.last_challenge
  order by p.id;
end;
$$;
comment on function learn.check_and_unlock_challenges(uuid) is
  'Unlocks every challenge that a user has earned; returns the ids of the newly unlocked ones.';
revoke all on function learn.check_and_unlock_challenges(uuid) from public;
grant execute on function learn.check_and_unlock_challenges(uuid) to learn_app;

-- functions/challenges/complete_challenges.sql

-- Marks challenges as completed for users, parallel arrays, and follows up: facts, tracks,
-- and the challenges that this unlocks.
create or replace function learn_internal.complete_challenges(
  p_user_ids uuid[], p_challenge_ids bigint[], p_at timestamptz[]
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
    update learn.user_challenge_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_challenge_ids, p_at) c(user_id, challenge_id, at)
    where p.user_id = c.user_id and p.challenge_id = c.challenge_id
    returning p.user_id, p.challenge_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'challenge_completed', 'challenge', c.challenge_id::text,
      jsonb_build_object('slug', k.slug, 'category', k.category, 'difficulty', k.difficulty,
        'track', t.slug),
      k.xp_base, c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.challenge_id)
  into v_facts
  from completed c
  join learn.challenges k on k.id = c.challenge_id
  left join learn.tracks t on t.id = k.track_id;
  perform learn_internal.write_facts(v_facts);

  perform learn_internal.advance_tracks(p_user_ids, 'challenge', p_challenge_ids, p_at);
  perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
end;
$$;
comment on function learn_internal.complete_challenges(uuid[], bigint[], timestamptz[]) is
  'Completes challenges for users, writes the facts, moves the tracks, and unlocks what is next.';
revoke all on function learn_internal.complete_challenges(uuid[], bigint[], timestamptz[])
  from public;

-- functions/challenges/recommend_challenges.sql

-- The challenges that a user should try next: not completed, unlocked or with nothing missing, and not
-- above the user's skill level; easier ones first, then in the order of the tracks.
-- Errors: LX001 limit out of range; LX002 unknown user.
create or replace function learn.recommend_challenges(p_user_id uuid, p_limit integer default 5)
returns table (
  id bigint, slug text, title text, difficulty text, xp_base integer, estimated_minutes integer
)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_skill_level text;
begin
  select u.skill_level into v_skill_level from learn.users u where u.id = p_user_id;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  if p_limit is null or p_limit not between 0 and 1000 then
    raise exception 'the limit is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s', coalesce(p_limit::text, 'null')),
        hint = 'Ask for 0 to 1000 challenges.';
  end if;
  return query
  select c.id, c.slug, c.title, c.difficulty, c.xp_base, c.estimated_minutes
  from learn.challenges c
  join learn.difficulties d on d.key = c.difficulty
  left join learn.difficulties m on m.key = v_skill_level
  left join learn.tracks t on t.id = c.track_id
  where c.is_active and (v_skill_level = 'advanced' or d.rank <= m.rank)
    and not exists (
      select from learn.user_challenge_progress p
      where p.user_id = p_user_id and p.challenge_id = c.id and p.completed_at is not null)
    and (exists (
        select from learn.user_challenge_progress p
        where p.user_id = p_user_id and p.challenge_id = c.id and p.unlocked_at is not null)
      or exists (
        select from learn_internal.due_challenge_unlocks u
        where u.user_id = p_user_id and u.challenge_id = c.id))
  order by d.rank, t.position, t.id, c.position, c.id
  limit p_limit;
end;
$$;
comment on function learn.recommend_challenges(uuid, integer) is
  'Challenges that a user should try next, not above the user''s skill level, at most p_limit.';
revoke all on function learn.recommend_challenges(uuid, integer) from public;
grant execute on function learn.recommend_challenges(uuid, integer) to learn_app, learn_readonly;

-- views/challenges/full_challenges.sql

-- Challenges of which users have passed every level there is.
create or replace view learn_internal.full_challenges as
select p.user_id, p.challenge_id, (
    select max(a.created_at) from learn.level_attempts a
    where a.user_id = p.user_id and a.challenge_id = p.challenge_id and a.passed
  ) as last_passed_at
from learn.user_challenge_progress p
where p.levels_completed <> '{}' and exists (
    select from learn.challenge_levels l where l.challenge_id = p.challenge_id)
  and not exists (
    select from learn.challenge_levels l
    where l.challenge_id = p.challenge_id and l.level_number <> all (p.levels_completed));
comment on view learn_internal.full_challenges is
  'Challenges of which users have passed every level.';

-- functions/challenges/refresh_challenges.sql

-- After a change of levels: completes challenges for everybody who has passed all that is left
-- of them.
create or replace function learn_internal.refresh_challenges(p_challenge_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids      uuid[];
  v_challenge_ids bigint[];
  v_at            timestamptz[];
begin
  perform from learn.user_stats s
  where s.user_id in (
    select p.user_id from learn.user_challenge_progress p
    where p.challenge_id = any (p_challenge_ids) and p.completed_at is null
      and p.levels_completed <> '{}')
  order by s.user_id
  for no key update;

  select array_agg(f.user_id), array_agg(f.challenge_id), array_agg(f.last_passed_at)
  into v_user_ids, v_challenge_ids, v_at
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where f.challenge_id = any (p_challenge_ids) and p.completed_at is null;
  if v_user_ids is not null then
    perform learn_internal.complete_challenges(v_user_ids, v_challenge_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.refresh_challenges(bigint[]) is
  'Completes challenges for everybody who has passed all that is left of them, '
  'after a change of levels.';
revoke all on function learn_internal.refresh_challenges(bigint[]) from public;

-- functions/challenges/require_challenge_level.sql

-- Refuses a level of a challenge that does not exist, or whose challenge is not active.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_challenge_level(
  p_challenge_id bigint, p_level_number integer
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_active boolean;
begin
  select c.is_active into v_is_active
  from learn.challenges c
  join learn.challenge_levels l on l.challenge_id = c.id and l.level_number = p_level_number
  where c.id = p_challenge_id;
  if not found then
    raise exception 'unknown level of a challenge'
      using errcode = 'LX003',
        detail = format('p_challenge_id = %s, p_level_number = %s',
          coalesce(p_challenge_id::text, 'null'), coalesce(p_level_number::text, 'null')),
        hint = 'Look it up in learn.challenge_levels.';
  end if;
  if not v_is_active then
    raise exception 'the challenge is not active'
      using errcode = 'LX004', detail = format('p_challenge_id = %s', p_challenge_id),
        hint = 'Activate it: learn.challenges.is_active.';
  end if;
end;
$$;
comment on function learn_internal.require_challenge_level(bigint, integer) is
  'Refuses an unknown level of a challenge (LX003), or one of an inactive challenge (LX004).';
revoke all on function learn_internal.require_challenge_level(bigint, integer) from public;

-- functions/challenges/schedule_daily_challenges.sql

-- Picks a challenge for each coming day (UTC, from today) that has none, and returns what it picked.
-- None comes twice within 30 days; days for which there is none left stay without. Among those that
-- may come, the one that was longest ago or never is picked, in an order that looks random.
-- The loop runs once per day because every pick rules out others. Call it from a scheduler.
-- Errors: LX001 days out of range.
create or replace function learn.schedule_daily_challenges(p_days integer default 7)
returns table (date date, challenge_id bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_today date := (learn.clock() at time zone 'UTC')::date;
  v_picked bigint;
begin
  if p_days is null or p_days not between 1 and 366 then
    raise exception 'the number of days is out of range'
      using errcode = 'LX001', detail = format('p_days = %s', coalesce(p_days::text, 'null')),
        hint = 'Schedule 1 to 366 days.';
  end if;
  -- One scheduler at a time, so that the picks of both are seen.
  lock table learn.daily_challenges in share row exclusive mode;
  for v_day in 0 .. p_days - 1 loop
    continue when exists (
      select from learn.daily_challenges d where d.date = v_today + v_day);
    select c.id into v_picked
    from learn.challenges c
    left join lateral (
      select max(d.date) as last_on from learn.daily_challenges d where d.challenge_id = c.id
    ) e on true
    where c.is_active and exists (
        select from learn.challenge_levels l where l.challenge_id = c.id)
      and not exists (
        select from learn.daily_challenges d
        where d.challenge_id = c.id and abs(d.date - (v_today + v_day)) < 30)
    order by e.last_on nulls first, md5(c.slug || (v_today + v_day)::text)
    limit 1;
    continue when not found;
    insert into learn.daily_challenges (challenge_id, date) values (v_picked, v_today + v_day);
    date := v_today + v_day;
    challenge_id := v_picked;
    return next;
  end loop;
end;
$$;
comment on function learn.schedule_daily_challenges(integer) is
  'Picks a challenge for each of the coming days (UTC, today first) that has none; '
  'none comes twice within 30 days.';
revoke all on function learn.schedule_daily_challenges(integer) from public;
grant execute on function learn.schedule_daily_challenges(integer) to learn_app;

-- functions/challenges/submit_daily_challenge.sql

-- Submits a user's one scored attempt at the challenge of the day (UTC), locked or not, judged by
-- the backend. Passed, it pays the challenge's xp_base times the day's multiplier.
-- Errors: LX001 score out of range, no verdict; LX002; LX003 no challenge is scheduled for the day;
-- LX004 user inactive; LX008 it was submitted before; LX013.
create or replace function learn.submit_daily_challenge(
  p_user_id         uuid,
  p_score           numeric,
  p_passed          boolean,
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
  v_call     learn_internal.call := learn_internal.begin_call(
    'submit_daily_challenge', p_user_id,
    jsonb_build_object('score', trim_scale(p_score), 'passed', p_passed),
    p_occurred_at, p_idempotency_key);
  v_today    date := (v_call.occurred_at at time zone 'UTC')::date;
  v_daily_id bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if p_score is null or p_score not between 0 and 100 or p_score = 'NaN' or p_passed is null then
    raise exception 'the attempt makes no sense'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_passed = %s', p_score, p_passed),
        hint = 'A score is a percentage from 0 to 100, with a verdict.';
  end if;
  select d.id into v_daily_id from learn.daily_challenges d where d.date = v_today;
  if not found then
    raise exception 'there is no challenge of the day'
      using errcode = 'LX003', detail = format('date = %s (UTC)', v_today),
        hint = 'Schedule them ahead: learn.schedule_daily_challenges().';
  end if;

  insert into learn.daily_challenge_attempts
    (user_id, daily_challenge_id, score, passed, completed_at)
  values (p_user_id, v_daily_id, p_score, p_passed, v_call.occurred_at)
  on conflict do nothing;
  if not found then
    raise exception 'the challenge of the day was submitted before'
      using errcode = 'LX008', detail = format('p_user_id = %s, date = %s', p_user_id, v_today),
        hint = format('The next one is on %s (UTC).', v_today + 1);
  end if;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_daily_challenge(uuid, numeric, boolean, timestamptz, text) is
  'Submits a user''s one attempt at the challenge of the day (UTC): score in percent; '
  'passed, it pays.';
revoke all on function learn.submit_daily_challenge(uuid, numeric, boolean, timestamptz, text)
  from public;
grant execute on function learn.submit_daily_challenge(uuid, numeric, boolean, timestamptz, text)
  to learn_app;

-- functions/challenges/submit_level_attempt.sql

-- Submits an attempt at a level of a challenge, run and judged by the backend: score in percent.
-- The first pass of a level pays its XP less the penalties of hints used; passing the last
-- level completes the challenge.
-- Errors: LX001 score out of range, no verdict, negative time, a snapshot or results of another
-- shape; LX002; LX003 unknown level; LX004 challenge or user inactive; LX005 the challenge
-- or a level before is not done; LX013.
create or replace function learn.submit_level_attempt(
  p_user_id            uuid,
  p_challenge_id       bigint,
  p_level_number       integer,
  p_score              numeric,
  p_passed             boolean,
  p_design_snapshot    jsonb default '{}',
  p_test_results       jsonb default '[]',
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
  v_call learn_internal.call := learn_internal.begin_call(
    'submit_level_attempt', p_user_id,
    jsonb_build_object('challenge_id', p_challenge_id, 'level_number', p_level_number,
      'score', trim_scale(p_score), 'passed', p_passed, 'design_snapshot', p_design_snapshot,
      'test_results', p_test_results, 'time_spent_seconds', p_time_spent_seconds),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_challenge_level(p_challenge_id, p_level_number);
  if p_score is null or p_score not between 0 and 100 or p_score = 'NaN' or p_passed is null
    or p_time_spent_seconds < 0
    or jsonb_typeof(p_design_snapshot) is distinct from 'object'
    or jsonb_typeof(p_test_results) not in ('array', 'object') or p_test_results is null
  then
    raise exception 'the attempt makes no sense'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_passed = %s, p_time_spent_seconds = %s, '
          'p_design_snapshot is %s, p_test_results is %s', p_score, p_passed, p_time_spent_seconds,
          jsonb_typeof(p_design_snapshot), jsonb_typeof(p_test_results)),
        hint = 'A score is a percentage from 0 to 100 with a verdict; time is in seconds; '
          'a design is a JSON object, results are an array or an object.';
  end if;

  insert into learn.level_attempts
    (user_id, challenge_id, level_number, design_snapshot, test_results, score, passed,
     time_spent_seconds, created_at)
  values
    (p_user_id, p_challenge_id, p_level_number, p_design_snapshot, p_test_results, p_score, p_passed,
     p_time_spent_seconds, v_call.occurred_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_level_attempt(
  uuid, bigint, integer, numeric, boolean, jsonb, jsonb, integer, timestamptz, text) is
  'Submits a judged attempt at a level of a challenge: score in percent, time in seconds. '
  'The first pass pays.';
revoke all on function learn.submit_level_attempt(
  uuid, bigint, integer, numeric, boolean, jsonb, jsonb, integer, timestamptz, text) from public;
grant execute on function learn.submit_level_attempt(
  uuid, bigint, integer, numeric, boolean, jsonb, jsonb, integer, timestamptz, text) to learn_app;

-- views/challenges/challenge_prerequisites_status.sql

-- What unlocking each active challenge takes, and how far a user is. Filter by user_id: then nobody
-- else is looked at.
create or replace view learn.challenge_prerequisites_status as
select u.id as user_id, c.id as challenge_id, c.slug as challenge_slug,
  p.unlocked_at is not null as is_unlocked, q.prerequisites, t.track_prerequisites,
  q.is_met and t.is_met as is_met
from learn.users u
cross join learn.challenges c
left join learn.user_challenge_progress p on p.user_id = u.id and p.challenge_id = c.id
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object(
      'challenge_id', r.id, 'slug', r.slug, 'completed', d.completed_at is not null)
      order by r.position, r.id), '[]') as prerequisites,
    coalesce(bool_and(d.completed_at is not null), true) as is_met
  from learn.challenge_prerequisites e
  join learn.challenges r on r.id = e.prerequisite_challenge_id and r.is_active
  left join learn.user_challenge_progress d on d.user_id = u.id and d.challenge_id = r.id
  where e.challenge_id = c.id
) q
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object(
      'track_id', k.id, 'slug', k.slug, 'completed', d.completed_at is not null)
      order by k.position, k.id), '[]') as track_prerequisites,
    coalesce(bool_and(d.completed_at is not null), true) as is_met
  from learn.track_prerequisites e
  join learn.tracks k on k.id = e.prerequisite_track_id and k.is_published
  join learn_internal.track_sizes z on z.track_id = k.id
  left join learn.user_track_progress d on d.user_id = u.id and d.track_id = k.id
  where e.track_id = c.track_id
) t
where c.is_active;
comment on view learn.challenge_prerequisites_status is
  'What unlocking each active challenge takes and how far a user is: '
  '[{"challenge_id": 1, "slug": "…", "completed": true}, …], and the same for tracks.';
comment on column learn.challenge_prerequisites_status.is_met is
  'Nothing is missing: an attempt, or check_and_unlock_challenges(), unlocks it.';
grant select on learn.challenge_prerequisites_status to learn_app, learn_readonly;

-- functions/challenges/use_hint.sql

-- Notes that a user looks at a hint of a level, counted from 1. It lowers what passing the level
-- pays; looking again is free. The text is in learn.challenge_levels.hints.
-- Errors: LX001; LX002; LX003 unknown level or hint; LX004 challenge or user inactive;
-- LX005 the challenge is locked; LX013.
create or replace function learn.use_hint(
  p_user_id         uuid,
  p_challenge_id    bigint,
  p_level_number    integer,
  p_hint_number     integer,
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
    'use_hint', p_user_id,
    jsonb_build_object('challenge_id', p_challenge_id, 'level_number', p_level_number,
      'hint_number', p_hint_number),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_challenge_level(p_challenge_id, p_level_number);
  if not exists (
    select from learn.user_challenge_progress p
    where p.user_id = p_user_id and p.challenge_id = p_challenge_id and p.unlocked_at is not null)
    and not exists (
    select from learn_internal.due_challenge_unlocks d
    where d.user_id = p_user_id and d.challenge_id = p_challenge_id)
  then
    raise exception 'the challenge is locked'
      using errcode = 'LX005',
        detail = format('p_user_id = %s, p_challenge_id = %s', p_user_id, p_challenge_id),
        hint = 'What it takes: learn.challenge_prerequisites_status.';
  end if;

  insert into learn.hint_usage (user_id, challenge_id, level_number, hint_number, used_at)
  values (p_user_id, p_challenge_id, p_level_number, p_hint_number, v_call.occurred_at)
  on conflict do nothing;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.use_hint(uuid, bigint, integer, integer, timestamptz, text) is
  'Notes that a user looks at a hint, counted from 1, which lowers what passing the level pays; '
  'again, it is free.';
revoke all on function learn.use_hint(uuid, bigint, integer, integer, timestamptz, text)
  from public;
grant execute on function learn.use_hint(uuid, bigint, integer, integer, timestamptz, text)
  to learn_app;

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
set search_path = pg_catalog, pg_temp
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

-- views/challenges/challenge_recounts.sql

-- Progress in challenges recounted from the attempts: what user_challenge_progress must say.
-- Filter by user_id: the condition reaches the table.
create or replace view learn_internal.challenge_recounts as
select a.user_id, a.challenge_id,
  array_agg(distinct a.level_number) filter (where a.passed) as levels_completed,
  coalesce(max(a.level_number) filter (where a.passed), 0) as current_level,
  count(*)::integer as total_attempts,
  coalesce(sum(a.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(a.score) as best_score, min(a.created_at) as started_at,
  max(a.created_at) filter (where a.passed) as last_passed_at
from learn.level_attempts a
group by a.user_id, a.challenge_id;
comment on view learn_internal.challenge_recounts is
  'Progress per user and challenge, recounted from level_attempts.';

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

  -- challenges
  union all
  select 'challenge_progress_follows_from_attempts', coalesce(r.user_id, p.user_id),
    format('challenge %s: %s', coalesce(r.challenge_id, p.challenge_id),
      (coalesce(r.levels_completed, '{}'), coalesce(r.current_level, 0),
        coalesce(r.total_attempts, 0), coalesce(r.time_spent_seconds, 0), r.best_score)),
    format('challenge %s: %s', coalesce(r.challenge_id, p.challenge_id),
      (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds, p.best_score))
  from learn_internal.challenge_recounts r
  full join learn.user_challenge_progress p
    on p.user_id = r.user_id and p.challenge_id = r.challenge_id
  where (coalesce(r.levels_completed, '{}'), coalesce(r.current_level, 0),
      coalesce(r.total_attempts, 0), coalesce(r.time_spent_seconds, 0), r.best_score)
    is distinct from (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds,
      p.best_score)
  union all
  select 'attempted_challenges_are_unlocked', p.user_id,
    format('challenge %s unlocked', p.challenge_id), 'locked'
  from learn.user_challenge_progress p
  where p.unlocked_at is null
  union all
  select 'full_challenges_are_completed', f.user_id,
    format('challenge %s completed', f.challenge_id), 'not completed'
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where p.completed_at is null
  union all
  select 'passed_levels_are_facts', p.user_id,
    format('a fact for level %s of challenge %s', l, p.challenge_id), 'none'
  from learn.user_challenge_progress p
  cross join lateral unnest(p.levels_completed) l
  left join learn.activity_log f on f.user_id = p.user_id
    and f.activity_type = 'challenge_level_passed' and f.subject_type = 'challenge_level'
    and f.subject_id = p.challenge_id || ':' || l
  where f.id is null

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
      d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at)

  -- community
  union all
  select 'discussion_counts_follow_from_rows', d.author_id,
    format('discussion %s: %s', d.id,
      (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)),
    format('discussion %s: %s', d.id,
      (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved))
  from learn.discussions d
  join learn_internal.discussion_recounts c on c.discussion_id = d.id
  where (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved)
    <> (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)
  union all
  select 'reply_counts_follow_from_votes', r.author_id,
    format('reply %s: %s', r.id, (c.upvote_count, c.downvote_count)),
    format('reply %s: %s', r.id, (r.upvote_count, r.downvote_count))
  from learn.replies r
  join learn_internal.reply_recounts c on c.reply_id = r.id
  where (r.upvote_count, r.downvote_count) <> (c.upvote_count, c.downvote_count)
  union all
  select 'posts_are_facts', p.user_id,
    format('%s for %s %s', p.activity_type, p.subject_type, p.subject_id), 'none'
  from learn_internal.post_facts p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = p.activity_type
    and f.subject_type = p.subject_type and f.subject_id = p.subject_id
  where f.id is null

  -- credentials
  union all
  select 'completed_courses_have_certificates', p.user_id,
    format('a certificate for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  where p.completed_at is not null and not exists (
    select from learn.nft_certificates c
    where c.user_id = p.user_id and c.course_id = p.course_id)
  union all
  select 'pending_faucet_requests_have_a_message', r.user_id,
    format('a message for request %s', r.id), 'none'
  from learn.faucet_requests r
  where r.status = 'pending' and not exists (
    select from learn.outbox o
    where o.topic = 'faucet' and o.key = r.user_id || ' ' || r.id);
$$;
comment on function learn.check_integrity() is
  'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke all on function learn.check_integrity() from public;

-- views/progress/completion_facts.sql

-- The first time that the log says a user completed something: levels, courses, challenges,
-- tracks, paths, difficulties: all that is completed as a whole.
create or replace view learn_internal.completion_facts as
select f.user_id, f.activity_type, f.subject_id, min(f.occurred_at) as completed_at
from learn.activity_log f
where f.activity_type in ('level_completed', 'course_completed', 'challenge_completed',
    'track_completed', 'path_completed', 'difficulty_completed')
  and f.subject_id is not null
group by f.user_id, f.activity_type, f.subject_id;
comment on view learn_internal.completion_facts is
  'When the log says that users completed levels, courses, challenges, tracks, paths and '
  'difficulties.';

-- functions/operations/rebuild_users.sql

-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, courses, challenges, tracks,
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

  insert into learn.user_challenge_progress as p
    (user_id, challenge_id, current_level, levels_completed, unlocked_at, started_at, total_attempts,
     time_spent_seconds, best_score)
  select r.user_id, r.challenge_id, r.current_level, coalesce(r.levels_completed, '{}'),
    r.started_at, r.started_at, r.total_attempts, r.time_spent_seconds, r.best_score
  from learn_internal.challenge_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, challenge_id) do update
    set current_level = excluded.current_level, levels_completed = excluded.levels_completed,
      unlocked_at = coalesce(p.unlocked_at, excluded.unlocked_at),
      started_at = excluded.started_at, total_attempts = excluded.total_attempts,
      time_spent_seconds = excluded.time_spent_seconds, best_score = excluded.best_score;
  update learn.user_challenge_progress p
  set current_level = 0, levels_completed = '{}', started_at = null, total_attempts = 0,
    time_spent_seconds = 0, best_score = null
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.level_attempts a
    where a.user_id = p.user_id and a.challenge_id = p.challenge_id);
  update learn.user_challenge_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'challenge_completed'
    and p.user_id = c.user_id and p.challenge_id::text = c.subject_id and p.completed_at is null;

  perform learn_internal.settle_courses(p_user_ids, (select array_agg(c.id) from learn.courses c));
  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;

  -- Community
  perform learn_internal.recount_posts(p_user_ids);

  -- Certificates that are missing; those that are there stay as they were issued.
  perform learn_internal.issue_certificates(
    array_agg(p.user_id), array_agg(p.course_id), array_agg(p.completed_at))
  from learn.user_course_progress p
  where p.user_id = any (p_user_ids) and p.completed_at is not null;
end;
$$;
comment on function learn_internal.rebuild_users(uuid[]) is
  'Recomputes every projection of users from facts.';
revoke all on function learn_internal.rebuild_users(uuid[]) from public;

-- functions/progress/complete_tracks.sql

-- Marks tracks as completed for users and follows up: challenges that this
-- unlocks, learning paths and difficulties.
-- Takes parallel arrays of rows of user_track_progress that have just reached their total.
-- What it completes is written to the log.
create or replace function learn_internal.complete_tracks(
  p_user_ids uuid[], p_track_ids bigint[], p_at timestamptz[]
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
    update learn.user_track_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_track_ids, p_at) c(user_id, track_id, at)
    where p.user_id = c.user_id and p.track_id = c.track_id
    returning p.user_id, p.track_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'track_completed', 'track', c.track_id::text,
      jsonb_build_object('difficulty', t.difficulty, 'slug', t.slug), t.completion_xp,
      c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.track_id)
  into v_facts
  from completed c
  join learn.tracks t on t.id = c.track_id;
  perform learn_internal.write_facts(v_facts);

  if exists (
    select from learn.track_prerequisites e
    join learn.challenges c on c.track_id = e.track_id and c.is_active
    where e.prerequisite_track_id = any (p_track_ids))
  then
    perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
  end if;

  select array_agg(f::learn_internal.fact) into v_facts
  from (
    select p.* from learn_internal.refresh_paths(p_user_ids, (
      select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
      where pt.track_id = any (p_track_ids))) p
    union all
    select d.* from learn_internal.refresh_difficulties(p_user_ids, (
      select array_agg(distinct t.difficulty) from learn.tracks t where t.id = any (p_track_ids))) d
  ) f;
  if v_facts is not null then
    perform learn_internal.write_facts(v_facts);
  end if;
end;
$$;
comment on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) is
  'Completes tracks for users, then the paths and difficulties that this completes; '
  'and writes the facts.';
revoke all on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) from public;

-- functions/quizzes/import_problems.sql

-- What is wrong with questions to import, a line for each bad row, by its number from 1.
create or replace function learn_internal.import_problems(p_questions jsonb)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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

-- triggers/challenges/challenge_levels_change.sql

-- When levels of challenges are added, moved or deleted, or pay otherwise: learners wait.
create or replace trigger challenge_levels_change
  before insert or update of challenge_id, level_number, xp_reward, hints or delete
  on learn.challenge_levels
  for each statement
  execute function learn_internal.change_content();
comment on trigger challenge_levels_change on learn.challenge_levels is
  'A change has learners wait.';

-- triggers/challenges/challenge_levels_deleted.sql

-- When levels of challenges are deleted: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace function learn_internal.challenge_levels_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_challenge_ids bigint[];
begin
  select array_agg(distinct o.challenge_id) into v_challenge_ids
  from old_rows o having count(*) > 0;
  if v_challenge_ids is null then
    return null;
  end if;
  perform learn_internal.refresh_challenges(v_challenge_ids);
  perform learn_internal.refresh_tracks(array_agg(distinct k.track_id))
  from learn.challenges k
  where k.id = any (v_challenge_ids) and k.track_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.challenge_levels_deleted() is
  'Statement trigger: completes what is complete after levels were deleted, and recounts tracks.';
revoke all on function learn_internal.challenge_levels_deleted() from public;

create or replace trigger challenge_levels_deleted
  after delete on learn.challenge_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.challenge_levels_deleted();
comment on trigger challenge_levels_deleted on learn.challenge_levels is
  'Completes challenges, recounts tracks.';

-- triggers/challenges/challenge_levels_inserted.sql

-- When levels of challenges are added: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace function learn_internal.challenge_levels_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_challenge_ids bigint[];
begin
  select array_agg(distinct n.challenge_id) into v_challenge_ids
  from new_rows n having count(*) > 0;
  if v_challenge_ids is null then
    return null;
  end if;
  perform learn_internal.refresh_challenges(v_challenge_ids);
  perform learn_internal.refresh_tracks(array_agg(distinct k.track_id))
  from learn.challenges k
  where k.id = any (v_challenge_ids) and k.track_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.challenge_levels_inserted() is
  'Statement trigger: completes what is complete after levels were added, and recounts tracks.';
revoke all on function learn_internal.challenge_levels_inserted() from public;

create or replace trigger challenge_levels_inserted
  after insert on learn.challenge_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.challenge_levels_inserted();
comment on trigger challenge_levels_inserted on learn.challenge_levels is
  'Completes challenges, recounts tracks.';

-- triggers/challenges/challenge_levels_updated.sql

-- When levels of challenges are moved: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace function learn_internal.challenge_levels_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_challenge_ids bigint[];
begin
  select array_agg(distinct c.challenge_id) into v_challenge_ids
  from (select n.challenge_id, n.level_number from new_rows n
    union all select o.challenge_id, o.level_number from old_rows o) c
  having count(*) > 0;
  if v_challenge_ids is null then
    return null;
  end if;
  perform learn_internal.refresh_challenges(v_challenge_ids);
  perform learn_internal.refresh_tracks(array_agg(distinct k.track_id))
  from learn.challenges k
  where k.id = any (v_challenge_ids) and k.track_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.challenge_levels_updated() is
  'Statement trigger: completes what is complete after levels were moved, and recounts tracks.';
revoke all on function learn_internal.challenge_levels_updated() from public;

create or replace trigger challenge_levels_updated
  after update on learn.challenge_levels
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.challenge_levels_updated();
comment on trigger challenge_levels_updated on learn.challenge_levels is
  'Completes challenges, recounts tracks.';

-- triggers/challenges/challenge_prerequisites_change.sql

-- When prerequisites of challenges change: learners wait.
create or replace trigger challenge_prerequisites_change
  before insert or update or delete on learn.challenge_prerequisites
  for each statement
  execute function learn_internal.change_content();
comment on trigger challenge_prerequisites_change on learn.challenge_prerequisites is
  'A change has learners wait.';

-- triggers/challenges/challenge_prerequisites_inserted.sql

-- When a challenge gets a prerequisite: no cycle.
create or replace trigger challenge_prerequisites_inserted
  after insert on learn.challenge_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('challenge_id', 'prerequisite_challenge_id');
comment on trigger challenge_prerequisites_inserted on learn.challenge_prerequisites is
  'Refuses a cycle (LX012).';

-- triggers/challenges/challenge_prerequisites_updated.sql

-- When a challenge's prerequisite changes: no cycle.
create or replace trigger challenge_prerequisites_updated
  after update on learn.challenge_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('challenge_id', 'prerequisite_challenge_id');
comment on trigger challenge_prerequisites_updated on learn.challenge_prerequisites is
  'Refuses a cycle (LX012).';

-- triggers/challenges/challenge_progress_deleted.sql

-- When progress in challenges is deleted, alone or with the challenge: the tracks are recounted.
create or replace function learn_internal.challenge_progress_deleted()
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
  join learn.challenges c on c.id = d.challenge_id and c.track_id is not null
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
comment on function learn_internal.challenge_progress_deleted() is
  'Statement trigger: recounts the tracks of deleted progress in challenges.';
revoke all on function learn_internal.challenge_progress_deleted() from public;

create or replace trigger challenge_progress_deleted
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.challenge_progress_deleted();
comment on trigger challenge_progress_deleted on learn.user_challenge_progress is
  'Recounts tracks.';

-- triggers/challenges/challenges_change.sql

-- When challenges are activated, deactivated, put into tracks or deleted: learners wait.
create or replace trigger challenges_change
  before update of is_active, track_id or delete on learn.challenges
  for each statement
  execute function learn_internal.change_content();
comment on trigger challenges_change on learn.challenges is 'A change has learners wait.';

-- triggers/challenges/challenges_deleted.sql

-- When challenges are deleted: their tracks may be complete without them.
create or replace function learn_internal.challenges_deleted()
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
comment on function learn_internal.challenges_deleted() is
  'Statement trigger: recounts tracks that lost challenges.';
revoke all on function learn_internal.challenges_deleted() from public;

create or replace trigger challenges_deleted
  after delete on learn.challenges
  referencing old table as old_rows
  for each statement
  execute function learn_internal.challenges_deleted();
comment on trigger challenges_deleted on learn.challenges is 'Recounts the tracks.';

-- triggers/challenges/challenges_updated.sql

-- When challenges change: tracks follow when one comes, goes or moves.
create or replace function learn_internal.challenges_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.track_id), (o.track_id)) t(track_id)
  where t.track_id is not null
    and (n.is_active <> o.is_active or n.track_id is distinct from o.track_id)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.challenges_updated() is
  'Statement trigger: recounts the tracks of challenges that changed.';
revoke all on function learn_internal.challenges_updated() from public;

create or replace trigger challenges_updated
  after update on learn.challenges
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.challenges_updated();
comment on trigger challenges_updated on learn.challenges is 'Recounts the tracks.';

create or replace trigger challenges_touch
  before update on learn.challenges
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger challenges_touch on learn.challenges is 'Keeps updated_at.';

-- triggers/challenges/daily_challenge_attempts_hold.sql

-- Before attempts at daily challenges are written: content is held.
create or replace trigger daily_challenge_attempts_hold
  before insert on learn.daily_challenge_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger daily_challenge_attempts_hold on learn.daily_challenge_attempts is
  'Keeps content as it is.';

-- triggers/challenges/daily_challenge_attempts_inserted.sql

-- When daily challenges are attempted: every attempt is a fact, a passed one pays, and what it paid
-- is noted with it.
create or replace function learn_internal.daily_challenge_attempts_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
  v_now      timestamptz := learn.clock();
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  perform learn_internal.write_facts(array_agg(
    (n.user_id, t.type, 'daily_challenge', d.id::text,
      jsonb_build_object('challenge', c.slug, 'category', c.category, 'date', d.date,
        'score', n.score, 'passed', n.passed),
      t.xp, n.completed_at)::learn_internal.fact
    order by n.user_id, n.completed_at, d.id, t.type))
  from new_rows n
  join learn.daily_challenges d on d.id = n.daily_challenge_id
  join learn.challenges c on c.id = d.challenge_id
  cross join lateral (
    values
      ('challenge_attempted', true, null),
      ('daily_challenge_completed', n.passed, round(c.xp_base * d.xp_multiplier)::integer)
  ) t(type, is_due, xp)
  where t.is_due;

  update learn.daily_challenge_attempts a
  set xp_earned = coalesce(t.amount, 0)
  from new_rows n
  join learn.users u on u.id = n.user_id
  left join learn.xp_transactions t on t.user_id = n.user_id
    and t.earned_on = (n.completed_at at time zone u.timezone)::date
    and t.source_type = 'daily_challenge_completed' and t.source_id = n.daily_challenge_id::text
    and t.amount > 0 and t.created_at >= v_now
  where a.user_id = n.user_id and a.daily_challenge_id = n.daily_challenge_id
    and a.xp_earned <> coalesce(t.amount, 0);
  return null;
end;
$$;
comment on function learn_internal.daily_challenge_attempts_inserted() is
  'Statement trigger: attempts at daily challenges become facts; passed ones pay.';
revoke all on function learn_internal.daily_challenge_attempts_inserted() from public;

create or replace trigger daily_challenge_attempts_inserted
  after insert on learn.daily_challenge_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.daily_challenge_attempts_inserted();
comment on trigger daily_challenge_attempts_inserted on learn.daily_challenge_attempts is
  'Facts and XP.';

-- triggers/challenges/fill_hints.sql

-- When the use of a hint is written: its penalty is the one that the level says.
-- Errors: LX003 the level has no such hint.
create or replace function learn_internal.fill_hints()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hint jsonb;
begin
  select l.hints -> (new.hint_number - 1) into v_hint
  from learn.challenge_levels l
  where l.challenge_id = new.challenge_id and l.level_number = new.level_number
    and new.hint_number >= 1;
  if v_hint is null then
    raise exception 'unknown hint'
      using errcode = 'LX003',
        detail = format('challenge_id = %s, level %s, hint %s',
          new.challenge_id, new.level_number, coalesce(new.hint_number::text, 'null')),
        hint = 'Look at learn.challenge_levels.hints; the first one is 1.';
  end if;
  new.xp_penalty := coalesce((v_hint ->> 'xp_penalty')::numeric::integer, 0);
  return new;
end;
$$;
comment on function learn_internal.fill_hints() is
  'Row trigger: a hint must be there (LX003), and its penalty is the level''s.';
revoke all on function learn_internal.fill_hints() from public;

create or replace trigger fill_hints
  before insert on learn.hint_usage
  for each row
  execute function learn_internal.fill_hints();
comment on trigger fill_hints on learn.hint_usage is 'Fills in the penalty.';

-- triggers/challenges/level_attempts_deleted.sql

-- When attempts are deleted, alone or with their level: the progress that they made is recounted.
create or replace function learn_internal.level_attempts_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids      uuid[];
  v_challenge_ids bigint[];
begin
  select array_agg(distinct d.user_id), array_agg(distinct d.challenge_id)
  into v_user_ids, v_challenge_ids
  from deleted_rows d
  join learn.users u on u.id = d.user_id
  join learn.challenges c on c.id = d.challenge_id;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  update learn.user_challenge_progress p
  set current_level = coalesce(r.current_level, 0),
    levels_completed = coalesce(r.levels_completed, '{}'),
    total_attempts = coalesce(r.total_attempts, 0),
    time_spent_seconds = coalesce(r.time_spent_seconds, 0), best_score = r.best_score,
    started_at = r.started_at
  from (
    select e.user_id, e.challenge_id, x.current_level, x.levels_completed, x.total_attempts,
      x.time_spent_seconds, x.best_score, x.started_at
    from learn.user_challenge_progress e
    left join (
      select * from learn_internal.challenge_recounts c
      where c.user_id = any (v_user_ids) and c.challenge_id = any (v_challenge_ids)
    ) x on x.user_id = e.user_id and x.challenge_id = e.challenge_id
    where e.user_id = any (v_user_ids) and e.challenge_id = any (v_challenge_ids)
  ) r
  where p.user_id = r.user_id and p.challenge_id = r.challenge_id;
  return null;
end;
$$;
comment on function learn_internal.level_attempts_deleted() is
  'Statement trigger: recounts the progress of deleted attempts.';
revoke all on function learn_internal.level_attempts_deleted() from public;

create or replace trigger level_attempts_deleted
  after delete on learn.level_attempts
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.level_attempts_deleted();
comment on trigger level_attempts_deleted on learn.level_attempts is 'Recounts progress.';

-- triggers/challenges/level_attempts_hold.sql

-- Before attempts are written: content is held.
create or replace trigger level_attempts_hold
  before insert on learn.level_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger level_attempts_hold on learn.level_attempts is 'Keeps content as it is.';

-- triggers/challenges/level_attempts_inserted.sql

-- When levels of challenges are attempted: every attempt is a fact and counts in the progress, the
-- first pass of a level pays, passing the last one completes the challenge. An attempt at a challenge
-- that the user has earned unlocks it.
-- Errors: LX005 the challenge is locked, after all that this statement unlocks; or a level before
-- it is not passed.
create or replace function learn_internal.level_attempts_inserted()
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
  v_user_ids      uuid[];
  v_locked        record;
  v_facts         learn_internal.fact[];
  v_full_user_ids uuid[];
  v_full_ids      bigint[];
  v_full_at       timestamptz[];
  v_now           timestamptz := learn.clock();
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  -- Levels are passed in order: those before count, of earlier attempts or of this statement.
  select r.* into v_locked
  from (
    select n.user_id, n.challenge_id, n.level_number, n.id, greatest(
      coalesce(p.current_level, 0),
      coalesce(max(n.level_number) filter (where n.passed) over (
        partition by n.user_id, n.challenge_id
        order by n.id rows between unbounded preceding and 1 preceding), 0)) as reached
    from new_rows n
    left join learn.user_challenge_progress p
      on p.user_id = n.user_id and p.challenge_id = n.challenge_id
  ) r
  where exists (
    select from learn.challenge_levels l
    where l.challenge_id = r.challenge_id and l.level_number < r.level_number
      and l.level_number > r.reached)
  order by r.id
  limit 1;
  if found then
    raise exception 'the level is locked'
      using errcode = 'LX005',
        detail = format('user_id = %s, challenge_id = %s, level %s; passed so far: %s',
          v_locked.user_id, v_locked.challenge_id, v_locked.level_number, v_locked.reached),
        hint = 'Levels are passed in order.';
  end if;

  -- Number the attempts and note the hints used, whatever their writer says.
  update learn.level_attempts a
  set attempt_number = q.attempt_number, hints_used = q.hints_used, xp_earned = 0
  from (
    select n.user_id, n.id,
      (
        select count(*) from learn.level_attempts e
        where e.user_id = n.user_id and e.challenge_id = n.challenge_id
          and e.level_number = n.level_number and e.id <= n.id
      ) as attempt_number,
      (
        select count(*) from learn.hint_usage h
        where h.user_id = n.user_id and h.challenge_id = n.challenge_id
          and h.level_number = n.level_number
      ) as hints_used
    from new_rows n
  ) q
  where a.user_id = q.user_id and a.id = q.id;

  -- The facts: attempts, and first passes with what they pay.
  select array_agg(
    (f.user_id, f.type, f.subject_type, f.subject_id, f.properties, f.xp,
      f.created_at)::learn_internal.fact
    order by f.user_id, f.created_at, f.id, f.type)
  into v_facts
  from (
    select n.user_id, n.id, n.created_at, 'challenge_attempted' as type,
      'challenge' as subject_type, n.challenge_id::text as subject_id,
      jsonb_build_object('challenge', c.slug, 'category', c.category, 'level', n.level_number,
        'score', n.score, 'passed', n.passed) as properties,
      null::integer as xp
    from new_rows n
    join learn.challenges c on c.id = n.challenge_id
    union all
    select n.user_id, n.id, n.created_at, 'challenge_level_passed', 'challenge_level',
      n.challenge_id || ':' || n.level_number,
      jsonb_build_object('challenge', c.slug, 'category', c.category, 'difficulty', c.difficulty,
        'level', n.level_number, 'score', n.score, 'attempt_number', a.attempt_number,
        'hints_used', a.hints_used),
      greatest(0, l.xp_reward - (
        select coalesce(sum(h.xp_penalty), 0) from learn.hint_usage h
        where h.user_id = n.user_id and h.challenge_id = n.challenge_id
          and h.level_number = n.level_number))::integer
    from (
      select distinct on (p.user_id, p.challenge_id, p.level_number) p.*
      from new_rows p
      where p.passed
      order by p.user_id, p.challenge_id, p.level_number, p.id
    ) n
    join learn.level_attempts a on a.user_id = n.user_id and a.id = n.id
    join learn.challenges c on c.id = n.challenge_id
    join learn.challenge_levels l
      on l.challenge_id = n.challenge_id and l.level_number = n.level_number
    left join learn.user_challenge_progress p
      on p.user_id = n.user_id and p.challenge_id = n.challenge_id
    where n.level_number <> all (coalesce(p.levels_completed, '{}'))
  ) f;

  -- Progress
  insert into learn.user_challenge_progress as p
    (user_id, challenge_id, current_level, levels_completed, started_at, total_attempts,
     time_spent_seconds, best_score)
  select n.user_id, n.challenge_id, coalesce(max(n.level_number) filter (where n.passed), 0),
    coalesce(array_agg(distinct n.level_number) filter (where n.passed), '{}'),
    min(n.created_at), count(*), coalesce(sum(n.time_spent_seconds), 0), max(n.score)
  from new_rows n
  group by n.user_id, n.challenge_id
  order by n.user_id, n.challenge_id
  on conflict (user_id, challenge_id) do update
    set current_level = greatest(p.current_level, excluded.current_level),
      levels_completed = (
        select coalesce(array_agg(distinct l order by l), '{}')
        from unnest(p.levels_completed || excluded.levels_completed) l),
      started_at = least(p.started_at, excluded.started_at),
      total_attempts = p.total_attempts + excluded.total_attempts,
      time_spent_seconds = p.time_spent_seconds + excluded.time_spent_seconds,
      best_score = greatest(p.best_score, excluded.best_score);

  perform learn_internal.write_facts(v_facts);

  -- What first passes paid is noted with the attempts.
  update learn.level_attempts a
  set xp_earned = t.amount
  from new_rows n
  join learn.users u on u.id = n.user_id
  join learn.xp_transactions t on t.user_id = n.user_id
    and t.earned_on = (n.created_at at time zone u.timezone)::date
    and t.source_type = 'challenge_level_passed'
    and t.source_id = n.challenge_id || ':' || n.level_number
    and t.amount > 0 and t.created_at >= v_now
  where n.passed and a.user_id = n.user_id and a.id = n.id
    and not exists (  -- it was the first pass
      select from learn.level_attempts e
      where e.user_id = n.user_id and e.challenge_id = n.challenge_id
        and e.level_number = n.level_number and e.passed and e.id < n.id);

  select array_agg(f.user_id), array_agg(f.challenge_id), array_agg(g.last_at)
  into v_full_user_ids, v_full_ids, v_full_at
  from (
    select n.user_id, n.challenge_id, max(n.created_at) as last_at
    from new_rows n
    where n.passed
    group by n.user_id, n.challenge_id
    order by n.user_id, max(n.id)
  ) g
  join learn_internal.full_challenges f on f.user_id = g.user_id and f.challenge_id = g.challenge_id
  join learn.user_challenge_progress p on p.user_id = g.user_id and p.challenge_id = g.challenge_id
  where p.completed_at is null;
  if v_full_user_ids is not null then
    perform learn_internal.complete_challenges(v_full_user_ids, v_full_ids, v_full_at);
  end if;

  -- All that was attempted must be unlocked by now.
  if exists (
    select from new_rows n
    join learn.user_challenge_progress p
      on p.user_id = n.user_id and p.challenge_id = n.challenge_id
    where p.unlocked_at is null)
  then
    update learn.user_challenge_progress p
    set unlocked_at = p.started_at
    from learn_internal.due_challenge_unlocks d
    where d.user_id = any (v_user_ids) and p.user_id = d.user_id
      and p.challenge_id = d.challenge_id and p.total_attempts > 0;
    select n.user_id, c.slug into v_locked
    from new_rows n
    join learn.user_challenge_progress p
      on p.user_id = n.user_id and p.challenge_id = n.challenge_id
    join learn.challenges c on c.id = n.challenge_id
    where p.unlocked_at is null
    order by n.id
    limit 1;
    if found then
      raise exception 'the challenge is locked'
        using errcode = 'LX005',
          detail = format('user_id = %s, challenge %s', v_locked.user_id, v_locked.slug),
          hint = 'What it takes: learn.challenge_prerequisites_status.';
    end if;
  end if;
  return null;
end;
$$;
comment on function learn_internal.level_attempts_inserted() is
  'Statement trigger: attempts count, first passes pay, the last level completes the challenge.';
revoke all on function learn_internal.level_attempts_inserted() from public;

create or replace trigger level_attempts_inserted
  after insert on learn.level_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.level_attempts_inserted();
comment on trigger level_attempts_inserted on learn.level_attempts is
  'Progress, facts, completion and unlocks.';

-- triggers/identity/check_avatar.sql

-- When a user shows another avatar: it must be a default one, or one that the user has unlocked.
-- Errors: LX010 the avatar is not the user's.
create or replace function learn_internal.check_avatar()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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
union all
select r.author_id, 'reply_posted', 'reply', r.id::text
from learn.replies r
union all
select r.author_id, 'solution_accepted', 'reply', r.id::text
from learn.replies r
where r.first_accepted_at is not null;
comment on view learn_internal.domain_facts is
  'Facts that happen once per subject and follow from rows of Laurel''s own tables. '
  'A lesson or exercise that is done settles the bonus facts of it too, earned or not.';

-- views/catalog/track_items.sql

-- What a track is made of, whatever kind of item: the one definition. Only what can be completed
-- counts: available lessons, published courses and active challenges with something in them. A track counts whether
-- published or not (an unpublished one keeps its learners' numbers right for the day it comes back).
create or replace view learn_internal.track_items as
select tl.track_id, 'lesson' as item_type, tl.lesson_id as item_id
from learn.track_lessons tl
join learn.lessons l on l.id = tl.lesson_id
where l.is_available
union all
select c.track_id, 'course', c.id
from learn.courses c
where c.track_id is not null and c.is_published and c.total_lessons > 0
union all
select c.track_id, 'challenge', c.id
from learn.challenges c
where c.track_id is not null and c.is_active and exists (
  select from learn.challenge_levels l where l.challenge_id = c.id);
comment on view learn_internal.track_items is
  'The published items of each track: what there is to complete.';

-- views/challenges/daily_challenge_board.sql

-- Daily challenges with how many took part and how they did.
create or replace view learn.daily_challenge_board as
select d.id, d.date, d.challenge_id, c.slug, c.title, c.category, c.difficulty, c.xp_base,
  d.difficulty_modifier, d.xp_multiplier, d.special_requirements,
  s.participants_count, s.passed_count, s.average_score
from learn.daily_challenges d
join learn.challenges c on c.id = d.challenge_id
cross join lateral (
  select count(*) as participants_count, count(*) filter (where a.passed) as passed_count,
    round(avg(a.score), 2) as average_score
  from learn.daily_challenge_attempts a
  where a.daily_challenge_id = d.id
) s;
comment on view learn.daily_challenge_board is
  'Daily challenges with their participants and average score in percent.';
grant select on learn.daily_challenge_board to learn_app, learn_readonly;

-- views/challenges/daily_challenge_ranks.sql

-- The attempts at each daily challenge, ranked by score: 1, 2, 2, 4. Users who are on no board are
-- not on this one. Filter by daily_challenge_id: the condition reaches the table.
create or replace view learn.daily_challenge_ranks as
select a.daily_challenge_id, a.user_id, u.username, u.display_name, a.score, a.passed, a.xp_earned,
  a.completed_at, rank() over (partition by a.daily_challenge_id order by a.score desc) as rank
from learn.daily_challenge_attempts a
join learn.users u on u.id = a.user_id
where u.is_active and u.show_on_leaderboard;
comment on view learn.daily_challenge_ranks is
  'Attempts at daily challenges, ranked by score in percent.';
grant select on learn.daily_challenge_ranks to learn_app, learn_readonly;

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
where p.completed_at is not null
union all
select p.user_id, 'challenge', p.challenge_id, p.completed_at
from learn.user_challenge_progress p
where p.completed_at is not null;
comment on view learn_internal.completed_items is 'The items of tracks that users have completed.';

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
