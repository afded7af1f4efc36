"""The SQL that describes a database: one query per kind of object, joined into one statement.

Every query yields (kind, identity, facts as jsonb). It runs with an empty search_path, so that every name
that PostgreSQL prints is qualified, and reads only catalogs that any role may read. For PostgreSQL 15 to 18.
"""
# ruff: noqa: S608  the parts put into the SQL are constants of this module

from __future__ import annotations

from .rare import RARE, about, grants, member, needs

COMMON = """
with user_schema as materialized (
  select oid, nspname
    from pg_namespace
   where nspname !~ '^(pg_|dbtool(_|$))' and nspname <> 'information_schema'
),
extension_member as materialized (
  select classid, objid from pg_depend where deptype = 'e'
),
relation as materialized (
  select c.*, c.xmin::text as version
    from pg_class c
    join user_schema s on s.oid = c.relnamespace
   where not exists (select from extension_member e
                      where e.classid = 'pg_class'::regclass and e.objid = c.oid)
),
routine as materialized (
  select p.*, p.xmin::text as version
    from pg_proc p
    join user_schema s on s.oid = p.pronamespace
   where not exists (select from extension_member e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
)
"""


SCHEMAS = f"""
select 'schema', quote_ident(n.nspname), jsonb_build_object(
         {about("pg_namespace", "n.oid", "n.nspowner", "n.nspacl", "n")})
  from pg_namespace n
  join user_schema s on s.oid = n.oid
 where not {member("pg_namespace", "n.oid")}"""

TABLES = f"""
select case c.relkind when 'f' then 'foreign table' else 'table' end, c.oid::regclass::text,
       jsonb_build_object(
         'kind', c.relkind,
         {about("pg_class", "c.oid", "c.relowner", "c.relacl", "r")},
         'persistence', c.relpersistence,
         'row security', c.relrowsecurity,
         'row security forced', c.relforcerowsecurity,
         'options', c.reloptions,
         'toast options', (select t.reloptions from pg_class t where t.oid = c.reltoastrelid),
         'partition key', pg_get_partkeydef(c.oid),
         'partition bound', pg_get_expr(c.relpartbound, c.oid),
         'parents', (select jsonb_agg(i.inhparent::regclass::text order by i.inhseqno)
                       from pg_inherits i
                      where i.inhrelid = c.oid),
         'of type', nullif(c.reloftype, 0)::regtype::text,
         'replica identity', c.relreplident,
         'access method', (select a.amname from pg_am a where a.oid = c.relam),
         'tablespace', (select t.spcname from pg_tablespace t where t.oid = c.reltablespace),
         'foreign', (select jsonb_build_object('server', f.srvname, 'options', t.ftoptions)
                       from pg_foreign_table t
                       join pg_foreign_server f on f.oid = t.ftserver
                      where t.ftrelid = c.oid))
  from relation c
 where c.relkind in ('r', 'p', 'f')"""

COLUMNS = f"""
select 'column', a.attrelid::regclass::text || '.' || quote_ident(a.attname), jsonb_build_object(
         'type', format_type(a.atttypid, a.atttypmod),
         'not null', a.attnotnull,
         'identity', a.attidentity,
         'generated', a.attgenerated,
         'default', pg_get_expr(d.adbin, d.adrelid),
         'collation', (select nullif(a.attcollation, t.typcollation)::regcollation::text
                         from pg_type t
                        where t.oid = a.atttypid),
         'storage', a.attstorage,
         'compression', a.attcompression,
         'statistics target', nullif(a.attstattarget, -1),
         -- PostgreSQL 17.12 keeps numbers of its own (pg_attver) among them, other ones in every database
         'options', nullif(array(select o from unnest(a.attoptions) o where o !~ '^pg_'), '{{}}'),
         'foreign options', a.attfdwoptions,
         -- listed since PostgreSQL 18
         'not null constraint', (select jsonb_build_object(
                                          'name', k.conname, 'validated', k.convalidated,
                                          'inherited', not k.conislocal, 'no inherit', k.connoinherit,
                                          'comment', obj_description(k.oid, 'pg_constraint'))
                                   from pg_constraint k
                                  where k.conrelid = a.attrelid and k.contype = 'n'
                                    and k.conkey = array[a.attnum]),
         'local', a.attislocal,
         'position', row_number() over (partition by a.attrelid order by a.attnum),
         'grants', case when a.attacl is not null then {grants("a.attacl", "c", "c.relowner")} end,
         'comment', col_description(a.attrelid, a.attnum))
  from relation c
  join pg_attribute a on a.attrelid = c.oid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where c.relkind in ('r', 'p', 'f', 'v', 'm', 'c') and a.attnum > 0 and not a.attisdropped"""

