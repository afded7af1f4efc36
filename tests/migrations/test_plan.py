"""`plan`: what pending scripts would do to tables that are there, measured on a clone."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.migrations.conftest import Workshop
from toolkit.errors import HistoryProblem
from toolkit.live.effects import Effect
from toolkit.live.plan import Plan, plan
from toolkit.servers.binaries import find_clients
from toolkit.servers.throwaway import ThrowawayServer

NAME = "migrations/migration1.sql"
FALSE = "-- transactional: false\n"
EXCLUSIVE, SHARE, MILD = "AccessExclusiveLock", "ShareLock", "ShareUpdateExclusiveLock"


class Planner:
    """Plans the workshop's pending scripts on the tests' own server."""

    def __init__(self, workshop: Workshop, server: ThrowawayServer) -> None:
        self.workshop = workshop
        self.server = server

    def __call__(self, text: str) -> Plan:
        """The plan when migration1 has this text."""
        self.workshop.write(NAME, text)
        return plan(
            lambda: psycopg.connect(self.workshop.url),
            self.workshop.url,
            self.workshop.project,
            self.server,
            to=1,
        )

    def effects(self, text: str) -> tuple[Effect, ...]:
        """The effects of its statements."""
        [script] = self(text).forecasts
        assert script.error is None
        return script.effects


@pytest.fixture
def planner(workshop: Workshop, server: ThrowawayServer) -> Planner:
    """The schema is applied, with a second table and an index; a thousand rows are in shop.items."""
    text = (workshop.root / "schema.sql").read_text()
    workshop.write(
        "schema.sql",
        text + "create table shop.orders (id bigint primary key, item_id bigint, amount int);\n"
        "create index orders_item on shop.orders (item_id);\n"
        "create view shop.names as select name from shop.items;\n"
        "comment on table shop.items is 'What is sold.';\n",
    )
    workshop.migrate(to="schema")
    workshop.query("insert into shop.items select n, 'item' from generate_series(1, 1000) n")
    workshop.query("analyze shop.items")
    return Planner(workshop, server)


@pytest.mark.parametrize(
    ("statement", "locks", "rewrites", "scans"),
    [
        ("alter table shop.items add column size int", {"shop.items": EXCLUSIVE}, [], []),
        ("alter table shop.items add column size int default 3", {"shop.items": EXCLUSIVE}, [], []),
        (
            "alter table shop.items add column at timestamptz default clock_timestamp()",
            {"shop.items": EXCLUSIVE},
            ["shop.items"],
            [],
        ),
        ("alter table shop.orders alter amount type bigint", {"shop.orders": EXCLUSIVE}, ["shop.orders"], []),
        (
            "alter table shop.orders alter amount set not null",
            {"shop.orders": EXCLUSIVE},
            [],
            ["shop.orders"],
        ),
        (
            "alter table shop.orders add constraint amount_is_positive check (amount > 0)",
            {"shop.orders": EXCLUSIVE},
            [],
            ["shop.orders"],
        ),
        (
            "alter table shop.orders add constraint amount_is_positive check (amount > 0) not valid",
            {"shop.orders": EXCLUSIVE},
            [],
            [],
        ),
        ("create index on shop.items (name)", {"shop.items": SHARE}, [], ["shop.items"]),
        (
            "create table shop.own (); create index on shop.items (id)",
            {"shop.items": SHARE},
            [],
            ["shop.items"],
        ),
        (
            "alter table shop.orders add foreign key (item_id) references shop.items not valid",
            {"shop.items": "ShareRowExclusiveLock", "shop.orders": "ShareRowExclusiveLock"},
            [],
            [],
        ),
        ("drop view shop.names", {"shop.names": EXCLUSIVE}, [], []),
        ("update shop.items set name = 'x'", {"shop.items": "RowExclusiveLock"}, [], ["shop.items"]),
        ("comment on table shop.items is 'x'", {"shop.items": MILD}, [], []),
        ("create function shop.f() returns int language sql as 'select 1'", {}, [], []),
        ("create table shop.own (id int primary key); alter table shop.own alter id type bigint", {}, [], []),
        ("drop index shop.orders_item", {"shop.orders": EXCLUSIVE}, [], []),
    ],
)
def test_locks_rewrites_and_scans_are_measured(
    planner: Planner, statement: str, locks: dict[str, str], rewrites: list[str], scans: list[str]
) -> None:
    effect = planner.effects(statement + ";")[-1]
    assert {lock.relation: lock.mode for lock in effect.locks} == locks
    assert list(effect.rewrites) == rewrites
    assert list(effect.scans) == scans
    assert effect.is_measured


@pytest.mark.parametrize(
    ("statement", "locks", "rewrites", "scans"),
    [
        ("create index concurrently on shop.items (name)", {"shop.items": MILD}, [], ["shop.items"]),
        ("drop index concurrently shop.orders_item", {"shop.orders": MILD}, [], []),
        ("reindex index concurrently shop.orders_item", {"shop.orders": MILD}, [], ["shop.orders"]),
        ("vacuum full shop.items", {"shop.items": EXCLUSIVE}, ["shop.items"], []),
        ("do $$ begin commit; end $$", {}, [], []),
    ],
)
def test_what_works_concurrently_is_told_as_documented(
    planner: Planner, statement: str, locks: dict[str, str], rewrites: list[str], scans: list[str]
) -> None:
    [effect] = planner.effects(FALSE + statement)
    assert {lock.relation: lock.mode for lock in effect.locks} == locks
    assert (list(effect.rewrites), list(effect.scans)) == (rewrites, scans)
    assert not effect.is_measured


def test_statements_of_a_file_without_transaction_are_measured_too(planner: Planner) -> None:
    effects = planner.effects(
        FALSE + "alter table shop.items add size int;\nbegin;\nlock shop.orders;\ncommit;\n"
        "do $$ begin perform from shop.items; end $$;"
    )
    assert [(effect.line, effect.is_measured) for effect in effects] == [(2, True), (4, True), (6, True)]
    assert [[lock.mode for lock in effect.locks] for effect in effects] == [
        [EXCLUSIVE],
        [EXCLUSIVE],
        ["AccessShareLock"],
    ]


def test_lines_and_times_are_those_of_the_statements(planner: Planner) -> None:
    effects = planner.effects("select 1;\n\n-- now\nselect pg_sleep(0.5);\n")
    assert [effect.line for effect in effects] == [1, 4]
    assert effects[0].milliseconds < 500 <= effects[1].milliseconds


def test_warnings_say_who_waits_for_what_and_how_large_it_is(planner: Planner) -> None:
    [rewrite] = planner("alter table shop.items alter id type numeric;").warnings
    assert rewrite.startswith(f"{NAME}:1: readers and writers of shop.items wait while it rewrites all of")
    assert "about 1,000 rows" in rewrite
    [index] = planner("create index on shop.items (name);").warnings
    assert index.startswith(f"{NAME}:1: writers of shop.items wait while it reads all of shop.items")
    assert "concurrently" in index
    [brief] = planner("alter table shop.items add size int;").warnings
    assert brief == f"{NAME}:1: readers and writers of shop.items wait until the file ends"


def test_lock_that_is_held_while_something_long_runs_is_warned_of(planner: Planner) -> None:
    warnings = planner("lock table shop.orders;\nupdate shop.items set name = 'x';").warnings
    assert len(warnings) == 2
    assert warnings[1].startswith(f"{NAME}:2: readers and writers of shop.orders wait while it reads all of")
    alone = planner(FALSE + "drop view shop.names;\nupdate shop.items set name = 'x';").warnings
    assert [warning.split(":")[1] for warning in alone] == ["2"], "locks of a statement end with it"


@pytest.mark.parametrize(
    "text",
    [
        FALSE + "create index concurrently on shop.items (name);",
        "create table shop.own (id bigint primary key);",
        "alter table shop.orders add constraint a check (amount > 0) not valid;",
    ],
)
def test_what_has_nobody_wait_for_long_is_not_called_long(planner: Planner, text: str) -> None:
    assert not [warning for warning in planner(text).warnings if "while it" in warning]


def test_a_transaction_of_its_own_may_say_its_level_first(planner: Planner) -> None:
    opened = "begin;\nset transaction isolation level serializable;\nselect 1;\ncommit;"
    assert [effect.line for effect in planner.effects(FALSE + opened)] == [4]
    [refused] = planner(opened.replace("begin;", "").replace("commit;", "")).forecasts
    assert refused.error, "as it is on the target, whose transaction dbtool has begun"


def test_script_that_fails_ends_the_plan_with_its_line(planner: Planner) -> None:
    [script] = planner("select 1;\nselect nothing;\nselect 2;").forecasts
    assert script.error is not None
    assert script.error.startswith(f"{NAME}:2: ")
    assert [effect.line for effect in script.effects] == [1]


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("do $$ begin raise 'no rows'; end $$;", f"{NAME}:1: no rows", "without rows"),
        ("create extension nothing_like_it;", f"{NAME}:1: extension", "--server"),
        ("alter table shop.items owner to postgres_none;", f"{NAME}:1: role", ""),
        ("vacuum;", f"{NAME}:1: VACUUM", "transactional: false"),
        ("set transaction isolation level serializable;", f"{NAME}:1: SET TRANSACTION", "begin isolation"),
        ("create table shop.q (a int references shop.items deferrable initially deferred);"
         " insert into shop.q values (-1);", f"{NAME}: insert", "without rows"),
    ],
)  # fmt: skip
def test_why_a_plan_fails_is_said_with_file_and_way_out(
    planner: Planner, text: str, said: str, hint: str
) -> None:
    [script] = planner(text).forecasts
    assert (script.error or "").startswith(said)
    assert hint in (script.hint or "")
    assert bool(hint) or not script.hint


def test_pending_scripts_build_on_one_another(planner: Planner) -> None:
    workshop = planner.workshop
    workshop.write("migrations/migration2.sql", "alter table shop.later add size int;")
    workshop.write(NAME, "create table shop.later ();")
    made = plan(lambda: psycopg.connect(workshop.url), workshop.url, workshop.project, planner.server)
    assert [(script.id, script.error) for script in made.forecasts] == [
        ("migration1", None),
        ("migration2", None),
    ]
    assert made.warnings == (), "nobody can wait for a table that is not there yet"


def snapshot(workshop: Workshop) -> list[tuple[Any, ...]]:
    """Everything in the target that a statement could have changed."""
    return workshop.query(
        "select oid, relname, relfilenode, xmin::text, relacl::text from pg_class union all"
        " select oid, nspname, 0, xmin::text, null from pg_namespace union all"
        " select oid, rolname, 0, xmin::text, null from pg_authid order by 1, 2"
    ) + workshop.query("select count(*), max(xmin::text::bigint) from shop.items")


def test_target_is_only_read(planner: Planner) -> None:
    workshop = planner.workshop
    workshop.write(
        NAME, "update shop.items set name = 'x'; create role dbtool_test_never; drop view shop.names;"
    )
    workshop.query("create role dbtool_test_reader login")
    try:
        workshop.query("grant usage on schema shop, dbtool to dbtool_test_reader")
        workshop.query("grant select on all tables in schema shop, dbtool to dbtool_test_reader")
        before = snapshot(workshop)
        options = "-c role=dbtool_test_reader -c default_transaction_read_only=on"
        url = make_conninfo(workshop.url, options=options)
        result = workshop.run(
            "--project", workshop.root, "--database-url", url, "plan", "--json", "--to", "1"
        )
        assert result.exit_code == 0, result.stderr
        assert snapshot(workshop) == before
        made = json.loads(result.stdout)
        assert len(made["forecasts"][0]["effects"]) == 3
        assert not [note for note in made["notes"] if "pg_dump failed" in note]
    finally:
        workshop.query("drop owned by dbtool_test_reader; drop role dbtool_test_reader")
    assert workshop.query("select from pg_roles where rolname = 'dbtool_test_never'") == []


def test_target_refuses_writes_of_whoever_plans(planner: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(target: psycopg.Connection[Any], *_: object, **__: object) -> None:
        target.execute("create table shop.never ()")

    monkeypatch.setattr("toolkit.live.plan.clone_schema", write)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        planner("select 1;")


def test_history_that_is_wrong_is_refused(planner: Planner) -> None:
    planner.workshop.write("schema.sql", "create schema shop;")
    with pytest.raises(HistoryProblem):
        planner("select 1;")


def test_clone_is_what_is_there_and_not_what_was_applied(planner: Planner) -> None:
    planner.workshop.query("create table shop.by_hand (id int)")
    effects = planner.effects("alter table shop.by_hand add size int;")
    assert [lock.relation for lock in effects[0].locks] == ["shop.by_hand"]


def test_clone_without_pg_dump_is_built_from_the_texts_that_were_applied(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.live.plan.find_clients", lambda _: [])
    made = planner("alter table shop.orders add size int;")
    assert [lock.relation for lock in made.forecasts[0].effects[0].locks] == ["shop.orders"]
    assert any("pg_dump" in note for note in made.notes)


def test_what_a_server_counts_in_options_of_columns_is_not_restored(
    planner: Planner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PostgreSQL 17.12 keeps `pg_attver` there; a pg_dump of before writes it, others refuse it."""
    planner.workshop.query("alter table shop.items alter column name set (n_distinct = 5)")
    options = "s/(n_distinct=5)/(n_distinct=5, pg_attver=7)/"
    options += "; s/^\\(ALTER .*\\) name SET (n.*/&\\n\\1 id SET (pg_attver=7);/"
    programs = []
    for number, real in enumerate(find_clients("pg_dump")):
        programs.append(tmp_path / f"pg_dump{number}")
        programs[-1].write_text(f"#!/bin/bash\nset -o pipefail\n{real} \"$@\" | sed '{options}'\n")
        programs[-1].chmod(0o755)
    monkeypatch.setattr("toolkit.live.plan.find_clients", lambda _: list(map(str, programs)))
    made = planner("alter table shop.items add size int;")
    assert not [note for note in made.notes if "pg_dump" in note]


