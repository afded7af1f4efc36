"""submit_level_attempt() and use_hint(): levels in order, first passes pay, hints cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Challenge, ChallengeProgress, Learn, moment

NOON = moment("2035-06-13 12:00")


@pytest.fixture
def challenge(learn: Learn) -> Challenge:
    """Levels that pay 10, 20 and 30, with hints of 3, 4 and 25."""
    return learn.make_challenge((10, 20, 30), slug="cache", hints=(3, 4, 25))


def attempts(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    """(level, attempt_number, score, passed, xp_earned, hints_used) in order of writing."""
    return learn.tuples(
        "select level_number, attempt_number, score, passed, xp_earned, hints_used"
        " from learn.level_attempts where user_id = %s order by id",
        [user],
    )


def paid(learn: Learn, user: UUID) -> list[tuple[int, str, str | None]]:
    return [row for row in learn.ledger(user) if row[1].startswith("challenge")]


def insert_attempts(learn: Learn, user: UUID, *rows: tuple[Challenge, int, bool], **values: Any) -> None:
    """One statement."""
    names = ["score", *values]
    learn.run(
        f"insert into learn.level_attempts (user_id, challenge_id, level_number, passed, {', '.join(names)})"
        f" values {', '.join(['(' + ', '.join(['%s'] * (4 + len(names))) + ')'] * len(rows))}",
        [
            v
            for challenge, level, passed in rows
            for v in (user, challenge.id, level, passed, 50, *values.values())
        ],
    )


# ── passing ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_attempt_unlocks_and_begins_the_challenge(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    summary = learn.submit_level_attempt(user, challenge, 1, False, "40.5", time_spent_seconds=90)
    assert summary == AwardSummary(user, 0, 0, 1, False, 1, [], {"challenges": ["cache"]}, False)
    assert learn.challenge_progress(user, challenge) == ChallengeProgress(
        "in_progress", 0, [], NOON, NOON, None, 1, 90, Decimal("40.5")
    )
    assert attempts(learn, user) == [(1, 1, Decimal("40.5"), False, 0, 0)]
    assert learn.facts(user, "challenge_attempted") == [
        ("challenge_attempted", "challenge", str(challenge.id))
    ]


def test_the_first_pass_pays_and_repeats_do_not(learn: Learn, user: UUID, challenge: Challenge) -> None:
    assert learn.submit_level_attempt(user, challenge, 1, False).xp_awarded == 0
    assert learn.submit_level_attempt(user, challenge, 1).xp_awarded == 10
    assert learn.submit_level_attempt(user, challenge, 1, True, 100).xp_awarded == 0
    assert paid(learn, user) == [(10, "challenge_level_passed", f"{challenge.id}:1")]
    assert attempts(learn, user) == [
        (1, 1, Decimal(80), False, 0, 0),
        (1, 2, Decimal(80), True, 10, 0),
        (1, 3, Decimal(100), True, 0, 0),
    ]
    assert learn.metric(user, "challenge_levels_passed") == 1


def test_failing_a_passed_level_takes_nothing_away(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.submit_level_attempt(user, challenge, 1)
    learn.submit_level_attempt(user, challenge, 1, False, 5)
    progress = learn.challenge_progress(user, challenge)
    assert (progress.current_level, progress.levels_completed, progress.best_score) == (1, [1], Decimal(80))


def test_passing_every_level_completes_the_challenge_and_pays_its_xp_once(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    learn.submit_level_attempt(user, challenge, 1, score=70, time_spent_seconds=60, at="2035-06-13 09:00")
    learn.submit_level_attempt(user, challenge, 2, score=95, at="2035-06-13 10:00")
    last = learn.submit_level_attempt(user, challenge, 3, score=60, time_spent_seconds=30)
    assert (last.xp_awarded, last.total_xp) == (30 + 100, 160)
    assert learn.challenge_progress(user, challenge) == ChallengeProgress(
        *("completed", 3, [1, 2, 3], moment("2035-06-13 09:00"), moment("2035-06-13 09:00"), NOON),
        *(3, 90, Decimal(95)),
    )
    assert learn.submit_level_attempt(user, challenge, 3).xp_awarded == 0
    assert paid(learn, user) == [
        (10, "challenge_level_passed", f"{challenge.id}:1"),
        (20, "challenge_level_passed", f"{challenge.id}:2"),
        (30, "challenge_level_passed", f"{challenge.id}:3"),
        (100, "challenge_completed", str(challenge.id)),
    ]
    assert [row[4] for row in attempts(learn, user)] == [10, 20, 30, 0]
    assert learn.metric(user, "challenges_completed") == 1
    assert learn.metric(user, "challenges_completed", "caching") == 1


def test_a_challenge_may_be_worth_nothing(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge((0,), xp_base=0)
    assert learn.submit_level_attempt(user, challenge, 1).xp_awarded == 0
    progress = learn.challenge_progress(user, challenge)
    assert progress.status == "completed"
    assert paid(learn, user) == []


def test_badges_count_challenges_by_category(learn: Learn, user: UUID, challenge: Challenge) -> None:
    badge = learn.make_achievement({"metric": "challenges_completed", "scope": "storage", "at_least": 1})
    assert badge not in learn.pass_challenge(user, challenge).new_achievements
    storage = learn.make_challenge((5,), category="storage")
    assert badge in learn.pass_challenge(user, storage).new_achievements


# ── order of levels ────────────────────────────────────────────────────────────────────────────────────────


def test_a_level_waits_for_those_before_it(learn: Learn, user: UUID, challenge: Challenge) -> None:
    for level in (2, 3):
        with learn.refuses("LX005"):
            learn.submit_level_attempt(user, challenge, level)
    learn.submit_level_attempt(user, challenge, 1, False)
    with learn.refuses("LX005"):
        learn.submit_level_attempt(user, challenge, 2, False)
    learn.submit_level_attempt(user, challenge, 1)
    with learn.refuses("LX005"):
        learn.submit_level_attempt(user, challenge, 3)
    assert learn.submit_level_attempt(user, challenge, 2).xp_awarded == 20


def test_levels_need_not_be_numbered_without_gaps(learn: Learn, user: UUID) -> None:
    challenge = learn.make_challenge(())
    learn.make_level(challenge, 2)
    learn.make_level(challenge, 5)
    with learn.refuses("LX005"):
        learn.submit_level_attempt(user, challenge, 5)
    learn.submit_level_attempt(user, challenge, 2)
    assert learn.submit_level_attempt(user, challenge, 5).xp_awarded == 110


def test_one_statement_passes_levels_in_its_order(learn: Learn, user: UUID, challenge: Challenge) -> None:
    insert_attempts(
        learn,
        user,
        *((challenge, 1, False), (challenge, 1, True), (challenge, 2, True), (challenge, 2, True)),
        *((challenge, 3, False), (challenge, 3, True)),
    )
    assert [row[1] for row in attempts(learn, user)] == [1, 2, 1, 2, 1, 2]
    assert [row[4] for row in attempts(learn, user)] == [0, 10, 20, 0, 0, 30]
    assert learn.stats(user).total_xp == 160


def test_one_statement_in_the_wrong_order_is_refused(learn: Learn, user: UUID, challenge: Challenge) -> None:
    for rows in (
        [(challenge, 2, True), (challenge, 1, True)],
        [(challenge, 1, False), (challenge, 2, True)],
        [(challenge, 1, True), (challenge, 3, True), (challenge, 2, True)],
    ):
        with learn.refuses("LX005"):
            insert_attempts(learn, user, *rows)


def test_one_statement_over_many_users_leaves_what_single_ones_do(learn: Learn) -> None:
    first = learn.make_challenge((10, 20), hints=(4,))
    second = learn.make_challenge((7,), needs=(first,), category="storage")
    learn.make_achievement({"metric": "challenges_completed", "at_least": 2}, xp_reward=33)
    rows = [(first, 1, False), (first, 1, True), (first, 2, True), (first, 2, True), (second, 1, True)]
    together, alone, called = ([learn.make_user() for _ in range(3)] for _ in range(3))
    for user in (*together, *alone, *called):
        learn.use_hint(user, first, 2, 1)
    learn.run(
        "insert into learn.level_attempts (user_id, challenge_id, level_number, passed, score)"
        " select u, c, l, p, 50"
        " from unnest(%s::bigint[], %s::integer[], %s::boolean[]) with ordinality r(c, l, p, n)"
        " cross join unnest(%s::uuid[]) u order by n, u",
        [[r[0].id for r in rows], [r[1] for r in rows], [r[2] for r in rows], together],
    )
    for user in alone:
        for row in rows:
            insert_attempts(learn, user, row)
    for user in called:
        for challenge, level, passed in rows:
            learn.submit_level_attempt(user, challenge, level, passed, 50)
    for one, other, third in zip(together, alone, called, strict=True):
        assert attempts(learn, one) == attempts(learn, other) == attempts(learn, third)
        assert sorted(learn.ledger(one)) == sorted(learn.ledger(other)) == sorted(learn.ledger(third))
        assert learn.stats(one) == learn.stats(other) == learn.stats(third)
        for challenge in (first, second):
            progress = learn.challenge_progress(one, challenge)
            assert progress == learn.challenge_progress(other, challenge)
            assert progress == learn.challenge_progress(third, challenge)


def test_what_a_writer_says_of_an_attempt_is_overruled(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    insert_attempts(
        learn, user, (challenge, 1, False), (challenge, 1, True), attempt_number=7, xp_earned=99, hints_used=5
    )
    assert attempts(learn, user) == [(1, 1, Decimal(50), False, 0, 0), (1, 2, Decimal(50), True, 10, 0)]


# ── hints ──────────────────────────────────────────────────────────────────────────────────────────────────


def hints(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    return learn.tuples(
        "select level_number, hint_number, xp_penalty from learn.hint_usage where user_id = %s order by 1, 2",
        [user],
    )


def test_hints_lower_what_the_level_pays(learn: Learn, user: UUID, challenge: Challenge) -> None:
    assert learn.use_hint(user, challenge, 1, 1) == AwardSummary(user, 0, 0, 1, False, 0, [], {}, False)
    learn.use_hint(user, challenge, 1, 2)
    assert learn.submit_level_attempt(user, challenge, 1).xp_awarded == 10 - 3 - 4
    assert learn.submit_level_attempt(user, challenge, 2).xp_awarded == 20
    assert attempts(learn, user) == [(1, 1, Decimal(80), True, 3, 2), (2, 1, Decimal(80), True, 20, 0)]
    assert hints(learn, user) == [(1, 1, 3), (1, 2, 4)]


def test_a_level_pays_nothing_rather_than_less(learn: Learn, user: UUID, challenge: Challenge) -> None:
    for hint in (1, 3):
        learn.use_hint(user, challenge, 1, hint)
    assert learn.submit_level_attempt(user, challenge, 1).xp_awarded == 0
    assert learn.stats(user).total_xp == 0
    assert attempts(learn, user) == [(1, 1, Decimal(80), True, 0, 2)]
    assert learn.metric(user, "challenge_levels_passed") == 1


def test_looking_at_a_hint_again_is_free(learn: Learn, user: UUID, challenge: Challenge) -> None:
    for _ in range(3):
        learn.use_hint(user, challenge, 1, 1)
    assert hints(learn, user) == [(1, 1, 3)]
    assert learn.submit_level_attempt(user, challenge, 1).xp_awarded == 7


def test_a_hint_after_passing_costs_nothing(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.submit_level_attempt(user, challenge, 1)
    learn.use_hint(user, challenge, 1, 1)
    assert learn.submit_level_attempt(user, challenge, 1).xp_awarded == 0
    assert learn.stats(user).total_xp == 10
    assert [row[5] for row in attempts(learn, user)] == [0, 1]


def test_a_hint_costs_what_it_said_when_it_was_used(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.use_hint(user, challenge, 1, 1)
    learn.run("update learn.challenge_levels set hints = '[]'")
    assert learn.submit_level_attempt(user, challenge, 1).xp_awarded == 7


def test_a_penalty_may_be_left_out(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.run("""update learn.challenge_levels set hints = '[{"text": "look"}]'""")
    learn.use_hint(user, challenge, 1, 1)
    assert hints(learn, user) == [(1, 1, 0)]


def test_a_hint_says_its_own_penalty_whatever_is_written(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    learn.run(
        "insert into learn.hint_usage (user_id, challenge_id, level_number, hint_number, xp_penalty)"
        " values (%s, %s, 1, 1, 0)",
        [user, challenge.id],
    )
    assert hints(learn, user) == [(1, 1, 3)]


def test_hints_that_are_not_there(learn: Learn, user: UUID, challenge: Challenge) -> None:
    for hint in (0, 4, -1, None):
        with learn.refuses("LX003"):
            learn.use_hint(user, challenge, 1, hint)
    for level in (0, 4, None):
        with learn.refuses("LX003"):
            learn.use_hint(user, challenge, level, 1)
    with learn.refuses("LX003"):
        learn.use_hint(user, 0, 1, 1)
    with learn.refuses("LX003"):
        learn.run(
            "insert into learn.hint_usage (user_id, challenge_id, level_number, hint_number)"
            " values (%s, %s, 1, 4)",
            [user, challenge.id],
        )


def test_hints_are_for_active_users_and_challenges_that_are_not_locked(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    locked = learn.make_challenge((5,), hints=(1,), needs=(challenge,))
    with learn.refuses("LX005"):
        learn.use_hint(user, locked, 1, 1)
    with learn.refuses("LX002"):
        learn.use_hint(uuid4(), challenge, 1, 1)
    learn.run("update learn.challenges set is_active = false where id = %s", [challenge.id])
    with learn.refuses("LX004"):
        learn.use_hint(user, challenge, 1, 1)
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.use_hint(user, locked, 1, 1)


def test_using_a_hint_may_be_retried(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.use_hint(user, challenge, 1, 1, key="hint")
    assert learn.use_hint(user, challenge, 1, 1, key="hint").replayed
    with learn.refuses("LX013"):
        learn.use_hint(user, challenge, 1, 2, key="hint")


# ── refusals ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_does_not_exist(learn: Learn, user: UUID, challenge: Challenge) -> None:
    for level in (0, 4, 6, -1, None):
        with learn.refuses("LX003"):
            learn.submit_level_attempt(user, challenge, level)
    for unknown in (0, None):
        with learn.refuses("LX003"):
            learn.submit_level_attempt(user, unknown, 1)
    for nobody in (uuid4(), None):
        with learn.refuses("LX002"):
            learn.submit_level_attempt(nobody, challenge, 1)


def test_what_is_not_active(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.submit_level_attempt(user, challenge, 1)
    learn.run("update learn.challenges set is_active = false where id = %s", [challenge.id])
    with learn.refuses("LX004"):
        learn.submit_level_attempt(user, challenge, 2)
    learn.run("update learn.challenges set is_active = true where id = %s", [challenge.id])
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.submit_level_attempt(user, challenge, 2)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"score": None},
        {"score": "100.01"},
        {"score": -1},
        {"score": "NaN"},
        {"score": "Infinity"},
        {"passed": None},
        {"time_spent_seconds": -1},
        {"design": []},
        {"design": "text"},
        {"results": 5},
        {"results": "text"},
    ],
    ids=repr,
)
def test_an_attempt_that_makes_no_sense(
    learn: Learn, user: UUID, challenge: Challenge, nonsense: dict[str, Any]
) -> None:
    with learn.refuses("LX001"):
        learn.submit_level_attempt(user, challenge, 1, **nonsense)


def test_the_design_and_its_results_are_kept(learn: Learn, user: UUID, challenge: Challenge) -> None:
    design, results = {"nodes": [{"kind": "cache"}]}, [{"test": 1, "passed": True}]
    learn.submit_level_attempt(user, challenge, 1, False, design=design, results=results)
    learn.submit_level_attempt(user, challenge, 1, False, results={"summary": "none"})
    assert learn.tuples("select design_snapshot, test_results from learn.level_attempts order by id") == [
        (design, results),
        ({}, {"summary": "none"}),
    ]


def test_scores_have_two_decimals(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.submit_level_attempt(user, challenge, 1, False, "33.335")
    learn.submit_level_attempt(user, challenge, 1, False, 0)
    learn.submit_level_attempt(user, challenge, 1, False, 100)
    assert [row[2] for row in attempts(learn, user)] == [Decimal("33.34"), Decimal(0), Decimal(100)]


def test_a_retry_is_answered_and_changes_nothing(learn: Learn, user: UUID, challenge: Challenge) -> None:
    first = learn.submit_level_attempt(user, challenge, 1, key="attempt")
    before = learn.row_counts()
    again = learn.submit_level_attempt(user, challenge, 1, key="attempt")
    assert again == AwardSummary(**{**first._asdict(), "replayed": True})
    assert learn.submit_level_attempt(user, challenge, 1, score="80.00", key="attempt").replayed
    assert learn.row_counts() == before
    for other in ({"passed": False}, {"score": 81}, {"design": {"a": 1}}, {"time_spent_seconds": 1}):
        with learn.refuses("LX013"):
            learn.submit_level_attempt(user, challenge, 1, key="attempt", **other)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"score": 101}, "23514"),
        ({"score": -1}, "23514"),
        ({"score": None}, "23502"),
        ({"passed": None}, "23502"),
        ({"attempt_number": -1}, "23514"),
        ({"xp_earned": -1}, "23514"),
        ({"hints_used": -1}, "23514"),
        ({"time_spent_seconds": -1}, "23514"),
        ({"level_number": 9}, "23503"),
        ({"challenge_id": 0}, "23503"),
        ({"user_id": UUID(int=7)}, "23503"),
    ],
    ids=repr,
)
def test_an_attempt_that_its_table_refuses(
    learn: Learn, user: UUID, challenge: Challenge, values: dict[str, Any], code: str
) -> None:
    row = {"user_id": user, "challenge_id": challenge.id, "level_number": 1, "score": 5, "passed": False}
    row |= values
    with learn.fails(code):
        learn.insert("level_attempts", "1", **row)


@pytest.mark.parametrize(
    "values",
    [
        {"level_number": 0},
        {"level_number": 6},
        {"level_name": " "},
        {"xp_reward": -1},
        {"estimated_minutes": 0},
        {"hints": "{}"},
        {"hints": "[1]"},
        {"hints": "[{}]"},
        {"hints": '[{"text": 1}]'},
        {"hints": '[{"text": ["a"]}]'},
        {"hints": '[[{"text": "a"}]]'},
        {"hints": '[{"text": "a", "xp_penalty": [5]}]'},
        {"hints": '[{"text": "a", "xp_penalty": -1}]'},
        {"hints": '[{"text": "a", "xp_penalty": "5"}]'},
        {"hints": '[{"text": "a", "xp_penalty": null}]'},
        {"hints": '[{"text": "a", "xp_penalty": 1e12}]'},
    ],
    ids=repr,
)
def test_a_level_that_its_table_refuses(learn: Learn, challenge: Challenge, values: dict[str, Any]) -> None:
    row = {
        "challenge_id": challenge.id,
        "level_number": 4,
        "level_name": "Four",
        "requirements": "{}",
        "test_cases": "[]",
        "passing_criteria": "{}",
        "xp_reward": 5,
        **values,
    }
    with learn.fails("23514"):
        learn.insert("challenge_levels", "1", **row)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"slug": "Not A Slug"}, "23514"),
        ({"slug": "cache"}, "23505"),
        ({"title": " "}, "23514"),
        ({"xp_base": -1}, "23514"),
        ({"estimated_minutes": 0}, "23514"),
        ({"tags": "{}"}, "23514"),
        ({"ddia_concepts": "5"}, "23514"),
        ({"metadata": "[]"}, "23514"),
        ({"difficulty": "impossible"}, "23503"),
        ({"track_id": 0}, "23503"),
    ],
    ids=repr,
)
def test_a_challenge_that_its_table_refuses(
    learn: Learn, challenge: Challenge, values: dict[str, Any], code: str
) -> None:
    row = {"slug": "new", "title": "New", **values}
    with learn.fails(code):
        learn.insert("challenges", "1", **row)


def test_a_level_has_one_number_and_a_challenge_no_more_than_five(learn: Learn, challenge: Challenge) -> None:
    with learn.fails("23505"):
        learn.make_level(challenge, 3)
    learn.make_level(challenge, 4)
    learn.make_level(challenge, 5)
    with learn.fails("23514"):
        learn.make_level(challenge, 6)


def test_a_deleted_user_leaves_nothing(learn: Learn, user: UUID, challenge: Challenge) -> None:
    learn.use_hint(user, challenge, 1, 1)
    learn.pass_challenge(user, challenge)
    learn.run("delete from learn.users where id = %s", [user])
    for table in ("level_attempts", "hint_usage", "user_challenge_progress"):
        assert learn.value(f"select count(*) from learn.{table}") == 0


def test_backends_call_and_read_and_write_nothing(learn: Learn, user: UUID, challenge: Challenge) -> None:
    with learn.role("learn_app"):
        learn.use_hint(user, challenge, 1, 1)
        learn.submit_level_attempt(user, challenge, 1)
        assert len(attempts(learn, user)) == len(hints(learn, user)) == 1
        for statement in (
            "delete from learn.level_attempts",
            "delete from learn.hint_usage",
            "update learn.user_challenge_progress set unlocked_at = now()",
            "update learn.challenges set xp_base = 9",
            "update learn.challenge_levels set xp_reward = 9",
            "delete from learn.challenge_prerequisites",
        ):
            with learn.fails("42501"):
                learn.run(statement)
        with learn.fails("42501"):
            insert_attempts(learn, user, (challenge, 2, True))
    with learn.role("learn_readonly"):
        assert len(attempts(learn, user)) == 1
        with learn.fails("42501"):
            learn.submit_level_attempt(user, challenge, 2)
        with learn.fails("42501"):
            learn.use_hint(user, challenge, 1, 2)


def test_a_hint_that_was_used_costs_whatever_begins_again(
    learn: Learn, user: UUID, challenge: Challenge
) -> None:
    learn.use_hint(user, challenge, 1, 1)
    with learn.refuses("LX009"):
        learn.run("delete from learn.hint_usage")
    learn.reset_progress(user, "challenge", challenge.id)
    assert learn.submit_level_attempt(user, challenge, 1).xp_awarded == 10 - 3
