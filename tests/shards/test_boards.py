"""Boards and reports over all shards: what the proxy says is what one database with all learners would."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.client import Learn, raises_lx
from tests.shards.conftest import SHARDS, Shards

PERIODS = ("day", "week", "month", "all_time")


def standings(
    shards: Shards, period: str, metric: str, on: date | None = None
) -> list[tuple[UUID, str, int]]:
    """The whole board, counted from the shards' rows in the order of boards."""
    rows = []
    for name in SHARDS:
        with shards.open(name) as shard:
            rows += shard.tuples(
                "select user_id, lower(username), value from learn.leaderboard(%s, %s, 1000, 0, %s)",
                [period, metric, on],
            )
    return sorted(rows, key=lambda row: (-row[2], row[1]))


def today() -> date:
    """By the clock that boards go by, wherever the tests run."""
    return datetime.now(timezone.utc).date()


def ranked(rows: list[tuple[UUID, str, int]]) -> list[tuple[int, UUID, int]]:
    return [(1 + sum(other[2] > row[2] for other in rows), row[0], row[2]) for row in rows]


@pytest.fixture
def learners(proxy: Learn) -> list[UUID]:
    """Twenty of all shards, with ties."""
    users = [proxy.register_user(f"player {number:02} {uuid4()}") for number in range(20)]
    for number, user in enumerate(users):
        if number % 5:
            proxy.award_xp(user, 10 * (number % 4 + 1), source_id="a prize", idempotency_key="x")
    return users


@pytest.mark.parametrize("period", PERIODS)
def test_pages_ranks_and_neighbours_are_those_of_all_shards(
    shards: Shards, proxy: Learn, learners: list[UUID], period: str
) -> None:
    expected = ranked(standings(shards, period, "xp"))
    assert len(expected) >= 16
    page = "select rank, user_id, value from learn.leaderboard(%s, 'xp', %s, %s)"
    assert proxy.tuples(page, [period, 1000, 0]) == expected
    assert proxy.tuples(page, [period, 5, 3]) == expected[3:8]
    around = "select rank, user_id, value from learn.leaderboard_around(%s, %s, 'xp', %s)"
    for place, (rank, user, _) in enumerate(expected):
        assert proxy.user_rank(user, period) == rank
        for span in (0, 2, 500):
            found = proxy.tuples(around, [user, period, span])
            assert found == expected[max(0, place - span) : place + span + 1]
    nobody = learners[0]
    assert proxy.user_rank(nobody, period) is None
    assert proxy.tuples(around, [nobody, period, 5]) == []


def test_cohorts_are_ranked_over_all_shards(shards: Shards, proxy: Learn, learners: list[UUID]) -> None:
    team = learners[3:15]
    expected = ranked([row for row in standings(shards, "week", "xp") if row[0] in team])
    page = "select rank, user_id, value from learn.leaderboard('week', p_among => %s)"
    assert proxy.tuples(page, [team]) == expected[:10]
    rank, user, _ = expected[4]
    assert proxy.user_rank(user, "week", among=team) == rank
    assert proxy.user_rank(learners[1], "week", among=team) is None
    around = "select rank, user_id, value from learn.leaderboard_around(%s, 'week', 'xp', 2, p_among => %s)"
    assert proxy.tuples(around, [user, team]) == expected[2:7]


def test_percentiles_count_everybody(shards: Shards, proxy: Learn, learners: list[UUID]) -> None:
    expected = ranked(standings(shards, "all_time", "xp"))
    for rank, user, _ in expected:
        share = round(100 * (len(expected) - rank + 1) / len(expected), 2)
        assert float(proxy.rank_percentile(user)) == pytest.approx(share, abs=0.006)
    assert proxy.rank_percentile(learners[0]) is None


