"""What `migrate` does when all is well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.migrations.conftest import ROOT, Workshop
from toolkit.catalog import read as catalog
from toolkit.errors import DbtoolError, UsageProblem
from toolkit.servers.binaries import find_psql
from toolkit.servers.throwaway import ThrowawayServer


def test_scripts_run_in_numeric_order_schema_first(workshop: Workshop) -> None:
    workshop.write("schema.sql", "create table public.ran (position serial, name text);")
    for number in range(1, 12):
        workshop.write(f"migrations/migration{number}.sql", f"insert into ran (name) values ('{number}');")

    assert [script.id for script in workshop.migrate()] == [
        "schema",
        *(f"migration{n}" for n in range(1, 12)),
    ]

    names = [int(name) for (name,) in workshop.query("select name from ran order by position")]
    assert names == list(range(1, 12))


def test_gap_in_the_numbers_is_allowed(workshop: Workshop) -> None:
    workshop.write("migrations/migration7.sql", "create table public.seven ();")
    assert [script.number for script in workshop.migrate()] == [0, 1, 2, 7]


def test_second_run_finds_nothing_to_do(workshop: Workshop) -> None:
    assert workshop.dbtool("migrate").exit_code == 0
    before = workshop.query("select * from dbtool._yoyo_log order by id")

    again = workshop.dbtool("migrate", code=0)

    assert "nothing to apply" in again.stdout
    assert workshop.query("select * from dbtool._yoyo_log order by id") == before


def test_run_with_nothing_to_do_imports_neither_yoyo_nor_a_parser(workshop: Workshop) -> None:
    workshop.migrate()
    code = (
        "import sys; from toolkit.cli import cli\n"
        "try: cli(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'rich', 'yoyo', 'postgast', 'jinja2', 'testcontainers', 'tomllib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    words = [sys.executable, "-c", code, "--project", str(workshop.root), "--database-url", workshop.url]
    words.append("migrate")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing to apply" in done.stdout


@pytest.mark.parametrize(
    ("to", "expected"), [("schema", [0]), ("1", [0, 1]), (2, [0, 1, 2]), ("migration1", [0, 1])]
)
def test_to_stops_at_that_version(workshop: Workshop, to: int | str, expected: list[int]) -> None:
    assert [script.number for script in workshop.migrate(to=to)] == expected


@pytest.mark.parametrize("to", ["0", "3", "-1", "latest", ""])
def test_version_that_cannot_be_reached_is_a_usage_error(workshop: Workshop, to: str) -> None:
    with pytest.raises(UsageProblem):
        workshop.migrate(to=to)
    assert workshop.value("select to_regnamespace('dbtool') is null")


def test_to_an_earlier_version_applies_and_undoes_nothing(workshop: Workshop) -> None:
    workshop.migrate()
    assert workshop.migrate(to=1) == []
    assert set(workshop.states().values()) == {"applied"}


def test_dry_run_lists_and_writes_nothing(workshop: Workshop) -> None:
    result = workshop.dbtool("migrate", "--dry-run", code=0)
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["schema", "migration1", "migration2"]
    assert workshop.query("select nspname from pg_namespace where nspname in ('dbtool', 'shop')") == []


def test_each_piece_of_work_is_one_plain_line_when_piped(workshop: Workshop) -> None:
    lines = workshop.dbtool("migrate").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["applied", "schema"],
        ["applied", "migration1"],
        ["applied", "migration2"],
    ]


def test_text_is_sent_as_it_is(workshop: Workshop) -> None:
    text = "insert into shop.items (id, name) values (1, '100 % %s %(x)s :y {z} $1 \\n ''é€😀');"
    workshop.write("migrations/migration1.sql", text)
    workshop.migrate(to=1)
    assert workshop.value("select name from shop.items") == "100 % %s %(x)s :y {z} $1 \\n 'é€😀"


def test_thousands_of_statements_fit_into_one_file(workshop: Workshop) -> None:
    text = "\n".join(f"insert into shop.items (id, name) values ({n}, 'item; {n}');" for n in range(20_000))
    workshop.write("migrations/migration1.sql", text)
    workshop.migrate(to=1)
    assert workshop.value("select count(*) from shop.items") == 20_000


def test_file_without_a_statement_is_applied(workshop: Workshop) -> None:
    workshop.write("migrations/migration1.sql", "-- nothing to do any more\n")
    workshop.write("migrations/migration2.sql", "")
    workshop.migrate()
    assert workshop.states() == {"schema": "applied", "migration1": "applied", "migration2": "applied"}


LEAVES_BEHIND = """
create role {role};
create temporary table items (id int);
prepare leftover as select 1;
declare leftover cursor with hold for select 1;
listen leftover;
set search_path = nowhere;
set session_replication_role = replica;
set statement_timeout = '1h';
set default_transaction_read_only = on;
set row_security = off;
set role {role};
"""
SEES = """
create table public.seen as
select current_user = session_user as same_user,
       current_setting('search_path') as search_path,
       current_setting('session_replication_role') as replication_role,
       current_setting('statement_timeout') as statement_timeout,
       current_setting('row_security') as row_security,
       to_regclass('pg_temp.items') is null as no_temporary_table,
       (select count(*) from pg_prepared_statements where name = 'leftover') as prepared,
       (select count(*) from pg_cursors where name = 'leftover') as cursors,
       (select count(*) from pg_listening_channels()) as channels;
