"""why(): the evidence of an achievement, condition by condition, fact by fact."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import Learn, days


def rows(learn: Learn, user: object, slug: str) -> list[Any]:
    return list(learn.call("why", user, slug))


def test_each_condition_says_what_was_needed_and_the_facts_that_count(learn: Learn) -> None:
    badge = learn.make_achievement(
        {
            "all": [
                {"metric": "lessons_completed", "at_least": 2},
                {"any": [{"metric": "xp", "at_least": 1000}, {"metric": "active_days", "at_least": 2}]},
            ]
        },
        xp_reward=7,
    )
    user = learn.make_user()
    lessons = [learn.make_lesson(0) for _ in range(3)]
    learn.complete_lesson(user, lessons[0])
    before = rows(learn, user, badge)
    assert (before[0].condition, before[0].occurred_at, before[0].amount) == (0, None, 7)
    assert [(r.metric, r.needed, r.had, r.total) for r in before if r.condition and r.what is None] == [
        ("lessons_completed", 2, 1, None),
        ("xp", 1000, 50, None),
        ("active_days", 2, 1, None),
    ]
    learn.advance(days(1))
    second = learn.clock()
    learn.complete_lesson(user, lessons[1])
    learn.advance(days(1))
    learn.complete_lesson(user, lessons[2])
    after = rows(learn, user, badge)
    assert after[0].occurred_at == second
    heads = {r.metric: r for r in after if r.condition and r.what is None}
    assert {m: (r.had, r.occurred_at, r.total) for m, r in heads.items()} == {
        "lessons_completed": (3, second, 2),
        "xp": (157, None, None),
        "active_days": (3, second, 2),
    }
    # up to the fact that met it, not the third
    assert [(r.what, r.amount, r.total) for r in after if r.metric == "lessons_completed" and r.what] == [
        (f"lesson_completed lesson {lesson.id}", 1, n) for n, lesson in enumerate(lessons[:2], 1)
    ]
    assert all(row.why for row in after)


@pytest.mark.parametrize(
    ("aggregate", "columns", "expected"),
    [
        ("sum", {"property": "n"}, [(5, 5), (3, 8), (9, 17)]),
        ("max", {"property": "n"}, [(5, 5), (3, 5), (9, 9)]),
        ("distinct_days", {}, [(1, 1), (1, 2)]),
    ],
)
def test_facts_add_what_the_metric_says(
    learn: Learn, aggregate: str, columns: dict[str, Any], expected: list[tuple[int, int]]
) -> None:
    learn.make_activity_type("ran")
    metric = learn.make_metric("ran", aggregate, **columns)
    badge = learn.make_achievement({"metric": metric, "at_least": 999})
    user = learn.make_user()
    for n, wait in ((5, 0), (3, 1), (9, 0)):
        learn.advance(days(wait))
        learn.record_activity(user, "ran", properties={"n": n})
    found = [(r.amount, r.total) for r in rows(learn, user, badge) if r.condition and r.what]
    assert found == expected
    assert rows(learn, user, badge)[1].had == expected[-1][1]


def test_a_run_that_was_broken_starts_again(learn: Learn) -> None:
    learn.make_activity_type("hit")
    learn.make_activity_type("missed")
    metric = learn.make_metric("hit", "run", reset_activity_type="missed")
    badge = learn.make_achievement({"metric": metric, "at_least": 3})
    user = learn.make_user()
    for kind in ("hit", "hit", "missed", "hit", "hit", "hit"):
        learn.advance(days(0.01))
        learn.record_activity(user, kind)
    assert badge in learn.badges(user)
    assert [r.total for r in rows(learn, user, badge) if r.condition and r.what] == [1, 2, 1, 2, 3]


def test_a_granted_achievement_says_so_and_a_hidden_one_nothing_until_then(learn: Learn) -> None:
    badge = learn.make_achievement({"metric": "xp", "at_least": 10}, hidden=True)
    user = learn.make_user()
    with learn.fails("LX003"):
        rows(learn, user, badge)
    learn.grant_achievement(user, badge)
    assert rows(learn, user, badge)[0].occurred_at == learn.clock()


def test_unknown_users_and_achievements_are_refused(learn: Learn, user: UUID) -> None:
    for slug in ("no-such", None):
        with learn.fails("LX003"):
            rows(learn, user, slug)  # type: ignore[arg-type]
    with learn.fails("LX002"):
        rows(learn, uuid4(), "no-such")
    with learn.fails("LX002"):
        rows(learn, None, "no-such")