def test_boards_refuse_what_they_refuse_on_one_database(proxy: Learn, learners: list[UUID]) -> None:
    for call in (
        "learn.leaderboard('year')",
        "learn.leaderboard(p_limit => 1001)",
        "learn.leaderboard(p_limit => null)",
        "learn.leaderboard(p_offset => -1)",
        "learn.close_period('all_time')",
        f"learn.leaderboard_around('{learners[1]}', 'week', 'xp', 501)",
        f"learn.user_rank('{learners[1]}', 'week', 'nonsense')",
    ):
        with raises_lx("LX001"):
            proxy.run(f"select * from {call}")
    with raises_lx("LX002"):
        proxy.user_rank("00000000-0000-0000-0000-000000000000")
    with raises_lx("LX007"):
        proxy.close_period("day", on=today())


def test_a_period_is_closed_once_over_all_shards_whatever_dies(
    shards: Shards, proxy: Learn, learners: list[UUID]
) -> None:
    """Rewards go by the ranks of all; a proxy that dies between freezing and paying changes nothing."""
    day = today() - timedelta(days=3)
    for number, user in enumerate(learners):
        score = 100 if number % 2 else 60
        proxy.complete_lesson(user, lesson(shards), occurred_at=f"{day} 12:00+00", score=score)
    with shards.open("home") as home:
        home.run(
            "insert into learn.period_rewards (metric, period, rank_from, rank_to, xp)"
            " values ('xp', 'day', 1, 3, 500) on conflict do nothing"
        )
    shards.sync()
    expected = ranked(standings(shards, "day", "xp", day))
    before = {user: total(shards, user) for _, user, _ in expected}
    with shards.open("proxy") as owner:
        owner.run("set role learn_owner")
        owner.tuples("select * from learn_proxy.freeze_period('xp', 'day', %s)", [day])
        # one shard has been told, the others not: a proxy that died in between
        ranks = {str(value): rank for rank, _, value in expected}
        with shards.open("two") as shard:
            shard.run(
                "select learn_shard.close_period('xp', 'day', %s, %s, %s)",
                [day, psycopg.types.json.Jsonb(ranks), len(expected)],
            )
    # what comes late changes nothing any more
    proxy.award_xp(learners[0], 999, source_id="late", occurred_at=f"{day} 13:00+00")
    late = {learners[0]: 999}
    assert proxy.close_period("day", on=day) == len(expected)
    assert proxy.close_period("day", on=day) == len(expected)
    kept = []
    for name in SHARDS:
        with shards.open(name) as shard:
            kept += shard.tuples(
                "select rank, user_id, value, xp_paid from learn.period_standings where starts_on = %s", [day]
            )
    assert Counter(kept) == Counter(
        (rank, user, value, 500 if rank <= 3 else 0) for rank, user, value in expected
    )
    for rank, user, _ in expected:
        paid = 500 if rank <= 3 else 0
        assert total(shards, user) == before[user] + paid + late.get(user, 0)


def total(shards: Shards, user: UUID) -> int:
    with shards.open(shards.shard_of(user)) as shard:
        return int(shard.value("select total_xp from learn.user_stats where user_id = %s", [user]))


def lesson(shards: Shards) -> int:
    with shards.open("home") as home:
        return int(home.value("select id from learn.lessons where slug = 'what-is-a-table'"))


def test_reports_count_the_learners_of_all_shards(shards: Shards, proxy: Learn, learners: list[UUID]) -> None:
    """Every view of numbers can be read, and its sums are those of the shards."""
    views = [
        name
        for (name,) in proxy.tuples(
            "select c.relname::text from pg_class c"
            " where c.relkind = 'v' and c.relnamespace = 'learn'::regnamespace"
        )
    ]
    assert len(views) >= 14
    for view in views:
        proxy.tuples(f"select * from learn.{view}")
    for view, key, value in (
        ("daily_active_learners", "activity_date", "new_learners"),
        ("daily_xp_by_source", "earned_on || activity_type", "xp"),
        ("achievement_rarity", "slug", "holders"),
        ("track_funnel", "slug", "started"),
        ("streak_distribution", "days::text", "learners"),
        ("course_catalog", "slug", "enrollment_count"),
    ):
        query = f"select {key}, {value} from learn.{view}"
        expected: Counter[Any] = Counter()
        for name in SHARDS:
            with shards.open(name) as shard:
                expected.update({k: int(n) for k, n in shard.tuples(query)})
        assert dict(proxy.tuples(query)) == dict(expected), view
