"""Workers that claim from the outbox at once, and that die on the way."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import psycopg
import pytest

from tests.client import Learn
from tests.concurrency.sessions import Task, client, connect, race, session
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE

WORKERS = 8
MESSAGES = 400


def put(learn: Learn, number: int) -> None:
    learn.run(
        "insert into learn.outbox (topic, key) select 'webhook', n::text from generate_series(1, %s) n",
        [number],
    )


def work(name: str, share: int) -> Task[list[int]]:
    """Claims, a few at a time, until it has got nothing; completes what it has claimed."""

    def run(learn: Learn) -> list[int]:
        done: list[int] = []
        while messages := learn.claim_outbox(share, worker=name):
            assert {(m.claimed_by, m.attempts) for m in messages} == {(name, 1)}
            assert learn.complete_outbox([m.id for m in messages]) == len(messages)
            done += [m.id for m in messages]
        return done

    return run


def test_eight_workers_do_each_message_once(fresh: FreshDatabase, learn: Learn) -> None:
    put(learn, MESSAGES)
    everything = [message.id for message in learn.outbox()]
    outcomes = race(fresh, [work(f"worker {n}", 3 + n) for n in range(WORKERS)])
    done = Counter(number for outcome in outcomes for number in outcome.result)
    assert sorted(done) == everything
    assert set(done.values()) == {1}
    assert {message.attempts for message in learn.outbox()} == {1}
    assert all(message.completed_at for message in learn.outbox())


def test_workers_that_complete_the_same_messages_do_not_deadlock(fresh: FreshDatabase, learn: Learn) -> None:
    put(learn, 200)
    ids = [message.id for message in learn.claim_outbox(200)]

    def complete(step: int) -> Task[int]:
        return lambda learn: learn.complete_outbox(ids[::step]) + 0 * learn.fail_outbox(ids[::-step], "no")

    outcomes = race(fresh, [complete(step) for step in (1, -1, 1, -1)])
    assert sum(outcome.result for outcome in outcomes) == 200


@pytest.mark.parametrize("isolation", [None, psycopg.IsolationLevel.REPEATABLE_READ])
def test_a_second_worker_passes_over_what_the_first_is_claiming(
    fresh: FreshDatabase, learn: Learn, isolation: psycopg.IsolationLevel | None
) -> None:
    put(learn, 4)
    ids = [message.id for message in learn.outbox()]
    with session(fresh, isolation) as one, session(fresh, isolation) as two:
        first = one.step(lambda learn: [m.id for m in learn.claim_outbox(2)]).result(PATIENCE)
        second = two.step(lambda learn: [m.id for m in learn.claim_outbox(10)])
        assert second.done()  # waits for nobody
        assert (first.result, second.result(0).result) == (ids[:2], ids[2:])
        assert one.commit() is None
        assert two.commit() is None
        assert two.step(lambda learn: [m.id for m in learn.claim_outbox(10)]).result(PATIENCE).result == []


def test_a_worker_that_is_killed_while_claiming_leaves_its_messages_to_others(
    fresh: FreshDatabase, learn: Learn
) -> None:
    put(learn, 10)
    ids = [message.id for message in learn.outbox()]
    victim = connect(fresh)
    try:
        assert [message.id for message in victim.claim_outbox(6)] == ids[:6]  # not committed
        assert [message.id for message in learn.claim_outbox(100)] == ids[6:]
        pid = victim.connection.info.backend_pid
        assert learn.value("select pg_terminate_backend(%s, 60000)", [pid]) is True
        with pytest.raises(psycopg.OperationalError):
            victim.complete_outbox(ids[:6])
    finally:
        victim.connection.close()
    again = learn.claim_outbox(100)
    assert [(message.id, message.attempts) for message in again] == [(number, 1) for number in ids[:6]]


def test_workers_killed_in_the_middle_lose_and_double_nothing(fresh: FreshDatabase, learn: Learn) -> None:
    """Some die having claimed, some having done it too: claims run out, others do what is left."""
    start = learn.set_clock("2035-06-13 12:00")
    put(learn, MESSAGES)
    ids = [message.id for message in learn.outbox()]

    def die(completes: bool) -> Task[list[int]]:
        def run(learn: Learn) -> list[int]:
            messages = [message.id for message in learn.claim_outbox(20)]
            if completes:
                learn.complete_outbox(messages)
            with client(fresh) as killer:
                killer.value("select pg_terminate_backend(%s)", [learn.connection.info.backend_pid])
            return messages if completes else []

        return run

    workers = [work(f"worker {n}", 5) for n in range(WORKERS // 2)]
    outcomes = race(fresh, [*workers, *[die(n % 2 == 0) for n in range(WORKERS // 2)]])
    done = Counter(number for outcome in outcomes for number in outcome.result)
    assert set(done.values()) == {1}
    lost = set(ids) - set(done)
    assert len(lost) <= 40
    assert learn.claim_outbox(1000) == []
    learn.set_clock(start + timedelta(seconds=300))
    later = race(fresh, [lambda learn: [m.id for m in learn.claim_outbox(7)]] * WORKERS)
    found = Counter(number for outcome in later for number in outcome.result)
    assert set(found) == lost
    assert set(found.values()) <= {1}


def test_learners_who_write_messages_do_not_wait_for_each_other(fresh: FreshDatabase, learn: Learn) -> None:
    one, two = learn.make_user(), learn.make_user()
    with session(fresh) as first, session(fresh) as second, session(fresh) as worker:
        assert first.step(lambda learn: learn.request_faucet(one, "0.0.1")).result(PATIENCE).sqlstate is None
        other = second.step(lambda learn: learn.request_faucet(two, "0.0.2"))
        assert other.done()
        # Nobody gets what is not committed.
        assert worker.step(lambda learn: learn.claim_outbox()).result(PATIENCE).result == []
        assert second.commit() is None
        assert len(worker.step(lambda learn: learn.claim_outbox()).result(PATIENCE).result) == 1
        assert first.commit() is None
        assert len(worker.step(lambda learn: learn.claim_outbox()).result(PATIENCE).result) == 1
