"""Challenges unlock by prerequisites and tracks, stay unlocked, follow content, and are recommended."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import Challenge, Learn, TrackProgress, moment
from tests.properties.snapshots import differences, snapshot

NOON = moment("2035-06-13 12:00")


def status(learn: Learn, user: UUID, challenge: Challenge) -> str | None:
    progress = learn.challenge_progress(user, challenge)
    return None if progress is None else progress.status


def ids(*challenges: Challenge) -> list[int]:
    return [challenge.id for challenge in challenges]


def damage_by_hand(learn: Learn, statement: str, *arguments: Any) -> None:
    """Past all triggers, which refuse it."""
    learn.run("set local session_replication_role = replica")
    learn.run(statement, [*arguments])
    learn.run("set local session_replication_role = origin")


# ── unlocking ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_needs_nothing_is_unlocked_by_asking(learn: Learn, user: UUID) -> None:
    second, first = learn.make_challenge(position=2), learn.make_challenge(position=1)
    learn.make_challenge(needs=(first,))
    assert learn.check_and_unlock_challenges(user) == ids(first, second)
    assert learn.check_and_unlock_challenges(user) == []
    assert status(learn, user, first) == "not_started"
    assert learn.facts(user) == [
        ("user_registered", None, None),
        ("achievement_earned", "achievement", "welcome-aboard"),
    ]


def test_completing_unlocks_what_it_was_needed_for_at_once(learn: Learn, user: UUID) -> None:
    first, other = learn.make_challenge((5, 5), slug="a"), learn.make_challenge((5,), slug="b")
    learn.make_challenge(slug="after-a", needs=(first,))
    learn.make_challenge(slug="after-both", needs=(first, other))
    assert learn.submit_level_attempt(user, first, 1).unlocked == {"challenges": ["a"]}
    assert learn.submit_level_attempt(user, first, 2).unlocked == {"challenges": ["b", "after-a"]}
    assert learn.submit_level_attempt(user, other, 1).unlocked == {"challenges": ["after-both"]}
    assert learn.unlocked_challenges(user) == ["a", "after-a", "after-both", "b"]


def test_an_attempt_at_a_locked_challenge_is_refused(learn: Learn, user: UUID) -> None:
    first = learn.make_challenge((5, 5))
    locked = learn.make_challenge((5,), needs=(first,))
    learn.submit_level_attempt(user, first, 1)
    for passed in (True, False):
        with learn.refuses("LX005"):
            learn.submit_level_attempt(user, locked, 1, passed)
    with learn.refuses("LX005"):
        learn.run(
            "insert into learn.level_attempts (user_id, challenge_id, level_number, score, passed)"
            " values (%s, %s, 1, 50, true)",
            [*(user, locked.id)],
        )
    learn.submit_level_attempt(user, first, 2)
    assert learn.submit_level_attempt(user, locked, 1).xp_awarded == 105


def test_an_attempt_unlocks_what_was_earned_and_not_unlocked_yet(learn: Learn, user: UUID) -> None:
    """Such as a challenge that came, or lost its prerequisite, after the user had done what it takes."""
    first = learn.make_challenge((5,))
    learn.pass_challenge(user, first)
    later = learn.make_challenge((5,), slug="later", needs=(first,))
    assert learn.unlocked_challenges(user) == [first.slug]
    assert learn.submit_level_attempt(user, later, 1, False).unlocked == {"challenges": ["later"]}


def test_a_challenge_waits_for_the_tracks_that_its_track_needs(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    basics = learn.make_track(lesson)
    systems = learn.make_track()
    learn.make_prerequisite(systems, basics)
    challenge = learn.make_challenge((5,), slug="deep", track=systems)
    with learn.refuses("LX005"):
        learn.submit_level_attempt(user, challenge, 1)
    assert learn.check_and_unlock_challenges(user) == []
    assert learn.complete_lesson(user, lesson).unlocked == {"challenges": ["deep"]}
    assert learn.unlocked_challenges(user) == ["deep"]


def test_a_track_of_challenges_unlocks_the_next(learn: Learn, user: UUID) -> None:
    first, second = learn.make_track(), learn.make_track()
    learn.make_prerequisite(second, first)
    one, two = (learn.make_challenge((5,), track=first) for _ in range(2))
    next_ = learn.make_challenge((5,), track=second)
    assert next_.slug not in learn.pass_challenge(user, one).unlocked["challenges"]
    assert next_.slug in learn.pass_challenge(user, two).unlocked["challenges"]


def test_tracks_that_are_unpublished_or_empty_ask_for_nothing(learn: Learn, user: UUID) -> None:
    track = learn.make_track()
    learn.make_prerequisite(track, learn.make_track(learn.make_lesson(0), published=False))
    learn.make_prerequisite(track, learn.make_track())
    challenge = learn.make_challenge((5,), track=track)
    assert learn.check_and_unlock_challenges(user) == [challenge.id]


def test_inactive_challenges_are_not_unlocked_and_not_asked_for(learn: Learn, user: UUID) -> None:
    inactive = learn.make_challenge((5,), active=False)
    free = learn.make_challenge((5,), needs=(inactive,))
    assert learn.check_and_unlock_challenges(user) == [free.id]


def test_a_statement_may_unlock_what_it_goes_on_with(learn: Learn, user: UUID) -> None:
    first = learn.make_challenge((5,))
    second = learn.make_challenge((5,), needs=(first,))
    learn.run(
        "insert into learn.level_attempts (user_id, challenge_id, level_number, score, passed)"
        " select %s, c, 1, 50, true from unnest(%s::bigint[]) c",
        [*(user, ids(first, second))],
    )
    assert learn.stats(user).total_xp == 210


def test_unlocks_are_sticky(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((5, 5))
    learn.check_and_unlock_challenges(user)
    learn.need_challenge(challenge, learn.make_challenge((5,)))
    assert learn.submit_level_attempt(user, challenge, 1).xp_awarded == 5
    with learn.refuses("LX005"):
        learn.submit_level_attempt(learn.make_user(), challenge, 1)
    track = learn.make_track()
    learn.make_prerequisite(track, learn.make_track(learn.make_lesson(0)))
    learn.run("update learn.challenges set track_id = %s where id = %s", [track.id, challenge.id])
    assert learn.submit_level_attempt(user, challenge, 2).xp_awarded == 5 + 100 + 200  # and the track


def test_users_do_not_unlock_for_each_other(learn: Learn, user: UUID) -> None:
    first = learn.make_challenge((5,))
    learn.make_challenge((5,), needs=(first,))
    learn.pass_challenge(user, first)
    other = learn.make_user()
    assert learn.check_and_unlock_challenges(other) == [first.id]
    assert len(learn.unlocked_challenges(user)) == 2


def test_who_may_unlock(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((5,))
    for nobody in (uuid4(), None):
        with learn.refuses("LX002"):
            learn.check_and_unlock_challenges(nobody)
    with learn.role("learn_readonly"), learn.fails("42501"):
        learn.check_and_unlock_challenges(user)
    with learn.role("learn_app"):
        assert learn.check_and_unlock_challenges(user) == [challenge.id]
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.check_and_unlock_challenges(user)


def test_prerequisites_form_no_cycle(learn: Learn) -> None:
    a, b, c = (learn.make_challenge() for _ in range(3))
    learn.need_challenge(b, a)
    learn.need_challenge(c, b)
    with learn.refuses("LX012"):
        learn.need_challenge(a, c)
    with learn.fails("23514"):
        learn.need_challenge(a, a)
    with learn.fails("23505"):
        learn.need_challenge(b, a)
    with learn.refuses("LX012"):
        learn.run(
            "update learn.challenge_prerequisites set prerequisite_challenge_id = %s where challenge_id = %s",
            [*(c.id, b.id)],
        )


# ── tracks ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_track_has_lessons_and_challenges(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0, xp_reward=1)
    track = learn.make_track(lesson, completion_xp=70)
    one, two = (learn.make_challenge((5,), track=track) for _ in range(2))
    learn.make_challenge((), track=track)  # without levels there is nothing to do
    learn.make_challenge((5,), track=track, active=False)

    def progress() -> TrackProgress:
        return learn.track_progress(user, track)

    learn.pass_challenge(user, one)
    assert (progress().items_completed, progress().total_items) == (1, 3)
    learn.complete_lesson(user, lesson)
    assert (progress().items_completed, progress().status) == (2, "in_progress")
    last = learn.pass_challenge(user, two)
    assert last.xp_awarded == 5 + 100 + 70
    assert (progress().items_completed, progress().status, progress().completed_at) == (3, "completed", NOON)
    assert learn.metric(user, "tracks_completed") == 1


def test_deactivating_what_is_left_completes_the_track(learn: Learn, user: UUID) -> None:
    track = learn.make_track(completion_xp=70)
    one, two = (learn.make_challenge((5,), track=track) for _ in range(2))
    learn.pass_challenge(user, one)
    learn.run("update learn.challenges set is_active = false where id = %s", [two.id])
    assert learn.stats(user).total_xp == 175
    learn.run("update learn.challenges set is_active = true where id = %s", [two.id])
    found = learn.track_progress(user, track)
    assert (found.items_completed, found.total_items, found.status) == (1, 2, "completed")


def test_a_challenge_moves_to_another_track(learn: Learn, user: UUID) -> None:
    old, new = learn.make_track(completion_xp=1), learn.make_track(completion_xp=2)
    one, two = learn.make_challenge((5,), track=old), learn.make_challenge((5,), track=old)
    learn.pass_challenge(user, one)
    learn.run("update learn.challenges set track_id = %s where id = %s", [new.id, two.id])
    assert learn.stats(user).total_xp == 106
    learn.pass_challenge(user, two)
    assert learn.stats(user).total_xp == 106 + 105 + 2
    learn.run("update learn.challenges set track_id = null where id = %s", [two.id])
    found = learn.track_progress(user, new)
    assert (found.items_completed, found.total_items, found.status) == (0, 0, "completed")


def test_a_deleted_challenge_leaves_its_track(learn: Learn, user: UUID) -> None:
    track = learn.make_track(completion_xp=70)
    one, two = (learn.make_challenge((5,), track=track) for _ in range(2))
    learn.pass_challenge(user, one)
    learn.run("delete from learn.challenges where id = %s", [two.id])
    assert learn.stats(user).total_xp == 175
    learn.run("delete from learn.challenges where id = %s", [one.id])
    found = learn.track_progress(user, track)
    assert (found.items_completed, found.total_items, found.status) == (0, 0, "completed")
    assert learn.stats(user).total_xp == 175


def test_deleted_progress_in_a_challenge_leaves_the_track(learn: Learn, user: UUID) -> None:
    track = learn.make_track(completion_xp=70)
    one, _ = (learn.make_challenge((5,), track=track) for _ in range(2))
    learn.pass_challenge(user, one)
    learn.run("delete from learn.level_attempts")
    learn.run("delete from learn.user_challenge_progress where user_id = %s", [user])
    found = learn.track_progress(user, track)
    assert (found.items_completed, found.total_items, found.status) == (0, 2, "not_started")


def test_a_level_moved_to_another_challenge_completes_the_one_that_it_left(learn: Learn, user: UUID) -> None:
    track = learn.make_track(completion_xp=70)
    left = learn.make_challenge((5, 6), track=track)
    joined = learn.make_challenge((5,), track=track)
    learn.pass_challenge(user, joined)
    learn.submit_level_attempt(user, left, 1)
    assert learn.stats(user).total_xp == 110
    learn.run(
        "update learn.challenge_levels set challenge_id = %s, level_number = 2"
        " where challenge_id = %s and level_number = 2",
        [joined.id, left.id],
    )
    assert learn.stats(user).total_xp == 110 + 100 + 70
    found = learn.track_progress(user, track)
    assert (found.items_completed, found.total_items, found.status) == (2, 2, "completed")


def test_a_deleted_track_leaves_its_challenges(learn: Learn, user: UUID) -> None:
    track = learn.make_track()
    challenge = learn.make_challenge((5, 5), track=track)
    learn.submit_level_attempt(user, challenge, 1)
    learn.run("delete from learn.tracks where id = %s", [track.id])
    assert learn.submit_level_attempt(user, challenge, 2).xp_awarded == 105


# ── content changes ────────────────────────────────────────────────────────────────────────────────────────


def test_a_challenge_that_gets_a_level_stays_completed_and_the_level_pays(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((5,))
    learn.pass_challenge(user, challenge)
    learn.make_level(challenge, 2, xp=7)
    progress = learn.challenge_progress(user, challenge)
    assert (progress.status, progress.levels_completed) == ("completed", [1])
    assert learn.submit_level_attempt(user, challenge, 2).xp_awarded == 7


def test_deleting_the_level_that_is_left_completes_the_challenge(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((5, 6, 7))
    after = learn.make_challenge((5,), needs=(challenge,))
    learn.submit_level_attempt(user, challenge, 1, at="2035-06-12 12:00")
    learn.submit_level_attempt(user, challenge, 2, at="2035-06-13 11:00")
    other = learn.make_user()
    learn.submit_level_attempt(other, challenge, 1)
    learn.run(
        "delete from learn.challenge_levels where challenge_id = %s and level_number = 3", [challenge.id]
    )
    progress = learn.challenge_progress(user, challenge)
    assert (progress.status, progress.completed_at) == ("completed", moment("2035-06-13 11:00"))
    assert learn.stats(user).total_xp == 111
    assert after.slug in learn.unlocked_challenges(user)
    assert status(learn, other, challenge) == "in_progress"


def test_deleting_a_passed_level_takes_its_attempts_along_and_no_xp(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((5, 6, 7))
    learn.submit_level_attempt(user, challenge, 1, score=99, time_spent_seconds=50, at="2035-06-12 12:00")
    learn.submit_level_attempt(user, challenge, 2, score=60, time_spent_seconds=5)
    learn.run(
        "delete from learn.challenge_levels where challenge_id = %s and level_number = 1", [challenge.id]
    )
    progress = learn.challenge_progress(user, challenge)
    assert (progress.current_level, progress.levels_completed, progress.total_attempts) == (2, [2], 1)
    assert (progress.time_spent_seconds, progress.best_score) == (5, Decimal(60))
    assert learn.stats(user).total_xp == 11
    assert learn.submit_level_attempt(user, challenge, 3).xp_awarded == 107


@pytest.mark.parametrize("level", [1, 2])
def test_what_is_left_of_a_challenge_is_rebuilt_alike(learn: Learn, user: UUID, level: int) -> None:
    challenge = learn.make_challenge((5, 6, 7))
    learn.submit_level_attempt(user, challenge, 1, at="2035-06-12 12:00")
    if level == 2:
        learn.submit_level_attempt(user, challenge, 2)
    learn.run(
        "delete from learn.challenge_levels where challenge_id = %s and level_number = 1", [challenge.id]
    )
    before = learn.challenge_progress(user, challenge)
    learn.rebuild_user(user)
    assert learn.challenge_progress(user, challenge) == before
    assert before is not None
    assert before.started_at == (NOON if level == 2 else None)


def test_a_level_that_was_attempted_keeps_its_number(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((5, 6))
    learn.run(
        "update learn.challenge_levels set level_number = 3 where challenge_id = %s and level_number = 2",
        [challenge.id],
    )
    learn.submit_level_attempt(user, challenge, 1)
    with learn.fails("23503"):
        learn.run(
            "update learn.challenge_levels set level_number = 2 where challenge_id = %s and level_number = 1",
            [challenge.id],
        )


def test_a_level_may_pay_otherwise_from_now_on(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((5, 6))
    learn.submit_level_attempt(user, challenge, 1)
    learn.run("update learn.challenge_levels set xp_reward = 50")
    assert learn.submit_level_attempt(user, challenge, 2).xp_awarded == 150


def test_removing_a_prerequisite_frees_the_way(learn: Learn, user: UUID) -> None:
    locked = learn.make_challenge((5,), needs=(learn.make_challenge((5,)),))
    learn.run("delete from learn.challenge_prerequisites")
    assert learn.submit_level_attempt(user, locked, 1).xp_awarded == 105


def test_deleting_a_prerequisite_frees_the_way(learn: Learn, user: UUID) -> None:
    first = learn.make_challenge((5,))
    locked = learn.make_challenge((5,), needs=(first,))
    learn.run("delete from learn.challenges where id = %s", [first.id])
    assert learn.check_and_unlock_challenges(user) == [locked.id]


def test_no_change_of_content_touches_whom_it_does_not_concern(learn: Learn, user: UUID) -> None:
    challenge, other = learn.make_challenge((5, 6)), learn.make_challenge((5, 6))
    learn.submit_level_attempt(user, challenge, 1)
    before = snapshot(learn, [user])
    learn.make_level(other, 3)
    learn.run("delete from learn.challenges where id = %s", [other.id])
    assert differences(snapshot(learn, [user]), before) == {}


def test_a_user_with_challenges_is_rebuilt_alike(learn: Learn, user: UUID) -> None:
    track = learn.make_track(completion_xp=70)
    one = learn.make_challenge((5, 5), track=track, hints=(1,))
    two = learn.make_challenge((5, 5), track=track, needs=(one,))
    learn.use_hint(user, one, 1, 1)
    learn.pass_challenge(user, one)
    learn.submit_level_attempt(user, two, 1, False, time_spent_seconds=7)
    learn.submit_level_attempt(user, two, 1, score=30, time_spent_seconds=7)

    def state() -> tuple[Any, ...]:
        return (
            snapshot(learn, [user]),
            learn.tuples("select * from learn.user_challenge_progress order by id"),
        )

    before = state()
    learn.rebuild_user(user)
    learn.rebuild_whoever()
    assert state() == before


def test_progress_that_was_lost_is_rebuilt_from_attempts_and_facts(learn: Learn, user: UUID) -> None:
    one = learn.make_challenge((5, 5))
    two = learn.make_challenge((5, 5), needs=(one,))
    learn.pass_challenge(user, one)
    learn.submit_level_attempt(user, two, 1)
    before = [learn.challenge_progress(user, challenge) for challenge in (one, two)]
    damage_by_hand(learn, "delete from learn.user_challenge_progress")
    learn.rebuild_user(user)
    assert [learn.challenge_progress(user, challenge) for challenge in (one, two)] == before


@pytest.mark.parametrize(
    "damage",
    [
        "current_level = 2",
        "levels_completed = '{1,2}', current_level = 2",
        "total_attempts = 5",
        "time_spent_seconds = 1",
        "best_score = 100",
    ],
)
@pytest.mark.parametrize("attempted", [True, False])
def test_damage_is_reported_and_repaired(learn: Learn, user: UUID, damage: str, attempted: bool) -> None:
    challenge = learn.make_challenge((5, 5, 5))
    learn.submit_level_attempt(user, learn.make_challenge((5,)), 1)
    if attempted:
        learn.submit_level_attempt(user, challenge, 1)
    else:
        learn.check_and_unlock_challenges(user)
    before = learn.challenge_progress(user, challenge)
    damage_by_hand(
        learn, f"update learn.user_challenge_progress set {damage} where challenge_id = %s", challenge.id
    )
    assert "challenge_progress_follows_from_attempts" in [d.check_name for d in learn.check_integrity()]
    learn.rebuild_user(user)
    assert learn.challenge_progress(user, challenge) == before


def check_names(learn: Learn) -> set[str]:
    return {damage.check_name for damage in learn.check_integrity()}


@pytest.mark.parametrize(
    ("check", "damage"),
    [
        ("attempted_challenges_are_unlocked", "unlocked_at = null"),
        ("full_challenges_are_completed", "completed_at = null"),
    ],
)
def test_lost_unlocks_and_completions_are_reported_and_put_back(
    learn: Learn, user: UUID, check: str, damage: str
) -> None:
    challenge = learn.make_challenge((5,))
    learn.pass_challenge(user, challenge)
    before = learn.challenge_progress(user, challenge)
    damage_by_hand(learn, f"update learn.user_challenge_progress set {damage}")
    assert check in check_names(learn)
    learn.rebuild_user(user)
    assert learn.challenge_progress(user, challenge) == before


@pytest.mark.no_integrity
def test_a_passed_level_without_its_fact_is_reported(learn: Learn, user: UUID) -> None:
    learn.submit_level_attempt(user, learn.make_challenge((0, 5)), 1)
    damage_by_hand(learn, "delete from learn.activity_log where activity_type = 'challenge_level_passed'")
    assert "passed_levels_are_facts" in check_names(learn)


@pytest.mark.parametrize("table", ["level_attempts", "daily_challenge_attempts"])
@pytest.mark.parametrize("passed", [True, False])
@pytest.mark.no_integrity
def test_an_attempt_that_notes_more_than_it_was_paid_is_reported(
    learn: Learn, user: UUID, passed: bool, table: str
) -> None:
    challenge = learn.make_challenge((10, 20))
    learn.make_daily(challenge, learn.clock().date())
    learn.submit_level_attempt(user, challenge, 1, passed)
    learn.submit_daily_challenge(user, passed=passed)
    assert learn.check_integrity() == []
    learn.run(f"update learn.{table} set xp_earned = xp_earned + 1")
    assert check_names(learn) == {"attempts_note_what_was_paid"}


def test_a_level_that_is_passed_again_after_its_attempts_were_deleted_is_no_damage(
    learn: Learn, user: UUID
) -> None:
    challenge = learn.make_challenge((10, 20))
    for _ in range(2):
        learn.submit_level_attempt(user, challenge, 1)
        learn.run("delete from learn.level_attempts")
    learn.submit_level_attempt(user, challenge, 1)
    assert learn.value("select sum(xp_earned) from learn.level_attempts") == 0
    assert learn.stats(user).total_xp == 10
    for transaction in learn.transactions(user):
        learn.reverse_xp(user, transaction)
    assert learn.check_integrity() == []


# ── what to do next ────────────────────────────────────────────────────────────────────────────────────────


def test_recommendations_follow_the_skill_level(learn: Learn, user: UUID) -> None:
    for difficulty in ("advanced", "intermediate", "beginner"):
        learn.make_challenge((5,), slug=difficulty, difficulty=difficulty)
    expected = ["beginner", "intermediate", "advanced"]
    for number, skill in enumerate(expected, 1):
        learn.run("update learn.users set skill_level = %s where id = %s", [skill, user])
        assert learn.recommend_challenges(user) == expected[:number]


def test_recommendations_leave_out_what_is_done_locked_or_inactive(learn: Learn, user: UUID) -> None:
    track = learn.make_track()
    learn.make_prerequisite(track, learn.make_track(learn.make_lesson(0)))
    done = learn.make_challenge((5,), slug="done")
    begun = learn.make_challenge((5, 5), slug="begun")
    learn.make_challenge((5,), slug="free", needs=(done,))
    learn.make_challenge((5,), slug="locked", needs=(begun,))
    learn.make_challenge((5,), slug="in-a-locked-track", track=track)
    learn.make_challenge((5,), slug="inactive", active=False)
    learn.pass_challenge(user, done)
    learn.submit_level_attempt(user, begun, 1)
    assert learn.recommend_challenges(user) == ["begun", "free"]
    assert learn.recommend_challenges(learn.make_user()) == ["done", "begun"]


def test_recommendations_come_in_the_order_of_tracks_up_to_the_limit(learn: Learn, user: UUID) -> None:
    second, first = learn.make_track(), learn.make_track()
    learn.run("update learn.tracks set position = 2 where id = %s", [second.id])
    learn.run("update learn.tracks set position = 1 where id = %s", [first.id])
    learn.make_challenge((5,), slug="four", track=second, position=1)
    learn.make_challenge((5,), slug="two", track=first, position=2)
    learn.make_challenge((5,), slug="one", track=first, position=1)
    learn.make_challenge((5,), slug="five", track=second, position=2)
    learn.make_challenge((5,), slug="three", track=first, position=2)
    learn.make_challenge((5,), slug="six")
    expected = ["one", "two", "three", "four", "five", "six"]
    assert learn.recommend_challenges(user) == expected[:5]
    for limit in (0, 1, 3, 1000):
        assert learn.recommend_challenges(user, limit) == expected[:limit]
    for nonsense in (-1, 1001, None):
        with learn.refuses("LX001"):
            learn.recommend_challenges(user, nonsense)
    for nobody in (uuid4(), None):
        with learn.refuses("LX002"):
            learn.recommend_challenges(nobody)


def test_the_status_shows_every_active_challenge_with_its_levels(learn: Learn, user: UUID) -> None:
    track = learn.make_track(slug="systems")
    one = learn.make_challenge((5, 6), slug="one", track=track, category="storage")
    learn.make_challenge((), slug="two", needs=(one,))
    learn.make_challenge((5,), active=False)
    learn.submit_level_attempt(user, one, 1, score=75)
    first, second = learn.challenge_status(user)
    assert first == {
        "challenge_id": one.id,
        "slug": "one",
        "title": "one",
        "category": "storage",
        "track": "systems",
        "status": "in_progress",
        "is_unlocked": True,
        "current_level": 1,
        "levels_completed": [1],
        "best_score": 75,
        "levels": [
            {"level": 1, "name": "Level 1", "completed": True, "xp_reward": 5},
            {"level": 2, "name": "Level 2", "completed": False, "xp_reward": 6},
        ],
    }
    assert (second["slug"], second["status"], second["is_unlocked"], second["levels"]) == (
        *("two", "not_started", False, []),
    )
    for nobody in (uuid4(), None):
        with learn.refuses("LX002"):
            learn.challenge_status(nobody)


def test_what_is_missing_can_be_looked_up(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    basics = learn.make_track(lesson, slug="basics")
    systems = learn.make_track()
    learn.make_prerequisite(systems, basics)
    first, second = learn.make_challenge((5,), slug="first"), learn.make_challenge((5,), slug="second")
    goal = learn.make_challenge((5,), slug="goal", track=systems, needs=(first, second))
    learn.pass_challenge(user, second)

    def row() -> dict[str, Any]:
        (found,) = learn.dicts(
            "select * from learn.challenge_prerequisites_status where user_id = %s and challenge_id = %s",
            [user, goal.id],
        )
        return found

    assert row() == {
        "user_id": user,
        "challenge_id": goal.id,
        "challenge_slug": "goal",
        "is_unlocked": False,
        "prerequisites": [
            {"challenge_id": first.id, "slug": "first", "completed": False},
            {"challenge_id": second.id, "slug": "second", "completed": True},
        ],
        "track_prerequisites": [{"track_id": basics.id, "slug": "basics", "completed": False}],
        "is_met": False,
    }
    learn.pass_challenge(user, first)
    assert (row()["is_met"], row()["is_unlocked"]) == (False, False)
    learn.complete_lesson(user, lesson)
    assert (row()["is_met"], row()["is_unlocked"]) == (True, True)


def test_looking_one_user_up_reads_one_user(learn: Learn, user: UUID) -> None:
    learn.run("insert into learn.users (username) select 'crowd-' || n from generate_series(1, 3000) n")
    for _ in range(5):
        learn.make_challenge((5,))
    learn.run("analyze learn.users")
    learn.run("analyze learn.user_stats")
    for view in ("learn.challenge_prerequisites_status", "learn_internal.due_challenge_unlocks"):
        plan = learn.value(f"explain (format json, analyze) select * from {view} where user_id = '{user}'")
        stack, read = [plan[0]["Plan"]], 0
        while stack:
            node = stack.pop()
            stack += node.get("Plans", [])
            if node.get("Relation Name") in ("users", "user_stats"):
                read += node["Actual Rows"] * node["Actual Loops"]
                read += node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
        assert read <= 5, view


def test_apps_and_readers_look(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((5,))
    for role in ("learn_app", "learn_readonly"):
        with learn.role(role):
            assert learn.recommend_challenges(user) == [challenge.slug]
            assert len(learn.challenge_status(user)) == 1
            assert (
                learn.value(
                    "select count(*) from learn.challenge_prerequisites_status where user_id = %s", [user]
                )
                == 1
            )
