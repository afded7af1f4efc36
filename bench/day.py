"""A day of a product with many users and their history, and what it would cost written otherwise.

    DBTOOL_TEST_SERVER=stock python bench/day.py                       10,000 users
    DBTOOL_TEST_SERVER=stock python bench/day.py --users 10000,100000  both sizes, in one run

For each size it builds a database, lets `dbtool simulate` write the history (sessions up to yesterday), and
measures, on a server that nobody has configured:

- calls, by one client, one after the other: those of simulate/live.sql, as learners make them
- the first act of a day beside the second, of learners who were there before
- calls a second of 1, 8 (and `--clients`) clients
- per completion: WAL, buffers, row versions, growth of indexes; and what a session holds in memory

In the first database also one completion, with 0, 500 and 5,000 behind the learner, in turn: a bare insert;
the hand-written function (handwritten.sql); complete_lesson(); triggers for each row that count history
(naive.sql); the same rules in Python, with SQLAlchemy and without (ways.py). Flushed as the server comes, and
not flushed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
from database import DISK, HERE, Connection, fill, is_whole
from psycopg.types.json import Jsonb
from run import rows
from ways import BY_CALL, COMPLETE, DEPTHS, build_ways, one, time_ways

from toolkit.connection import describe_url, with_database
from toolkit.live import clients, simulate
from toolkit.project.layout import Project, read_sql
from toolkit.servers.choose import open_throwaway

LESSONS, TRACK_SIZE = 8000, 20  # every fourth lesson has an exercise; the others are completed by a call
COUNTERS = """
    select (select wal_bytes from pg_stat_wal)::float8, (select wal_fpi from pg_stat_wal)::float8,
      (select blks_hit + blks_read from pg_stat_database where datname = current_database())::float8,
      (select sum(n_tup_ins) from pg_stat_user_tables where schemaname like 'learn%')::float8,
      (select sum(n_tup_upd) from pg_stat_user_tables where schemaname like 'learn%')::float8,
      (select sum(n_tup_hot_upd) from pg_stat_user_tables where schemaname like 'learn%')::float8,
      (select sum(n_tup_del) from pg_stat_user_tables where schemaname like 'learn%')::float8,
      (select sum(pg_indexes_size(relid)) from pg_stat_user_tables where schemaname like 'learn%')::float8,
      (select sum(pg_table_size(relid)) from pg_stat_user_tables where schemaname like 'learn%')::float8
