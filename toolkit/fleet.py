"""One command on many databases: a process of dbtool for each, some of them at a time."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .connection import connect, describe_url, with_database
from .errors import DbtoolError, UsageProblem, mask_secrets

NOT_RUN = -1
_NAME = re.compile(r"(?P<name>[\w.-]+)\s*=\s*(?P<url>postgres(ql)?://.*|.*=.*)")
# What a command line says about which databases, with the number of words that follow.
_OWN = {
    **dict.fromkeys(("--database-url", "--target", "--targets", "--targets-query", "--jobs"), 1),
    "--stop-on-first": 0,
}
# From the one that wants attention first. Those that were not run because of another say nothing new.
_WORST = (1, 2, 4, 6, 5, 3, 0, NOT_RUN)


@dataclass(frozen=True)
class Member:
    """One database of a fleet. The URL may hold a password, the name never does."""

    name: str
    url: str


@dataclass(frozen=True)
class Outcome:
    """How the command ended on one database."""

    target: Member
    exit_code: int
    """That of the command; NOT_RUN when it was never started."""
    seconds: float
    answer: Any
    """What the command printed as JSON; None when it printed none."""
    message: str
    """What the command said on stderr, masked."""


def read_targets(path: Path) -> list[Member]:
    """The databases that a file lists: one per line, `URL` or `NAME = URL`; # begins a comment.

    Raises UsageProblem for a line that is no URL, for two of one name, and when there is none.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageProblem(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{path} is not UTF-8") from error
    from psycopg import pq

    settings = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    found = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            match = _NAME.fullmatch(text)
            named = match if match and match["name"] not in settings else None
            url = named["url"] if named else text
            try:
                described = describe_url(url)
            except UsageProblem as error:
                raise UsageProblem(f"{path}:{number}: {error.message}", hint=error.hint) from None
            found.append(Member(named["name"] if named else described, url))
    return _distinct(found, str(path))


def query_targets(query: str, url: str) -> list[Member]:
    """The databases that a query on `url` lists: one per row, the name of a database there, or a URL."""
    with connect(url, application_name="dbtool fleet") as connection:
        connection.read_only = True
        rows = connection.execute(query.encode()).fetchall()
    found = []
    for row in rows:
        text = str(row[0])
        target = text if "://" in text or "=" in text else with_database(url, text)
        found.append(Member(text if target != text else describe_url(text), target))
    return _distinct(found, "the query")


def _distinct(targets: list[Member], source: str) -> list[Member]:
    names = [target.name for target in targets]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageProblem(f"{source} lists {', '.join(twice)} more than once")
    if not targets:
        raise UsageProblem(f"{source} lists no database")
    return targets


def own_arguments(arguments: Sequence[str]) -> list[str]:
    """The command line for one database: without what chooses the databases, and with --json."""
    kept: list[str] = []
    skip = 0
    for argument in arguments:
        name = argument.split("=", 1)[0]
        if skip:
            skip -= 1
        elif name in _OWN:
            skip = _OWN[name] if "=" not in argument else 0
        elif argument != "--json":
            kept.append(argument)
    return [*kept, "--json"]


class Fleet:
    """Runs one command line on several databases, at most `jobs` at a time."""

    def __init__(
        self, arguments: Sequence[str], environ: Mapping[str, str], cwd: Path, *, stop_on_first: bool = False
    ) -> None:
        self._words = [sys.executable, "-m", __name__.partition(".")[0], *arguments]
        self._environ = environ
        self._cwd = cwd
        self._stop_on_first = stop_on_first
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, targets: Sequence[Member], jobs: int, report: Callable[[Outcome], None]) -> list[Outcome]:
        """The outcomes in the order of the targets; `report` gets each when it is there.

        On Ctrl-C every command that runs is told to end, as it would be by its own Ctrl-C, and has ended
        when this raises KeyboardInterrupt.
        """
        found: dict[str, Outcome] = {}
        with ThreadPoolExecutor(jobs) as pool:
            futures: list[Future[Outcome]] = [pool.submit(self._one, target) for target in targets]
            try:
                for future in as_completed(futures):
                    outcome = future.result()
                    found[outcome.target.name] = outcome
                    report(outcome)
            except BaseException:
                self._stop()
                raise
        return [found[target.name] for target in targets]

    def _one(self, target: Member) -> Outcome:
        started = time.monotonic()
        with self._lock:
            if self._stopped.is_set():
                return Outcome(target, NOT_RUN, 0, None, "not run")
            process = subprocess.Popen(
                self._words,
                cwd=self._cwd,
                env={**self._environ, "DBTOOL_DATABASE_URL": target.url},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # a Ctrl-C reaches it once, through _stop
            )
            self._running.add(process)
        try:
            stdout, stderr = process.communicate()
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode and self._stop_on_first:
            self._stopped.set()
        try:
            answer = json.loads(stdout) if stdout else None
        except ValueError:
            answer = None
        seconds = time.monotonic() - started
        return Outcome(target, process.returncode, seconds, answer, mask_secrets(stderr).strip())

    def _stop(self) -> None:
        self._stopped.set()
        with self._lock:
            for process in self._running:
                process.send_signal(signal.SIGINT)


def worst(outcomes: Sequence[Outcome]) -> int:
    """The exit code of the whole: that which wants attention first."""
    codes = {outcome.exit_code if outcome.exit_code in _WORST else 1 for outcome in outcomes}
    code = next(code for code in _WORST if code in codes)
    return max(code, 0)


def failure(outcomes: Sequence[Outcome]) -> DbtoolError | None:
    """What to say at the end, with the exit code; None when all is good."""
    code = worst(outcomes)
    if not code:
        return None
    bad = [each.target.name for each in outcomes if each.exit_code > 0]
    left = [each.target.name for each in outcomes if each.exit_code == NOT_RUN]
    rest = f"not run: {', '.join(left)}" if left else None
    return DbtoolError(
        f"{len(bad)} of {len(outcomes)} databases: {', '.join(bad)}", detail=rest, exit_code=code
    )
