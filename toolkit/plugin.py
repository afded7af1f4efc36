"""Fixtures for the tests of a project: a migrated database on a throwaway server, Laurel's client, its clock.

pytest finds them by itself where dbtool is installed. The server is that of `dbtool test`
($DBTOOL_TEST_SERVER), else one that lives as long as the tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .client import Client
    from .project.layout import Project
    from .servers.throwaway import ThrowawayServer

TEMPLATE, SHARED = "template_of_tests", "shared_by_tests"
NOON = "2035-06-13 12:00"
"""A Wednesday, later than any rule of the seeds: rules count from when they are written."""
_numbers = count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line(
        "markers", "no_integrity: the test leaves damage for check_integrity() on purpose"
    )


@pytest.fixture(scope="session")
def dbtool_project(request: pytest.FixtureRequest) -> Project:
    """The project whose database is tested: that around the folder of the tests."""
    from .project.layout import Project

    return Project.find(Path(request.config.rootpath))


@pytest.fixture(scope="session")
def throwaway_server(dbtool_project: Project) -> Iterator[ThrowawayServer]:
    """A PostgreSQL server for the length of the tests, on which databases may be made and dropped."""
    from .servers.choose import open_throwaway

    with open_throwaway(os.environ.get("DBTOOL_TEST_SERVER"), extensions=dbtool_project.extensions) as server:
        server.setup = dbtool_project.setup
        yield server


@pytest.fixture(scope="session")
def template_database(dbtool_project: Project, throwaway_server: ThrowawayServer) -> str:
    """The name of a database with all migrations, and the seeds that a new database gets: for cloning."""
    from .connection import connect
    from .history import migrations, seeds

    throwaway_server.create_database(TEMPLATE)
    connect_to = partial(connect, throwaway_server.url(TEMPLATE), application_name="tests")
    migrations.migrate(connect_to, dbtool_project)
    with connect_to() as connection:
        seeds.seed(connection, dbtool_project)
    return TEMPLATE


@pytest.fixture(scope="session")
def shared_database(throwaway_server: ThrowawayServer, template_database: str) -> str:
    """The URL of a clone in which nobody commits."""
    throwaway_server.create_database(SHARED, template=template_database)
    return throwaway_server.url(SHARED)


@pytest.fixture
def learn(request: pytest.FixtureRequest, shared_database: str) -> Iterator[Client]:
    """Laurel's client in a transaction that is rolled back, its clock stopped at noon of a Wednesday in 2035.

    Afterwards learn.check_integrity() has to be empty, unless the test is marked `no_integrity`.
    """
    from .client import Client
    from .connection import connect

    with connect(shared_database, application_name="tests") as connection:
        client = Client(connection)
        client.set_clock(NOON)
        yield client
        if connection.info.transaction_status.name != "INERROR":
            _check_integrity(request, connection)
        connection.rollback()


@pytest.fixture
def fresh_url(
    request: pytest.FixtureRequest, throwaway_server: ThrowawayServer, template_database: str
) -> Iterator[str]:
    """The URL of a clone of the test's own: for commits and several sessions. Dropped afterwards."""
    from .connection import connect

    name = f"fresh_{next(_numbers)}"
    throwaway_server.create_database(name, template=template_database)
    yield throwaway_server.url(name)
    with connect(throwaway_server.url(name), application_name="tests") as connection:
        _check_integrity(request, connection)
    throwaway_server.drop_database(name)


def _check_integrity(request: pytest.FixtureRequest, connection: Any) -> None:
    """Fails the test when derived data no longer agrees with the facts; asks nothing without Laurel."""
    query = "select to_regprocedure('learn.check_integrity(uuid)') is not null"
    if request.node.get_closest_marker("no_integrity") or connection.execute(query).fetchone() != (True,):
        return
    connection.execute("reset role")
    assert connection.execute("select * from learn.check_integrity()").fetchall() == []