"""


def test_what_a_file_sets_does_not_reach_the_mark_or_the_next_file(workshop: Workshop) -> None:
    role = "dbtool_test_role"
    workshop.write("migrations/migration1.sql", LEAVES_BEHIND.format(role=role))
    workshop.write("migrations/migration2.sql", SEES)
    try:
        workshop.migrate()
        assert workshop.query("select * from public.seen") == [
            (True, '"$user", public', "origin", "0", "on", True, 0, 0, 0)
        ]
    finally:
        workshop.query(f"drop role if exists {role}")


def test_session_authorization_left_behind_does_not_reach_the_mark(workshop: Workshop) -> None:
    role = "dbtool_test_authorization"
    workshop.write("migrations/migration1.sql", f"create role {role}; set session authorization {role};")
    workshop.write("migrations/migration2.sql", "create table public.mine ();")
    try:
        workshop.migrate()
        assert workshop.states()["migration2"] == "applied"
    finally:
        workshop.query(f"drop role if exists {role}")


def test_psql_alone_builds_the_same_database(
    workshop: Workshop, server: ThrowawayServer, tmp_path: Path
) -> None:
    workshop.write("migrations/migration10.sql", "create view shop.ten as select * from shop.nine;")
    workshop.write("migrations/migration9.sql", "create view shop.nine as select 9 as nine;")
    workshop.migrate()
    files = [
        workshop.root / "schema.sql",
        *(workshop.root / f"migrations/migration{n}.sql" for n in (1, 2, 9, 10)),
    ]
    server.create_database("by_psql")
    try:
        arguments = [part for path in files for part in ("-f", str(path))]
        psql = [find_psql() or "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments, server.url("by_psql")]
        subprocess.run(psql, check=True, capture_output=True)
        with psycopg.connect(server.url("by_psql")) as by_psql, workshop.connect() as by_dbtool:
            assert catalog.diff(catalog.read(by_psql), catalog.read(by_dbtool)) == []
    finally:
        server.drop_database("by_psql")


def test_two_scripts_with_one_number_are_refused(workshop: Workshop) -> None:
    workshop.write("migrations/migration01.sql", "select 1;")
    with pytest.raises(DbtoolError, match="migration 1"):
        workshop.migrate()
    assert workshop.value("select to_regnamespace('shop') is null")


def test_what_the_server_says_is_shown(workshop: Workshop) -> None:
    workshop.write(
        "migrations/migration1.sql",
        "do $$ begin raise warning 'look here'; raise notice 'by the way'; end $$;",
    )
    result = workshop.dbtool("migrate")
    assert "look here" in result.stderr
    assert "notice: by the way" in result.stderr


def test_history_is_pinned_whatever_the_search_path(workshop: Workshop) -> None:
    workshop.query("create schema elsewhere")
    database = workshop.value("select current_database()")
    workshop.query(f"alter database {database} set search_path = elsewhere")
    workshop.migrate()
    workshop.rollback()
    assert workshop.states() == {"schema": "applied", "migration1": "applied", "migration2": "pending"}
    assert workshop.query("select relname from pg_class where relnamespace = 'elsewhere'::regnamespace") == []
