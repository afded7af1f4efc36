"""Damage to boards is reported, and mended from the facts."""

from __future__ import annotations

import pytest

from tests.client import Learn

SCORES = "boards_follow_from_facts"
FENCES = "stretches_of_boards_are_counted"
NAMES = "names_on_boards_are_usernames"


def damaged(learn: Learn, statement: str) -> set[str]:
    """The checks that fail after a statement, on a board with a merge behind it and gains since."""
    one, two = learn.register_user("one"), learn.register_user("two")
    learn.award_xp(one, 20)
    learn.award_xp(two, 30)
    learn.complete_lesson(one, learn.make_lesson(0))
    learn.refresh_leaderboard()
    learn.award_xp(one, 5)
    assert learn.check_integrity() == []
    if "xp_transactions" in statement:  # no owner can, but a disk might
        learn.run("set local session_replication_role = replica")
    learn.run(statement)
    learn.run("set local session_replication_role = origin")
    return {damage.check_name for damage in learn.check_integrity()}


@pytest.mark.no_integrity  # a lost payment is no projection: nothing mends it
@pytest.mark.parametrize(
    ("statement", "checks"),
    [
        ("update learn_internal.board_scores set value = value + 1 where period = 'week'", {SCORES}),
        ("delete from learn_internal.board_scores where period = 'day'", {SCORES}),
        (
            "insert into learn_internal.board_scores (user_id, metric, period, starts_on, value, name)"
            " select user_id, 'xp', 'day', '2035-06-12', 7, 'ghost' from learn.user_stats limit 1",
            {SCORES},
        ),
        (
            "insert into learn_internal.board_gains (user_id, metric, local_date, amount)"
            " select user_id, 'xp', '2035-06-13', 1 from learn.user_stats",
            {SCORES},
        ),
        (
            "update learn_internal.board_scores set lapses_at = lapses_at + interval '1 hour'"
            " where metric = 'current_streak'",
            {SCORES},
        ),
        ("delete from learn_internal.board_scores where metric = 'current_streak'", {SCORES}),
        ("update learn_internal.board_stretches set users = users + 1", {FENCES}),
        ("delete from learn_internal.board_stretches where period = 'week'", {FENCES}),
        ("update learn_internal.board_stretches set floor = 2 where period = 'week'", {FENCES}),
        ("update learn_internal.board_scores set name = 'two' where name = 'one'", {NAMES}),
        (
            "delete from learn.xp_transactions where amount = 5",
            {SCORES, "facts_are_paid", "total_xp_is_the_ledger_sum"},
        ),
    ],
)
def test_damage_is_reported_and_mended(learn: Learn, statement: str, checks: set[str]) -> None:
    assert damaged(learn, statement) >= checks
    learn.rebuild_all()
    assert {damage.check_name for damage in learn.check_integrity()} <= {"facts_are_paid"}
