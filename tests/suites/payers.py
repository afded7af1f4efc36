"""Learners whose every answer is kept: what they were told is what the database has, whatever happens.

A payer acts with an idempotency key, and when it does not hear of the answer, asks again with the same key:
the rule of docs/errors.md for lost connections and what may be retried.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.client import Challenge, Course, Learn, Lesson
from tests.waiting import PATIENCE, meanwhile, wait_until

Connect = Callable[[], psycopg.Connection[Any]]
# By docs/errors.md; and those of a server that goes down, comes up or lost a connection.
RETRIED = {"40001", "40P01", "55P03", "57014", "LX015"}
LOST = {"57P01", "57P02", "57P03", "53300", "25006"}


class Place:
    """What there is to do; committed by whoever makes it."""

    def __init__(self, learn: Learn, *, users: int, posts: bool = True) -> None:
        self.users: list[UUID] = [learn.make_user() for _ in range(users)]
        self.lessons: list[Lesson] = [learn.make_lesson(0) for _ in range(40)]
        self.practice: list[Lesson] = [learn.make_lesson(2) for _ in range(10)]
        learn.make_path(learn.make_track(*self.lessons[:3], self.practice[0]))
        self.courses: list[Course] = [learn.make_course(3) for _ in range(3)]
        self.of_courses: list[int] = [one.id for course in self.courses for one in learn.lessons_of(course)]
        self.challenges: list[Challenge] = [learn.make_challenge((10, 20)) for _ in range(5)]
        self.exam = learn.make_exam(questions=30)
        self.answers = learn.answers(self.exam, 6)
        self.discussion = learn.make_discussion(self.users[0]) if posts else None
        self.activity = learn.make_activity_type(qualifying=True, xp=3)

    def act(self, learn: Learn, dice: random.Random, user: UUID, key: str) -> Any:
        """One call of many kinds, with a key."""
        acts: list[Callable[[], Any]] = [
            lambda: learn.award_xp(user, dice.choice([1, 30, 300]), key=key),
            lambda: learn.complete_lesson(user, dice.choice(self.lessons), 100, key=key),
            lambda: learn.complete_lesson(user, dice.choice(self.of_courses), key=key),
            lambda: learn.submit_query(user, dice.choice(dice.choice(self.practice).exercises), key=key),
            lambda: learn.submit_quiz(user, self.exam, self.answers, key=key),
            lambda: learn.record_activity(user, self.activity, "page", str(dice.randrange(9)), key=key),
            lambda: learn.submit_level_attempt(user, dice.choice(self.challenges), 1, key=key),
            lambda: learn.enroll_in_course(user, dice.choice(self.courses), key=key),
            lambda: learn.grant_achievement(user, "never-quit", key=key),
        ]
        if self.discussion is not None:
            acts.append(lambda: learn.post_reply(user, self.discussion, "So.", key=key))
        return dice.choice(acts)()


class Payer:
    """Acts for learners of its own, over a connection that it makes again when it is lost."""

    def __init__(self, connect: Connect, place: Place, users: list[UUID], seed: int) -> None:
        self.users, self.dice = users, random.Random(seed)
        self.told: dict[UUID, int] = dict.fromkeys(users, 0)
        self.calls = 0
        self.failures: Counter[str] = Counter()
        self.place = place
        self._connect = connect
        self._learn: Learn | None = None

    def act(self, disturb: Callable[[psycopg.Connection[Any]], object] | None = None) -> None:
        """One call, asked again until it is answered; `disturb` is called before the first try."""
        user, key, seed = self.dice.choice(self.users), str(uuid4()), self.dice.random()
        deadline = time.monotonic() + PATIENCE
        while True:
            learn = self._session()
            try:
                if disturb is not None:
                    disturb(learn.connection)
                    disturb = None
                answer = self.place.act(learn, random.Random(seed), user, key)
                self.calls += 1
                self.told[user] += answer.xp_awarded
                return
            except psycopg.Error as error:
                if (error.sqlstate or "").startswith("LX") and error.sqlstate not in RETRIED:
                    self.failures[error.sqlstate or ""] += 1
                    return
                self._note(error, deadline)

    def _note(self, error: psycopg.Error, deadline: float) -> None:
        """Counts a failure that is to be retried; anything else, and what comes too late, is raised."""
        if time.monotonic() > deadline:
            raise error
        code = error.sqlstate or "lost"
        self.failures[code] += 1
        if code in RETRIED:
            if self._learn is not None and not self._learn.connection.broken:
                with suppress(psycopg.OperationalError):  # it may be lost as well, since
                    self._learn.run("reset statement_timeout")
                    return
        elif code != "lost" and code not in LOST and not code.startswith("08"):
            raise error
        self.close()
        time.sleep(0.01)

    def _session(self) -> Learn:
        deadline = time.monotonic() + PATIENCE
        while self._learn is None or self._learn.connection.closed:
            with suppress(psycopg.OperationalError):
                self._learn = Learn(self._connect())
                break
            assert time.monotonic() < deadline, "nobody lets in"
            time.sleep(0.02)
        return self._learn

    def close(self) -> None:
        """Disconnect; the next act connects again."""
        if self._learn is not None:
            self._learn.connection.close()
        self._learn = None


@contextmanager
def acting(payers: list[Payer]) -> Iterator[None]:
    """All of them act, at the same time, until the block ends."""

    def live(payer: Payer, over: threading.Event) -> None:
        while not over.is_set():
            payer.act()
            over.wait(0.01)  # learners think
        payer.close()

    with meanwhile([partial(live, payer) for payer in payers]):
        yield


def have_called(payers: list[Payer], each: int = 5) -> None:
    """Waits until every one of them has been answered so many times more."""
    before = [payer.calls for payer in payers]
    wait_until(lambda: all(payer.calls - calls >= each for payer, calls in zip(payers, before, strict=True)))


def settle(learn: Learn, payers: list[Payer]) -> None:
    """What the payers were told is what there is, and nothing is damaged."""
    told = {user: xp for payer in payers for user, xp in payer.told.items()}
    totals = "select user_id, total_xp from learn.user_stats where user_id = any (%s)"
    assert dict(learn.tuples(totals, [[*told]])) == told
    ledger = learn.tuples(
        "select user_id, sum(amount) from learn.xp_transactions where user_id = any (%s) group by 1",
        [[*told]],
    )
    assert dict(ledger) == {user: xp for user, xp in told.items() if xp}
    assert learn.check_integrity() == []
