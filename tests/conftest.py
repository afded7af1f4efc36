"""Fixtures that every test can use: a server, databases of several kinds, a sample project, and the CLI.

The server is a throwaway one. `dbtool test` names it in $DBTOOL_TEST_SERVER: embedded, container,
container:15 or the URL of a running server. Without it: a container where Docker has an image, else embedded.
Each process of a parallel run has one of its own, see `tests/parallel.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests import forks, parallel, stock
from tests.clusters import laurel as laurel
from tests.fixtures import learn as learn
from tests.fixtures import scene as scene
from tests.fixtures import user as user
from tests.parallel import pytest_addoption as pytest_addoption
from tests.parallel import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.parallel import pytest_sessionfinish as pytest_sessionfinish
from tests.parallel import pytest_terminal_summary as pytest_terminal_summary
from tests.parallel import pytest_testnodedown as pytest_testnodedown
from tests.parallel import pytest_xdist_auto_num_workers as pytest_xdist_auto_num_workers
from tests.waiting import PATIENCE
from toolkit.connection import forget_environment
from toolkit.project.layout import Project
from toolkit.servers.choose import ThrowawayServer, open_throwaway
from toolkit.servers.cluster import KEPT_CLUSTERS
from toolkit.servers.throwaway import MEMORY_DISK

ROOT = Path(__file__).resolve().parent.parent
DAY = 86_400
IDLE, INTRANS = psycopg.pq.TransactionStatus.IDLE, psycopg.pq.TransactionStatus.INTRANS
BARE, TEMPLATE = "laurel_bare", "laurel_template"
# The product whose rules the template has. Those of the others would add badges, and XP, to every learner.
PRODUCTS = ["sql_platform"]

# Like `discard all`, but for plans.
AS_NEW = (
    "close all; reset session authorization; reset all; unlisten *; select pg_advisory_unlock_all();"
    " discard temp; discard sequences"
)

# Under nohup, or in the background, these are ignored, which every process that a test starts would inherit.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

if parallel.SCRATCH == MEMORY_DISK:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY_DISK))

MUCH = 50_000_000
"""Bytes of WAL that tests may write in one clone."""

Connection = psycopg.Connection[tuple[Any, ...]]
_numbers = count(1)


@pytest.fixture(scope="session", autouse=True)
def state_folder() -> Iterator[None]:
    """Where root's servers put what their user cannot reach in the project: a folder of this test run."""
    if os.geteuid() != 0 or "DBTOOL_STATE_DIR" in os.environ:
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="dbtool-state-", dir=parallel.SCRATCH))
    folder.chmod(0o755)
    os.environ["DBTOOL_STATE_DIR"] = str(folder)
    yield
    del os.environ["DBTOOL_STATE_DIR"]
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def kept_clusters() -> Iterator[None]:
    """Throwaway clusters of this process, and of its commands, are copies of what initdb has made once."""
    folder = Path(tempfile.mkdtemp(prefix="dbtool-kept-", dir=parallel.SCRATCH))
    folder.chmod(0o1777)
    os.environ[KEPT_CLUSTERS] = str(folder)
    yield
    del os.environ[KEPT_CLUSTERS]
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def one_day() -> None:
    """No test begins in the last minute of a day (UTC): who goes by the real clock has one date."""
    left = DAY - time.time() % DAY
    if left < 60:
        time.sleep(left)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[ThrowawayServer]:
    """A PostgreSQL server that lives as long as the test session; its superuser is the one in its URLs."""
    kind = parallel.kind_of_server()
    if kind is None or "://" not in kind:
        forget_environment()
    with open_throwaway(kind) as opened:
        parallel.report_server(request.config, opened)
        if stock.is_stock():
            stock.make_deployer(opened)
        yield opened


@pytest.fixture(scope="session")
def bare(server: ThrowawayServer) -> str:
    """Name of a database with schema and migrations and no seeds: for cloning, nobody is connected to it."""
    from toolkit.history import migrations

    server.create_database(BARE)
    url = deployer_url(server, BARE)
    migrations.migrate(lambda: psycopg.connect(url), Project.find(ROOT))
    if stock.is_stock():
        stock.make_backend(url)
    return BARE


