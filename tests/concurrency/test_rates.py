"""A limit is exact, however many call at once."""

from __future__ import annotations

import pytest

from tests.client import Learn
from tests.concurrency.sessions import race
from tests.conftest import FreshDatabase


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_of_sixteen_calls_at_once_as_many_succeed_as_may(
    fresh: FreshDatabase, learn: Learn, isolation: str
) -> None:
    learn.run("insert into learn.rate_limits values ('award_xp', 5, 3600)")
    user = learn.make_user()

    def award(learn: Learn) -> object:
        learn.run(f"set session characteristics as transaction isolation level {isolation}")
        return learn.award_xp(user, 1)

    outcomes = race(fresh, [award] * 16)
    failures = [outcome.sqlstate for outcome in outcomes if outcome.sqlstate]
    if isolation == "read committed":
        assert failures == ["LX008"] * 11
    assert {*failures} <= {"LX008", "40001"}
    assert learn.stats(user).total_xp == 16 - len(failures) <= 5