# 'n' is NOT NULL, which the column says; 't' is a constraint trigger.
CONSTRAINTS = """
select 'constraint',
       quote_ident(k.conname) || ' on '
         || coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text),
       jsonb_build_object(
         'definition', pg_get_constraintdef(k.oid),
         'validated', k.convalidated,
         'deferrable', k.condeferrable,
         'deferred', k.condeferred,
         'local', k.conislocal,
         'inherited', k.conparentid <> 0,
         'comment', obj_description(k.oid, 'pg_constraint'))
  from pg_constraint k
  join user_schema s on s.oid = k.connamespace
  left join relation c on c.oid = k.conrelid
 where k.contype not in ('n', 't') and (k.conrelid = 0 or c.oid is not null)"""

INDEXES = f"""
select 'index', i.indexrelid::regclass::text, jsonb_build_object(
         'table', i.indrelid::regclass::text,
         'part of', (select h.inhparent::regclass::text from pg_inherits h where h.inhrelid = i.indexrelid),
         'definition', pg_get_indexdef(i.indexrelid),
         'valid', i.indisvalid,
         'clustered', i.indisclustered,
         'replica identity', i.indisreplident,
         'statistics targets', (select jsonb_object_agg(a.attnum, a.attstattarget)
                                  from pg_attribute a
                                 where a.attrelid = i.indexrelid and a.attstattarget >= 0),
         'tablespace', (select t.spcname from pg_tablespace t where t.oid = x.reltablespace),
         'depends on', {needs("pg_class", "i.indexrelid")},
         'comment', obj_description(i.indexrelid, 'pg_class'))
  from pg_index i
  join relation c on c.oid = i.indrelid
  join pg_class x on x.oid = i.indexrelid"""

SEQUENCES = f"""
select 'sequence', c.oid::regclass::text, jsonb_build_object(
         'type', q.seqtypid::regtype::text,
         'start', q.seqstart,
         'increment', q.seqincrement,
         'minimum', q.seqmin,
         'maximum', q.seqmax,
         'cache', q.seqcache,
         'cycle', q.seqcycle,
         'persistence', c.relpersistence,
         'owned by', (select d.refobjid::regclass::text || '.' || quote_ident(a.attname)
                        from pg_depend d
                        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                       where d.classid = 'pg_class'::regclass and d.objid = c.oid
                         and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass),
         {about("pg_class", "c.oid", "c.relowner", "c.relacl", "s")})
  from pg_sequence q
  join relation c on c.oid = q.seqrelid"""

TRIGGERS = f"""
select 'trigger', quote_ident(t.tgname) || ' on ' || t.tgrelid::regclass::text, jsonb_build_object(
         'definition', pg_get_triggerdef(t.oid),
         'enabled', t.tgenabled,
         'cloned', t.tgparentid <> 0,
         'depends on', {needs("pg_trigger", "t.oid")},
         'comment', obj_description(t.oid, 'pg_trigger'))
  from pg_trigger t
  join relation c on c.oid = t.tgrelid
 where not t.tgisinternal"""

ROUTINES = f"""
select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
       p.oid::regprocedure::text,
       jsonb_build_object(
         'definition', case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end,
         'depends on', {needs("pg_proc", "p.oid")},
         'aggregate', (select to_jsonb(a) - '{{aggfnoid,aggsortop,aggtranstype,aggmtranstype}}'::text[]
                              || jsonb_build_object('state', a.aggtranstype::regtype::text,
                                                    'moving state', a.aggmtranstype::regtype::text,
                                                    'arguments', pg_get_function_arguments(p.oid),
                                                    'sort', nullif(a.aggsortop, 0)::regoperator::text,
                                                    'parallel', p.proparallel)
                         from pg_aggregate a
                        where a.aggfnoid = p.oid),
         'of type', (select d.refobjid::regtype::text
                       from pg_depend d
                      where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i'
                        and d.refclassid = 'pg_type'::regclass),
         {about("pg_proc", "p.oid", "p.proowner", "p.proacl", "f")})
  from routine p"""

