"""There is always something to do next until all is done, and nothing waits for itself."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.client import Challenge, Learn, Track


def skill_level(learn: Learn, user: UUID) -> str:
    return str(learn.value("select skill_level from learn.users where id = %s", [user]))


def set_level(learn: Learn, user: UUID, level: str) -> None:
    learn.run("update learn.users set skill_level = %s where id = %s", [level, user])


# ── recommendations and the skill level ────────────────────────────────────────────────────────────────────


def test_who_has_done_everything_of_a_level_goes_on_with_the_next(learn: Learn, user: UUID) -> None:
    made = {
        level: [learn.make_challenge((5,), difficulty=level) for _ in range(2)]
        for level in ("beginner", "intermediate", "advanced")
    }
    for level, reached in (
        ("beginner", "intermediate"),
        ("intermediate", "advanced"),
        ("advanced", "advanced"),
    ):
        assert skill_level(learn, user) == level
        for challenge in made[level]:
            assert challenge.slug in learn.recommend_challenges(user)
            assert skill_level(learn, user) == level
            learn.pass_challenge(user, challenge)
        assert skill_level(learn, user) == reached
    assert learn.recommend_challenges(user) == []


def test_a_level_that_the_learner_keeps_does_not_end_the_recommendations(learn: Learn, user: UUID) -> None:
    easy = learn.make_challenge((5,), difficulty="beginner")
    middle = learn.make_challenge((5,), difficulty="intermediate")
    hard = learn.make_challenge((5,), difficulty="advanced")
    for challenge in (easy, middle, hard):
        assert learn.recommend_challenges(user)[0] == challenge.slug
        learn.pass_challenge(user, challenge)
        learn.caller = "learn_app"
        learn.update_profile(user, {"skill_level": "beginner"})
    assert learn.recommend_challenges(user) == []


def test_what_the_track_under_way_still_needs_comes_before_other_harder_ones(
    learn: Learn, user: UUID
) -> None:
    track = learn.make_track()
    begun = learn.make_challenge((5,), track=track)
    needed = learn.make_challenge((5,), track=track, difficulty="advanced")
    other = learn.make_challenge((5,), difficulty="intermediate")
    learn.pass_challenge(user, begun)
    set_level(learn, user, "beginner")
    assert learn.recommend_challenges(user) == [needed.slug, other.slug]
    assert learn.recommend_challenges(user, 1) == [needed.slug]


def test_a_level_rises_when_nothing_of_it_is_open_though_more_is_locked(learn: Learn, user: UUID) -> None:
    gate = learn.make_challenge((5,), difficulty="intermediate")
    first = learn.make_challenge((5,), difficulty="beginner")
    behind = learn.make_challenge((5,), difficulty="beginner", needs=(gate,))
    learn.pass_challenge(user, first)
    assert (skill_level(learn, user), learn.recommend_challenges(user)) == ("intermediate", [gate.slug])
    learn.pass_challenge(user, gate)
    assert learn.recommend_challenges(user) == [behind.slug]


def test_a_level_rises_for_whoever_writes_the_attempts(learn: Learn) -> None:
    users = [learn.make_user() for _ in range(3)]
    challenge = learn.make_challenge((5,))
    learn.make_challenge((5,), difficulty="intermediate")
    learn.run(
        "insert into learn.level_attempts (user_id, challenge_id, level_number, score, passed)"
        " select u, %s, 1, 90, true from unnest(%s::uuid[]) u",
        [challenge.id, users[:2]],
    )
    assert [skill_level(learn, user) for user in users] == ["intermediate", "intermediate", "beginner"]


def test_a_challenge_without_levels_is_nothing_to_do_and_keeps_nobody_out(learn: Learn, user: UUID) -> None:
    empty = learn.make_challenge(())
    behind = learn.make_challenge((5,), needs=(empty,))
    assert learn.recommend_challenges(user) == [behind.slug]
    assert learn.tuples(
        "select is_met, prerequisites from learn.challenge_prerequisites_status"
        " where user_id = %s and challenge_id = %s",
        [user, behind.id],
    ) == [(True, [])]
    learn.pass_challenge(user, behind)
    assert learn.recommend_challenges(user) == []


# ── what would wait for itself ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def tracks(learn: Learn) -> tuple[Track, Track, Challenge, Challenge]:
    """Two tracks with a challenge each; the second track asks for the first."""
    first, second = learn.make_track(slug="first"), learn.make_track(slug="second")
    one = learn.make_challenge((5,), slug="one", track=first)
    two = learn.make_challenge((5,), slug="two", track=second)
    learn.make_prerequisite(second, first)
    return first, second, one, two


def test_a_challenge_does_not_wait_for_one_whose_track_waits_for_its_own(
    learn: Learn, tracks: tuple[Track, Track, Challenge, Challenge]
) -> None:
    _, _, one, two = tracks
    with learn.refuses("LX012") as refusal:
        learn.need_challenge(one, two)
    assert refusal.detail in ("one → two → one", "two → one → two")
    learn.need_challenge(two, one)
    with learn.refuses("LX012"):
        learn.run(
            "update learn.challenge_prerequisites set challenge_id = prerequisite_challenge_id,"
            " prerequisite_challenge_id = challenge_id"
        )


def test_a_track_does_not_ask_for_one_with_a_challenge_that_waits_for_it(learn: Learn) -> None:
    first, second = learn.make_track(), learn.make_track()
    one = learn.make_challenge((5,), track=first)
    between = learn.make_challenge((5,), needs=(one,))
    learn.make_challenge((5,), track=second, needs=(between,))
    with learn.refuses("LX012"):
        learn.make_prerequisite(first, second)
    learn.make_prerequisite(second, first)


def test_a_challenge_does_not_come_into_a_track_that_waits_for_it(
    learn: Learn, tracks: tuple[Track, Track, Challenge, Challenge]
) -> None:
    first, second, one, two = tracks
    third = learn.make_challenge((5,), slug="three", needs=(two,))
    with learn.refuses("LX012"):
        learn.run("update learn.challenges set track_id = %s where id = %s", [first.id, third.id])
    learn.run("update learn.challenges set track_id = %s where id = %s", [second.id, third.id])
    learn.run("update learn.challenges set track_id = %s where id = %s", [second.id, one.id])


def test_the_first_challenge_of_an_empty_track_may_close_the_circle(learn: Learn) -> None:
    base, empty, top = (learn.make_track() for _ in range(3))
    learn.make_prerequisite(empty, base)
    learn.make_prerequisite(top, empty)
    summit = learn.make_challenge((5,), track=top)
    learn.make_challenge((5,), track=base, needs=(summit,))
    with learn.refuses("LX012"):
        learn.make_challenge((5,), track=empty)


# ── progress of an older system ────────────────────────────────────────────────────────────────────────────


def load(learn: Learn, user: UUID, challenge: Challenge, levels: list[int]) -> None:
    learn.run(
        "insert into learn.old_progress_table (user_id, problem_id, completed_levels, total_xp)"
        " values (%s, %s, %s, 10)",
        [user, challenge.slug, levels],
    )


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ([2, 3], "level 1 is missing before level 2"),
        ([3, 1], "level 2 is missing before level 3"),
        ([5, 4, 1, 2], "level 3 is missing before level 4"),
    ],
)
@pytest.mark.parametrize("known", [(5, 5, 5, 5, 5), ()])
def test_imported_levels_without_those_before_them_are_rejected(
    learn: Learn, user: UUID, known: tuple[int, ...], levels: list[int], reason: str
) -> None:
    challenge = learn.make_challenge(known)
    load(learn, user, challenge, levels)
    assert tuple(learn.import_old_progress()) == (0, 0, 1)
    assert learn.value("select rejection from learn.old_progress_table") == reason
    with learn.refuses("LX001"):
        learn.run(
            "insert into learn.imported_challenge_progress (user_id, challenge_id, completed_levels)"
            " values (%s, %s, %s)",
            [user, challenge.id, levels],
        )
    if known:
        with learn.refuses("LX005"):
            learn.submit_level_attempt(user, challenge, 4)


def test_levels_that_were_passed_here_stand_before_imported_ones(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((5, 5, 5, 5, 5))
    learn.submit_level_attempt(user, challenge, 1)
    load(learn, user, challenge, [2])
    assert tuple(learn.import_old_progress()) == (1, 0, 0)
    learn.submit_level_attempt(user, challenge, 3)
    with learn.refuses("LX001"):
        learn.run("update learn.imported_challenge_progress set completed_levels = '{2,5}'")


def test_levels_that_a_challenge_does_not_have_are_not_missed(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge(())
    for number in (2, 4):
        learn.make_level(challenge, number)
    load(learn, user, challenge, [2, 4])
    assert tuple(learn.import_old_progress()) == (1, 0, 0)
