"""The conventions of this layout: what the catalog and the files tell without running anything."""
# ruff: noqa: S608  the parts put into the SQL are constants

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from postgast import pg_query_pb2 as pg

from ..catalog.queries import COMMON
from ..catalog.read import Catalog, Difference, diff, parent
from ..errors import DbtoolError, Finding
from ..project.layout import Project, Script, read_sql
from ..project.sources import ON_BASE, Sources, hooks_of
from ..project.sources import read as read_sources
from ..sql.execute import Connection
from ..sql.script import is_transactional, refuse_unfit
from ..sql.statements import Name, Statement, creates, parse, qualified, relation_name, routine_body


@dataclass(frozen=True)
class Place:
    """The statement that makes an object, and its file."""

    file: str
    statement: Statement
    around: str
    """The text in which a comment is about the object: the whole source, or in a script the statement's."""

    @property
    def line(self) -> int:
        return self.statement.line

    def body_line(self, number: int) -> int:
        """The line of the file that a function's body calls `number`."""
        body = routine_body(self.statement)
        return self.line + (body.lines_before if body else 0) + number - 1


@dataclass(frozen=True)
class Files:
    """Every file that makes something, taken apart: the scripts in their order, then the sources."""

    scripts: Mapping[str, list[Statement]]
    sources: Mapping[str, list[Statement]]
    texts: Mapping[str, str]

    @property
    def functions(self) -> Mapping[str, list[Statement]]:
        """The files with today's functions: the sources, or the scripts of a project that has none."""
        return self.sources or self.scripts

    def places(self) -> dict[Name, Place]:
        """Where each routine, view, trigger and table is made: its source, else the last script that does."""
        found = {}
        for files in (self.scripts, self.sources):
            for label, statements in files.items():
                for statement in statements:
                    name = creates(statement) or _table(statement)
                    if name is not None:
                        own = f"{statement.comment}\n{statement.text}"
                        around = self.texts[label] if files is self.sources else own
                        found[name] = Place(label, statement, around)
        return found


def read(project: Project, scripts: Iterable[Script], sources: Sources) -> Files:
    """The files of a project, all of which PostgreSQL's parser accepts."""
    by_label = {project.relative(script.path): script.text for script in scripts}
    pieces = {piece.label: piece.text for piece in sources.pieces}
    return Files(
        {label: parse(text) for label, text in by_label.items()},
        {label: parse(text) for label, text in pieces.items()},
        {**by_label, **pieces},
    )


def _table(statement: Statement) -> Name | None:
    node = statement.node
    if statement.kind == "create_stmt" or (
        statement.kind == "create_table_as_stmt" and node.objtype == pg.OBJECT_TABLE
    ):
        relation = node.relation if statement.kind == "create_stmt" else node.into.rel
        return Name("relation", relation_name(relation))
    return None


# A function that must be inlined may go without search_path when its file says why.
_NO_SEARCH_PATH = re.compile(r"--\s*no search_path:\s*\S")
_PATH = "set search_path = pg_catalog, pg_temp"
_PG_TEMP_FIRST = (
    "does not name pg_temp last in its search_path: PostgreSQL then looks for tables and types in pg_temp"
    f" first, even by an empty path, and what a caller made there runs with the function's rights ({_PATH})"
)

_ROUTINES = f"""{COMMON}
select n.nspname, p.proname, p.oid::regprocedure::text, p.prokind = 'a', p.prosecdef,
       (select substr(s, 13) from unnest(p.proconfig) s where starts_with(s, 'search_path=')),
       (select min(split_part(setting, '=', 1)) from unnest(p.proconfig) setting
         where setting ~ '^enable_.*=(off|false|no|0)$' and not p.proconfig @> array['jit=off']),
       coalesce(obj_description(p.oid, 'pg_proc'), '') <> '',
       exists (select
                 from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
                where g.grantee = 0),
       count(*) over (partition by n.oid, p.proname)
  from routine p
  join pg_namespace n on n.oid = p.pronamespace
 where not exists (select  -- constructors of a range type
                     from pg_depend d
                    where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i'
                      and d.refclassid = 'pg_type'::regclass)
 order by 3
"""

_UNCOMMENTED = f"""{COMMON}
select case c.relkind when 'v' then 'view' when 'm' then 'materialized view'
                      when 'f' then 'foreign table' else 'table' end,
       n.nspname, c.relname
  from relation c
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'f', 'v', 'm') and not c.relispartition
   and coalesce(obj_description(c.oid, 'pg_class'), '') = ''
 order by 2, 3
"""

