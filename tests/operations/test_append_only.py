"""The ledger and the log are append-only: for the owner too, and on every partition."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from tests.client import Learn

LOGS = ["activity_log", "xp_transactions"]


@pytest.fixture
def user(learn: Learn) -> UUID:
    """A user with rows in a month's partitions and in the default ones."""
    user = learn.make_user()
    learn.award_xp(user, 10)
    learn.ensure_partitions(date(2035, 6, 30))
    learn.set_clock("2035-07-20 12:00")
    learn.award_xp(user, 20)
    return user


def partitions(learn: Learn, log: str) -> list[str]:
    found = learn.tuples(
        "select inhrelid::regclass::text from pg_inherits where inhparent = %s::regclass order by 1",
        [f"learn.{log}"],
    )
    return [log, *(name.removeprefix("learn.") for (name,) in found)]


@pytest.mark.parametrize("log", LOGS)
def test_update_is_refused_on_every_partition(learn: Learn, user: UUID, log: str) -> None:
    column = {"activity_log": "xp", "xp_transactions": "amount"}[log]
    for table in (log, f"{log}_default", f"{log}_2035_06"):
        with learn.refuses("LX009"):
            learn.run(f"update learn.{table} set {column} = 1 where user_id = %s", [user])


@pytest.mark.parametrize("log", LOGS)
def test_delete_is_refused_on_every_partition(learn: Learn, user: UUID, log: str) -> None:
    for table in (log, f"{log}_default", f"{log}_2035_06"):
        with learn.refuses("LX009"):
            learn.run(f"delete from learn.{table} where user_id = %s", [user])


@pytest.mark.parametrize("log", LOGS)
def test_truncate_is_refused_on_every_partition(learn: Learn, user: UUID, log: str) -> None:
    for table in partitions(learn, log):
        with learn.refuses("LX009"):
            learn.run(f"truncate learn.{table}")


def test_truncating_the_users_is_refused_for_the_sake_of_the_logs(learn: Learn, user: UUID) -> None:
    with learn.refuses("LX009"):
        learn.run("truncate learn.users cascade")


@pytest.mark.parametrize("log", LOGS)
def test_a_change_of_nothing_is_no_change(learn: Learn, user: UUID, log: str) -> None:
    learn.run(f"delete from learn.{log} where user_id = gen_random_uuid()")


def test_deleting_a_user_takes_every_row_along_and_no_other(learn: Learn, user: UUID) -> None:
    other = learn.make_user()
    learn.solve(other, learn.make_lesson(2))
    before = learn.stats(other), learn.ledger(other), learn.facts(other)
    learn.solve(user, learn.make_lesson(2))
    learn.run("delete from learn.users where id = %s", [user])
    learn.finish()
    owned = learn.tuples(
        "select c.oid::regclass::text from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where a.attname = 'user_id' and c.relkind in ('r', 'p') and not c.relispartition"
        " and c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)"
    )
    assert len(owned) > 15
    for (table,) in owned:
        assert learn.value(f"select count(*) from {table} where user_id = %s", [user]) == 0, table
    assert (learn.stats(other), learn.ledger(other), learn.facts(other)) == before
