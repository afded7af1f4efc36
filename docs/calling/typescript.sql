-- TypeScript types of everything that learn_app may call and read, from the catalog of the database at hand:
-- psql -XAtq -f typescript.sql > laurel.d.ts
-- Written for node-postgres as it comes: bigint, numeric and date are strings, times are Date, JSON is parsed.
with recursive ts(type, text) as (
  values
    ('uuid'::regtype, 'string'), ('text', 'string'), ('bigint', 'string'), ('numeric', 'string'), ('inet', 'string'),
    ('time', 'string'), ('interval', 'string'), ('date', 'string'), ('pg_lsn', 'string'), ('tsvector', 'string'), ('bytea', 'Uint8Array'),
    ('integer', 'number'), ('smallint', 'number'), ('double precision', 'number'), ('real', 'number'),
    ('boolean', 'boolean'), ('timestamptz', 'Date'), ('jsonb', 'Json'), ('json', 'Json'), ('void', 'string')
), base as (  -- domains by what they are made of
  select t.oid, t.oid as base from pg_type t where t.typtype in ('b', 'e', 'p')
  union all
  select t.oid, b.base from pg_type t join base b on b.oid = t.typbasetype where t.typtype = 'd'
), named as (
  select b.oid, coalesce(
      s.text,
      (select string_agg(format('"%s"', e.enumlabel), ' | ' order by e.enumsortorder)
       from pg_enum e where e.enumtypid = b.base),
      (select ts.text || '[]' from pg_type a join base x on x.oid = a.typelem join ts on ts.type = x.base
       where a.oid = b.base and a.typelem <> 0),
      'unknown') as text
  from base b
  left join ts s on s.type = b.base
), relations as (
  select c.oid, c.relname, c.relkind, c.reltype,
    replace(initcap(replace(c.relname, '_', ' ')), ' ', '') as name,
    coalesce(obj_description(c.oid, 'pg_class'), obj_description(c.reltype, 'pg_type')) as comment
  from pg_class c
  where c.relnamespace = 'learn'::regnamespace and not c.relispartition
    and (c.relkind = 'c' or c.relkind in ('r', 'p', 'v') and has_any_column_privilege('learn_app', c.oid, 'select'))
), rows_of as (
  select r.relname, format(E'/** %s */\nexport interface %s {\n%s\n}', r.comment, r.name, string_agg(
      format('  %s: %s%s;', a.attname, n.text, case when not a.attnotnull then ' | null' end),
      E'\n' order by a.attnum)) as text
  from relations r
  join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join named n on n.oid = a.atttypid
  where r.relkind = 'c' or has_column_privilege('learn_app', r.oid, a.attnum, 'select')
  group by r.relname, r.comment, r.name
), functions as (
  select p.oid, p.proname, obj_description(p.oid, 'pg_proc') as comment,
    (select string_agg(
        format('%s%s: %s', p.proargnames[i], case when i > p.pronargs - p.pronargdefaults then '?' end,
          case when p.proargtypes[i - 1] = 'jsonb'::regtype then 'string | { [key: string]: Json }'
            when p.proargtypes[i - 1] = 'bigint'::regtype then 'string | number | bigint'
            when p.proargtypes[i - 1] = 'numeric'::regtype then 'string | number'
            when p.proargtypes[i - 1] = 'timestamptz'::regtype then 'string | Date'
            else n.text end || case when i > p.pronargs - p.pronargdefaults then ' | null' else '' end),
        '; ' order by i)
     from generate_series(1, p.pronargs) i
     join named n on n.oid = p.proargtypes[i - 1]) as arguments,
    coalesce(
      (select r.name from relations r where r.reltype = p.prorettype),
      (select format('{ %s }', string_agg(
          format('%s: %s | null', p.proargnames[i], n.text), '; ' order by i))
       from generate_subscripts(p.proallargtypes, 1) i
       join named n on n.oid = p.proallargtypes[i]
       where p.proargmodes[i] in ('t', 'o')
       having count(*) > 0),
      (select format('{ %s: %s | null }', p.proname, n.text) from named n where n.oid = p.prorettype)) as row
  from pg_proc p
  where p.pronamespace = 'learn'::regnamespace and has_function_privilege('learn_app', p.oid, 'execute')
)
select E'// Made by typescript.sql from the database: do not edit.\n'
  || E'export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };\n\n'
  || (select string_agg(text, E'\n\n' order by relname) from rows_of)
  || E'\n\n/** Functions: their arguments by name, and what a row of the answer is. */\nexport interface Functions {\n'
  || (select string_agg(
        format(E'  /** %s */\n  %s: { args: { %s }; row: %s };', comment, proname, arguments, row),
        E'\n' order by proname) from functions)
  || E'\n}';
