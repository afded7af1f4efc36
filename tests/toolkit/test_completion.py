"""`dbtool completion`: the printed script completes commands, options and files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, RunDbtool
from toolkit import cli

pytestmark = pytest.mark.once

SHELLS = ["bash", "zsh", "fish"]


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that finds a `dbtool` of this checkout."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "dbtool"
    script.write_text(f"#!{sys.executable}\nfrom toolkit.cli import main\nmain()\n", encoding="utf-8")
    script.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_dbtool_in_the_way_of_the_shell(shell: str, run_dbtool: RunDbtool) -> None:
    result = run_dbtool("completion", shell, code=0)
    assert f"_DBTOOL_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_of_the_shell(shell: str, run_dbtool: RunDbtool) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    script = run_dbtool("completion", shell).stdout
    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dbtool ve", {"verify"}),
        ("dbtool migrate --dry", {"--dry-run"}),
        ("dbtool completion z", {"zsh"}),
        ("dbtool nothing", set()),
    ],
)
def test_bash_completes_with_it(
    words: str, expected: set[str], program: dict[str, str], run_dbtool: RunDbtool
) -> None:
    script = run_dbtool("completion", "bash").stdout
    last = len(words.split()) - 1
    ask = f"COMP_WORDS=({words}); COMP_CWORD={last}; _dbtool_completion dbtool"
    ask += '; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}"], env=program, capture_output=True, text=True, check=False
    )
    assert (set(done.stdout.split()), done.stderr) == (expected, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_get_every_command_with_its_help(shell: str, program: dict[str, str]) -> None:
    current = {"zsh": "1", "fish": ""}[shell]  # its number, or the word itself
    asked = {"_DBTOOL_COMPLETE": f"{shell}_complete", "COMP_WORDS": "dbtool ", "COMP_CWORD": current}
    done = subprocess.run(
        ["dbtool"], env={**program, **asked}, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in cli.COMMANDS)


def test_another_shell_is_a_usage_error(run_dbtool: RunDbtool) -> None:
    assert run_dbtool("completion", "tcsh").exit_code == 2
