"""`repair` of a history that is wrong, and what `history` tells of it."""

from __future__ import annotations

import getpass
import json
import re
from typing import Any

import psycopg
import pytest

from tests.migrations.conftest import Workshop
from toolkit import __version__

NAME = "migrations/migration1.sql"


def history(workshop: Workshop) -> list[dict[str, Any]]:
    """What `dbtool history` knows, oldest first."""
    result = workshop.dbtool("history", "--json", code=0)
    events = json.loads(result.stdout)["events"]
    assert isinstance(events, list)
    return events


def operations(workshop: Workshop) -> list[tuple[str, str]]:
    """What was done to which script, oldest first."""
    return [(event["operation"], event["script"]) for event in history(workshop)]


@pytest.mark.parametrize(
    "edited",
    [
        "-- why\nalter table shop.items add column price numeric not null default 0;\n",
        "alter table shop.items /* a /* nested */ one */ add column\n\tprice numeric not null default 0 ; \n",
        "alter table shop.items add column price numeric not null default 0; -- no end",
    ],
)
def test_edit_of_comments_is_shown_and_accepted(workshop: Workshop, edited: str) -> None:
    workshop.migrate()
    workshop.write(NAME, edited)
    assert workshop.dbtool("status").exit_code == 4

    shown = workshop.dbtool("repair", "--dry-run", code=0)
    assert any(line.startswith("+") and not line.startswith("+++") for line in shown.stdout.splitlines())
    assert workshop.states()["migration1"] == "edited"
    assert workshop.dbtool("repair").exit_code == 2
    assert workshop.states()["migration1"] == "edited"

    assert workshop.dbtool("repair", "--yes").exit_code == 0
    assert workshop.dbtool("status").exit_code == 0
    assert operations(workshop)[-1] == ("accepted", "migration1")
    kept = workshop.value(
        "select text from dbtool.applied_script join dbtool._yoyo_migration using (migration_hash)"
        " where migration_id = 'migration1'"
    )
    assert kept == edited


@pytest.mark.parametrize(
    ("applied", "edited"),
    [
        ("select 1;", "select 2;"),
        ("select 1;", "select 1; select 1;"),
        ("select 'a -- b';", "select 'a -- c';"),
        ("select 'a /* */';", "select 'a';"),
        ("select 'a' 'b'::text;".replace("' '", "'\n'"), "select 'ab'::text;"),
        ('select 1 as "x";', "select 1 as x;"),
        (
            "create function shop.f() returns int language sql as $$ select 1 -- one\n$$;",
            "create function shop.f() returns int language sql as $$ select 1 -- uno\n$$;",
        ),
        ("select 1;", "select 1; select '"),
        ("select 2 - -1;", "select 2 --1;"),
    ],
)
def test_any_other_edit_is_refused(workshop: Workshop, applied: str, edited: str) -> None:
    workshop.write(NAME, applied)
    workshop.migrate(to=1)
    workshop.write(NAME, edited)
    workshop.dbtool("repair", "--yes", code=4)
    assert workshop.states()["migration1"] == "edited"


def test_one_edit_is_accepted_and_the_other_refused(workshop: Workshop) -> None:
    workshop.migrate()
    text = (workshop.root / NAME).read_text()
    workshop.write(NAME, "-- why\n" + text)
    workshop.write("migrations/migration2.sql", "create view shop.cheap as select 1;")
    assert workshop.dbtool("repair", "--yes").exit_code == 4
    assert workshop.states() == {"schema": "applied", "migration1": "applied", "migration2": "edited"}


@pytest.mark.parametrize("name", ["migration1", "1"])
def test_missing_file_is_forgotten(workshop: Workshop, name: str) -> None:
    workshop.migrate()
    (workshop.root / NAME).unlink()
    assert workshop.dbtool("repair", "--yes").exit_code == 4, "that is not decided by itself"
    assert workshop.dbtool("repair", "--forget", name).exit_code == 2
    assert workshop.states()["migration1"] == "missing"

    assert workshop.dbtool("repair", "--forget", name, "--yes").exit_code == 0
    assert workshop.states() == {"schema": "applied", "migration2": "applied"}
    assert workshop.value("select count(price) from shop.items") == 0, "what it made is still there"
    assert operations(workshop)[-1] == ("forgotten", "migration1")


def test_missing_file_is_restored_from_the_text_that_was_applied(workshop: Workshop) -> None:
    text = "-- é\n\nalter table shop.items add column price numeric;"
    workshop.write(NAME, "\ufeff" + text.replace("\n", "\r\n"))
    workshop.migrate()
    (workshop.root / NAME).unlink()
    shown = workshop.dbtool("repair", "--restore", "migration1", "--dry-run")
    assert "+alter table shop.items add column price numeric;" in shown.stdout
    assert not (workshop.root / NAME).exists()

    assert workshop.dbtool("repair", "--restore", "migration1", "--yes").exit_code == 0
    assert (workshop.root / NAME).read_bytes() == text.encode()
    assert workshop.dbtool("status").exit_code == 0


