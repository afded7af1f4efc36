-- Quizzes

set role learn_owner;

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
      when coalesce(e.row ->> 'external_id', '') !~ E'\\S' then 'it has no external_id'
      when length(e.row ->> 'external_id') > 200
        then 'its external_id has more than 200 characters'
      when t.key is null
        then format('there is no exam %s', coalesce(left(e.row ->> 'exam_type', 40), 'null'))
      when coalesce(e.row ->> 'question_text', '') !~ E'\\S' then 'it has no question_text'
      when length(e.row ->> 'question_text') > 20000
        then 'its question_text has more than 20,000 characters'
      when length(e.row ->> 'domain') > 200 then 'its domain has more than 200 characters'
      when pg_column_size(e.row -> 'options') > 262144 then 'its options have more than 262,144 bytes'
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
-- All or nothing. From CSV: dbtool import-questions.
-- Errors: LX001 not an array, or bad rows, named by their numbers.
create or replace function learn.import_questions(
  p_questions jsonb, out inserted integer, out updated integer, out unchanged integer
)
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_problems text[];
begin
  perform learn_internal.require_size('p_questions', pg_column_size(p_questions), 8388608, 'bytes');
  if jsonb_typeof(p_questions) = 'array' then
    perform learn_internal.require_size(
      'p_questions', jsonb_array_length(p_questions), 10000, 'elements');
  end if;
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
        then format('question_id is not a number: %s', coalesce(left(a.answer ->> 'question_id', 50), 'null'))
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
set jit = off
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
  if length(p_exam_type) > 200 or pg_column_size(p_answers) > 1048576 then  -- without the price of calls
    perform learn_internal.require_size('p_exam_type', length(p_exam_type), 200);
    perform learn_internal.require_size('p_answers', pg_column_size(p_answers), 1048576, 'bytes');
  end if;
  if not exists (select from learn.exam_types e where e.key = p_exam_type) then
    raise exception 'unknown exam'
      using errcode = 'LX003', detail = format('p_exam_type = %s', coalesce(left(p_exam_type, 50), 'null')),
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
  to learn_app, learn_user;

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

-- views/quizzes/quiz_damage.sql

-- Where quizzes are not what answers, facts and the ledger say: the part of check_integrity() about
-- quizzes. The ledger may have paid more for a quiz than the quiz notes: for facts about it that a
-- backend has recorded.
create or replace view learn_internal.quiz_damage (check_name, user_id, expected, actual) as
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
union all
select 'quizzes_note_what_was_paid', a.user_id,
  format('quiz %s: at most %s', a.id, coalesce(t.xp, 0)), format('quiz %s: %s', a.id, a.xp_earned)
from learn.quiz_attempts a
left join (
  select x.user_id, x.source_id, sum(x.amount) as xp
  from learn.xp_transactions x
  where x.activity_type in ('question_answered_correctly', 'quiz_completed', 'quiz_perfect')
  group by x.user_id, x.source_id
) t on t.user_id = a.user_id and t.source_id = a.id::text
where a.xp_earned > coalesce(t.xp, 0);
comment on view learn_internal.quiz_damage is
  'Where quizzes are not what answers, facts and the ledger say; no row when all is well.';

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

-- triggers/quizzes/user_answers.sql

-- What happens when rows of learn.user_answers are written, in the order in which triggers fire.

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

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_answers
  for each row
  when (learn_internal.is_off_time(new.answered_at, new.answered_at))
  execute function learn_internal.refuse_times('answered_at');
comment on trigger refuse_times on learn.user_answers is 'Refuses times out of bounds (LX001).';

create or replace trigger refuse_new_times
  before update of answered_at on learn.user_answers
  for each row
  when (new.answered_at is distinct from old.answered_at and learn_internal.is_off_time(new.answered_at, new.answered_at))
  execute function learn_internal.refuse_times('answered_at');
comment on trigger refuse_new_times on learn.user_answers is 'Refuses times out of bounds (LX001).';

-- triggers/quizzes/questions_touch.sql

-- When a question is changed, its updated_at says so.
create or replace trigger questions_touch
  before update on learn.questions
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger questions_touch on learn.questions is 'Keeps updated_at.';

-- triggers/quizzes/quiz_attempts.sql

-- What happens when rows of learn.quiz_attempts are written, in the order in which triggers fire.

-- Before quizzes are written: rules are held.
create or replace trigger quiz_attempts_hold
  before insert on learn.quiz_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger quiz_attempts_hold on learn.quiz_attempts is 'Keeps rules as they are.';

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

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.quiz_attempts
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');
comment on trigger refuse_times on learn.quiz_attempts is 'Refuses times out of bounds (LX001).';

create or replace trigger refuse_new_times
  before update of completed_at on learn.quiz_attempts
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');
comment on trigger refuse_new_times on learn.quiz_attempts is 'Refuses times out of bounds (LX001).';

-- views/quizzes/my_domain_stats.sql

-- user_domain_stats of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_domain_stats with (security_barrier) as
select v.* from learn.user_domain_stats v where v.user_id = (select learn.current_learner());
comment on view learn.my_domain_stats is 'user_domain_stats of the learner whose session it is: see current_learner().';
grant select on learn.my_domain_stats to learn_app, learn_user, learn_readonly;

-- views/quizzes/my_quiz_review.sql

-- quiz_review of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_quiz_review with (security_barrier) as
select v.* from learn.quiz_review v where v.user_id = (select learn.current_learner());
comment on view learn.my_quiz_review is 'quiz_review of the learner whose session it is: see current_learner().';
grant select on learn.my_quiz_review to learn_app, learn_user, learn_readonly;

-- views/quizzes/my_quiz_stats.sql

-- user_quiz_stats of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_quiz_stats with (security_barrier) as
select v.* from learn.user_quiz_stats v where v.user_id = (select learn.current_learner());
comment on view learn.my_quiz_stats is 'user_quiz_stats of the learner whose session it is: see current_learner().';
grant select on learn.my_quiz_stats to learn_app, learn_user, learn_readonly;

reset role;
