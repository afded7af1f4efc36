"""Here `learn` commits each call: it makes what connections race for, and looks at what came of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client import Learn
from tests.concurrency.sessions import client
from tests.conftest import FreshDatabase


@pytest.fixture
def learn(fresh: FreshDatabase) -> Iterator[Learn]:
    with client(fresh) as opened:
        yield opened
