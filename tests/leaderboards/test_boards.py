"""Boards: exact, live, shared ranks, nobody who does not want to be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.client import Connection, Learn, moment

# A Wednesday in the tests' clock: 2035-06-13.
Standing = tuple[int, str, int]


def board(
    learn: Learn, period: str = "all_time", metric: str = "xp", on: str | None = None
) -> list[Standing]:
    return [
        (rank, name, value)
        for rank, name, value in learn.tuples(
            "select rank, username, value from learn.leaderboard(%s, %s, 100, 0, %s)", [period, metric, on]
        )
    ]


def rank_of(learn: Learn, user: UUID, period: str = "all_time", metric: str = "xp") -> int | None:
    found = learn.value("select learn.user_rank(%s, %s, %s)", [user, period, metric])
    assert found is None or isinstance(found, int)
    return found


def scorers(learn: Learn, **xp: int) -> dict[str, UUID]:
    users = {name: learn.register_user(name) for name in xp}
    for name, amount in xp.items():
        if amount:
            learn.award_xp(users[name], amount)
    return users


def test_ties_share_a_rank_and_stand_by_username(learn: Learn) -> None:
    users = scorers(learn, zoe=20, Bob=20, ann=30, cid=10, none=0)
    assert board(learn) == [(1, "ann", 30), (2, "Bob", 20), (2, "zoe", 20), (4, "cid", 10)]
    assert {name: rank_of(learn, user) for name, user in users.items()} == {
        "zoe": 2,
        "Bob": 2,
        "ann": 1,
        "cid": 4,
        "none": None,
    }


def test_a_board_is_right_inside_the_transaction_that_has_just_earned(learn: Learn) -> None:
    users = scorers(learn, one=10, two=20)
    learn.award_xp(users["one"], 15)
    assert board(learn) == [(1, "one", 25), (2, "two", 20)]
    assert learn.tuples("select username, xp_rank from learn.user_dashboard order by 2") == [
        ("one", 1),
        ("two", 2),
    ]


@pytest.mark.parametrize("change", ["is_active = false", "show_on_leaderboard = false"])
def test_who_is_not_to_be_seen_is_nowhere_at_once(learn: Learn, change: str) -> None:
    users = scorers(learn, one=10, two=20)
    learn.refresh_leaderboard()
    learn.run(f"update learn.users set {change} where username = 'two'")
    assert board(learn) == [(1, "one", 10)]
    assert rank_of(learn, users["one"]) == 1
    assert rank_of(learn, users["two"]) is None
    assert learn.tuples("select username from learn.current_leaderboard") == []  # awards are no learning
    learn.refresh_leaderboard()
    assert learn.tuples(
        "select user_id from learn.leaderboard_entries where metric = 'xp' and period = 'all_time'"
    ) == [(users["one"],)]


def test_periods_are_days_weeks_from_monday_and_months(learn: Learn) -> None:
    users = scorers(learn, one=0, two=0)
    for day, name, xp in (
        ("2035-05-31", "one", 1),
        ("2035-06-01", "one", 2),
        ("2035-06-10", "one", 4),  # a Sunday
        ("2035-06-11", "one", 8),
        ("2035-06-12", "two", 16),
        ("2035-06-13", "one", 32),
    ):
        learn.set_clock(f"{day} 12:00")
        learn.award_xp(users[name], xp)
    assert board(learn, "day") == [(1, "one", 32)]
    assert board(learn, "week") == [(1, "one", 40), (2, "two", 16)]
    assert board(learn, "month") == [(1, "one", 46), (2, "two", 16)]
    assert board(learn) == [(1, "one", 47), (2, "two", 16)]
    assert board(learn, "day", on="2035-06-12") == [(1, "two", 16)]
    assert board(learn, "week", on="2035-06-10") == [(1, "one", 4)]
    assert board(learn, "month", on="2035-05-01") == [(1, "one", 1)]
    assert rank_of(learn, users["two"], "day") is None
    assert rank_of(learn, users["two"], "week") == 2


def test_late_facts_count_in_the_period_in_which_they_happened(learn: Learn) -> None:
    user = learn.register_user("late")
    learn.award_xp(user, 5, at=moment("2035-06-08 12:00"))
    assert board(learn, "day") == []
    assert board(learn, "day", on="2035-06-08") == [(1, "late", 5)]
    assert board(learn, "week", on="2035-06-08") == [(1, "late", 5)]


def test_boards_of_metrics_and_days(learn: Learn) -> None:
    user, other = learn.register_user("one"), learn.register_user("two")
    for number, at in enumerate(("2035-06-05 12:00", "2035-06-12 12:00", "2035-06-13 12:00")):
        learn.set_clock(at)
        learn.complete_lesson(user, learn.make_lesson(0, slug=f"l-{number}"))
    learn.complete_lesson(other, learn.make_lesson(0, slug="l-9"))
    assert board(learn, "all_time", "lessons_completed") == [(1, "one", 3), (2, "two", 1)]
    assert board(learn, "week", "lessons_completed") == [(1, "one", 2), (2, "two", 1)]
    assert board(learn, "month", "active_days") == [(1, "one", 3), (2, "two", 1)]
    assert board(learn, "all_time", "current_streak") == [(1, "one", 2), (2, "two", 1)]
    learn.set_clock("2035-06-16 12:00")  # a day was missed
    assert board(learn, "all_time", "current_streak") == []
    for period in ("week", "month", "all_time"):  # but the longest there was stays
        assert board(learn, period, "longest_streak") == [(1, "one", 2), (2, "two", 1)]
    assert board(learn, "week", "longest_streak", on="2035-06-05") == [(1, "one", 1)]
    learn.complete_lesson(user, learn.make_lesson(0, slug="late"), at="2035-06-06 12:00")
    assert board(learn, "week", "longest_streak", on="2035-06-05") == [(1, "one", 2)]
    learn.complete_lesson(user, learn.make_lesson(0, slug="later"), at="2035-06-11 12:00")
    assert board(learn, "week", "longest_streak") == [(1, "one", 3), (2, "two", 1)]  # the days after it
    assert learn.tuples(
        "select username, current_streak, xp_rank, challenge_rank, streak_rank"
        " from learn.current_leaderboard order by 1"
    ) == [("one", 0, 1, 1, 1), ("two", 0, 2, 1, 1)]


def test_around_a_user(learn: Learn) -> None:
    users = scorers(learn, a=60, b=50, c=40, d=40, e=30, f=20)
    around = learn.tuples(
        "select rank, username from learn.leaderboard_around(%s, 'all_time', 'xp', 2)", [users["d"]]
    )
    assert around == [(2, "b"), (3, "c"), (3, "d"), (5, "e"), (6, "f")]
    nobody = learn.register_user("nobody")
    assert learn.tuples("select * from learn.leaderboard_around(%s, 'day', 'xp')", [nobody]) == []


def test_pages(learn: Learn) -> None:
    scorers(learn, a=60, b=50, c=40)
    page = learn.tuples("select rank, username from learn.leaderboard(p_limit => 2, p_offset => 1)")
    assert page == [(2, "b"), (3, "c")]
    assert learn.tuples("select rank from learn.leaderboard(p_limit => 0)") == []


@pytest.mark.parametrize(
    "call",
    [
        "select learn.leaderboard('year')",
        "select learn.leaderboard('day', 'lessons_fast')",
        "select learn.leaderboard('week', 'current_streak')",
        "select learn.leaderboard('day', null)",
        "select learn.leaderboard(p_limit => 1001)",
        "select learn.leaderboard(p_limit => null)",
        "select learn.leaderboard(p_offset => -1)",
        "select learn.leaderboard_around((select user_id from learn.user_stats limit 1), 'day', 'xp', -1)",
    ],
)
def test_what_is_no_board_is_refused(learn: Learn, call: str) -> None:
    learn.register_user("one")
    with learn.refuses("LX001"):
        learn.run(call)


@pytest.mark.parametrize("function", ["user_rank(%s)", "leaderboard_around(%s, 'day', 'xp')"])
def test_unknown_users_are_refused(learn: Learn, function: str) -> None:
    with learn.refuses("LX002"):
        learn.run(f"select learn.{function}", [UUID(int=1)])


def test_entries_are_what_the_boards_say(learn: Learn) -> None:
    users = scorers(learn, one=10, two=20)
    assert learn.refresh_leaderboard() >= 0
    assert learn.tuples(
        "select period, period_start::text, user_id, value, rank from learn.leaderboard_entries"
        " where metric = 'xp' order by 1, rank"
    ) == [
        (period, start, users[name], value, rank)
        for period, start in (
            ("all_time", "0001-01-01"),
            ("day", "2035-06-13"),
            ("month", "2035-06-01"),
            ("week", "2035-06-11"),
        )
        for name, value, rank in (("two", 20, 1), ("one", 10, 2))
    ]
    learn.award_xp(users["one"], 90)
    learn.refresh_leaderboard()
    assert learn.tuples(
        "select user_id, value from learn.leaderboard_entries"
        " where metric = 'xp' and period = 'all_time' order by rank"
    ) == [(users["one"], 100), (users["two"], 20)]


def test_a_board_among_some_users(learn: Learn) -> None:
    users = scorers(learn, a=60, b=50, c=50, d=40, e=30)
    friends = [users[name] for name in "bde"]
    for merge in (False, True):
        if merge:
            learn.refresh_leaderboard()
            learn.award_xp(users["e"], 15)  # some as of the last merge, one since
        expected = [(1, "b", 50), (2, "e", 45), (3, "d", 40)] if merge else [(1, "b"), (2, "d"), (3, "e")]
        assert [
            row[: len(expected[0])]
            for row in learn.tuples(
                "select rank, username, value from learn.leaderboard(p_among => %s)", [friends]
            )
        ] == expected
        assert learn.value("select learn.user_rank(%s, p_among => %s)", [users["d"], friends]) == 3 - (
            not merge
        )
        assert learn.value("select learn.user_rank(%s, p_among => %s)", [users["a"], friends]) is None
        around = learn.tuples(
            "select rank, username from learn.leaderboard_around(%s, 'week', 'xp', 1, p_among => %s)",
            [users["b"], friends],
        )
        assert around == [row[:2] for row in expected[:2]]
    assert learn.tuples("select * from learn.leaderboard(p_among => '{}')") == []
    streaks = "select * from learn.leaderboard('all_time', 'current_streak', p_among => %s)"
    assert learn.tuples(streaks, [friends]) == []  # awards are no learning
    with learn.refuses("LX001"):
        learn.tuples("select * from learn.leaderboard(p_among => array_fill(%s, '{10001}'))", [users["a"]])


def test_a_metric_gets_boards_that_know_the_past_and_loses_them(learn: Learn) -> None:
    activity = learn.make_activity_type()
    metrics = {
        "count": learn.make_metric(activity),
        "sum": learn.make_metric(activity, "sum", property="points"),
        "max": learn.make_metric(activity, "max", property="points"),
        "distinct_days": learn.make_metric(activity, "distinct_days"),
    }
    user = learn.register_user("one")
    for points in (3, 9):
        learn.record_activity(user, activity, properties={"points": points})
    for metric in metrics.values():
        with learn.refuses("LX001"):
            board(learn, "week", metric)
    learn.run("update learn.metrics set is_board = true where key = any(%s)", [[*metrics.values()]])
    learn.set_clock("2035-06-14 12:00")
    learn.record_activity(user, activity, properties={"points": 7})
    for merge in (False, True):
        if merge:
            learn.refresh_leaderboard()
        found = {
            aggregate: [board(learn, period, metric)[0][2] for period in ("day", "week", "all_time")]
            for aggregate, metric in metrics.items()
        }
        assert found == {
            "count": [1, 3, 3],
            "sum": [7, 19, 19],
            "max": [7, 9, 9],
            "distinct_days": [1, 2, 2],
        }
    learn.run("update learn.metrics set is_board = false where key = any(%s)", [[*metrics.values()]])
    learn.refresh_leaderboard()
    assert (
        learn.tuples("select * from learn.leaderboard_entries where metric = any(%s)", [[*metrics.values()]])
        == []
    )


def test_boards_of_periods_long_over_are_computed_from_the_facts(learn: Learn) -> None:
    users = scorers(learn, one=10, two=20)
    learn.award_xp(users["one"], 15, at=moment("2035-06-12 12:00"))
    expected = [(1, "two", 20), (2, "one", 10)]
    assert board(learn, "day", on="2035-06-13") == expected
    learn.set_clock("2035-08-01 12:00")
    learn.refresh_leaderboard()
    kept = learn.tuples("select distinct period from learn.leaderboard_entries where metric = 'xp'")
    assert kept == [("all_time",)]
    assert board(learn, "day", on="2035-06-13") == expected
    assert board(learn, "month", on="2035-06-30") == [(1, "one", 25), (2, "two", 20)]
    learn.award_xp(users["one"], 100, at=moment("2035-07-03 12:00"))  # late, for a period that is not kept
    learn.refresh_leaderboard()
    assert board(learn, "day", on="2035-07-03") == [(1, "one", 100)]


def test_a_metric_that_is_deleted_has_no_board_left(learn: Learn) -> None:
    activity = learn.make_activity_type()
    metric = learn.make_metric(activity)
    learn.run("update learn.metrics set is_board = true where key = %s", [metric])
    learn.record_activity(learn.register_user("one"), activity)
    learn.refresh_leaderboard()
    entries = "select value from learn.leaderboard_entries where metric = %s and period = 'day'"
    assert learn.tuples(entries, [metric]) == [(1,)]
    learn.run("delete from learn.metrics where key = %s", [metric])
    assert learn.tuples(entries, [metric]) == []
    with learn.refuses("LX001"):
        board(learn, "day", metric)


def test_a_refresh_says_how_much_it_has_merged(learn: Learn) -> None:
    learn.refresh_leaderboard()
    assert learn.refresh_leaderboard() == 0


def test_entries_of_earlier_periods_are_kept(learn: Learn) -> None:
    users = scorers(learn, one=10)
    learn.refresh_leaderboard()
    learn.set_clock("2035-06-14 12:00")
    learn.award_xp(users["one"], 5)
    learn.refresh_leaderboard()
    assert learn.tuples(
        "select period_start::text, value from learn.leaderboard_entries"
        " where metric = 'xp' and period = 'day' order by 1"
    ) == [("2035-06-13", 10), ("2035-06-14", 5)]


def test_app_roles_read_boards(db: Connection, learn: Learn) -> None:
    scorers(learn, one=10)
    for role in ("learn_app", "learn_readonly"):
        db.execute(f"set local role {role}".encode())
        assert len(board(learn)) == 1
        assert learn.tuples("select rank, value from learn.leaderboard_entries where rank > 1") == []
        assert learn.tuples("select * from learn.period_standings") == []
        db.execute("reset role")


def test_one_merge_serves_all_statements_of_a_load(learn: Learn) -> None:
    learn.run("insert into learn.users (username) select 'crowd-' || n from generate_series(1, 200) n")
    learn.run("set local track_functions = 'all'")
    for half in ("<", ">="):
        learn.run(
            "insert into learn.activity_log (user_id, activity_type, occurred_at)"
            " select id, 'exercise_solved', learn.clock() from learn.users"
            f" where username {half} 'crowd-5'"
        )
    learn.finish()
    merges = "select calls from pg_stat_xact_user_functions where funcname = 'merge_boards'"
    assert learn.value(merges) == 1
    assert learn.tuples("select * from learn_internal.board_gains") == []
    assert learn.tuples("select * from learn_internal.merge_requests") == []


@pytest.mark.parametrize("change", ["show_on_leaderboard = false", "timezone = 'Asia/Tokyo'"])
def test_learners_merge_for_nobody(learn: Learn, change: str) -> None:
    users = [learn.make_user() for _ in range(3)]
    lesson = learn.make_lesson(0)
    for _ in range(400):
        learn.award_xp(users[0], 1)
    for user in users:
        learn.complete_lesson(user, lesson)
    learn.run(f"update learn.users set {change} where id = %s", [users[0]])
    learn.finish()
    assert len(board(learn)) == (2 if "show" in change else 3)
    assert learn.refresh_leaderboard() > 400
    assert learn.tuples("select * from learn_internal.board_gains") == []


def test_who_is_deleted_is_on_no_list_any_more(learn: Learn) -> None:
    users = [learn.make_user() for _ in range(3)]
    for user in users:
        learn.award_xp(user, 1)
    learn.run("delete from learn.users where id = %s", [users[1]])
    learn.finish()
    assert learn.tuples("select * from learn_internal.board_gains") == []
    assert len(board(learn)) == 2


def test_who_moves_has_only_the_streak_looked_up(learn: Learn) -> None:
    user = learn.register_user("one")
    learn.complete_lesson(user, learn.make_lesson(0))
    learn.refresh_leaderboard()
    learn.run("update learn.users set timezone = 'Asia/Tokyo' where id = %s", [user])
    assert learn.tuples("select user_id, metric from learn_internal.board_gains") == [
        (user, "current_streak")
    ]


@pytest.mark.parametrize("caller", [None, "learn_app"])
def test_today_is_the_learners_own_date_and_another_day_is_named(learn: Learn, caller: str | None) -> None:
    learn.caller = caller
    east, west = (learn.make_user(timezone=zone) for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"))
    for user, xp in ((east, 30), (west, 20)):
        learn.award_xp(user, xp)  # on the 14th there, on the 13th here
    for user, own, other in ((east, "2035-06-14", "2035-06-13"), (west, "2035-06-13", "2035-06-14")):
        assert learn.user_rank(user, "day") == learn.user_rank(user, "day", on=own) == 1
        assert learn.user_rank(user, "day", on=other) is None
        around = learn.leaderboard_around(user, "day", "xp")
        assert [row.user_id for row in around] == [user]
        assert around == learn.leaderboard_around(user, "day", "xp", on=own)
        assert learn.leaderboard_around(user, "day", "xp", on=other) == []
    assert learn.user_rank(west, "week", on="2035-06-12") == 2


@pytest.mark.parametrize(
    ("period", "metric"),
    [("week", "current_streak"), ("day", "level_reached"), ("week", "nothing"), ("year", "xp")],
)
def test_who_asks_for_no_board_is_told_which_there_are(learn: Learn, period: str, metric: str) -> None:
    user = learn.make_user()
    calls: list[Callable[[], Any]] = [
        lambda: learn.leaderboard(period, metric),
        lambda: learn.user_rank(user, period, metric),
        lambda: learn.leaderboard_around(user, period, metric),
    ]
    for call in calls:
        with learn.refuses("LX001") as refusal:
            call()
        assert "all_time" in refusal.hint
        if period != "year":
            boards = learn.values("select key from learn.metrics where is_board")
            assert all(board in refusal.hint for board in boards)
        if metric == "current_streak":
            assert "current_streak are of the period all_time" in refusal.detail
