"""check_achievements(), backfill_achievement(), grant_achievement() and revoke_achievement()."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Learn, days

NEVER = {"metric": "xp", "at_least": 10**15}


def earlier(learn: Learn, number: int = 3) -> tuple[str, str]:
    """A metric with facts of 0, 1, … users, and an achievement that came a day later: it takes two facts."""
    activity = learn.make_activity_type()
    metric = learn.make_metric(activity)
    for facts in range(number):
        user = learn.make_user(f"earlier-{facts}")
        for _ in range(facts + 1):
            learn.record_activity(user, activity)
    learn.advance(days(1))
    return activity, learn.make_achievement({"metric": metric, "at_least": 2}, xp_reward=10)


def named(learn: Learn, name: str) -> UUID:
    found = learn.value("select id from learn.users where username = %s", [name])
    assert isinstance(found, UUID)
    return found


# ── after the deed ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_achievement_is_not_earned_for_the_past_by_itself(learn: Learn) -> None:
    _, slug = earlier(learn)
    assert all(slug not in learn.badges(named(learn, f"earlier-{n}")) for n in range(3))
    assert learn.check_integrity() == []


def test_backfill_grants_it_to_all_who_deserve_it_once(learn: Learn) -> None:
    _, slug = earlier(learn)
    assert learn.backfill_achievement(slug) == 2
    assert [slug in learn.badges(named(learn, f"earlier-{n}")) for n in range(3)] == [False, True, True]
    assert learn.ledger(named(learn, "earlier-2")) == [(10, "achievement_earned", slug)]
    assert learn.backfill_achievement(slug) == 0


def test_backfill_of_composite_criteria(learn: Learn) -> None:
    activity = learn.make_activity_type()
    metric = learn.make_metric(activity)
    both, one = learn.make_user(), learn.make_user()
    for user in (both, one):
        learn.record_activity(user, activity)
    learn.award_xp(both, 50)
    learn.advance(days(1))
    slug = learn.make_achievement(
        {"all": [{"metric": metric, "at_least": 1}, {"metric": "xp", "at_least": 50}]}
    )
    assert learn.backfill_achievement(slug) == 1
    assert slug in learn.badges(both)


def test_backfill_leaves_out_those_from_whom_it_was_taken(learn: Learn) -> None:
    _, slug = earlier(learn)
    user = named(learn, "earlier-1")
    learn.grant_achievement(user, slug)
    learn.revoke_achievement(user, slug)
    assert learn.backfill_achievement(slug) == 1
    assert slug not in learn.badges(user)


def test_backfill_of_nothing_that_exists_or_is_active_is_refused(learn: Learn) -> None:
    inactive = learn.make_achievement(NEVER, active=False)
    for unknown in ("no-such-thing", None):
        with learn.refuses("LX003"):
            learn.backfill_achievement(unknown)
    with learn.refuses("LX004"):
        learn.backfill_achievement(inactive)


def test_check_achievements_earns_what_a_user_deserves_by_now(learn: Learn) -> None:
    _, slug = earlier(learn)
    assert learn.check_achievements(named(learn, "earlier-0")) == []
    assert learn.check_achievements(named(learn, "earlier-1")) == [slug]
    assert learn.check_achievements(named(learn, "earlier-1")) == []
    assert slug not in learn.badges(named(learn, "earlier-2"))


def test_check_achievements_follows_what_its_awards_cause(learn: Learn) -> None:
    _, slug = earlier(learn)
    learn.make_achievement({"metric": "xp", "at_least": 10}, slug="ten-xp")
    assert learn.check_achievements(named(learn, "earlier-1")) == [slug, "ten-xp"]


def test_check_achievements_is_for_known_and_active_users(learn: Learn, user: UUID) -> None:
    for unknown in (uuid4(), None):
        with learn.refuses("LX002"):
            learn.check_achievements(unknown)
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.check_achievements(user)


# ── grant ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_granted_achievement_pays_and_unlocks_like_an_earned_one(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar("owl")
    slug = learn.make_achievement(NEVER, xp_reward=100, avatar=avatar)
    summary = learn.grant_achievement(user, slug)
    assert summary == AwardSummary(user, 100, 100, 2, True, 0, [slug], {"avatars": ["owl"]}, False)
    assert learn.avatars(user) == ["owl"]


def test_granting_what_a_user_has_changes_nothing(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement(NEVER, xp_reward=100)
    learn.grant_achievement(user, slug)
    assert learn.grant_achievement(user, slug) == AwardSummary(user, 0, 100, 2, False, 0, [], {}, False)


def test_what_was_granted_is_not_earned_again(learn: Learn) -> None:
    activity = learn.make_activity_type()
    slug = learn.make_achievement({"metric": learn.make_metric(activity), "at_least": 1}, xp_reward=5)
    user = learn.make_user()
    learn.grant_achievement(user, slug)
    assert learn.record_activity(user, activity).new_achievements == []
    assert learn.stats(user).total_xp == 5


@pytest.mark.parametrize("slug", ["no-such-thing", None])
def test_an_unknown_achievement_is_neither_granted_nor_revoked(
    learn: Learn, user: UUID, slug: str | None
) -> None:
    with learn.refuses("LX003"):
        learn.grant_achievement(user, slug)
    with learn.refuses("LX003"):
        learn.revoke_achievement(user, slug)


def test_an_inactive_achievement_is_not_granted(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement(NEVER, active=False)
    with learn.refuses("LX004"):
        learn.grant_achievement(user, slug)


def test_granting_and_revoking_is_for_known_and_active_users(learn: Learn, user: UUID) -> None:
    with learn.refuses("LX002"):
        learn.grant_achievement(uuid4(), "path-master")
    with learn.refuses("LX002"):
        learn.revoke_achievement(uuid4(), "path-master")
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.grant_achievement(user, "path-master")
    with learn.refuses("LX004"):
        learn.revoke_achievement(user, "welcome-aboard")


# ── revoke ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_revoked_achievement_goes_with_its_xp_and_avatar(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar("owl")
    slug = learn.make_achievement(NEVER, xp_reward=100, avatar=avatar)
    learn.award_xp(user, 30)
    learn.grant_achievement(user, slug)
    learn.run("update learn.users set selected_avatar_id = %s where id = %s", [avatar, user])
    assert learn.revoke_achievement(user, slug, "Cheated") == AwardSummary(
        user, -100, 30, 1, False, 0, [], {}, False
    )
    assert slug not in learn.badges(user)
    assert learn.avatars(user) == []
    assert learn.dashboard(user)["selected_avatar"] is None
    assert learn.ledger(user)[1:] == [(100, "achievement_earned", slug), (-100, "achievement_revoked", slug)]
    assert learn.tuples("select reason from learn.revoked_achievements where user_id = %s", [user]) == [
        ("Cheated",)
    ]


def test_an_avatar_that_another_achievement_unlocks_too_stays(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar("owl")
    slugs = [learn.make_achievement(NEVER, avatar=avatar) for _ in range(2)]
    for slug in slugs:
        learn.grant_achievement(user, slug)
    learn.revoke_achievement(user, slugs[0])
    assert learn.avatars(user) == ["owl"]
    learn.revoke_achievement(user, slugs[1])
    assert learn.avatars(user) == []


def test_the_xp_that_is_taken_is_cut_to_what_is_there(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement(NEVER, xp_reward=100)
    learn.grant_achievement(user, slug)
    (paid,) = learn.transactions(user)
    learn.reverse_xp(user, paid)
    learn.award_xp(user, 30)
    assert learn.revoke_achievement(user, slug).xp_awarded == 0  # its 100 are taken back already
    assert learn.stats(user).total_xp == 30


def test_a_revoked_achievement_is_not_earned_again_by_itself(learn: Learn) -> None:
    activity = learn.make_activity_type()
    metric = learn.make_metric(activity)
    sole = learn.make_achievement({"metric": metric, "at_least": 1})
    user = learn.make_user()
    learn.record_activity(user, activity)
    learn.revoke_achievement(user, sole)
    learn.record_activity(user, activity)
    assert learn.check_achievements(user) == []
    learn.rebuild_user(user)
    assert sole not in learn.badges(user)


def test_crossing_its_threshold_does_not_bring_a_revoked_achievement_back(learn: Learn) -> None:
    activity = learn.make_activity_type()
    metric = learn.make_metric(activity)
    sole = learn.make_achievement({"metric": metric, "at_least": 2})
    composite = learn.make_achievement({"all": [{"metric": metric, "at_least": 2}]})
    user = learn.make_user()
    for slug in (sole, composite):
        learn.grant_achievement(user, slug)
        learn.revoke_achievement(user, slug)
    for _ in range(3):
        assert learn.record_activity(user, activity).new_achievements == []
    assert not {sole, composite} & set(learn.badges(user))


def test_a_revoked_achievement_may_be_granted_and_revoked_again(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement(NEVER, xp_reward=100)
    for total in (100, 0, 100, 0):
        if total:
            learn.grant_achievement(user, slug)
        else:
            learn.revoke_achievement(user, slug)
        assert learn.stats(user).total_xp == total
        assert (slug in learn.badges(user)) is (total == 100)
        assert learn.check_integrity() == []
    assert len(learn.ledger(user)) == 4


def test_a_changed_reward_is_revoked_at_what_was_paid(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement(NEVER, xp_reward=100)
    learn.grant_achievement(user, slug)
    learn.award_xp(user, 1000)
    learn.run("update learn.achievements set xp_reward = 500 where slug = %s", [slug])
    assert learn.revoke_achievement(user, slug).xp_awarded == -100


def test_the_xp_is_taken_back_also_after_the_slug_has_changed(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement(NEVER, xp_reward=100)
    learn.grant_achievement(user, slug)
    learn.run("update learn.achievements set slug = 'another-name' where slug = %s", [slug])
    assert learn.revoke_achievement(user, "another-name").xp_awarded == -100


def test_an_award_that_only_looks_like_the_achievements_is_left_alone(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement(NEVER, xp_reward=5)
    learn.award_xp(user, 100, "achievement_earned", slug)
    learn.grant_achievement(user, slug)
    assert learn.revoke_achievement(user, slug).xp_awarded == -5


def test_an_achievement_that_pays_nothing_is_revoked_without_a_ledger_row(learn: Learn, user: UUID) -> None:
    learn.revoke_achievement(user, "welcome-aboard")
    assert learn.ledger(user) == []
    assert learn.badges(user) == []
    assert learn.facts(user, "achievement_revoked") == [
        ("achievement_revoked", "achievement", "welcome-aboard")
    ]


def test_an_inactive_achievement_can_be_revoked(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement(NEVER, xp_reward=5)
    learn.grant_achievement(user, slug)
    learn.run("update learn.achievements set is_active = false where slug = %s", [slug])
    assert learn.revoke_achievement(user, slug).xp_awarded == -5


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_revoking_takes_a_reason(learn: Learn, user: UUID, reason: str | None) -> None:
    with learn.refuses("LX001"):
        learn.revoke_achievement(user, "welcome-aboard", reason)


def test_only_what_a_user_has_is_revoked(learn: Learn, user: UUID) -> None:
    with learn.refuses("LX001"):
        learn.revoke_achievement(user, "path-master")
    learn.revoke_achievement(user, "welcome-aboard")
    with learn.refuses("LX001"):
        learn.revoke_achievement(user, "welcome-aboard")


def test_a_revoked_achievement_written_back_by_hand_can_be_revoked_again(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement(NEVER, xp_reward=5)
    learn.grant_achievement(user, slug)
    learn.revoke_achievement(user, slug)
    learn.run(
        "insert into learn.user_achievements (user_id, achievement_id)"
        " select %s, id from learn.achievements where slug = %s",
        [user, slug],
    )
    assert learn.revoke_achievement(user, slug).total_xp == 0
