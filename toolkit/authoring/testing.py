"""Runs a project's pytest suite against a throwaway server."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..connection import without_libpq
from ..context import URL_VARIABLES
from ..errors import DbtoolError, UsageProblem

SERVER_VARIABLE = "DBTOOL_TEST_SERVER"
KIND_VARIABLE = "DBTOOL_TEST_KIND"
PLUGIN = f"{__name__.partition('.')[0]}.plugin"
PASSED, FAILED, INTERRUPTED, _, USAGE, NOTHING_COLLECTED = range(6)  # pytest's exit codes
# What libpq may need to let somebody in; none of it says where.
SHOWN = ("PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY")


def run_pytest(
    root: Path, args: Sequence[str], server_url: str, kind: str, environ: Mapping[str, str]
) -> int:
    """Run the tests in `root` with the server's URL in $DBTOOL_TEST_SERVER; returns dbtool's exit code.

    $DBTOOL_TEST_KIND says what kind of server it is, for tests that run in parallel and open others like it.
    No URL of the outer environment reaches the tests, so that none can touch a real database. Raises
    DbtoolError when pytest is not installed or finds no test, UsageProblem when it refuses its arguments,
    and KeyboardInterrupt when it ended because of Ctrl-C.
    """
    if importlib.util.find_spec("pytest") is None:
        raise DbtoolError("dbtool test needs pytest", hint="pip install pytest")
    environment = {name: value for name, value in without_libpq(environ).items() if name not in URL_VARIABLES}
    environment |= {name: environ[name] for name in SHOWN if name in environ}
    environment |= {SERVER_VARIABLE: server_url, KIND_VARIABLE: kind}
    interrupts = 0

    def leave_it_to_pytest(*_: object) -> None:
        nonlocal interrupts
        interrupts += 1

    # Ctrl-C reaches pytest too, which ends in its own way; the server must stay until then.
    before = signal.signal(signal.SIGINT, leave_it_to_pytest)
    try:
        code = _run([sys.executable, "-m", "pytest", "-p", PLUGIN, *args], root, environment)
    finally:
        signal.signal(signal.SIGINT, before)
    if code == INTERRUPTED and interrupts:
        raise KeyboardInterrupt
    if code == NOTHING_COLLECTED:
        raise DbtoolError(
            "pytest found no test to run",
            hint=f"Are the arguments right? The tests of {root} are those that its pyproject.toml names.",
        )
    if code == USAGE:
        raise UsageProblem("pytest did not take its arguments; see above")
    return PASSED if code == PASSED else FAILED


def _run(words: list[str], folder: Path, environment: Mapping[str, str]) -> int:
    """The exit code of a program; ends it when this process is told to end."""
    child = subprocess.Popen(words, cwd=folder, env=environment)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise
