"""Servers that are killed, clients that vanish, calls that are cancelled: nothing that was answered is lost,
nothing is paid twice, and whoever asks again with the same key hears of what is there."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.client import Learn
from tests.clusters import Cluster, copy_of, discard, give, make_folder, running
from tests.suites.conftest import Amount, Tell
from tests.suites.payers import Payer, Place, acting, settle
from tests.waiting import wait_until

CLIENTS = 8


@pytest.fixture
def cluster(laurel: Cluster) -> Iterator[Cluster]:
    with running(laurel) as started:
        yield started


@contextlib.contextmanager
def client(cluster: Cluster) -> Iterator[Learn]:
    with cluster.connect() as connection:
        yield Learn(connection)


def payers_of(cluster: Cluster, number: int, seed: int) -> list[Payer]:
    """With three learners each."""
    with client(cluster) as learn:
        place = Place(learn, users=3 * number)
    return [
        Payer(cluster.connect, place, place.users[3 * one : 3 * one + 3], seed + one) for one in range(number)
    ]


def failures(payers: list[Payer]) -> str:
    total = sum((payer.failures for payer in payers), Counter[str]())
    return ", ".join(f"{number:,} {code}" for code, number in sorted(total.items()))


def processes(cluster: Cluster) -> list[int]:
    """Of the server, but for the first one and the one that is asked."""
    with cluster.connect("postgres") as connection:
        query = "select pid from pg_stat_activity where pid <> pg_backend_pid()"
        return [pid for (pid,) in connection.execute(query).fetchall()]


def kill(cluster: Cluster, dice: random.Random, way: str) -> None:
    """End the server, or one of its processes, and have it come up again."""
    if way == "one process":
        with contextlib.suppress(ProcessLookupError):
            os.kill(dice.choice(processes(cluster)), signal.SIGKILL)
        return
    if way == "all processes":
        cluster.crash()
    else:
        cluster.stop(signal.SIGQUIT)
    cluster.start()


def test_a_server_is_killed_under_eight_clients(cluster: Cluster, amount: Amount, tell: Tell) -> None:
    seed = amount(1, random.randrange(10**6))
    dice, rounds = random.Random(seed), amount(3, 51)
    payers = payers_of(cluster, CLIENTS, seed)
    ways = ["all processes", "one process", "at once"]
    for number in range(rounds):
        with acting(payers):
            time.sleep(dice.uniform(0.05, 0.4))
            kill(cluster, dice, ways[number % 3])
            time.sleep(dice.uniform(0.0, 0.2))
        with client(cluster) as learn:
            settle(learn, payers)
    calls = sum(payer.calls for payer in payers)
    assert calls > rounds * CLIENTS
    assert failures(payers)
    what = f"server killed {rounds} times under {CLIENTS} clients, {calls:,} calls (seed {seed})"
    tell(f"{what}: {failures(payers)}")


class Disturber:
    """Has something happen to a session at a random moment of its next call."""

    WAYS = ("time out", "cancel", "vanish", "terminate")

    def __init__(self, admin: psycopg.Connection[Any], seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._admin, self._dice, self._lock = admin, random.Random(seed), threading.Lock()

    def __call__(self, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            way = self._dice.choice(self.WAYS)
            moment = self._dice.choice([0.001, 0.004, 0.01]) * self._dice.random()
            self.counts[way] += 1
        act: Callable[[], object]
        if way == "time out":
            connection.execute(b"set statement_timeout = %d" % (1 + 800 * moment))
            return
        if way == "cancel":
            act = connection.cancel
        elif way == "terminate":
            pid = connection.info.backend_pid
            act = lambda: self._admin.execute("select pg_terminate_backend(%s)", [pid])  # noqa: E731
        else:
            line = socket.socket(fileno=os.dup(connection.fileno()))
            act = functools.partial(hang_up, line)

        def later() -> None:
            time.sleep(moment)
            with contextlib.suppress(psycopg.Error, OSError):  # it is gone already
                act()

        threading.Thread(target=later).start()


def test_clients_vanish_and_calls_are_cancelled_at_random_moments(
    cluster: Cluster, amount: Amount, tell: Tell
) -> None:
    seed = amount(2, random.randrange(10**6))
    payers = payers_of(cluster, 4, seed)
    share = amount(200, 2400) // len(payers)
    with cluster.connect() as admin:
        disturb = Disturber(admin, seed)

        def live(payer: Payer) -> None:
            for _ in range(share):
                payer.act(disturb)

        with ThreadPoolExecutor(len(payers)) as pool:
            list(pool.map(live, payers))
        for payer in payers:
            payer.close()
        wait_until(lambda: learn_value(admin, SESSIONS) == 0)
        settle(Learn(admin), payers)
        assert learn_value(admin, LOCKS) == 0
    ways = ", ".join(f"{number:,} {way}" for way, number in sorted(disturb.counts.items()))
    assert disturb.counts.total() >= share * len(payers)
    tell(f"{disturb.counts.total():,} calls disturbed ({ways}; seed {seed}): {failures(payers)}")


def hang_up(line: socket.socket) -> None:
    with line:
        line.shutdown(socket.SHUT_RDWR)


SESSIONS = (
    "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
)
LOCKS = "select count(*) from pg_locks where relation > 16384 and pid <> pg_backend_pid()"


def learn_value(connection: psycopg.Connection[Any], query: str) -> Any:
    ((found,),) = connection.execute(query.encode()).fetchall()
    return found


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A file system of this size in memory."""
    folder = Path(tempfile.mkdtemp(prefix="dbtool-", dir="/tmp"))
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode != 0:
        folder.rmdir()
        pytest.skip("only root can mount a small disk, and not everywhere")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def fill(cluster: Cluster, place: Place, *, switch: bool) -> set[str]:
    """Calls of a learner, until they are refused; with what. `switch`: each takes a piece of the log."""
    refused = Counter[str]()
    dice = random.Random(5)
    with client(cluster) as learn:
        user, exercise = place.users[0], place.practice[0].exercises[0]
        for _ in range(400):
            with suppressed(refused):
                learn.submit_query(user, exercise, False, query_text=dice.randbytes(9_000).hex())
                if switch:
                    learn.run("select pg_switch_wal()")
            if learn.connection.closed or refused.total() > 5:
                break
    assert refused
    return {*refused}


