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
