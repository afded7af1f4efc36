"""What the engine costs, as ratios measured in one run against named alternatives.

Builds Laurel in a server of its own and times, in turn:

- bare: `insert` of a progress row into a table with the same keys and no triggers
- hand-written: one function that writes every row that the engine writes, without a rule (handwritten.sql)
- engine: `insert` of a completed row into learn.user_lesson_progress, as the owner
- function: `learn.complete_lesson()`

each as one transaction per completion over one connection, prepared; medians, in microseconds. Then the same
for users with 5,000 completions behind them, and 100,000 completions in one statement. Machines differ and
are noisy: the ratios are what is of interest.

The server is one as `dbtool up` starts it, with its data beside that server's: durable, because that is what
users run, and a commit that waits for the disk is a part of what a completion costs. The same is measured
without that wait (synchronous_commit off), which tells how much of it is work, and with a wait of half a
millisecond more (commit_delay), as disks of databases that matter take it. All take turns, each with users
of its own; a checkpoint and some rounds that are not counted come first, since the first change of a page
after a checkpoint writes the whole page. `--server` (or `$DBTOOL_TEST_SERVER`) names another server, such as
`stock`: the system's PostgreSQL as nobody has configured it. One that does not flush (`embedded`) has no
durable figures worth the name. The first line says which server it was, and what is set there.
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
WARM_UP = 3
MODES: dict[str, LiteralString] = {
    "durable": "set synchronous_commit = on; set commit_delay = 0",
    "not flushed": "set synchronous_commit = off",
    "slow disk": "set synchronous_commit = on; set commit_siblings = 0; set commit_delay = 500",
}
STATEMENTS: dict[str, LiteralString] = {
    "bare": "insert into bench.lesson_progress (user_id, lesson_id, status, completed_at)"
    " values (%(user)s, %(lesson)s, 'completed', now())",
    "hand-written": "select bench.complete(%(user)s, %(lesson)s, %(track)s)",
    "engine": "insert into learn.user_lesson_progress (user_id, lesson_id, status, completed_at)"
    " values (%(user)s, %(lesson)s, 'completed', now())",
    "function": "select learn.complete_lesson(%(user)s, %(lesson)s)",
}
BULK_SIZES = (5_000, 20_000, 100_000)
BULK: LiteralString = """
    insert into {table} (user_id, lesson_id, status, completed_at)
    select u.id, l.id, 'completed', now()
    from (select id from learn.users order by username desc limit {users}) u
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


def time_completions(
    connection: Connection, users: dict[str, list[Any]], rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Microseconds of each statement by mode: users complete the same lessons in every way, in turn."""
    lessons = rows(connection, "select id from learn.lessons order by id limit %s", 4 * TRACK_SIZE)
    first = dict.fromkeys(STATEMENTS, 1) | {"function": 2 * TRACK_SIZE}
    track = rows(connection, "select track_id from learn.track_lessons where lesson_id = %s", lessons[1])[0]
    times: dict[str, dict[str, list[float]]] = {mode: {name: [] for name in STATEMENTS} for mode in MODES}
    connection.execute("checkpoint")
    for number in range(WARM_UP + rounds):
        for mode, setting in MODES.items():
            connection.execute(setting)
            for name, statement in STATEMENTS.items():
                for user in users[mode]:
                    arguments = {"user": user, "lesson": lessons[first[name] + number], "track": track}
                    begun = time.perf_counter()
                    connection.execute(statement, arguments, prepare=True)
                    if number >= WARM_UP:
                        times[mode][name].append((time.perf_counter() - begun) * 1e6)
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


def time_bulk(connection: Connection, rounds: int, size: int) -> dict[str, float]:
    """Median seconds of so many completions in one statement, rolled back each time.

    For the engine also with what waits for the commit: boards are merged then.
    """
    times: dict[str, list[float]] = {"bare": [], "engine": [], "committed": []}
    for _ in range(rounds):
        for name, table in (("bare", "bench.lesson_progress"), ("engine", "learn.user_lesson_progress")):
            with connection.transaction(force_rollback=True):
                begun = time.perf_counter()
                connection.execute(BULK.format(table=table, users=size // 20).encode())
                times[name].append(time.perf_counter() - begun)
                if name == "engine":
                    connection.execute("set constraints all immediate")
                    times["committed"].append(time.perf_counter() - begun)
            connection.execute("vacuum")  # what was rolled back is not to slow the next down
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    """Measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(description="Measure the engine against named alternatives.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--server", metavar="KIND", help="as of `dbtool test`; stock: as nobody configured it"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it runs")
    options = parser.parse_args()
    users, rounds = (20, 3) if options.quick else (100, 9)

    with (
        open_database("core", "sql_platform", durable=True, kind=options.server) as (url, description),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        build(connection)
        learners = {
            mode: prepare_users(connection, number * users, users) for number, mode in enumerate(MODES)
        }
        single = time_completions(connection, learners, rounds)
        connection.execute(MODES["not flushed"])  # a disk says nothing about history or bulk
        old_hands = prepare_users(connection, len(MODES) * users, 20 if options.quick else 60)
        new, old = time_history(connection, old_hands)
        # as a scheduler does: a load merges its own gains when it commits, and not those of the calls before
        connection.execute("select learn.refresh_leaderboard()")
        bulks = {size: time_bulk(connection, 1 if options.quick else 5, size) for size in BULK_SIZES}
        if not is_whole(connection):
            return 1

    medians = {
        mode: {name: statistics.median(values) for name, values in by_name.items()}
        for mode, by_name in single.items()
    }
    result = {
        "server": description,
        "completion_us": {
            mode: {name: round(value) for name, value in by_name.items()} for mode, by_name in medians.items()
        },
        "completion_vs_bare": {
            mode: {name: round(value / by_name["bare"], 1) for name, value in by_name.items()}
            for mode, by_name in medians.items()
        },
        "engine_vs_hand_written": {
            mode: round(by_name["engine"] / by_name["hand-written"], 2) for mode, by_name in medians.items()
        },
        "engine_after_5000_vs_after_1": round(old / new, 3),
        "bulk_s": {
            size: {name: round(value, 3) for name, value in bulk.items()} for size, bulk in bulks.items()
        },
        "bulk_vs_bare": {
            size: {name: round(bulk[name] / bulk["bare"], 1) for name in ("engine", "committed")}
            for size, bulk in bulks.items()
        },
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return 0
    print(f"{description}\n")
    print(f"| one completion | {' | '.join(f'{mode} | x bare' for mode in MODES)} |")
    print(f"|---|{'---|---|' * len(MODES)}")
    for name in STATEMENTS:
        cells = [f"{us[name]:.0f} | {us[name] / us['bare']:.1f}" for us in medians.values()]
        print(f"| {name} | {' | '.join(cells)} |")
    for mode, by_name in medians.items():
        print(f"\nengine ÷ hand-written, {mode}: {by_name['engine'] / by_name['hand-written']:.2f}", end="")
    print("\n")
    print(f"engine, 5,000 completions behind the user ÷ 1: {result['engine_after_5000_vs_after_1']}")
    for size, bulk in bulks.items():
        print(
            f"{size:,} completions in one statement: bare {bulk['bare']:.2f} s, engine {bulk['engine']:.2f}"
            f" s, with the merge at its commit {bulk['committed']:.2f} s;"
            f" ratios {bulk['engine'] / bulk['bare']:.1f} and {bulk['committed'] / bulk['bare']:.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
