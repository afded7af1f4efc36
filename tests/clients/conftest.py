"""A server with a port, for clients that are programs of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tests.waiting import free_port
from toolkit.connection import connect
from toolkit.history import migrations, seeds
from toolkit.project.layout import Project
from toolkit.servers.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with demo content on an embedded server with a port: `dbtool up --port N --demo`."""
    server = EmbeddedServer(tmp_path_factory.mktemp("server"))
    port = free_port()
    try:
        server.start(port=port)
        project = Project.open(ROOT)
        migrations.migrate(lambda: connect(server.url()), project)
        with connect(server.url()) as connection:
            seeds.seed(connection, project, ["sql_platform"], demo=True)
        with connect(server.url(), autocommit=True) as connection:
            connection.execute("create role backend login password 'secret' in role learn_app")
            connection.execute("create role gateway login noinherit password 'secret' in role learn_user")
        yield f"postgresql://backend:secret@localhost:{port}/app"
        with connect(server.url()) as connection:
            assert connection.execute("select * from learn.check_integrity()").fetchall() == []
    finally:
        server.destroy()
