"""rate_limits: how often a user may call a function, in any stretch of so many seconds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn


@pytest.fixture
def user(learn: Learn) -> UUID:
    learn.set_clock("2035-06-01 12:00")
    learn.run("insert into learn.rate_limits values ('award_xp', 3, 60)")
    return learn.make_user()


def seconds(learn: Learn, user: UUID) -> int:
    """The time to wait, as the refusal says."""
    with learn.refuses("LX008") as refusal:
        learn.award_xp(user, 1)
    found = re.search(r"again in (\d+) seconds", str(refusal.hint))
    assert found
    return int(found[1])


def test_the_stretch_slides(learn: Learn, user: UUID) -> None:
    for _ in range(3):
        learn.award_xp(user, 1)
        learn.advance(timedelta(seconds=10))
    assert seconds(learn, user) == 30
    learn.advance(timedelta(seconds=29))
    assert seconds(learn, user) == 1
    learn.advance(timedelta(seconds=1))
    learn.award_xp(user, 1)
    assert seconds(learn, user) == 10
    assert learn.stats(user).total_xp == 4


def test_each_user_and_each_function_has_a_count_of_its_own(learn: Learn, user: UUID) -> None:
    for _ in range(3):
        learn.award_xp(user, 1)
    learn.award_xp(learn.make_user(), 1)
    learn.grant_streak_freezes(user, 1)
    assert seconds(learn, user) == 60


def test_what_fails_and_what_is_repeated_does_not_count(learn: Learn, user: UUID) -> None:
    for _ in range(5):
        with learn.refuses("LX001"):
            learn.award_xp(user, -1)
        learn.award_xp(user, 1, key="once")
    learn.award_xp(user, 1)
    learn.award_xp(user, 1)
    assert learn.award_xp(user, 1, key="once").replayed
    assert seconds(learn, user) == 60


def test_a_limit_is_changed_and_taken_away(learn: Learn, user: UUID) -> None:
    for _ in range(3):
        learn.award_xp(user, 1)
    learn.run("update learn.rate_limits set max_calls = 2")
    learn.advance(timedelta(seconds=5))
    assert seconds(learn, user) == 55
    learn.run("delete from learn.rate_limits")
    learn.award_xp(user, 1)


def test_a_call_that_is_dated_back_counts_now(learn: Learn, user: UUID) -> None:
    for day in range(3):
        learn.award_xp(user, 1, at=learn.clock() - timedelta(days=day + 1))
    assert seconds(learn, user) == 60


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (("no_such_function", 1, 1), "LX001"),
        (("leaderboard", 1, 1), "LX001"),
        (("award_xp", 0, 1), "23514"),
        (("award_xp", 1001, 1), "23514"),
        (("award_xp", 1, 0), "23514"),
        (("award_xp", 1, 604801), "23514"),
    ],
)
def test_limits_that_make_no_sense_are_refused(learn: Learn, row: tuple[Any, ...], error: str) -> None:
    with learn.fails(error):
        learn.run("insert into learn.rate_limits values (%s, %s, %s)", row)
