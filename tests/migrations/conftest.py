"""One project and one empty database, and short ways to use both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.waiting import wait_until
from toolkit.history import migrations
from toolkit.history.history import Applied
from toolkit.project.layout import Project, Script
from toolkit.servers.throwaway import ThrowawayServer

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Workshop:
    """A project to edit freely and the empty database that it is applied to."""

    root: Path
    url: str
    run: Callable[..., Any]

    @property
    def project(self) -> Project:
        """The project as it is on disk now."""
        return Project.open(self.root)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def dbtool(self, *args: str, **options: Any) -> Any:
        """Run the CLI on the project and the database."""
        return self.run("--project", self.root, "--database-url", self.url, *args, **options)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start the CLI likewise, without waiting for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "toolkit", "--project", self.root, "--database-url", self.url, *args],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of its own, as the services get it."""
        return psycopg.connect(self.url)

    def migrate(self, **options: Any) -> list[Script]:
        """Apply in this process."""
        return migrations.migrate(self.connect, self.project, **options)

    def rollback(self, **options: Any) -> list[Applied]:
        """Undo in this process."""
        return migrations.rollback(self.connect, self.project, **options)

    def states(self) -> dict[str, str]:
        """State by script."""
        with closing(self.connect()) as connection:
            return {entry.id: entry.state for entry in migrations.status(connection, self.project)}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of one query, committed."""
        with closing(psycopg.connect(self.url, autocommit=True)) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def value(self, sql: str) -> Any:
        """The one value of a query."""
        return self.query(sql)[0][0]

    def wait_until(self, condition: str) -> None:
        """Wait until a query returns true."""
        wait_until(lambda: self.value(condition))

    @contextmanager
    def gate(self) -> Iterator[None]:
        """While it is closed, a script that calls `pg_advisory_xact_lock(77)` waits there."""
        with closing(psycopg.connect(self.url, autocommit=True)) as keeper:
            keeper.execute("select pg_advisory_lock(77)")
            yield


@pytest.fixture
def workshop(sample_project: Path, empty_database: str, run_dbtool: Callable[..., Any]) -> Workshop:
    """The sample project with an empty database."""
    return Workshop(sample_project, empty_database, run_dbtool)


@pytest.fixture
def server_url(server: ThrowawayServer) -> str:
    """What `--server` takes to let a command make its databases on the server of this test session."""
    return server.url()
