"""check_slice(): check_integrity() a few learners at a time, for a scheduler."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn

FINDINGS = "select check_name, about_user from learn_internal.integrity_findings order by id"


def check(learn: Learn, share: float | None) -> list[tuple[Any, ...]]:
    return [row[:2] for row in learn.tuples("select * from learn.check_slice(%s)", [share])]


def damage(learn: Learn, freezes: int) -> None:
    learn.run("update learn.user_stats set streak_freezes = %s", [freezes])


def test_slices_reach_every_learner_once_a_round(learn: Learn) -> None:
    users = sorted(learn.make_user() for _ in range(10))
    damage(learn, 2)
    found = [check(learn, 0.3) for _ in range(4)]
    assert [len(slice) for slice in found] == [3, 3, 3, 1]
    assert [row for slice in found for row in slice] == [("freezes_held_are_counted", user) for user in users]
    damage(learn, 0)
    assert check(learn, 1) == []
    assert learn.tuples(FINDINGS) == []


def test_a_round_begins_with_what_is_nobodys(learn: Learn) -> None:
    for _ in range(4):
        learn.make_user()
    track = learn.make_track(learn.make_lesson(0))
    assert check(learn, 0.5) == []
    learn.run("update learn.tracks set total_items = 9 where id = %s", [track.id])
    assert check(learn, 0.5) == []
    assert check(learn, 0.5) == [("track_sizes_follow_from_items", None)]
    learn.run("update learn.tracks set total_items = 1 where id = %s", [track.id])
    assert check(learn, 1) == []  # the end of the round: what it began with stays found
    assert learn.tuples(FINDINGS) == [("track_sizes_follow_from_items", None)]
    assert check(learn, 1) == learn.tuples(FINDINGS) == []


def test_findings_go_with_their_learner(learn: Learn, user: UUID) -> None:
    damage(learn, 1)
    assert check(learn, 1) == [("freezes_held_are_counted", user)]
    learn.run("delete from learn.users")
    assert learn.tuples(FINDINGS) == check(learn, 1) == []


@pytest.mark.parametrize("share", [None, 0, -1, 1.01, float("nan")])
def test_a_slice_is_a_share(learn: Learn, share: float | None) -> None:
    with learn.refuses("LX001"):
        check(learn, share)


def handled(plan: dict[str, Any]) -> float:
    """How many rows the nodes of a plan have handed on or removed, all in all."""
    rows = (
        plan["Actual Rows"]
        + plan.get("Rows Removed by Filter", 0)
        + plan.get("Rows Removed by Join Filter", 0)
    )
    return float(rows * plan["Actual Loops"]) + sum(handled(part) for part in plan.get("Plans", []))


def work(learn: Learn, user: UUID) -> float:
    """What checking a learner handles, planned as check_learner() does."""
    with learn.connection.transaction(force_rollback=True):
        for method in ("seqscan", "mergejoin", "hashjoin"):
            learn.run(f"set local enable_{method} = off")
        query = "select * from learn_internal.damage where user_id = %s"
        ((found,),) = learn.tuples(f"explain (analyze, timing off, costs off, format json) {query}", [user])
    return handled(found[0]["Plan"])


def test_checking_a_learner_takes_as_long_as_there_are_facts(learn: Learn) -> None:
    """Four times as many facts are not sixteen times the work."""
    user, lesson, activity = (
        learn.make_user(),
        learn.make_lesson(2),
        learn.make_activity_type(qualifying=True),
    )
    counts = []
    for times in (100, 300):
        learn.run(
            "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct)"
            " select %s, %s, 'select', false from generate_series(1, %s)",
            [user, lesson.exercises[0], times],
        )
        learn.run(
            "insert into learn.activity_log (user_id, activity_type)"
            " select %s, %s from generate_series(1, %s)",
            [user, activity, times],
        )
        learn.finish()
        learn.refresh_leaderboard()
        counts.append(work(learn, user))
    assert counts[1] < 6 * counts[0], counts