@contextlib.contextmanager
def suppressed(codes: Counter[str]) -> Iterator[None]:
    """Counts an error."""
    try:
        yield
    except psycopg.Error as error:
        codes[error.sqlstate or "lost"] += 1


@pytest.mark.parametrize("what", ["tables", "log"])
def test_a_disk_that_fills_up_loses_nothing(laurel: Cluster, what: str, tell: Tell) -> None:
    """The tables': calls are refused until there is room. The log's (WAL): the server may go down."""
    with small_disk(160) as disk:
        cluster = copy_of(laurel)
        try:
            place = make_folder(disk)
            if what == "log":
                shutil.move(cluster.data / "pg_wal", place / "wal")
                give(place)
                (cluster.data / "pg_wal").symlink_to(place / "wal")
            cluster.start()
            if what == "tables":
                with cluster.connect("postgres") as admin:
                    admin.execute(f"create tablespace small location '{place}'".encode())
                    admin.execute(b"alter database app set tablespace small")
            payers = payers_of(cluster, 2, 3)
            act_all(payers)
            ballast = disk / "ballast"
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.tell() < shutil.disk_usage(disk).total:
                    file.write(bytes(2**16))
            refused = fill(cluster, payers[0].place, switch=what == "log")
            assert refused <= ({"53100"} if what == "tables" else {"53100", "lost", "57P02"})
            ballast.unlink()
            if not cluster.is_up():
                cluster.stop(signal.SIGQUIT)
                cluster.start()
            act_all(payers)
            with client(cluster) as learn:
                settle(learn, payers)
        finally:
            discard(cluster)
    calls = sum(payer.calls for payer in payers)
    tell(f"the disk of the {what} full: {', '.join(sorted(refused))}; then all {calls} calls are there")


def act_all(payers: list[Payer]) -> None:
    for payer in payers:
        for _ in range(20):
            payer.act()
