"""The structure of toolkit/: floors, of which each uses only those below it, and no circle of imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from tests.conftest import ROOT

# From the ground up: modules and subpackages of toolkit. Those of one floor know nothing of one another.
FLOORS = (
    ("errors",),
    ("client", "configuration", "connection", "output", "report", "sql"),
    ("project", "catalog", "servers", "fleet", "targets"),
    ("history", "lint", "context"),
    ("authoring", "options"),
    ("live", "plugin"),
    ("shards",),
    ("commands",),
    ("cli", "__main__"),
)


@cache
def modules() -> dict[str, Path]:
    """Every module of toolkit with its file, but for those that are nothing but a package's name."""
    files = sorted((ROOT / "toolkit").rglob("*.py"))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in files
        if path.name != "__init__.py"
    }


def imported(path: Path) -> Iterator[str]:
    """The modules of toolkit that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "toolkit" for alias in node.names), path
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert str(node.module).split(".")[0] != "toolkit", (
                f"{path}: the wheel's package has another name"
            )
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level]
            source = ".".join([*package, *([node.module] if node.module else [])])
            for alias in node.names:
                module = f"{source}.{alias.name}"
                found = module if module in modules() else source
                if found in modules():
                    yield str(found)


def floor(module: str) -> int:
    """The floor of a module, counted from 0."""
    part = module.split(".")[1]
    return next(number for number, parts in enumerate(FLOORS) if part in parts)


def test_a_module_uses_its_own_package_and_lower_floors_only() -> None:
    upwards = [
        f"{module} uses {other}"
        for module, path in modules().items()
        for other in imported(path)
        if module.split(".")[1] != other.split(".")[1] and floor(module) <= floor(other)
        if not (module == "toolkit.__main__" and other == "toolkit.cli")
    ]
    assert upwards == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    graph = {module: set(imported(path)) for module, path in modules().items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_one_name_is_one_class() -> None:
    names = [
        node.name
        for path in modules().values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted({name for name in names if names.count(name) > 1}) == []
