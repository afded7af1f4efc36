"""A PostgreSQL server for tests: its URLs, its databases, and a fast one from the embedded binaries."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ..connection import connect, describe_url, own_server, socket_url, with_database
from ..errors import DbtoolError
from ..output import say
from ..sql.execute import send, value
from ..sql.outside import NOWHERE, Surroundings, keep_inside
from ..sql.script import split
from . import cluster
from .account import server_account
from .binaries import Binaries, find_binaries, find_compiling, for_account

if TYPE_CHECKING:
    from typing_extensions import LiteralString

MEMORY_DISK = Path("/dev/shm")  # noqa: S108  a private folder is made in it
MEMORY_NEEDED = 2 * 2**30
# Nothing has to survive a crash here, so nothing waits for a disk.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "jit": "off",
    "max_connections": "100",
    "max_locks_per_transaction": "256",
    "shared_buffers": "128MB",
    "max_parallel_workers": "0",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
# A session touches 80 MB and keeps little: in large pages, and not given back, that takes a fifth less time.
ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=16777216"
    ":glibc.malloc.trim_threshold=134217728:glibc.malloc.mmap_threshold=67108864"
}
LEFTOVER = "^dbtool_[0-9a-f]{8}_"
# Whoever is a member of one of these, or of a role with a special attribute, may reach the server's machine.
_POWERS = (
    *("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"),
    *("pg_create_subscription", "pg_signal_backend"),
)
# Before version 16, whoever may create roles may make himself a member of these. Nobody needs them here.
_DISARM = "delete from pg_catalog.pg_authid where rolname = any(%s)"
_HARMLESS = """
select r.rolname from pg_catalog.pg_roles r
 where r.rolname = any(%s) and r.rolname !~ '^(pg_|dbtool_([0-9a-f]{8}_)?guest$)'
   and not exists (select from pg_catalog.pg_roles p
                    where (p.rolname = any(%s) or p.rolsuper or p.rolcreaterole or p.rolcreatedb
                           or p.rolreplication or p.rolbypassrls)
                      and pg_catalog.pg_has_role(r.oid, p.oid, 'member'))
