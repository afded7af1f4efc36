"""A project: a folder with `schema.sql` and `migrations/`, found on disk or inside the installed package."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .. import __version__
from ..configuration import read_setting
from ..errors import DbtoolError, UsageProblem
from ..sql.script import extensions_in, irreversible, is_transactional

SCHEMA_ID = "schema"
HISTORY = "history"
"""The setting that keeps the history of one of several projects in a database apart."""
EXTENDS, PACKAGED = "extends", "laurel"
"""The setting for the project on which one stands: "laurel" is the packaged one, else it is a folder."""
SETUP = "setup"
"""The setting for a file with what a project expects of a server: roles, extensions, schemas of others."""
RELEASED = "released"
"""The setting that says which migration a release has last."""
ROLLBACK_SUFFIX = ".rollback.sql"
_MIGRATION_NAME = re.compile(r"migration([0-9]+)(?:[_-]+(.*))?")
# What `dbtool squash` leaves at the top of schema.sql: for which scripts it stands, and the digest of the
# texts that were applied. Of a file that was squashed more than once, each older history has its own line.
_SQUASHED = re.compile(r"^-- squashed: through migration([0-9]+) as ([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True)
class Script:
    """One file that a database runs: `schema.sql` (number 0) or `migrationN.sql`."""

    id: str
    number: int
    path: Path
    rollback_path: Path | None

    @property
    def stem(self) -> str:
        """The file's name without `.sql`; the name under which yoyo knows it."""
        return self.path.stem

    @cached_property
    def text(self) -> str:
        """The file's text without byte order mark and with LF line ends."""
        return read_sql(self.path)

    @cached_property
    def rollback_text(self) -> str | None:
        """The text of the rollback file, None where there is none."""
        return None if self.rollback_path is None else read_sql(self.rollback_path)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the text, as 64 hexadecimal digits; the same for CRLF and LF, with and without mark."""
        return checksum(self.text)

    @property
    def transactional(self) -> bool:
        """False when the leading comments hold a line `-- transactional: false`."""
        return is_transactional(self.text, self.path)

    @property
    def description(self) -> str:
        """What its name says after the number, such as `add index` of migration7_add_index.sql."""
        match = _MIGRATION_NAME.fullmatch(self.path.stem)
        return re.sub(r"[_-]+", " ", match[2] or "").strip() if match else ""

    @property
    def irreversible(self) -> str | None:
        """Why it cannot be undone, or not exactly: by a line `-- irreversible: why` of one of its files."""
        said = irreversible(self.text, self.path)
        if said is None and self.rollback_path is not None:
            said = irreversible(self.rollback_text or "", self.rollback_path)
        return said


@dataclass(frozen=True)
class Project:
    """The SQL files below one folder."""

    root: Path
    prefix: str = ""
    """What messages put before the names of its scripts and files, where another project stands on it."""

    @classmethod
    def find(cls, start: Path) -> Project:
        """The project around `start`: the nearest folder upwards, else the SQL of the installed package.

        Raises UsageProblem when there is neither.
        """
        start = start.resolve()
        for folder in (start, *start.parents):
            if _is_project(folder):
                return cls(folder)
        for folder in (start, *start.parents):
            lacks = _lacks(folder)
            if lacks:
                raise UsageProblem(
                    f"{folder} is half a project: it has no {lacks}",
                    hint="It needs both. --project names another folder, and `dbtool init` starts a project.",
                )
        for folder in _packaged_roots():
            if _is_project(folder):
                return cls(folder)
        raise UsageProblem(
            f"no project found in {start} or above it",
            hint="A folder with schema.sql and migrations/: --project names one, `dbtool init` starts one.",
        )

    @classmethod
    def open(cls, root: Path) -> Project:
        """The project in exactly this folder. Raises UsageProblem when it holds no schema.sql."""
        if not (root / "schema.sql").is_file():
            raise UsageProblem(
                f"{root} is not a project: it has no schema.sql",
                hint="A project is a folder with schema.sql and migrations/.",
            )
        return cls(root.resolve())

    @property
    def is_packaged(self) -> bool:
        """True for the SQL inside the installed package, which is not to be written to."""
        return self.root == _packaged_roots()[0]

    def __str__(self) -> str:
        """What it is, for people: `Laurel 0.1.0, packaged`, or its folder and on what it stands."""
        name = f"Laurel {__version__}, packaged" if self.is_packaged else str(self.root)
        return f"{name}, on {self.base}" if self.base else name

    @cached_property
    def base(self) -> Project | None:
        """The project on which this one stands, with a history of its own in the same database; else None.

        Raises UsageProblem where the setting `extends` names none.
        """
        named = read_setting(self.root, EXTENDS)
        if named is None:
            return None
        roots = _packaged_roots() if named == PACKAGED else ((self.root / str(named)).resolve(),)
        root = next((each for each in roots if _is_project(each)), self.root)
        if root == self.root or read_setting(root, EXTENDS) is not None:
            raise UsageProblem(
                f"{EXTENDS} = {named!r} in {self.root} names no project to stand on",
                hint=f'It is "{PACKAGED}", or a folder with schema.sql and migrations/ that extends none.',
            )
        base = Project(root, f"{PACKAGED if named == PACKAGED else root.name}:")
        if base.history == self.history:
            raise UsageProblem(f"{self.root} and {root} have one history", hint=f"Set another `{HISTORY}`.")
        return base

    @property
    def stack(self) -> tuple[Project, ...]:
        """The project on which this one stands, if there is one, and this one."""
        return (self.base, self) if self.base else (self,)

    @cached_property
    def released(self) -> int | None:
        """The number of the last script that a release has; -1 for none at all, None where nothing is said.

        It is `released` below [tool.dbtool]: 0 for none, "schema" for schema.sql alone, else the number of a
        migration. Raises UsageProblem for something else.
        """
        return _released(read_setting(self.root, RELEASED))

    @cached_property
    def history(self) -> str:
        """The schema with its history: dbtool, or dbtool_NAME for the name in the setting `history`.

        NAME is `own` where nothing is said and the project stands on another.

        Raises UsageProblem for a name that is none.
        """
        name = read_setting(self.root, HISTORY)
        if name is None:
            return "dbtool" if read_setting(self.root, EXTENDS) is None else "dbtool_own"
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise UsageProblem(
                f"{HISTORY} = {name!r} is no name", hint="It is made of a-z, 0-9 and _, at most 40 of them."
            )
        return f"dbtool_{name}"

    @property
    def setup(self) -> str:
        """What a throwaway database gets first: the file that the setting `setup` names; else nothing."""
        name = read_setting(self.root, SETUP)
        if name is not None and not (isinstance(name, str) and (self.root / name).is_file()):
            raise UsageProblem(f"{SETUP} = {name!r} names no file of {self.root}")
        before = f"{self.base.setup}\n" if self.base else ""
        return before + (read_sql(self.root / name) if name else "")

    @property
    def schema_file(self) -> Path:
        return self.root / "schema.sql"

    @property
    def migrations_dir(self) -> Path:
        return self.root / "migrations"

    @property
    def seeds_dir(self) -> Path:
        return self.root / "seeds"

    @property
    def source_dirs(self) -> tuple[Path, Path, Path]:
        """Where the current text of every function, trigger and view lives."""
        return self.root / "functions", self.root / "triggers", self.root / "views"

    def scripts(self) -> list[Script]:
        """Every script in the order in which a database runs them: the schema, then by number.

        Raises DbtoolError for a file whose name does not say its number and for two files with one number.
        """
        rollback = self.schema_file.with_name("schema" + ROLLBACK_SUFFIX)
        undone_by = rollback if rollback.is_file() else None
        found = {0: Script(self.prefix + SCHEMA_ID, 0, self.schema_file, undone_by)}
        folder = self.migrations_dir
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        for name in sorted(names):
            lower = name.lower()
            if not lower.endswith(".sql") or lower.endswith(ROLLBACK_SUFFIX) or lower.startswith("."):
                continue
            path = folder / name
            match = _MIGRATION_NAME.fullmatch(path.stem)
            number = int(match[1]) if match else 0
            if number < 1:
                raise DbtoolError(
                    f"{self.relative(path)} is not named like a migration",
                    hint="Name it migrationN.sql with N counting from 1, or move it out of migrations/.",
                )
            if number in found:
                raise DbtoolError(
                    f"two files claim migration {number}: {found[number].path.name} and {path.name}",
                    hint="Give one of them the next free number.",
                )
            beside = name[: -len(".sql")] + ROLLBACK_SUFFIX
            undone_by = folder / beside if beside in names else None
            found[number] = Script(f"{self.prefix}migration{number}", number, path, undone_by)
        return [found[number] for number in sorted(found)]

    def texts(self, scripts: Iterable[Script] | None = None) -> list[tuple[int, str]]:
        """Numbers and texts of scripts, else of all; what it stands on comes first, numbered likewise."""
        own = [(each.number, each.text) for each in (self.scripts() if scripts is None else scripts)]
        below = [text for _, text in self.base.texts()] if self.base else []
        return list(enumerate([*below, *(text for _, text in own)])) if below else own

    @property
    def extensions(self) -> set[str]:
        """Those that its scripts and its setup make, as they are written."""
        return extensions_in([self.setup, *(text for _, text in self.texts())])

    def relative(self, path: Path) -> str:
        """The path as messages show it: below the project's root, with forward slashes."""
        if self.base and path.is_relative_to(self.base.root) and not self.root.is_relative_to(self.base.root):
            return self.base.relative(path)
        if path.is_relative_to(self.root):
            return self.prefix + path.relative_to(self.root).as_posix()
        return self.base.relative(path) if self.base else str(path)


