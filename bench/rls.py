"""What row-level security costs a learner's own session: the same statements as learn_app and as learn_user.

In one run, in turn on one server, with a crowd around: the median of the server's processor time per
statement, in microseconds, each in a transaction that says who it is for, as PostgREST does. learn_app
names its learner in the condition; learn_user's rows are those that policies leave.

    python bench/rls.py [--rounds 2000] [--crowd 5000]
"""

from __future__ import annotations

import argparse
import statistics
import time

import psycopg
from database import Connection, open_database, processor_time

# name: as learn_app, as learn_user
STATEMENTS = {
    "own totals": (
        "select total_xp, current_level from learn.user_stats where user_id = %(user)s",
        "select total_xp, current_level from learn.user_stats",
    ),
    "own ledger, 20 rows": (
        "select * from learn.xp_transactions where user_id = %(user)s order by created_at desc limit 20",
        "select * from learn.xp_transactions order by created_at desc limit 20",
    ),
    "own progress in 5 lessons": (
        "select * from learn.user_lesson_progress where user_id = %(user)s and lesson_id = any (%(lessons)s)",
        "select * from learn.user_lesson_progress where lesson_id = any (%(lessons)s)",
    ),
    "dashboard": (
        "select * from learn.user_dashboard where user_id = %(user)s",
        "select * from learn.my_dashboard",
    ),
    "published courses": ("select id, title from learn.courses", "select id, title from learn.courses"),
    "complete_lesson(), again": ("select learn.complete_lesson(%(user)s, %(lesson)s)",) * 2,
}


def crowd(connection: Connection, size: int) -> dict[str, object]:
    """Learners with five lessons each; one of them is who asks."""
    connection.execute(
        "insert into learn.lessons (slug, title) select 'rls-' || n, 'L' from generate_series(1, 5) n"
    )
    connection.execute(
        "insert into learn.users (username) select 'rls-' || n from generate_series(1, %s) n", [size]
    )
    connection.execute(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status) select u.id, l.id, 'completed'"
        " from learn.users u, learn.lessons l where u.username like 'rls-%' and l.slug like 'rls-%'"
    )
    connection.commit()
    connection.autocommit = True
    connection.execute("vacuum analyze")
    connection.autocommit = False
    lessons = [row[0] for row in connection.execute("select id from learn.lessons where slug like 'rls-%'")]
    user = connection.execute("select id from learn.users where username = 'rls-7'").fetchone()
    connection.rollback()
    return {"user": user and user[0], "lessons": lessons, "lesson": lessons[0]}


def measure(
    connection: Connection, arguments: dict[str, object], rounds: int
) -> dict[str, tuple[float, float]]:
    """Median microseconds of each statement, as learn_app and as learn_user; by the clock where need be."""

    def clock() -> float:
        return processor_time(connection) or time.perf_counter() * 1e6

    medians = {}
    for name, texts in STATEMENTS.items():
        times: dict[str, list[float]] = {"learn_app": [], "learn_user": []}
        for _ in range(rounds):
            for role, text in zip(times, texts, strict=True):
                connection.execute(
                    "select set_config('role', %s, true), set_config('learn.user_id', %s, true)",
                    [role, str(arguments["user"])],
                )
                began = clock()
                connection.execute(text.encode(), arguments, prepare=True).fetchall()
                times[role].append(clock() - began)
                connection.rollback()
        medians[name] = (statistics.median(times["learn_app"]), statistics.median(times["learn_user"]))
    return medians


def main() -> None:
    """Measure, and print a table for docs/security.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--crowd", type=int, default=5000)
    options = parser.parse_args()
    with open_database("sql_platform") as (url, description), psycopg.connect(url) as connection:
        medians = measure(connection, crowd(connection, options.crowd), options.rounds)
    print(f"{description}; {options.crowd} learners, {options.rounds} rounds\n")
    print("| Statement | learn_app, µs | learn_user, µs | ratio |\n| --- | --- | --- | --- |")
    for name, (without, with_) in medians.items():
        print(f"| {name} | {without:.0f} | {with_:.0f} | {with_ / without:.2f} |")


if __name__ == "__main__":
    main()
