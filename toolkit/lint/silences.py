"""Silencing one finding: a comment `-- lint: ignore RULE because REASON` where it is.

At the end of a line it is about that line. On a line of its own it is about the next line of code, and the
whole statement when one begins there. Several rules are separated by commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ..errors import Finding
from ..sql.statements import SyntaxProblem, parse

RULE = "silence"
_COMMENT = re.compile(
    r"--\s*lint:\s*ignore\s+(?P<rules>[\w-]+(?:\s*,\s*[\w-]+)*)(?:\s+because\s+(?P<reason>\S.*))?"
)


@dataclass(frozen=True)
class Silence:
    """One comment: the rules that it silences, the lines that it is about, and whether it says why."""

    file: str
    line: int
    rules: tuple[str, ...]
    first: int
    last: int
    has_reason: bool
    in_body: bool
    """About a function or a part of one, whose text may be the frozen copy of a source."""

    def covers(self, finding: Finding) -> bool:
        in_lines = finding.line is not None and self.first <= finding.line <= self.last
        return finding.file == self.file and in_lines and finding.rule in self.rules


def without_silences(text: str, kept: Iterable[str]) -> str:
    """The text without those lines that are nothing but a silence, of rules other than those kept."""

    def is_silence(line: str) -> bool:
        match = _COMMENT.fullmatch(line.strip())
        rules = {rule.strip() for rule in match["rules"].split(",")} if match else set()
        return match is not None and not rules & {*kept}

    return "\n".join(line for line in text.split("\n") if not is_silence(line))


@lru_cache(maxsize=1024)
def silences(label: str, text: str) -> tuple[Silence, ...]:
    """The silences in a file."""
    lines = text.split("\n")
    found = []
    for number, line in enumerate(lines, 1):
        match = _COMMENT.search(line)
        if match is None:
            continue
        first = number if line[: match.start()].strip() else _next_code(lines, number)
        around = [span for span in _spans(text) if span[0] <= first <= span[1]]
        is_whole = first != number and around and around[0][0] == first  # a statement begins there
        last, in_body = around[0][1] if is_whole else first, any(is_routine for *_, is_routine in around)
        rules = tuple(rule.strip() for rule in match["rules"].split(","))
        found.append(Silence(label, number, rules, first, last, bool(match["reason"]), in_body))
    return tuple(found)


def apply(
    findings: Iterable[Finding], texts: Mapping[str, str], frozen: Iterable[str], idle: Iterable[str] = ()
) -> Iterator[Finding]:
    """The findings that no comment silences, and the comments without a reason or without a finding.

    `texts` are the files by their labels. Comments in functions of the `frozen` files are not asked for a
    finding: these are copies of sources, where it is reported. Nor are those about `idle` rules, which
    could not be applied here.
    """
    all_ = [silence for label, text in texts.items() for silence in silences(label, text)]
    used: set[Silence] = set()
    for finding in findings:
        covering = [silence for silence in all_ if silence.covers(finding)]
        used.update(covering)
        if not covering:
            yield finding
    copies, idle = set(frozen), set(idle)
    for silence in all_:
        names = ", ".join(silence.rules)
        is_copy = silence.in_body and silence.file in copies
        if not silence.has_reason:
            yield _finding(silence, f"`ignore {names}` gives no reason (… because …)")
        elif silence not in used and not (is_copy or idle & {*silence.rules}):
            yield _finding(silence, f"`ignore {names}` silences nothing: take it away")


def _finding(silence: Silence, message: str) -> Finding:
    return Finding("lint", silence.file, silence.line, None, message, RULE)


def _next_code(lines: list[str], after: int) -> int:
    """The number of the next line that is neither empty nor a comment."""
    for number in range(after + 1, len(lines) + 1):
        text = lines[number - 1].strip()
        if text and not text.startswith("--"):
            return number
    return after


@lru_cache(maxsize=256)
def _spans(text: str) -> list[tuple[int, int, bool]]:
    """First and last line of every statement, and whether it creates a function."""
    try:
        statements = parse(text)
    except SyntaxProblem:
        return []
    return [
        (each.line, each.line + each.text.count("\n"), each.kind == "create_function_stmt")
        for each in statements
    ]
