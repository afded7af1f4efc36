"""The challenge of the day: scheduled ahead, one attempt per user and UTC day, ranked."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Challenge, Learn, moment

TODAY = date(2035, 6, 13)


@pytest.fixture
def challenge(learn: Learn) -> Challenge:
    return learn.make_challenge((5,), slug="daily")


def attempts(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    """(date, score, passed, xp_earned) by date."""
    return learn.tuples(
        "select d.date, a.score, a.passed, a.xp_earned from learn.daily_challenge_attempts a"
        " join learn.daily_challenges d on d.id = a.daily_challenge_id where a.user_id = %s order by 1",
        [user],
    )


# ── submitting ─────────────────────────────────────────────────────────────────────────────────────────────


def test_passing_pays_the_challenges_xp_times_the_multiplier(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    daily = learn.make_daily(challenge, TODAY)
    assert learn.submit_daily_challenge(user, "88.5") == AwardSummary(
        user, 200, 200, 2, True, 1, [], {}, False
    )
    assert attempts(learn, user) == [(TODAY, Decimal("88.5"), True, 200)]
    assert learn.ledger(user) == [(200, "daily_challenge_completed", str(daily))]
    assert learn.metric(user, "daily_challenges_completed") == 1


def test_failing_pays_nothing_and_is_an_active_day(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.make_daily(challenge, TODAY)
    assert learn.submit_daily_challenge(user, 10, False) == AwardSummary(
        user, 0, 0, 1, False, 1, [], {}, False
    )
    assert attempts(learn, user) == [(TODAY, Decimal(10), False, 0)]
    assert learn.metric(user, "daily_challenges_completed") == 0


@pytest.mark.parametrize(
    ("base", "multiplier", "xp"),
    [
        (100, "2.0", 200),
        (33, "1.5", 50),
        (35, "1.5", 53),
        (1, "0.5", 1),
        (1, "0.49", 0),
        (7, "0", 0),
        (0, 2, 0),
    ],
)
def test_fractions_are_rounded_half_up(learn: Learn, user: UUID, base: int, multiplier: str, xp: int) -> None:
    learn.make_daily(learn.make_challenge((5,), xp_base=base), TODAY, multiplier=multiplier)
    assert learn.submit_daily_challenge(user).xp_awarded == xp
    assert attempts(learn, user)[0][3] == xp


def test_it_is_one_attempt_per_day_passed_or_not(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.make_daily(challenge, TODAY)
    learn.make_daily(challenge, TODAY + timedelta(1))
    learn.submit_daily_challenge(user, 10, False)
    for passed in (True, False):
        with learn.refuses("LX008"):
            learn.submit_daily_challenge(user, 100, passed)
    learn.submit_daily_challenge(learn.make_user())
    learn.set_clock("2035-06-14 00:00")
    assert learn.submit_daily_challenge(user).xp_awarded == 200


def test_the_day_is_a_utc_day_and_the_streak_the_users(learn: Learn, challenge: Challenge) -> None:
    user = learn.make_user(timezone="Pacific/Kiritimati")  # 14 hours ahead
    learn.make_daily(challenge, TODAY)
    learn.submit_daily_challenge(user, at="2035-06-13 12:00")
    assert learn.active_days(user) == [(TODAY + timedelta(1), False)]
    learn.set_clock("2035-06-13 23:59:59")
    with learn.refuses("LX008"):
        learn.submit_daily_challenge(user)
    learn.set_clock("2035-06-14 00:00")
    with learn.refuses("LX003"):
        learn.submit_daily_challenge(user)


def test_a_late_attempt_is_at_the_challenge_of_its_day(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    learn.make_daily(challenge, TODAY - timedelta(2), multiplier=3)
    assert learn.submit_daily_challenge(user, at="2035-06-11 23:00").xp_awarded == 300
    with learn.refuses("LX003"):
        learn.submit_daily_challenge(user)


def test_attempts_that_come_in_late_make_no_second_one_of_the_day(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    """Whatever day they are dated on: one a day comes in."""
    for number in range(30):
        learn.make_daily(challenge, TODAY - timedelta(number))
    assert learn.submit_daily_challenge(user, at="2035-06-11 23:00").xp_awarded == 200
    for number in range(29):
        with learn.refuses("LX008"):
            learn.submit_daily_challenge(user, at=moment("2035-06-13 12:00") - timedelta(number))
    learn.set_clock("2035-06-14 00:00")
    assert learn.submit_daily_challenge(user, at="2035-06-13 23:59").xp_awarded == 200
    with learn.refuses("LX008"):
        learn.submit_daily_challenge(user, at="2035-06-12 12:00")
    assert learn.stats(user).total_xp == 400


def test_it_is_open_to_those_who_have_not_unlocked_it(learn: Learn, user: UUID, challenge: Challenge) -> None:
    locked = learn.make_challenge((5,), needs=(challenge,))
    learn.make_daily(locked, TODAY)
    assert learn.submit_daily_challenge(user).xp_awarded == 200
    assert learn.unlocked_challenges(user) == []
    with learn.refuses("LX005"):
        learn.submit_level_attempt(user, locked, 1)


def test_it_is_apart_from_the_challenges_own_levels(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.make_daily(challenge, TODAY)
    learn.submit_daily_challenge(user)
    assert learn.challenge_progress(user, challenge) is None
    assert learn.pass_challenge(user, challenge).xp_awarded == 105


def test_no_challenge_of_the_day_no_user_no_sense(learn: Learn, user: UUID, challenge: Challenge) -> None:
    with learn.refuses("LX003"):
        learn.submit_daily_challenge(user)
    learn.make_daily(challenge, TODAY)
    for nobody in (uuid4(), None):
        with learn.refuses("LX002"):
            learn.submit_daily_challenge(nobody)
    for score in (None, -1, "100.01", "NaN", "Infinity"):
        with learn.refuses("LX001"):
            learn.submit_daily_challenge(user, score)
    with learn.refuses("LX001"):
        learn.submit_daily_challenge(user, 50, None)
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.submit_daily_challenge(user)


def test_a_retry_is_answered_and_not_too_many(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.make_daily(challenge, TODAY)
    first = learn.submit_daily_challenge(user, key="daily")
    assert learn.submit_daily_challenge(user, key="daily") == AwardSummary(
        **{**first._asdict(), "replayed": True}
    )
    with learn.refuses("LX013"):
        learn.submit_daily_challenge(user, 81, key="daily")


def test_rows_written_directly_do_what_the_function_does(learn: Learn, challenge: Challenge) -> None:
    daily = learn.make_daily(challenge, TODAY)
    called = [learn.make_user() for _ in range(4)]
    written = [learn.make_user() for _ in range(4)]
    for number, user in enumerate(called):
        learn.submit_daily_challenge(user, 10 * number, number % 2 == 0)
    learn.run(
        "insert into learn.daily_challenge_attempts (user_id, daily_challenge_id, score, passed, xp_earned)"
        " select u, %s, 10 * (n - 1), n %% 2 = 1, 99 from unnest(%s::uuid[]) with ordinality w(u, n)",
        [daily, written],
    )
    for one, other in zip(called, written, strict=True):
        assert attempts(learn, one) == attempts(learn, other)
        assert learn.ledger(one) == learn.ledger(other)
        assert learn.facts(one) == learn.facts(other)
        assert learn.stats(one) == learn.stats(other)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"score": 101}, "23514"),
        ({"score": -1}, "23514"),
        ({"score": None}, "23502"),
        ({"passed": None}, "23502"),
        ({"xp_earned": -1}, "23514"),
        ({"daily_challenge_id": 0}, "23503"),
        ({"user_id": UUID(int=7)}, "23503"),
    ],
    ids=repr,
)
def test_an_attempt_that_its_table_refuses(
    learn: Learn, user: UUID, challenge: Challenge, values: dict[str, Any], code: str
) -> None:
    daily = learn.make_daily(challenge, TODAY)
    row = {"user_id": user, "daily_challenge_id": daily, "score": 5, "passed": False, **values}
    with learn.fails(code):
        learn.insert("daily_challenge_attempts", "1", **row)


def test_a_day_that_its_table_refuses(learn: Learn, challenge: Challenge) -> None:
    learn.make_daily(challenge, TODAY)
    with learn.fails("23505"):
        learn.make_daily(challenge, TODAY)
    with learn.fails("23514"):
        learn.make_daily(challenge, TODAY + timedelta(1), multiplier=-1)
    with learn.fails("23514"):
        learn.run("update learn.daily_challenges set difficulty_modifier = 0")


def test_a_deleted_challenge_takes_its_days_along_and_no_xp(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    learn.make_daily(challenge, TODAY)
    learn.submit_daily_challenge(user)
    learn.run("delete from learn.challenges")
    assert attempts(learn, user) == []
    assert learn.stats(user).total_xp == 200


# ── the board ──────────────────────────────────────────────────────────────────────────────────────────────


def test_ranks_are_one_two_two_four(learn: Learn, challenge: Challenge) -> None:
    daily = learn.make_daily(challenge, TODAY)
    scores = [70, 90, 90, 100, 50, 60]
    users = [learn.make_user() for _ in scores]
    for user, score in zip(users, scores, strict=True):
        learn.submit_daily_challenge(user, score, score >= 60)
    learn.run("update learn.users set show_on_leaderboard = false where id = %s", [users[5]])
    hidden = learn.make_user()
    learn.submit_daily_challenge(hidden, 95)
    learn.run("update learn.users set is_active = false where id = %s", [hidden])
    found = learn.tuples(
        "select user_id, rank from learn.daily_challenge_ranks where daily_challenge_id = %s", [daily]
    )
    assert dict(found) == {users[3]: 1, users[1]: 2, users[2]: 2, users[0]: 4, users[4]: 5}


def test_ranks_of_a_day_are_of_that_day(learn: Learn, user: UUID, challenge: Challenge) -> None:
    other = learn.make_user()
    for day in (TODAY, TODAY + timedelta(1)):
        learn.make_daily(challenge, day)
    learn.submit_daily_challenge(user, 40)
    learn.submit_daily_challenge(other, 80)
    learn.set_clock("2035-06-14 12:00")
    learn.submit_daily_challenge(user, 30)
    found = learn.tuples(
        "select d.date, r.rank from learn.daily_challenge_ranks r"
        " join learn.daily_challenges d on d.id = r.daily_challenge_id where r.user_id = %s order by 1",
        [user],
    )
    assert found == [(TODAY, 2), (TODAY + timedelta(1), 1)]


def test_the_board_tells_how_many_took_part_and_how_they_did(learn: Learn, challenge: Challenge) -> None:
    learn.make_daily(challenge, TODAY, multiplier="1.5")
    learn.make_daily(challenge, TODAY + timedelta(1))
    for score, passed in ((70, True), (50, False), (55, True)):
        learn.submit_daily_challenge(learn.make_user(), score, passed)
    rows = learn.tuples(
        "select date, slug, xp_multiplier, participants_count, passed_count, average_score"
        " from learn.daily_challenge_board order by date"
    )
    assert rows == [
        (TODAY, "daily", Decimal("1.5"), 3, 2, Decimal("58.33")),
        (TODAY + timedelta(1), "daily", Decimal("2.0"), 0, 0, None),
    ]


# ── the schedule ───────────────────────────────────────────────────────────────────────────────────────────


def schedule(learn: Learn) -> list[tuple[date, int]]:
    return learn.tuples("select date, challenge_id from learn.daily_challenges order by date")


def test_coming_days_get_a_challenge_each(learn: Learn) -> None:
    challenges = {learn.make_challenge((5,)).id for _ in range(7)}
    picked = learn.schedule_daily_challenges(7)
    assert [day for day, _ in picked] == [TODAY + timedelta(n) for n in range(7)]
    assert {challenge for _, challenge in picked} == challenges
    assert schedule(learn) == picked
    assert learn.schedule_daily_challenges(7) == []


def test_none_comes_twice_within_thirty_days(learn: Learn) -> None:
    challenges = [learn.make_challenge((5,)).id for _ in range(3)]
    picked = learn.schedule_daily_challenges(366)
    days: dict[int, list[date]] = {challenge: [] for challenge in challenges}
    for day, challenge in picked:
        days[challenge].append(day)
    for one in days.values():
        assert all((later - earlier).days >= 30 for earlier, later in pairwise(one))
        assert len(one) == 13  # each comes back as soon as it may
    assert len({day for day, _ in picked}) == len(picked) == 39


def test_a_day_that_was_planned_by_hand_stays_and_is_kept_clear_of(learn: Learn) -> None:
    one, two = learn.make_challenge((5,)), learn.make_challenge((5,))
    learn.make_daily(one, TODAY + timedelta(3))
    assert learn.schedule_daily_challenges(10) == [(TODAY, two.id)]


def test_the_one_that_was_longest_ago_comes_first(learn: Learn) -> None:
    recent, old, never = (learn.make_challenge((5,)) for _ in range(3))
    learn.make_daily(recent, TODAY - timedelta(31))
    learn.make_daily(old, TODAY - timedelta(60))
    picked = learn.schedule_daily_challenges(3)
    assert [challenge for _, challenge in picked] == [never.id, old.id, recent.id]


def test_what_is_inactive_or_without_levels_is_not_picked(learn: Learn) -> None:
    learn.make_challenge((5,), active=False)
    learn.make_challenge(())
    assert learn.schedule_daily_challenges(3) == []


def test_scheduling_is_for_days_that_make_sense(learn: Learn) -> None:
    for days in (0, -1, 367, None):
        with learn.refuses("LX001"):
            learn.schedule_daily_challenges(days)


def test_today_is_a_utc_day(learn: Learn, challenge: Challenge) -> None:
    learn.set_clock(moment("2035-06-13 23:30"))
    learn.run("set local timezone = 'Pacific/Kiritimati'")
    assert learn.schedule_daily_challenges(1) == [(TODAY, challenge.id)]


def test_who_may_do_what(learn: Learn, user: UUID, challenge: Challenge) -> None:
    with learn.role("learn_app"):
        assert len(learn.schedule_daily_challenges(1)) == 1
        learn.submit_daily_challenge(user)
        for statement in (
            "update learn.daily_challenges set xp_multiplier = 9",
            "delete from learn.daily_challenge_attempts",
        ):
            with learn.fails("42501"):
                learn.run(statement)
    with learn.role("learn_readonly"):
        assert learn.value("select count(*) from learn.daily_challenge_ranks") == 1
        assert learn.value("select count(*) from learn.daily_challenge_board") == 1
        for name, argument in (("schedule_daily_challenges", 1), ("submit_daily_challenge", user)):
            with learn.fails("42501"):
                learn.call(name, argument)


def test_a_challenge_of_the_day_that_was_attempted_stays_the_one_of_its_day(learn: Learn) -> None:
    user, challenge, other = learn.make_user(), learn.make_challenge((5,)), learn.make_challenge((5,))
    learn.make_daily(challenge, learn.clock().date())
    changes = ("date = date + 1", f"challenge_id = {other.id}")
    for change in changes:
        with learn.connection.transaction(force_rollback=True):
            learn.run(f"update learn.daily_challenges set {change}")
    learn.submit_daily_challenge(user)
    for change in changes:
        with learn.refuses("LX009"):
            learn.run(f"update learn.daily_challenges set {change}")
