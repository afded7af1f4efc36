"""The 20 badges of the SQL platform: each at its threshold, and not one step before."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.client import Learn, moment, seconds

BADGES = {
    1: "Welcome Aboard",
    2: "First Query",
    3: "First Lesson",
    4: "First Correct Answer",
    5: "SQL Beginner",
    6: "Getting Serious",
    7: "Halfway There",
    8: "SQL Grinder",
    9: "Lesson Master",
    10: "Track Finisher",
    11: "Multi-Track Learner",
    12: "SQL Explorer",
    13: "Path Master",
    14: "Clean Query",
    15: "One-Shot",
    16: "Speed Runner",
    17: "Accuracy King",
    18: "Daily Learner",
    19: "Weekly Streak",
    20: "Never Quit",
}


def has(learn: Learn, user: UUID, slug: str) -> bool:
    return slug in learn.badges(user)


def complete_lessons(learn: Learn, user: UUID, number: int) -> None:
    for _ in range(number):
        learn.complete_lesson(user, learn.make_lesson(0))


def be_active(learn: Learn, user: UUID, day: str, exercise: int) -> None:
    learn.set_clock(f"{day} 12:00")
    learn.submit_query(user, exercise, False)


def test_there_are_exactly_the_twenty_badges_in_order_and_none_pays_xp(learn: Learn) -> None:
    found = learn.tuples(
        "select display_order, name, xp_reward, is_active, is_hidden from learn.achievements"
        " where system = 'sql_platform' order by display_order"
    )
    assert found == [(number, name, 0, True, False) for number, name in BADGES.items()]


def test_the_badges_are_in_the_five_documented_categories(learn: Learn) -> None:
    found = learn.tuples(
        "select category, min(display_order), max(display_order), count(*) from learn.achievements"
        " where system = 'sql_platform' group by category order by 2"
    )
    assert found == [
        ("Onboarding & First Actions", 1, 4, 4),
        ("Lesson Progression", 5, 9, 5),
        ("Track / Path Completion", 10, 13, 4),
        ("Performance & Skill", 14, 17, 4),
        ("Consistency & Engagement", 18, 20, 3),
    ]


# ── Onboarding & First Actions ─────────────────────────────────────────────────────────────────────────────


def test_creating_an_account_earns_welcome_aboard_and_nothing_else(learn: Learn) -> None:
    assert learn.badges(learn.make_user()) == ["welcome-aboard"]


@pytest.mark.parametrize(("correct", "error"), [(True, None), (False, None), (False, "no such table")])
def test_any_first_run_of_a_query_earns_first_query(learn: Learn, correct: bool, error: str | None) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(2)
    assert "first-query" in learn.submit_query(user, lesson.exercises[0], correct, error).new_achievements
    assert "first-query" not in learn.submit_query(user, lesson.exercises[0]).new_achievements


def test_starting_a_lesson_is_no_query(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(2)
    learn.start_lesson(user, lesson)
    assert learn.badges(user) == ["welcome-aboard"]


def test_first_correct_answer_needs_a_correct_one(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(2)
    assert learn.submit_query(user, lesson.exercises[0], False).new_achievements == ["first-query"]
    assert learn.submit_query(user, lesson.exercises[0]).new_achievements == ["first-correct-answer"]


# ── Lesson Progression ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("slug", "lessons"),
    [
        ("first-lesson", 1),
        ("sql-beginner", 5),
        ("getting-serious", 10),
        ("halfway-there", 25),
        ("sql-grinder", 50),
        ("lesson-master", 100),
    ],
)
def test_a_number_of_completed_lessons_earns_a_badge(learn: Learn, slug: str, lessons: int) -> None:
    user = learn.make_user()
    complete_lessons(learn, user, lessons - 1)
    assert not has(learn, user, slug)
    last = learn.make_lesson(0)
    assert slug in learn.complete_lesson(user, last).new_achievements
    assert learn.complete_lesson(user, last).new_achievements == []


def test_completing_one_lesson_five_times_is_one_lesson(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    for _ in range(5):
        learn.complete_lesson(user, lesson)
    assert learn.badges(user) == ["welcome-aboard", "first-lesson"]


# ── Track / Path Completion ────────────────────────────────────────────────────────────────────────────────


def test_the_first_full_track_earns_track_finisher(learn: Learn) -> None:
    user, first, second = learn.make_user(), learn.make_lesson(0), learn.make_lesson(0)
    learn.make_track(first, second)
    assert "track-finisher" not in learn.complete_lesson(user, first).new_achievements
    assert "track-finisher" in learn.complete_lesson(user, second).new_achievements


def test_the_third_track_earns_multi_track_learner(learn: Learn, user: UUID) -> None:
    lessons = [learn.make_lesson(0) for _ in range(3)]
    for lesson in lessons:
        learn.make_track(lesson)
    learn.complete_lesson(user, lessons[0])
    learn.complete_lesson(user, lessons[1])
    assert not has(learn, user, "multi-track-learner")
    assert learn.complete_lesson(user, lessons[2]).new_achievements == ["multi-track-learner"]


def test_all_beginner_tracks_earn_sql_explorer(learn: Learn) -> None:
    user, first, second, other = learn.make_user(), *(learn.make_lesson(0) for _ in range(3))
    learn.make_track(first, difficulty="beginner")
    learn.make_track(second, difficulty="beginner")
    learn.make_track(other, difficulty="advanced")
    learn.complete_lesson(user, first)
    learn.complete_lesson(user, other)
    assert not has(learn, user, "sql-explorer")
    assert "sql-explorer" in learn.complete_lesson(user, second).new_achievements


def test_an_unpublished_beginner_track_is_not_asked_for(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.make_track(lesson, difficulty="beginner")
    learn.make_track(learn.make_lesson(0), difficulty="beginner", published=False)
    assert "sql-explorer" in learn.complete_lesson(user, lesson).new_achievements


def test_an_empty_beginner_track_is_not_asked_for(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.make_track(lesson, difficulty="beginner")
    learn.make_track(difficulty="beginner")
    assert "sql-explorer" in learn.complete_lesson(user, lesson).new_achievements


def test_without_any_beginner_track_nobody_is_an_explorer(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.make_track(lesson, difficulty="intermediate")
    learn.complete_lesson(user, lesson)
    assert not has(learn, user, "sql-explorer")


def test_a_beginner_track_that_comes_later_takes_sql_explorer_from_nobody(learn: Learn) -> None:
    early, late = learn.make_user(), learn.make_user()
    first, second = learn.make_lesson(0), learn.make_lesson(0)
    learn.make_track(first, difficulty="beginner")
    learn.complete_lesson(early, first)
    learn.make_track(second, difficulty="beginner")
    learn.complete_lesson(late, first)
    assert has(learn, early, "sql-explorer")
    assert not has(learn, late, "sql-explorer")
    assert "sql-explorer" in learn.complete_lesson(late, second).new_achievements
    assert "sql-explorer" not in learn.complete_lesson(early, second).new_achievements


def test_unpublishing_the_last_missing_beginner_track_makes_explorers(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.make_track(lesson, difficulty="beginner")
    missing = learn.make_track(learn.make_lesson(0), difficulty="beginner")
    learn.complete_lesson(user, lesson)
    assert not has(learn, user, "sql-explorer")
    learn.run("update learn.tracks set is_published = false where id = %s", [missing.id])
    assert has(learn, user, "sql-explorer")


def test_all_tracks_of_a_path_earn_path_master(learn: Learn) -> None:
    user, first, second = learn.make_user(), learn.make_lesson(0), learn.make_lesson(0)
    learn.make_path(learn.make_track(first), learn.make_track(second))
    assert "path-master" not in learn.complete_lesson(user, first).new_achievements
    assert "path-master" in learn.complete_lesson(user, second).new_achievements


def test_an_unpublished_path_makes_no_master_until_it_is_published(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    path = learn.make_path(learn.make_track(lesson), published=False)
    learn.complete_lesson(user, lesson)
    assert not has(learn, user, "path-master")
    learn.run("update learn.learning_paths set is_published = true where id = %s", [path.id])
    assert has(learn, user, "path-master")


# ── Performance & Skill ────────────────────────────────────────────────────────────────────────────────────


def test_a_lesson_without_a_failing_query_earns_clean_query(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(2)
    summary = learn.solve(user, lesson, mistakes=1)  # a wrong result is no error
    assert "clean-query" in summary.new_achievements


def test_one_failing_query_costs_clean_query(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(2)
    learn.solve(user, lesson, mistakes=1, error="syntax error")
    assert not has(learn, user, "clean-query")


def test_a_failing_query_after_the_lesson_costs_nothing(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(1)
    learn.solve(user, lesson)
    learn.submit_query(user, lesson.exercises[0], False, "syntax error")
    assert has(learn, user, "clean-query")


def test_every_exercise_on_the_first_submission_earns_one_shot(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(3)
    assert "one-shot" in learn.solve(user, lesson).new_achievements


def test_a_wrong_submission_for_one_exercise_costs_one_shot(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(3)
    learn.solve(user, lesson, mistakes=1)
    assert not has(learn, user, "one-shot")


@pytest.mark.parametrize("slug", ["clean-query", "one-shot", "accuracy-king"])
def test_lessons_without_exercises_earn_no_badge_for_queries(learn: Learn, user: UUID, slug: str) -> None:
    for _ in range(10):
        learn.complete_lesson(user, learn.make_lesson(0), 100)
    assert not has(learn, user, slug)


@pytest.mark.parametrize(
    ("taken", "is_earned"),
    [(0, True), (59, True), (59.999999, True), (60, False), (60.000001, False), (3600, False)],
)
def test_speed_runner_is_for_less_than_the_limit(learn: Learn, taken: float, is_earned: bool) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(1)
    learn.start_lesson(user, lesson)
    learn.advance(seconds(taken))
    learn.solve(user, lesson)
    assert has(learn, user, "speed-runner") is is_earned


def test_the_limit_of_speed_runner_is_a_setting(learn: Learn) -> None:
    learn.set_setting("speed_runner_seconds", 10)
    user, slow, fast = learn.make_user(), learn.make_lesson(1), learn.make_lesson(1)
    learn.start_lesson(user, slow)
    learn.start_lesson(user, fast)
    learn.advance(seconds(9.5))
    learn.solve(user, fast)
    assert has(learn, user, "speed-runner")
    other = learn.make_user()
    learn.start_lesson(other, slow)
    learn.advance(seconds(10))
    learn.solve(other, slow)
    assert not has(learn, other, "speed-runner")


def test_without_a_start_there_is_no_speed(learn: Learn, user: UUID) -> None:
    learn.solve(user, learn.make_lesson(1))
    learn.complete_lesson(user, learn.make_lesson(0), 100, 5)
    assert not has(learn, user, "speed-runner")


def test_starting_again_does_not_restart_the_watch(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.start_lesson(user, lesson)
    learn.advance(seconds(50))
    learn.start_lesson(user, lesson)
    learn.advance(seconds(50))
    learn.complete_lesson(user, lesson)
    assert not has(learn, user, "speed-runner")


def test_ten_lessons_without_a_wrong_query_earn_accuracy_king(learn: Learn, user: UUID) -> None:
    for _ in range(9):
        learn.solve(user, learn.make_lesson(1))
    assert not has(learn, user, "accuracy-king")
    assert "accuracy-king" in learn.solve(user, learn.make_lesson(1)).new_achievements


@pytest.mark.parametrize("error", [None, "syntax error"])
def test_a_wrong_or_failing_query_in_between_starts_the_run_anew(learn: Learn, error: str | None) -> None:
    user = learn.make_user()
    lessons = [learn.make_lesson(1) for _ in range(9)]
    for lesson in lessons:
        learn.solve(user, lesson)
    learn.submit_query(user, lessons[0].exercises[0], False, error)  # even for a lesson that is done
    for _ in range(9):
        learn.solve(user, learn.make_lesson(1))
    assert not has(learn, user, "accuracy-king")
    assert "accuracy-king" in learn.solve(user, learn.make_lesson(1)).new_achievements


def test_a_wrong_query_after_the_crown_does_not_take_it(learn: Learn, user: UUID) -> None:
    for _ in range(10):
        lesson = learn.make_lesson(1)
        learn.solve(user, lesson)
    learn.submit_query(user, lesson.exercises[0], False)
    assert has(learn, user, "accuracy-king")


def test_lessons_without_exercises_neither_count_for_a_run_nor_end_it(learn: Learn, user: UUID) -> None:
    for _ in range(9):
        learn.solve(user, learn.make_lesson(1))
    learn.complete_lesson(user, learn.make_lesson(0), 10)
    assert not has(learn, user, "accuracy-king")
    assert "accuracy-king" in learn.solve(user, learn.make_lesson(1)).new_achievements


def test_a_lesson_with_a_wrong_query_is_not_one_of_the_ten(learn: Learn, user: UUID) -> None:
    learn.solve(user, learn.make_lesson(1), mistakes=1)
    for _ in range(9):
        learn.solve(user, learn.make_lesson(1))
    assert not has(learn, user, "accuracy-king")


# ── Consistency & Engagement ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("slug", "length"), [("daily-learner", 3), ("weekly-streak", 7)])
def test_days_in_a_row_earn_a_badge(learn: Learn, slug: str, length: int) -> None:
    user, (exercise,) = learn.make_user(), learn.make_lesson(1).exercises
    for day in range(1, length):
        be_active(learn, user, f"2035-07-{day:02}", exercise)
    assert not has(learn, user, slug)
    be_active(learn, user, f"2035-07-{length:02}", exercise)
    assert has(learn, user, slug)


@pytest.mark.parametrize(("slug", "length"), [("daily-learner", 3), ("weekly-streak", 7)])
def test_a_missed_day_starts_the_row_anew(learn: Learn, slug: str, length: int) -> None:
    user, (exercise,) = learn.make_user(), learn.make_lesson(1).exercises
    for day in range(1, length):
        be_active(learn, user, f"2035-07-{day:02}", exercise)
    for day in range(length + 1, 2 * length):
        be_active(learn, user, f"2035-07-{day:02}", exercise)
    assert not has(learn, user, slug)
    be_active(learn, user, f"2035-07-{2 * length:02}", exercise)
    assert has(learn, user, slug)


def test_thirty_days_with_gaps_earn_never_quit(learn: Learn) -> None:
    user, (exercise,) = learn.make_user(), learn.make_lesson(1).exercises
    learn.set_clock("2035-01-01 12:00")
    first = learn.clock()
    for number in range(29):  # every third day
        learn.set_clock(first + 3 * number * (moment("2035-01-02") - moment("2035-01-01")))
        learn.submit_query(user, exercise, False)
        learn.submit_query(user, exercise, False)
    assert not has(learn, user, "never-quit")
    learn.advance(moment("2035-02-01") - moment("2035-01-01"))
    assert learn.submit_query(user, exercise, False).new_achievements == ["never-quit"]


def test_signing_up_and_being_awarded_xp_make_no_active_day(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 5000)
    learn.grant_achievement(user, "path-master")
    learn.grant_streak_freezes(user)
    assert learn.stats(user).active_days == 0
    assert learn.calculate_user_streak(user) == 0
