"""The grammar of criteria, and when composite ones are met."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn

XP = {"metric": "xp", "at_least": 1}
DEEP: Any = XP
for _ in range(60):
    DEEP = {"all": [DEEP]}


@pytest.mark.parametrize(
    "criteria",
    [
        XP,
        {"metric": "xp", "at_least": 9223372036854775807},
        {"metric": "xp", "scope": "", "at_least": 1},
        {"metric": "difficulty_completed", "scope": "beginner", "at_least": 1},
        {"metric": "difficulty_completed", "scope": "no such one", "at_least": 1},
        {"all": [XP]},
        {"any": [XP, XP]},
        {"at_least": 2, "of": [XP, XP]},
        {"all": [{"any": [XP, {"at_least": 1, "of": [{"all": [XP]}]}]}, XP]},
        {"metric": "xp", "at_least": 1.0},
        {"at_least": 1.0, "of": [XP]},
    ],
)
def test_criteria_of_the_grammar_are_taken(learn: Learn, criteria: Any) -> None:
    slug = learn.make_achievement(criteria)
    user = learn.make_user()
    learn.award_xp(user, 10)
    assert learn.achievement_progress(user)[slug].target >= 1


@pytest.mark.parametrize(
    "criteria",
    [
        None,
        5,
        "xp",
        True,
        [],
        [XP],
        {},
        {"metric": "xp"},
        {"at_least": 1},
        {"metric": "unheard_of", "at_least": 1},
        {"metric": "longest_streak", "at_least": 1},  # of boards alone
        {"metric": None, "at_least": 1},
        {"metric": 5, "at_least": 1},
        {"metric": "xp", "at_least": None},
        {"metric": "xp", "at_least": "1"},
        {"metric": "xp", "at_least": True},
        {"metric": "xp", "at_least": [1]},
        {"metric": "xp", "at_least": 0},
        {"metric": "xp", "at_least": -1},
        {"metric": "xp", "at_least": 1.5},
        {"metric": "xp", "at_least": 9223372036854775808},
        {"metric": "xp", "at_least": 1, "scope": None},
        {"metric": "xp", "at_least": 1, "scope": 5},
        {"metric": "xp", "at_least": 1, "scope": "beginner"},  # a metric without scopes
        {"metric": "xp", "at_least": 1, "more": 1},
        {"metric": "xp", "at_least": 1, "all": [XP]},
        {"all": []},
        {"any": []},
        {"at_least": 1, "of": []},
        {"all": {}},
        {"any": XP},
        {"all": [XP, 5]},
        {"any": [XP, {}]},
        {"all": [XP], "any": [XP]},
        {"of": [XP]},
        {"at_least": 2, "of": [XP]},
        {"at_least": 0, "of": [XP]},
        {"at_least": "1", "of": [XP]},
        {"at_least": 1.5, "of": [XP, XP]},
        {"all": [{"any": [{"at_least": 1, "of": [{"metric": "unheard_of", "at_least": 1}]}]}]},
        DEEP,
    ],
)
def test_other_criteria_are_refused_when_the_row_is_written(learn: Learn, criteria: Any) -> None:
    with learn.refuses("LX011"):
        learn.make_achievement(criteria)
    slug = learn.make_achievement(XP)
    with learn.refuses("LX011"):
        learn.run("update learn.achievements set criteria = %s where slug = %s", [Jsonb(criteria), slug])


def test_missing_criteria_are_refused(learn: Learn) -> None:
    with learn.refuses("LX011"):
        learn.run("insert into learn.achievements (slug, name, criteria) values ('a', 'A', null)")


def test_the_refusal_tells_where_the_fault_is(learn: Learn) -> None:
    with learn.refuses("LX011") as refusal:
        learn.make_achievement({"all": [XP, {"any": [XP, {"metric": "unheard_of", "at_least": 1}]}]})
    assert "$.all[1].any[1].metric" in refusal.detail
    assert "unheard_of" in refusal.detail


def test_all_is_met_with_its_last_condition(learn: Learn) -> None:
    a, b = learn.make_activity_type(), learn.make_activity_type()
    first, second = learn.make_metric(a), learn.make_metric(b)
    slug = learn.make_achievement(
        {"all": [{"metric": first, "at_least": 2}, {"metric": second, "at_least": 1}]}
    )
    user, other = learn.make_user(), learn.make_user()
    learn.record_activity(user, b)
    learn.record_activity(user, a)
    assert slug not in learn.badges(user)
    assert learn.record_activity(user, a).new_achievements == [slug]
    learn.record_activity(other, a)
    learn.record_activity(other, a)
    assert slug not in learn.badges(other)
    assert learn.record_activity(other, b).new_achievements == [slug]


def test_all_is_met_when_one_batch_meets_every_condition(learn: Learn) -> None:
    a, b = learn.make_activity_type(xp=50), learn.make_activity_type(qualifying=True)
    metrics = [learn.make_metric(a), learn.make_metric(b)]
    slug = learn.make_achievement(
        {
            "all": [
                *({"metric": metric, "at_least": 2} for metric in metrics),
                {"metric": "xp", "at_least": 100},
                {"metric": "level_reached", "at_least": 2},
                {"metric": "active_days", "at_least": 1},
                {"metric": "current_streak", "at_least": 1},
            ]
        }
    )
    user = learn.make_user()
    (summary,) = learn.record_activities([{"user_id": user, "activity_type": t} for t in (a, b, b, a)])
    assert summary.new_achievements == [slug]


def test_any_is_met_with_its_first_condition_and_earned_once(learn: Learn) -> None:
    a, b = learn.make_activity_type(), learn.make_activity_type()
    slug = learn.make_achievement(
        {"any": [{"metric": learn.make_metric(kind), "at_least": 1} for kind in (a, b)]}, xp_reward=5
    )
    user = learn.make_user()
    assert learn.record_activity(user, b).new_achievements == [slug]
    assert learn.record_activity(user, a).new_achievements == []
    assert learn.ledger(user) == [(5, "achievement_earned", slug)]


def test_at_least_k_of_several(learn: Learn) -> None:
    kinds = [learn.make_activity_type() for _ in range(3)]
    slug = learn.make_achievement(
        {"at_least": 2, "of": [{"metric": learn.make_metric(kind), "at_least": 1} for kind in kinds]}
    )
    user = learn.make_user()
    learn.record_activity(user, kinds[2])
    learn.record_activity(user, kinds[2])
    assert slug not in learn.badges(user)
    assert learn.record_activity(user, kinds[0]).new_achievements == [slug]


def test_conditions_nest(learn: Learn) -> None:
    kinds = [learn.make_activity_type() for _ in range(3)]
    a, b, c = ({"metric": learn.make_metric(kind), "at_least": 1} for kind in kinds)
    slug = learn.make_achievement({"all": [{"any": [a, b]}, c]})
    user = learn.make_user()
    learn.record_activity(user, kinds[1])
    assert slug not in learn.badges(user)
    assert learn.record_activity(user, kinds[2]).new_achievements == [slug]


def test_a_scope_asks_for_what_happened_in_it(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    metric = learn.make_metric(activity, scope_property="exam")
    scoped = learn.make_achievement({"metric": metric, "scope": "security", "at_least": 2})
    whole = learn.make_achievement({"metric": metric, "at_least": 3})
    learn.record_activity(user, activity, properties={"exam": "security"})
    learn.record_activity(user, activity, properties={"exam": "network"})
    assert not {scoped, whole} & set(learn.badges(user))
    summary = learn.record_activity(user, activity, properties={"exam": "security"})
    assert sorted(summary.new_achievements) == sorted([scoped, whole])


@pytest.mark.parametrize(
    ("metric", "enough"),
    [("xp", 500), ("level_reached", 3), ("current_streak", 1), ("active_days", 1)],
)
def test_what_user_stats_keeps_counts_like_a_metric(learn: Learn, metric: str, enough: int) -> None:
    slug = learn.make_achievement({"metric": metric, "at_least": enough})
    activity, user = learn.make_activity_type(xp=499, qualifying=False), learn.make_user()
    if metric == "xp":
        assert slug not in learn.record_activity(user, activity).new_achievements
    assert slug not in learn.badges(user)
    learn.award_xp(user, 1)
    learn.award_xp(user, 500)
    learn.submit_query(user, learn.make_lesson(1).exercises[0])
    assert slug in learn.badges(user)