VIEWS = f"""
select case c.relkind when 'v' then 'view' else 'materialized view' end, c.oid::regclass::text,
       jsonb_build_object(
         'definition', pg_get_viewdef(c.oid),
         'options', c.reloptions,
         'populated', c.relispopulated,
         'toast options', (select t.reloptions from pg_class t where t.oid = c.reltoastrelid),
         'access method', (select a.amname from pg_am a where a.oid = c.relam),
         'depends on', {needs("pg_class", "c.oid")},
         'tablespace', (select t.spcname from pg_tablespace t where t.oid = c.reltablespace),
         {about("pg_class", "c.oid", "c.relowner", "c.relacl", "r")})
  from relation c
 where c.relkind in ('v', 'm')"""

RULES = """
select 'rule', quote_ident(r.rulename) || ' on ' || r.ev_class::regclass::text, jsonb_build_object(
         'definition', pg_get_ruledef(r.oid),
         'enabled', r.ev_enabled,
         'comment', obj_description(r.oid, 'pg_rewrite'))
  from pg_rewrite r
  join relation c on c.oid = r.ev_class
 where r.rulename <> '_RETURN'"""

TYPES = f"""
select case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'r' then 'range'
                      when 'c' then 'composite type' else 'type' end,
       t.oid::regtype::text,
       jsonb_build_object(
         'labels', (select jsonb_agg(e.enumlabel order by e.enumsortorder)
                      from pg_enum e
                     where e.enumtypid = t.oid),
         'base type', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
         'not null', t.typnotnull,
         'default', t.typdefault,
         'collation', case when t.typtype = 'd' then nullif(t.typcollation, 0)::regcollation::text end,
         'range', (select jsonb_build_object('of', r.rngsubtype::regtype::text,
                                             'collation', nullif(r.rngcollation, 0)::regcollation::text,
                                             'canonical', r.rngcanonical,
                                             'difference', r.rngsubdiff,
                                             'multirange', r.rngmultitypid::regtype::text)
                     from pg_range r
                    where r.rngtypid = t.oid),
         {about("pg_type", "t.oid", "t.typowner", "t.typacl", "T")})
  from pg_type t
  join user_schema s on s.oid = t.typnamespace
  left join pg_class c on c.oid = t.typrelid
 where (t.typtype in ('e', 'd', 'r', 'c', 'b') or not t.typisdefined) and (c.oid is null or c.relkind = 'c')
   and not (t.typtype = 'b' and t.typelem <> 0) and not {member("pg_type", "t.oid")}"""

POLICIES = """
select 'policy', quote_ident(p.polname) || ' on ' || p.polrelid::regclass::text, jsonb_build_object(
         'command', p.polcmd,
         'permissive', p.polpermissive,
         'roles', (select jsonb_agg(name order by name)
                     from unnest(p.polroles) role,
                          lateral (select case role when 0 then 'PUBLIC'
                                                    else pg_get_userbyid(role)::text end) named (name)),
         'using', pg_get_expr(p.polqual, p.polrelid),
         'check', pg_get_expr(p.polwithcheck, p.polrelid),
         'comment', obj_description(p.oid, 'pg_policy'))
  from pg_policy p
  join relation c on c.oid = p.polrelid"""

STATISTICS = f"""
select 'statistics', o.identity, jsonb_build_object(
         'definition', pg_get_statisticsobjdef(x.oid),
         'target', nullif(x.stxstattarget, -1),
         {about("pg_statistic_ext", "x.oid", "x.stxowner")})
  from pg_statistic_ext x
  join user_schema s on s.oid = x.stxnamespace,
       pg_identify_object('pg_statistic_ext'::regclass, x.oid, 0) o"""

EVENT_TRIGGERS = f"""
select 'event trigger', quote_ident(t.evtname), jsonb_build_object(
         'event', t.evtevent,
         'function', t.evtfoid::regprocedure::text,
         'enabled', t.evtenabled,
         'tags', t.evttags,
         {about("pg_event_trigger", "t.oid", "t.evtowner")})
  from pg_event_trigger t
 where not {member("pg_event_trigger", "t.oid")}"""

PUBLICATIONS = f"""
select 'publication', quote_ident(p.pubname),
       to_jsonb(p) - '{{oid,pubname,pubowner}}'::text[] || jsonb_build_object(
         {about("pg_publication", "p.oid", "p.pubowner")},
         'schemas', (select jsonb_agg(n.nspname order by n.nspname)
                       from pg_publication_namespace x
                       join pg_namespace n on n.oid = x.pnnspid
                      where x.pnpubid = p.oid),
         'tables', (select jsonb_agg(jsonb_build_object('table', r.prrelid::regclass::text,
                                                        'columns', (select jsonb_agg(quote_ident(a.attname)
                                                                                     order by a.attname)
                                                                      from pg_attribute a
                                                                     where a.attrelid = r.prrelid
                                                                       and a.attnum = any (r.prattrs)),
                                                        'filter', pg_get_expr(r.prqual, r.prrelid))
                                     order by r.prrelid::regclass::text)
                      from pg_publication_rel r
                     where r.prpubid = p.oid))
  from pg_publication p"""

