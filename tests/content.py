"""Makers of what learners learn from: rows with names of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.types.json import Jsonb

from tests.queries import Moment
from tests.rules import Rules, numbers


@dataclass(frozen=True)
class Made:
    """A row that was made."""

    id: int
    slug: str


@dataclass(frozen=True)
class Lesson(Made):
    """With the ids of its exercises in order of position."""

    exercises: tuple[int, ...]


class Track(Made):
    """Of lessons."""


class Path(Made):
    """Of tracks."""


class Course(Made):
    """Of lessons, or of levels."""


class Challenge(Made):
    """Of levels with numbers."""


@dataclass(frozen=True)
class CourseLevel(Made):
    """A level of a course."""

    course: int


class Content(Rules):
    """Makers of content."""

    if TYPE_CHECKING:

        def call(self, function: str, *arguments: Any, **named: Any) -> Any: ...

    def make_user(self, name: str | None = None, **arguments: Any) -> UUID:
        given = {word: value for word, value in arguments.items() if value is not None}
        user: UUID = self.call("register_user", name or f"learner-{next(numbers)}", **given)
        return user

    def make_lesson(
        self,
        exercises: int = 2,
        *,
        slug: str | None = None,
        published: bool = True,
        course: Course | None = None,
        level: CourseLevel | None = None,
        **columns: Any,
    ) -> Lesson:
        slug = slug or f"lesson-{next(numbers)}"
        place: dict[str, Any] = {"course_id": course and course.id, "course_level_id": level and level.id}
        lesson = self.insert("lessons", slug=slug, title=slug, is_published=published, **place, **columns)
        made = tuple(self.make_exercise(lesson, position=position) for position in range(1, exercises + 1))
        return Lesson(lesson, slug, made)

    def make_exercise(self, lesson: Lesson | int, *, position: int = 1, published: bool = True) -> int:
        number = lesson if isinstance(lesson, int) else lesson.id
        made: int = self.insert(
            "exercises", lesson_id=number, position=position, prompt="Select one.", is_published=published
        )
        return made

    def make_track(
        self, *lessons: Lesson, slug: str | None = None, published: bool = True, **columns: Any
    ) -> Track:
        slug = slug or f"track-{next(numbers)}"
        row = {"slug": slug, "title": slug, "difficulty": "intermediate", "is_published": published}
        made = Track(self.insert("tracks", **{**row, **columns}), slug)
        self.add_to_track(made, *lessons)
        return made

    def add_to_track(self, track: Track, *lessons: Lesson) -> None:
        for lesson in lessons:
            self.connection.execute(
                "insert into learn.track_lessons (track_id, lesson_id, position)"
                " select %s, %s, count(*) + 1 from learn.track_lessons where track_id = %s",
                [track.id, lesson.id, track.id],
            )

    def make_path(self, *tracks: Track, slug: str | None = None, published: bool = True) -> Path:
        slug = slug or f"path-{next(numbers)}"
        made = Path(self.insert("learning_paths", slug=slug, title=slug, is_published=published), slug)
        self.add_to_path(made, *tracks)
        return made

    def add_to_path(self, path: Path, *tracks: Track) -> None:
        for track in tracks:
            self.connection.execute(
                "insert into learn.learning_path_tracks (path_id, track_id, position)"
                " select %s, %s, count(*) + 1 from learn.learning_path_tracks where path_id = %s",
                [path.id, track.id, path.id],
            )

    def make_course(
        self,
        lessons: int = 0,
        *,
        slug: str | None = None,
        track: Track | None = None,
        published: bool = True,
        **columns: Any,
    ) -> Course:
        """With so many lessons directly in it, without exercises."""
        slug = slug or f"course-{next(numbers)}"
        row: dict[str, Any] = {
            "slug": slug,
            "title": slug,
            "track_id": track and track.id,
            "is_published": published,
        }
        made = Course(self.insert("courses", **row, **columns), slug)
        for _ in range(lessons):
            self.make_lesson(0, course=made)
        return made

    def make_course_level(
        self, course: Course, *, slug: str | None = None, position: int | None = None, published: bool = True
    ) -> CourseLevel:
        """Behind the others, unless a position is given."""
        slug = slug or f"level-{next(numbers)}"
        if position is None:
            position = self.value(
                "select count(*) + 1 from learn.course_levels where course_id = %s", [course.id]
            )
        row: dict[str, Any] = {"course_id": course.id, "slug": slug, "title": slug, "position": position}
        return CourseLevel(self.insert("course_levels", is_published=published, **row), slug, course.id)

    def make_course_prerequisite(self, course: Course, needs: Course, *, required: bool = True) -> None:
        row = {"course_id": course.id, "prerequisite_course_id": needs.id, "is_required": required}
        self.insert("course_prerequisites", "course_id", **row)

    def make_prerequisite(self, track: Track, prerequisite: Track) -> None:
        row = {"track_id": track.id, "prerequisite_track_id": prerequisite.id}
        self.insert("track_prerequisites", "track_id", **row)

    def make_exam(self, key: str | None = None, *, questions: int = 0) -> str:
        """Also so many questions of it."""
        key = key or f"exam-{next(numbers)}"
        self.insert("exam_types", returning="key", key=key, name=key)
        for _ in range(questions):
            self.make_question(key)
        return key

    def make_question(self, exam: str, *, correct: str = "A", domain: str = "1.1") -> int:
        """A question with the options A to D."""
        return int(
            self.insert(
                "questions",
                exam_type=exam,
                domain=domain,
                question_text="Which one?",
                correct_answer=correct,
                options=Jsonb({letter: {"text": f"option {letter}"} for letter in "ABCD"}),
            )
        )

    def questions(self, exam: str) -> list[int]:
        return self.values("select id from learn.questions where exam_type = %s order by id", [exam])

    def answers(self, exam: str, correct: int, of: int | None = None) -> list[dict[str, Any]]:
        """Answers to the first `of` questions of an exam (None: all), the first `correct` of them right."""
        found = self.tuples(
            "select id, correct_answer from learn.questions where exam_type = %s order by id", [exam]
        )
        wrong = {"A": "B", "B": "C", "C": "D", "D": "A"}
        return [
            {"question_id": question, "answer": letter if number < correct else wrong[letter]}
            for number, (question, letter) in enumerate(found[:of])
        ]

    def make_challenge(
        self,
        levels: Sequence[int] = (10, 20, 30),
        *,
        slug: str | None = None,
        track: Track | None = None,
        hints: Sequence[int] = (),
        active: bool = True,
        needs: Sequence[Challenge] = (),
        **columns: Any,
    ) -> Challenge:
        """`levels`: what each pays; `hints`: the penalty of each hint, the same for every level."""
        slug = slug or f"challenge-{next(numbers)}"
        row = {"slug": slug, "title": slug, "category": "caching", "track_id": track and track.id}
        made = Challenge(self.insert("challenges", is_active=active, **{**row, **columns}), slug)
        for number, xp in enumerate(levels, 1):
            self.make_level(made, number, xp=xp, hints=hints)
        for needed in needs:
            self.need_challenge(made, needed)
        return made

    def make_level(
        self, challenge: Challenge, number: int, *, xp: int = 10, hints: Sequence[int] = ()
    ) -> None:
        self.insert(
            "challenge_levels",
            returning="level_number",
            challenge_id=challenge.id,
            level_number=number,
            level_name=f"Level {number}",
            requirements=Jsonb({}),
            test_cases=Jsonb([]),
            passing_criteria=Jsonb({}),
            xp_reward=xp,
            hints=Jsonb([{"text": f"hint {n}", "xp_penalty": penalty} for n, penalty in enumerate(hints, 1)]),
        )

    def need_challenge(self, challenge: Challenge, prerequisite: Challenge) -> None:
        row = {"challenge_id": challenge.id, "prerequisite_challenge_id": prerequisite.id}
        self.insert("challenge_prerequisites", "challenge_id", **row)

    def make_daily(
        self, challenge: Challenge, day: date | str, *, multiplier: float | str | None = None
    ) -> int:
        factor = 2 if multiplier is None else multiplier
        return int(self.insert("daily_challenges", challenge_id=challenge.id, date=day, xp_multiplier=factor))

    def pass_challenge(self, user: UUID, challenge: Challenge, *, at: Moment | None = None) -> Any:
        """Passes every level in order. Returns the last summary."""
        numbers = self.values(
            "select level_number from learn.challenge_levels where challenge_id = %s order by 1",
            [challenge.id],
        )
        return [self.call("submit_level_attempt", user, challenge, number, at=at) for number in numbers][-1]

    def make_skill(
        self,
        slug: str | None = None,
        *,
        parent: int | None = None,
        needs: Sequence[int] = (),
        **columns: Any,
    ) -> int:
        """`needs`: the skills that are its prerequisites."""
        slug = slug or f"skill-{next(numbers)}"
        skill: int = self.insert("skills", slug=slug, name=slug, parent_skill_id=parent, **columns)
        for other in needs:
            self.insert("skill_prerequisites", "skill_id", skill_id=skill, prerequisite_skill_id=other)
        return skill

    def make_plain_challenge(
        self, slug: str | None = None, *, levels: int = 5, needs: Sequence[int] = (), **columns: Any
    ) -> int:
        """Each level pays 20 XP, all of them 100. `needs`: the challenges that are its prerequisites."""
        slug = slug or f"challenge-{next(numbers)}"
        needed = [Challenge(number, "") for number in needs]
        made = self.make_challenge([20] * levels, slug=slug, title=slug.title(), needs=needed, **columns)
        return made.id

    def pass_level(
        self, user: UUID, challenge: int, level: int, *, passed: bool = True, at: Moment | None = None
    ) -> Any:
        score = 100 if passed else 0
        return self.call("submit_level_attempt", user, challenge, level, passed, score, at=at)

    def make_discussion(self, user: UUID, *arguments: Any, **named: Any) -> int:
        """Posts one; returns its id."""
        return int(self.call("post_discussion", user, *arguments, **named).unlocked["discussion_id"])

    def make_reply(self, user: UUID, discussion: int, parent: int | None = None, **named: Any) -> int:
        """Posts one; returns its id."""
        return int(self.call("post_reply", user, discussion, parent=parent, **named).unlocked["reply_id"])

    def solve(
        self,
        user: UUID,
        lesson: Lesson,
        *,
        mistakes: int = 0,
        error: str | None = None,
        at: Moment | None = None,
    ) -> Any:
        """Solves every exercise of a lesson (one without any: completes it). Returns the last summary.

        Wrong submissions, as many as `mistakes`, come before the first; they fail with `error`, if given.
        """
        if not lesson.exercises:
            return self.call("complete_lesson", user, lesson, at=at)
        for _ in range(mistakes):
            self.call("submit_query", user, lesson.exercises[0], False, error, at=at)
        return [self.call("submit_query", user, exercise, at=at) for exercise in lesson.exercises][-1]
