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
      when learn_internal.text_problem(e.row ->> 'external_id', true) is not null
        then 'its external_id ' || learn_internal.text_problem(e.row ->> 'external_id', true)
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
      coalesce(learn_internal.require_text('domain', r.row ->> 'domain', 200, true), '') as domain,
      learn_internal.require_text('question_text', r.row ->> 'question_text', 20000) as question_text,
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

-- functions/quizzes/submit_quiz.sql

-- Submits a completed quiz: answers are graded by the question bank, and paid. p_answers:
-- [{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …]; answer null: skipped, which counts as
-- wrong. Where start_quiz() has drawn these questions, it is that quiz: what was not answered was skipped,
-- its time limit holds, by the clock, and it is closed. Questions of one that was left are in no other quiz for a day: else
-- who draws again would have no time limit.
-- Errors: LX001 no answers, too many, one that makes no sense, negative time; LX002; LX003 unknown exam;
-- LX004 user inactive, exam retired, the time is up, or the quiz of these questions was left; LX013.
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
  v_call          learn_internal.call := learn_internal.begin_call(
    'submit_quiz', p_user_id,
    jsonb_build_object('exam_type', p_exam_type, 'answers', p_answers,
      'time_taken_seconds', p_time_taken_seconds),
    p_occurred_at, p_idempotency_key);
  v_answers       learn_internal.graded_answer[];
  v_drawn         learn.drawn_quizzes;
  v_drawn_answers learn_internal.graded_answer[];
  v_attempt_id    bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if pg_column_size(p_answers) > 1048576 then  -- without the price of calls
    perform learn_internal.require_size('p_answers', pg_column_size(p_answers), 1048576, 'bytes');
  end if;
  perform learn_internal.require_exam(p_exam_type);
  if p_time_taken_seconds < 0 then
    raise exception 'the quiz makes no sense'
      using errcode = 'LX001', detail = format('p_time_taken_seconds = %s', p_time_taken_seconds),
        hint = 'The time for a quiz is in seconds, 0 or more.';
  end if;
  v_answers := learn_internal.grade_quiz(p_exam_type, p_answers);

  select d.* into v_drawn
  from learn.drawn_quizzes d
  where d.user_id = p_user_id and d.exam_type = p_exam_type and d.closed_at is null;
  if found then
    v_drawn_answers := learn_internal.complete_drawn_quiz(v_drawn, v_answers);
    v_answers := coalesce(v_drawn_answers, v_answers);
  end if;
  if v_drawn_answers is null then
    select d.* into v_drawn
    from learn.drawn_quizzes d
    where d.user_id = p_user_id and d.exam_type = p_exam_type and d.quiz_attempt_id is null
      and d.closed_at > learn.clock() - interval '24 hours'
      and d.question_ids && array(select a.question_id from unnest(v_answers) a)
    limit 1;
    if found then
      raise exception 'the quiz of these questions was left'
        using errcode = 'LX004',
          detail = format('it was started at %s and closed at %s', v_drawn.started_at, v_drawn.closed_at),
          hint = 'Submit the quiz that is open, or start another: learn.start_quiz().';
    end if;
  end if;

  with attempt as (  -- quiz and answers in one statement: its triggers see both
    insert into learn.quiz_attempts
      (user_id, exam_type, total_questions, correct_answers, time_taken_seconds, completed_at)
    select p_user_id, p_exam_type, count(*), count(*) filter (where a.user_answer = a.correct_answer),
      case when v_drawn_answers is null then p_time_taken_seconds else coalesce(p_time_taken_seconds,
        extract(epoch from learn.clock() - v_drawn.started_at)::integer) end, v_call.occurred_at
    from unnest(v_answers) a
    returning id
  ), answers as (
    insert into learn.user_answers
      (user_id, quiz_attempt_id, position, question_id, user_answer, correct_answer, is_correct,
       time_spent_seconds, answered_at)
    select p_user_id, t.id, a.place, a.question_id, a.user_answer, a.correct_answer,
      coalesce(a.user_answer = a.correct_answer, false), a.seconds, v_call.occurred_at
    from attempt t
    cross join unnest(v_answers) a
  )
  select t.id into v_attempt_id from attempt t;
  if v_drawn_answers is not null then
    update learn.drawn_quizzes d
    set closed_at = greatest(learn.clock(), d.started_at), quiz_attempt_id = v_attempt_id
    where d.user_id = p_user_id and d.id = v_drawn.id;
  end if;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_quiz(uuid, text, jsonb, integer, timestamptz, text) is
  'Submits a completed quiz, graded by the question bank: '
  '[{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …], times in seconds.';
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

-- views/quizzes/my_domain_stats.sql

-- user_domain_stats of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_domain_stats with (security_barrier) as
select v.* from learn.user_domain_stats v where v.user_id = (select learn.current_learner());
comment on view learn.my_domain_stats is 'user_domain_stats of the learner whose session it is: see current_learner().';
grant select on learn.my_domain_stats to learn_app, learn_user, learn_readonly;

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

-- views/quizzes/my_quiz_stats.sql

-- user_quiz_stats of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_quiz_stats with (security_barrier) as
select v.* from learn.user_quiz_stats v where v.user_id = (select learn.current_learner());
comment on view learn.my_quiz_stats is 'user_quiz_stats of the learner whose session it is: see current_learner().';
grant select on learn.my_quiz_stats to learn_app, learn_user, learn_readonly;

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
grant select on learn.question_stats to learn_editor, learn_app, learn_readonly;

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

-- views/quizzes/my_quiz_review.sql

-- quiz_review of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_quiz_review with (security_barrier) as
select v.* from learn.quiz_review v where v.user_id = (select learn.current_learner());
comment on view learn.my_quiz_review is 'quiz_review of the learner whose session it is: see current_learner().';
grant select on learn.my_quiz_review to learn_app, learn_user, learn_readonly;

-- views/quizzes/quiz_damage.sql

-- Where quizzes are not what answers, facts and the ledger say: the part of check_integrity() about
-- quizzes. The ledger may have paid more for a quiz than the quiz notes: for facts about it that a
-- backend has recorded.
create or replace view learn_internal.quiz_damage (check_name, user_id, expected, actual) as
select 'quizzes_are_facts', a.user_id, format('a fact for quiz %s', a.id), 'none'
from learn.quiz_attempts a
left join learn_internal.all_facts f on f.user_id = a.user_id and f.activity_type = 'quiz_completed'
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
  from learn_internal.all_payments x
  where x.activity_type in ('question_answered_correctly', 'quiz_completed', 'quiz_perfect')
  group by x.user_id, x.source_id
) t on t.user_id = a.user_id and t.source_id = a.id::text
where a.xp_earned > coalesce(t.xp, 0)
union all
select 'quizzes_count_as_they_are', a.user_id,
  format('quiz %s: %s of %s', a.id, a.correct_answers, a.total_questions),
  format('quiz %s: %s of %s', a.id, f.properties ->> 'correct_answers',
    f.properties ->> 'total_questions')
