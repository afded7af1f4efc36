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
from tests.properties.histories import ZONES

START = moment("2035-03-08 12:00")


class Thing(NamedTuple):
    """What comes in: an act that lengthens a run or ends it, or a freeze; minutes before the start."""

    kind: str
    ago: int
    amount: int = 1


class Move(NamedTuple):
    """From then on, days are those of a zone, and start at an hour there."""

    ago: int
    zone: str
    hour: int = 0


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


def outcome(
    learn: Learn, rules: Rules, things: list[Thing], moves: list[Move], by: str, *, is_live: bool = False
) -> dict[str, Any]:
    """What a learner has after these things in this order; undone. Live: each at its own time."""
    with learn.connection.transaction(force_rollback=True):
        learn.set_clock(START - timedelta(days=14))
        user = learn.make_user(timezone="America/New_York")
        events: list[Thing | Move] = [*moves, *(things if is_live else [])]
        for event in sorted(events, key=lambda event: -event.ago):
            at = learn.set_clock(START - timedelta(minutes=event.ago))
            if isinstance(event, Move):
                learn.run(
                    "update learn.users set timezone = %s, day_starts_at = make_time(%s, 0, 0) where id = %s",
                    [event.zone, event.hour, user],
                )
            else:
                come_in(learn, rules, user, event, at, by)
        learn.set_clock(START)
        for thing in things if not is_live else []:
            come_in(learn, rules, user, thing, START - timedelta(minutes=thing.ago), by)
        assert learn.check_integrity() == []
        before = state(learn, rules, user)
        if moves:  # hopping may take a day away again, and what was earned by it stays
            before.pop("badges")
        learn.rebuild_user(user)
        assert before.items() <= state(learn, rules, user).items()
        assert learn.check_integrity() == []
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
        learn.run(
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


_moves = st.lists(
    st.builds(
        Move,
        st.integers(0, 12 * 24 * 4).map(lambda quarters: quarters * 15 + 7),
        st.sampled_from([*ZONES, "Etc/GMT+12", "Pacific/Auckland"]),
        st.sampled_from([0, 0, 4]),
    ),
    max_size=5,
    unique_by=lambda move: move.ago,
)
FLIGHT = [Move(14 * 60, "Pacific/Auckland")]
IN_A_MINUTE = [Move(3, "Etc/GMT+12"), Move(2, "UTC"), Move(1, "Pacific/Kiritimati")]


@settings(max_examples=examples(60))
@given(
    things=_things,
    moves=st.one_of(st.just([]), _moves),
    order=st.randoms(use_true_random=False),
    every=st.sampled_from([0, 0, 2, 3]),
)
@example(  # a late day takes the freeze that had covered a later one
    things=[*[Thing("right", 1440 * n) for n in (8, 7, 5, 4)], Thing("freeze", 15840), Thing("right", 14400)],
    moves=[],
    order=None,
    every=0,
)
@example([*[Thing("right", n) for n in (9, 8, 7, 5, 4)], Thing("wrong", 6)], [], None, 0)
@example([Thing("right", n) for n in (0, 38 * 60, 15 * 60)], FLIGHT, None, 0)
@example([Thing("right", n) for n in (0, 1, 2, 3)], IN_A_MINUTE, None, 0)
def test_any_order_leaves_the_same(
    learn: Learn, rules: Rules, things: list[Thing], moves: list[Move], order: Any, every: int
) -> None:
    learn.set_setting("streak_freeze_every_days", every)
    if order is not None:
        things = list(things)
        order.shuffle(things)
    expected = outcome(learn, rules, things, moves, "learn_app", is_live=True)
    assert outcome(learn, rules, things, moves, "learn_app") == expected
    assert outcome(learn, rules, things, moves, "owner") == expected
