"""What a project says of itself: in dbtool.toml, or below [tool.dbtool] in pyproject.toml."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import UsageProblem, did_you_mean

OWN_FILE, SHARED_FILE = "dbtool.toml", "pyproject.toml"


SETTINGS = ("extends", "history", "released", "setup", "lint", "targets")


def read_setting(folder: Path, name: str) -> Any:
    """What dbtool.toml says, or [tool.dbtool] in pyproject.toml; None where neither says it.

    Raises UsageProblem for a setting that there is none of.
    """
    for file, keys, word in ((OWN_FILE, (), ""), (SHARED_FILE, ("tool", "dbtool"), "dbtool")):
        found = table(folder / file, keys, word)
        for key in found.keys() - {*SETTINGS}:
            known = f"Settings are {', '.join(SETTINGS)}."
            raise UsageProblem(
                f"{folder / file}: there is no setting {key}", hint=did_you_mean(key, SETTINGS) or known
            )
        if found.get(name) is not None:
            return found[name]
    return None


def table(path: Path, keys: tuple[str, ...], word: str | None = None) -> Mapping[str, Any]:
    """The table below these keys of a TOML file; empty where the file or the table is not there.

    A file that has not even the word (the last key) is not parsed. Raises UsageProblem for no TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    if (keys[-1] if word is None else word) not in text:
        return {}  # nearly every project: reading TOML costs each command 5 ms
    found: Any = parse_toml(text, path)
    for key in keys:
        found = found.get(key, {})
        if not isinstance(found, dict):
            raise UsageProblem(f"{path}: {'.'.join(keys)} must be a table")
    return dict(found)


def parse_toml(text: str, path: object) -> dict[str, Any]:
    """The table that a file holds. Raises UsageProblem, naming the file, when it is not TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return dict(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageProblem(f"{path} is not TOML: {error}") from error
