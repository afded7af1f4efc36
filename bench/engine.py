"""The engine before and after a change: two databases on one server, measured in turn in one run.

    bench/engine.py --before COMMIT

builds Laurel as it was at a commit and as it is in this checkout, and times in both, not flushed: a bare
insert of the same row; `complete_lesson` (the first call of a session, one learner's next lesson, the same
lesson again, the first act of a day, one that earns a badge, one that is a new level, and a mix: new learners
in random order with their first 20 lessons, with all that these bring); `submit_query` (wrong, and one that
solves a lesson); loads of one statement with their commit; calls a second with one client and with eight. In
databases of their own: a quiz of 90 questions, and a level of a challenge.

Each call is one transaction over one connection, prepared, by a member of `learn_app`. Every kind is also
given in CPU time of the server's process (Linux): on a machine with other work it is the steadier one.
`$DBTOOL_TEST_SERVER` names the server: `stock` is one that nobody has configured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import quiz
from database import HERE, Connection, fill, is_whole, processor_time
from psycopg.types.json import Jsonb
from run import build, rows

from toolkit.history import migrations, seeds
from toolkit.project.layout import Project
from toolkit.servers.choose import open_throwaway

if TYPE_CHECKING:
    from typing_extensions import LiteralString

BARE: LiteralString = (
    "insert into bench.lesson_progress (user_id, lesson_id, status, completed_at)"
    " values (%(user)s, %(lesson)s, 'completed', now()) on conflict do nothing"
)
COMPLETE: LiteralString = "select learn.complete_lesson(%(user)s, %(lesson)s)"
YESTERDAY: LiteralString = (
    "select learn.complete_lesson(%(user)s, %(lesson)s, p_occurred_at => now() - interval '1 day')"
)
QUIZ: LiteralString = "select learn.submit_quiz(%(user)s, 'bench', %(answers)s)"
LEVEL: LiteralString = "select learn.submit_level_attempt(%(user)s, %(challenge)s, 1, 80, true)"
SUBMIT: LiteralString = "select learn.submit_query(%(user)s, %(exercise)s, 'select 1', %(right)s)"
LOAD: LiteralString = """
    insert into {table} (user_id, lesson_id, status, completed_at)
    select u.id, l.id, 'completed', now()
    from (select id from learn.users order by username desc limit {users}) u
    cross join (select id from learn.lessons where slug like 'bench-%' order by id desc limit 20) l
    on conflict do nothing
"""


@dataclass
class Side:
    """One of the two: its database, and what was measured."""

    name: str
    url: str
    connection: Connection
    users: list[Any]
    lessons: list[Any]
    exercises: list[Any]
    times: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def run(self, kind: str, statement: LiteralString, **arguments: object) -> None:
        """Time one call: microseconds by the clock, and of the server's process."""
        spent, begun = processor_time(self.connection), time.perf_counter()
        self.connection.execute(statement, arguments, prepare=True)
        self.times.setdefault(kind, []).append((time.perf_counter() - begun) * 1e6)
        self.cpu.setdefault(kind, []).append(processor_time(self.connection) - spent)


@contextmanager
def checkout(commit: str | None) -> Iterator[Project]:
    """The project as of a commit, or as it is."""
    if commit is None:
        yield Project.find(HERE)
        return
    archive = subprocess.run(
        ["git", "-C", str(HERE.parent), "archive", commit], capture_output=True, check=True
    )
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        yield Project.open(Path(folder))


def prepare(name: str, url: str, commit: str | None) -> Side:
    """A database with content, users, and exercises of one lesson each."""
    with checkout(commit) as project:
        migrations.migrate(lambda: psycopg.connect(url), project)
        with psycopg.connect(url) as connection:
            seeds.seed(connection, project, ("core", "sql_platform"))
    connection = psycopg.connect(url, autocommit=True)
    build(connection)
    connection.execute(
        "insert into learn.lessons (slug, title)"
        " select 'solve-' || g, 'Lesson ' || g from generate_series(1, 200) g"
    )
    connection.execute(
        "insert into learn.exercises (lesson_id, position, prompt)"
        " select id, 1, 'Solve it.' from learn.lessons where slug like 'solve-%'"
    )
    connection.execute("vacuum analyze")
    users = rows(connection, "select id from learn.users order by username")
    lessons = rows(connection, "select id from learn.lessons where slug like 'bench-%%' order by id")
    exercises = rows(
        connection,
        "select e.id from learn.exercises e join learn.lessons l on l.id = e.lesson_id"
        " where l.slug like 'solve-%%' order by e.id",
    )
    connection.close()
    connection = psycopg.connect(url, autocommit=True)
    connection.execute("set synchronous_commit = off")
    connection.execute("set role learn_app")
    return Side(name, url, connection, users, lessons, exercises)


