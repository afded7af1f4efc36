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
