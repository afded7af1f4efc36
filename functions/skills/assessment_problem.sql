-- What is wrong with an assessment, the first of it, in words; null when nothing is. Questions have
-- an id of their own, a category and the correct answer; responses answer questions, each once.
-- Answers are texts, numbers or booleans.
create or replace function learn_internal.assessment_problem(p_questions jsonb, p_responses jsonb)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_questions) is distinct from 'array' then 'the questions are not an array'
    when jsonb_array_length(p_questions) not between 1 and 500
      then format('there are %s questions', jsonb_array_length(p_questions))
    when jsonb_typeof(p_responses) is distinct from 'array' then 'the responses are not an array'
    when jsonb_array_length(p_responses) > 500
      then format('there are %s responses', jsonb_array_length(p_responses))
    else (
      with asked as materialized (
        select q.question ->> 'id' as id, q.question, q.position,
          row_number() over (partition by q.question -> 'id' order by q.position) as appearance
        from jsonb_array_elements(p_questions) with ordinality q(question, position)
      )
      select format('%s %s: %s', p.kind, p.position, p.problem)
      from (
        select 1 as rank, 'question' as kind, a.position, case
          when jsonb_typeof(a.question) <> 'object' then 'it is not an object'
          when jsonb_typeof(a.question -> 'id') is distinct from 'string' or a.id !~ E'\\S'
            or length(a.id) > 200
            then format('id is no text of 1 to 200 characters: %s',
              left(coalesce(a.question ->> 'id', 'null'), 50))
          when a.appearance > 1 then format('question %s was asked before', a.id)
          when jsonb_typeof(a.question -> 'category') is distinct from 'string'
            or a.question ->> 'category' !~ E'\\S'
            then format('category is no text: %s',
              left(coalesce(a.question ->> 'category', 'null'), 50))
          when coalesce(jsonb_typeof(a.question -> 'correct_answer'), 'missing')
            not in ('string', 'number', 'boolean')
            then format('correct_answer is no text, number or boolean: %s',
              left(coalesce(a.question ->> 'correct_answer', 'null'), 50))
        end as problem
        from asked a
        union all
        select 2, 'response', r.position, case
          when jsonb_typeof(r.response) <> 'object' then 'it is not an object'
          when jsonb_typeof(r.response -> 'id') is distinct from 'string'
            or not exists (select from asked a where a.id = r.response ->> 'id')
            then format('there is no question %s',
              left(coalesce(r.response ->> 'id', 'null'), 50))
          when r.appearance > 1
            then format('question %s was answered before', r.response ->> 'id')
          when coalesce(jsonb_typeof(r.response -> 'answer'), 'null')
            not in ('string', 'number', 'boolean', 'null')
            then format('answer is no text, number or boolean: %s',
              left(r.response ->> 'answer', 50))
        end
        from (
          select e.response, e.position,
            row_number() over (partition by e.response -> 'id' order by e.position) as appearance
          from jsonb_array_elements(p_responses) with ordinality e(response, position)
        ) r
      ) p
      where p.problem is not null
      order by p.rank, p.position
      limit 1
    )
  end;
$$;
comment on function learn_internal.assessment_problem(jsonb, jsonb) is
  'What is wrong with the questions and responses of an assessment, the first of it; '
  'null when nothing is.';
