"""How dbtool was called, where a command has to know."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from toolkit.context import Context
from toolkit.errors import UsageProblem
from toolkit.output import say


def embedded_only(context: Context) -> bool:
    """For commands that work on the embedded server alone: whether the environment names another database.

    Says so on stderr, since the other commands go there. Raises UsageProblem when the command line names one.
    """
    if context.database_option:
        raise UsageProblem(
            f"dbtool {context.command_name} works on the whole embedded server",
            hint="`dbtool up SYSTEM` makes the database of a system.",
        )
    if context.url_option or context.target_option:
        raise UsageProblem(
            f"dbtool {context.command_name} works on the embedded server only",
            hint="On a running server use dbtool migrate, seed and status.",
        )
    if context.database_url is None:
        return False
    variable = "DBTOOL_DATABASE_URL" if context.environ.get("DBTOOL_DATABASE_URL") else "DATABASE_URL"
    say(
        f"note: ${variable} is set, and other commands go there; this one works on the embedded server",
        err=True,
    )
    return True


def program_name() -> str:
    """What to type to call dbtool again: its name when the shell finds it, else its path."""
    called = Path(sys.argv[0])
    if called.name != "dbtool" or shutil.which("dbtool"):
        return "dbtool"
    path = os.path.relpath(called)
    return path if len(path) < len(str(called)) else str(called)