@pytest.fixture(scope="session")
def template(server: ThrowawayServer, bare: str) -> str:
    """Name of a database with schema, migrations and seeds that nobody is connected to: for cloning."""
    make_seeded(server, bare, TEMPLATE, PRODUCTS)
    return TEMPLATE


def make_seeded(
    server: ThrowawayServer, bare: str, name: str, systems: Sequence[str], *, demo: bool = False
) -> None:
    """Make a database with the seeds of these systems (and of core)."""
    from toolkit.history import seeds

    server.create_database(name, template=bare)
    with psycopg.connect(deployer_url(server, name)) as connection:
        seeds.seed(connection, Project.find(ROOT), systems, demo=demo)


def deployer_url(server: ThrowawayServer, database: str) -> str:
    """The database for who migrates and seeds."""
    return stock.deployer_url(server, database) if stock.is_stock() else server.url(database)


def owner_url(server: ThrowawayServer, database: str) -> str:
    """The database for its tests: as superuser, on a stock server as learn_owner through the deployer."""
    if not stock.is_stock():
        return server.url(database)
    return make_conninfo(stock.deployer_url(server, database), options=stock.AS_OWNER)


@pytest.fixture(scope="session")
def sessions() -> dict[str, Connection]:
    """By its URL, the connection that the test before has left in a clone: it has its plans already."""
    return {}


@pytest.fixture(scope="session")
def clones(
    server: ThrowawayServer, template: str, sessions: dict[str, Connection]
) -> Iterator[Iterator[str]]:
    """Names of a clone for one test after the other; a new one after fifty of them, or when much was written.

    Nothing is committed in them, but what was rolled back stays in the files: later checks would read it, and
    autovacuum, where it is on, would take its measure.
    """
    with psycopg.connect(server.url()) as admin:
        most = 50 if admin.execute("show autovacuum").fetchone() == ("off",) else 10

    def renewed() -> Generator[str, None, None]:
        while True:
            server.create_database("laurel_shared", template=template)
            with psycopg.connect(server.url()) as connection:
                enough = written(connection) + MUCH
            try:
                for _ in range(most):
                    yield "laurel_shared"
                    left = sessions.get(
                        owner_url(server, "laurel_shared")
                    )  # others' databases may be dropped
                    if left is not None and written(left) > enough:
                        break
            finally:
                while sessions:
                    sessions.popitem()[1].close()
                server.drop_database("laurel_shared")

    names = renewed()
    yield names
    names.close()


