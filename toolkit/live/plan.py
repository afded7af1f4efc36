"""What `dbtool plan` reports: the effects of pending scripts, and what they would block."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ..catalog.read import Catalog, read
from ..connection import connect
from ..errors import DbtoolError, counted
from ..history import migrations
from ..history.history import Applied, History
from ..history.lock import refuse_transaction_pooling
from ..history.run import Connect
from ..history.stepwise import SETTING
from ..project.layout import Project
from ..servers.binaries import find_clients, psql_call
from ..servers.throwaway import ThrowawayServer
from ..sql.execute import Connection, send
from ..sql.outside import TAKEN, Surroundings
from ..sql.script import extensions_in, split
from .effects import Effect, Forecast, forecast

DUMP_OPTIONS = (
    "--schema-only",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-tablespaces",
    "--lock-wait-timeout=5s",
)
DUMP_TIMEOUT_SECONDS = 300
_SURROUNDINGS = """
with role as (
  select oid, rolname::text as name, rolsuper
    from pg_roles where rolname !~ '^(pg_|dbtool_([0-9a-f]{8}_)?guest$)'
)
select array(select name from role order by 1),
       array(select spcname::text from pg_tablespace where spcname !~ '^pg_' order by 1),
       case when current_database() <> all(%s) then current_database()::text end,
       array(select name from role where not rolsuper
                and (has_database_privilege(oid, current_database(), 'create')
                     or has_schema_privilege(oid, to_regnamespace('public')::oid, 'create')))
"""
LACKING = re.compile(r'extension ("[^"]+") is not available')
_COMMENTS = re.compile(r"(?:\s+|--.*\n)*")
_ABOUT = re.compile(r"(?i)(alter|grant|revoke|comment|create event trigger)\b")
_PUBLICATION = re.compile(r"(?i)(create|alter)\s+publication\b")
# psql's own commands, which newer versions of pg_dump write around a dump.
_META = re.compile(r"(?m)^\\(un)?restrict .*$")
# What a server (17.12) counts in the options of a column, which a pg_dump of before takes for the user's.
_COUNTING = re.compile(
    r"(?m)^ALTER .* SET \(pg_attver=\d+\);\n|(?<= SET \()pg_attver=\d+, |, pg_attver=\d+(?=\);$)"
)


def clone_schema(
    target: Connection,
    url: str,
    server: ThrowawayServer,
    name: str,
    project: Project,
    *,
    is_trusted: bool = False,
) -> tuple[str, list[str]]:
    """Makes the database `name` on a throwaway server like the target's, whose URL pg_dump is given.

    What the target's owner has put there runs without rights on the server unless `is_trusted`. Returns the
    clone's URL and what its user should know of how it was made. Raises DbtoolError when it cannot be made.
    """
    notes = []
    theirs = target.info.server_version // 10_000
    if server.major != theirs:
        age = "older" if server.major < theirs else "newer"
        notes.append(
            f"the clone runs on PostgreSQL {server.version}, which is {age} than the target's {theirs}, as"
            f" there are no programs of {theirs} here, nor Docker's image postgres:{theirs}; what the one"
            " takes the other may refuse"
        )
    around = surroundings_of(target)
    server.provide(around)

    def make(*, setup: bool = False) -> str:
        if not is_trusted:
            return server.create_restricted(name, setup=setup)
        server.create_database(name, setup=setup)
        return server.url(name)

    clone_url = make()
    with closing(connect(server.url(name), autocommit=True)) as superuser:
        if not is_trusted:
            server.lend(around.roles)
        dump, reason = _dump(url)
        if dump is not None:
            with closing(connect(clone_url, autocommit=True)) as clone:
                reason = _restore(clone, dump, superuser, project.extensions)
    if lacks := LACKING.search(reason):
        raise DbtoolError(
            f"the target has the extension {lacks[1]}, which the clone's server lacks: {server.description}",
            hint="Name one that has it with --server; a container has PostgreSQL's own extensions.",
        )
    if reason:
        notes.append(
            f"the clone was built from the texts of what was applied, since pg_dump failed: {reason}"
        )
        server.drop_database(name)
        server.setup = project.setup
        clone_url = make(setup=True)
        with closing(connect(clone_url, autocommit=True)) as clone:
            for each in project.stack:
                _replay(clone, History(target, each.history).read())
    return clone_url, notes


def surroundings_of(conn: Connection) -> Surroundings:
    """What the connection's database has around it."""
    ((roles, spaces, database, creators),) = conn.execute(_SURROUNDINGS, [list(TAKEN)]).fetchall()
    return Surroundings(tuple(roles), tuple(spaces), database, tuple(creators))


# What a script's text, or what PostgreSQL makes of it, depends on.
_MEANING = (
    *("datestyle", "intervalstyle", "timezone", "search_path", "xmloption", "transform_null_equals"),
    *("array_nulls", "check_function_bodies", "default_toast_compression"),
)


