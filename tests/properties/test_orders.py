"""The same facts and freezes leave the same, in whatever order they come in: by functions and by rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.client import Connection, Learn, moment
from tests.properties.examples import examples

START = moment("2035-03-08 12:00")


class Thing(NamedTuple):
    """What comes in: an act that lengthens a run or ends it, or a freeze; minutes before the start."""

    kind: str
    ago: int
    amount: int = 1


class Rules(NamedTuple):
    """Types of facts with metrics of every kind, and badges of which no order can earn more than another."""

    types: dict[str, str]
    badges: set[str]


@pytest.fixture
def rules(learn: Learn) -> Rules:
    learn.set_clock(START)
    types = {kind: learn.make_activity_type(qualifying=kind != "talk") for kind in ("right", "wrong", "talk")}
    right = types["right"]
    metrics = [
        learn.make_metric(right),
        learn.make_metric(right, "sum", property="amount"),
        learn.make_metric(right, "max", property="amount"),
        learn.make_metric(types["talk"], "distinct_days"),
    ]
    learn.make_metric(right, "run", reset_activity_type=types["wrong"])
    badges = {learn.make_achievement({"metric": metric, "at_least": n}) for metric in metrics for n in (2, 3)}
    badges |= {learn.make_achievement({"metric": "active_days", "at_least": n}) for n in (2, 4)}
    return Rules(types, badges)


@pytest.fixture
def learn(db: Connection) -> Learn:
    return Learn(db)


def outcome(learn: Learn, rules: Rules, things: list[Thing], by: str) -> dict[str, Any]:
    """What a learner has after these things in this order; undone."""
    with learn.connection.transaction(force_rollback=True):
        user = learn.make_user(timezone="America/New_York")
        for thing in things:
            come_in(learn, rules, user, thing, START - timedelta(minutes=thing.ago), by)
        assert learn.check_integrity() == []
        before = state(learn, rules, user)
        learn.rebuild_user(user)
        assert state(learn, rules, user) == before
        return before


def come_in(learn: Learn, rules: Rules, user: UUID, thing: Thing, at: datetime, by: str) -> None:
    if thing.kind == "freeze":
        learn.grant_streak_freezes(user, thing.amount, at=at)
        return
    kind, properties = rules.types[thing.kind], {"amount": thing.amount}
    if by == "learn_app":
        with learn.role("learn_app"):
            learn.record_activity(user, kind, None, None, properties, at=at)
    else:
        learn.connection.execute(
            "insert into learn.activity_log (user_id, activity_type, properties, occurred_at)"
            " values (%s, %s, %s, %s)",
            [user, kind, Jsonb(properties), at],
        )


def state(learn: Learn, rules: Rules, user: UUID) -> dict[str, Any]:
    stats = learn.stats(user)
    return {
        "streak": (stats.current_streak, stats.longest_streak, stats.active_days, stats.streak_freezes),
        "today": learn.calculate_user_streak(user),
        "days": learn.active_days(user),
        "freezes": learn.tuples(
            "select granted_on, used_on, is_earned from learn.streak_freezes where user_id = %s"
            " order by 1, 3, 2",
            [user],
        ),
        "metrics": learn.tuples(
            "select metric, value from learn.user_metrics where user_id = %s and value <> 0 order by 1",
            [user],
        ),
        "badges": set(learn.badges(user)) & rules.badges,
    }


_things = st.lists(
    st.builds(
        Thing,
        st.sampled_from(["right", "right", "right", "wrong", "talk", "freeze"]),
        st.integers(0, 12 * 24 * 4).map(lambda quarters: quarters * 15),
        st.integers(1, 2),
    ),
    min_size=2,
    max_size=12,
    unique_by=lambda thing: (
        thing.ago
    ),  # what happens at the same moment counts in the order in which it comes in
)


@settings(max_examples=examples(40))
@given(things=_things, order=st.randoms(use_true_random=False), every=st.sampled_from([0, 0, 2, 3]))
@example(  # a late day takes the freeze that had covered a later one
    things=[Thing("right", 1440 * n) for n in (8, 7, 5, 4)]
    + [Thing("freeze", 1440 * 11), Thing("right", 1440 * 10)],
    order=None,
    every=0,
)
@example(things=[Thing("right", n) for n in (9, 8, 7, 5, 4)] + [Thing("wrong", 6)], order=None, every=0)
def test_any_order_leaves_the_same(
    learn: Learn, rules: Rules, things: list[Thing], order: Any, every: int
) -> None:
    learn.set_setting("streak_freeze_every_days", every)
    in_time = sorted(things, key=lambda thing: -thing.ago)
    if order is not None:
        things = list(things)
        order.shuffle(things)
    expected = outcome(learn, rules, in_time, "learn_app")
    assert outcome(learn, rules, things, "learn_app") == expected
    assert outcome(learn, rules, things, "owner") == expected
