"""Whatever learners, editors and time do, in whatever order: the database says what the rules say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.client import Connection, Learn
from tests.properties.examples import examples
from tests.properties.histories import (
    Call,
    Move,
    Play,
    Stage,
    Step,
    Wait,
    histories,
    streak_histories,
    timed,
    timezones,
)
from tests.properties.snapshots import differences, snapshot


@pytest.fixture
def stage(db: Connection) -> Stage:
    """The sample world, in a transaction that is rolled back."""
    return Stage.build(Learn(db))


def play(stage: Stage, steps: list[Step], zones: tuple[str, str], freeze_every: int = 0) -> None:
    """Take the steps, then compare everything, rebuild, and compare everything again."""
    with stage.learn.connection.transaction(force_rollback=True):
        acts = Play(stage, zones, freeze_every)
        for step in steps:
            acts.take(step)
        for learner in range(len(acts.users)):
            assert acts.differences(learner) == {}
        assert stage.learn.check_integrity() == []

        before = snapshot(stage.learn, acts.users)
        stage.learn.rebuild_user(acts.users[0])
        stage.learn.rebuild_whoever()
        assert differences(snapshot(stage.learn, acts.users), before) == {}


@settings(max_examples=examples(90))
@example(steps=[*timed("read", 60, 0), *timed("select", 61, 0)], zones=("UTC", "UTC"))
@example(steps=[*timed("joins", 59, 0), *timed("where", 60, 0)], zones=("UTC", "UTC"))
@given(steps=histories, zones=timezones)
def test_any_history_leaves_what_the_rules_say(
    stage: Stage, steps: list[Step], zones: tuple[str, str]
) -> None:
    play(stage, steps, zones)


ANSWER = Call("record_activity", ("question_answered_correctly", "1"))
HOPS: list[Step] = [  # no day for each; then a late one in the first zone takes a day that was a hop
    Move("Pacific/Kiritimati"),
    ANSWER,
    Move("Pacific/Pago_Pago"),
    ANSWER,
    Move("Asia/Manila"),
    Wait(timedelta(hours=9)),
    ANSWER,
    Wait(timedelta(hours=15)),
    ANSWER,
    Call("record_activity", ("question_answered_correctly", "1"), ago=timedelta(hours=25)),
]


@settings(max_examples=examples(50))
@example(steps=[ANSWER, *HOPS], zones=("UTC", "UTC"), freeze_every=0)
@example(steps=[ANSWER, *HOPS], zones=("Pacific/Pago_Pago", "UTC"), freeze_every=2)
@given(steps=streak_histories, zones=timezones, freeze_every=st.sampled_from([0, 2, 3]))
def test_streaks_of_any_days_are_what_the_rules_say(
    stage: Stage, steps: list[Step], zones: tuple[str, str], freeze_every: int
) -> None:
    play(stage, steps, zones, freeze_every)
