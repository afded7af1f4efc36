"""Making a proxy, and taking databases in behind it. Each step may be repeated: what was cut off goes on."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import psycopg

from ..connection import connect
from ..errors import DbtoolError, UsageProblem
from ..history import migrations
from ..history.run import exclusive_run
from ..history.run import session as run_session
from ..output import Reporter
from ..project.layout import Project, read_sql
from ..sql.execute import Connection, exists, value
from ..sql.statements import quote
from . import content, functions, reads
from .cluster import HOME, ClusterMember, home_of, may_move, member, members, place_of, reach, release_of

ROUTER = "learn_router"
MEMBER_FILES = (
    *("shard", "content", "applying", "directory", "forwards", "taking", "boards", "periods", "triggers"),
    *("public_functions", "guards", "move", "packing", "merge"),
)
PROXY_FILES = ("proxy_calls", "proxy", "proxy_forwards", "proxy_learners", "proxy_boards")
_ROLES = ("learn_owner", "learn_editor", "learn_app", "learn_user", "learn_readonly")
_MOVE = "select from learn_proxy.moves where step not in ('done', 'given up')"
_COLLATION = "select datcollate from pg_database where datname = current_database()"
_LEARNERS = "select count(*), coalesce(sum(uuid_hash_extended(id, 0)), 0) from learn.users"


def init(
    project: Project, proxy_url: str, home_url: str, shard_urls: Sequence[str], buckets: int, report: Reporter
) -> list[ClusterMember]:
    """Makes a proxy before a home and shards. Raises UsageProblem where they are no databases for that."""
    places = [place_of(url) for url in (home_url, *shard_urls)]
    if len({*places, place_of(proxy_url)}) <= len(places):
        raise UsageProblem("proxy, home and shards are databases of their own: one was named twice")
    with ExitStack() as stack:
        proxy = stack.enter_context(reach(proxy_url))
        if not exists(proxy, "select from pg_available_extensions where name = 'plproxy'"):
            raise DbtoolError(
                "the server of the proxy has no plproxy",
                hint="Debian has it as postgresql-15-plproxy and postgresql-17-plproxy.",
            )
        password = _make_proxy(project, proxy, buckets)
        urls = [home_url, *shard_urls]
        for number, url in enumerate(urls):
            report.notice(f"{'home' if number == HOME else f'shard {number}'}: migrating")
            migrations.migrate(lambda url=url: connect(url), project)  # type: ignore[misc]
        opened = [stack.enter_context(reach(url)) for url in urls]
        _refuse_strangers(opened[0], opened[1:])
        if len({value(each, _COLLATION) for each in (proxy, *opened)}) > 1:
            raise UsageProblem("the databases have different collations", hint="Boards are merged by names.")
        made = [member(number, place, proxy_url) for number, place in enumerate(places)]
        for each, connection in zip(made, opened, strict=True):
            _join(project, proxy, each, connection, password)
        _subscribe(made, opened, password)
        numbers = [(bucket, 1 + bucket % (len(made) - 1)) for bucket in range(buckets)]
        with proxy.cursor() as cursor:
            cursor.executemany(
                "insert into learn_proxy.buckets (bucket, shard) values (%s, %s) on conflict do nothing",
                numbers,
            )
        write_functions(project, proxy, opened[0])
    return made


def add(project: Project, proxy_url: str, url: str, report: Reporter) -> ClusterMember:
    """Takes an empty shard in; buckets come to it by `split` or `rebalance`."""
    with ExitStack() as stack:
        proxy = stack.enter_context(reach(proxy_url))
        known = members(proxy, proxy_url)
        home = stack.enter_context(home_of(known).open())
        if release_of(home) != max(script.number for script in project.scripts()):
            raise UsageProblem("home is at another release", hint="Run `dbtool shards migrate` before.")
        place = place_of(url)
        number = next((each.number for each in known if each.place == place), known[-1].number + 1)
        report.notice(f"shard {number}: migrating")
        migrations.migrate(lambda: connect(url), project)
        shard = stack.enter_context(reach(url))
        if exists(shard, "select from learn.users limit 1") and all(each.place != place for each in known):
            raise UsageProblem("the new shard has learners already", hint="Add an empty database.")
        new = member(number, place, proxy_url)
        password = password_of(proxy)
        _join(project, proxy, new, shard, password)
        _subscribe([known[0], new], [home, shard], password)
    return new


def migrate(project: Project, proxy_url: str, report: Reporter) -> list[str]:
    """Brings home, the shards in order and at last the proxy to the project's migrations.

    Home first: a release may be called through a proxy of the one before. Stops at the first failure, whose
    message says which database it was; run again, it goes on. Content is applied on each shard, which may
    have learned new columns of it. Raises UsageProblem while learners move.
    """
    done: list[str] = []
    with ExitStack() as stack:
        proxy = stack.enter_context(reach(proxy_url))
        if not may_move(proxy):
            raise DbtoolError("another dbtool migrates or moves learners", hint="Wait until it has ended.")
        if exists(proxy, _MOVE):
            raise UsageProblem(
                "learners are being moved", hint="End the move first: the same command again, or --abort."
            )
        found = members(proxy, proxy_url)
        home = stack.enter_context(home_of(found).open())
        for each in found:
            report.notice(f"{each.name}: migrating")
            try:
                _bring(project, each, report)
                with each.open() as connection:
                    content.sync(home, [] if each.is_home else [(each, connection)])
            except (DbtoolError, psycopg.Error) as error:
                left = ", ".join(other.name for other in found[len(done) :])
                raise DbtoolError(
                    f"{each.name}: {error.message if isinstance(error, DbtoolError) else error}",
                    detail=error.detail if isinstance(error, DbtoolError) else None,
                    hint=f"Not done: {left} and the proxy. Mend it, and run this again.",
                    exit_code=error.exit_code if isinstance(error, DbtoolError) else None,
                ) from error
            done.append(each.name)
        write_functions(project, proxy, home)
    return done


def _bring(project: Project, each: ClusterMember, report: Reporter) -> None:
    """A member to the project's text, with its last migration at once: a helper may get another name."""

    def connected() -> Connection:
        # a migration of a shard may write content, as that of home does
        return connect(each.url, options="-c learn_shard.applying=on")

    pending = migrations.migrate(connected, project, dry_run=True)
    if pending and pending[-1].transactional:
        last = pending.pop()
        if pending:
            migrations.migrate(connected, project, to=pending[-1].stem)
        file = migrations.sql_file(project, last.path, last.text)
        with (
            run_session(connected, report) as connection,
            exclusive_run(connected, connection, project.history, migrations.LIMITS, report) as run,
        ):
            run.history.look()
            run.apply(last, replace(file, text=f"{file.text}\n;\n{_member_text(project, each.number)}"))
        return
    migrations.migrate(connected, project)
    with each.open() as connection:
        install(project, connection, each.number)


