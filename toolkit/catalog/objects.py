"""The routines, views and triggers of a database: who uses them, and the SQL that makes them again."""
# ruff: noqa: S608  the parts put into the SQL are constants of this module

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..sql.execute import Connection
from ..sql.statements import Name, qualified, quote
from .queries import COMMON
from .read import Catalog, Key, qualified_names, split_on

Grant = tuple[str, str, str, bool]
"""Grantee (quoted, or PUBLIC), privilege, column (quoted; empty for the whole object), with grant option."""


@dataclass(frozen=True)
class Live:
    """One routine, view or trigger of a database."""

    name: Name
    kind: str
    identity: str
    catalog_class: str
    oid: int
    owner: str
    arguments: list[int] | None
    """The types of a routine's input arguments."""
    returns_trigger: bool
    version: str
    """Changes whenever the object is replaced or altered."""
    grants: frozenset[Grant]
    bare: frozenset[Grant]
    """The grants that the object would have right after its owner created it."""
    comments: Mapping[str, str]
    """By what COMMENT ON calls the object and its columns."""

    @property
    def key(self) -> Key:
        return self.kind, self.identity

    @property
    def drop(self) -> str:
        identity = self.identity
        if self.kind == "aggregate" and identity.endswith("()"):
            identity = identity[:-1] + "*)"
        return f"drop {self.kind} {identity};"

    @property
    def target(self) -> str:
        """How GRANT and REVOKE call it."""
        kind = {"view": "table", "materialized view": "table", "aggregate": "function"}.get(
            self.kind, self.kind
        )
        return f"{kind} {self.identity}"


def _grant_rows(acl: str, owner: str, column: str = "''") -> str:
    """SQL for an acl's grants to others than the owner: [grantee, privilege, column, with grant option]."""
    return f"""select jsonb_build_array(
                        case g.grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(g.grantee)) end,
                        lower(g.privilege_type), {column}, g.is_grantable) as item
                 from aclexplode({acl}) g where g.grantee <> {owner}"""


def _bare(kind: str, owner: str, schema: str) -> str:
    """What a new object of this owner starts with, ALTER DEFAULT PRIVILEGES included."""
    everywhere = (
        f"coalesce((select d.defaclacl from pg_default_acl d where d.defaclrole = {owner} "
        f"and d.defaclnamespace = 0 and d.defaclobjtype = '{kind}'), acldefault('{kind}', {owner}))"
    )
    return f"""array(
      select b.item from ({_grant_rows(everywhere, owner)}) b
      union select b.item from pg_default_acl d, lateral ({_grant_rows("d.defaclacl", owner)}) b
       where d.defaclrole = {owner} and d.defaclnamespace = {schema} and d.defaclobjtype = '{kind}')"""


_COLUMN_GRANTS = _grant_rows("a.attacl", "c.relowner", "quote_ident(a.attname)")

