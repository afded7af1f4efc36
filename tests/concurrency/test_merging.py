"""Accounts are merged while their learners, and all others, go on: exact, and nobody ends as a victim."""

from __future__ import annotations

from uuid import UUID

from tests.client import Learn
from tests.concurrency.busy import busy, settle
from tests.concurrency.sessions import Task, race
from tests.conftest import FreshDatabase


def merge(goes: UUID, stays: UUID) -> Task[object]:
    return lambda learn: learn.merge_users(goes, stays)


def test_accounts_are_merged_while_they_and_others_go_on(fresh: FreshDatabase, learn: Learn) -> None:
    town = settle(learn, 24)
    goes, stays = town.users[:6], town.users[6:12]
    with busy(fresh, town, threads=4):
        for one, other in zip(goes, stays, strict=True):
            merge(one, other)(learn)
    assert town.failures == []
    assert town.calls > 20
    assert learn.value("select count(*) from learn.users where id = any (%s)", [goes]) == 0


def test_both_learners_call_in_the_same_moment(fresh: FreshDatabase, learn: Learn) -> None:
    """Each call comes before the merge, and is in it, or after it: then one finds the account gone."""
    goes, stays, lesson = learn.make_user(), learn.make_user(), learn.make_lesson(0)

    def learns(user: UUID) -> Task[object]:
        def task(learn: Learn) -> object:
            learn.award_xp(user, 1)
            return learn.complete_lesson(user, lesson)

        return task

    outcomes = race(fresh, [merge(goes, stays), *[learns(goes)] * 3, *[learns(stays)] * 3], rounds=5)
    assert {outcome.sqlstate for outcome in outcomes} <= {None, "LX002"}
    stats = learn.stats(stays)
    awarded = sum(outcome.sqlstate is None for outcome in outcomes[5:])
    assert stats.total_xp >= 50 + awarded
    paid = learn.value(
        "select count(*) from learn.xp_transactions where source_type = 'lesson_completed'", []
    )
    assert paid == 1
    assert stats.total_xp == learn.value("select sum(amount) from learn.xp_transactions")


def test_merges_that_want_the_same_accounts(fresh: FreshDatabase, learn: Learn) -> None:
    one, two, three = (learn.make_user() for _ in range(3))
    for user in (one, two, three):
        learn.award_xp(user, 10)
    tasks = [merge(one, two), merge(two, one), merge(two, three), merge(one, three), merge(three, one)]
    outcomes = race(fresh, tasks)
    assert {outcome.sqlstate for outcome in outcomes} <= {None, "LX002"}
    left = learn.tuples("select total_xp from learn.user_stats")
    assert left == [(30,)]
