"""`dbtool doctor`, `schedule` and `rules preview` on a database with learners."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.client import Learn
from tests.conftest import FreshDatabase, RunDbtool
from toolkit.servers.binaries import find_psql

RULES = """
update learn.achievements set criteria = '{"metric": "lessons_completed", "at_least": 9}'
 where slug = 'first-lesson';
insert into learn.achievements (slug, name, description, criteria, xp_reward)
values ('one', 'One', 'One.', '{"metric": "lessons_completed", "at_least": 1}', 200);
update learn.xp_rules set amount = 60 where activity_type = 'lesson_completed';
"""


@pytest.fixture
def url(fresh: FreshDatabase) -> str:
    """The URL of a database with one learner, who has completed a lesson."""
    with fresh.connect() as connection:
        learn = Learn(connection)
        learn.complete_lesson(learn.register_user("ada"), learn.make_lesson(exercises=0))
    return fresh.url


def test_rules_are_previewed_and_nothing_stays(url: str, tmp_path: Path, run_dbtool: RunDbtool) -> None:
    (tmp_path / "rules.sql").write_text(RULES)
    done = run_dbtool("rules", "preview", "rules.sql", "--json", "--database-url", url)
    changes = json.loads(done.stdout)["changes"]
    assert {
        (each["what"], each["subject"], each["users"], each["xp"], *each["sample"]) for each in changes
    } == {
        ("gains XP", "", 1, 200, "ada"),
        ("gains the achievement", "one", 1, 0, "ada"),
        ("keeps it, and would not earn it now", "first-lesson", 1, 0, "ada"),
        ("rises to level", "2", 1, 0, "ada"),
        ("would have got other XP in the last 30 days, caps aside", "lesson_completed", 1, 10, "ada"),
    }
    assert (
        "gains the achievement" in run_dbtool("rules", "preview", "rules.sql", "--database-url", url).stdout
    )
    with psycopg.connect(url) as connection:
        assert connection.execute("select from learn.achievements where slug = 'one'").fetchall() == []
    for wrong in ("update learn.xp_rules set amount = -1;", "drop table learn.levels_of_old;"):
        (tmp_path / "rules.sql").write_text(wrong)
        assert run_dbtool("rules", "preview", "rules.sql", "--database-url", url).exit_code == 1
    for outside in (f"{RULES} commit;", "create index concurrently on learn.achievements (name);"):
        (tmp_path / "rules.sql").write_text(outside)
        done = run_dbtool("rules", "preview", "rules.sql", "--database-url", url)
        assert (done.exit_code, "is rolled back: leave out" in done.stderr) == (1, True)


def test_doctor_finds_what_ails(url: str, run_dbtool: RunDbtool, empty_database: str) -> None:
    def said() -> tuple[int, set[tuple[str, str]]]:
        done = run_dbtool("doctor", "--json", "--database-url", url)
        found = json.loads(done.stdout)["findings"]
        assert all(each["mend"] for each in found)
        return done.exit_code, {
            (each["topic"], each["subject"]) for each in found if each["severity"] == "error"
        }

    assert ("triggers", "keep_zone on learn.users") not in said()[1]
    with psycopg.connect(url) as connection:
        connection.execute("alter table learn.users disable trigger keep_zone")
    code, errors = said()
    assert code == 6
    assert ("triggers", "keep_zone on learn.users") in errors
    assert "mend: alter table learn.users" in run_dbtool("doctor", "--quick", "--database-url", url).stdout
    assert run_dbtool("doctor", "--database-url", empty_database).exit_code == 2


def test_crontab_runs(url: str, run_dbtool: RunDbtool) -> None:
    lines = run_dbtool("schedule", "--database-url", url).stdout.splitlines()[1:]
    assert len(lines) == 8
    psql = find_psql(None)
    assert psql is not None
    password = conninfo_to_dict(url).get("password")  # for cron it is in ~/.pgpass
    environment = {**os.environ, "PGPASSWORD": str(password)} if password else None
    for line in lines:
        command = line.split(maxsplit=5)[5].replace("psql", str(psql), 1)
        done = subprocess.run(
            ["sh", "-c", command], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), line
    assert "cron.schedule_in_database('laurel boards in" in run_dbtool(
        "schedule", "--pg-cron", "--database-url", url
    ).stdout  # fmt: skip


@pytest.mark.parametrize("words", [["doctor"], ["schedule"], ["rules", "preview", "rules.sql"]])
@pytest.mark.parametrize("group", ["learn_readonly", None])
def test_who_is_no_member_of_the_owner_is_told_so(
    url: str, tmp_path: Path, run_dbtool: RunDbtool, words: list[str], group: str | None
) -> None:
    (tmp_path / "rules.sql").write_text("select 1;")
    with psycopg.connect(url) as connection:
        connection.execute('drop role if exists "a backend"; create role "a backend"')
        connection.execute(f'grant {group} to "a backend"' if group else "select 1")
    done = run_dbtool(*words, "--role", "a backend", "--database-url", url)
    with psycopg.connect(url) as connection:
        connection.execute('drop role "a backend"')
    assert done.exit_code == 1
    assert 'make it one: grant learn_owner to "a backend";' in done.stderr


def test_settings_that_hurt_are_found_and_mended(url: str, run_dbtool: RunDbtool) -> None:
    def mends() -> dict[str, str]:
        found = json.loads(run_dbtool("doctor", "--quick", "--json", "--database-url", url).stdout)[
            "findings"
        ]
        return {each["subject"]: each["mend"] for each in found if each["topic"] == "settings"}

    name = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"alter database {name} set idle_in_transaction_session_timeout = 0")
        connection.execute(f"alter database {name} set synchronous_commit = off")
        bad = {"idle_in_transaction_session_timeout", "synchronous_commit"}
        found = mends()
        assert found.keys() >= bad
        for each in bad:
            connection.execute(found[each].encode())
    assert not mends().keys() & bad
