"""Calls that take several steps over databases: what they need, on one database and through a proxy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

from tests.client import Learn, moment
from tests.conftest import ROOT
from tests.shards.conftest import SHARDS, Shards

START = moment("2035-03-05 08:00")


# What posts pay here: nothing else tells whether an answer came to the learner's shard.
PAID = """
insert into learn.xp_rules (activity_type, amount) select key, 7
  from learn.activity_types where key in
  ('discussion_posted', 'reply_posted', 'solution_accepted', 'profile_completed', 'wallet_connected')
on conflict (activity_type) do update set amount = 7
"""


class Side:
    """One database, or a cluster behind its proxy: the same learners do the same on both."""

    def __init__(self, shards: Shards, name: str) -> None:
        self.shards, self.name = shards, name
        self.owners: dict[str, psycopg.Connection[Any]] = {}
        self.home = "home" if name == "proxy" else name
        self.clients: dict[str, Learn] = {}
        self.steps: list[str] = []
        self.days = 0
        self.exams = 0

    @property
    def learn(self) -> Learn:
        """As a backend."""
        return self.client("learn")

    def client(self, name: str) -> Learn:
        """A backend's session, a new one where that was ended."""
        if name not in self.clients or self.clients[name].connection.closed:
            connection = self.shards.cluster.connect(self.name)
            connection.add_notice_handler(lambda said: self.steps.append(str(said.message_primary)))
            connection.execute("set role learn_app")
            self.clients[name] = Learn(connection)
        return self.clients[name]

    def owner(self, database: str) -> Learn:
        """As superuser."""
        if database not in self.owners or self.owners[database].closed:
            self.owners[database] = self.shards.cluster.connect(database)
        return Learn(self.owners[database])

    def of(self, user: UUID) -> Learn:
        """Where a learner is, as superuser."""
        return self.owner(self.shards.shard_of(user) if self.name == "proxy" else self.name)

    def edit(self, act: Callable[[Learn], Any]) -> Any:
        """What editors do, on home; the shards have it then."""
        made = act(self.owner(self.home))
        if self.name == "proxy":
            self.shards.sync()
        return made

    def reset(self) -> None:
        """Forgets its sessions: the server was killed."""
        self.clients.clear()
        self.owners.clear()

    def learners(self, name: str, count: int = 1) -> list[UUID]:
        """Who have done something."""
        users = [self.learn.register_user(f"{name} {letter}") for letter in "abcdef"[:count]]
        for user in users:
            self.learn.award_xp(user, 30, source_id="a prize")
        return users


Prepare = Callable[[Side, str], list[Any]]


def _profile(side: Side, name: str) -> list[Any]:
    (user,) = side.learners(name)
    return [user, {"username": f"{name} new", "email": f"{name}@x.org".replace(" ", "-"), "bio": "hello"}]


def _email(side: Side, name: str) -> list[Any]:
    (user,) = side.learners(name)
    side.learn.update_profile(user, {"email": f"{name}@x.org".replace(" ", "-")})
    return [user, f"{name}@x.org".replace(" ", "-")]


def _discussion(side: Side, name: str, *, is_solved: bool = False) -> tuple[list[UUID], int, int]:
    return _posts(side, name, side.learners(name, 2), is_solved=is_solved)


def _posts(
    side: Side, name: str, users: list[UUID], *, is_solved: bool = False
) -> tuple[list[UUID], int, int]:
    asked = side.learn.post_discussion(users[0], f"{name}: a question").unlocked["discussion_id"]
    reply = side.learn.post_reply(users[1], asked).unlocked["reply_id"]
    if is_solved:
        side.learn.accept_solution(users[0], reply)
    return users, asked, reply


def _reply(side: Side, name: str) -> list[Any]:
    (_, author), discussion, _ = _discussion(side, name)
    return [author, discussion, f"{name}: a second answer"]


def _vote(side: Side, name: str) -> list[Any]:
    (asker, _), _, reply = _discussion(side, name)
    return [asker, "upvote", None, reply]


def _solution(side: Side, name: str) -> list[Any]:
    (asker, _), _, reply = _discussion(side, name)
    return [asker, reply]


def _no_solution(side: Side, name: str) -> list[Any]:
    (asker, _), _, reply = _discussion(side, name, is_solved=True)
    return [asker, reply]


def _erasure(side: Side, name: str) -> list[Any]:
    (asker, _), _, _ = _discussion(side, name, is_solved=True)
    return [asker, "keep"]


def _merging(side: Side, name: str) -> list[Any]:
    """Both have XP and have posted; on one shard, or on two."""
    is_one = int(name.split(" ")[0]) % 4 == 0
    users = [side.learn.register_user(f"{name} a"), side.learn.register_user(f"{name} b")]
    while side.name == "proxy" and is_one != (
        side.shards.shard_of(users[0]) == side.shards.shard_of(users[1])
    ):
        side.learn.erase_user(users[1])
        users[1] = side.learn.register_user(f"{name} b")
    for user in users:
        side.learn.award_xp(user, 30, source_id="a prize")
    return [*_posts(side, name, users)[0]]