LIVE = f"""{COMMON}
select 'routine', n.nspname, p.proname::text, null::text,
       case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
       p.oid::regprocedure::text, 'pg_proc', p.oid, quote_ident(pg_get_userbyid(p.proowner)),
       p.proargtypes::oid[], p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype), p.version,
       to_jsonb(array({_grant_rows("coalesce(p.proacl, acldefault('f', p.proowner))", "p.proowner")})),
       to_jsonb({_bare("f", "p.proowner", "p.pronamespace")}),
       jsonb_build_object('', obj_description(p.oid, 'pg_proc'))
  from routine p
  join pg_namespace n on n.oid = p.pronamespace
union all
select 'relation', n.nspname, c.relname::text, null,
       case c.relkind when 'v' then 'view' else 'materialized view' end,
       c.oid::regclass::text, 'pg_class', c.oid, quote_ident(pg_get_userbyid(c.relowner)), null::oid[],
       false, c.version,
       to_jsonb(array(
         {_grant_rows("coalesce(c.relacl, acldefault('r', c.relowner))", "c.relowner")}
         union all
         select g.item
           from pg_attribute a, lateral ({_COLUMN_GRANTS}) g
          where a.attrelid = c.oid and a.attacl is not null and not a.attisdropped)),
       to_jsonb({_bare("r", "c.relowner", "c.relnamespace")}),
       jsonb_build_object('', obj_description(c.oid, 'pg_class')) || coalesce(
         (select jsonb_object_agg(quote_ident(a.attname), d.description)
            from pg_attribute a
            join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = c.oid
              and d.objsubid = a.attnum
           where a.attrelid = c.oid and a.attnum > 0), '{{}}')
  from relation c
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('v', 'm')
union all
select 'trigger', n.nspname, c.relname::text, t.tgname::text, 'trigger',
       quote_ident(t.tgname) || ' on ' || c.oid::regclass::text, 'pg_trigger', t.oid, '', null, false,
       t.xmin::text, '[]', '[]', jsonb_build_object('', obj_description(t.oid, 'pg_trigger'))
  from pg_trigger t
  join relation c on c.oid = t.tgrelid
  join pg_namespace n on n.oid = c.relnamespace
 where not t.tgisinternal and t.tgparentid = 0
union all
select 'event trigger', null, null, t.evtname::text, 'event trigger', quote_ident(t.evtname),
       'pg_event_trigger', t.oid, quote_ident(pg_get_userbyid(t.evtowner)), null, false, t.xmin::text,
       '[]', '[]',
       jsonb_build_object('', obj_description(t.oid, 'pg_event_trigger'))
  from pg_event_trigger t
 where not exists (select from extension_member e where e.classid = 'pg_event_trigger'::regclass
                                                     and e.objid = t.oid)
 order by 1, 6
"""

# Every dependency between what the project made. The rule behind a view stands for the view, an index of a
# materialized view for that.
DEPENDENCIES = """
select case when d.classid = 'pg_rewrite'::regclass then 'pg_class' else d.classid::regclass::text end,
       coalesce(r.ev_class, i.indrelid, d.objid),
       d.refclassid::regclass::text, d.refobjid, d.deptype::text, d.classid, d.objid, d.objsubid
  from pg_depend d
  left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
  left join (pg_index i join pg_class m on m.oid = i.indrelid and m.relkind = 'm')
    on d.classid = 'pg_class'::regclass and i.indexrelid = d.objid
 where d.objid >= 16384 and d.refobjid >= 16384
"""


def live(conn: Connection) -> dict[Key, Live]:
    """Every routine, view and trigger in the user schemas and every event trigger, but extensions' own."""
    with qualified_names(conn):
        rows = conn.execute(LIVE).fetchall()
    return {item.key: item for item in map(_live, rows)}


def dependents(
    conn: Connection, targets: Iterable[Live], known: Iterable[Live]
) -> tuple[list[Live], list[str]]:
    """Which known objects go when the targets are dropped, targets included, and what else stands in the way.

    The second list describes, in PostgreSQL's words, tables' defaults, constraints, policies and the like
    that use one.
    """
    by_oid = {(item.catalog_class, item.oid): item for item in known}
    users: dict[tuple[str, int], list[tuple[Any, ...]]] = defaultdict(list)
    for row in conn.execute(DEPENDENCIES):
        users[row[2], row[3]].append(row)
    found: dict[tuple[str, int], Live | None] = {(item.catalog_class, item.oid): item for item in targets}
    blockers: dict[tuple[str, int], list[Any]] = {}
    queue = list(found)
    while queue:
        for catalog, oid, _, _, kind, *address in users[queue.pop()]:
            user = (catalog, oid)
            if user in found:
                continue
            if user in by_oid or kind in "aiPSx":
                found[user] = by_oid.get(user)
                queue.append(user)
            else:
                blockers[user] = address
    described = [
        conn.execute("select pg_describe_object(%s, %s, %s)", address).fetchone()
        for user, address in blockers.items()
        if user not in found
    ]
    return [item for item in found.values() if item], [row[0] for row in described if row]


_ENABLE = {"O": "enable", "D": "disable", "R": "enable replica", "A": "enable always"}


