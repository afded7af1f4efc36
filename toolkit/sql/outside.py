"""What SQL does and finds outside of its database, where SQL is only tried out.

On a throwaway server scripts run for real. A subscription would take or drop a slot of its publisher there,
COPY … PROGRAM would run a program, a database link would write somewhere else. Own throwaway servers reach no
address but one that nothing can be sent to; here is what has to be changed or refused besides, and which
roles, tablespaces and database texts name without making them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ScriptFailed
from .script import split

if TYPE_CHECKING:
    import psycopg

    from .statements import Statement

NOWHERE = "255.255.255.255"
"""The address that libpq takes for every host's in the backends of own throwaway servers."""
HINT = "A throwaway server leaves everybody else alone. --server takes one of yours, where it may be tried."
_SUSPECT = re.compile(
    r"(?i)subscription|\bcopy\b|\bprogram\b|hostaddr|\balter\s+system\b|\bdblink|\bimport\b"
)
_REACHES = re.compile(r"(?is)\bcopy\b[^;]*\bprogram\b|\bhostaddr\b")
_REACHES_FROM_OTHERS = re.compile(
    rf"{_REACHES.pattern}|\bdblink\w*\s*\(|\bimport\s+foreign\b|\balter\s+system\b"
)
_NEVER = re.compile(r"(?!)")
_ABOUT = (
    *("create_subscription_stmt", "alter_subscription_stmt", "drop_subscription_stmt"),
    *("comment_stmt", "grant_stmt", "alter_owner_stmt", "drop_stmt"),
)
_RUNS = re.compile(
    "(select|insert|update|delete|merge|copy|truncate|do|call|execute|explain|create_table_as|refresh_mat_view"
    "|alter_table|index)_stmt"
)
_CREATE = """create subscription s connection '' publication p
  with (connect = false, enabled = false, create_slot = false, copy_data = false, slot_name = none)"""
_ALTER = "alter subscription s set publication p with (refresh = false)"


@dataclass
class _Place:
    """A database where SQL is tried out."""

    notice: Callable[[str], None]
    reaches: re.Pattern[str]
    names: set[str] = field(default_factory=set)
    """Functions whose bodies would reach outside, and tables whose triggers would."""


_places: dict[tuple[str, int, str], _Place] = {}


def keep_inside(
    admin: psycopg.Connection[Any],
    database: str,
    notice: Callable[[str], None],
    *,
    is_own: bool,
    is_restricted: bool,
) -> None:
    """From now on nothing that is sent to this database of the connection's server reaches outside.

    Without rights nothing does on an own server, and PostgreSQL says so where it is tried.
    """
    reaches = _NEVER if is_own and is_restricted else _REACHES if is_own else _REACHES_FROM_OTHERS
    _places[admin.info.host, admin.info.port, database] = _Place(notice, reaches)


def kept_inside(connection: psycopg.Connection[Any], text: str, source: str | None = None) -> str:
    """The text as it may be sent: the same, but in a database where nothing is to reach outside.

    With `source`, its name for people, they are told what runs otherwise. Raises ScriptFailed for a statement
    that has no harmless form.
    """
    place = (
        _places.get((connection.info.host, connection.info.port, connection.info.dbname)) if _places else None
    )
    if place is None or not (_SUSPECT.search(text) or place.names):
        return text
    try:
        statements = split(text, source or "the script")
    except ScriptFailed:
        return text  # the server says why
    parts, end = [], 0
    for statement in statements:
        if _reaches(statement, place):
            line = statement.line
            raise ScriptFailed(
                f"{source or 'the script'}:{line}: this would reach outside of the throwaway server",
                detail=f"{line} | {statement.text.splitlines()[0][:200]}",
                hint=HINT,
                source=source or "the script",
                line=line,
            )
        changed = "; ".join(_without_connecting(statement))
        if not changed:
            continue
        if source:
            what = " ".join(statement.text.split()[:3])
            place.notice(f"note: {source}:{statement.line}: {what} … is tried without connecting anywhere")
        parts.append(text[end : statement.offset] + changed + "\n" * statement.text.count("\n"))
        end = statement.offset + len(statement.text)
    return "".join(parts) + text[end:]


def _reaches(statement: Statement, place: _Place) -> bool:
    """Whether a statement would reach outside, by itself or by a function or a table's trigger of before."""
    node, kind, text = statement.node, statement.kind, statement.text
    if place.reaches is _NEVER or kind in _ABOUT:
        return False
    if kind == "copy_stmt" and (node.is_program or (node.filename and not node.is_from)):
        return True
    if kind == "create_foreign_table_stmt":
        return any(option.def_elem.defname == "program" for option in node.options)
    if kind == "view_stmt":
        text = re.sub(r"'(?:[^']|'')*'", "''", text)  # what it only says
    uses = place.names and re.search(rf"\b({'|'.join(map(re.escape, place.names))})\b", text)
    if kind == "create_function_stmt":
        if uses or place.reaches.search(text):
            place.names.add(node.funcname[-1].string.sval)
        return False
    if kind == "create_trig_stmt" and uses:
        place.names.add(node.relation.relname)
    return bool(place.reaches.search(text) or (uses and _RUNS.fullmatch(kind)))


