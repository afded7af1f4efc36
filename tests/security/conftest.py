"""A database with a scene in it, committed once for all tests of this folder, which commit nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


@pytest.fixture
def scene(scene_url: tuple[str, Scene]) -> Scene:
    return scene_url[1]


@pytest.fixture
def connection(scene_url: tuple[str, Scene]) -> Iterator[psycopg.Connection[Any]]:
    """A session of its own: nothing is planned yet. Roles and all are rolled back."""
    with psycopg.connect(scene_url[0]) as opened:
        yield opened
        opened.rollback()
