"""What a place on a leaderboard costs to read and to keep, at 10,000, 100,000 and 1,000,000 users.

Builds Laurel in a throwaway server (`$DBTOOL_TEST_SERVER`, else the embedded one), gives each user XP, has
some gain more so that there is something to correct for, and times, for random users:

- Laurel: `learn.user_rank()`, `learn.leaderboard()`, `learn.leaderboard_around()`; among 100 users, and on
  the board of streaks, of which one in twenty has ended and is still to be taken off
- rank() over: the window function over all users
- count: users above, counted over an index on the value
- snapshot: ranks written down before, corrected for the users who have changed since
- Redis: a sorted set, by a local redis-server, where there is one (it keeps one board of one metric)

and what an update costs in each: for Laurel `award_xp()` as a whole, and merging, per gain. Medians
in microseconds; ratios are what is of interest, since machines differ and are noisy. `--users`: other sizes.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from database import Connection, open_database

if TYPE_CHECKING:
    from redis import Redis
    from typing_extensions import LiteralString

BOARD = "xp"
READS: dict[str, LiteralString] = {
    "rank: Laurel": "select learn.user_rank(%(user)s)",
    "rank of the week: Laurel": "select learn.user_rank(%(user)s, 'week')",
    "rank: rank() over": "select r.rank"
    " from (select s.user_id, rank() over (order by s.total_xp desc) as rank"
    " from learn.user_stats s join learn.users u on u.id = s.user_id"
    " where u.is_active and u.show_on_leaderboard and s.total_xp > 0) r where r.user_id = %(user)s",
    "rank: count": "select 1 + count(*) from bench.scores b"
    " where b.value > (select o.value from bench.scores o where o.user_id = %(user)s)",
    "rank: snapshot": """
        with me as materialized (
          select coalesce(c.value, s.value) as value
          from bench.snapshot s left join bench.changes c using (user_id) where s.user_id = %(user)s
        )
        select coalesce((
            select s.rank from bench.snapshot s
            where s.value <= (select value from me) order by s.value desc limit 1), 1)
          + count(*) filter (where c.value > (select value from me))
          - count(*) filter (where s.value > (select value from me))
        from bench.changes c join bench.snapshot s using (user_id)
    """,
    "page: Laurel": "select * from learn.leaderboard()",
    "page: rank() over": "select s.user_id, rank() over (order by s.total_xp desc) as rank"
    " from learn.user_stats s join learn.users u on u.id = s.user_id"
    " where u.is_active and u.show_on_leaderboard and s.total_xp > 0"
    " order by rank, lower(u.username) limit 10",
    "around: Laurel": "select * from learn.leaderboard_around(%(user)s, 'all_time', 'xp')",
    "rank among 100: Laurel": "select learn.user_rank(%(user)s, p_among => %(friends)s)",
    "rank by streak: Laurel": "select learn.user_rank(%(user)s, 'all_time', 'current_streak')",
    "page of streaks: Laurel": "select * from learn.leaderboard('all_time', 'current_streak')",
}
ALTERNATIVES: LiteralString = """
    create schema bench;
    create table bench.scores (user_id uuid primary key, value bigint not null);
    insert into bench.scores select user_id, total_xp from learn.user_stats;
    create index on bench.scores (value desc);
    create table bench.snapshot (user_id uuid primary key, value bigint not null, rank bigint not null);
    insert into bench.snapshot
    select user_id, total_xp, rank() over (order by total_xp desc) from learn.user_stats;
    create index on bench.snapshot (value desc) include (rank);
    create table bench.changes (user_id uuid primary key, value bigint not null);
    insert into bench.changes select user_id, value + 50 from bench.snapshot order by random() limit 100;