def definition(key: Key, catalog: Catalog) -> str | None:
    """The statements that make an object, in PostgreSQL's words, without comments and grants.

    None for a kind, such as an aggregate, of which PostgreSQL has no words.
    """
    (kind, identity), facts = key, catalog.facts(key)
    text = str(facts.get("definition") or "").rstrip("; \n")
    if kind == "event trigger":
        tags = f" when tag in ({', '.join(map(literal, facts['tags']))})" if facts["tags"] else ""
        text = f"create event trigger {identity} on {facts['event']}{tags}\n"
        text += f"  execute function {facts['function']}"
    elif kind in ("view", "materialized view"):
        options = f" with ({', '.join(facts['options'])})" if facts["options"] else ""
        create = "create or replace" if kind == "view" else "create"
        text = f"{create} {kind} {identity}{options} as\n{text}" + "\nwith no data" * (not facts["populated"])
    enabled = facts.get("enabled", "O")
    return "\n".join([f"{text};", *([enable(key, enabled)] if enabled != "O" else [])]) if text else None


def enable(key: Key, how: str) -> str:
    """The statement that lets a trigger, event trigger or rule fire as the catalog says."""
    kind, identity = key
    if kind == "event trigger":
        return f"alter event trigger {identity} {_ENABLE[how]};"
    name, on = split_on(identity)
    return f"alter table {on} {_ENABLE[how]} {kind} {name};"


def parts(relation: str, catalog: Catalog, *kinds: str) -> list[str]:
    """The statements that make the indexes, the rules or both of a relation."""
    made = []
    for key in catalog.objects:
        if key[0] in kinds:
            facts = catalog.facts(key)
            if (facts["table"] if key[0] == "index" else split_on(key[1])[1]) == relation:
                made.append(f"{facts['definition'].rstrip(';')};")
    return made


def comment_sql(item: Live, part: str, text: str | None) -> str:
    """COMMENT ON for the object, or for one of its columns; None takes the comment away."""
    target = f"column {item.identity}.{part}" if part else f"{item.kind} {item.identity}"
    return f"comment on {target} is {literal(text)};"


def privileges_sql(item: Live, have: frozenset[Grant], want: frozenset[Grant]) -> list[str]:
    """REVOKE and GRANT statements that turn what an object has into what it should have."""
    statements = []
    # REVOKE takes the grant with and without grant option, and on a view the columns' grants as well.
    lost = have - want
    regrant = {
        grant for grant in want if any(grant[:2] == each[:2] and each[2] in ("", grant[2]) for each in lost)
    }
    for grantee, privileges in _by_grantee(lost):
        statements.append(f"revoke {privileges} on {item.target} from {_role(grantee[0])};")
    for grantee, privileges in _by_grantee((want - have) | regrant):
        option = " with grant option" if grantee[1] else ""
        statements.append(f"grant {privileges} on {item.target} to {_role(grantee[0])}{option};")
    return statements


def _by_grantee(grants: Iterable[Grant]) -> list[tuple[tuple[str, bool], str]]:
    """Grants put together: one line per grantee and grant option."""
    lines: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for grantee, privilege, column, grantable in sorted(grants):
        lines[grantee, grantable].append(f"{privilege} ({column})" if column else privilege)
    return [(key, ", ".join(privileges)) for key, privileges in lines.items()]


def _role(grantee: str) -> str:
    return "public" if grantee == "PUBLIC" else grantee


def literal(text: str | None) -> str:
    """The text as an SQL string that means the same under any setting of standard_conforming_strings."""
    if text is None:
        return "null"
    quoted = "'" + text.replace("'", "''") + "'"
    return "e" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def _live(row: tuple[Any, ...]) -> Live:
    file_kind, schema, relation, trigger, *facts, grants, bare, comments = row
    parts = [qualified([schema, relation])] if relation else []
    name = Name(file_kind, " on ".join([*([quote(trigger)] if trigger else []), *parts]))
    said = {part: text for part, text in comments.items() if text is not None}
    given, initial = (frozenset(map(tuple, each)) for each in (grants, bare))
    return Live(*(name, *facts, given, initial, said))
