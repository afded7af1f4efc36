"""What a user installs: the wheel holds the tool and the SQL, and depends on nothing under the GPL."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import psycopg
import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

pytestmark = pytest.mark.once

PLAIN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTEST", "DBTOOL", "PG", "PYTHONPATH")) and name != "DATABASE_URL"
}
SQL = (
    "schema.sql",
    "schema.rollback.sql",
    "migrations",
    "functions",
    "triggers",
    "views",
    "seeds",
    "simulate",
    "shards",
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
    return make_environment(tmp_path_factory.mktemp("installed") / "venv", [str(wheel)]).parents[1]


def make_environment(folder: Path, what: list[str]) -> Path:
    """The Python of a new virtual environment with what pip is told to install."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    outer = Path(psycopg.__file__).parent.parent
    (packages / "outer.pth").write_text(f"{outer}\n")
    python = folder / "bin/python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", *what], check=True)
    return python


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
    database = "laurel_dbtool/database/"
    shipped = {name.removeprefix(database) for name in names if name.startswith(database)}
    assert shipped == files_of(ROOT)
    assert {"schema.sql", "migrations/migration1.sql"} <= shipped
    package = ROOT / "toolkit"
    files = {path for kind in ("*.py", "*.j2", "*.css", "*.js", "*.sql") for path in package.rglob(kind)}
    assert {f"laurel_dbtool/{path.relative_to(package).as_posix()}" for path in files} <= names
    assert {name.split("/")[0] for name in names} == {
        "laurel_dbtool",
        wheel.name.split("-py3")[0] + ".dist-info",
    }


def test_installed_command_runs_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed / "bin/dbtool", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True, env={}
    )
    assert "Commands:" in done.stdout


def test_installed_package_finds_the_sql_inside_itself(installed: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from laurel_dbtool.project.layout import Project; "
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


def test_another_package_called_toolkit_does_no_harm(installed: Path, tmp_path: Path) -> None:
    """As PyPI has one: neither the wheel's modules nor its processes import it."""
    [packages] = installed.glob("lib/python*/site-packages")
    (packages / "toolkit.py").write_text("raise SystemExit('the toolkit of somebody else')\n")
    modules = sorted(
        ".".join(path.relative_to(packages).with_suffix("").parts)
        for path in (packages / "laurel_dbtool").rglob("*.py")
        if "database" not in path.parts and path.name != "__main__.py"
    )
    assert len(modules) > 80
    runs: list[list[str | Path]] = [
        [installed / "bin/python", "-c", "\n".join(f"import {name}" for name in modules)],
        [installed / "bin/python", "-m", "laurel_dbtool", "init", "acme", "--extends", "laurel"],
        [installed / "bin/dbtool", "--project", "acme", "test", "--server", "embedded"],
    ]
    for words in runs:
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, env=PLAIN)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    (packages / "toolkit.py").unlink()


def test_editable_install_has_both_names(tmp_path: Path) -> None:
    """The commands of pyproject.toml, from anywhere; and the modules are those of the checkout."""
    python = make_environment(tmp_path / "venv", ["--no-build-isolation", "--editable", str(ROOT)])
    done = subprocess.run([python.parent / "dbtool", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("dbtool, version ")
    program = (
        "import laurel_dbtool.client as one, toolkit.client as other; print(one.__file__ == other.__file__)"
    )
    for words in (
        ["-c", program],
        ["-m", "toolkit", "--help"],
        ["-m", "pytest", "--version", "-p", "laurel_dbtool.plugin"],
    ):
        done = subprocess.run([python, *words], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert "False" not in done.stdout


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
