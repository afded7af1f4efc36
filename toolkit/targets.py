"""The databases that a project knows by name: `[targets.NAME]` in dbtool.toml, or below `[tool.dbtool]`.

A URL may name environment variables as `${NAME}`, so that no password has to be written down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .configuration import OWN_FILE, SHARED_FILE, table
from .errors import UsageProblem, did_you_mean

_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class NamedTarget:
    """One named database, as the file has it."""

    name: str
    url: str
    """With its `${NAME}` as they are written."""
    is_production: bool
    file: Path

    def resolve(self, environ: Mapping[str, str]) -> str:
        """The URL with its variables filled in. Raises UsageProblem for one that is not set."""

        def value(match: re.Match[str]) -> str:
            found = environ.get(match[1])
            if not found or not found.strip():
                raise UsageProblem(
                    f"the target {self.name} needs the environment variable {match[1]}, which is not set",
                    hint=f"Set it; {self.file} names it in the target's url.",
                )
            return found

        return _VARIABLE.sub(value, self.url)


def read_targets(folder: Path) -> dict[str, NamedTarget]:
    """The targets of the project in a folder, by name; empty when it names none.

    Raises UsageProblem for a file with targets that is not TOML, for targets in both files, and for a target
    that is not what it should be.
    """
    found: dict[str, NamedTarget] = {}
    for name, keys in ((OWN_FILE, ("targets",)), (SHARED_FILE, ("tool", "dbtool", "targets"))):
        tables = table(folder / name, keys)
        if tables and found:
            raise UsageProblem(f"{folder} has targets in {OWN_FILE} and in {SHARED_FILE}", hint="Keep one.")
        found.update(_targets(folder / name, tables))
    return found


def named_target(folder: Path, name: str) -> NamedTarget:
    """The target of that name. Raises UsageProblem, which lists those that there are, for another one."""
    targets = read_targets(folder)
    if name not in targets:
        known = ", ".join(targets) or f"none: name them in {folder / OWN_FILE}, as [targets.NAME] with a url"
        near = did_you_mean(name, targets)
        raise UsageProblem(f"there is no target {name}", hint=near or f"Targets: {known}.")
    return targets[name]


def _targets(path: Path, tables: Mapping[str, Any]) -> Iterator[tuple[str, NamedTarget]]:
    from .connection import parse_url

    for name, facts in tables.items():
        where = f"{path}: the target {name}"
        given = facts.get("url") if isinstance(facts, dict) else None
        if not isinstance(given, str) or not given.strip():
            raise UsageProblem(f"{where} has no url", hint='url = "postgresql://…", or "${VARIABLE}".')
        unknown = facts.keys() - {"url", "production"}
        if unknown or not isinstance(facts.get("production", False), bool):
            wrong = ", ".join(sorted(unknown)) or "production must be true or false"
            raise UsageProblem(f"{where} has something else than url and production: {wrong}")
        url = facts["url"]
        if not _VARIABLE.search(url) and parse_url(url).get("password"):
            raise UsageProblem(
                f"{where} has a password in its url",
                hint="Take it from the environment (${VARIABLE}), or leave it to ~/.pgpass.",
            )
        yield name, NamedTarget(name, url, facts.get("production", False), path)
