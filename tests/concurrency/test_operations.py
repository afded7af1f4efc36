"""What operators and accidents do while learners are served."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from tests.client import Learn
from tests.concurrency.sessions import Task, race, session
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE

ANSWER = "question_answered_correctly"


def partitions(learn: Learn) -> int:
    """Number of partitions of the logs and the ledger."""
    return int(
        learn.value(
            "select count(*) from pg_inherits where inhparent = any ("
            " array['learn.activity_log', 'learn.audit_log', 'learn.xp_transactions']::regclass[])"
        )
    )


def test_partitions_are_made_while_writers_write(fresh: FreshDatabase, learn: Learn) -> None:
    """Facts of a month that has no partition yet move into it, and those that come meanwhile find it."""
    users = [learn.make_user() for _ in range(4)]
    for user in users:
        learn.award_xp(user, 1, key="earlier")
    now = learn.set_clock(learn.clock() + timedelta(days=400))
    before = partitions(learn)
    for user in users:
        learn.award_xp(user, 1)  # into the default partitions

    def write(user: UUID) -> Task[object]:
        def run(learn: Learn) -> object:
            for number in range(12):
                learn.award_xp(user, 1, key=f"key {number}")
                learn.record_activity(user, ANSWER)
                learn.reverse_xp(user, learn.transactions(user)[-1])
            return True

        return run

    def make(learn: Learn) -> object:
        return [learn.ensure_partitions((now + timedelta(days=31 * n)).date()) for n in range(6)]

    def sign_up(learn: Learn) -> object:
        return [learn.make_user() for _ in range(12)]

    outcomes = race(fresh, [*(write(user) for user in users), make, make, sign_up])
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert partitions(learn) >= before + 2 * 6
    # 14 awards of 1, and 12 answers of 10 that were all taken back.
    assert [learn.stats(user).total_xp for user in users] == [14] * len(users)
    assert learn.value("select count(*) from only learn.activity_log_default") == 0
    assert learn.value("select count(*) from only learn.xp_transactions_default") == 0


@pytest.mark.parametrize("act", ["sign up", "reverse", "revoke", "read both"])
def test_partitions_are_made_beside_an_open_transaction_without_deadlock(
    fresh: FreshDatabase, learn: Learn, act: str
) -> None:
    """A transaction has used one of the tables when the partitions are made, and then uses the other."""
    user = learn.make_user()
    learn.award_xp(user, 5)
    transaction = learn.transactions(user)[0]
    until = (learn.clock() + timedelta(days=200)).date()

    first: Task[object] = lambda learn: learn.ledger(user)  # noqa: E731
    acts: dict[str, tuple[Task[object], Task[object]]] = {
        "sign up": (
            lambda learn: learn.run("update learn.users set bio = 'x' where id = %s", [user]),
            lambda learn: learn.make_user(),
        ),
        "reverse": (first, lambda learn: learn.reverse_xp(user, transaction)),
        "revoke": (first, lambda learn: learn.award_xp(user, 1)),
        "read both": (first, lambda learn: learn.facts(user)),
    }
    before, after = acts[act]
    with session(fresh) as one, session(fresh) as two:
        one.step(before).result(PATIENCE)
        made = two.step(lambda learn: learn.ensure_partitions(until))
        done = one.step(after)
        assert (done.result(PATIENCE).sqlstate, one.commit()) == (None, None)
        assert (made.result(PATIENCE).sqlstate, two.commit()) == (None, None)


def test_two_schedulers_make_each_partition_once(fresh: FreshDatabase, learn: Learn) -> None:
    until = (learn.clock() + timedelta(days=300)).date()
    before = partitions(learn)
    outcomes = race(fresh, [lambda learn: learn.ensure_partitions(until)] * 4)
    made = sum(outcome.result for outcome in outcomes)
    assert made > 0
    assert partitions(learn) == before + made


@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_killed_backend_leaves_nothing_half_done(
    fresh: FreshDatabase, learn: Learn, is_waiting: bool
) -> None:
    """Killed in the middle of a transaction of several calls, or while it waits for the user's row."""
    user = learn.make_user()
    lesson, plain = learn.make_lesson(2), learn.make_lesson(0)
    learn.make_track(lesson, plain)
    before = learn.row_counts(), learn.stats(user)

    def work(learn: Learn) -> object:
        learn.solve(user, lesson)
        learn.complete_lesson(user, plain, key="key")
        return learn.grant_streak_freezes(user)

    with session(fresh) as blocker, session(fresh) as victim:
        victim.step(work).result(PATIENCE)
        if is_waiting:
            victim.commit()
            before = learn.row_counts(), learn.stats(user)
            blocker.step(lambda learn: learn.award_xp(user, 1)).result(PATIENCE)
            pending = victim.step(lambda learn: learn.record_activity(user, ANSWER, key="other"))
        learn.value("select pg_terminate_backend(%s, 60000)", [victim.pid])
        if is_waiting:
            assert pending.result(PATIENCE).sqlstate == "57P01"
            blocker.rollback()
        assert (learn.row_counts(), learn.stats(user)) == before

        again = learn.complete_lesson(user, plain, key="key") if is_waiting else work(learn)
        assert again is not None
        assert learn.stats(user).total_xp == 2 * 15 + 50 + 20 + 50 + 200


def test_a_user_deactivated_meanwhile_is_refused(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    with session(fresh) as one, session(fresh) as two:

        def deactivate(learn: Learn) -> object:
            learn.award_xp(user, 1)
            return learn.run("update learn.users set is_active = false where id = %s", [user])

        one.step(deactivate).result(PATIENCE)
        call = two.step(lambda learn: learn.award_xp(user, 10))
        one.commit()
        assert (call.result(PATIENCE).sqlstate, two.commit()) == ("LX004", None)
    assert learn.stats(user).total_xp == 1
