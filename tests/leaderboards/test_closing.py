"""Finished periods: their standings are kept and their winners paid, once."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from tests.client import Learn, moment
from tests.concurrency.sessions import client, race
from tests.conftest import FreshDatabase

# The week from Monday, 2035-06-04 to Sunday, 2035-06-10; closed on the Wednesday after.
WEEK = moment("2035-06-08 12:00")


def close(learn: Learn, period: str = "week", metric: str = "xp", on: str | None = None) -> int:
    count = learn.value("select learn.close_period(%s, %s, %s)", [period, metric, on])
    assert isinstance(count, int)
    return count


def standings(learn: Learn) -> list[tuple[str, int, int, int]]:
    return [
        (name, rank, value, xp)
        for name, rank, value, xp in learn.tuples(
            "select u.username, s.rank, s.value, s.xp_paid from learn.period_standings s"
            " join learn.users u on u.id = s.user_id order by s.rank, 1"
        )
    ]


def winners(learn: Learn) -> dict[str, UUID]:
    """Four who earned in that week, two of them the same; rewards for ranks 1 and 2 to 3."""
    learn.run(
        "insert into learn.period_rewards (metric, period, rank_from, rank_to, xp)"
        " values ('xp', 'week', 1, 1, 500), ('xp', 'week', 1, 3, 100)"
    )
    users = {name: learn.register_user(name) for name in ("ann", "bob", "cid", "dan")}
    for name, xp in (("ann", 30), ("bob", 20), ("cid", 20), ("dan", 10)):
        learn.award_xp(users[name], xp, at=WEEK)
    return users


def test_a_week_is_closed_and_its_winners_are_paid_once(learn: Learn) -> None:
    users = winners(learn)
    learn.run("set local datestyle = 'German'")  # sources are named the same everywhere
    assert close(learn) == 4
    kept = [("ann", 1, 30, 500), ("bob", 2, 20, 100), ("cid", 2, 20, 100), ("dan", 4, 10, 0)]
    assert standings(learn) == kept
    assert close(learn) == close(learn, on="2035-06-04") == 4
    assert standings(learn) == kept
    assert [learn.stats(user).total_xp for user in users.values()] == [530, 120, 120, 10]
    assert learn.tuples(
        "select source_type, source_id, description from learn.xp_transactions"
        " where user_id = %s and amount = 500",
        [users["ann"]],
    ) == [("leaderboard", "xp week 2035-06-04", "Rank 1")]
    assert learn.tuples("select period, starts_on, users from learn.closed_periods") == [
        ("week", date(2035, 6, 4), 4)
    ]


def test_standings_stay_as_they_were_but_show_nobody_who_does_not_want_it(learn: Learn) -> None:
    users = winners(learn)
    close(learn)
    learn.award_xp(users["dan"], 90, at=WEEK)  # late
    learn.run("update learn.users set show_on_leaderboard = false where username = 'ann'")
    entries = (
        "select rank, u.username, e.value"
        " from learn.leaderboard_entries e join learn.users u on u.id = e.user_id"
        " where metric = 'xp' and period = 'week' and period_start = '2035-06-04' order by 1, 2"
    )
    assert learn.tuples(entries) == [(2, "bob", 20), (2, "cid", 20), (4, "dan", 10)]
    live = "select rank, username, value from learn.leaderboard('week', p_on => '2035-06-08')"
    assert learn.tuples(live) == [(1, "dan", 100), (2, "bob", 20), (2, "cid", 20)]
    learn.run("delete from learn.users where username = 'bob'")
    assert [row[1] for row in learn.tuples(entries)] == ["cid", "dan"]


def test_an_empty_period_is_closed_too(learn: Learn) -> None:
    assert close(learn, "month") == 0
    assert learn.tuples("select period, starts_on::text, users from learn.closed_periods") == [
        ("month", "2035-05-01", 0)
    ]


@pytest.mark.parametrize(
    ("clock", "refused"),
    [("2035-06-11 11:59", True), ("2035-06-11 12:00", False)],
)
def test_a_period_ends_when_its_last_day_is_over_everywhere(learn: Learn, clock: str, refused: bool) -> None:
    learn.set_clock(clock)
    if refused:
        with learn.refuses("LX007") as refusal:
            close(learn, on="2035-06-08")
        assert "2035-06-04" in refusal.detail
    else:
        assert close(learn, on="2035-06-08") == 0


@pytest.mark.parametrize(
    ("period", "metric"),
    [("all_time", "xp"), ("year", "xp"), ("week", "lessons_fast"), ("week", "current_streak")],
)
def test_what_cannot_be_closed(learn: Learn, period: str, metric: str) -> None:
    with learn.refuses("LX001"):
        close(learn, period, metric, "2035-05-01")


def test_closing_at_once_from_many_connections_pays_once(fresh: FreshDatabase) -> None:
    with client(fresh) as learn:
        learn.set_clock("2035-06-13 12:00")
        users = winners(learn)
    outcomes = race(fresh, [close] * 6)
    assert [outcome.result for outcome in outcomes] == [4] * 6
    with client(fresh) as learn:
        assert [learn.stats(user).total_xp for user in users.values()] == [530, 120, 120, 10]


@pytest.mark.parametrize("caller", [None, "learn_app"])
def test_rewards_count_in_totals_and_on_no_board(learn: Learn, caller: str | None) -> None:
    learn.caller = caller
    users = winners(learn)
    close(learn)
    for _ in range(3):
        for period in ("day", "week", "month", "all_time"):
            for on in ("2035-06-08", None):
                found = learn.leaderboard(period, on=on)
                shown = {row.username: row.value for row in found}
                assert shown in ({}, {"ann": 30, "bob": 20, "cid": 20, "dan": 10}), (period, on)
        assert learn.user_rank(users["ann"]) == learn.user_rank(users["ann"], "week", on="2035-06-08") == 1
        assert learn.user_rank(users["ann"], "week") is None
        assert learn.stats(users["ann"]).total_xp == 530
        assert learn.check_integrity() == []
        learn.refresh_leaderboard()
        learn.rebuild_user(users["ann"])


def test_a_reward_that_is_taken_back_moves_no_board(learn: Learn) -> None:
    users = winners(learn)
    close(learn)
    reward = learn.value(
        "select id from learn.xp_transactions where user_id = %s and amount = 500", [users["ann"]]
    )
    assert learn.reverse_xp(users["ann"], reward).total_xp == 30
    assert learn.reverse_xp(users["ann"], reward).xp_awarded == 0
    assert {row.username: row.value for row in learn.leaderboard()}["ann"] == 30
    learn.refresh_leaderboard()
    assert {row.username: row.value for row in learn.leaderboard()}["ann"] == 30
