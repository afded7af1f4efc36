"""Nothing that a caller puts in the way runs as anybody else: in no call, no view, no trigger."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from tests.calls import CALLS, Scene, actor, callable_by, learners_statement, readable_by, statement
from tests.security.attacker import Attacker

Connection = psycopg.Connection[Any]
ROLES = ["learn_app", "learn_user", "learn_readonly"]
SHADOWS: dict[str, tuple[Callable[[Attacker], int], int]] = {
    "relations": (Attacker.shadow_relations, 250),
    "functions": (Attacker.shadow_functions, 200),
    "operators": (Attacker.shadow_operators, 600),
    "types by domains": (Attacker.shadow_types_by_domains, 90),
    "types with casts": (Attacker.shadow_types_with_casts, 90),
}


@pytest.mark.parametrize("shadow", SHADOWS)
@pytest.mark.parametrize("role", ROLES)
def test_no_call_runs_what_its_caller_put_in_the_way(
    connection: Connection, scene_url: tuple[str, Scene], role: str, shadow: str
) -> None:
    called, views = callable_by(connection, role), readable_by(connection, role)
    attacker = Attacker(connection, role)
    make, at_least = SHADOWS[shadow]
    assert make(attacker) >= at_least
    for name in called:
        call = statement(name)
        if role == "learn_user":
            user = str(actor(name, scene_url[1]) or "")
            connection.execute("select pg_catalog.set_config('learn.user_id', %s, false)", [user])
            call = learners_statement(name)
        try_(connection, call, scene_url[1])
    for view in views:
        connection.execute(f"select * from {view}".encode())
    assert attacker.told == []


@pytest.mark.parametrize("shadow", SHADOWS)
def test_nor_does_what_a_superuser_does_in_the_same_session(
    connection: Connection, scene_url: tuple[str, Scene], shadow: str
) -> None:
    """A trigger would be the place to wait for one."""
    tables = written(connection)
    attacker = Attacker(connection, "learn_app")
    SHADOWS[shadow][0](attacker)
    attacker.become_superuser()
    for name in CALLS:
        try_(connection, statement(name), scene_url[1])
    done = 0
    for statement_ in tables:
        with suppress(psycopg.DatabaseError):  # some tables are written by nobody
            try_(connection, statement_)
            done += 1
    assert done > len(tables) / 2
    assert attacker.told == []


def try_(connection: Connection, statement_: bytes, scene: Scene | None = None) -> None:
    """With what waits for the commit; nothing is kept."""
    with connection.transaction(force_rollback=True):
        connection.execute(statement_, scene)
        connection.execute("set constraints all immediate")


def written(connection: Connection) -> list[bytes]:
    """For each table: all rows are written again, and then deleted, so that all its triggers run."""
    found = connection.execute(
        "select c.oid::regclass::text, (select quote_ident(a.attname) from pg_attribute a"
        "   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''"
        "     and a.attidentity = '' order by a.attnum limit 1)"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname in ('learn', 'learn_internal') and c.relkind in ('r', 'p') and not c.relispartition"
    ).fetchall()
    assert len(found) > 60
    updates = [f"update {table} set {column} = {column}".encode() for table, column in found]
    return updates + [f"delete from {table}".encode() for table, _ in found]


OPEN = {
    "relations": "select 1 from pg_class",
    "types by domains": "select 1 where '2035-01-01'::date is not null",
    "types with casts": "select case when current_date::date is null then 1 end",
}


@pytest.mark.parametrize("path", ["''", "pg_catalog"])
@pytest.mark.parametrize("shadow", OPEN)
def test_a_function_with_another_path_would_be_told_of(
    connection: Connection, shadow: str, path: str
) -> None:
    """That the attacker above is one."""
    connection.execute(
        f"create function learn.open() returns integer language sql security definer set search_path = {path}"
        f" as $$ {OPEN[shadow]} $$; grant execute on function learn.open() to learn_readonly".encode()
    )
    attacker = Attacker(connection, "learn_readonly")
    SHADOWS[shadow][0](attacker)
    connection.execute("select learn.open()")
    assert [told for told in attacker.told if "learn_owner" in told or "postgres" in told] != []
