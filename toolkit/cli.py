"""The command line: a lazy group, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import click

from . import __version__
from .context import Context
from .errors import DbtoolError, UsageProblem, did_you_mean
from .options import CONFIRM, TARGET, debug
from .output import say

# Command name → what it does, in the order of `--help`.
COMMANDS = {
    "init": "Start a project of your own, also on top of Laurel.",
    "up": "Start the embedded server, migrate, seed, show the status.",
    "down": "Stop the embedded server.",
    "migrate": "Apply schema.sql and the migrations in numeric order.",
    "plan": "Show what would run, and what each statement would block.",
    "rollback": "Undo migrations from the newest down.",
    "status": "Show what is applied, pending, edited, missing or late.",
    "verify": "Compare the database with what the applied migrations build.",
    "watch": "Replace objects in a development database as their files are saved.",
    "baseline": "Adopt a database that was built without dbtool.",
    "repair": "Finish or undo what stopped, accept edits of comments, forget or restore missing files.",
    "history": "Show who applied and undid what, when, and how long it took.",
    "seed": "Load the reference data of the named systems, or of all.",
    "simulate": "Let made-up learners learn: a history, or live calls.",
    "import-questions": "Import a question bank from a CSV file.",
    "new": "Write the next migration from the changed sources.",
    "squash": "Put schema.sql and the first migrations together.",
    "check": "Prove that sources, migrations and rollbacks agree.",
    "test": "Run pytest on a throwaway PostgreSQL.",
    "report": "Write a page of numbers for a product owner.",
    "docs": "Write pages about the database for those who build on it.",
    "doctor": "Say what ails a database, and what mends it.",
    "schedule": "Print a crontab, or a script for pg_cron, with every job.",
    "rules": "Show who would gain or lose what by changed rules.",
    "shards": "Spread learners over many databases behind a proxy.",
    "psql": "Open a shell on the target database.",
    "completion": "Print the script that completes dbtool in a shell.",
}
# The modules of commands/ with their commands, functions of the same name (with _ for -). A module is
# imported only when one of its commands is used: that keeps `--help` fast.
MODULES = {
    "authoring": ("init", "new", "watch", "squash", "check"),
    "changing": ("migrate", "plan", "rollback", "baseline", "repair", "seed", "import-questions"),
    "looking": ("status", "verify", "history", "report", "docs"),
    "operating": ("doctor", "schedule", "rules", "simulate"),
    "shards": ("shards",),
    "serving": ("up", "down", "test", "psql", "completion"),
}

_CANCELLED = "what ran was cancelled, and what was not committed is rolled back"


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, handled like Ctrl-C: the running query is cancelled before dbtool ends."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used, with the error boundary around them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = next(module for module, names in MODULES.items() if cmd_name in names)
        command = getattr(
            importlib.import_module(f"{__package__}.commands.{module}"), cmd_name.replace("-", "_")
        )
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant. Raises UsageProblem, with what it may be, when there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = did_you_mean(args[0], COMMANDS)
            raise UsageProblem(f"there is no command {args[0]}", hint=near or "`dbtool --help` lists all.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> NoReturn:
        """Runs dbtool and exits: 0 good, 1 failed, 2 usage, 3 to 6 as the errors say, 130 on Ctrl-C."""
        context = None
        extra["standalone_mode"] = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _terminate)
            if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
                signal.signal(signal.SIGHUP, _terminate)  # the terminal went away; nohup has it ignored
        try:
            context = extra.pop("obj", None) or Context()
            context.arguments = tuple(sys.argv[1:] if args is None else args)
            code = super().main(args, *more, obj=context, **extra)
            context.print_answer()
            sys.stdout.flush()
        except BaseException as error:
            debug = bool(os.environ.get("DBTOOL_DEBUG")) if context is None else context.debug
            code, shown = _report(error, debug)
            if context is not None and shown is not None:
                context.print_answer(shown)
        sys.exit(code if isinstance(code, int) else 0)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _report(error: BaseException, debug: bool) -> tuple[int, DbtoolError | None]:
    """Prints a failure on stderr; its exit code, and what was shown. Never shows a password."""
    if debug:
        import traceback

        say("".join(traceback.format_exception(error)), err=True)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1, None
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        # click turns KeyboardInterrupt, and so Terminated, into Abort.
        terminated = isinstance(error.__cause__ or error, Terminated)
        said = f"{'terminated' if terminated else 'interrupted'}: {_CANCELLED}"
        say(said, err=True)
        code = 143 if terminated else 130
        return code, DbtoolError(said, exit_code=code)
    if isinstance(error, BrokenPipeError):
        # The reader of a pipe went away; what is still buffered has no one to read it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1, None
    shown = _as_dbtool_error(error)
    for line in shown.lines():
        say(line, err=True)
    return shown.exit_code, shown


def _as_dbtool_error(error: BaseException) -> DbtoolError:
    if isinstance(error, DbtoolError):
        return error
    if isinstance(error, click.ClickException):
        text = error.format_message().rstrip(".")
        called = getattr(getattr(error, "ctx", None), "command_path", "dbtool")
        hint = f"`{called} --help` lists what there is." if isinstance(error, click.UsageError) else None
        return DbtoolError(text[:1].lower() + text[1:], hint=hint, exit_code=error.exit_code)
    if "psycopg" in sys.modules:
        import psycopg

        from .errors import from_psycopg

        if isinstance(error, psycopg.Error):
            return from_psycopg(error)
    if isinstance(error, OSError):
        return DbtoolError(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    hint = "This is a fault in dbtool: run again with --debug and report the traceback."
    return DbtoolError(f"unexpected {type(error).__name__}: {error}", hint=hint)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dbtool")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Build, change, check and test a PostgreSQL database kept as plain SQL files.

    Exit codes: 0 good, 1 failed, 2 usage, 3 pending migrations, 4 history problem, 5 lock not obtained,
    6 check failed.
    """
    ctx.ensure_object(Context).command_name = ctx.invoked_subcommand or ""


for option in (*TARGET, *CONFIRM, debug):
    option(cli)


def main() -> None:
    """The entry point of the console script."""
    gc.set_threshold(100_000)  # collecting during the imports costs a tenth of them
    try:
        cli()
    finally:
        gc.freeze()  # the interpreter, as it ends, would collect what is all in use: a fifth of a short run
