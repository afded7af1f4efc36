"""Values for a parameter, by its type: usual ones, and whatever a client may send."""

from __future__ import annotations

import random
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from tests.calls import Scene

NUL = "a\x00b"  # no text of PostgreSQL has it: refused before a function sees it
# fmt: off
TEXTS = [
    "", " ", "\n", "\t", "\x01", "\x1b[2J\x1b]0;x\x07", "\x7f", "\u200b", "\u202eabc", "\ufeff", "\u2028",
    "\u00a0", "\u3000", "e\u0301" * 40, "👩\u200d👩\u200d👧", "\U0001d49c", "\U0010ffff", "ﷺ" * 90,
    "ß", "İ", "\ufffe", "x", "x" * 201, "x" * 70_000, "'", '"', "\\", "$$", "%s%n", "%", "{}", "{", "null",
    "NaN", "-1", "1e400", "0", "day", "week", "xp", "all_time", "course", "upvote", "keep", "delete",
    "/../..", "' or true --", "2035-02-30", "infinity", "now", "Europe/Berlin", "posix/UTC", "UTC",
    "fil-PH", "0.0.1", "0x" + "0" * 40,
    NUL,
]
JSON: list[Any] = [
    None, True, 0, -1, 1.5, 1e308, -(10**40), 10**4000, "", "x", "\x01", [], {}, [[]], [None], [{}],
    [[], [1]], {"": ""}, {"a": None},
    {"a": {"b": [1, {"c": "d"}]}}, {"x" * 300: 1}, "\U0001f9d1\u200d", "\\u0000", "NaN",
    {str(n): n for n in range(500)}, [1] * 3000, "y" * 70_000, ["z"] * 200,
]
VALUES: dict[str, list[Any]] = {
    "text": TEXTS,
    "integer": [0, 1, -1, 2, 3, 5, 100, 101, 1000, 32767, 2**31 - 1, -(2**31)],
    "bigint": [0, 1, -1, 7, 10**12, 2**53 + 1, 2**63 - 1, -(2**63)],
    "numeric": [
        "0", "-0.0", "0.005", "1", "-1", "100", "100.01", "1e20", "1e131071", "1e-16383", "NaN",
        "Infinity", "-Infinity", "99.999999999999999999",
    ],
    "double precision": [
        "0", "-0", "50.5", "100", "100.0000001", "-1", "1e308", "5e-324", "NaN", "Infinity", "-Infinity",
    ],
    "boolean": [True, False],
    "uuid": [UUID(int=0), UUID(int=2**128 - 1), UUID("0193e5a0-0000-7000-8000-000000000000")],
    "date": [
        "infinity", "-infinity", "0001-01-01", "4713-01-01 BC", "5874897-12-31", "1970-01-01",
        "2035-06-13", "2035-09-30", "2100-02-28", "2999-12-31",
    ],
    "timestamp with time zone": [
        "infinity", "-infinity", "294276-12-31 23:59:59.999999Z", "4713-01-01 00:00Z BC", "0001-01-01Z",
        "1970-01-01Z", "2035-06-13 12:05Z", "2035-06-13 12:05:01Z", "2035-03-25 02:30 Europe/Berlin",
        "2035-05-14 12:00Z", "2035-05-14 11:59Z", "2034-06-13Z",
    ],
    "interval": ["0", "-1 second", "1 month", "178000000 years", "00:00:00.000001", "1 day -1 hour"],
    "pg_lsn": ["0/0", "0/1", "FFFFFFFF/FFFFFFFF"],
    "inet": ["0.0.0.0/0", "::", "255.255.255.255", "2001:db8::1/64", "::ffff:10.0.0.1"],
}
ARRAYS = {
    "text[]": [
        "{}", "{NULL}", "{a,NULL}", '{""}', "{{a,b},{c,d}}", "[0:1]={a,b}", "[-5:-4][1:1]={{a},{b}}",
        "{x,x}", '{" ","\t"}', "{" + ",".join(["x"] * 2000) + "}",
    ],
    "uuid[]": ["{}", "{NULL}", "{00000000-0000-0000-0000-000000000000}"],
    "bigint[]": ["{}", "{NULL}", "{1,NULL,1}", "{{1,2},{3,4}}", "[0:1]={1,2}", "{-1,0,9223372036854775807}"],
    "integer[]": ["{}", "{NULL}", "{{1,2},{3,4}}", "[0:1]={1,2}", "{-1,0,2147483647}"],
}
# fmt: on
OF_PYTHON = {"uuid": UUID, "text": str, "bigint": int, "integer": int, "date": date}
OF_PYTHON["timestamp with time zone"] = datetime


def values(kind: str, scene: Scene, good: Any, dice: random.Random) -> list[Any]:
    """What to try for a parameter whose good value is `good` (None: not known), as psycopg sends it."""
    found = [None, *VALUES.get(kind, ARRAYS.get(kind, []))]
    assert len(found) > 1, f"no values for parameters of type {kind}"
    if kind == "jsonb":
        return []
    if kind.endswith("[]") and kind != "uuid[]":
        return found
    if kind == "uuid[]":
        one = scene["user"]
        return [*found, [one], [one, one, scene["author"]], [[one], [scene["author"]]], [one, None]]
    of_it = OF_PYTHON.get(kind)
    known = [each for each in scene.values() if type(each) is of_it]
    return [*found, *dice.sample(known, min(len(known), 6))]


def documents(good: Any, dice: random.Random, number: int) -> list[Any]:
    """JSON of any form, and the good document with something in it replaced, left out, doubled or added."""
    found: list[Any] = [None, *(Jsonb(each) for each in JSON), Jsonb({"a": "\x00"}), Jsonb(_deep(900))]
    if good is not None:
        found += [Jsonb(_changed(good.obj, dice)) for _ in range(number)]
    return found


def _deep(levels: int) -> Any:
    document: Any = 1
    for level in range(levels):
        document = [document] if level % 2 else {"a": document}
    return document


def _changed(document: Any, dice: random.Random) -> Any:
    if not isinstance(document, dict | list) or not document or dice.random() < 0.15:
        return dice.choice([*JSON, *TEXTS[:-1]])
    if isinstance(document, list):
        place = dice.randrange(len(document))
        if dice.random() < 0.2:
            return [*document, dice.choice([document[place], dice.choice(JSON)])]
        return [*document[:place], _changed(document[place], dice), *document[place + 1 :]]
    key = dice.choice(list(document))
    if dice.random() < 0.15:
        return {name: value for name, value in document.items() if name != key}
    if dice.random() < 0.15:
        return {**document, dice.choice(["", "x", "id", "user_id", "role"]): dice.choice(JSON)}
    return {**document, key: _changed(document[key], dice)}
