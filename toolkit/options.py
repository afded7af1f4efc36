"""Options that several commands share. Each may stand before or after the command's name."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from .context import Context
from .errors import UsageProblem
from .sql.limits import LOCK_RETRIES, LOCK_SECONDS, WAIT_SECONDS, Limits


class GivenPath(click.Path):
    """A path; not the empty text, which would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not value.strip():
            self.fail("it is empty; is the variable that it comes from set?", param, ctx)
        return super().convert(value, param, ctx)


F = TypeVar("F", bound=Callable[..., Any])

pass_context = click.make_pass_decorator(Context)


def _store(attribute: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """A callback that keeps a given value in the run's Context, wherever the option stands."""

    def keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        if isinstance(value, str) and not value.strip():
            raise UsageProblem(
                f"{parameter.opts[0]} is empty", hint="Is the variable that it comes from set?"
            )
        if value:
            setattr(ctx.ensure_object(Context), attribute, value)

    return keep


project_option = click.option(
    "--project",
    metavar="DIR",
    type=GivenPath(exists=True, file_okay=False, path_type=Path),
    expose_value=False,
    callback=_store("project_dir"),
    help="Folder with schema.sql and migrations/. Default: the nearest upwards, else the packaged SQL.",
)
base_option = click.option(
    "--base",
    is_flag=True,
    expose_value=False,
    callback=_store("wants_base"),
    help="Only what the project stands on (`extends`).",
)
database_url_option = click.option(
    "--database-url",
    metavar="URL",
    expose_value=False,
    callback=_store("url_option"),
    help="Any libpq URL or key=value string. Default: $DBTOOL_DATABASE_URL, $DATABASE_URL, embedded server.",
)
target_option = click.option(
    "--target",
    metavar="NAME",
    expose_value=False,
    callback=_store("target_option"),
    help="A database that dbtool.toml, or [tool.dbtool] in pyproject.toml, names.",
)
database_option = click.option(
    "--database",
    metavar="NAME",
    expose_value=False,
    callback=_store("database_option"),
    help="A database of the embedded server, as dbtool up makes them. Default: app.",
)
json_option = click.option(
    "--json", is_flag=True, expose_value=False, callback=_store("as_json"), help="Print JSON on stdout."
)
role_option = click.option(
    "--role",
    metavar="NAME",
    expose_value=False,
    callback=_store("role"),
    help="Work as this role, as after SET ROLE: who connects has to be a member.",
)
yes_option = click.option(
    "--yes", is_flag=True, expose_value=False, callback=_store("yes"), help="Do not ask for confirmation."
)
yes_production_option = click.option(
    "--yes-production",
    metavar="NAME",
    expose_value=False,
    callback=_store("yes_production"),
    help="Do not ask for the name of this production target.",
)
debug_option = click.option(
    "--debug",
    is_flag=True,
    envvar="DBTOOL_DEBUG",
    expose_value=False,
    callback=_store("debug"),
    help="Show the traceback of a failure (also DBTOOL_DEBUG=1).",
)
trust_option = click.option(
    "--trust-target",
    is_flag=True,
    help="Run the target's own texts, functions and triggers as superuser on the throwaway server.",
)
wait_option = click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    help="How long to wait for another run of dbtool on the same database.",
)


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The time limits of a run, handed to the command as `limits`."""

    @click.option(
        "--lock-timeout",
        metavar="SECONDS",
        type=click.FloatRange(min=0),
        help="How long a statement may wait for a lock; 0: for ever. Default: the connection's, else "
        f"{LOCK_SECONDS:g}.",
    )
    @click.option(
        "--lock-retries",
        metavar="N",
        type=click.IntRange(min=0),
        default=LOCK_RETRIES,
        show_default=True,
        help="How often to try a file again that could not have its locks, after growing pauses; without"
        " transaction: each statement.",
    )
    @click.option(
        "--statement-timeout",
        metavar="SECONDS",
        type=click.FloatRange(min=0),
        help="How long a statement may run; 0: for ever. Default: the connection's.",
    )
    @wait_option
    @wraps(command)
    def limited(
        *args: Any,
        lock_timeout: float | None,
        lock_retries: int,
        statement_timeout: float | None,
        wait: float,
        **options: Any,
    ) -> Any:
        limits = Limits(wait=wait, lock=lock_timeout, retries=lock_retries, statement=statement_timeout)
        return command(*args, limits=limits, **options)

    return limited


allow_newer_option = click.option(
    "--allow-newer", is_flag=True, help="Go on although a newer version of the project has been here."
)
jobs_option = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="How many databases at a time, with --targets or --targets-query.",
)


def fleet_options(command: F) -> F:
    """`--targets` and what goes with it: for commands that can run on many databases."""
    for option in (
        click.option(
            "--stop-on-first",
            is_flag=True,
            expose_value=False,
            callback=_store("stop_on_first"),
            help="Begin no further database after one that failed.",
        ),
        jobs_option,
        click.option(
            "--targets-query",
            metavar="SQL",
            expose_value=False,
            callback=_store("targets_query"),
            help="Run on every database that a query on --database-url lists, by name or URL.",
        ),
        click.option(
            "--targets",
            metavar="FILE",
            type=GivenPath(exists=True, dir_okay=False, path_type=Path),
            expose_value=False,
            callback=_store("targets"),
            help="Run on every database of a file: one `URL` or `NAME = URL` per line.",
        ),
    ):
        command = option(command)
    return command


def target_options(command: F) -> F:
    """`--project`, `--database-url`, `--target`, `--database`, `--role`: of what works on a database."""
    return project_option(database_url_option(target_option(database_option(role_option(command)))))
