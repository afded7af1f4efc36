"""`dbtool up` and `dbtool down`, as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psycopg
import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT, RunDbtool
from tests.parallel import SCRATCH
from tests.waiting import PATIENCE, free_port
from toolkit.connection import PORT
from toolkit.servers.embedded import EmbeddedServer

pytestmark = pytest.mark.once


@pytest.fixture
def project(sample_project: Path) -> Iterator[Path]:
    """The sample project; its server is removed after the test."""
    yield sample_project
    EmbeddedServer(sample_project / ".dbtool").destroy()


def test_up_builds_and_seeds_the_database_and_says_how_to_connect(
    project: Path, run_dbtool: RunDbtool
) -> None:
    done = run_dbtool("up", cwd=project, code=0)
    url = EmbeddedServer(project / ".dbtool").url()
    assert f"URL: {url}" in done.stdout.splitlines()
    assert "psql" in done.stdout
    with psycopg.connect(url) as connection:
        assert connection.execute("select name from shop.cheap").fetchall() == [("pen",)]
    assert run_dbtool("status", cwd=project).exit_code == 0


def test_up_again_applies_what_is_new_and_keeps_what_is_there(project: Path, run_dbtool: RunDbtool) -> None:
    run_dbtool("up", cwd=project)
    url = EmbeddedServer(project / ".dbtool").url()
    with psycopg.connect(url) as connection:
        connection.execute("insert into shop.items values (9, 'kept', 1)")
    (project / "migrations/migration3.sql").write_text("alter table shop.items add column size text;\n")
    done = run_dbtool("up", "--json", cwd=project, code=0)
    shown = json.loads(done.stdout)
    assert shown == {
        "ok": True,
        "error": None,
        "databases": {"app": url},
        "url": url,
        "was_running": True,
        "applied": ["schema", "migration1", "migration2", "migration3"],
    }
    with psycopg.connect(url) as connection:
        assert connection.execute("select name, size from shop.items where id = 9").fetchone() == (
            "kept",
            None,
        )


def test_up_from_a_subfolder_and_with_project_option_find_the_same_server(
    project: Path, run_dbtool: RunDbtool, tmp_path: Path
) -> None:
    run_dbtool("up", cwd=project)
    for args, cwd in (
        (["up", "--json"], project / "seeds/core"),
        (["up", "--json", "--project", project], tmp_path),
    ):
        done = run_dbtool(*args, cwd=cwd)
        assert json.loads(done.stdout)["was_running"] is True


def test_demo_seeds_come_only_when_asked_for(project: Path, run_dbtool: RunDbtool) -> None:
    demo = project / "seeds/core/demo"
    demo.mkdir()
    (demo / "more.sql").write_text("insert into shop.items values (50, 'demo') on conflict do nothing;\n")
    url = json.loads(run_dbtool("up", "--json", cwd=project).stdout)["url"]
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from shop.items where id = 50").fetchone() == (0,)
    assert run_dbtool("up", "--demo", cwd=project).exit_code == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from shop.items where id = 50").fetchone() == (1,)


def test_up_gives_each_system_a_database_of_its_own(project: Path, run_dbtool: RunDbtool) -> None:
    for number, system in enumerate(("bikes", "boats")):
        (project / "seeds" / system).mkdir()
        (project / "seeds" / system / "a.sql").write_text(
            f"insert into shop.items values ({number + 20}, '{system}') on conflict do nothing;\n"
        )
    (project / "seeds/seeds.toml").write_text(
        'default = "bikes"\nheld = "select name from shop.items where id between 20 and 29"\n'
    )
    done = run_dbtool("up", "boats", "bikes", "--json", cwd=project, code=0)
    server = EmbeddedServer(project / ".dbtool")
    assert json.loads(done.stdout)["databases"] == {"boats": server.url("boats"), "app": server.url()}
    own = "select string_agg(name, ' ' order by id) from shop.items where id > 2"
    for database, held in {"boats": "boats", "app": "bikes"}.items():
        shown = run_dbtool("psql", "--database", database, "--", "-tAc", own, cwd=project)
        assert (shown.stdout, shown.stderr.count(", database")) == (f"{held}\n", int(database != "app"))
        assert run_dbtool("--database", database, "status", cwd=project).exit_code == 0

    plain = run_dbtool("up", cwd=project)  # again, in words: the default's database
    assert "seeded bikes" in plain.stdout
    assert "boats" not in plain.stdout
    assert "psql --database boats" in run_dbtool("up", "boats", cwd=project).stdout
    # What app holds is kept to itself, here too.
    assert run_dbtool("seed", "boats", cwd=project).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["up", "nowhere"], 2),
        (["--database", "boats", "up"], 2),
        (["--database", "boats", "down"], 2),
        (["status", "--database", "x", "--database-url", "postgresql://h/x"], 2),
    ],
)
def test_databases_that_cannot_be_meant_are_refused_and_no_server_is_made(
    project: Path, run_dbtool: RunDbtool, arguments: list[str], code: int
) -> None:
    assert run_dbtool(*arguments, cwd=project).exit_code == code
    assert not (project / ".dbtool").exists()


def test_a_database_that_the_embedded_server_lacks_is_a_usage_error_that_lists_those_it_has(
    project: Path, run_dbtool: RunDbtool
) -> None:
    done = run_dbtool("status", "--database", "boats", cwd=project, code=2)
    assert "It has app." in done.stderr


def test_up_never_touches_the_database_that_the_environment_names(
    project: Path, run_dbtool: RunDbtool, empty_database: str
) -> None:
    done = run_dbtool("up", cwd=project, env={"DATABASE_URL": empty_database}, code=0)
    assert "DATABASE_URL" in done.stderr
    assert f"psql --database-url '{EmbeddedServer(project / '.dbtool').url()}'" in done.stdout
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regnamespace('shop') is null").fetchone() == (True,)


@pytest.mark.parametrize("command", ["up", "down"])
def test_up_and_down_refuse_another_database(command: str, project: Path, run_dbtool: RunDbtool) -> None:
    run_dbtool("--database-url", "postgresql://h/x", command, cwd=project, code=2)
    assert not (project / ".dbtool").exists()


def test_failed_migration_fails_up_and_leaves_the_server_running(
    project: Path, run_dbtool: RunDbtool
) -> None:
    (project / "migrations/migration3.sql").write_text("select 1;\nselect wrong;\n")
    done = run_dbtool("up", cwd=project, code=1)
    assert "migration3.sql" in done.stderr
    assert "Traceback" not in done.stderr
    assert EmbeddedServer(project / ".dbtool").is_running()


def test_down_stops_and_keeps_the_data(project: Path, run_dbtool: RunDbtool) -> None:
    run_dbtool("up", cwd=project)
    server = EmbeddedServer(project / ".dbtool")
    run_dbtool("down", cwd=project, code=0)
    assert not server.is_running()
    assert run_dbtool("down", cwd=project).exit_code == 0
    assert "nothing to apply" in run_dbtool("migrate", cwd=project).stdout  # starts it again
    assert server.is_running()


def test_a_port_is_for_who_has_the_password_and_stays_until_it_is_given_up(
    project: Path, run_dbtool: RunDbtool
) -> None:
    port = free_port()
    done = run_dbtool("up", "--port", str(port), "--json", cwd=project, code=0)
    answer = json.loads(done.stdout)
    url, file = answer["tcp_url"], Path(answer["password_file"])
    assert url == f"postgresql://postgres@localhost:{port}/app"
    assert file.stat().st_mode & 0o077 == 0
    password = file.read_text().strip()
    assert password not in done.stdout + done.stderr + (project / ".dbtool/server.log").read_text()
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(url)
    with psycopg.connect(url, password=password) as connection:
        assert connection.execute("select name from shop.cheap").fetchall() == [("pen",)]

    run_dbtool("down", cwd=project)
    assert f"by TCP: {url}, with the password in {file}" in run_dbtool("up", cwd=project).stdout
    psycopg.connect(url, password=password).close()
    assert "by TCP" not in run_dbtool("up", "--port", "0", cwd=project).stdout
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(url, password=password)

    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = run_dbtool("up", "--port", str(port), cwd=project)
        assert done.exit_code != 0
        assert "another program has the port" in done.stderr
        assert "by TCP" not in run_dbtool("up", cwd=project).stdout  # a port that it did not get is not kept


def test_the_port_of_the_socket_is_as_good_as_any_and_new_data_has_a_new_password(project: Path) -> None:
    server = EmbeddedServer(project / ".dbtool")
    with socket.socket() as free:
        taken = free.connect_ex(("127.0.0.1", PORT)) == 0
    port = free_port() if taken else PORT
    try:
        server.start(port=0)
        for is_wanted in (True, False, True):
            assert not server.start(port=port if is_wanted else 0)
            with socket.socket() as client:
                assert (client.connect_ex(("127.0.0.1", port)) == 0) == is_wanted
        assert server.start(port=port)
        server.stop()
        password = server.password_file.read_text()
        data = (project / ".dbtool/data").resolve()
        shutil.rmtree(data)
        server.start()
        assert server.password_file.read_text() != password
        tcp = server.tcp_url()
        assert tcp is not None
        psycopg.connect(tcp, password=server.password_file.read_text().strip()).close()
        assert server.password_file.stat().st_mode & 0o077 == 0
    finally:
        server.destroy()
    assert {path.name for path in (project / ".dbtool").iterdir()} <= {"lock", ".gitignore"}


def test_destroy_needs_a_yes(project: Path, run_dbtool: RunDbtool) -> None:
    run_dbtool("up", cwd=project)
    server = EmbeddedServer(project / ".dbtool")
    assert run_dbtool("down", "--destroy", cwd=project, stdin="y\n").exit_code == 2
    assert server.is_running()
    assert run_dbtool("down", "--destroy", "--yes", cwd=project).exit_code == 0
    assert not (project / ".dbtool/data").exists()
    assert run_dbtool("down", "--destroy", "--yes", cwd=project).exit_code == 0


def test_down_in_a_project_without_server_makes_nothing(project: Path, run_dbtool: RunDbtool) -> None:
    assert run_dbtool("down", cwd=project).exit_code == 0
    assert not (project / ".dbtool").exists()


def test_server_folder_is_not_seen_by_git(project: Path, run_dbtool: RunDbtool) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    run_dbtool("up", cwd=project)
    shown = subprocess.run(
        ["git", "-C", project, "status", "--porcelain", "-uall"], capture_output=True, text=True, check=True
    )
    assert ".dbtool" not in shown.stdout


def test_folder_that_cannot_be_written_is_an_error_with_advice(project: Path, run_dbtool: RunDbtool) -> None:
    (project / ".dbtool").write_text("a file where the folder should be")
    done = run_dbtool("up", cwd=project, code=1)
    assert "hint:" in done.stderr
    (project / ".dbtool").unlink()


def test_several_ups_at_once_all_succeed(project: Path) -> None:
    words = [sys.executable, "-m", "toolkit", "up"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("DATABASE_URL", None)
    ups = [
        subprocess.Popen(
            words, cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    said = [one.communicate(timeout=PATIENCE)[1].decode() for one in ups]
    assert [one.returncode for one in ups] == [0, 0, 0], said


def needed(name: str, extra: str = "", but: frozenset[str] = frozenset()) -> frozenset[str]:
    """The distributions without which this one does not work."""
    found = but
    for one in map(Requirement, metadata.requires(name) or []):
        if one.name not in found and (one.marker is None or one.marker.evaluate({"extra": extra})):
            found |= {one.name}
            for each in ("", *one.extras):
                found = needed(one.name, each, found)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as a plain user already")
def test_plain_user_needs_no_root(sample_project: Path, tmp_path: Path) -> None:
    """The same as another user, with a virtual environment of that user."""
    python = Path("/usr/bin/python3")
    if not python.exists():
        pytest.skip("no Python here that other users may run")
    tag = subprocess.run([python, "-c", TAG], capture_output=True, text=True, check=True).stdout
    if tag != f"{sys.version_info[:2]}":
        pytest.skip("the Python that other users may run is of another version than this one")
    place = SCRATCH / f"dbtool plain {os.getpid()}"
    shutil.copytree(sample_project, place / "project")
    subprocess.run([python, "-m", "venv", "--without-pip", place / "venv"], check=True)
    [packages] = (place / "venv/lib").glob("python*/site-packages")
    for installed in needed("laurel-dbtool"):
        for file in metadata.files(installed) or []:
            if ".." not in file.parts:
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file.locate(), packages / file)
    shutil.copytree(ROOT / "toolkit", packages / "toolkit")
    subprocess.run(["chown", "-R", "games", place], check=True)

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [place / "venv/bin/python", "-m", "toolkit", *args],
            cwd=place / "project",
            env={"PATH": "/usr/bin:/bin"},
            user="games",
            group="games",
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        up = run("up")
        assert up.returncode == 0, up.stderr
        assert run("psql", "--", "-tAc", "select count(*) from shop.items").stdout == "2\n"
        assert (place / "project/.dbtool/data").owner() == "games"
        down = run("down")
        assert down.returncode == 0, down.stderr
    finally:
        EmbeddedServer(place / "project/.dbtool").destroy()
        shutil.rmtree(place)


TAG = "import sys; print(sys.version_info[:2], end='')"
