"""The SQL that describes what few databases hold, and the parts that it shares with that for other kinds."""
# ruff: noqa: S608  the parts put into the SQL are constants of this module

from __future__ import annotations


def grants(acl: str, kind: str, owner: str) -> str:
    """SQL for the sorted grants in an acl; NULL means what acldefault says for this kind and owner."""
    return f"""(
      select coalesce(jsonb_agg(line order by line collate "C"), '[]')
        from (select case g.grantee when 0 then 'PUBLIC' else pg_get_userbyid(g.grantee)::text end
                     || '=' || g.privilege_type
                     || case when g.is_grantable then ' with grant option' else '' end
                     || case when g.grantor <> {owner} then ' by ' || pg_get_userbyid(g.grantor)
                       else '' end as line
                from aclexplode(coalesce({acl}, acldefault('{kind}', {owner}))) g) grants)"""


def member(catalog: str, oid: str) -> str:
    """SQL that is true for an object that an extension brought."""
    return (
        f"exists (select from extension_member e where e.classid = 'pg_catalog.{catalog}'::regclass "
        f"and e.objid = {oid})"
    )


def needs(catalog: str, oid: str) -> str:
    """SQL for the extensions with which an object goes."""
    return (
        "(select jsonb_agg(x.extname order by x.extname) from pg_depend d join pg_extension x on x.oid ="
        f" d.refobjid where d.classid = '{catalog}'::regclass and d.objid = {oid} and d.deptype = 'x')"
    )


def _plain(kind: str, catalog: str, facts: str = "'{}'::jsonb") -> str:
    """SQL for rarely used objects: that they exist, their comment, and the facts given."""
    return f"""
select '{kind}', o.identity, {facts} || jsonb_build_object('comment', obj_description(x.oid, '{catalog}'))
  from {catalog} x, pg_identify_object('pg_catalog.{catalog}'::regclass, x.oid, 0) o
 where x.oid >= 16384 and not {member(catalog, "x.oid")}
   and coalesce(o.schema, '') !~ '^(information_schema$|dbtool(_|$))'"""


SUBSCRIPTIONS = """
select 'subscription', quote_ident(s.subname), jsonb_build_object(
         'publications', (select jsonb_agg(name order by name) from unnest(s.subpublications) name),
         'owner', pg_get_userbyid(s.subowner),
         'comment', obj_description(s.oid, 'pg_subscription'))
  from pg_subscription s
  join pg_database d on d.oid = s.subdbid and d.datname = current_database()"""

# Options may be secrets, and are told to few; whoever may see none sees that there is a mapping.
USER_MAPPINGS = """
select 'user mapping', case u.umuser when 0 then 'public' else quote_ident(u.usename) end
         || ' on server ' || quote_ident(u.srvname),
       jsonb_build_object('options', (
         select jsonb_agg(regexp_replace(o, '=.*', '=') || left(md5(o), 6) order by o)
           from unnest(u.umoptions) o))
  from pg_user_mappings u"""


def _owned(owner: str, acl: str = "", kind: str = "") -> str:
    """SQL for the owner of a rarely used object, and its grants where it has such."""
    more = f", 'grants', {grants(f'x.{acl}', kind, f'x.{owner}')}" if acl else ""
    return f"jsonb_build_object('owner', pg_get_userbyid(x.{owner}){more})"


_MAPPINGS = """
(select jsonb_agg(line order by line) from (
   select t.alias || ': ' || string_agg(m.mapdict::regdictionary::text, ', ' order by m.mapseqno) as line
     from pg_ts_config_map m join ts_token_type(x.cfgparser) t on t.tokid = m.maptokentype
    where m.mapcfg = x.oid group by t.alias) mapping)"""
_MEMBERS = """
(select jsonb_agg(line order by line) from (
   select format('operator %s %s for %s', o.amopstrategy, o.amopopr::regoperator, o.amoppurpose) as line
     from pg_amop o where o.amopfamily = x.oid
    union all
   select format('function %s %s', f.amprocnum, f.amproc::regprocedure)
     from pg_amproc f where f.amprocfamily = x.oid) member)"""

