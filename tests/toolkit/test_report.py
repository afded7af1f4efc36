"""dbtool report: what it writes, for whom, and what it says when it cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.analytics.recount import recounted
from tests.client import Learn
from tests.conftest import RunDbtool
from tests.toolkit.report_scene import TITLE, acting_as, database
from toolkit.connection import connect
from toolkit.errors import DbtoolError
from toolkit.report import report
from toolkit.servers.choose import ThrowawayServer

DAYS = 60


@pytest.fixture(scope="module")
def used(server: ThrowawayServer, template: str) -> Iterator[str]:
    """URL of a database with a history."""
    with database(server, template, "report_used", acts=400) as url:
        yield url


@pytest.fixture
def numbers(used: str) -> report.Numbers:
    """Its numbers, of the last 60 days."""
    with connect(used) as connection:
        return report.read(connection, "a database", DAYS)


def test_the_numbers_are_those_of_the_views(used: str, numbers: report.Numbers) -> None:
    with psycopg.connect(used) as connection:
        expected = recounted(Learn(connection))
    last = numbers.totals["last_day"]
    first = last - timedelta(days=DAYS - 1)
    active = {day: count for day, count, _ in expected["daily"]}
    assert numbers.totals["first_day"] == first
    assert [row["day"] for row in numbers.rows["daily"]] == [first + timedelta(days=n) for n in range(DAYS)]
    assert [row["active"] for row in numbers.rows["daily"]] == [
        active.get(first + timedelta(days=n), 0) for n in range(DAYS)
    ]
    assert numbers.totals["learners"] == sum(new for _, _, new in expected["daily"]) > 0
    assert numbers.totals["xp"] == sum(xp for day, _, xp in expected["daily xp"] if day >= first) > 0
    assert sum(row["now"] for row in numbers.rows["streaks"]) == numbers.totals["learners"]
    assert len(numbers.rows["courses"]) == 2


def test_the_activities_that_pay_least_are_summed_up(numbers: report.Numbers) -> None:
    sources = {row["source"] for row in numbers.rows["xp"]}
    assert len(sources) <= 6
    weeks = {row["week"] for row in numbers.rows["xp"]}
    assert all(week.weekday() == 0 for week in weeks)


def test_readers_rights_suffice_and_the_page_names_the_database(
    used: str, run_dbtool: RunDbtool, tmp_path: Path
) -> None:
    url = acting_as(used.replace("postgres@", "postgres:s3cret@"), "learn_readonly")
    page = tmp_path / "numbers.html"
    done = run_dbtool("report", "--output", page, "--days", "60", "--database-url", url)
    assert (done.exit_code, done.stderr.startswith("project: "), done.stderr.count("\n")) == (0, True, 1)
    assert done.stdout.startswith(f"wrote {page} (")
    text = page.read_text(encoding="utf-8")
    assert f"/{conninfo_to_dict(used)['dbname']}" in text
    assert "s3cret" not in text
    assert "<script" not in text
    assert text.count("<svg") == 2 * 8


def test_texts_of_the_database_are_texts_in_the_page(numbers: report.Numbers) -> None:
    page = report.render(numbers)
    assert TITLE not in page
    assert "Joins &amp; &lt;script&gt;" in page


def test_the_page_is_written_where_one_was(used: str, run_dbtool: RunDbtool, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("old")
    assert run_dbtool("report", "--database-url", used, cwd=tmp_path).exit_code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_page_is_the_same_wherever_it_is_made(used: str, run_dbtool: RunDbtool, tmp_path: Path) -> None:
    """Days are dates: the time zone of the machine moves none of them in a picture."""
    pages = set()
    for zone in ("America/Los_Angeles", "Asia/Tokyo"):
        page = tmp_path / "report.html"
        run_dbtool("report", "--output", page, "--database-url", used, env={"TZ": zone}, code=0)
        pages.add(page.read_text(encoding="utf-8"))
    assert len(pages) == 1


def test_json_prints_the_numbers_and_writes_no_file(
    used: str, run_dbtool: RunDbtool, tmp_path: Path, numbers: report.Numbers
) -> None:
    done = run_dbtool("report", "--json", "--days", "60", "--database-url", used, cwd=tmp_path, code=0)
    told = json.loads(done.stdout)
    assert told["totals"]["learners"] == numbers.totals["learners"]
    assert 0 <= told["totals"]["stayed_a_week"] == numbers.totals["stayed_a_week"] <= 1
    assert [row["active"] for row in told["daily"]] == [row["active"] for row in numbers.rows["daily"]]
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_these_views_is_named(
    empty_database: str, run_dbtool: RunDbtool, tmp_path: Path
) -> None:
    done = run_dbtool("report", "--database-url", empty_database, cwd=tmp_path, code=1)
    assert "learn.course_funnel" in done.stderr
    assert "dbtool migrate" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("knows_schema", [False, True])
def test_who_may_not_read_is_told_what_to_ask_for(
    used: str, run_dbtool: RunDbtool, tmp_path: Path, knows_schema: bool
) -> None:
    with psycopg.connect(used, autocommit=True) as connection:
        connection.execute("create role stranger")
        try:
            if knows_schema:
                connection.execute("grant usage on schema learn to stranger")
            done = run_dbtool("report", "--database-url", acting_as(used, "stranger"), cwd=tmp_path)
        finally:
            connection.execute("drop owned by stranger")
            connection.execute("drop role stranger")
    assert done.exit_code == 1
    assert "grant learn_readonly" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("days", ["6", "367", "many"])
def test_an_odd_number_of_days_is_a_mistake_of_usage(run_dbtool: RunDbtool, days: str) -> None:
    assert run_dbtool("report", "--days", days).exit_code == 2


def test_a_file_that_cannot_be_written_is_named(used: str, run_dbtool: RunDbtool, tmp_path: Path) -> None:
    page = tmp_path / "missing" / "report.html"
    done = run_dbtool("report", "--output", page, "--database-url", used, code=1)
    assert str(page) in done.stderr


def test_without_the_drawing_library_it_says_how_to_get_it(
    numbers: report.Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(DbtoolError) as caught:
        report.render(numbers)
    assert "[report]" in (caught.value.hint or "")


def test_an_unused_database_says_what_is_missing(server: ThrowawayServer, template: str) -> None:
    with database(server, template, "report_unused", acts=0) as url, connect(url) as connection:
        page = report.render(report.read(connection, "unused", 30))
    assert "<svg" not in page
    assert page.count('class="missing"') == 9
    assert "register_user" in page


def test_days_without_anything_are_in_the_numbers(server: ThrowawayServer, template: str) -> None:
    with database(server, template, "report_idle", acts=0) as url, psycopg.connect(url) as connection:
        learn = Learn(connection)
        user = learn.make_user()
        learn.award_xp(user, 10)
        connection.commit()
        found = report.read(connection, "idle", 7)
    assert [row["new"] for row in found.rows["daily"]] == [0, 0, 0, 0, 0, 0, 1]
    assert found.totals["last_day"] == date(2035, 5, 30)
    assert report.render(found).count('class="missing"') >= 3
