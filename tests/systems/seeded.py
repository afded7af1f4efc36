"""Databases with the seeds of one product, as its deployment has them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg

from tests.conftest import make_seeded, owner_url
from toolkit.history import seeds
from toolkit.project.layout import Project
from toolkit.servers.choose import ThrowawayServer

ROOT = Path(__file__).resolve().parents[2]
# Sessions are kept by the names of databases: no two have the same.
_numbers = count(1)


def seeded_database(server: ThrowawayServer, bare: str, system: str, *, demo: bool = False) -> Iterator[str]:
    """URL of a database with the seeds of core and of this system, dropped afterwards."""
    name = f"laurel_{system}_{next(_numbers)}"
    make_seeded(server, bare, name, [system], demo=demo)
    yield owner_url(server, name)
    server.drop_database(name)


def run_seeds(connection: psycopg.Connection[tuple[object, ...]], system: str, *, demo: bool = False) -> None:
    """Runs the files of a system within the open transaction."""
    (chosen,) = [one for one in seeds.plan(Project.find(ROOT), [system], demo=demo) if one.system == system]
    for path in chosen.files:
        connection.execute(path.read_bytes())
