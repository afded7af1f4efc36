"""Monthly partitions of the log and the ledger."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from tests.client import Learn, moment

LOGS = ["activity_log", "xp_transactions"]


def held_by(learn: Learn, log: str, user: UUID) -> list[str]:
    """Names of the partitions that hold a user's rows."""
    found = learn.tuples(
        f"select distinct tableoid::regclass::text from learn.{log} where user_id = %s order by 1", [user]
    )
    return [name.removeprefix(f"learn.{log}_") for (name,) in found]


@pytest.mark.parametrize("log", LOGS)
def test_without_a_partition_rows_go_to_the_default_one(learn: Learn, user: UUID, log: str) -> None:
    learn.award_xp(user, 10)
    assert held_by(learn, log, user) == ["default"]


def test_partitions_are_made_for_this_month_up_to_a_date_and_once(learn: Learn) -> None:
    assert learn.ensure_partitions(date(2035, 9, 1)) == 3 * 4
    assert learn.ensure_partitions(date(2035, 9, 30)) == 0
    assert learn.ensure_partitions(date(2035, 10, 1)) == 3


def test_a_date_in_the_past_makes_this_month(learn: Learn) -> None:
    assert learn.ensure_partitions(date(2001, 1, 1)) == 3
    assert learn.ensure_partitions(date(2001, 1, 1)) == 0


@pytest.mark.parametrize("until", [None, date(2045, 7, 2)])
def test_a_date_is_given_and_not_too_far_ahead(learn: Learn, until: date | None) -> None:
    with learn.refuses("LX001"):
        learn.ensure_partitions(until)


@pytest.mark.parametrize("log", LOGS)
def test_rows_in_the_default_partition_move_to_their_month(learn: Learn, user: UUID, log: str) -> None:
    learn.award_xp(user, 10)
    before = learn.ledger(user), learn.facts(user), learn.stats(user)
    learn.ensure_partitions(date(2035, 7, 1))
    assert held_by(learn, log, user) == ["2035_06"]
    assert (learn.ledger(user), learn.facts(user), learn.stats(user)) == before


@pytest.mark.parametrize("log", LOGS)
def test_new_rows_land_in_their_month_and_still_do_their_work(learn: Learn, user: UUID, log: str) -> None:
    learn.ensure_partitions(date(2035, 7, 1))
    learn.set_clock("2035-07-01 00:00")
    summary = learn.solve(user, learn.make_lesson(1))
    assert summary.total_xp == 10 + 5 + 50 + 20
    expected = {"activity_log": ["2035_06", "2035_07"], "xp_transactions": ["2035_07"]}
    assert held_by(learn, log, user) == expected[log]
    learn.set_clock("2035-08-01 00:00")
    learn.award_xp(user, 1)
    assert held_by(learn, log, user) == [*expected[log], "default"]


def test_months_are_those_of_utc_whatever_the_session_says(learn: Learn) -> None:
    learn.run("set local timezone to 'Pacific/Kiritimati'")
    learn.set_clock(moment("2035-06-30 23:59"))
    user = learn.make_user()
    assert learn.ensure_partitions(date(2035, 7, 1)) == 6
    learn.award_xp(user, 1)
    learn.set_clock(moment("2035-07-01 00:00"))
    learn.award_xp(user, 2)
    assert held_by(learn, "xp_transactions", user) == ["2035_06", "2035_07"]


def test_rows_of_past_months_leave_the_default_partition_too(learn: Learn) -> None:
    learn.set_clock("2035-04-20 12:00")
    user = learn.make_user()
    learn.award_xp(user, 1)
    learn.set_clock("2035-06-13 12:00")
    learn.award_xp(user, 2)
    learn.ensure_partitions(date(2035, 6, 30))
    assert held_by(learn, "xp_transactions", user) == ["2035_04", "2035_06"]


def test_one_old_row_makes_its_month_and_none_without_rows(learn: Learn, user: UUID) -> None:
    learn.run(
        "insert into learn.activity_log (user_id, activity_type, recorded_at)"
        " values (%s, 'lesson_started', '1999-01-02')",
        [user],
    )
    assert learn.ensure_partitions(date(2035, 6, 30)) <= 4
    assert held_by(learn, "activity_log", user) == ["1999_01", "2035_06"]


def test_ids_go_on_across_partitions(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 1)
    learn.ensure_partitions(date(2035, 7, 1))
    learn.award_xp(user, 2)
    learn.set_clock("2035-07-01 12:00")
    learn.award_xp(user, 3)
    numbers = learn.transactions(user)
    assert numbers == sorted(set(numbers))
    assert [amount for amount, _, _ in learn.ledger(user)] == [1, 2, 3]


def test_a_partition_is_owned_commented_and_readable_like_its_table(learn: Learn) -> None:
    learn.ensure_partitions(date(2035, 6, 30))
    rows = learn.tuples(
        "select c.relname::text, pg_get_userbyid(c.relowner)::text, obj_description(c.oid) is not null,"
        " has_table_privilege('learn_app', c.oid, 'select'),"
        " has_table_privilege('learn_app', c.oid, 'insert'),"
        " has_table_privilege('learn_readonly', c.oid, 'select')"
        " from pg_class c where c.relname in ('activity_log_2035_06', 'xp_transactions_2035_06') order by 1"
    )
    assert rows == [(f"{log}_2035_06", "learn_owner", True, True, False, True) for log in sorted(LOGS)]


def test_a_partition_has_the_indexes_and_keys_of_its_table(learn: Learn) -> None:
    learn.ensure_partitions(date(2035, 6, 30))
    for log in LOGS:
        of = "select count(*) from pg_index where indrelid = %s::regclass"
        assert learn.value(of, [f"learn.{log}_2035_06"]) == learn.value(of, [f"learn.{log}_default"])
        keys = "select count(*) from pg_constraint where contype = 'f' and conrelid = %s::regclass"
        assert learn.value(keys, [f"learn.{log}_2035_06"]) == learn.value(keys, [f"learn.{log}_default"])


def test_the_seeds_make_partitions_for_this_month_and_the_next_three(learn: Learn) -> None:
    learn.set_clock(None)
    now = learn.clock()
    user = learn.make_user()
    assert held_by(learn, "activity_log", user) == [f"{now:%Y_%m}"]
    assert learn.ensure_partitions(now.date()) == 0
