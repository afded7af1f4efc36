"""Options that several commands share. Each may stand before or after the command's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from toolkit.context import Context

F = TypeVar("F", bound=Callable[..., Any])

pass_context = click.make_pass_decorator(Context)


def _store(attribute: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """A callback that keeps a given value in the run's Context, wherever the option stands."""

    def keep(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value:
            setattr(ctx.ensure_object(Context), attribute, value)

    return keep


project_option = click.option(
    "--project",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    expose_value=False,
    callback=_store("project_dir"),
    help="Folder with schema.sql and migrations/. Default: the nearest upwards, else the packaged SQL.",
)
database_url_option = click.option(
    "--database-url",
    metavar="URL",
    expose_value=False,
    callback=_store("url_option"),
    help="Any libpq URL or key=value string. Default: $DBTOOL_DATABASE_URL, $DATABASE_URL, embedded server.",
)
json_option = click.option(
    "--json", is_flag=True, expose_value=False, callback=_store("as_json"), help="Print JSON on stdout."
)
yes_option = click.option(
    "--yes", is_flag=True, expose_value=False, callback=_store("yes"), help="Do not ask for confirmation."
)
debug_option = click.option(
    "--debug",
    is_flag=True,
    envvar="DBTOOL_DEBUG",
    expose_value=False,
    callback=_store("debug"),
    help="Show the traceback of a failure (also DBTOOL_DEBUG=1).",
)
lock_timeout_option = click.option(
    "--lock-timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How long to wait for another run of dbtool on the same database.",
)


def target_options(command: F) -> F:
    """`--project` and `--database-url`: what every command that works on a database takes."""
    return project_option(database_url_option(command))
