"""Databases to report on: one with a history, one that nobody has used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg

from tests.analytics.history import History
from tests.client import Learn
from toolkit.servers.choose import ThrowawayServer

TITLE = "Joins & <script>alert('x')</script>, and a title that is longer than any phone is wide"


@contextmanager
def database(server: ThrowawayServer, template: str, name: str, *, acts: int) -> Iterator[str]:
    """URL of a clone of the template in which so many random things have happened; dropped afterwards."""
    server.create_database(name, template=template)
    try:
        url = server.url(name)
        with psycopg.connect(url, autocommit=True) as connection:
            learn = Learn(connection)
            history = History(learn, seed=1)
            connection.execute("update learn.courses set title = %s", [TITLE])
            for _ in range(acts):
                history.act()
        yield url
    finally:
        server.drop_database(name)


def acting_as(url: str, role: str) -> str:
    """The URL for somebody who may do only what a role may."""
    return f"{url}{'&' if '?' in url else '?'}options={quote(f'-c role={role}')}"
