"""`dbtool baseline`: a database that plain psql built gets a history, if it is what it is said to be."""

from __future__ import annotations

import json

import psycopg
import pytest

from tests.conftest import ROOT, Result, RunDbtool
from tests.toolkit.shop import Shop
from toolkit.project.layout import Project


@pytest.fixture
def adopt(released: Shop, run_dbtool: RunDbtool, server_option: str) -> RunDbtool:
    """Runs dbtool on the project and its database; `baseline` builds on the server of the tests."""

    def run(*args: str) -> Result:
        more = ("--server", server_option) if args[0] == "baseline" else ()
        return run_dbtool("--project", released.root, "--database-url", released.url, *args, *more)

    return run


def build_by_hand(shop: Shop, *statements: str) -> None:
    with psycopg.connect(shop.url) as conn:
        for script in shop.project.scripts():
            conn.execute(script.text.encode())
        for statement in statements:
            conn.execute(statement.encode())


def test_an_adopted_database_goes_on_with_the_next_migration(released: Shop, adopt: RunDbtool) -> None:
    build_by_hand(released)
    released.write({"migrations/migration2.sql": "create table shop.more (id integer);"})
    result = adopt("baseline", "1")
    assert result.exit_code == 0, result.stderr
    listed = json.loads(adopt("status", "--json").stdout)
    assert [each["state"] for each in listed["scripts"]] == ["applied", "applied", "pending"]
    assert json.loads(adopt("migrate", "--json").stdout)["applied"] == ["migration2"]


def test_a_database_that_is_not_of_that_version_is_refused_and_the_differences_are_shown(
    released: Shop, adopt: RunDbtool
) -> None:
    build_by_hand(released, "drop view shop.cheap", "alter table shop.items add column more text")
    result = adopt("baseline", "1")
    assert result.exit_code == 4
    assert "view shop.cheap: is missing" in result.stderr
    assert "mend: create or replace view shop.cheap" in result.stderr
    assert "column shop.items.more: is not of the project" in result.stderr
    assert adopt("status").exit_code == 3, "nothing was written"


def test_a_version_that_is_too_low_or_too_high_is_refused(released: Shop, adopt: RunDbtool) -> None:
    build_by_hand(released)
    released.write({"migrations/migration2.sql": "create table shop.more (id integer);"})
    assert adopt("baseline", "schema").exit_code == 4
    assert adopt("baseline", "2").exit_code == 4
    assert adopt("baseline", "3").exit_code == 2
    assert adopt("baseline", "0").exit_code == 2


def test_it_can_be_forced(released: Shop, adopt: RunDbtool) -> None:
    build_by_hand(released, "comment on view shop.cheap is 'Other.'")
    result = adopt("baseline", "1", "--force")
    assert result.exit_code == 0
    assert "let pass: view shop.cheap" in result.stdout
    assert adopt("status").exit_code == 0


def test_a_database_with_a_history_is_refused(released: Shop, adopt: RunDbtool) -> None:
    released.migrate("schema")
    for options in ((), ("--force",)):
        result = adopt("baseline", "1", *options)
        assert result.exit_code == 4
        assert "schema is the newest" in result.stderr


def test_laurel_built_by_psql_is_adopted(
    empty_database: str, run_dbtool: RunDbtool, server_option: str
) -> None:
    scripts = Project.find(ROOT).scripts()
    with psycopg.connect(empty_database) as conn:
        for script in scripts:
            conn.execute(script.text.encode())
    options = ("--project", ROOT, "--database-url", empty_database)
    run_dbtool("baseline", str(scripts[-1].number), "--server", server_option, *options, code=0)
    assert run_dbtool("status", *options).exit_code == 0
