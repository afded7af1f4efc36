"""A product in use: learners who do a bit of everything, over and over, while something happens to them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import psycopg

from tests.client import Challenge, Course, Learn, Lesson
from tests.concurrency.sessions import client, connect
from tests.conftest import FreshDatabase
from tests.waiting import meanwhile


@dataclass
class Town:
    """What there is to do, and what came of it: SQLSTATEs other than those of class LX."""

    users: list[UUID]
    lessons: list[Lesson]
    courses: list[Course]
    challenges: list[Challenge]
    discussions: list[int]
    exam: str
    skill: int
    avatar: int
    activity: str
    failures: list[str] = field(default_factory=list)
    calls: int = 0

    def act(self, learn: Learn, dice: random.Random, user: UUID, *, alone: bool) -> object:
        """A call of any kind that learners and workers make; `alone`: of those for several learners, too."""
        acts: list[Callable[[], object]] = [
            lambda: learn.award_xp(user, dice.choice([1, 30, 300])),
            lambda: learn.record_activity(user, self.activity),
            lambda: learn.complete_lesson(user, dice.choice(self.lessons[:3])),
            lambda: learn.solve(user, dice.choice(self.lessons[3:])),
            lambda: learn.enroll_in_course(user, dice.choice(self.courses)),
            lambda: learn.rate_course(user, dice.choice(self.courses), 4),
            lambda: learn.complete_lesson(user, self._lesson(learn, dice)),
            lambda: learn.submit_quiz(user, self.exam, learn.answers(self.exam, 5)),
            lambda: learn.submit_level_attempt(user, dice.choice(self.challenges), 1),
            lambda: learn.use_hint(user, self.challenges[0], 1, 1),
            lambda: learn.submit_daily_challenge(user),
            lambda: learn.allocate_skill_points(user, self.skill, 1),
            lambda: learn.select_avatar(user, self.avatar),
            lambda: learn.request_faucet(user, f"0.0.{dice.randrange(5)}"),
            lambda: learn.mark_read(user),
            lambda: learn.end_session(user, learn.start_session(user, "lesson").id),
            lambda: learn.set_password_hash(user, "$argon2id$x"),
            lambda: learn.post_discussion(user, "Why?", "Because."),
            lambda: learn.post_reply(user, dice.choice(self.discussions), "So."),
            lambda: learn.vote(user, "upvote", discussion=dice.choice(self.discussions)),
            lambda: learn.vote(user, "upvote", reply=self._reply(learn, dice)),
            lambda: learn.delete_reply(user, self._reply(learn, dice)),
        ]
        if alone:
            acts += [
                lambda: learn.accept_solution(dice.choice(self.users), self._reply(learn, dice)),
                lambda: learn.record_activities(
                    [{"user_id": one, "activity_type": self.activity} for one in dice.sample(self.users, 3)]
                ),
            ]
        return dice.choice(acts)()

    def turn(self, learn: Learn, dice: random.Random, user: UUID) -> None:
        """A transaction of one call, or of two for the same learner; keeps how it failed, unless refused."""
        try:
            is_second = dice.random() < 0.3
            if is_second:
                learn.award_xp(user, 1)
            self.act(learn, dice, user, alone=not is_second)
            learn.connection.commit()
            self.calls += 1
        except psycopg.Error as error:
            learn.connection.rollback()
            if not (error.sqlstate or "none").startswith("LX"):
                self.failures.append(f"{error.sqlstate} {error}")

    def _lesson(self, learn: Learn, dice: random.Random) -> Lesson:
        return dice.choice([*learn.lessons_of(dice.choice(self.courses)), self.lessons[0]])

    def _reply(self, learn: Learn, dice: random.Random) -> int:
        found = learn.tuples("select id from learn.replies order by id desc limit 20")
        return int(dice.choice(found)[0]) if found else 0


def settle(learn: Learn, users: int) -> Town:
    """A town of so many learners who have posted already."""
    people = [learn.make_user() for _ in range(users)]
    lessons = [learn.make_lesson(0 if number < 3 else 1) for number in range(6)]
    learn.make_path(learn.make_track(*lessons[:2], lessons[3]), learn.make_track(*lessons[2:]))
    challenges = [learn.make_challenge((10, 20), hints=[5]) for _ in range(3)]
    learn.make_daily(challenges[0], learn.clock().date())
    town = Town(
        users=people,
        lessons=lessons,
        courses=[learn.make_course(2) for _ in range(2)],
        challenges=challenges,
        discussions=[learn.make_discussion(user) for user in people[-6:]],
        exam=learn.make_exam(questions=6),
        skill=learn.make_skill(),
        avatar=learn.make_avatar(default=True),
        activity=learn.make_activity_type(qualifying=True, xp=3),
    )
    for number, user in enumerate(people):
        learn.make_reply(user, town.discussions[number % 6])
        learn.vote(people[number - 1], discussion=town.discussions[(number + 1) % 6])
    return town


@contextmanager
def busy(
    fresh: FreshDatabase, town: Town, *, people: Sequence[UUID] = (), threads: int = 5
) -> Iterator[None]:
    """Learners (default: all) call all the time while the block runs: one call, or two in one transaction.

    Whatever is refused with an error of Laurel's own is refused rightly: somebody or something is gone. All
    other errors are kept in `town.failures`.
    """
    users = list(people) or town.users

    def live(seed: int, over: threading.Event) -> None:
        dice, learn = random.Random(seed), connect(fresh)
        while not over.is_set():
            town.turn(learn, dice, dice.choice(users))
        learn.connection.close()

    with meanwhile([*(partial(live, seed) for seed in range(threads)), partial(_refresh, fresh)]):
        yield


def _refresh(fresh: FreshDatabase, over: threading.Event) -> None:
    with client(fresh) as learn:
        while not over.wait(0.3):
            learn.refresh_leaderboard()
            learn.refresh_analytics()
