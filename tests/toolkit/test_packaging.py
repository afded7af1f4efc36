"""What a user installs: the wheel holds the tool and the SQL, and depends on nothing under the GPL."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import psycopg
import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

SQL = (
    "schema.sql",
    "schema.rollback.sql",
    "migrations",
    "functions",
    "triggers",
    "views",
    "seeds",
    "simulate",
    "docs/glossary.md",
    "docs/examples.sql",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel; its dependencies are those that run these tests."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    outer = Path(psycopg.__file__).parent.parent
    (packages / "outer.pth").write_text(f"{outer}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder / "bin/python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    return folder


def files_of(root: Path) -> set[str]:
    """Every file of the database below a folder, relative to it."""
    found = [
        path
        for name in SQL
        for path in ((root / name).rglob("*") if (root / name).is_dir() else [root / name])
    ]
    return {path.relative_to(root).as_posix() for path in found if path.is_file()}


def test_wheel_holds_all_sql_and_templates_and_nothing_else_of_the_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    shipped = {
        name.removeprefix("toolkit/database/") for name in names if name.startswith("toolkit/database/")
    }
    assert shipped == files_of(ROOT)
    assert {"schema.sql", "migrations/migration1.sql"} <= shipped
    templates = {path.relative_to(ROOT).as_posix() for path in (ROOT / "toolkit").rglob("*.j2")}
    assert templates
    assert templates <= names
    assert {name.split("/")[0] for name in names} == {"toolkit", wheel.name.split("-py3")[0] + ".dist-info"}


def test_installed_command_runs_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed / "bin/dbtool", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True, env={}
    )
    assert "Commands:" in done.stdout


def test_installed_package_finds_the_sql_inside_itself(installed: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from toolkit.project.layout import Project; "
        "project = Project.find(Path.cwd()); print(project.root, project.is_packaged, len(project.scripts()))"
    )
    done = subprocess.run(
        [installed / "bin/python", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={},
    )
    root, is_packaged, count = done.stdout.rsplit(maxsplit=2)
    assert Path(root).is_relative_to(installed)
    assert is_packaged == "True"
    assert int(count) == 1 + len(list((ROOT / "migrations").glob("migration*[0-9].sql")))


def test_no_dependency_is_under_the_gpl() -> None:
    """The LGPL of psycopg is fine: it is used as a library, unchanged."""
    seen: set[str] = set()
    todo = ["laurel-dbtool"]
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        fields = found.metadata.json
        declared = [str(fields.get("license_expression", "")), str(fields.get("license", ""))[:200]]
        declared += [text for text in fields.get("classifier", []) if text.startswith("License")]
        words = re.findall(r"\b[A-Z]*GPL|GNU [A-Z][a-z]+ [A-Z]?[a-z]*", " ".join(declared))
        assert all(word.startswith(("LGPL", "GNU Lesser")) for word in words), (name, declared)
        for text in found.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": "test"}):
                todo.append(requirement.name)
    assert {"psycopg", "click", "postgast", "testcontainers"} <= seen
