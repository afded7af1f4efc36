"""What every command receives: the project, the target database and how to connect to it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .connection import connect, describe_url, parse_url, with_defaults, with_role
from .errors import DbtoolError, UsageProblem
from .output import LineReporter, Reporter, print_json, say
from .project.layout import Project
from .targets import named_target, read_targets

if TYPE_CHECKING:
    import psycopg


_ASK_IN_PRODUCTION = ("rollback", "repair", "seed", "simulate")
URL_VARIABLES = ("DBTOOL_DATABASE_URL", "DATABASE_URL")


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
    role: str | None = None
    target_option: str | None = None
    database_option: str | None = None
    wants_base: bool = False
    as_json: bool = False
    yes: bool = False
    yes_production: str | None = None
    debug: bool = False
    answer: dict[str, Any] | None = None
    """What --json prints, as far as it is known: a command sets it whole before its work, then fills it."""
    arguments: Sequence[str] = ()
    """The command line, without the program's name."""
    targets: Path | None = None
    targets_query: str | None = None
    stop_on_first: bool = False

    @cached_property
    def project(self) -> Project:
        """The project in use, which is said on stderr unless --project has said it."""
        found = Project.find(self.cwd) if self.project_dir is None else Project.open(self.project_dir)
        if self.wants_base:
            if found.base is None:
                raise UsageProblem(f"{found} stands on no other project", hint="See `extends` in the manual.")
            found = Project(found.base.root)
        if self.project_dir is None or found.base or self.wants_base:
            say(f"project: {found}", err=True)
        return found

    def print_answer(self, error: DbtoolError | None = None) -> None:
        """The answer as JSON where that is asked for, in the same shape whether or not there is an error."""
        asked = self.as_json or (error is not None and "--json" in self.arguments)
        if asked and (self.answer is not None or error is not None):
            print_json({"ok": error is None, "error": error and error.as_json(), **(self.answer or {})})

    @property
    def is_fleet(self) -> bool:
        """Whether the command is to run on many databases."""
        return self.targets is not None or self.targets_query is not None

    @property
    def database_url(self) -> str | None:
        """The URL or key=value string that was given; None means the embedded server."""
        if self.target_option and self.url_option:
            raise UsageProblem("give either --target or --database-url")
        if self.database_option:
            if self.target_option or self.url_option:
                raise UsageProblem(
                    "--database names a database of the embedded server",
                    hint="Put the name into the URL of --database-url or of the target.",
                )
            return None
        if self.target_option:
            return named_target(self._targets_folder, self.target_option).resolve(self.environ)
        if self.url_option:
            return self.url_option
        for name in URL_VARIABLES:
            if name in self.environ:
                if not self.environ[name].strip():
                    raise UsageProblem(
                        f"${name} is set, but empty",
                        hint="Unset it for the embedded server; a secret of a CI job may be missing.",
                    )
                return self.environ[name]
        return None

    @property
    def _targets_folder(self) -> Path:
        return self.cwd if self.project.is_packaged else self.project.root

    @property
    def embedded_home(self) -> Path:
        """The folder of the embedded server: beside the project, or here when the SQL is packaged."""
        return (self.cwd if self.project.is_packaged else self.project.root) / ".dbtool"

    def connect(self, *, autocommit: bool = False, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """A new connection to the target. Raises DbtoolError, without the password, when there is none."""
        name = f"dbtool {self.command_name}".strip()
        return connect(self.target.url, application_name=name, autocommit=autocommit, **options)

    @contextlib.contextmanager
    def reading(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection for looking, in one transaction: what was set for the database does not matter."""
        from .sql.execute import denials, pin

        with self.connect() as connection, denials(connection, self.role):
            pin(connection, local=True)
            yield connection

    @cached_property
    def target(self) -> Target:
        """The database to work on. Starts the embedded server, saying so on stderr, when no URL is given."""
        target = self._chosen()
        return replace(target, url=with_role(target.url, self.role)) if self.role else target

    def _chosen(self) -> Target:
        url = self.database_url
        if url is not None:
            production = self._production_name(url)
            label = describe_url(with_defaults(url))
            if self.target_option or production:
                label = f"{self.target_option or production} ({label})"
            return Target(url, label, is_embedded=False, production_name=production)
        from .servers.choose import EmbeddedServer

        server = EmbeddedServer(self.embedded_home)
        was_running = server.start()
        state = "using" if was_running else "started"
        name = self.database_option or "app"
        place = f"embedded server in {self.embedded_home}" + ("" if name == "app" else f", database {name}")
        say(f"{state} the {place}", err=True)
        if name not in server.databases():
            raise UsageProblem(
                f"the embedded server has no database {name}",
                hint=f"It has {', '.join(server.databases())}. `dbtool up SYSTEM` makes that of a system.",
            )
        return Target(server.url(name), place, is_embedded=True)

    def begin(self, *, is_told: bool = False, **answer: Any) -> dict[str, Any]:
        """Sets what --json prints, with the target's name; returns it, to be filled.

        Where it `is_told`, since something is about to be done there, the target is named on stderr, too.
        """
        target = self.target
        if is_told and not target.is_embedded:
            note = ", production" if target.production_name else ""
            say(f"target: {target.label}{note}", err=True)
        self.answer = {"target": target.label, **answer}
        return self.answer

    def tell(self, text: str) -> None:
        """A message on stdout; none with --json."""
        if not self.as_json:
            say(text)

    def note(self, text: str) -> None:
        """A message on stdout, or on stderr with --json."""
        say(text, err=self.as_json)

    def reporter(self) -> Reporter:
        """What shows the progress of this run."""
        return LineReporter(to_stderr=self.as_json)

    def _production_name(self, url: str) -> str | None:
        """The name of the production target that a URL leads to, whether or not it was asked for by name."""
        unknown = []
        for name, target in read_targets(self._targets_folder).items():
            if not target.is_production:
                continue
            try:
                if _is_same(target.resolve(self.environ), url):
                    return name
            except UsageProblem as error:  # its variables may not be set here
                unknown.append(error.message)
        if self.command_name in _ASK_IN_PRODUCTION:
            for message in unknown:
                say(f"note: {message}: this may be it, and nothing asks", err=True)
        return None


def _is_same(one: str, other: str) -> bool:
    """Whether two URLs lead to one database: by their text, else by what the servers say if they answer."""
    if _place(one) == _place(other):
        return True
    with contextlib.suppress(DbtoolError):
        return _identity(one) == _identity(other)
    return False


def _identity(url: str) -> tuple[Any, ...] | None:
    """The number of the server's cluster, which replicas and poolers share, and the database's name."""
    query = "select system_identifier, current_database() from pg_catalog.pg_control_system()"
    with connect(url, connect_timeout=3) as connection:
        return connection.execute(query).fetchone()


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
