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
