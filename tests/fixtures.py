"""The fixture `learn`: Laurel's client in a transaction that is rolled back, with its clock stopped."""

from __future__ import annotations

import pytest

from tests.client import Connection, Learn, moment

# Later than the seeds of any test run, so that every rule is older than what the tests do.
NOON = moment("2035-06-13 12:00")


@pytest.fixture
def learn(db: Connection) -> Learn:
    """The client on `db`, at noon UTC of a Wednesday. Integrity is checked at the end, as `db` does."""
    client = Learn(db)
    client.set_clock(NOON)
    return client
