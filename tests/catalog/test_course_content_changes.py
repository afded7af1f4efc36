"""Courses that change under their learners: live numbers, sticky completions, nothing pays twice."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from tests.client import Course, CourseLevel, Learn, Lesson, TrackProgress, moment

NOON = moment("2035-06-13 12:00")
LATER = "2035-06-14 12:00"


def publish(learn: Learn, table: str, row: int, published: bool = True) -> None:
    learn.run(f"update learn.{table} set is_published = %s where id = %s", [published, row])


def lessons(learn: Learn, user: UUID, course: Course) -> tuple[int, int, bool] | None:
    """(completed, total, whether the course is completed)."""
    found = learn.course_progress(user, course)
    if found is None:
        return None
    return found.lessons_completed, found.total_lessons, found.completed_at is not None


def levels(learn: Learn, user: UUID, course: Course) -> tuple[int, int, bool] | None:
    """(completed, total, whether the course is completed)."""
    found = learn.course_progress(user, course)
    if found is None:
        return None
    return found.levels_completed, found.total_levels, found.completed_at is not None


def unlocked(learn: Learn, user: UUID, *order: CourseLevel) -> list[tuple[int, bool]]:
    """Numbers of the given levels that are unlocked, and whether they are completed."""
    slugs = [level.slug for level in order]
    return sorted((slugs.index(slug) + 1, done) for slug, done in learn.unlocked_levels(user))


@pytest.fixture
def course(learn: Learn) -> Course:
    """Without levels, worth 40 XP."""
    return learn.make_course(2, completion_xp=40)


@pytest.fixture
def leveled(learn: Learn) -> Course:
    """Worth 40 XP."""
    return learn.make_course(completion_xp=40)


def level_with_lesson(learn: Learn, course: Course, exercises: int = 0) -> tuple[CourseLevel, Lesson]:
    level = learn.make_course_level(course)
    return level, learn.make_lesson(exercises, level=level)


# ── lessons come and go ────────────────────────────────────────────────────────────────────────────────────


def test_a_lesson_added_lowers_the_percentage(learn: Learn, user: UUID, course: Course) -> None:
    learn.complete_lesson(user, learn.lessons_of(course)[0])
    learn.make_lesson(0, course=course, difficulty="medium")
    found = learn.course_progress(user, course)
    assert (found.completion_percentage, found.mastery_percentage) == (Decimal("33.33"), Decimal(25))


def test_a_lesson_added_to_a_completed_course_leaves_it_completed_and_pays_no_second_time(
    learn: Learn, user: UUID, course: Course
) -> None:
    for lesson in learn.lessons_of(course):
        learn.complete_lesson(user, lesson)
    learn.set_clock(LATER)
    added = learn.make_lesson(0, course=course)
    assert lessons(learn, user, course) == (2, 3, True)
    assert learn.complete_lesson(user, added).xp_awarded == 50
    found = learn.course_progress(user, course)
    assert (found.status, found.completed_at) == ("completed", NOON)
    assert len(learn.facts(user, "course_completed")) == 1


@pytest.mark.parametrize("way", ["deleted", "unpublished", "moved out", "moved to another course"])
def test_losing_the_last_missing_lesson_completes_the_course_and_pays_it_once(
    learn: Learn, user: UUID, course: Course, way: str
) -> None:
    done, missing = learn.lessons_of(course)
    other = learn.make_course(1)
    learn.complete_lesson(user, done)
    learn.set_clock(LATER)
    statement = {
        "deleted": "delete from learn.lessons where id = %s",
        "unpublished": "update learn.lessons set is_published = false where id = %s",
        "moved out": "update learn.lessons set course_id = null where id = %s",
        "moved to another course": f"update learn.lessons set course_id = {other.id} where id = %s",
    }
    learn.run(statement[way], [missing.id])
    found = learn.course_progress(user, course)
    assert (found.status, found.lessons_completed, found.total_lessons) == ("completed", 1, 1)
    assert found.completed_at == NOON
    assert learn.ledger(user)[-1] == (40, "course_completed", str(course.id))
    publish(learn, "courses", course.id, False)
    publish(learn, "courses", course.id)
    assert len(learn.facts(user, "course_completed")) == 1


@pytest.mark.parametrize("way", ["deleted", "unpublished"])
def test_losing_a_completed_lesson_keeps_the_completed_course_and_what_was_paid(
    learn: Learn, user: UUID, course: Course, way: str
) -> None:
    for lesson in learn.lessons_of(course):
        learn.complete_lesson(user, lesson)
    first = learn.lessons_of(course)[0].id
    if way == "deleted":
        learn.run("delete from learn.lessons where id = %s", [first])
    else:
        publish(learn, "lessons", first, False)
    assert lessons(learn, user, course) == (1, 1, True)
    assert learn.stats(user).total_xp == 140


def test_a_lesson_published_again_counts_again(learn: Learn, user: UUID, course: Course) -> None:
    done = learn.lessons_of(course)[0]
    learn.complete_lesson(user, done)
    publish(learn, "lessons", done.id, False)
    assert lessons(learn, user, course) == (0, 1, False)
    publish(learn, "lessons", done.id)
    assert lessons(learn, user, course) == (1, 2, False)


def test_a_course_that_loses_all_its_lessons_is_no_complete_course(
    learn: Learn, user: UUID, course: Course
) -> None:
    learn.enroll_in_course(user, course)
    learn.run("delete from learn.lessons where course_id = %s", [course.id])
    assert lessons(learn, user, course) == (0, 0, False)


def test_a_completed_lesson_moved_between_courses_counts_in_the_one_that_has_it(
    learn: Learn, user: UUID, course: Course
) -> None:
    other = learn.make_course(1, completion_xp=8)
    done = learn.lessons_of(course)[0]
    learn.complete_lesson(user, done, time_spent_seconds=20)
    learn.enroll_in_course(user, other)
    learn.run("delete from learn.lessons where course_id = %s", [other.id])
    learn.run("update learn.lessons set course_id = %s where id = %s", [other.id, done.id])
    assert lessons(learn, user, course) == (0, 1, False)
    assert lessons(learn, user, other) == (1, 1, True)
    assert learn.tuples(
        "select course_id, time_spent_seconds from learn.user_course_progress where user_id = %s order by 1",
        [user],
    ) == [(course.id, 0), (other.id, 20)]


def test_a_lesson_that_is_in_a_track_too_counts_in_both(learn: Learn, user: UUID, course: Course) -> None:
    one, two = learn.lessons_of(course)
    track = learn.make_track(one, two)
    learn.complete_lesson(user, one)
    publish(learn, "courses", course.id, False)
    assert learn.track_progress(user, track) == TrackProgress("not_started", 0, 0, Decimal(0), None)
    publish(learn, "courses", course.id)
    assert learn.track_progress(user, track) == TrackProgress("in_progress", 1, 2, Decimal(50), None)


def test_one_statement_that_swaps_lessons_in_and_out_of_courses_counts_its_end(
    learn: Learn, user: UUID
) -> None:
    """No track or course is completed by what it was in between."""
    lesson, other = learn.make_lesson(0), learn.make_lesson(0)
    track = learn.make_track(lesson, other)
    course = learn.make_course(track=track)
    inside = learn.make_lesson(0, course=course, published=False)
    learn.complete_lesson(user, lesson)
    learn.run(
        "update learn.lessons set is_published = not is_published where id = any (%s)",
        [[other.id, inside.id]],
    )
    assert learn.track_progress(user, track) == TrackProgress("in_progress", 1, 2, Decimal(50), None)


# ── the course comes and goes ──────────────────────────────────────────────────────────────────────────────


def test_an_unpublished_course_keeps_its_numbers_and_does_not_complete(
    learn: Learn, user: UUID, course: Course
) -> None:
    done, missing = learn.lessons_of(course)
    learn.complete_lesson(user, done)
    publish(learn, "courses", course.id, False)
    assert lessons(learn, user, course) == (1, 2, False)
    with learn.refuses("LX004"):
        learn.complete_lesson(user, missing)
    learn.run("delete from learn.lessons where id = %s", [missing.id])
    assert lessons(learn, user, course) == (1, 1, False)
    publish(learn, "courses", course.id)
    assert lessons(learn, user, course) == (1, 1, True)
    assert learn.stats(user).total_xp == 90


def test_a_published_course_that_is_complete_moves_its_track(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    track = learn.make_track(lesson)
    course = learn.make_course(2, track=track)
    done, missing = learn.lessons_of(course)
    learn.complete_lesson(user, done)
    learn.complete_lesson(user, lesson)
    publish(learn, "courses", course.id, False)
    learn.run("delete from learn.lessons where id = %s", [missing.id])
    publish(learn, "courses", course.id)
    assert lessons(learn, user, course) == (1, 1, True)
    assert learn.track_progress(user, track) == TrackProgress("completed", 2, 2, Decimal(100), NOON)
    assert len(learn.facts(user, "track_completed")) == 1


def test_lessons_solved_while_their_course_was_unpublished_complete_when_it_is_published(
    learn: Learn, user: UUID
) -> None:
    course = learn.make_course(completion_xp=40, track=learn.make_track(learn.make_lesson(0)))
    lesson = learn.make_lesson(2, course=course)
    learn.submit_query(user, lesson.exercises[0])
    publish(learn, "courses", course.id, False)
    learn.run("delete from learn.exercises where id = %s", [lesson.exercises[1]])
    assert learn.facts(user, "lesson_completed") == []
    publish(learn, "courses", course.id)
    assert lessons(learn, user, course) == (1, 1, True)
    assert learn.ledger(user)[-1] == (40, "course_completed", str(course.id))


def test_courses_published_and_unpublished_by_one_statement_count_its_end(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    track = learn.make_track(lesson)
    on, off = learn.make_course(1, track=track), learn.make_course(1, track=track, published=False)
    learn.complete_lesson(user, lesson)
    learn.run(
        "update learn.courses set is_published = not is_published where id = any (%s)", [[on.id, off.id]]
    )
    assert learn.track_progress(user, track) == TrackProgress("in_progress", 1, 2, Decimal(50), None)


def test_a_change_of_other_columns_moves_nothing(learn: Learn, user: UUID, course: Course) -> None:
    learn.complete_lesson(user, learn.lessons_of(course)[0])
    before = learn.facts(user)
    learn.run("update learn.courses set title = 'Other', position = 3, completion_xp = 1, category = 'x'")
    learn.run("update learn.lessons set title = 'Other', sequence_number = null, content = '{}'")
    assert (lessons(learn, user, course), learn.facts(user)) == ((1, 2, False), before)


# ── levels come, go and move ───────────────────────────────────────────────────────────────────────────────


def test_a_level_added_behind_a_completed_one_is_unlocked_at_once(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    first, lesson = level_with_lesson(learn, leveled)
    learn.complete_lesson(user, lesson)
    second, _ = level_with_lesson(learn, leveled)
    assert unlocked(learn, user, first, second) == [(1, True), (2, False)]
    assert levels(learn, user, leveled) == (1, 2, True)


def test_a_level_added_in_front_is_open_and_takes_nothing_away(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    first, lesson = level_with_lesson(learn, leveled)
    second, _ = level_with_lesson(learn, leveled)
    learn.complete_lesson(user, lesson)
    front = learn.make_course_level(leveled, position=0)
    learn.make_lesson(0, level=front)
    assert unlocked(learn, user, front, first, second) == [(1, False), (2, True), (3, False)]


def test_a_lesson_that_comes_to_an_empty_level_in_between_locks_nobody_out(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    first, lesson = level_with_lesson(learn, leveled)
    between = learn.make_course_level(leveled)
    third, last = level_with_lesson(learn, leveled)
    other = learn.make_user()
    learn.enroll_in_course(other, leveled)
    learn.complete_lesson(user, lesson)
    learn.make_lesson(0, level=between)
    assert unlocked(learn, user, first, between, third) == [(1, True), (2, False), (3, False)]
    learn.complete_lesson(user, last)
    learn.complete_lesson(other, lesson)
    assert unlocked(learn, other, first, between, third) == [(1, True), (2, False)]
    with learn.refuses("LX005"):
        learn.complete_lesson(other, last)


@pytest.mark.parametrize("way", ["deleted", "unpublished", "emptied", "moved behind", "moved to another"])
def test_losing_the_level_that_blocks_unlocks_the_next(
    learn: Learn, user: UUID, leveled: Course, way: str
) -> None:
    first, lesson = level_with_lesson(learn, leveled)
    second, _ = level_with_lesson(learn, leveled)
    learn.enroll_in_course(user, leveled)
    other = learn.make_course()
    if way == "deleted":
        learn.run("delete from learn.course_levels where id = %s", [first.id])
    elif way == "unpublished":
        publish(learn, "course_levels", first.id, False)
    elif way == "emptied":
        publish(learn, "lessons", lesson.id, False)
    elif way == "moved behind":
        learn.run("update learn.course_levels set position = 9 where id = %s", [first.id])
    else:
        learn.run("update learn.course_levels set course_id = %s where id = %s", [other.id, first.id])
    assert (second.slug, False) in learn.unlocked_levels(user)


@pytest.mark.parametrize("way", ["deleted", "unpublished", "emptied", "moved to another"])
def test_losing_the_last_missing_level_completes_the_course(
    learn: Learn, user: UUID, leveled: Course, way: str
) -> None:
    _, lesson = level_with_lesson(learn, leveled)
    missing, undone = level_with_lesson(learn, leveled)
    learn.complete_lesson(user, lesson)
    other = learn.make_course()
    if way == "deleted":
        learn.run("delete from learn.course_levels where id = %s", [missing.id])
    elif way == "unpublished":
        publish(learn, "course_levels", missing.id, False)
    elif way == "emptied":
        learn.run(
            "update learn.lessons set course_level_id = null, course_id = null where id = %s", [undone.id]
        )
    else:
        learn.run("update learn.course_levels set course_id = %s where id = %s", [other.id, missing.id])
    assert levels(learn, user, leveled) == (1, 1, True)
    assert learn.ledger(user)[-1] == (40, "course_completed", str(leveled.id))


def test_a_level_unpublished_and_published_again_stays_completed_and_pays_once(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    level, lesson = level_with_lesson(learn, leveled)
    learn.complete_lesson(user, lesson)
    publish(learn, "course_levels", level.id, False)
    assert levels(learn, user, leveled) == (0, 0, True)
    with learn.refuses("LX004"):
        learn.complete_lesson(user, lesson)
    publish(learn, "course_levels", level.id)
    assert levels(learn, user, leveled) == (1, 1, True)
    assert len(learn.facts(user, "level_completed")) == 1
    assert learn.stats(user).total_xp == 90


def test_a_level_that_loses_its_completed_lesson_stays_completed(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    level = learn.make_course_level(leveled)
    easy, _ = (learn.make_lesson(0, level=level, difficulty=key) for key in ("easy", "hard"))
    learn.complete_lesson(user, easy)
    learn.run("delete from learn.lessons where id = %s", [easy.id])
    assert (levels(learn, user, leveled), lessons(learn, user, leveled)) == ((1, 1, True), (0, 1, True))


def test_a_completed_lesson_moved_into_an_unlocked_level_completes_it(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    level, _ = level_with_lesson(learn, leveled)
    learn.enroll_in_course(user, leveled)
    done = learn.make_lesson(0, difficulty="easy")
    learn.complete_lesson(user, done)
    learn.run("update learn.lessons set course_level_id = %s where id = %s", [level.id, done.id])
    assert (levels(learn, user, leveled), lessons(learn, user, leveled)) == ((1, 1, True), (1, 2, True))


def test_a_completed_lesson_moved_into_a_locked_level_completes_it_when_it_opens(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    first, lesson = level_with_lesson(learn, leveled)
    second, _ = level_with_lesson(learn, leveled)
    done = learn.make_lesson(0, difficulty="easy")
    learn.complete_lesson(user, done)
    learn.enroll_in_course(user, leveled)
    learn.run("update learn.lessons set course_level_id = %s where id = %s", [second.id, done.id])
    assert unlocked(learn, user, first, second) == [(1, False)]
    learn.complete_lesson(user, lesson)
    assert unlocked(learn, user, first, second) == [(1, True), (2, True)]
    assert levels(learn, user, leveled) == (2, 2, True)


def test_levels_that_swap_places_unlock_the_one_that_is_first_now(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    made = [level_with_lesson(learn, leveled) for _ in range(3)]
    order = [level for level, _ in made]
    learn.enroll_in_course(user, leveled)
    learn.run("update learn.course_levels set position = 4 - position where course_id = %s", [leveled.id])
    assert unlocked(learn, user, *order) == [(1, False), (3, False)]
    learn.complete_lesson(user, made[0][1])  # the last now, and unlocked since it was the first
    assert unlocked(learn, user, *order) == [(1, True), (3, False)]
    learn.complete_lesson(user, made[2][1])
    assert unlocked(learn, user, *order) == [(1, True), (2, False), (3, True)]


def test_a_level_moved_to_another_course_takes_lessons_and_completions_along(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    first, lesson = level_with_lesson(learn, leveled)
    level_with_lesson(learn, leveled)
    other = learn.make_course(completion_xp=6)
    learn.complete_lesson(user, lesson, time_spent_seconds=30)
    learn.enroll_in_course(user, other)
    learn.run("update learn.course_levels set course_id = %s where id = %s", [other.id, first.id])
    assert learn.value("select course_id from learn.lessons where id = %s", [lesson.id]) == other.id
    assert (levels(learn, user, leveled), levels(learn, user, other)) == ((0, 1, False), (1, 1, True))
    assert learn.ledger(user)[-1] == (6, "course_completed", str(other.id))


def test_an_unlocked_level_moved_to_a_course_waits_for_its_learner_to_enrol_there(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    learn.set_setting("level_completion_policy", "all")
    level, lesson = level_with_lesson(learn, leveled)
    missing = learn.make_lesson(0, level=level, difficulty="hard")
    learn.complete_lesson(user, lesson)
    other = learn.make_course(completion_xp=6)
    learn.run("update learn.course_levels set course_id = %s where id = %s", [other.id, level.id])
    learn.run("delete from learn.lessons where id = %s", [missing.id])
    assert learn.check_integrity() == []
    assert unlocked(learn, user, level) == [(1, False)]
    assert learn.enroll_in_course(user, other).xp_awarded == 6
    assert unlocked(learn, user, level) == [(1, True)]


def test_a_lesson_solved_in_an_open_level_of_a_course_that_keeps_its_learner_out_waits_for_the_enrolment(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    level, _ = level_with_lesson(learn, leveled)
    solved = learn.make_lesson(1, level=level, difficulty="hard")
    learn.enroll_in_course(user, leveled)
    other, needed = learn.make_course(), learn.make_course(1)
    learn.make_course_prerequisite(other, needed)
    learn.run("update learn.course_levels set course_id = %s where id = %s", [other.id, level.id])
    learn.submit_query(user, solved.exercises[0])
    assert learn.facts(user, "lesson_completed") == []
    learn.complete_lesson(user, learn.lessons_of(needed)[0])
    learn.enroll_in_course(user, other)
    assert lessons(learn, user, other) == (1, 2, True)


def test_a_level_moved_to_an_unpublished_course_is_not_available(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    level, lesson = level_with_lesson(learn, leveled)
    hidden = learn.make_course(published=False)
    learn.run("update learn.course_levels set course_id = %s where id = %s", [hidden.id, level.id])
    with learn.refuses("LX004"):
        learn.complete_lesson(user, lesson)


def test_a_published_level_with_a_solved_lesson_completes_it(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    direct = learn.make_lesson(0, course=leveled)
    level, lesson = level_with_lesson(learn, leveled, exercises=2)
    learn.complete_lesson(user, direct)
    learn.submit_query(user, lesson.exercises[0])
    publish(learn, "course_levels", level.id, False)
    learn.run("delete from learn.exercises where id = %s", [lesson.exercises[1]])
    assert learn.facts(user, "level_completed") == []
    publish(learn, "course_levels", level.id)
    assert (levels(learn, user, leveled), lessons(learn, user, leveled)) == ((1, 1, True), (2, 2, True))


def test_a_solved_lesson_that_comes_with_its_level_counts_in_its_track(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    """One statement opens the level, publishes the lesson, and so completes it."""
    _, blocking = level_with_lesson(learn, leveled)
    _, lesson = level_with_lesson(learn, leveled, exercises=1)
    done = learn.make_lesson(0)
    track = learn.make_track(done, lesson)
    learn.complete_lesson(user, done)
    learn.enroll_in_course(user, leveled)
    learn.run(
        "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct)"
        " values (%s, %s, 'select 1', true)",
        [user, lesson.exercises[0]],
    )
    publish(learn, "lessons", lesson.id, False)
    learn.run(
        "update learn.lessons set is_published = not is_published where id = any (%s)",
        [[blocking.id, lesson.id]],
    )
    assert learn.track_progress(user, track) == TrackProgress("completed", 2, 2, Decimal(100), NOON)
    assert levels(learn, user, leveled) == (1, 1, True)


def test_a_solved_lesson_in_a_new_level_completes_for_those_who_are_through(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    _, lesson = level_with_lesson(learn, leveled)
    learn.complete_lesson(user, lesson)
    solved = learn.make_lesson(1, published=False)
    learn.run(
        "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct)"
        " values (%s, %s, 'select 1', true)",
        [user, solved.exercises[0]],
    )
    level = learn.make_course_level(leveled)
    learn.run(
        "update learn.lessons set is_published = true, course_level_id = %s where id = %s",
        [level.id, solved.id],
    )
    assert (levels(learn, user, leveled), lessons(learn, user, leveled)) == ((2, 2, True), (2, 2, True))


def test_what_was_solved_in_a_level_that_has_become_the_first_waits_for_its_learner_to_enrol(
    learn: Learn, user: UUID, leveled: Course
) -> None:
    first, _ = level_with_lesson(learn, leveled)
    _, lesson = level_with_lesson(learn, leveled, exercises=1)
    learn.run(
        "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct)"
        " values (%s, %s, 'select 1', true)",
        [user, lesson.exercises[0]],
    )
    learn.run("delete from learn.course_levels where id = %s", [first.id])
    learn.enroll_in_course(user, leveled)
    assert levels(learn, user, leveled) == (1, 1, True)


def test_one_change_of_content_is_applied_to_all_its_learners(learn: Learn, leveled: Course) -> None:
    made = [level_with_lesson(learn, leveled) for _ in range(3)]
    users = [learn.make_user() for _ in range(10)]
    for user in users:
        learn.complete_lesson(user, made[0][1])
    for level, _ in made[1:]:
        learn.run("delete from learn.course_levels where id = %s", [level.id])
    assert {learn.stats(user).total_xp for user in users} == {90}
    assert {levels(learn, user, leveled) for user in users} == {(1, 1, True)}
