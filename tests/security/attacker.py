"""A caller who puts objects of their own, in pg_temp, in the way of every name that functions may use.

Each of these objects tells, by a warning, when it runs as somebody else.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql

TOLD = "what an attacker made runs as"
_OURS = "('learn', 'learn_internal')"
_RELATION = re.compile(r"\b(?:from|join|into|update|table|only|using)\s+([a-z_][a-z0-9_]*)\b(?!\s*[.(])")
_FUNCTION = re.compile(r"\b([a-z_][a-z0-9_]*)\s*\(")

# Every type that has a name of its own, with the built-in type that stands in for it.
_TYPES = f"""
    select t.typname, case when n.nspname = 'pg_catalog' and t.typtype <> 'p' then t.typname else 'text' end
    from pg_type t
    join pg_namespace n on n.oid = t.typnamespace
    left join pg_class c on c.oid = t.typrelid
    where t.typtype <> 'c' and t.typcategory <> 'A' and n.nspname = 'pg_catalog'
      or n.nspname in {_OURS} and (t.typtype in ('d', 'e') or c.relkind = 'c')
"""
_RELATIONS = f"""
    select distinct c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where (n.nspname in ('pg_catalog', 'information_schema') or n.nspname in {_OURS})
      and c.relkind in ('r', 'p', 'v', 'm')
"""
_BODIES = f"""
    select pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in {_OURS}
"""
# By name, with all arguments that a function in PL/pgSQL can have.
_FUNCTIONS = """
    select p.proname, array(
      select t.typname from unnest(p.proargtypes) with ordinality a(type, n)
      join pg_type t on t.oid = a.type order by a.n)
    from pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = any (%s) and not exists (
      select from unnest(p.proargtypes) a(type) join pg_type t on t.oid = a.type
      where t.typtype = 'p' and t.typname not like 'any_%%')
"""
_OPERATORS = """
    select o.oprname, l.typname, r.typname
    from pg_operator o join pg_type l on l.oid = o.oprleft join pg_type r on r.oid = o.oprright
    where o.oprnamespace = 'pg_catalog'::regnamespace and l.typtype <> 'p' and r.typtype <> 'p'
"""

_BOOL = sql.SQL("pg_catalog.bool")


class Attacker:
    """A login role that is a member of `role`, in the session of a superuser, which becomes it."""

    def __init__(self, connection: psycopg.Connection[Any], role: str) -> None:
        self.told: list[str] = []
        self._connection, self._name = connection, f"attacker_of_{role}"
        connection.add_notice_handler(self._hear)
        # All names are found out before anything is in their way.
        self._types = dict(connection.execute(_TYPES.encode()).fetchall())
        bodies = "\n".join(body for (body,) in connection.execute(_BODIES.encode()).fetchall())
        called = sorted({*_FUNCTION.findall(bodies)})
        self._functions = connection.execute(_FUNCTIONS.encode(), [called]).fetchall()
        self._operators = connection.execute(_OPERATORS.encode()).fetchall()
        relations = {name for (name,) in connection.execute(_RELATIONS.encode()).fetchall()}
        self._relations = sorted((relations | {*_RELATION.findall(bodies)}) - {*self._types})
        self._run("create role {name} login in role {role}", name=self._name, role=role)
        self._run("set session authorization {name}", name=self._name)

    def shadow_relations(self) -> int:
        self._spy(sql.SQL("pg_temp.look()"), _BOOL, "true")
        for name in self._relations:
            self._run("create view pg_temp.{view} as select where pg_temp.look()", view=name)
        return len(self._relations)

    def shadow_functions(self) -> int:
        for name, types in self._functions:
            self._spy(_temp(name) + _arguments(*types), sql.SQL("pg_catalog.text"), "'shadow'")
        return len(self._functions)

    def shadow_operators(self) -> int:
        for types in {(left, right) for _, left, right in self._operators}:
            self._spy(sql.SQL("pg_temp.operate") + _arguments(*types), _BOOL, "true")
        for name, left, right in self._operators:
            self._run(
                f"create operator pg_temp.{name}"
                " (leftarg = pg_catalog.{left}, rightarg = pg_catalog.{right}, function = pg_temp.operate)",
                left=left,
                right=right,
            )
        return len(self._operators)

    def shadow_types_by_domains(self) -> int:
        """Domains over the types themselves: whatever is done with them goes on, and their checks look on."""
        for base in {*self._types.values()}:
            self._spy(sql.SQL("pg_temp.check_it") + _arguments(base), _BOOL, "true")
        for name, base in self._types.items():
            self._run(
                "create domain pg_temp.{type} as pg_catalog.{base}"
                " check (pg_temp.check_it(value::pg_catalog.{base}))",
                type=name,
                base=base,
            )
        return len(self._types)

    def shadow_types_with_casts(self) -> int:
        """Types of the attacker's own, with functions that cast to and from those whose names they have."""
        for name, base in self._types.items():
            self._run("create type pg_temp.{type} as (spied pg_catalog.bool)", type=name)
            for source in {base, "text"}:
                to_it = sql.SQL("pg_temp.{}").format(sql.Identifier(f"to_{name}"))
                self._spy(to_it + _arguments(source), _temp(name), "null")
                self._run(
                    "create cast (pg_catalog.{source} as pg_temp.{type})"
                    " with function pg_temp.{function} (pg_catalog.{source}) as implicit",
                    source=source,
                    type=name,
                    function=f"to_{name}",
                )
            from_it = sql.SQL("pg_temp.from_it({})").format(_temp(name))
            self._spy(from_it, sql.Identifier("pg_catalog", base), "null")
            self._run(
                "create cast (pg_temp.{type} as pg_catalog.{base})"
                " with function pg_temp.from_it (pg_temp.{type}) as implicit",
                type=name,
                base=base,
            )
        return len(self._types)

    def become_superuser(self) -> None:
        """The session is the superuser's again; what the attacker made is still there."""
        self._connection.execute("reset session authorization")

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        if TOLD in (notice.message_primary or ""):
            self.told.append(f"{notice.message_primary}: {notice.context}")

    def _run(self, query: str, **names: str) -> None:
        parts = {part: sql.Identifier(name) for part, name in names.items()}
        self._connection.execute(sql.SQL(query).format(**parts))

    def _spy(self, head: sql.Composable, returns: sql.Composable, result: str) -> None:
        """A function that tells when it runs as somebody else."""
        body = f"""
            begin
              if current_user operator(pg_catalog.<>) '{self._name}'::pg_catalog.name then
                raise warning '{TOLD} %', current_user;
              end if;
              return {result};
            end
        """
        create = sql.SQL("create function {} returns {} language plpgsql as {}")
        self._connection.execute(create.format(head, returns, sql.Literal(body)))


def _temp(name: str) -> sql.Composable:
    return sql.Identifier("pg_temp", name)


def _arguments(*types: str) -> sql.Composable:
    named = sql.SQL(", ").join(sql.Identifier("pg_catalog", each) for each in types)
    return sql.SQL("(") + named + sql.SQL(")")
