"""Conventions of the source files: functions/, triggers/ and views/."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path for folder in ("functions", "triggers", "views") for path in (ROOT / folder).rglob("*.sql")
)
CREATED = re.compile(r"^create (?:or replace |constraint )?(function|view|trigger)\s+([\w.]+)", re.MULTILINE)
MODES = ("immutable", "stable", "volatile")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def objects(path: Path, kind: str) -> list[str]:
    return [name for found, name in CREATED.findall(path.read_text(encoding="utf-8")) if found == kind]


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_holds_one_object_and_is_named_like_it(path: Path) -> None:
    kind = path.relative_to(ROOT).parts[0]
    if kind == "triggers":
        assert len(objects(path, "function")) <= 1
        assert objects(path, "trigger")
        assert path.stem in [
            name.split(".")[-1] for name in objects(path, "trigger") + objects(path, "function")
        ]
    else:
        (name,) = objects(path, kind.removesuffix("s"))
        assert name.split(".")[-1] == path.stem


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_begins_with_why_and_ends_its_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    assert text.endswith("\n")
    assert "\t" not in text
    assert "\r" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("path", [path for path in FILES if objects(path, "function")], ids=named)
def test_a_function_says_its_volatility_path_comment_and_revocation(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    (name,) = objects(path, "function")
    head = text[: text.index("as $$")]
    assert [line.strip() for line in head.splitlines() if line.strip() in MODES], "volatility"
    assert "set search_path = pg_catalog, pg_temp" in head
    assert re.search(rf"^comment on function {re.escape(name)}\(", text, re.MULTILINE)
    assert re.search(rf"^revoke all on function {re.escape(name)}\([^;]*from public;$", text, re.MULTILINE)


@pytest.mark.parametrize("path", [path for path in FILES if "errcode" in path.read_text("utf-8")], ids=named)
def test_every_error_has_a_code_of_ours_a_detail_and_a_hint(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for raised in re.findall(r"raise exception.*?;\n", text, re.DOTALL):
        assert re.search(r"errcode = ('LX\d{3}'|\w)", raised), raised
        assert "detail = " in raised, raised
        assert "hint = " in raised, raised


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_error_is_swallowed(path: Path) -> None:
    assert not re.search(r"when\s+others", path.read_text(encoding="utf-8"), re.IGNORECASE)


@pytest.mark.parametrize("path", [path for path in FILES if "errcode" in path.read_text("utf-8")], ids=named)
def test_the_header_lists_the_codes_that_the_body_raises(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = text[: text.index("create ")]
    raised = set(re.findall(r"errcode = '(LX\d{3})'", text))
    assert raised <= set(re.findall(r"LX\d{3}", header)), f"{raised} and {header}"


def test_no_two_files_make_the_same_object() -> None:
    made = [
        (kind, name)
        for path in FILES
        for kind in ("function", "view", "trigger")
        for name in objects(path, kind)
    ]
    assert len(made) == len(set(made))
