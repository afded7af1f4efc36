-- What the pages of `dbtool docs` say, from the catalog, as one JSON object. Objects of PostgreSQL, of extensions and of
-- histories of migrations are left out; roles are groups, those that nobody logs in with.
with schemas as (
  select n.oid, n.nspname from pg_catalog.pg_namespace n
  where n.nspname !~ '^pg_|^dbtool(_|$)' and n.nspname not in ('information_schema', 'public_yoyo')
), roles as (
  select r.oid, r.rolname from pg_catalog.pg_roles r
  where not r.rolcanlogin and not r.rolsuper and r.rolname !~ '^pg_'
), relations as (
  select c.*, s.nspname, s.nspname || '.' || c.relname as name
  from pg_catalog.pg_class c
  join schemas s on s.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and not exists (
    select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e')
), routines as (
  select p.*, s.nspname, s.nspname || '.' || p.proname as name,
    regexp_replace(p.prosrc, '--[^\n]*', '', 'g') as code
  from pg_catalog.pg_proc p
  join schemas s on s.oid = p.pronamespace
  where p.prokind in ('f', 'p') and not exists (
    select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
), writes as (  -- by their text: names of tables after the verbs that write
  select distinct p.oid, p.name as routine, f.found[1] as verb, c.name as relation
  from routines p
  cross join lateral regexp_matches(p.code,
    '\m(insert into|update|delete from|merge into)\s+(?:only\s+)?((?:\w+\.)?\w+)', 'gi') f(found)
  join relations c on c.name = lower(f.found[2])
), triggers as (
  select t.tgrelid, json_agg(json_build_object(
      'name', t.tgname,
      'when', case when t.tgtype & 2 <> 0 then 'before' when t.tgtype & 64 <> 0 then 'instead of' else 'after' end,
      'events', concat_ws(', ',
        case when t.tgtype & 4 <> 0 then 'insert' end, case when t.tgtype & 16 <> 0 then 'update' end,
        case when t.tgtype & 8 <> 0 then 'delete' end, case when t.tgtype & 32 <> 0 then 'truncate' end),
      'each', case when t.tgtype & 1 <> 0 then 'row' else 'statement' end,
      'is_deferred', t.tgdeferrable, 'function', p.nspname || '.' || f.proname,
      'does', obj_description(f.oid, 'pg_proc'),
      'writes', (select json_agg(distinct w.relation) from writes w where w.oid = f.oid))
    order by t.tgtype & 2 desc, t.tgtype & 1, t.tgname) as triggers
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_proc f on f.oid = t.tgfoid
  join pg_catalog.pg_namespace p on p.oid = f.pronamespace
  where not t.tgisinternal
  group by t.tgrelid
)
select json_build_object(
  'database', current_database(), 'server', current_setting('server_version'), 'at', now(),
  'relations', (select coalesce(json_agg(json_build_object(
      'name', c.name, 'schema', c.nspname, 'short', c.relname,
      'kind', case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
        when 'p' then 'partitioned table' else 'table' end,
      'comment', obj_description(c.oid, 'pg_class'),
      'readers', (select json_agg(r.rolname order by r.rolname) from roles r
        where has_any_column_privilege(r.oid, c.oid, 'select') and not pg_has_role(r.oid, c.relowner, 'usage')),
      'definition', case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid, true) end,
      'columns', (select json_agg(json_build_object(
          'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'is_null', not a.attnotnull,
          'default', case when a.attidentity <> '' then 'identity' else pg_get_expr(d.adbin, d.adrelid) end,
          'comment', col_description(c.oid, a.attnum)) order by a.attnum)
        from pg_catalog.pg_attribute a
        left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
      'constraints', (select json_agg(json_build_object(
          'name', k.conname, 'says', pg_get_constraintdef(k.oid, true)) order by k.contype = 'c', k.contype, k.conname)
        from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'f', 'c', 'x')),
      'refers_to', (select json_agg(distinct o.name) from pg_catalog.pg_constraint k
        join relations o on o.oid = k.confrelid where k.conrelid = c.oid and k.contype = 'f'),
      'reads', (select json_agg(distinct o.name) from pg_catalog.pg_rewrite w
        join pg_catalog.pg_depend e on e.classid = 'pg_rewrite'::regclass and e.objid = w.oid
        join relations o on o.oid = e.refobjid where w.ev_class = c.oid and o.oid <> c.oid),
      'triggers', t.triggers,
      'written_by', (select json_agg(distinct w.routine) from writes w where w.relation = c.name)
    ) order by c.name), '[]') from relations c left join triggers t on t.tgrelid = c.oid),
  'functions', (select coalesce(json_agg(json_build_object(
      'name', p.name, 'schema', p.nspname, 'short', p.proname,
      'is_trigger', p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype),
      'arguments', replace(regexp_replace(pg_get_function_arguments(p.oid), '::[a-z ]+(\[\])?(?=,|$)', '', 'g'),
        'timestamp with time zone', 'timestamptz'), 'returns', pg_get_function_result(p.oid),
      'comment', obj_description(p.oid, 'pg_proc'), 'body', p.prosrc,
      'volatility', case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
      'callers', case when has_function_privilege('public', p.oid, 'execute') then '["everyone"]'::json
        else (select json_agg(r.rolname order by r.rolname) from roles r
          where has_function_privilege(r.oid, p.oid, 'execute') and not pg_has_role(r.oid, p.proowner, 'usage')) end,
      'writes', (select json_agg(distinct w.relation) from writes w where w.oid = p.oid),
      'example', case when p.prokind = 'f' and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype) then
        format('select * from %I.%I(%s);', p.nspname, p.proname, (select string_agg(
            format('%s%s', quote_ident(nullif(p.proargnames[i], '')) || ' => ', case p.proargtypes[i - 1]
              when 'uuid'::regtype then '''00000000-0000-0000-0000-000000000000'''
              when 'boolean'::regtype then 'true'
              when 'jsonb'::regtype then '''{}'''
              when 'date'::regtype then 'current_date'
              when 'timestamptz'::regtype then 'now()'
              when 'inet'::regtype then '''192.0.2.1'''
              when 'pg_lsn'::regtype then '''0/0'''
              when 'interval'::regtype then '''1 day'''
              else case when t.typcategory = 'N' then '1' when t.typcategory = 'A' then '''{}''' else '''…''' end end),
            ', ' order by i)
          from generate_series(1, p.pronargs - p.pronargdefaults) i
          join pg_catalog.pg_type t on t.oid = p.proargtypes[i - 1])) end
    ) order by p.name), '[]') from routines p),
  'types', (select coalesce(json_agg(json_build_object(
      'name', s.nspname || '.' || t.typname, 'schema', s.nspname, 'short', t.typname,
      'comment', obj_description(t.oid, 'pg_type'),
      'says', case t.typtype
        when 'e' then (select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
          from pg_catalog.pg_enum e where e.enumtypid = t.oid)
        when 'd' then format_type(t.typbasetype, t.typtypmod) || coalesce((
          select ' ' || string_agg(pg_get_constraintdef(k.oid, true), ' ' order by k.conname)
          from pg_catalog.pg_constraint k where k.contypid = t.oid and k.contype = 'c'), '')
        else (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
          from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) end
    ) order by t.typname), '[]')
    from pg_catalog.pg_type t
    join schemas s on s.oid = t.typnamespace
    left join pg_catalog.pg_class c on c.oid = t.typrelid
    where t.typtype in ('d', 'e') or c.relkind = 'c')
)