def settings_of(conn: Connection) -> str:
    """The settings with which psql would begin on a database, as options of a connection."""
    rows = conn.execute(
        "select name, regexp_replace(reset_val, '([\\\\ ])', '\\\\\\1', 'g') from pg_catalog.pg_settings"
        " where lower(name) = any(%s) and reset_val is distinct from boot_val",
        [list(_MEANING)],
    )
    return " ".join(f"-c {name}={value}" for name, value in rows)


def reworded(
    url: str,
    server: ThrowawayServer,
    texts: Iterable[str],
    *,
    is_trusted: bool,
    target: Connection | None = None,
) -> Catalog | None:
    """The catalog of a database as it is after a dump and a restore; None where that cannot be had.

    PostgreSQL prints a view, a condition or an expression in other words once it was read from its own print.
    `texts` say which extensions may be made; `target` is a connection to a database of another server.
    """
    dump, _ = _dump(url)
    if dump is None:
        return None
    name = "reworded"
    clone_url = server.create_restricted(name, setup=False)
    if is_trusted:
        clone_url = server.url(name)
    try:
        with (
            closing(connect(server.url(name), autocommit=True)) as superuser,
            closing(connect(clone_url, autocommit=True)) as clone,
        ):
            roles = surroundings_of(target or superuser).roles
            server.provide(Surroundings(roles))
            if not is_trusted:
                server.lend(roles)
            if _restore(clone, dump, superuser, extensions_in(texts)):
                return None
            return read(clone)
    finally:
        server.drop_database(name)


def require_pg_dump() -> None:
    """Raises DbtoolError where there is no pg_dump, before any work is done."""
    if not find_clients("pg_dump"):
        raise DbtoolError("there is no pg_dump here", hint="apt install postgresql-client, for example.")


def write_dump(url: str, path: Path) -> None:
    """Writes the schema of a database to a file, the same text for the same schema."""
    options = ("--schema-only", "--no-owner", "--no-tablespaces", "--exclude-schema=dbtool*")
    dump, reason = _dump(url, options)
    if dump is None:
        raise DbtoolError(f"pg_dump failed: {reason}", hint="What was applied stays applied.")
    lines = re.sub(r"(?m)^-- Dumped .*\n", "", dump).strip()
    path.write_text(re.sub(r"\n{3,}", "\n\n", lines) + "\n", encoding="utf-8")


def _dump(url: str, options: Sequence[str] = DUMP_OPTIONS) -> tuple[str | None, str]:
    """The target's schema as SQL, or None and why there is none."""
    reason = "there is no pg_dump here"
    for program in find_clients("pg_dump"):
        words, environment = psql_call(program, url, options, os.environ)
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                words,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=DUMP_TIMEOUT_SECONDS,
                check=False,
            )
            if done.returncode == 0:
                return _COUNTING.sub("", _META.sub("", done.stdout)), ""
            reason = " ".join(done.stderr.split())
    return None, reason


def _restore(clone: Connection, dump: str, superuser: Connection, extensions: set[str]) -> str:
    """Runs a dump; returns why it could not be run.

    Left out are settings that the clone's server lacks, and what says whose something is and who may use it
    where that needs more rights. `superuser` makes publications, and the extensions that may be made.
    """
    if send(clone, dump).error is None:
        return ""
    for statement in split(dump, "the dump"):
        error = send(clone, statement.text).error
        if error is None or statement.kind == SETTING or isinstance(error, psycopg.errors.DuplicateSchema):
            continue
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            text = _COMMENTS.sub("", statement.text, count=1)
            may_be_made = extensions_in([text]) & extensions or _PUBLICATION.match(text)
            if may_be_made and send(superuser, statement.text).error is None:
                continue
            if _ABOUT.match(text):
                continue
        return " ".join(str(error).split())
    return ""


def _replay(clone: Connection, applied: Sequence[Applied]) -> None:
    """Builds the clone as the target was built."""
    for record in applied:
        error = "plain yoyo applied it, and kept no text" if record.text is None else None
        for statement in split(record.text or "", record.id):
            failed = send(clone, statement.text).error
            error = error or (" ".join(str(failed).split()) if failed else None)
        if error:
            raise DbtoolError(
                f"cannot build a clone of the target: {record.id}: {error}",
                hint="Name a server that has what the target has with --server.",
            )
        clone.execute("reset session authorization; reset role; reset all")


_SIZES = """
select format('%I.%I', n.nspname, c.relname), c.reltuples::bigint,
       pg_size_pretty(c.relpages * current_setting('block_size')::bigint)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm')
"""
_ADVICE = {
    "index_stmt": "create index concurrently, in a file with '-- transactional: false', blocks nobody",
    "alter_table_stmt": "a constraint may be added NOT VALID, and validated by a later migration",
}