def time_calls(sides: list[Side], learners: int, rounds: int) -> None:
    """Learners go through lessons and exercises, each call on one side and then on the other."""
    for side in sides:
        side.run("first call of a session", COMPLETE, user=side.users[0], lesson=side.lessons[0])
        for number in range(8):  # plans are made in the first five calls
            side.connection.execute(COMPLETE, {"user": side.users[0], "lesson": side.lessons[number]})
        for number in range(8, 13):
            with psycopg.connect(side.url, autocommit=True) as session:
                session.execute("set synchronous_commit = off; set role learn_app")
                arguments = {"user": side.users[0], "lesson": side.lessons[number]}
                replace(side, connection=session).run("first call, no new day", COMPLETE, **arguments)
    for number in range(1, learners + 1):
        for side in sides:  # far from the next level, and the day has begun
            side.connection.execute("select learn.award_xp(%s, 495050)", (side.users[number],))
            side.connection.execute(COMPLETE, {"user": side.users[number], "lesson": side.lessons[0]})
    for step in range(1, rounds + 1):
        for number in range(1, learners + 1):
            for side in sides:
                user = side.users[number]
                side.run("bare", BARE, user=user, lesson=side.lessons[step])
                side.run("complete_lesson", COMPLETE, user=user, lesson=side.lessons[step])
                side.run("again", COMPLETE, user=user, lesson=side.lessons[step])
                side.run("submit_query, wrong", SUBMIT, user=user, exercise=side.exercises[step], right=False)
                side.run(
                    "submit_query, solves", SUBMIT, user=user, exercise=side.exercises[-step], right=True
                )


def time_rare(sides: list[Side], learners: int) -> None:
    """What not every call brings: a day, a badge (five lessons), a level (300 XP, with the sixth lesson)."""
    for number in range(200, 200 + learners):
        for side in sides:
            user, newcomer = side.users[number], side.users[number + 200]
            side.connection.execute("select learn.award_xp(%s, 495050)", (user,))
            side.connection.execute(YESTERDAY, {"user": user, "lesson": side.lessons[0]})
            side.run("first act of a day", COMPLETE, user=user, lesson=side.lessons[1])
            for lesson in side.lessons[2:4]:
                side.connection.execute(COMPLETE, {"user": user, "lesson": lesson})
            side.run("a badge", COMPLETE, user=user, lesson=side.lessons[4])
            for lesson in side.lessons[:5]:
                side.connection.execute(COMPLETE, {"user": newcomer, "lesson": lesson})
            side.run("a level", COMPLETE, user=newcomer, lesson=side.lessons[5])


def time_mix(sides: list[Side], learners: int) -> None:
    """New learners, each with 20 random lessons, in random order: days, badges and levels as they come."""
    chance = random.Random(7)
    calls = [number for number in range(1000, 1000 + learners) for _ in range(20)]
    chance.shuffle(calls)
    for number in calls:
        lesson = chance.randrange(1000, 6000)
        for side in sides:
            side.run("mix, bare", BARE, user=side.users[number], lesson=side.lessons[lesson])
            side.run("mix", COMPLETE, user=side.users[number], lesson=side.lessons[lesson])


def time_products(url: Callable[[str], str], project: Project, side: Side, rounds: int) -> None:
    """A quiz of 90 questions, and the first level of a challenge, in the databases of their products."""
    fill(url("quiz"), project, "core", "comptia_quiz")
    fill(url("challenges"), project, "core", "progressive_flow")
    with psycopg.connect(url("quiz"), autocommit=True) as connection:
        answers = Jsonb(quiz.build(connection))
        users = quiz.make_learners(connection, "new", rounds, 0)
        connection.execute("vacuum analyze")
        connection.execute("set synchronous_commit = off; set role learn_app")
        for user in users:
            replace(side, connection=connection).run(
                "a quiz of 90 questions", QUIZ, user=user, answers=answers
            )
    with psycopg.connect(url("challenges"), autocommit=True) as connection:
        users = quiz.make_learners(connection, "new", rounds, 0)
        connection.execute("insert into learn.challenges (slug, title) values ('bench', 'Bench')")
        connection.execute(
            "insert into learn.challenge_levels (challenge_id, level_number, level_name, requirements,"
            " test_cases, passing_criteria, xp_reward)"
            " select id, n, 'Level', '[]', '[{}]', '{}', 50 from learn.challenges, generate_series(1, 5) n"
            " where slug = 'bench'"
        )
        (challenge,) = rows(connection, "select id from learn.challenges where slug = 'bench'")
        connection.execute("vacuum analyze")
        connection.execute("set synchronous_commit = off; set role learn_app")
        for user in users:
            connection.execute("select learn.check_and_unlock_challenges(%s)", (user,))
            replace(side, connection=connection).run(
                "a level of a challenge", LEVEL, user=user, challenge=challenge
            )