EXTENSIONS = f"""
select 'extension', quote_ident(x.extname), jsonb_build_object(
         'version', x.extversion,
         'schema', x.extnamespace::regnamespace::text,
         {about("pg_extension", "x.oid", "x.extowner")})
  from pg_extension x"""

DATABASE = f"""
select 'database', 'this database', jsonb_build_object(
         'grants', {grants("d.datacl", "d", "d.datdba")},
         'comment', shobj_description(d.oid, 'pg_database'),
         'settings', (select to_jsonb(s.setconfig)
                        from pg_db_role_setting s
                       where s.setdatabase = d.oid and s.setrole = 0))
  from pg_database d
 where d.datname = current_database()
union all
select 'role setting', quote_ident(pg_get_userbyid(s.setrole)) || ' in this database',
       jsonb_build_object('settings', to_jsonb(s.setconfig))
  from pg_db_role_setting s
  join pg_database d on d.oid = s.setdatabase and d.datname = current_database()
 where s.setrole <> 0"""

DEFAULT_PRIVILEGES = f"""
select 'default privileges',
       format('of %I%s for %s', pg_get_userbyid(d.defaclrole),
              ' in ' || nullif(d.defaclnamespace, 0)::regnamespace,
              case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
                                   when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end),
       jsonb_build_object('grants', {grants("d.defaclacl", "f", "d.defaclrole")})
  from pg_default_acl d"""

# Roles belong to the whole cluster. Listed are those that own something here, are granted something here, or
# are named in a policy here. The server may have many, and many databases.
NAMED = """
select refobjid from pg_shdepend
 where refclassid = 'pg_authid'::regclass and dbid = (
   select oid from pg_database where datname = current_database())
union
select refobjid from pg_shdepend
 where refclassid = 'pg_authid'::regclass and dbid = 0 and classid = 'pg_database'::regclass and objid = (
   select oid from pg_database where datname = current_database())"""

ROLES = f"""
select 'role', quote_ident(r.rolname), jsonb_build_object(
         'superuser', r.rolsuper,
         'inherit', r.rolinherit,
         'create role', r.rolcreaterole,
         'create database', r.rolcreatedb,
         'login', r.rolcanlogin,
         'replication', r.rolreplication,
         'bypass row security', r.rolbypassrls,
         'connections', r.rolconnlimit,
         'valid until', r.rolvaliduntil,
         'settings', (select to_jsonb(s.setconfig)
                        from pg_db_role_setting s
                       where s.setrole = r.oid and s.setdatabase = 0),
         'member of', (select jsonb_agg(g.rolname || case when m.admin_option then ' with admin' else '' end
                                                  || case to_jsonb(m) ->> 'inherit_option'
                                                       when 'false' then ' without inherit' else '' end
                                                  || case to_jsonb(m) ->> 'set_option'
                                                       when 'false' then ' without set' else '' end
                                        order by g.rolname)
                         from pg_auth_members m
                         join pg_roles g on g.oid = m.roleid
                        where m.member = r.oid),
         'comment', shobj_description(r.oid, 'pg_authid'))
  from pg_roles r
 where r.rolname !~ '^pg_'
   and r.oid in ({NAMED})"""

# What stands in relations, with the constraints of domains, and everything else.
OF_RELATIONS = (TABLES, COLUMNS, CONSTRAINTS, INDEXES, SEQUENCES, TRIGGERS, VIEWS, RULES, POLICIES)
OF_OTHERS = (
    SCHEMAS,
    ROUTINES,
    TYPES,
    STATISTICS,
    EVENT_TRIGGERS,
    PUBLICATIONS,
    EXTENSIONS,
    DATABASE,
    DEFAULT_PRIVILEGES,
    ROLES,
    *RARE,
)


def catalog(*parts: str) -> str:
    """The statement that reads these parts."""
    return f"""{COMMON}
select kind, identity, facts::text
  from ({" union all ".join(parts)}) objects (kind, identity, facts)"""


CATALOG = catalog(*OF_RELATIONS, *OF_OTHERS)
