"""The seeds: run again they change nothing, wait for nobody, and leave what a deployment decides."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.client import Learn
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE
from toolkit.errors import DbtoolError
from toolkit.history import seeds
from toolkit.project.layout import Project

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = [name for name in seeds.systems(Project.find(ROOT)) if name != seeds.CORE]


def seed(database: FreshDatabase, *names: str, demo: bool = False, mix: bool = True) -> None:
    """Load products, mixed on purpose: all of them when none is named."""
    with database.connect() as connection:
        seeds.seed(connection, Project.find(ROOT), names, demo=demo, mix=mix)


def versions(connection: psycopg.Connection[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Which version of each row each table holds: writing a row, even as it was, makes another one."""
    tables = connection.execute(
        "select c.oid::regclass::text, n.nspname, c.relname from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname in ('learn', 'learn_internal') and c.relkind = 'r' order by 1"
    ).fetchall()
    return {
        name: connection.execute(
            sql.SQL("select xmin::text, ctid::text from {} order by ctid").format(
                sql.Identifier(schema, table)
            )
        ).fetchall()
        for name, schema, table in tables
    }


def test_seeding_again_writes_no_row(fresh: FreshDatabase) -> None:
    seed(fresh)
    with fresh.connect(autocommit=True) as connection:
        before = versions(connection)
        seed(fresh)
        assert versions(connection) == before
        assert before["learn.lessons"]


def test_seeding_again_waits_for_no_learner(fresh: FreshDatabase) -> None:
    seed(fresh)
    with fresh.connect() as learner:
        user = Learn(learner).register_user("busy")
        Learn(learner).award_xp(user, 5)  # and does not commit yet
        with psycopg.connect(fresh.url, options="-c lock_timeout=5s") as connection:
            seeds.seed(connection, Project.find(ROOT), mix=True)


def test_what_a_deployment_decides_stays_and_what_it_edits_comes_back(fresh: FreshDatabase) -> None:
    decided = [
        "update learn.courses set is_published = false, is_featured = false",
        "update learn.course_levels set is_published = false",
        "update learn.lessons set is_published = false",
        "update learn.tracks set is_published = false",
        "update learn.achievements set is_active = false, is_hidden = true",
        "update learn.metrics set is_board = not is_board",
        "update learn.xp_rules set amount = amount + 1",
        "update learn.activity_types set description = 'ours', is_qualifying = not is_qualifying",
        "update learn.difficulties set xp_multiplier = 7 where key = 'mixed'",
        "update learn.challenges set is_active = false",
        "update learn.notification_rules set is_active = false, title = 'ours'",
    ]
    seed(fresh)
    with fresh.connect(autocommit=True) as connection:
        for statement in decided:
            connection.execute(statement.encode())
        before = versions(connection)
        seed(fresh)
        assert versions(connection) == before

        edited = [
            ("learn.courses", "title", "blockchain-foundations"),
            ("learn.courses", "translations", "python-from-zero"),
            ("learn.lessons", "content", "reentrancy"),
            ("learn.lessons", "xp_reward", "python-from-zero-loops-hard"),
            ("learn.achievements", "criteria", "block-explorer"),
            ("learn.achievements", "name", "masipag"),
        ]
        kept = [read(connection, *place) for place in edited]
        connection.execute("update learn.courses set title = 'x', translations = '{}'")
        connection.execute("update learn.lessons set content = '{}', xp_reward = 1")
        connection.execute(
            'update learn.achievements set name = slug, criteria = \'{"metric": "xp", "at_least": 1}\''
        )
        seed(fresh)
        assert [read(connection, *place) for place in edited] == kept
        assert connection.execute("select count(*) from learn.courses where is_published").fetchone() == (0,)


def read(connection: psycopg.Connection[Any], table: str, column: str, slug: str) -> Any:
    return connection.execute(f"select {column} from {table} where slug = %s".encode(), [slug]).fetchone()


def test_products_leave_each_others_rows_alone(fresh: FreshDatabase) -> None:
    with fresh.connect(autocommit=True) as connection:
        seed(fresh, demo=True)
        before = versions(connection)
        for system in reversed(SYSTEMS):
            seed(fresh, system)
        assert versions(connection) == before
        counted = connection.execute(
            "select system, count(*) from learn.achievements"
            " where system in ('aralify', 'sql_platform', 'web3versity') group by 1 order by 1"
        ).fetchall()
        assert counted == [("aralify", 12), ("sql_platform", 20), ("web3versity", 18)]


def test_seeded_achievements_are_named_like_their_slugs(learn: Learn) -> None:
    assert (
        learn.tuples(
            "select slug, name from learn.achievements"
            " where slug <> trim('-' from regexp_replace(lower(name), '[^a-z0-9]+', '-', 'g'))"
        )
        == []
    )


def test_what_one_product_teaches_earns_nothing_of_the_others(learn: Learn) -> None:
    # Lessons, tracks and a streak of a learner without a course: the badges of the SQL platform alone.
    learn.set_clock("2035-05-01 12:00")
    user = learn.make_user()
    for day in range(1, 31):
        learn.set_clock(f"2035-05-{day:02} 12:00")
        for _ in range(2):
            learn.complete_lesson(user, learn.make_lesson(0), 100)
    assert learn.tuples(
        "select distinct a.system from learn.user_achievements u"
        " join learn.achievements a on a.id = u.achievement_id where u.user_id = %s",
        [user],
    ) == [("sql_platform",)]
    assert {source for _, source, _ in learn.ledger(user)} == {"lesson_completed", "lesson_perfect"}


# ── one database, one product ───────────────────────────────────────────────────────────────────────────────


def use_product(learn: Learn, name: str) -> None:
    learn.value("select learn_internal.use_product(%s)::text", [name])


