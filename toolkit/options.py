"""Options that several commands share. Each may stand before or after the command's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .context import Context
from .errors import UsageProblem
from .sql.limits import LOCK_RETRIES, LOCK_SECONDS, WAIT_SECONDS, Limits

Option = Callable[[Any], Any]


class GivenPath(click.Path):
    """A path; not the empty text, which would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not value.strip():
            self.fail("it is empty; is the variable that it comes from set?", param, ctx)
        return super().convert(value, param, ctx)


FOLDER = GivenPath(exists=True, file_okay=False, path_type=Path)


def command(
    name: str, *shared: Option, within: click.Command | None = None, **settings: Any
) -> Callable[[Callable[..., None]], click.Command]:
    """Makes a function that gets the Context a command, with these options behind its own."""

    def make(function: Callable[..., None]) -> click.Command:
        decorate: Any = click.command(name, **settings)
        made: click.Command = decorate(click.make_pass_decorator(Context)(function))
        for option in shared:
            option(made)
        if isinstance(within, click.Group):
            within.add_command(made)
        return made

    return make


def number(
    flag: str,
    metavar: str | None,
    bounds: click.IntRange | click.FloatRange,
    help: str,
    default: float | None = None,
    name: str | None = None,
) -> Option:
    """An option that is a number; `name` is that of the parameter, else it follows from the flag."""
    names = [flag, *([name] if name else [])]
    has_default = default is not None
    return click.option(
        *names, metavar=metavar, type=bounds, default=default, show_default=has_default, help=help
    )


def _kept(flag: str, attribute: str, help: str, **facts: Any) -> Option:
    """An option whose value is kept in the run's Context, wherever it stands."""

    def keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        if isinstance(value, str) and not value.strip():
            raise UsageProblem(
                f"{parameter.opts[0]} is empty", hint="Is the variable that it comes from set?"
            )
        if value:
            setattr(ctx.ensure_object(Context), attribute, value)

    facts.setdefault("is_flag", "metavar" not in facts)
    return click.option(flag, expose_value=False, callback=keep, help=help, **facts)


project = _kept(
    "--project",
    "project_dir",
    "Folder with schema.sql and migrations/. Default: the nearest upwards, else the packaged SQL.",
    metavar="DIR",
    type=FOLDER,
)
base = _kept("--base", "wants_base", "Only what the project stands on (`extends`).")
json = _kept("--json", "as_json", "Print JSON on stdout.")
yes = _kept("--yes", "yes", "Do not ask for confirmation.")
yes_production = _kept(
    "--yes-production", "yes_production", "Do not ask for the name of this production target.", metavar="NAME"
)
CONFIRM = (yes, yes_production)
debug = _kept(
    "--debug", "debug", "Show the traceback of a failure (also DBTOOL_DEBUG=1).", envvar="DBTOOL_DEBUG"
)
DATABASE = (
    _kept(
        "--database-url",
        "url_option",
        "Any libpq URL or key=value string. Default: $DBTOOL_DATABASE_URL, $DATABASE_URL, embedded server.",
        metavar="URL",
    ),
    _kept(
        "--target",
        "target_option",
        "A database that dbtool.toml, or [tool.dbtool] in pyproject.toml, names.",
        metavar="NAME",
    ),
    _kept(
        "--database",
        "database_option",
        "A database of the embedded server, as dbtool up makes them. Default: app.",
        metavar="NAME",
    ),
    _kept(
        "--role",
        "role",
        "Work as this role, as after SET ROLE: who connects has to be a member.",
        metavar="NAME",
    ),
)
"""Which database, and as whom."""
SHELL = (project, *DATABASE)
"""Of what works on a database, but has no answer for programs."""
TARGET = (*SHELL, json)
"""Of what works on a database."""
PROJECT = (project, json)
"""Of what works on files."""
FLEET = (
    _kept(
        "--targets",
        "targets",
        "Run on every database of a file: one `URL` or `NAME = URL` per line.",
        metavar="FILE",
        type=GivenPath(exists=True, dir_okay=False, path_type=Path),
    ),
    _kept(
        "--targets-query",
        "targets_query",
        "Run on every database that a query on --database-url lists, by name or URL.",
        metavar="SQL",
    ),
    number(
        "--jobs",
        "N",
        click.IntRange(min=1),
        "How many databases at a time, with --targets or --targets-query.",
        4,
    ),
    _kept("--stop-on-first", "stop_on_first", "Begin no further database after one that failed."),
)
"""Of commands that can run on many databases."""
wait = number(
    "--wait",
    "SECONDS",
    click.FloatRange(min=0),
    "How long to wait for another run of dbtool on the same database.",
    WAIT_SECONDS,
)
LIMITS = (
    number(
        "--lock-timeout",
        "SECONDS",
        click.FloatRange(min=0),
        "How long a statement may wait for a lock; 0: for ever. Default: the connection's, else "
        f"{LOCK_SECONDS:g}.",
        name="lock",
    ),
    number(
        "--lock-retries",
        "N",
        click.IntRange(min=0),
        "How often to try a file again that could not have its locks, after growing pauses; without"
        " transaction: each statement.",
        LOCK_RETRIES,
        name="retries",
    ),
    number(
        "--statement-timeout",
        "SECONDS",
        click.FloatRange(min=0),
        "How long a statement may run; 0: for ever. Default: the connection's.",
        name="statement",
    ),
    wait,
)


def take_limits(given: dict[str, Any]) -> Limits:
    """The limits that LIMITS give; they are taken out of the options that were given."""
    return Limits(**{name: given.pop(name) for name in ("wait", "lock", "retries", "statement")})


to = click.option("--to", metavar="VERSION", help="Stop at this one: a migration's number, or `schema`.")
allow_newer = click.option(
    "--allow-newer", is_flag=True, help="Go on although a newer version of the project has been here."
)
trust = click.option(
    "--trust-target",
    is_flag=True,
    help="Run the target's own texts, functions and triggers as superuser on the throwaway server.",
)


def server(purpose: str) -> Option:
    """`--server`: the throwaway server for a purpose, such as "Where to build it"."""
    help = f"{purpose}: container, embedded or a superuser's URL."
    return click.option("--server", metavar="KIND", help=help)
