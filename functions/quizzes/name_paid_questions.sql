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
