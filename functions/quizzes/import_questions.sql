-- Imports questions: new ones are added, ones of the same exam and external_id brought up to date.
-- All or nothing. From CSV: dbtool import-questions.
-- Errors: LX001 not an array, or bad rows, named by their numbers.
create or replace function learn.import_questions(
  p_questions jsonb, out inserted integer, out updated integer, out unchanged integer
)
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_problems text[];
begin
  perform learn_internal.require_size('p_questions', pg_column_size(p_questions), 8388608, 'bytes');
  if jsonb_typeof(p_questions) = 'array' then
    perform learn_internal.require_size(
      'p_questions', jsonb_array_length(p_questions), 10000, 'elements');
  end if;
  if jsonb_typeof(p_questions) is distinct from 'array' then
    v_problems := array['it is not an array'];
  else
    select array_agg(p) into v_problems from learn_internal.import_problems(p_questions) p;
  end if;
  if v_problems is not null then
    raise exception 'the questions cannot be imported'
      using errcode = 'LX001',
        detail = array_to_string(v_problems[1:20], E'\n')
          || case when cardinality(v_problems) > 20
            then format(E'\nand %s more', cardinality(v_problems) - 20) else '' end,
        hint = 'Nothing was imported. Rows are {"exam_type": …, "external_id": …, "domain": …, '
          '"question_text": …, "correct_answer": "A", "options": {"A": {"text": …, '
          '"explanation": …}, …}}.';
  end if;

  with rows as (
    select r.row ->> 'exam_type' as exam_type, r.row ->> 'external_id' as external_id,
      coalesce(learn_internal.require_text('domain', r.row ->> 'domain', 200, true), '') as domain,
      learn_internal.require_text('question_text', r.row ->> 'question_text', 20000) as question_text,
      r.row ->> 'correct_answer' as correct_answer, r.row -> 'options' as options, r.position
    from jsonb_array_elements(p_questions) with ordinality r(row, position)
  ), earlier as materialized (
    select q.exam_type, q.external_id
    from learn.questions q
    join rows r on r.exam_type = q.exam_type and r.external_id = q.external_id
  ), saved as (
    insert into learn.questions as q
      (exam_type, external_id, domain, question_text, correct_answer, options)
    select r.exam_type, r.external_id, r.domain, r.question_text, r.correct_answer, r.options
    from rows r
    order by r.position
    on conflict (exam_type, external_id) do update
      set domain = excluded.domain, question_text = excluded.question_text,
        correct_answer = excluded.correct_answer, options = excluded.options
      where (q.domain, q.question_text, q.correct_answer, q.options)
        is distinct from (excluded.domain, excluded.question_text, excluded.correct_answer,
          excluded.options)
    returning q.exam_type, q.external_id
  )
  select count(*) filter (where s.external_id is not null and e.external_id is null),
    count(*) filter (where s.external_id is not null and e.external_id is not null),
    count(*) filter (where s.external_id is null)
  into inserted, updated, unchanged
  from rows r
  left join saved s on s.exam_type = r.exam_type and s.external_id = r.external_id
  left join earlier e on e.exam_type = r.exam_type and e.external_id = r.external_id;
end;
$$;
comment on function learn.import_questions(jsonb) is
  'Imports questions, all or nothing: [{"exam_type": …, "external_id": …, "domain": …, '
  '"question_text": …, "correct_answer": "A", "options": {…}}, …]; says how many were '
  'inserted, updated and unchanged.';
grant execute on function learn.import_questions(jsonb) to learn_app;
