"""What the views of analytics cost at a million activities, beside the naive queries over the facts.

Builds Laurel in a throwaway server (`$DBTOOL_TEST_SERVER`, else the embedded one): 100,000 learners over half
a year, 1,000,000 facts with what follows from them, through the engine and in bulk. Then it times every view
in turn with the query over `activity_log` and the learners' rows that says the same: with the tallies
written down, and with so many changes waiting as an hour of a busy product leaves. At last it times
`learn.refresh_analytics()`.
Medians in milliseconds; machines differ and are noisy: the ratios are what is of interest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import TYPE_CHECKING

import psycopg
from database import Connection, is_whole, open_database

if TYPE_CHECKING:
    from typing_extensions import LiteralString

LEARNERS = 100_000
FACTS_EACH = 6
COURSES = 20
LESSONS_EACH = 8
WAITING = 20_000

# Naive: what one writes without tallies, over the log, the ledger and the learners' rows.
QUERIES: dict[str, tuple[LiteralString, LiteralString]] = {
    "daily active learners": (
        "select * from learn.daily_active_learners",
        "select f.local_date, count(distinct f.user_id) filter (where f.is_qualifying),"
        " count(*) filter (where f.activity_type = 'user_registered')"
        " from learn.activity_log f where f.is_qualifying or f.activity_type = 'user_registered' group by 1",
    ),
    "weekly active learners": (
        "select * from learn.weekly_active_learners",
        "select date_trunc('week', f.local_date::timestamp)::date,"
        " count(distinct f.user_id) filter (where f.is_qualifying),"
        " count(*) filter (where f.activity_type = 'user_registered')"
        " from learn.activity_log f where f.is_qualifying or f.activity_type = 'user_registered' group by 1",
    ),
    "retention by cohort": (
        "select * from learn.cohort_retention",
        "select c.week, date_trunc('week', f.local_date::timestamp)::date, count(distinct f.user_id)"
        " from learn.activity_log f join (select user_id, date_trunc('week', local_date::timestamp) as week"
        "  from learn.activity_log where activity_type = 'user_registered') c on c.user_id = f.user_id"
        " where f.is_qualifying group by 1, 2",
    ),
    "funnel of courses": (
        "select * from learn.course_funnel",
        "select p.course_id, count(*), count(*) filter (where lessons_completed > 0),"
        " count(*) filter (where completion_percentage >= 25),"
        " count(*) filter (where completion_percentage >= 50),"
        " count(*) filter (where completion_percentage >= 75), count(completed_at)"
        " from learn.user_course_progress p group by 1",
    ),
    "funnel of tracks": (
        "select * from learn.track_funnel",
        "select p.track_id, count(*), count(*) filter (where progress_percentage >= 25),"
        " count(*) filter (where progress_percentage >= 50),"
        " count(*) filter (where progress_percentage >= 75), count(completed_at)"
        " from learn.user_track_progress p group by 1",
    ),
    "rarity of achievements": (
        "select * from learn.achievement_rarity",
        "select a.id, count(u.user_id), (select count(*) from learn.users)"
        " from learn.achievements a left join learn.user_achievements u on u.achievement_id = a.id"
        " group by 1",
    ),
    "daily XP by source": (
        "select * from learn.daily_xp_by_source",
        "select t.earned_on, t.activity_type, sum(t.amount) from learn.xp_transactions t group by 1, 2",
    ),
    "weekly XP by source": (
        "select * from learn.weekly_xp_by_source",
        "select date_trunc('week', t.earned_on::timestamp)::date, t.activity_type, sum(t.amount)"
        " from learn.xp_transactions t group by 1, 2",
    ),
    "streaks": (
        "select * from learn.streak_distribution",
        "select learn.calculate_user_streak(s.user_id), count(*) from learn.user_stats s group by 1",
    ),
}


def build(connection: Connection, learners: int) -> None:
    """Content, learners who registered over half a year, and facts of each in the weeks after that."""
    for statement in (
        "update learn.platform_settings set value = '400' where key = 'max_event_age_days'",
        "insert into learn.activity_types (key, is_qualifying) values ('bench_practiced', true)",
        "insert into learn.xp_rules (activity_type, amount) values ('bench_practiced', 3)",
        f"insert into learn.tracks (slug, title)"
        f" select 'product-' || g, 'Track ' || g from generate_series(1, {COURSES // 4}) g",
        f"insert into learn.courses (slug, title, track_id) select 'product-' || g, 'Course ' || g,"
        f" (select t.id from learn.tracks t where t.slug = 'product-' || (g % {COURSES // 4} + 1))"
        f" from generate_series(1, {COURSES}) g",
        f"insert into learn.lessons (slug, title, course_id) select c.slug || '-' || g, 'Lesson', c.id"
        f" from learn.courses c, generate_series(1, {LESSONS_EACH}) g where c.slug like 'product-%'",
        "insert into learn.track_lessons (track_id, lesson_id) select c.track_id, l.id"
        " from learn.courses c join learn.lessons l on l.course_id = c.id where c.slug like 'product-%'",
        f"insert into learn.users (username, created_at, timezone) select 'learner' || g,"
        f" now() - (g % 180) * interval '1 day', (array['UTC', 'Asia/Manila', 'America/Lima'])[g % 3 + 1]"
        f" from generate_series(1, {learners}) g",
        # a learner comes back on some days after registering, most of them early
        f"""insert into learn.activity_log
          (user_id, activity_type, occurred_at, local_date, is_qualifying, recorded_at)
        select f.user_id, 'bench_practiced', f.at, (f.at at time zone 'UTC')::date, true, f.at
        from (
          select u.id as user_id, least(now(), u.created_at
            + floor(power(random(), 3) * 90) * interval '1 day' + random() * interval '20 hours') as at
          from learn.users u, generate_series(1, {FACTS_EACH}) g
          where u.username like 'learner%'
          offset 0
        ) f
        order by f.at""",
        "vacuum analyze",
        """insert into learn.user_lesson_progress (user_id, lesson_id, status, completed_at)
        select u.id, l.id, 'completed', now() - interval '1 hour'
        from (select id, row_number() over (order by id) as number from learn.users
          where username like 'learner%') u
        join (select id, row_number() over (order by id) - 1 as number from learn.lessons
          where slug like 'product-%') l
          on l.number / 8 = u.number % 20 and l.number % 8 < u.number / 20 % 17 - 8""",
    ):
        connection.execute(statement.encode())
    connection.execute("select learn.refresh_analytics()")
    connection.execute("vacuum analyze")


def time_views(connection: Connection, rounds: int) -> dict[str, tuple[float, float]]:
    """Median milliseconds of each view and of its naive query, in turn."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in QUERIES}
    for number in range(rounds + 1):
        for name, queries in QUERIES.items():
            for kind, query in enumerate(queries):
                begun = time.perf_counter()
                connection.execute(query).fetchall()
                if number:  # the first round warms up
                    times[name][kind].append((time.perf_counter() - begun) * 1e3)
    return {name: (statistics.median(a), statistics.median(b)) for name, (a, b) in times.items()}