def time_bulk(side: Side, sizes: list[int]) -> dict[str, float]:
    """Seconds of a load with its commit ÷ those of a bare one, by number of rows: medians of three or one."""
    ratios = {}
    # as a scheduler does: a load merges its own gains when it commits, and not those of the calls before
    side.connection.execute("select learn.refresh_leaderboard()")
    side.connection.execute("vacuum analyze")
    for size in sizes:
        seconds: dict[str, list[float]] = {"bench.lesson_progress": [], "learn.user_lesson_progress": []}
        for _ in range(3 if size <= 20_000 else 1):
            for table, times in seconds.items():
                with side.connection.transaction(force_rollback=True):
                    begun = time.perf_counter()
                    side.connection.execute(LOAD.format(table=table, users=size // 20).encode())
                    side.connection.execute("set constraints all immediate")
                    times.append(time.perf_counter() - begun)
                side.connection.execute("vacuum")
        bare, full = (statistics.median(times) for times in seconds.values())
        ratios[f"load of {size:,}"] = full / bare
    return ratios


def client(url: str, users: list[Any], lessons: list[Any], until: float, seed: int) -> int:
    """Completes random lessons until a time; how many."""
    chance, calls = random.Random(seed), 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute("set role learn_app")
        while time.time() < until:
            arguments = {"user": chance.choice(users), "lesson": chance.choice(lessons)}
            connection.execute(COMPLETE, arguments, prepare=True)
            calls += 1
    return calls


def time_clients(side: Side, clients: int, seconds: float) -> float:
    """Calls a second of so many clients at once."""
    with multiprocessing.Pool(clients) as pool:
        until = time.time() + seconds
        jobs = [(side.url, side.users, side.lessons, until, number) for number in range(clients)]
        return sum(pool.starmap(client, jobs)) / seconds


def summary(side: Side) -> dict[str, float]:
    """What is compared: ratios, so that machines can be."""
    median = {kind: statistics.median(values) for kind, values in side.times.items()}
    cpu = {kind: statistics.median(values) for kind, values in side.cpu.items()}
    mix = sorted(side.times["mix"])
    single = sorted(side.times["complete_lesson"])
    result = {
        "bare, µs": median["bare"],
        "bare, CPU µs": cpu["bare"],
        "first call, a new learner, ms": median["first call of a session"] / 1000,
        "first call, no new day, ms": median["first call, no new day"] / 1000,
        "mix ÷ bare, means": statistics.mean(mix) / statistics.mean(side.times["mix, bare"]),
        "mix, p50 ÷ bare": median["mix"] / median["mix, bare"],
        "mix, p99 ÷ p50": mix[len(mix) * 99 // 100] / median["mix"],
        "complete_lesson, p99 ÷ p50": single[len(single) * 99 // 100] / median["complete_lesson"],
        "submit_query, solves ÷ complete_lesson": median["submit_query, solves"] / median["complete_lesson"],
    }
    firsts = {"first call of a session", "first call, no new day"}
    for kind in sorted(median.keys() - firsts - {"bare", "mix", "mix, bare"}):
        result[f"{kind} ÷ bare"] = median[kind] / median["bare"]
        if cpu["bare"]:
            result[f"{kind}, CPU µs"] = cpu[kind]
    return result


def main() -> int:
    """Measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(description="Measure the engine before and after a change.")
    parser.add_argument("--before", metavar="COMMIT", help="a commit to compare with")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it runs")
    options = parser.parse_args()
    learners, steps, sizes = (5, 3, [2000]) if options.quick else (40, 15, [5000, 20_000, 100_000])

    with open_throwaway(os.environ.get("DBTOOL_TEST_SERVER") or "embedded") as server, ExitStack() as stack:
        commits = {"before": options.before} if options.before else {}
        sides = []
        for name, commit in {**commits, "after": None}.items():
            server.create_database(f"bench_{name}")
            side = prepare(name, server.url(f"bench_{name}"), commit)
            sides.append(side)
            stack.callback(side.connection.close)
        time_calls(sides, learners, steps)
        time_rare(sides, learners)
        time_mix(sides, learners)
        for name in ("quiz", "challenges"):
            server.create_database(name)
        time_products(server.url, Project.find(HERE), sides[-1], learners)
        results = {side.name: summary(side) for side in sides}
        for side in sides:
            for clients in (1, 8):
                speed = time_clients(side, clients, 2 if options.quick else 10)
                results[side.name][f"calls a second, clients: {clients}"] = speed
        for side in sides:
            side.connection.execute("reset role")
            # (no large loads of before: where they grow with the square, they take minutes)
            results[side.name] |= time_bulk(side, sizes if side.name == "after" else sizes[:1])
        if not all(is_whole(side.connection) for side in sides):
            return 1
        description = server.description

    if options.json:
        print(json.dumps({"server": description} | results, indent=2))
        return 0
    print(f"{description}\n\n| | {' | '.join(results)} |\n|---|{'---|' * len(results)}")
    for kind in results["after"]:
        cells = [f"{each[kind]:.1f}" if kind in each else "" for each in results.values()]
        print(f"| {kind} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
