-- What is wrong with the answers of a quiz, the first of it, in words; null when nothing is.
create or replace function learn_internal.quiz_problem(p_exam_type text, p_answers jsonb)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format('answer %s: %s', p.position, p.problem)
  from (
    select a.position, case
      when jsonb_typeof(a.answer) <> 'object' then 'it is not an object'
      when jsonb_typeof(a.answer -> 'question_id') is distinct from 'number'
        or a.answer ->> 'question_id' !~ '^[0-9]{1,18}$'
        then format('question_id is not a number: %s', coalesce(left(a.answer ->> 'question_id', 50), 'null'))
      when q.id is null then format('there is no question %s', a.answer ->> 'question_id')
      when q.exam_type is distinct from p_exam_type
        then format('question %s is of exam %s', q.id, q.exam_type)
      when not q.is_active then format('question %s is not active', q.id)
      when a.earlier > 0 then format('question %s was answered before', q.id)
      when a.answer ->> 'answer' is not null and not q.options ? (a.answer ->> 'answer')
        then format('question %s has no option %s', q.id, left(a.answer ->> 'answer', 20))
      when a.answer ->> 'time_spent_seconds' is not null
        and (jsonb_typeof(a.answer -> 'time_spent_seconds') <> 'number'
          or a.answer ->> 'time_spent_seconds' !~ '^[0-9]{1,9}$')
        then format('time_spent_seconds is no number of seconds: %s',
          left(a.answer ->> 'time_spent_seconds', 20))
    end as problem
    from (
      select e.answer, e.position,
        row_number() over (partition by e.answer -> 'question_id' order by e.position) - 1 as earlier
      from jsonb_array_elements(p_answers) with ordinality e(answer, position)
    ) a
    left join learn.questions q on q.id = case
      when a.answer ->> 'question_id' ~ '^[0-9]{1,18}$' then (a.answer ->> 'question_id')::bigint end
  ) p
  where p.problem is not null
  order by p.position
  limit 1;
$$;
comment on function learn_internal.quiz_problem(text, jsonb) is
  'What is wrong with the answers of a quiz, the first of it; null when nothing is.';
