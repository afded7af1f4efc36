-- Questions in CSV, as import_questions() takes them. The first line names the columns: question_id
-- (or external_id), exam_type, domain, question_text (or question), correct_answer,
-- option_a … option_d, explanation_a … explanation_d, in any order. Fields with commas,
-- quotes or line breaks are quoted.
-- Errors: LX001 malformed CSV, unknown or repeated columns, a row with too many cells.
create or replace function learn.questions_from_csv(p_csv text)
returns jsonb
language plpgsql
immutable
parallel safe
security definer                  -- learn_internal is not for backends
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_problem   text;
  v_questions jsonb;
begin
  -- What the parser would not match is malformed: a quote that is open, or in a bare field.
  if coalesce(regexp_replace(p_csv, E'^\\uFEFF', ''), '') !~ E'\\S' then
    v_problem := 'it is empty';
  elsif regexp_replace(regexp_replace(p_csv, E'^\\uFEFF', '') || E'\n',
    E'(?:"((?:[^"]|"")*)"|([^",\\r\\n]*))(,|\\r\\n|\\n|\\r)', '', 'g') <> ''
  then
    v_problem := 'a quote is open, or stands inside a field that is not quoted';
  end if;

  if v_problem is null then
    with cells as materialized (
      select c.line, c.col, c.cell from learn_internal.parse_csv(p_csv) c
    ), header as (
      select c.col, case lower(trim(c.cell))
        when 'question_id' then 'external_id' when 'question' then 'question_text'
        else lower(trim(c.cell)) end as name
      from cells c
      where c.line = 1
    ), problems as (
      select format('unknown column %L', h.name) as problem, 1 as rank
      from header h
      where h.name not in ('external_id', 'exam_type', 'domain', 'question_text', 'correct_answer')
        and h.name !~ '^(option|explanation)_[a-d]$'
      union all
      select format('column %L is there twice', h.name), 2
      from header h group by h.name having count(*) > 1
      union all
      select format('row %s has more cells than there are columns', c.line - 1), 3
      from cells c
      where c.line > 1 and c.col > (select max(h.col) from header h)
    ), rows as (
      select c.line, jsonb_object_agg(h.name, c.cell)
        filter (where h.name !~ '_[a-d]$' and c.cell <> '') as plain,
        jsonb_object_agg(upper(right(h.name, 1)), c.cell)
          filter (where h.name like E'option\\__' and c.cell <> '') as options,
        jsonb_object_agg(upper(right(h.name, 1)), c.cell)
          filter (where h.name like E'explanation\\__' and c.cell <> '') as explanations
      from cells c
      join header h on h.col = c.col
      where c.line > 1
      group by c.line
    )
    select (select p.problem from problems p order by p.rank, p.problem limit 1),
      (
        select coalesce(jsonb_agg(
          coalesce(r.plain, '{}') || jsonb_build_object('options', (
            select coalesce(jsonb_object_agg(o.key, jsonb_strip_nulls(jsonb_build_object(
              'text', o.value, 'explanation', r.explanations -> o.key))), '{}')
            from jsonb_each(r.options) o))
          order by r.line), '[]')
        from rows r
      )
    into v_problem, v_questions;
  end if;
  if v_problem is not null then
    raise exception 'the CSV cannot be read'
      using errcode = 'LX001', detail = v_problem,
        hint = 'The first line names the columns: question_id, exam_type, domain, question_text, '
          'correct_answer, option_a … option_d, explanation_a … explanation_d.';
  end if;
  return v_questions;
end;
$$;
comment on function learn.questions_from_csv(text) is
  'Questions in CSV (columns question_id, exam_type, domain, question_text, correct_answer, '
  'option_a … option_d, explanation_a … explanation_d) as import_questions() takes them.';
revoke all on function learn.questions_from_csv(text) from public;
grant execute on function learn.questions_from_csv(text) to learn_app;
