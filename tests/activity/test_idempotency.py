"""A retried call with the same key gets the first answer and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from uuid import UUID

import pytest

from tests.client import AwardSummary, Learn, Lesson

Call = Callable[[Learn, UUID, Lesson, str | None], AwardSummary]

CALLS: dict[str, Call] = {
    "start_lesson": lambda learn, user, lesson, key: learn.start_lesson(user, lesson, key=key),
    "complete_lesson": lambda learn, user, lesson, key: learn.complete_lesson(
        user, lesson, 90.5, 30, key=key
    ),
    "submit_query": lambda learn, user, _, key: learn.submit_query(
        user, learn.value("select min(id) from learn.exercises", []), False, "no such table", key=key
    ),
    "record_activity": lambda learn, user, _, key: learn.record_activity(
        user, "course_enrolled", "course", "1", {"n": [1, {"a": None}]}, key=key
    ),
    "award_xp": lambda learn, user, _, key: learn.award_xp(user, 450, "contest", "1", "Won", key=key),
    "reverse_xp": lambda learn, user, _, key: learn.reverse_xp(user, learn.transactions(user)[0], key=key),
    "grant_streak_freezes": lambda learn, user, _, key: learn.grant_streak_freezes(user, 2, key=key),
    "grant_achievement": lambda learn, user, _, key: learn.grant_achievement(user, "path-master", key=key),
    "revoke_achievement": lambda learn, user, _, key: learn.revoke_achievement(
        user, "welcome-aboard", key=key
    ),
}


def scene(learn: Learn) -> tuple[UUID, Lesson]:
    user = learn.make_user()
    learn.make_lesson(1)
    learn.award_xp(user, 10)
    return user, learn.make_lesson(0)


@pytest.mark.parametrize("function", CALLS)
def test_a_retry_gets_the_first_answer_also_after_more_has_happened(learn: Learn, function: str) -> None:
    user, lesson = scene(learn)
    first = CALLS[function](learn, user, lesson, "key")
    assert first.replayed is False
    learn.award_xp(user, 1000)
    learn.solve(user, learn.make_lesson(1))
    before, stats = learn.row_counts(), learn.stats(user)
    assert CALLS[function](learn, user, lesson, "key") == first._replace(replayed=True)
    assert learn.row_counts() == before
    assert learn.stats(user) == stats


@pytest.mark.parametrize("function", CALLS)
def test_without_a_key_nothing_is_replayed(learn: Learn, function: str) -> None:
    user, lesson = scene(learn)
    assert CALLS[function](learn, user, lesson, None).replayed is False
    assert learn.value("select count(*) from learn.idempotency_keys", []) == 0


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize("key", ["", "   ", "k" * 201])
def test_a_key_is_not_blank_and_not_endless(learn: Learn, function: str, key: str) -> None:
    user, lesson = scene(learn)
    with learn.refuses("LX001"):
        CALLS[function](learn, user, lesson, key)


def test_a_key_may_have_200_characters(learn: Learn, user: UUID) -> None:
    assert learn.award_xp(user, 5, key="k" * 200).replayed is False
    assert learn.award_xp(user, 5, key="k" * 200).replayed is True


@pytest.mark.parametrize(("function", "other"), list(pairwise([*CALLS, "start_lesson"])))
def test_a_key_is_good_for_one_function(learn: Learn, function: str, other: str) -> None:
    user, lesson = scene(learn)
    CALLS[function](learn, user, lesson, "key")
    with learn.refuses("LX013"):
        CALLS[other](learn, user, lesson, "key")


def test_a_key_is_good_for_the_same_arguments_only(learn: Learn) -> None:
    user, lesson, exercise = learn.make_user(), learn.make_lesson(0), learn.make_lesson(1).exercises[0]
    learn.submit_query(user, exercise, False, query="select 1", duration_ms=5, at="2035-06-13 11:00", key="k")
    same = {"query": "select 1", "duration_ms": 5, "at": "2035-06-13 11:00", "key": "k"}
    for change in (
        {"query": "select 2"},
        {"duration_ms": 6},
        {"duration_ms": None},
        {"at": "2035-06-13 11:01"},
        {"at": None},
        {"error": "no such table"},
        {"correct": True},
        {"exercise": learn.make_lesson(1).exercises[0]},
    ):
        arguments = {"user": user, "exercise": exercise, "correct": False, **same, **change}
        with learn.refuses("LX013"):
            learn.submit_query(**arguments)
    learn.complete_lesson(user, lesson, 90, 10, key="c")
    for score, taken in ((91, 10), (90, 11), (None, 10), (90, None)):
        with learn.refuses("LX013"):
            learn.complete_lesson(user, lesson, score, taken, key="c")
    learn.award_xp(user, 5, "contest", "1", "Won", key="a")
    for amount, source_type, source_id, description in (
        (6, "contest", "1", "Won"),
        (5, "league", "1", "Won"),
        (5, "contest", "2", "Won"),
        (5, "contest", "1", None),
    ):
        with learn.refuses("LX013"):
            learn.award_xp(user, amount, source_type, source_id, description, key="a")


def test_a_conflict_is_told_also_when_the_other_call_would_fail(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 5, key="k")
    with learn.refuses("LX013"):
        learn.award_xp(user, -5, key="k")


def test_a_key_belongs_to_one_user(learn: Learn) -> None:
    user, other = learn.make_user(), learn.make_user()
    learn.award_xp(user, 5, key="k")
    assert learn.award_xp(other, 7, key="k").replayed is False
    assert learn.stats(other).total_xp == 7


def test_a_call_that_failed_leaves_its_key_free(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(1)
    with learn.refuses("LX007"):
        learn.complete_lesson(user, lesson, key="k")
    assert learn.award_xp(user, 5, key="k").replayed is False


def test_a_retry_is_answered_however_late_it_comes(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    first = learn.complete_lesson(user, lesson, at="2035-06-10 12:00", key="k")
    learn.set_clock("2035-12-24 12:00")
    assert learn.complete_lesson(user, lesson, at="2035-06-10 12:00", key="k") == first._replace(
        replayed=True
    )


def test_a_retry_is_answered_although_the_content_is_gone(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    first = learn.complete_lesson(user, lesson, key="k")
    learn.run("delete from learn.lessons where id = %s", [lesson.id])
    assert learn.complete_lesson(user, lesson, key="k") == first._replace(replayed=True)


def test_a_retry_from_a_session_in_another_time_zone_is_a_retry(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    first = learn.complete_lesson(user, lesson, at="2035-06-13 11:00", key="k")
    learn.run("set local timezone to 'Asia/Tokyo'")
    assert learn.complete_lesson(user, lesson, at="2035-06-13 11:00", key="k") == first._replace(
        replayed=True
    )


def test_a_retry_with_a_score_of_the_same_value_is_a_retry(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    first = learn.complete_lesson(user, lesson, 90.0, key="k")
    assert learn.complete_lesson(user, lesson, 90, key="k") == first._replace(replayed=True)


def test_the_order_of_members_in_properties_does_not_matter(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    learn.record_activity(user, activity, properties={"a": 1, "b": 2}, key="k")
    assert learn.record_activity(user, activity, properties={"b": 2, "a": 1}, key="k").replayed is True


def test_a_fact_carries_the_key_of_its_call(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    learn.record_activity(user, activity, key="k")
    assert learn.tuples(
        "select idempotency_key from learn.activity_log where user_id = %s and activity_type = %s",
        [user, activity],
    ) == [("k",)]