# An index serves a foreign key when the key's columns are its first columns, in any order. A partial one does
# when all that it leaves out are rows whose key is null. A key to a lookup table may go without when the
# constraint's comment says why.
_UNINDEXED = f"""{COMMON}
select n.nspname, c.relname, k.conname,
       (select string_agg(quote_ident(a.attname), ', ' order by u.position)
          from unnest(k.conkey) with ordinality u (attnum, position)
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum)
  from pg_constraint k
  join relation c on c.oid = k.conrelid
  join pg_namespace n on n.oid = c.relnamespace
 where k.contype = 'f' and k.conparentid = 0
   and coalesce(obj_description(k.oid, 'pg_constraint'), '') !~ 'no index: *\\S'
   and not exists (
     select
       from pg_index i
      where i.indrelid = k.conrelid and (i.indisvalid or c.relkind = 'p')
        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
        and (i.indpred is null
             or pg_get_expr(i.indpred, i.indrelid) in (
                  select format('(%I IS NOT NULL)', a.attname)
                    from pg_attribute a
                   where a.attrelid = k.conrelid and a.attnum = any(k.conkey))))
 order by 1, 2, 3
"""


# A table with this column belongs to whom it names when the column is never null.
_NOT_LED = f"""{COMMON}
select n.nspname, c.relname, pg_get_constraintdef(k.oid)
  from relation c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attname = %s and a.attnotnull and not a.attisdropped
  left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
 where c.relkind in ('r', 'p') and not c.relispartition and (k.oid is null or k.conkey[1] <> a.attnum)
 order by 1, 2
"""


def conventions(
    conn: Connection, places: Mapping[Name, Place], leading_column: str | None = None
) -> Iterator[Finding]:
    """What the database that the migrations build says about comments, search_path, grants, indexes and keys.

    `places` has the statements that make things. Tables with a `leading_column` have it first in their key.
    """

    def finding(rule: str, kind: str, name: Name, identity: str, message: str) -> Finding:
        place = places.get(name)
        file, line = (place.file, place.line) if place else (None, None)
        return Finding("convention", file, line, f"{kind} {identity}", message, rule)

    overloaded: set[Name] = set()
    for row in conn.execute(_ROUTINES).fetchall():
        schema, name, identity, is_aggregate, is_definer, path, penalty, *rest = row
        has_comment, is_public, same_name = rest
        key = Name("routine", qualified([schema, name]))
        problems = {
            "function-comment": not has_comment and "has no comment (comment on function … is '…')",
            "function-search-path": _path_problem(path, places.get(key), is_definer, is_aggregate),
            "function-jit": penalty
            and f"sets {penalty} = off and not jit = off: where there is no other way, the plan seems to cost"
            " 1e10, and is compiled before it runs",
            "function-public": is_public
            and "may be executed by PUBLIC (revoke all on function … from public)",
            "function-overload": same_name > 1
            and key not in overloaded
            and f"has {same_name - 1} overload(s): one name, one function",
        }
        overloaded |= {key} if same_name > 1 else set()
        for rule, message in problems.items():
            if message:
                yield finding(rule, "function", key, identity, message)
    for kind, schema, name in conn.execute(_UNCOMMENTED).fetchall():
        identity = qualified([schema, name])
        message = f"has no comment (comment on {kind} … is '…')"
        yield finding("table-comment", kind, Name("relation", identity), identity, message)
    for schema, table, constraint, columns in conn.execute(_UNINDEXED).fetchall():
        identity = qualified([schema, table])
        message = (
            f"the foreign key {constraint} has no index that begins with its columns ({columns}),"
            " nor a comment `no index: why`"
        )
        yield finding("foreign-key-index", "table", Name("relation", identity), identity, message)
    for schema, table, key_text in conn.execute(_NOT_LED, [leading_column]).fetchall():
        identity = qualified([schema, table])
        message = f"is of a {leading_column}, which is not first in its key ({key_text or 'there is none'})"
        yield finding("leading-column", "table", Name("relation", identity), identity, message)


def _path_problem(path: str | None, place: Place | None, is_definer: bool, is_aggregate: bool) -> str | None:
    """What is wrong with a function's search_path, or with its having none."""
    if path is not None:
        schemas = [schema.strip(' "') for schema in path.split(",")]
        return None if "pg_temp" not in schemas[:-1] and schemas[-1] == "pg_temp" else _PG_TEMP_FIRST
    if is_definer:
        return "is SECURITY DEFINER without search_path: whoever may create objects can change what it does"
    says_why = place is not None and _NO_SEARCH_PATH.search(place.around)
    if is_aggregate or says_why:
        return None
    return f"has no search_path ({_PATH}, or a comment `-- no search_path: why`)"


