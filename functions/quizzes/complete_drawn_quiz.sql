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