"""
_OF_CLUSTER = ("create_role_stmt", "create_table_space_stmt")
_DROP_DATABASE: LiteralString = "drop database if exists {} with (force)"
_DROP_ROLE: LiteralString = "drop owned by {0}; drop role {0}"
LOCK_CLASS = 0x6462746F  # "dbto": keeps these advisory locks apart from others


class ThrowawayServer:
    """A running server and the databases that were made on it. Close it, or use it in a `with`.

    On a server of somebody else (`prefix` set) each database gets a name of its own, so that neither the
    owner's databases nor those of another run are touched; `url` and `drop_database` take the name that was
    asked for.
    """

    def __init__(self, url: str, description: str, *, prefix: str = "") -> None:
        """`url` leads to any database of the server, as superuser. Raises DbtoolError when nobody answers."""
        self._url = url
        self._prefix = prefix
        self._guest: tuple[str, str] | None = None
        self._databases: dict[str, str] = {}
        self.setup = ""
        """SQL for each new database that is no copy, as superuser."""
        self.called: str | None = None
        """The name that SQL knows its database by, on a server of dbtool's own."""
        self._told: set[str] = set()
        self._provided: list[tuple[LiteralString, str]] = []
        self._creators: list[str] = []
        self._admin = self._connect()
        self._is_unsafe = value(self._admin, "show fsync") == "off"
        self.version: str = (self._admin.info.parameter_status("server_version") or "").split()[0]
        """Such as 18.4."""
        self.description = description
        """One line for people: what kind of server this is."""

    @property
    def major(self) -> int:
        """The major version of the server, such as 18."""
        return self._admin.info.server_version // 10_000

    def url(self, dbname: str = "postgres") -> str:
        """libpq URL (or key=value string) of a database of this server."""
        return with_database(self._url, self._real(dbname))

    def _real(self, name: str) -> str:
        """What the server calls a database."""
        return self._databases.get(name, name)

    def create_database(self, name: str, template: str | None = None, *, setup: bool = True) -> None:
        """Make a database, as a copy of another one that nobody is connected to when `template` is given."""
        real = self._prefix + name if self._prefix or not self.called else self.called
        # twice as fast where no file is synced, a burden where they are
        how: LiteralString = " strategy file_copy" if self._is_unsafe else ""
        self._do("create database {} template {}" + how, real, self._real(template or "template1"))
        self._databases[name] = real
        self._keep_inside(real, is_restricted=False)
        if self.setup and template is None and setup:
            with connect(self.url(name), application_name="dbtool setup", autocommit=True) as connection:
                self._set_up(connection)
        if self._creators and template is None:
            self._admit(name)

    def _set_up(self, connection: psycopg.Connection[Any]) -> None:
        """Runs the setup. What it makes in the cluster is there already for a second database."""
        for statement in split(self.setup, "the setup"):
            error = send(connection, statement.text, statement.rows).error
            is_again = isinstance(error, psycopg.errors.DuplicateObject) and statement.kind in _OF_CLUSTER
            if error and not is_again:
                raise DbtoolError(f"line {statement.line} of the setup: {' '.join(str(error).split())}")

    def _admit(self, name: str) -> None:
        """Lets roles that were provided make things in a database."""
        roles = sql.SQL(", ").join(map(sql.Identifier, self._creators))
        with connect(self.url(name), application_name="dbtool setup", autocommit=True) as connection:
            database = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL("grant create on database {} to {}").format(database, roles))
            connection.execute(sql.SQL("grant create on schema public to {}").format(roles))

    def drop_database(self, name: str) -> None:
        """Drop a database that `create_database` made, ending its connections; does nothing for another."""
        real = self._databases.pop(name, None)
        if real is not None:
            self._do(_DROP_DATABASE, real)

    def roles(self) -> set[str]:
        """The names of all roles."""
        return {name for (name,) in self._admin.execute("select rolname from pg_roles").fetchall()}

    def drop_new_roles(self, before: set[str]) -> None:
        """Drop the roles that were made since, on a server of dbtool's own."""
        for name in set() if self._prefix else self.roles() - before:
            self._do("drop role {}", name)

    def create_restricted(self, name: str, *, setup: bool = True) -> str:
        """Make a database for SQL that nobody vouches for, and give the URL that its owner logs in with.

        The owner is no superuser and a member of no powerful role: neither files nor programs of the server's
        machine, nor other databases, are within its reach. It may create roles where that gives it no more.
        Raises DbtoolError when the server does not let it log in.
        """
        from psycopg.conninfo import make_conninfo

        if self._guest is None:
            self._guest = self._make_guest()
        role, password = self._guest
        self.create_database(name, setup=setup)
        real = self._real(name)
        self._keep_inside(real, is_restricted=True)
        self._do("alter database {} owner to {}", real, role)
        url = make_conninfo(self._url, dbname=real, user=role, password=password)
        try:
            connect(url).close()
        except DbtoolError as error:
            error.hint = "It has to let new roles in by password; --server embedded needs no server of yours."
            raise
        return url

    def provide(self, around: Surroundings) -> list[str]:
        """Make what a script may name and another cluster has: roles without rights, and tablespaces.

        The `creators` among them may make things in the databases that come after. Returns the roles that had
        to be made. On a server of somebody else all of it goes at the end.
        """
        made = [name for name in around.roles if name not in self.roles()]
        self._creators = [name for name in around.roles if name in around.creators]
        for name in made:
            self._do("create role {}", name)
            self._provided.append(("drop role {}", name))
        there = {name for (name,) in self._admin.execute("select spcname from pg_tablespace").fetchall()}
        for name in [name for name in around.tablespaces if name not in there]:
            self._do("set allow_in_place_tablespaces = on")
            self._do("create tablespace {} location ''", name)
            self._do("grant create on tablespace {} to public", name)
            self._provided.append(("drop tablespace {}", name))
        return made

    def lend(self, roles: Sequence[str]) -> None:
        """Make the owner of restricted databases a member of those of these roles that are harmless."""
        assert self._guest is not None
        found = self._admin.execute(_HARMLESS, [list(roles), list(_POWERS)]).fetchall()
        for (role,) in found:
            self._do("grant {} to {}", role, self._guest[0])

    def _make_guest(self) -> tuple[str, str]:
        role, password = f"{self._prefix or 'dbtool_'}guest", secrets.token_hex(16)
        is_own = not self._prefix
        if is_own:
            self._admin.execute(_DISARM, [list(_POWERS[:3])])
        self._do("create role {} login password {}", role, sql.Literal(password))
        if self.major >= 16 or is_own:
            self._do("alter role {} createrole", role)
        if self.major >= 16:  # what it creates it may also be, as it may be before
            self._do("alter role {} set createrole_self_grant = 'set, inherit'", role)
        return role, password

    def claim(self, token: str) -> None:
        """Hold the lock of this run's random name, and drop what runs that ended without cleaning up left."""
        lock = "select pg_try_advisory_lock(%s, %s)"
        self._admin.execute(lock, [LOCK_CLASS, _lock_number(token)])
        found = self._admin.execute(
            "select datname, false from pg_database where datname ~ %(pattern)s"
            " union all select rolname, true from pg_roles where rolname ~ %(pattern)s order by 2",
            {"pattern": LEFTOVER},
        ).fetchall()
        for name, is_role in found:
            number = _lock_number(name.split("_")[1])
            if name.startswith(self._prefix):
                continue
            if value(self._admin, lock, [LOCK_CLASS, number]):
                self._do(_DROP_ROLE if is_role else _DROP_DATABASE, name)
                self._admin.execute("select pg_advisory_unlock(%s, %s)", [LOCK_CLASS, number])

    def refuse_without_jit(self) -> None:
        """Raise DbtoolError where PostgreSQL cannot compile: then it is not what distributions ship."""
        if not value(self._admin, "select pg_jit_available()"):
            raise DbtoolError(
                f"{self.description} has no JIT compiler, which stock servers have",
                hint=f"Where it is a package of its own, install it: postgresql-{self.major}-jit",
            )

    def close(self) -> None:
        """Drop the databases that are left and disconnect."""
        with contextlib.suppress(psycopg.OperationalError):
            for name in list(self._databases):
                self.drop_database(name)
            if self._guest is not None and self._prefix:
                self._do(_DROP_ROLE, self._guest[0])
            for drop, name in self._provided if self._prefix else ():
                with contextlib.suppress(psycopg.DatabaseError):  # somebody uses it
                    self._do(drop, name)
        self._admin.close()

    def __enter__(self) -> ThrowawayServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep_inside(self, database: str, *, is_restricted: bool) -> None:
        is_own = not self._prefix
        keep_inside(self._admin, database, self._tell, is_own=is_own, is_restricted=is_restricted)

    def _tell(self, line: str) -> None:
        """Says once what is tried otherwise than it is written."""
        if line not in self._told:
            self._told.add(line)
            say(line, err=True)

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return connect(self._url, application_name="dbtool test", autocommit=True)

    def _do(self, statement: LiteralString, *parts: str | sql.Literal) -> None:
        """Runs a statement with these names, or literals, in it."""
        if self._admin.closed:
            self._admin = self._connect()
        names = [sql.Identifier(part) if isinstance(part, str) else part for part in parts]
        self._admin.execute(sql.SQL(statement).format(*names))


