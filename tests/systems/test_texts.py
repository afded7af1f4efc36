"""What the seeds of all products tell learners is what their rules mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from docs.make_economy import PAGE, SYSTEMS, render, table
from tests.client import Learn
from tests.systems.seeded import seeded_database
from tests.systems.texts import METRICS, UNITS, problems
from toolkit.servers.choose import ThrowawayServer

SETTINGS = {"quiz_minimum_questions": 5, "quiz_high_score_percentage": 90}


@pytest.fixture(scope="module", params=SYSTEMS)
def shared_database(request: pytest.FixtureRequest, server: ThrowawayServer, bare: str) -> Iterator[str]:
    yield from seeded_database(server, bare, request.param)


def titles(learn: Learn) -> dict[str, str]:
    """What scopes are called; a course goes by the first word of its title, Python."""
    return {
        **{
            key: key.replace("-", " ")
            for (key,) in learn.tuples("select distinct category from learn.challenges")
        },
        **{key: key for (key,) in learn.tuples("select key from learn.difficulties")},
        **{key: key for (key,) in learn.tuples("select distinct category from learn.courses")},
        **dict(learn.tuples("select slug, split_part(title, ' ', 1) from learn.courses")),
        **dict(learn.tuples("select slug, title from learn.tracks")),
        **dict(learn.tuples("select key, name from learn.exam_types")),
    }


def test_every_achievement_says_what_it_takes_and_nothing_else(learn: Learn) -> None:
    rows = learn.tuples("select slug, description, criteria from learn.achievements where is_active")
    assert len(rows) > 10
    assert {
        slug: wrong
        for slug, description, criteria in rows
        if (wrong := problems(description, criteria, titles(learn), SETTINGS))
    } == {}


def test_an_avatar_says_what_its_achievement_says(learn: Learn) -> None:
    assert (
        learn.tuples(
            "select v.slug, v.description, a.description from learn.avatars v"
            " join learn.achievements a on a.unlocks_avatar_id = v.id where v.description <> a.description"
        )
        == []
    )


def test_texts_follow_the_settings_when_the_seeds_are_run_again(learn: Learn) -> None:
    named = learn.tuples(
        "select slug, description, criteria from learn.achievements where description ~ '{|}'"
    )
    assert named == []


def test_notifications_name_what_the_facts_hold(learn: Learn) -> None:
    """A value has the unit of the metric that the rule is for; nothing else is a placeholder."""
    rows = learn.tuples(
        "select activity_type, filter, title || ' ' || coalesce(message, '') from learn.notification_rules"
    )
    holds = {"level_reached": {"level"}, "challenge_level_passed": {"level", "name"}}
    for activity_type, rule, text in rows:
        placeholders = set(re.findall(r"{(\w+)}", text)) - holds.get(activity_type, {"name"})
        assert placeholders <= ({"value"} if "metric" in rule else set()), text
        if "value" in placeholders:
            units = {unit for unit, pattern in UNITS.items() if re.search(pattern, text)}
            assert units == METRICS[rule["metric"]][0], text


def test_names_are_unique_within_a_product_whatever_their_case(learn: Learn) -> None:
    with learn.fails("23505"):
        learn.run(
            "insert into learn.achievements (slug, name, system, criteria)"
            " select 'twin', upper(name), system, criteria from learn.achievements limit 1"
        )


def test_the_table_of_the_economy_is_what_the_seeds_say(learn: Learn) -> None:
    systems = learn.values("select distinct system from learn.achievements where system <> 'core'", [])
    (system,) = systems
    page = PAGE.read_text(encoding="utf-8")
    assert table(page, system) == render(learn.connection), "run: .venv/bin/python docs/make_economy.py"


def test_every_rule_of_the_seeds_has_a_bound(learn: Learn) -> None:
    assert learn.tuples("select act, activity_type from learn.economy where xp_a_day is null") == []
    unsaid = learn.tuples(
        "select r.activity_type from learn.xp_rules r"
        " where not exists (select from learn.economy e where e.activity_type = r.activity_type)"
    )
    assert unsaid == []


@pytest.mark.parametrize(
    ("description", "criteria"),
    [
        ("Complete a lesson in under a minute.", {"metric": "lessons_fast", "at_least": 1}),
        ("Complete a lesson.", {"metric": "lessons_fast", "at_least": 1}),
        ("Complete 5 lessons.", {"metric": "lessons_completed", "at_least": 6}),
        ("Complete 5 courses.", {"metric": "lessons_completed", "at_least": 5}),
        ("Be active on 30 days.", {"metric": "current_streak", "at_least": 30}),
        ("Be active 30 days in a row.", {"metric": "active_days", "at_least": 30}),
        (
            "Complete the track Systems.",
            {"metric": "difficulty_completed", "scope": "systems", "at_least": 1},
        ),
        (
            "Complete every course of the Explorer track.",
            {"metric": "track_courses_completed", "scope": "explorer", "at_least": 4},
        ),
        (
            "Reach 5,000 XP.",
            {"all": [{"metric": "xp", "at_least": 5000}, {"metric": "levels_completed", "at_least": 1}]},
        ),
        ("Answer every question of a quiz correctly.", {"metric": "perfect_quizzes", "at_least": 1}),
        (
            "Complete 5 quizzes of Network+ with at least 5 questions.",
            {"metric": "quizzes_completed", "scope": "security", "at_least": 5},
        ),
        (
            "Complete a course of the Explorer track.",
            {
                "all": [
                    {"metric": "track_courses_completed", "scope": "explorer", "at_least": 1},
                    {"metric": "track_courses_completed", "scope": "developer", "at_least": 1},
                ]
            },
        ),
    ],
)
def test_a_text_that_says_something_else_is_noticed(description: str, criteria: dict[str, Any]) -> None:
    named = {"systems": "Systems", "explorer": "Explorer", "developer": "Developer"}
    named |= {"security": "Security+", "network": "Network+"}
    assert problems(description, criteria, named, SETTINGS) != []
