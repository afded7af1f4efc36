"""Every isolation level, with the rule for retries of docs/errors.md, on a few learners whom all act for."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.concurrency.sessions import OPTIONS, client
from tests.conftest import FreshDatabase
from tests.suites.conftest import Amount, Tell
from tests.suites.payers import Payer, Place

SESSIONS = 8
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
