"""One random history of everything: acts, facts, freezes and moves between zones, in any order, by calls and
by rows, with whatever is left, reset or deleted and done again: it ends as if each had come once, in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.client import Challenge, Course, Learn, Lesson
from tests.properties.examples import examples
from tests.properties.test_orders import (
    FLIGHT,
    IN_A_MINUTE,
    START,
    Move,
    Rules,
    Thing,
    _moves,
    come_in,
    state,
)
from tests.properties.test_orders import learn as learn
from tests.properties.test_orders import rules as rules

DELETED = (
    *("user_lesson_progress", "query_submissions", "user_exercise_progress", "user_course_progress"),
    *("level_attempts", "user_challenge_progress", "user_track_progress", "user_path_progress"),
    *("user_difficulty_progress", "user_level_unlocks"),
)


class Act(NamedTuple):
    """Something that is done so many minutes before the start: to one of two things of its kind."""

    kind: str
    ago: int
    number: int = 0


class Undo(NamedTuple):
    """After so many acts, something is begun again; what was done until then is done once more, as then."""

    after: int
    what: str


class World(NamedTuple):
    """Two of everything that can be done, in courses, levels, tracks, a path."""

    plain: list[Lesson]
    solved: list[Lesson]
    tiers: list[Lesson]
    courses: list[Course]
    challenges: list[Challenge]
    tracks: list[int]


@pytest.fixture
def world(learn: Learn, rules: Rules) -> World:
    plain, solved = [learn.make_lesson(0) for _ in range(2)], [learn.make_lesson(1) for _ in range(2)]
    track = learn.make_track(plain[0], solved[0], difficulty="concepts", completion_xp=70)
    learn.make_path(track)
    courses = [learn.make_course(0, track=track, completion_xp=300), learn.make_course(0, completion_xp=20)]
    tiers = [learn.make_lesson(0, course=course, level=learn.make_course_level(course)) for course in courses]
    challenges = [learn.make_challenge((10, 20)) for _ in range(2)]
    for metric in ("lessons_completed", "exercises_solved", "courses_completed", "challenges_completed"):
        rules.badges.add(learn.make_achievement({"metric": metric, "at_least": 2}, xp_reward=5))
    return World(plain, solved, tiers, courses, challenges, [track.id])


def do(learn: Learn, world: World, user: UUID, act: Act, at: datetime, by: str) -> None:
    """An act by a call of learn_app, or as rows of the owner; once more is no error."""
    if by == "learn_app":
        with learn.role("learn_app"):
            call(learn, world, user, act, at)
    else:
        insert(learn, world, user, act, at)


def call(learn: Learn, world: World, user: UUID, act: Act, at: datetime) -> None:
    if act.kind in ("plain", "tiers"):
        learn.complete_lesson(user, getattr(world, act.kind)[act.number], at=at)
    elif act.kind == "solved":
        learn.submit_query(user, world.solved[act.number].exercises[0], at=at)
    elif act.kind == "course":
        learn.enroll_in_course(user, world.courses[act.number], at=at)
    else:
        for level in (1, 2):
            learn.submit_level_attempt(user, world.challenges[act.number], level, at=at)


def insert(learn: Learn, world: World, user: UUID, act: Act, at: datetime) -> None:
    run = learn.connection.execute
    if act.kind in ("plain", "tiers"):
        lesson = getattr(world, act.kind)[act.number].id
        done = run(
            "insert into learn.user_lesson_progress (user_id, lesson_id, completed_at) values (%s, %s, %s)"
            " on conflict do nothing",
            [user, lesson, at],
        )
        if done.rowcount == 0:  # a repeat, and who has left the course is back
            if act.kind == "tiers":
                insert(learn, world, user, Act("course", act.ago, act.number), at)
            run(
                "insert into learn.activity_log (user_id, activity_type, occurred_at)"
                " values (%s, 'lesson_repeated', %s)",
                [user, at],
            )
    elif act.kind == "solved":
        run(
            "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct, submitted_at)"
            " values (%s, %s, 'select 1', true, %s)",
            [user, world.solved[act.number].exercises[0], at],
        )
    elif act.kind == "course":
        run(
            "insert into learn.user_course_progress (user_id, course_id, enrolled_at) values (%s, %s, %s)"
            " on conflict do nothing",
            [user, world.courses[act.number].id, at],
        )
    else:
        for level in (1, 2):
            run(
                "insert into learn.level_attempts"
                " (user_id, challenge_id, level_number, score, passed, created_at)"
                " values (%s, %s, %s, 90, true, %s)",
                [user, world.challenges[act.number].id, level, at],
            )


def begin_again(learn: Learn, world: World, user: UUID, what: str, by: str) -> None:
    """By a call, or by deleting rows; of two things the first."""
    things = {
        "lesson": world.plain[0].id,
        "solved": world.solved[0].id,
        "course": world.courses[0].id,
        "challenge": world.challenges[0].id,
        "track": world.tracks[0],
    }
    if by == "owner":
        table = DELETED[sum(map(ord, what)) % len(DELETED)] if what in things else what
        learn.run(f"delete from learn.{table} where user_id = %s", [user])
    elif what in things:
        with learn.role("learn_app"):
            learn.reset_progress(user, "lesson" if what == "solved" else what, things[what])
    else:
        with learn.role("learn_app"):
            learn.unenroll(user, world.courses[0])


def earned(learn: Learn, rules: Rules, user: UUID) -> dict[str, Any]:
    """What lasts. Queries are counted as often as they are run."""
    found = state(learn, rules, user)
    found["metrics"] = learn.tuples(
        "select metric, scope, value from learn.user_metrics"
        " where user_id = %s and value <> 0 and metric <> 'queries_executed' order by 1, 2",
        [user],
    )
    found["ledger"] = sorted(
        (amount, source, subject or "") for amount, source, subject in learn.ledger(user)
    )
    found["once"] = learn.tuples(
        "select activity_type, subject_id, count(*) from learn.activity_log f"
        " join learn.activity_types t on t.key = f.activity_type and t.happens_once"
        " where user_id = %s and activity_type <> 'course_enrolled' group by 1, 2 order by 1, 2",
        [user],
    )
    return found


def outcome(
    learn: Learn,
    rules: Rules,
    world: World,
    acts: list[Act | Thing],
    moves: list[Move],
    undoings: list[Undo],
    by: str,
    *,
    is_live: bool = False,
) -> dict[str, Any]:
    """What a learner has after all that, which is undone. Live: each at its own time, and nothing again."""
    with learn.connection.transaction(force_rollback=True):
        learn.set_clock(START - timedelta(days=14))
        user = learn.make_user(timezone="America/New_York")

        def come(act: Act | Thing) -> None:
            at = START - timedelta(minutes=act.ago)
            if isinstance(act, Act):
                do(learn, world, user, act, at, by)
            else:
                come_in(learn, rules, user, act, at, by)

        events: list[Move | Act | Thing] = [*moves, *(acts if is_live else [])]
        for event in sorted(events, key=lambda event: -event.ago):
            learn.set_clock(START - timedelta(minutes=event.ago))
            if isinstance(event, Move):
                learn.run(
                    "update learn.users set timezone = %s, day_starts_at = make_time(%s, 0, 0) where id = %s",
                    [event.zone, event.hour, user],
                )
            else:
                come(event)
        learn.set_clock(START)
        for number, act in enumerate([] if is_live else acts):
            come(act)
            for undoing in undoings:
                if undoing.after == number:
                    begin_again(learn, world, user, undoing.what, by)
                    for again in acts[: number + 1]:
                        if isinstance(again, Act):
                            come(again)
        assert learn.check_integrity() == []
        before = earned(learn, rules, user)
        if moves:  # hopping may take a day away again, and what was earned by it stays
            before.pop("badges")
        learn.rebuild_user(user)
        after = earned(learn, rules, user)
        assert {what: (said, after[what]) for what, said in before.items() if said != after[what]} == {}
        assert learn.check_integrity() == []
        return before


_ago = st.integers(0, 12 * 24 * 4).map(lambda quarters: quarters * 15)
_acts = st.lists(
    st.one_of(
        st.builds(
            Act, st.sampled_from(["plain", "solved", "tiers", "course", "challenge"]), _ago, st.integers(0, 1)
        ),
        st.builds(Thing, st.sampled_from(["right", "wrong", "talk", "freeze"]), _ago, st.integers(1, 2)),
    ),
    min_size=2,
    max_size=12,
    unique_by=(lambda act: act.ago, lambda act: (act[0], act.number) if isinstance(act, Act) else act.ago),
)
_undoings = st.lists(
    st.builds(
        Undo,
        st.integers(0, 11),
        st.sampled_from(["lesson", "solved", "course", "challenge", "track", *DELETED]),
    ),
    max_size=4,
)
ALL = [Act(kind, 1440 * n + 60, 0) for n, kind in enumerate(["plain", "solved", "tiers", "challenge"])]


@settings(max_examples=examples(40))
@given(
    acts=_acts,
    moves=st.one_of(st.just([]), _moves),
    undoings=_undoings,
    order=st.randoms(use_true_random=False),
)
@example(ALL, [], [Undo(3, what) for what in ("lesson", "solved", "course", "challenge", "track")], None)
@example(ALL, [], [Undo(3, table) for table in DELETED], None)
@example([*ALL, Thing("freeze", 7000)], FLIGHT, [Undo(4, "user_lesson_progress")], None)
@example(ALL[:1], IN_A_MINUTE, [Undo(0, "lesson")], None)
def test_what_is_begun_again_ends_as_if_each_act_had_come_once_and_in_time(
    learn: Learn,
    rules: Rules,
    world: World,
    acts: list[Act | Thing],
    moves: list[Move],
    undoings: list[Undo],
    order: Any,
) -> None:
    if order is not None:
        acts = list(acts)
        order.shuffle(acts)
    expected = outcome(learn, rules, world, acts, moves, [], "learn_app", is_live=True)
    for by in ("learn_app", "owner"):
        found = outcome(learn, rules, world, acts, moves, undoings, by)
        assert {what: (found[what], said) for what, said in expected.items() if found[what] != said} == {}, by
