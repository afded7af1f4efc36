"""Asks before something is done that cannot be taken back."""

from __future__ import annotations

import sys

import click

from toolkit.context import Context
from toolkit.errors import DbtoolError, UsageProblem


def confirm(context: Context, what: str, declined: str) -> None:
    """Asks on the terminal whether to go on, unless --yes. `what` is the deed, such as "Undo migration7".

    Raises UsageProblem where there is no terminal to ask on, DbtoolError with `declined` on a no.
    """
    if context.yes:
        return
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"{context.command_name} asks for confirmation, and there is no terminal", hint="Give --yes."
        )
    if not click.confirm(f"{what} on {context.target().label}?", err=True):
        raise DbtoolError(declined)
