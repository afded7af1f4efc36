-- The cells of a CSV text (RFC 4180), by line and column from 1; null when it is malformed.
-- Lines without any text are left out.
create or replace function learn_internal.parse_csv(p_csv text)
returns table (line integer, col integer, cell text)
language sql
immutable
parallel safe
set search_path = ''
as $$
  with tokens as (
    select t.match, t.position
    from regexp_matches(
      regexp_replace(p_csv, '^\uFEFF', '') || E'\n',
      '(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r)', 'g') with ordinality t(match, position)
  ), placed as (
    select k.match, k.position,
      1 + count(*) filter (where k.match[3] <> ',') over (
        order by k.position rows between unbounded preceding and 1 preceding) as line
    from tokens k
  )
  select p.line::integer,
    row_number() over (partition by p.line order by p.position)::integer,
    coalesce(replace(p.match[1], '""', '"'), p.match[2])
  from placed p;
$$;
comment on function learn_internal.parse_csv(text) is 'The cells of a CSV text, by line and column.';
revoke all on function learn_internal.parse_csv(text) from public;
