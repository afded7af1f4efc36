"""The faucet, certificates and transactions under many connections."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from tests.client import AwardSummary, Learn
from tests.concurrency.sessions import Task, client, interleave, pair, race
from tests.conftest import FreshDatabase
from tests.credentials.scene import finish, make_course

CONNECTIONS = 8
OTHER_LEVELS = [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE]


def requests(fresh: FreshDatabase) -> int:
    with client(fresh) as learn:
        return int(learn.value("select count(*) from learn.faucet_requests"))


def test_many_users_who_ask_for_one_account_at_once_get_it_once(fresh: FreshDatabase, learn: Learn) -> None:
    users = [learn.make_user() for _ in range(CONNECTIONS)]

    def ask(number: int) -> Task[AwardSummary]:
        return lambda learn: learn.request_faucet(users[number], "0.0.1")

    outcomes = race(fresh, [ask(number) for number in range(CONNECTIONS)])
    assert Counter(outcome.sqlstate for outcome in outcomes) == {None: 1, "LX008": CONNECTIONS - 1}
    assert requests(fresh) == 1


def test_one_user_who_asks_many_times_at_once_gets_it_once(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()

    def ask(number: int) -> Task[AwardSummary]:
        return lambda learn: learn.request_faucet(user, f"0.0.{number}")

    outcomes = race(fresh, [ask(number) for number in range(CONNECTIONS)])
    assert Counter(outcome.sqlstate for outcome in outcomes) == {None: 1, "LX008": CONNECTIONS - 1}
    assert requests(fresh) == 1


def test_the_second_of_two_for_one_account_waits_for_the_first(fresh: FreshDatabase, learn: Learn) -> None:
    one, two = learn.make_user(), learn.make_user()
    ask = (
        lambda learn: learn.request_faucet(one, "0.0.1"),
        lambda learn: learn.request_faucet(two, "0.0.1"),
    )
    assert interleave(fresh, *ask) == (None, "LX008")


@pytest.mark.parametrize("isolation", OTHER_LEVELS, ids=str)
@pytest.mark.parametrize("same", ["user", "account"])
def test_an_old_snapshot_does_not_get_round_the_limit(
    fresh: FreshDatabase, learn: Learn, isolation: psycopg.IsolationLevel, same: str
) -> None:
    """The second has looked before the first asked, and asks when the first has committed."""
    one, two = learn.make_user(), learn.make_user()
    second = (one, "0.0.2") if same == "user" else (two, "0.0.1")
    with pair(fresh, isolation) as both:
        outcome = both.interleave(
            lambda learn: learn.request_faucet(one, "0.0.1"), lambda learn: learn.request_faucet(*second)
        )
    assert outcome[0] is None
    assert outcome[1] in ("23P01", "40001")
    assert requests(fresh) == 1


def test_one_of_many_bulk_statements_gets_through(fresh: FreshDatabase, learn: Learn) -> None:
    """Statements over the same users and accounts, in opposite orders: they take turns."""
    users = [learn.make_user() for _ in range(20)]

    def bulk(order: int) -> Task[int]:
        def run(learn: Learn) -> int:
            learn.run(
                "insert into learn.faucet_requests (user_id, hedera_account_id, amount_hbar)"
                " select u, '0.0.' || n, 5 from unnest(%s::uuid[]) with ordinality x(u, n)",
                [users[::order]],
            )
            return 1

        return run

    outcomes = race(fresh, [bulk(1), bulk(-1), bulk(1), bulk(-1)])
    assert Counter(outcome.sqlstate for outcome in outcomes)[None] == 1
    assert {outcome.sqlstate for outcome in outcomes} <= {None, "LX008"}
    assert requests(fresh) == 20


def test_a_certificate_is_issued_once_by_many(fresh: FreshDatabase, learn: Learn) -> None:
    user, course = learn.make_user(), make_course(learn)
    learn.set_setting("nft_minting_enabled", True)

    def complete(learn: Learn) -> str:
        with learn.connection.transaction():
            return finish(learn, user, course).verify_code

    outcomes = race(fresh, [complete] * CONNECTIONS)
    assert len({outcome.result for outcome in outcomes}) == 1
    assert len(learn.certificates(user)) == 1
    assert len(learn.outbox("nft_mint")) == 1


def test_a_transaction_is_recorded_and_moved_once_by_many(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()

    def act(learn: Learn) -> tuple[int, bool]:
        number = learn.record_transaction(user, "t-1", "faucet", "5")
        return number, learn.advance_transaction("t-1", "submitted")

    outcomes = race(fresh, [act] * CONNECTIONS)
    assert len({outcome.result[0] for outcome in outcomes}) == 1
    assert Counter(outcome.result[1] for outcome in outcomes) == {True: 1, False: CONNECTIONS - 1}


def test_a_certificate_is_minted_once_by_many(fresh: FreshDatabase, learn: Learn) -> None:
    number = finish(learn, learn.make_user(), make_course(learn)).certificate_number

    def mint(serial: int) -> Task[bool]:
        return lambda learn: learn.certificate_minted(number, "0.0.5", serial_number=serial)

    outcomes = race(fresh, [mint(n) for n in range(CONNECTIONS)])
    assert Counter(outcome.sqlstate for outcome in outcomes) == {None: 1, "LX010": CONNECTIONS - 1}
