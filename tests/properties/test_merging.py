"""merge_users() after random histories of two accounts: what is left is one learner who did all of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client import Connection, Learn
from tests.properties.examples import examples
from tests.properties.histories import START, ZONES, Play, Stage, Step, histories, timezones
from tests.properties.snapshots import differences, snapshot


@pytest.fixture
def learn(db: Connection) -> Learn:
    return Learn(db)


@pytest.fixture
def stage(learn: Learn) -> Stage:
    return Stage.build(learn)


def check(learn: Learn, user: UUID) -> None:
    """All is well, and a rebuild makes the same."""
    assert learn.check_integrity() == []
    before = snapshot(learn, [user])
    learn.rebuild_user(user)
    assert differences(before, snapshot(learn, [user])) == {}
    assert learn.check_integrity() == []


@settings(max_examples=examples(60))
@given(history=histories, zones=timezones, every=st.sampled_from([0, 0, 3]), into=st.sampled_from([0, 1]))
def test_any_two_accounts_become_one(
    stage: Stage, history: list[Step], zones: tuple[str, str], every: int, into: int
) -> None:
    learn = stage.learn
    with learn.connection.transaction(force_rollback=True):
        play = Play(stage, zones, every)
        for step in history:
            play.take(step)
        stays, goes = play.users[into], play.users[1 - into]
        days = {
            user: {date for date, is_freeze in learn.active_days(user) if not is_freeze}
            for user in play.users
        }
        most = max(learn.stats(user).total_xp for user in play.users)
        learn.merge_users(goes, stays)
        assert learn.value("select count(*) from learn.users where id = %s", [goes]) == 0
        if set(zones) == {"UTC"} and not any(type(step).__name__ == "Move" for step in history):
            assert {date for date, is_freeze in learn.active_days(stays) if not is_freeze} == days[
                goes
            ] | days[stays]
        assert learn.stats(stays).total_xp >= most or any("reverse" in str(step) for step in history)
        check(learn, stays)


# ── the same acts by one learner ───────────────────────────────────────────────────────────────────────────

_acts = st.one_of(
    st.tuples(st.just("lesson"), st.sampled_from(["read", "essay"]), st.sampled_from([None, 100])),
    st.tuples(st.just("solve"), st.sampled_from(["select/1", "where/1", "where/2", "joins/1"]), st.none()),
    st.sampled_from([("award", "a", 40), ("award", "b", 90), ("award", "c", 300)]),
    st.tuples(st.just("talk"), st.sampled_from(["x", "y"]), st.none()),
    st.tuples(st.just("freeze"), st.just(""), st.none()),
    st.tuples(st.just("wait"), st.just(""), st.sampled_from([1, 20, 30, 50])),
)
EQUAL = (
    "learn.user_metrics",
    "learn.user_activity_days",
    "learn.user_exercise_progress",
    "learn.user_track_progress",
    "learn.user_path_progress",
    "learn.user_difficulty_progress",
    "learn.user_lesson_progress",
    "learn.user_stats",
    "learn.streak_freezes",
)
DATES = ("id", "user_id", "completed_at", "solved_at", "started_at", "last_active_at", "registered_on")


def act(learn: Learn, stage: Stage, user: UUID, kind: str, what: str, how: Any) -> None:
    if kind == "lesson":
        learn.complete_lesson(user, stage.lessons[what], how)
    elif kind == "solve":
        learn.submit_query(user, stage.exercises[what], True)
    elif kind == "award":
        learn.award_xp(user, how, "prize", what)
    elif kind == "talk":
        learn.record_activity(user, "question_answered_correctly", "thing", what)
    elif kind == "freeze":
        learn.grant_streak_freezes(user, 1)
    else:
        learn.advance(timedelta(hours=how))


def outcome(
    stage: Stage, acts: list[tuple[int, tuple[str, str, Any]]], zone: str, *, is_merged: bool
) -> dict[str, Any]:
    """What the learner has after these acts: of two accounts that are merged, or of one."""
    learn = stage.learn
    with learn.connection.transaction(force_rollback=True):
        learn.set_clock(START)
        users = [learn.make_user(timezone=zone) for _ in range(2)]
        for number, (kind, what, how) in acts:
            act(learn, stage, users[number if is_merged else 0], kind, what, how)
        learn.merge_users(users[1], users[0])
        check(learn, users[0])
        found = snapshot(learn, [users[0]], without=DATES)
        return {
            **{table: found[table] for table in EQUAL},
            "badges": sorted(learn.badges(users[0])),
            "payments": learn.tuples(
                "select source_type, source_id, amount from learn.xp_transactions"
                " where user_id = %s order by 1, 2, 3",
                [users[0]],
            ),
        }


@settings(max_examples=examples(60))
@given(acts=st.lists(st.tuples(st.sampled_from([0, 1]), _acts), max_size=25), zone=st.sampled_from(ZONES))
def test_merged_they_are_one_learner_who_did_it_all(
    stage: Stage, acts: list[tuple[int, tuple[str, str, Any]]], zone: str
) -> None:
    assert outcome(stage, acts, zone, is_merged=True) == outcome(stage, acts, zone, is_merged=False)


def test_an_example_in_which_both_have_done_the_same(stage: Stage) -> None:
    """Breaks when what both did is paid twice, or a track that only both together fill is not completed."""
    acts = [
        (0, ("lesson", "read", 100)),
        (1, ("wait", "", 30)),
        (1, ("lesson", "read", None)),
        (1, ("solve", "select/1", None)),
    ]
    merged = outcome(stage, acts, "UTC", is_merged=True)
    assert merged == outcome(stage, acts, "UTC", is_merged=False)
    paid = [(kind, number) for kind, number, _ in merged["payments"]]
    assert len(paid) == len({*paid})
    assert "track_completed" in {kind for kind, _ in paid}
