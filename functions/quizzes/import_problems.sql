-- What is wrong with questions to import, a line for each bad row, by its number from 1.
create or replace function learn_internal.import_problems(p_questions jsonb)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format('row %s: %s', p.position, p.problem)
  from (
    select e.position, case
      when jsonb_typeof(e.row) <> 'object' then 'it is not an object'
      when coalesce(e.row ->> 'external_id', '') !~ E'\\S' then 'it has no external_id'
      when length(e.row ->> 'external_id') > 200
        then 'its external_id has more than 200 characters'
      when t.key is null
        then format('there is no exam %s', coalesce(left(e.row ->> 'exam_type', 40), 'null'))
      when coalesce(e.row ->> 'question_text', '') !~ E'\\S' then 'it has no question_text'
      when length(e.row ->> 'question_text') > 20000
        then 'its question_text has more than 20,000 characters'
      when length(e.row ->> 'domain') > 200 then 'its domain has more than 200 characters'
      when pg_column_size(e.row -> 'options') > 262144 then 'its options have more than 262,144 bytes'
      when coalesce(e.row ->> 'correct_answer', '') not in ('A', 'B', 'C', 'D')
        then 'its correct_answer is not one of A, B, C, D'
      when learn_internal.text_problem(e.row ->> 'external_id', true) is not null
        then 'its external_id ' || learn_internal.text_problem(e.row ->> 'external_id', true)
      when e.earlier > 0 then format('%s was there before', e.row ->> 'external_id')
      else learn_internal.options_problem(e.row -> 'options', e.row ->> 'correct_answer')
    end as problem
    from (
      select r.row, r.position, row_number() over (
        partition by r.row ->> 'exam_type', r.row ->> 'external_id' order by r.position) - 1 as earlier
      from jsonb_array_elements(
        case when jsonb_typeof(p_questions) = 'array' then p_questions else '[]' end)
        with ordinality r(row, position)
    ) e
    left join learn.exam_types t on t.key = e.row ->> 'exam_type'
  ) p
  where p.problem is not null
  order by p.position;
$$;
comment on function learn_internal.import_problems(jsonb) is
  'What is wrong with questions to import, a line for each bad row.';
