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
