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
