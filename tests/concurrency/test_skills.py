"""Skill points, sessions, notifications and imports when many connections act at once."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.client import AwardSummary, Learn
from tests.concurrency.sessions import Task, interleave, pair, race
from tests.conftest import FreshDatabase

CONNECTIONS = 16


def test_sixteen_connections_spend_no_point_twice(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    learn.award_xp(user, 1000)
    skills = [learn.make_skill(max_level=10) for _ in range(4)]

    def allocate(skill: int) -> Task[AwardSummary]:
        return lambda learn: learn.allocate_skill_points(user, skill, 70)

    outcomes = race(fresh, [allocate(skills[number % 4]) for number in range(CONNECTIONS)])
    assert sorted(str(outcome.sqlstate) for outcome in outcomes) == ["LX001"] * 2 + ["None"] * 14
    assert learn.value("select sum(points_allocated) from learn.user_skills") == 980
    reached = learn.value("select sum(highest_level) from learn.user_skills")
    assert len(learn.facts(user, "skill_level_reached")) == reached


@pytest.mark.parametrize(
    "isolation", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE]
)
def test_an_older_snapshot_spends_no_point_twice_either(
    fresh: FreshDatabase, learn: Learn, isolation: psycopg.IsolationLevel
) -> None:
    user = learn.make_user()
    learn.award_xp(user, 100)
    one, two = learn.make_skill(xp_per_level=1000), learn.make_skill(xp_per_level=1000)
    with pair(fresh, isolation) as both:
        assert both.interleave(
            lambda learn: learn.allocate_skill_points(user, one, 60),
            lambda learn: learn.allocate_skill_points(user, two, 60),
        ) == (None, "40001")


def test_a_skill_that_changes_meanwhile_counts_by_its_new_rule(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    learn.award_xp(user, 1000)
    skill = learn.make_skill(xp_per_level=100)

    def change(learn: Learn) -> Any:
        return learn.run("update learn.skills set xp_per_level = 50")

    assert interleave(fresh, change, lambda learn: learn.allocate_skill_points(user, skill, 100)) == (
        None,
        None,
    )
    assert learn.value("select current_level from learn.user_skills") == 2
    learn.run("update learn.skills set xp_per_level = 100")
    assert interleave(fresh, lambda learn: learn.allocate_skill_points(user, skill, 100), change) == (
        None,
        None,
    )
    assert learn.value("select current_level from learn.user_skills") == 4


def test_sixteen_connections_start_one_session(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    outcomes = race(fresh, [lambda learn: learn.start_session(user, "quiz", "a+").id] * CONNECTIONS)
    assert len({outcome.result for outcome in outcomes}) == 1
    session = outcomes[0].result
    ended = race(fresh, [lambda learn: learn.end_session(user, session)] * CONNECTIONS)
    assert len({repr(outcome.result) for outcome in ended}) == 1


def test_facts_of_sixteen_connections_are_told_once_each(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    challenge = learn.make_plain_challenge(levels=1)
    outcomes = race(fresh, [lambda learn: learn.pass_level(user, challenge, 1)] * CONNECTIONS)
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    told = learn.notices(user)
    assert [kind for kind, _, _ in told].count("level_complete") == 1
    assert [kind for kind, _, _ in told].count("level_up") == 1
    unread = learn.unread_count(user)
    marked = race(fresh, [lambda learn: learn.mark_read(user)] * CONNECTIONS)
    assert sorted(outcome.sqlstate is None for outcome in marked) == [True] * CONNECTIONS
    assert learn.unread_count(user) == 0
    assert len(told) == unread


def test_imports_at_the_same_time_pay_once(fresh: FreshDatabase, learn: Learn) -> None:
    users = [learn.make_user() for _ in range(5)]
    learn.make_plain_challenge("one", levels=1)
    learn.run(
        "insert into learn.old_progress_table (user_id, problem_id, completed_levels, total_xp)"
        " select u, 'one', '{1}', 30 from unnest(%s::uuid[]) u",
        [users],
    )
    outcomes = race(fresh, [lambda learn: learn.import_old_progress()] * 4)
    assert sorted(outcome.result for outcome in outcomes) == [(0, 5, 0)] * 3 + [(5, 0, 0)]
    assert {learn.stats(user).total_xp for user in users} == {30}