def _without_connecting(statement: Statement) -> Iterator[str]:
    """What stands for a statement about a subscription; nothing for others."""
    import postgast

    kind = statement.kind
    if kind == "drop_subscription_stmt":  # one without a slot, or of a server whose clone has none
        yield re.sub(
            r"(?i)\bsubscription\s+(if\s+exists\s+)?", "subscription if exists ", statement.text, count=1
        )
    elif kind in ("create_subscription_stmt", "alter_subscription_stmt"):
        tree, own = (postgast.parse(text) for text in (statement.text, _CREATE))
        if kind == "alter_subscription_stmt":
            own = postgast.parse(_ALTER)
            if not statement.node.publication:
                yield "select"
                return
        node, model = (getattr(each.stmts[0].stmt, kind) for each in (tree, own))
        settled = {option.def_elem.defname for option in model.options}
        options = [option for option in node.options if option.def_elem.defname not in settled]
        del node.options[:]
        node.options.extend([*options, *model.options])
        yield postgast.deparse(tree)


_SURROUNDING = re.compile(
    r"(?i)\b(grant|revoke|owner|policy|role|authorization|user|(?:default_)?tablespace|database)\b"
)
_MADE_ROLE = re.compile(r'(?i)\bcreate\s+(?:role|user|group)\s+(?:if\s+not\s+exists\s+)?("(?:[^"]|"")+"|\w+)')
_MADE_SOMEHOW = re.compile(r"(?i)\bcreate\s+(?:role|user|group)\s+(?:%|'\s*\|\|)")
TAKEN = ("postgres", "template0", "template1")
"""Names of databases that every server has."""
_SPACES = ("tablespacename", "table_space", "table_space_name", "indexspace")


@dataclass(frozen=True)
class Surroundings:
    """What texts name and do not make."""

    roles: tuple[str, ...] = ()
    tablespaces: tuple[str, ...] = ()
    database: str | None = None
    creators: tuple[str, ...] = ()
    """Those of the roles that may make schemas, or things in public."""

    def __str__(self) -> str:
        parts = [("role", self.roles), ("tablespace", self.tablespaces)]
        return ", ".join(f"{what} {name}" for what, names in parts for name in names)


def made_roles(text: str, named: Iterable[str]) -> set[str]:
    """Which of these roles a text may make: by CREATE ROLE, or in dynamic SQL, from a list of their names."""
    from .statements import unquote

    made = {unquote(name) for name in _MADE_ROLE.findall(text)}
    return made | {name for name in named if _MADE_SOMEHOW.search(text) and f"'{name}'" in text}


def surroundings(texts: Iterable[str]) -> Surroundings:
    """What the statements of these texts name; what stands in dynamic SQL is not seen."""
    from .statements import SyntaxProblem, parse

    found: dict[str, set[str]] = {"role": set(), "tablespace": set(), "database": set()}
    texts = [text for text in texts if _SURROUNDING.search(text)]
    for text in texts:
        try:
            statements = parse(text)
        except SyntaxProblem:
            continue
        for statement in statements:
            if _SURROUNDING.search(statement.text) and statement.kind != "drop_role_stmt":
                for kind, name in _named(statement):
                    found[kind].add(name)
    made = made_roles("\n".join(texts), found["role"])
    roles = sorted(name for name in found["role"] - made - {"none"} if name[:3] != "pg_")
    spaces = sorted(name for name in found["tablespace"] if name and name[:3] != "pg_")
    databases = found["database"] - {*TAKEN}
    database = databases.pop() if len(databases) == 1 else None
    return Surroundings(tuple(roles), tuple(spaces), database, tuple(roles))


def _named(statement: Statement) -> Iterator[tuple[str, str]]:
    from postgast import pg_query_pb2 as pg

    node, kind = statement.node, statement.kind
    if kind == "variable_set_stmt" and node.args:
        named = {"role": "role", "session_authorization": "role", "default_tablespace": "tablespace"}
        if node.name in named:
            yield named[node.name], node.args[0].a_const.sval.sval
    elif kind in ("alter_database_set_stmt", "alter_database_stmt"):
        yield "database", node.dbname
    elif kind == "alter_role_set_stmt" and node.database:
        yield "database", node.database
    elif kind == "comment_stmt" and node.objtype == pg.OBJECT_DATABASE:
        yield "database", node.object.string.sval
    elif kind == "grant_stmt" and node.objtype == pg.OBJECT_DATABASE:
        yield from (("database", each.string.sval) for each in node.objects)
    elif kind == "grant_role_stmt":
        yield from (("role", each.access_priv.priv_name) for each in node.granted_roles)
    yield from _within(node)


def _within(node: Any) -> Iterator[tuple[str, str]]:
    """Roles and tablespaces anywhere in a parse tree."""
    from postgast import pg_query_pb2 as pg

    if isinstance(node, pg.RoleSpec) and node.rolename:
        yield "role", node.rolename
    elif isinstance(node, pg.AlterTableCmd) and node.subtype == pg.AT_SetTableSpace:
        yield "tablespace", node.name
    for part, value in node.ListFields():
        if part.message_type is not None:
            for each in value if part.is_repeated else (value,):
                yield from _within(each)
        elif part.name in _SPACES:
            yield "tablespace", value
