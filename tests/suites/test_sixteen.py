"""Sixteen connections at one thing: each is answered, or refused by a rule; no deadlocks, and exact sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.client import Learn
from tests.concurrency.sessions import Outcome, Task, client, race
from tests.conftest import FreshDatabase
from tests.suites.conftest import Amount, Tell

SIXTEEN = 16


class Scene:
    """A user, others, and content; made anew for each race."""

    def __init__(self, learn: Learn) -> None:
        self.user = learn.make_user()
        self.users: list[UUID] = [learn.make_user() for _ in range(SIXTEEN)]
        self.lesson = learn.make_lesson(0)
        self.exercises = learn.make_lesson(2)
        learn.make_path(learn.make_track(self.lesson, self.exercises))
        self.exam = learn.make_exam(questions=10)
        self.answers = learn.answers(self.exam, 10)
        self.challenge = learn.make_challenge((10, 20, 30), hints=[5])
        self.course = learn.make_course(2)
        self.skill = learn.make_skill()
        self.discussion = learn.make_discussion(self.users[0])
        self.reply = learn.make_reply(self.users[1], self.discussion)
        learn.enroll_in_course(self.user, self.course)
        for each in self.users:
            learn.award_xp(each, 100)


def xp(learn: Learn, *users: UUID) -> int:
    """Of these users together; what they were told is what the ledger has."""
    (total, ledger) = learn.tuples(
        "select (select coalesce(sum(total_xp), 0) from learn.user_stats where user_id = any (%(users)s)),"
        " (select coalesce(sum(amount), 0) from learn.xp_transactions where user_id = any (%(users)s))",
        {"users": [*users]},
    )[0]
    assert total == ledger
    return int(total)


def one_user(scene: Scene) -> list[Task[object]]:
    """All kinds of calls."""
    user = scene.user
    acts: list[Task[object]] = [
        lambda learn: learn.award_xp(user, 10),
        lambda learn: learn.complete_lesson(user, scene.lesson, 100),
        lambda learn: learn.submit_query(user, scene.exercises.exercises[0]),
        lambda learn: learn.submit_quiz(user, scene.exam, scene.answers),
        lambda learn: learn.submit_level_attempt(user, scene.challenge, 1),
        lambda learn: learn.use_hint(user, scene.challenge, 1, 1),
        lambda learn: learn.vote(user, discussion=scene.discussion),
        lambda learn: learn.mark_read(user),
    ]
    return acts * 2


def one_lesson(scene: Scene) -> list[Task[object]]:
    def by(user: UUID) -> Task[object]:
        return lambda learn: learn.complete_lesson(user, scene.lesson, 100)

    return [by(user) for user in scene.users]


def one_key(scene: Scene) -> list[Task[object]]:
    return [lambda learn: learn.award_xp(scene.user, 7, key="the same")] * SIXTEEN


def one_quiz(scene: Scene) -> list[Task[object]]:
    return [lambda learn: learn.submit_quiz(scene.user, scene.exam, scene.answers)] * SIXTEEN


def one_challenge(scene: Scene) -> list[Task[object]]:
    return [lambda learn: learn.submit_level_attempt(scene.user, scene.challenge, 1)] * SIXTEEN


def one_discussion(scene: Scene) -> list[Task[object]]:
    def by(user: UUID) -> Task[object]:
        return lambda learn: (learn.vote(user, reply=scene.reply), learn.post_reply(user, scene.discussion))

    return [by(user) for user in scene.users]


def one_close(scene: Scene) -> list[Task[object]]:
    """Some close the day's board, while others earn and read it."""

    def earn(user: UUID) -> Task[object]:
        return lambda learn: (learn.award_xp(user, 5), learn.leaderboard("day"))

    close: Task[object] = lambda learn: learn.close_period("day")  # noqa: E731
    return [close] * 6 + [earn(user) for user in scene.users[:10]]


def one_erasure(scene: Scene) -> list[Task[object]]:
    """Some erase a user for whom others act, and who posts where others do."""
    user = scene.users[1]
    erase: Task[object] = lambda learn: learn.erase_user(user)  # noqa: E731
    acts: list[Task[object]] = [
        lambda learn: learn.complete_lesson(user, scene.lesson),
        lambda learn: learn.post_reply(user, scene.discussion),
        lambda learn: learn.vote(scene.user, reply=scene.reply),
        lambda learn: learn.vote(user, discussion=scene.discussion),
        lambda learn: learn.submit_quiz(user, scene.exam, scene.answers),
        lambda learn: learn.accept_solution(scene.users[0], scene.reply),
    ]
    return [erase] * 4 + acts * 2


def sum_of_one_user(learn: Learn, scene: Scene) -> None:
    # Awards 20, a lesson 70, an exercise 15, perfect quizzes 100 + 20 + 20, a level 10, less 5 for a hint.
    assert xp(learn, scene.user) in {20 + 70 + 15 + 140 + level for level in (5, 10)}


EXPECTED: dict[str, tuple[Callable[[Scene], list[Task[object]]], Callable[[Learn, Scene], None]]] = {
    "user": (one_user, sum_of_one_user),
    "lesson": (one_lesson, lambda learn, scene: equal(xp(learn, *scene.users), SIXTEEN * (100 + 70))),
    "key": (one_key, lambda learn, scene: equal(xp(learn, scene.user), 7)),
    "quiz": (one_quiz, lambda learn, scene: equal(xp(learn, scene.user), 100 + 20 * SIXTEEN)),
    "challenge": (one_challenge, lambda learn, scene: equal(xp(learn, scene.user), 10)),
    "discussion": (one_discussion, lambda learn, scene: equal(xp(learn, *scene.users), SIXTEEN * 100)),
    "close": (one_close, lambda learn, scene: equal(xp(learn, *scene.users[:10]), 10 * 105)),
    "erasure": (one_erasure, lambda learn, scene: equal(xp(learn, scene.users[1]), 0)),
}


def equal(found: int, expected: int) -> None:
    assert found == expected


@pytest.mark.parametrize("what", EXPECTED)
def test_sixteen_connections_at_one(fresh: FreshDatabase, what: str, amount: Amount, tell: Tell) -> None:
    tasks, check = EXPECTED[what]
    outcomes: list[Outcome[object]] = []
    for _ in range(amount(1, 25)):
        with client(fresh) as learn:
            scene = Scene(learn)
        outcomes += race(fresh, tasks(scene))
        with client(fresh) as learn:
            check(learn, scene)
            assert learn.check_integrity() == []
    codes = Counter(outcome.sqlstate or "answered" for outcome in outcomes)
    assert {code for code in codes if not code.startswith("LX")} == {"answered"}
    tell(f"one {what}: " + ", ".join(f"{number:,} {code}" for code, number in sorted(codes.items())))
