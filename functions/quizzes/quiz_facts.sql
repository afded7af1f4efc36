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
