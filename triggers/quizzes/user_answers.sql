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
