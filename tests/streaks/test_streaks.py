"""Streaks: the learner's local days, late facts, moving house, and what a streak reads as of today."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.client import Learn, days, moment, seconds


@pytest.fixture
def exercise(learn: Learn) -> int:
    return learn.make_lesson(2).exercises[0]


def be_active(learn: Learn, user: UUID, exercise: int, *dates: str) -> None:
    """At noon UTC of each date, the clock being there."""
    for date in dates:
        learn.set_clock(f"{date} 12:00")
        learn.submit_query(user, exercise, False)


def streak(learn: Learn, user: UUID) -> tuple[int, int, int]:
    """(current as stored, longest, active days)."""
    stats = learn.stats(user)
    return stats.current_streak, stats.longest_streak, stats.active_days


def test_a_new_user_has_no_streak(learn: Learn, user: UUID) -> None:
    assert streak(learn, user) == (0, 0, 0)
    assert learn.calculate_user_streak(user) == 0
    assert learn.stats(user).last_activity_date is None


def test_several_acts_on_one_day_are_one_day(learn: Learn, user: UUID, exercise: int) -> None:
    for _ in range(3):
        assert learn.submit_query(user, exercise, False).current_streak == 1
    assert streak(learn, user) == (1, 1, 1)


def test_each_day_in_a_row_adds_one(learn: Learn, user: UUID, exercise: int) -> None:
    be_active(learn, user, exercise, "2035-02-27", "2035-02-28", "2035-03-01", "2035-03-02")
    assert streak(learn, user) == (4, 4, 4)


def test_a_missed_day_starts_anew_and_the_longest_stays(learn: Learn, user: UUID, exercise: int) -> None:
    be_active(learn, user, exercise, "2035-06-01", "2035-06-02", "2035-06-03", "2035-06-05")
    assert streak(learn, user) == (1, 3, 4)


def test_a_streak_reads_0_once_a_day_was_missed(learn: Learn, user: UUID, exercise: int) -> None:
    be_active(learn, user, exercise, "2035-06-11", "2035-06-12")
    for now, read in (
        ("2035-06-12 23:59:59", 2),
        ("2035-06-13 00:00:00", 2),
        ("2035-06-13 23:59:59.999999", 2),
        ("2035-06-14 00:00:00", 0),
        ("2036-01-01 00:00:00", 0),
    ):
        learn.set_clock(now)
        assert learn.calculate_user_streak(user) == read, now
        assert learn.dashboard(user)["current_streak"] == read, now
    assert learn.dashboard(user)["longest_streak"] == 2


def test_a_summary_reads_the_streak_as_of_today(learn: Learn, user: UUID, exercise: int) -> None:
    be_active(learn, user, exercise, "2035-06-11", "2035-06-12")
    learn.set_clock("2035-06-20 12:00")
    assert learn.award_xp(user, 1).current_streak == 0


def test_a_streak_of_nobody_is_refused(learn: Learn) -> None:
    with learn.refuses("LX002"):
        learn.calculate_user_streak(None)
    with learn.refuses("LX002"):
        learn.run("select learn.calculate_user_streak(gen_random_uuid())")


# ── local days ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("zone", "last", "first"),
    [
        # The last moment of one local day and the first of the next, in UTC.
        ("UTC", "2035-06-12 23:59:59.999999", "2035-06-13 00:00:00"),
        ("Asia/Tokyo", "2035-06-12 14:59:59.999999", "2035-06-12 15:00:00"),
        ("Pacific/Kiritimati", "2035-06-12 09:59:59.999999", "2035-06-12 10:00:00"),  # +14
        ("Pacific/Pago_Pago", "2035-06-12 10:59:59.999999", "2035-06-12 11:00:00"),  # -11
        ("America/New_York", "2035-06-13 03:59:59.999999", "2035-06-13 04:00:00"),
        ("Asia/Kolkata", "2035-06-12 18:29:59.999999", "2035-06-12 18:30:00"),
        ("Asia/Kathmandu", "2035-06-12 18:14:59.999999", "2035-06-12 18:15:00"),
    ],
)
def test_a_day_ends_at_the_learners_midnight(
    learn: Learn, exercise: int, zone: str, last: str, first: str
) -> None:
    user = learn.make_user(timezone=zone)
    learn.submit_query(user, exercise, False, at=last)
    assert streak(learn, user) == (1, 1, 1)
    learn.submit_query(user, exercise, False, at=first)
    assert streak(learn, user) == (2, 2, 2)


@pytest.mark.parametrize(
    ("zone", "dates"),
    [
        # The clocks go forward on the 2nd of these days (23 hours) or back (25 hours).
        ("Europe/Paris", ("2035-03-24", "2035-03-25", "2035-03-26")),
        ("Europe/Paris", ("2035-10-27", "2035-10-28", "2035-10-29")),
        ("America/New_York", ("2035-03-10", "2035-03-11", "2035-03-12")),
        ("America/New_York", ("2035-11-03", "2035-11-04", "2035-11-05")),
    ],
)
@pytest.mark.parametrize("time", ["00:00", "00:30", "03:30", "23:30", "23:59:59"])
def test_a_day_of_23_or_25_hours_is_one_day(
    learn: Learn, exercise: int, zone: str, dates: tuple[str, str, str], time: str
) -> None:
    user = learn.make_user(timezone=zone)
    for number, date in enumerate(dates, start=1):
        learn.set_clock(moment(f"{date} {time}", zone))
        assert learn.submit_query(user, exercise, False).current_streak == number
    assert [str(day) for day, _ in learn.active_days(user)] == list(dates)


def test_both_ends_of_a_day_of_25_hours_are_the_same_day(learn: Learn, exercise: int) -> None:
    user = learn.make_user(timezone="Europe/Paris")
    learn.set_clock("2035-10-28 23:00")
    learn.submit_query(user, exercise, False, at="2035-10-27 22:00")  # 00:00 there
    learn.submit_query(user, exercise, False, at="2035-10-28 22:59:59")  # 23:59:59 there
    assert streak(learn, user) == (1, 1, 1)
    learn.submit_query(user, exercise, False, at="2035-10-28 23:00")
    assert streak(learn, user) == (2, 2, 2)


def test_both_ends_of_a_day_of_23_hours_are_the_same_day(learn: Learn, exercise: int) -> None:
    user = learn.make_user(timezone="America/New_York")
    learn.set_clock("2035-03-12 04:00")
    learn.submit_query(user, exercise, False, at="2035-03-11 05:00")  # 00:00 there
    learn.submit_query(user, exercise, False, at="2035-03-12 03:59:59")  # 23:59:59 there
    assert streak(learn, user) == (1, 1, 1)
    learn.submit_query(user, exercise, False, at="2035-03-12 04:00")
    assert streak(learn, user) == (2, 2, 2)


def test_a_streak_ends_with_the_learners_today(learn: Learn, exercise: int) -> None:
    kiritimati, pago = (
        learn.make_user(timezone="Pacific/Kiritimati"),
        learn.make_user(timezone="Pacific/Pago_Pago"),
    )
    learn.set_clock("2035-06-12 10:30")  # the 13th at +14, the 11th at -11
    for user in (kiritimati, pago):
        learn.submit_query(user, exercise, False)
    assert str(learn.stats(kiritimati).last_activity_date) == "2035-06-13"
    assert str(learn.stats(pago).last_activity_date) == "2035-06-11"
    learn.set_clock("2035-06-14 10:00")  # the 15th there: the 14th was missed
    assert learn.calculate_user_streak(kiritimati) == 0
    learn.set_clock("2035-06-13 10:59:59")  # still the 12th there
    assert learn.calculate_user_streak(pago) == 1
    learn.set_clock("2035-06-13 11:00")  # the 13th: the 12th was missed
    assert learn.calculate_user_streak(pago) == 0


def test_the_time_zone_of_the_session_does_not_matter(learn: Learn, exercise: int) -> None:
    user = learn.make_user(timezone="America/New_York")
    learn.run("set local timezone to 'Asia/Tokyo'")
    learn.submit_query(user, exercise, False, at="2035-06-13 03:30")
    assert str(learn.stats(user).last_activity_date) == "2035-06-12"
    assert learn.calculate_user_streak(user) == 1


# ── late facts ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_late_fact_mends_a_streak(learn: Learn, user: UUID, exercise: int) -> None:
    be_active(learn, user, exercise, "2035-06-09", "2035-06-10", "2035-06-12", "2035-06-13")
    assert streak(learn, user) == (2, 2, 4)
    assert learn.submit_query(user, exercise, False, at="2035-06-11 08:00").current_streak == 5
    assert streak(learn, user) == (5, 5, 5)


def test_a_late_fact_that_mends_a_streak_earns_its_badge(learn: Learn, user: UUID, exercise: int) -> None:
    be_active(learn, user, exercise, "2035-06-11", "2035-06-13")
    assert learn.submit_query(user, exercise, False, at="2035-06-12 08:00").new_achievements == [
        "daily-learner"
    ]


def test_a_late_fact_far_back_leaves_the_current_streak_alone(learn: Learn, exercise: int) -> None:
    user = learn.make_user()
    be_active(learn, user, exercise, "2035-06-12", "2035-06-13")
    learn.submit_query(user, exercise, False, at="2035-06-01 08:00")
    assert streak(learn, user) == (2, 2, 3)
    for date in ("2035-06-02", "2035-06-03"):
        learn.submit_query(user, exercise, False, at=f"{date} 08:00")
    assert streak(learn, user) == (2, 3, 5)


def test_a_late_fact_before_the_first_day_lengthens_the_streak(learn: Learn, exercise: int) -> None:
    user = learn.make_user()
    be_active(learn, user, exercise, "2035-06-12", "2035-06-13")
    learn.submit_query(user, exercise, False, at="2035-06-11 08:00")
    assert streak(learn, user) == (3, 3, 3)


def test_days_in_any_order_make_the_same_streak(learn: Learn) -> None:
    activity = learn.make_activity_type(qualifying=True)
    dates = ["2035-06-13", "2035-06-09", "2035-06-11", "2035-06-12", "2035-06-10", "2035-06-05"]
    one, other = learn.make_user(), learn.make_user()
    for date in dates:
        learn.record_activity(one, activity, at=f"{date} 08:00")
    learn.record_activities(
        [{"user_id": other, "activity_type": activity, "occurred_at": f"{date}T08:00:00Z"} for date in dates]
    )
    assert streak(learn, one) == streak(learn, other) == (5, 5, 6)


# ── moving house ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_time_zone_does_not_rewrite_the_days_that_were(learn: Learn, exercise: int) -> None:
    user = learn.make_user(timezone="Asia/Tokyo")
    for at in ("2035-06-11 16:00", "2035-06-12 16:00"):  # the 12th and 13th in Tokyo
        learn.set_clock(at)
        learn.submit_query(user, exercise, False)
    learn.run("update learn.users set timezone = 'America/New_York' where id = %s", [user])
    assert [str(day) for day, _ in learn.active_days(user)] == ["2035-06-12", "2035-06-13"]
    learn.rebuild_user(user)
    assert [str(day) for day, _ in learn.active_days(user)] == ["2035-06-12", "2035-06-13"]
    assert streak(learn, user) == (2, 2, 2)


def test_after_a_move_west_the_streak_goes_on(learn: Learn, exercise: int) -> None:
    user = learn.make_user(timezone="Pacific/Kiritimati")
    learn.set_clock("2035-06-12 11:00")  # the 13th at +14
    learn.submit_query(user, exercise, False)
    learn.run("update learn.users set timezone = 'Pacific/Pago_Pago' where id = %s", [user])
    learn.set_clock("2035-06-12 12:00")  # the 12th at -11: a day before the last active one
    assert learn.calculate_user_streak(user) == 1
    learn.submit_query(user, exercise, False)
    assert [str(day) for day, _ in learn.active_days(user)] == ["2035-06-13"]  # the 12th is no day more
    assert learn.calculate_user_streak(user) == 1
    learn.set_clock("2035-06-14 12:00")  # the 14th at -11, the 15th at +14
    assert learn.submit_query(user, exercise, False).current_streak == 2


def test_after_a_move_east_the_next_day_is_one_by_both_clocks(learn: Learn, exercise: int) -> None:
    user = learn.make_user(timezone="America/New_York")
    learn.set_clock("2035-06-12 20:00")  # the 12th
    learn.submit_query(user, exercise, False)
    learn.run("update learn.users set timezone = 'Asia/Tokyo' where id = %s", [user])
    learn.set_clock("2035-06-12 21:00")  # the 13th in Tokyo, the 12th in New York
    assert learn.submit_query(user, exercise, False).current_streak == 1
    learn.set_clock("2035-06-13 04:00")  # the 13th in both
    assert learn.submit_query(user, exercise, False).current_streak == 2
    assert [str(day) for day, _ in learn.active_days(user)] == ["2035-06-12", "2035-06-13"]


# ── zones of then, and days that start later ───────────────────────────────────────────────────────────────


def move(learn: Learn, user: UUID, zone: str) -> None:
    learn.run("update learn.users set timezone = %s where id = %s", [zone, user])


def test_who_flies_east_over_a_date_keeps_the_streak(learn: Learn, exercise: int) -> None:
    """Los Angeles, 20:00; 14 hours later Auckland, 07:00: a local date was flown over."""
    learn.set_clock("2035-01-10 04:00")
    user = learn.make_user(timezone="America/Los_Angeles")
    learn.submit_query(user, exercise, False)
    learn.set_clock("2035-01-11 04:00")
    assert learn.submit_query(user, exercise, False).current_streak == 2
    learn.set_clock("2035-01-11 18:00")
    move(learn, user, "Pacific/Auckland")
    assert learn.calculate_user_streak(user) == 2
    assert learn.submit_query(user, exercise, False).current_streak == 3
    assert [str(day) for day, _ in learn.active_days(user)] == ["2035-01-09", "2035-01-10", "2035-01-12"]
    learn.set_clock("2035-01-12 18:00")
    assert learn.submit_query(user, exercise, False).current_streak == 4
    learn.set_clock("2035-01-14 18:00")  # stayed, and missed a day
    assert learn.submit_query(user, exercise, False).current_streak == 1


def test_hopping_between_zones_makes_no_extra_day_and_no_second_cap(learn: Learn) -> None:
    learn.set_clock("2035-02-10 11:00")
    activity = learn.make_activity_type(qualifying=True, xp=10, daily_cap=20)
    user = learn.make_user(timezone="Etc/GMT+12")
    for minute, zone in enumerate(("Etc/GMT+12", "UTC", "Pacific/Kiritimati", "Etc/GMT+12")):
        learn.set_clock(f"2035-02-10 11:{minute:02}")
        move(learn, user, zone)
        for _ in range(3):
            learn.record_activity(user, activity)
    assert (streak(learn, user), learn.stats(user).total_xp) == ((1, 1, 1), 20)
    learn.set_clock("2035-02-10 12:01")  # a new day by the only zone that counts
    assert learn.record_activity(user, activity).xp_awarded == 10
    assert streak(learn, user) == (2, 2, 2)


def test_midnights_of_other_zones_bring_no_second_cap(learn: Learn) -> None:
    activity = learn.make_activity_type(qualifying=True, xp=10, daily_cap=20)
    learn.set_clock("2035-06-10 09:30")
    user = learn.make_user()
    paid = [learn.record_activity(user, activity).xp_awarded for _ in range(3)]
    for at, zone in (
        ("10:05", "Pacific/Kiritimati"),
        ("11:05", "Pacific/Auckland"),
        ("18:35", "Asia/Kolkata"),
    ):
        learn.set_clock(f"2035-06-10 {at}")
        move(learn, user, zone)
        paid.append(learn.record_activity(user, activity).xp_awarded)
    learn.set_clock("2035-06-11 00:05")
    paid.append(learn.record_activity(user, activity).xp_awarded)
    assert paid == [10, 10, 0, 0, 0, 0, 10]


def test_a_late_fact_counts_on_the_date_of_the_zone_of_then(learn: Learn) -> None:
    """Three days offline in Tokyo at nine in the morning, synced after landing in Los Angeles."""
    activity = learn.make_activity_type(qualifying=True)
    learn.set_clock("2035-03-01 12:00")
    user = learn.make_user(timezone="Asia/Tokyo")
    learn.record_activity(user, activity, at="2035-02-27 00:00")
    move(learn, user, "America/Los_Angeles")
    for at in ("2035-02-28 00:00", "2035-03-01 00:00"):
        learn.record_activity(user, activity, at=at)
    assert [str(day) for day, _ in learn.active_days(user)] == ["2035-02-27", "2035-02-28", "2035-03-01"]
    assert streak(learn, user) == (3, 3, 3)


@pytest.mark.parametrize(
    ("starts", "at", "day"),
    [
        ("04:00", "03:59:59", 12),
        ("04:00", "04:00", 13),
        ("06:00", "05:59", 12),
        ("00:00", "00:00", 13),
    ],
)
def test_days_start_when_the_learner_says(
    learn: Learn, exercise: int, starts: str, at: str, day: int
) -> None:
    learn.set_clock("2035-06-10 12:00")
    user = learn.make_user(timezone="Asia/Tokyo")
    learn.update_profile(user, {"day_starts_at": starts})
    learn.set_clock(moment(f"2035-06-13 {at}", "Asia/Tokyo"))
    learn.submit_query(user, exercise, False)
    assert [date.day for date, _ in learn.active_days(user)] == [day]
    assert learn.calculate_user_streak(user) == 1
    learn.set_clock(moment(f"2035-06-{day + 2} {starts}", "Asia/Tokyo") - seconds(1))
    assert learn.calculate_user_streak(user) == 1
    learn.set_clock(moment(f"2035-06-{day + 2} {starts}", "Asia/Tokyo"))
    assert learn.calculate_user_streak(user) == 0


def test_days_start_differently_from_then_on(learn: Learn, user: UUID, exercise: int) -> None:
    learn.set_clock("2035-06-12 02:00")
    learn.submit_query(user, exercise, False)
    learn.run("update learn.users set day_starts_at = '04:00' where id = %s", [user])
    learn.set_clock("2035-06-13 02:00")  # still the 12th
    assert learn.submit_query(user, exercise, False).current_streak == 1
    learn.submit_query(user, exercise, False, at="2035-06-11 02:00")  # as days were then
    assert [str(day) for day, _ in learn.active_days(user)] == ["2035-06-11", "2035-06-12"]


@pytest.mark.parametrize("value", ["06:00:01", "23:00", "noon", "25:00"])
def test_a_day_starts_by_six(learn: Learn, user: UUID, value: str) -> None:
    with learn.refuses("LX001"):
        learn.update_profile(user, {"day_starts_at": value})


def test_zones_that_were_are_kept_by_nobody_but_the_trigger(learn: Learn) -> None:
    user = learn.make_user(timezone="Asia/Tokyo")
    move(learn, user, "UTC")
    learn.run("update learn.users set zone_number = 7, zone_since = null where id = %s", [user])
    assert learn.tuples(
        "select zone_number, zone_since = learn.clock() from learn.users where id = %s", [user]
    ) == [(1, True)]
    assert learn.tuples("select number, timezone from learn.user_timezones where user_id = %s", [user]) == [
        (0, "Asia/Tokyo")
    ]


def test_a_qualifying_type_is_judged_when_the_fact_is_recorded(learn: Learn) -> None:
    activity, user = learn.make_activity_type(qualifying=True), learn.make_user()
    learn.record_activity(user, activity)
    learn.run("update learn.activity_types set is_qualifying = false where key = %s", [activity])
    assert learn.check_integrity() == []
    learn.advance(days(1))
    assert learn.record_activity(user, activity).current_streak == 1
    assert streak(learn, user) == (1, 1, 1)
