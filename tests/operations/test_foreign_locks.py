"""Nobody who may only connect, or read, or call, can hold up what others do, by no lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from tests.calls import callable_by, make_scene, statement
from tests.client import Learn
from tests.conftest import FreshDatabase

ROLES = {"bare": None, "reader": "learn_readonly", "learner": "learn_user", "backend": "learn_app"}
MODES = ["row share", "row exclusive", "share update exclusive", "share", "share row exclusive", "exclusive"]
MODES += ["access exclusive"]
HELD = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"


@pytest.fixture(params=ROLES)
def attacker(fresh: FreshDatabase, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A session of a login role that may connect, and what its group may."""
    name, group = f"attacker_{request.param}", ROLES[request.param]
    with fresh.connect(autocommit=True) as owner:
        owner.execute(
            f"create role {name} login password '{name}' {f'in role {group}' if group else ''}".encode()
        )
        try:
            with fresh.connect(user=name, password=name) as connection:
                yield connection
        finally:
            owner.execute(f"drop role {name}".encode())


@contextmanager
def refused(connection: psycopg.Connection) -> Iterator[None]:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
        yield


def tables(learn: Learn) -> list[tuple[str, str]]:
    return learn.tuples(
        "select n.nspname::text, c.relname::text from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname in ('learn', 'learn_internal', 'dbtool') and c.relkind in ('r', 'p') order by 1, 2"
    )


def test_no_call_takes_an_advisory_lock(learn: Learn) -> None:
    """Every role can take any of those, and see in pg_locks which ones others take."""
    scene = make_scene(learn)
    for role in ("learn_app", "learn_owner"):
        for name in callable_by(learn.connection, role):
            with learn.connection.transaction(force_rollback=True):
                learn.connection.execute(statement(name), scene)
                assert (name, learn.value(HELD)) == (name, 0)
    found = learn.tuples(
        "select p.oid::regproc::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname in ('learn', 'learn_internal') and p.prosrc ~* 'advisory_(xact_)?lock'"
    )
    assert found == []


def test_no_table_can_be_locked_against_those_who_write(
    fresh: FreshDatabase, attacker: psycopg.Connection
) -> None:
    with fresh.connect(autocommit=True) as connection:
        everything = tables(Learn(connection))
    assert len(everything) > 80
    for schema, table in everything:
        name = sql.Identifier(schema, table)
        for mode in MODES:
            with refused(attacker):
                attacker.execute(sql.SQL("lock table {} in {} mode nowait").format(name, sql.SQL(mode)))
        for strength in ("update", "no key update", "share", "key share"):
            with refused(attacker):
                attacker.execute(sql.SQL("select from {} for {} nowait").format(name, sql.SQL(strength)))


def test_calls_go_on_whatever_advisory_locks_others_hold(
    fresh: FreshDatabase, attacker: psycopg.Connection
) -> None:
    """All that can be made out of the names and numbers of objects."""
    attacker.execute("select pg_advisory_lock(c.oid::bigint) from pg_class c where relkind in ('r', 'p')")
    attacker.execute(
        "select pg_advisory_lock(c.oid::integer, n) from pg_class c, generate_series(0, 3) n"
        " where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)"
    )
    attacker.execute(
        "select pg_advisory_lock(c.oid::integer, n) from pg_class c, generate_series(4, 255) n"
        " where relname = 'faucet_requests'"
    )
    attacker.commit()
    with fresh.connect() as connection:
        learn = Learn(connection)
        learn.run("set lock_timeout = '60s'")
        scene = make_scene(learn)
        for name in callable_by(learn.connection, "learn_owner"):
            with learn.connection.transaction(force_rollback=True):
                learn.connection.execute(statement(name), scene)
        learn.run("delete from learn.users where id = %s", [scene["user"]])
        learn.run("set constraints all immediate")
        connection.rollback()
