"""The command line itself: help, options, errors, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.toolkit.terminal import on_terminal
from tests.waiting import PATIENCE
from toolkit import cli, errors
from toolkit.context import Context
from toolkit.errors import DbtoolError, mask_secrets

ROOT = Path(__file__).resolve().parents[2]
RunDbtool = Callable[..., Any]


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from toolkit.cli import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'psycopg', 'rich', 'yoyo', 'postgast', 'jinja2', 'testcontainers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(re.search(rf"^  {name} ", done.stdout, re.MULTILINE) for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help_and_the_common_options(name: str, run_dbtool: RunDbtool) -> None:
    result = run_dbtool(name, "--help", code=0)
    assert f" {name} [OPTIONS]" in result.stdout
    assert "--project DIR" in result.stdout
    assert len(result.stdout.split("Options:")[0].strip().splitlines()) >= 3, (
        "a sentence that says what it does"
    )


def test_modules_hold_the_commands_that_are_listed() -> None:
    modules = {path.stem for path in (ROOT / "toolkit/commands").glob("[!_]*.py")}
    assert modules == set(cli.MODULES)
    assert sorted(name for names in cli.MODULES.values() for name in names) == sorted(cli.COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["migrate", "--nonsense"],
        ["migrate", "extra"],
        ["migrate", "--lock-timeout", "-1"],
        ["rollback", "--steps", "0"],
        ["rollback", "--steps", "x"],
        ["--project", "/nowhere", "status"],
    ],
)
def test_wrong_usage_is_exit_code_2_without_traceback(arguments: list[str], run_dbtool: RunDbtool) -> None:
    result = run_dbtool(*arguments, code=2)
    assert "Traceback" not in result.stderr


def test_folder_that_is_no_project_is_a_usage_error(tmp_path: Path, run_dbtool: RunDbtool) -> None:
    assert run_dbtool("--project", tmp_path, "--database-url", "postgresql:///x", "status").exit_code == 2


def test_folder_that_is_gone_gives_one_message(tmp_path: Path) -> None:
    code = "import os; os.rmdir(os.getcwd()); from toolkit.cli import cli; cli(['status'])"
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=gone,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_version_is_that_of_the_package(run_dbtool: RunDbtool) -> None:
    from toolkit import __version__

    assert run_dbtool("--version").stdout.split()[-1] == __version__


def test_options_may_stand_before_or_after_the_command(
    sample_project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    options = ["--project", sample_project, "--database-url", empty_database, "--json"]
    before, after = run_dbtool(*options, "status"), run_dbtool("status", *options)
    assert before == after
    assert before.exit_code == 3
    assert len(json.loads(before.stdout)["scripts"]) == 3


def test_option_after_the_command_wins(
    sample_project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    run_dbtool(
        "--database-url", "postgresql://127.0.0.1:1/x", "--project", sample_project, "status",
        "--database-url", empty_database, code=3)  # fmt: skip


def test_project_around_the_current_folder_is_used(
    sample_project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    result = run_dbtool("status", "--database-url", empty_database, cwd=sample_project / "migrations", code=3)
    assert "migration2" in result.stdout


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (DbtoolError("x"), 1),
        (errors.UsageProblem("x"), 2),
        (errors.PendingMigrations("x"), 3),
        (errors.HistoryProblem("x"), 4),
        (errors.LockTimeout("x"), 5),
        (errors.CheckFailed("x"), 6),
        (DbtoolError("x", exit_code=4), 4),
        (psycopg.OperationalError("x"), 1),
        (PermissionError(13, "x"), 1),
        (KeyboardInterrupt(), 130),
        (RuntimeError("x"), 1),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(
    error: BaseException, exit_code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.delenv("DBTOOL_DEBUG", raising=False)
    monkeypatch.setattr("click.Group.invoke", fail)
    with pytest.raises(SystemExit) as caught:
        cli.cli(["status"])
    assert caught.value.code == exit_code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert shown.err


@pytest.mark.parametrize("arguments", [["--debug", "status"], ["status"]])
def test_debug_shows_the_traceback(arguments: list[str], sample_project: Path, run_dbtool: RunDbtool) -> None:
    env = {} if "--debug" in arguments else {"DBTOOL_DEBUG": "1"}
    result = run_dbtool(
        "--database-url",
        "postgresql://127.0.0.1:1/x",
        "--project",
        sample_project,
        *arguments,
        env=env,
        code=1,
    )
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("at postgresql://bob:secret@host:1/db now", "at postgresql://bob:***@host:1/db now"),
        ("postgres://bob:se@cr:et@host/db", "postgres://bob:***@host/db"),
        ("postgresql://bob@host:5432/db", "postgresql://bob@host:5432/db"),
        ("postgresql:///db?user=bob&password=secret&port=1", "postgresql:///db?user=bob&password=***&port=1"),
        ("host=h password=secret user=u", "host=h password=*** user=u"),
        (r"password = 'se\'cr et' user=u", "password = *** user=u"),
        ("sslpassword=secret", "sslpassword=***"),
        ("nothing to hide: 12:30", "nothing to hide: 12:30"),
    ],
)
def test_passwords_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


def test_reader_that_goes_away_causes_no_traceback(sample_project: Path, empty_database: str) -> None:
    for number in range(3, 3000):
        (sample_project / f"migrations/migration{number}.sql").touch()
    command = [
        sys.executable,
        "-m",
        "toolkit",
        "status",
        "--project",
        str(sample_project),
        "--database-url",
        empty_database,
    ]
    run = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.readline()
    run.stdout.close()
    assert run.stderr.read() == b""
    assert run.wait(PATIENCE) == 1


def test_terminal_shows_what_runs_and_how_long(sample_project: Path, empty_database: str) -> None:
    (sample_project / "migrations/migration1.sql").write_text(
        "alter table shop.items add price int; select pg_sleep(0.7);"
    )
    target = ["--project", str(sample_project), "--database-url", empty_database]
    exit_code, shown = on_terminal([*target, "migrate"])
    assert exit_code == 0
    assert "applying migration1" in shown
    assert re.search(r"applied migration1 \((0\.[789]|[1-9]\d*\.)\d* s\)", shown)
    exit_code, shown = on_terminal([*target, "status"])
    assert exit_code == 0
    assert re.search(r"state +script +applied at +file", shown)


@pytest.mark.parametrize(("answer", "exit_code", "left"), [("y\n", 0, 2), ("n\n", 1, 3), ("\n", 1, 3)])
def test_rollback_asks_on_a_terminal(
    answer: str, exit_code: int, left: int, sample_project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    target = ["--project", str(sample_project), "--database-url", empty_database]
    assert run_dbtool(*target, "migrate").exit_code == 0
    code, shown = on_terminal([*target, "rollback"], answer)
    assert "Undo migration2" in shown
    assert code == exit_code
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select count(*) from dbtool._yoyo_migration").fetchone() == (left,)


def test_embedded_folder_lies_beside_the_project(sample_project: Path, tmp_path: Path) -> None:
    context = Context(environ={}, cwd=tmp_path, project_dir=sample_project)
    assert context.embedded_home == sample_project.resolve() / ".dbtool"
    assert context.database_url is None
