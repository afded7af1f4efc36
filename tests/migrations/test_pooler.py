"""Connections through a real pgbouncer: refused in transaction and statement mode, used in session mode."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.migrations.conftest import Workshop
from tests.waiting import PATIENCE, free_port
from toolkit.errors import DbtoolError
from toolkit.history.lock import refuse_transaction_pooling

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = pytest.mark.skipif(
    PGBOUNCER is None and "DBTOOL_REQUIRE_PGBOUNCER" not in os.environ,
    reason="pgbouncer is not installed; .ci/run installs it, and there this is no reason",
)


@pytest.fixture
def pool(workshop: Workshop, request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[str]:
    """URL of the workshop's database through a pgbouncer; the parameter is its mode and further settings."""
    assert PGBOUNCER is not None, "pgbouncer is not installed"
    given = conninfo_to_dict(workshop.url)
    place = " ".join(f"{name}={given[name]}" for name in ("host", "port", "dbname", "user") if name in given)
    place += f" password={given['password']}" if "password" in given else ""
    port = free_port()
    folder: Path = tmp_path_factory.mktemp("pgbouncer")
    ini = folder / "pgbouncer.ini"
    settings = request.param.replace(", ", "\n")
    ini.write_text(
        f"[databases]\napp = {place}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"auth_type = any\nunix_socket_dir =\npool_mode = {settings}\n"
    )
    for path in (ini, *folder.parents[:2], folder):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(0o755)
    account = ["-u", "nobody"] if os.geteuid() == 0 else []
    bouncer = subprocess.Popen(
        [PGBOUNCER, *account, str(ini)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert bouncer.poll() is None, bouncer.stderr and bouncer.stderr.read()
                assert time.monotonic() < deadline, "pgbouncer does not start"
                time.sleep(0.05)
        yield f"postgresql://{given['user']}@127.0.0.1:{port}/app"
    finally:
        bouncer.kill()
        bouncer.communicate()


def through(workshop: Workshop, pool: str, *args: str) -> Any:
    """Run the CLI through the pool."""
    return workshop.run("--project", workshop.root, "--database-url", pool, *args)


@pytest.mark.parametrize(
    "pool", ["transaction", "statement", "transaction, server_round_robin = 1"], indirect=True
)
def test_pool_of_transactions_is_refused_with_the_reason(workshop: Workshop, pool: str) -> None:
    for command in (["migrate"], ["rollback", "--yes"], ["seed"], ["repair", "--yes"], ["plan"]):
        result = through(workshop, pool, *command)
        assert result.exit_code == 1, result.stderr
        assert "pool_mode = session" in result.stderr
        assert "Traceback" not in result.stderr
    assert workshop.query("select nspname from pg_namespace where nspname in ('shop', 'dbtool')") == []


@pytest.mark.parametrize("pool", ["transaction"], indirect=True)
def test_reading_is_possible_through_a_pool_of_transactions(workshop: Workshop, pool: str) -> None:
    assert through(workshop, pool, "status").exit_code == 3
    assert through(workshop, pool, "history").exit_code == 0


@pytest.mark.parametrize("pool", ["transaction, default_pool_size = 8"], indirect=True)
def test_pool_of_transactions_is_told_while_others_use_it(workshop: Workshop, pool: str) -> None:
    with ExitStack() as stack:
        others = [stack.enter_context(closing(psycopg.connect(pool))) for _ in range(4)]
        for other in others:
            other.execute("select 1")
        for other in others[::2]:
            other.rollback()
        assert through(workshop, pool, "migrate").exit_code == 1


@pytest.mark.parametrize("pool", ["session"], indirect=True)
def test_pool_of_sessions_is_used(workshop: Workshop, pool: str) -> None:
    for command, exit_code in (
        (["migrate"], 0),
        (["status"], 0),
        (["rollback", "--yes"], 0),
        (["status"], 3),
    ):
        result = through(workshop, pool, *command)
        assert result.exit_code == exit_code, result.stderr
    assert workshop.states()["migration2"] == "pending"


@pytest.mark.parametrize("pool", ["session, default_pool_size = 1"], indirect=True)
def test_pool_of_one_session_is_used_without_waiting_for_a_second(workshop: Workshop, pool: str) -> None:
    started = time.monotonic()
    result = through(workshop, pool, "migrate")
    assert result.exit_code == 0, result.stderr
    assert time.monotonic() - started < PATIENCE - 10


@pytest.mark.parametrize("pool", ["transaction"], indirect=True)
def test_nothing_is_set_in_a_session_that_others_will_have(workshop: Workshop, pool: str) -> None:
    def connect() -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(pool, autocommit=True)

    with closing(connect()) as connection, pytest.raises(DbtoolError):
        refuse_transaction_pooling(connect, connection)
    for command in (["migrate"], ["plan"]):
        through(workshop, pool, *command)
    with closing(connect()) as connection:
        found = connection.execute(
            "select current_setting('default_transaction_read_only'), current_setting('lock_timeout'),"
            " current_setting('client_connection_check_interval')"
        ).fetchone()
    assert found == ("off", "0", "0")


def test_direct_connection_asks_no_second_one(workshop: Workshop) -> None:
    def never() -> psycopg.Connection[tuple[Any, ...]]:
        raise AssertionError("a second connection")

    with closing(psycopg.connect(workshop.url, autocommit=True)) as connection:
        refuse_transaction_pooling(never, connection)
