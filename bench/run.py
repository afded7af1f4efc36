"""What the engine costs, as ratios measured in one run against named alternatives.

Builds Laurel in a throwaway server (`$DBTOOL_TEST_SERVER`, else the embedded one), then times, in turn:

- bare: `insert` of a progress row into a table with the same keys and no triggers
- hand-written: one function that writes every row that the engine writes, without a rule (handwritten.sql)
- engine: `insert` of a completed row into learn.user_lesson_progress, as the owner
- function: `learn.complete_lesson()`

each as one transaction per completion over one connection, prepared; medians, in microseconds. Then the same
for users with 5,000 completions behind them, and 100,000 completions in one statement. Machines differ and
are noisy: the ratios are what is of interest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from database import HERE, Connection, is_whole, open_database

if TYPE_CHECKING:
    from typing_extensions import LiteralString

LESSONS = 6000
TRACK_SIZE = 20
USERS = 20_000
STATEMENTS: dict[str, LiteralString] = {
    "bare": "insert into bench.lesson_progress (user_id, lesson_id, status, completed_at)"
    " values (%(user)s, %(lesson)s, 'completed', now())",
    "hand-written": "select bench.complete(%(user)s, %(lesson)s, %(track)s)",
    "engine": "insert into learn.user_lesson_progress (user_id, lesson_id, status, completed_at)"
    " values (%(user)s, %(lesson)s, 'completed', now())",
    "function": "select learn.complete_lesson(%(user)s, %(lesson)s)",
}
BULK: LiteralString = """
    insert into {table} (user_id, lesson_id, status, completed_at)
    select u.id, l.id, 'completed', now()
    from (select id from learn.users order by username desc limit 5000) u
    cross join (select id from learn.lessons order by id desc limit 20) l
"""


def build(connection: Connection) -> None:
    """Content and users to complete lessons with: tracks of 20 lessons."""
    connection.execute(
        "insert into learn.lessons (slug, title)"
        " select 'bench-' || g, 'Lesson ' || g from generate_series(1, %s) g",
        (LESSONS,),
    )
    connection.execute(
        "insert into learn.tracks (slug, title)"
        " select 'bench-' || g, 'Track ' || g from generate_series(1, %s) g",
        (LESSONS // TRACK_SIZE,),
    )
    connection.execute(
        """
        insert into learn.track_lessons (track_id, lesson_id, position)
        select t.id, l.id, l.number
        from (select id, row_number() over (order by id) - 1 as number from learn.tracks) t
        join (select id, row_number() over (order by id) - 1 as number from learn.lessons) l
          on l.number / %s = t.number
        """,
        (TRACK_SIZE,),
    )
    connection.execute(
        "insert into learn.users (username)"
        " select 'bench' || lpad(g::text, 6, '0') from generate_series(1, %s) g",
        (USERS,),
    )
    connection.execute((HERE / "handwritten.sql").read_text(encoding="utf-8").encode())
    connection.execute("insert into bench.stats (user_id) select id from learn.users")
    connection.execute("vacuum analyze")


def rows(connection: Connection, query: LiteralString, *arguments: object) -> list[Any]:
    """First column of a query's rows."""
    return [row[0] for row in connection.execute(query, arguments)]


def prepare_users(connection: Connection, offset: int, count: int) -> list[Any]:
    """Users who have completed the first lesson of the first track today and are far from the next level."""
    users = rows(connection, "select id from learn.users order by username offset %s limit %s", offset, count)
    for user in users:
        connection.execute("select learn.award_xp(%s, 495050)", (user,))
        connection.execute("select learn.complete_lesson(%s, (select min(id) from learn.lessons))", (user,))
    return users


