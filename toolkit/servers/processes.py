"""Asks the system about processes, and ends them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from toolkit.errors import DbtoolError


def is_alive(pid: int) -> bool:
    """Whether a process with this number runs; one that ended and waits to be collected does not."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return line.rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return True


def command_line(pid: int) -> str:
    """The command line of a process, words divided by NUL where the system says; empty when it is gone."""
    if Path("/proc/self/cmdline").exists():
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes())
        except OSError:
            return ""
    done = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout


def end(pid: int, signal_number: int, timeout: float) -> bool:
    """Signal a process and wait up to `timeout` seconds for its end; returns whether it ended.

    Raises DbtoolError when it belongs to another user.
    """
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return True
    except PermissionError as error:
        raise DbtoolError(f"process {pid} is PostgreSQL of another user, who alone can stop it") from error
    deadline = time.monotonic() + timeout
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def end_servers_in(folder: Path) -> None:
    """End what a killed server left running: its processes still work in its data folder. Linux only."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder and "postgres" in (entry / "comm").read_text(
                encoding="utf-8"
            ):
                os.kill(int(entry.name), signal.SIGQUIT)
