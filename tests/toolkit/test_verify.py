"""`dbtool verify`: every kind of drift is found, and the SQL that is printed mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import ROOT, FreshDatabase, RunDbtool
from tests.toolkit.shop import Shop
from tests.toolkit.test_catalog import BUILD, PLANTED
from toolkit.live import reference, verify
from toolkit.live.reference import Reference, Texts
from toolkit.project.layout import Project
from toolkit.servers.throwaway import ThrowawayServer

Connection = psycopg.Connection[tuple[Any, ...]]

# Things of the whole database, or outside the project's schemas, that its migrations do not touch; and
# the order of a table's columns, which no statement can change.
NOT_DRIFT = {
    "create schema more",
    "alter table app.events drop column id; alter table app.events add column id bigint",
    *(change for change, kind, _, _ in PLANTED if kind in ("database",)),
}
MORE = [
    "drop table app.items cascade",
    "drop function app.twice(integer)",
    "drop view app.cheap",
    "drop materialized view app.sums",
    "drop policy own on app.items",
    "drop index app.items_by_owner",
    "drop sequence app.numbers",
    "drop type app.span",
    "drop statistics app.items_stats",
    "drop publication changes",
    "drop event trigger watch",
    "drop table app.events_2026",
    "drop table app.users cascade",
    "drop type app.point",
    "drop aggregate app.total(integer)",
    "drop procedure app.work()",
    "alter table app.items disable row level security",
    "alter table app.items drop constraint items_pkey",
    "alter table app.users alter id drop identity",
    "alter table app.users drop constraint users_name_key cascade",
    "alter table app.items alter title drop default",
    "alter table app.items enable always trigger stamp",
    "create trigger more after insert on app.items execute function app.stamp()",
    "create policy more on app.items for insert with check (true)",
    "create view app.more as select 1 as one",
    "create type app.more as enum ('a')",
    "create sequence app.more",
    "revoke usage on schema app from public; grant create on schema app to pg_monitor with grant option",
    "revoke all on app.items from current_user; grant select on app.items to public",
    "drop view app.cheap; create view app.cheap as select id from app.items",
    "drop function app.twice(integer); create function app.twice(p_value integer) returns text language sql"
    " as $$ select '2' $$",
    "alter type app.status add value 'lost' before 'done'",
    "update pg_index set indisvalid = false where indexrelid = 'app.items_by_owner'::regclass",
    "alter function app.twice(integer) set work_mem = '9MB'",
]
UNMENDABLE = {"alter type app.status add value 'lost' before 'done'"}


@pytest.fixture(scope="module")
def built(server: ThrowawayServer) -> Iterator[tuple[str, Reference]]:
    """URL of a database with one object of every kind, and the reference that it is compared with."""
    server.create_database("verify_built")
    with psycopg.connect(server.url("verify_built")) as conn:
        conn.execute(BUILD.encode())
    yield server.url("verify_built"), reference.build(server, Texts(((0, BUILD),)))
    server.drop_database("verify_built")


def look(conn: Connection, wanted: Reference) -> list[verify.Drifted]:
    return verify.compare(wanted, verify.read_live(conn, (conn.info.user,)))


def test_a_database_that_was_built_alike_has_no_drift(built: tuple[str, Reference]) -> None:
    with psycopg.connect(built[0]) as conn:
        assert look(conn, built[1]) == []


@pytest.mark.parametrize("change", [row[0] for row in PLANTED] + MORE)
def test_planted_drift_is_found_and_mended_by_the_printed_sql(
    built: tuple[str, Reference], change: str
) -> None:
    with psycopg.connect(built[0]) as conn:
        conn.execute(change.encode())
        found = look(conn, built[1])
        assert bool(found) == (change not in NOT_DRIFT)
        if change in UNMENDABLE:
            assert any(each.sql == [] and "no SQL" in str(each) for each in found)
            conn.rollback()
            return
        if found:
            conn.execute(verify.script(found).removeprefix("begin;").removesuffix("commit;").encode())
        assert [str(each) for each in look(conn, built[1])] == []
        conn.rollback()


def test_what_others_keep_in_the_database_is_no_drift(built: tuple[str, Reference]) -> None:
    with psycopg.connect(built[0]) as conn:
        conn.execute("create schema theirs create table theirs.notes (id integer)")
        conn.execute("create table public.scratch (id integer)")
        conn.execute("grant select on theirs.notes to pg_monitor")
        conn.execute("create table app.events_2027 partition of app.events default")
        conn.execute("create index on app.events_2027 (at)")
        assert look(conn, built[1]) == []
        conn.rollback()


def test_a_table_that_went_is_one_difference_with_all_that_makes_it(built: tuple[str, Reference]) -> None:
    with psycopg.connect(built[0]) as conn:
        conn.execute("drop table app.events cascade")
        found = look(conn, built[1])
        conn.rollback()
    assert [(each.difference.kind, each.difference.change) for each in found] == [
        ("table", "removed"),
        ("table", "removed"),
    ]
    assert found[0].sql[0].startswith("create table app.events (")


def drift(shop: Shop, *statements: str) -> None:
    with psycopg.connect(shop.url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def test_the_command_exits_with_4_and_its_script_mends_the_database(
    released: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    released.migrate()
    options = ("--project", released.root, "--database-url", released.url, "--server", server_option)
    clean = run_dbtool("verify", *options)
    assert (clean.exit_code, clean.stderr) == (0, "")
    drift(
        released, "alter table shop.items disable trigger check_price", "comment on view shop.cheap is null"
    )
    found = run_dbtool("verify", "--json", *options)
    assert found.exit_code == 4
    listed = json.loads(found.stdout)
    assert (listed["ok"], listed["version"]) == (False, "migration1")
    assert [(each["kind"], each["identity"], each["state"]) for each in listed["differences"]] == [
        ("trigger", "check_price on shop.items", "changed"),
        ("view", "shop.cheap", "changed"),
    ]
    shown = run_dbtool("verify", *options)
    assert "  mend: alter table shop.items enable trigger check_price;" in shown.stdout
    script = run_dbtool("verify", "--sql", *options)
    assert script.exit_code == 4
    drift(released, script.stdout)
    assert run_dbtool("verify", *options).exit_code == 0


def test_what_counts_is_what_was_applied_whatever_the_files_say_now(
    released: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    released.migrate()
    released.write({"migrations/migration1.sql": None, "migrations/migration2.sql": "create schema more;"})
    options = ("--project", released.root, "--database-url", released.url, "--server", server_option)
    assert run_dbtool("verify", *options).exit_code == 0


def test_a_database_without_a_history_cannot_be_verified(
    released: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    options = ("--project", released.root, "--database-url", released.url, "--server", server_option)
    result = run_dbtool("verify", *options)
    assert result.exit_code == 4
    assert "baseline" in result.stderr


def test_it_needs_no_privilege_but_to_read_and_writes_nothing(
    released: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    released.migrate()
    drift(
        released,
        "drop role if exists verify_test_reader",
        "create role verify_test_reader login",
        "alter role verify_test_reader set default_transaction_read_only = on",
        "grant usage on schema dbtool to verify_test_reader",
        "grant select on all tables in schema dbtool to verify_test_reader",
    )
    try:
        with psycopg.connect(released.url) as conn:
            conn.execute("set session authorization verify_test_reader")
            applied, found = verify.verify(conn, released.project, server_option)
        assert ([each.id for each in applied], found) == (["schema", "migration1"], [])
    finally:
        drift(released, "drop owned by verify_test_reader", "drop role verify_test_reader")


def test_objects_of_the_role_that_migrated_are_as_they_should_be(
    released: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    drift(
        released,
        "drop role if exists verify_test_deployer",
        "create role verify_test_deployer login password 'secret'",
        "do $$ begin execute format('grant create on database %I to %I', current_database(),"
        " 'verify_test_deployer'); end $$",
    )
    url = psycopg.conninfo.make_conninfo(released.url, user="verify_test_deployer", password="secret")
    options = ("--project", released.root, "--database-url", url)
    try:
        assert run_dbtool("migrate", *options).exit_code == 0
        result = run_dbtool("verify", *options, "--server", server_option)
        assert (result.exit_code, result.stdout.count("\n")) == (0, 1), result.stdout
        drift(released, "alter view shop.cheap owner to current_user")
        result = run_dbtool("verify", *options, "--server", server_option)
        assert "alter view shop.cheap owner to verify_test_deployer;" in result.stdout
    finally:
        drift(released, "drop owned by verify_test_deployer cascade", "drop role verify_test_deployer")


def test_a_seeded_laurel_that_has_made_partitions_is_what_its_migrations_build(
    fresh: FreshDatabase, server_option: str
) -> None:
    with fresh.connect() as conn:
        conn.execute("select learn.ensure_partitions((now() + interval '2 years')::date)")
        conn.commit()
        _, found = verify.verify(conn, Project.find(ROOT), server_option)
    assert [str(each) for each in found] == []


SETTINGS = """
do $$ begin
  execute format($q$alter database %I set work_mem = '7MB'$q$, current_database());
  execute format('revoke temporary on database %I from public', current_database());
  execute format('grant temporary on database %I to pg_monitor', current_database());
end $$;
"""
OF_OTHERS = """
do $$ begin
  execute format($q$alter database %I set statement_timeout = '1h'$q$, current_database());
  execute format('grant create on database %I to pg_monitor', current_database());
end $$;
"""
SET_HERE = """
select setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
 where d.datname = current_database()
"""


def test_what_migrations_set_and_grant_on_the_database_counts_and_nothing_else_there(
    released: Shop, server_option: str
) -> None:
    released.write({"migrations/migration2.sql": SETTINGS})
    released.migrate()

    def differences() -> list[verify.Drifted]:
        with released.connect() as conn:
            return verify.verify(conn, released.project, server_option)[1]

    drift(released, OF_OTHERS)
    assert differences() == []
    opposite = SETTINGS.replace("revoke", "grant").replace("from public", "to public").replace("7MB", "9MB")
    drift(released, opposite)
    found = differences()
    assert [(each.difference.kind, each.difference.change) for each in found] == [("database", "changed")]
    drift(released, verify.script(found))
    assert differences() == []
    assert sorted(released.value(SET_HERE)) == ["statement_timeout=1h", "work_mem=7MB"]