from learn.quiz_attempts a
join learn_internal.all_facts f on f.user_id = a.user_id and f.activity_type = 'quiz_completed'
  and f.subject_type = 'quiz' and f.subject_id = a.id::text
where not f.properties @> jsonb_build_object(
    'correct_answers', a.correct_answers, 'total_questions', a.total_questions)
  and f.properties ? 'correct_answers' and not exists (
    select from learn_internal.withdrawn_facts w where w.user_id = f.user_id and w.fact_id = f.id)
union all
select 'questions_pay_once_a_day', f.user_id,
  format('question %s on %s: once', f.properties ->> 'question_id', f.local_date),
  format('%s times', count(*))
from learn_internal.all_facts f
where f.activity_type = 'question_answered_correctly' and f.xp is distinct from 0
  and f.subject_type = 'quiz' and jsonb_typeof(f.properties -> 'question_id') = 'number'
  and not exists (
    select from learn_internal.withdrawn_facts w
    where w.user_id = f.user_id and w.fact_id = f.id and w.is_taken_back)
  and not exists (  -- at the time of a move it has two dates
    select from learn.user_timezones z where z.user_id = f.user_id and z.until = f.occurred_at)
group by f.user_id, f.properties ->> 'question_id', f.local_date
having count(*) > 1;
comment on view learn_internal.quiz_damage is
  'Where quizzes are not what answers, facts and the ledger say; no row when all is well.';

-- views/quizzes/quiz_questions.sql

-- The questions as learners may see them before they answer: without the key, and without the explanations,
-- which give it away.
create or replace view learn.quiz_questions with (security_barrier) as
select q.id, q.exam_type, q.external_id, q.domain, q.question_text, (
    select jsonb_object_agg(o.key, jsonb_build_object('text', o.value -> 'text'))
    from jsonb_each(q.options) o
  ) as options, q.is_active, q.created_at, q.updated_at
from learn.questions q;
comment on view learn.quiz_questions is
  'Questions without key and explanations. Those are in quiz_review, for who has answered.';
grant select on learn.quiz_questions to learn_app, learn_user, learn_readonly;

-- triggers/quizzes/user_answers.sql

-- What happens when rows of learn.user_answers are written, in the order in which triggers fire.
-- Errors: LX001 a question of another exam.

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

create or replace trigger fill_answers
  before insert on learn.user_answers
  for each row
  when (new.question_id is not null and (new.correct_answer is null or new.is_correct is null))
  execute function learn_internal.fill_answers();

-- When answers are written: what is correct comes from the questions, never from the writer. Where
-- their quiz was written before them, and so was paid without names, the questions are named now.
-- Errors: LX001 a question of another exam.
create or replace function learn_internal.grade_answers()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  v_quiz  record;
  v_wrong text;
begin
  for v_quiz in
    select a.user_id, a.quiz_attempt_id, t.exam_type, exists (
        select from learn_internal.paid_questions d
        where d.user_id = a.user_id and d.unnamed <> '{}') as is_late
    from (select distinct n.user_id, n.quiz_attempt_id from new_rows n) a
    join learn.quiz_attempts t on t.user_id = a.user_id and t.id = a.quiz_attempt_id
    order by a.user_id, a.quiz_attempt_id
  loop
    select format('question %s is of exam %s', q.id, q.exam_type) into v_wrong
    from learn.user_answers a
    join learn.questions q on q.id = a.question_id
    where a.user_id = v_quiz.user_id and a.quiz_attempt_id = v_quiz.quiz_attempt_id
      and q.exam_type <> v_quiz.exam_type
    limit 1;
    if found then
      raise exception 'an answer makes no sense'
        using errcode = 'LX001', detail = format('quiz %s: %s', v_quiz.quiz_attempt_id, v_wrong),
          hint = 'The answers of a quiz are to questions of its exam.';
    end if;
    if v_quiz.is_late then
      perform learn_internal.name_paid_questions(
        v_quiz.user_id, v_quiz.quiz_attempt_id, v_quiz.exam_type);
    end if;
  end loop;
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
  'Statement trigger: answers are graded by the questions, whatever their writer says (LX001).';

create or replace trigger grade_answers
  after insert on learn.user_answers
  referencing new table as new_rows
  for each statement
  execute function learn_internal.grade_answers();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_answers
  for each row
  when (learn_internal.is_off_time(new.answered_at, new.answered_at))
  execute function learn_internal.refuse_times('answered_at');

create or replace trigger refuse_new_times
  before update of answered_at on learn.user_answers
  for each row
  when (new.answered_at is distinct from old.answered_at and learn_internal.is_off_time(new.answered_at, new.answered_at))
  execute function learn_internal.refuse_times('answered_at');

