"""Courses, levels, lessons and prerequisites as rows: what is refused, what goes with what, who may write."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.client import Course, Learn


def sizes(learn: Learn, course: Course) -> tuple[int, int, Decimal]:
    """(lessons, levels, weight) that a course says it consists of."""
    ((lessons, levels, weight),) = learn.tuples(
        "select total_lessons, total_levels, total_weight from learn.courses where id = %s", [course.id]
    )
    return lessons, levels, weight


def available(learn: Learn, lesson: int) -> bool:
    found = learn.value("select is_available from learn.lessons where id = %s", [lesson])
    assert isinstance(found, bool)
    return found


# ── constraints ────────────────────────────────────────────────────────────────────────────────────────────

BAD_COURSES = {
    "slug with capitals": ("slug", "Python", "23514"),
    "slug that ends in a hyphen": ("slug", "python-", "23514"),
    "slug that is there": ("slug", "taken", "23505"),
    "no slug": ("slug", None, "23502"),
    "blank title": ("title", " \t", "23514"),
    "no title": ("title", None, "23502"),
    "no hours": ("estimated_hours", 0, "23514"),
    "negative XP": ("completion_xp", -1, "23514"),
    "unknown difficulty": ("difficulty", "absurd", "23503"),
    "unknown track": ("track_id", 999_999_999, "23503"),
    "translations in a list": ("translations", "[]", "23514"),
    "translations that are a text": ("translations", '{"fil": "x"}', "23514"),
    "translated field that is a number": ("translations", '{"fil": {"title": 1}}', "23514"),
    "translated field that is a list": ("translations", '{"fil": {"title": ["x"]}}', "23514"),
}


@pytest.mark.parametrize(("column", "value", "sqlstate"), BAD_COURSES.values(), ids=BAD_COURSES)
def test_a_course_that_makes_no_sense_is_refused(
    learn: Learn, column: str, value: object, sqlstate: str
) -> None:
    learn.make_course(slug="taken")
    row: dict[str, Any] = {"slug": "fine", "title": "Fine", column: value}
    with learn.fails(sqlstate):
        learn.insert("courses", **row)


BAD_LEVELS = {
    "slug with a space": ("slug", "level one", "23514"),
    "slug that the course has": ("slug", "taken", "23505"),
    "blank title": ("title", " ", "23514"),
    "unknown course": ("course_id", 999_999_999, "23503"),
    "no course": ("course_id", None, "23502"),
    "translations that are a text": ("translations", '"fil"', "23514"),
}


@pytest.mark.parametrize(("column", "value", "sqlstate"), BAD_LEVELS.values(), ids=BAD_LEVELS)
def test_a_level_that_makes_no_sense_is_refused(
    learn: Learn, column: str, value: object, sqlstate: str
) -> None:
    course = learn.make_course()
    learn.make_course_level(course, slug="taken")
    row: dict[str, Any] = {"course_id": course.id, "slug": "fine", "title": "Fine", column: value}
    with learn.fails(sqlstate):
        learn.insert("course_levels", **row)


def test_two_courses_may_have_levels_of_the_same_slug(learn: Learn) -> None:
    for _ in range(2):
        learn.make_course_level(learn.make_course(), slug="basics")


def test_a_level_has_one_lesson_of_each_difficulty_and_one_without(learn: Learn) -> None:
    level = learn.make_course_level(learn.make_course())
    for difficulty in ("easy", "medium", "hard"):
        learn.make_lesson(0, level=level, difficulty=difficulty)
    learn.make_lesson(0, level=level)
    for again in ("hard", None):
        with learn.fails("23505"):
            learn.make_lesson(0, level=level, difficulty=again)
    learn.make_lesson(0, level=learn.make_course_level(learn.make_course()), difficulty="hard")


@pytest.mark.parametrize("tier", ["easy", "medium", "hard"])
def test_tiers_are_of_lessons_only(learn: Learn, tier: str) -> None:
    for make in (learn.make_course, learn.make_track, learn.make_challenge):
        with learn.fails("23514"):
            make(difficulty=tier)


def test_a_course_has_one_lesson_in_each_place_of_the_sequence(learn: Learn) -> None:
    course = learn.make_course(2)
    one, two = (lesson.id for lesson in learn.lessons_of(course))
    learn.run("update learn.lessons set sequence_number = 1 where id = %s", [one])
    with learn.fails("23505"):
        learn.run("update learn.lessons set sequence_number = 1 where id = %s", [two])
    other = learn.make_course(1)
    learn.run("update learn.lessons set sequence_number = 1 where course_id = %s", [other.id])


def test_places_in_the_sequence_may_be_swapped_at_the_end_of_a_transaction(learn: Learn) -> None:
    course = learn.make_course(2)
    one, two = (lesson.id for lesson in learn.lessons_of(course))
    learn.run("update learn.lessons set sequence_number = 1 where id = %s", [one])
    learn.run("update learn.lessons set sequence_number = 2 where id = %s", [two])
    learn.run("set constraints learn.lessons_sequence_is_unique deferred")
    learn.run("update learn.lessons set sequence_number = 2 where id = %s", [one])
    learn.run("update learn.lessons set sequence_number = 1 where id = %s", [two])
    learn.run("set constraints learn.lessons_sequence_is_unique immediate")


def test_a_lesson_belongs_to_the_course_of_its_level(learn: Learn) -> None:
    course, other = learn.make_course(), learn.make_course()
    level = learn.make_course_level(course)
    lesson = learn.make_lesson(0, level=level)
    assert learn.value("select course_id from learn.lessons where id = %s", [lesson.id]) == course.id
    with learn.fails("23503"):
        learn.make_lesson(0, level=level, course=other, difficulty="easy")
    learn.run("update learn.lessons set course_id = null where id = %s", [lesson.id])
    assert learn.value("select course_id from learn.lessons where id = %s", [lesson.id]) == course.id


def test_a_lesson_moved_by_its_level_alone_goes_to_the_course_of_the_level(learn: Learn) -> None:
    course, other = learn.make_course(), learn.make_course()
    lesson = learn.make_lesson(0, level=learn.make_course_level(course))
    level = learn.make_course_level(other)
    learn.run("update learn.lessons set course_level_id = %s where id = %s", [level.id, lesson.id])
    assert learn.value("select course_id from learn.lessons where id = %s", [lesson.id]) == other.id
    assert (sizes(learn, course)[:2], sizes(learn, other)[:2]) == ((0, 0), (1, 1))


def test_a_lesson_of_an_unknown_course_or_level_is_refused(learn: Learn) -> None:
    with learn.fails("23503"):
        learn.make_lesson(0, course=Course(999_999_999, "unknown"))
    with learn.fails("23503"):
        learn.run(
            "insert into learn.lessons (slug, title, course_id, course_level_id)"
            " values ('x', 'x', %s, 9999999)",
            [learn.make_course().id],
        )


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_a_rating_outside_one_to_five_cannot_be_written(learn: Learn, rating: int) -> None:
    user, course = learn.make_user(), learn.make_course(1)
    with learn.fails("23514"):
        learn.run(
            "insert into learn.course_ratings (user_id, course_id, rating) values (%s, %s, %s)",
            [user, course.id, rating],
        )


def test_progress_never_exceeds_what_there_is(learn: Learn) -> None:
    user, course = learn.make_user(), learn.make_course(1)
    learn.enroll_in_course(user, course)
    for column in ("lessons_completed", "levels_completed", "weight_completed"):
        for value in (2, -1):
            with learn.fails("23514"):
                learn.run(f"update learn.user_course_progress set {column} = %s", [value])
    with learn.fails("23514"):
        learn.run("update learn.user_course_progress set time_spent_seconds = -1")


@pytest.mark.parametrize("value", ["some", "ANY", None])
def test_the_policy_of_levels_is_any_or_all(learn: Learn, value: str | None) -> None:
    with learn.fails("23514"):
        learn.set_setting("level_completion_policy", value)


# ── what a course consists of ──────────────────────────────────────────────────────────────────────────────


def test_a_course_counts_what_is_published_in_it(learn: Learn) -> None:
    course = learn.make_course(2)
    level, hidden, empty = (learn.make_course_level(course, published=p) for p in (True, False, True))
    learn.make_lesson(0, level=level, difficulty="medium")
    learn.make_lesson(0, level=level, difficulty="hard", published=False)
    learn.make_lesson(0, level=hidden, difficulty="hard")
    assert empty.course == course.id
    assert sizes(learn, course) == (3, 1, Decimal(4))


def test_an_unpublished_course_counts_its_lessons_for_the_day_it_comes_back(learn: Learn) -> None:
    course = learn.make_course(2, published=False)
    assert sizes(learn, course) == (2, 0, Decimal(2))


def test_a_lesson_is_available_when_it_its_level_and_its_course_are_published(learn: Learn) -> None:
    for lesson_on, level_on, course_on in [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]:
        course = learn.make_course(published=bool(course_on))
        level = learn.make_course_level(course, published=bool(level_on))
        lesson = learn.make_lesson(0, level=level, published=bool(lesson_on)).id
        assert available(learn, lesson) == bool(lesson_on and level_on and course_on)
        learn.run("update learn.courses set is_published = true where id = %s", [course.id])
        assert available(learn, lesson) == bool(lesson_on and level_on)
        learn.run("update learn.course_levels set is_published = true where id = %s", [level.id])
        assert available(learn, lesson) == bool(lesson_on)
        learn.run("update learn.lessons set is_published = true where id = %s", [lesson])
        assert available(learn, lesson)
        learn.run("update learn.course_levels set is_published = false where id = %s", [level.id])
        assert not available(learn, lesson)
        learn.run("update learn.lessons set course_level_id = null where id = %s", [lesson])
        assert available(learn, lesson)
        learn.run("update learn.courses set is_published = false where id = %s", [course.id])
        assert not available(learn, lesson)
        learn.run("update learn.lessons set course_id = null where id = %s", [lesson])
        assert available(learn, lesson)


def test_what_is_available_cannot_be_set_by_hand(learn: Learn) -> None:
    plain, course = learn.make_lesson(0), learn.make_course(1, published=False)
    learn.run("update learn.lessons set is_available = false where id = %s", [plain.id])
    learn.run("update learn.lessons set is_available = true where course_id = %s", [course.id])
    assert available(learn, plain.id)
    assert not available(learn, learn.lessons_of(course)[0].id)


# ── what goes with what ────────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_course_takes_all_its_rows_along_and_leaves_what_was_paid(learn: Learn) -> None:
    course, other = learn.make_course(completion_xp=30), learn.make_course(1)
    lesson = learn.make_lesson(0, level=learn.make_course_level(course), difficulty="hard", xp_reward=10)
    learn.make_course_prerequisite(course, other, required=False)
    learn.make_course_prerequisite(learn.make_course(1), course)
    user = learn.make_user()
    learn.complete_lesson(user, lesson)
    learn.rate_course(user, course, 5)
    ledger, facts, stats = learn.ledger(user), learn.facts(user), learn.stats(user)
    assert stats.total_xp == 60
    before = learn.row_counts()
    learn.run("delete from learn.courses where id = %s", [course.id])
    after = learn.row_counts()
    assert {name: before[name] - count for name, count in after.items() if count != before[name]} == {
        "learn.courses": 1,
        "learn.course_levels": 1,
        "learn.course_prerequisites": 2,
        "learn.course_ratings": 1,
        "learn.lessons": 1,
        "learn.user_course_progress": 1,
        "learn.user_lesson_progress": 1,
        "learn.user_level_unlocks": 1,
        "learn.audit_log": -5,  # what is content
    }
    assert (learn.ledger(user), learn.facts(user), learn.stats(user)) == (ledger, facts, stats)
    assert learn.metric(user, "courses_completed") == 1


def test_a_deleted_level_takes_its_lessons_and_unlocks_along(learn: Learn) -> None:
    user, course = learn.make_user(), learn.make_course()
    level, other = learn.make_course_level(course), learn.make_course_level(course)
    learn.complete_lesson(user, learn.make_lesson(0, level=level))
    learn.make_lesson(0, level=other)
    assert learn.unlocked_levels(user) == [(level.slug, True), (other.slug, False)]
    before = learn.row_counts()
    learn.run("delete from learn.course_levels where id = %s", [level.id])
    after = learn.row_counts()
    assert {name: before[name] - count for name, count in after.items() if count != before[name]} == {
        "learn.course_levels": 1,
        "learn.lessons": 1,
        "learn.user_lesson_progress": 1,
        "learn.user_level_unlocks": 1,
        "learn.audit_log": -2,
    }
    assert learn.unlocked_levels(user) == [(other.slug, False)]


def test_a_deleted_user_takes_enrolments_unlocks_and_ratings_along(learn: Learn) -> None:
    user, course = learn.make_user(), learn.make_course(track=learn.make_track())
    lesson = learn.make_lesson(0, level=learn.make_course_level(course))
    learn.complete_lesson(user, lesson)
    learn.rate_course(user, course, 4, "Good.")
    learn.run("delete from learn.users where id = %s", [user])
    for table in ("user_course_progress", "user_level_unlocks", "course_ratings", "user_lesson_progress"):
        assert learn.value(f"select count(*) from learn.{table} where user_id = %s", [user]) == 0


def test_a_deleted_track_leaves_its_courses(learn: Learn) -> None:
    track = learn.make_track()
    course = learn.make_course(1, track=track)
    learn.run("delete from learn.tracks where id = %s", [track.id])
    assert learn.value("select track_id from learn.courses where id = %s", [course.id]) is None


def test_a_difficulty_in_use_is_not_deleted_and_may_be_renamed(learn: Learn) -> None:
    course = learn.make_course(difficulty="fundamentals")
    with learn.fails("23503"):
        learn.run("delete from learn.difficulties where key = 'fundamentals'")
    learn.run("update learn.difficulties set key = 'ground' where key = 'fundamentals'")
    assert learn.value("select difficulty from learn.courses where id = %s", [course.id]) == "ground"


# ── prerequisites ──────────────────────────────────────────────────────────────────────────────────────────


def chain(learn: Learn, length: int, *, required: bool = True) -> list[Course]:
    """Courses of which each has the next as its prerequisite."""
    courses = [learn.make_course(1) for _ in range(length)]
    for course, needs in pairwise(courses):
        learn.make_course_prerequisite(course, needs, required=required)
    return courses


def test_a_course_is_not_its_own_prerequisite(learn: Learn) -> None:
    course = learn.make_course()
    with learn.fails("23514"):
        learn.make_course_prerequisite(course, course)


def test_a_prerequisite_is_named_once(learn: Learn) -> None:
    one, two = chain(learn, 2)
    with learn.fails("23505"):
        learn.make_course_prerequisite(one, two, required=False)


@pytest.mark.parametrize("length", [2, 3, 10])
@pytest.mark.parametrize("required", [True, False])
def test_a_cycle_is_refused_naming_its_path(learn: Learn, length: int, required: bool) -> None:
    courses = chain(learn, length, required=required)
    with learn.refuses("LX012") as refusal:
        learn.make_course_prerequisite(courses[-1], courses[0])
    named = refusal.detail.split(" → ")
    assert named[0] == named[-1]
    assert sorted(named[1:]) == sorted(str(course.id) for course in courses)


def test_a_cycle_written_by_one_statement_or_by_an_update_is_refused(learn: Learn) -> None:
    one, two = learn.make_course(), learn.make_course()
    with learn.refuses("LX012"):
        learn.run(
            "insert into learn.course_prerequisites (course_id, prerequisite_course_id)"
            " values (%s, %s), (%s, %s)",
            [*(one.id, two.id, two.id, one.id)],
        )
    first, second, third = chain(learn, 3)
    learn.make_course_prerequisite(third, one)
    with learn.refuses("LX012") as refusal:
        learn.run(
            "update learn.course_prerequisites set prerequisite_course_id = %s where course_id = %s",
            [*(first.id, third.id)],
        )
    assert str(second.id) in refusal.detail


def test_after_an_edge_or_a_course_is_gone_the_other_way_round_is_fine(learn: Learn) -> None:
    first, second = chain(learn, 2)
    learn.run("delete from learn.course_prerequisites where course_id = %s", [first.id])
    learn.make_course_prerequisite(second, first)
    first, second, third = chain(learn, 3)
    learn.run("delete from learn.courses where id = %s", [second.id])
    learn.make_course_prerequisite(third, first)


# ── roles ──────────────────────────────────────────────────────────────────────────────────────────────────

READABLE = (
    "courses",
    "course_levels",
    "course_prerequisites",
    "course_ratings",
    "user_course_progress",
    "user_level_unlocks",
    "course_catalog",
    "course_xp",
)


def test_the_app_reads_courses_and_calls_their_functions(learn: Learn) -> None:
    user, course = learn.make_user(), learn.make_course(1)
    with learn.role("learn_app"):
        assert learn.enroll_in_course(user, course).xp_awarded == 0
        learn.rate_course(user, course, 3)
        (lesson,) = learn.lessons_of(course)
        assert learn.complete_lesson(user, lesson).xp_awarded == 50
        for table in READABLE:
            learn.tuples(f"select * from learn.{table}")
        assert learn.value("select learn.localized('{}', 'fil', 'title', 'Title')") == "Title"


@pytest.mark.parametrize("table", READABLE[:6])
@pytest.mark.parametrize("role", ["learn_app", "learn_readonly"])
def test_nobody_but_the_owner_writes_courses_or_progress(learn: Learn, table: str, role: str) -> None:
    for statement in (f"delete from learn.{table}", f"insert into learn.{table} default values"):
        with learn.role(role), learn.fails("42501"):
            learn.run(statement)


def test_the_reader_reads_and_calls_nothing_that_changes(learn: Learn) -> None:
    user, course = learn.make_user(), learn.make_course(1)
    with learn.role("learn_readonly"):
        for table in READABLE:
            learn.tuples(f"select * from learn.{table}")
        assert learn.value("select learn.localized('{}', 'fil', 'title', 'Title')") == "Title"
        with learn.fails("42501"):
            learn.enroll_in_course(user, course)
        with learn.fails("42501"):
            learn.rate_course(user, course, 3)
