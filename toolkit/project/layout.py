"""A project: a folder with `schema.sql` and `migrations/`, found on disk or inside the installed package."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from toolkit.errors import DbtoolError, UsageProblem
from toolkit.sql.script import extensions_in

SCHEMA_ID = "schema"
HISTORY = "history"
"""The setting that keeps the history of one of several projects in a database apart."""
SETUP = "setup"
"""The setting for a file with what a project expects of a server: roles, extensions, schemas of others."""
RELEASED = "released"
"""The setting that says which migration a release has last."""
ROLLBACK_SUFFIX = ".rollback.sql"
_MIGRATION_NAME = re.compile(r"migration([0-9]+)(?:[_-]+(.*))?")
# What `dbtool squash` leaves at the top of schema.sql: for which scripts it stands, and the digest of the
# texts that were applied. Of a file that was squashed more than once, each older history has its own line.
_SQUASHED = re.compile(r"^-- squashed: through migration([0-9]+) as ([0-9a-f]{64})$", re.MULTILINE)
_DIRECTIVE = re.compile(
    r"--\s*(transactional|irreversible|lock_timeout|statement_timeout)\s*:\s*(.*)", re.IGNORECASE
)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, None: 1.0}


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
                    hint="A project has schema.sql and migrations/; name another with --project DIR.",
                )
        for folder in _packaged_roots():
            if _is_project(folder):
                return cls(folder)
        raise UsageProblem(
            f"no project found in {start} or above it",
            hint="A project is a folder with schema.sql and migrations/; name one with --project DIR.",
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

    @cached_property
    def released(self) -> int | None:
        """The number of the last script that a release has; -1 for none at all, None where nothing is said.

        It is `released` below [tool.dbtool]: 0 for none, "schema" for schema.sql alone, else the number of a
        migration. Raises UsageProblem for something else.
        """
        from toolkit.configuration import read_setting

        return _released(read_setting(self.root, RELEASED))

    @cached_property
    def history(self) -> str:
        """The schema with its history: dbtool, or dbtool_NAME for the name in the setting `history`.

        Raises UsageProblem for a name that is none.
        """
        from toolkit.configuration import read_setting

        name = read_setting(self.root, HISTORY)
        if name is None:
            return "dbtool"
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise UsageProblem(
                f"{HISTORY} = {name!r} is no name", hint="It is made of a-z, 0-9 and _, at most 40 of them."
            )
        return f"dbtool_{name}"

    @property
    def setup(self) -> str:
        """What a throwaway database gets first: the file that the setting `setup` names; else nothing."""
        from toolkit.configuration import read_setting

        name = read_setting(self.root, SETUP)
        if name is not None and not (isinstance(name, str) and (self.root / name).is_file()):
            raise UsageProblem(f"{SETUP} = {name!r} names no file of {self.root}")
        return read_sql(self.root / name) if name else ""

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
        found = {0: _script(SCHEMA_ID, 0, self.schema_file)}
        for path in self._migration_files():
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
            found[number] = _script(f"migration{number}", number, path)
        return [found[number] for number in sorted(found)]

    @property
    def extensions(self) -> set[str]:
        """Those that its scripts make, as they are written."""
        return extensions_in(script.text for script in self.scripts())

    def relative(self, path: Path) -> str:
        """The path as messages show it: below the project's root, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def _migration_files(self) -> Iterator[Path]:
        if self.migrations_dir.is_dir():
            for path in sorted(self.migrations_dir.iterdir()):
                name = path.name.lower()
                if name.endswith(".sql") and not name.endswith(ROLLBACK_SUFFIX) and not name.startswith("."):
                    yield path


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
    from toolkit.configuration import parse_toml

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


def is_transactional(text: str, path: Path) -> bool:
    """Whether a script runs in one transaction: unless its leading comments say `-- transactional: false`."""
    for line, value in _directives(text, "transactional"):
        if value.lower() not in ("true", "false"):
            raise DbtoolError(f"{path}:{line}: transactional must be true or false, not {value!r}")
        return value.lower() == "true"
    return True


def irreversible(text: str, path: Path) -> str | None:
    """Why a script cannot be undone, where its leading comments say so."""
    for line, value in _directives(text, "irreversible"):
        if not value:
            raise DbtoolError(f"{path}:{line}: irreversible needs a reason: -- irreversible: why")
        return value
    return None


def own_limits(text: str, path: Path) -> dict[str, float]:
    """The seconds that `-- lock_timeout: 2s` and `-- statement_timeout: 10min` give: `lock`, `statement`."""
    found: dict[str, float] = {}
    for name in ("lock_timeout", "statement_timeout"):
        for line, value in _directives(text, name):
            match = _DURATION.fullmatch(value.lower())
            if not match:
                raise DbtoolError(f"{path}:{line}: {name} must be a time such as 500ms, 2s, 5min or 0")
            found.setdefault(name.removesuffix("_timeout"), float(match[1]) * _SECONDS[match[2]])
    return found


def _directives(text: str, name: str) -> Iterator[tuple[int, str]]:
    for number, line in _leading_line_comments(text):
        match = _DIRECTIVE.fullmatch(line)
        if match and match[1].lower() == name:
            yield number, match[2].strip()


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


def _leading_line_comments(text: str) -> Iterator[tuple[int, str]]:
    """The `--` comments before the first statement with their line numbers; block comments are skipped."""
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
        elif text.startswith(("--", "\\restrict"), position):
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            yield text.count("\n", 0, position) + 1, text[position:end].rstrip()
            position = end
        elif text.startswith("/*", position):
            position = _block_comment_end(text, position)
        else:
            return


def _block_comment_end(text: str, start: int) -> int:
    """Where the block comment that begins at `start` ends; PostgreSQL nests them."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, start):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)


def _script(id: str, number: int, path: Path) -> Script:
    rollback = path.with_name(path.name[: -len(".sql")] + ROLLBACK_SUFFIX)
    return Script(id, number, path, rollback if rollback.is_file() else None)


def _is_project(folder: Path) -> bool:
    return (folder / "schema.sql").is_file() and (folder / "migrations").is_dir()


def _lacks(folder: Path) -> str | None:
    """What a folder with one half of a project lacks."""
    if (folder / "schema.sql").is_file():
        return "migrations/"
    has_migrations = any((folder / "migrations").glob("migration[0-9]*.sql"))
    return "schema.sql" if has_migrations else None


def _packaged_roots() -> tuple[Path, Path]:
    """The SQL in an installed wheel, and in the checkout of an editable install."""
    package = Path(__file__).resolve().parents[1]
    return package / "database", package.parent
