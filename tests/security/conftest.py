"""A database with a scene in it, committed once for all tests of this folder, which commit nothing."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.calls import Scene, make_scene
from tests.client import Learn
from toolkit.servers.throwaway import ThrowawayServer

# In Europe/Berlin clocks went forward today, and the next day, week and month have begun; west of it not yet.
NOW = "2041-03-31 23:30"


@pytest.fixture(scope="module")
def scene_url(server: ThrowawayServer, template: str) -> Iterator[tuple[str, Scene]]:
    name = "laurel_scene"
    server.create_database(name, template=template)
    url = server.url(name)
    with psycopg.connect(url) as connection:
        learn = Learn(connection)
        learn.set_clock(NOW)
        scene = make_scene(learn)
    yield url, scene
    server.drop_database(name)
