"""Finding a project and reading its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.errors import DbtoolError, UsageProblem
from toolkit.project.layout import Project, natural_key


def test_nearest_project_upwards_is_found(sample_project: Path) -> None:
    inner = sample_project / "docs" / "deep"
    inner.mkdir(parents=True)
    assert Project.find(inner).root == sample_project.resolve()


def test_folder_with_only_one_of_both_is_no_project(sample_project: Path) -> None:
    inner = sample_project / "half"
    inner.mkdir()
    (inner / "schema.sql").touch()
    assert Project.find(inner).root == sample_project.resolve()


def test_outside_of_any_project_it_is_that_of_the_package(tmp_path: Path) -> None:
    root = Project.find(tmp_path).root
    assert (root / "schema.sql").is_file()
    assert root in (
        Path(__file__).resolve().parents[2],
        Path(__file__).resolve().parents[2] / "toolkit/database",
    )


def test_named_folder_must_be_a_project(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem):
        Project.open(tmp_path)


def test_scripts_come_in_numeric_order(sample_project: Path) -> None:
    for number in (10, 9, 30):
        (sample_project / f"migrations/migration{number}.sql").touch()
    scripts = Project.open(sample_project).scripts()
    assert [script.id for script in scripts] == [
        "schema",
        "migration1",
        "migration2",
        "migration9",
        "migration10",
        "migration30",
    ]
    assert [script.number for script in scripts] == [0, 1, 2, 9, 10, 30]
    assert [script.rollback_path is None for script in scripts] == [False, False, False, True, True, True]


def test_number_with_zeros_in_front_is_the_same_number(sample_project: Path) -> None:
    (sample_project / "migrations/migration007.sql").touch()
    (sample_project / "migrations/migration007.rollback.sql").touch()
    script = Project.open(sample_project).scripts()[-1]
    assert (script.id, script.number, script.stem) == ("migration7", 7, "migration007")
    assert script.rollback_path == script.path.with_name("migration007.rollback.sql")


@pytest.mark.parametrize(
    "name",
    [
        "migration01.sql",
        "migration2a.sql",
        "Migration3.sql",
        "x.sql",
        "migration.sql",
        "migration0.sql",
        "migration-1.sql",
        "migration3.SQL.sql",
        "migration\u0663.sql",
    ],
)
def test_file_whose_name_misleads_is_refused(sample_project: Path, name: str) -> None:
    (sample_project / "migrations" / name).touch()
    with pytest.raises(DbtoolError, match="migration"):
        Project.open(sample_project).scripts()


@pytest.mark.parametrize(
    "name", ["README.md", ".migration3.sql.swp", ".#migration3.sql", "migration3.sql~", "x.py"]
)
def test_other_files_are_left_alone(sample_project: Path, name: str) -> None:
    (sample_project / "migrations" / name).touch()
    assert [script.number for script in Project.open(sample_project).scripts()] == [0, 1, 2]


def test_checksum_ignores_line_ends_and_mark_and_nothing_else(sample_project: Path) -> None:
    path = sample_project / "migrations/migration1.sql"

    def checksum(raw: bytes) -> str:
        path.write_bytes(raw)
        return Project.open(sample_project).scripts()[1].checksum

    plain = checksum(b"select 1;\nselect 2;\n")
    assert checksum(b"\xef\xbb\xbfselect 1;\r\nselect 2;\r\n") == plain
    assert checksum(b"select 1;\nselect 3;\n") != plain
    assert checksum(b"select 1;\nselect 2; \n") != plain


def test_rollback_text_is_read_likewise(sample_project: Path) -> None:
    (sample_project / "migrations/migration1.rollback.sql").write_bytes(b"\xef\xbb\xbfselect 1;\r\n")
    first = Project.open(sample_project).scripts()[1]
    assert first.rollback_text == "select 1;\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-- transactional: false\nselect 1", False),
        ("--transactional:false", False),
        ("/* a /* nested */ */ -- why\n\n  -- Transactional : False\n", False),
        ("-- transactional: true\n-- transactional: false\n", True),
        ("select 1; -- transactional: false", True),
        ("-- it is not transactional: false\n", True),
        ("/* -- transactional: false */ select 1", True),
        ("/*\n-- transactional: false\n", True),
        ("", True),
    ],
)
def test_transactional_is_read_from_the_leading_comments(
    sample_project: Path, text: str, expected: bool
) -> None:
    (sample_project / "migrations/migration1.sql").write_text(text)
    assert Project.open(sample_project).scripts()[1].transactional is expected


def test_natural_order_puts_2_before_10() -> None:
    names = ["a10.sql", "a2.sql", "2.sql", "10.sql", "a.sql", "b1.sql"]
    assert sorted(names, key=natural_key) == ["2.sql", "10.sql", "a2.sql", "a10.sql", "a.sql", "b1.sql"]