"""


STREAKS: LiteralString = """
    update learn.user_stats
    set current_streak = s.days, longest_streak = s.days, last_activity_date = now()::date - s.ago
    from (
      select user_id, 1 + (random() ^ 3 * 300)::integer as days, 2 * (random() < 0.05)::integer as ago
      from learn.user_stats
    ) s
    where s.user_id = user_stats.user_id;
    select learn_internal.set_clock(now() - interval '1 day');
    select learn_internal.note_streaks(array_agg(user_id)) from learn.user_stats;
    select learn.refresh_leaderboard();
    select learn_internal.set_clock(null);
"""


def build(connection: Connection, users: int) -> None:
    """Users with 1 to 100,000 XP, most with little, and a streak, and no level near: none is measured."""
    connection.execute("update learn.level_thresholds set min_xp = min_xp * 1000000")
    connection.execute(
        "insert into learn.users (username) select 'learner-' || g from generate_series(1, %s) g", (users,)
    )
    connection.execute(
        "insert into learn.activity_log"
        " (user_id, activity_type, properties, xp, occurred_at, local_date, is_qualifying)"
        " select id, 'xp_awarded', '{\"source_type\": \"bench\"}', 1 + (random() ^ 3 * 100000)::integer,"
        "   now(), now()::date, false from learn.users"
    )
    connection.execute(STREAKS)
    connection.execute(ALTERNATIVES)
    connection.execute("vacuum analyze")


def median_us(act: Callable[[], object], rounds: int, seconds: float = 20) -> float:
    """Median microseconds of doing something again and again, for at most so many seconds."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < rounds and (time.perf_counter() < until or len(times) < 3):
        begun = time.perf_counter()
        act()
        times.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(times)


def time_reads(connection: Connection, ids: list[Any], rounds: int) -> dict[str, float]:
    """Median microseconds of each way to read."""
    friends = random.sample(ids, min(100, len(ids)))

    def read(query: LiteralString) -> Callable[[], object]:
        return lambda: connection.execute(
            query, {"user": random.choice(friends), "friends": friends}, prepare=True
        ).fetchall()

    return {name: median_us(read(query), rounds) for name, query in READS.items()}


def time_updates(connection: Connection, ids: list[Any], rounds: int) -> dict[str, float]:
    """Median microseconds of an update in each way."""

    def award() -> object:
        return connection.execute("select learn.award_xp(%s, 5)", (random.choice(ids),), prepare=True)

    def increase() -> object:
        return connection.execute(
            "update bench.scores set value = value + 5 where user_id = %s",
            (random.choice(ids),),
            prepare=True,
        )

    times = {
        "update: indexed value": median_us(increase, rounds),
        "update: award_xp()": median_us(award, rounds),
    }
    connection.execute("select learn.refresh_leaderboard()")
    connection.execute(
        "insert into learn_internal.board_gains (user_id, metric, local_date, amount)"
        " select u, 'xp', now()::date, 5 from unnest(%s::uuid[]) u",
        (random.sample(ids, min(1000, len(ids))),),
    )
    begun = time.perf_counter()
    connection.execute("select learn_internal.merge_boards()")
    times["update: merging, per gain"] = (time.perf_counter() - begun) * 1e3
    connection.execute(  # these were no facts
        "insert into learn_internal.board_gains (user_id, metric, local_date)"
        " select u, '', '-infinity' from unnest(%s::uuid[]) u",
        (ids,),
    )
    connection.execute("select learn.refresh_leaderboard()")
    return times


def time_refresh(connection: Connection) -> dict[str, float]:
    """Microseconds of a refresh when 1,000 users have gained, and of writing the ranks down instead."""
    connection.execute("select learn.refresh_leaderboard()")
    connection.execute("select learn.award_xp(id, 5) from learn.users limit 1000")
    begun = time.perf_counter()
    connection.execute("select learn.refresh_leaderboard()")
    refresh = time.perf_counter() - begun
    begun = time.perf_counter()
    connection.execute(
        "create table bench.ranks as select s.user_id, s.total_xp, rank() over (order by s.total_xp desc)"
        " from learn.user_stats s join learn.users u on u.id = s.user_id"
        " where u.is_active and u.show_on_leaderboard and s.total_xp > 0"
    )
    return {
        "refresh after 1,000 gains": refresh * 1e6,
        "create table as select rank() over": (time.perf_counter() - begun) * 1e6,
    }


