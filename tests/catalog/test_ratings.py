"""Ratings of courses by those who are enrolled."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.client import Course, Learn


@pytest.fixture
def course(learn: Learn, user: UUID) -> Course:
    """One in which the user is enrolled."""
    course = learn.make_course(1)
    learn.enroll_in_course(user, course)
    return course


def ratings(learn: Learn, course: Course) -> list[tuple[int, str | None]]:
    return learn.tuples("select rating, review from learn.course_ratings where course_id = %s", [course.id])


def test_a_rating_pays_nothing_and_is_kept(learn: Learn, user: UUID, course: Course) -> None:
    assert learn.rate_course(user, course, 4, "Clear.").xp_awarded == 0
    assert ratings(learn, course) == [(4, "Clear.")]


def test_rating_again_replaces_the_rating_and_keeps_its_first_date(
    learn: Learn, user: UUID, course: Course
) -> None:
    first = learn.clock()
    learn.rate_course(user, course, 4, "Clear.")
    second = learn.set_clock("2035-06-14 12:00")
    learn.rate_course(user, course, 2)
    assert ratings(learn, course) == [(2, None)]
    assert learn.tuples("select created_at, updated_at from learn.course_ratings") == [(first, second)]


@pytest.mark.parametrize(
    ("rating", "review"), [(0, None), (6, None), (None, None), (3, " \n"), (3, ""), (3, "x" * 10_001)]
)
def test_a_rating_that_makes_no_sense_is_refused(
    learn: Learn, user: UUID, course: Course, rating: int | None, review: str | None
) -> None:
    with learn.refuses("LX001"):
        learn.rate_course(user, course, rating, review)


def test_a_review_of_ten_thousand_characters_is_fine(learn: Learn, user: UUID, course: Course) -> None:
    learn.rate_course(user, course, 3, "x" * 10_000)


def test_only_who_is_enrolled_rates(learn: Learn, course: Course) -> None:
    with learn.refuses("LX010"):
        learn.rate_course(learn.make_user(), course, 5)


def test_an_unknown_user_or_course_or_one_not_published_is_refused(
    learn: Learn, user: UUID, course: Course
) -> None:
    with learn.refuses("LX002"):
        learn.rate_course(uuid4(), course, 5)
    for unknown in (999_999_999, None):
        with learn.refuses("LX003"):
            learn.rate_course(user, unknown, 5)
    learn.run("update learn.courses set is_published = false where id = %s", [course.id])
    with learn.refuses("LX004"):
        learn.rate_course(user, course, 5)


def test_an_inactive_user_is_refused(learn: Learn, user: UUID, course: Course) -> None:
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.rate_course(user, course, 5)


def test_a_retried_rating_returns_the_first_answer(learn: Learn, user: UUID, course: Course) -> None:
    first = learn.rate_course(user, course, 5, key="rate")
    learn.rate_course(user, course, 1)
    again = learn.rate_course(user, course, 5, key="rate")
    assert (again.replayed, again.total_xp) == (True, first.total_xp)
    assert ratings(learn, course) == [(1, None)]
    with learn.refuses("LX013"):
        learn.rate_course(user, course, 4, key="rate")
