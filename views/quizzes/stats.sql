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

-- How well users answer, by exam and domain. Filter by user_id: the condition reaches the table.
create or replace view learn.user_domain_stats as
select a.user_id, q.exam_type, q.domain, count(*) as questions_answered,
  count(*) filter (where a.is_correct) as correct_answers,
  round(100.0 * count(*) filter (where a.is_correct) / count(*), 2) as accuracy_percentage
from learn.user_answers a
join learn.questions q on q.id = a.question_id
group by a.user_id, q.exam_type, q.domain;
comment on view learn.user_domain_stats is
  'Answers per user, exam and domain, with the accuracy in percent.';
grant select on learn.user_domain_stats to learn_app, learn_readonly;

-- user_domain_stats of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_domain_stats with (security_barrier) as
select v.* from learn.user_domain_stats v where v.user_id = (select learn.current_learner());
comment on view learn.my_domain_stats is 'user_domain_stats of the learner whose session it is: see current_learner().';
grant select on learn.my_domain_stats to learn_app, learn_user, learn_readonly;

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

-- user_quiz_stats of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_quiz_stats with (security_barrier) as
select v.* from learn.user_quiz_stats v where v.user_id = (select learn.current_learner());
comment on view learn.my_quiz_stats is 'user_quiz_stats of the learner whose session it is: see current_learner().';
grant select on learn.my_quiz_stats to learn_app, learn_user, learn_readonly;

-- How questions are answered: the hardest of an exam are those of the lowest accuracy.
create or replace view learn.question_stats as
select q.id as question_id, q.exam_type, q.domain, q.external_id, q.question_text,
  s.times_answered, s.times_correct, s.times_skipped,
  round(100.0 * s.times_correct / nullif(s.times_answered, 0), 2) as accuracy_percentage,
  s.average_time_seconds
from learn.questions q
cross join lateral (
  select count(*) as times_answered, count(*) filter (where a.is_correct) as times_correct,
    count(*) filter (where a.user_answer is null) as times_skipped,
    round(avg(a.time_spent_seconds), 1) as average_time_seconds
  from learn.user_answers a
  where a.question_id = q.id
) s;
comment on view learn.question_stats is
  'Answers per question: how often correct and skipped, accuracy in percent, time in seconds.';
comment on column learn.question_stats.accuracy_percentage is 'Null: nobody has answered it.';
grant select on learn.question_stats to learn_editor, learn_app, learn_readonly;
