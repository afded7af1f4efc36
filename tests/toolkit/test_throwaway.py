"""Throwaway servers: embedded, existing and in containers, and that they leave nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.waiting import wait_until
from toolkit.connection import socket_url, with_database
from toolkit.errors import DbtoolError, UsageProblem
from toolkit.servers import cluster, containers
from toolkit.servers.account import is_alive
from toolkit.servers.choose import ThrowawayServer, open_like, open_throwaway
from toolkit.servers.cluster import KEPT_CLUSTERS

OWNER = """
import sys, time
from tests.waiting import wait_until
from toolkit.servers.choose import open_throwaway
with open_throwaway(sys.argv[1]) as server:
    for name in sys.argv[2:]:
        server.create_database(name)
    print(server.url(*sys.argv[2:3]), flush=True)
    time.sleep(600)
"""


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def databases(url: str) -> set[object]:
    return {name for (name,) in query(url, "select datname from pg_database")}


@pytest.fixture
def owner() -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Starts a process that owns a throwaway server; gives the process and the server's URL."""
    started: list[subprocess.Popen[str]] = []

    def start(kind: str, *names: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, kind, *names], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def folder_and_process(url: str) -> tuple[Path, int]:
    """Where an embedded throwaway server has its data, and its process number."""
    [(data,)] = query(url, "show data_directory")
    lock = cluster.serving(Path(str(data)))
    assert lock is not None
    return Path(str(data)).parent, lock.pid


def test_databases_are_made_cloned_and_dropped(server: ThrowawayServer) -> None:
    server.create_database("first one")
    with psycopg.connect(server.url("first one"), autocommit=True) as connection:
        connection.execute("create table copied as select 5 as number")
    server.create_database('a "copy"', template="first one")
    assert query(server.url('a "copy"'), "table copied") == [(5,)]
    with psycopg.connect(server.url("first one")) as connection:
        server.drop_database("first one")  # although somebody is connected
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    server.drop_database('a "copy"')
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url('a "copy"')).close()


def test_server_tells_its_version(server: ThrowawayServer) -> None:
    [(number,)] = query(server.url(), "select current_setting('server_version_num')::int / 10000")
    assert server.major == number
    assert server.version.split(".")[0] == str(number)
    assert server.description


def test_embedded_server_waits_for_no_disk_and_leaves_nothing() -> None:
    with open_throwaway("embedded") as server:
        folder, pid = folder_and_process(server.url())
        assert query(server.url(), "show fsync") == [("off",)]
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not is_alive(pid)
    assert not folder.exists()


def test_error_in_the_block_ends_the_embedded_server_too() -> None:
    opened = open_throwaway("embedded")
    folder, pid = folder_and_process(opened.__enter__().url())
    failure = ZeroDivisionError()
    assert not opened.__exit__(ZeroDivisionError, failure, None)
    assert not is_alive(pid)
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_embedded_server_goes_when_its_owner_is_killed(
    owner: Callable[..., tuple[subprocess.Popen[str], str]], number: int
) -> None:
    process, url = owner("embedded")
    folder, pid = folder_and_process(url)
    with psycopg.connect(url):  # an open session holds nothing up
        process.send_signal(number)
        wait_until(lambda: not is_alive(pid))
    wait_until(lambda: not folder.exists())


def test_embedded_server_goes_although_its_watchdog_was_killed() -> None:
    with open_throwaway("embedded") as server:
        folder, pid = folder_and_process(server.url())
        watchdog = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(watchdog, signal.SIGKILL)
    assert not is_alive(pid)
    assert not folder.exists()


def test_clusters_are_copies_only_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = []
    for number in range(4):
        if number == 2:
            monkeypatch.delenv(KEPT_CLUSTERS)
        with open_throwaway("embedded") as server:
            numbers += query(server.url(), "select system_identifier from pg_control_system()")
    assert numbers[0] == numbers[1]
    assert len(set(numbers)) == 3


def test_chosen_folder_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path("/tmp")
    monkeypatch.setenv("DBTOOL_PG_TMP", str(place))
    with open_throwaway("embedded") as server:
        assert folder_and_process(server.url())[0].parent == place


def test_existing_server_keeps_its_databases(server: ThrowawayServer) -> None:
    before = databases(server.url())
    with open_throwaway(server.url()) as guest:
        guest.create_database("postgres")  # a name that is taken there
        guest.create_database("mine", template="postgres")
        assert query(guest.url("mine"), "select 1") == [(1,)]
        guest.drop_database("template1")  # not ours
        made = databases(server.url()) - before
        assert len(made) == 2
    assert databases(server.url()) == before