def written(connection: Connection) -> int:
    """How far the server's WAL goes."""
    with connection.transaction():
        row = connection.execute("select (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
    return row[0] if row else 0


@pytest.fixture
def shared_database(server: ThrowawayServer, clones: Iterator[str]) -> str:
    """URL of the database in which a test with `db` runs its transaction."""
    return owner_url(server, next(clones))


@pytest.fixture
def db(
    request: pytest.FixtureRequest, shared_database: str, sessions: dict[str, Connection]
) -> Iterator[Connection]:
    """A connection inside a transaction that is rolled back; the integrity of the data is checked first."""
    connection = sessions.pop(shared_database, None) or psycopg.connect(shared_database)
    try:
        yield connection
        if connection.info.transaction_status in (IDLE, INTRANS):
            check_integrity(connection, request)
    finally:
        if not connection.closed:
            connection.rollback()
            if connection.autocommit or connection.isolation_level is not None:
                connection.close()
            else:
                connection.execute(AS_NEW)
                connection.commit()
                sessions[shared_database] = connection


@dataclass(frozen=True)
class FreshDatabase:
    """A database of the test's own, with schema, migrations and seeds: for commits and concurrency."""

    url: str

    def connect(self, **options: Any) -> Connection:
        """Open a connection, which the test closes; `options` are those of `psycopg.connect`."""
        if stock.is_stock() and "options" in options:
            options["options"] += f" {stock.AS_OWNER}"
        return psycopg.connect(self.url, **options)


@pytest.fixture
def fresh(request: pytest.FixtureRequest, server: ThrowawayServer, template: str) -> Iterator[FreshDatabase]:
    """A clone of the template: commit what you like. Its integrity is checked, then it is dropped."""
    name = f"laurel_fresh_{next(_numbers)}"
    server.create_database(name, template=template)
    url = owner_url(server, name)
    try:
        yield FreshDatabase(url)
        with psycopg.connect(url) as connection:
            check_integrity(connection, request)
    finally:
        server.drop_database(name)


@pytest.fixture
def empty_database(server: ThrowawayServer) -> Iterator[str]:
    """URL of an empty database, dropped afterwards."""
    name = f"empty_{next(_numbers)}"
    server.create_database(name)
    yield server.url(name)
    server.drop_database(name)


def check_integrity(connection: Connection, request: pytest.FixtureRequest) -> None:
    """Fail the test when derived data no longer agrees with the facts, unless it is marked `no_integrity`."""
    if request.node.get_closest_marker("no_integrity") is not None:
        return
    connection.execute("reset role")
    broken = connection.execute("select * from learn.check_integrity()").fetchall()
    assert broken == [], "learn.check_integrity() reports damage"


SAMPLE = {
    "schema.sql": (
        "create schema shop;\ncreate table shop.items (id bigint primary key, name text not null);\n"
    ),
    "schema.rollback.sql": "drop schema shop cascade;\n",
    "migrations/migration1.sql": "alter table shop.items add column price numeric not null default 0;\n",
    "migrations/migration1.rollback.sql": "alter table shop.items drop column price;\n",
    "migrations/migration2.sql": (
        "create view shop.cheap as select id, name from shop.items where price < 10;\n"
    ),
    "migrations/migration2.rollback.sql": "drop view shop.cheap;\n",
    "seeds/core/items.sql": (
        "insert into shop.items (id, name, price) values (1, 'pen', 2), (2, 'desk', 90)\n"
        "on conflict (id) do update set name = excluded.name, price = excluded.price;\n"
    ),
}


@pytest.fixture
def sample_project(tmp_path: Path) -> Path:
    """A folder with a small project of the same layout as this one, to edit freely."""
    root = tmp_path / "sample project"
    for name, text in SAMPLE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@dataclass(frozen=True)
class Result:
    """What a command left: its exit code and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


RunDbtool = Callable[..., Result]


@pytest.fixture
def run_dbtool(tmp_path: Path) -> RunDbtool:
    """Run the CLI in a process of its own: `run_dbtool("status", "--json", env={…}, cwd=…, stdin="…")`.

    With `code` it has to end with that exit code. No setting of the outer environment reaches it, so a test
    never touches the database of who runs it.
    """

    def run(
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | None = None,
        timeout: float = PATIENCE,
        code: int | None = None,
    ) -> Result:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DBTOOL_", "PG", "PYTEST_")) and name != "DATABASE_URL"
        }
        kept = {name: os.environ[name] for name in KEPT_SETTINGS if name in os.environ}
        start = forks.run if forks.is_possible(env or {}) else forks.run_anew
        done = start(
            [*map(str, args)],
            cwd=cwd or tmp_path,
            env={**clean, **kept, "PYTHONPATH": str(ROOT), **(env or {})},
            stdin=stdin or "",
            timeout=timeout,
        )
        assert code in (None, done.returncode), f"exit code {done.returncode}: {done.stderr}"
        return Result(done.returncode, done.stdout, done.stderr)

    return run


# Where PostgreSQL's programs are and where servers may keep files: the machine's, no choice of a database.
KEPT_SETTINGS = ("DBTOOL_PG_BIN", "DBTOOL_PG_TMP", "DBTOOL_STATE_DIR", KEPT_CLUSTERS)
