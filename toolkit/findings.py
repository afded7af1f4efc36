"""What a check found wrong: one line for people, one object for `--json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

OWN_RULES = (
    *("function-comment", "function-search-path", "function-jit", "function-public", "function-overload"),
    *("unqualified-name", "table-comment", "foreign-key-index", "leading-column", "plpgsql", "silence"),
    *("rollback-missing", "rollback-exact", "source-form", "base-object"),
)
"""The rules about what scripts build, as opposed to squawk's about how they do it."""
Area = Literal["script", "source", "drift", "rollback", "shipped", "convention", "lint"]


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong: in which part of the check, where, with which object, and why."""

    area: Area
    file: str | None
    line: int | None
    object: str | None
    message: str
    rule: str | None = None
    """What a comment may silence it by (see toolkit.lint.silences); None for what cannot be silenced."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.file and self.line else self.file
        rule = f" [{self.rule}]" if self.rule else ""
        return ": ".join(part for part in (where, self.object, self.message) if part) + rule

    def as_json(self) -> dict[str, str | int | None]:
        return asdict(self)
