"""Conventions of the source files: functions/, triggers/ and views/. A test per rule, of all files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.stock

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {
    path.relative_to(ROOT): path.read_bytes().decode()
    for folder in ("functions", "triggers", "views")
    for path in sorted((ROOT / folder).rglob("*.sql"))
}
CREATED = re.compile(r"^create (?:or replace |constraint )?(function|view|trigger)\s+([\w.]+)", re.MULTILINE)
MODES = ("immutable", "stable", "volatile")
SOURCE_LINES, PYTHON_LINES, LONGEST = 260, 400, 750
TO_BE_SPLIT = """
    tests/catalog/test_course_content_changes.py tests/catalog/test_courses.py
    tests/challenges/test_level_attempts.py tests/challenges/test_unlocking.py tests/community/test_posting.py
    tests/leaderboards/test_boards.py tests/notifications/test_notifications.py tests/progress/test_courses.py
    tests/progress/test_levels.py tests/properties/histories.py tests/properties/model.py
    tests/properties/test_challenges.py tests/properties/test_courses.py tests/properties/test_once.py
    tests/quizzes/test_submit_quiz.py tests/security/test_learner_attacks.py tests/streaks/test_streaks.py
    tests/toolkit/test_check.py tests/toolkit/test_drift.py tests/toolkit/test_lint.py
    tests/toolkit/test_new.py tests/toolkit/test_servers.py tests/toolkit/test_verify.py
    toolkit/catalog/queries.py toolkit/live/mend.py toolkit/live/plan.py toolkit/live/scope.py
    toolkit/servers/embedded.py toolkit/servers/throwaway.py
"""
"""Python files that may be longer, for now. The list only shrinks."""


def objects(text: str, kind: str) -> list[str]:
    return [name for found, name in CREATED.findall(text) if found == kind]


def functions() -> Iterator[tuple[Path, str, str]]:
    """Each function of a source: its file, its name, and the text from its head on."""
    for path, text in TEXTS.items():
        for found in re.finditer(r"^create (?:or replace )?function\s+([\w.]+)", text, re.MULTILINE):
            yield path, found[1], text[found.start() :]


def test_there_are_sources() -> None:
    assert len(TEXTS) > 200
    assert len(list(functions())) > 200


def test_a_file_holds_one_object_and_is_named_like_it() -> None:
    """A trigger file holds one function and its triggers, or all triggers of the table it is named after."""
    wrong = []
    for path, text in TEXTS.items():
        kind = path.parts[0].removesuffix("s")
        names = [name.split(".")[-1] for name in objects(text, kind)]
        if kind == "trigger":
            called = [name.split(".")[-1] for name in objects(text, "function")]
            tables = set(re.findall(r"^  [^\n]*? on (?:learn|learn_internal)\.(\w+)$", text, re.MULTILINE))
            is_right = bool(names) and (
                (len(called) <= 1 and path.stem in names + called) or tables == {path.stem}
            )
        else:
            is_right = names == [path.stem]
        wrong += [] if is_right else [path]
    assert not wrong


def test_a_file_begins_with_why() -> None:
    assert not [path for path, text in TEXTS.items() if not text.startswith("-- ")]


def test_lines_end_and_have_no_tabs_nor_blanks_at_their_ends() -> None:
    assert not [
        path
        for path, text in TEXTS.items()
        if not text.endswith("\n") or "\t" in text or "\r" in text or re.search(r" +$", text, re.MULTILINE)
    ]


def test_no_source_is_too_long() -> None:
    assert not {path: text.count("\n") for path, text in TEXTS.items() if text.count("\n") > SOURCE_LINES}


def test_no_python_file_is_too_long() -> None:
    may_be = TO_BE_SPLIT.split()
    long = {
        name: lines
        for folder in ("toolkit", "tests", "bench", "docs")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := path.read_bytes().count(b"\n")) > PYTHON_LINES
        and ((name := str(path.relative_to(ROOT))) not in may_be or lines > LONGEST)
    }
    assert not long


def test_a_function_says_its_volatility_and_search_path() -> None:
    wrong = []
    for path, name, text in functions():
        head = text[: text.index("as $$")]
        says = [line.strip() for line in head.splitlines() if line.strip() in MODES]
        wrong += [] if len(says) == 1 and "set search_path = pg_catalog, pg_temp" in head else [(path, name)]
    assert not wrong


def test_a_function_has_its_comment_with_it() -> None:
    assert not [
        path
        for path, name, text in functions()
        if not re.search(rf"^comment on function {re.escape(name)}\(", text, re.MULTILINE)
    ]


def test_every_error_has_a_code_of_ours_a_detail_and_a_hint() -> None:
    wrong = [
        (path, raised)
        for path, text in TEXTS.items()
        for raised in re.findall(r"raise exception.*?;\n", text, re.DOTALL)
        if not re.search(r"errcode = ('LX\d{3}'|\w)", raised)
        or "detail = " not in raised
        or "hint = " not in raised
    ]
    assert not wrong


def test_no_error_is_swallowed() -> None:
    assert not [path for path, text in TEXTS.items() if re.search(r"when\s+others", text, re.IGNORECASE)]


def test_the_header_lists_the_codes_that_the_body_raises() -> None:
    wrong = []
    for path, text in TEXTS.items():
        listed = set(re.findall(r"LX\d{3}", text[: text.index("create ")]))
        wrong += [(path, code) for code in re.findall(r"errcode = '(LX\d{3})'", text) if code not in listed]
    assert not wrong


def test_no_two_files_make_the_same_object() -> None:
    # a trigger is told by its table, too
    whole = re.compile(CREATED.pattern + r"(?:[^;]*?\bon\s+([\w.]+))?", re.MULTILINE)
    made = [
        (kind, name, table if kind == "trigger" else "")
        for text in TEXTS.values()
        for kind, name, table in whole.findall(text)
    ]
    assert not [each for each in set(made) if made.count(each) > 1]


def test_a_function_is_granted_to_callers_or_its_file_says_why_not() -> None:
    """Public ones are granted, unless `-- no grant: …`; internal ones are not, unless `-- granted: …`."""
    wrong = []
    for path, name, text in functions():
        is_granted = bool(re.search(rf"^grant execute on function {re.escape(name)}\(", text, re.MULTILINE))
        reason = r"^-- no grant: \S" if name.startswith("learn.") else r"^-- granted: \S"
        says_why = bool(re.search(reason, TEXTS[path], re.MULTILINE))
        wrong += [] if (is_granted != says_why) == name.startswith("learn.") else [name]
    assert not wrong


def test_cursors_are_closed() -> None:
    """An open one keeps its tables in use until the transaction ends, and each call would leave another."""
    wrong = [
        f"{path}: {name}"
        for path, text in TEXTS.items()
        for name in set(re.findall(r"\bopen (v_\w+)", text))
        if f"close {name};" not in text
    ]
    assert not wrong
