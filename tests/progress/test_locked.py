"""What is locked is reached neither by a call nor by a row. Imported submissions wait: see test_levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import pytest

from tests.client import Challenge, Course, Learn, Lesson


class Scene(NamedTuple):
    """A course of two levels with a lesson each, and two challenges: the second ones are locked."""

    user: UUID
    course: Course
    first: Lesson
    second: Lesson
    gate: Challenge
    behind: Challenge


@pytest.fixture
def scene(learn: Learn) -> Scene:
    course = learn.make_course()
    first, second = (learn.make_lesson(1, level=learn.make_course_level(course)) for _ in range(2))
    gate = learn.make_challenge((5,))
    behind = learn.make_challenge((5,), needs=(gate,), hints=(1,))
    user = learn.make_user()
    learn.enroll_in_course(user, course)
    return Scene(user, course, first, second, gate, behind)


Act = Callable[[Learn, Scene], object]


def write(statement: str) -> Act:
    return lambda learn, scene: learn.run(
        statement,
        {
            "user": scene.user,
            "first": scene.first.id,
            "second": scene.second.id,
            "challenge": scene.behind.id,
        },
    )


BY_CALL: dict[str, Act] = {
    "start": lambda learn, scene: learn.start_lesson(scene.user, scene.second),
    "complete": lambda learn, scene: learn.complete_lesson(scene.user, scene.second),
    "solve": lambda learn, scene: learn.submit_query(scene.user, scene.second.exercises[0]),
    "try": lambda learn, scene: learn.submit_query(scene.user, scene.second.exercises[0], False),
    "attempt": lambda learn, scene: learn.submit_level_attempt(scene.user, scene.behind, 1),
    "hint": lambda learn, scene: learn.use_hint(scene.user, scene.behind, 1, 1),
}
LESSON = "insert into learn.user_lesson_progress (user_id, lesson_id, status"
BY_ROW: dict[str, Act] = {
    "start": write(f"{LESSON}, started_at) values (%(user)s, %(second)s, 'in_progress', learn.clock())"),
    "complete": write(f"{LESSON}) values (%(user)s, %(second)s, 'completed')"),
    "attempt": write(
        "insert into learn.level_attempts (user_id, challenge_id, level_number, score, passed)"
        " values (%(user)s, %(challenge)s, 1, 90, true)"
    ),
    "hint": write(
        "insert into learn.hint_usage (user_id, challenge_id, level_number, hint_number)"
        " values (%(user)s, %(challenge)s, 1, 1)"
    ),
}


@pytest.mark.parametrize("act", BY_CALL)
def test_no_call_reaches_what_is_locked(learn: Learn, scene: Scene, act: str) -> None:
    learn.caller = "learn_app"
    with learn.refuses("LX005"):
        BY_CALL[act](learn, scene)


@pytest.mark.parametrize("act", BY_ROW)
def test_no_row_reaches_what_is_locked(learn: Learn, scene: Scene, act: str) -> None:
    with learn.refuses("LX005"):
        BY_ROW[act](learn, scene)


def test_no_changed_row_reaches_what_is_locked(learn: Learn, scene: Scene) -> None:
    write(f"{LESSON}) values (%(user)s, %(second)s, 'not_started')")(learn, scene)
    with learn.refuses("LX005"):
        write("update learn.user_lesson_progress set started_at = learn.clock()")(learn, scene)


@pytest.mark.parametrize("acts", [BY_CALL, BY_ROW])
def test_what_was_unlocked_is_open(learn: Learn, scene: Scene, acts: dict[str, Act]) -> None:
    learn.solve(scene.user, scene.first)
    learn.pass_challenge(scene.user, scene.gate)
    for act in ("start", "hint", "attempt"):
        acts[act](learn, scene)
