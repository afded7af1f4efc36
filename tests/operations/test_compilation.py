"""On a server that nobody has configured, nothing is compiled (JIT) first: it would take longer than to run.

PostgreSQL compiles what seems to cost much. pg_stat_statements counts it, also inside functions and triggers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from tests import parallel
from tests.calls import CALLS, Scene, make_scene, readable_by, statement
from tests.client import Learn
from tests.conftest import PRODUCTS, ROOT
from toolkit.errors import DbtoolError
from toolkit.history import migrations, seeds
from toolkit.project.layout import Project
from toolkit.servers.choose import ThrowawayServer, open_stock

CROWD = 1000
COUNTING = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
COMPILED = """
    select left(regexp_replace(s.query, '\\s+', ' ', 'g'), 200) from pg_stat_statements s
    where s.dbid = (select oid from pg_database where datname = current_database()) and s.jit_functions > 0
"""
WRITES = {
    "users": "insert into learn.users (username) select 'one-more-' || n from generate_series(1, 3) n",
    "lessons": "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
    " values (%(user)s, %(lesson)s, 'completed')",
    "facts": "insert into learn.activity_log (user_id, activity_type, local_date)"
    " values (%(user)s, %(activity)s, %(now)s)",
    "posts": "insert into learn.discussions (author_id, title, content) values (%(user)s, 'Gas', 'What?')",
    "content": "update learn.lessons set is_published = not is_published where id = %(lesson)s",
    "rules": "update learn.achievements set criteria = criteria where slug = %(earned)s",
    "leaving": "delete from learn.users where id = %(user)s",
}
# They are read for one learner: their comments say so.
OF_A_LEARNER = {"learn.user_dashboard", "learn.challenge_prerequisites_status"}


pytestmark = pytest.mark.stock


@pytest.fixture(scope="module")
def counting(request: pytest.FixtureRequest) -> Iterator[ThrowawayServer]:
    """A stock server that counts what it compiles: of the version that the run asks for, or the system's."""
    kind = os.environ.get("DBTOOL_TEST_KIND") or os.environ.get("DBTOOL_TEST_SERVER") or ""
    try:
        opened = open_stock(int(kind[6:]) if kind.startswith("stock:") else None, COUNTING)
        server = opened.__enter__()
    except DbtoolError as error:
        if "CI" in os.environ:
            raise
        parallel.report_counting(request.config, "nothing")
        pytest.skip(f"no statement was watched being compiled: {error.message}; {error.hint}")
    parallel.report_counting(request.config, server.description)
    try:
        yield server
    finally:
        opened.__exit__(None, None, None)


@pytest.fixture(scope="module")
def crowded(counting: ThrowawayServer) -> tuple[str, Scene]:
    """A database with one learner of every kind of past, and a crowd that nobody has analyzed."""
    counting.create_database("crowded")
    url = counting.url("crowded")
    project = Project.find(ROOT)
    migrations.migrate(lambda: psycopg.connect(url), project)
    with psycopg.connect(url) as connection:
        seeds.seed(connection, project, PRODUCTS)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        learn = Learn(connection)
        learn.caller = None  # a backend of the run's own server is none here
        learn.set_clock("2035-06-13 12:00")
        scene = make_scene(learn)
        connection.execute(
            "insert into learn.users (username) select 'crowd-' || n from generate_series(1, %s) n", [CROWD]
        )
        connection.execute(
            "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
            " select u.id, l.id, 'completed' from learn.users u cross join learn.lessons l"
            " where u.username like 'crowd-%' and not exists"
            " (select from learn.exercises e where e.lesson_id = l.id)"
        )
    return url, scene


def test_the_server_counts_what_it_compiles(crowded: tuple[str, Scene]) -> None:
    """Else the tests below would prove nothing."""
    with psycopg.connect(crowded[0], autocommit=True) as connection:
        connection.execute("select pg_stat_statements_reset()")
        connection.execute("set jit_above_cost = 0")
        connection.execute("select sum(total_xp) from learn.user_stats")
        connection.execute("reset jit_above_cost")
        assert len(connection.execute(COMPILED).fetchall()) == 1
        shown = connection.execute(
            "select name, setting from pg_settings where name in ('jit', 'jit_above_cost', 'fsync')"
            " and source = 'default' order by 1"
        )
        assert shown.fetchall() == [("fsync", "on"), ("jit", "on"), ("jit_above_cost", "100000")]


@pytest.mark.parametrize("statistics", ["none", "of today"])
def test_no_call_no_view_and_no_write_has_a_statement_compiled(
    crowded: tuple[str, Scene], statistics: str
) -> None:
    url, scene = crowded
    with psycopg.connect(url, autocommit=True) as connection:
        learn = Learn(connection)
        learn.caller = None
        if statistics == "of today":
            connection.execute("vacuum analyze")
        statements = {name: statement(name).decode() for name in CALLS} | WRITES
        statements |= {
            name: f"select * from {name}" + (" where user_id = %(user)s" if name in OF_A_LEARNER else "")
            for name in readable_by(connection, "learn_owner")
        }
        guilty: dict[str, list[str]] = {}
        for name, text in statements.items():
            connection.execute("select pg_stat_statements_reset()")
            with connection.transaction(force_rollback=True):
                connection.execute(text.encode(), scene)
                learn.finish()
            compiled = [query for (query,) in connection.execute(COMPILED).fetchall()]
            if compiled:
                guilty[name] = compiled
        assert len(statements) > 100
        assert guilty == {}
