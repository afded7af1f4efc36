"""How long Web3Versity's operations take, at ten times the rows that its document estimates for a year.

Builds Laurel with the seeds of Web3Versity in a throwaway server (`$DBTOOL_TEST_SERVER`, else the embedded
one), and loads, at scale 10: 100,000 users, 1,000 courses of 20 lessons with 25 kB of content each,
50 achievements, 1,000,000 enrolments and 5,000,000 lesson completions. For 2,500 learners these are plain
inserts, from which the engine makes everything else; the other learners get copies of all their rows, with
the triggers off. Then each operation is called for random users over one connection, one transaction each,
prepared: milliseconds, against what the document expects. Up to scale 1, or with --check, check_integrity()
looks at all of it in the end.

No operation may read a table of more than 10,000 rows from one end to the other: what PostgreSQL counts of
that during the calls, within functions and triggers too, is looked at afterwards.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from database import Connection, is_whole, open_database
from psycopg import sql

if TYPE_CHECKING:
    from typing_extensions import LiteralString

USERS, COURSES, LESSONS_PER_COURSE = 10_000, 100, 20  # of the document, in one year: scale 1
ACHIEVEMENTS = 50
ORIGINALS = 2_500  # learners whose rows the engine makes; the others get copies of these
BATCH = 100  # of them, by one statement
BIG = 10_000  # rows from which a table is not to be read as a whole


@dataclass(frozen=True)
class Operation:
    """What is called, with the time in milliseconds that the document expects (None: it says nothing)."""

    name: str
    expected_ms: float | None
    statement: LiteralString
    may_scan: bool = False


@dataclass(frozen=True)
class Result:
    """How long it took, and the big tables that it has read from one end to the other."""

    operation: str
    expected_ms: float | None
    p50_ms: float
    p99_ms: float
    max_ms: float
    scanned: list[str]

    @property
    def is_slow(self) -> bool:
        """Whether one in a hundred takes longer than the document expects."""
        return self.expected_ms is not None and self.p99_ms >= self.expected_ms


OPERATIONS = (
    Operation(
        "user login",
        10,
        "select u.id, u.username, u.is_active, s.total_xp, s.current_level from learn.users u"
        " join learn.user_stats s on s.user_id = u.id where lower(u.evm_address) = lower(%(address)s)",
    ),
    Operation(
        "course browse, by track and difficulty",
        50,
        "select * from learn.course_catalog where track = 'explorer' and difficulty = 'beginner'"
        " order by position, id limit 20",
    ),
    Operation(
        "course browse, most popular first",
        50,
        "select * from learn.course_catalog order by enrollment_count desc, id limit 20",
    ),
    Operation("lesson load", 20, "select * from learn.lessons where id = %(lesson)s"),
    Operation(
        "progress update, with all that follows",
        100,
        "select * from learn.complete_lesson(%(user)s, %(next_lesson)s, p_score => 90)",
    ),
    Operation("leaderboard query", 30, "select * from learn.leaderboard()", may_scan=True),
    Operation("achievement check", 200, "select learn.check_achievements(%(user)s)"),
    Operation("dashboard", None, "select * from learn.user_dashboard where user_id = %(user)s"),
)


def load_content(connection: Connection, courses: int) -> None:
    """Courses of both tracks, their lessons, and achievements up to the number of the document."""
    connection.execute(
        """
        insert into learn.courses
          (slug, track_id, title, category, difficulty, estimated_hours, position, completion_xp)
        select 'bench-' || g, t.id, 'Course ' || g, 'category-' || g %% 10,
          (array['beginner', 'intermediate', 'advanced'])[g / 2 %% 3 + 1], 3, 100 + g, 100
        from generate_series(1, %s) g
        join learn.tracks t on t.slug = (array['explorer', 'developer'])[g %% 2 + 1]
        """,
        (courses,),
    )
    connection.execute(
        """
        insert into learn.course_prerequisites (course_id, prerequisite_course_id, is_required)
        select c.id, p.id, false
        from learn.courses c
        join learn.courses p on p.position = c.position - 2
        where c.slug like 'bench-%%' and p.slug like 'bench-%%'
        """,
    )
    connection.execute(
        """
        create table public.bench_texts as
        select g as number, (
          select string_agg(md5(format('%s %s', g, j)), ' ') from generate_series(1, 19) j) as body
        from generate_series(0, 499) g
        """
    )
    connection.execute(
        """
        insert into learn.lessons (slug, course_id, title, sequence_number, xp_reward, content)
        select c.slug || '-' || n, c.id, 'Lesson ' || n, n, 10, jsonb_build_object('blocks', b.blocks)
        from learn.courses c
        cross join generate_series(1, %s) n
        cross join lateral (
          select jsonb_agg(jsonb_build_object('type', 'text', 'text', t.body)) as blocks
          from generate_series(1, 40) i
          join public.bench_texts t on t.number = (c.id * 20 + n + i * 7) %% 500
        ) b
        where c.slug like 'bench-%%'
        """,
        (LESSONS_PER_COURSE,),
    )
    connection.execute(
        """
        insert into learn.achievements (slug, name, category, system, criteria, display_order)
        select 'bench-' || g, 'Bench ' || g, 'Lessons', 'web3versity',
          jsonb_build_object('metric', 'lessons_completed', 'at_least', 50 + g), 1000 + g
        from generate_series(1, %s - (select count(*) from learn.achievements)) g
        """,
        (ACHIEVEMENTS,),
    )


def load_learners(connection: Connection, users: int, report: Callable[[str], None], days: int = 1) -> None:
    """Users with ten courses each: two completed, the others begun; 50 lessons on 25 days, `days` apart."""
    connection.execute(
        "create table public.bench_users as"
        " select g as number, (g - 1) %% %s as original, gen_random_uuid() as id"
        " from generate_series(1, %s) g",
        (ORIGINALS, users),
    )
    connection.execute("alter table public.bench_users add primary key (number)")
    connection.execute("create index on public.bench_users (id)")
    connection.execute(
        """
        create table public.bench_courses as
        select c.id, row_number() over (order by c.id) - 1 as number
        from learn.courses c where c.slug like 'bench-%'
        """
    )
    connection.execute("alter table public.bench_courses add primary key (number)")
    connection.execute("vacuum analyze")

    begun = time.perf_counter()
    connection.execute(REGISTER.format("<=").encode(), {"originals": ORIGINALS})
    for first in range(1, ORIGINALS, BATCH):
        for statement in (ENROL, COMPLETE):
            spread = statement.replace("interval '1 day'", f"interval '{days} days'").encode()
            connection.execute(spread, {"first": first, "last": first + BATCH - 1})
        if first == 1:  # statistics know that the tables are not empty, as in a database that grows
            connection.execute("vacuum analyze")
    report(f"{min(users, ORIGINALS):,} learners through the engine: {time.perf_counter() - begun:.1f} s")

    begun = time.perf_counter()
    connection.execute("set session_replication_role = replica")
    connection.execute(REGISTER.format(">").encode(), {"originals": ORIGINALS})
    for schema, table in connection.execute(OWNED).fetchall():
        copy_rows(connection, schema, table)
    connection.execute("reset session_replication_role")
    connection.execute("select learn_internal.settle_tallies()")  # no trigger has counted the copies
    connection.execute("select learn_internal.recount_boards(array_agg(id)) from learn.users")
    connection.execute("select learn.refresh_leaderboard(), learn.refresh_analytics()")
    report(f"their rows for the others: {time.perf_counter() - begun:.1f} s")
    connection.execute("vacuum analyze")


def copy_rows(connection: Connection, schema: str, table: str) -> None:
    """Gives every learner who is a copy the rows of the original. Ids are those of a user's own rows."""
    columns = [
        name
        for (name,) in connection.execute(
            "select attname from pg_attribute"
            " where attrelid = format('%%I.%%I', %s::text, %s::text)::regclass"
            " and attnum > 0 and not attisdropped and attgenerated = '' and attname <> 'user_id'",
            (schema, table),
        ).fetchall()
    ]
    connection.execute(
        sql.SQL(
            "insert into {table} (user_id, {columns}) overriding system value select n.id, {values}"
            " from {table} t join public.bench_users o on o.id = t.user_id and o.number <= {originals}"
            " join public.bench_users n on n.original = o.original and n.number > {originals}"
        ).format(
            table=sql.Identifier(schema, table),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(sql.Identifier("t", column) for column in columns),
            originals=sql.Literal(ORIGINALS),
        )
    )


