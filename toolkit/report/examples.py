"""Examples of calls, from a project's docs/examples.sql, with values that the database has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

_HEADING = re.compile(r"^-- (?::(?P<value>\w+) \((?P<what>.+)\)|(?P<function>\w+\.\w+))\n", re.MULTILINE)
_VALUE = re.compile(r"(?<![:\w']):(\w+)")


@dataclass(frozen=True)
class Example:
    """What to run, if there is anything, and what the database lacks for it, if there is."""

    text: str | None
    lacks: str = ""


def read(connection: psycopg.Connection[Any], text: str) -> dict[str, Example]:
    """The example of each function that the text has one for. Writes nothing."""
    headings = list(_HEADING.finditer(text))
    ends = [*(each.start() for each in headings), len(text)][1:]
    values: dict[str, Example] = {}
    calls: dict[str, str] = {}
    for heading, end in zip(headings, ends, strict=True):
        body = text[heading.end() : end].strip()
        if heading["value"]:
            found, *is_there = _find(connection, body) or (None, False)
            values[heading["value"]] = Example(found, "" if all(is_there) else heading["what"])
        else:
            calls[heading["function"]] = body
    return {function: _fill(call, values) for function, call in calls.items()}


def _find(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...] | None:
    """What a query finds; None where there is no such thing, or this role may not read it."""
    row = None
    with (
        suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable),
        connection.transaction(),
    ):
        row = connection.execute(query.encode()).fetchone()
    return row


def _fill(call: str, values: Mapping[str, Example]) -> Example:
    used = [values[name] for name in dict.fromkeys(_VALUE.findall(call))]
    lacks = next((each.lacks for each in used if each.lacks), "")
    if any(each.text is None for each in used):
        return Example(None, next(each.lacks for each in used if each.text is None))
    return Example(_VALUE.sub(lambda match: values[match[1]].text or "", call), lacks)
