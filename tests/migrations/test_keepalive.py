"""A machine or a network that is gone without a word: over TCP both sides ask whether the other is there."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.waiting import PATIENCE, free_port
from toolkit.connection import connect
from toolkit.history import migrations
from toolkit.project.layout import Project
from toolkit.servers import cluster
from toolkit.servers.account import run_as, server_account
from toolkit.servers.binaries import find_binaries, for_account

KEEPIDLE = getattr(socket, "TCP_KEEPIDLE", 0x10)  # macOS calls it TCP_KEEPALIVE


@pytest.fixture
def tcp_url() -> Iterator[str]:
    """URL of an empty server that listens on TCP, which the other servers of the tests may not do."""
    account = server_account()
    binaries = for_account(find_binaries(), account)
    root = Path(tempfile.mkdtemp(prefix="dbtool-tcp-", dir="/tmp"))
    if account:
        account.own(root)
    port = free_port()
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(root)}
    data = root / "data"
    cluster.initialise(binaries, data, account, settings, durable=False)
    (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
    server = subprocess.Popen(
        [binaries.program("postgres"), "-D", str(data)],
        cwd="/",
        env=cluster.server_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **run_as(account),
    )
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(url).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield url
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(PATIENCE)
        shutil.rmtree(root, ignore_errors=True)


def test_both_sides_notice_within_a_minute(tcp_url: str, sample_project: Path) -> None:
    (sample_project / "migrations/migration2.sql").write_text(
        "create table shop.seen as select current_setting('tcp_keepalives_idle')::int as idle,"
        " current_setting('tcp_keepalives_interval')::int as pause,"
        " current_setting('tcp_keepalives_count')::int as count"
    )
    migrations.migrate(lambda: connect(tcp_url), Project.open(sample_project))
    with connect(tcp_url) as connection:
        row = connection.execute("select idle + pause * count from shop.seen").fetchone()
        with socket.socket(fileno=os.dup(connection.fileno())) as client:
            idle = client.getsockopt(socket.IPPROTO_TCP, KEEPIDLE)
            pause = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
            count = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
    assert row is not None
    assert row[0] <= 60
    assert idle + pause * count <= 60
