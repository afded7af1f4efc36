"""Every program of docs/calling, run by the real client, as a backend of its own by TCP; what it prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.clients.pages import FOLDER, program

pytestmark = pytest.mark.once

PACKAGES = ["pg@8", "typescript@5", "@types/pg@8", "@types/node@20"]
OPTIONS = """{"compilerOptions": {"strict": true, "noUncheckedIndexedAccess": true, "target": "es2022",
  "module": "nodenext", "moduleResolution": "nodenext", "outDir": "out"}, "files": ["main.ts"]}"""

WRONG = """
// @ts-expect-error the score is a number: the compiler sees it
void (() => call("complete_lesson", { p_user_id: me, p_lesson_id: lessonId, p_score: "a lot" }));
"""


def needs(*programs: str, file: str | None = None) -> None:
    """Leaves the test out where a client cannot be had, unless it is required to be there."""
    missing = [name for name in programs if shutil.which(name) is None]
    missing += [file] if file and not Path(file).exists() else []
    if missing and os.environ.get("DBTOOL_REQUIRE_CLIENTS"):
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"clients that are not installed: {', '.join(missing)}")


def run(words: Sequence[str], url: str, text: str | None = None, cwd: Path | None = None) -> str:
    """What a program prints, without blanks at the ends of lines."""
    host, _, rest = url.removeprefix("postgresql://backend:secret@").partition("/")
    jdbc = f"jdbc:postgresql://{host}/{rest}?user=backend&password=secret"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(
        words,
        input=text,
        cwd=cwd,
        env={**kept, "DATABASE_URL": url, "JDBC_URL": jdbc, "GOFLAGS": "", "GO111MODULE": "off"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


@pytest.mark.parametrize("section", ["psycopg", "SQLAlchemy", "asyncpg", "Django"])
def test_python(url: str, section: str) -> None:
    code, printed = program("python.md", "python", section)
    assert run([sys.executable, "-c", code], url) == printed


def test_psql(url: str) -> None:
    needs("psql")
    code, printed = program("psql.md", "sql")
    assert run(["psql", "-Xq", "-f", "-", url], url, text=code) == printed


def test_node_in_typescript(url: str, tmp_path: Path) -> None:
    needs("node", "npm", "psql")
    cache = Path(os.environ.get("DBTOOL_NPM_CACHE", Path.home() / ".cache/laurel-npm"))
    if not (cache / "node_modules/typescript").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        run(["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(cache), *PACKAGES], url)
    code, printed = program("node.md", "ts")
    (tmp_path / "node_modules").symlink_to(cache / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tsconfig.json").write_text(OPTIONS)
    (tmp_path / "main.ts").write_text(code + WRONG)
    types = run(["psql", "-XAtq", "-f", str(FOLDER / "typescript.sql"), url], url)
    assert "unknown |" not in types  # every type has one in TypeScript
    assert "unknown;" not in types
    (tmp_path / "laurel.d.ts").write_text(types)
    run(["node", "node_modules/typescript/bin/tsc"], url, cwd=tmp_path)
    assert run(["node", "out/main.js"], url, cwd=tmp_path) == printed


def test_java(url: str, tmp_path: Path) -> None:
    jar = "/usr/share/java/postgresql.jar"
    needs("java", "javac", file=jar)
    code, printed = program("java.md", "java")
    (tmp_path / "Laurel.java").write_text(code)
    assert run(["java", "-cp", jar, "Laurel.java"], url, cwd=tmp_path) == printed


def test_go(url: str, tmp_path: Path) -> None:
    needs("go", file="/usr/share/gocode/src/github.com/lib/pq")
    code, printed = program("go.md", "go")
    (tmp_path / "main.go").write_text(code)
    words = ["env", "GOPATH=/usr/share/gocode", f"GOCACHE={tmp_path}", "go", "run", "main.go"]
    assert run(words, url, cwd=tmp_path) == printed