def install(project: Project, connection: Connection, number: int) -> None:
    """What makes a database one of several, brought to the project's text."""
    with connection.transaction():
        connection.execute(_member_text(project, number).encode())


def _member_text(project: Project, number: int) -> str:
    """Run as superuser, again with each release. Content is applied anew: columns may be new here."""
    texts = [read_sql(project.root / "shards" / f"{name}.sql") for name in MEMBER_FILES]
    return "\n".join(
        [
            "reset role;",
            *texts,
            "set role learn_owner;",
            f"select learn_shard.become({number}), learn_shard.make_triggers();",
            "update learn_shard.applied_version set version = -1;",
            "reset role;",
        ]
    )


def write_functions(project: Project, proxy: Connection, home: Connection) -> None:
    """The proxy's public functions, anew from home's catalog, in one transaction."""
    folder = project.root / "shards"
    with proxy.transaction():
        proxy.execute("set local client_min_messages = warning")
        proxy.execute("drop schema if exists learn cascade")
        for (signature,) in proxy.execute(
            "select oid::regprocedure::text from pg_proc where pronamespace = 'learn_proxy'::regnamespace"
        ).fetchall():
            proxy.execute(f"drop function {signature}".encode())
        proxy.execute("create schema learn authorization learn_owner")
        proxy.execute("grant usage on schema learn to learn_app, learn_readonly")
        for statement in functions.types(home):
            proxy.execute(statement.encode())
        for name in PROXY_FILES:
            proxy.execute(read_sql(folder / f"{name}.sql").encode())
        for statement in functions.statements(home):
            proxy.execute(statement.encode())
        proxy.execute(
            "create function learn_proxy.release() returns integer language sql immutable"
            f" set search_path = pg_catalog, pg_temp as 'select {release_of(home)}'".encode()
        )
        proxy.execute(
            "comment on function learn_proxy.release() is"
            " 'The last migration of the home that the functions were made from.'"
        )
        for statement in reads.statements(home):
            proxy.execute(statement.encode())
        for (signature,) in proxy.execute(
            "select oid::regprocedure::text from pg_proc"
            " where pronamespace = any ('{learn,learn_proxy,learn_reads}'::regnamespace[])"
        ).fetchall():
            proxy.execute(f"alter function {signature} owner to learn_owner".encode())
            proxy.execute(f"revoke execute on function {signature} from public".encode())
        proxy.execute("set local role learn_owner")
        proxy.execute("select learn_proxy.write_servers()")