-- Answers stay what they were answers to; that a question is gone is no change of theirs.
-- Errors: LX009.
create or replace trigger results_stay
  after update of question_id, answered_at on learn.user_answers
  for each row when (pg_trigger_depth() = 0
    and (old.question_id, old.answered_at) is distinct from (new.question_id, new.answered_at))
  execute function learn_internal.refuse_change();

-- triggers/quizzes/questions_touch.sql

-- When a question is changed, its updated_at says so.
create or replace trigger questions_touch
  before update on learn.questions
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- triggers/quizzes/quiz_attempts.sql

-- What happens when quizzes are written, in this order: rules are held; each right answer, the quiz, and
-- that it was perfect are facts, which pay; and what they paid is noted with the quiz.

-- 1. Before anything is written: content and rules are held.
create or replace trigger quiz_attempts_hold
  before insert on learn.quiz_attempts
  for each statement
  execute function learn_internal.hold_content_first();

-- 2. One quiz after the other, by user and time. Answers that the same statement writes tell which
-- questions were right, whatever the writer of the quiz says. Facts are written many at a time.
create or replace function learn_internal.quizzes_completed()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  n           learn.quiz_attempts;
  v_right     record;                -- the right answers of a quiz
  v_paid      record;
  v_fact      learn_internal.fact;
  v_facts     learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_user_id   uuid;
  v_user_ids  uuid[] := '{}'::uuid[];
  v_first     bigint;
  v_now       timestamptz := learn.clock();
begin
  for n in select a.* from new_rows a order by a.user_id, a.completed_at, a.id loop
    if n.user_id is distinct from v_user_id then
      perform from learn.user_stats s where s.user_id = n.user_id for no key update;
      v_user_id := n.user_id;
      v_user_ids := v_user_ids || v_user_id;
      v_first := coalesce(v_first, (select min(a.id) from new_rows a));
    end if;
    select count(*)::integer as asked,
      coalesce(array_agg(a.question_id order by a.position) filter (
        where a.user_answer = coalesce(q.correct_answer, a.correct_answer)), '{}') as ids,
      array_agg(q.domain order by a.position) filter (
        where a.user_answer = coalesce(q.correct_answer, a.correct_answer)) as domains
    into v_right
    from learn.user_answers a
    left join learn.questions q on q.id = a.question_id
    where a.user_id = n.user_id and a.quiz_attempt_id = n.id;
    if v_right.asked = 0 then
      v_right.ids := array_fill(null::bigint, array[n.correct_answers]);
    end if;
    if v_right.asked > 0
      and (v_right.asked, cardinality(v_right.ids)) <> (n.total_questions, n.correct_answers)
      or n.xp_earned <> 0
    then
      update learn.quiz_attempts a
      set total_questions = coalesce(nullif(v_right.asked, 0), a.total_questions),
        correct_answers = cardinality(v_right.ids), xp_earned = 0
      where a.user_id = n.user_id and a.id = n.id
      returning a.* into n;
    end if;
    foreach v_fact in array learn_internal.quiz_facts(n, v_right.ids, v_right.domains,
      learn_internal.pay_questions(n.user_id, n.exam_type, v_right.ids, n.completed_at, v_first))
    loop
      if v_fact.activity_type = 'quiz_perfect' and not learn_internal.pay_perfect(n.user_id) then
        v_fact.xp := 0;
      end if;
      v_facts := v_facts || v_fact;
    end loop;
    if cardinality(v_facts) > 1000 then
      perform learn_internal.write_facts(v_facts);
      v_facts := '{}'::learn_internal.fact[];
    end if;
  end loop;
  if v_user_id is null then
    return null;
  end if;
  perform learn_internal.write_facts(v_facts);

  -- 3. What the facts have paid is what the ledger has got since.
  for v_paid in
    select t.user_id, t.source_id, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.user_id = any (v_user_ids) and t.created_at >= v_now
      and t.source_id = any (array(select a.id::text from new_rows a))
      and t.activity_type in ('question_answered_correctly', 'quiz_completed', 'quiz_perfect')
    group by t.user_id, t.source_id
  loop
    update learn.quiz_attempts a
    set xp_earned = v_paid.xp
    where a.user_id = v_paid.user_id and a.id = v_paid.source_id::bigint;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.quizzes_completed() is
  'Statement trigger: quizzes, right answers and perfect scores become facts, which pay.';

create or replace trigger quizzes_completed
  after insert on learn.quiz_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.quizzes_completed();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.quiz_attempts
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

create or replace trigger refuse_new_times
  before update of completed_at on learn.quiz_attempts
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

-- Quizzes stay as they were graded: regrade_question() grades again, where the key was wrong.
-- Errors: LX009 another time.
create or replace trigger results_stay
  after update of completed_at on learn.quiz_attempts
  for each row when (pg_trigger_depth() = 0 and old.completed_at <> new.completed_at)
  execute function learn_internal.refuse_change();

-- functions/quizzes/require_exam.sql

-- Refuses an exam that is unknown or retired.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_exam(p_exam_type text)
returns learn.exam_types
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_exam learn.exam_types;
begin
  select e.* into v_exam from learn.exam_types e where e.key = p_exam_type;
  if not found then
    perform learn_internal.require_size('p_exam_type', length(p_exam_type), 200);
    raise exception 'unknown exam'
      using errcode = 'LX003', detail = format('p_exam_type = %s', coalesce(left(p_exam_type, 50), 'null')),
        hint = 'Look the exam up in learn.exam_types.';
  end if;
  if not v_exam.is_active then
    raise exception 'the exam is retired'
      using errcode = 'LX004', detail = format('p_exam_type = %s: %s', p_exam_type, v_exam.name),
        hint = 'Take one of learn.exam_types that is active.';
  end if;
  return v_exam;
end;
$$;
comment on function learn_internal.require_exam(text) is
  'An exam that may be taken; refuses unknown ones (LX003) and retired ones (LX004).';

-- functions/quizzes/start_quiz.sql

