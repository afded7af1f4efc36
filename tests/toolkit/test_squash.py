"""`dbtool squash`: one schema.sql that builds the same, and databases that go on with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT, Result, RunDbtool
from tests.toolkit.shop import Shop
from toolkit.authoring import squash
from toolkit.errors import DbtoolError
from toolkit.history import migrations
from toolkit.project.layout import Project
from toolkit.servers.throwaway import ThrowawayServer, embedded

SECOND = """
-- migration2: A price list

-- Every line has its price.
create table shop.lines (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  price integer
);
comment on table shop.lines is 'Lines; with -- no comment in it, and a ;.';
insert into shop.lines (price) select 2 * g from generate_series(1, 3) g;
set search_path = shop;
create or replace function shop.add_shipping(p_price integer) returns integer
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select shop.with_tax(p_price) + 6; $$;
comment on function shop.add_shipping(integer) is 'Adds tax and shipping; more than before.';
revoke all on function shop.add_shipping(integer) from public;
grant execute on function shop.add_shipping(integer) to pg_monitor
"""
THIRD = "-- transactional: false\ncreate index concurrently lines_by_price on shop.lines (price);"
FOURTH = "alter table shop.lines add column note text;"


@pytest.fixture
def grown(released: Shop) -> Shop:
    """A project with four migrations, of which the second replaces a function of the first."""
    released.write(
        {
            "migrations/migration2.sql": SECOND,
            "migrations/migration2.rollback.sql": "drop table shop.lines;",
            "migrations/migration3.sql": THIRD,
            "migrations/migration3.rollback.sql": "drop index shop.lines_by_price;",
            "migrations/migration4.sql": FOURTH,
            "migrations/migration4.rollback.sql": "alter table shop.lines drop column note;",
        }
    )
    return released


def apply(shop: Shop, server: ThrowawayServer, version: int | str) -> None:
    squash.write(shop.project, squash.squash(shop.project, version, server))


def states(shop: Shop) -> dict[str, str]:
    with shop.connect() as conn:
        return {entry.id: entry.state for entry in migrations.status(conn, shop.project)}


def test_the_new_schema_builds_the_same_with_each_objects_last_text_and_all_comments(
    grown: Shop, server: ThrowawayServer
) -> None:
    grown.migrate()
    before = grown.catalog()
    grown.empty()
    apply(grown, server, 3)
    assert [script.id for script in grown.project.scripts()] == ["schema", "migration4"]
    text = grown.read("schema.sql")
    assert text.count("function shop.add_shipping(p_price integer)") == 1
    assert "-- Every line has its price." in text
    assert "transactional" not in text
    grown.migrate()
    assert grown.catalog() == before
    assert grown.value("select array_agg(price order by id) from shop.lines") == [2, 4, 6]
    grown.empty()


def test_the_same_files_give_the_same_text(grown: Shop, server: ThrowawayServer) -> None:
    assert squash.squash(grown.project, 4, server) == squash.squash(grown.project, 4, server)


def test_plain_psql_builds_the_squashed_schema(
    grown: Shop, server: ThrowawayServer, run_dbtool: RunDbtool
) -> None:
    apply(grown, server, 3)
    run_dbtool(
        *("psql", "--project", grown.root, "--database-url", grown.url),
        *("--", "-v", "ON_ERROR_STOP=1", "-f", grown.root / "schema.sql"),
        code=0,
    )
    assert grown.value("select shop.add_shipping(100)") == 125


def test_a_database_that_has_all_of_it_goes_on(grown: Shop, server: ThrowawayServer) -> None:
    grown.migrate(3)
    apply(grown, server, 3)
    assert states(grown) == {"schema": "applied", "migration4": "pending"}
    grown.migrate()
    assert states(grown) == {"schema": "applied", "migration4": "applied"}
    grown.empty()
    assert grown.value("select to_regnamespace('shop') is null") is True


def test_a_database_that_has_all_of_it_and_more_is_up_to_date_and_can_be_rolled_back(
    grown: Shop, server: ThrowawayServer
) -> None:
    grown.migrate()
    apply(grown, server, 3)
    assert states(grown) == {"schema": "applied", "migration4": "applied"}
    migrations.rollback(grown.connect, grown.project)
    assert states(grown) == {"schema": "applied", "migration4": "pending"}
    migrations.rollback(grown.connect, grown.project)
    assert grown.value("select to_regnamespace('shop') is null") is True


@pytest.mark.parametrize("version", ["schema", 1, 2])
def test_a_database_in_the_middle_is_refused_and_told_the_way_out(
    grown: Shop, server: ThrowawayServer, run_dbtool: RunDbtool, tmp_path: Path, version: int | str
) -> None:
    grown.migrate(version)
    old = tmp_path / "old"
    shutil.copytree(grown.root, old)
    apply(grown, server, 3)

    def run(command: str, project: Path, *args: str) -> Result:
        return run_dbtool(command, "--project", project, "--database-url", grown.url, *args)

    for command in ("status", "migrate"):
        refused = run(command, grown.root)
        assert refused.exit_code == 4
        assert "`dbtool migrate --to 3`" in refused.stderr
    assert run("migrate", old, "--to", "3").exit_code == 0
    assert json.loads(run("migrate", grown.root, "--json").stdout)["applied"] == ["migration4"]


def test_a_database_with_other_texts_is_refused(
    grown: Shop, server: ThrowawayServer, run_dbtool: RunDbtool
) -> None:
    grown.migrate(3)
    grown.edit("migrations/migration2.sql", "+ 6", "+ 7")
    apply(grown, server, 3)
    result = run_dbtool("status", "--project", grown.root, "--database-url", grown.url, code=4)
    assert "other texts" in result.stderr


def test_squashing_again_knows_databases_of_both_ages(
    grown: Shop, server: ThrowawayServer, tmp_path: Path
) -> None:
    grown.migrate()
    younger = "squash_younger"
    server.create_database(younger)
    try:
        apply(grown, server, 2)
        young = Shop(tmp_path / "young", server.url(younger))
        migrations.migrate(young.connect, grown.project)
        apply(grown, server, 4)
        assert states(grown) == {"schema": "applied"}
        with young.connect() as conn:
            found = migrations.status(conn, grown.project)
        assert [(entry.id, entry.state) for entry in found] == [("schema", "applied")]
    finally:
        server.drop_database(younger)


def test_the_next_migration_gets_the_next_number_although_none_is_left(
    grown: Shop, server: ThrowawayServer
) -> None:
    grown.write({"functions/prices/with_tax.sql": None})
    apply(grown, server, 4)
    assert grown.new(empty=True).path.name == "migration5.sql"


def test_an_earlier_text_that_something_needs_stays(released: Shop, server: ThrowawayServer) -> None:
    tax = released.read("functions/prices/with_tax.sql")
    released.write(
        {
            "migrations/migration2.sql": "select shop.add_shipping(1);",
            "migrations/migration2.rollback.sql": "select 1;",
            "migrations/migration3.sql": tax.replace("119", "120"),
            "migrations/migration3.rollback.sql": tax,
        }
    )
    apply(released, server, 3)
    assert released.read("schema.sql").count("function shop.with_tax(p_price integer)") == 2


# What runs before, the migration, and what stands in schema.sql of it; the third migration adds a column.
APP = "create schema app; create table app.t (a int);"
SHAPES = {
    "no ; before a last comment": (
        APP,
        "comment on table app.t is 'x'\n-- then by hand: analyze",
        "-- then by hand",
    ),
    "no ; and no comment": (APP, "comment on table app.t is '--'", "is '--'"),
    "begin and commit of its own": (APP, "-- transactional: false\nbegin; select 1; commit;", "select 1;"),
    "concurrently": (
        APP,
        "-- transactional: false\ncreate index concurrently i on app.t (a);",
        "create index i on",
    ),
    "rows for psql": (APP, "copy app.t from stdin;\n1\n2\n\\.\n", "from stdin;\n1\n2\n\\.\n"),
    "a temporary table": (
        APP + "create temp table x as select 1 as a;",
        "create temp table x as select 2 as a; insert into app.t select a from x;",
        "discard temp;",
    ),
    "a prepared statement and a cursor": (
        APP + "prepare q as select 1; declare c cursor with hold for select 1;",
        "prepare q as select 2; declare c cursor with hold for select 2;",
        "deallocate all;\nclose all;",
    ),
    "a setting made by a function": (
        f"select set_config('search_path', '', false); {APP} create view app.v as select a from app.t;",
        "create temp view v as select * from pg_class; alter table app.t alter a set default 1;",
        "reset all;",
    ),
    "unpopulated": (
        APP + "create materialized view app.m as select 1 as a with no data;",
        "select 1;",
        "select 1;",
    ),
}
# These do not run in one transaction: schema.sql then has as many as there were scripts.
STEPWISE = {
    "enum label": (
        "create schema app; create type app.e as enum ('a'); create table app.t (a app.e);"
        " alter type app.e add value 'b';",
        "insert into app.t values ('b');",
        "insert into app.t",
    ),
    "pending triggers": (
        "create schema app; create table app.p (a int primary key);"
        " create table app.t (a int references app.p deferrable initially deferred);",
        "insert into app.p values (1); insert into app.t values (1);",
        "insert into app.t",
    ),
    "do that commits": (
        APP,
        "-- transactional: false\ndo $$ begin insert into app.t values (1); commit; end $$;",
        "do $$ begin insert",
    ),
    "vacuum": (APP, "-- transactional: false\nvacuum app.t;", "vacuum app.t;"),
}


@pytest.mark.parametrize("name", [*SHAPES, *STEPWISE])
def test_every_shape_of_script_is_squashed(
    tmp_path: Path, empty_database: str, run_dbtool: RunDbtool, server_option: str, name: str
) -> None:
    before, text, said = {**SHAPES, **STEPWISE}[name]
    root = tmp_path / "project"
    (root / "migrations").mkdir(parents=True)
    (root / "schema.sql").write_text(before)
    (root / "schema.rollback.sql").write_text("drop schema app cascade;")
    for number, each in ((1, text), (2, "alter table app.t add b int;")):
        (root / f"migrations/migration{number}.sql").write_text(each)
        (root / f"migrations/migration{number}.rollback.sql").write_text("select 1;")
    migrations.migrate(lambda: psycopg.connect(empty_database), Project.open(root))
    done = run_dbtool("squash", "2", "--project", root, "--server", server_option, code=0)
    schema = (root / "schema.sql").read_text()
    is_stepwise = "transactional: false" in schema
    assert (said in schema, "script by script" in done.stderr) == (True, is_stepwise)
    assert is_stepwise == (name in STEPWISE) or name == "enum label"  # newer servers take it in one
    options = ("--project", root, "--database-url", empty_database)
    assert run_dbtool("status", *options).exit_code == 0
    run_dbtool("rollback", "--to", "0", "--yes", *options, code=0)
    run_dbtool("psql", *options, "--", "-v", "ON_ERROR_STOP=1", "-f", root / "schema.sql", code=0)
    with psycopg.connect(empty_database) as conn:
        assert conn.execute("select b from app.t").fetchall() in ([], [(None,)], [(None,), (None,)])


def test_a_project_without_rollbacks_is_squashed_and_then_has_none(
    grown: Shop, server: ThrowawayServer
) -> None:
    grown.write({"schema.rollback.sql": "drop table shop.items;", "migrations/migration2.rollback.sql": None})
    squashed = squash.squash(grown.project, 3, server)
    assert (squashed.rollback, len(squashed.notes)) == (None, 1)
    squash.write(grown.project, squashed)
    assert not (grown.root / "schema.rollback.sql").exists()


def test_what_rollbacks_leave_behind_is_named(grown: Shop, server: ThrowawayServer) -> None:
    grown.write({"schema.rollback.sql": "drop table shop.items cascade;"})
    with pytest.raises(DbtoolError) as refused:
        squash.squash(grown.project, 3, server)
    assert "schema shop added" in (refused.value.detail or "")


def test_a_rollback_that_fails_is_named_and_one_that_is_irreversible_counts_as_none(
    grown: Shop, server: ThrowawayServer
) -> None:
    wrong = {
        "schema.rollback.sql": "drop schema shop;",
        "migrations/migration2.rollback.sql": "\nselect nothing",
    }
    grown.write(wrong)
    (grown.root / "migrations/migration2.rollback.sql").write_text("-- a\n\nselect nothing")
    with pytest.raises(DbtoolError) as refused:
        squash.squash(grown.project, 3, server)
    assert "migration2.rollback.sql:3: column" in (refused.value.detail or "")
    grown.write({"migrations/migration2.rollback.sql": "-- irreversible: nobody knows how"})
    squashed = squash.squash(grown.project, 3, server)
    assert (squashed.rollback, "migration2" in squashed.notes[0]) == (None, True)


def test_roles_that_a_script_makes_are_made_once_for_each_database(grown: Shop) -> None:
    made = f"create role squash_test_role;\n{grown.read('schema.sql')}"
    grown.write(
        {"schema.sql": made, "schema.rollback.sql": "drop schema shop cascade; drop role squash_test_role;"}
    )
    with embedded() as own:
        assert squash.squash(grown.project, 3, own).rollback
        assert "squash_test_role" not in own.roles()


def test_an_error_names_the_file_that_people_wrote(grown: Shop, server: ThrowawayServer) -> None:
    text = (
        "-- one\n\ndo $$ begin\n  if not exists (select from dbtool._yoyo_migration"
        " where migration_id = 'migration2') then\n    raise 'alone'; end if;\nend $$;"
    )
    grown.write({"migrations/migration3.sql": text})
    with pytest.raises(DbtoolError) as refused:
        squash.squash(grown.project, 3, server)
    assert refused.value.message.startswith("migrations/migration3.sql:5: ")


def test_rows_that_would_become_others_are_found_and_nothing_is_written(
    released: Shop, server: ThrowawayServer
) -> None:
    source = released.read("functions/prices/add_shipping.sql")
    released.write(
        {
            "migrations/migration2.sql": "create table shop.seen (text text);\n"
            "insert into shop.seen select prosrc from pg_proc where proname = 'add_shipping';",
            "migrations/migration2.rollback.sql": "drop table shop.seen;",
            "migrations/migration3.sql": source.replace("+ 5", "+ 6"),
            "migrations/migration3.rollback.sql": source,
        }
    )
    with pytest.raises(DbtoolError) as refused:
        squash.squash(released.project, 3, server)
    assert "table shop.seen: other rows" in (refused.value.detail or "")


def test_laurel_can_be_squashed(
    tmp_path: Path, server: ThrowawayServer, empty_database: str, run_dbtool: RunDbtool, server_option: str
) -> None:
    root = tmp_path / "laurel"
    root.mkdir()
    for name in ("schema.sql", "schema.rollback.sql"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "migrations", root / "migrations")
    project = Project.open(root)
    newest = project.scripts()[-1].number
    migrations.migrate(lambda: psycopg.connect(empty_database), project)
    run_dbtool("squash", str(newest), "--project", root, "--server", server_option, code=0)
    options = ("--project", root, "--database-url", empty_database)
    assert run_dbtool("status", *options).exit_code == 0
    verified = run_dbtool("verify", *options, "--server", server_option)
    assert verified.exit_code == 0, verified.stdout
