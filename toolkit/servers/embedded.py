"""The embedded server: a PostgreSQL of the project's own, started by `dbtool up`, its data in `.dbtool/`.

It listens on a Unix socket in a short private folder and, unless asked to, on no TCP port, so any number of
projects run side by side. It survives reboots, crashes and `kill -9`: what runs is decided by asking the
system, not by a lock file that was left.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from ..connection import PORT, SUPERUSER, connect, own_server, socket_url
from ..errors import DbtoolError, LockTimeout
from . import cluster
from .account import Account, can_enter, end, end_servers_in, is_alive, run_as, server_account
from .binaries import Binaries, find_binaries, for_account

LOCK_TIMEOUT_SECONDS = 120.0
START_TIMEOUT_SECONDS = 600
STOP_TIMEOUT_SECONDS = 60
ORPHAN_ATTEMPTS = 15
LOG_LIMIT_BYTES = 10_000_000
TCP = "localhost"
# The data is the user's: durable, as PostgreSQL's defaults are. Only what makes it private and predictable
# is set.
SETTINGS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_permissions": "0700",
}

Report = Callable[[str], None]


class EmbeddedServer:
    """The server whose data lives in the folder `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()

    @cached_property
    def binaries(self) -> Binaries:
        """The programs it runs. Raises DbtoolError when the machine has none."""
        return for_account(find_binaries(), self._account)

    @property
    def bin(self) -> Path:
        """The folder with `postgres`, `psql` and `pg_dump`."""
        return self.binaries.bin

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.home / "server.log"

    def is_running(self) -> bool:
        """Whether it accepts connections now."""
        data = cluster.find_data(self.home)
        lock = cluster.serving(data) if data else None
        return lock is not None and lock.is_ready

    def url(self, dbname: str = "app") -> str:
        """libpq URL of one of its databases, as superuser; no password: only its owner reaches the socket."""
        data = cluster.find_data(self.home)
        if data is None:
            raise DbtoolError(f"there is no server in {self.home} yet", hint="start it: dbtool up")
        lock = cluster.serving(data)
        if lock is not None and lock.socket_dir is not None:
            return own_server(socket_url(lock.socket_dir, dbname, lock.port), data)
        return own_server(socket_url(cluster.socket_folder(data, self._uid), dbname), data)

    def tcp_url(self, dbname: str = "app") -> str | None:
        """libpq URL for tools that need TCP, without the password; None without a port."""
        port = self._port()
        return f"postgresql://{SUPERUSER}@{TCP}:{port}/{quote(dbname, safe='')}" if port else None

    def start(self, report: Report = lambda _: None, port: int | None = None) -> bool:
        """Start it, making its data and the database `app` at first; returns whether it was running already.

        With a `port` it listens on that one of localhost too, from now on, for who has the password; with 0
        no more; where it runs with another one, it is started again. A port with which it does not start is
        not kept. Several processes may call this at once.
        `report` hears about what takes long. Raises DbtoolError with the server's own words when it does not
        start, and LockTimeout when another dbtool holds it for two minutes.
        """
        _ = self._account  # says so where dbtool cannot run servers
        with self._locked():
            self._keep_private()
            self._rotate_log()
            before = self._port()
            if port is not None:
                self._write(self.home / "port", str(port))
            was_running = self._find_running(report)
            if not was_running:
                data = self._prepare(report)
                try:
                    self._launch(data, report)
                except DbtoolError:
                    if port is not None:
                        self._write(self.home / "port", str(before))
                    raise
            self.ensure_database("app")
            if self._port() and not self.password_file.exists():
                self._set_password()
            return was_running

    def stop(self) -> bool:
        """Stop it, rolling back what is open; returns whether it was running."""
        if not self.home.is_dir():
            return False
        with self._locked():
            data = cluster.find_data(self.home)
            return data is not None and self._stop(data)

    def destroy(self) -> bool:
        """Stop it and remove all its data; returns whether there was any."""
        if not self.home.is_dir():
            return False
        with self._locked():
            data = cluster.find_data(self.home)
            if data is None:
                return False
            self._stop(data)
            shutil.rmtree(cluster.socket_folder(data, self._uid), ignore_errors=True)
            cluster.remove(self.home, data)
            for leftover in (*self._logs(), self.password_file, self.home / "port"):
                leftover.unlink(missing_ok=True)
            return True

    # -- where things are ------------------------------------------------------------------------------------

    @cached_property
    def _account(self) -> Account | None:
        """Who the server runs as: the owner of the data that is there, else see `server_account`."""
        account = server_account()
        data = self.home / "data"
        if account is not None and data.exists():
            owner = data.stat()
            if owner.st_uid != 0:
                return Account(owner.st_uid, owner.st_gid)
        return account

    @property
    def _uid(self) -> int:
        return self._account.uid if self._account else os.geteuid()

    @property
    def password_file(self) -> Path:
        """The password for TCP, which nobody but the owner of the folder can read."""
        return self.home / "password"

    def _port(self) -> int:
        """The port of localhost on which it listens too; 0: none."""
        try:
            return int((self.home / "port").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return 0

    def _set_password(self) -> None:
        """Make a password for TCP. The file is written last: where it is, the password holds."""
        from psycopg import sql

        password = secrets.token_urlsafe(24)
        with connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("set log_statement = 'none'; set log_min_error_statement = 'panic'")
            connection.execute(
                sql.SQL("alter role {} password {}").format(sql.Identifier(SUPERUSER), sql.Literal(password))
            )
        self._write(self.password_file, password)

    def _write(self, path: Path, text: str) -> None:
        draft = path.with_name(f"{path.name}.new")  # a file that is there is whole
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text + "\n")
        self._belongs_to_home(draft)
        draft.replace(path)

    # -- one at a time ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock; the system releases it when this process ends, however it ends."""
        import fcntl

        self._make_home()
        path = self.home / "lock"
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        with path.open("a", encoding="utf-8") as file:
            self._belongs_to_home(path)
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise LockTimeout(
                            f"another dbtool has been starting or stopping the server in {self.home} "
                            f"for {LOCK_TIMEOUT_SECONDS:.0f} seconds"
                        ) from None
                    time.sleep(0.05)
            yield

    def _make_home(self) -> None:
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            ignore = self.home / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
                self._belongs_to_home(ignore)
        except OSError as error:
            raise DbtoolError(
                f"cannot keep the embedded server in {self.home}: {error.strerror}",
                hint="name a running server with --database-url, or a project folder that you may write to",
            ) from error

    def _keep_private(self) -> None:
        """Close the folder to other users: the log has learners' data in it. Also those of older servers."""
        account = self._account
        if os.geteuid() == 0 and account is not None and self.home.stat().st_uid == 0:
            account.own(self.home)  # its data may lie in there
        if os.geteuid() in (0, self.home.stat().st_uid):
            self.home.chmod(0o700)
            if account is not None and (self.home / "data").is_dir() and not can_enter(self.home, account):
                self.home.chmod(0o711)  # another user's folder with data of the server's in it
            for log in self._logs():
                with contextlib.suppress(FileNotFoundError):
                    log.chmod(0o600)

    def _logs(self) -> tuple[Path, Path]:
        return self.log, self.log.with_suffix(".log.1")

    def _rotate_log(self) -> None:
        """Put a log that has grown too large aside; a server that runs goes on in the file, emptied."""
        log, old = self._logs()
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > LOG_LIMIT_BYTES:
                shutil.copy2(log, old)
                self._belongs_to_home(old)
                os.truncate(log, 0)

    def _belongs_to_home(self, path: Path) -> None:
        """Give what root makes in another user's folder to that user, who could not open it otherwise."""
        if os.geteuid() == 0:
            owner = self.home.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    # -- starting --------------------------------------------------------------------------------------------

    def _find_running(self, report: Report) -> bool:
        """Whether our server runs, waiting while it starts; ends one that nobody can reach any more."""
        data = cluster.find_data(self.home)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        told = False
        while data and (lock := cluster.serving(data)):
            if lock.is_ready:
                asked = (self._port() or PORT, self._port() > 0)
                is_as_asked = (lock.port, lock.address == TCP) == asked
                if lock.socket is not None and lock.socket.exists() and is_as_asked:
                    cluster.claim(self.home, data)
                    return True
                self._stop(data)  # its socket was cleaned away, or another port is asked for
                return False
            if time.monotonic() > deadline:
                raise DbtoolError(f"the server in {self.home} stays {lock.status!r}", hint=f"see {self.log}")
            if not told:
                report(f"the server is {lock.status or 'starting'}; waiting for it")
                told = True
            time.sleep(0.05)
        return False

    def _prepare(self, report: Report) -> Path:
        """Bring the data folder into the state in which a server can start on it; makes it at first."""
        found = cluster.find_data(self.home)
        data = found or cluster.make_place(self.home, self._account, self._stop)
        cluster.claim(self.home, data)
        version_file = data / "PG_VERSION"
        if version_file.exists():
            self._check_usable(data, version_file.read_text(encoding="utf-8").strip())
            if (data / "postmaster.pid").exists():
                report("the server did not stop properly last time; it recovers by itself")
                cluster.disown_lock_file(data)
            return data
        if data.exists() and any(data.iterdir()):
            raise DbtoolError(
                f"{data} is not empty and not a PostgreSQL data folder",
                hint="move away what is in it, then try again",
            )
        report(f"making a new PostgreSQL {self.binaries.major} server")
        self.password_file.unlink(missing_ok=True)  # of data that was removed by hand, or of a copied folder
        cluster.remove_drafts(data)
        draft = cluster.make_draft(data)
        if self._account:
            self._account.own(draft)
        try:
            cluster.initialise(self.binaries, draft, self._account, SETTINGS, durable=True)
            if data.exists():
                data.rmdir()
            draft.rename(data)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return data

    def _check_usable(self, data: Path, major: str) -> None:
        if data.stat().st_uid != self._uid:
            raise DbtoolError(
                f"the data in {data} belongs to another user",
                hint="run dbtool as that user or as root; root can remove the data: dbtool down --destroy",
            )
        if major != str(self.binaries.major):
            raise DbtoolError(
                f"the data in {data} is of PostgreSQL {major}, but the programs in {self.bin} are "
                f"{self.binaries.version}",
                hint=f"set DBTOOL_PG_BIN to the programs of PostgreSQL {major}, "
                "or start over: dbtool down --destroy",
            )

    def _launch(self, data: Path, report: Report) -> None:
        """Start the server process and wait until it accepts connections."""
        for attempt in range(1, ORPHAN_ATTEMPTS + 1):
            said = self._try_launch(data, report)
            if said is None:
                return
            if "still in use" not in said or attempt == ORPHAN_ATTEMPTS:
                raise cluster.failure("PostgreSQL did not start", said, data)
            # The main process was killed and some of its children have not noticed yet.
            report("waiting for processes of the crashed server to end")
            end_servers_in(data)
            time.sleep(1)

    def _try_launch(self, data: Path, report: Report) -> str | None:
        """One attempt; returns None when the server is up, else what it said."""
        options = f"-c unix_socket_directories={shlex.quote(str(self._make_socket_dir(data)))}"
        if self._port():
            options += f" -c listen_addresses={TCP} -c port={self._port()}"
        with self._open_log() as log:
            begin = log.seek(0, os.SEEK_END)
            starting = self._pg_ctl("start", data, START_TIMEOUT_SECONDS, "-o", options, output=log)
            try:
                starting.wait(3)
            except subprocess.TimeoutExpired:
                report(f"still starting; its log is {self.log}")
            if starting.wait() == 0:
                return None
            if cluster.serving(data):
                raise DbtoolError(
                    f"PostgreSQL is not ready after {START_TIMEOUT_SECONDS} seconds", hint=f"see {self.log}"
                )
            log.seek(begin)
            return log.read().decode("utf-8", "replace")

    def _pg_ctl(
        self, verb: str, data: Path, timeout: int, *more: str, output: Any
    ) -> subprocess.Popen[bytes]:
        """Has pg_ctl start or stop the server and wait for it."""
        words = [self.binaries.program("pg_ctl"), verb, "-sw", "-t", str(timeout), "-D", str(data), *more]
        return subprocess.Popen(
            words,
            cwd="/",
            env=cluster.server_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **run_as(self._account),
        )

    def _open_log(self) -> IO[bytes]:
        file = os.fdopen(os.open(self.log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b")
        self._belongs_to_home(self.log)
        return file

    def _make_socket_dir(self, data: Path) -> Path:
        """An empty private folder for the socket. Our server does not run: what is in it is left over."""
        folder = cluster.socket_folder(data, self._uid)
        for path in folder.glob(".s.PGSQL.*.lock"):
            orphan = cluster.read_lock_file(folder, path.name)
            if orphan is not None and orphan.data == data and cluster.is_server(orphan):
                end(orphan.pid, signal.SIGQUIT, 10)  # its data was deleted under it
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        if self._account:
            self._account.own(folder)
        return folder

    def databases(self) -> list[str]:
        """The names of its databases that are not PostgreSQL's own. The server has to run."""
        with connect(self.url()) as connection:
            found = connection.execute(
                "select datname from pg_database where not datistemplate and datname <> 'postgres' order by 1"
            )
            return [str(name) for (name,) in found]

    def ensure_database(self, name: str) -> None:
        """Make one of its databases, unless it is there. The server has to run."""
        import psycopg
        from psycopg import sql

        try:
            with connect(self.url("postgres"), autocommit=True) as connection:
                if not connection.execute("select from pg_database where datname = %s", [name]).fetchall():
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            pass  # what a killed start had asked for was done in this moment
        except DbtoolError as error:
            error.hint = error.hint or f"see {self.log}"
            raise

    # -- stopping --------------------------------------------------------------------------------------------

    def _stop(self, data: Path) -> bool:
        lock = cluster.serving(data)
        if lock is None:
            return False
        for mode in ("fast", "immediate"):
            self._pg_ctl("stop", data, STOP_TIMEOUT_SECONDS, "-m", mode, output=subprocess.DEVNULL).wait()
            if not is_alive(lock.pid):
                break
        else:
            raise DbtoolError(f"the server (process {lock.pid}) does not stop", hint=f"see {self.log}")
        if lock.socket_dir is not None and lock.socket_dir.name.startswith("dbtool-"):
            shutil.rmtree(lock.socket_dir, ignore_errors=True)
        return True
