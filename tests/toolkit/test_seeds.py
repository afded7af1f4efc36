"""Loading seeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from toolkit.errors import DbtoolError, ScriptFailed, UsageProblem
from toolkit.history import migrations, seeds
from toolkit.project.layout import Project

RunDbtool = Callable[..., Any]

LOG = "insert into shop.items (id, name) select count(*) + 1, '{}' from shop.items;"
FILES = {
    "seeds/core/items.sql": LOG.format("core"),
    "seeds/zoo/part10.sql": LOG.format("zoo 10"),
    "seeds/zoo/part9.sql": LOG.format("zoo 9"),
    "seeds/zoo/demo/a.sql": LOG.format("zoo demo"),
    "seeds/alpha/a.sql": LOG.format("alpha"),
    "seeds/core/demo/a.sql": LOG.format("core demo"),
    "seeds/zoo/notes.md": "no SQL",
    "seeds/README.md": "no SQL",
}


@pytest.fixture
def project(sample_project: Path) -> Path:
    """The sample project with seeds that log when they run."""
    for name, text in FILES.items():
        path = sample_project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sample_project


@pytest.fixture
def migrated(project: Path, empty_database: str) -> str:
    """The URL of a database that the sample project was applied to."""
    migrations.migrate(lambda: psycopg.connect(empty_database), Project.open(project))
    return empty_database


def load(project: Path, url: str, *names: str, demo: bool = False, mix: bool = False) -> list[str]:
    """Seed, and return what ran in its order."""
    with psycopg.connect(url) as connection:
        seeds.seed(connection, Project.open(project), names, demo=demo, mix=mix)
    return loaded(url)


def loaded(url: str) -> list[str]:
    """What ran, in its order."""
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("select name from shop.items order by id")]


def test_core_comes_first_then_all_in_alphabetical_order_files_in_natural_order(
    project: Path, migrated: str
) -> None:
    assert load(project, migrated) == ["core", "alpha", "zoo 9", "zoo 10"]


def test_named_systems_only_after_core(project: Path, migrated: str) -> None:
    assert load(project, migrated, "zoo", "zoo") == ["core", "zoo 9", "zoo 10"]


def test_core_alone_can_be_named(project: Path, migrated: str) -> None:
    assert load(project, migrated, "core") == ["core"]


def test_demo_adds_the_sample_content_of_the_chosen_systems(project: Path, migrated: str) -> None:
    assert load(project, migrated, "zoo", demo=True) == ["core", "core demo", "zoo 9", "zoo 10", "zoo demo"]


def test_unknown_system_is_a_usage_error_that_lists_those_that_exist(project: Path, migrated: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        load(project, migrated, "zoo", "nowhere")
    assert "core, alpha, zoo" in (caught.value.hint or "")
    assert loaded(migrated) == []


def test_system_that_fails_is_loaded_not_at_all_and_those_before_stay(project: Path, migrated: str) -> None:
    (project / "seeds/zoo/part10.sql").write_text("select 1;\nselect nothing;")
    with pytest.raises(ScriptFailed) as caught:
        load(project, migrated)
    assert (caught.value.source, caught.value.line, caught.value.sqlstate) == (
        "seeds/zoo/part10.sql",
        2,
        "42703",
    )
    assert loaded(migrated) == ["core", "alpha"]


def test_transaction_control_in_a_seed_is_refused(project: Path, migrated: str) -> None:
    (project / "seeds/zoo/part10.sql").write_text("commit;")
    with pytest.raises(DbtoolError, match=r"seeds/zoo/part10\.sql:1: "):
        load(project, migrated)
    assert loaded(migrated) == ["core", "alpha"]


def test_what_a_seed_sets_does_not_reach_the_next_file(project: Path, migrated: str) -> None:
    (project / "seeds/zoo/part9.sql").write_text("set search_path = shop; set role pg_monitor;")
    (project / "seeds/zoo/part10.sql").write_text(
        "insert into shop.items (id, name)"
        " values (9, current_user = session_user), (8, current_setting('search_path'))"
    )
    assert load(project, migrated)[-2:] == ['"$user", public', "true"]


def test_pending_migrations_are_refused(project: Path, migrated: str, run_dbtool: RunDbtool) -> None:
    (project / "migrations/migration3.sql").write_text("select 1;")
    result = run_dbtool("--project", project, "--database-url", migrated, "seed", code=3)
    assert "migration3" in result.stderr
    assert loaded(migrated) == []


def test_untouched_database_is_refused_and_stays_untouched(
    project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    assert run_dbtool("--project", project, "--database-url", empty_database, "seed").exit_code == 3
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regnamespace('dbtool') is null").fetchone() == (True,)


def test_contradicting_history_is_refused(project: Path, migrated: str, run_dbtool: RunDbtool) -> None:
    (project / "migrations/migration1.sql").write_text("select 1;")
    assert run_dbtool("--project", project, "--database-url", migrated, "seed").exit_code == 4
    assert loaded(migrated) == []


def test_project_without_seeds_has_nothing_to_load(
    sample_project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    for path in sorted((sample_project / "seeds").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    arguments = ("--project", sample_project, "--database-url", empty_database)
    assert run_dbtool(*arguments, "migrate").exit_code == 0
    assert run_dbtool(*arguments, "seed").exit_code == 0
    (sample_project / "seeds").rmdir()
    assert run_dbtool(*arguments, "seed").exit_code == 0


def test_json_lists_systems_and_files(project: Path, migrated: str, run_dbtool: RunDbtool) -> None:
    result = run_dbtool("--project", project, "--database-url", migrated, "seed", "zoo", "--json", code=0)
    assert json.loads(result.stdout)["seeded"] == [
        {"system": "core", "files": ["seeds/core/items.sql"]},
        {"system": "zoo", "files": ["seeds/zoo/part9.sql", "seeds/zoo/part10.sql"]},
    ]


# ── systems that exclude one another ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def exclusive(project: Path) -> Path:
    """The project, saying that a database holds one of its systems; which one, a row of shop.items says."""
    (project / "seeds/seeds.toml").write_text(
        'default = "zoo"\n'
        "held = \"select distinct split_part(name, ' ', 1) from shop.items where name !~ '^core'\"\n"
    )
    return project


def test_without_a_name_the_default_comes_first_and_what_is_held_later(
    exclusive: Path, migrated: str
) -> None:
    assert load(exclusive, migrated) == ["core", "zoo 9", "zoo 10"]
    (exclusive / "seeds/seeds.toml").write_text(
        (exclusive / "seeds/seeds.toml").read_text().replace('"zoo"', '"alpha"')
    )
    assert load(exclusive, migrated)[3:] == ["core", "zoo 9", "zoo 10"]


@pytest.mark.parametrize("names", [("alpha",), ("core", "alpha"), ("zoo", "alpha")])
def test_a_second_system_is_refused_and_nothing_is_loaded(
    exclusive: Path, migrated: str, names: tuple[str, ...], run_dbtool: RunDbtool
) -> None:
    before = load(exclusive, migrated, "zoo")
    refused = run_dbtool("--project", exclusive, "--database-url", migrated, "seed", *names)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "zoo" in refused.stderr
    assert "--mix" in refused.stderr
    assert loaded(migrated) == before


def test_two_systems_at_once_are_refused_and_nothing_is_loaded(exclusive: Path, migrated: str) -> None:
    with pytest.raises(DbtoolError) as caught:
        load(exclusive, migrated, "zoo", "alpha")
    assert "dbtool up" in (caught.value.hint or "")
    assert loaded(migrated) == []


def test_mixing_on_purpose_loads_the_second_and_then_both_are_held(exclusive: Path, migrated: str) -> None:
    load(exclusive, migrated, "zoo")
    assert load(exclusive, migrated, "alpha", mix=True)[3:] == ["core", "alpha"]
    assert load(exclusive, migrated, "zoo")[5:] == ["core", "zoo 9", "zoo 10"]
    assert load(exclusive, migrated)[8:] == ["core", "alpha", "zoo 9", "zoo 10"]


def test_mixing_without_a_name_loads_all(exclusive: Path, migrated: str) -> None:
    assert load(exclusive, migrated, mix=True) == ["core", "alpha", "zoo 9", "zoo 10"]


def test_mixing_is_said_to_every_file_and_not_beyond(exclusive: Path, migrated: str) -> None:
    for name in ("part9", "part10"):
        (exclusive / f"seeds/zoo/{name}.sql").write_text(LOG.format("x").replace("'x'", MIX))
    assert load(exclusive, migrated, "zoo", mix=True) == ["core", "zoo on", "zoo on"]
    assert load(exclusive, migrated, "zoo")[3:] == ["core", "zoo off", "zoo off"]


MIX = "'zoo ' || coalesce(nullif(current_setting('dbtool.mix', true), ''), 'off')"


def test_core_alone_goes_into_every_database(exclusive: Path, migrated: str) -> None:
    load(exclusive, migrated, "alpha")
    assert load(exclusive, migrated, "core")[2:] == ["core"]


def test_a_database_that_holds_what_the_project_has_no_seeds_of_is_refused(
    exclusive: Path, migrated: str
) -> None:
    with psycopg.connect(migrated) as connection:
        connection.execute("insert into shop.items (id, name) values (1, 'own')")
    with pytest.raises(DbtoolError, match="own"):
        load(exclusive, migrated)
    assert loaded(migrated) == ["own"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        'held = "select 1"',
        'default = "nowhere"\nheld = "select 1"',
        'default = "zoo"\nheld = 1',
        "default = ",
    ],
)
def test_rules_that_are_none_are_a_usage_error(
    exclusive: Path, migrated: str, text: str, run_dbtool: RunDbtool
) -> None:
    (exclusive / "seeds/seeds.toml").write_text(text)
    result = run_dbtool("--project", exclusive, "--database-url", migrated, "seed", "zoo", code=2)
    assert "seeds/seeds.toml" in result.stderr
    assert loaded(migrated) == []
