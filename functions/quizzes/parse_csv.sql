-- The cells of a CSV text (RFC 4180), by line and column from 1. Lines without any text are left
-- out and not counted. Whether the text is well-formed is the caller's to check.
create or replace function learn_internal.parse_csv(p_csv text)
returns table (line integer, col integer, cell text)
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  with tokens as (
    select t.match, t.position
    from regexp_matches(
      regexp_replace(p_csv, E'^\\uFEFF', '') || E'\n',
      E'(?:"((?:[^"]|"")*)"|([^",\\r\\n]*))(,|\\r\\n|\\n|\\r)', 'g') with ordinality t(match, position)
  ), placed as (
    select k.match, k.position,
      1 + count(*) filter (where k.match[3] <> ',') over (
        order by k.position rows between unbounded preceding and 1 preceding) as line
    from tokens k
  ), cells as (
    select p.line, p.position, coalesce(replace(p.match[1], '""', '"'), p.match[2]) as cell
    from placed p
  ), said as (
    select c.*, bool_or(c.cell ~ E'\\S') over (partition by c.line) as has_text
    from cells c
  )
  select dense_rank() over (order by s.line)::integer,
    row_number() over (partition by s.line order by s.position)::integer, s.cell
  from said s
  where s.has_text;
$$;
comment on function learn_internal.parse_csv(text) is 'The cells of a CSV text, by line and column.';
revoke all on function learn_internal.parse_csv(text) from public;
