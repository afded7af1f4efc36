"""What every command receives: the project, the target database and how to connect to it."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from toolkit.errors import DbtoolError, UsageProblem, mask_passwords
from toolkit.project import Project
from toolkit.targets import named_target, read_targets

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_SECONDS = 10
# A server that is gone is noticed within a minute; toolkit.execute asks the same of the server.
KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


@dataclass(frozen=True)
class Target:
    """The database that a command works on."""

    url: str
    label: str
    """How messages name it; never holds a password."""
    is_embedded: bool
    production_name: str | None = None
    """Its name in the project's targets when that marks it as production."""


@dataclass
class Context:
    """The options of one run of dbtool and what follows from them."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    cwd: Path = field(default_factory=Path.cwd)
    command_name: str = ""
    project_dir: Path | None = None
    url_option: str | None = None
    target_option: str | None = None
    as_json: bool = False
    yes: bool = False
    yes_production: str | None = None
    debug: bool = False
    arguments: Sequence[str] = ()
    """The command line, without the program's name."""
    targets: Path | None = None
    targets_query: str | None = None
    stop_on_first: bool = False

    @cached_property
    def project(self) -> Project:
        return Project.find(self.cwd) if self.project_dir is None else Project.open(self.project_dir)

    @property
    def is_fleet(self) -> bool:
        """Whether the command is to run on many databases."""
        return self.targets is not None or self.targets_query is not None

    @property
    def database_url(self) -> str | None:
        """The URL or key=value string that was given; None means the embedded server."""
        if self.target_option and self.url_option:
            raise UsageProblem("give either --target or --database-url")
        if self.target_option:
            return named_target(self._targets_folder, self.target_option).resolve(self.environ)
        given = (self.url_option, self.environ.get("DBTOOL_DATABASE_URL"), self.environ.get("DATABASE_URL"))
        return next((url for url in given if url), None)

    @property
    def _targets_folder(self) -> Path:
        return self.cwd if self.project.is_packaged else self.project.root

    @property
    def embedded_home(self) -> Path:
        """The folder of the embedded server: beside the project, or here when the SQL is packaged."""
        return (self.cwd if self.project.is_packaged else self.project.root) / ".dbtool"

    def target(self) -> Target:
        """The database to work on. Starts the embedded server, saying so on stderr, when no URL is given."""
        return self._target

    def connect(self, *, autocommit: bool = False, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """A new connection to the target. Raises DbtoolError, without the password, when there is none."""
        name = f"dbtool {self.command_name}".strip()
        return connect(self.target().url, application_name=name, autocommit=autocommit, **options)

    @cached_property
    def _target(self) -> Target:
        url = self.database_url
        if url is not None:
            production = self._production_name(url)
            label = describe_url(url)
            if self.target_option or production:
                label = f"{self.target_option or production} ({label})"
            return Target(url, label, is_embedded=False, production_name=production)
        from toolkit.servers import EmbeddedServer

        server = EmbeddedServer(self.embedded_home)
        was_running = server.start()
        state = "using" if was_running else "started"
        print(f"{state} the embedded server in {self.embedded_home}", file=sys.stderr)
        return Target(server.url(), f"embedded server in {self.embedded_home}", is_embedded=True)

    def announce(self) -> None:
        """Says on stderr, before work begins, on which database it will be done; never shows a password."""
        target = self.target()
        if not target.is_embedded:
            note = ", production" if target.production_name else ""
            print(f"target: {target.label}{note}", file=sys.stderr)

    def _production_name(self, url: str) -> str | None:
        """The name of the production target that a URL leads to, whether or not it was asked for by name."""
        for name, target in read_targets(self._targets_folder).items():
            with contextlib.suppress(UsageProblem):  # its variables may not be set here
                if target.is_production and _place(target.resolve(self.environ)) == _place(url):
                    return name
        return None


def _place(url: str) -> tuple[Any, ...]:
    """The host, port and database of a URL."""
    given = parse_url(url)
    host = given.get("host") or given.get("hostaddr")
    return (
        given.get("service"),
        host,
        str(given.get("port") or 5432),
        given.get("dbname") or given.get("user"),
    )


def connect(
    url: str, *, application_name: str = "dbtool", autocommit: bool = False, **options: Any
) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection to any libpq URL or key=value string.

    The application name holds unless the URL sets one; a host that does not answer is given up after
    10 seconds unless the URL or PGCONNECT_TIMEOUT says otherwise. Raises DbtoolError without the password.
    """
    import psycopg

    given = parse_url(url)
    defaults: dict[str, Any] = {"fallback_application_name": application_name, "client_encoding": "utf8"}
    if "service" not in given and "PGCONNECT_TIMEOUT" not in os.environ:
        defaults["connect_timeout"] = CONNECT_TIMEOUT_SECONDS
    if "service" not in given:
        defaults.update(KEEPALIVES)
    settings = {**defaults, **given, "client_encoding": "utf8", **options}
    try:
        return psycopg.connect("", autocommit=autocommit, prepare_threshold=None, **settings)
    except psycopg.Error as error:
        reasons = list(dict.fromkeys(line.strip() for line in str(error).splitlines() if line.strip()))
        detail = mask_passwords("\n".join(reasons))
        raise DbtoolError(f"cannot connect to {describe_url(url)}", detail=detail) from error


def parse_url(url: str) -> dict[str, Any]:
    """The settings in a libpq URL or key=value string.

    Raises UsageProblem that repeats nothing of the text: a wrong URL's parts may be parts of its password.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    scheme = re.match(r"(\w[\w+.-]*)://", url)
    if scheme:
        if scheme[1] not in ("postgresql", "postgres"):
            raise UsageProblem(
                f"a database URL begins with postgresql://, not {scheme[1]}://",
                hint="Give libpq's form, without the name of a Python driver.",
            )
        authority, _, rest = url[scheme.end() :].partition("/")
        path = rest.partition("?")[0]
        if authority.count("@") > 1 or ("@" in path and "@" not in authority):
            raise UsageProblem(
                "the database URL has a user name or password that is not percent-encoded",
                hint="Write @ as %40, / as %2F and : as %3A in it.",
            )
    try:
        return conninfo_to_dict(url)
    except psycopg.Error:
        raise UsageProblem(
            "the database URL is not valid",
            detail="It is not shown here, since it may hold a password.",
            hint="postgresql://user:password@host:port/database?option=value with special characters"
            " percent-encoded, or 'host=… dbname=… user=…'.",
        ) from None


def describe_url(url: str) -> str:
    """The URL as messages show it: user, host, port and database; no password, no options."""
    given = parse_url(url)
    if "service" in given:
        return f"service {given['service']}"
    host = str(given.get("host", given.get("hostaddr", "")))
    is_socket = host.startswith(("/", "@")) or not host
    user = f"{quote(str(given['user']), safe='')}@" if "user" in given else ""
    port = f":{given['port']}" if "port" in given and not is_socket else ""
    database = quote(str(given.get("dbname", "")), safe="")
    socket = f"?host={host}" if host and is_socket else ""
    if socket and "port" in given:
        socket += f"&port={given['port']}"
    return f"postgresql://{user}{'' if is_socket else host}{port}/{database}{socket}"
