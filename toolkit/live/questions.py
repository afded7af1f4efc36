"""A question bank in CSV, read with Python's csv and handed to learn.import_questions() a batch at a time."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ..errors import DbtoolError
from ..sql.execute import Connection

BATCH = 200
"""Rows that are sent at a time; import_questions() takes at most 10,000 of them and 8 MB."""
_NAMES = {"question_id": "external_id", "question": "question_text"}
_PLAIN = ("external_id", "exam_type", "domain", "question_text", "correct_answer")
_LETTERED = re.compile("(option|explanation)_([a-d])")
_HINT = (
    "The first line names the columns: question_id, exam_type, domain, question_text, correct_answer,"
    " option_a … option_d, explanation_a … explanation_d."
)


def import_questions(connection: Connection, file: Path, exam: str | None = None) -> dict[str, int]:
    """Imports a file in one transaction and returns how many questions are inserted, updated and unchanged.

    Raises DbtoolError, which names the line, for a file that cannot be read or a row that is refused; then
    nothing is imported. `exam` is that of rows without one.
    """
    counts = {"inserted": 0, "updated": 0, "unchanged": 0}
    seen: dict[tuple[object, object], int] = {}
    with connection.transaction(), file.open(encoding="utf-8-sig", newline="") as lines:
        rows = _rows(lines, file.name, exam)
        while batch := list(islice(rows, BATCH)):
            for line, row in batch:
                if not row.get("external_id"):
                    continue
                first = seen.setdefault((row.get("exam_type"), row.get("external_id")), line)
                if first != line:
                    raise _problem(file.name, line, f"the question of line {first} again")
            try:
                (found,) = connection.execute(
                    "select * from learn.import_questions(%s)", [Jsonb([row for _, row in batch])]
                ).fetchall()
            except psycopg.Error as error:
                raise _refusal(error, file.name, [line for line, _ in batch]) from error
            counts = {what: count + more for (what, count), more in zip(counts.items(), found, strict=True)}
    return counts


def _rows(lines: Any, name: str, exam: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The line on which each question ends, and the question as import_questions() takes it."""
    reader = csv.reader(lines, strict=True)
    columns: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(cells, name, reader.line_num)
                continue
            if len(cells) > len(columns):
                raise _problem(name, reader.line_num, "more cells than there are columns")
            yield reader.line_num, _question(dict(zip(columns, cells, strict=False)), exam)
    except (csv.Error, UnicodeDecodeError) as error:
        raise _problem(name, reader.line_num, str(error)) from error
    if not columns:
        raise _problem(name, 1, "the file is empty")


def _columns(cells: list[str], name: str, line: int) -> list[str]:
    columns = [_NAMES.get(cell.strip().lower(), cell.strip().lower()) for cell in cells]
    for number, column in enumerate(columns):
        if column not in _PLAIN and not _LETTERED.fullmatch(column):
            raise _problem(name, line, f"unknown column {column!r}")
        if column in columns[:number]:
            raise _problem(name, line, f"column {column!r} is there twice")
    return columns


def _question(cells: dict[str, str], exam: str | None) -> dict[str, Any]:
    question: dict[str, Any] = {column: cells[column] for column in _PLAIN if cells.get(column)}
    if exam is not None:
        question.setdefault("exam_type", exam)
    question["options"] = {}
    for letter in "abcd":
        if text := cells.get(f"option_{letter}"):
            explanation = cells.get(f"explanation_{letter}")
            told = {"explanation": explanation} if explanation else {}
            question["options"][letter.upper()] = {"text": text, **told}
    return question


def _problem(name: str, line: int, what: str) -> DbtoolError:
    return DbtoolError(f"{name}:{line}: {what}", detail="nothing was imported", hint=_HINT)


def _refusal(error: psycopg.Error, name: str, lines: list[int]) -> DbtoolError:
    """What the database says, with the lines of the file for the numbers of the rows."""
    detail = re.sub(
        r"(?m)^row (\d+): ", lambda row: f"{name}:{lines[int(row[1]) - 1]}: ", error.diag.message_detail or ""
    )
    return DbtoolError(
        f"the questions cannot be imported: {error.diag.message_primary} (SQLSTATE {error.sqlstate})",
        detail=detail or None,
        hint="Nothing was imported. Correct these lines.",
    )
