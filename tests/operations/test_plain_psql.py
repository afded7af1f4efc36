"""No tool at all: psql and the files, in numeric order, build what dbtool builds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.waiting import PATIENCE
from toolkit.catalog import read as catalog
from toolkit.history import migrations
from toolkit.project.layout import Project
from toolkit.servers.binaries import find_binaries, find_psql, psql_call
from toolkit.servers.choose import ThrowawayServer

PROJECT = Project.find(Path(__file__))


@pytest.mark.no_integrity
def test_psql_alone_builds_the_catalog_that_dbtool_builds(server: ThrowawayServer) -> None:
    names = ("by_dbtool", "by_psql")
    for name in names:
        server.create_database(name)
    try:
        migrations.migrate(lambda: psycopg.connect(server.url("by_dbtool")), PROJECT)

        psql = find_psql(find_binaries())
        assert psql is not None
        files = [word for script in PROJECT.scripts() for word in ("--file", str(script.path))]
        words, environment = psql_call(
            psql,
            server.url("by_psql"),
            ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *files],
            os.environ,
        )
        run = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert (run.returncode, run.stderr) == (0, "")

        with (
            psycopg.connect(server.url("by_dbtool")) as by_dbtool,
            psycopg.connect(server.url("by_psql")) as by_psql,
        ):
            assert catalog.diff(catalog.read(by_dbtool), catalog.read(by_psql)) == []
    finally:
        for name in names:
            server.drop_database(name)
