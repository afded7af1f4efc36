"""What a run shows: lines when piped, rich on a terminal, JSON on request. Progress never mixes with JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import click


class Reporter:
    """Receives what a service does. This one keeps silent; the services' callers choose another."""

    def step(self, doing: str, done: str, name: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Surrounds one piece of work: `doing` ("applying") and `done` ("applied") describe it."""
        return nullcontext()

    def notice(self, text: str) -> None:
        """Something worth knowing, such as a warning of the server."""

    def waiting(self, holder: str) -> None:
        """The lock of the database is held by another session."""
        self.notice(f"waiting for the lock held by {holder}")


class LineReporter(Reporter):
    """One plain line for each finished piece of work; notices go to stderr."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        self._to_stderr = to_stderr

    @contextmanager
    def step(self, doing: str, done: str, name: str) -> Iterator[None]:
        started = time.perf_counter()
        with self._while_running(f"{doing} {name}"):
            yield
        click.echo(f"{done} {name} ({time.perf_counter() - started:.2f} s)", err=self._to_stderr)

    def notice(self, text: str) -> None:
        click.echo(text, err=True)

    @contextmanager
    def _while_running(self, text: str) -> Iterator[None]:  # noqa: ARG002
        yield


class TerminalReporter(LineReporter):
    """The same lines, and while a piece of work lasts what it is and for how long it runs."""

    @contextmanager
    def _while_running(self, text: str) -> Iterator[None]:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            progress.add_task(text, total=None)
            yield


def reporter(*, as_json: bool = False) -> Reporter:
    """The reporter for this run: rich when stderr is a terminal, plain lines otherwise."""
    kind = TerminalReporter if sys.stderr.isatty() else LineReporter
    return kind(to_stderr=as_json)


def print_json(data: Any) -> None:
    """JSON on stdout, for programs."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str]) -> None:
    """Rows as a table on a terminal (with the style of each row), as aligned plain lines when piped."""
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
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
