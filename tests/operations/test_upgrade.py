"""A database that has been lived in goes back and forth: rows stay, and what was kept up to date still is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analytics.history import History
from tests.client import Learn
from tests.concurrency.sessions import client
from tests.conftest import FreshDatabase, RunDbtool

ACTS = 150
# Answers that hang on projections which migrations fill.
ANSWERS = {
    "the board of XP": "select * from learn.leaderboard('all_time', 'xp', 1000)",
    "the board of streaks": "select * from learn.leaderboard('all_time', 'current_streak', 1000)",
    "XP by source": "select * from learn.daily_xp_by_source order by 1, 2",
    "streaks": "select * from learn.streak_distribution order by 1",
    "funnels": "select * from learn.course_funnel order by 1",
}


def answers(learn: Learn) -> dict[str, list[Any]]:
    return {name: learn.tuples(query) for name, query in ANSWERS.items()}


@pytest.mark.parametrize("version", [10, 9, 3])
def test_a_database_with_a_history_goes_back_and_forth(
    fresh: FreshDatabase, run_dbtool: RunDbtool, version: int
) -> None:
    with client(fresh) as learn:
        history = History(learn, seed=20)
        for _ in range(ACTS):
            history.act()
        before = answers(learn)
        assert all(before.values())
    run_dbtool("rollback", "--to", str(version), "--yes", "--database-url", fresh.url, code=0)
    run_dbtool("migrate", "--database-url", fresh.url, code=0)
    with client(fresh) as learn:
        assert learn.check_integrity() == []
        assert answers(learn) == before
        history.learn = learn
        for _ in range(ACTS // 5):
            history.act()
