"""submit_query(): submissions, solving, and lessons that complete by themselves."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import Learn, Lesson, LessonProgress, moment

NOON = moment("2035-06-13 12:00")


@pytest.fixture
def lesson(learn: Learn) -> Lesson:
    return learn.make_lesson(2)


def exercise_progress(learn: Learn, user: UUID, exercise: int) -> list[tuple[Any, ...]]:
    """(submissions, wrong, failed, is_first_try, solved_at)."""
    return learn.tuples(
        "select submissions, wrong_submissions, failed_submissions, is_first_try, solved_at"
        " from learn.user_exercise_progress where user_id = %s and exercise_id = %s",
        [user, exercise],
    )


def test_every_run_is_a_row(learn: Learn, user: UUID, lesson: Lesson) -> None:
    exercise = lesson.exercises[0]
    learn.submit_query(user, exercise, False, "no such table", query="selec 1", duration_ms=7)
    learn.submit_query(user, exercise, query="select 1", at="2035-06-13 11:00")
    rows = learn.tuples(
        "select exercise_id, query_text, is_correct, error_message, duration_ms, submitted_at"
        " from learn.query_submissions where user_id = %s order by id",
        [user],
    )
    assert rows == [
        (exercise, "selec 1", False, "no such table", 7, NOON),
        (exercise, "select 1", True, None, None, moment("2035-06-13 11:00")),
    ]


def test_every_run_is_a_fact_and_solving_is_one_too(learn: Learn, user: UUID, lesson: Lesson) -> None:
    exercise = lesson.exercises[0]
    learn.submit_query(user, exercise, False)
    learn.submit_query(user, exercise)
    learn.submit_query(user, exercise)
    facts = [fact for fact in learn.facts(user) if fact[1] == "exercise"]
    assert facts == [
        ("exercise_attempted", "exercise", str(exercise)),
        ("exercise_attempted", "exercise", str(exercise)),
        ("exercise_solved", "exercise", str(exercise)),
        ("exercise_attempted", "exercise", str(exercise)),
    ]


def test_submissions_of_an_exercise_add_up(learn: Learn, user: UUID, lesson: Lesson) -> None:
    exercise = lesson.exercises[0]
    learn.submit_query(user, exercise, False)
    learn.submit_query(user, exercise, False, "no such table")
    assert exercise_progress(learn, user, exercise) == [(2, 2, 1, False, None)]
    learn.submit_query(user, exercise)
    learn.set_clock("2035-06-13 13:00")
    learn.submit_query(user, exercise)
    learn.submit_query(user, exercise, False)
    assert exercise_progress(learn, user, exercise) == [(5, 3, 1, False, NOON)]


def test_a_first_submission_begins_the_lesson(learn: Learn, user: UUID, lesson: Lesson) -> None:
    learn.submit_query(user, lesson.exercises[0], False)
    assert learn.lesson_progress(user, lesson) == LessonProgress("in_progress", None, None, None, None)


def test_solving_the_last_exercise_completes_the_lesson(learn: Learn, user: UUID, lesson: Lesson) -> None:
    learn.submit_query(user, lesson.exercises[1])
    progress = learn.lesson_progress(user, lesson)
    assert progress.completed_at is None
    learn.submit_query(user, lesson.exercises[0])
    assert learn.lesson_progress(user, lesson) == LessonProgress("completed", None, None, None, NOON)


def test_a_lesson_that_was_started_keeps_its_start(learn: Learn, user: UUID, lesson: Lesson) -> None:
    learn.start_lesson(user, lesson)
    learn.set_clock("2035-06-13 12:30")
    learn.solve(user, lesson)
    assert learn.lesson_progress(user, lesson) == LessonProgress(
        "completed", None, None, NOON, moment("2035-06-13 12:30")
    )


def test_a_lesson_is_complete_since_its_last_exercise_was_solved_in_whatever_order_that_was_told(
    learn: Learn, user: UUID, lesson: Lesson
) -> None:
    learn.submit_query(user, lesson.exercises[0], at="2035-06-13 11:00")
    learn.submit_query(user, lesson.exercises[1], at="2035-06-10 11:00")
    progress = learn.lesson_progress(user, lesson)
    assert progress.completed_at == moment("2035-06-13 11:00")


def test_unpublished_exercises_are_not_asked_for(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(1)
    learn.make_exercise(lesson, position=2, published=False)
    learn.submit_query(user, lesson.exercises[0])
    progress = learn.lesson_progress(user, lesson)
    assert progress.status == "completed"


def test_rows_written_straight_into_query_submissions_do_all_that_the_function_does(
    learn: Learn, lesson: Lesson
) -> None:
    alone, written = learn.make_user(), learn.make_user()
    runs = [(0, False), (0, True), (1, True), (1, False)]
    for number, is_correct in runs:
        learn.submit_query(alone, lesson.exercises[number], is_correct)
    learn.run(
        "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct)"
        " select %s, e, 'select 1', c from unnest(%s::bigint[], %s::boolean[])"
        " with ordinality r(e, c, n) order by n",
        [written, [lesson.exercises[number] for number, _ in runs], [is_correct for _, is_correct in runs]],
    )
    assert learn.ledger(written) == learn.ledger(alone)
    assert learn.badges(written) == learn.badges(alone)
    assert learn.stats(written) == learn.stats(alone)
    assert learn.lesson_progress(written, lesson) == learn.lesson_progress(alone, lesson)
    for exercise in lesson.exercises:
        assert exercise_progress(learn, written, exercise) == exercise_progress(learn, alone, exercise)
    metrics = (
        "select metric, scope, value from learn.user_metrics where user_id = %s and value <> 0 order by 1, 2"
    )
    assert learn.tuples(metrics, [written]) == learn.tuples(metrics, [alone])


def test_one_statement_of_many_submissions_is_taken_in_its_order(learn: Learn, user: UUID) -> None:
    """Lessons solved before a wrong submission are flawless, those after it are a new run."""
    lessons = [learn.make_lesson(1) for _ in range(12)]
    runs = [(lesson.exercises[0], True) for lesson in lessons]
    runs.insert(2, (lessons[0].exercises[0], False))
    learn.run(
        "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct)"
        " select %s, e, 'select 1', c from unnest(%s::bigint[], %s::boolean[])"
        " with ordinality r(e, c, n) order by n",
        [user, [exercise for exercise, _ in runs], [is_correct for _, is_correct in runs]],
    )
    assert learn.metric(user, "lesson_solve_run") == 10
    assert "accuracy-king" in learn.badges(user)
    assert learn.metric(user, "lessons_first_try") == 12


# ── refusals ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "arguments",
    [
        {"query": None},
        {"query": ""},
        {"query": " \n"},
        {"correct": None},
        {"correct": True, "error": "no such table"},
        {"duration_ms": -1},
    ],
)
def test_a_submission_that_makes_no_sense_is_refused(
    learn: Learn, user: UUID, lesson: Lesson, arguments: dict[str, Any]
) -> None:
    with learn.refuses("LX001"):
        learn.submit_query(user, lesson.exercises[0], **arguments)


@pytest.mark.parametrize("exercise", [None, 0, 10**15])
def test_an_unknown_exercise_is_refused(learn: Learn, user: UUID, exercise: int | None) -> None:
    with learn.refuses("LX003"):
        learn.submit_query(user, exercise)


@pytest.mark.parametrize("unknown", [None, uuid4()])
def test_a_submission_of_nobody_is_refused(learn: Learn, lesson: Lesson, unknown: UUID | None) -> None:
    with learn.refuses("LX002"):
        learn.submit_query(unknown, lesson.exercises[0])


def test_an_exercise_that_is_not_published_is_refused(learn: Learn, user: UUID, lesson: Lesson) -> None:
    hidden = learn.make_exercise(lesson, published=False)
    in_hidden_lesson = learn.make_lesson(1, published=False).exercises[0]
    for exercise in (hidden, in_hidden_lesson):
        with learn.refuses("LX004"):
            learn.submit_query(user, exercise)


def test_nothing_of_a_refused_submission_is_left(learn: Learn, user: UUID, lesson: Lesson) -> None:
    activity_before = learn.facts(user)
    with learn.refuses("LX001"):
        learn.submit_query(user, lesson.exercises[0], True, "an error on a correct query", key="k")
    assert learn.facts(user) == activity_before
    assert learn.lesson_progress(user, lesson) is None
    assert learn.submit_query(user, lesson.exercises[0], key="k").xp_awarded == 15
