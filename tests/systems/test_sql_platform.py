"""The SQL platform's documented journey, from signing up to a finished learning path and a streak."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.client import AwardSummary, Learn, LessonProgress, PathProgress, TrackProgress, moment
from toolkit.history.seeds import plan
from toolkit.project.layout import Project

pytestmark = pytest.mark.stock

ROOT = Path(__file__).resolve().parents[2]
MONDAY = "2035-06-11"


def test_a_learner_from_sign_up_to_path_master(learn: Learn) -> None:
    learn.set_clock(f"{MONDAY} 09:00")
    basics = learn.make_lesson(2, difficulty="beginner")
    reading = learn.make_lesson(0, difficulty="beginner")
    joins = learn.make_lesson(1, difficulty="intermediate")
    first = learn.make_track(basics, reading, difficulty="beginner")
    second = learn.make_track(joins, difficulty="intermediate", completion_xp=120)
    path = learn.make_path(first, second)

    # Signing up: the welcome badge is there, and nothing is paid.
    user = learn.register_user("Ada", email="ada@example.org", timezone="Europe/Paris")
    assert learn.badges(user) == ["welcome-aboard"]
    assert learn.ledger(user) == []

    # A wrong query, which does not execute: a first query, an active day, no XP.
    learn.set_clock(f"{MONDAY} 09:10")
    wrong = learn.submit_query(user, basics.exercises[0], False, 'syntax error at or near "selekt"')
    assert wrong == AwardSummary(user, 0, 0, 1, False, 1, ["first-query"], {}, False)

    # The right query: +10, but not on the first try.
    learn.set_clock(f"{MONDAY} 09:12")
    right = learn.submit_query(user, basics.exercises[0])
    assert right == AwardSummary(user, 10, 10, 1, False, 1, ["first-correct-answer"], {}, False)
    assert learn.track_progress(user, first) is None

    # Running it once more pays nothing.
    again = learn.submit_query(user, basics.exercises[0])
    assert again == AwardSummary(user, 0, 10, 1, False, 1, [], {}, False)

    # The last exercise, on the first try (+10 +5), completes the lesson by itself (+50).
    learn.set_clock(f"{MONDAY} 09:20")
    solved = learn.submit_query(user, basics.exercises[1])
    assert solved == AwardSummary(user, 65, 75, 1, False, 1, ["first-lesson"], {}, False)
    assert learn.lesson_progress(user, basics) == LessonProgress(
        "completed", None, None, None, moment(f"{MONDAY} 09:20")
    )
    assert learn.track_progress(user, first) == TrackProgress("in_progress", 1, 2, Decimal("50.00"), None)

    # Tuesday: a lesson without exercises, perfect (+50 +20), completes the track (+200): level 3 at 300 XP.
    learn.set_clock("2035-06-12 20:00")
    done = learn.complete_lesson(user, reading, 100, 300)
    assert done == AwardSummary(user, 270, 345, 3, True, 2, ["track-finisher", "sql-explorer"], {}, False)
    assert learn.track_progress(user, first) == TrackProgress(
        "completed", 2, 2, Decimal("100.00"), moment("2035-06-12 20:00")
    )
    assert learn.path_progress(user, path) == PathProgress(1, 2, None)

    # Wednesday: started, and solved in 40 seconds on the first try: +10 +5 +50 +20, and the track's own 120.
    learn.set_clock("2035-06-13 20:00:00")
    started = learn.start_lesson(user, joins)
    assert started == AwardSummary(user, 0, 345, 3, False, 3, ["daily-learner"], {}, False)
    learn.set_clock("2035-06-13 20:00:40")
    last = learn.submit_query(user, joins.exercises[0])
    assert (last.xp_awarded, last.total_xp, last.current_level, last.leveled_up) == (205, 550, 3, False)
    assert last.current_streak == 3
    assert sorted(last.new_achievements) == ["clean-query", "one-shot", "path-master", "speed-runner"]
    assert learn.path_progress(user, path) == PathProgress(2, 2, moment("2035-06-13 20:00:40"))

    # Thursday to Sunday: a query a day makes a week.
    for day, streak in ((14, 4), (15, 5), (16, 6)):
        learn.set_clock(f"2035-06-{day} 12:00")
        summary = learn.submit_query(user, joins.exercises[0])
        assert summary == AwardSummary(user, 0, 550, 3, False, streak, [], {}, False)
    learn.set_clock("2035-06-17 12:00")
    week = learn.submit_query(user, joins.exercises[0])
    assert week == AwardSummary(user, 0, 550, 3, False, 7, ["weekly-streak"], {}, False)

    assert learn.ledger(user) == [
        (10, "exercise_solved", str(basics.exercises[0])),
        (10, "exercise_solved", str(basics.exercises[1])),
        (5, "exercise_solved_first_try", str(basics.exercises[1])),
        (50, "lesson_completed", str(basics.id)),
        (50, "lesson_completed", str(reading.id)),
        (20, "lesson_perfect", str(reading.id)),
        (200, "track_completed", str(first.id)),
        (10, "exercise_solved", str(joins.exercises[0])),
        (5, "exercise_solved_first_try", str(joins.exercises[0])),
        (50, "lesson_completed", str(joins.id)),
        (20, "lesson_perfect", str(joins.id)),
        (120, "track_completed", str(second.id)),
    ]

    home = learn.dashboard(user)
    newest = home.pop("recent_achievements")
    assert home == {
        "user_id": user,
        "username": "Ada",
        "display_name": None,
        "avatar_url": None,
        "avatar_emoji": None,
        "selected_avatar": None,
        "total_xp": 550,
        "current_level": 3,
        "xp_in_level": 250,
        "xp_to_next_level": 50,
        "current_streak": 7,
        "longest_streak": 7,
        "active_days": 7,
        "last_activity_date": moment("2035-06-17 12:00").date(),
        "streak_freezes": 0,
        "lessons_completed": 3,
        "tracks_completed": 2,
        "achievements_earned": 12,
        "courses_enrolled": 0,
        "courses_completed": 0,
        "current_courses": [],
        "challenges_completed": 0,
        "track_progress": {first.slug: 100.0, second.slug: 100.0},
        "unread_notifications": 13,
        "xp_rank": 1,
        "rank_percentile": 100,
        "challenges_started": 0,
        "challenge_levels_passed": 0,
        "time_spent_seconds": 300,
        "last_login_at": None,
        "last_active_at": home["last_active_at"],
    }
    assert [badge["slug"] for badge in newest] == learn.badges(user)[::-1][:5]
    assert newest[0]["name"] == "Weekly Streak"

    # Tuesday after a Monday without a query: the streak reads 0, its record stays.
    learn.set_clock("2035-06-19 12:00")
    assert learn.dashboard(user)["current_streak"] == 0
    assert learn.dashboard(user)["longest_streak"] == 7


def test_users_imported_in_bulk_are_welcomed(learn: Learn) -> None:
    learn.run("insert into learn.users (username) select 'import-' || n from generate_series(1, 50) n")
    welcomed = learn.value(
        "select count(*) from learn.user_achievements e join learn.achievements a on a.id = e.achievement_id"
        " join learn.users u on u.id = e.user_id"
        " where a.slug = 'welcome-aboard' and u.username like 'import-%%'",
        [],
    )
    assert welcomed == 50


def test_the_demo_content_and_its_learners_hold_together(learn: Learn) -> None:
    learn.set_clock(None)
    (seeds,) = [one for one in plan(Project.find(ROOT), ["sql_platform"], demo=True) if one.system != "core"]
    for path in seeds.files:
        learn.connection.execute(path.read_bytes())
    for script, solution, expected in learn.tuples(
        "select schema_sql, solution, expected_result from learn.exercises order by id"
    ):
        assert result(learn, script, solution) == compared(expected)
    ada = learn.value("select id from learn.users where username = 'ada'")
    assert learn.dashboard(ada)["lessons_completed"] == 3
    assert learn.dashboard(ada)["tracks_completed"] == 1
    assert "track-finisher" in learn.badges(ada)


def result(learn: Learn, script: str, query: str) -> dict[str, Any]:
    """What a query returns, in the form of `exercises.expected_result`."""
    with learn.connection.transaction(force_rollback=True):
        learn.run("set local search_path = pg_temp")
        learn.run(script)
        found = learn.run(query)
        columns = [column.name for column in found.description or ()]
        rows = [[float(value) if isinstance(value, Decimal) else value for value in row] for row in found]
    return compared({"columns": columns, "rows": rows, "is_ordered": "order by" in query})


def compared(answer: dict[str, Any]) -> dict[str, Any]:
    """A result whose order does not matter, in an order of its own."""
    if answer.get("is_ordered"):
        return answer
    return {"columns": answer["columns"], "rows": sorted(answer["rows"], key=str)}
