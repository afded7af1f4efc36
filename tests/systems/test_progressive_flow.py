"""Progressive Flow's documented journey: 61 challenges of 5 levels in three tracks, on its seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, moment
from tests.systems.seeded import run_seeds, seeded_database
from toolkit.servers.choose import ThrowawayServer

pytestmark = pytest.mark.stock

MONDAY = moment("2035-06-11 18:00")


@pytest.fixture(scope="module")
def shared_database(server: ThrowawayServer, bare: str) -> Iterator[str]:
    yield from seeded_database(server, bare, "progressive_flow")


@pytest.fixture
def flow(learn: Learn) -> Learn:
    """The client, with the challenges and rules of Progressive Flow."""
    learn.set_clock(MONDAY)
    return learn


def pass_all(flow: Learn, user: UUID, challenge: int) -> list[str]:
    """Passes all levels of a challenge; returns the slugs of what that unlocks."""
    unlocked: list[str] = []
    for level in range(1, 6):
        summary = flow.submit_level_attempt(user, challenge, level, score=90, time_spent_seconds=600)
        unlocked += summary.unlocked.get("challenges", [])
    return unlocked


def recommended(flow: Learn, user: UUID) -> list[Any]:
    """The documented query for what to do next."""
    return flow.tuples(
        "with user_skill_level as (select skill_level from learn.users where id = %(u)s),"
        " completed_challenges as (select challenge_id from learn.user_challenge_progress"
        "   where user_id = %(u)s and status = 'completed')"
        " select c.slug from learn.challenges c cross join user_skill_level usl"
        " join learn.tracks t on t.id = c.track_id"
        " where c.is_active and c.id not in (select challenge_id from completed_challenges)"
        "   and not exists (select from learn.challenge_prerequisites p where p.challenge_id = c.id"
        "     and p.prerequisite_challenge_id not in (select challenge_id from completed_challenges))"
        "   and not exists (select from learn.track_prerequisites p where p.track_id = c.track_id"
        "     and not exists (select from learn.user_track_progress d where d.user_id = %(u)s"
        "       and d.track_id = p.prerequisite_track_id and d.status = 'completed'))"
        "   and ((usl.skill_level = 'beginner' and c.difficulty = 'beginner')"
        "     or (usl.skill_level = 'intermediate' and c.difficulty in ('beginner', 'intermediate'))"
        "     or usl.skill_level = 'advanced')"
        " order by case c.difficulty when 'beginner' then 1 when 'intermediate' then 2 else 3 end,"
        "   t.position, c.position limit 5",
        {"u": user},
    )


def test_there_are_61_challenges_of_5_levels(flow: Learn) -> None:
    assert flow.value("select count(*) from learn.challenges") == 61
    counts = flow.tuples(
        "select count(*), array_agg(level_number order by level_number) from learn.challenge_levels"
        " group by challenge_id"
    )
    assert counts == [(5, [1, 2, 3, 4, 5])] * 61
    dear = flow.tuples(
        "select challenge_id, level_number from learn.challenge_levels where xp_reward"
        " < (select coalesce(sum((h ->> 'xp_penalty')::integer), 0) from jsonb_array_elements(hints) h)"
    )
    assert dear == []


def test_a_learner_who_passes_everything_in_a_legal_order_completes_every_track(flow: Learn) -> None:
    user = flow.register_user("ada")
    flow.run("update learn.users set skill_level = 'advanced' where id = %s", [user])
    ids = dict(flow.tuples("select slug, id from learn.challenges"))
    open_ = [row["slug"] for row in flow.challenge_status(user) if row["is_unlocked"]]
    assert open_ == []
    waiting = flow.tuples(
        "select slug from learn.challenges where id = any (%s)", [flow.check_and_unlock_challenges(user)]
    )
    todo = sorted(slug for (slug,) in waiting)
    assert todo
    done: list[str] = []
    while todo:
        slug = todo.pop(0)
        assert [slug for (slug,) in recommended(flow, user)] == flow.recommend_challenges(user)
        todo += pass_all(flow, user, ids[slug])
        done.append(slug)
    assert sorted(done) == sorted(ids)

    assert flow.recommend_challenges(user) == []
    tracks = flow.tuples(
        "select t.slug, p.status, p.progress_percentage from learn.user_track_progress p"
        " join learn.tracks t on t.id = p.track_id where p.user_id = %s order by t.position",
        [user],
    )
    assert tracks == [(slug, "completed", 100) for slug in ("fundamentals", "concepts", "systems")]
    expected = flow.value(
        "select (select sum(xp_reward) from learn.challenge_levels)"
        " + (select sum(xp_base) from learn.challenges)"
        " + (select sum(coalesce(t.completion_xp, r.amount)) from learn.tracks t"
        "   join learn.xp_rules r on r.activity_type = 'track_completed')"
        " + (select coalesce(sum(a.xp_reward), 0) from learn.user_achievements u"
        "   join learn.achievements a on a.id = u.achievement_id where u.user_id = %s)",
        [user],
    )
    stats = flow.stats(user)
    assert stats.total_xp == expected
    assert stats.current_level == flow.calculate_level_from_xp(expected)
    assert flow.metric(user, "challenges_completed") == 61
    assert flow.metric(user, "challenge_levels_passed") == 305
    assert flow.metric(user, "tracks_completed") == 3
    assert flow.dashboard(user)["tracks_completed"] == 3
    locked = "select count(*) from learn.challenge_prerequisites_status where user_id = %s and not is_met"
    assert flow.value(locked, [user]) == 0


def test_a_badge_for_a_track_is_for_this_track(flow: Learn) -> None:
    """Another track of its difficulty neither gives nor delays it."""
    user = flow.register_user("ada")
    other = flow.make_track(difficulty="fundamentals")
    flow.make_challenge((5,), track=other, slug="left-alone")
    flow.pass_challenge(user, flow.make_challenge((5,), track=other, slug="of-the-other"))
    flow.update_profile(user, {"skill_level": "advanced"})
    while slugs := [slug for slug in flow.recommend_challenges(user, 20) if slug != "left-alone"]:
        ((slug, track),) = flow.tuples(
            "select c.slug, t.slug from learn.challenges c join learn.tracks t on t.id = c.track_id"
            " where c.slug = %s",
            slugs[:1],
        )
        if track != "fundamentals":
            break
        pass_all(flow, user, flow.value("select id from learn.challenges where slug = %s", [slug]))
    assert "solid-foundations" in flow.badges(user)
    assert flow.metric(user, "difficulty_completed", "fundamentals") == 0


def test_a_first_evening(flow: Learn) -> None:
    user = flow.register_user("grace", timezone="Europe/Helsinki")
    slug = flow.recommend_challenges(user)[0]
    first, base = flow.tuples("select id, xp_base from learn.challenges where slug = %s", [slug])[0]
    pays = dict(
        flow.tuples(
            "select level_number, xp_reward from learn.challenge_levels where challenge_id = %s", [first]
        )
    )
    penalty = flow.value(
        "select (hints -> 0 ->> 'xp_penalty')::integer from learn.challenge_levels"
        " where challenge_id = %s and level_number = 1",
        [first],
    )

    # Fails, looks at a hint, passes for less; the second level is not to be skipped.
    assert flow.submit_level_attempt(user, first, 1, False, 40).unlocked == {"challenges": [slug]}
    flow.use_hint(user, first, 1, 1)
    assert flow.submit_level_attempt(user, first, 1, True, 75).xp_awarded >= pays[1] - penalty
    assert ("challenge_level_passed", pays[1] - penalty) in [
        (source, amount) for amount, source, _ in flow.ledger(user)
    ]
    with flow.refuses("LX005"):
        flow.submit_level_attempt(user, first, 3)

    # The documented query for the status of challenges, and the function that answers it.
    rows = flow.tuples(
        "select c.slug, ucp.status, ucp.current_level, ucp.levels_completed, array("
        "   select jsonb_build_object('level', cl.level_number, 'name', cl.level_name,"
        "     'completed', cl.level_number = any (ucp.levels_completed), 'xp_reward', cl.xp_reward)"
        "   from learn.challenge_levels cl where cl.challenge_id = c.id order by cl.level_number)"
        " from learn.challenges c"
        " left join learn.user_challenge_progress ucp on c.id = ucp.challenge_id and ucp.user_id = %s"
        " where c.is_active and ucp.user_id is not null",
        [user],
    )
    answered = [row for row in flow.challenge_status(user) if row["is_unlocked"]]
    assert rows == [
        (row["slug"], row["status"], row["current_level"], row["levels_completed"], row["levels"])
        for row in answered
    ]

    # The rest of the challenge pays the levels and its base, and unlocks others.
    unlocked: list[str] = []
    for level in range(2, 6):
        unlocked += flow.submit_level_attempt(user, first, level).unlocked.get("challenges", [])
    assert (base, "challenge_completed", str(first)) in flow.ledger(user)
    assert unlocked

    # The challenge of the day pays as much as the highest of its levels, once.
    ((day, daily),) = flow.schedule_daily_challenges(1)
    assert day == MONDAY.date()
    highest = flow.value("select max(xp_reward) from learn.challenge_levels where challenge_id = %s", [daily])
    flow.submit_daily_challenge(user, 88)
    assert (highest, "daily_challenge_completed") in [row[:2] for row in flow.ledger(user)]
    with flow.refuses("LX008"):
        flow.submit_daily_challenge(user, 99)
    assert flow.calculate_user_streak(user) == 1


def test_a_month_of_daily_challenges_is_scheduled(flow: Learn) -> None:
    picked = flow.schedule_daily_challenges(61)
    assert len({day for day, _ in picked}) == 61
    assert len({challenge for _, challenge in picked[:30]}) == 30


def test_every_achievement_counts_what_is_counted(flow: Learn) -> None:
    unknown = flow.tuples(
        "select a.slug, t.metric from learn.achievements a"
        " join learn_internal.achievement_thresholds t on t.achievement_id = a.id"
        " where a.system = 'progressive_flow'"
        " and not exists (select from learn.metrics m where m.key = t.metric)"
    )
    assert unknown == []


def test_seeding_again_changes_nothing(flow: Learn) -> None:
    tables = ("tracks", "challenges", "challenge_levels", "challenge_prerequisites", "achievements")

    def rows() -> list[Any]:
        return [
            flow.tuples(f"select to_jsonb(t)::text, t.xmin::text from learn.{t} t order by 1") for t in tables
        ]

    before = rows()
    run_seeds(flow.connection, "progressive_flow")
    assert rows() == before
