"""Learning sessions: one open per resource, with their duration and the XP gained."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, days, seconds


def test_a_session_has_a_duration_and_the_xp_gained_meanwhile(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 70)
    started = learn.start_session(user, "lesson", "where", {"device": "phone"})
    assert (started.xp_at_start, started.xp_earned, started.ended_at, started.is_completed) == (
        70,
        0,
        None,
        False,
    )
    assert started.metadata == {"device": "phone"}
    learn.advance(seconds(90))
    learn.award_xp(user, 30)
    ended = learn.end_session(user, started.id)
    assert (ended.duration_seconds, ended.xp_earned, ended.is_completed) == (90, 30, True)
    assert ended.ended_at == learn.clock()
    assert learn.facts(user, "lesson_started") == []


def test_starting_again_returns_the_open_session(learn: Learn, user: UUID) -> None:
    one = learn.start_session(user, "quiz", "a+")
    learn.advance(seconds(5))
    assert learn.start_session(user, "quiz", "a+", {"other": 1}) == one
    ids = {
        learn.start_session(user, "quiz").id,
        learn.start_session(user, "quiz").id,
        learn.start_session(user, "course", "a+").id,
        learn.start_session(learn.make_user(), "quiz", "a+").id,
    }
    assert len(ids | {one.id}) == 4
    learn.end_session(user, one.id)
    assert learn.start_session(user, "quiz", "a+").id not in ids | {one.id}


def test_ending_again_changes_nothing(learn: Learn, user: UUID) -> None:
    session = learn.start_session(user, "lesson")
    ended = learn.end_session(user, session.id, False)
    assert ended.is_completed is False
    learn.advance(seconds(60))
    learn.award_xp(user, 5)
    assert learn.end_session(user, session.id, True) == ended


def test_xp_that_was_taken_back_is_no_negative_gain(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 100)
    session = learn.start_session(user, "lesson")
    learn.reverse_xp(user, learn.transactions(user)[0])
    assert learn.end_session(user, session.id).xp_earned == 0


@pytest.mark.parametrize(
    ("kind", "resource", "metadata"),
    [
        (None, None, None),
        ("", None, None),
        ("party", None, None),
        ("quiz", "", None),
        ("quiz", " ", None),
        ("quiz", "x" * 256, None),
        ("quiz", None, []),
        ("quiz", None, "x"),
    ],
)
def test_a_session_that_makes_no_sense_is_refused(
    learn: Learn, kind: str | None, resource: str | None, metadata: Any
) -> None:
    user = learn.make_user()
    with learn.refuses("LX001"):
        learn.start_session(user, kind, resource, metadata)


def test_an_end_that_makes_no_sense_is_refused(learn: Learn, user: UUID) -> None:
    session = learn.start_session(user, "quiz")
    with learn.refuses("LX001"):
        learn.end_session(user, session.id, at=learn.clock() - seconds(1))
    with learn.refuses("LX001"):
        learn.end_session(user, session.id, at=learn.clock() + days(1))
    with learn.refuses("LX001"):
        learn.run("select learn.end_session(%s, %s, null)", [user, session.id])
    with learn.refuses("LX001"):
        learn.start_session(user, "quiz", at=learn.clock() - days(31))
    for other in (None, 10**12, learn.start_session(learn.make_user(), "quiz").id):
        with learn.refuses("LX003"):
            learn.end_session(user, other)


def test_users_must_be_known_and_active(learn: Learn, user: UUID) -> None:
    session = learn.start_session(user, "quiz")
    with learn.refuses("LX002"):
        learn.start_session(UUID(int=7), "quiz")
    with learn.refuses("LX002"):
        learn.end_session(UUID(int=7), session.id)
    learn.run("update learn.users set is_active = false")
    with learn.refuses("LX004"):
        learn.start_session(user, "quiz")
    with learn.refuses("LX004"):
        learn.end_session(user, session.id)


def test_abandoned_sessions_are_closed_when_their_time_ran_out(learn: Learn) -> None:
    users = [learn.make_user() for _ in range(3)]
    for user in users:
        learn.start_session(user, "lesson", "old")
    learn.award_xp(users[0], 40)
    learn.advance(seconds(3600))
    fresh = learn.start_session(users[0], "lesson", "fresh")
    learn.advance(seconds(3600))
    assert learn.close_abandoned_sessions() == 0  # 120 minutes are not longer than 120
    learn.advance(seconds(1))
    assert learn.close_abandoned_sessions() == 3
    assert learn.close_abandoned_sessions() == 0
    assert learn.tuples(
        "select duration_seconds, is_completed, xp_earned from learn.learning_sessions"
        " where ended_at is not null order by xp_earned desc"
    ) == [(7200, False, 40), (7200, False, 0), (7200, False, 0)]
    assert learn.end_session(users[0], fresh.id).duration_seconds == 3601


def test_the_timeout_is_a_setting(learn: Learn) -> None:
    learn.start_session(learn.make_user(), "lesson")
    learn.set_setting("session_timeout_minutes", 1)
    learn.advance(seconds(61))
    assert learn.close_abandoned_sessions() == 1


def test_rows_of_the_owner_do_the_same(learn: Learn) -> None:
    users = [learn.make_user() for _ in range(3)]
    learn.award_xp(users[0], 10)
    learn.run(
        "insert into learn.learning_sessions (user_id, session_type)"
        " select u, 'course' from unnest(%s::uuid[]) u",
        [users],
    )
    learn.award_xp(users[0], 7)
    learn.advance(days(1) / 24)
    learn.run("update learn.learning_sessions set ended_at = learn.clock()")
    assert learn.tuples(
        "select xp_at_start, xp_earned, duration_seconds from learn.learning_sessions"
        " order by xp_at_start desc"
    ) == [(10, 7, 3600), (0, 0, 3600), (0, 0, 3600)]
    # What is over elsewhere says itself what it earned.
    learn.run(
        "insert into learn.learning_sessions (user_id, session_type, started_at, ended_at, xp_earned,"
        " is_completed) values (%s, 'quiz', learn.clock() - interval '9 days', learn.clock(), 12, true)",
        [users[0]],
    )
    assert learn.value("select xp_earned from learn.learning_sessions where is_completed") == 12


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("session_type, resource_id", "'quiz', ''"),
        ("session_type, ended_at", "'quiz', learn.clock() - interval '1 second'"),
        ("session_type, is_completed", "'quiz', true"),
        ("session_type, xp_earned", "'quiz', -1"),
        ("session_type, metadata", "'quiz', '[]'"),
        ("session_type", "'party'"),
    ],
)
def test_rows_that_make_no_sense_are_refused(learn: Learn, user: UUID, columns: str, values: str) -> None:
    with learn.fails("23514"):
        learn.run(f"insert into learn.learning_sessions (user_id, {columns}) values ('{user}', {values})")


def test_two_open_sessions_of_one_resource_are_refused(learn: Learn, user: UUID) -> None:
    for resource in (None, "x"):
        learn.start_session(user, "quiz", resource)
        with learn.fails("23505"):
            learn.run(
                "insert into learn.learning_sessions (user_id, session_type, resource_id)"
                " values (%s, 'quiz', %s)",
                [user, resource],
            )


def test_learn_app_starts_ends_and_closes(learn: Learn, user: UUID) -> None:
    with learn.role("learn_app"):
        learn.end_session(user, learn.start_session(user, "quiz").id)
        assert learn.close_abandoned_sessions() == 0
        with learn.fails("42501"):
            learn.run("update learn.learning_sessions set xp_earned = 5")
