-- Where quizzes are not what answers, facts and the ledger say: the part of check_integrity() about
-- quizzes. The ledger may have paid more for a quiz than the quiz notes: for facts about it that a
-- backend has recorded.
create or replace view learn_internal.quiz_damage (check_name, user_id, expected, actual) as
select 'quizzes_are_facts', a.user_id, format('a fact for quiz %s', a.id), 'none'
from learn.quiz_attempts a
left join learn_internal.all_facts f on f.user_id = a.user_id and f.activity_type = 'quiz_completed'
  and f.subject_type = 'quiz' and f.subject_id = a.id::text
where f.id is null
union all
select 'quiz_answers_add_up', a.user_id,
  format('quiz %s: %s of %s', a.id, s.correct, s.answers),
  format('quiz %s: %s of %s', a.id, a.correct_answers, a.total_questions)
from learn.quiz_attempts a
join (
  select w.user_id, w.quiz_attempt_id, count(*) as answers,
    count(*) filter (where w.is_correct) as correct
  from learn.user_answers w
  group by w.user_id, w.quiz_attempt_id
) s on s.user_id = a.user_id and s.quiz_attempt_id = a.id
where (s.correct, s.answers) <> (a.correct_answers, a.total_questions)
union all
select 'quizzes_note_what_was_paid', a.user_id,
  format('quiz %s: at most %s', a.id, coalesce(t.xp, 0)), format('quiz %s: %s', a.id, a.xp_earned)
from learn.quiz_attempts a
left join (
  select x.user_id, x.source_id, sum(x.amount) as xp
  from learn_internal.all_payments x
  where x.activity_type in ('question_answered_correctly', 'quiz_completed', 'quiz_perfect')
  group by x.user_id, x.source_id
) t on t.user_id = a.user_id and t.source_id = a.id::text
where a.xp_earned > coalesce(t.xp, 0)
union all
select 'quizzes_count_as_they_are', a.user_id,
  format('quiz %s: %s of %s', a.id, a.correct_answers, a.total_questions),
  format('quiz %s: %s of %s', a.id, f.properties ->> 'correct_answers',
    f.properties ->> 'total_questions')
from learn.quiz_attempts a
join learn_internal.all_facts f on f.user_id = a.user_id and f.activity_type = 'quiz_completed'
  and f.subject_type = 'quiz' and f.subject_id = a.id::text
where not f.properties @> jsonb_build_object(
    'correct_answers', a.correct_answers, 'total_questions', a.total_questions)
  and f.properties ? 'correct_answers' and not exists (
    select from learn_internal.withdrawn_facts w where w.user_id = f.user_id and w.fact_id = f.id)
union all
select 'questions_pay_once_a_day', f.user_id,
  format('question %s on %s: once', f.properties ->> 'question_id', f.local_date),
  format('%s times', count(*))
from learn_internal.all_facts f
where f.activity_type = 'question_answered_correctly' and f.xp is distinct from 0
  and f.subject_type = 'quiz' and jsonb_typeof(f.properties -> 'question_id') = 'number'
  and not exists (
    select from learn_internal.withdrawn_facts w
    where w.user_id = f.user_id and w.fact_id = f.id and w.is_taken_back)
  and not exists (  -- at the time of a move it has two dates
    select from learn.user_timezones z where z.user_id = f.user_id and z.until = f.occurred_at)
group by f.user_id, f.properties ->> 'question_id', f.local_date
having count(*) > 1;
comment on view learn_internal.quiz_damage is
  'Where quizzes are not what answers, facts and the ledger say; no row when all is well.';