REGISTER = """
    insert into learn.users (id, username, evm_address)
    select b.id, 'bench-' || b.number, '0x' || md5(b.number::text) || left(md5('x' || b.number), 8)
    from public.bench_users b
    where b.number {} %(originals)s
"""
# Tables with rows of learners, where there are any; but for certificates, which have numbers of their own.
OWNED: LiteralString = """
    select n.nspname, c.relname
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
    where n.nspname in ('learn', 'learn_internal') and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname <> 'nft_certificates'
    order by 1, 2
"""
# Course i (0 to 9) of a user: spread over all courses, and never twice the same.
CHOSEN: LiteralString = """
    from public.bench_users b
    cross join generate_series(0, 9) i
    join public.bench_courses c
      on c.number = (b.number * 7 + i * 97) % (select count(*) from public.bench_courses)
"""
ENROL: LiteralString = f"""
    insert into learn.user_course_progress (user_id, course_id, enrolled_at)
    select b.id, c.id, now() - (26 - i) * interval '1 day'
    {CHOSEN.replace("%", "%%")}
    where b.number between %(first)s and %(last)s
"""
COMPLETE: LiteralString = f"""
    insert into learn.user_lesson_progress
      (user_id, lesson_id, status, score, time_spent_seconds, completed_at)
    select b.id, l.id, 'completed', case when l.id %% 5 = 0 then 100 else 80 end, 300,
      now() - (26 - (i + l.sequence_number) %% 25) * interval '1 day'
    {CHOSEN.replace("%", "%%")}
    join learn.lessons l on l.course_id = c.id
    where b.number between %(first)s and %(last)s
      and (i < 2 or l.sequence_number <= case when i < 4 then 2 else 1 end)
"""
SAMPLE: LiteralString = """
    select b.id, u.evm_address, n.id, (
      select l.id from learn.lessons l where l.course_id = c.id and l.sequence_number = 2)
    from unnest(%s::integer[]) with ordinality s(number, place)
    join public.bench_users b on b.number = s.number
    join learn.users u on u.id = b.id
    join public.bench_courses c
      on c.number = (b.number * 7 + 9 * 97) %% (select count(*) from public.bench_courses)
    join lateral (
      select l.id from learn.lessons l where l.course_id = c.id
      order by l.sequence_number offset b.number %% 20 limit 1
    ) n on true
    order by s.place
"""