@contextlib.contextmanager
def existing(url: str) -> Iterator[ThrowawayServer]:
    """A server that runs already: databases named `dbtool_<random>_…` are made on it and dropped afterwards.

    What a killed run left behind is dropped first. A run that still goes on is recognised by the advisory
    lock that it holds in the database of `url`. Raises DbtoolError when nobody answers there.
    """
    token = secrets.token_hex(4)
    with ThrowawayServer(url, "existing server", prefix=f"dbtool_{token}_") as server:
        server.description = f"PostgreSQL {server.version} at {describe_url(url)}"
        server.claim(token)
        yield server


def _lock_number(token: str) -> int:
    """A random name's number as PostgreSQL's signed 32 bits."""
    return int(token, 16) - 2**31


def embedded(
    major: int | None = None, extensions: Collection[str] = ()
) -> AbstractContextManager[ThrowawayServer]:
    """A server from the embedded binaries, its data in memory where there is room; gone afterwards.

    `major` asks for one version of PostgreSQL, `extensions` for programs that have them, if any do. Raises
    DbtoolError when there are no binaries, and on entry when the server does not start.
    """
    found = find_binaries(major, extensions)
    return _running(found, {**SETTINGS, **({"io_method": "sync"} if found.major >= 18 else {})}, "embedded")


def stock(
    major: int | None = None, settings: Mapping[str, str] = MappingProxyType({})
) -> AbstractContextManager[ThrowawayServer]:
    """A server as it comes from the package: nothing configured, so that it flushes, vacuums and compiles.

    `settings` are those that a measurement cannot do without. Raises DbtoolError when the system has no
    PostgreSQL with LLVM.
    """
    return _running(find_compiling(major), settings, "stock")


@contextlib.contextmanager
def _running(found: Binaries, settings: Mapping[str, str], kind: str) -> Iterator[ThrowawayServer]:
    account, place = server_account(), _folder()
    binaries = for_account(found, account)
    root = Path(tempfile.mkdtemp(prefix="dbtool-", dir=place))
    data = root / "data"
    access = {"listen_addresses": "", "unix_socket_directories": str(root), "unix_socket_permissions": "0700"}
    environment = {**(ENVIRONMENT if kind == "embedded" else {}), "PGHOSTADDR": NOWHERE}
    try:
        if account:
            account.own(root)
        cluster.initialise(binaries, data, account, {**settings, **access}, durable=False)
        with cluster.watched(binaries, root, account, environment):
            description = f"{kind} PostgreSQL {binaries.version}, data in {place}"
            with ThrowawayServer(own_server(socket_url(root, "postgres"), data), description) as server:
                yield server
    finally:
        shutil.rmtree(root, ignore_errors=True)


def roomy_memory() -> bool:
    """Whether a server's data fits into memory: 2 GiB are available, also in the memory disk. Linux only."""
    try:
        free = shutil.disk_usage(MEMORY_DISK).free
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    available = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)
    return min(free, available) >= MEMORY_NEEDED and os.access(MEMORY_DISK, os.W_OK)


def _folder() -> Path:
    """Where data and socket go: $DBTOOL_PG_TMP (keep its path short), else memory, else /tmp."""
    chosen = os.environ.get("DBTOOL_PG_TMP")
    if chosen:
        return Path(chosen)
    return MEMORY_DISK if roomy_memory() else Path("/tmp")  # noqa: S108
