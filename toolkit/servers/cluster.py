"""One PostgreSQL data folder: making it, what its lock file says, why a server did not start."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.connection import SUPERUSER
from toolkit.errors import DbtoolError
from toolkit.servers.account import Account, run_as
from toolkit.servers.binaries import Binaries
from toolkit.servers.processes import command_line, is_alive

# A process number that no system hands out; PostgreSQL takes a lock file with it for one left by a crash.
NO_PROCESS = 2**31 - 1
INITDB_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class LockFile:
    """What a running (or crashed) server wrote into postmaster.pid."""

    pid: int
    data: Path
    port: int
    socket_dir: Path | None
    status: str

    @property
    def is_ready(self) -> bool:
        """Whether the server accepts connections."""
        return self.status == "ready"

    @property
    def socket(self) -> Path | None:
        """The socket that clients connect to."""
        return self.socket_dir / f".s.PGSQL.{self.port}" if self.socket_dir else None


def read_lock_file(folder: Path, name: str = "postmaster.pid") -> LockFile | None:
    """The lock file of a data folder (or of a socket); None when there is none or it is not complete yet."""
    try:
        lines = (folder / name).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
        lines += [""] * 8
        socket_dir = Path(lines[4].strip()) if lines[4].strip() else None
        return LockFile(int(lines[0]), Path(lines[1]), int(lines[3] or 0), socket_dir, lines[7].strip())
    except (OSError, ValueError):
        return None


def serving(data: Path) -> LockFile | None:
    """The lock file of the server that runs on this data folder now, or None.

    A lock file alone proves nothing: after a crash its number may belong to any other process, and in a
    copied folder it names the server of the original.
    """
    lock = read_lock_file(data)
    if lock is None or not is_server(lock):
        return None
    if lock.data.exists() and not lock.data.samefile(data):
        return None
    return lock


def disown_lock_file(data: Path) -> None:
    """Make a lock file that no server holds harmless: its process number may be another process's by now.

    Only the number is replaced. PostgreSQL still sees from the rest whether processes of the crashed server
    are left, which it would not if the file were removed.
    """
    path = data / "postmaster.pid"
    lock = read_lock_file(data)
    if lock is None:
        path.unlink(missing_ok=True)  # cut short by a crash; PostgreSQL would refuse to start
        return
    _, _, rest = path.read_bytes().partition(b"\n")
    draft = path.with_name("postmaster.pid.dbtool")
    draft.write_bytes(b"%d\n" % NO_PROCESS + rest)
    stat = path.stat()
    if os.geteuid() == 0:
        os.chown(draft, stat.st_uid, stat.st_gid)
    draft.chmod(stat.st_mode & 0o777)
    draft.replace(path)


def is_server(lock: LockFile) -> bool:
    """Whether the process that a lock file names is a PostgreSQL server on the data folder that it names."""
    if not 0 < lock.pid < NO_PROCESS or not is_alive(lock.pid):
        return False
    words = command_line(lock.pid)
    return "postgres" in words.split("\0")[0] and str(lock.data) in words


def server_environment() -> dict[str, str]:
    """The environment of server programs: English messages, UTC, nothing that the user has set for libpq."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {"LC_ALL": "C", "TZ": "UTC", **{name: os.environ[name] for name in kept if name in os.environ}}


def initialise(
    binaries: Binaries, data: Path, account: Account | None, settings: Mapping[str, str], *, durable: bool
) -> None:
    """Make a new data folder with these settings; its parent must be writable for the account.

    Text is UTF-8 and sorts by code point, the same on every system. Connections through the socket are
    trusted: only the server's own user can enter the socket's folder. Raises DbtoolError with initdb's last
    lines.
    """
    words = [binaries.program("initdb"), "-D", str(data), "-U", SUPERUSER, "-E", "UTF8"]
    words += ["--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions"]
    if binaries.major >= 17:
        words += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        words += ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
    if not durable:
        words += ["--no-sync"] + (["--no-data-checksums"] if binaries.major >= 18 else [])
    try:
        done = subprocess.run(
            words,
            cwd="/",
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=INITDB_TIMEOUT_SECONDS,
            **run_as(account),
        )
    except subprocess.TimeoutExpired as error:
        raise DbtoolError(
            f"PostgreSQL's initdb did not finish within {INITDB_TIMEOUT_SECONDS} seconds",
            hint=f"is the disk of {data.parent} all right?",
        ) from error
    except OSError as error:
        raise DbtoolError(f"could not run {words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise failure("PostgreSQL could not create its data folder", done.stdout, data)
    try:
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n# set by dbtool\n")
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    except OSError as error:
        raise failure("PostgreSQL could not create its data folder", str(error), data) from error


def failure(message: str, log: str, data: Path) -> DbtoolError:
    """The error to show when PostgreSQL failed: its own last lines, and the way out of a common reason."""
    lines = [line for line in log.splitlines() if line.strip()][-8:]
    hint = None
    if os.strerror(errno.ENOSPC) in log or "No space left" in log:
        hint = f"the disk is full: {_free_megabytes(data)} MB are free for {data}"
    elif "Permission denied" in log or "could not change permissions" in log:
        hint = f"the user that PostgreSQL runs as must own {data} on a file system with Unix permissions"
    elif "shared memory" in log and "still in use" in log:
        hint = f"processes of a crashed server still use {data}; end them, then try again"
    return DbtoolError(message, detail="\n".join(lines) or "it said nothing", hint=hint)


def _free_megabytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
        return shutil.disk_usage(existing).free // 2**20
    return 0