"""
COUNTED = (
    *("WAL bytes", "full pages in it", "buffers read", "rows inserted", "rows updated", "of these HOT"),
    *("rows deleted", "index bytes", "table bytes"),
)


def databases(url: str, sizes: list[int]) -> tuple[list[str], list[int]]:
    """URLs of the databases for these numbers of users, and which of them are new and empty."""
    with psycopg.connect(url, autocommit=True) as connection:
        there = rows(connection, "select datname from pg_database")
        new = [size for size in sizes if f"day_{size}" not in there]
        for size in new:
            connection.execute(f"create database day_{size}".encode())
    return [with_database(url, f"day_{size}") for size in sizes], new


def written(connection: Connection) -> dict[str, Any]:
    """What the history was, as build() has noted."""
    found = one(connection, "select written from public.bench_history")
    assert isinstance(found, dict)
    return found


def build(url: str, users: int, days: int, rate: float) -> None:
    """Content, and the history of so many learners."""
    fill(url, Project.find(HERE), "core", "sql_platform")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (
            f"insert into learn.lessons (slug, title)"
            f" select 'bench-' || g, 'Lesson ' || g from generate_series(1, {LESSONS}) g",
            f"insert into learn.tracks (slug, title, position)"
            f" select 'bench-' || g, 'Track ' || g, g from generate_series(1, {LESSONS // TRACK_SIZE}) g",
            f"insert into learn.track_lessons (track_id, lesson_id, position) select t.id, l.id, l.id"
            f" from learn.lessons l join learn.tracks t on t.position = 1 + (l.id - 1) / {TRACK_SIZE}",
            "insert into learn.exercises (lesson_id, position, prompt, solution)"
            " select id, 1, 'Solve it.', 'select 1' from learn.lessons where id % 4 = 0",
        ):
            connection.execute(statement.encode())
        made = simulate.write_history(
            connection, Project.find(HERE), simulate.MadeUp(users, days, rate=rate), _progress
        )
        connection.execute("reset role")
        connection.execute(
            "create table public.bench_history as select %s::jsonb as written, 0 as runs", (Jsonb(made),)
        )
        build_ways(connection)
        connection.execute("vacuum analyze")


def _progress(done: int, of: int) -> None:
    print(f"history: day {done} of {of}", file=sys.stderr, flush=True)


def time_first_acts(connections: list[Connection], learners: int) -> list[dict[str, float]]:
    """By database, medians of the first completion of a day and of the next two, of learners with a past.

    The databases take turns. Who comes to a new level or badge by one of them is left out.
    """
    chosen = [
        rows(
            connection,
            "select s.user_id from learn.user_stats s where s.last_activity_date < current_date"
            " and s.active_days > 2 and s.total_xp > 0 order by md5(s.user_id::text) limit %s",
            learners,
        )
        for connection in connections
    ]
    lessons = rows(connections[0], BY_CALL)[-3:]
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in connections]
    for number in range(min(map(len, chosen))):
        for place, connection in enumerate(connections):
            taken, is_plain = [], True
            for lesson in lessons:
                begun = time.perf_counter()
                row = connection.execute(
                    "select leveled_up, new_achievements from learn.complete_lesson(%s, %s)",
                    (chosen[place][number], lesson),
                    prepare=True,
                ).fetchone()
                taken.append((time.perf_counter() - begun) * 1e3)
                is_plain = is_plain and row == (False, [])
            if is_plain and number >= 3:
                times[place][0].append(taken[0])
                times[place][1].extend(taken[1:])
    return [
        {
            "first_ms": round(statistics.median(first), 3),
            "ordinary_ms": round(statistics.median(others), 3),
            "first ÷ ordinary": round(statistics.median(first) / statistics.median(others), 2),
            "learners": len(first),
        }
        for first, others in times
    ]


def count_resources(connection: Connection, calls: int, run: int) -> dict[str, float]:
    """What one completion writes and reads, on average, and the memory of a session that has made so many."""
    users = rows(
        connection,
        "select user_id from learn.user_stats where total_xp > 0 order by md5(user_id::text) limit %s",
        calls // 4,
    )
    lessons = rows(connection, BY_CALL)[-4 - 4 * run : -4 * run]

    def counters() -> tuple[float, ...]:
        connection.execute("select pg_stat_force_next_flush()")
        connection.execute("select pg_stat_clear_snapshot()")
        return connection.execute(COUNTERS.encode()).fetchone() or ()

    for user in users[:5]:  # plans
        connection.execute(COMPLETE, {"user": user, "lesson": lessons[0]}, prepare=True)
    before = counters()
    for user in users[5:]:
        for lesson in lessons:
            connection.execute(COMPLETE, {"user": user, "lesson": lesson}, prepare=True)
    after = counters()
    number = len(lessons) * len(users[5:])
    found = {
        name: round((new - old) / number, 1) for name, old, new in zip(COUNTED, before, after, strict=True)
    }
    found["memory_of_session_kB"] = round(
        one(connection, "select sum(total_bytes) from pg_backend_memory_contexts") / 1024
    )
    return found


def run_clients(url: str, number: int, seconds: float, seed: int) -> dict[str, Any]:
    """The calls of learners, by so many clients at once."""
    acts = clients.read_acts(read_sql(HERE.parent / "simulate" / "live.sql"))
    with psycopg.connect(url) as connection:
        learners = simulate.learner_ids(connection, 1)
    return clients.run(clients.Load(url, acts, learners, number, seconds, seed=seed)).as_json()


def machine(connection: Connection, description: str) -> dict[str, Any]:
    """Where this was measured, and with what."""
    commit = subprocess.run(
        ["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "server": description,
        "version": one(connection, "select version()"),
        "settings": dict(
            connection.execute(
                "select name, current_setting(name) from pg_settings where name in ('jit', 'fsync',"
                " 'synchronous_commit', 'shared_buffers', 'autovacuum', 'max_wal_size') order by name"
            ).fetchall()
        ),
        "laurel": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "psycopg": psycopg.__version__,
    }


def print_table(result: dict[str, Any]) -> None:
    """All of it as Markdown."""
    print(f"{result['machine']['version'].split(',')[0]}; {result['machine']['server']}\n")
    for mode, by_way in result["completion_ms"].items():
        heads = " | ".join(f"{depth:,} behind" for depth in DEPTHS)
        print(f"| one completion, ms, {mode} | {heads} |\n|---|{'---|' * len(DEPTHS)}")
        for way, by_depth in by_way.items():
            engine = by_way["complete_lesson()"]
            cells = [f"{ms:.2f} ({ms / engine[depth]:.1f} x)" for depth, ms in by_depth.items()]
            print(f"| {way} | {' | '.join(cells)} |")
        print()
    for size, found in result["sizes"].items():
        history = found["history"]
        print(f"## {int(size):,} users, {history['facts']:,} facts (written in {history['seconds']:.0f} s)\n")
        print("| call, one client | calls | p50 ms | p95 | p99 | p99.9 | max | p99 ÷ p50 | refused |")
        print(f"|{'---|' * 9}")
        for each in next(iter(found["live"].values()))["functions"]:
            if each["calls"]:
                keys = ("p50_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms")
                shown = " | ".join(f"{each[key]:.2f}" for key in keys)
                refused = ", ".join(f"{code} x {times}" for code, times in each["errors"].items())
                ratio = each["p99_ms"] / each["p50_ms"]
                print(f"| {each['function']} | {each['calls']:,} | {shown} | {ratio:.1f} | {refused} |")
        speeds = ", ".join(
            f"{number}: {each['calls_per_second']:,}" for number, each in found["live"].items()
        )
        print(f"\ncalls a second, by clients: {speeds}")
        print(f"first act of a day: {found['first_act']}")
        print(f"one completion: {found['resources']}\n")


def main() -> int:
    """Measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(description="Measure a day of learners.")
    parser.add_argument("--users", default="10000", help="how many; several, with commas between")
    parser.add_argument("--days", type=int, default=14, help="of history")
    parser.add_argument("--rate", type=float, default=3.0, help="acts of a session, on average")
    parser.add_argument("--seconds", type=float, default=60, help="of each number of clients")
    parser.add_argument("--clients", default="1,8", help="how many at once; several, with commas between")
    parser.add_argument("--server", metavar="KIND", help="as of `dbtool test`. Default: stock")
    parser.add_argument("--json", metavar="FILE", help="write JSON to this file, too")
    parser.add_argument("--quick", action="store_true", help="a little of everything: to see that it runs")
    parser.add_argument(
        "--at", metavar="URL", help="a server that stays: the first run builds there, the next one measures"
    )
    options = parser.parse_args()
    sizes = [int(each) for each in options.users.split(",")]
    rounds, days, seconds, many = 10, options.days, options.seconds, 400
    if options.quick:
        sizes, rounds, days, seconds, many = [200], 1, 6, 3, 40

    os.environ.setdefault("DBTOOL_PG_TMP", DISK)
    kind = options.server or os.environ.get("DBTOOL_TEST_SERVER") or "stock"
    with ExitStack() as stack:
        server = None if options.at else stack.enter_context(open_throwaway(kind))
        urls, new = databases(server.url("postgres") if server else options.at, sizes)
        for url, size in zip(urls, sizes, strict=True):
            if size in new:
                build(url, size, days, options.rate)
        if new and server is None:
            print("built; run it again to measure")
            return 0
        description = server.description if server else describe_url(options.at)
        connections = [stack.enter_context(psycopg.connect(url, autocommit=True)) for url in urls]
        histories = [written(connection) for connection in connections]
        connections[0].execute("checkpoint")
        runs = [
            one(connection, "update public.bench_history set runs = runs + 1 returning runs")
            for connection in connections
        ]
        result: dict[str, Any] = {
            "machine": machine(connections[0], description),
            "completion_ms": time_ways(connections[0], rounds, runs[0]),
            "sizes": {},
        }
        first_acts = time_first_acts(connections, many)
        for place, size in enumerate(sizes):
            connections[place].execute("select learn.refresh_leaderboard()")  # as from a scheduler
            result["sizes"][str(size)] = {
                "history": histories[place],
                "first_act": first_acts[place],
                "resources": count_resources(connections[place], many, runs[place]),
                "live": {
                    each: run_clients(urls[place], int(each), seconds, 10 * runs[place] + number)
                    for number, each in enumerate(options.clients.split(","))
                },
            }
        if max(sizes) <= 10_000 and not all(map(is_whole, connections)):
            return 1
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=2), encoding="utf-8")
    print_table(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
