"""A learner who does whatever is open, in random order, by public functions and as a backend does.

What is open is read as learn_app reads it. Some acts fail: wrong queries, low scores, hints, and now and then
something that is locked, which must be refused. `Learner.act()` does one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.client import Learn

LESSONS = """
    select l.id, coalesce(u.user_id, p.user_id) is not null or l.course_id is null as is_open,
      v.position > 1 as is_late,
      array(select e.id from learn.exercises e where e.lesson_id = l.id and e.is_published and not exists (
        select from learn.query_submissions s
        where s.user_id = %(user)s and s.exercise_id = e.id and s.is_correct)) as exercises
    from learn.lessons l
    left join learn.course_levels v on v.id = l.course_level_id
    left join learn.user_level_unlocks u on u.course_level_id = v.id and u.user_id = %(user)s
    left join learn.user_course_progress p
      on p.course_id = l.course_id and p.user_id = %(user)s and l.course_level_id is null
    where l.is_available and not exists (
      select from learn.user_lesson_progress d
      where d.user_id = %(user)s and d.lesson_id = l.id and d.completed_at is not null)
    order by l.id
"""
COURSES = """
    select c.id, not exists (
        select from learn.course_prerequisites r
        join learn.courses k on k.id = r.prerequisite_course_id and k.is_published
        where r.course_id = c.id and r.is_required and not exists (
          select from learn.user_course_progress p
          where p.user_id = %(user)s and p.course_id = k.id and p.completed_at is not null)) as is_open
    from learn.courses c
    where c.is_published and not exists (
      select from learn.user_course_progress p where p.user_id = %(user)s and p.course_id = c.id)
    order by c.id
"""
CHALLENGES = """
    select c.slug, c.id, s.is_met, coalesce(p.current_level, 0)
    from learn.challenge_prerequisites_status s
    join learn.challenges c on c.id = s.challenge_id
    left join learn.user_challenge_progress p on p.user_id = s.user_id and p.challenge_id = c.id
    where s.user_id = %(user)s and p.completed_at is null
    order by c.id
"""
KNOWN = "select distinct question_id from learn.user_answers where user_id = %(user)s and is_correct"
# What is refused before its time.
LOCKED = {"LX005", "LX006"}


Act = Callable[[], object]


class Learner:
    """One user of one product."""

    def __init__(self, learn: Learn, random: Random) -> None:
        self.learn, self.random = learn, random
        self.user: UUID = learn.register_user(f"random-{random.random()}", timezone="Asia/Manila")
        self.refused = 0
        kinds = {
            "lessons": self._lessons,
            "courses": self._courses,
            "challenges": self._challenges,
            "questions": self._exams,
        }
        self.kinds = [
            kind for table, kind in kinds.items() if learn.value(f"select exists (select from learn.{table})")
        ]
        self.quizzes = {
            exam: dict(
                learn.tuples("select id, correct_answer from learn.questions where exam_type = %s", [exam])
            )
            for exam in learn.values("select distinct exam_type from learn.questions where is_active")
        }

    def act(self) -> bool:
        """Does one of the things that are open; false: there is none, and so everything is done."""
        if self._sometimes(0.3):
            self.learn.advance(timedelta(minutes=self.random.randrange(2000)))
        acts = [act for kind in self.kinds for act in kind()]
        if not acts:
            return False
        self.random.choice(acts)()
        return True

    def _lessons(self) -> Iterator[Act]:
        for lesson, is_open, is_late, exercises in self._read(LESSONS):
            if is_open and exercises:
                yield partial(self._query, self.random.choice(exercises))
            elif is_open:
                yield partial(self._lesson, lesson)
            elif is_late and self._sometimes(0.02):
                self._refused("complete_lesson", lesson)

    def _courses(self) -> Iterator[Act]:
        for course, is_open in self._read(COURSES):
            if is_open:
                yield partial(self.learn.enroll_in_course, self.user, course)
            elif self._sometimes(0.02):
                self._refused("enroll_in_course", course)

    def _challenges(self) -> Iterator[Act]:
        left = self._read(CHALLENGES)
        recommended = self.learn.recommend_challenges(self.user)
        assert bool(recommended) == bool(left), "recommendations end when all is done, and not before"
        for slug, challenge, is_met, level in left:
            if slug in recommended:
                yield partial(self._levels, challenge, level)
            elif not is_met and self._sometimes(0.01):
                self._refused("submit_level_attempt", challenge, 1)

    def _exams(self) -> Iterator[Act]:
        known = {question for (question,) in self._read(KNOWN)}
        for exam, key in self.quizzes.items():
            if not known >= key.keys():
                yield partial(self._quiz, exam, key)

    def _query(self, exercise: int) -> None:
        outcome = self.random.choice(["wrong", "failing", "right"])
        self.learn.submit_query(
            self.user, exercise, outcome == "right", "syntax error" if outcome == "failing" else None
        )

    def _lesson(self, lesson: int) -> None:
        if self._sometimes(0.3):
            self.learn.start_lesson(self.user, lesson)
        score = self.random.choice([None, 0, 40, 100, 100])
        self.learn.complete_lesson(self.user, lesson, score, self.random.choice([None, 10, 5000]))

    def _levels(self, challenge: int, level: int) -> None:
        """One level after the other, until one is not passed."""
        while level < 5:
            level += 1
            if self._sometimes(0.1):
                self.learn.use_hint(self.user, challenge, level, 1)
            passed = self._sometimes(0.8)
            score = 100 if passed else self.random.randrange(100)
            self.learn.submit_level_attempt(self.user, challenge, level, passed, score)
            if not passed:
                break

    def _quiz(self, exam: str, key: dict[int, str]) -> None:
        drawn = self.learn.start_quiz(self.user, exam, self.random.randrange(3, 9))
        if self._sometimes(0.2):
            return  # left, and closed by the next one
        answers = [
            {"question_id": row.question_id, "answer": self.random.choice([right, right, "A", None])}
            for row in drawn
            for right in [key[row.question_id]]
        ]
        self.learn.submit_quiz(self.user, exam, answers, 300)

    def _refused(self, function: str, *arguments: Any) -> None:
        """What is locked is refused."""
        with pytest.raises(psycopg.Error) as caught, self.learn.connection.transaction():
            self.learn.call(function, self.user, *arguments)
        assert caught.value.sqlstate in LOCKED, caught.value
        self.refused += 1

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        with self.learn.role("learn_app"):
            return self.learn.tuples(query, {"user": self.user})

    def _sometimes(self, chance: float) -> bool:
        return self.random.random() < chance
