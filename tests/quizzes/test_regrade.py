"""regrade_question(): a corrected key applied to the past, as if it had been right from the start."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn
from tests.properties.snapshots import differences, snapshot


@pytest.fixture
def exam(learn: Learn) -> str:
    return learn.make_exam(questions=5)


def correct_key(learn: Learn, question: int, letter: str) -> None:
    learn.run("update learn.questions set correct_answer = %s where id = %s", [letter, question])


def answers(exam: list[int], letters: str) -> list[dict[str, Any]]:
    return [{"question_id": q, "answer": letter} for q, letter in zip(exam, letters, strict=False)]


def counts(learn: Learn, user: UUID) -> list[int]:
    keys = ("correct_answers", "quizzes_completed", "perfect_quizzes", "high_score_quizzes")
    return [learn.metric(user, key) for key in keys]


def quizzes(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    return learn.tuples(
        "select correct_answers, score_percentage::integer, xp_earned from learn.quiz_attempts"
        " where user_id = %s order by id",
        [user],
    )


def test_what_was_graded_wrong_becomes_right_and_is_paid(learn: Learn, user: UUID, exam: str) -> None:
    badge = learn.make_achievement({"metric": "perfect_quizzes", "at_least": 1})
    questions = learn.questions(exam)
    assert learn.submit_quiz(user, exam, answers(questions, "BAAAA")).xp_awarded == 40
    correct_key(learn, questions[0], "B")
    assert learn.regrade_question(questions[0]) == 1
    assert quizzes(learn, user) == [(5, 100, 70)]
    assert counts(learn, user) == [5, 1, 1, 1]
    assert learn.stats(user).total_xp == 70
    assert badge in learn.badges(user)
    row = "select correct_answer, is_correct from learn.user_answers where question_id = %s"
    assert learn.tuples(row, [questions[0]]) == [("B", True)]
    assert learn.regrade_question(questions[0]) == 0
    assert learn.stats(user).total_xp == 70


def test_what_was_graded_right_becomes_wrong_and_stays_paid(learn: Learn, user: UUID, exam: str) -> None:
    questions = learn.questions(exam)
    learn.submit_quiz(user, exam, answers(questions, "AAAAA"))
    correct_key(learn, questions[0], "B")
    assert learn.regrade_question(questions[0]) == 1
    assert quizzes(learn, user) == [(4, 80, 70)]
    assert counts(learn, user) == [4, 1, 0, 0]
    assert learn.stats(user).total_xp == 70


def test_asked_to_it_takes_back_what_was_paid_wrongly(learn: Learn, user: UUID, exam: str) -> None:
    questions = learn.questions(exam)
    learn.submit_quiz(user, exam, answers(questions, "AAAAA"))
    correct_key(learn, questions[0], "B")
    learn.regrade_question(questions[0], True)
    assert learn.stats(user).total_xp == 40
    correct_key(learn, questions[0], "A")  # it was right after all
    learn.regrade_question(questions[0])
    assert learn.stats(user).total_xp == 70
    assert counts(learn, user) == [5, 1, 1, 1]


def test_to_and_fro_pays_nothing_twice(learn: Learn, user: UUID, exam: str) -> None:
    questions = learn.questions(exam)
    learn.submit_quiz(user, exam, answers(questions, "AAAAA"))
    for letter, number in (("B", 4), ("A", 5), ("C", 4), ("D", 4), ("A", 5)):
        correct_key(learn, questions[0], letter)
        assert learn.regrade_question(questions[0]) == 1
        assert counts(learn, user)[0] == number
        assert learn.stats(user).total_xp == 70


def test_a_question_that_was_answered_all_day_pays_once(learn: Learn, user: UUID, exam: str) -> None:
    """Twenty quizzes of one question, all right by the wrong key; and of another learner all wrong by it."""
    question = learn.questions(exam)[0]
    other = learn.make_user()
    for _ in range(20):
        learn.submit_quiz(user, exam, answers([question], "A"))
        learn.submit_quiz(other, exam, answers([question], "B"))
    correct_key(learn, question, "B")
    assert learn.regrade_question(question) == 40
    assert [learn.stats(who).total_xp for who in (user, other)] == [10, 10]
    right = "select count(*) filter (where is_correct), count(*) from learn.user_answers where user_id = %s"
    assert [learn.tuples(right, [who]) for who in (user, other)] == [[(0, 20)], [(20, 20)]]
    assert learn.submit_quiz(other, exam, answers([question], "B")).xp_awarded == 0  # today


def test_each_day_of_the_past_is_paid(learn: Learn, user: UUID, exam: str) -> None:
    question = learn.questions(exam)[0]
    for day in (11, 12, 12, 13):
        learn.set_clock(f"2035-06-{day} 12:00")
        learn.submit_quiz(user, exam, answers([question], "B"))
    learn.set_clock("2035-06-14 12:00")
    correct_key(learn, question, "B")
    learn.regrade_question(question)
    assert learn.stats(user).total_xp == 30
    earned = "select earned_on::text from learn.xp_transactions where user_id = %s order by 1"
    assert learn.values(earned, [user]) == ["2035-06-11", "2035-06-12", "2035-06-13"]
    assert learn.submit_quiz(user, exam, answers([question], "B")).xp_awarded == 10


def test_it_ends_as_if_the_key_had_been_right_from_the_start(learn: Learn, exam: str) -> None:
    questions = learn.questions(exam)
    users = [learn.make_user() for _ in range(2)]
    correct_key(learn, questions[1], "B")
    for sheet in ("AAAAA", "ABAAA", "CAAAB", "BBBBB", "AB", "AAAA"):
        learn.submit_quiz(users[0], exam, answers(questions, sheet))
    correct_key(learn, questions[1], "A")
    learn.regrade_question(questions[1])
    for sheet in ("AAAAA", "ABAAA", "CAAAB", "BBBBB", "AB", "AAAA"):
        learn.submit_quiz(users[1], exam, answers(questions, sheet))
    assert counts(learn, users[0]) == counts(learn, users[1])
    assert [row[:2] for row in quizzes(learn, users[0])] == [row[:2] for row in quizzes(learn, users[1])]
    assert learn.metric(users[0], "quizzes_completed", exam) == learn.metric(
        users[1], "quizzes_completed", exam
    )
    board = {row.user_id: row.value for row in learn.leaderboard("day", "correct_answers")}
    assert board[users[0]] == board[users[1]]
    before = snapshot(learn, users)
    learn.rebuild_whoever()
    assert differences(snapshot(learn, users), before) == {}


def test_a_badge_that_was_earned_stays_and_one_that_was_revoked_stays_away(
    learn: Learn, user: UUID, exam: str
) -> None:
    perfect = learn.make_achievement({"metric": "perfect_quizzes", "at_least": 1})
    taken = learn.make_achievement({"metric": "quizzes_completed", "at_least": 1})
    questions = learn.questions(exam)
    learn.submit_quiz(user, exam, answers(questions, "AAAAA"))
    learn.revoke_achievement(user, taken)
    correct_key(learn, questions[0], "B")
    learn.regrade_question(questions[0])
    assert perfect in learn.badges(user)
    assert taken not in learn.badges(user)


def test_inactive_learners_are_graded_too_and_an_unknown_question_is_refused(
    learn: Learn, user: UUID, exam: str
) -> None:
    question = learn.questions(exam)[0]
    learn.submit_quiz(user, exam, answers([question], "B"))
    learn.run("update learn.users set is_active = false where id = %s", [user])
    correct_key(learn, question, "B")
    assert learn.regrade_question(question) == 1
    for unknown in (0, None):
        with learn.refuses("LX003"):
            learn.regrade_question(unknown)