def sample(connection: Connection, users: int, calls: int) -> list[dict[str, Any]]:
    """Arguments for so many calls, each for another user as long as there are enough."""
    numbers = random.Random(1).sample(range(1, users + 1), min(calls, users))
    names = ("user", "address", "lesson", "next_lesson")
    return [dict(zip(names, row, strict=True)) for row in connection.execute(SAMPLE, (numbers,)).fetchall()]


def time_calls(connection: Connection, statement: LiteralString, calls: list[dict[str, Any]]) -> list[float]:
    """Milliseconds of each call, ascending."""
    times = []
    for arguments in calls:
        begun = time.perf_counter()
        connection.execute(statement, arguments, prepare=True).fetchall()
        times.append((time.perf_counter() - begun) * 1e3)
    return sorted(times)


def rows_scanned(connection: Connection) -> Mapping[str, int]:
    """Rows of big tables that were read from one end to the other so far, by table."""
    connection.execute("select pg_stat_force_next_flush()")
    connection.execute("select pg_stat_clear_snapshot()")
    return dict(
        connection.execute(
            "select t.relid::regclass::text, t.seq_tup_read from pg_stat_user_tables t"
            " join pg_class c on c.oid = t.relid where c.reltuples > %s",
            (BIG,),
        ).fetchall()
    )


