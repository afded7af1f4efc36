"""Editors change content while learners complete it: whoever commits first, everything adds up afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest

from tests.client import Learn, Lesson, Path, Track
from tests.concurrency.overlaps import Kept, flip, overlap, run
from tests.concurrency.overlaps import kept as kept
from tests.concurrency.sessions import Task, pair, race
from tests.conftest import FreshDatabase


@dataclass
class Course:
    """A path of two tracks, with a lesson without and lessons with exercises, and what is not in it yet."""

    user: UUID
    plain: Lesson
    other: Lesson
    solvable: Lesson
    outside: Lesson
    unpublished: Lesson
    track: Track
    second: Track
    unpublished_track: Track
    path: Path
    empty_path: Path

    @classmethod
    def build(cls, learn: Learn) -> Course:
        """Tracks: `track` of plain, solvable and unpublished; `second` and `unpublished_track` of other."""
        difficulty = f"difficulty-{learn.value('select count(*) from learn.difficulties')}"
        learn.run("insert into learn.difficulties (key, rank) values (%s, 1)", [difficulty])
        plain, other, outside = (learn.make_lesson(0) for _ in range(3))
        solvable = learn.make_lesson(2)
        unpublished = learn.make_lesson(1, published=False)
        track = learn.make_track(plain, solvable, unpublished, difficulty=difficulty)
        second = learn.make_track(other, difficulty=difficulty)
        unpublished_track = learn.make_track(other, difficulty=difficulty, published=False)
        return cls(
            user=learn.make_user(),
            plain=plain,
            other=other,
            solvable=solvable,
            outside=outside,
            unpublished=unpublished,
            track=track,
            second=second,
            unpublished_track=unpublished_track,
            path=learn.make_path(track, second),
            empty_path=learn.make_path(),
        )


Act = Callable[[Learn, Course], object]

# What a learner does, and what is done before, so that the act is their first in a track or completes it.
LEARNERS: dict[str, tuple[list[Act], Act]] = {
    "first lesson": ([], lambda learn, c: learn.complete_lesson(c.user, c.plain)),
    "first lesson of a track of one": ([], lambda learn, c: learn.complete_lesson(c.user, c.other)),
    "lesson outside": ([], lambda learn, c: learn.complete_lesson(c.user, c.outside)),
    "first exercise": ([], lambda learn, c: learn.submit_query(c.user, c.solvable.exercises[0])),
    "last exercise": (
        [lambda learn, c: learn.submit_query(c.user, c.solvable.exercises[0])],
        lambda learn, c: learn.submit_query(c.user, c.solvable.exercises[1]),
    ),
    "last lesson": (
        [lambda learn, c: learn.solve(c.user, c.solvable)],
        lambda learn, c: learn.complete_lesson(c.user, c.plain),
    ),
    "last track": (
        [
            lambda learn, c: learn.solve(c.user, c.solvable),
            lambda learn, c: learn.complete_lesson(c.user, c.plain),
        ],
        lambda learn, c: learn.complete_lesson(c.user, c.other),
    ),
}


EDITORS: dict[str, Act] = {
    "publish lesson": flip("lessons", lambda c: c.unpublished.id),
    "unpublish lesson": flip("lessons", lambda c: c.plain.id),
    "unpublish lesson with exercises": flip("lessons", lambda c: c.solvable.id),
    "unpublish only lesson": flip("lessons", lambda c: c.other.id),
    "unpublish exercise": flip("exercises", lambda c: c.solvable.exercises[1]),
    "delete exercise": run("delete from learn.exercises where id = %s", lambda c: c.solvable.exercises[1]),
    "add exercise": lambda learn, c: learn.make_exercise(c.solvable),
    "add exercise to plain lesson": lambda learn, c: learn.make_exercise(c.plain),
    "move exercise": run(
        "update learn.exercises set lesson_id = %s where id = %s",
        lambda c: c.plain.id,
        lambda c: c.solvable.exercises[1],
    ),
    "add lesson": lambda learn, c: learn.add_to_track(c.track, c.outside),
    "remove lesson": run(
        "delete from learn.track_lessons where track_id = %s and lesson_id = %s",
        lambda c: c.track.id,
        lambda c: c.plain.id,
    ),
    "move lesson": run(
        "update learn.track_lessons set track_id = %s where track_id = %s and lesson_id = %s",
        lambda c: c.second.id,
        lambda c: c.track.id,
        lambda c: c.plain.id,
    ),
    "publish track": flip("tracks", lambda c: c.unpublished_track.id),
    "unpublish track": flip("tracks", lambda c: c.second.id),
    "change difficulty": run(
        "update learn.tracks set difficulty = 'advanced' where id = %s", lambda c: c.second.id
    ),
    "unpublish path": flip("learning_paths", lambda c: c.path.id),
    "add track": lambda learn, c: learn.add_to_path(c.path, c.unpublished_track),
    "first track of a path": lambda learn, c: learn.add_to_path(c.empty_path, c.second),
    "remove track": run(
        "delete from learn.learning_path_tracks where path_id = %s and track_id = %s",
        lambda c: c.path.id,
        lambda c: c.second.id,
    ),
}
DELETIONS: dict[str, Act] = {
    "lesson": run("delete from learn.lessons where id = %s", lambda c: c.plain.id),
    "lesson with exercises": run("delete from learn.lessons where id = %s", lambda c: c.solvable.id),
    "track": run("delete from learn.tracks where id = %s", lambda c: c.second.id),
    "path": run("delete from learn.learning_paths where id = %s", lambda c: c.path.id),
}
# A learner who comes second may find the content gone: unknown, unpublished, or with exercises to solve.
REFUSALS = (None, "LX003", "LX004", "LX007")
SEEN_BY_OLD_SNAPSHOTS = ("unpublish lesson", "unpublish exercise", "add lesson", "publish track", "add track")
OLD_SNAPSHOT = psycopg.IsolationLevel.REPEATABLE_READ


@pytest.mark.parametrize("edit", EDITORS.values(), ids=EDITORS)
def test_a_completion_that_starts_before_the_edit_commits_adds_up(kept: Kept, edit: Act) -> None:
    assert overlap(kept, Course.build, LEARNERS, edit, refusals=REFUSALS, editor_first=True) == {}


@pytest.mark.parametrize("edit", EDITORS.values(), ids=EDITORS)
def test_an_edit_that_starts_before_the_completion_commits_adds_up(kept: Kept, edit: Act) -> None:
    assert overlap(kept, Course.build, LEARNERS, edit, refusals=REFUSALS, editor_first=False) == {}


@pytest.mark.parametrize("name", [*SEEN_BY_OLD_SNAPSHOTS])
def test_a_completion_from_a_snapshot_before_the_edit_adds_up_or_is_told_to_retry(
    kept: Kept, name: str
) -> None:
    wrong = overlap(
        kept,
        Course.build,
        LEARNERS,
        EDITORS[name],
        refusals=REFUSALS,
        editor_first=True,
        isolation=OLD_SNAPSHOT,
    )
    assert wrong == {}


@pytest.mark.parametrize("delete", DELETIONS.values(), ids=DELETIONS)
@pytest.mark.parametrize("editor_first", [True, False])
def test_content_is_deleted_while_it_is_completed(kept: Kept, delete: Act, editor_first: bool) -> None:
    """The learner may be refused; neither deadlocks."""
    assert overlap(kept, Course.build, LEARNERS, delete, refusals=REFUSALS, editor_first=editor_first) == {}


class UnpublishedError(Exception):
    """The lesson is not there to be solved just now."""


def solve(learn: Learn, user: UUID, lesson: Lesson) -> None:
    """Solve a lesson that may be unpublished between one call and the next."""
    try:
        learn.solve(user, lesson)
    except psycopg.Error as error:
        if error.sqlstate not in ("LX004", "LX007"):
            raise
        raise UnpublishedError from error


def test_editors_and_learners_in_a_free_race_leave_nothing_wrong(fresh: FreshDatabase, learn: Learn) -> None:
    lessons = [learn.make_lesson(number % 2) for number in range(6)]
    tracks = [learn.make_track(*lessons[:3]), learn.make_track(*lessons[2:])]
    spare = learn.make_track()
    learn.make_path(*tracks, spare)
    users = [learn.make_user() for _ in range(6)]

    def study(user: UUID) -> Task[object]:
        def run(learn: Learn) -> object:
            for lesson in lessons:
                with suppress(UnpublishedError):
                    solve(learn, user, lesson)
            return True

        return run

    def edit(learn: Learn) -> object:
        for lesson in lessons:
            learn.run("update learn.lessons set is_published = not is_published where id = %s", [lesson.id])
        for track in tracks:
            learn.run("update learn.tracks set is_published = not is_published where id = %s", [track.id])
        for track, lesson in zip(tracks, (lessons[0], lessons[5]), strict=True):
            learn.run(
                "update learn.track_lessons set track_id = %s where track_id = %s and lesson_id = %s",
                [spare.id, track.id, lesson.id],
            )
            learn.run(
                "update learn.track_lessons set track_id = %s where track_id = %s and lesson_id = %s",
                [track.id, spare.id, lesson.id],
            )
        return True

    outcomes = race(fresh, [*(study(user) for user in users), edit, edit], rounds=4)
    assert {outcome.sqlstate for outcome in outcomes} == {None}


def test_what_was_approved_is_what_is_published(fresh: FreshDatabase, learn: Learn) -> None:
    """Somebody publishes a draft in the moment in which somebody else changes it."""

    def save(title: str) -> Task[object]:
        return lambda learn: learn.save_content("courses", {"slug": "joins", "title": title})

    def publish(learn: Learn) -> object:
        return learn.publish_content("courses", {"slug": "joins"})

    learn.set_setting("content_needs_review", True)
    save("Joins")(learn)
    for name, step in (("ada", "submit"), ("bob", "approve")):
        learn.run("select set_config('learn.acting_user', %s, false)", [name])
        learn.review_content("courses", {"slug": "joins"}, step)
    with pair(fresh) as both:
        assert both.interleave(save("Something else"), publish) == (None, "LX007")
    save("Joins")(learn)  # which is approved
    with pair(fresh) as both:
        assert both.interleave(publish, save("Something else")) == (None, "LX010")
    assert learn.tuples("select title, is_published from learn.courses") == [("Joins", True)]
