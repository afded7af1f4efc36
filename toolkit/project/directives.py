"""What the leading comments of a file say of how it runs: `-- transactional: false` and the like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import DbtoolError

_DIRECTIVE = re.compile(
    r"--\s*(transactional|irreversible|lock_timeout|statement_timeout)\s*:\s*(.*)", re.IGNORECASE
)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, None: 1.0}


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
