"""What a run shows: lines when piped, rich on a terminal, JSON on request. Progress never mixes with JSON.

Nothing else in dbtool writes to stdout or stderr. What it shows may come from a database, and so from
anybody: characters that steer a terminal or hide in a text are shown as escapes, secrets as `***`, and
further lines of a text are indented, so that none is taken for a line of dbtool's.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import click

from .errors import mask_secrets

# Control, format, separator and surrogate characters, and blanks of no width; tab and line end stay.
_HIDDEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4"
    "\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def harmless(text: str) -> str:
    """The text with hidden characters as escapes and without secrets."""
    return _HIDDEN.sub(_escape, mask_secrets(text))


def say(text: str, *, err: bool = False) -> None:
    """One message on stdout or stderr. Its further lines are indented."""
    first, *rest = harmless(text).split("\n")
    if any(line and not line.startswith(" ") for line in rest):
        rest = [f"  {line}" for line in rest]
    click.echo("\n".join([first, *rest]), err=err)


def say_script(text: str) -> None:
    """A text that a program will read, on stdout: as it is, but on a terminal like any other."""
    click.echo(_HIDDEN.sub(_escape, text) if sys.stdout.isatty() else text)


def ask(question: str) -> bool:
    """A yes or no from the terminal."""
    return click.confirm(harmless(question), err=True)


def ask_for(question: str) -> str:
    """A line from the terminal; empty when nothing was typed."""
    answer: str = click.prompt(harmless(question), default="", show_default=False, err=True)
    return answer.strip()


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Reporter:
    """Receives what a service does. This one keeps silent; the services' callers choose another."""

    def __init__(self) -> None:
        self.finished: list[str] = []
        """The names of the pieces of work that are done."""

    def step(self, doing: str, done: str, name: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Surrounds one piece of work: `doing` ("applying") and `done` ("applied") describe it."""
        return nullcontext()

    def notice(self, text: str) -> None:
        """Something worth knowing, such as a warning of the server."""

    def waiting(self, holder: str) -> None:
        """The lock of the database is held by another session."""
        self.notice(f"waiting for the lock held by {holder}")


class Onlooker(Reporter):
    """Calls a function with the name of each finished piece of work."""

    def __init__(self, look: Callable[[str], None]) -> None:
        super().__init__()
        self._look = look

    @contextmanager
    def step(self, doing: str, done: str, name: str) -> Iterator[None]:  # noqa: ARG002
        yield
        self._look(name)


class LineReporter(Reporter):
    """One line for each finished piece of work; notices go to stderr."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        super().__init__()
        self._to_stderr = to_stderr

    @contextmanager
    def step(self, doing: str, done: str, name: str) -> Iterator[None]:
        started = time.perf_counter()
        with _spinner(f"{doing} {name}"):
            yield
        self.finished.append(name)
        say(f"{done} {name} ({time.perf_counter() - started:.2f} s)", err=self._to_stderr)

    def notice(self, text: str) -> None:
        say(text, err=True)


@contextmanager
def _spinner(text: str) -> Iterator[None]:
    """On a terminal's stderr, while a block lasts, what it does and for how long."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(_cell(text), total=None)
        yield


@contextmanager
def progress(text: str, total: float) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal's stderr while a block lasts, which gets a function that moves it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(_cell(text), total=total)
        yield lambda done: bar.update(task, completed=done)


def print_json(data: Any) -> None:
    """JSON on stdout, for programs."""
    text = json.dumps(_masked(data), indent=2, ensure_ascii=False, default=str)
    click.echo(_HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text))


def _masked(data: Any) -> Any:
    """The same without secrets. Only statements that are there to be run stay as they are."""
    if isinstance(data, str):
        return mask_secrets(data)
    if isinstance(data, Mapping):
        return {key: value if key == "sql" else _masked(value) for key, value in data.items()}
    return [_masked(each) for each in data] if isinstance(data, (list, tuple)) else data


def _cell(text: str) -> str:
    return harmless(text).replace("\n", "\\n")


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str]) -> None:
    """Rows as a table on a terminal (with the style of each row), as aligned plain lines when piped."""
    if not any(row[-1] for row in rows):  # nothing to say in the last column
        headers, rows = headers[:-1], [row[:-1] for row in rows]
    rows = [[_cell(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*headers, box=None, header_style="bold", pad_edge=False)
        for row, style in zip(rows, styles, strict=True):
            table.add_row(*(Text(cell, style=style) for cell in row))
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
