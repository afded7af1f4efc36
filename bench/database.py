"""What the measurements share: a throwaway database with Laurel in it, and whether they left it whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from toolkit.history import migrations, seeds
from toolkit.project.layout import Project
from toolkit.servers.choose import EmbeddedServer, open_throwaway

HERE = Path(__file__).resolve().parent
Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def open_server(*, durable: bool = False) -> Iterator[tuple[str, str]]:
    """(URL of an empty database, description) of the server to measure on.

    It is `$DBTOOL_TEST_SERVER`, else the embedded one: for tests, or `durable`, as `dbtool up` starts it,
    which flushes every commit to disk.
    """
    kind = os.environ.get("DBTOOL_TEST_SERVER")
    if kind or not durable:
        with open_throwaway(kind or "embedded") as throwaway:
            throwaway.create_database("bench")
            yield throwaway.url("bench"), throwaway.description
        return
    server = EmbeddedServer(Project.find(HERE).root / ".dbtool" / "bench")
    server.destroy()
    try:
        server.start()
        yield server.url(), f"embedded PostgreSQL {server.binaries.version} as dbtool up starts it"
    finally:
        server.destroy()


@contextmanager
def open_database(*systems: str, durable: bool = False) -> Iterator[tuple[str, str]]:
    """(URL, description of the server) of a database with the seeds of these systems."""
    with open_server(durable=durable) as (url, description):
        project = Project.find(HERE)
        migrations.migrate(lambda: psycopg.connect(url), project)
        with psycopg.connect(url) as connection:
            seeds.seed(connection, project, systems)
        yield url, description


def is_whole(connection: Connection) -> bool:
    """Whether check_integrity() finds nothing; what it finds goes to stderr."""
    damage = connection.execute(
        "select check_name, count(*) from learn.check_integrity() group by 1"
    ).fetchall()
    for name, number in damage:
        print(f"check_integrity(): {name}, {number} rows", file=sys.stderr)
    return not damage
