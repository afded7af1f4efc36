"""Asks before something is done that cannot be taken back."""

from __future__ import annotations

import sys

from toolkit.context import Context
from toolkit.errors import DbtoolError, UsageProblem
from toolkit.output import ask, ask_for


def confirm(context: Context, what: str, declined: str) -> None:
    """Asks on the terminal whether to go on, unless --yes. `what` is the deed, such as "Undo migration7".

    In production it asks for the target's name instead. Raises UsageProblem where there is no terminal to ask
    on, DbtoolError with `declined` on a no.
    """
    if context.target().production_name:
        confirm_production(context, what, declined)
        return
    if context.yes:
        return
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"{context.command_name} asks for confirmation, and there is no terminal", hint="Give --yes."
        )
    if not ask(f"{what} on {context.target().label}?"):
        raise DbtoolError(declined)


def confirm_production(context: Context, what: str, declined: str) -> None:
    """Asks for the name of a production target, unless --yes-production gives it; --yes is not enough.

    Does nothing on other targets. Raises like `confirm`.
    """
    target = context.target()
    name = target.production_name
    if name is None or context.yes_production == name:
        return
    if context.yes_production is not None:
        raise UsageProblem(f"--yes-production {context.yes_production}, but the target is {name}")
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"{name} is production: {context.command_name} asks for its name, and there is no terminal",
            hint=f"Give --yes-production {name}.",
        )
    question = f"{what} on {target.label}? It is production: type {name} to go on"
    if ask_for(question) != name:
        raise DbtoolError(declined)
