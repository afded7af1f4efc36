"""Every rank that boards answer is what the facts say: against a plain-Python recount, and at size."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.client import Learn

BOARDS = [
    *itertools.product(("xp", "lessons_completed", "longest_streak"), ("day", "week", "month", "all_time")),
    ("current_streak", "all_time"),
]
ZONES = ("UTC", "Asia/Tokyo", "Pacific/Honolulu")


def starts_on(period: str, day: date) -> date | None:
    """First day of the period in which a day lies."""
    return {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "all_time": None,
    }[period]


def streaks(learn: Learn) -> list[tuple[UUID, int]]:
    """Users and their streaks as of their own today, day by day: from active days and freezes in hand."""
    freezes: dict[UUID, list[date]] = defaultdict(list)
    for user, held_from in learn.tuples(
        "select user_id, granted_on from learn.streak_freezes where used_on is null order by granted_on, id"
    ):
        freezes[user].append(held_from)
    found = []
    now = learn.clock()
    for user, zone in learn.tuples("select id, timezone from learn.users"):
        known = dict(learn.active_days(user))
        if not known:
            continue
        day = last = max(known)
        length = 0
        while day in known:
            length += not known[day]
            day -= timedelta(days=1)
        missed = last + timedelta(days=1)
        held = freezes[user]
        while missed < now.astimezone(ZoneInfo(zone)).date() and held and held[0] <= missed:
            missed, held = missed + timedelta(days=1), held[1:]
        if missed >= now.astimezone(ZoneInfo(zone)).date():
            found.append((user, length))
    return found


def lengths(learn: Learn) -> list[tuple[UUID, date, int]]:
    """How long users' streaks were on each of their active days."""
    found = []
    last: tuple[UUID, date] | None = None
    length = 0
    for user, day, is_freeze, flown_over in learn.tuples(
        "select user_id, activity_date, is_freeze, flown_over from learn.user_activity_days order by 1, 2"
    ):
        length = (length if last == (user, day - timedelta(days=1 + flown_over)) else 0) + (not is_freeze)
        last = (user, day)
        if not is_freeze:
            found.append((user, day, length))
    return found


def expected_boards(learn: Learn) -> dict[tuple[str, str], list[tuple[int, str, int]]]:
    """All boards, from the ledger, the log and the active days: shared ranks, names in order."""
    today = learn.clock().date()
    listed = dict(
        learn.tuples("select id, username from learn.users where is_active and show_on_leaderboard")
    )
    gains: dict[str, list[Any]] = {
        "xp": learn.tuples("select user_id, earned_on, amount from learn.xp_transactions"),
        "lessons_completed": learn.tuples(
            "select user_id, local_date, 1 from learn.activity_log where activity_type = 'lesson_completed'"
        ),
    }
    gains["current_streak"] = [(user, today, length) for user, length in streaks(learn)]
    gains["longest_streak"] = lengths(learn)
    boards = {}
    for metric, period in BOARDS:
        sums: dict[UUID, int] = defaultdict(int)
        for user, day, amount in gains[metric]:
            if starts_on(period, day) == starts_on(period, today) and user in listed:
                sums[user] = max(sums[user], amount) if metric == "longest_streak" else sums[user] + amount
        rows = sorted(
            (-value, listed[user].lower(), listed[user]) for user, value in sums.items() if value > 0
        )
        values = [-value for value, _, _ in rows]
        boards[metric, period] = [(values.index(-value) + 1, name, -value) for value, _, name in rows]
    return boards


def assert_boards_are_exact(learn: Learn) -> None:
    names = dict(learn.tuples("select username, id from learn.users"))
    today = learn.clock().date()
    for (metric, period), expected in expected_boards(learn).items():
        found = learn.tuples(
            "select rank, username, value from learn.leaderboard(%s, %s, 1000)", [period, metric]
        )
        assert found == expected, (metric, period)
        if len(expected) > 2:
            assert (
                learn.tuples(
                    "select rank, username, value from learn.leaderboard(%s, %s, 2, 1)", [period, metric]
                )
                == expected[1:3]
            )
        ranks = dict(
            learn.tuples(
                "select username, learn.user_rank(id, %s, %s, p_on => %s) from learn.users",
                [period, metric, today],
            )
        )
        assert ranks == dict.fromkeys(names) | {name: rank for rank, name, _ in expected}
        for place in range(0, len(expected), 3):
            around = learn.tuples(
                "select rank, username, value from learn.leaderboard_around(%s, %s, %s, 2, p_on => %s)",
                [names[expected[place][1]], period, metric, today],
            )
            assert around == expected[max(0, place - 2) : place + 3], (metric, period)


