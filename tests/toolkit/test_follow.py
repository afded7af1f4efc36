"""A development database is brought along when unreleased migrations were amended; its rows stay."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import RunDbtool
from tests.toolkit.shop import Shop
from toolkit.errors import DbtoolError
from toolkit.history.migrations import status
from toolkit.live.follow import follow
from toolkit.output import Reporter

TAX = "functions/prices/with_tax.sql"
MIGRATION = "migrations/migration1.sql"


@pytest.fixture
def lived_in(released: Shop) -> Shop:
    """A shop of which nothing is released, migrated, with a row in its table."""
    released.write({"pyproject.toml": "[tool.dbtool]\nreleased = 0\n"})
    released.migrate()
    with released.connect() as conn:
        conn.execute("insert into shop.items values (1, 7, 'pen')")
    return released


def states(shop: Shop) -> set[str]:
    with shop.connect() as conn:
        return {entry.state for entry in status(conn, shop.project)}


def edit_everywhere(shop: Shop, name: str, old: str, new: str) -> None:
    """The source and its frozen text, as `new --amend` would leave them."""
    shop.edit(name, old, new)
    shop.edit(MIGRATION, old, new)


def test_without_an_edit_there_is_nothing_to_do(lived_in: Shop) -> None:
    assert not follow(lived_in.connect, lived_in.project, Reporter())


def test_an_amended_function_is_replaced_and_recorded_anew(lived_in: Shop) -> None:
    edit_everywhere(lived_in, TAX, "119", "120")
    assert states(lived_in) == {"applied", "edited"}
    assert follow(lived_in.connect, lived_in.project, Reporter())
    assert states(lived_in) == {"applied"}
    assert lived_in.value("select shop.with_tax(100)") == 120
    assert lived_in.value("select name from shop.items") == "pen"


def test_a_column_that_was_added_comes_and_rows_stay(lived_in: Shop) -> None:
    lived_in.edit("schema.sql", "name text", "name text, size text")
    assert follow(lived_in.connect, lived_in.project, Reporter())
    assert states(lived_in) == {"applied"}
    assert lived_in.value("select name || coalesce(size, '') from shop.items") == "pen"


def test_a_column_that_rows_may_refuse_is_changed_in_the_same_transaction(lived_in: Shop) -> None:
    lived_in.edit("schema.sql", "price integer, name text", "price integer, name text default 'it' not null")
    with lived_in.connect() as conn:
        conn.execute("insert into shop.items values (2, 7)")
    with pytest.raises(DbtoolError, match="could not be brought along"):
        follow(lived_in.connect, lived_in.project, Reporter())
    with lived_in.connect() as conn:
        conn.execute("insert into shop.items (id) values (3)")
        conn.execute("delete from shop.items where name is null")
    assert follow(lived_in.connect, lived_in.project, Reporter())
    assert states(lived_in) == {"applied"}
    with lived_in.connect() as conn:
        conn.execute("insert into shop.items (id) values (4)")
    assert lived_in.value("select string_agg(name, ',' order by id) from shop.items") == "pen,it"


def test_a_column_of_another_type_is_refused_and_nothing_is_changed(lived_in: Shop) -> None:
    domain = "create domain shop.label as text check (value <> '');\ncreate table"
    lived_in.edit("schema.sql", "create table", domain)
    lived_in.edit("schema.sql", "name text", "name shop.label default 'it' not null")
    with pytest.raises(DbtoolError, match="differences would remain"):
        follow(lived_in.connect, lived_in.project, Reporter())
    assert lived_in.value("select to_regtype('shop.label') is null")


def test_regrouped_migrations_are_recorded_as_they_are_now(lived_in: Shop) -> None:
    """What was two migrations is one: the second is gone, the first has all of it."""
    lived_in.write(
        {
            "migrations/migration2.sql": "create table shop.notes (id integer primary key);",
            "migrations/migration2.rollback.sql": "drop table shop.notes;",
        }
    )
    lived_in.migrate()
    lived_in.edit(
        "schema.sql", "create table", "create table shop.notes (id integer primary key);\ncreate table"
    )
    lived_in.write({"migrations/migration2.sql": None, "migrations/migration2.rollback.sql": None})
    assert follow(lived_in.connect, lived_in.project, Reporter())
    assert states(lived_in) == {"applied"}


def test_nothing_is_done_where_rows_would_be_lost(lived_in: Shop) -> None:
    lived_in.edit("schema.sql", ", name text", "")
    with pytest.raises(DbtoolError) as raised:
        follow(lived_in.connect, lived_in.project, Reporter())
    assert "shop.items.name" in (raised.value.detail or "")
    assert lived_in.value("select name from shop.items") == "pen"
    assert states(lived_in) == {"applied", "edited"}


def test_an_empty_column_may_go(lived_in: Shop) -> None:
    with lived_in.connect() as conn:
        conn.execute("delete from shop.items")
    lived_in.edit("schema.sql", ", name text", "")
    assert follow(lived_in.connect, lived_in.project, Reporter())
    assert states(lived_in) == {"applied"}


def test_what_a_release_has_is_not_followed(lived_in: Shop) -> None:
    lived_in.write({"pyproject.toml": "[tool.dbtool]\nreleased = 1\n"})
    edit_everywhere(lived_in, TAX, "119", "120")
    assert not follow(lived_in.connect, lived_in.project, Reporter())
    assert lived_in.value("select shop.with_tax(100)") == 119


def test_a_regrouping_is_proven_against_the_checkout_of_before(
    released: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    before = released.root.with_name("before")
    shutil.copytree(released.root, before)
    table = "create table shop.notes (id integer primary key);"
    released.write(
        {"migrations/migration2.sql": table, "migrations/migration2.rollback.sql": "drop table shop.notes;"}
    )
    (before / "schema.sql").write_text(released.read("schema.sql") + table)
    run_dbtool("check", "--same-as", before, "--project", released.root, "--server", server_option, code=0)
    released.edit("schema.sql", "name text", "name text not null")
    other = run_dbtool(
        "check", "--same-as", before, "--project", released.root, "--server", server_option, code=6
    )
    assert "shop.items.name" in other.stdout
