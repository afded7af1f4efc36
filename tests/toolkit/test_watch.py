"""`dbtool watch`: the database follows the files, faults name file and line, nothing is recorded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from tests.conftest import ROOT, RunDbtool
from tests.toolkit.shop import Shop
from tests.waiting import PATIENCE
from toolkit.authoring.watch import Watcher
from toolkit.history.history import History

TAX = "functions/prices/with_tax.sql"


class Watched:
    """A shop in its database, watched: what was said and what was complained of."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.said: list[str] = []
        self.complaints: list[str] = []
        shop.migrate()
        self.watcher = Watcher(shop.connect, shop.project, self.said.append, self.complaints.append)
        self.watcher.start()

    def look(self) -> None:
        assert self.watcher.look()


@pytest.fixture
def watched(released: Shop) -> Watched:
    return Watched(released)


def test_a_saved_file_replaces_its_object_and_nothing_is_recorded(watched: Watched) -> None:
    with watched.shop.connect() as conn:
        before = History(conn).read()
    watched.shop.edit(TAX, "119", "120 ")
    watched.look()
    assert watched.shop.value("select shop.with_tax(100)") == 120
    (line,) = watched.said
    assert line.startswith(f"replaced {TAX} (")
    with watched.shop.connect() as conn:
        assert History(conn).read() == before


def test_without_a_change_there_is_nothing_to_do(watched: Watched) -> None:
    assert not watched.watcher.look()


def test_at_the_start_the_database_takes_what_was_edited_before(released: Shop) -> None:
    released.edit(TAX, "119", "120")
    released.migrate()
    watched = Watched(released)
    assert watched.said == [f"replaced {TAX}"]
    assert released.value("select shop.with_tax(100)") == 120


@pytest.mark.parametrize(
    ("old", "new"), [("p_price * 119", "p_prise * 119"), ("as $$ select", "az $$ select")]
)
def test_a_fault_names_file_and_line_and_leaves_the_database(watched: Watched, old: str, new: str) -> None:
    watched.shop.edit(TAX, old, new)
    watched.look()
    (complaint,) = watched.complaints
    assert complaint.startswith(f"{TAX}:")
    assert watched.shop.value("select shop.with_tax(100)") == 119
    watched.shop.edit(TAX, new, old + " ")
    watched.look()
    assert len(watched.complaints) == 1


def test_another_signature_takes_its_users_along(watched: Watched) -> None:
    watched.shop.edit(
        TAX, "shop.with_tax(p_price integer) returns integer", "shop.with_tax(p_price integer) returns bigint"
    )
    watched.look()
    assert watched.complaints == []
    assert (
        watched.shop.value("select pg_typeof(price)::text from shop.priced union select 'bigint'") == "bigint"
    )


def test_a_new_file_makes_its_object_and_a_deleted_one_drops_it(watched: Watched) -> None:
    view = "views/items/few.sql"
    watched.shop.write({view: "create or replace view shop.few as select 1 as id;\n"})
    watched.look()
    assert watched.shop.value("select id from shop.few") == 1
    watched.shop.write({view: None})
    watched.look()
    with pytest.raises(psycopg.errors.UndefinedTable):
        watched.shop.value("select id from shop.few")
    assert watched.said[-1].startswith("dropped view shop.few")


def test_the_command_follows_until_it_is_stopped(released: Shop) -> None:
    released.migrate()
    words = [
        "-m",
        "toolkit",
        "watch",
        "--project",
        str(released.root),
        "--database-url",
        released.url,
        "--yes",
    ]
    child = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert child.stderr is not None
        while not child.stderr.readline().startswith("watching "):
            assert child.poll() is None
        released.edit(TAX, "119", "120 ")
        deadline = time.monotonic() + PATIENCE
        while released.value("select shop.with_tax(100)") != 120 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert released.value("select shop.with_tax(100)") == 120
    finally:
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=PATIENCE)
    assert child.returncode == 130


def test_a_database_that_is_not_embedded_is_asked_for(released: Shop, run_dbtool: RunDbtool) -> None:
    run_dbtool("watch", "--project", released.root, "--database-url", released.url, code=2)
