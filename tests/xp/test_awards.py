"""Awards and reversals: award_xp() and reverse_xp()."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Learn


def test_an_award_is_a_row_of_the_ledger(learn: Learn, user: UUID) -> None:
    summary = learn.award_xp(user, 40, "contest", "spring", "Second place")
    assert summary == AwardSummary(user, 40, 40, 1, False, 0, [], {}, False)
    rows = learn.tuples(
        "select amount, source_type, source_id, description, earned_on::text, created_at = learn.clock()"
        " from learn.xp_transactions where user_id = %s",
        [user],
    )
    assert rows == [(40, "contest", "spring", "Second place", "2035-06-13", True)]


def test_the_source_of_an_award_is_manual_unless_told(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 1)
    learn.award_xp(user, 2)
    assert learn.ledger(user) == [(1, "manual", None), (2, "manual", None)]


def test_one_source_pays_once_whatever_the_amount(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 40, "contest", "spring")
    assert learn.award_xp(user, 70, "contest", "spring").xp_awarded == 0
    assert learn.ledger(user) == [(40, "contest", "spring")]


def test_another_source_or_user_is_paid(learn: Learn) -> None:
    user, other = learn.make_user(), learn.make_user()
    learn.award_xp(user, 40, "contest", "spring")
    assert learn.award_xp(user, 40, "contest", "summer").xp_awarded == 40
    assert learn.award_xp(user, 40, "league", "spring").xp_awarded == 40
    assert learn.award_xp(other, 40, "contest", "spring").xp_awarded == 40


@pytest.mark.parametrize("source", ["exercise_solved", "quiz_completed", "reversal", "xp_awarded"])
def test_a_source_may_be_named_like_an_activity_type(learn: Learn, user: UUID, source: str) -> None:
    assert learn.award_xp(user, 10, source, "7").total_xp == 10
    assert learn.check_integrity() == []


def test_an_award_uses_up_no_daily_cap_of_an_activity_type(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=10, daily_cap=10), learn.make_user()
    learn.award_xp(user, 10, activity)
    assert learn.record_activity(user, activity).xp_awarded == 10


@pytest.mark.parametrize("amount", [0, -1, None, 1_000_000_001])
def test_only_a_positive_amount_is_awarded(learn: Learn, user: UUID, amount: int | None) -> None:
    with learn.refuses("LX001"):
        learn.award_xp(user, amount)


@pytest.mark.parametrize(
    ("source_type", "source_id"),
    [("", None), ("  ", "1"), ("contest", ""), ("contest", " "), ("c" * 101, "1"), ("contest", "1" * 501)],
)
def test_a_source_is_neither_blank_nor_endless(learn: Learn, source_type: str, source_id: str | None) -> None:
    user = learn.make_user()
    with learn.refuses("LX001"):
        learn.award_xp(user, 10, source_type, source_id)


def test_awards_and_reversals_are_for_known_users(learn: Learn) -> None:
    with learn.refuses("LX002"):
        learn.award_xp(uuid4(), 10)
    with learn.refuses("LX002"):
        learn.award_xp(None, 10)
    with learn.refuses("LX002"):
        learn.reverse_xp(uuid4(), 1)


def test_an_award_is_an_activity_but_no_active_day(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 10, "contest", "spring")
    assert learn.facts(user, "xp_awarded") == [("xp_awarded", "contest", "spring")]
    assert learn.active_days(user) == []


def test_a_reversal_is_a_new_negative_row(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 120)
    (paid,) = learn.transactions(user)
    summary = learn.reverse_xp(user, paid, "Paid by mistake")
    assert summary == AwardSummary(user, -120, 0, 1, False, 0, [], {}, False)
    assert learn.ledger(user) == [(120, "manual", None), (-120, "reversal", str(paid))]
    assert (
        learn.value("select description from learn.xp_transactions where user_id = %s and amount < 0", [user])
        == "Paid by mistake"
    )


def test_a_second_reversal_of_a_transaction_changes_nothing(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 50)
    learn.award_xp(user, 50)
    first, _ = learn.transactions(user)
    learn.reverse_xp(user, first)
    assert learn.reverse_xp(user, first, "Once more").xp_awarded == 0
    assert learn.stats(user).total_xp == 50


def test_a_reversal_is_cut_to_what_is_there_and_says_so(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement({"metric": "xp", "at_least": 10**9}, xp_reward=100)
    learn.grant_achievement(user, slug)
    (reward,) = learn.transactions(user)
    learn.award_xp(user, 30)
    learn.revoke_achievement(user, slug)
    assert learn.stats(user).total_xp == 30
    assert learn.reverse_xp(user, reward, "Taken twice").xp_awarded == -30
    assert learn.stats(user).total_xp == 0
    description = learn.value(
        "select description from learn.xp_transactions where user_id = %s and source_type = 'reversal'",
        [user],
    )
    assert "100" in description
    assert "30" in description


def test_a_reversal_of_what_is_gone_altogether_writes_no_row_of_nothing(learn: Learn, user: UUID) -> None:
    slug = learn.make_achievement({"metric": "xp", "at_least": 10**9}, xp_reward=100)
    learn.grant_achievement(user, slug)
    (reward,) = learn.transactions(user)
    learn.revoke_achievement(user, slug)
    assert learn.reverse_xp(user, reward).xp_awarded == 0
    assert [amount for amount, _, _ in learn.ledger(user)] == [100, -100]


def test_only_a_payment_is_reversed(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 50)
    (paid,) = learn.transactions(user)
    learn.reverse_xp(user, paid)
    _, reversal = learn.transactions(user)
    with learn.refuses("LX001"):
        learn.reverse_xp(user, reversal)


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_reversal_has_a_reason(learn: Learn, user: UUID, reason: str | None) -> None:
    learn.award_xp(user, 50)
    (paid,) = learn.transactions(user)
    with learn.refuses("LX001"):
        learn.reverse_xp(user, paid, reason)


def test_only_a_transaction_of_the_user_is_reversed(learn: Learn) -> None:
    user, other = learn.make_user(), learn.make_user()
    learn.award_xp(other, 50)
    (paid,) = learn.transactions(other)
    for transaction in (paid, 10**12, None):
        with learn.refuses("LX003"):
            learn.reverse_xp(user, transaction)


def test_nobody_inactive_is_paid_or_charged(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 50)
    (paid,) = learn.transactions(user)
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.award_xp(user, 50)
    with learn.refuses("LX004"):
        learn.reverse_xp(user, paid)


def test_many_large_awards_add_up_beyond_an_integer(learn: Learn, user: UUID) -> None:
    for _ in range(6):
        summary = learn.award_xp(user, 1_000_000_000)
    assert summary.total_xp == 6_000_000_000
    assert summary.xp_awarded == 1_000_000_000
