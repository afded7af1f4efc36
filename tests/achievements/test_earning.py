"""What earning an achievement causes: XP, levels, avatars, facts; hidden and inactive ones; changed rules."""

from __future__ import annotations

from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.client import AwardSummary, Learn, days


@pytest.fixture
def activity(learn: Learn) -> str:
    return learn.make_activity_type()


@pytest.fixture
def metric(learn: Learn, activity: str) -> str:
    return learn.make_metric(activity)


def avatar_slug(learn: Learn, avatar: int) -> str:
    return str(learn.value("select slug from learn.avatars where id = %s", [avatar]))


def test_an_achievement_pays_its_xp_and_is_a_fact(learn: Learn, activity: str, metric: str) -> None:
    slug, user = learn.make_achievement({"metric": metric, "at_least": 1}, xp_reward=120), learn.make_user()
    summary = learn.record_activity(user, activity)
    assert summary == AwardSummary(user, 120, 120, 2, True, 0, [slug], {}, False)
    assert learn.ledger(user) == [(120, "achievement_earned", slug)]
    assert learn.facts(user, "achievement_earned")[-1] == ("achievement_earned", "achievement", slug)


def test_an_achievement_is_earned_when_the_fact_came_in(learn: Learn, activity: str, metric: str) -> None:
    slug, user = learn.make_achievement({"metric": metric, "at_least": 1}), learn.make_user()
    learn.record_activity(user, activity, at="2035-06-10 08:00")
    rows = learn.tuples(
        "select e.earned_at = learn.clock(), e.evidence from learn.user_achievements e"
        " join learn.achievements a on a.id = e.achievement_id where e.user_id = %s and a.slug = %s",
        [user, slug],
    )
    assert rows == [(True, {"metric": metric, "scope": "", "value": 1})]


def test_achievements_that_pay_raise_levels_that_raise_achievements(
    learn: Learn, activity: str, metric: str
) -> None:
    first = learn.make_achievement({"metric": metric, "at_least": 1}, xp_reward=100, slug="first-step")
    second = learn.make_achievement(
        {"metric": "level_reached", "at_least": 2}, xp_reward=200, slug="second-step"
    )
    third = learn.make_achievement(
        {"metric": "level_reached", "at_least": 3}, xp_reward=300, slug="third-step"
    )
    fourth = learn.make_achievement({"metric": "xp", "at_least": 600}, xp_reward=1, slug="fourth-step")
    user = learn.make_user()
    summary = learn.record_activity(user, activity)
    assert summary.new_achievements == [first, second, third, fourth]
    assert (summary.xp_awarded, summary.total_xp, summary.current_level) == (601, 601, 4)
    assert [subject for _, _, subject in learn.facts(user, "level_reached")] == ["2", "3", "4"]
    assert learn.record_activity(user, activity).new_achievements == []


def test_a_badge_for_badges_counts_itself_at_most_once(learn: Learn) -> None:
    earned = learn.make_metric("achievement_earned")
    collector = learn.make_achievement({"metric": earned, "at_least": 2})
    user = learn.make_user()  # welcome-aboard
    assert collector not in learn.badges(user)
    summary = learn.submit_query(user, learn.make_lesson(2).exercises[0], False)
    assert summary.new_achievements == ["first-query", collector]


def test_an_achievement_unlocks_its_avatar(learn: Learn, activity: str, metric: str) -> None:
    avatar = learn.make_avatar()
    slug, user = learn.make_achievement({"metric": metric, "at_least": 1}, avatar=avatar), learn.make_user()
    assert learn.avatars(user) == []
    summary = learn.record_activity(user, activity)
    assert summary.new_achievements == [slug]
    assert summary.unlocked == {"avatars": [avatar_slug(learn, avatar)]}
    assert learn.avatars(user) == [avatar_slug(learn, avatar)]


