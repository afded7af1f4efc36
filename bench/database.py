"""What the measurements share: a throwaway database with Laurel in it, and whether they left it whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from toolkit import migrations, seeds
from toolkit.project import Project
from toolkit.servers import open_throwaway

HERE = Path(__file__).resolve().parent
Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def open_database(*systems: str) -> Iterator[tuple[str, str]]:
    """(URL, description of the server) of a database with the seeds of these systems (none: all)."""
    with open_throwaway(os.environ.get("DBTOOL_TEST_SERVER") or "embedded") as server:
        server.create_database("bench")
        url = server.url("bench")
        project = Project.find(HERE)
        migrations.migrate(lambda: psycopg.connect(url), project)
        with psycopg.connect(url) as connection:
            seeds.seed(connection, project, systems)
        yield url, server.description


def is_whole(connection: Connection) -> bool:
    """Whether check_integrity() finds nothing; what it finds goes to stderr."""
    damage = connection.execute(
        "select check_name, count(*) from learn.check_integrity() group by 1"
    ).fetchall()
    for name, number in damage:
        print(f"check_integrity(): {name}, {number} rows", file=sys.stderr)
    return not damage
