"""A throwaway database with the schema of another one, and none of its rows. The other one is only read."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress

import psycopg
from psycopg import sql

from toolkit.catalog.read import Catalog, read
from toolkit.connection import connect
from toolkit.errors import DbtoolError
from toolkit.history.history import Applied, History
from toolkit.history.stepwise import SETTING
from toolkit.project.layout import Project
from toolkit.servers.binaries import find_clients
from toolkit.servers.shell import psql_call
from toolkit.servers.throwaway import ThrowawayServer
from toolkit.sql.execute import Connection, send
from toolkit.sql.script import split

DUMP_OPTIONS = (
    "--schema-only",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-tablespaces",
    "--lock-wait-timeout=5s",
)
DUMP_TIMEOUT_SECONDS = 300
_ROLES = "select rolname from pg_catalog.pg_roles where rolname !~ '^pg_' order by 1"
# psql's own commands, which newer versions of pg_dump write around a dump.
_EXTENSION = re.compile(r'(?i)create\s+extension\s+(?:if\s+not\s+exists\s+)?("[^"]+"|\w+)')
_COMMENTS = re.compile(r"(?:\s+|--.*\n)*")
_ABOUT = re.compile(r"(?i)(alter|grant|revoke|comment|create event trigger)\b")
_META = re.compile(r"(?m)^\\(un)?restrict .*$")


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
    if server.major < theirs:
        notes.append(
            f"the clone runs on PostgreSQL {server.version}, which is older than the target's {theirs}"
        )

    def make() -> str:
        if not is_trusted:
            return server.create_restricted(name)
        server.create_database(name)
        return server.url(name)

    clone_url = make()
    with closing(connect(server.url(name), autocommit=True)) as superuser:
        roles = _make_roles(target, superuser)
        if not is_trusted:
            server.lend(roles)
        dump, reason = _dump(url)
        if dump is not None:
            with closing(connect(clone_url, autocommit=True)) as clone:
                reason = _restore(
                    clone, dump, superuser, _extensions(script.text for script in project.scripts())
                )
    if reason:
        notes.append(
            f"the clone was built from the texts of what was applied, since pg_dump failed: {reason}"
        )
        server.drop_database(name)
        clone_url = make()
        with closing(connect(clone_url, autocommit=True)) as clone:
            _replay(clone, History(target).read())
    return clone_url, notes


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
    clone_url = server.create_restricted(name)
    if is_trusted:
        clone_url = server.url(name)
    try:
        with (
            closing(connect(server.url(name), autocommit=True)) as superuser,
            closing(connect(clone_url, autocommit=True)) as clone,
        ):
            roles = _make_roles(target or superuser, superuser)
            if not is_trusted:
                server.lend(roles)
            if _restore(clone, dump, superuser, _extensions(texts)):
                return None
            return read(clone)
    finally:
        server.drop_database(name)


def _extensions(texts: Iterable[str]) -> set[str]:
    """Those that the project's own files make."""
    return {name for text in texts for name in _EXTENSION.findall(text)}


def _make_roles(target: Connection, clone: Connection) -> list[str]:
    """Makes the target's roles, which own and are granted things, without their rights and passwords."""
    there = {role for (role,) in clone.execute(_ROLES).fetchall()}
    wanted = [role for (role,) in target.execute(_ROLES).fetchall()]
    for role in wanted:
        if role not in there:
            clone.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
    return wanted


def _dump(url: str) -> tuple[str | None, str]:
    """The target's schema as SQL, or None and why there is none."""
    reason = "there is no pg_dump here"
    for program in find_clients("pg_dump"):
        call = psql_call(program, url, DUMP_OPTIONS, os.environ)
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                call.words,
                env=call.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=DUMP_TIMEOUT_SECONDS,
                check=False,
            )
            if done.returncode == 0:
                return _META.sub("", done.stdout), ""
            reason = " ".join(done.stderr.split())
    return None, reason


def _restore(clone: Connection, dump: str, superuser: Connection, extensions: set[str]) -> str:
    """Runs a dump; returns why it could not be run.

    Left out are settings that the clone's server lacks, and what says whose something is and who may use it
    where that needs more rights. `superuser` makes the extensions that may be made.
    """
    if send(clone, dump).error is None:
        return ""
    for statement in split(dump, "the dump"):
        error = send(clone, statement.text).error
        if error is None or statement.kind == SETTING or isinstance(error, psycopg.errors.DuplicateSchema):
            continue
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            text = _COMMENTS.sub("", statement.text, count=1)
            made = _EXTENSION.match(text)
            if made and made[1] in extensions and send(superuser, statement.text).error is None:
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