def test_two_achievements_may_unlock_one_avatar(learn: Learn, activity: str, metric: str) -> None:
    avatar = learn.make_avatar()
    for at_least in (1, 2):
        learn.make_achievement({"metric": metric, "at_least": at_least}, avatar=avatar)
    user = learn.make_user()
    learn.record_activity(user, activity)
    learn.record_activity(user, activity)
    assert learn.avatars(user) == [avatar_slug(learn, avatar)]


def test_an_avatar_is_told_of_once_when_it_is_unlocked(learn: Learn, activity: str, metric: str) -> None:
    avatar = learn.make_avatar("owl")
    for at_least in (1, 1, 2):
        learn.make_achievement({"metric": metric, "at_least": at_least}, avatar=avatar)
    user = learn.make_user()
    assert learn.record_activity(user, activity).unlocked == {"avatars": ["owl"]}
    assert learn.record_activity(user, activity).unlocked == {}


def test_an_inactive_achievement_is_not_earned_until_it_is_active(
    learn: Learn, activity: str, metric: str
) -> None:
    slug, user = learn.make_achievement({"metric": metric, "at_least": 2}, active=False), learn.make_user()
    for _ in range(2):
        learn.record_activity(user, activity)
    assert slug not in learn.badges(user)
    assert slug not in learn.achievement_progress(user)
    learn.advance(days(1))
    learn.run("update learn.achievements set is_active = true where slug = %s", [slug])
    assert learn.check_integrity() == []
    assert learn.check_achievements(user) == [slug]


def test_a_deactivated_achievement_stays_earned_and_is_earned_no_more(
    learn: Learn, activity: str, metric: str
) -> None:
    slug, early, late = (
        learn.make_achievement({"metric": metric, "at_least": 1}),
        learn.make_user(),
        learn.make_user(),
    )
    learn.record_activity(early, activity)
    learn.run("update learn.achievements set is_active = false where slug = %s", [slug])
    learn.record_activity(late, activity)
    assert slug in learn.badges(early)
    assert slug in learn.achievement_progress(early)
    assert slug not in learn.badges(late)


def test_a_hidden_achievement_is_shown_to_those_who_have_it(learn: Learn, activity: str, metric: str) -> None:
    slug, user = learn.make_achievement({"metric": metric, "at_least": 1}, hidden=True), learn.make_user()
    assert slug not in learn.achievement_progress(user)
    assert learn.record_activity(user, activity).new_achievements == [slug]
    assert slug in learn.achievement_progress(user)
    assert learn.tuples("select 1 from learn.achievement_catalog where slug = %s", [slug]) == []


def test_what_was_earned_stays_when_the_rule_becomes_harder(learn: Learn, activity: str, metric: str) -> None:
    slug, early, late = (
        learn.make_achievement({"metric": metric, "at_least": 1}),
        learn.make_user(),
        learn.make_user(),
    )
    learn.record_activity(early, activity)
    learn.run(
        "update learn.achievements set criteria = %s where slug = %s",
        [Jsonb({"metric": metric, "at_least": 3}), slug],
    )
    assert slug in learn.badges(early)
    for _ in range(2):
        learn.record_activity(late, activity)
    assert slug not in learn.badges(late)
    assert learn.record_activity(late, activity).new_achievements == [slug]


def test_an_easier_rule_applies_from_then_on(learn: Learn, activity: str, metric: str) -> None:
    slug, there, almost = (
        learn.make_achievement({"metric": metric, "at_least": 5}),
        learn.make_user(),
        learn.make_user(),
    )
    learn.record_activity(there, activity)
    learn.record_activity(there, activity)
    learn.record_activity(almost, activity)
    learn.advance(days(1))
    learn.run(
        "update learn.achievements set criteria = %s where slug = %s",
        [Jsonb({"metric": metric, "at_least": 2}), slug],
    )
    assert slug not in learn.badges(there)
    assert learn.check_integrity() == []
    assert learn.record_activity(almost, activity).new_achievements == [slug]
    assert learn.backfill_achievement(slug) == 1
    assert slug in learn.badges(there)