class Snapshot(Project):
    """A project whose scripts are read once: for what goes through them again and again."""

    @cached_property
    def _scripts(self) -> list[Script]:
        return super().scripts()

    def scripts(self) -> list[Script]:
        """Every script, as it was when they were asked for first."""
        return self._scripts


def read_sql(path: Path) -> str:
    """The text of an SQL file: UTF-8, byte order mark dropped, CRLF turned into LF.

    Raises DbtoolError, naming the line, for bytes that are no UTF-8 or NUL: PostgreSQL takes neither.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DbtoolError(f"cannot read {path}: {error.strerror}") from error
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DbtoolError(f"{path}:{line}: not UTF-8", hint="Save the file as UTF-8.") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DbtoolError(f"{path}:{line}: the file holds a NUL byte", hint="Save the file as UTF-8.")
    return text


def released_number(text: str) -> int | None:
    """What the text of pyproject.toml or dbtool.toml says of `released`, as Project.released does."""
    from ..configuration import parse_toml

    table = parse_toml(text, "pyproject.toml")
    return _released(table.get(RELEASED, table.get("tool", {}).get("dbtool", {}).get(RELEASED)))


def _released(value: object) -> int | None:
    if value is None or value == SCHEMA_ID:
        return None if value is None else 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageProblem(
            f"{RELEASED} = {value!r} is no number of a migration",
            hint='It is the number of the last migration that was released, 0 for none, or "schema".',
        )
    return value or -1


def checksum(text: str) -> str:
    """SHA-256 of a text, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Squash:
    """One history that a schema.sql stands for."""

    through: int
    digest: str

    def __str__(self) -> str:
        return f"-- squashed: through migration{self.through} as {self.digest}"