RARE = (
    SUBSCRIPTIONS,
    USER_MAPPINGS,
    _plain(
        "cast",
        "pg_cast",
        "to_jsonb(x) - '{oid,castsource,casttarget,castfunc}'::text[]"
        " || jsonb_build_object('function', x.castfunc::regprocedure::text)",
    ),
    _plain(
        "operator",
        "pg_operator",
        "jsonb_build_object('function', x.oprcode::text, 'commutator', x.oprcom::regoperator::text,"
        " 'negator', x.oprnegate::regoperator::text, 'restrict', x.oprrest::text, 'join', x.oprjoin::text,"
        f" 'merges', x.oprcanmerge, 'hashes', x.oprcanhash) || {_owned('oprowner')}",
    ),
    _plain(
        "operator class",
        "pg_opclass",
        "jsonb_build_object('default', x.opcdefault, 'type', x.opcintype::regtype::text,"
        f" 'storage', x.opckeytype::regtype::text) || {_owned('opcowner')}",
    ),
    _plain(
        "operator family",
        "pg_opfamily",
        f"jsonb_build_object('members', {_MEMBERS}) || {_owned('opfowner')}",
    ),
    _plain(
        "collation",
        "pg_collation",
        "to_jsonb(x) - '{oid,collname,collnamespace,collowner,collversion}'::text[]"
        f" || {_owned('collowner')}",
    ),
    _plain(
        "conversion",
        "pg_conversion",
        "jsonb_build_object('function', x.conproc::text, 'from', pg_encoding_to_char(x.conforencoding),"
        f" 'to', pg_encoding_to_char(x.contoencoding), 'default', x.condefault) || {_owned('conowner')}",
    ),
    _plain(
        "text search configuration",
        "pg_ts_config",
        "jsonb_build_object('parser', (select p.prsname from pg_ts_parser p where p.oid = x.cfgparser),"
        f" 'mappings', {_MAPPINGS}) || {_owned('cfgowner')}",
    ),
    _plain(
        "text search dictionary",
        "pg_ts_dict",
        "jsonb_build_object('template', (select t.tmplname from pg_ts_template t"
        " where t.oid = x.dicttemplate),"
        f" 'options', x.dictinitoption) || {_owned('dictowner')}",
    ),
    _plain("text search parser", "pg_ts_parser", "jsonb_build_object('start', x.prsstart::text)"),
    _plain("text search template", "pg_ts_template", "jsonb_build_object('lexize', x.tmpllexize::text)"),
    _plain(
        "language",
        "pg_language",
        f"jsonb_build_object('trusted', x.lanpltrusted) || {_owned('lanowner', 'lanacl', 'l')}",
    ),
    _plain("access method", "pg_am", "jsonb_build_object('handler', x.amhandler::text, 'type', x.amtype)"),
    _plain(
        "transform",
        "pg_transform",
        "jsonb_build_object('from', x.trffromsql::regprocedure::text, 'to', x.trftosql::regprocedure::text)",
    ),
    _plain(
        "foreign data wrapper",
        "pg_foreign_data_wrapper",
        "jsonb_build_object('options', x.fdwoptions, 'handler', nullif(x.fdwhandler, 0)::regproc::text,"
        " 'validator', nullif(x.fdwvalidator, 0)::regproc::text)"
        f" || {_owned('fdwowner', 'fdwacl', 'F')}",
    ),
    _plain(
        "foreign server",
        "pg_foreign_server",
        "jsonb_build_object('options', x.srvoptions, 'type', x.srvtype, 'version', x.srvversion,"
        " 'wrapper', (select w.fdwname from pg_foreign_data_wrapper w where w.oid = x.srvfdw))"
        f" || {_owned('srvowner', 'srvacl', 'S')}",
    ),
)
