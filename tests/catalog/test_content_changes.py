"""Content that changes under its learners: percentages are live, completions stay, the ledger is kept."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from tests.client import Learn, Lesson, PathProgress, Track, TrackProgress, moment

NOON = moment("2035-06-13 12:00")
LATER = "2035-06-14 12:00"


def unpublish(learn: Learn, table: str, row: int, *, published: bool = False) -> None:
    learn.run(f"update learn.{table} set is_published = %s where id = %s", [published, row])


def delete(learn: Learn, table: str, row: int) -> None:
    learn.run(f"delete from learn.{table} where id = %s", [row])


def items(learn: Learn, user: UUID, track: Track) -> tuple[int, int, bool] | None:
    """(completed, total, whether the track is completed)."""
    progress = learn.track_progress(user, track)
    if progress is None:
        return None
    return progress.items_completed, progress.total_items, progress.completed_at is not None


@pytest.fixture
def lessons(learn: Learn) -> list[Lesson]:
    return [learn.make_lesson(0) for _ in range(3)]


# ── lessons and tracks ─────────────────────────────────────────────────────────────────────────────────────


def test_a_lesson_added_to_a_track_lowers_the_percentage(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    track = learn.make_track(*lessons[:2])
    learn.complete_lesson(user, lessons[0])
    learn.add_to_track(track, lessons[2])
    assert learn.track_progress(user, track) == TrackProgress("in_progress", 1, 3, Decimal("33.33"), None)


def test_a_lesson_added_to_a_completed_track_leaves_it_completed(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    track = learn.make_track(lessons[0])
    learn.complete_lesson(user, lessons[0])
    learn.add_to_track(track, lessons[1])
    assert learn.track_progress(user, track) == TrackProgress("completed", 1, 2, Decimal("50.00"), NOON)
    assert learn.complete_lesson(user, lessons[1]).xp_awarded == 50  # the track is not paid again
    assert learn.track_progress(user, track) == TrackProgress("completed", 2, 2, Decimal("100.00"), NOON)


def test_a_completed_lesson_added_to_a_track_counts_there(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    learn.complete_lesson(user, lessons[0])
    track = learn.make_track(lessons[1], lessons[0])
    assert items(learn, user, track) == (1, 2, False)


def test_a_track_made_of_completed_lessons_completes_and_pays_at_once(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    learn.complete_lesson(user, lessons[0])
    learn.set_clock(LATER)
    track = learn.make_track(lessons[0])
    assert items(learn, user, track) == (1, 1, True)
    assert learn.ledger(user)[-1] == (200, "track_completed", str(track.id))
    assert "track-finisher" in learn.badges(user)


def test_a_lesson_taken_out_of_a_track_raises_the_percentage(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    track = learn.make_track(*lessons)
    learn.complete_lesson(user, lessons[0])
    learn.run("delete from learn.track_lessons where lesson_id = %s", [lessons[1].id])
    assert items(learn, user, track) == (1, 2, False)


@pytest.mark.parametrize("way", ["taken out", "unpublished", "deleted"])
def test_losing_the_last_missing_lesson_completes_the_track_and_pays_it(
    learn: Learn, user: UUID, lessons: list[Lesson], way: str
) -> None:
    track = learn.make_track(*lessons[:2])
    learn.complete_lesson(user, lessons[0])
    if way == "taken out":
        learn.run("delete from learn.track_lessons where lesson_id = %s", [lessons[1].id])
    elif way == "unpublished":
        unpublish(learn, "lessons", lessons[1].id)
    else:
        delete(learn, "lessons", lessons[1].id)
    assert learn.track_progress(user, track) == TrackProgress("completed", 1, 1, Decimal("100.00"), NOON)
    assert learn.ledger(user)[-1] == (200, "track_completed", str(track.id))


@pytest.mark.parametrize("way", ["taken out", "unpublished", "deleted"])
def test_losing_a_completed_lesson_keeps_the_completed_track_and_what_was_paid(
    learn: Learn, user: UUID, lessons: list[Lesson], way: str
) -> None:
    track = learn.make_track(*lessons[:2])
    for lesson in lessons[:2]:
        learn.complete_lesson(user, lesson)
    if way == "taken out":
        learn.run("delete from learn.track_lessons where lesson_id = %s", [lessons[1].id])
    elif way == "unpublished":
        unpublish(learn, "lessons", lessons[1].id)
    else:
        delete(learn, "lessons", lessons[1].id)
    assert items(learn, user, track) == (1, 1, True)
    assert learn.stats(user).total_xp == 300
    assert len(learn.facts(user, "track_completed")) == 1


def test_a_track_that_loses_all_its_lessons_is_no_complete_track(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    track = learn.make_track(*lessons[:2])
    learn.complete_lesson(user, lessons[0])
    for lesson in lessons[:2]:
        delete(learn, "lessons", lesson.id)
    assert items(learn, user, track) == (0, 0, False)
    assert learn.facts(user, "track_completed") == []


def test_a_lesson_published_again_counts_again(learn: Learn, user: UUID, lessons: list[Lesson]) -> None:
    track = learn.make_track(*lessons)
    learn.complete_lesson(user, lessons[0])
    unpublish(learn, "lessons", lessons[0].id)
    assert items(learn, user, track) == (0, 2, False)
    unpublish(learn, "lessons", lessons[0].id, published=True)
    assert items(learn, user, track) == (1, 3, False)


def test_a_lesson_moved_to_another_track_moves_both(learn: Learn, user: UUID, lessons: list[Lesson]) -> None:
    one, two = learn.make_track(*lessons[:2]), learn.make_track(lessons[2])
    learn.complete_lesson(user, lessons[0])
    learn.run("update learn.track_lessons set track_id = %s where lesson_id = %s", [two.id, lessons[0].id])
    assert items(learn, user, one) == (0, 1, False)
    assert items(learn, user, two) == (1, 2, False)


def test_a_track_that_is_published_completes_for_those_who_are_through(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    track = learn.make_track(lessons[0], published=False)
    learn.complete_lesson(user, lessons[0])
    assert items(learn, user, track) == (1, 1, False)
    unpublish(learn, "tracks", track.id, published=True)
    assert items(learn, user, track) == (1, 1, True)
    assert learn.stats(user).total_xp == 250


def test_a_track_unpublished_and_published_again_pays_once(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    track = learn.make_track(lessons[0])
    learn.complete_lesson(user, lessons[0])
    unpublish(learn, "tracks", track.id)
    unpublish(learn, "tracks", track.id, published=True)
    assert items(learn, user, track) == (1, 1, True)
    assert learn.stats(user).total_xp == 250


def test_a_deleted_track_takes_its_progress_along_and_the_ledger_stays(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    track = learn.make_track(lessons[0])
    learn.complete_lesson(user, lessons[0])
    delete(learn, "tracks", track.id)
    assert learn.track_progress(user, track) is None
    assert learn.stats(user).total_xp == 250
    assert "track-finisher" in learn.badges(user)


def test_a_change_of_other_columns_moves_nothing(learn: Learn, user: UUID, lessons: list[Lesson]) -> None:
    track = learn.make_track(*lessons)
    learn.complete_lesson(user, lessons[0])
    before = learn.facts(user)
    learn.run("update learn.tracks set title = 'Other', position = 5, completion_xp = 1")
    learn.run(
        "update learn.lessons set title = 'Other', xp_reward = 1, difficulty = 'hard' where id = any (%s)",
        [[lesson.id for lesson in lessons]],
    )
    assert items(learn, user, track) == (1, 3, False)
    assert learn.facts(user) == before


# ── paths and difficulties ─────────────────────────────────────────────────────────────────────────────────


def test_a_track_added_to_a_path_is_asked_for_and_a_completed_path_stays(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    tracks = [learn.make_track(lesson) for lesson in lessons]
    path = learn.make_path(*tracks[:2])
    learn.complete_lesson(user, lessons[0])
    learn.complete_lesson(user, lessons[1])
    learn.add_to_path(path, tracks[2])
    assert learn.path_progress(user, path) == PathProgress(2, 3, NOON)
    other = learn.make_user()
    learn.complete_lesson(other, lessons[0])
    assert learn.path_progress(other, path) == PathProgress(1, 3, None)


@pytest.mark.parametrize("way", ["taken out", "unpublished", "deleted", "emptied"])
def test_losing_the_last_missing_track_completes_the_path(
    learn: Learn, user: UUID, lessons: list[Lesson], way: str
) -> None:
    done, missing = (learn.make_track(lesson) for lesson in lessons[:2])
    path = learn.make_path(done, missing)
    learn.complete_lesson(user, lessons[0])
    learn.set_clock(LATER)
    if way == "taken out":
        learn.run("delete from learn.learning_path_tracks where track_id = %s", [missing.id])
    elif way == "unpublished":
        unpublish(learn, "tracks", missing.id)
    elif way == "deleted":
        delete(learn, "tracks", missing.id)
    else:
        delete(learn, "lessons", lessons[1].id)
    assert learn.path_progress(user, path) == PathProgress(1, 1, NOON)
    assert "path-master" in learn.badges(user)


def test_a_track_moved_to_another_path_moves_both(learn: Learn, user: UUID, lessons: list[Lesson]) -> None:
    tracks = [learn.make_track(lesson) for lesson in lessons]
    one, two = learn.make_path(*tracks[:2]), learn.make_path(tracks[2])
    learn.complete_lesson(user, lessons[0])
    learn.run(
        "update learn.learning_path_tracks set path_id = %s where track_id = %s", [two.id, tracks[0].id]
    )
    assert learn.path_progress(user, one) == PathProgress(0, 1, None)
    assert learn.path_progress(user, two) == PathProgress(1, 2, None)


def test_a_path_of_completed_tracks_completes_when_it_is_made(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    track = learn.make_track(lessons[0])
    learn.complete_lesson(user, lessons[0])
    path = learn.make_path(track)
    assert learn.path_progress(user, path) == PathProgress(1, 1, NOON)
    assert "path-master" in learn.badges(user)


def test_a_deleted_path_takes_nothing_back(learn: Learn, user: UUID, lessons: list[Lesson]) -> None:
    path = learn.make_path(learn.make_track(lessons[0]))
    learn.complete_lesson(user, lessons[0])
    delete(learn, "learning_paths", path.id)
    assert learn.path_progress(user, path) is None
    assert "path-master" in learn.badges(user)


def difficulties(learn: Learn, user: UUID) -> list[str]:
    return [subject or "" for _, _, subject in learn.facts(user, "difficulty_completed")]


def test_the_last_missing_track_moving_to_another_difficulty_completes_the_one_that_it_left(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    learn.make_track(lessons[0], difficulty="beginner")
    missing = learn.make_track(lessons[1], difficulty="beginner")
    learn.complete_lesson(user, lessons[0])
    assert difficulties(learn, user) == []
    learn.run("update learn.tracks set difficulty = 'advanced' where id = %s", [missing.id])
    assert difficulties(learn, user) == ["beginner"]


def test_a_completed_track_moving_to_another_difficulty_may_complete_that_one(
    learn: Learn, user: UUID, lessons: list[Lesson]
) -> None:
    track = learn.make_track(lessons[0], difficulty="beginner")
    learn.complete_lesson(user, lessons[0])
    learn.run("update learn.tracks set difficulty = 'advanced' where id = %s", [track.id])
    assert difficulties(learn, user) == ["beginner", "advanced"]


@pytest.mark.parametrize("way", ["unpublished", "deleted", "emptied"])
def test_losing_the_last_missing_track_completes_the_difficulty(
    learn: Learn, user: UUID, lessons: list[Lesson], way: str
) -> None:
    learn.make_track(lessons[0], difficulty="beginner")
    missing = learn.make_track(lessons[1], difficulty="beginner")
    learn.complete_lesson(user, lessons[0])
    if way == "unpublished":
        unpublish(learn, "tracks", missing.id)
    elif way == "deleted":
        delete(learn, "tracks", missing.id)
    else:
        unpublish(learn, "lessons", lessons[1].id)
    assert difficulties(learn, user) == ["beginner"]


# ── exercises ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", ["unpublished", "deleted", "moved"])
def test_losing_the_last_unsolved_exercise_completes_lesson_track_and_path(
    learn: Learn, user: UUID, way: str
) -> None:
    lesson = learn.make_lesson(2)
    track = learn.make_track(lesson)
    path = learn.make_path(track)
    learn.submit_query(user, lesson.exercises[0])
    learn.set_clock(LATER)
    if way == "unpublished":
        unpublish(learn, "exercises", lesson.exercises[1])
    elif way == "deleted":
        delete(learn, "exercises", lesson.exercises[1])
    else:
        learn.run(
            "update learn.exercises set lesson_id = %s where id = %s",
            [learn.make_lesson(1).id, lesson.exercises[1]],
        )
    progress = learn.lesson_progress(user, lesson)
    assert progress.completed_at == NOON  # when the last exercise that counts was solved
    assert items(learn, user, track) == (1, 1, True)
    assert learn.path_progress(user, path) == PathProgress(1, 1, NOON)
    assert learn.stats(user).total_xp == 15 + 50 + 20 + 200


def test_losing_every_exercise_completes_nothing(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(2)
    learn.submit_query(user, lesson.exercises[0])
    for exercise in lesson.exercises[::-1]:
        unpublish(learn, "exercises", exercise)
    # With one of two left, and that one solved, the lesson was complete already.
    assert len(learn.facts(user, "lesson_completed")) == 1
    other = learn.make_lesson(1)
    learn.submit_query(user, other.exercises[0], False)
    unpublish(learn, "exercises", other.exercises[0])
    assert len(learn.facts(user, "lesson_completed")) == 1


def test_a_solved_lesson_that_is_published_later_completes_then(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(2)
    learn.submit_query(user, lesson.exercises[0])
    unpublish(learn, "lessons", lesson.id)
    unpublish(learn, "exercises", lesson.exercises[1])
    assert learn.facts(user, "lesson_completed") == []
    unpublish(learn, "lessons", lesson.id, published=True)
    assert learn.facts(user, "lesson_completed") == [("lesson_completed", "lesson", str(lesson.id))]


def test_an_exercise_added_to_a_completed_lesson_leaves_it_completed(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(1)
    learn.solve(user, lesson)
    added = learn.make_exercise(lesson, position=2)
    assert learn.submit_query(user, added).xp_awarded == 15
    assert len(learn.facts(user, "lesson_completed")) == 1


def test_a_solved_exercise_that_comes_back_is_solved_still(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(2)
    learn.submit_query(user, lesson.exercises[0])
    unpublish(learn, "exercises", lesson.exercises[0])
    unpublish(learn, "exercises", lesson.exercises[0], published=True)
    assert learn.submit_query(user, lesson.exercises[1]).xp_awarded == 15 + 50 + 20


def test_a_deleted_lesson_leaves_what_it_paid(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(2)
    track = learn.make_track(lesson, learn.make_lesson(0))
    learn.solve(user, lesson)
    paid = learn.ledger(user)
    delete(learn, "lessons", lesson.id)
    assert learn.ledger(user) == paid
    assert learn.lesson_progress(user, lesson) is None
    assert learn.metric(user, "lessons_completed") == 1
    assert items(learn, user, track) == (0, 1, False)


def test_one_change_of_content_is_applied_to_all_its_learners(learn: Learn) -> None:
    lesson = learn.make_lesson(2)
    learn.make_track(lesson)
    users = [learn.make_user() for _ in range(10)]
    for user in users:
        learn.submit_query(user, lesson.exercises[0])
    delete(learn, "exercises", lesson.exercises[1])
    assert {learn.stats(user).total_xp for user in users} == {15 + 50 + 20 + 200}