def test_an_achievement_that_somebody_holds_is_not_deleted(learn: Learn, activity: str, metric: str) -> None:
    slug, user = learn.make_achievement({"metric": metric, "at_least": 1}, xp_reward=30), learn.make_user()
    learn.record_activity(user, activity)
    with learn.refuses("LX009"):
        learn.run("delete from learn.achievements where slug = %s", [slug])
    learn.revoke_achievement(user, slug)
    learn.run("delete from learn.achievements where slug = %s", [slug])
    assert learn.stats(user).total_xp == 0


def test_a_row_written_straight_into_user_achievements_does_all_that_earning_does(learn: Learn) -> None:
    avatar = learn.make_avatar()
    slug, user = (
        learn.make_achievement({"metric": "xp", "at_least": 10**9}, xp_reward=30, avatar=avatar),
        learn.make_user(),
    )
    learn.run(
        "insert into learn.user_achievements (user_id, achievement_id)"
        " select %s, id from learn.achievements where slug = %s",
        [user, slug],
    )
    assert learn.ledger(user) == [(30, "achievement_earned", slug)]
    assert learn.avatars(user) == [avatar_slug(learn, avatar)]
    assert learn.facts(user, "achievement_earned")[-1] == ("achievement_earned", "achievement", slug)


# ── how far a user is ──────────────────────────────────────────────────────────────────────────────────────


def progress(learn: Learn, user: UUID, slug: str) -> tuple[int, int, float, bool]:
    row = learn.achievement_progress(user)[slug]
    return row.value, row.target, float(row.percentage), row.earned_at is not None


def test_progress_of_one_condition_is_the_metrics(learn: Learn, activity: str, metric: str) -> None:
    slug, user = learn.make_achievement({"metric": metric, "at_least": 3}), learn.make_user()
    for expected in ((0, 3, 0.0, False), (1, 3, 33.33, False), (2, 3, 66.67, False), (3, 3, 100.0, True)):
        assert progress(learn, user, slug) == expected
        learn.record_activity(user, activity)
    assert progress(learn, user, slug) == (4, 3, 100.0, True)


def test_progress_of_a_list_is_the_furthest_condition_or_the_number_of_those_met(learn: Learn) -> None:
    kinds = [learn.make_activity_type() for _ in range(3)]
    conditions = [{"metric": learn.make_metric(kind), "at_least": 1} for kind in kinds]
    every = learn.make_achievement({"all": conditions})
    either = learn.make_achievement({"any": conditions})
    two = learn.make_achievement({"at_least": 2, "of": conditions})
    user = learn.make_user()
    assert [progress(learn, user, slug)[:3] for slug in (every, either, two)] == [
        (0, 1, 0.0),
        (0, 1, 0.0),
        (0, 2, 0.0),
    ]
    learn.record_activity(user, kinds[0])
    assert [progress(learn, user, slug) for slug in (every, either, two)] == [
        (0, 1, 0.0, False),
        (1, 1, 100.0, True),
        (1, 2, 50.0, False),
    ]


def test_progress_towards_a_streak_is_the_streak_of_today(learn: Learn) -> None:
    user, exercise = learn.make_user(), learn.make_lesson(2).exercises[0]
    for day in (10, 11):
        learn.set_clock(f"2035-06-{day} 12:00")
        learn.submit_query(user, exercise, False)
    assert progress(learn, user, "weekly-streak") == (2, 7, 28.57, False)
    learn.set_clock("2035-06-13 12:00")
    assert progress(learn, user, "weekly-streak") == (0, 7, 0.0, False)


def test_progress_of_what_was_granted_is_complete(learn: Learn, user: UUID) -> None:
    learn.grant_achievement(user, "lesson-master")
    assert progress(learn, user, "lesson-master") == (0, 100, 100.0, True)


def test_progress_lists_every_badge_with_name_and_category(learn: Learn) -> None:
    found = learn.achievement_progress(learn.make_user())
    assert len(found) == learn.value("select count(*) from learn.achievements")
    assert (found["one-shot"].name, found["one-shot"].category) == ("One-Shot", "Performance & Skill")


