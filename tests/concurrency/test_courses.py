"""Courses under many connections: cycles, one learner on sixteen, editors who change what is completed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest

from tests.client import Course, CourseLevel, Learn, Lesson, Track
from tests.concurrency.overlaps import Kept, flip, overlap, run
from tests.concurrency.overlaps import kept as kept
from tests.concurrency.sessions import Task, interleave, race
from tests.conftest import FreshDatabase

CONNECTIONS = 16


# ── prerequisites ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("repetition", range(3))
def test_of_two_edges_that_make_a_cycle_together_one_is_refused(
    fresh: FreshDatabase, learn: Learn, repetition: int
) -> None:
    one, two, three = (learn.make_course() for _ in range(3))
    learn.make_course_prerequisite(two, three)

    def edge(course: Course, needs: Course) -> Task[object]:
        return lambda learn: learn.make_course_prerequisite(course, needs)

    codes = interleave(fresh, edge(one, two), edge(three, one))
    assert codes == (None, "LX012")
    learn.run("delete from learn.course_prerequisites where course_id = %s", [one.id])
    outcomes = race(fresh, [edge(one, two), edge(three, one)] * 4)
    kinds = Counter(outcome.sqlstate for outcome in outcomes)
    assert set(kinds) <= {None, "LX012", "23505"}
    assert kinds[None] == 1


# ── one learner ────────────────────────────────────────────────────────────────────────────────────────────


def test_sixteen_connections_of_one_learner_enrol_unlock_and_pay_once(
    fresh: FreshDatabase, learn: Learn
) -> None:
    user = learn.make_user()
    track = learn.make_track()
    course = learn.make_course(completion_xp=100, track=track)
    levels = [learn.make_course_level(course) for _ in range(4)]
    lessons = [
        learn.make_lesson(0, level=level, difficulty=difficulty, xp_reward=10)
        for level in levels
        for difficulty in ("easy", "medium", "hard")
    ]
    other = learn.make_course(2)

    def study(number: int) -> Task[object]:
        def run(learn: Learn) -> object:
            learn.enroll_in_course(user, course if number % 2 else other)
            for lesson in lessons[number % 3 :: 3]:
                learn.complete_lesson(user, lesson, time_spent_seconds=1)
            for lesson in learn.lessons_of(other):
                learn.complete_lesson(user, lesson)
            return True

        return run

    outcomes = race(fresh, [study(number) for number in range(CONNECTIONS)])
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert Counter(source for _, source, _ in learn.ledger(user)) == {
        "lesson_completed": 14,
        "course_completed": 1,
        "track_completed": 1,
    }
    assert learn.stats(user).total_xp == 4 * (10 + 20 + 30) + 2 * 50 + 100 + 200
    assert learn.unlocked_levels(user) == [(level.slug, True) for level in levels]
    kinds = Counter(kind for kind, _, _ in learn.facts(user))
    assert (kinds["course_enrolled"], kinds["level_completed"], kinds["course_completed"]) == (2, 4, 2)
    assert learn.tuples(
        "select completion_percentage, mastery_percentage, time_spent_seconds"
        " from learn.user_course_progress where user_id = %s and course_id = %s",
        [user, course.id],
    ) == [(100, 100, 4 * CONNECTIONS)]


def test_one_of_many_enrolments_with_one_key_acts(fresh: FreshDatabase, learn: Learn) -> None:
    user, course = learn.make_user(), learn.make_course()
    learn.make_lesson(0, level=learn.make_course_level(course))
    answers = [
        outcome.result
        for outcome in race(fresh, [lambda learn: learn.enroll_in_course(user, course, key="e")] * 8)
    ]
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
    assert len({repr(answer.unlocked) for answer in answers}) == 1


def test_statements_that_start_and_complete_lock_their_learners_in_one_order(
    fresh: FreshDatabase, learn: Learn
) -> None:
    """One with times for the last learner first, one for all: neither is a victim."""
    users = sorted(learn.make_user() for _ in range(10))
    lessons = learn.lessons_of(learn.make_course(8))

    def insert(number: int) -> Task[object]:
        def run(learn: Learn) -> object:
            return learn.run(
                "insert into learn.user_lesson_progress (user_id, lesson_id, status, started_at)"
                " select u, %s, 'completed', case when n = any (%s) then learn.clock() end"
                " from unnest(%s) with ordinality t(u, n) order by n",
                [lessons[number].id, [10, 9, 8] if number % 2 else [], users],
            )

        return run

    outcomes = race(fresh, [insert(number) for number in range(8)])
    assert {outcome.sqlstate for outcome in outcomes} == {None}


# ── learners and editors ───────────────────────────────────────────────────────────────────────────────────


@dataclass
class Stage:
    """A leveled course in a track, one without levels that needs it, and what is not in them yet."""

    user: UUID
    track: Track
    course: Course
    levels: list[CourseLevel]
    lessons: list[Lesson]
    flat: Course
    plain: list[Lesson]
    solvable: Lesson
    outside: Lesson
    hidden_level: CourseLevel
    hidden: Lesson

    @classmethod
    def build(cls, learn: Learn) -> Stage:
        """The course: two levels, the second of a lesson with two exercises, an unpublished third."""
        track = learn.make_track()
        course, flat = learn.make_course(completion_xp=10, track=track), learn.make_course(2)
        levels = [learn.make_course_level(course) for _ in range(2)]
        hidden_level = learn.make_course_level(course, published=False)
        lessons = [
            learn.make_lesson(0, level=level, difficulty=tier)  # each its own: one may be moved to the other
            for level, tier in zip(levels, ("beginner", "intermediate"), strict=True)
        ]
        return cls(
            user=learn.make_user(),
            track=track,
            course=course,
            levels=levels,
            lessons=lessons,
            flat=flat,
            plain=learn.lessons_of(flat),
            solvable=learn.make_lesson(2, level=levels[0], difficulty="advanced"),
            outside=learn.make_lesson(0),
            hidden_level=hidden_level,
            hidden=learn.make_lesson(0, level=hidden_level),
        )


Act = Callable[[Learn, Stage], object]


def first(learn: Learn, s: Stage) -> object:
    return learn.complete_lesson(s.user, s.lessons[0])


LEARNERS: dict[str, tuple[list[Act], Act]] = {
    "enrol": ([], lambda learn, s: learn.enroll_in_course(s.user, s.course)),
    "enrol in flat": ([], lambda learn, s: learn.enroll_in_course(s.user, s.flat)),
    "first lesson enrols": ([], first),
    "first lesson of flat": ([], lambda learn, s: learn.complete_lesson(s.user, s.plain[0])),
    "last lesson of flat": (
        [lambda learn, s: learn.complete_lesson(s.user, s.plain[0])],
        lambda learn, s: learn.complete_lesson(s.user, s.plain[1]),
    ),
    "last level": ([first], lambda learn, s: learn.complete_lesson(s.user, s.lessons[1])),
    "last exercise": (
        [lambda learn, s: learn.submit_query(s.user, s.solvable.exercises[0])],
        lambda learn, s: learn.submit_query(s.user, s.solvable.exercises[1]),
    ),
    "outside": (
        [lambda learn, s: learn.enroll_in_course(s.user, s.flat)],
        lambda learn, s: learn.complete_lesson(s.user, s.outside),
    ),
    "bulk": (
        [],
        lambda learn, s: learn.run(
            "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
            " select %s, l.id, 'completed' from unnest(%s) with ordinality t(id, n)"
            " join learn.lessons l on l.id = t.id order by n",
            [s.user, [lesson.id for lesson in (*s.lessons, *s.plain)]],
        ),
    ),
}


EDITORS: dict[str, Act] = {
    "unpublish course": flip("courses", lambda s: s.course.id),
    "unpublish flat course": flip("courses", lambda s: s.flat.id),
    "publish level": flip("course_levels", lambda s: s.hidden_level.id),
    "unpublish first level": flip("course_levels", lambda s: s.levels[0].id),
    "unpublish last level": flip("course_levels", lambda s: s.levels[1].id),
    "unpublish lesson": flip("lessons", lambda s: s.lessons[0].id),
    "unpublish flat lesson": flip("lessons", lambda s: s.plain[1].id),
    "add lesson": lambda learn, s: learn.make_lesson(0, course=s.flat),
    "add level": lambda learn, s: learn.make_course_level(s.course, position=0),
    "move lesson in": run(
        "update learn.lessons set course_id = %s where id = %s", lambda s: s.flat.id, lambda s: s.outside.id
    ),
    "move lesson out": run(
        "update learn.lessons set course_id = null where id = %s", lambda s: s.plain[1].id
    ),
    "move lesson to level": run(
        "update learn.lessons set course_level_id = %s where id = %s",
        lambda s: s.levels[1].id,
        lambda s: s.lessons[0].id,
    ),
    "move level": run(
        "update learn.course_levels set course_id = %s where id = %s",
        lambda s: s.flat.id,
        lambda s: s.levels[0].id,
    ),
    "swap levels": run(
        "update learn.course_levels set position = -position where course_id = %s", lambda s: s.course.id
    ),
    "delete exercise": run("delete from learn.exercises where id = %s", lambda s: s.solvable.exercises[1]),
    "require": lambda learn, s: learn.make_course_prerequisite(s.flat, s.course),
    "take out of track": run("update learn.courses set track_id = null where id = %s", lambda s: s.course.id),
    "policy": run(
        "update learn.platform_settings set value = case value when '\"any\"' then '\"all\"'::jsonb"
        " else '\"any\"'::jsonb end where key = 'level_completion_policy'"
    ),
    "multiplier": run(
        "update learn.difficulties set xp_multiplier = xp_multiplier + 1 where key = 'beginner'"
    ),
    "delete lesson": run("delete from learn.lessons where id = %s", lambda s: s.lessons[0].id),
    "delete level": run("delete from learn.course_levels where id = %s", lambda s: s.levels[0].id),
    "delete course": run("delete from learn.courses where id = %s", lambda s: s.course.id),
    "delete track": run("delete from learn.tracks where id = %s", lambda s: s.track.id),
}
# As two of the editors found them; the tests share a database.
USUAL_RULES = """
    update learn.platform_settings set value = '"any"'
    where key = 'level_completion_policy' and value <> '"any"';
    update learn.difficulties set xp_multiplier = 1
    where key = 'beginner' and xp_multiplier <> 1;