def test_every_file_of_a_product_says_first_whose_it_is() -> None:
    for system in SYSTEMS:
        files = sorted((ROOT / "seeds" / system).rglob("*.sql"))
        assert files
        for path in files:
            text = [line for line in path.read_text().splitlines() if not line.startswith("--")]
            assert text[0] == f"select learn_internal.use_product('{system}');", path


def test_a_second_product_is_refused_and_the_first_stays(learn: Learn) -> None:
    with learn.fails("LX010"):
        use_product(learn, "aralify")
    use_product(learn, "sql_platform")
    assert learn.tuples("select name from learn.products", []) == [("sql_platform",)]


def test_mixing_on_purpose_adds_the_second_product_for_good(learn: Learn) -> None:
    learn.run("set local dbtool.mix = on")
    use_product(learn, "aralify")
    learn.run("set local dbtool.mix = off")
    use_product(learn, "aralify")
    with learn.fails("LX010"):
        use_product(learn, "web3versity")
    assert learn.tuples("select name from learn.products order by 1", []) == [("aralify",), ("sql_platform",)]


@pytest.mark.parametrize("name", ["", "  ", None, "x" * 101])
def test_a_product_has_a_name(learn: Learn, name: str | None) -> None:
    learn.run("delete from learn.products")
    with learn.fails("23502" if name is None else "23514"):
        learn.value("select learn_internal.use_product(%s)::text", [name])


def test_no_app_role_may_change_the_product(learn: Learn) -> None:
    with learn.role("learn_app"), learn.fails("42501"):
        use_product(learn, "aralify")


def test_a_product_is_refused_by_what_the_database_holds_and_without_a_name_that_is_loaded(
    fresh: FreshDatabase,
) -> None:
    with fresh.connect(autocommit=True) as connection:
        seed(fresh, mix=False)  # in another month than the template: makes partitions
        before = versions(connection)
        with pytest.raises(DbtoolError, match="sql_platform"):
            seed(fresh, "web3versity", mix=False)
        seed(fresh, mix=False)
        assert versions(connection) == before


def test_of_two_products_that_come_at_once_one_is_refused(fresh: FreshDatabase) -> None:
    with fresh.connect() as one, fresh.connect() as two, ThreadPoolExecutor(1) as pool:
        one.execute("delete from learn.products")
        one.commit()
        one.execute("select learn_internal.use_product('aralify')")
        waiting = pool.submit(two.execute, b"select learn_internal.use_product('web3versity')")
        blocked = b"select pg_backend_pid() = any (pg_blocking_pids(%s))"
        while not waiting.done() and one.execute(blocked, [two.info.backend_pid]).fetchone() != (True,):
            pass
        one.commit()
        with pytest.raises(psycopg.Error) as refused:
            waiting.result(PATIENCE)
        assert refused.value.sqlstate == "LX010"


# ── merge_rows ─────────────────────────────────────────────────────────────────────────────────────────────


def merge(learn: Learn, rows: Any, keep: list[str] | None = None) -> int:
    return int(
        learn.value(
            "select learn_internal.merge_rows('learn.tracks', '{slug}', %s, %s)",
            [None if rows is None else Jsonb(rows), keep or []],
        )
    )


def tracks(learn: Learn) -> list[tuple[Any, ...]]:
    return learn.tuples(
        "select slug, title, position from learn.tracks where slug like 't-%%' order by id", []
    )


def test_merging_adds_updates_and_counts_only_what_differs(learn: Learn) -> None:
    rows = [{"slug": f"t-{n}", "title": f"Title {n}", "position": n} for n in (3, 1, 2)]
    assert merge(learn, rows) == 3
    assert tracks(learn) == [("t-3", "Title 3", 3), ("t-1", "Title 1", 1), ("t-2", "Title 2", 2)]
    assert merge(learn, rows) == 0
    rows[1]["title"] = "Changed"
    rows.append({"slug": "t-4", "title": "New", "position": 4})
    assert merge(learn, rows) == 2
    assert tracks(learn)[1:] == [("t-1", "Changed", 1), ("t-2", "Title 2", 2), ("t-4", "New", 4)]


def test_merging_keeps_what_it_is_told_to_keep(learn: Learn) -> None:
    merge(learn, [{"slug": "t-1", "title": "Title", "position": 1}])
    theirs = [{"slug": "t-1", "title": "Theirs", "position": 2}, {"slug": "t-2", "title": "2", "position": 2}]
    assert merge(learn, theirs, ["title", "position"]) == 1
    assert tracks(learn) == [("t-1", "Title", 1), ("t-2", "2", 2)]
    assert merge(learn, theirs, ["title"]) == 1
    assert tracks(learn) == [("t-1", "Title", 2), ("t-2", "2", 2)]


def test_merging_tells_null_from_a_value(learn: Learn) -> None:
    assert merge(learn, [{"slug": "t-1", "title": "1", "completion_xp": 5}]) == 1
    assert merge(learn, [{"slug": "t-1", "title": "1", "completion_xp": None}]) == 1
    assert merge(learn, [{"slug": "t-1", "title": "1", "completion_xp": None}]) == 0


@pytest.mark.parametrize("rows", [None, []])
def test_merging_nothing_does_nothing(learn: Learn, rows: Any) -> None:
    assert merge(learn, rows) == 0


def test_merging_refuses_what_the_table_does_not_have(learn: Learn) -> None:
    with learn.fails("42703"):
        merge(learn, [{"slug": "t-1", "title": "1", "colour": "red"}])
    with learn.fails("23502"):
        merge(learn, [{"slug": "t-1", "title": None}])


def test_no_app_role_may_merge(learn: Learn) -> None:
    with learn.role("learn_app"), learn.fails("42501"):
        merge(learn, [{"slug": "t-1", "title": "1"}])