def test_progress_of_nobody_is_refused(learn: Learn) -> None:
    with learn.refuses("LX002"):
        learn.achievement_progress(None)


def test_the_catalog_tells_how_many_have_earned_an_achievement(learn: Learn) -> None:
    before = learn.value("select times_earned from learn.achievement_catalog where slug = 'welcome-aboard'")
    for _ in range(3):
        learn.make_user()
    after = dict(learn.tuples("select slug, times_earned from learn.achievement_catalog"))
    assert after["welcome-aboard"] == before + 3
    assert after["lesson-master"] == 0


@pytest.mark.parametrize("caller", [None, "learn_app"])
def test_nothing_is_complete_before_it_is_earned(learn: Learn, caller: str | None) -> None:
    learn.caller = caller
    slug, user = learn.make_achievement({"metric": "xp", "at_least": 200000}), learn.make_user()
    learn.award_xp(user, 199995 - learn.stats(user).total_xp)
    assert progress(learn, user, slug) == (199995, 200000, 99.99, False)
    learn.award_xp(user, 5)
    assert progress(learn, user, slug) == (200000, 200000, 100.0, True)
    learn.revoke_achievement(user, slug)
    assert progress(learn, user, slug) == (200000, 200000, 99.99, False)


def test_progress_of_all_is_that_of_the_condition_furthest_away(learn: Learn) -> None:
    kind = learn.make_activity_type()
    acts = {"metric": learn.make_metric(kind), "at_least": 4}
    slug = learn.make_achievement({"all": [{"metric": "xp", "at_least": 5000}, acts]})
    nested = learn.make_achievement({"all": [{"all": [acts]}, {"any": [acts, acts]}]})
    user = learn.make_user()
    learn.award_xp(user, 6000)
    assert progress(learn, user, slug) == (0, 4, 0.0, False)
    for expected in (1, 2, 3):
        learn.record_activity(user, kind)
        assert progress(learn, user, slug) == (expected, 4, 25.0 * expected, False)
    assert progress(learn, user, nested) == (0, 1, 0.0, False)
    learn.record_activity(user, kind)
    assert progress(learn, user, slug)[2:] == progress(learn, user, nested)[2:] == (100.0, True)


def test_two_achievements_of_a_system_have_two_names(learn: Learn) -> None:
    learn.make_achievement({"metric": "xp", "at_least": 1}, slug="one")
    with learn.fails("23505"):
        learn.run(
            "insert into learn.achievements (slug, name, criteria, system)"
            " select 'two', name, criteria, system from learn.achievements where slug = 'one'"
        )
    learn.run(
        "insert into learn.achievements (slug, name, criteria, system)"
        " select 'two', name, criteria, 'another' from learn.achievements where slug = 'one'"
    )


def test_names_are_in_the_learners_language(learn: Learn) -> None:
    slug = learn.make_achievement({"metric": "xp", "at_least": 1})
    learn.run(
        "update learn.achievements set translations ="
        """ '{"fil": {"name": "Unang punto", "description": "Makakuha ng XP."}}' where slug = %s""",
        [slug],
    )
    for locale, name in (("fil", "Unang punto"), ("fil-PH", "Unang punto"), ("en", slug), ("de", slug)):
        user = learn.make_user(locale=locale)
        learn.award_xp(user, 5)
        assert learn.achievement_progress(user)[slug].name == name
        assert learn.dashboard(user)["recent_achievements"][0]["name"] == name
    (shown,) = learn.values("select translations from learn.achievement_catalog where slug = %s", [slug])
    assert shown["fil"]["name"] == "Unang punto"
    for bad in ('{"fil": 5}', '{"fil": {"name": " x"}}', '{"fil": {"name": "a\\u200bb"}}', "[]"):
        with learn.fails("23514"):
            learn.run("update learn.achievements set translations = %s", [bad])
