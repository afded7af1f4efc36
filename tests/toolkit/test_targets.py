"""Databases by name, and what is asked before something is destroyed in production."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.toolkit.terminal import on_terminal
from toolkit.context import Context
from toolkit.errors import UsageProblem
from toolkit.targets import read_targets

RunDbtool = Callable[..., Any]
SECRET = "s3cr3t-p4ss"


def with_option(url: str, option: str) -> str:
    """The URL with one more option, such as `application_name=dev`."""
    return f"{url}{'&' if '?' in url else '?'}{option}"


def in_a_file(url: str) -> tuple[str, dict[str, str]]:
    """The URL as a file may have it, and the environment that knows its password."""
    password = urlsplit(url).password
    return (url, {}) if password is None else (url.replace(f":{password}@", "@"), {"PGPASSWORD": password})


@pytest.fixture
def project(sample_project: Path, empty_database: str, run_dbtool: RunDbtool) -> Path:
    """A project whose target `live` is production and `dev` is not; both are one database, all applied."""
    (sample_project / "dbtool.toml").write_text(
        '[targets.live]\nurl = "${LIVE_URL}"\nproduction = true\n\n'
        f'[targets.dev]\nurl = "{with_option(in_a_file(empty_database)[0], "application_name=dev")}"\n'
    )
    run_dbtool("--project", sample_project, "--database-url", empty_database, "migrate", code=0)
    return sample_project


def applied(url: str) -> int:
    """How many scripts the database has."""
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from dbtool._yoyo_migration").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("position", ["before", "after"])
def test_target_is_reached_by_its_name(
    project: Path, empty_database: str, run_dbtool: RunDbtool, position: str
) -> None:
    option = ["--target", "live"]
    command = [*option, "status"] if position == "before" else ["status", *option]
    run_dbtool("--project", project, *command, env={"LIVE_URL": empty_database}, code=0)


def test_target_goes_before_the_environment(
    project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    env = {"LIVE_URL": empty_database, "DBTOOL_DATABASE_URL": "postgresql://127.0.0.1:1/x"}
    assert run_dbtool("--project", project, "status", "--target", "live", env=env).exit_code == 0


def test_pyproject_names_targets_too(
    sample_project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    url, env = in_a_file(empty_database)
    (sample_project / "pyproject.toml").write_text(
        f'[project]\nname = "x"\n[tool.dbtool.targets.dev]\nurl = "{url}"\n'
    )
    run_dbtool("--project", sample_project, "migrate", "--target", "dev", env=env, code=0)
    assert applied(empty_database) == 3


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[targets.live]\nurl = 5", "live"),
        ("[targets.live]", "live"),
        ('[targets.live]\nurl = " "', "live"),
        ('[targets.live]\nurl = "postgresql://h:port/x"', "port"),
        ('[targets.live]\nurl = "host=h port=70000"', "port"),
        ('[targets]\nlive = "postgresql:///x"', "live"),
        ('[targets.live]\nurl = "postgresql:///x"\nproduction = "yes"', "production"),
        ('[targets.live]\nurl = "postgresql:///x"\nprodction = true', "prodction"),
        ("[targets.live", "dbtool.toml"),
        ("targets = 1", "targets"),
        ('histroy = "x"', "mean history"),
        ('[tragets.live]\nurl = "postgresql:///x"', "mean targets"),
        (f'[targets.live]\nurl = "postgresql://bob:{SECRET}@h/x"', "password"),
        (f'[targets.live]\nurl = "host=h password={SECRET}"', "password"),
    ],
)
def test_target_that_is_not_what_it_should_be_is_a_usage_error(
    sample_project: Path, run_dbtool: RunDbtool, text: str, named: str
) -> None:
    (sample_project / "dbtool.toml").write_text(text)
    result = run_dbtool("--project", sample_project, "status", "--target", "live", code=2)
    assert named in result.stderr
    assert SECRET not in result.stderr
    assert "Traceback" not in result.stderr


def test_targets_in_both_files_are_a_usage_error(sample_project: Path) -> None:
    (sample_project / "dbtool.toml").write_text('[targets.a]\nurl = "postgresql:///a"')
    (sample_project / "pyproject.toml").write_text('[tool.dbtool.targets.b]\nurl = "postgresql:///b"')
    with pytest.raises(UsageProblem):
        read_targets(sample_project)


@pytest.mark.parametrize("options", [["--target", "liv"], ["--target", "live"], ["--target", "dev"]])
def test_unknown_name_unset_variable_and_second_url_are_usage_errors(
    project: Path, run_dbtool: RunDbtool, options: list[str]
) -> None:
    second = ["--database-url", "postgresql:///x"] if "dev" in options else []
    result = run_dbtool("--project", project, "status", *options, *second, code=2)
    if options[1] == "liv":
        assert "Did you mean live?" in result.stderr
    if options[1] == "live":
        assert "LIVE_URL" in result.stderr


@pytest.mark.parametrize("command", [("migrate",), ("seed",), ("rollback", "--yes"), ("repair", "--yes")])
def test_target_is_shown_masked_before_work(
    project: Path, empty_database: str, run_dbtool: RunDbtool, command: tuple[str, ...]
) -> None:
    url = with_option(empty_database, f"password={SECRET}")
    env = {"LIVE_URL": "postgresql:///x", **in_a_file(empty_database)[1]}
    result = run_dbtool("--project", project, *command, "--target", "dev", env=env, code=0)
    assert result.stderr.startswith("target: dev (postgresql://")
    assert "production" not in result.stderr
    live = run_dbtool("--project", project, "migrate", "--database-url", url)
    assert live.stderr.startswith("target: postgresql://")
    assert SECRET not in live.stdout + live.stderr


@pytest.mark.parametrize(
    "command", [("rollback", "--yes"), ("repair", "--restore", "schema", "--yes"), ("seed", "--demo")]
)
@pytest.mark.parametrize("by", ["name", "url"])
def test_production_is_not_touched_without_its_name(
    project: Path, empty_database: str, run_dbtool: RunDbtool, command: tuple[str, ...], by: str
) -> None:
    (project / "schema.sql").write_text("create schema other;")
    where = ["--target", "live"] if by == "name" else ["--database-url", empty_database]
    for name in ([], ["--yes-production", "dev"]):
        result = run_dbtool(
            "--project", project, *command, *where, *name, env={"LIVE_URL": empty_database}, code=2
        )
        assert "production" in result.stderr
        assert applied(empty_database) == 3
        assert (project / "schema.sql").read_text() == "create schema other;"


def test_a_production_target_that_cannot_be_looked_up_is_said(
    project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    result = run_dbtool("--project", project, "rollback", "--yes", "--database-url", empty_database, code=0)
    assert "LIVE_URL" in result.stderr


def test_production_is_touched_with_its_name(
    project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    env = {"LIVE_URL": empty_database}
    live = ["--project", project, "--target", "live", "--yes-production", "live"]
    assert run_dbtool(*live, "seed", "--demo", env=env).exit_code == 0
    result = run_dbtool(*live, "rollback", env=env, code=0)
    assert "live (" in result.stderr
    assert applied(empty_database) == 2


def test_reading_and_migrating_production_asks_for_nothing(
    project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    for command in (["status"], ["history"], ["migrate"], ["repair", "--dry-run"], ["seed"]):
        run_dbtool(
            "--project", project, *command, "--target", "live", env={"LIVE_URL": empty_database}, code=0
        )


@pytest.mark.parametrize(("answer", "exit_code", "left"), [("live\n", 0, 2), ("yes\n", 1, 3), ("\n", 1, 3)])
def test_name_is_asked_for_on_a_terminal(
    project: Path,
    empty_database: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    exit_code: int,
    left: int,
) -> None:
    monkeypatch.setenv("LIVE_URL", empty_database)
    command = ["--project", str(project), "--target", "live", "rollback", "--yes"]
    code, shown = on_terminal(command, answer, "to go on")
    assert "type live" in shown
    assert (code, applied(empty_database)) == (exit_code, left)


def test_variables_are_filled_in_wherever_they_stand(sample_project: Path) -> None:
    (sample_project / "dbtool.toml").write_text(
        '[targets.a]\nurl = "postgresql://${A_USER}:${A_PASSWORD}@h/db"\n'
    )
    environ = {"A_USER": "bob", "A_PASSWORD": SECRET, "DATABASE_URL": "postgresql:///other"}
    context = Context(environ=environ, project_dir=sample_project, target_option="a")
    assert context.database_url == f"postgresql://bob:{SECRET}@h/db"
    assert context.target.label == "a (postgresql://bob@h/db)"
    assert context.target.production_name is None


def test_up_and_down_take_no_target(project: Path, run_dbtool: RunDbtool) -> None:
    for command in ("up", "down"):
        assert run_dbtool("--project", project, "--target", "dev", command).exit_code == 2
