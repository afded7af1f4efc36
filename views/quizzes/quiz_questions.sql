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
