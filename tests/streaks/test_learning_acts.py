"""Every learning act makes the day active, paid or not."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.client import Learn, seconds


def active(learn: Learn, user: UUID) -> list[str]:
    return [str(day) for day, _ in learn.active_days(user)]


def test_repeating_a_finished_lesson_is_a_learning_act(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    learn.set_clock("2035-03-01 12:00")
    assert learn.complete_lesson(user, lesson, 80).current_streak == 1
    for date, score, read in ((2, 100, 2), (3, None, 3)):  # also where it changes neither score nor time
        learn.set_clock(f"2035-03-0{date} 12:00")
        assert learn.complete_lesson(user, lesson, score).current_streak == read
    assert active(learn, user) == ["2035-03-01", "2035-03-02", "2035-03-03"]
    assert learn.stats(user).active_days == 3


@pytest.mark.parametrize(
    ("length", "completed", "counts"),
    [(60, True, True), (59, True, False), (600, False, True), (7200, False, False), (7200, True, True)],
)
def test_a_session_of_a_minute_is_a_learning_act(
    learn: Learn, user: UUID, length: int, completed: bool, counts: bool
) -> None:
    """One that was open for longer than a session may be, and not completed, was left."""
    session = learn.start_session(user, "lesson", at="2035-06-12 10:00")
    end = learn.clock() - seconds(93600 - length)
    learn.end_session(user, session.id, completed, at=end)
    assert active(learn, user) == (["2035-06-12"] if counts else [])


def test_sessions_of_the_owner_are_learning_acts(learn: Learn, user: UUID) -> None:
    learn.run(
        "insert into learn.learning_sessions (user_id, session_type, started_at, ended_at)"
        " select %s, 'quiz', t, t + interval '2 minutes' from unnest(%s::timestamptz[]) t",
        [user, ["2035-06-10 12:00Z", "2035-06-11 12:00Z"]],
    )
    learn.run(
        "insert into learn.learning_sessions (user_id, session_type, started_at)"
        " values (%s, 'quiz', '2035-06-12 12:00Z')",
        [user],
    )
    learn.run("update learn.learning_sessions set ended_at = '2035-06-12 12:01Z' where ended_at is null")
    assert active(learn, user) == ["2035-06-10", "2035-06-11", "2035-06-12"]


def test_a_session_that_was_left_open_is_none(learn: Learn, user: UUID) -> None:
    learn.start_session(user, "lesson", at="2035-06-12 10:00")
    assert learn.close_abandoned_sessions() == 1
    assert active(learn, user) == []


def test_an_assessment_is_a_learning_act(learn: Learn, user: UUID) -> None:
    asked = [{"id": "q1", "category": "caching", "correct_answer": "B"}]
    learn.submit_assessment(user, "periodic", asked, [])
    assert active(learn, user) == ["2035-06-13"]
