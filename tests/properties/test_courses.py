"""Whatever learners and editors do to courses, in whatever order: the database says what the rules say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client import Connection, Learn, moment
from tests.properties import course_model as model
from tests.properties.examples import examples
from tests.properties.snapshots import differences, snapshot

START = moment("2035-03-08 12:00")
TIERS = ("easy", "medium", "hard")
Step = tuple[Any, ...]
Refused = model.RefusedError


@pytest.fixture
def learn(db: Connection) -> Learn:
    client = Learn(db)
    client.set_clock(START)
    return client


class Play:
    """Two learners and an editor: each act on the model and in the database."""

    def __init__(self, learn: Learn, catalog: list[list[int]]) -> None:
        self.learn, self.world = learn, model.World()
        self.ids: dict[str, int] = {}
        self.exercises: dict[str, int] = {}
        self.track = learn.make_track()
        self.ids["track"] = self.track.id
        self.users: list[UUID] = [learn.make_user() for _ in range(2)]
        self.learners = [model.Learner(self.world) for _ in self.users]
        for number, levels in enumerate(catalog):
            self.edit_add_course(number)
            for place, lessons in enumerate(levels):
                level = "" if place == 0 else self.add_level(self.named("course", number), place)
                for tier in range(lessons):
                    self.add_lesson(self.named("course", number), level or None, TIERS[tier], tier == 1)
        base = self.add_lesson(None, None, "easy", False)
        self.world.track_lessons.add(base)
        learn.run(
            "insert into learn.track_lessons (track_id, lesson_id, position) values (%s, %s, 1)",
            [self.track.id, self.ids[base]],
        )

    # ── names: a step says a number, which names whatever there is by now ───────────────────────────────────

    def named(self, kind: str, number: int) -> str:
        """The course, level or lesson of a number; '' where there is none."""
        names = list(self.rows(kind))
        return names[number % len(names)] if names else ""

    def rows(self, kind: str) -> dict[str, Any]:
        tables: dict[str, dict[str, Any]] = {
            "course": dict(self.world.courses),
            "level": dict(self.world.levels),
            "lesson": dict(self.world.lessons),
        }
        return tables[kind]

    def sql(self, statement: str, *arguments: Any) -> Any:
        return self.learn.run(statement, arguments)

    def insert(self, name: str, statement: str, *arguments: Any) -> None:
        self.ids[name] = self.sql(f"{statement} returning id", *arguments).fetchone()[0]

    # ── making ──────────────────────────────────────────────────────────────────────────────────────────────

    def edit_add_course(self, number: int) -> None:
        name = f"course-{len(self.ids)}"
        xp = 7 * (number % 3)
        self.insert(
            name,
            "insert into learn.courses (slug, title, completion_xp, track_id) values (%s, 'C', %s, %s)",
            *(name, xp, self.track.id if number % 2 else None),
        )
        self.world.courses[name] = model.Course(xp, is_in_track=bool(number % 2))

    def add_level(self, course: str, position: int) -> str:
        name = f"level-{len(self.ids)}"
        self.insert(
            name,
            "insert into learn.course_levels (course_id, slug, title, position) values (%s, %s, 'V', %s)",
            *(self.ids[course], name, position),
        )
        self.world.levels[name] = model.Level(course, position, len(self.ids))
        return name

    def add_lesson(self, course: str | None, level: str | None, difficulty: str, solvable: bool) -> str:
        name = f"lesson-{len(self.ids)}"
        xp = 5 + len(self.ids) % 4
        self.insert(
            name,
            "insert into learn.lessons (slug, title, xp_reward, difficulty, course_id, course_level_id)"
            " values (%s, 'L', %s, %s, %s, %s)",
            *(name, xp, difficulty, course and self.ids[course], level and self.ids[level]),
        )
        if solvable:
            self.exercises[name] = self.learn.make_exercise(self.ids[name])
        self.world.lessons[name] = model.Lesson(xp, difficulty, course, level, has_exercise=solvable)
        return name

    def is_free(self, level: str, difficulty: str) -> bool:
        """Whether a level has no lesson of this tier."""
        return all(
            (lesson.level, lesson.difficulty) != (level, difficulty) for lesson in self.world.lessons.values()
        )

    # ── acts of learners ────────────────────────────────────────────────────────────────────────────────────

    def act(self, who: int, kind: str, number: int) -> None:
        name = self.named("course" if kind == "enrol" else "lesson", number)
        user = self.users[who]
        if not name or (kind in ("solve", "import_solution") and name not in self.exercises):
            return
        calls: dict[str, Callable[[], object]] = {
            "enrol": lambda: self.learn.enroll_in_course(user, self.ids[name]),
            "start": lambda: self.learn.start_lesson(user, self.ids[name]),
            "complete": lambda: self.learn.complete_lesson(user, self.ids[name]),
            "solve": lambda: self.learn.submit_query(user, self.exercises[name]),
            "import_solution": lambda: self.sql(
                "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct)"
                " values (%s, %s, 'select 1', true)",
                *(user, self.exercises[name]),
            ),
        }
        self.both(f"{kind} {name}", lambda: getattr(self.learners[who], kind)(name), calls[kind])

    def import_completions(self, numbers: list[int], who: list[int]) -> None:
        """One statement completes lessons without exercises for some learners."""
        names = {self.named("lesson", number): None for number in numbers}
        rows = [
            (learner, name)
            for name in names
            for learner in who
            if name
            and name not in self.exercises
            and self.world.is_available(name)
            and name not in self.learners[learner].lessons
        ]

        def play() -> None:
            for learner in {learner for learner, _ in rows}:
                self.learners[learner].import_completions([name for other, name in rows if other == learner])

        self.both(
            f"import {rows}",
            play,
            lambda: self.sql(
                "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
                " select u, l, 'completed' from unnest(%s::uuid[], %s::bigint[]) t(u, l)"
                " on conflict (user_id, lesson_id) do update set status = 'completed'",
                *([self.users[learner] for learner, _ in rows], [self.ids[name] for _, name in rows]),
            ),
        )

    def both(self, what: str, play: Callable[[], object], call: Callable[[], object]) -> None:
        """The act on the model and in the database: refused by both for the same reason, or by none."""
        expected = actual = None
        before = [
            {name: deepcopy(value) for name, value in vars(learner).items() if name != "world"}
            for learner in self.learners
        ]
        try:
            play()
        except Refused as refused:
            expected = refused.sqlstate
            for learner, state in zip(self.learners, before, strict=True):
                vars(learner).update(state)
        try:
            with self.learn.connection.transaction():
                call()
        except psycopg.Error as error:
            actual = error.sqlstate or str(error)
        if what.startswith("import ") and actual and (expected or actual == "LX006"):
            # Whichever of two reasons comes first. And an upsert takes the rows that it updates before those
            # that it inserts: what enrolment waits for may be among the latter.
            for learner, state in zip(self.learners, before, strict=True):
                vars(learner).update(state)
            return
        assert actual == expected, f"{what}: {actual}, not {expected}"

    def study(self, who: int, number: int) -> None:
        """Complete or solve one of the lessons that are open to a learner and not completed."""
        learner = self.learners[who]
        open_lessons = [
            name
            for name in self.world.lessons
            if name not in learner.lessons and self.world.is_available(name) and not learner.is_locked(name)
        ]
        if open_lessons:
            name = open_lessons[number % len(open_lessons)]
            kind = "solve" if name in self.exercises and name not in learner.solved else "complete"
            self.act(who, kind, list(self.world.lessons).index(name))

    # ── acts of editors ─────────────────────────────────────────────────────────────────────────────────────

    def edit(self, kind: str, *arguments: int) -> None:
        before = {name: self._place(name) for name in self.world.lessons}
        getattr(self, f"edit_{kind}")(*arguments)
        touched = {name for name in self.world.lessons if self._place(name) not in (before.get(name), None)}
        for learner in self.learners:
            learner.forget()
            learner.settle(touched)

    def _place(self, name: str) -> tuple[str | None, str | None] | None:
        lesson = self.world.lessons[name]
        return (lesson.course, lesson.level) if self.world.is_available(name) else None

    def edit_publish(self, table: int, *numbers: int) -> None:
        """One statement flips one or more rows."""
        kind, name = [("course", "courses"), ("level", "course_levels"), ("lesson", "lessons")][table]
        rows = self.rows(kind)
        names = {self.named(kind, number) for number in numbers} - {""}
        for row in names:
            rows[row].is_published = not rows[row].is_published
        self.sql(
            f"update learn.{name} set is_published = not is_published where id = any (%s)",
            [self.ids[row] for row in names],
        )

    def edit_delete(self, table: int, number: int) -> None:
        kind, name = [("course", "courses"), ("level", "course_levels"), ("lesson", "lessons")][table]
        row = self.named(kind, number)
        if row and not (kind == "course" and len(self.world.courses) < 2):
            getattr(self.world, f"drop_{kind}")(row)
            self.sql(f"delete from learn.{name} where id = %s", self.ids[row])

    def edit_add(self, number: int, tier: int, solvable: int) -> None:
        """A lesson to a level, or to a course directly."""
        level = self.named("level", number)
        if level and tier < 3 and self.is_free(level, TIERS[tier]):
            self.add_lesson(self.world.levels[level].course, level, TIERS[tier], bool(solvable))
        elif tier == 3:
            self.add_lesson(self.named("course", number), None, "easy", bool(solvable))

    def edit_add_level(self, number: int, position: int) -> None:
        self.add_level(self.named("course", number), position)

    def edit_move(self, number: int, target: int, where: int) -> None:
        """A lesson to a level, to a course directly, or out of all courses."""
        name = self.named("lesson", number)
        level, course = self.named("level", target), self.named("course", target)
        if not name or (
            where == 0 and not (level and self.is_free(level, self.world.lessons[name].difficulty))
        ):
            return
        lesson = self.world.lessons[name]
        if where == 0:
            lesson.course, lesson.level = self.world.levels[level].course, level
        else:
            lesson.course, lesson.level = (course if where == 1 else None), None
        self.sql(
            "update learn.lessons set course_id = %s, course_level_id = %s where id = %s",
            lesson.course and self.ids[lesson.course],
            lesson.level and self.ids[lesson.level],
            self.ids[name],
        )

    def edit_move_level(self, number: int, target: int, position: int) -> None:
        name = self.named("level", number)
        if name:
            level, course = self.world.levels[name], self.named("course", target)
            level.course, level.position = course, position
            for lesson in self.world.lessons.values():
                if lesson.level == name:
                    lesson.course = course
            self.sql(
                "update learn.course_levels set course_id = %s, position = %s where id = %s",
                *(self.ids[course], position, self.ids[name]),
            )

    def edit_swap(self, number: int) -> None:
        """The levels of a course in the opposite order."""
        course = self.named("course", number)
        for level in self.world.levels.values():
            if level.course == course:
                level.position = -level.position
        self.sql("update learn.course_levels set position = -position where course_id = %s", self.ids[course])

    def edit_retrack(self, number: int) -> None:
        name = self.named("course", number)
        course = self.world.courses[name]
        course.is_in_track = not course.is_in_track
        self.sql(
            "update learn.courses set track_id = %s where id = %s",
            *(self.track.id if course.is_in_track else None, self.ids[name]),
        )

    def edit_need(self, number: int, other: int) -> None:
        """A required prerequisite more, or one less."""
        name, needed = self.named("course", number), self.named("course", other)
        needs = self.world.courses[name].needs
        ids = (self.ids[name], self.ids[needed])
        if needed in needs:
            needs.discard(needed)
            self.sql(
                "delete from learn.course_prerequisites where course_id = %s and prerequisite_course_id = %s",
                *ids,
            )
            return
        statement = (
            "insert into learn.course_prerequisites (course_id, prerequisite_course_id) values (%s, %s)"
        )
        if self.world.would_cycle(name, needed):
            with self.learn.fails("23514" if name == needed else "LX012"):
                self.sql(statement, *ids)
        else:
            needs.add(needed)
            self.sql(statement, *ids)

    def edit_policy(self, _: int) -> None:
        self.world.policy = "all" if self.world.policy == "any" else "any"
        self.learn.set_setting("level_completion_policy", self.world.policy)

    def edit_multiplier(self, tier: int, value: int) -> None:
        self.world.multipliers[TIERS[tier]] = value
        self.sql("update learn.difficulties set xp_multiplier = %s where key = %s", value, TIERS[tier])

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────────

    def expected(self, who: int) -> dict[str, Any]:
        learner = self.learners[who]
        items = self.world.track_items()
        return {
            "lessons": {self.ids[name] for name in learner.lessons},
            "courses": {self.ids[name]: learner.numbers(name) for name in learner.enrolled},
            "levels": {self.ids[name]: name in learner.levels for name in learner.unlocked},
            "paid": Counter(
                {
                    (kind, self._subject(kind, subject), amount): times
                    for (kind, subject, amount), times in learner.paid.items()
                }
            ),
            "facts": Counter(
                {
                    (kind, self._subject(kind, subject)): times
                    for (kind, subject), times in learner.facts.items()
                    if kind != "lesson_perfect"
                }
            ),
            "track": (len(items & learner.items()), len(items), learner.has_track),
        }

    def _subject(self, kind: str, name: str) -> str:
        return str(self.exercises[name] if kind.startswith("exercise_") else self.ids[name])

    def actual(self, who: int) -> dict[str, Any]:
        learn, user = self.learn, self.users[who]
        items = self.world.track_items()
        found = learn.track_progress(user, self.track)
        return {
            "lessons": {
                number
                for (number,) in learn.tuples(
                    "select lesson_id from learn.user_lesson_progress"
                    " where user_id = %s and completed_at is not null",
                    [user],
                )
            },
            "courses": {
                course: tuple(numbers)
                for course, *numbers in learn.tuples(
                    "select course_id, lessons_completed, total_lessons, levels_completed, total_levels,"
                    " weight_completed, total_weight, completed_at is not null"
                    " from learn.user_course_progress where user_id = %s",
                    [user],
                )
            },
            "levels": dict(
                learn.tuples(
                    "select course_level_id, completed_at is not null from learn.user_level_unlocks"
                    " where user_id = %s",
                    [user],
                )
            ),
            "paid": Counter((kind, subject, amount) for amount, kind, subject in learn.ledger(user)),
            "facts": Counter(
                (kind, subject)
                for kind, _, subject in learn.facts(user)
                if kind.split("_")[0] in ("exercise", "lesson", "level", "course", "track")
                and kind not in ("exercise_attempted", "lesson_started", "lesson_perfect", "level_reached")
                and kind != "lesson_repeated"  # as often as one likes, and pays nothing: test_histories.py
            ),
            "track": (
                (found.items_completed, found.total_items, found.completed_at is not None)
                if found
                else (0, len(items), False)
            ),
        }

    def differences(self, who: int) -> dict[str, tuple[Any, Any]]:
        """Where the database and the model disagree: what each says."""
        actual, expected = self.actual(who), self.expected(who)
        return {name: (actual[name], said) for name, said in expected.items() if actual[name] != said}


# ── histories ──────────────────────────────────────────────────────────────────────────────────────────────

_number = st.integers(0, 11)
_learner = st.sampled_from([0, 0, 1])
# Courses: lessons directly in them, then in each of up to four levels.
catalogs = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=2, max_size=4)
_steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("act"), _learner, st.just("enrol"), _number),
    st.tuples(st.just("act"), _learner, st.just("complete"), _number),
    st.tuples(st.just("act"), _learner, st.just("complete"), _number),
    st.tuples(st.just("act"), _learner, st.just("solve"), _number),
    st.tuples(st.just("act"), _learner, st.sampled_from(["start", "import_solution"]), _number),
    st.tuples(
        st.just("import_completions"),
        st.lists(_number, min_size=1, max_size=6),
        st.sampled_from([[0], [1], [0, 1]]),
    ),
    st.tuples(st.just("edit"), st.just("publish"), st.integers(0, 2), _number),
    st.tuples(st.just("edit"), st.just("publish"), st.integers(0, 2), _number, _number),
    st.tuples(st.just("edit"), st.just("publish"), st.just(2), _number, _number, _number),
    st.tuples(st.just("edit"), st.just("delete"), st.sampled_from([0, 1, 2, 2, 2]), _number),
    st.tuples(st.just("edit"), st.just("add"), _number, st.integers(0, 3), st.integers(0, 1)),
    st.tuples(st.just("edit"), st.just("add_level"), _number, st.integers(-2, 5)),
    st.tuples(st.just("edit"), st.just("move"), _number, _number, st.integers(0, 2)),
    st.tuples(st.just("edit"), st.just("move_level"), _number, _number, st.integers(-2, 5)),
    st.tuples(st.just("edit"), st.sampled_from(["swap", "retrack", "policy"]), _number),
    st.tuples(st.just("edit"), st.just("need"), _number, _number),
    st.tuples(st.just("edit"), st.just("multiplier"), st.integers(0, 2), st.integers(0, 4)),
)
histories = st.one_of(st.lists(_steps, max_size=12), st.lists(_steps, min_size=25, max_size=45))


@settings(max_examples=examples(60))
@given(catalog=catalogs, steps=histories)
def test_any_history_of_courses_leaves_what_the_rules_say(
    learn: Learn, catalog: list[list[int]], steps: list[Step]
) -> None:
    """Few and simple steps: what fails is shrunk to the least."""
    with learn.connection.transaction(force_rollback=True):
        play = Play(learn, catalog)
        for name, *arguments in steps:
            getattr(play, name)(*arguments)
        compare(play)


def random_step(dice: Random) -> Step:
    """Mostly studying; edits of every kind in between."""
    one, two, three, who = dice.randrange(60), dice.randrange(60), dice.randrange(60), dice.randrange(2)
    some = [dice.randrange(60) for _ in range(dice.randint(1, 6))]
    study: list[Step] = [
        *[("study", who, one)] * 4,
        ("act", who, "enrol", one),
        ("act", who, dice.choice(["complete", "solve", "start", "import_solution"]), one),
        ("import_completions", some, dice.choice([[0], [1], [0, 1]])),
    ]
    edits: list[Step] = [
        ("publish", dice.randrange(3), one),
        ("publish", dice.randrange(3), one, two),
        ("publish", 2, one, two, three),
        ("delete", dice.choice([0, 1, 2, 2]), one),
        ("add", one, dice.randrange(4), dice.randrange(2)),
        ("add_level", one, dice.randint(-2, 5)),
        ("move", one, two, dice.randrange(3)),
        ("move_level", one, two, dice.randint(-2, 5)),
        (dice.choice(["swap", "retrack", "policy"]), one),
        ("need", one, two),
        ("multiplier", dice.randrange(3), dice.randint(0, 4)),
    ]
    return dice.choice(study) if dice.random() < 0.6 else ("edit", *dice.choice(edits))


@settings(max_examples=examples(50))
@given(seed=st.integers(0, 2**32))
def test_a_busy_history_of_courses_leaves_what_the_rules_say_after_each_step(learn: Learn, seed: int) -> None:
    """Many steps by dice, in a catalog where much happens, by either policy."""
    dice = Random(seed)
    catalog = [
        [dice.randrange(3), *(dice.randrange(4) for _ in range(dice.randint(0, 4)))]
        for _ in range(dice.randint(2, 4))
    ]
    with learn.connection.transaction(force_rollback=True):
        play = Play(learn, catalog)
        if dice.random() < 0.5:
            play.edit("policy", 0)
        for number in range(45):
            name, *arguments = step = random_step(dice)
            getattr(play, name)(*arguments)
            for learner in range(2):
                assert play.differences(learner) == {}, f"step {number}: {step}"
        compare(play)


def compare(play: Play) -> None:
    """The database with the model, with itself, and with what a rebuild makes of it."""
    learn = play.learn
    for learner in range(2):
        assert play.differences(learner) == {}
    assert learn.check_integrity() == []

    before = snapshot(learn, play.users)
    learn.rebuild_user(play.users[0])
    learn.rebuild_whoever()
    assert differences(snapshot(learn, play.users), before) == {}
