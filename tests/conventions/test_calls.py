"""tests/calls.py has one good call for each public function."""

from __future__ import annotations

import pytest

from tests.calls import CALLS, Scene, callable_by, readable_by, statement
from tests.client import Learn

pytestmark = pytest.mark.stock

# Nothing is damaged, nothing old, and a commit may have merged into the boards what was gained.
NOTHING_TO_DO = {"archive_before", "attach_archive", "check_integrity", "check_slice", "refresh_leaderboard"}


def test_every_public_function_has_a_good_call(learn: Learn) -> None:
    assert callable_by(learn.connection, "learn_owner") == sorted(CALLS)


def test_every_call_is_good(learn: Learn, scene: Scene) -> None:
    for name in CALLS:
        with learn.connection.transaction(force_rollback=True):
            learn.connection.execute(statement(name), scene)
            learn.finish()


@pytest.mark.parametrize("role", ["learn_app", "learn_readonly"])
def test_every_call_is_good_for_the_roles_that_may_make_it(learn: Learn, scene: Scene, role: str) -> None:
    called = callable_by(learn.connection, role)
    assert called
    for name in called:
        with learn.connection.transaction(force_rollback=True), learn.role(role):
            learn.connection.execute(statement(name), scene)
            learn.finish()
    read = readable_by(learn.connection, role)
    assert read
    with learn.role(role):
        for name in read:
            learn.run(f"select * from {name}")


def test_a_good_call_finds_what_it_is_for(learn: Learn, scene: Scene) -> None:
    for name in sorted(CALLS.keys() - NOTHING_TO_DO):
        with learn.connection.transaction(force_rollback=True):
            found = learn.tuples(statement(name).decode(), scene)
            assert found, name
            assert found[0] not in [(None,), (0,), (False,)], name