"""
# A learner who comes second may find the content gone, unpublished, locked, or with a prerequisite.
REFUSALS = (None, "LX003", "LX004", "LX005", "LX006", "LX007", "23503")
OLD_SNAPSHOT = psycopg.IsolationLevel.REPEATABLE_READ
SEEN_BY_OLD_SNAPSHOTS = (
    "publish level",
    "move lesson in",
    "require",
    "policy",
    "delete lesson",
    "move level",
)


@pytest.mark.parametrize("edit", EDITORS.values(), ids=EDITORS)
@pytest.mark.parametrize("editor_first", [True, False])
def test_a_learner_and_an_edit_that_overlap_add_up(kept: Kept, edit: Act, editor_first: bool) -> None:
    assert overlap(kept, Stage.build, LEARNERS, edit, refusals=REFUSALS, editor_first=editor_first) == {}
    kept.learn.run(USUAL_RULES)


@pytest.mark.parametrize("name", SEEN_BY_OLD_SNAPSHOTS)
def test_a_learner_with_a_snapshot_before_the_edit_adds_up_or_is_told_to_retry(kept: Kept, name: str) -> None:
    wrong = overlap(
        kept,
        Stage.build,
        LEARNERS,
        EDITORS[name],
        refusals=REFUSALS,
        editor_first=True,
        isolation=OLD_SNAPSHOT,
    )
    assert wrong == {}


def test_editors_and_learners_in_a_free_race_leave_nothing_wrong(fresh: FreshDatabase, learn: Learn) -> None:
    track = learn.make_track()
    course, flat = learn.make_course(track=track, completion_xp=5), learn.make_course(3)
    levels = [learn.make_course_level(course) for _ in range(4)]
    for level in levels:
        for difficulty in ("easy", "hard"):
            learn.make_lesson(0, level=level, difficulty=difficulty)
    lessons = [*learn.lessons_of(course), *learn.lessons_of(flat)]
    users = [learn.make_user() for _ in range(6)]

    class GoneError(Exception):
        pass

    def study(user: UUID) -> Task[object]:
        def complete(learn: Learn, lesson: Lesson) -> None:
            try:
                learn.complete_lesson(user, lesson, time_spent_seconds=2)
            except psycopg.Error as error:
                if error.sqlstate not in ("LX003", "LX004", "LX005", "LX006"):
                    raise
                raise GoneError from error

        def run(learn: Learn) -> object:
            for lesson in lessons:
                with suppress(GoneError):
                    complete(learn, lesson)
            return True

        return run

    edits = [
        *[
            f"update learn.lessons set is_published = not is_published where id = {lesson.id}"
            for lesson in lessons[::2]
        ],
        *[
            f"update learn.course_levels set is_published = not is_published where id = {level.id}"
            for level in levels
        ],
        f"update learn.course_levels set position = -position where course_id = {course.id}",
        f"update learn.lessons set course_id = {course.id} where id = {lessons[-1].id}",
        f"update learn.lessons set course_id = {flat.id} where id = {lessons[-1].id}",
        "insert into learn.course_prerequisites (course_id, prerequisite_course_id)"
        f" values ({flat.id}, {course.id}) on conflict do nothing",
        f"delete from learn.course_prerequisites where course_id = {flat.id}",
        f"update learn.courses set is_published = not is_published where id = {course.id}",
        f"update learn.courses set track_id = null where id = {course.id}",
        f"update learn.courses set track_id = {track.id} where id = {course.id}",
    ]

    def edit(learn: Learn) -> object:
        for statement in edits:
            learn.run(statement)
        return True

    outcomes = race(fresh, [*(study(user) for user in users), edit, edit], rounds=4)
    assert {outcome.sqlstate for outcome in outcomes} == {None}