def test_existing_server_is_cleaned_of_what_a_killed_run_left_but_not_of_a_running_one(
    server: ThrowawayServer, owner: Callable[..., tuple[subprocess.Popen[str], str]]
) -> None:
    before = databases(server.url())
    killed, _ = owner(server.url(), "left", "over")
    running, running_url = owner(server.url(), "in_use")
    killed.kill()
    killed.wait()
    assert len(databases(server.url()) - before) == 3
    with open_throwaway(server.url()):
        wait_until(lambda: len(databases(server.url()) - before) == 1)
    assert query(running_url, "select 1") == [(1,)]
    running.terminate()
    running.wait()
    with open_throwaway(server.url()):
        pass
    assert databases(server.url()) == before


def test_existing_server_that_does_not_answer_is_an_error_without_password() -> None:
    with pytest.raises(DbtoolError) as caught, open_throwaway("postgresql://u:hush@127.0.0.1:1/x"):
        pass
    assert "hush" not in "\n".join(caught.value.lines())


def test_unknown_kind_is_a_usage_error() -> None:
    with pytest.raises(UsageProblem), open_throwaway("magic"):
        pass


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://u:p%40@h:1,g:2/old?sslmode=require",
            "postgresql://u:p%40@h:1,g:2/n%2F%201?sslmode=require",
        ),
        ("postgres:///?host=/tmp&dbname=old", "postgres:///n%2F%201?host=%2Ftmp"),
        (socket_url(Path("/a b"), "old"), "postgresql://postgres@/n%2F%201?host=%2Fa%20b&port=5432"),
        ("dbname=old password='a b'", "password='a b' dbname='n/ 1'"),
    ],
)
def test_url_of_another_database_keeps_everything_else(url: str, expected: str) -> None:
    assert with_database(url, "n/ 1") == expected


def test_docker_that_hangs_is_given_up_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(path))
        hanging.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        begin = time.monotonic()
        assert not containers.docker_has("postgres:15")
        assert containers.newest_image() is None
        assert time.monotonic() - begin < 60  # Docker's own client waits for longer, twice


@pytest.mark.parametrize("address", ["unix:///nowhere", "tcp://127.0.0.1:1", "ssh://host", "nonsense"])
def test_docker_that_is_not_there_means_embedded(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with open_throwaway(None) as server:
        assert folder_and_process(server.url())
    assert capsys.readouterr() == ("", "throwaway server: embedded\n")
    with pytest.raises(DbtoolError), open_throwaway("container"):
        pass


def test_docker_is_left_alone_where_nothing_can_start_containers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make up` and `pip install laurel-dbtool` bring no testcontainers, and Docker may have images."""
    monkeypatch.setattr(containers, "_ask_for", lambda _: "200")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with open_throwaway(None) as server, open_like(server.major, None) as alike:
        assert folder_and_process(server.url())
        assert folder_and_process(alike.url())
    assert capsys.readouterr() == ("", "throwaway server: embedded\n")


@pytest.fixture
def image() -> str:
    """A postgres image that Docker has. CI must have one; elsewhere the test is left out without Docker."""
    found = containers.newest_image()
    if found is None and os.environ.get("DBTOOL_REQUIRE_DOCKER"):
        pytest.fail("Docker does not answer or has no postgres image")
    if found is None:
        pytest.skip("Docker does not answer or has no postgres image")
    return found


def test_container_runs_the_version_of_its_image(image: str) -> None:
    with open_throwaway(image.replace("postgres", "container")) as server:
        assert str(server.major) == image.partition(":")[2]
        server.create_database("one")
        server.create_database("two", template="one")
        assert query(server.url("two"), "show fsync") == [("off",)]


def test_default_is_the_newest_image_that_docker_has(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    with open_throwaway(None) as server:
        assert image in server.description
    assert capsys.readouterr() == ("", f"throwaway server: container of {image}\n")


def test_container_goes_when_its_owner_is_killed(
    image: str, owner: Callable[..., tuple[subprocess.Popen[str], str]]
) -> None:
    process, url = owner(image.replace("postgres", "container"))
    query(url, "select 1")
    process.kill()

    def is_gone() -> bool:
        try:
            psycopg.connect(url, connect_timeout=10).close()
        except psycopg.OperationalError:
            return True
        return False

    wait_until(is_gone)


def test_image_that_docker_lacks_is_an_error_in_seconds(image: str) -> None:
    begin = time.monotonic()
    with pytest.raises(DbtoolError) as caught, open_throwaway("container:99"):
        pass
    assert "postgres:99" in caught.value.message
    assert time.monotonic() - begin < 60
