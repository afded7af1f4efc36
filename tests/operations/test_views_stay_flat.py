"""What views read, as people use them: as much with 2,000 learners as with 100."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Learn
from tests.conftest import FreshDatabase

FEW, MANY = 100, 2000

pytestmark = pytest.mark.stock

BOARD = "leaderboard_entries where metric = 'xp' and period_start = '0001-01-01' and rank <= 10"
# What reads more where there are more learners, and why.
GROWS = {
    BOARD: "ranks the board before it looks at the rank: leaderboard() is flat",
    "achievement_catalog limit 10": "counts who holds them",
    "achievement_rarity limit 10": "counts who holds them",
    "challenge_prerequisites_status limit 10": "looks for learners who have any; of one learner it is flat",
    "course_catalog limit 10": "counts those enrolled",
    "health limit 10": "checks everybody; where topic <> 'integrity' it does not",
    "course_funnel limit 10": "counts those enrolled",
    "course_xp limit 10": "sums up the ledger; of one learner it is flat",
    "current_leaderboard limit 10": "ranks all who were active, three times: leaderboard() is flat",
    "current_leaderboard where user_id = %(user)s": "the same: user_rank() is flat",
    "jobs limit 10": "looks for notifications that are too old",
    "leaderboard_entries where user_id = %(user)s": "a rank counts those above: user_rank() is flat",
    "streak_distribution limit 10": "counts everybody's",
    "track_funnel limit 10": "counts those who have begun",
}


def pages(learn: Learn, query: str, arguments: dict[str, Any]) -> int:
    """Pages that a query touches, those of functions that it calls included."""
    plan = f"explain (analyze, buffers, costs off, timing off, format json) {query}"
    run = learn.tuples(plan, arguments)[0][0][0]["Plan"]
    return int(run["Shared Hit Blocks"] + run["Shared Read Blocks"])


def measure(learn: Learn, arguments: dict[str, Any]) -> dict[str, int]:
    learn.run("select set_config('learn.user_id', %(user)s::text, false)", arguments)
    uses = [BOARD]
    for name, has_user in learn.tuples(
        "select c.relname::text, exists ("
        " select from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id')"
        " from pg_class c where c.relnamespace = 'learn'::regnamespace and c.relkind = 'v' order by 1"
    ):
        uses.append(f"{name} where user_id = %(user)s" if has_user else f"{name} limit 10")
        if has_user and name != "leaderboard_entries":  # boards are read one by one
            uses.append(f"{name} limit 10")
    found = {}
    for use in uses:
        pages(learn, f"select * from learn.{use}", arguments)  # catalogs are cached, hints are set
        found[use] = pages(learn, f"select * from learn.{use}", arguments)
    return found


def test_views_read_as_much_whatever_the_number_of_learners(fresh: FreshDatabase) -> None:
    with fresh.connect() as connection:
        connection.autocommit = True
        learn = Learn(connection)
        lesson = learn.make_lesson(0)
        learn.make_path(learn.make_track(lesson, difficulty="beginner"))
        course = learn.make_course(2)
        arguments, found = {"user": learn.make_user()}, []
        learn.enroll_in_course(arguments["user"], course)
        for size in (FEW, MANY):
            connection.execute(
                "insert into learn.users (username) select 'crowd-' || n from generate_series("
                "(select count(*) from learn.users), %s) n",
                [size],
            )
            connection.execute(
                "insert into learn.user_course_progress (user_id, course_id) select id, %s from learn.users"
                " on conflict do nothing",
                [course.id],
            )
            connection.execute(
                "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
                " select id, %s, 'completed' from learn.users on conflict do nothing",
                [lesson.id],
            )
            connection.execute(  # no ties at the top
                "select learn.award_xp(id, 1000 + row_number() over ()::integer) from learn.users limit 20"
            )
            connection.execute("select learn.refresh_leaderboard(), learn.refresh_analytics()")
            connection.execute("vacuum analyze")
            found.append(measure(learn, arguments))
        few, many = found
        grows = {use: (few[use], many[use]) for use in many if many[use] > 2 * few[use] + 14}
        assert set(grows) == set(GROWS), grows