def main() -> int:
    """Measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(description="Measure the views of analytics.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data: to see that it runs")
    options = parser.parse_args()
    learners, rounds = (LEARNERS // 10, 3) if options.quick else (LEARNERS, 7)

    with (
        open_database("core", "sql_platform") as (url, description),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        build(connection, learners)
        (facts,) = connection.execute("select count(*) from learn.activity_log").fetchone() or (0,)
        written = time_views(connection, rounds)
        connection.execute(
            "insert into learn_internal.tally_changes (measure, day, item, value)"
            " select 'xp', current_date, 'bench_practiced', 3 from generate_series(1, %s)",
            (WAITING,),
        )
        waiting = time_views(connection, rounds)
        begun = time.perf_counter()
        connection.execute("select learn.refresh_analytics()")
        refresh_ms = (time.perf_counter() - begun) * 1e3
        connection.execute(
            "update learn_internal.tallies set value = value - 3 * %s"
            " where measure = 'xp' and day = current_date and item = 'bench_practiced'",
            (WAITING,),
        )
        if not is_whole(connection):
            return 1

    result = {
        "server": description,
        "facts": facts,
        "learners": learners,
        "views_ms": {
            name: {
                "written down": round(fast, 1),
                "20,000 changes waiting": round(waiting[name][0], 1),
                "naive": round(naive, 1),
                "naive / view": round(naive / fast, 1),
            }
            for name, (fast, naive) in written.items()
        },
        "refresh_of_20000_changes_ms": round(refresh_ms, 1),
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return 0
    print(f"{description}; {facts:,} facts, {learners:,} learners\n")
    print(f"| ms | view | {WAITING:,} changes waiting | naive | naive ÷ view |\n|---|---|---|---|---|")
    for name, (fast, naive) in written.items():
        print(f"| {name} | {fast:.1f} | {waiting[name][0]:.1f} | {naive:.1f} | {naive / fast:.0f} |")
    print(f"\nrefresh_analytics() with {WAITING:,} changes: {refresh_ms:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
