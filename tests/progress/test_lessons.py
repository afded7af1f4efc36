"""start_lesson() and complete_lesson()."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Learn, Lesson, LessonProgress, moment

NOON = moment("2035-06-13 12:00")


@pytest.fixture
def lesson(learn: Learn) -> Lesson:
    return learn.make_lesson(0)


def test_starting_a_lesson_is_an_active_day_and_pays_nothing(
    learn: Learn, user: UUID, lesson: Lesson
) -> None:
    assert learn.start_lesson(user, lesson) == AwardSummary(user, 0, 0, 1, False, 1, [], {}, False)
    assert learn.lesson_progress(user, lesson) == LessonProgress("in_progress", None, None, NOON, None)
    assert learn.facts(user, "lesson_started") == [("lesson_started", "lesson", str(lesson.id))]


def test_starting_again_changes_nothing(learn: Learn, user: UUID, lesson: Lesson) -> None:
    learn.start_lesson(user, lesson)
    learn.set_clock("2035-06-13 13:00")
    learn.start_lesson(user, lesson)
    assert learn.lesson_progress(user, lesson) == LessonProgress("in_progress", None, None, NOON, None)
    assert len(learn.facts(user, "lesson_started")) == 1


def test_starting_a_completed_lesson_changes_nothing(learn: Learn, user: UUID, lesson: Lesson) -> None:
    learn.complete_lesson(user, lesson)
    learn.start_lesson(user, lesson)
    assert learn.lesson_progress(user, lesson) == LessonProgress("completed", None, None, None, NOON)
    assert learn.facts(user, "lesson_started") == []


def test_a_lesson_begun_by_a_submission_can_still_be_started(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(1)
    learn.submit_query(user, lesson.exercises[0], False)
    learn.start_lesson(user, lesson)
    assert learn.lesson_progress(user, lesson) == LessonProgress("in_progress", None, None, NOON, None)


def test_completing_keeps_score_time_and_date(learn: Learn, user: UUID, lesson: Lesson) -> None:
    learn.complete_lesson(user, lesson, 87.5, 120, at="2035-06-12 08:00")
    assert learn.lesson_progress(user, lesson) == LessonProgress(
        "completed", Decimal("87.50"), 120, None, moment("2035-06-12 08:00")
    )


def test_completing_again_keeps_the_date_and_the_best_score_and_adds_the_time(
    learn: Learn, user: UUID, lesson: Lesson
) -> None:
    for score, taken, best, total in (
        (60, None, "60.00", None),
        (80, 30, "80.00", 30),
        (70, None, "80.00", 30),
        (None, 12, "80.00", 42),
    ):
        learn.complete_lesson(user, lesson, score, taken)
        assert learn.lesson_progress(user, lesson) == LessonProgress(
            "completed", Decimal(best), total, None, NOON
        )
        learn.set_clock("2035-06-14 12:00")
    assert len(learn.facts(user, "lesson_completed")) == 1


@pytest.mark.parametrize("seconds", [2**31 - 1, 2**31 - 50])
def test_times_that_add_up_to_more_than_fits_do_not_break_the_call(
    learn: Learn, user: UUID, lesson: Lesson, seconds: int
) -> None:
    learn.complete_lesson(user, lesson, time_spent_seconds=100)
    learn.complete_lesson(user, lesson, time_spent_seconds=seconds)
    progress = learn.lesson_progress(user, lesson)
    assert progress.time_spent_seconds == 2**31 - 1


@pytest.mark.parametrize("score", [-0.01, 100.01, 1000, "NaN"])
def test_a_score_is_a_percentage(learn: Learn, user: UUID, lesson: Lesson, score: float) -> None:
    with learn.refuses("LX001"):
        learn.complete_lesson(user, lesson, score)


def test_a_time_is_not_negative(learn: Learn, user: UUID, lesson: Lesson) -> None:
    with learn.refuses("LX001"):
        learn.complete_lesson(user, lesson, time_spent_seconds=-1)


@pytest.mark.parametrize("unknown", [None, 0, 10**15])
def test_an_unknown_lesson_is_refused(learn: Learn, user: UUID, unknown: int | None) -> None:
    with learn.refuses("LX003"):
        learn.start_lesson(user, unknown)
    with learn.refuses("LX003"):
        learn.complete_lesson(user, unknown)


@pytest.mark.parametrize("unknown", [None, uuid4()])
def test_an_unknown_user_is_refused(learn: Learn, lesson: Lesson, unknown: UUID | None) -> None:
    with learn.refuses("LX002"):
        learn.start_lesson(unknown, lesson)
    with learn.refuses("LX002"):
        learn.complete_lesson(unknown, lesson)


def test_a_lesson_that_is_not_published_is_refused(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0, published=False)
    with learn.refuses("LX004"):
        learn.start_lesson(user, lesson)
    with learn.refuses("LX004"):
        learn.complete_lesson(user, lesson)


def test_a_lesson_with_unsolved_exercises_is_refused_naming_them(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(3)
    solved, *unsolved = lesson.exercises
    learn.submit_query(user, solved)
    with learn.refuses("LX007") as refusal:
        learn.complete_lesson(user, lesson, 100)
    assert [str(exercise) in refusal.detail for exercise in unsolved] == [True, True]
    assert learn.lesson_progress(user, lesson) == LessonProgress("in_progress", None, None, None, None)


def test_a_lesson_whose_exercises_are_all_unpublished_completes_by_the_call(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    learn.make_exercise(lesson, published=False)
    assert learn.complete_lesson(user, lesson).xp_awarded == 50


def test_a_completed_lesson_may_be_completed_again_although_exercises_were_added(
    learn: Learn, user: UUID, lesson: Lesson
) -> None:
    learn.complete_lesson(user, lesson, 50)
    learn.make_exercise(lesson)
    assert learn.complete_lesson(user, lesson, 90).xp_awarded == 0
    progress = learn.lesson_progress(user, lesson)
    assert progress.score == 90


# ── rows written by the owner ──────────────────────────────────────────────────────────────────────────────


def test_rows_written_straight_into_lesson_progress_do_all_that_the_function_does(learn: Learn) -> None:
    lessons = [learn.make_lesson(0) for _ in range(2)]
    track = learn.make_track(*lessons)
    called, written = learn.make_user(), learn.make_user()
    for lesson in lessons:
        learn.complete_lesson(called, lesson, 100)
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status, score)"
        " select %s, l, 'completed', 100 from unnest(%s::bigint[]) l",
        [written, [lesson.id for lesson in lessons]],
    )
    assert sorted(learn.ledger(written), key=str) == sorted(learn.ledger(called), key=str)
    assert sorted(learn.badges(written)) == sorted(learn.badges(called))
    assert learn.stats(written) == learn.stats(called)
    assert learn.track_progress(written, track) == learn.track_progress(called, track)


def test_a_row_that_is_updated_to_completed_pays(learn: Learn, user: UUID, lesson: Lesson) -> None:
    learn.start_lesson(user, lesson)
    learn.run(
        "update learn.user_lesson_progress set completed_at = '2035-06-13 11:00+00' where user_id = %s",
        [user],
    )
    assert learn.lesson_progress(user, lesson) == LessonProgress(
        "completed", None, None, NOON, moment("2035-06-13 11:00")
    )
    assert learn.stats(user).total_xp == 50


def test_one_statement_completes_lessons_of_many_users(learn: Learn, lesson: Lesson) -> None:
    learn.make_track(lesson)
    users = [learn.make_user() for _ in range(20)]
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
        " select u, %s, 'completed' from unnest(%s::uuid[]) u",
        [lesson.id, users],
    )
    assert {learn.stats(user).total_xp for user in users} == {250}


@pytest.mark.parametrize(
    "change", ["status = 'in_progress'", "completed_at = null", "status = 'not_started', completed_at = null"]
)
def test_a_completion_cannot_be_taken_away(learn: Learn, user: UUID, lesson: Lesson, change: str) -> None:
    learn.complete_lesson(user, lesson)
    with learn.refuses("LX009"):
        learn.run(f"update learn.user_lesson_progress set {change} where user_id = %s", [user])


def test_the_date_of_a_completion_stays(learn: Learn, user: UUID, lesson: Lesson) -> None:
    learn.complete_lesson(user, lesson)
    learn.run(
        "update learn.user_lesson_progress set completed_at = '2035-06-01 00:00+00' where user_id = %s",
        [user],
    )
    assert learn.lesson_progress(user, lesson) == LessonProgress("completed", None, None, None, NOON)


def test_deleting_a_completion_lowers_the_percentage_and_keeps_what_was_paid(
    learn: Learn, user: UUID, lesson: Lesson
) -> None:
    track = learn.make_track(lesson, learn.make_lesson(0))
    learn.complete_lesson(user, lesson)
    learn.run("delete from learn.user_lesson_progress where user_id = %s", [user])
    progress = learn.track_progress(user, track)
    assert (progress.items_completed, progress.total_items) == (0, 2)
    assert learn.stats(user).total_xp == 50


def test_an_old_import_has_its_own_dates(learn: Learn, user: UUID) -> None:
    """The owner's rows may lie further back than a caller's."""
    imported = learn.make_lesson(1)
    learn.run(
        "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct, submitted_at)"
        " values (%s, %s, 'select 1', true, '2001-02-03 04:05+00')",
        [user, imported.exercises[0]],
    )
    assert learn.lesson_progress(user, imported) == LessonProgress(
        "completed", None, None, None, moment("2001-02-03 04:05")
    )
    assert [str(day) for day, _ in learn.active_days(user)] == ["2001-02-03"]
    assert learn.stats(user).total_xp == 85


def test_a_lesson_completed_before_it_was_started_is_not_fast(
    learn: Learn, user: UUID, lesson: Lesson
) -> None:
    learn.start_lesson(user, lesson)
    learn.complete_lesson(user, lesson, at="2035-06-13 11:59:50")
    assert "speed-runner" not in learn.badges(user)