def _batch(side: Side, name: str) -> list[Any]:
    users = side.learners(name, 6)
    kind = "learn.activity_types where not is_internal order by key limit 1"
    (kind,) = side.owner(side.home).tuples(f"select key from {kind}")[0]
    return [
        [
            {"user_id": str(user), "activity_type": kind, "idempotency_key": f"{name} {number}"}
            for number, user in enumerate([*users, users[0]])
        ]
    ]


def _period(side: Side, name: str) -> list[Any]:
    """Another day for each call."""
    side.days += 1
    day = (START - timedelta(days=1 + side.days)).date()
    for number, user in enumerate(side.learners(name, 6)):
        side.learn.award_xp(user, 50 + 50 * (number // 2), source_id="late", at=f"{day} 12:00")
    return ["day", "xp", day]


def _nothing(side: Side, name: str) -> list[Any]:
    for user in side.learners(name, 3):
        side.learn.start_session(user, "lesson", at="2035-03-01 08:00")
    return []


def _question(side: Side, name: str) -> list[Any]:
    side.exams += 1
    exam = f"cut-{side.exams}"
    answers = side.owner(side.home).answers(exam, 5)
    for user in side.learners(name, 4):
        side.learn.submit_quiz(user, exam, answers)
    query = "update learn.questions set correct_answer = 'B' where id = %s"
    question = answers[-1]["question_id"]
    side.edit(lambda learn: learn.run(query, [question]))
    return [question]


def _transaction(side: Side, name: str) -> list[Any]:
    (user,) = side.learners(name)
    side.learn.record_transaction(user, f"tx-{name}".replace(" ", "-"))
    return [f"tx-{name}".replace(" ", "-"), "submitted"]


def _certificate(side: Side, name: str) -> list[Any]:
    (user,) = side.learners(name)
    course = side.owner(side.home).value("select id from learn.courses where slug = 'cut-course'")
    for (lesson,) in side.owner(side.home).tuples(
        "select id from learn.lessons where course_id = %s order by id", [course]
    ):
        side.learn.complete_lesson(user, lesson)
    return [
        side.of(user).value(
            "select certificate_number from learn.nft_certificates where user_id = %s", [user]
        )
    ]


def _minted(side: Side, name: str) -> list[Any]:
    return [*_certificate(side, name), "0.0.1", None, int(name.split(" ")[0])]


def _revoked(side: Side, name: str) -> list[Any]:
    return [*_certificate(side, name), "a mistake"]


# What each of these functions needs: its arguments, on either side.
ACTS: dict[str, Prepare] = {
    "accept_solution": _solution,
    "advance_transaction": _transaction,
    "certificate_minted": _minted,
    "close_abandoned_sessions": _nothing,
    "close_period": _period,
    "erase_user": _erasure,
    "link_wallet": lambda side, name: [
        *side.learners(name),
        f"0x{int(name.split(' ')[0]):040x}",
        name.replace(" ", "-"),
    ],
    "merge_users": _merging,
    "post_discussion": lambda side, name: [*side.learners(name), f"{name}: a question", "What is it?"],
    "post_reply": _reply,
    "record_activities": _batch,
    "refresh_analytics": _nothing,
    "refresh_leaderboard": _nothing,
    "register_user": lambda _, name: [f"{name} a", f"{name}@x.org".replace(" ", "-")],
    "regrade_question": _question,
    "revoke_certificate": _revoked,
    "unaccept_solution": _no_solution,
    "update_profile": _profile,
    "verify_email": _email,
    "vote": _vote,
}


def set_stage(shards: Shards) -> None:
    """A course and rewards for all; time stands still; and calls of the proxy can be cut off."""
    for name in ("plain", "home"):
        with shards.open(name) as learn:
            course = learn.make_course(slug="cut-course")
            for number in range(1, 10):
                learn.make_exam(f"cut-{number}", questions=6)
            for slug in ("first", "second"):
                learn.make_lesson(0, slug=f"cut-{slug}", course=course)
            learn.run(
                "insert into learn.period_rewards (metric, period, rank_from, rank_to, xp)"
                " values ('xp', 'day', 1, 2, 500)"
            )
            learn.run(PAID)
    shards.sync()
    for name in ("plain", "home", *SHARDS):
        with shards.open(name) as learn:
            learn.run("select learn_internal.set_clock(%s)", [START])
    with shards.open("proxy") as proxy:
        proxy.connection.execute((ROOT / "tests/shards/cuts.sql").read_bytes())
