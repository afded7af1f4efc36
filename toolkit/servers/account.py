"""The operating-system user that PostgreSQL runs as.

PostgreSQL refuses to run as root, so root's servers run as `nobody`; everybody else's run as themselves.
`nobody` cannot enter folders such as /root, so what the server needs (its programs, its data) may have to
live elsewhere.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import DbtoolError

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


def can_enter(folder: Path, account: Account | None) -> bool:
    """Whether a process of the account can reach this existing folder by its path."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        **run_as(account),
    )
    return done.returncode == 0


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
