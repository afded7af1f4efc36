"""`dbtool init`: what it writes passes its own tests and checks; what is half a project is said to be one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT, RunDbtool

FLAGS = re.MULTILINE | re.DOTALL
BARE = ("-p", "no:hypothesispytest")  # which takes a second to import


@pytest.mark.parametrize(
    ("words", "passed"), [([], 1), (["--extends", "laurel"], 5)], ids=["plain", "laurel"]
)
def test_what_is_started_passes(
    tmp_path: Path, run_dbtool: RunDbtool, server_option: str, words: list[str], passed: int
) -> None:
    run_dbtool("init", "Acme-2", *words, code=0)
    root = tmp_path / "Acme-2"
    if words:  # what the manual shows is another badge, and two tests more
        manual = (ROOT / "docs/extending.md").read_text().replace("acme", "acme_2")
        python = "".join(re.findall(r"^```python\n(.*?)^```", manual, FLAGS))
        (root / "tests/test_manual.py").write_text(f"from datetime import timedelta\n{python}")
        [badge] = re.findall(r"^```sql\n(.*?)^```", manual, FLAGS)
        (root / "seeds/acme_2/2_keen.sql").write_text(badge)
    tested = run_dbtool("test", "--server", server_option, *BARE, cwd=root)
    assert (tested.exit_code, f"{passed} passed" in tested.stdout) == (0, True), tested.stdout + tested.stderr
    checked = run_dbtool("check", "--server", server_option, cwd=root)
    assert checked.exit_code == 0, checked.stdout + checked.stderr
    assert f"project: {root}" in checked.stderr
    assert (f"on {ROOT}" in checked.stderr) == bool(words)
    assert run_dbtool("init", "Acme-2").exit_code == 2  # it overwrites nothing


def test_own_tests_fail_where_rows_are_damaged(
    tmp_path: Path, run_dbtool: RunDbtool, server_option: str
) -> None:
    assert run_dbtool("init", "acme", "--extends", "laurel").exit_code == 0
    (tmp_path / "acme/tests/test_kudos.py").write_text(
        "def test_by_hand(learn):\n"
        "    ada = learn.register_user('ada')\n"
        "    learn.connection.execute('update learn.user_stats set longest_streak = 7')\n"
        "import psycopg\n"
        "def test_commits(fresh_url):\n"
        "    with psycopg.connect(fresh_url) as connection:\n"
        "        connection.execute(\"select learn.register_user('ada')\")\n"
        "        connection.execute('update learn.user_stats set longest_streak = 7')\n"
    )
    tested = run_dbtool("test", "--server", server_option, *BARE, cwd=tmp_path / "acme", code=1)
    assert "2 passed, 2 errors" in tested.stdout, tested.stdout  # it is looked at when each is over


@pytest.mark.parametrize("name", ["learn", "pg_x", "2nd", "public"])
def test_name_that_is_taken_is_refused(run_dbtool: RunDbtool, tmp_path: Path, name: str) -> None:
    assert run_dbtool("init", name).exit_code == 2
    assert not (tmp_path / name).exists()
    assert run_dbtool("init", name, "--name", "fine").exit_code == 0


@pytest.mark.parametrize(
    ("files", "lacks"),
    [
        ({"schema.sql": ""}, "migrations/"),
        ({"migrations/migration1.sql": ""}, "schema.sql"),
        ({"dbtool.toml": 'extends = "laurel"'}, "schema.sql and no migrations/"),
        ({"functions/kudos/thank.sql": "select 1"}, "schema.sql and no migrations/"),
    ],
)
def test_half_a_project_is_not_taken_for_the_packaged_one(
    tmp_path: Path, run_dbtool: RunDbtool, files: dict[str, str], lacks: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    done = run_dbtool("status", code=2)
    assert f"it has no {lacks}\n" in done.stderr