@contextmanager
def open_redis() -> Iterator[Redis | None]:
    """A redis-server of its own without persistence; None where the program or the package is missing."""
    try:
        from redis import Redis
    except ImportError:
        yield None
        return
    if shutil.which("redis-server") is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="laurel-redis-", dir="/tmp") as folder:
        socket = Path(folder) / "redis.sock"
        arguments = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        with subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL) as server:
            try:
                client = Redis(unix_socket_path=str(socket))
                until = time.monotonic() + 10
                while time.monotonic() < until:
                    with suppress(Exception):
                        if client.ping():
                            break
                    time.sleep(0.02)
                yield client
                client.close()
            finally:
                server.terminate()


def time_redis(connection: Connection, ids: list[Any], rounds: int) -> dict[str, float]:
    """Median microseconds of a sorted set with the same values; a rank that ties share takes two commands."""
    with open_redis() as client:
        if client is None:
            print("redis-server or the package redis is missing: Redis is left out", file=sys.stderr)
            return {}
        pipe = client.pipeline(transaction=False)
        for number, (user, value) in enumerate(
            connection.execute("select user_id::text, value from bench.scores")
        ):
            pipe.zadd(BOARD, {user: value})
            if number % 10_000 == 0:
                pipe.execute()
        pipe.execute()

        def rank() -> object:
            value: Any = client.zscore(BOARD, str(random.choice(ids)))
            return client.zcount(BOARD, f"({value}", "+inf")

        return {
            "rank: Redis": median_us(rank, rounds),
            "page: Redis": median_us(lambda: client.zrevrange(BOARD, 0, 9, withscores=True), rounds),
            "update: Redis": median_us(lambda: client.zincrby(BOARD, 5, str(random.choice(ids))), rounds),
        }


def measure(users: int, rounds: int) -> dict[str, float] | None:
    """Median microseconds by name; None when boards are not what the facts say."""
    with (
        open_database("core") as (url, _),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute("set synchronous_commit = off")
        build(connection, users)
        ids = [
            row[0] for row in connection.execute("select id from learn.users order by random() limit 10000")
        ]
        times = time_redis(connection, ids, rounds)
        settled = time_reads(connection, ids, rounds)
        for user in ids[:100]:
            connection.execute("select learn.award_xp(%s, 5)", (user,))
        connection.execute("select learn_internal.note_streaks(%s)", (ids[:30],))
        times |= time_reads(connection, ids, rounds)
        times |= {f"{name}, just merged": us for name, us in settled.items() if name.endswith("Laurel")}
        times |= time_refresh(connection)
        times |= time_updates(connection, ids, rounds)
        damage = connection.execute("select * from learn_internal.board_damage limit 5").fetchall()
        print(*damage, sep="\n", end="", file=sys.stderr)
        return None if damage else times


def main() -> int:
    """Measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(description="Measure leaderboards against named alternatives.")
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--quick", action="store_true", help="10,000 users and few rounds: to see that it runs"
    )
    options = parser.parse_args()
    sizes = [10_000] if options.quick else options.users
    results: dict[int, dict[str, float]] = {}
    for users in sizes:
        measured = measure(users, 20 if options.quick else 500)
        if measured is None:
            return 1
        results[users] = measured
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    print(f"| median, µs | {' | '.join(f'{users:,} users' for users in sizes)} |")
    print(f"|---|{'---|' * len(sizes)}")
    for name in sorted(results[sizes[0]]):
        print(f"| {name} | {' | '.join(f'{results[users].get(name, 0):,.0f}' for users in sizes)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