def test_server_that_is_older_than_the_target_is_said_to_be(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ThrowawayServer, "major", 14)
    assert any("older" in note for note in planner("select 1;").notes)


def test_command_shows_effects_warnings_and_how_it_was_measured(planner: Planner) -> None:
    planner.workshop.write(NAME, "alter table shop.items alter id type numeric;\n")
    result = planner.workshop.dbtool("plan", "--to", "1", "--server", "embedded")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("1 pending, 1 statements, 0.0 s on the clone\n")
    assert "migration1 (migrations/migration1.sql), in one transaction" in result.stdout
    assert "AccessExclusiveLock on shop.items; rewrites shop.items" in result.stdout
    assert "warning: migrations/migration1.sql:1: readers and writers" in result.stdout
    assert "note: measured on an empty clone: embedded" in result.stdout
    assert result.stdout.splitlines()[-1].startswith(
        "verdict: it runs; 1 statement would have others wait while tables are worked on"
    )
    assert planner.workshop.states()["migration1"] == "pending"

    planner.workshop.write(NAME, "alter table shop.items add size int; create table shop.more ();\n")
    short, long = (
        planner.workshop.dbtool("plan", "--to", "1", "--server", "embedded", *more).stdout
        for more in ((), ("--verbose",))
    )
    assert ("shop.more" in short, "shop.more" in long) == (False, True)
    assert short.splitlines()[-1].startswith("verdict: it runs; others wait for moments (1 lock)")

    planner.workshop.write(NAME, "select nothing;")
    failed = planner.workshop.dbtool("plan", "--to", "1", "--server", "embedded")
    assert failed.exit_code == 1
    assert "migration1.sql:1: " in failed.stderr


def test_nothing_pending_is_nothing_to_plan(workshop: Workshop, server: ThrowawayServer) -> None:
    workshop.migrate()
    with closing(workshop.connect()):
        made = plan(workshop.connect, workshop.url, workshop.project, server)
    assert made.forecasts == ()