@pytest.mark.parametrize("seed", range(6))
def test_boards_are_exact_after_everything_that_can_happen(learn: Learn, seed: int) -> None:
    """Random gains, late ones, reversals, hiding, renaming, moving, merging: checked after each few."""
    dice = random.Random(seed)
    lessons = [learn.make_lesson(0, xp_reward=dice.choice([0, 5, 5, 10])) for _ in range(6)]
    users = [
        learn.register_user(f"{name}{seed}", timezone=dice.choice(ZONES))
        for name in ("ann", "Bob", "cid", "Dan", "eve", "fay", "gus")
    ]

    def someone() -> UUID:
        return dice.choice(users)

    def award() -> None:
        learn.award_xp(
            someone(),
            dice.choice([5, 5, 10, 20]),
            at=learn.clock() - timedelta(hours=dice.choice([0, 0, 0, 20, 60, 200])),
        )

    def complete() -> None:
        ago = timedelta(hours=dice.choice([0, 0, 0, 20, 60, 200]))
        learn.complete_lesson(someone(), dice.choice(lessons), at=learn.clock() - ago)

    def reverse() -> None:
        found = learn.tuples(
            "select t.user_id, t.id from learn.xp_transactions t join learn.users u on u.id = t.user_id"
            " where t.amount > 0 and u.is_active and not exists (select from learn.xp_transactions r"
            "   where r.user_id = t.user_id and r.source_type = 'reversal'"
            "   and r.source_id = t.id::text)"
            " order by t.id"
        )
        if found:
            user, transaction = dice.choice(found)
            learn.reverse_xp(user, transaction, "a mistake")

    def hide() -> None:
        learn.run(
            "update learn.users set show_on_leaderboard = not show_on_leaderboard where id = %s", [someone()]
        )

    def rename() -> None:
        learn.run(
            "update learn.users set username = %s where id = %s",
            [f"{dice.choice('xyz')}{dice.random()}", someone()],
        )

    def delete() -> None:
        if len(users) > 4:
            learn.run("delete from learn.users where id = %s", [users.pop()])

    def merge() -> None:
        learn.value("select learn_internal.merge_boards()")

    def refresh() -> None:
        learn.refresh_leaderboard()

    def rebuild() -> None:
        learn.rebuild_user(someone())

    def freeze() -> None:
        learn.grant_streak_freezes(someone())

    def move() -> None:
        learn.run("update learn.users set timezone = %s where id = %s", [dice.choice(ZONES), someone()])

    def later() -> None:
        learn.advance(timedelta(hours=dice.choice([7, 13, 24, 31])))

    steps = (
        [award] * 8
        + [complete] * 4
        + [reverse, hide, hide, rename, delete, merge, merge, refresh, rebuild, freeze, move, later, later]
    )
    for _ in range(8):
        for _ in range(5):
            dice.choice(steps)()
        assert_boards_are_exact(learn)


def test_ranks_are_exact_among_thousands(learn: Learn) -> None:
    """Values in stretches of a thousand, a crowd on one value, and moves across: after merges and before."""
    learn.run("insert into learn.users (username) select 'crowd-' || n from generate_series(1, 6000) n")

    def gain(amount: str) -> None:
        learn.run(
            "insert into learn.activity_log"
            " (user_id, activity_type, properties, xp, occurred_at, local_date, is_qualifying)"
            " select id, 'xp_awarded', '{\"source_type\": \"test\"}', n.xp,"
            " learn.clock(), learn.clock()::date, false"
            " from (select u.id, substr(u.username, 7)::integer as number from learn.users u"
            f"   where username like 'crowd-%') u cross join lateral (select {amount} as xp) n"
            " where n.xp > 0"
        )

    def differences() -> list[Any]:
        return learn.tuples(
            "select u.username, r.rank, learn.user_rank(u.id) from ("
            "   select user_id, rank() over (order by total_xp desc) as rank from learn.user_stats"
            "   where total_xp > 0) r"
            " join learn.users u on u.id = r.user_id"
            " where right(u.username, 3) in ('000', '137', '299', '500', '802')"
            " and r.rank is distinct from learn.user_rank(u.id)"
        )

    gain("case when number % 3 = 0 then 50 else number % 1700 + 1 end")
    assert differences() == []
    learn.finish()  # merges, since it was large
    stretches = learn.value("select count(*) from learn_internal.board_stretches where period = 'all_time'")
    assert stretches > 3
    assert differences() == []
    gain("case when number % 40 = 0 then number end")
    assert differences() == []
    learn.refresh_leaderboard()
    assert differences() == []
    gain("case when number > 5980 then 100000 end")
    learn.run("update learn.users set is_active = false where username = 'crowd-5990'")
    assert learn.value("select learn.user_rank(id) from learn.users where username = 'crowd-5990'") is None
    learn.run("update learn.users set is_active = true where username = 'crowd-5990'")
    assert differences() == []
    learn.run("delete from learn.users where username like 'crowd-%7'")
    learn.refresh_leaderboard()
    assert differences() == []
