"""The catalogue of courses, and XP by course."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from psycopg.rows import dict_row

from tests.client import Course, Learn


def entry(learn: Learn, course: Course) -> dict[str, Any] | None:
    with learn.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from learn.course_catalog where id = %s", [course.id]).fetchone()


def test_a_new_course_has_no_learners_and_no_ratings(learn: Learn) -> None:
    found = entry(learn, learn.make_course())
    assert found is not None
    assert (found["lesson_count"], found["level_count"], found["enrollment_count"]) == (0, 0, 0)
    assert (found["average_rating"], found["rating_count"]) == (None, 0)
    assert (found["prerequisites"], found["track"]) == ([], None)


def test_only_published_courses_are_listed(learn: Learn) -> None:
    assert entry(learn, learn.make_course(published=False)) is None


def test_enrolments_and_ratings_are_counted(learn: Learn) -> None:
    course, other = learn.make_course(2, track=learn.make_track(slug="web")), learn.make_course(1)
    users = [learn.make_user() for _ in range(3)]
    for user, rating in zip(users, (5, 4, 4), strict=True):
        learn.enroll_in_course(user, course)
        learn.rate_course(user, course, rating)
    learn.enroll_in_course(users[0], other)
    learn.rate_course(users[0], other, 1)
    found = entry(learn, course)
    assert found is not None
    assert (found["enrollment_count"], found["rating_count"], found["average_rating"]) == (
        3,
        3,
        Decimal("4.33"),
    )
    assert (found["lesson_count"], found["track"]) == (2, "web")


def test_levels_and_lessons_are_those_that_are_published(learn: Learn) -> None:
    course = learn.make_course()
    levels = [learn.make_course_level(course, published=published) for published in (True, True, False)]
    for level, difficulty in ((0, "easy"), (0, "hard"), (2, "easy")):
        learn.make_lesson(0, level=levels[level], difficulty=difficulty)
    found = entry(learn, course)
    assert found is not None
    assert (found["lesson_count"], found["level_count"]) == (2, 1)


def test_prerequisites_are_listed_required_ones_first(learn: Learn) -> None:
    course = learn.make_course(1)
    recommended, required, hidden = (learn.make_course(1, published=p) for p in (True, True, False))
    learn.make_course_prerequisite(course, recommended, required=False)
    learn.make_course_prerequisite(course, required)
    learn.make_course_prerequisite(course, hidden)
    found = entry(learn, course)
    assert found is not None
    assert [(row["slug"], row["is_required"]) for row in found["prerequisites"]] == [
        (required.slug, True),
        (recommended.slug, False),
    ]


def test_xp_by_course_is_that_of_its_lessons_levels_and_completion(learn: Learn) -> None:
    user, other = learn.make_user(), learn.make_user()
    course, second = learn.make_course(completion_xp=40), learn.make_course(1)
    lesson = learn.make_lesson(0, level=learn.make_course_level(course), difficulty="medium", xp_reward=15)
    learn.complete_lesson(user, lesson, 100)
    learn.complete_lesson(other, learn.lessons_of(second)[0])
    learn.complete_lesson(user, learn.make_lesson(0))
    learn.award_xp(user, 7)
    found = learn.tuples("select user_id, course_id, xp_earned from learn.course_xp")
    assert sorted(found, key=lambda row: row[1]) == [(user, course.id, 30 + 20 + 40), (other, second.id, 50)]
