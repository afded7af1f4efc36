"""explain_xp(): each row of the ledger in words, with what it follows from."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from tests.client import Learn, days

ALWAYS = (date(2000, 1, 1), date(2100, 1, 1))


def explained(learn: Learn, user: object, *period: object) -> list[Any]:
    return list(learn.call("explain_xp", user, *(period or ALWAYS)))


def test_rows_say_rule_multiplier_source_and_add_up_to_the_total(learn: Learn) -> None:
    learn.make_achievement({"metric": "lessons_completed", "at_least": 2}, xp_reward=7)
    user = learn.make_user()
    plain, own = learn.make_lesson(0), learn.make_lesson(0, xp_reward=30, difficulty="intermediate")
    factor = learn.value("select xp_multiplier from learn.difficulties where key = 'intermediate'")
    learn.complete_lesson(user, plain)
    learn.complete_lesson(user, own)
    learn.award_xp(user, 40, "prize", "summer", "well done")
    learn.reverse_xp(user, learn.transactions(user)[-1], "by mistake")
    found = explained(learn, user)
    assert sum(row.amount for row in found) == learn.stats(user).total_xp
    assert [row.transaction_id for row in found] == learn.transactions(user)
    first, second, *_ = found
    assert (first.amount, first.rule_amount, first.multiplier, first.source_id) == (
        50,
        50,
        1,
        str(plain.id),
    )
    assert (second.amount, second.multiplier) == (round(30 * factor), factor)
    words = " | ".join(row.why for row in found)
    for part in ("the rule lesson_completed", "the lesson's own reward", "prize: well done", "by mistake"):
        assert part in words
    assert "carries" in next(row.why for row in found if row.what.startswith("achievement_earned"))


def test_what_a_cap_has_cut_says_so(learn: Learn) -> None:
    learn.make_activity_type("ran", xp=60, daily_cap=100)
    user = learn.make_user()
    for _ in range(3):
        learn.record_activity(user, "ran")
    found = explained(learn, user)
    assert [(row.amount, row.daily_cap) for row in found] == [(60, 100), (40, 100)]
    assert "cap of 100" in found[1].why
    assert "cap" not in found[0].why


def test_days_are_those_of_the_learner_both_included(learn: Learn, user: UUID) -> None:
    for _ in range(3):
        learn.award_xp(user, 5)
        learn.advance(days(1))
    first = learn.clock().date() - days(3)
    assert len(explained(learn, user, first, first)) == 1
    assert len(explained(learn, user, first, first + days(1))) == 2
    assert explained(learn, user, first - days(2), first - days(1)) == []


def test_periods_that_are_none_and_unknown_users_are_refused(learn: Learn, user: UUID) -> None:
    today = learn.clock().date()
    for period in ((today, today - days(1)), (None, today), (today, None)):
        with learn.fails("LX001"):
            explained(learn, user, *period)
    for unknown in (uuid4(), None):
        with learn.fails("LX002"):
            explained(learn, unknown, today, today)
