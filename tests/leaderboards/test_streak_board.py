"""The board of streaks: right at the moment at which a streak ends, though nothing is written then."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.client import Learn, days, moment

STREAKS = "select rank, username, value from learn.leaderboard('all_time', 'current_streak')"
Standing = tuple[int, str, int]


def active(learn: Learn, user: UUID, *at: str) -> None:
    """A lesson completed at each of these moments of 2035, the clock being there."""
    for when in at:
        learn.set_clock(f"2035-{when}")
        learn.complete_lesson(user, learn.make_lesson(0))


def board(learn: Learn) -> list[Standing]:
    """The board, which must be the same however it is asked for."""
    page = learn.tuples(STREAKS)
    users = [user for (user,) in learn.tuples("select id from learn.users")]
    among = learn.tuples(
        "select rank, username, value from learn.leaderboard('all_time', 'current_streak', p_among => %s)",
        [users],
    )
    assert among == page
    ranks = learn.tuples(
        "select username, learn.user_rank(id, 'all_time', 'current_streak') from learn.users"
        " where learn.user_rank(id, 'all_time', 'current_streak') is not null order by 2, lower(username)"
    )
    assert ranks == [(name, rank) for rank, name, _ in page]
    for user in users:
        around = learn.tuples(
            "select rank, username, value"
            " from learn.leaderboard_around(%s, 'all_time', 'current_streak', 100)",
            [user],
        )
        assert around in (page, [])
    return page


@pytest.mark.parametrize("merge", [False, True])
def test_a_streak_ends_at_midnight_of_its_user(learn: Learn, merge: bool) -> None:
    for name, zone, length in (
        ("apia", "Pacific/Apia", 1),
        ("hawaii", "Pacific/Honolulu", 2),
        ("utc", "UTC", 3),
    ):
        user = learn.register_user(name, timezone=zone)
        active(learn, user, *("06-09 12:00", "06-10 12:00", "06-11 12:00")[-length:])
    if merge:
        learn.refresh_leaderboard()
    everybody = [("utc", 3), ("hawaii", 2), ("apia", 1)]
    for midnight in (
        moment("2035-06-13 00:00"),
        moment("2035-06-13 00:00", "Pacific/Honolulu"),
        moment("2035-06-14 00:00", "Pacific/Apia"),  # 13 hours ahead: a date ahead, too
    ):
        learn.set_clock(midnight - days(1 / 86400))
        assert board(learn) == [(n, *row) for n, row in enumerate(everybody, 1)]
        learn.set_clock(midnight)
        everybody = everybody[1:]
        assert board(learn) == [(n, *row) for n, row in enumerate(everybody, 1)]
        assert learn.check_integrity() == []
    assert everybody == []


@pytest.mark.parametrize("merge", [False, True])
def test_freezes_put_the_end_off_and_a_lost_streak_stays_lost(learn: Learn, merge: bool) -> None:
    one, two = learn.register_user("one"), learn.register_user("two")
    active(learn, one, "06-10 12:00")
    active(learn, two, "06-10 12:00")
    if merge:
        learn.refresh_leaderboard()
    learn.grant_streak_freezes(one, 2)
    for day, left in ((11, ["one", "two"]), (12, ["one"]), (13, ["one"]), (14, [])):
        learn.set_clock(f"2035-06-{day} 23:59:59")
        assert [name for _, name, _ in board(learn)] == left, day
    learn.grant_streak_freezes(one, 5)
    assert board(learn) == []


def test_a_late_day_brings_a_streak_back(learn: Learn) -> None:
    user = learn.register_user("one")
    active(learn, user, "06-10 12:00", "06-11 12:00")
    learn.set_clock("2035-06-13 12:00")
    learn.refresh_leaderboard()
    assert board(learn) == []
    learn.complete_lesson(user, learn.make_lesson(0), at="2035-06-12 12:00")
    assert board(learn) == [(1, "one", 3)]
    learn.refresh_leaderboard()
    assert board(learn) == [(1, "one", 3)]


@pytest.mark.parametrize("merge", [False, True])
def test_who_moves_west_has_longer(learn: Learn, merge: bool) -> None:
    user = learn.register_user("one")
    active(learn, user, "06-10 12:00")
    if merge:
        learn.refresh_leaderboard()
    learn.run("update learn.users set timezone = 'Pacific/Honolulu' where id = %s", [user])
    learn.set_clock("2035-06-12 09:59:59")
    assert board(learn) == [(1, "one", 1)]
    learn.set_clock("2035-06-12 10:00")
    assert board(learn) == []


def test_who_starts_anew_stands_where_the_new_streak_is(learn: Learn) -> None:
    one, two = learn.register_user("one"), learn.register_user("two")
    active(learn, one, "06-08 12:00", "06-09 12:00", "06-10 12:00")
    active(learn, two, "06-11 12:00")
    learn.refresh_leaderboard()
    active(learn, two, "06-12 12:00")
    active(learn, one, "06-12 12:00")
    assert board(learn) == [(1, "two", 2), (2, "one", 1)]
    learn.refresh_leaderboard()
    assert board(learn) == [(1, "two", 2), (2, "one", 1)]


def test_a_refresh_takes_off_all_that_have_ended_and_a_merge_a_few(learn: Learn) -> None:
    learn.run("insert into learn.users (username) select 'crowd-' || n from generate_series(1, 500) n")
    learn.run(
        "insert into learn.activity_log (user_id, activity_type, occurred_at)"
        " select id, 'exercise_solved', learn.clock() from learn.users where username like 'crowd-%'"
    )
    learn.refresh_leaderboard()
    kept = "select count(*) from learn_internal.board_scores where metric = 'current_streak'"
    assert learn.value(kept) == 500
    learn.advance(days(2))
    assert learn.tuples(STREAKS) == []
    learn.value("select learn_internal.merge_boards()")
    assert learn.value(kept) == 300
    assert learn.tuples(STREAKS) == []
    assert learn.check_integrity() == []
    learn.refresh_leaderboard()
    assert learn.value(kept) == 0
    assert learn.tuples("select * from learn.leaderboard_entries where metric = 'current_streak'") == []


def test_without_a_board_of_streaks_none_is_kept(learn: Learn) -> None:
    user = learn.register_user("one")
    active(learn, user, "06-10 12:00")
    learn.run("update learn.metrics set is_board = false where key = 'current_streak'")
    learn.refresh_leaderboard()
    active(learn, user, "06-11 12:00")
    kept = "select count(*) from learn_internal.{} where metric = 'current_streak'"
    assert learn.value(kept.format("board_scores")) == learn.value(kept.format("board_gains")) == 0
    learn.run("update learn.metrics set is_board = true where key = 'current_streak'")
    assert board(learn) == [(1, "one", 2)]
