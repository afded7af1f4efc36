"""Quizzes of any answers on any days within any caps, against a plain model."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client import Connection, Learn
from tests.properties.examples import examples
from tests.properties.histories import START, ZONES
from tests.properties.snapshots import differences, snapshot

PAYS = {"question_answered_correctly": 10, "quiz_perfect": 20, "quiz_completed": 3}
QUESTIONS = 12


class Model:
    """What quizzes pay and count."""

    def __init__(self, caps: dict[str, int | None]) -> None:
        self.caps = caps
        self.paid: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.xp = 0
        self.questions = 0

    def take(self, total: int, correct: int) -> int:
        """The XP of a quiz of the first `total` questions, the first `correct` of them right.

        The clock stands still: whatever its date, it comes in on the same day, on which a question pays once.
        """
        facts = ["question_answered_correctly"] * max(0, correct - self.questions)
        self.questions = max(self.questions, correct)
        counts = total >= 5
        facts += ["quiz_completed"] + ["quiz_perfect"] * (counts and correct == total)
        earned = 0
        for fact in facts:
            cap = self.caps.get(fact)
            amount = PAYS[fact] if cap is None else max(0, min(PAYS[fact], cap - self.paid[fact]))
            self.paid[fact] += amount
            earned += amount
        self.counts["quizzes_completed"] += counts
        self.counts["correct_answers"] += correct * counts
        self.counts["perfect_quizzes"] += counts and correct == total
        self.counts["high_score_quizzes"] += counts and 10 * correct >= 9 * total
        self.xp += earned
        return earned


@pytest.fixture
def stage(db: Connection) -> tuple[Learn, str]:
    """The client and an exam, in a transaction that is rolled back."""
    learn = Learn(db)
    learn.set_clock(START)
    learn.run("insert into learn.xp_rules (activity_type, amount) values ('quiz_completed', 3)")
    return learn, learn.make_exam(questions=QUESTIONS)


_quizzes = st.lists(
    st.tuples(
        st.integers(1, QUESTIONS).flatmap(lambda total: st.tuples(st.just(total), st.integers(0, total))),
        st.builds(timedelta, hours=st.integers(0, 72)),
    ),
    min_size=1,
    max_size=12,
)
_caps = st.fixed_dictionaries({fact: st.sampled_from([None, None, 1, 25, 64, 500]) for fact in PAYS})


@settings(max_examples=examples(80))
@given(quizzes=_quizzes, caps=_caps, timezone=st.sampled_from(ZONES))
def test_any_quizzes_pay_and_count_what_the_rules_say(
    stage: tuple[Learn, str],
    quizzes: list[tuple[tuple[int, int], timedelta]],
    caps: dict[str, int | None],
    timezone: str,
) -> None:
    learn, exam = stage
    with learn.connection.transaction(force_rollback=True):
        for fact, cap in caps.items():
            learn.run("update learn.xp_rules set daily_cap = %s where activity_type = %s", [cap, fact])
        user, model = learn.make_user(timezone=timezone), Model(caps)
        expected = []
        for (total, correct), ago in quizzes:
            earned = model.take(total, correct)
            summary = learn.submit_quiz(user, exam, learn.answers(exam, correct, total), at=START - ago)
            assert (summary.xp_awarded, summary.total_xp) == (earned, model.xp)
            expected.append((total, correct, earned))
        kept = learn.tuples(
            "select total_questions, correct_answers, xp_earned from learn.quiz_attempts"
            " where user_id = %s order by id",
            [user],
        )
        assert kept == expected
        assert {key: learn.metric(user, key) for key in model.counts} == dict(model.counts)
        assert learn.metric(user, "quizzes_completed", exam) == model.counts["quizzes_completed"]
        assert learn.check_integrity() == []
        before = snapshot(learn, [user])
        learn.rebuild_user(user)
        assert differences(snapshot(learn, [user]), before) == {}

        # The same quizzes in one statement, in the order of time.
        in_order = sorted(quizzes, key=lambda quiz: -quiz[1])
        together, again = learn.make_user(timezone=timezone), Model(caps)
        learn.run(
            "insert into learn.quiz_attempts (user_id, exam_type, total_questions, correct_answers,"
            " completed_at) select %s, %s, t, c, a"
            " from unnest(%s::integer[], %s::integer[], %s::timestamptz[]) q(t, c, a)",
            [
                together,
                exam,
                [total for (total, _), _ in in_order],
                [correct for (_, correct), _ in in_order],
                [START - ago for _, ago in in_order],
            ],
        )
        written = learn.tuples(
            "select xp_earned from learn.quiz_attempts where user_id = %s order by id", [together]
        )
        assert [xp for (xp,) in written] == [again.take(total, correct) for (total, correct), ago in in_order]
        assert learn.stats(together).total_xp == again.xp
