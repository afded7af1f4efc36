"""Numbers that rules are made of: what is no number, or out of range, is refused where it is written."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "100.01", "9999.99"])
def test_a_multiplier_is_a_number_in_its_range(learn: Learn, value: str) -> None:
    with pytest.raises(psycopg.Error) as caught, learn.connection.transaction():
        learn.run("update learn.difficulties set xp_multiplier = %s where key = 'hard'", [value])
    assert caught.value.sqlstate in ("23514", "22003")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "10"])
def test_so_is_that_of_a_daily_challenge(learn: Learn, value: str) -> None:
    challenge = learn.make_challenge()
    for column in ("xp_multiplier", "difficulty_modifier"):
        with pytest.raises(psycopg.Error) as caught, learn.connection.transaction():
            learn.run(
                f"insert into learn.daily_challenges (challenge_id, date, {column})"
                " values (%s, '2031-01-01', %s)",
                [challenge.id, value],
            )
        assert caught.value.sqlstate in ("23514", "22003")


@pytest.mark.parametrize(
    "change",
    [
        "update learn.lessons set xp_reward = 2000000000",
        "update learn.xp_rules set amount = 2000000000",
        "update learn.achievements set xp_reward = 1000001",
        "insert into learn.level_thresholds values (2000000000, 2000000000)",
        "insert into learn.level_thresholds values (101, 9000000000000000000)",
        "insert into learn.skills (slug, name, max_level) values ('s', 'S', 1000000)",
        "insert into learn.courses (slug, title, completion_xp) values ('c', 'C', 2147483647)",
        "insert into learn.courses (slug, title, estimated_hours) values ('c', 'C', 'NaN')",
        "insert into learn.courses (slug, title, difficulty) values ('c', 'C', 'hard')",
        "insert into learn.challenges (slug, title, xp_base) values ('c', 'C', 2147483647)",
    ],
)
def test_rules_that_would_fail_a_learner_later_are_refused(learn: Learn, change: str) -> None:
    learn.make_lesson(0)
    with learn.fails("23514"):
        learn.run(change)


SETTINGS = "select key from learn.platform_settings where value_type = 'number'"


@pytest.mark.parametrize("value", [-1, 1e30, 10**18, -0.001])
def test_every_setting_has_a_range(learn: Learn, value: Any) -> None:
    for key in learn.values(SETTINGS):
        with learn.fails("23514"):
            learn.run("update learn.platform_settings set value = %s where key = %s", [Jsonb(value), key])


@pytest.mark.parametrize("caller", [None, "learn_app"])
def test_scores_come_as_drivers_send_them(learn: Learn, caller: str | None) -> None:
    learn.caller = caller
    user, lesson = learn.make_user(), learn.make_lesson(0)
    challenge = learn.make_challenge()
    calls = {
        "complete_lesson": f"%(user)s, {lesson.id}, %(score)s",
        "submit_level_attempt": f"%(user)s, {challenge.id}, 1, %(score)s, false",
    }
    for name, arguments in calls.items():
        for score in (87.5, 12, "33.25"):
            with learn.connection.transaction(force_rollback=True):
                learn.run(f"select learn.{name}({arguments})", {"user": user, "score": score})
        for score in (float("nan"), float("inf"), -0.5, 100.5):
            with learn.refuses("LX001"):
                learn.run(f"select learn.{name}({arguments})", {"user": user, "score": score})


@pytest.mark.parametrize("caller", [None, "learn_app"])
def test_times_out_of_any_range_are_refused(learn: Learn, caller: str | None) -> None:
    learn.caller = caller
    user = learn.make_user()
    for at in ("2026-03-01T10:00:00+25:00", "2026-13-01", "infinity", "5874897-12-31", "now and then"):
        with learn.refuses("LX001"):
            learn.record_activities(
                [{"user_id": user, "activity_type": "exercise_attempted", "occurred_at": at}]
            )
    with learn.refuses("LX001"):
        learn.leaderboard("week", on="5874897-12-31")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("requirements", "5"),
        ("requirements", '"text"'),
        ("test_cases", "[1, 2]"),
        ("test_cases", "{}"),
        ("passing_criteria", '{"anything": 1}'),
        ("passing_criteria", "[]"),
        ("passing_criteria", "7"),
        ("passing_criteria", '{"must_pass": 5}'),
        ("passing_criteria", '{"must_pass": [5]}'),
    ],
)
def test_levels_of_challenges_have_the_shapes_that_backends_read(
    learn: Learn, column: str, value: str
) -> None:
    challenge = learn.make_challenge()
    with learn.fails("23514"):
        learn.run(
            f"update learn.challenge_levels set {column} = %s where challenge_id = %s", [value, challenge.id]
        )


def test_a_level_has_one_lesson_of_each_tier_and_one_without(learn: Learn) -> None:
    level = learn.make_course_level(learn.make_course())
    for difficulty in (None, "easy", "hard"):
        learn.make_lesson(0, level=level, difficulty=difficulty)
        with learn.fails("23505"):
            learn.make_lesson(0, level=level, difficulty=difficulty)
