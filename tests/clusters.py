"""PostgreSQL clusters of a test's own, with Laurel in them: to be killed, copied, restored, upgraded.

They are made from the programs of the version that the run is on. Their data is in memory where there is
room: nothing waits for a disk, but what was committed is written, so it survives whatever the server does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
import pytest

from toolkit.connection import own_server, socket_url
from toolkit.errors import DbtoolError
from toolkit.history import migrations, seeds
from toolkit.project.layout import Project
from toolkit.servers import cluster, throwaway
from toolkit.servers.account import run_as, server_account
from toolkit.servers.binaries import Binaries, find_binaries, for_account

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "app"
SETTINGS = {
    **throwaway.SETTINGS,
    "synchronous_commit": "on",
    "wal_level": "logical",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_worker_processes": "20",
    "max_logical_replication_workers": "12",
    "max_sync_workers_per_subscription": "8",
    "max_wal_size": "128MB",
    "restart_after_crash": "on",
    "hot_standby": "on",
    "dynamic_shared_memory_type": "mmap",  # in the data folder: a killed server leaves nothing elsewhere
}
# The server ends with the test run, in whatever way that ends.
DOG = (
    '"$1" -D "$2" >> "$2.log" 2>&1 < /dev/null & server=$!;'
    " cat > /dev/null; kill -QUIT $server 2> /dev/null; wait"
)
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


def programs(major: int) -> Binaries:
    """The programs of a version, as far as this machine has them; else the test is left out."""
    try:
        return for_account(find_binaries(major), server_account())
    except DbtoolError:
        pytest.skip(f"this machine has no programs of PostgreSQL {major}")


class Cluster:
    """A data folder, and the server that runs on it from time to time."""

    def __init__(self, binaries: Binaries, data: Path) -> None:
        self.binaries, self.data = binaries, data
        self._dog: subprocess.Popen[bytes] | None = None

    def url(self, database: str = DATABASE) -> str:
        """As superuser."""
        return own_server(socket_url(self.data.parent, database), self.data)

    def connect(self, database: str = DATABASE, **options: Any) -> psycopg.Connection[Any]:
        """A session of the superuser that commits by itself."""
        return psycopg.connect(self.url(database), autocommit=True, **options)

    @property
    def log(self) -> str:
        """What the server has said so far."""
        path = self.data.with_name(f"{self.data.name}.log")
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def set(self, **settings: str) -> None:
        """Settings from the next start on."""
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def start(self) -> None:
        """Start, and wait until it lets in; after a crash the old processes may be there for a moment."""
        self.set(unix_socket_directories=str(self.data.parent))
        words = ["/bin/sh", "-c", DOG, "dog", self.binaries.program("postgres"), str(self.data)]
        deadline = time.monotonic() + 15
        while True:
            cluster.disown_lock_file(self.data)
            before = len(self.log)
            self._dog = subprocess.Popen(
                words,
                cwd="/",
                env=cluster.server_environment(),
                stdin=subprocess.PIPE,
                start_new_session=True,
                **run_as(server_account()),
            )
            if self._comes_up(before):
                return
            self._let_the_dog_go()
            assert time.monotonic() < deadline, self.log[-3000:]

    def _comes_up(self, seen: int) -> bool:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            lock = cluster.read_lock_file(self.data)
            if lock is not None and lock.is_ready and lock.pid != cluster.NO_PROCESS:
                return True
            if "FATAL" in self.log[seen:] and not (lock and cluster.is_server(lock)):
                return False
            time.sleep(0.01)
        raise AssertionError(self.log[-3000:])

    def is_up(self, database: str = DATABASE) -> bool:
        """Whether it lets in."""
        try:
            self.connect(database).close()
        except psycopg.OperationalError:
            return False
        return True

    def pid(self) -> int:
        """Of the server's first process."""
        lock = cluster.serving(self.data)
        assert lock is not None
        return lock.pid

    def stop(self, how: int = signal.SIGINT) -> None:
        """End it: SIGINT in order, SIGQUIT at once, SIGKILL unawares. It may have ended already."""
        lock = cluster.serving(self.data)
        if lock is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(lock.pid, how)
            deadline = time.monotonic() + 60
            while cluster.is_server(lock):
                assert time.monotonic() < deadline, self.log[-3000:]
                time.sleep(0.01)
        self._let_the_dog_go()

    def crash(self) -> None:
        """End all of its processes at once, as when the machine stops.

        The first one is held meanwhile and starts no more: one that outlives it could wait for ever for what
        another has locked in memory, and would keep the server from coming up again.
        """
        first = self.pid()
        os.kill(first, signal.SIGSTOP)
        others = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii").split()
        for each in [first, *map(int, others)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self.stop()

    def _let_the_dog_go(self) -> None:
        if self._dog is not None and self._dog.stdin is not None:
            self._dog.stdin.close()
            self._dog.wait(30)
        self._dog = None

    def run(
        self, program: str, *words: str, stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """One of the version's programs, as the server's user."""
        done = subprocess.run(
            [self.binaries.program(program), *words],
            cwd=self.data.parent,
            env=cluster.server_environment(),
            capture_output=True,
            text=True,
            input=stdin,
            check=False,
            **run_as(server_account()),
        )
        assert not check or done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done

    def follow(self, *, slot: str | None = None) -> Cluster:
        """A standby of this one, not yet started."""
        other = Cluster(self.binaries, make_folder() / "data")
        words = ["-D", str(other.data), "-d", self.url("postgres"), "-R", "-c", "fast", "--no-sync"]
        self.run("pg_basebackup", *words, *(["-C", "-S", slot] if slot else []))
        return other

    def backup(self) -> Cluster:
        """A copy of the running server's data."""
        other = Cluster(self.binaries, make_folder() / "data")
        words = ["-D", str(other.data), "-d", self.url("postgres"), "-c", "fast", "--no-sync"]
        self.run("pg_basebackup", *words)
        return other


def make_folder(place: Path | None = None) -> Path:
    """A folder that the server's user owns."""
    folder = Path(tempfile.mkdtemp(prefix="dbtool-", dir=place or throwaway._folder()))
    account = server_account()
    if account:
        account.own(folder)
    return folder


def make_cluster(binaries: Binaries, settings: Mapping[str, str] = NO_SETTINGS) -> Cluster:
    """An empty cluster that is not started."""
    made = Cluster(binaries, make_folder() / "data")
    own = {"listen_addresses": "", "unix_socket_permissions": "0700"}
    own |= {"io_method": "sync"} if binaries.major >= 18 else {}
    cluster.initialise(binaries, made.data, server_account(), {**SETTINGS, **own, **settings}, durable=False)
    return made


def discard(*clusters: Cluster) -> None:
    """Ends them, and removes what they had."""
    for each in clusters:
        each.stop(signal.SIGQUIT)
        shutil.rmtree(each.data.parent, ignore_errors=True)


def build(url: str) -> None:
    """Laurel with the seeds of the SQL platform, in an empty database."""
    migrations.migrate(lambda: psycopg.connect(url), Project.find(ROOT))
    with psycopg.connect(url) as connection:
        seeds.seed(connection, Project.find(ROOT), ["sql_platform"], demo=False)


def make_laurel(binaries: Binaries) -> Cluster:
    """A cluster with Laurel in the database `app`; it is stopped, for copies."""
    made = make_cluster(binaries)
    try:
        made.start()
        with made.connect("postgres") as connection:
            connection.execute(f"create database {DATABASE}".encode())
        build(made.url())
        made.stop()
    except BaseException:
        discard(made)
        raise
    return made


def copy_of(original: Cluster, place: Path | None = None) -> Cluster:
    """A cluster with the same data, which is not started."""
    made = Cluster(original.binaries, make_folder(place) / "data")
    shutil.copytree(original.data, made.data, symlinks=True)
    give(made.data)
    return made


def give(folder: Path) -> None:
    """To the server's user, with all that is in it."""
    account = server_account()
    if account:
        for each in (folder, *folder.rglob("*")):
            account.own(each)


@pytest.fixture(scope="session")
def laurel(server: throwaway.ThrowawayServer) -> Iterator[Cluster]:
    """A stopped cluster of the run's version with Laurel in it, to be copied."""
    made = make_laurel(programs(server.major))
    yield made
    discard(made)


@contextlib.contextmanager
def running(original: Cluster, place: Path | None = None) -> Iterator[Cluster]:
    """A copy that runs for the length of a `with`."""
    made = copy_of(original, place)
    try:
        made.start()
        yield made
    finally:
        discard(made)
