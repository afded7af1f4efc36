"""record_activity(): facts that a backend tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Learn

if TYPE_CHECKING:
    from typing_extensions import LiteralString


def test_a_fact_is_written_with_all_that_it_was_told(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=3), learn.make_user(timezone="Asia/Tokyo")
    summary = learn.record_activity(user, activity, "video", "42", {"seconds": 90}, at="2035-06-13 11:30")
    assert summary == AwardSummary(user, 3, 3, 1, False, 0, [], {}, False)
    rows = learn.tuples(
        "select activity_type, subject_type, subject_id, properties, xp,"
        " occurred_at = '2035-06-13 11:30+00', local_date::text, is_qualifying, recorded_at = learn.clock()"
        " from learn.activity_log where user_id = %s and activity_type = %s",
        [user, activity],
    )
    assert rows == [(activity, "video", "42", {"seconds": 90}, None, True, "2035-06-13", False, True)]


def test_a_fact_happens_now_unless_told(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    learn.record_activity(user, activity)
    assert learn.value(
        "select occurred_at = learn.clock() from learn.activity_log"
        " where user_id = %s and activity_type = %s",
        [user, activity],
    )


def test_a_type_that_happens_again_is_recorded_each_time(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=3), learn.make_user()
    learn.record_activity(user, activity, "video", "42")
    assert learn.record_activity(user, activity, "video", "42").xp_awarded == 3
    assert len(learn.facts(user, activity)) == 2


def test_a_type_that_happens_once_is_recorded_once_per_subject(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=3, happens_once=True), learn.make_user()
    assert learn.record_activity(user, activity, "video", "42").xp_awarded == 3
    assert learn.record_activity(user, activity, "video", "42").xp_awarded == 0
    assert learn.record_activity(user, activity, "video", "43").xp_awarded == 3
    assert learn.record_activity(user, activity, "podcast", "42").xp_awarded == 3
    assert learn.record_activity(learn.make_user(), activity, "video", "42").xp_awarded == 3
    assert len(learn.facts(user, activity)) == 3


def test_a_qualifying_type_makes_an_active_day_and_another_does_not(learn: Learn) -> None:
    qualifying, other, user = (
        learn.make_activity_type(qualifying=True),
        learn.make_activity_type(),
        learn.make_user(),
    )
    assert learn.record_activity(user, other).current_streak == 0
    assert learn.record_activity(user, qualifying).current_streak == 1


@pytest.mark.parametrize("activity", ["unheard_of", None, ""])
def test_an_unknown_type_is_refused(learn: Learn, user: UUID, activity: str | None) -> None:
    with learn.refuses("LX001"):
        learn.record_activity(user, activity)


@pytest.mark.parametrize(("subject_type", "subject_id"), [("video", None), (None, "42")])
def test_half_a_subject_is_refused(learn: Learn, subject_type: str | None, subject_id: str | None) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    with learn.refuses("LX001"):
        learn.record_activity(user, activity, subject_type, subject_id)


@pytest.mark.parametrize(("subject_type", "subject_id"), [("v" * 101, "42"), ("video", "4" * 501)])
def test_a_subject_too_long_to_look_up_is_refused(learn: Learn, subject_type: str, subject_id: str) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    with learn.refuses("LX001"):
        learn.record_activity(user, activity, subject_type, subject_id)


def test_the_longest_subject_is_recorded_once(learn: Learn, user: UUID) -> None:
    for _ in range(2):
        learn.record_activity(user, "course_completed", "é" * 100, "ß" * 500)
    assert learn.metric(user, "courses_completed") == 1


def test_a_scope_too_long_to_look_up_is_refused(learn: Learn, user: UUID) -> None:
    with learn.refuses("LX001"):
        learn.record_activity(user, "quiz_completed", properties={"exam_type": "x" * 201})
    learn.record_activity(user, "quiz_completed", properties={"exam_type": "x" * 200})
    assert learn.metric(user, "quizzes_completed", "x" * 200) == 1


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("properties", "'[1, 2]'"),
        ("properties", "'null'"),
        ("subject_type", "'video'"),
        ("subject_id", "'1'"),
    ],
)
def test_a_malformed_fact_written_by_hand_is_refused(
    learn: Learn, columns: LiteralString, values: LiteralString
) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    with learn.refuses("LX001"):
        learn.run(
            "insert into learn.activity_log (user_id, activity_type, "
            + columns
            + ") values (%s, %s, "
            + values
            + ")",
            [user, activity],
        )


def test_properties_are_an_object(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    with learn.refuses("LX001"):
        learn.record_activity(user, activity, properties=[1, 2])
    with learn.refuses("LX001"):
        learn.run("select learn.record_activity(%s, %s, p_properties => null)", [user, activity])


@pytest.mark.parametrize(
    "activity",
    [
        "user_registered",
        "achievement_earned",
        "achievement_revoked",
        "level_reached",
        "xp_awarded",
        "xp_reversed",
        "streak_freeze_granted",
        "streak_freeze_earned",
        "streak_freeze_used",
    ],
)
def test_a_type_that_laurel_writes_itself_is_refused(learn: Learn, user: UUID, activity: str) -> None:
    with learn.refuses("LX010"):
        learn.record_activity(user, activity)


def test_a_known_and_active_user_is_needed(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    for unknown in (uuid4(), None):
        with learn.refuses("LX002"):
            learn.record_activity(unknown, activity)
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.record_activity(user, activity)


# ── when it may have happened ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("at", ["2035-06-13 12:05:00", "2035-05-14 12:00:00"])
def test_a_fact_may_lie_five_minutes_ahead_and_thirty_days_back(learn: Learn, at: str) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    learn.record_activity(user, activity, at=at)
    assert len(learn.facts(user, activity)) == 1


@pytest.mark.parametrize("at", ["2035-06-13 12:05:00.000001", "2035-05-14 11:59:59.999999"])
def test_a_fact_further_ahead_or_back_is_refused(learn: Learn, at: str) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    with learn.refuses("LX001"):
        learn.record_activity(user, activity, at=at)


@pytest.mark.parametrize("at", ["infinity", "-infinity"])
def test_eternity_is_no_time(learn: Learn, at: str) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    with learn.refuses("LX001"):
        learn.run("select learn.record_activity(%s, %s, p_occurred_at => %s)", [user, activity, at])


def test_how_far_back_is_a_setting(learn: Learn) -> None:
    learn.set_setting("max_event_age_days", 2)
    activity, user = learn.make_activity_type(), learn.make_user()
    learn.record_activity(user, activity, at="2035-06-11 12:00")
    with learn.refuses("LX001"):
        learn.record_activity(user, activity, at="2035-06-11 11:59")


def test_a_fact_may_be_older_than_the_account(learn: Learn) -> None:
    activity, user = learn.make_activity_type(qualifying=True), learn.make_user()
    assert learn.record_activity(user, activity, at="2035-06-01 12:00").current_streak == 0
    assert learn.stats(user).active_days == 1


def test_every_function_with_a_time_refuses_one_out_of_bounds(learn: Learn) -> None:
    user, lesson, ahead = learn.make_user(), learn.make_lesson(1), "2035-06-13 12:06"
    learn.award_xp(user, 5)
    (paid,) = learn.transactions(user)
    calls: list[Callable[[], AwardSummary]] = [
        lambda: learn.start_lesson(user, lesson, at=ahead),
        lambda: learn.complete_lesson(user, lesson, at=ahead),
        lambda: learn.submit_query(user, lesson.exercises[0], at=ahead),
        lambda: learn.award_xp(user, 1, at=ahead),
        lambda: learn.reverse_xp(user, paid, at=ahead),
        lambda: learn.grant_streak_freezes(user, at=ahead),
        lambda: learn.grant_achievement(user, "path-master", at=ahead),
        lambda: learn.revoke_achievement(user, "welcome-aboard", at=ahead),
    ]
    for call in calls:
        with learn.refuses("LX001"):
            call()


def test_a_fact_written_straight_into_the_log_does_all_that_the_function_does(learn: Learn) -> None:
    activity = learn.make_activity_type(xp=3, qualifying=True)
    metric, user = learn.make_metric(activity), learn.make_user(timezone="Asia/Tokyo")
    learn.run(
        "insert into learn.activity_log (user_id, activity_type, occurred_at)"
        " values (%s, %s, '2035-06-12 20:00+00')",
        [user, activity],
    )
    assert learn.ledger(user) == [(3, activity, None)]
    assert learn.metric(user, metric) == 1
    assert [str(day) for day, _ in learn.active_days(user)] == ["2035-06-13"]


def test_a_fact_of_nobody_or_of_no_type_is_not_written_into_the_log(learn: Learn, user: UUID) -> None:
    with learn.refuses("LX002"):
        learn.run(
            "insert into learn.activity_log (user_id, activity_type)"
            " values (gen_random_uuid(), 'lesson_started')"
        )
    with learn.refuses("LX001"):
        learn.run("insert into learn.activity_log (user_id, activity_type) values (%s, 'unheard_of')", [user])