def squashes(schema: Script) -> list[Squash]:
    """The histories that a schema.sql stands for; none when it was never squashed."""
    return [Squash(int(match[1]), match[2]) for match in _SQUASHED.finditer(schema.text)]


def squashed_through(schema: Script) -> int:
    """The number of the last migration in a squashed schema.sql, 0 for one that is none."""
    return max((each.through for each in squashes(schema)), default=0)


def digest(scripts: Iterable[tuple[int, str]], before: str = "") -> str:
    """The digest of scripts, given as number and checksum; `before` is that of those that came earlier."""
    for number, checksum in scripts:
        before = hashlib.sha256(f"{before}{number}:{checksum}\n".encode()).hexdigest()
    return before


def natural_key(name: str) -> list[tuple[int, str]]:
    """A sort key that puts file2 before file10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _is_project(folder: Path) -> bool:
    return (folder / "schema.sql").is_file() and (folder / "migrations").is_dir()


def _lacks(folder: Path) -> str | None:
    """What a folder with one half of a project lacks."""
    if (folder / "schema.sql").is_file():
        return "migrations/"
    if any((folder / "migrations").glob("migration[0-9]*.sql")):
        return "schema.sql"
    says = any(read_setting(folder, name) is not None for name in (EXTENDS, HISTORY, RELEASED))
    says = says or any(any((folder / name).glob("*/*.sql")) for name in ("functions", "triggers", "views"))
    return "schema.sql and no migrations/" if says else None


def _packaged_roots() -> tuple[Path, Path]:
    """The SQL in an installed wheel, and in the checkout of an editable install."""
    package = Path(__file__).resolve().parents[1]
    return package / "database", package.parent
