"""dbtool's own statements depend on nothing that is set; scripts see what psql would."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from tests.migrations.conftest import Workshop
from toolkit.cli import cli
from toolkit.servers.throwaway import ThrowawayServer

SCHEMA = r"""
create schema shop;
create table shop.items (
  id bigint primary key, "from" text constraint digits check ("from" ~ '^\d+$'),
  made timestamptz default '2026-01-31 12:00', price double precision default 0.1,
  for_days interval default '1 day',
  raw bytea default '\x00ff', day date default '2026-03-04');
create function shop.f() returns text language sql as $$ select 'a\b' $$;
create table shop.parts (day date not null) partition by range (day);
create table shop.parts_2026 partition of shop.parts for values from ('2026-01-02') to ('2027-01-02');
"""
SETTINGS = {
    "datestyle": "German, DMY",
    "DateStyle": "SQL, MDY",
    "intervalstyle": "iso_8601",
    "timezone": "Asia/Kathmandu",
    "TimeZone": "FOO+3BAR",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "bytea_output": "escape",
    "extra_float_digits": "-3",
    "xmloption": "document",
    "row_security": "off",
    "client_min_messages": "error",
    "statement_timeout": "3s",
    "idle_session_timeout": "500ms",
    "idle_in_transaction_session_timeout": "500ms",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "lock_timeout": "7s",
    "search_path": "nowhere, pg_catalog",
    "escape_string_warning": "on",
    "check_function_bodies": "off",
    "backslash_quote": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "plan_cache_mode": "force_generic_plan",
    "lc_messages": "C",
    "enable_seqscan": "off",
    "jit_above_cost": "0",
    "work_mem": "64kB",
    "synchronous_commit": "off",
    "session_replication_role": "replica",
    "default_toast_compression": "pglz",
    "log_min_messages": "fatal",
}
assert len(SETTINGS) >= 28


@pytest.fixture
def deployer(workshop: Workshop) -> Iterator[str]:
    """URL for a role that migrates; superuser, since some of these settings are for such."""
    workshop.query("create role settings_deployer superuser login password 'x'")
    yield psycopg.conninfo.make_conninfo(workshop.url, user="settings_deployer", password="x")
    workshop.query("drop owned by settings_deployer cascade; drop role settings_deployer")


def dbtool(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str]:
    """A command in this process: its exit code and what it said."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    return ended.value.code, "".join(capsys.readouterr())


FACTS = """
select (select prosrc from pg_proc where proname = 'f'),
       (select conbin::text ~ ' 92 100 ' from pg_constraint where conname = 'digits')
"""


@pytest.mark.parametrize("name", SETTINGS)
def test_every_command_works_whatever_is_set(
    name: str,
    workshop: Workshop,
    deployer: str,
    server: ThrowawayServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # dbtool's handlers are not for this process
    workshop.write("schema.sql", SCHEMA)
    workshop.write("migrations/migration1.sql", "alter table shop.items add size numeric default 1.5;")
    workshop.write("migrations/migration1.rollback.sql", "alter table shop.items drop column size;")
    workshop.write("migrations/migration2.sql", "create view shop.cheap as select id from shop.items;")
    value = SETTINGS[name] if name == "search_path" else f"'{SETTINGS[name]}'"
    database = workshop.value("select quote_ident(current_database())")
    # By turns for the database and for the role, in either case.
    whose = f"database {database}" if len(name) % 2 else "role settings_deployer"
    workshop.query(f"alter {whose} set {name} = {value}")
    for words, exit_code in (
        (["migrate", "--to", "schema"], 0),
        (["migrate"], 0),
        (["status"], 0),
        (["history"], 0),
        (["verify", "--server", server.url()], 0),
        (["rollback", "--yes"], 0),
        (["status"], 3),
        (["migrate"], 0),
    ):
        code, said = dbtool(capsys, *words, "--project", str(workshop.root), "--database-url", deployer)
        assert code == exit_code or (code, exit_code) == (None, 0), (words, said)
    assert workshop.query(FACTS) == [(r" select 'a\b' ", True)]


def test_scripts_see_what_psql_would(workshop: Workshop) -> None:
    database = workshop.value("select quote_ident(current_database())")
    set_to = {
        "timezone": "Asia/Kathmandu",
        "datestyle": "German, DMY",
        "work_mem": "3MB",
        "row_security": "off",
    }
    for name, value in set_to.items():
        workshop.query(f"alter database {database} set {name} = '{value}'")
    listed = ", ".join(f"current_setting('{name}') as {name}" for name in set_to)
    workshop.write("migrations/migration1.sql", f"create table shop.seen as select {listed};")
    workshop.write(
        "migrations/migration2.sql", f"-- transactional: false\ninsert into shop.seen select {listed};"
    )
    workshop.migrate()
    assert workshop.query("select * from shop.seen") == [tuple(set_to.values())] * 2


def test_read_only_by_default_is_respected_with_the_way_out(workshop: Workshop) -> None:
    name = workshop.value("select quote_ident(current_database())")
    workshop.migrate()
    workshop.query(f"alter database {name} set default_transaction_read_only = on")
    assert workshop.dbtool("status").exit_code == 0
    done = workshop.dbtool("rollback", "--yes")
    assert (done.exit_code, "default_transaction_read_only" in done.stderr) == (1, True), done.stderr
    able = psycopg.conninfo.make_conninfo(workshop.url, options="-c default_transaction_read_only=off")
    assert (
        workshop.run("rollback", "--yes", "--project", workshop.root, "--database-url", able).exit_code == 0
    )


def test_role_option_works_as_that_role(workshop: Workshop) -> None:
    workshop.query('create role "settings owner"; create role settings_member login')
    database = workshop.value("select quote_ident(current_database())")
    workshop.query(
        f'grant "settings owner" to settings_member; grant create on database {database} to "settings owner"'
    )
    try:
        workshop.dbtool("migrate", "--role", "settings owner", code=0)
        owner = "select distinct tableowner from pg_tables where schemaname = 'shop'"
        assert workshop.query(owner) == [("settings owner",)]
        assert workshop.dbtool("verify", "--role", "settings owner").exit_code in (0, 4)
    finally:
        workshop.query('drop owned by "settings owner" cascade; drop role "settings owner", settings_member')


def test_notices_and_json_do_not_mix(workshop: Workshop) -> None:
    workshop.write("migrations/migration2.sql", "do $$ begin raise notice 'by the way'; end $$;")
    done = workshop.dbtool("migrate", "--json")
    assert json.loads(done.stdout)["applied"] == ["schema", "migration1", "migration2"]
    assert "notice: by the way" in done.stderr