def time_completions(connection: Connection, users: Sequence[Any], rounds: int) -> dict[str, list[float]]:
    """Microseconds of each statement: every user completes the same lesson in every way, in turn."""
    lessons = rows(connection, "select id from learn.lessons order by id offset 1 limit %s", 2 * rounds)
    track = rows(connection, "select track_id from learn.track_lessons where lesson_id = %s", lessons[0])[0]
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for number in range(rounds):
        for name, statement in STATEMENTS.items():
            lesson = lessons[number + (rounds if name == "function" else 0)]
            for user in users:
                arguments = {"user": user, "lesson": lesson, "track": track}
                begun = time.perf_counter()
                connection.execute(statement, arguments, prepare=True)
                times[name].append((time.perf_counter() - begun) * 1e6)
    return times


def time_history(connection: Connection, users: Sequence[Any]) -> tuple[float, float]:
    """Median microseconds of an engine completion of users with 1 and with 5,000 behind them, in turn."""
    half = len(users) // 2
    connection.execute(
        """
        insert into learn.user_lesson_progress (user_id, lesson_id, status)
        select u, l.id, 'completed'
        from unnest(%s::uuid[]) u
        cross join (select id from learn.lessons order by id offset 900 limit 5000) l
        """,
        (list(users[:half]),),
    )
    connection.execute("vacuum analyze")
    times: tuple[list[float], list[float]] = ([], [])
    for lesson in rows(connection, "select id from learn.lessons order by id offset 21 limit 15"):
        for number in range(half):
            for old, user in ((0, users[half + number]), (1, users[number])):
                begun = time.perf_counter()
                connection.execute(STATEMENTS["engine"], {"user": user, "lesson": lesson}, prepare=True)
                times[old].append((time.perf_counter() - begun) * 1e6)
    return statistics.median(times[0]), statistics.median(times[1])


def time_bulk(connection: Connection, rounds: int) -> dict[str, float]:
    """Median seconds of 100,000 completions in one statement, rolled back each time."""
    times: dict[str, list[float]] = {"bare": [], "engine": []}
    for _ in range(rounds):
        for name, table in (("bare", "bench.lesson_progress"), ("engine", "learn.user_lesson_progress")):
            with connection.transaction(force_rollback=True):
                begun = time.perf_counter()
                connection.execute(BULK.format(table=table).encode())
                times[name].append(time.perf_counter() - begun)
            connection.execute("vacuum")  # what was rolled back is not to slow the next down
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    """Measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(description="Measure the engine against named alternatives.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it runs")
    options = parser.parse_args()
    users, rounds = (20, 3) if options.quick else (100, 9)

    with (
        open_database("sql_platform") as (url, description),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        build(connection)
        single = time_completions(connection, prepare_users(connection, 0, users), rounds)
        new, old = time_history(connection, prepare_users(connection, users, 20 if options.quick else 60))
        bulk = time_bulk(connection, 1 if options.quick else 5)
        if not is_whole(connection):
            return 1

    medians = {name: statistics.median(values) for name, values in single.items()}
    result = {
        "server": description,
        "completion_us": {name: round(value) for name, value in medians.items()},
        "completion_vs_bare": {name: round(value / medians["bare"], 1) for name, value in medians.items()},
        "engine_vs_hand_written": round(medians["engine"] / medians["hand-written"], 2),
        "engine_after_5000_vs_after_1": round(old / new, 3),
        "bulk_100000_s": {name: round(value, 2) for name, value in bulk.items()},
        "bulk_vs_bare": round(bulk["engine"] / bulk["bare"], 1),
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return 0
    print(f"{description}\n")
    print("| one completion | µs | x bare |\n|---|---|---|")
    for name, value in medians.items():
        print(f"| {name} | {value:.0f} | {value / medians['bare']:.1f} |")
    print(f"\nengine ÷ hand-written: {result['engine_vs_hand_written']}")
    print(f"engine, 5,000 completions behind the user ÷ 1: {result['engine_after_5000_vs_after_1']}")
    print(
        f"100,000 completions in one statement: bare {bulk['bare']:.2f} s, engine {bulk['engine']:.2f} s,"
        f" ratio {result['bulk_vs_bare']}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
