"""dbtool in processes of its own that need not import it: forks of one that has, and has done nothing else.

A fork has the arguments, the folder, the environment and the streams of a command that was started, and ends
with its exit code. What an interpreter reads as it starts (see `is_possible`) takes a new one.
"""

from __future__ import annotations

import multiprocessing
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["tests.forks", "jinja2", "psycopg", "rich.console", "rich.progress", "rich.table", "yoyo"]
    + [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "toolkit").rglob("*.py")
        if path.stem not in ("__init__", "__main__", "plugin") and "starter" not in path.parts
    ]
)
AT_START = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "DYLD_")
"""Variables that are read but once, by the interpreter or the C library."""


def is_possible(env: Mapping[str, str]) -> bool:
    """Whether these variables mean something to a process that runs already."""
    return not any(name.startswith(AT_START) for name in env)


def run(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` says of `dbtool WORDS`; its output ends when nobody can write to it any more."""
    pipes = [FORKS.Pipe(duplex=False) for _ in range(3)]
    (child_in, to_child), (from_child, child_out), (errors, child_err) = pipes
    streams = (child_in, child_out, child_err)
    process = FORKS.Process(target=_be_dbtool, args=(list(words), str(cwd), dict(env), streams))
    process.start()
    for each in streams:
        each.close()
    try:
        stdout, stderr = _exchange(to_child, stdin.encode(), (from_child, errors), time.monotonic() + timeout)
        process.join(timeout)
        if process.exitcode is None:
            raise TimeoutError(f"dbtool {words} does not end")
    finally:
        for each in (to_child, from_child, errors):
            each.close()
        if process.exitcode is None:
            process.kill()
            process.join()
    return subprocess.CompletedProcess(words, process.exitcode, stdout.decode(), stderr.decode())


def run_anew(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    """The same by a new interpreter."""
    return subprocess.run(
        [sys.executable, "-m", "toolkit", *words],
        cwd=cwd,
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _exchange(to_child: Pipe, stdin: bytes, readers: Sequence[Pipe], deadline: float) -> list[bytes]:
    """Writes what there is to be read, and reads until nobody writes."""
    said = {each.fileno(): b"" for each in readers}
    left = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        for number in said:
            selector.register(number, selectors.EVENT_READ)
        os.set_blocking(to_child.fileno(), False)
        selector.register(to_child.fileno(), selectors.EVENT_WRITE)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            if not ready:
                raise TimeoutError(f"dbtool does not end; it said {said}")
            for key, _ in ready:
                if key.events == selectors.EVENT_WRITE:
                    try:
                        left = left[os.write(key.fd, left) if left else 0 :]
                    except BrokenPipeError:
                        left = left[:0]
                    if not left:
                        selector.unregister(key.fd)
                        to_child.close()
                elif chunk := os.read(key.fd, 2**16):
                    said[key.fd] += chunk
                else:
                    selector.unregister(key.fd)
    return list(said.values())


def _be_dbtool(words: list[str], cwd: str, env: dict[str, str], streams: Sequence[Pipe]) -> Any:
    from toolkit.cli import main

    for number, pipe in enumerate(streams):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["dbtool", *words]
    main()
