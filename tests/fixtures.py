"""The client in a transaction that is rolled back, its clock stopped; a learner; a scene with everything."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.calls import Scene, make_scene
from tests.client import Connection, Learn, moment

# Later than the seeds of any test run, so that every rule is older than what the tests do.
NOON = moment("2035-06-13 12:00")


@pytest.fixture
def learn(db: Connection) -> Learn:
    """The client on `db`, at noon UTC of a Wednesday. Integrity is checked at the end, as `db` does."""
    client = Learn(db)
    client.set_clock(NOON)
    return client


@pytest.fixture
def user(learn: Learn) -> UUID:
    """A learner who has done nothing yet."""
    return learn.make_user()


@pytest.fixture
def scene(learn: Learn) -> Scene:
    """Something of everything: what `tests/calls.py` calls functions with."""
    return make_scene(learn)
