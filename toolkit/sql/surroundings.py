"""What SQL finds around its database: roles, tablespaces, the database's own name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from postgast import pg_query_pb2 as pg

from .statements import Statement, SyntaxProblem, parse, unquote

_SUSPECT = re.compile(
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
    made = {unquote(name) for name in _MADE_ROLE.findall(text)}
    return made | {name for name in named if _MADE_SOMEHOW.search(text) and f"'{name}'" in text}


def surroundings(texts: Iterable[str]) -> Surroundings:
    """What the statements of these texts name; what stands in dynamic SQL is not seen."""
    found: dict[str, set[str]] = {"role": set(), "tablespace": set(), "database": set()}
    texts = [text for text in texts if _SUSPECT.search(text)]
    for text in texts:
        try:
            statements = parse(text)
        except SyntaxProblem:
            continue
        for statement in statements:
            if _SUSPECT.search(statement.text) and statement.kind != "drop_role_stmt":
                for kind, name in _named(statement):
                    found[kind].add(name)
    made = made_roles("\n".join(texts), found["role"])
    roles = sorted(name for name in found["role"] - made - {"none"} if name[:3] != "pg_")
    spaces = sorted(name for name in found["tablespace"] if name and name[:3] != "pg_")
    databases = found["database"] - {*TAKEN}
    database = databases.pop() if len(databases) == 1 else None
    return Surroundings(tuple(roles), tuple(spaces), database, tuple(roles))


def _named(statement: Statement) -> Iterator[tuple[str, str]]:
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
    if isinstance(node, pg.RoleSpec) and node.rolename:
        yield "role", node.rolename
    elif isinstance(node, pg.AlterTableCmd) and node.subtype == pg.AT_SetTableSpace:
        yield "tablespace", node.name
    for field, value in node.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                yield from _within(each)
        elif field.name in _SPACES:
            yield "tablespace", value
