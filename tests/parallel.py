"""How a test run is divided among processes, and what it says at its end: what it ran on, what it left out.

Each process has a server of its own: `dbtool test` makes the first one and says in $DBTOOL_TEST_KIND how to
make others. Who has no tests left takes over half of another's. Few files are not worth a second process.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import stock
from toolkit.servers.throwaway import MEMORY_DISK, ThrowawayServer, roomy_memory

# Folders of tests, and what servers with durable data keep in them: in memory, where programs run there, too.
SCRATCH = (
    MEMORY_DISK
    if roomy_memory() and not os.statvfs(MEMORY_DISK).f_flag & getattr(os, "ST_NOEXEC", 0)
    else Path("/tmp")
)
FEW_FILES = 2
MOST_WORKERS = 8
RAN_ON = pytest.StashKey[str]()
LEFT_OUT = pytest.StashKey[int]()
COUNTED_ON = pytest.StashKey[str]()
COUNTS = pytest.StashKey[list[str]]()
FACTS = """
    select current_setting('fsync'), current_setting('autovacuum'),
      case when current_setting('jit') = 'off' or pg_jit_available() then current_setting('jit')
        else 'on, but there is no compiler' end
"""


def kind_of_server() -> str | None:
    """What `open_throwaway` makes for this process: $DBTOOL_TEST_SERVER for the first, else one like it."""
    first = os.environ.get("DBTOOL_TEST_SERVER") or None
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        return first
    return os.environ.get("DBTOOL_TEST_KIND") or first


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test ARGS='tests/suites --large'`."""
    parser.addoption("--large", action="store_true", help="suites of tests/suites in full, for some minutes")


def report_server(config: pytest.Config, server: ThrowawayServer) -> None:
    """Keep for the end of the run what the server is."""
    with psycopg.connect(server.url()) as connection:
        fsync, autovacuum, jit = connection.execute(FACTS).fetchone() or ("", "", "")
    kind = os.environ.get("DBTOOL_TEST_KIND", "://")
    name = server.description if "://" in kind or "=" in kind else f"{kind}, PostgreSQL {server.version}"
    config.stash[RAN_ON] = f"{name} (fsync {fsync}, autovacuum {autovacuum}, jit {jit})"


def report_counting(config: pytest.Config, server: str) -> None:
    """Keep for the end of the run on which server compiled statements were counted."""
    config.stash[COUNTED_ON] = server


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Three for two cores where there are many files, as tests also wait; none for few; None: xdist's own."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores + (cores + 1) // 2, MOST_WORKERS) if _files(config.args) > FEW_FILES else 0


def _files(args: list[str]) -> int:
    paths = [Path(arg.partition("::")[0]) for arg in args]
    return sum(sum(1 for _ in path.rglob("test_*.py")) if path.is_dir() else 1 for path in paths)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On a stock server only what is marked for it."""
    if not stock.is_stock():
        return
    others = [item for item in items if item.get_closest_marker("stock") is None]
    items[:] = [item for item in items if item.get_closest_marker("stock") is not None]
    config.hook.pytest_deselected(items=others)
    config.stash[LEFT_OUT] = len(others)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells its controller what it ran on."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["ran_on"] = session.config.stash.get(RAN_ON, None)
        output["counted_on"] = session.config.stash.get(COUNTED_ON, None)
        output["left_out"] = session.config.stash.get(LEFT_OUT, 0)
        output["counts"] = session.config.stash.get(COUNTS, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The controller hears what a worker ran on."""
    output = getattr(node, "workeroutput", {})
    if output.get("ran_on"):
        node.config.stash[RAN_ON] = output["ran_on"]
    if output.get("counted_on"):
        node.config.stash[COUNTED_ON] = output["counted_on"]
    node.config.stash[LEFT_OUT] = output.get("left_out", 0)
    node.config.stash.setdefault(COUNTS, []).extend(output.get("counts", []))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What it ran on, in how many processes, and what was left out and why."""
    ran_on = config.stash.get(RAN_ON, None)
    if COUNTED_ON in config.stash:
        terminalreporter.ensure_newline()
        terminalreporter.write_line(f"compiled statements counted on {config.stash[COUNTED_ON]}")
    terminalreporter.ensure_newline()
    counts: list[str] = config.stash.get(COUNTS, [])
    for line in sorted(counts):
        terminalreporter.write_line(line)
    if ran_on is None:  # nothing needed a server
        return
    workers = getattr(config.option, "numprocesses", None) or 0
    count = f"{workers} processes, each with such a server" if workers > 1 else "one process"
    terminalreporter.ensure_newline()
    terminalreporter.write_line(f"ran on {ran_on}, {count}")
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])
    )
    unmarked = config.stash.get(LEFT_OUT, 0)
    if unmarked:
        reasons["not meant for a stock server"] = unmarked
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_line(f"left out: {number} test{'s' if number > 1 else ''}: {reason}")