-- Draws a quiz for a learner, and returns its questions in the order in which to ask them, without the key:
-- those never answered before come first, then those whose last answer was wrong, then the others, each at
-- random. An exam that has fewer gives what it has. A quiz of this exam that was left open is closed
-- as abandoned. submit_quiz() with answers to these questions completes it, within its time.
-- Errors: LX001 a number of questions or domains out of range; LX002; LX003 unknown exam, or no question
-- in the domains; LX004 user inactive, exam retired.
create or replace function learn.start_quiz(
  p_user_id   uuid,
  p_exam_type text,
  p_questions integer,
  p_domains   text[] default null
)
returns table (
  quiz_id bigint, "position" integer, question_id bigint, domain text, question_text text,
  options jsonb, started_at timestamptz, ends_at timestamptz
)
language plpgsql
volatile
security definer                  -- backends write no table, and do not read the key
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
#variable_conflict use_column
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'start_quiz', p_user_id, '{}', null, null);
  v_exam    learn.exam_types := learn_internal.require_exam(p_exam_type);
  v_maximum integer := learn_internal.setting_number('quiz_maximum_questions');
  v_ids     bigint[];
  v_drawn   learn.drawn_quizzes;
begin
  perform learn_internal.require_size('p_domains', cardinality(p_domains), 1000, 'elements');
  perform learn_internal.require_size('p_domains', pg_column_size(p_domains), 65536, 'bytes');
  if p_questions is null or p_questions not between 1 and v_maximum then
    raise exception 'a quiz of so many questions cannot be drawn'
      using errcode = 'LX001', detail = format('p_questions = %s', coalesce(p_questions::text, 'null')),
        hint = format('Ask for 1 to %s questions (setting quiz_maximum_questions).', v_maximum);
  end if;

  v_ids := array(
    select d.id
    from (
      select q.id, random() as chance, (
        select a.is_correct::integer
        from learn.user_answers a
        where a.user_id = p_user_id and a.question_id = q.id
        order by a.quiz_attempt_id desc
        limit 1) as last_answer
      from learn.questions q
      where q.exam_type = p_exam_type and q.is_active
        and (p_domains is null or q.domain = any (p_domains))
    ) d
    order by d.last_answer nulls first, d.chance
    limit p_questions);
  if v_ids = '{}' then
    raise exception 'there is no question to ask'
      using errcode = 'LX003',
        detail = format('p_exam_type = %s, p_domains = %s', p_exam_type, left(p_domains::text, 200)),
        hint = 'The domains of an exam are in learn.quiz_questions; null means all of them.';
  end if;

  update learn.drawn_quizzes d
  set closed_at = greatest(d.started_at, least(d.ends_at, learn.clock()))
  where d.user_id = p_user_id and d.exam_type = p_exam_type and d.closed_at is null;
  insert into learn.drawn_quizzes as d (user_id, exam_type, question_ids, started_at, ends_at)
  values (p_user_id, p_exam_type, v_ids, v_call.occurred_at, v_call.occurred_at
    + cardinality(v_ids) * v_exam.seconds_per_question * interval '1 second')
  on conflict do nothing
  returning d.* into v_drawn;

  return query
  select v_drawn.id, l.place::integer, q.id, q.domain, q.question_text, q.options,
    v_drawn.started_at, v_drawn.ends_at
  from unnest(v_ids) with ordinality l(id, place)
  join learn.quiz_questions q on q.id = l.id
  order by l.place;
end;
$$;
comment on function learn.start_quiz(uuid, text, integer, text[]) is
  'Draws a quiz: unseen questions first, then those last answered wrongly; closes one left open. Returns '
  'the questions without the key, and when the time is up (null: no limit).';
grant execute on function learn.start_quiz(uuid, text, integer, text[]) to learn_app, learn_user;

-- functions/quizzes/complete_drawn_quiz.sql