def test_edited_file_is_restored(workshop: Workshop) -> None:
    workshop.migrate()
    text = (workshop.root / "schema.sql").read_text()
    workshop.write("schema.sql", "create schema other;")
    assert workshop.dbtool("repair", "--restore", "schema", "--yes").exit_code == 0
    assert (workshop.root / "schema.sql").read_text() == text


@pytest.mark.parametrize(
    "options",
    [
        ("--forget", "migration1"),
        ("--restore", "migration1"),
        ("--forget", "migration7"),
        ("--restore", "nothing"),
    ],
)
def test_script_that_is_all_right_is_neither_forgotten_nor_restored(
    workshop: Workshop, options: tuple[str, str]
) -> None:
    workshop.migrate()
    assert workshop.dbtool("repair", *options, "--yes").exit_code == 2
    assert set(workshop.states().values()) == {"applied"}


def test_late_migrations_are_applied_when_that_is_asked_for(workshop: Workshop) -> None:
    workshop.migrate(to="schema")
    late = (workshop.root / NAME).read_text()
    (workshop.root / NAME).unlink()
    workshop.write("migrations/migration2.sql", "create table shop.two ();")
    workshop.migrate()
    workshop.write(NAME, late)
    workshop.write("migrations/migration3.sql", "create table shop.three ();")

    refused = workshop.dbtool("migrate", code=4)
    assert "--allow-late" in refused.stderr
    assert workshop.value("select to_regclass('shop.three') is null")

    dry = workshop.dbtool("migrate", "--allow-late", "--dry-run", "--json")
    assert json.loads(dry.stdout)["would_apply"] == ["migration1", "migration3"]
    assert workshop.states()["migration1"] == "late"
    assert workshop.dbtool("migrate", "--allow-late").exit_code == 0
    assert set(workshop.states().values()) == {"applied"}
    assert [event["script"] for event in history(workshop)][-2:] == ["migration1", "migration3"]


def test_allow_late_allows_nothing_else(workshop: Workshop) -> None:
    workshop.migrate()
    workshop.write(NAME, "select 1;")
    assert workshop.dbtool("migrate", "--allow-late").exit_code == 4


def test_history_says_who_did_what_when_how_long_and_with_which_dbtool(workshop: Workshop) -> None:
    assert history(workshop) == []
    workshop.write(NAME, "alter table shop.items add price numeric; select pg_sleep(0.2);")
    workshop.migrate()
    workshop.rollback()
    workshop.migrate()

    events = history(workshop)
    assert [(event["operation"], event["script"]) for event in events] == [
        ("applied", "schema"),
        ("applied", "migration1"),
        ("applied", "migration2"),
        ("undone", "migration2"),
        ("applied", "migration2"),
    ]
    assert {event["by_role"] for event in events} == {workshop.value("select session_user")}
    assert all(event["by_user"].startswith(f"{getpass.getuser()}@") for event in events)
    assert {event["dbtool_version"] for event in events} == {__version__}
    assert 0.2 <= events[1]["seconds"] < 5
    times = [event["happened_at"] for event in events]
    assert times == sorted(times)

    plain = workshop.dbtool("history", "--limit", "2").stdout.splitlines()
    assert [line.split()[3:5] for line in plain] == [["undone", "migration2"], ["applied", "migration2"]]


def test_history_before_these_tables_is_taken_over(workshop: Workshop) -> None:
    workshop.migrate(to=1)
    # As earlier versions left it: one table of dbtool's own beside yoyo's.
    workshop.query("drop table dbtool.event, dbtool.unfinished_script")

    assert workshop.states() == {"schema": "applied", "migration1": "applied", "migration2": "pending"}
    old = history(workshop)
    assert operations(workshop) == [("applied", "schema"), ("applied", "migration1")]
    assert {(event["by_role"], event["dbtool_version"]) for event in old} == {
        (workshop.value("select session_user"), __version__)
    }
    assert all(event["seconds"] is not None for event in old)
    assert workshop.value("select to_regclass('dbtool.event') is null"), "reading writes nothing"

    workshop.migrate()
    assert operations(workshop) == [
        ("applied", "schema"),
        ("applied", "migration1"),
        ("applied", "migration2"),
    ]
    workshop.rollback(to=0)
    assert workshop.value("select to_regnamespace('dbtool') is null")


def test_history_of_plain_yoyo_is_told(workshop: Workshop) -> None:
    workshop.migrate(to=1)
    workshop.query("drop table dbtool.event, dbtool.unfinished_script, dbtool.applied_script")
    events = history(workshop)
    assert [(event["script"], event["dbtool_version"]) for event in events] == [
        ("schema", None),
        ("migration1", None),
    ]
    assert all(re.fullmatch(r".+@.+", event["by_user"]) for event in events)


def test_history_is_read_where_nothing_may_be_written(workshop: Workshop) -> None:
    workshop.migrate()
    with psycopg.connect(workshop.url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'alter database "{name}" set default_transaction_read_only = on'.encode())
    assert workshop.dbtool("history").exit_code == 0
