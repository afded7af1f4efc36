"""Readers look up few of those whose gains wait to be merged: what they answer is that of all of them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.client import Learn

SCORES = """
    insert into learn_internal.board_scores (user_id, metric, period, starts_on, value, name)
    select u.id, %(metric)s, 'all_time', '-infinity', s.value, lower(u.username)
    from unnest(%(names)s::text[], %(values)s::bigint[]) s(name, value)
    join learn.users u on u.username = s.name
"""
GAINS = """
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select u.id, %(metric)s, learn.clock()::date, s.value
    from unnest(%(names)s::text[], %(values)s::bigint[]) s(name, value)
    join learn.users u on u.username = s.name
"""
SPLIT = """
    select learn_internal.split_stretch(metric, period, starts_on, floor)
    from learn_internal.board_stretches where users > 1000
"""
CASES = [
    # (users, how many are on the merged board, how many have gained, values up to, gains up to, who loses)
    (40, 0, 40, 9, 9, 0.0),  # nothing was ever merged
    (40, 35, 5, 9, 9, 0.3),
    (200, 180, 9, 300, 40, 0.1),  # looked up by key
    (200, 150, 120, 300, 40, 0.0),  # found in the order of the board
    (200, 150, 120, 300, 900, 0.2),
    (200, 60, 190, 100_000, 50, 0.0),
    (200, 150, 90, 300, 290, 0.8),  # the first lose
    (2600, 2500, 30, 5000, 30, 0.1),  # several stretches
    (2600, 2300, 900, 5000, 30, 0.1),
]


@pytest.mark.parametrize("metric", ["xp", "longest_streak"])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_readers_agree_with_all_that_waits(learn: Learn, case: int, metric: str) -> None:
    users, merged, waiting, most, gain, losing = CASES[case]
    dice = random.Random(f"{case} {metric}")
    names = [f"user-{number:05}" for number in range(users)]
    dice.shuffle(names)
    hidden = set(names[merged:][::3])
    scores = {name: dice.randint(-1 if dice.random() < 0.05 else 1, most) for name in names[:merged]}
    gains: list[tuple[str, int]] = []
    for name in dice.sample(names, waiting):
        signs = [-1 if dice.random() < losing else 1 for _ in range(dice.choice([1, 1, 2, 3]))]
        gains.extend((name, sign * dice.randint(1, gain)) for sign in signs)
    values = dict(scores)
    for name, amount in gains:
        if name not in hidden:
            values[name] = (
                values.get(name, 0) + amount if metric == "xp" else max(values.get(name, amount), amount)
            )
    ordered = sorted((-value, name) for name, value in values.items() if value > 0)
    board = _ranked(ordered)
    ids = dict(
        learn.tuples(
            "insert into learn.users (username, show_on_leaderboard)"
            " select n, not h from unnest(%s::text[], %s::boolean[]) u(n, h) returning username, id",
            [names, [name in hidden for name in names]],
        )
    )
    with learn.connection.transaction(force_rollback=True):  # these are no facts
        learn.run("delete from learn_internal.board_gains")
        learn.run("delete from learn_internal.board_scores")
        for query, rows in ((SCORES, list(scores.items())), (GAINS, gains)):
            columns = {"names": [name for name, _ in rows], "values": [value for _, value in rows]}
            learn.run(query, columns | {"metric": metric})
        learn.run(SPLIT)

        for limit, offset in ((1000, 0), (3, 0), (10, 0), (5, 17), (7, 150)):
            page = learn.tuples(
                "select rank, username, value from learn.leaderboard('all_time', %s, %s, %s)",
                [metric, limit, offset],
            )
            assert page == board[offset : offset + limit], (limit, offset)
        ranks = {name: rank for rank, name, _ in board}
        for name in dice.sample(names, 30):
            found = learn.value("select learn.user_rank(%s, 'all_time', %s)", [ids[name], metric])
            assert found == ranks.get(name)
        for place in {0, 1, len(board) - 1, *(dice.randrange(len(board)) for _ in range(20))}:
            rank, name, _ = board[place]
            for span in (0, 1, 4):
                around = learn.tuples(
                    "select rank, username, value from learn.leaderboard_around(%s, 'all_time', %s, %s)",
                    [ids[name], metric, span],
                )
                assert around == board[max(0, place - span) : place + span + 1], (name, span)
            share = learn.value("select learn.rank_percentile(%s, %s)", [ids[name], metric])
            assert float(share) == pytest.approx(100 * (len(board) - rank + 1) / len(board), abs=0.006)
        cohort = dice.sample(names, 20)
        among: list[Any] = _ranked([(-value, name) for _, name, value in board if name in cohort])
        assert among == learn.tuples(
            "select rank, username, value from learn.leaderboard('all_time', %s, 1000, p_among => %s)",
            [metric, [ids[name] for name in cohort]],
        )


def _ranked(ordered: list[tuple[int, str]]) -> list[tuple[int, str, int]]:
    ranks: dict[int, int] = {}
    return [(ranks.setdefault(value, place), name, -value) for place, (value, name) in enumerate(ordered, 1)]
