"""Streak freezes: a freeze keeps a streak together over one missed day."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Learn


def be_active(learn: Learn, user: UUID, *dates: int) -> None:
    """At noon UTC of these days of July 2035, the clock being there."""
    learn.run(
        "insert into learn.activity_types (key, is_qualifying) values ('practised', true)"
        " on conflict do nothing"
    )
    for date in dates:
        learn.set_clock(f"2035-07-{date:02} 12:00")
        learn.record_activity(user, "practised")


def freezes(learn: Learn, user: UUID) -> int:
    return learn.stats(user).streak_freezes


def covered(learn: Learn, user: UUID) -> list[int]:
    return [day.day for day, is_freeze in learn.active_days(user) if is_freeze]


def test_a_granted_freeze_is_held_and_is_a_fact(learn: Learn, user: UUID) -> None:
    assert learn.grant_streak_freezes(user, 2) == AwardSummary(user, 0, 0, 1, False, 0, [], {}, False)
    learn.grant_streak_freezes(user)
    assert freezes(learn, user) == 3
    assert len(learn.facts(user, "streak_freeze_granted")) == 2


@pytest.mark.parametrize("number", [0, -1, 101])
def test_from_1_to_100_freezes_are_granted_at_a_time(learn: Learn, user: UUID, number: int) -> None:
    with learn.refuses("LX001"):
        learn.grant_streak_freezes(user, number)


def test_freezes_are_for_known_and_active_users(learn: Learn, user: UUID) -> None:
    with learn.refuses("LX002"):
        learn.grant_streak_freezes(uuid4())
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.grant_streak_freezes(user)


def test_one_freeze_covers_one_missed_day_and_adds_nothing_to_the_streak(learn: Learn, user: UUID) -> None:
    be_active(learn, user, 1, 2)
    learn.grant_streak_freezes(user)
    be_active(learn, user, 4)
    assert (learn.stats(user).current_streak, learn.stats(user).active_days) == (3, 3)
    assert freezes(learn, user) == 0
    assert covered(learn, user) == [3]
    assert learn.facts(user, "streak_freeze_used") == [("streak_freeze_used", "day", "2035-07-03")]


def test_a_streak_reads_alive_while_the_freezes_in_hand_cover_what_was_missed(
    learn: Learn, user: UUID
) -> None:
    be_active(learn, user, 1, 2)
    learn.grant_streak_freezes(user, 2)
    for date, read in ((3, 2), (4, 2), (5, 2), (6, 0)):
        learn.set_clock(f"2035-07-{date:02} 12:00")
        assert learn.calculate_user_streak(user) == read, date
        assert learn.dashboard(user)["current_streak"] == read, date
    assert freezes(learn, user) == 2  # reading spends none


def test_several_missed_days_take_as_many_freezes(learn: Learn, user: UUID) -> None:
    be_active(learn, user, 1)
    learn.grant_streak_freezes(user, 3)
    be_active(learn, user, 4)
    assert freezes(learn, user) == 1
    assert covered(learn, user) == [2, 3]
    assert learn.stats(user).current_streak == 2


def test_all_missed_days_are_covered_or_none(learn: Learn, user: UUID) -> None:
    be_active(learn, user, 1, 2)
    learn.grant_streak_freezes(user)
    be_active(learn, user, 5)
    assert freezes(learn, user) == 1
    assert covered(learn, user) == []
    assert (learn.stats(user).current_streak, learn.stats(user).longest_streak) == (1, 2)


def test_a_freeze_left_over_from_a_lost_streak_serves_the_next(learn: Learn, user: UUID) -> None:
    be_active(learn, user, 1)
    learn.grant_streak_freezes(user)
    be_active(learn, user, 5)
    be_active(learn, user, 7)
    assert covered(learn, user) == [6]
    assert learn.stats(user).current_streak == 2


def test_a_freeze_granted_after_the_streak_was_lost_does_not_bring_it_back(learn: Learn, user: UUID) -> None:
    be_active(learn, user, 1, 2)
    learn.set_clock("2035-07-04 12:00")
    learn.grant_streak_freezes(user, 5)
    assert learn.calculate_user_streak(user) == 0
    be_active(learn, user, 4)
    assert learn.stats(user).current_streak == 1
    assert freezes(learn, user) == 5


def test_a_freeze_granted_on_the_missed_day_itself_covers_it(learn: Learn, user: UUID) -> None:
    be_active(learn, user, 1, 2)
    learn.set_clock("2035-07-03 12:00")
    learn.grant_streak_freezes(user)
    learn.set_clock("2035-07-04 12:00")
    assert learn.calculate_user_streak(user) == 2
    be_active(learn, user, 4)
    assert learn.stats(user).current_streak == 3


def test_each_freeze_must_be_held_by_the_day_that_it_covers(learn: Learn, user: UUID) -> None:
    be_active(learn, user, 1)
    learn.set_clock("2035-07-03 12:00")
    learn.grant_streak_freezes(user, 2)  # the 2nd was missed without one
    be_active(learn, user, 4)
    assert learn.stats(user).current_streak == 1
    assert freezes(learn, user) == 2


def test_the_first_day_ever_takes_no_freeze(learn: Learn, user: UUID) -> None:
    learn.grant_streak_freezes(user)
    be_active(learn, user, 20)
    assert freezes(learn, user) == 1


def test_a_late_fact_on_a_covered_day_gives_the_freeze_back(learn: Learn, user: UUID) -> None:
    be_active(learn, user, 1)
    learn.grant_streak_freezes(user)
    be_active(learn, user, 3)
    assert freezes(learn, user) == 0
    learn.record_activity(user, "practised", at="2035-07-02 09:00")
    assert freezes(learn, user) == 1
    assert covered(learn, user) == []
    assert (learn.stats(user).current_streak, learn.stats(user).active_days) == (3, 3)
    be_active(learn, user, 5)
    assert covered(learn, user) == [4]
    assert learn.stats(user).current_streak == 4


def test_freezes_are_held_from_the_learners_local_day_on(learn: Learn) -> None:
    user = learn.make_user(timezone="Asia/Tokyo")
    be_active(learn, user, 1)
    learn.set_clock("2035-07-02 15:00")  # the 3rd in Tokyo
    learn.grant_streak_freezes(user)
    be_active(learn, user, 3)
    assert learn.stats(user).current_streak == 1


def test_days_of_a_batch_spend_freezes_like_days_one_by_one(learn: Learn) -> None:
    one, other = learn.make_user(), learn.make_user()
    for user in (one, other):
        be_active(learn, user, 1)
        learn.grant_streak_freezes(user, 2)
    learn.set_clock("2035-07-10 12:00")
    dates = [3, 4, 6, 9, 10]
    for date in dates:
        learn.record_activity(one, "practised", at=f"2035-07-{date:02} 09:00")
    learn.record_activities(
        [
            {"user_id": other, "activity_type": "practised", "occurred_at": f"2035-07-{date:02}T09:00:00Z"}
            for date in dates
        ]
    )
    assert covered(learn, one) == covered(learn, other) == [2, 5]
    assert learn.stats(one) == learn.stats(other)
    assert learn.stats(one).current_streak == 2
    assert learn.stats(one).longest_streak == 4


# ── earned ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_the_setting_no_streak_earns_a_freeze(learn: Learn, user: UUID) -> None:
    be_active(learn, user, *range(1, 15))
    assert freezes(learn, user) == 0


def test_a_streak_earns_a_freeze_each_time_it_grows_by_the_setting(learn: Learn, user: UUID) -> None:
    learn.set_setting("streak_freeze_every_days", 3)
    be_active(learn, user, 1, 2)
    assert freezes(learn, user) == 0
    be_active(learn, user, 3)
    assert freezes(learn, user) == 1
    be_active(learn, user, 3, 4, 5)
    assert freezes(learn, user) == 1
    be_active(learn, user, 6)
    assert freezes(learn, user) == 2
    assert len(learn.facts(user, "streak_freeze_earned")) == 2


def test_no_freeze_is_earned_above_the_maximum(learn: Learn, user: UUID) -> None:
    learn.set_setting("streak_freeze_every_days", 2)
    learn.set_setting("streak_freeze_maximum", 1)
    be_active(learn, user, *range(1, 9))
    assert freezes(learn, user) == 1


def test_an_earned_freeze_covers_a_day_and_the_frozen_day_does_not_count_for_the_next(
    learn: Learn, user: UUID
) -> None:
    learn.set_setting("streak_freeze_every_days", 3)
    be_active(learn, user, 1, 2, 3)
    be_active(learn, user, 5)
    assert covered(learn, user) == [4]
    assert (learn.stats(user).current_streak, freezes(learn, user)) == (4, 0)
    be_active(learn, user, 6, 7)
    assert (learn.stats(user).current_streak, freezes(learn, user)) == (6, 1)


def test_a_late_day_that_makes_the_streak_long_enough_earns_a_freeze(learn: Learn, user: UUID) -> None:
    learn.set_setting("streak_freeze_every_days", 3)
    be_active(learn, user, 1, 3)
    learn.record_activity(user, "practised", at="2035-07-02 09:00")
    assert learn.stats(user).current_streak == 3
    assert freezes(learn, user) == 1


def test_a_rebuild_finds_the_same_streak_and_freezes(learn: Learn, user: UUID) -> None:
    learn.set_setting("streak_freeze_every_days", 3)
    be_active(learn, user, 1, 2, 3, 5, 6, 9, 10, 11)
    before = learn.stats(user), learn.active_days(user)
    learn.rebuild_user(user)
    assert (learn.stats(user), learn.active_days(user)) == before
