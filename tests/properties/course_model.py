"""The rules of courses in plain Python: enrolment, levels that unlock, percentages, mastery, completion, XP.

Written from the documents and not from the SQL. After each act, everything that is due by now is unlocked,
completed and paid, again and again, until nothing is new.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.properties.model import RefusedError as RefusedError

MULTIPLIERS = {"easy": 1, "medium": 2, "hard": 3}
TRACK_XP = 200


@dataclass
class Course:
    """A course; `needs` are its required prerequisites."""

    completion_xp: int = 0
    is_published: bool = True
    is_in_track: bool = False
    needs: set[str] = field(default_factory=set)


@dataclass
class Level:
    """A level of a course; among those of one position the older is first."""

    course: str
    position: int
    age: int
    is_published: bool = True


@dataclass
class Lesson:
    """A lesson, with one exercise or none, in a course, a level, or neither."""

    xp: int
    difficulty: str
    course: str | None = None
    level: str | None = None
    is_published: bool = True
    has_exercise: bool = False


@dataclass
class World:
    """All content, by name, and the questions that the rules ask about it."""

    courses: dict[str, Course] = field(default_factory=dict)
    levels: dict[str, Level] = field(default_factory=dict)
    lessons: dict[str, Lesson] = field(default_factory=dict)
    multipliers: dict[str, int] = field(default_factory=lambda: dict(MULTIPLIERS))
    policy: str = "any"
    track_lessons: set[str] = field(default_factory=set)

    def counts(self, name: str) -> bool:
        """Whether a lesson is of what its course consists of, published or not."""
        lesson = self.lessons[name]
        return (
            lesson.course is not None
            and lesson.is_published
            and (lesson.level is None or self.levels[lesson.level].is_published)
        )

    def is_available(self, name: str) -> bool:
        """Whether learners can complete a lesson."""
        lesson = self.lessons[name]
        if lesson.course is None:
            return lesson.is_published
        return self.counts(name) and self.courses[lesson.course].is_published

    def lessons_of(self, course: str) -> set[str]:
        """What a course consists of."""
        return {
            name for name, lesson in self.lessons.items() if lesson.course == course and self.counts(name)
        }

    def lessons_in(self, level: str) -> set[str]:
        """What there is to complete in a level."""
        return {name for name, lesson in self.lessons.items() if lesson.level == level and self.counts(name)}

    def levels_of(self, course: str) -> list[str]:
        """The published levels of a course in order."""
        found = [name for name, level in self.levels.items() if level.course == course and level.is_published]
        return sorted(found, key=lambda name: (self.levels[name].position, self.levels[name].age))

    def previous(self, level: str) -> str | None:
        """The level that unlocks this one: the nearest before it with something to complete."""
        order = self.levels_of(self.levels[level].course)
        before = [name for name in order[: order.index(level)] if self.lessons_in(name)]
        return before[-1] if before else None

    def track_items(self) -> set[tuple[str, str]]:
        """What the track is made of."""
        return {("lesson", name) for name in self.track_lessons if self.is_available(name)} | {
            ("course", name)
            for name, course in self.courses.items()
            if course.is_in_track and course.is_published and self.lessons_of(name)
        }

    def needs(self, course: str) -> set[str]:
        """The prerequisites that enrolment waits for."""
        return {
            name
            for name in self.courses[course].needs
            if self.courses[name].is_published and self.lessons_of(name)
        }

    def would_cycle(self, course: str, needed: str) -> bool:
        """Whether a course needs, by any way, one that is to need it."""
        return course == needed or any(
            self.would_cycle(course, further) for further in self.courses[needed].needs
        )

    def drop_lesson(self, name: str) -> None:
        """Delete a lesson."""
        del self.lessons[name]
        self.track_lessons.discard(name)

    def drop_level(self, name: str) -> None:
        """Delete a level with its lessons."""
        del self.levels[name]
        for lesson in [key for key, row in self.lessons.items() if row.level == name]:
            self.drop_lesson(lesson)

    def drop_course(self, name: str) -> None:
        """Delete a course with all that is in it."""
        del self.courses[name]
        for level in [key for key, row in self.levels.items() if row.course == name]:
            self.drop_level(level)
        for lesson in [key for key, row in self.lessons.items() if row.course == name]:
            self.drop_lesson(lesson)
        for course in self.courses.values():
            course.needs.discard(name)


@dataclass
class Learner:
    """One learner in a world; a public method is an act."""

    world: World
    solved: set[str] = field(default_factory=set)
    lessons: set[str] = field(default_factory=set)
    enrolled: set[str] = field(default_factory=set)
    unlocked: set[str] = field(default_factory=set)
    levels: set[str] = field(default_factory=set)
    courses: set[str] = field(default_factory=set)
    has_track: bool = False
    paid: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    facts: Counter[tuple[str, str]] = field(default_factory=Counter)

    # ── acts ────────────────────────────────────────────────────────────────────────────────────────────────

    def enrol(self, course: str) -> None:
        """Enrol in a course."""
        if not self.world.courses[course].is_published:
            raise RefusedError("LX004")
        if course not in self.enrolled:
            if self._is_kept_out(course):
                raise RefusedError("LX006")
            self._enrol(course)
            self.settle()

    def start(self, lesson: str) -> None:
        """Start a lesson: of no consequence here."""
        self._require(lesson)

    def complete(self, lesson: str) -> None:
        """Complete a lesson."""
        self._require(lesson)
        if lesson in self.lessons:
            return
        if self.world.lessons[lesson].has_exercise and lesson not in self.solved:
            raise RefusedError("LX007")
        course = self.world.lessons[lesson].course
        if course is not None and course not in self.enrolled and self._is_kept_out(course):
            raise RefusedError("LX006")
        self._complete(lesson)
        self.settle()

    def solve(self, lesson: str) -> None:
        """Solve the exercise of a lesson, right at once."""
        self._require(lesson)
        self.import_solution(lesson)

    def import_solution(self, lesson: str) -> None:
        """The same, written by the owner: whether the level is locked is not asked."""
        if lesson not in self.solved:
            self.solved.add(lesson)
            self._pay("exercise_solved", lesson, 10)
            self._pay("exercise_solved_first_try", lesson, 5)
            self.settle({lesson})

    def import_completions(self, lessons: list[str]) -> None:
        """Completions by one statement: allowed when they are in the end."""
        courses = {self.world.lessons[lesson].course for lesson in lessons} - {None} - self.enrolled
        for lesson in lessons:
            self._complete(lesson)
        self.settle()
        if any(self.is_locked(lesson) for lesson in lessons):
            raise RefusedError("LX005")
        if any(self._is_kept_out(course) for course in courses if course is not None):
            raise RefusedError("LX006")

    # ── rules ───────────────────────────────────────────────────────────────────────────────────────────────

    def _require(self, lesson: str) -> None:
        if not self.world.is_available(lesson):
            raise RefusedError("LX004")
        if lesson not in self.lessons and self.is_locked(lesson):
            raise RefusedError("LX005")

    def is_locked(self, lesson: str) -> bool:
        """Whether a lesson is in a level that is neither unlocked nor the first."""
        level = self.world.lessons[lesson].level
        return level is not None and level not in self.unlocked and self.world.previous(level) is not None

    def _is_kept_out(self, course: str) -> bool:
        return not self.world.needs(course) <= self.courses

    def _pay(self, kind: str, subject: str, amount: int) -> None:
        self.facts[kind, subject] += 1
        if amount:
            self.paid[kind, subject, amount] += 1

    def _enrol(self, course: str) -> None:
        self.enrolled.add(course)
        self.facts["course_enrolled", course] += 1

    def _complete(self, name: str) -> None:
        lesson = self.world.lessons[name]
        self.lessons.add(name)
        self._pay("lesson_completed", name, lesson.xp * self.world.multipliers[lesson.difficulty])
        if lesson.has_exercise:
            self._pay("lesson_perfect", name, 20)
        if self.world.counts(name) and lesson.course is not None and lesson.course not in self.enrolled:
            self._enrol(lesson.course)

    def settle(self, touched: set[str] | None = None) -> None:
        """What is due by now; `touched`: lessons that came or moved, or were solved just now."""
        while self._settle_lessons(touched or set()) or self._settle_levels() or self._settle_rest():
            pass

    def _settle_lessons(self, touched: set[str]) -> bool:
        due = []
        for name in self.solved - self.lessons:
            course = self.world.lessons[name].course
            is_in = course is None or course in self.enrolled
            may_enter = name in touched and course is not None and not self._is_kept_out(course)
            if self.world.is_available(name) and not self.is_locked(name) and (is_in or may_enter):
                due.append(name)
        for name in due:
            self._complete(name)
        return bool(due)

    def _settle_levels(self) -> bool:
        world, is_new = self.world, False
        for course in self.enrolled:
            for level in world.levels_of(course):
                previous = world.previous(level)
                if level not in self.unlocked and (previous is None or previous in self.levels):
                    self.unlocked.add(level)
                    is_new = True
                asked = world.lessons_in(level)
                done = asked & self.lessons
                if level in self.unlocked - self.levels and done and (done == asked or world.policy == "any"):
                    self.levels.add(level)
                    self.facts["level_completed", level] += 1
                    is_new = True
        return is_new

    def _settle_rest(self) -> bool:
        world, is_new = self.world, False
        for name in self.enrolled - self.courses:
            lessons, total, levels, total_levels, *_ = self.numbers(name)
            is_full = levels == total_levels if total_levels else lessons == total > 0
            if is_full and world.courses[name].is_published:
                self.courses.add(name)
                self._pay("course_completed", name, world.courses[name].completion_xp)
                is_new = True
        items = world.track_items()
        if items and not self.has_track and items <= self.items():
            self.has_track = is_new = True
            self._pay("track_completed", "track", TRACK_XP)
        return is_new

    def items(self) -> set[tuple[str, str]]:
        """The items of tracks that are completed."""
        return {("lesson", name) for name in self.lessons} | {("course", name) for name in self.courses}

    def numbers(self, course: str) -> tuple[int, int, int, int, int, int, bool]:
        """Lessons, levels and weight, completed and in total, and whether the course is completed."""
        world = self.world
        asked = world.lessons_of(course)
        levels = {level for level in world.levels_of(course) if world.lessons_in(level)}

        def weight(lessons: set[str]) -> int:
            return sum(world.multipliers[world.lessons[name].difficulty] for name in lessons)

        return (
            len(asked & self.lessons),
            len(asked),
            len(levels & self.levels),
            len(levels),
            weight(asked & self.lessons),
            weight(asked),
            course in self.courses,
        )

    def forget(self) -> None:
        """Drop what refers to deleted content; what was paid stays."""
        self.solved &= set(self.world.lessons)
        self.lessons &= set(self.world.lessons)
        self.unlocked &= set(self.world.levels)
        self.levels &= set(self.world.levels)
        self.enrolled &= set(self.world.courses)
        self.courses &= set(self.world.courses)
