"""Undoing what was applied."""

from __future__ import annotations

import json

import psycopg
import pytest

from tests.migrations.conftest import Workshop
from toolkit.catalog import read as catalog
from toolkit.errors import DbtoolError, ScriptFailed, UsageProblem


def test_default_undoes_the_newest_only(workshop: Workshop) -> None:
    workshop.migrate()
    assert [applied.id for applied in workshop.rollback()] == ["migration2"]
    assert workshop.states() == {"schema": "applied", "migration1": "applied", "migration2": "pending"}
    assert workshop.value("select to_regclass('shop.cheap') is null")


@pytest.mark.parametrize(
    ("options", "undone"),
    [
        ({"steps": 2}, [10, 9]),
        ({"to": 9}, [10]),
        ({"to": "migration2"}, [10, 9]),
        ({"to": "schema"}, [10, 9, 2, 1]),
        ({"to": 0}, [10, 9, 2, 1, 0]),
        ({"to": "10"}, []),
        ({"steps": 5}, [10, 9, 2, 1, 0]),
    ],
)
def test_newest_comes_first_by_number(workshop: Workshop, options: dict[str, int], undone: list[int]) -> None:
    for number in (9, 10):
        workshop.write(f"migrations/migration{number}.sql", f"create table shop.t{number} ();")
        workshop.write(f"migrations/migration{number}.rollback.sql", f"drop table shop.t{number};")
    workshop.migrate()
    assert [applied.number for applied in workshop.rollback(**options)] == undone


@pytest.mark.parametrize(
    "options", [{"steps": 4}, {"steps": 0}, {"steps": 1, "to": 1}, {"to": 7}, {"to": "x"}, {"to": -1}]
)
def test_rollback_that_makes_no_sense_is_a_usage_error(workshop: Workshop, options: dict[str, int]) -> None:
    workshop.migrate()
    with pytest.raises(UsageProblem):
        workshop.rollback(**options)
    assert set(workshop.states().values()) == {"applied"}


def test_up_down_and_up_again_gives_the_same_database(workshop: Workshop) -> None:
    with workshop.connect() as connection:
        empty = catalog.read(connection)
    workshop.migrate()
    with workshop.connect() as connection:
        full = catalog.read(connection)

    workshop.rollback(to=0)

    with workshop.connect() as connection:
        assert catalog.diff(empty, catalog.read(connection)) == []
    assert workshop.query("select nspname from pg_namespace where nspname in ('shop', 'dbtool')") == []
    workshop.migrate()
    with workshop.connect() as connection:
        assert catalog.diff(full, catalog.read(connection)) == []


def test_schema_of_the_history_stays_when_someone_else_uses_it(workshop: Workshop) -> None:
    workshop.migrate()
    workshop.query("create table dbtool.notes ()")
    workshop.rollback(to=0)
    assert workshop.query("select relname from pg_class where relnamespace = 'dbtool'::regnamespace") == [
        ("notes",)
    ]


@pytest.mark.parametrize("gone", ["schema.rollback.sql", "migrations/migration1.rollback.sql"])
def test_missing_rollback_file_undoes_nothing(workshop: Workshop, gone: str) -> None:
    workshop.migrate()
    (workshop.root / gone).unlink()
    result = workshop.dbtool("rollback", "--to", "0", "--yes", code=1)
    assert gone in result.stderr
    assert set(workshop.states().values()) == {"applied"}
    assert workshop.value("select to_regclass('shop.cheap') is not null")


def test_every_missing_rollback_file_is_named_at_once(workshop: Workshop) -> None:
    workshop.migrate()
    for number in (1, 2):
        (workshop.root / f"migrations/migration{number}.rollback.sql").unlink()
    with pytest.raises(DbtoolError, match=r"migration2\.rollback\.sql, migrations/migration1\.rollback\.sql"):
        workshop.rollback(steps=2)


def test_rollback_file_outside_the_range_may_be_missing(workshop: Workshop) -> None:
    workshop.migrate()
    (workshop.root / "schema.rollback.sql").unlink()
    assert workshop.dbtool("rollback", "--steps", "2", "--yes").exit_code == 0


def test_failed_rollback_keeps_file_and_mark_and_names_the_line(workshop: Workshop) -> None:
    workshop.migrate()
    workshop.write(
        "migrations/migration1.rollback.sql", "drop view if exists shop.none;\ndrop table shop.nothing;\n"
    )
    with pytest.raises(ScriptFailed) as caught:
        workshop.rollback(to="schema")
    assert (caught.value.source, caught.value.line) == ("migrations/migration1.rollback.sql", 2)
    assert workshop.states() == {"schema": "applied", "migration1": "applied", "migration2": "pending"}


def test_rollback_file_with_transaction_control_undoes_nothing(workshop: Workshop) -> None:
    workshop.migrate()
    workshop.write(
        "migrations/migration1.rollback.sql", "begin;\nalter table shop.items drop column price;\ncommit;"
    )
    with pytest.raises(DbtoolError, match=r"migration1\.rollback\.sql:1: "):
        workshop.rollback(to="schema")
    assert set(workshop.states().values()) == {"applied"}


def test_edited_migration_can_be_rolled_back_and_applied_anew(workshop: Workshop) -> None:
    workshop.migrate()
    workshop.write("migrations/migration2.sql", "create view shop.cheap as select 1 as one;")
    assert workshop.states()["migration2"] == "edited"
    workshop.rollback()
    workshop.migrate()
    assert workshop.states()["migration2"] == "applied"


def test_migration_whose_file_is_gone_is_undone_by_its_rollback_file(workshop: Workshop) -> None:
    workshop.migrate()
    (workshop.root / "migrations/migration2.sql").unlink()
    assert [applied.id for applied in workshop.rollback()] == ["migration2"]
    assert workshop.states() == {"schema": "applied", "migration1": "applied"}


def test_without_yes_and_without_terminal_it_is_a_usage_error(workshop: Workshop) -> None:
    workshop.migrate()
    result = workshop.dbtool("rollback", stdin="y\n", code=2)
    assert "--yes" in result.stderr
    assert set(workshop.states().values()) == {"applied"}


def test_json_lists_what_was_undone(workshop: Workshop) -> None:
    workshop.migrate()
    result = workshop.dbtool("--yes", "rollback", "--steps", "2", "--json", code=0)
    assert json.loads(result.stdout)["undone"] == ["migration2", "migration1"]


def test_nothing_applied_is_nothing_to_undo(workshop: Workshop) -> None:
    workshop.dbtool("rollback", "--to", "0", "--yes", code=0)
    assert workshop.dbtool("rollback", "--yes").exit_code == 0
    with psycopg.connect(workshop.url) as connection:
        assert connection.execute("select to_regnamespace('dbtool')").fetchone() == (None,)


def test_role_left_behind_by_a_rollback_does_not_reach_the_history(workshop: Workshop) -> None:
    workshop.migrate()
    workshop.write(
        "migrations/migration2.rollback.sql",
        "drop view shop.cheap; set role pg_monitor; set search_path = x;",
    )
    workshop.write("migrations/migration1.rollback.sql", "alter table shop.items drop price;")
    workshop.rollback(to="schema")
    assert workshop.states()["migration1"] == "pending"
