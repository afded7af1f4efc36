"""Statements of a file without transaction that others keep from their locks."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing

import psycopg
import pytest

from tests.migrations.conftest import Workshop
from toolkit.errors import ScriptFailed
from toolkit.output import Reporter
from toolkit.sql.limits import Limits

FALSE = "-- transactional: false\n"
LOCKED = "lock table shop.items in access share mode"


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    """Only the schema is applied; migration1 is to be written."""
    workshop.migrate(to="schema")
    workshop.write("migrations/migration2.sql", "select 1;")
    return workshop


def where_it_stopped(shop: Workshop) -> tuple[int, int]:
    """How many statements of the unfinished script are kept, and the line of the one that was reached."""
    scripts = json.loads(shop.dbtool("status", "--json").stdout)["scripts"]
    [found] = [entry["unfinished"] for entry in scripts if entry["state"] == "unfinished"]
    return found["kept"], found["line"]


def lets_go_after_the_first_try(shop: Workshop, *locks: str, retries: int = 3) -> list[str]:
    """Migrates while others hold these locks, each of which is given up when it has failed a try."""
    heard = []
    with ExitStack() as held:
        others = [held.enter_context(closing(psycopg.connect(shop.url))) for _ in locks]
        for other, lock in zip(others, locks, strict=True):
            other.execute(lock.encode())

        class Listener(Reporter):
            def notice(self, text: str) -> None:
                if "trying again" in text:
                    heard.append(text.partition(": ")[0])
                    others.pop(0).rollback()

        shop.migrate(limits=Limits(lock=0.2, retries=retries), report=Listener())
    assert set(shop.states().values()) == {"applied"}
    assert shop.value("select count(*) from dbtool.unfinished_script") == 0
    return heard


def test_statement_that_others_keep_from_its_lock_is_tried_again_alone(shop: Workshop) -> None:
    shop.write(
        "migrations/migration1.sql",
        FALSE + "create table shop.a as select 1 n;\nset search_path = shop;\n"
        "alter table items add size int;\ninsert into a values (2);",
    )
    assert lets_go_after_the_first_try(shop, LOCKED) == ["migrations/migration1.sql:4"]
    assert shop.query("select n from shop.a order by n") == [(1,), (2,)]


def test_first_statement_is_tried_again_too(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", FALSE + "vacuum shop.items;")
    lock = "lock table shop.items in access exclusive mode"
    assert lets_go_after_the_first_try(shop, lock) == ["migrations/migration1.sql:2"]


def test_what_fails_after_a_second_try_is_unfinished(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", FALSE + "alter table shop.items add size int;\nselect 1/0;")
    with pytest.raises(ScriptFailed, match=r"migration1\.sql:3: division by zero"):
        lets_go_after_the_first_try(shop, LOCKED)
    assert where_it_stopped(shop) == (1, 3)


def test_every_statement_has_tries_of_its_own(shop: Workshop) -> None:
    shop.query("create table public.other ()")
    shop.write(
        "migrations/migration1.sql", FALSE + "alter table shop.items add size int;\ndrop table public.other;"
    )
    other = "lock table public.other in access share mode"
    lines = lets_go_after_the_first_try(shop, LOCKED, other, retries=1)
    assert lines == ["migrations/migration1.sql:2", "migrations/migration1.sql:3"]


def test_transaction_of_the_file_itself_is_tried_again_as_a_whole(shop: Workshop) -> None:
    shop.write(
        "migrations/migration1.sql",
        FALSE + "create table shop.a (n int);\nbegin;\ninsert into shop.a values (1);\n"
        "do $$ begin alter table shop.items add size int; end $$;\ncommit;\ninsert into shop.a values (2);",
    )
    assert lets_go_after_the_first_try(shop, LOCKED) == ["migrations/migration1.sql:5"]
    assert shop.query("select n from shop.a order by n") == [(1,), (2,)]


def test_statement_that_may_have_committed_a_part_is_not_tried_again(shop: Workshop) -> None:
    shop.write(
        "migrations/migration1.sql",
        FALSE + "create table shop.a (n int);\n"
        "do $$ begin insert into shop.a values (1); commit; alter table shop.items add size int; end $$;",
    )
    with psycopg.connect(shop.url) as other:
        other.execute(LOCKED.encode())
        result = shop.dbtool("migrate", "--lock-timeout", "0.2")
    assert result.exit_code == 5
    assert "trying again" not in result.stderr
    assert "dbtool repair" in result.stderr
    assert shop.query("select n from shop.a") == [(1,)]
    assert where_it_stopped(shop) == (1, 3)


def test_kill_9_between_two_tries_leaves_what_repair_goes_on_with(shop: Workshop) -> None:
    shop.write(
        "migrations/migration1.sql", FALSE + "create table shop.a ();\nalter table shop.items add size int;"
    )
    with psycopg.connect(shop.url) as other:
        other.execute(LOCKED.encode())
        run = shop.start("migrate", "--lock-timeout", "0.2", "--lock-retries", "50")
        assert run.stderr is not None
        assert any("trying again" in line for line in run.stderr)
        run.kill()
        run.communicate()
    assert where_it_stopped(shop) == (1, 3)
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.states()["migration1"] == "applied"