def unrunnable(project: Project, scripts: Iterable[Script]) -> Iterator[Finding]:
    """The first reason why each file cannot run as promised: syntax, psql's meta-commands, BEGIN …"""
    for script in scripts:
        for path in (script.path, script.rollback_path):
            if path is None:
                continue
            label = project.relative(path)
            try:
                text = read_sql(path)
                refuse_unfit(text, label, transactional=is_transactional(text, path))
            except DbtoolError as error:
                where = re.match(r"(?:.*?):([0-9]+): ", error.message)
                line, message = (
                    (int(where[1]), error.message[where.end() :]) if where else (None, error.message)
                )
                yield Finding("script", label, line, None, message)


def without_rollback(project: Project, scripts: Iterable[Script]) -> Iterator[Finding]:
    """The scripts that cannot be undone."""
    for script in scripts:
        if script.rollback_path is None:
            message = f"has no rollback file ({script.stem}.rollback.sql)"
            yield Finding("script", project.relative(script.path), None, None, message, "rollback-missing")


_CONCURRENTLY = ("require-concurrent-index-creation", "require-concurrent-index-deletion")


def without_partitioned(
    findings: Iterable[Finding], scripts: Mapping[str, Iterable[Statement]]
) -> Iterator[Finding]:
    """The findings less those that ask for `concurrently` where PostgreSQL has no such thing.

    That is on partitioned tables, as far as the scripts say which ones are.
    """
    partitioned: set[str] = set()
    exempt: set[tuple[str, int]] = set()
    for label, statements in scripts.items():
        for statement in statements:
            node = statement.node
            if statement.kind == "create_stmt" and node.HasField("partspec"):
                partitioned.add(node.relation.relname)
            elif statement.kind == "index_stmt" and node.relation.relname in partitioned:
                partitioned.add(node.idxname)
                exempt.update((label, line) for line in _lines(statement))
            elif (
                statement.kind == "rename_stmt" and node.relation.relname in partitioned and not node.subname
            ):
                partitioned.add(node.newname)
            elif statement.kind == "drop_stmt" and node.remove_type == pg.OBJECT_INDEX:
                dropped = {each.list.items[-1].string.sval for each in node.objects}
                if dropped & partitioned:
                    exempt.update((label, line) for line in _lines(statement))
    for each in findings:
        if each.rule not in _CONCURRENTLY or (each.file, each.line) not in exempt:
            yield each


def _lines(statement: Statement) -> range:
    return range(statement.line, statement.line + statement.text.count("\n") + 1)


# What stands by itself in a schema, where a later version of the base may bring one of that name.
_STANDS_ALONE = ("table", "view", "materialized view", "function", "procedure", "sequence", "domain", "enum")


def touching_base(before: Catalog, after: Catalog, base: Project) -> Iterator[Finding]:
    """What the project's scripts changed of what was there, or put into the schemas of the base.

    Triggers, indexes and constraints on its tables, and grants to more roles, are additions.
    """
    hooks = {name.identity for name in hooks_of(read_sources(base))}
    schemas = {parent(identity) for kind, identity in before.objects if kind in ("table", "function")}
    schemas.discard("public")
    for each in diff(before, after):
        message = _touches_base(each, schemas)
        if message and each.identity.split("(")[0] not in hooks:
            yield Finding("lint", None, None, f"{each.kind} {each.identity}", message, ON_BASE)


def second_hooks(project: Project, scripts: Sequence[Script], found: Sources) -> Iterator[Finding]:
    """Hooks that two scripts make: what a project on top has put in place of the first would be lost."""
    hooks = hooks_of(found)
    seen: set[Name] = set()
    for script in scripts if hooks else ():
        for statement in parse(script.text):
            name = creates(statement)
            if name in hooks and name in seen:
                message = "is a hook, which a project on top may have replaced: its text stays"
                label = project.relative(script.path)
                yield Finding("script", label, statement.line, str(name), message, ON_BASE)
            seen |= {name} if name else set()


def _touches_base(each: Difference, schemas: set[str]) -> str | None:
    if each.change == "added":
        if each.kind == "column" and parent(parent(each.identity)) in schemas:
            return "is put into a table of the base: keep it in a table of your own, with the same key"
        if each.kind in _STANDS_ALONE and parent(each.identity.split("(")[0]) in schemas:
            return (
                "stands in a schema of the base, which may bring one of that name: take a schema of your own"
            )
        return None
    if all(line.startswith(("grants: extra", "members: extra")) for line in each.details or ("",)):
        return None
    return "\n  ".join([f"is the base's, and is {each.change}", *each.details])
