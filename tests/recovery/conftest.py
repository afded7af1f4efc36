"""A primary and a standby of it, shared by tests that read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.calls import Scene, make_scene
from tests.client import Learn
from tests.clusters import Cluster, discard, running
from tests.suites.conftest import amount as amount
from tests.suites.conftest import tell as tell


class Two(NamedTuple):
    """A primary with the scene in it, and a streaming standby."""

    primary: Cluster
    standby: Cluster
    scene: Scene


@pytest.fixture(scope="module")
def two(laurel: Cluster) -> Iterator[Two]:
    with running(laurel) as primary:
        with primary.connect() as connection, connection.transaction():
            scene = make_scene(Learn(connection))
        standby = primary.follow()
        try:
            standby.start()
            yield Two(primary, standby, scene)
        finally:
            discard(standby)