-- Answers as those of a quiz that was drawn: with the questions that were left out, which were skipped.
-- Null where others are among them, and so they are not of this quiz: but its questions wait while its time is up.
-- Errors: LX004 the time is up.
create or replace function learn_internal.complete_drawn_quiz(
  p_drawn learn.drawn_quizzes, p_answers learn_internal.graded_answer[]
)
returns learn_internal.graded_answer[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asked bigint[] := array(select a.question_id from unnest(p_answers) a);
begin
  if not v_asked && p_drawn.question_ids then
    return null;
  end if;
  if learn.clock() > p_drawn.ends_at
    + learn_internal.setting_number('quiz_grace_seconds') * interval '1 second'
  then
    raise exception 'the time for the quiz is up'
      using errcode = 'LX004',
        detail = format('it was started at %s and ended at %s', p_drawn.started_at, p_drawn.ends_at),
        hint = 'Start another: learn.start_quiz().';
  elsif not v_asked <@ p_drawn.question_ids then
    return null;
  end if;
  return p_answers || array(
    select (cardinality(p_answers) + row_number() over (order by l.place), q.id, null,
      q.correct_answer, null)::learn_internal.graded_answer
    from unnest(p_drawn.question_ids) with ordinality l(question_id, place)
    join learn.questions q on q.id = l.question_id
    where l.question_id <> all (v_asked));
end;
$$;
comment on function learn_internal.complete_drawn_quiz(
  learn.drawn_quizzes, learn_internal.graded_answer[]) is
  'Answers as those of a drawn quiz, what was left out as skipped; null where they are of another.';

-- functions/quizzes/grade_quiz.sql

-- Grades the answers of a quiz by the question bank, in one statement that looks each question up by its key.
-- Errors: LX001 no answers, too many, or one that makes no sense.
create or replace function learn_internal.grade_quiz(p_exam_type text, p_answers jsonb)
returns learn_internal.graded_answer[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  v_maximum   integer := learn_internal.setting_number('quiz_maximum_questions');
  v_number    integer;
  v_questions integer;
  v_answers   learn_internal.graded_answer[];
  v_problem   text;
begin
  if jsonb_typeof(p_answers) is distinct from 'array' then
    v_problem := 'p_answers is not an array';
  else
    v_number := jsonb_array_length(p_answers);
    if v_number not between 1 and v_maximum then
      v_problem := format('there are %s answers', v_number);
    end if;
  end if;
  if v_problem is null then
    select array_agg((e.place, q.id, e.answer ->> 'answer', q.correct_answer,
        (e.answer ->> 'time_spent_seconds')::integer)::learn_internal.graded_answer order by e.place),
      count(distinct q.id)
    into v_answers, v_questions
    from jsonb_array_elements(p_answers) with ordinality e(answer, place)
    join learn.questions q on q.id = case
      when jsonb_typeof(e.answer -> 'question_id') = 'number'
        and e.answer ->> 'question_id' ~ '^[0-9]{1,18}$'
      then (e.answer ->> 'question_id')::bigint end
    where q.exam_type = p_exam_type and q.is_active
      and (e.answer ->> 'answer' is null or q.options ? (e.answer ->> 'answer'))
      and (e.answer ->> 'time_spent_seconds' is null
        or jsonb_typeof(e.answer -> 'time_spent_seconds') = 'number'
          and e.answer ->> 'time_spent_seconds' ~ '^[0-9]{1,9}$');
    if v_questions is distinct from v_number or cardinality(v_answers) is distinct from v_number then
      v_problem := learn_internal.quiz_problem(p_exam_type, p_answers);
    end if;
  end if;
  if v_problem is not null then
    raise exception 'the quiz makes no sense'
      using errcode = 'LX001', detail = v_problem,
        hint = format('Answers are [{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …], '
          '1 to %s of them, each question of the exam once; null is a skipped answer.', v_maximum);
  end if;
  return v_answers;
end;
$$;
comment on function learn_internal.grade_quiz(text, jsonb) is
  'The answers of a quiz, graded by the question bank (LX001 where they make no sense).';

-- functions/quizzes/name_paid_questions.sql

-- A quiz that was written without its answers has paid for questions that nobody could name. Here they
-- are: those that have not paid yet today take the place of the unnamed ones.
create or replace function learn_internal.name_paid_questions(
  p_user_id uuid, p_quiz_attempt_id bigint, p_exam_type text
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_day     learn_internal.paid_questions;
  v_unnamed integer;
  v_ids     bigint[];
begin
  perform from learn.user_stats s where s.user_id = p_user_id for no key update;
  select d.* into v_day from learn_internal.paid_questions d where d.user_id = p_user_id;
  v_unnamed := coalesce((v_day.unnamed ->> p_exam_type)::integer, 0);
  v_ids := array(
    select q.id
    from learn.user_answers a
    join learn.questions q on q.id = a.question_id and q.correct_answer = a.user_answer
    where a.user_id = p_user_id and a.quiz_attempt_id = p_quiz_attempt_id
      and q.id <> all (v_day.question_ids)
    order by a.position
    limit v_unnamed);
  update learn_internal.paid_questions d
  set question_ids = d.question_ids || v_ids,
    unnamed = case when v_unnamed = cardinality(v_ids) then d.unnamed - p_exam_type
      else d.unnamed || jsonb_build_object(p_exam_type, v_unnamed - cardinality(v_ids)) end
  where d.user_id = p_user_id and v_ids <> '{}';
end;
$$;
comment on function learn_internal.name_paid_questions(uuid, bigint, text) is
  'Names the questions that a quiz has paid for before its answers were written.';

-- functions/quizzes/pay_perfect.sql

-- Whether a perfect quiz pays for being perfect: so many do on a day, or else a short one that is known by heart would
-- pay as often as one likes. The caller has locked the learner.
create or replace function learn_internal.pay_perfect(p_user_id uuid)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_day learn_internal.paid_questions;
begin
  v_day := learn_internal.open_paid_day(p_user_id);
  if v_day.perfect >= learn_internal.setting_number('quiz_perfect_payments_per_day') then
    return false;
  end if;
  insert into learn_internal.paid_questions as d
    (user_id, opened_at, question_ids, unnamed, perfect)
  values (p_user_id, v_day.opened_at, v_day.question_ids, v_day.unnamed, v_day.perfect + 1)
  on conflict (user_id) do update
    set opened_at = excluded.opened_at,
      question_ids = excluded.question_ids, unnamed = excluded.unnamed, perfect = excluded.perfect;
  return true;
end;
$$;
comment on function learn_internal.pay_perfect(uuid) is
  'Whether a perfect quiz pays for being perfect today.';

-- functions/quizzes/pay_questions.sql

-- Which of a learner's right answers pay: each question does once a local day, by the clock, whatever the
-- dates of the quizzes, and once on the local day of the quiz. Of a quiz that was written without its
-- answers nobody knows the questions (null): they are taken for those of the exam that have paid today
-- already, as far as these go. The caller has locked the learner.
create or replace function learn_internal.pay_questions(
  p_user_id       uuid,
  p_exam_type     text,
  p_question_ids  bigint[],
  p_completed_at  timestamptz,
  p_before        bigint            -- the first attempt that is being written
)
returns boolean[]                   -- for each of the questions
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_day       learn_internal.paid_questions;
  v_date      date;                 -- of the quiz
  v_is_late   boolean;              -- of another day than today
  v_paid      text[] := '{}'::text[];  -- on the date of the quiz, which may have begun in another zone
  v_ids       bigint[];
  v_known     integer;              -- unnamed answers that are taken for paid ones
  v_unnamed   integer;
  v_id        bigint;
  v_pays      boolean;
  v_result    boolean[] := '{}'::boolean[];
begin
  v_day := learn_internal.open_paid_day(p_user_id);
  v_date := (learn_internal.local_date(p_user_id, p_completed_at)).local_date;
  v_is_late := v_date <> (learn_internal.local_date(p_user_id, learn.clock())).local_date;
  if exists (
    select from learn.users u
    where u.id = p_user_id and u.zone_since > p_completed_at - interval '3 days')
  then
    v_paid := array(
      select coalesce(f.properties ->> 'question_id', '')
      from learn.activity_log f
      where f.user_id = p_user_id and f.recorded_at > p_completed_at - interval '3 days'
        and f.activity_type = 'question_answered_correctly' and f.subject_type = 'quiz'
        and f.properties ->> 'exam_type' = p_exam_type and f.local_date = v_date and f.xp is distinct from 0);
  end if;
  v_ids := v_day.question_ids;
  v_unnamed := coalesce((v_day.unnamed ->> p_exam_type)::integer, 0);
  if array_position(p_question_ids, null) is not null then
    select count(*) into v_known
    from learn.questions q
    where q.id = any (v_ids) and q.exam_type = p_exam_type;
    v_known := greatest(v_known + v_unnamed, cardinality(v_paid));
    if v_is_late then
      select greatest(v_known, max(t.correct_answers)) into v_known
      from learn.quiz_attempts t
      where t.user_id = p_user_id and t.id < p_before and t.exam_type = p_exam_type
        and t.completed_at between p_completed_at - interval '2 days' and p_completed_at + interval '2 days'
        and (learn_internal.local_date(p_user_id, t.completed_at)).local_date = v_date;
    end if;
  end if;

  foreach v_id in array p_question_ids loop
    if v_id is null then
      v_pays := v_known = 0;
      v_known := greatest(0, v_known - 1);
      v_unnamed := v_unnamed + v_pays::integer;
    else
      v_pays := v_id <> all (v_day.question_ids) and v_id::text <> all (v_paid);
      if v_pays and v_is_late then
        v_pays := not exists (
          select from learn.user_answers a
          join learn.quiz_attempts t on t.user_id = a.user_id and t.id = a.quiz_attempt_id
          where a.user_id = p_user_id and a.question_id = v_id and a.quiz_attempt_id < p_before
            and a.is_correct
            and (learn_internal.local_date(p_user_id, t.completed_at)).local_date = v_date);
      end if;
      if v_pays then
        v_ids := v_ids || v_id;
      end if;
    end if;
    v_result := v_result || v_pays;
  end loop;

  if true = any (v_result) then
    if v_unnamed > 0 then
      v_day.unnamed := v_day.unnamed || jsonb_build_object(p_exam_type, v_unnamed);
    end if;
    insert into learn_internal.paid_questions as d
      (user_id, opened_at, question_ids, unnamed, perfect)
    values (p_user_id, v_day.opened_at, v_ids, v_day.unnamed, v_day.perfect)
    on conflict (user_id) do update
      set opened_at = excluded.opened_at,
        question_ids = excluded.question_ids, unnamed = excluded.unnamed, perfect = excluded.perfect;
  end if;
  return v_result;
end;
$$;
comment on function learn_internal.pay_questions(uuid, text, bigint[], timestamptz, bigint) is
  'Which of a learner''s right answers pay: each question once a local day.';

-- functions/quizzes/quiz_facts.sql

-- The facts of a completed quiz, in order: each right answer, of which those that p_pays names pay; the
-- quiz; and that it was perfect. A quiz of fewer questions than quiz_minimum_questions counts in no metric
-- and is never a perfect one: else a single question, known by heart, would be worth as much as an exam.
create or replace function learn_internal.quiz_facts(
  p_quiz         learn.quiz_attempts,
  p_question_ids bigint[],
  p_domains      text[],
  p_pays         boolean[]
)
returns learn_internal.fact[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_counted boolean :=
    p_quiz.total_questions >= learn_internal.setting_number('quiz_minimum_questions');
  v_is_perfect boolean := v_is_counted and p_quiz.correct_answers = p_quiz.total_questions;
  v_exam       jsonb := jsonb_build_object('exam_type', p_quiz.exam_type);
  v_facts      learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  if not v_is_counted then
    v_exam := v_exam || '{"counts": false}';
  end if;
  for v_i in 1 .. cardinality(p_question_ids) loop
    v_facts := v_facts || (
      p_quiz.user_id, 'question_answered_correctly', 'quiz', p_quiz.id::text,
      v_exam || jsonb_build_object('question_id', p_question_ids[v_i], 'domain', p_domains[v_i]),
      case when not p_pays[v_i] then 0 end, p_quiz.completed_at)::learn_internal.fact;
  end loop;
  v_facts := v_facts || (
    p_quiz.user_id, 'quiz_completed', 'quiz', p_quiz.id::text,
    v_exam || jsonb_build_object('score', p_quiz.score_percentage,
      'total_questions', p_quiz.total_questions, 'correct_answers', p_quiz.correct_answers,
      'is_perfect', v_is_perfect,
      'is_high_score', v_is_counted and 100 * p_quiz.correct_answers
        >= learn_internal.setting_number('quiz_high_score_percentage') * p_quiz.total_questions),
    null, p_quiz.completed_at)::learn_internal.fact;
  if v_is_perfect then
    v_facts := v_facts || (
      p_quiz.user_id, 'quiz_perfect', 'quiz', p_quiz.id::text, v_exam, null,
      p_quiz.completed_at)::learn_internal.fact;
  end if;
  return v_facts;
end;
$$;
comment on function learn_internal.quiz_facts(learn.quiz_attempts, bigint[], text[], boolean[]) is
  'The facts of a completed quiz: right answers, the quiz, and that it was perfect.';

-- functions/quizzes/withdraw_quiz_facts.sql

-- Withdraws what quizzes have told by a wrong key: how they went, that they were perfect, and that the question
-- was answered correctly. The metrics that count such facts, and the boards, are counted anew. XP stays,
-- or is taken back: of each fact that is gone, as far as there is any.
create or replace function learn_internal.withdraw_quiz_facts(
  p_user_id uuid, p_question_id bigint, p_quiz_ids bigint[], p_take_back boolean
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  f          record;                -- a fact that is withdrawn
  v_payment  learn.xp_transactions;
  v_total    bigint;
  v_metrics  text[];
begin
  for f in
    select l.id, l.activity_type, l.subject_id, l.xp, l.recorded_at
    from learn_internal.all_facts l
    where l.user_id = p_user_id and l.subject_type = 'quiz'
      and l.subject_id = any (p_quiz_ids::text[])
      and (l.activity_type in ('quiz_completed', 'quiz_perfect')
        or l.activity_type = 'question_answered_correctly'
          and l.properties @> jsonb_build_object('question_id', p_question_id))
      and not exists (
        select from learn_internal.withdrawn_facts w where w.user_id = l.user_id and w.fact_id = l.id)
    order by l.id
  loop
    v_payment := null;
    if p_take_back and f.activity_type <> 'quiz_completed' and f.xp is distinct from 0 then
      select t.* into v_payment
      from learn_internal.all_payments t
      where t.user_id = p_user_id and t.activity_type = f.activity_type
        and t.source_id = f.subject_id and t.amount > 0 and not exists (
          select from learn_internal.recorded_subjects r
          where r.user_id = p_user_id and r.activity_type = 'xp_reversed'
            and r.subject_type = 'xp_transaction' and r.subject_id = t.id::text)
      order by t.id
      limit 1;
    end if;
    insert into learn_internal.withdrawn_facts (user_id, fact_id, is_taken_back)
    values (p_user_id, f.id, v_payment.id is not null);
    if v_payment.id is not null then
      insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
      values (p_user_id, 'xp_reversed', 'xp_transaction', v_payment.id::text);
      select s.total_xp into v_total from learn.user_stats s where s.user_id = p_user_id;
      perform learn_internal.write_facts(array[(
        p_user_id, 'xp_reversed', 'xp_transaction', v_payment.id::text,
        jsonb_build_object('source_type', 'reversal', 'source_id', v_payment.id::text,
          'description', format('The key of question %s was wrong.', p_question_id)),
        -least(v_payment.amount, v_total), learn.clock())::learn_internal.fact]);
      update learn_internal.paid_questions d  -- today it has not paid then
      set question_ids = array_remove(d.question_ids, p_question_id)
      where d.user_id = p_user_id and f.activity_type = 'question_answered_correctly'
        and d.opened_at <= f.recorded_at;
    end if;
  end loop;

  v_metrics := array(
    select m.key from learn.metrics m
    where m.activity_type in ('question_answered_correctly', 'quiz_completed', 'quiz_perfect'));
  delete from learn.user_metrics m where m.user_id = p_user_id and m.metric = any (v_metrics);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.user_id = p_user_id and r.metric = any (v_metrics) and r.value <> 0;
  delete from learn_internal.user_metric_days d
  where d.user_id = p_user_id and d.metric = any (v_metrics);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date, zone_number)
  select r.user_id, r.metric, r.scope, r.activity_date, r.zone_number
  from learn_internal.metric_day_recounts r
  where r.user_id = p_user_id and r.metric = any (v_metrics);
  perform learn_internal.recount_boards(array[p_user_id]);
end;
$$;
comment on function learn_internal.withdraw_quiz_facts(uuid, bigint, bigint[], boolean) is
  'Withdraws what quizzes have told by a wrong key, and counts metrics and boards anew.';

-- functions/quizzes/regrade_user.sql

-- Grades a user's answers to a question by its key of today. The facts that were true by the old key are
-- withdrawn from the metrics, and what is true instead are facts of the time of the quiz; they pay what is
-- missing: a question once on the quiz's day, a perfect score once. Returns how many answers it graded.
create or replace function learn_internal.regrade_user(
  p_user_id uuid, p_question learn.questions, p_take_back boolean
)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answers integer;
  v_ids     bigint[];               -- of quizzes whose score changes
  v_quiz    learn.quiz_attempts;
  v_answer  record;
  v_pays    boolean;
  v_days    date[];                 -- those on which the question has paid
  v_day     date;
  v_today   date;
  v_fact    learn_internal.fact;
  v_facts   learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_last_id bigint;                 -- of the ledger, before
  v_paid    record;
begin
  perform from learn.user_stats s where s.user_id = p_user_id for no key update;
  v_ids := array(
    select a.quiz_attempt_id
    from learn.user_answers a
    where a.user_id = p_user_id and a.question_id = p_question.id
      and a.correct_answer <> p_question.correct_answer
      and a.is_correct <> coalesce(a.user_answer = p_question.correct_answer, false));
  update learn.user_answers a
  set correct_answer = p_question.correct_answer,
    is_correct = coalesce(a.user_answer = p_question.correct_answer, false)
  where a.user_id = p_user_id and a.question_id = p_question.id
    and a.correct_answer <> p_question.correct_answer;
  get diagnostics v_answers = row_count;
  if v_ids = '{}' then
    return v_answers;
  end if;
  select coalesce(max(t.id), 0) into v_last_id
  from learn_internal.all_payments t
  where t.user_id = p_user_id;

  v_days := array(
    select f.local_date
    from learn_internal.all_facts f
    where f.user_id = p_user_id and f.activity_type = 'question_answered_correctly'
      and f.properties @> jsonb_build_object('question_id', p_question.id)
      and f.xp is distinct from 0 and not exists (
        select from learn_internal.withdrawn_facts w
        where w.user_id = f.user_id and w.fact_id = f.id and w.is_taken_back));
  perform learn_internal.withdraw_quiz_facts(p_user_id, p_question.id, v_ids, p_take_back);

  for v_answer in
    select q.id, a.is_correct
    from learn.quiz_attempts q
    join learn.user_answers a on a.user_id = q.user_id and a.quiz_attempt_id = q.id
    where q.user_id = p_user_id and q.id = any (v_ids) and a.question_id = p_question.id
    order by q.completed_at, q.id
  loop
    update learn.quiz_attempts q
    set correct_answers = q.correct_answers + case when v_answer.is_correct then 1 else -1 end
    where q.user_id = p_user_id and q.id = v_answer.id
    returning q.* into v_quiz;
    v_pays := false;
    if v_answer.is_correct then
      v_day := (learn_internal.local_date(p_user_id, v_quiz.completed_at)).local_date;
      v_today := (learn_internal.local_date(p_user_id, learn.clock())).local_date;
      v_pays := v_day <> all (v_days);
      if v_pays and v_day = v_today then  -- and then it does not pay again today
        v_pays := (learn_internal.pay_questions(
          p_user_id, v_quiz.exam_type, array[p_question.id], v_quiz.completed_at, v_quiz.id))[1];
      end if;
      v_days := v_days || v_day;
    end if;
    foreach v_fact in array learn_internal.quiz_facts(
      v_quiz, case when v_answer.is_correct then array[p_question.id] else '{}'::bigint[] end,
      array[p_question.domain], array[v_pays])
    loop
      -- a quiz has paid for being taken, and pays once for being perfect
      if v_fact.activity_type = 'quiz_completed'
        or v_fact.activity_type = 'quiz_perfect' and exists (
          select from learn_internal.all_payments t
          where t.user_id = p_user_id and t.activity_type = 'quiz_perfect'
            and t.source_id = v_quiz.id::text and not exists (
              select from learn_internal.recorded_subjects r
              where r.user_id = p_user_id and r.activity_type = 'xp_reversed'
                and r.subject_type = 'xp_transaction' and r.subject_id = t.id::text))
      then
        v_fact.xp := 0;
      end if;
      v_facts := v_facts || v_fact;
    end loop;
  end loop;
  perform learn_internal.write_facts(v_facts);

  for v_paid in
    select t.source_id::bigint as id, sum(t.amount) as xp
    from learn_internal.all_payments t
    where t.user_id = p_user_id and t.id > v_last_id
      and t.activity_type in ('question_answered_correctly', 'quiz_perfect')
    group by t.source_id
  loop
    update learn.quiz_attempts q
    set xp_earned = q.xp_earned + v_paid.xp
    where q.user_id = p_user_id and q.id = v_paid.id;
  end loop;
  return v_answers;
end;
$$;
comment on function learn_internal.regrade_user(uuid, learn.questions, boolean) is
  'Grades a user''s answers to a question by its key of today; returns how many.';

-- functions/quizzes/regrade_question.sql

-- Applies the answer key of a question, corrected, to the past: answers, scores and metrics of everybody who
-- was graded by another key follow. XP that is missing is paid; what was paid by the wrong key is taken
-- back only if asked, cut to what there is. Returns how many answers were graded anew. Again: nothing.
-- It locks everybody concerned until it commits.
-- Errors: LX003 unknown question.
create or replace function learn.regrade_question(
  p_question_id bigint, p_take_back boolean default false
)
returns integer
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_question learn.questions;
  v_user_id  uuid;
  v_answers  integer := 0;
begin
  perform learn_internal.hold_content();
  select q.* into v_question from learn.questions q where q.id = p_question_id for share;
  if not found then
    raise exception 'unknown question'
      using errcode = 'LX003',
        detail = format('p_question_id = %s', coalesce(p_question_id::text, 'null')),
        hint = 'Look the question up in learn.quiz_questions.';
  end if;
  for v_user_id in
    select distinct a.user_id
    from learn.user_answers a
    where a.question_id = p_question_id and a.correct_answer <> v_question.correct_answer
    order by a.user_id
  loop
    v_answers := v_answers
      + learn_internal.regrade_user(v_user_id, v_question, coalesce(p_take_back, false));
  end loop;
  if v_answers > 0 then
    perform learn_internal.audit('regrade_question', 'question', null, jsonb_build_object('id', p_question_id), null,
      jsonb_build_object('answers', v_answers, 'take_back', coalesce(p_take_back, false)));
  end if;
  return v_answers;
end;
$$;
comment on function learn.regrade_question(bigint, boolean) is
  'Applies a corrected answer key to the past: answers, scores and metrics follow, missing XP is paid, '
  'and what was paid wrongly is taken back if p_take_back. Returns how many answers were graded anew.';
grant execute on function learn.regrade_question(bigint, boolean) to learn_app;

-- triggers/quizzes/drawn_quizzes.sql

-- When a row of learn.drawn_quizzes is written: it is dated neither ahead of the clock nor absurdly far back; when the
-- quiz ends lies ahead by its nature.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.drawn_quizzes
  for each row
  when (learn_internal.is_off_time(
    greatest(new.started_at, new.closed_at), least(new.started_at, new.closed_at)))
  execute function learn_internal.refuse_times('started_at', 'closed_at');

create or replace trigger refuse_new_times
  before update of started_at, closed_at on learn.drawn_quizzes
  for each row
  when (new.started_at is distinct from old.started_at and learn_internal.is_off_time(new.started_at, new.started_at)
    or new.closed_at is distinct from old.closed_at and learn_internal.is_off_time(new.closed_at, new.closed_at))
  execute function learn_internal.refuse_times('started_at', 'closed_at');

-- functions/quizzes/open_paid_day.sql

-- What quizzes have paid a learner today: as noted, or nothing where the day of the note is over.
create or replace function learn_internal.open_paid_day(p_user_id uuid)
returns learn_internal.paid_questions
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_day learn_internal.paid_questions;
begin
  select * into v_day from learn_internal.paid_questions d where d.user_id = p_user_id;
  if not found or learn_internal.is_over(p_user_id, v_day.opened_at) then
    v_day := (p_user_id, learn.clock(), '{}'::bigint[], '{}'::jsonb, 0);
  end if;
  return v_day;
end;
$$;
comment on function learn_internal.open_paid_day(uuid) is
  'What quizzes have paid a learner today, by the clock.';

reset role;
