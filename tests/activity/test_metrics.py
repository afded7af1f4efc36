"""Metrics: every aggregate, filters, scopes, and what a metric that comes late knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn


def record(learn: Learn, user: UUID, activity: str, *properties: dict[str, Any]) -> None:
    for one in properties:
        learn.record_activity(user, activity, properties=one)


def test_count_counts_facts(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity, "count")
    record(learn, user, activity, {}, {}, {})
    assert learn.metric(user, metric) == 3
    assert learn.metric(learn.make_user(), metric) == 0


def test_sum_adds_a_property_and_takes_a_missing_one_for_nothing(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity, "sum", property="minutes")
    record(learn, user, activity, {"minutes": 5}, {}, {"minutes": None}, {"minutes": 7}, {"minutes": -2})
    assert learn.metric(user, metric) == 10


def test_fractions_in_a_sum_are_rounded_each(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity, "sum", property="minutes")
    record(learn, user, activity, {"minutes": 2.5}, {"minutes": 0.4})
    assert learn.metric(user, metric) == 3


def test_max_keeps_the_greatest_and_never_falls(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity, "max", property="score")
    for score, greatest in ((-5, 0), (5, 5), (3, 5), (9, 9)):
        record(learn, user, activity, {"score": score}, {})
        assert learn.metric(user, metric) == greatest


@pytest.mark.parametrize("aggregate", ["sum", "max"])
@pytest.mark.parametrize("value", ["7", True, [7], {"n": 7}, 10**16])
def test_a_property_that_is_no_number_is_refused(learn: Learn, aggregate: str, value: Any) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    learn.make_metric(activity, aggregate, property="score")
    with learn.refuses("LX001") as refusal:
        learn.record_activity(user, activity, properties={"score": value})
    assert "score" in refusal.detail


def test_distinct_days_counts_local_days(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user(timezone="America/New_York")
    metric = learn.make_metric(activity, "distinct_days")
    for at in (
        "2035-06-11 03:59",
        "2035-06-11 04:00",
        "2035-06-11 20:00",
        "2035-06-12 04:00",
        "2035-06-13 03:59",
    ):
        learn.record_activity(user, activity, at=at)
    assert learn.metric(user, metric) == 3


def test_hopping_between_zones_is_no_distinct_day(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user(timezone="Etc/GMT+12")
    metric = learn.make_metric(activity, "distinct_days", is_board=True)
    badge = learn.make_achievement({"metric": metric, "at_least": 3})
    learn.set_clock("2035-06-11 11:00")
    for zone in ("Etc/GMT+12", "UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Tokyo"):
        learn.run("update learn.users set timezone = %s where id = %s", [zone, user])
        learn.record_activity(user, activity)
        learn.advance(timedelta(minutes=1))
    assert learn.metric(user, metric) == 1
    learn.set_clock("2035-06-12 15:00")  # the next day in Tokyo, and where the first was
    learn.record_activity(user, activity)
    assert learn.metric(user, metric) == 2
    assert learn.tuples("select total from learn_internal.metric_steps(%s, %s, '')", [user, metric]) == [
        (1,),
        (2,),
    ]
    assert [row.value for row in learn.leaderboard("all_time", metric)] == [2]
    assert badge not in learn.badges(user)


def test_a_late_fact_in_an_earlier_zone_takes_a_day_that_was_a_hop(learn: Learn) -> None:
    activity = learn.make_activity_type()
    metric = learn.make_metric(activity, "distinct_days", is_board=True)
    learn.set_clock("2035-06-11 20:00")
    user = learn.make_user(timezone="Pacific/Honolulu")  # 10:00 there
    learn.record_activity(user, activity, at="2035-06-10 20:00")
    learn.set_clock("2035-06-12 05:00")
    learn.run("update learn.users set timezone = 'Asia/Tokyo' where id = %s", [user])
    learn.record_activity(user, activity)  # the 12th there, the 11th in Honolulu
    assert learn.metric(user, metric) == 2
    learn.record_activity(user, activity, at="2035-06-11 21:00")  # the 11th in Honolulu
    assert learn.metric(user, metric) == 2
    assert learn.tuples("select activity_date::text from learn_internal.user_metric_days order by 1") == [
        ("2035-06-10",),
        ("2035-06-11",),
    ]
    assert [row.value for row in learn.leaderboard("all_time", metric)] == [2]


def test_run_grows_until_it_is_reset(learn: Learn) -> None:
    good, bad, user = learn.make_activity_type(), learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(good, "run", reset_activity_type=bad, reset_filter={"hard": True})
    record(learn, user, good, {}, {})
    record(learn, user, bad, {"hard": False})
    assert learn.metric(user, metric) == 2
    record(learn, user, bad, {"hard": True})
    assert learn.metric(user, metric) == 0
    record(learn, user, good, {})
    assert learn.metric(user, metric) == 1


def test_a_run_and_its_reset_within_one_batch(learn: Learn) -> None:
    good, bad, user = learn.make_activity_type(), learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(good, "run", reset_activity_type=bad)
    slug = learn.make_achievement({"metric": metric, "at_least": 4})
    record(learn, user, good, {})
    learn.record_activities(
        [{"user_id": user, "activity_type": kind} for kind in (good, good, bad, good, good, good, bad, good)]
    )
    assert learn.metric(user, metric) == 1
    assert slug not in learn.badges(user)  # 1 + 2, then 3
    learn.record_activities([{"user_id": user, "activity_type": kind} for kind in (good, good, good, bad)])
    assert learn.metric(user, metric) == 0
    assert slug in learn.badges(user)  # 4 at its height


def test_one_fact_may_count_for_a_run_and_reset_it_first(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity, "run", reset_activity_type=activity, reset_filter={"new": True})
    record(learn, user, activity, {}, {}, {"new": True})
    assert learn.check_integrity() == []
    record(learn, user, activity, {})
    assert learn.check_integrity() == []
    assert learn.metric(user, metric) in (1, 2)


def test_a_filter_asks_for_what_the_properties_contain(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity, filter={"level": "hard", "tags": ["sql"]})
    record(
        learn,
        user,
        activity,
        {"level": "hard", "tags": ["sql", "joins"], "more": 1},
        {"level": "hard"},
        {"level": "easy", "tags": ["sql"]},
    )
    assert learn.metric(user, metric) == 1


def test_a_scope_is_counted_apart_and_in_the_whole(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity, scope_property="category")
    record(
        learn, user, activity, {"category": "a"}, {"category": "a"}, {"category": "b"}, {}, {"category": ""}
    )
    assert [learn.metric(user, metric, scope) for scope in ("a", "b", "c", "")] == [2, 1, 0, 5]


@pytest.mark.parametrize(
    ("aggregate", "options", "expected"),
    [
        ("count", {}, 4),
        ("sum", {"property": "n"}, 10),
        ("max", {"property": "n"}, 4),
        ("distinct_days", {}, 2),
        ("run", {"reset_activity_type": "course_enrolled"}, 1),
        ("count", {"filter": {"even": True}}, 2),
    ],
)
def test_a_metric_that_comes_late_knows_the_past_and_goes_on(
    learn: Learn, aggregate: str, options: dict[str, Any], expected: int
) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    for n in (1, 2, 3, 4):
        if n == 4:
            learn.record_activity(user, "course_enrolled", "course", "1", at="2035-06-12 12:00")
        at = f"2035-06-{11 + n // 3} 12:00"
        learn.record_activity(user, activity, properties={"n": n, "even": n % 2 == 0}, at=at)
    metric = learn.make_metric(activity, aggregate, **options)
    assert learn.metric(user, metric) == expected
    learn.record_activity(user, activity, properties={"n": 5, "even": False}, at="2035-06-12 13:00")
    steps = {"count": 1, "sum": 5, "max": 1, "distinct_days": 0, "run": 1}
    assert learn.metric(user, metric) == expected + (0 if "filter" in options else steps[aggregate])


def test_a_metric_that_is_redefined_is_recounted(learn: Learn) -> None:
    activity, other, user = learn.make_activity_type(), learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity, scope_property="kind")
    record(learn, user, activity, {"kind": "a", "n": 5}, {"kind": "b", "n": 6})
    record(learn, user, other, {}, {}, {})
    changes = {
        'filter = \'{"kind": "a"}\'': 1,
        "filter = '{}', aggregate = 'sum', property = 'n'": 11,
        "aggregate = 'max'": 6,
        "aggregate = 'distinct_days', property = null": 1,
        f"aggregate = 'count', activity_type = '{other}'": 3,
    }
    for change, value in changes.items():
        learn.run(f"update learn.metrics set {change} where key = %s", [metric])
        assert learn.metric(user, metric) == value, change
        assert learn.check_integrity() == []


def test_a_metric_redefined_later_is_no_damage_for_the_badges_on_it(learn: Learn) -> None:
    activity, other, user = learn.make_activity_type(), learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity)
    slug = learn.make_achievement({"metric": metric, "at_least": 2})
    learn.set_clock("2035-06-14 12:00")
    record(learn, user, other, {}, {})
    learn.set_clock("2035-06-15 12:00")
    learn.run("update learn.metrics set activity_type = %s where key = %s", [other, metric])
    assert slug not in learn.badges(user)
    assert learn.check_integrity() == []
    assert learn.check_achievements(user) == [slug]


def test_the_key_of_a_metric_stays_since_criteria_name_it(learn: Learn) -> None:
    metric = learn.make_metric(learn.make_activity_type())
    with learn.refuses("LX001"):
        learn.run("update learn.metrics set key = 'renamed_metric' where key = %s", [metric])


def test_a_metric_that_a_badge_asks_for_is_not_deleted(learn: Learn) -> None:
    metric = learn.make_metric(learn.make_activity_type())
    learn.make_achievement({"metric": metric, "at_least": 2})
    with learn.fails("23503"):
        learn.run("delete from learn.metrics where key = %s", [metric])


def test_a_deleted_metric_leaves_no_values(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity)
    record(learn, user, activity, {})
    learn.run("delete from learn.metrics where key = %s", [metric])
    assert learn.metric(user, metric) == 0
    record(learn, user, activity, {})


@pytest.mark.parametrize(
    "definition",
    [
        {"aggregate": "average"},
        {"aggregate": "sum"},
        {"aggregate": "count", "property": "n"},
        {"aggregate": "run"},
        {"aggregate": "count", "reset_activity_type": "course_enrolled"},
    ],
)
def test_a_metric_that_makes_no_sense_is_refused(learn: Learn, definition: dict[str, str]) -> None:
    activity = learn.make_activity_type()
    with learn.fails("23514"):
        learn.make_metric(activity, **definition)  # type: ignore[arg-type]


def test_the_metrics_of_the_contract_are_there(learn: Learn) -> None:
    names = {
        "queries_executed",
        "exercises_solved",
        "lessons_completed",
        "lessons_clean",
        "lessons_first_try",
        "lessons_fast",
        "lesson_solve_run",
        "courses_completed",
        "tracks_completed",
        "difficulty_completed",
        "paths_completed",
        "quizzes_completed",
        "perfect_quizzes",
        "high_score_quizzes",
        "correct_answers",
        "challenges_completed",
        "challenge_levels_passed",
        "daily_challenges_completed",
        "current_streak",
        "active_days",
        "level_reached",
        "xp",
        "solutions_accepted",
    }
    found = {key for (key,) in learn.tuples("select key from learn.metrics")}
    assert names <= found


def test_the_activity_types_of_the_contract_are_there(learn: Learn) -> None:
    names = {
        "user_registered",
        "exercise_attempted",
        "exercise_solved",
        "exercise_solved_first_try",
        "lesson_started",
        "lesson_completed",
        "lesson_perfect",
        "level_completed",
        "course_enrolled",
        "course_completed",
        "track_completed",
        "difficulty_completed",
        "path_completed",
        "question_answered_correctly",
        "quiz_completed",
        "quiz_perfect",
        "challenge_level_passed",
        "challenge_completed",
        "daily_challenge_completed",
        "achievement_earned",
        "level_reached",
        "discussion_posted",
        "reply_posted",
        "solution_accepted",
    }
    found = dict(learn.tuples("select key, is_qualifying from learn.activity_types"))
    assert names <= set(found)
    assert not any(found[name] for name in ("user_registered", "achievement_earned", "level_reached"))