_LONG = " wait while it"
Sizes = Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class Plan:
    """The pending scripts with what they do, in the order in which they would run."""

    forecasts: tuple[Forecast, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    """What to know of how it was measured."""
    is_like_target: bool = True
    """Whether it was measured on the target's major version."""

    @property
    def verdict(self) -> str:
        """The plan in one line."""
        if not self.forecasts:
            return "nothing to apply"
        if any(each.error for each in self.forecasts):
            return "it fails"
        long = sum(_LONG in each for each in self.warnings)
        found = "it runs, and nobody has to wait"
        if long:
            held = counted(long, "statement")
            found = f"it runs; {held} would have others wait while tables are worked on"
        elif self.warnings:
            found = f"it runs; others wait for moments ({counted(len(self.warnings), 'lock')})"
        return found if self.is_like_target else f"{found}; but another version of PostgreSQL says so"


def plan(
    connect_to: Connect,
    url: str,
    project: Project,
    server: ThrowawayServer,
    *,
    to: int | str | None = None,
    allow_late: bool = False,
    allow_newer: bool = False,
    trust_target: bool = False,
) -> Plan:
    """Measures the pending scripts on a clone of the target's schema; the target itself is only read.

    `url` is the target's, for pg_dump. Functions and triggers of the target run in the clone, so nothing
    there has a superuser's rights unless `trust_target`. A script that fails on the clone ends the plan.
    Raises HistoryProblem like `migrate`, and DbtoolError when no clone can be made.
    """

    def reading() -> Connection:
        connection = connect_to()
        connection.autocommit = True
        refuse_transaction_pooling(connect_to, connection)
        connection.execute("set default_transaction_read_only = on")
        return connection

    scripts = migrations.migrate(
        reading, project, to=to, allow_late=allow_late, allow_newer=allow_newer, dry_run=True
    )
    if not scripts:
        return Plan((), (), ())
    files = [(each.id, migrations.sql_file(project, each.path, each.text)) for each in scripts]
    name = "plan"
    try:
        with closing(reading()) as target:
            sizes = {name: (rows, size) for name, rows, size in target.execute(_SIZES).fetchall()}
            theirs, database = target.info.server_version // 10_000, target.info.dbname
            if any(database in file.text for _, file in files) and database not in TAKEN:
                name = database  # which a script may name
            clone_url, notes = clone_schema(target, url, server, name, project, is_trusted=trust_target)
            settings = settings_of(target)
        with closing(connect(clone_url, autocommit=True, options=settings)) as clone:
            forecasts = forecast(clone, files)
    finally:
        server.drop_database(name)
    if not trust_target and any(each.error for each in forecasts):
        notes.append("nothing on the clone had a superuser's rights; --trust-target gives them")
    warnings = [warning for each in forecasts for warning in find_warnings(each, sizes)]
    return Plan(
        tuple(forecasts),
        tuple(warnings),
        (f"measured on an empty clone: {server.description}", *notes),
        server.major == theirs,
    )


def find_warnings(script: Forecast, sizes: Sizes) -> Iterator[str]:
    """What a script would block for readers or writers of the target, statement by statement.

    `sizes` is rows (-1: not known) and a size for people, by table of the target.
    """
    held: dict[str, str] = {}
    for effect in script.effects:
        if not script.transactional:
            held = {}
        taken = {lock.relation: lock.blocks for lock in effect.locks if lock.blocks}
        held.update({name: max(held.get(name, ""), blocks, key=len) for name, blocks in taken.items()})
        busy = _work(effect, sizes)
        where = f"{script.source}:{effect.line}"
        if busy and held:
            advice = _ADVICE.get(effect.kind) if effect.scans else None
            yield f"{where}: {_who(held)}{_LONG} {busy}" + (f"; {advice}" if advice else "")
        elif taken:
            end = "the file ends" if script.transactional else "the statement ends"
            yield f"{where}: {_who(taken)} wait until {end}"


def _who(blocked: Mapping[str, str]) -> str:
    """Such as `readers and writers of shop.items, writers of shop.orders`."""
    groups: dict[str, list[str]] = {}
    for relation, blocks in blocked.items():
        groups.setdefault(blocks, []).append(relation)
    return " and ".join(f"{blocks} of {', '.join(relations)}" for blocks, relations in groups.items())


def _work(effect: Effect, sizes: Sizes) -> str:
    """What takes the longer the more rows there are; empty when nothing does."""
    parts = []
    for verb, relations in (("rewrites", effect.rewrites), ("reads", effect.scans)):
        if relations:
            parts.append(f"{verb} all of {', '.join(_sized(relation, sizes) for relation in relations)}")
    return " and ".join(parts)


def _sized(relation: str, sizes: Sizes) -> str:
    rows, size = sizes.get(relation, (-1, ""))
    return f"{relation} (about {rows:,} rows, {size})" if rows >= 0 else f"{relation} (never analyzed)"
