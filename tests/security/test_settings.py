"""Whatever a session has set, every call answers and writes the same, or is refused with a clear reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import psycopg
import pytest

from tests.calls import CALLS, Scene, readable_by
from tests.security.answers import Answer, Caller

Expected = dict[str, Answer]

SETTINGS = {
    "texts": {
        "standard_conforming_strings": "off",
        "escape_string_warning": "off",
        "backslash_quote": "on",
        "quote_all_identifiers": "on",
        "array_nulls": "off",
        "transform_null_equals": "on",
        "bytea_output": "escape",
        "extra_float_digits": "-15",
        "xmloption": "document",
        "xmlbinary": "hex",
        "lc_messages": "POSIX",
        "check_function_bodies": "off",
        "client_min_messages": "error",
        "default_text_search_config": "pg_catalog.german",
    },
    "German dates, where clocks went forward today": {
        "datestyle": "German, DMY",
        "timezone": "Europe/Berlin",
        "intervalstyle": "sql_standard",
    },
    "SQL's dates, where it is tomorrow": {
        "datestyle": "SQL, DMY",
        "timezone": "Pacific/Kiritimati",
        "intervalstyle": "iso_8601",
    },
    "old dates, where it is yesterday": {
        "datestyle": "Postgres, MDY",
        "timezone": "<-12:45>+12:45",
        "intervalstyle": "postgres_verbose",
    },
    "columns before variables": {"plpgsql.variable_conflict": "use_column"},
    "variables before columns": {"plpgsql.variable_conflict": "use_variable"},
    "a strict PL/pgSQL": {"plpgsql.extra_errors": "all", "plpgsql.check_asserts": "off"},
    "no row security": {"row_security": "off"},
    "repeatable read": {"default_transaction_isolation": "repeatable read"},
    "serializable": {"default_transaction_isolation": "serializable"},
    "read only": {"default_transaction_read_only": "on"},
    "a path": {"search_path": "learn_internal, learn, pg_temp, pg_catalog"},
}
ARCHIVING = dict.fromkeys(["archive_before", "attach_archive"], "LX001")  # under read committed alone
REFUSALS = {
    "read only": dict.fromkeys(CALLS, "25006"),
    "repeatable read": ARCHIVING,
    "serializable": ARCHIVING,
}
# What a session sets for itself, or what makes no sense to change for all: where it waits and how it ends.
APART = {"default_transaction_read_only", "exit_on_error"}


@contextmanager
def session(scene_url: tuple[str, Scene], settings: dict[str, str]) -> Iterator[Caller]:
    url, scene = scene_url
    with psycopg.connect(url, autocommit=True) as connection, psycopg.connect(url, autocommit=True) as admin:
        for name, value in settings.items():
            connection.execute("load 'plpgsql'" if name.startswith("plpgsql.") else "select 1")
            connection.execute("select set_config(%s, %s, false)", [name, value])
        yield Caller(connection, admin, scene)


def answers(caller: Caller, views: list[str]) -> Expected:
    return {
        # wait_for_lsn() answers where the log is by now
        **{name: caller.call(name, "learn_owner") for name in CALLS if name != "wait_for_lsn"},
        **{view: caller.read(view, "learn_owner") for view in views},
    }


@pytest.fixture(scope="module")
def views(scene_url: tuple[str, Scene]) -> list[str]:
    with psycopg.connect(scene_url[0]) as connection:
        return readable_by(connection, "learn_owner")


@pytest.fixture(scope="module")
def expected(scene_url: tuple[str, Scene], views: list[str]) -> Expected:
    with session(scene_url, {"timezone": "UTC"}) as caller:
        found = answers(caller, views)
    assert {name: each.refusal for name, each in found.items() if each.refusal} == {}
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_calls_answer_the_same(
    scene_url: tuple[str, Scene], views: list[str], expected: Expected, name: str
) -> None:
    with session(scene_url, SETTINGS[name]) as caller:
        found = differences(expected, answers(caller, views), REFUSALS.get(name, {}))
    assert not found, "\n".join(found)


def test_calls_answer_the_same_when_every_switch_is_the_other_way(
    scene_url: tuple[str, Scene], views: list[str], expected: Expected
) -> None:
    """Everything that is on or off, or one of a few words, and that a session may set."""
    with psycopg.connect(scene_url[0]) as connection:
        switches = connection.execute(
            "select name, setting, enumvals from pg_settings where context = 'user'"
            " and vartype in ('bool', 'enum') and name !~ '^(default_)?transaction_' and name <> all (%s)",
            [sorted(APART)],
        ).fetchall()
    assert len(switches) > 50
    other = {"on": "off", "off": "on"}
    turned = {
        name: next((each for each in reversed(words) if each != now), now) if words else other[now]
        for name, now, words in switches
    }
    with session(scene_url, turned) as caller:
        found = differences(expected, answers(caller, views))
    assert not found, "\n".join(found)


def differences(
    expected: Expected, found: Expected, refusals: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """What is not as expected; a refusal of a call with its SQLSTATE is as good as the answer."""
    told = []
    for name, now in found.items():
        was = expected[name]
        if now == was or (now.refusal is not None and now.refusal == refusals.get(name)):
            continue
        told.append(f"{name}: {now.refusal or 'another answer'}")
        if now.refusal is None:
            before, after = (each.rows + each.written for each in (was, now))
            told += [f"  - {line}" for line in before if line not in after]
            told += [f"  + {line}" for line in after if line not in before]
    return told
