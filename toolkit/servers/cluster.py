"""One PostgreSQL data folder: making it, its lock file, and a server on it that ends with this process."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..connection import SUPERUSER
from ..errors import DbtoolError
from .account import Account, can_enter, command_line, end, is_alive, run, run_as, state_dir
from .binaries import Binaries

# A process number that no system hands out; PostgreSQL takes a lock file with it for one left by a crash.
NO_PROCESS = 2**31 - 1
INITDB_TIMEOUT_SECONDS = 300
START_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 30.0
# Names a folder where what initdb makes is kept: throwaway clusters are copies of it, its number included.
KEPT_CLUSTERS = "DBTOOL_KEPT_CLUSTERS"


@dataclass(frozen=True)
class LockFile:
    """What a running (or crashed) server wrote into postmaster.pid."""

    pid: int
    data: Path
    port: int
    socket_dir: Path | None
    address: str
    """Of TCP; empty: it listens on its socket alone."""
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
        address, status = lines[5].strip(), lines[7].strip()
        return LockFile(int(lines[0]), Path(lines[1]), int(lines[3] or 0), socket_dir, address, status)
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
    words = [binaries.program("initdb"), "-U", SUPERUSER, "-E", "UTF8"]
    words += ["--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions"]
    if binaries.major >= 17:
        words += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        words += ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
    if not durable:
        words += ["--no-sync"] + (["--no-data-checksums"] if binaries.major >= 18 else [])
    kept = os.environ.get(KEPT_CLUSTERS)
    if kept and not durable:
        owner = account.uid if account else os.geteuid()
        original = Path(kept) / f"{owner}-{_digest(Path(' '.join(words)))}"
        if not original.exists():
            draft = Path(tempfile.mkdtemp(dir=kept))
            if account:
                account.own(draft)
            _make([*words, "-D", str(draft)], account, data)
            with contextlib.suppress(OSError):  # another process was first
                draft.rename(original)
        _make(["cp", "-R", f"{original}/.", str(data)], account, data)
    else:
        _make([*words, "-D", str(data)], account, data)
    try:
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n# set by dbtool\n")
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    except OSError as error:
        raise failure("PostgreSQL could not create its data folder", str(error), data) from error


def _make(words: Sequence[str], account: Account | None, data: Path) -> None:
    try:
        done = run(words, account, env=server_environment(), timeout=INITDB_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DbtoolError(
            f"PostgreSQL's initdb did not finish within {INITDB_TIMEOUT_SECONDS} seconds",
            hint=f"is the disk of {data.parent} all right?",
        ) from error
    except OSError as error:
        raise DbtoolError(f"could not run {words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise failure("PostgreSQL could not create its data folder", done.stdout, data)


def failure(message: str, log: str, data: Path) -> DbtoolError:
    """The error to show when PostgreSQL failed: its own last lines, and the way out of a common reason."""
    lines = [line for line in log.splitlines() if line.strip()][-8:]
    hint = None
    if os.strerror(errno.ENOSPC) in log or "No space left" in log:
        hint = f"the disk is full: {_free_megabytes(data)} MB are free for {data}"
    elif "could not bind" in log:
        hint = (
            "another program has the port, or it is for root alone: give a free one (dbtool up --port N),"
            " or none (--port 0)"
        )
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


# Waits on a pipe whose other end only the owner holds: when the owner ends, in whatever way, so does the
# server.
WATCHDOG = r"""
"$1" -D "$2" >> "$3/server.log" 2>&1 < /dev/null &
server=$!
trap : INT TERM HUP
cat > /dev/null
kill -QUIT $server 2> /dev/null
wait $server
rm -rf "$3" 2> /dev/null || { sleep 1; rm -rf "$3"; }
"""


@contextlib.contextmanager
def watched(
    binaries: Binaries, root: Path, account: Account | None, environment: Mapping[str, str]
) -> Iterator[None]:
    """A server on `root`/data that ends with this process, however that does.

    Raises DbtoolError with the server's own words when it does not start.
    """
    data = root / "data"
    dog = subprocess.Popen(
        ["/bin/sh", "-c", WATCHDOG, "dbtool", binaries.program("postgres"), str(data), str(root)],
        cwd="/",
        env={**server_environment(), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **run_as(account),
    )
    try:
        _wait_until_ready(dog, data, root / "server.log")
        yield
    finally:
        _end(dog, data)


def _wait_until_ready(dog: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        lock = read_lock_file(data)
        if lock is not None and lock.is_ready:
            return
        if time.monotonic() > deadline or dog.poll() is not None or _has_failed(data, log):
            said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            raise failure("PostgreSQL did not start", said, data)
        time.sleep(0.005)


def _has_failed(data: Path, log: Path) -> bool:
    """Whether the server ended at once: it has said why and holds no lock file any more."""
    return not (data / "postmaster.pid").exists() and log.exists() and b"FATAL" in log.read_bytes()


def _end(dog: subprocess.Popen[bytes], data: Path) -> None:
    """Let the watchdog end the server; end it ourselves when the watchdog was killed."""
    lock = serving(data)
    assert dog.stdin is not None
    dog.stdin.close()
    try:
        dog.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        dog.kill()
        dog.wait()
    is_left = lock is not None and is_server(lock)
    if lock is not None and is_left and not end(lock.pid, signal.SIGQUIT, STOP_TIMEOUT_SECONDS):
        raise DbtoolError(f"the throwaway server (process {lock.pid}) does not stop")


SOCKETS = Path("/tmp")  # noqa: S108  a socket's path is limited to 107 bytes; each folder below is private
DRAFT = "data.new-"


def find_data(home: Path) -> Path | None:
    """The real data folder of the server in `home`; None when it has none yet."""
    link = home / "data"
    if not link.is_symlink():
        return link.resolve() if link.exists() else None
    data = link.resolve()
    owner = _read_owner(data)
    if owner is not None and owner != home and (owner / "data").is_symlink() and owner.exists():
        return None  # this project is a copy of the one that the data belongs to
    return data if data.exists() else None


def make_place(home: Path, account: Account | None, stop: Callable[[Path], object]) -> Path:
    """Where the data of a new server in `home` is to be made, `home/data` or a link to that place.

    `stop` ends the server of a folder that is about to be discarded.
    """
    link = home / "data"
    if link.is_symlink():
        link.unlink()
    if link.exists() or account is None or can_enter(home, account):
        return link.resolve()
    place = state_dir() / f"project-{_digest(home.resolve())}"
    data = place / "data"
    if data.exists():  # of an earlier folder with this path, which was removed
        stop(data)
        shutil.rmtree(data)
    place.mkdir(exist_ok=True)
    link.symlink_to(data)
    claim(home, data)
    return data


def make_draft(data: Path) -> Path:
    """A new folder beside `data` to make it in; the initdb of a killed dbtool may still write to its own."""
    return Path(tempfile.mkdtemp(prefix=DRAFT, dir=data.parent))


def remove_drafts(data: Path) -> None:
    """Remove what killed runs left of folders in the making."""
    for draft in data.parent.glob(f"{DRAFT}*"):
        shutil.rmtree(draft, ignore_errors=True)


def claim(home: Path, data: Path) -> None:
    """Note beside data in the state folder whose it is; the project may have been moved since."""
    if (home / "data").is_symlink():
        (data.parent / "home").write_text(str(home), encoding="utf-8")


def remove(home: Path, data: Path) -> None:
    """Remove a stopped server's data. Raises DbtoolError when something is left."""
    link = home / "data"
    if link.is_symlink():
        shutil.rmtree(data.parent, ignore_errors=True)
        link.unlink()
    remove_drafts(data)
    shutil.rmtree(data, ignore_errors=True)
    if data.exists():
        raise DbtoolError(f"could not remove all of {data}", hint="it may belong to another user")


def socket_folder(data: Path, uid: int) -> Path:
    """The socket's folder: always the same for this data, unless another user has taken the name."""
    name = f"dbtool-{_digest(data)}"
    for folder in (SOCKETS / name, *(SOCKETS / f"{name}-{number}" for number in range(1, 10))):
        try:
            found = folder.lstat()
        except FileNotFoundError:
            return folder
        if stat.S_ISDIR(found.st_mode) and found.st_uid == uid:
            return folder
    raise DbtoolError(f"other users have taken every name for the server's socket, such as {SOCKETS / name}")


def _read_owner(data: Path) -> Path | None:
    try:
        return Path((data.parent / "home").read_text(encoding="utf-8"))
    except OSError:
        return None


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
