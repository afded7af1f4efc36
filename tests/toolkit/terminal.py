"""Runs the CLI on a terminal, where it asks and shows progress."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def on_terminal(command: list[str], answer: str = "", question: str = "[y/N]") -> tuple[int, str]:
    """Run the CLI on a terminal of its own; its exit code and everything it showed.

    `answer` is typed once `question` is shown.
    """
    terminal, inner = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "toolkit", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"},
        stdin=inner, stdout=inner, stderr=inner,
    )  # fmt: skip
    os.close(inner)
    shown = b""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
        if answer and question.encode() in shown:
            os.write(terminal, answer.encode())
            answer = ""
    os.close(terminal)
    return run.wait(PATIENCE), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
