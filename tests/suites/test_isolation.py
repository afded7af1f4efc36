"""Every isolation level, with the rule for retries of docs/errors.md, on a few learners whom all act for."""

from __future__ import annotations

import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.calls import Scene, callable_by, make_scene, statement
from tests.concurrency.sessions import OPTIONS, client
from tests.conftest import FreshDatabase
from tests.suites.conftest import Amount, Tell
from tests.suites.payers import Payer, Place

SESSIONS = 8
GONE = re.compile("delete_|erase_|merge_|unenroll")  # what others need: last
LEVELS = ["read committed", "repeatable read", "serializable"]


@pytest.mark.parametrize("level", LEVELS)
def test_answers_add_up_at_every_level(fresh: FreshDatabase, level: str, amount: Amount, tell: Tell) -> None:
    with client(fresh) as learn:
        place = Place(learn, users=3)
    seed = amount(4, random.randrange(10**6))

    def connect() -> psycopg.Connection[Any]:
        opened = fresh.connect(options=OPTIONS, autocommit=True)
        opened.execute("select set_config('default_transaction_isolation', %s, false)", [level])
        return opened

    payers = [Payer(connect, place, place.users, seed + number) for number in range(SESSIONS)]

    def live(payer: Payer) -> None:
        for _ in range(amount(25, 500)):
            payer.act()
        payer.close()

    with ThreadPoolExecutor(SESSIONS) as pool:
        list(pool.map(live, payers))
    with client(fresh) as learn:
        for user in place.users:
            told = sum(payer.told[user] for payer in payers)
            assert learn.stats(user).total_xp == told
            assert sum(amount for amount, _, _ in learn.ledger(user)) == told
    failures = sum((payer.failures for payer in payers), Counter[str]())
    assert set(failures) <= ({"40001"} if level != "read committed" else set())
    calls = sum(payer.calls for payer in payers)
    tell(f"{level}: {calls:,} calls of {SESSIONS} sessions, {failures['40001']:,} retried after 40001")


def _asked(connection: psycopg.Connection[Any], name: str, scene: Scene, key: str) -> str:
    """How a call ends: its SQLSTATE, or 00000; one outside of what docs/errors.md allows with its message."""
    try:
        connection.execute(statement(name).replace(b"one good call", key.encode()), scene)
    except psycopg.Error as error:
        code = error.sqlstate or ""
        return code if code == "40001" or code.startswith("LX") else str(error).splitlines()[0]
    return "00000"


def test_a_call_that_does_not_see_the_one_before_is_right_or_tried_again(
    fresh: FreshDatabase, tell: Tell
) -> None:
    """Every call of a backend, by a transaction that began before another call was committed: any of them."""
    with client(fresh) as learn:
        scene = make_scene(learn)
        learn.connection.commit()
        readers = learn.tuples(
            "select p.proname::text from pg_proc p"
            " where p.pronamespace = 'learn'::regnamespace and p.provolatile <> 'v'"
        )
        writers = set(callable_by(learn.connection, "learn_app")) - {name for (name,) in readers}
    names = sorted(writers, key=lambda name: (bool(GONE.match(name)), name))
    endings: Counter[str] = Counter()
    refused = set()
    with fresh.connect(autocommit=True) as earlier, fresh.connect() as blind:
        for first in names:
            blind.execute("set transaction isolation level repeatable read")
            blind.execute("select count(*) from learn.users")
            if _asked(earlier, first, scene, first) != "00000":
                refused.add(first)
            for name in names:
                blind.execute("savepoint tried")
                endings[_asked(blind, name, scene, f"{name} again")] += 1
                blind.execute("rollback to tried")
            blind.rollback()
    assert {ending for ending in endings if not ending.startswith("LX")} == {"00000", "40001"}
    assert min(endings["00000"], endings["40001"]) > len(names)
    assert len(refused) < 8, refused
    tell(f"{endings['00000']:,} calls that did not see another, {endings['40001']:,} more ended in 40001")
