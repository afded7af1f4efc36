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
