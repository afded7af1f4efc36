"""Facts and freezes that the owner writes into the tables are taken as the functions take them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

from tests.client import Learn, days


@pytest.fixture
def user(learn: Learn) -> UUID:
    return learn.make_user(timezone="Asia/Tokyo")


def write(learn: Learn, user: UUID, kind: str, table: str = "activity_log", **columns: Any) -> int:
    columns = {"user_id": user, "activity_type": kind, **columns}
    statement = sql.SQL("insert into learn.{} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(map(sql.Placeholder, columns)),
    )
    return learn.connection.execute(statement, columns).rowcount


@pytest.mark.parametrize(
    "forged", [{}, {"local_date": "2035-06-12", "zone_number": 7, "is_qualifying": False}]
)
def test_what_happens_once_is_written_once_by_hand_or_by_call(
    learn: Learn, user: UUID, forged: dict[str, Any]
) -> None:
    kind = learn.make_activity_type(qualifying=True, happens_once=True, xp=10)
    metric = learn.make_metric(kind)
    page = {"subject_type": "page", **forged}
    assert [write(learn, user, kind, **page, subject_id=n) for n in ("1", "1", "2")] == [1, 0, 1]
    for number in ("1", "2", "3", "3"):
        learn.record_activity(user, kind, "page", number)
    assert write(learn, user, kind, **page, subject_id="3") == 0
    assert (learn.metric(user, metric), learn.stats(user).total_xp) == (3, 30)
    assert learn.active_days(user) == [(learn.clock().date(), False)]
    assert learn.values("select distinct zone_number from learn.activity_log") == [0]


def test_what_tables_say_has_happened_is_not_written_by_hand(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    learn.complete_lesson(user, lesson)
    assert write(learn, user, "lesson_completed", subject_type="lesson", subject_id=str(lesson.id)) == 0
    other = learn.make_lesson(0)
    assert write(learn, user, "lesson_completed", subject_type="lesson", subject_id=str(other.id)) == 1
    learn.complete_lesson(user, other)
    assert learn.metric(user, "lessons_completed") == 2


def test_no_fact_that_laurel_writes_itself_is_written_by_hand(learn: Learn, user: UUID) -> None:
    internal = learn.values("select key from learn.activity_types where is_internal")
    assert len(internal) > 10
    for kind in internal:
        with learn.refuses("LX010"):
            write(learn, user, kind)
        with learn.refuses("LX010"):
            write(learn, user, kind, local_date="2035-06-13", is_qualifying=False, xp=-5)
    assert write(learn, user, "xp_awarded", xp=5) == 1
    kind = learn.make_activity_type()
    with learn.refuses("LX010"):
        write(learn, user, kind, xp=-5)
    assert learn.ledger(user) == [(5, "manual", None)]


def test_an_award_by_hand_is_paid_once_for_its_source(learn: Learn, user: UUID) -> None:
    prize: dict[str, Any] = {"subject_type": "prize", "subject_id": "1", "xp": 5}
    assert [write(learn, user, "xp_awarded", **prize) for _ in range(2)] == [1, 0]
    learn.award_xp(user, 5, "prize", "1")
    assert learn.stats(user).total_xp == 5


def test_facts_by_hand_pay_as_often_a_day_as_those_of_backends(learn: Learn, user: UUID) -> None:
    kind = learn.make_activity_type(xp=10)
    learn.set_setting("recorded_payments_per_day", 3)
    for _ in range(2):
        learn.record_activity(user, kind)
        write(learn, user, kind)
    assert learn.stats(user).total_xp == 30


def test_facts_go_into_the_log_and_not_into_a_partition(learn: Learn, user: UUID) -> None:
    kind = learn.make_activity_type()
    learn.ensure_partitions(learn.clock().date())
    partitions = learn.values(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'learn.activity_log'::regclass"
    )
    assert len(partitions) > 1
    for partition in partitions:
        with learn.refuses("LX010"):
            write(learn, user, kind, partition.split(".")[1], local_date="2035-06-13", is_qualifying=True)


def freezes(learn: Learn, user: UUID) -> tuple[Any, ...]:
    stats = learn.stats(user)
    return stats.streak_freezes, stats.current_streak, learn.active_days(user)


def test_a_freeze_by_hand_is_one_that_is_granted(learn: Learn) -> None:
    """In time and late: it is counted, told, and covers what it would have covered."""
    kind = learn.make_activity_type(qualifying=True)
    by_call, by_hand = learn.make_user("call"), learn.make_user("hand")
    today = learn.clock()
    for ago in (5, 4, 2, 0):
        for user in (by_call, by_hand):
            learn.record_activity(user, kind, at=today - days(ago))
    learn.grant_streak_freezes(by_call, 1, at=today - days(6))
    learn.grant_streak_freezes(by_call, 3, at=today)
    learn.run(
        "insert into learn.streak_freezes (user_id, granted_on)"
        " select %s, %s - n from unnest(array[6, 0, 0, 0]) n",
        [by_hand, today.date()],
    )
    assert freezes(learn, by_hand) == freezes(learn, by_call)
    assert learn.stats(by_hand).current_streak == 1
    told = [len(learn.facts(user, "streak_freeze_granted")) for user in (by_call, by_hand)]
    assert told == [2, 2]


def test_a_freeze_that_is_deleted_covers_nothing(learn: Learn) -> None:
    kind, user, today = learn.make_activity_type(qualifying=True), learn.make_user(), learn.clock()
    learn.grant_streak_freezes(user, 2, at=today - days(5))
    for ago in (4, 2, 1):
        learn.record_activity(user, kind, at=today - days(ago))
    assert learn.stats(user).current_streak == 3
    learn.run("delete from learn.streak_freezes where user_id = %s", [user])
    stats = learn.stats(user)
    assert (stats.current_streak, stats.streak_freezes) == (2, 0)


@pytest.mark.parametrize(
    "columns", ["is_earned) values (%s, %s, true)", "used_on) values (%s, %s, '2035-06-12')"]
)
def test_what_a_freeze_covers_and_what_earns_it_is_not_written(
    learn: Learn, user: UUID, columns: str
) -> None:
    with learn.refuses("LX010"):
        learn.run(f"insert into learn.streak_freezes (user_id, granted_on, {columns}", [user, "2035-06-10"])
    learn.grant_streak_freezes(user)
    for change in ("granted_on = granted_on - 1", "is_earned = true"):
        with learn.refuses("LX009"):
            learn.run(f"update learn.streak_freezes set {change}")