def count(connection: Connection) -> dict[str, int]:
    """Rows of what the document estimates."""
    tables = (
        "users",
        "courses",
        "lessons",
        "user_course_progress",
        "user_lesson_progress",
        "achievements",
        "user_achievements",
        "activity_log",
        "xp_transactions",
    )
    return {
        table: connection.execute(f"select count(*) from learn.{table}".encode()).fetchall()[0][0]
        for table in tables
    }


def main() -> int:
    """Loads, measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(description="Measure Web3Versity's operations at scale.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="at a tenth of the document's rows")
    parser.add_argument("--scale", type=float, default=10, help="times the document's rows (10)")
    parser.add_argument("--calls", type=int, default=1000, help="calls of each operation (1000)")
    parser.add_argument("--check", action="store_true", help="run check_integrity() at any scale")
    options = parser.parse_args()
    scale = 0.1 if options.quick else options.scale
    users, courses = max(100, round(USERS * scale)), max(20, round(COURSES * scale))

    def report(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with (
        open_database("web3versity") as (url, description),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        begun = time.perf_counter()
        load_content(connection, courses)
        report(f"content: {time.perf_counter() - begun:.1f} s")
        load_learners(connection, users, report)
        loaded = time.perf_counter() - begun
        rows = count(connection)
        size = connection.execute("select pg_database_size(current_database())").fetchall()[0][0]

        calls = sample(connection, users, options.calls)
        for operation in OPERATIONS:  # plans and caches: with what is not measured
            if "complete_lesson" not in operation.statement:
                time_calls(connection, operation.statement, calls[:20])
        results = []
        for operation in OPERATIONS:
            before = rows_scanned(connection)
            times = time_calls(connection, operation.statement, calls)
            after = rows_scanned(connection)
            results.append(
                Result(
                    operation.name,
                    operation.expected_ms,
                    p50_ms=round(times[len(times) // 2], 2),
                    p99_ms=round(times[len(times) * 99 // 100], 2),
                    max_ms=round(times[-1], 2),
                    scanned=[]
                    if operation.may_scan
                    else sorted(name for name in after if after[name] > before.get(name, 0)),
                )
            )
        whole = True
        if scale <= 1 or options.check:
            begun = time.perf_counter()
            whole = is_whole(connection)
            report(f"check_integrity(): {time.perf_counter() - begun:.1f} s")

    if options.json:
        summary = {"server": description, "scale": scale, "calls": len(calls), "rows": rows}
        listing = [asdict(one) for one in results]
        print(json.dumps({**summary, "loaded_s": round(loaded, 1), "operations": listing}, indent=2))
    else:
        print(f"{description}; {size / 1e9:.1f} GB loaded in {loaded:.0f} s; {len(calls)} calls each\n")
        print(", ".join(f"{number:,} {table}" for table, number in rows.items()) + "\n")
        print("| operation | expected ms | p50 | p99 | max |\n|---|---|---|---|---|")
        for one in results:
            expected = "" if one.expected_ms is None else f"< {one.expected_ms}"
            print(f"| {one.operation} | {expected} | {one.p50_ms} | {one.p99_ms} | {one.max_ms} |")
    for one in results:
        if one.is_slow:
            report(f"{one.operation}: slower than expected")
        if one.scanned:
            report(f"{one.operation}: reads all of {', '.join(one.scanned)}")
    return 0 if whole and not any(one.scanned for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
