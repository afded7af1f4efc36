"""archive_before() and attach_archive() while learners are served, and when they are killed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.client import Learn
from tests.concurrency.busy import Town, busy, settle
from tests.concurrency.sessions import Task, race, session
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE

PACKED = "select count(*) from learn_internal.archived_facts"


def grown(learn: Learn, users: int) -> tuple[Town, date]:
    """A town that has done something more than a year ago, and the first month that stays."""
    town = settle(learn, users)
    for user in town.users:
        learn.award_xp(user, 30)
        learn.solve(user, town.lessons[4])
    now = learn.set_clock(learn.clock() + timedelta(days=400))
    learn.ensure_partitions(now.date())
    return town, (now - timedelta(days=40)).date()


def log(learn: Learn, until: date) -> list[Any]:
    return learn.tuples(
        "select * from learn.activity_log where recorded_at < %s order by user_id, id", [until]
    )


def test_nobody_fails_while_facts_are_archived_and_come_back(fresh: FreshDatabase, learn: Learn) -> None:
    town, month = grown(learn, 12)
    before = log(learn, month)
    goes, stays, gone, *others = town.users

    def archive(learn: Learn) -> object:
        return [(learn.archive_before(month), learn.attach_archive()) for _ in range(3)]

    with busy(fresh, town, people=others, threads=8):
        outcomes = race(
            fresh,
            [
                archive,
                archive,
                lambda one: one.merge_users(goes, stays),
                lambda one: one.erase_user(gone),
            ],
        )
    assert [outcome.sqlstate for outcome in outcomes] == [None] * 4
    assert (town.failures, town.calls > 50) == ([], True)
    assert learn.value(PACKED) == 0
    left = [row for row in log(learn, month) if row[0] in others]
    assert left == [row for row in before if row[0] in others]
    assert learn.archive_before(month) > 0


def test_killed_before_the_partitions_are_dropped_it_has_done_nothing_and_can_be_repeated(
    fresh: FreshDatabase, learn: Learn
) -> None:
    _, month = grown(learn, 6)
    before = log(learn, month)
    archive: Task[object] = lambda one: one.archive_before(month)  # noqa: E731
    attach: Task[object] = lambda one: one.attach_archive()  # noqa: E731
    for call in (archive, attach):
        archived = learn.value(PACKED)
        with session(fresh) as reader, session(fresh) as victim:
            reader.step(lambda one: one.value("select count(*) from learn.activity_log")).result(PATIENCE)
            pending = victim.step(call)
            learn.value("select pg_terminate_backend(%s, 60000)", [victim.pid])
            assert pending.result(PATIENCE).sqlstate == "57P01"
            assert learn.value(PACKED) == archived
            reader.rollback()
        assert (log(learn, month) == before) == (call is archive)
        assert call(learn) == len(before)
        assert learn.check_integrity() == []
    assert log(learn, month) == before
