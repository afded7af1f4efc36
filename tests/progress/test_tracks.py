"""Tracks, learning paths and difficulties: live percentages, sticky completions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.client import Learn, PathProgress, TrackProgress, moment

NOON = moment("2035-06-13 12:00")


def test_a_track_counts_its_completed_lessons(learn: Learn) -> None:
    user, lessons = learn.make_user(), [learn.make_lesson(0) for _ in range(3)]
    track = learn.make_track(*lessons)
    assert learn.track_progress(user, track) is None
    expected = [
        TrackProgress("in_progress", 1, 3, Decimal("33.33"), None),
        TrackProgress("in_progress", 2, 3, Decimal("66.67"), None),
        TrackProgress("completed", 3, 3, Decimal("100.00"), NOON),
    ]
    for lesson, progress in zip(lessons, expected, strict=True):
        learn.complete_lesson(user, lesson)
        assert learn.track_progress(user, track) == progress
    assert learn.facts(user, "track_completed") == [("track_completed", "track", str(track.id))]


def test_a_lesson_completed_twice_counts_once(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    track = learn.make_track(lesson, learn.make_lesson(0))
    learn.complete_lesson(user, lesson)
    learn.complete_lesson(user, lesson)
    assert learn.track_progress(user, track) == TrackProgress("in_progress", 1, 2, Decimal("50.00"), None)


def test_unpublished_lessons_are_not_in_the_denominator(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    track = learn.make_track(lesson, learn.make_lesson(0, published=False))
    learn.complete_lesson(user, lesson)
    assert learn.track_progress(user, track) == TrackProgress("completed", 1, 1, Decimal("100.00"), NOON)


def test_an_unpublished_track_counts_and_does_not_complete(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    track = learn.make_track(lesson, published=False)
    assert learn.complete_lesson(user, lesson).xp_awarded == 50
    assert learn.track_progress(user, track) == TrackProgress("in_progress", 1, 1, Decimal("100.00"), None)


def test_a_track_is_complete_since_its_last_lesson_was(learn: Learn) -> None:
    user, first, second = learn.make_user(), learn.make_lesson(0), learn.make_lesson(0)
    track = learn.make_track(first, second)
    learn.complete_lesson(user, first, at="2035-06-12 09:00")
    learn.complete_lesson(user, second, at="2035-06-11 09:00")  # told late
    progress = learn.track_progress(user, track)
    assert progress.status == "completed"
    assert progress.completed_at in (moment("2035-06-11 09:00"), moment("2035-06-12 09:00"))


def test_a_path_counts_its_completed_tracks(learn: Learn) -> None:
    user, lessons = learn.make_user(), [learn.make_lesson(0) for _ in range(2)]
    path = learn.make_path(*(learn.make_track(lesson) for lesson in lessons))
    assert learn.path_progress(user, path) is None
    learn.complete_lesson(user, lessons[0])
    assert learn.path_progress(user, path) == PathProgress(1, 2, None)
    learn.complete_lesson(user, lessons[1])
    assert learn.path_progress(user, path) == PathProgress(2, 2, NOON)
    assert learn.facts(user, "path_completed") == [("path_completed", "path", str(path.id))]


def test_an_unpublished_track_of_a_path_is_not_asked_for(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    path = learn.make_path(learn.make_track(lesson), learn.make_track(learn.make_lesson(0), published=False))
    learn.complete_lesson(user, lesson)
    assert learn.path_progress(user, path) == PathProgress(1, 1, NOON)


def test_an_empty_track_of_a_path_is_not_asked_for(learn: Learn) -> None:
    """It cannot be completed: a track needs at least one published item."""
    user, lesson = learn.make_user(), learn.make_lesson(0)
    path = learn.make_path(learn.make_track(lesson), learn.make_track())
    learn.complete_lesson(user, lesson)
    assert learn.path_progress(user, path) == PathProgress(1, 1, NOON)


def test_a_path_pays_no_xp_by_itself(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.make_path(learn.make_track(lesson))
    assert learn.complete_lesson(user, lesson).xp_awarded == 250


@pytest.mark.parametrize("difficulty", ["beginner", "advanced"])
def test_a_difficulty_is_completed_with_its_last_track(learn: Learn, difficulty: str) -> None:
    user, lessons = learn.make_user(), [learn.make_lesson(0) for _ in range(2)]
    for lesson in lessons:
        learn.make_track(lesson, difficulty=difficulty)
    learn.complete_lesson(user, lessons[0])
    assert learn.facts(user, "difficulty_completed") == []
    learn.complete_lesson(user, lessons[1])
    assert learn.facts(user, "difficulty_completed") == [("difficulty_completed", "difficulty", difficulty)]
    assert learn.metric(user, "difficulty_completed", difficulty) == 1


def test_a_difficulty_may_be_renamed_after_it_was_completed(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.make_track(lesson, difficulty="advanced")
    learn.complete_lesson(user, lesson)
    learn.run("update learn.difficulties set key = 'expert' where key = 'advanced'")
    assert learn.tuples(
        "select difficulty from learn.user_difficulty_progress where user_id = %s", [user]
    ) == [("expert",)]
    assert len(learn.facts(user, "difficulty_completed")) == 1


def test_progress_of_one_user_is_no_others(learn: Learn) -> None:
    user, other, lesson = learn.make_user(), learn.make_user(), learn.make_lesson(0)
    track = learn.make_track(lesson)
    learn.complete_lesson(user, lesson)
    assert learn.track_progress(other, track) is None
    assert learn.stats(other).total_xp == 0
