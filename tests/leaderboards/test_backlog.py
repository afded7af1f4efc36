"""Without refresh_leaderboard(), calls merge a few gains each where too many wait; boards stay right."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from tests.client import Learn
from tests.leaderboards.test_boards import board

WAITING = "select count(*) from learn_internal.board_gains"


@pytest.mark.parametrize("limit", [0, 100])
def test_so_many_gains_wait_at_most_and_boards_are_right(learn: Learn, limit: int) -> None:
    dice = random.Random(limit)
    learn.set_setting("leaderboard_gains_waiting", limit)
    names = [f"user-{number:02}" for number in range(40)]
    users = [learn.register_user(name) for name in names]
    lessons = [learn.make_lesson(0, xp_reward=7).id for _ in range(3)]
    hidden: set[str] = set()
    most = 0
    for number in range(400):
        place = dice.randrange(len(users))
        if number % 40 == 0:
            learn.complete_lesson(users[place], lessons[number // 160])
        elif number % 40 == 1:
            hidden ^= {names[place]}
            learn.run(
                "update learn.users set show_on_leaderboard = not show_on_leaderboard where id = %s",
                [users[place]],
            )
        else:
            learn.award_xp(users[place], dice.randint(1, 50))
        learn.finish()  # commits, as far as that goes in a test
        most = max(most, learn.value(WAITING))
    totals = dict(
        learn.tuples(
            "select username, total_xp from learn.user_stats join learn.users on id = user_id"
            " where total_xp > 0"
        )
    )
    assert most <= limit + 60
    assert learn.value("select count(*) from learn_internal.board_scores") > 0
    ranks: dict[int, int] = {}
    ordered = sorted((-xp, name) for name, xp in totals.items() if name not in hidden)
    assert board(learn) == [
        (ranks.setdefault(xp, place), name, -xp) for place, (xp, name) in enumerate(ordered, 1)
    ]
    assert [
        learn.value("select learn.user_rank(%s)", [user])
        for name, user in zip(names, users, strict=True)
        if name not in hidden and name in totals
    ] == [ranks[-totals[name]] for name in names if name not in hidden and name in totals]


def test_what_a_failed_transaction_had_gained_does_not_count_for_ever(learn: Learn, user: UUID) -> None:
    learn.refresh_leaderboard()
    learn.set_setting("leaderboard_gains_waiting", 50)
    learn.run("select setval('learn_internal.board_gains_id_seq', 1000000)")
    for _ in range(45):
        learn.award_xp(user, 1)
        learn.finish()
    assert learn.value(WAITING) == 45  # not the million that there seemed to be
    state = "select merged_to from learn_internal.board_state"
    assert learn.value(state) > 1_000_000 - 50


def test_where_ids_come_in_steps_as_on_shards_so_many_wait_as_there_are(learn: Learn) -> None:
    learn.connection.execute("alter sequence learn_internal.board_gains_id_seq increment 1024")
    learn.set_setting("leaderboard_gains_waiting", 50)
    user = learn.make_user()
    learn.award_xp(user, 1)
    learn.refresh_leaderboard()
    state = "select merged_to from learn_internal.board_state"
    before = learn.value(state)
    for _ in range(45):
        learn.award_xp(user, 1)
        learn.finish()
    assert learn.value(state) == before  # nobody has looked whether too many wait
    for _ in range(60):
        learn.award_xp(user, 1)
        learn.finish()
    assert learn.value(state) > before
    assert learn.value(WAITING) < 50


def test_within_the_limit_nobody_merges_and_a_load_merges_all(learn: Learn) -> None:
    learn.set_setting("leaderboard_gains_waiting", 100)
    learn.refresh_leaderboard()
    user = learn.make_user()
    for _ in range(90):
        learn.award_xp(user, 1)
        learn.finish()
    assert learn.value(WAITING) == 90
    for _ in range(30):
        learn.award_xp(user, 1)
    learn.run("insert into learn.users (username) select 'crowd-' || n from generate_series(1, 200) n")
    learn.run(  # in the transaction of calls that merge some
        "insert into learn.activity_log (user_id, activity_type, occurred_at)"
        " select id, 'exercise_solved', learn.clock() from learn.users"
    )
    learn.finish()
    assert learn.value(WAITING) == 0
