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