def _make_proxy(project: Project, proxy: Connection, buckets: int) -> str:
    """The tables and servers of a proxy; the router's password."""
    with proxy.transaction():
        for role in _ROLES:
            _make_role(proxy, role)
        if value(proxy, "select to_regclass('learn.users')") is not None:
            raise UsageProblem("the proxy is a database of Laurel's itself", hint="Name an empty one.")
        proxy.execute("create extension if not exists plproxy")
        proxy.execute("create schema if not exists learn_proxy authorization learn_owner")
        proxy.execute(read_sql(project.root / "shards" / "proxy_tables.sql").encode())
        number = value(proxy, "select count(*) from learn_proxy.buckets")
        if number not in (0, buckets):
            raise UsageProblem(f"the proxy has {number} buckets; their number never changes")
        password = secrets.token_urlsafe(24)
        for server in ("laurel_shards", "laurel_reads", "laurel_home"):
            if exists(proxy, "select from pg_foreign_server where srvname = %s", [server]):
                continue
            parts = ", ".join(f"p{number} ''" for number in range(1 if server == "laurel_home" else buckets))
            made = f"create server {server} foreign data wrapper plproxy options ({parts})"
            proxy.execute(made.encode())
            proxy.execute(f"alter server {server} owner to learn_owner".encode())
            proxy.execute(
                f"create user mapping for learn_owner server {server}"
                f" options (user '{ROUTER}', password '{password}')".encode()
            )
    return password_of(proxy)


def password_of(proxy: Connection) -> str:
    """Of learn_router and learn_copier."""
    password = value(
        proxy,
        "select o.option_value from pg_user_mappings m cross join lateral pg_options_to_table(m.umoptions) o"
        " where m.srvname = 'laurel_shards' and o.option_name = 'password'",
    )
    if password is None:
        raise DbtoolError("the proxy's login is not readable", hint="Connect to the proxy as a superuser.")
    return str(password)


def _make_role(connection: Connection, role: str) -> None:
    """A role without rights, unless it is there."""
    if not exists(connection, "select from pg_roles where rolname = %s", [role]):
        connection.execute(f"create role {role}".encode())


def _join(
    project: Project, proxy: Connection, each: ClusterMember, connection: Connection, password: str
) -> None:
    """Makes a database a member: roles, what is installed there, and its row on the proxy."""
    with connection.transaction():
        for role, more in ((ROUTER, "login"), (content.COPIER, "login replication")):
            _make_role(connection, role)
            connection.execute(f"alter role {role} {more} password '{password}'".encode())
        connection.execute(f"grant learn_app to {ROUTER}".encode())
    install(project, connection, each.number)
    if each.is_home:
        with connection.transaction():
            database = quote(connection.info.dbname)
            connection.execute(f"alter role {ROUTER} in database {database} set learn.quiet = 'on'".encode())
            connection.execute(f"grant usage on schema learn_shard to {content.COPIER}".encode())
            connection.execute(
                "grant select on learn_shard.content, learn_shard.content_version"
                f" to {content.COPIER}".encode()
            )
    proxy.execute(
        "insert into learn_proxy.shards (number, name, connection) values (%s, %s, %s)"
        " on conflict (number) do update set connection = excluded.connection",
        [each.number, each.name, each.place],
    )


def _subscribe(made: list[ClusterMember], opened: list[Connection], password: str) -> None:
    """Content from home, the first, to the others."""
    home = opened[0]
    content.publish(home)
    reached = home.execute(
        "select array_agg(s.sequence), array_agg(s.value) from learn_shard.sequences() s"
    ).fetchone()
    shards = list(zip(made, opened, strict=True))[1:]
    for each, connection in shards:
        content.subscribe(made[0], connection, content.slot_of(home, each), password)
        # numbers that rows of before have, which may come by a move
        connection.execute("select learn_shard.raise_sequences(%s, %s)", reached)
    content.sync(home, shards)


def _refuse_strangers(home: Connection, shards: list[Connection]) -> None:
    """Learners who are there already are on home and on one shard alike: a database and its copy."""
    there = home.execute(_LEARNERS).fetchone() or (0, 0)
    rows = [each.execute(_LEARNERS).fetchone() or (0, 0) for each in shards]
    if there != tuple(map(sum, zip(*rows, strict=True))) or sum(row[0] > 0 for row in rows) > 1:
        raise UsageProblem(
            "home and the shards do not have the same learners",
            hint="Empty databases have none; else home is a copy of the first shard, the others are empty.",
        )
