"""`dbtool test`: the server that it gives to pytest, and the exit codes that it makes of pytest's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, RunDbtool
from tests.waiting import PATIENCE, wait_until
from toolkit.servers.account import is_alive
from toolkit.servers.choose import ThrowawayServer

PASSING = """
import os, psycopg
def test_server_is_there():
    with psycopg.connect(os.environ["DBTOOL_TEST_SERVER"]) as connection:
        (fsync,) = connection.execute("show fsync").fetchone()
        assert fsync == "off"
def test_no_other_database_can_be_reached_by_accident():
    assert not {"DATABASE_URL", "DBTOOL_DATABASE_URL", "PGHOST", "PGPASSWORD"} & set(os.environ)
"""
SLOW = """
import os, time, psycopg
from pathlib import Path
def test_that_takes_long():
    with psycopg.connect(os.environ["DBTOOL_TEST_SERVER"]) as connection:
        (data,) = connection.execute("show data_directory").fetchone()
    Path("started.new").write_text(Path(data, "postmaster.pid").read_text())
    Path("started.new").rename("started")
    time.sleep(600)
"""


@pytest.fixture
def project(sample_project: Path) -> Path:
    # Without a plugin that takes a second to import.
    settings = "[tool.pytest.ini_options]\naddopts = '-q -p no:hypothesispytest'\n"
    (sample_project / "pyproject.toml").write_text(settings)
    (sample_project / "tests").mkdir()
    return sample_project


def write_test(project: Path, text: str) -> None:
    (project / "tests/test_it.py").write_text(text)


def test_passing_tests_pass_and_the_server_is_named(project: Path, run_dbtool: RunDbtool) -> None:
    write_test(project, PASSING)
    done = run_dbtool(
        "test",
        "--server",
        "embedded",
        cwd=project,
        env={"DATABASE_URL": "postgresql://x/y", "PGHOST": "nowhere"},
    )
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "testing on embedded PostgreSQL" in done.stderr


def test_arguments_go_to_pytest(project: Path, run_dbtool: RunDbtool) -> None:
    write_test(project, PASSING)
    done = run_dbtool("test", "--server=embedded", "-k", "server_is", "tests", "-vv", cwd=project / "tests")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "1 passed, 1 deselected" in done.stdout
    assert "test_server_is_there PASSED" in done.stdout


@pytest.mark.parametrize(
    ("text", "args", "exit_code", "says"),
    [
        ("def test_wrong():\n    assert 1 == 2\n", [], 1, None),
        ("import no_such_module\n", [], 1, None),
        ("", [], 1, "no test"),
        (PASSING, ["-k", "nothing_like_this"], 1, "no test"),
        (PASSING, ["--no-such-option"], 2, "arguments"),
        (PASSING, ["tests/no_such_file.py"], 2, "arguments"),
    ],
)
def test_exit_codes_of_pytest_become_those_of_dbtool(
    project: Path,
    run_dbtool: RunDbtool,
    text: str,
    args: list[str],
    exit_code: int,
    says: str | None,
    server: ThrowawayServer,
) -> None:
    write_test(project, text)
    done = run_dbtool("test", "--server", server.url(), *args, cwd=project)
    assert done.exit_code == exit_code, done.stdout + done.stderr
    assert ("error:" in done.stderr) == (says is not None)
    assert says is None or says in done.stderr


def test_unknown_kind_of_server_is_a_usage_error(project: Path, run_dbtool: RunDbtool) -> None:
    assert run_dbtool("test", "--server", "magic", cwd=project).exit_code == 2


def test_kind_of_server_may_come_from_the_environment(project: Path, run_dbtool: RunDbtool) -> None:
    write_test(project, PASSING)
    done = run_dbtool("test", cwd=project, env={"DBTOOL_TEST_SERVER": "embedded"})
    assert "testing on embedded PostgreSQL" in done.stderr


def test_databases_on_an_existing_server_are_gone_afterwards(
    project: Path, run_dbtool: RunDbtool, server: ThrowawayServer
) -> None:
    write_test(
        project,
        "import os\nfrom toolkit.servers.choose import open_throwaway\n"
        "def test_it():\n"
        "    with open_throwaway(os.environ['DBTOOL_TEST_SERVER']) as server:\n"
        "        server.create_database('postgres')\n",
    )
    done = run_dbtool("test", "--server", server.url(), cwd=project)
    assert done.exit_code == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_server_goes_when_the_run_is_ended(project: Path, number: int, exit_code: int) -> None:
    write_test(project, SLOW)
    run = subprocess.Popen(
        [sys.executable, "-m", "toolkit", "test", "--server", "embedded"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until((project / "started").exists)
    lines = (project / "started").read_text().splitlines()
    if number == signal.SIGINT:
        os.killpg(run.pid, number)  # as a terminal does
    else:
        run.send_signal(number)
    assert run.wait(PATIENCE) == exit_code
    wait_until(lambda: not is_alive(int(lines[0])) and not Path(lines[1]).exists())
    if number == signal.SIGKILL:
        os.killpg(run.pid, number)  # its pytest
