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


def about(catalog: str, oid: str, owner: str = "", acl: str = "", kind: str = "") -> str:
    """SQL for what most kinds of objects have: a comment, an owner, grants."""
    facts = f"'comment', obj_description({oid}, '{catalog}')"
    if owner:
        facts += f", 'owner', pg_get_userbyid({owner})"
    return f"{facts}, 'grants', {grants(acl, kind, owner)}" if acl else facts


def _plain(kind: str, catalog: str, facts: str, *owner: str, row: str = "'{}'::jsonb") -> str:
    """SQL for a kind that few databases hold; `owner` and what follows as `about` takes them."""
    facts = ", ".join(filter(None, (facts, about(catalog, "x.oid", *owner))))
    return f"""
select '{kind}', o.identity, {row} || jsonb_build_object({facts})
  from {catalog} x, pg_identify_object('pg_catalog.{catalog}'::regclass, x.oid, 0) o
 where x.oid >= 16384 and not {member(catalog, "x.oid")}
   and coalesce(o.schema, '') !~ '^(information_schema$|dbtool(_|$))'"""


SUBSCRIPTIONS = f"""
select 'subscription', quote_ident(s.subname), jsonb_build_object(
         'publications', (select jsonb_agg(name order by name) from unnest(s.subpublications) name),
         {about("pg_subscription", "s.oid", "s.subowner")})
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
    _plain("cast", "pg_cast", "'function', x.castfunc::regprocedure::text",
           row="to_jsonb(x) - '{oid,castsource,casttarget,castfunc}'::text[]"),
    _plain("operator", "pg_operator", """'function', x.oprcode::text, 'restrict', x.oprrest::text,
      'commutator', x.oprcom::regoperator::text, 'negator', x.oprnegate::regoperator::text,
      'join', x.oprjoin::text, 'merges', x.oprcanmerge, 'hashes', x.oprcanhash""", "x.oprowner"),
    _plain("operator class", "pg_opclass", """'default', x.opcdefault, 'type', x.opcintype::regtype::text,
      'storage', x.opckeytype::regtype::text""", "x.opcowner"),
    _plain("operator family", "pg_opfamily", f"'members', {_MEMBERS}", "x.opfowner"),
    _plain("collation", "pg_collation", "", "x.collowner",
           row="to_jsonb(x) - '{oid,collname,collnamespace,collowner,collversion}'::text[]"),
    _plain("conversion", "pg_conversion", """'function', x.conproc::text, 'default', x.condefault,
      'from', pg_encoding_to_char(x.conforencoding),
      'to', pg_encoding_to_char(x.contoencoding)""", "x.conowner"),
    _plain("text search configuration", "pg_ts_config", f"""'mappings', {_MAPPINGS},
      'parser', (select p.prsname from pg_ts_parser p where p.oid = x.cfgparser)""", "x.cfgowner"),
    _plain("text search dictionary", "pg_ts_dict", """'options', x.dictinitoption,
      'template', (select t.tmplname from pg_ts_template t where t.oid = x.dicttemplate)""", "x.dictowner"),
    _plain("text search parser", "pg_ts_parser", "'start', x.prsstart::text"),
    _plain("text search template", "pg_ts_template", "'lexize', x.tmpllexize::text"),
    _plain("language", "pg_language", "'trusted', x.lanpltrusted", "x.lanowner", "x.lanacl", "l"),
    _plain("access method", "pg_am", "'handler', x.amhandler::text, 'type', x.amtype"),
    _plain("transform", "pg_transform", """'from', x.trffromsql::regprocedure::text,
      'to', x.trftosql::regprocedure::text"""),
    _plain("foreign data wrapper", "pg_foreign_data_wrapper", """'options', x.fdwoptions,
      'handler', nullif(x.fdwhandler, 0)::regproc::text,
      'validator', nullif(x.fdwvalidator, 0)::regproc::text""", "x.fdwowner", "x.fdwacl", "F"),
    _plain("foreign server", "pg_foreign_server", """'options', x.srvoptions, 'type', x.srvtype,
      'version', x.srvversion, 'wrapper', (select w.fdwname from pg_foreign_data_wrapper w
                                            where w.oid = x.srvfdw)""", "x.srvowner", "x.srvacl", "S"),
)  # fmt: skip
