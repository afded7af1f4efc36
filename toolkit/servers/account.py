"""The operating-system user that PostgreSQL runs as.

PostgreSQL refuses to run as root, so root's servers run as `nobody`; everybody else's run as themselves.
`nobody` cannot enter folders such as /root, so what the server needs (its programs, its data) may have to
live elsewhere.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DbtoolError

UNPRIVILEGED_USER = "nobody"
STATE_DIR = Path("/var/lib/dbtool")


@dataclass(frozen=True)
class Account:
    """Numeric ids of a user that servers drop to."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give one file or folder to this user."""
        os.chown(path, self.uid, self.gid)


def user_name() -> str:
    """The name of the user who runs dbtool, as far as the system has one: in containers it may not."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def server_account() -> Account | None:
    """The account that a server must drop to, or None when it runs as the user who asked.

    Raises DbtoolError for root on a machine without the user `nobody`, and on Windows.
    """
    if sys.platform == "win32":
        raise DbtoolError(
            "dbtool runs PostgreSQL servers on Linux and macOS only",
            hint="use WSL, or name a running server with --database-url (dbtool test: --server)",
        )
    if os.geteuid() != 0:
        return None
    import pwd

    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise DbtoolError(
            f"PostgreSQL does not run as root, and there is no user {UNPRIVILEGED_USER!r} to run it as",
            hint="run dbtool as a plain user, or name a running server with --database-url",
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def run_as(account: Account | None) -> dict[str, Any]:
    """Options for `subprocess` that drop to the account (none: stay who we are)."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def run(words: Sequence[str], account: Account | None, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program as the account; its output, errors included, is text."""
    return subprocess.run(
        words,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        **run_as(account),
        **options,
    )


def can_enter(folder: Path, account: Account | None) -> bool:
    """Whether a process of the account can reach this existing folder by its path."""
    return run(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], account).returncode == 0


def state_dir() -> Path:
    """Where root keeps what `nobody` must reach: $DBTOOL_STATE_DIR, else /var/lib/dbtool; made if need be."""
    folder = Path(os.environ.get("DBTOOL_STATE_DIR") or STATE_DIR)
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise DbtoolError(
            f"cannot create {folder}: {error.strerror}",
            hint="set DBTOOL_STATE_DIR to a folder that every user may enter",
        ) from error
    return folder


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
