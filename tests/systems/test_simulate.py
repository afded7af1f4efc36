"""Simulated learners of each product: what they leave is whole, and they do what learners do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.client import Learn
from tests.conftest import RunDbtool, make_seeded, owner_url
from tests.properties.snapshots import differences, snapshot
from tests.systems.seeded import ROOT, seeded_database
from toolkit.errors import UsageProblem
from toolkit.live import clients, simulate
from toolkit.project.layout import Project
from toolkit.servers.choose import ThrowawayServer

PROJECT = Project.find(ROOT)
LEARNERS, DAYS, SEED = 24, 12, 3
# Which kinds of facts their days leave, beside those that all products have.
EXPECTED = {
    "sql_platform": {"exercise_attempted", "exercise_solved", "lesson_completed", "track_completed"},
    "web3versity": {"course_enrolled", "lesson_completed", "lesson_started", "course_completed"},
    "aralify": {"course_enrolled", "lesson_completed", "level_completed", "lesson_repeated"},
    "comptia_quiz": {"quiz_completed", "question_answered_correctly", "quiz_perfect"},
    "progressive_flow": {"challenge_attempted", "challenge_level_passed", "daily_challenge_completed"},
}
EVERYWHERE = {"user_registered", "achievement_earned", "level_reached", "discussion_posted", "reply_posted"}
CALLED = {
    "sql_platform": {"submit_query", "start_lesson"},
    "web3versity": {"complete_lesson", "start_lesson", "enroll_in_course"},
    "aralify": {"complete_lesson", "enroll_in_course"},
    "comptia_quiz": {"submit_quiz", "start_quiz"},
    "progressive_flow": {"submit_level_attempt"},
}


@pytest.fixture(scope="module", params=EXPECTED)
def product(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def simulated(product: str, server: ThrowawayServer, bare: str) -> Iterator[str]:
    """URL of a database in which learners of the product have learned for some days."""
    has_samples = product in ("sql_platform", "comptia_quiz")
    for url in seeded_database(server, bare, product, demo=has_samples):
        write(url)
        yield url


def write(url: str, learners: int = LEARNERS, seed: int = SEED) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        made = simulate.write_history(connection, PROJECT, simulate.MadeUp(learners, DAYS, seed))
    assert made["facts"] > made["acts"] > learners


def test_a_history_is_whole_and_a_rebuild_changes_nothing(product: str, simulated: str) -> None:
    with psycopg.connect(simulated) as connection:
        learn = Learn(connection)
        assert learn.tuples("select * from learn.check_integrity()") == []
        kinds = set(learn.values("select distinct activity_type from learn.activity_log"))
        assert kinds >= EXPECTED[product] | EVERYWHERE

        users = learn.values("select id from learn.users")
        before = snapshot(learn, users)
        learn.rebuild_whoever()
        assert differences(snapshot(learn, users), before) == {}
        assert learn.tuples("select * from learn.check_integrity()") == []


def test_learners_come_and_go_as_learners_do(simulated: str) -> None:
    with psycopg.connect(simulated) as connection:
        learn = Learn(connection)
        own = "(select id from learn.users where username like '%%-3-%%')"
        assert len(simulate.learner_ids(connection, SEED)) >= LEARNERS - 3, "who signs up today is not there"
        cohorts, zones = learn.tuples(
            "select count(distinct created_at::date), count(distinct timezone) from learn.users"
            " where username like '%%-3-%%'"
        )[0]
        assert cohorts >= 4
        assert zones >= 3
        lengths = learn.tuples(
            f"select max(longest_streak), count(*) filter (where active_days > longest_streak)"
            f" from learn.user_stats where user_id in {own}"
        )[0]
        assert lengths[0] >= 3, "streaks are kept"
        assert lengths[1] >= 3, "and broken"
        late = learn.value(
            f"select count(*) from learn.activity_log where user_id in {own}"
            " and recorded_at > occurred_at + interval '25 hours'"
        )
        assert late > 0, "what was done without a network arrives later"
        ahead = learn.value("select count(*) from learn.activity_log where occurred_at > recorded_at")
        assert ahead == 0
        assert learn.value("select count(*) from learn_internal.clock_override") == 0


def test_live_calls_succeed_or_are_refused_as_they_should(product: str, simulated: str) -> None:
    with psycopg.connect(simulated) as connection:
        learners = simulate.learner_ids(connection, SEED)
    acts = clients.read_acts((ROOT / "simulate" / "live.sql").read_text(encoding="utf-8"))
    found = clients.run(clients.Load(simulated, acts, learners, 2, 600, calls=300)).as_json()

    assert found["calls"] == 300
    by_name = {each["function"]: each for each in found["functions"]}
    assert set(by_name) >= CALLED[product] | {"record_login", "leaderboard", "user_dashboard", "user_rank"}
    assert all(by_name[name]["calls"] > 0 for name in CALLED[product])
    refused = {code for each in found["functions"] for code in each["errors"]}
    # LX004: the questions of a quiz that was drawn and left, sent as a free one
    assert refused <= {"LX005", "LX006", "LX007", "LX008", "LX001", "LX004"}
    assert sum(map(len, (each["errors"] for each in found["functions"]))) <= 6
    write(simulated, 8, SEED + 1)  # others, whose past comes after what is there already
    with psycopg.connect(simulated) as connection:
        assert connection.execute("select * from learn.check_integrity()").fetchall() == []


def test_the_same_seed_does_the_same_and_another_one_does_not(server: ThrowawayServer, bare: str) -> None:
    query = """
        select u.id, u.username, u.created_at, s.total_xp, s.longest_streak, s.active_days
        from learn.users u join learn.user_stats s on s.user_id = u.id order by u.id
    """
    found = []
    for number, seed in enumerate((5, 5, 6)):
        name = f"simulated_{number}"
        make_seeded(server, bare, name, ["web3versity"])
        url = owner_url(server, name)
        write(url, 12, seed)
        with psycopg.connect(url, autocommit=True) as connection:
            found.append(connection.execute(query).fetchall())
            if number == 0:
                with pytest.raises(UsageProblem):
                    simulate.write_history(connection, PROJECT, simulate.MadeUp(1, 1, seed))
        server.drop_database(name)
    assert found[0] == found[1]
    assert {row[0] for row in found[0]}.isdisjoint({row[0] for row in found[2]})


def test_the_command_says_what_came_of_it(
    server: ThrowawayServer, bare: str, run_dbtool: RunDbtool, tmp_path: Path
) -> None:
    make_seeded(server, bare, "simulated_cli", ["sql_platform"])
    url = server.url("simulated_cli")
    asked = ["simulate", "--database-url", url, "--learners", "6", "--days", "3", "--json"]
    done = run_dbtool(*asked, "--clients", "2", "--calls", "40", cwd=ROOT, code=0)
    assert "sample content" in done.stderr, "without content, there is nothing to learn"
    answer = json.loads(done.stdout)
    assert set(answer["history"]) == {"learners", "days", "acts", "facts", "seconds"}
    assert answer["live"]["calls"] == 40
    assert set(answer["live"]["functions"][0]) >= {
        "function",
        "calls",
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "max_ms",
        "errors",
    }

    again = run_dbtool(*asked, cwd=ROOT)
    assert (again.exit_code, "--seed" in again.stderr) == (2, True)
    other = run_dbtool(*asked, "--system", "aralify", cwd=ROOT)
    assert (other.exit_code, "not aralify" in other.stderr) == (2, True)
    server.drop_database("simulated_cli")


def test_production_is_not_simulated_on_without_its_name(
    server: ThrowawayServer, bare: str, run_dbtool: RunDbtool, tmp_path: Path
) -> None:
    for name in ("schema.sql", "migrations", "seeds", "simulate"):
        (tmp_path / name).symlink_to(ROOT / name)
    make_seeded(server, bare, "simulated_live", ["web3versity"])
    url = server.url("simulated_live")
    (tmp_path / "dbtool.toml").write_text('[targets.live]\nurl = "${LIVE_URL}"\nproduction = true\n')
    asked = ["simulate", "--learners", "2", "--days", "1", "--yes", "--database-url", url]
    refused = run_dbtool(*asked, cwd=tmp_path, env={"LIVE_URL": url})
    assert (refused.exit_code, "--yes-production live" in refused.stderr) == (2, True)
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from learn.users").fetchone() == (0,)
    assert run_dbtool(*asked, "--yes-production", "live", cwd=tmp_path, env={"LIVE_URL": url}).exit_code == 0
    server.drop_database("simulated_live")


def test_real_learners_get_no_company_unasked(
    server: ThrowawayServer, bare: str, run_dbtool: RunDbtool
) -> None:
    make_seeded(server, bare, "simulated_real", ["web3versity"])
    url = server.url("simulated_real")
    with psycopg.connect(url) as connection:
        for number in range(simulate.REAL):
            Learn(connection).register_user(f"a real one {number}")
    asked = ["simulate", "--database-url", url, "--learners", "2", "--days", "1"]
    for more in ([], ["--clients", "1"]):
        refused = run_dbtool(*asked, *more, cwd=ROOT, code=2)
        assert "--yes" in refused.stderr
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from learn.users").fetchone() == (simulate.REAL,)
    assert run_dbtool(*asked, "--yes", cwd=ROOT).exit_code == 0
    server.drop_database("simulated_real")
