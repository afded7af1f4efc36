"""What public calls cost on a server that nobody has configured, and what a session's first one does.

The server is the system's PostgreSQL with JIT (`--server stock`), untouched, with data of a crowd in it:

- every call of tests/calls.py, as the server comes and with `jit = off`, in turn, each rolled back: the least
  time of several, and the ratio, which says what compiling costs
- the first, second and third `complete_lesson()` of a session that has just begun: the least and the median;
  with `--before DIR`, the same of another checkout (git worktree add DIR COMMIT), in turn on the same server

Calls are measured by the processor time of the server process, where the system tells it (Linux, server on
this machine), since machines are busy, else by the clock; first calls by both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from database import HERE, Connection, fill, open_server, processor_time
from psycopg.conninfo import make_conninfo

sys.path.insert(0, str(HERE.parent))  # tests/ is no package of the wheel

from tests.calls import CALLS, make_scene, statement
from tests.client import Learn
from toolkit.project.layout import Project

CROWD = 2000
SYSTEMS = ("core", "sql_platform")
SHORT_MS = 100
MODES = {"stock": "reset jit", "jit off": "set jit = off"}
FIRST = b"select learn.complete_lesson(%s, %s)"


def crowd(connection: Connection) -> None:
    """Learners with a completed lesson each, and three lessons that nobody has begun."""
    connection.execute(
        "insert into learn.lessons (slug, title) select 'bench-' || n, 'Lesson' from generate_series(0, 3) n"
    )
    connection.execute(
        "insert into learn.users (username) select 'bench-' || n from generate_series(1, %s) n", [CROWD]
    )
    connection.execute(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
        " select u.id, l.id, 'completed' from learn.users u join learn.lessons l on l.slug = 'bench-0'"
        " where u.username like 'bench-%'"
    )
    connection.execute("vacuum analyze")


def time_calls(connection: Connection, scene: Mapping[str, Any], rounds: int) -> dict[str, dict[str, float]]:
    """Least milliseconds of every call in both modes, in turn; the first round is not counted.

    Short calls get more rounds, up to a tenth of a second for each: a moment's noise is as long as they are.
    """
    times: dict[str, dict[str, float]] = {}
    for name in CALLS:
        found: dict[str, list[float]] = {mode: [] for mode in MODES}
        for number in count():
            if number > rounds and (number > 10 * rounds or sum(found["stock"]) > SHORT_MS):
                break
            # each goes first as often: who does finds less in the caches
            for mode, setting in sorted(MODES.items(), reverse=number % 2 == 1):
                connection.execute(setting.encode())
                with connection.transaction(force_rollback=True):
                    taken = measure(connection, statement(name), scene)
                    if number:
                        found[mode].append(taken[1] or taken[0])
        times[name] = {mode: min(each) for mode, each in found.items()}
    return times


def measure(connection: Connection, query: bytes, arguments: Any) -> tuple[float, float]:
    """Milliseconds of a statement: by the clock, and of the processor."""
    before, begun = processor_time(connection), time.perf_counter()
    connection.execute(query, arguments)
    return (time.perf_counter() - begun) * 1e3, (processor_time(connection) - before) / 1e3


def time_first(urls: Mapping[str, str], sessions: int) -> dict[str, list[dict[str, float]]]:
    """By database, for the first three calls of a session: least, median and processor milliseconds."""
    taken: dict[str, list[list[tuple[float, float]]]] = {name: [[], [], []] for name in urls}
    for number in range(sessions):
        for name, url in urls.items():
            with psycopg.connect(url, autocommit=True) as connection:
                (user,) = one(
                    connection, "select id from learn.users where username = %s", f"bench-{number + 1}"
                )
                for place in range(3):
                    (lesson,) = one(
                        connection, "select id from learn.lessons where slug = %s", f"bench-{place + 1}"
                    )
                    taken[name][place].append(measure(connection, FIRST, [user, lesson]))
    return {
        name: [
            {
                "least": round(min(wall for wall, _ in place), 2),
                "median": round(statistics.median(wall for wall, _ in place), 2),
                "cpu": round(statistics.median(used for _, used in place), 2),
            }
            for place in places
        ]
        for name, places in taken.items()
    }


def one(connection: Connection, query: str, argument: object) -> tuple[Any, ...]:
    """The row of a query."""
    row = connection.execute(query.encode(), [argument]).fetchone()
    assert row is not None
    return row


def main() -> int:
    """Measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(
        description="Measure public calls on a server that nobody has configured."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it runs")
    parser.add_argument("--server", metavar="KIND", default="stock", help="as of `dbtool test` (stock)")
    parser.add_argument("--before", metavar="DIR", type=Path, help="another checkout: its first calls, too")
    options = parser.parse_args()
    rounds, sessions = (2, 3) if options.quick else (10, 30)

    with open_server(kind=options.server) as (url, description):
        projects = {"after": Project.find(HERE)}
        if options.before:
            projects = {"before": Project.find(options.before.resolve()), **projects}
        urls = {name: make_conninfo(url, dbname=f"first_{name}") for name in projects}
        with psycopg.connect(url, autocommit=True) as admin:
            for name in projects:
                admin.execute(f"create database first_{name}".encode())
        for name, project in projects.items():
            fill(urls[name], project, *SYSTEMS)
            with psycopg.connect(urls[name], autocommit=True) as connection:
                crowd(connection)
        first = time_first(urls, sessions)
        with psycopg.connect(urls["after"], autocommit=True) as connection:
            scene = make_scene(Learn(connection))
            connection.execute("vacuum analyze")
            calls = time_calls(connection, scene, rounds)

    ratios = {name: round(each["stock"] / each["jit off"], 2) for name, each in calls.items()}
    if options.json:
        result = {
            "server": description,
            "calls_ms": calls,
            "stock_vs_jit_off": ratios,
            "first_calls_ms": first,
        }
        print(json.dumps(result, indent=2))
        return 0
    print(f"{description}\n\n| call, ms | stock | jit off | stock ÷ jit off |\n|---|---|---|---|")
    for name, each in calls.items():
        print(f"| {name} | {each['stock']:.2f} | {each['jit off']:.2f} | {ratios[name]} |")
    print(f"\nthe greatest ratio: {max(ratios.values())}, of {max(ratios, key=lambda name: ratios[name])}\n")
    print("| complete_lesson() in a new session, ms | least | median | cpu |\n|---|---|---|---|")
    for name, places in first.items():
        for number, place in zip(("first", "second", "third"), places, strict=True):
            label = f"{name}, {number} call" if options.before else f"{number} call"
            print(f"| {label} | {place['least']} | {place['median']} | {place['cpu']} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
