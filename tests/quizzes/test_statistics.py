"""The views of quizzes say what a plain recount says."""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, moment

LETTERS = ("A", "B", "C", "D")


class Quizzes:
    """Some users' random quizzes, in the database and as plain rows."""

    def __init__(self, learn: Learn) -> None:
        random_ = random.Random(13)
        self.learn = learn
        self.exams = {learn.make_exam(): 8, learn.make_exam(): 5}
        self.questions = {
            exam: [
                (
                    learn.make_question(exam, correct=random_.choice(LETTERS), domain=f"{n % 3}.0"),
                    f"{n % 3}.0",
                )
                for n in range(number)
            ]
            for exam, number in self.exams.items()
        }
        correct = dict(learn.tuples("select id, correct_answer from learn.questions"))
        self.users = [learn.make_user() for _ in range(3)]
        self.attempts: list[tuple[UUID, str, int, int, int]] = []  # user, exam, total, correct, seconds
        self.answers: list[tuple[UUID, str, str, int, str | None, bool, int]] = []
        for number in range(40):
            user, exam = random_.choice(self.users), random_.choice(list(self.exams))
            asked = random_.sample(self.questions[exam], random_.randint(1, self.exams[exam]))
            given = [
                (
                    question,
                    domain,
                    random_.choice([*LETTERS, correct[question], None]),
                    random_.randint(0, 50),
                )
                for question, domain in asked
            ]
            learn.submit_quiz(
                user,
                exam,
                [{"question_id": q, "answer": a, "time_spent_seconds": s} for q, _, a, s in given],
                number,
                at=moment(f"2035-06-{number % 12 + 1:02} 10:00"),
            )
            right = sum(answer == correct[question] for question, _, answer, _ in given)
            self.attempts.append((user, exam, len(given), right, number))
            self.answers += [(user, exam, d, q, a, a == correct[q], s) for q, d, a, s in given]


@pytest.fixture
def quizzes(learn: Learn) -> Quizzes:
    return Quizzes(learn)


def rounded(value: Decimal, digits: str = "0.01") -> Decimal:
    return value.quantize(Decimal(digits), ROUND_HALF_UP)


def percent(part: int, whole: int) -> Decimal:
    return rounded(Decimal(100 * part) / whole)


def test_quizzes_of_users_by_exam(quizzes: Quizzes) -> None:
    grouped: dict[tuple[UUID, str], list[tuple[int, int, int]]] = defaultdict(list)
    for user, exam, total, right, taken in quizzes.attempts:
        grouped[user, exam].append((total, right, taken))
    expected = {
        key: (
            len(rows),
            sum(total for total, _, _ in rows),
            sum(right for _, right, _ in rows),
            percent(sum(right for _, right, _ in rows), sum(total for total, _, _ in rows)),
            max(percent(right, total) for total, right, _ in rows),
            rounded(sum((percent(right, total) for total, right, _ in rows), Decimal(0)) / len(rows)),
            sum(taken for _, _, taken in rows),
        )
        for key, rows in grouped.items()
    }
    found = quizzes.learn.tuples(
        "select user_id, exam_type, quizzes_completed, questions_answered, correct_answers,"
        " accuracy_percentage, best_score, average_score, time_taken_seconds from learn.user_quiz_stats"
    )
    assert {row[:2]: row[2:] for row in found} == expected


def test_accuracy_of_users_by_domain(quizzes: Quizzes) -> None:
    grouped: dict[tuple[UUID, str, str], list[bool]] = defaultdict(list)
    for user, exam, domain, _, _, right, _ in quizzes.answers:
        grouped[user, exam, domain].append(right)
    found = quizzes.learn.tuples(
        "select user_id, exam_type, domain, questions_answered, correct_answers, accuracy_percentage"
        " from learn.user_domain_stats"
    )
    assert {row[:3]: row[3:] for row in found} == {
        key: (len(rights), sum(rights), percent(sum(rights), len(rights))) for key, rights in grouped.items()
    }


def test_questions_from_the_hardest(quizzes: Quizzes) -> None:
    grouped: dict[int, list[tuple[str | None, bool, int]]] = defaultdict(list)
    for _, _, _, question, answer, right, taken in quizzes.answers:
        grouped[question].append((answer, right, taken))
    unasked = quizzes.learn.make_question(next(iter(quizzes.exams)))
    found = quizzes.learn.tuples(
        "select question_id, times_answered, times_correct, times_skipped, accuracy_percentage,"
        " average_time_seconds from learn.question_stats"
    )
    expected: dict[int, tuple[Any, ...]] = {
        question: (
            len(rows),
            sum(right for _, right, _ in rows),
            sum(answer is None for answer, _, _ in rows),
            percent(sum(right for _, right, _ in rows), len(rows)),
            rounded(Decimal(sum(taken for _, _, taken in rows)) / len(rows), "0.1"),
        )
        for question, rows in grouped.items()
    }
    assert {row[0]: row[1:] for row in found} == {**expected, unasked: (0, 0, 0, None, None)}


def test_exams(quizzes: Quizzes) -> None:
    empty = quizzes.learn.make_exam()
    first = next(iter(quizzes.exams))
    quizzes.learn.run(
        "update learn.questions set is_active = false where id = %s", [quizzes.questions[first][0][0]]
    )
    expected: dict[str, tuple[Any, ...]] = {empty: (0, 0, 0, None, None, 0)}
    for exam, number in quizzes.exams.items():
        rows = [(user, total, right) for user, name, total, right, _ in quizzes.attempts if name == exam]
        scores = [percent(right, total) for _, total, right in rows]
        expected[exam] = (
            number - (exam == first),
            len(rows),
            len({user for user, _, _ in rows}),
            rounded(sum(scores, Decimal(0)) / len(scores)),
            max(scores),
            sum(total == right for _, total, right in rows),
        )
    found = quizzes.learn.tuples(
        "select exam_type, active_questions, quizzes_completed, users, average_score, best_score,"
        " perfect_quizzes from learn.exam_stats"
    )
    assert {row[0]: row[1:] for row in found} == expected


def test_a_quiz_is_looked_through_afterwards(learn: Learn) -> None:
    user, exam = learn.make_user(), learn.make_exam(questions=3)
    learn.submit_quiz(user, exam, learn.answers(exam, 1))
    gone, *kept = learn.questions(exam)
    learn.run("delete from learn.questions where id = %s", [gone])
    rows = learn.dicts("select * from learn.quiz_review where user_id = %s order by position", [user])
    assert [(row["question_id"], row["user_answer"], row["correct_answer"]) for row in rows] == [
        (None, "A", "A"),
        (kept[0], "B", "A"),
        (kept[1], "B", "A"),
    ]
    assert rows[0]["question_text"] is None
    assert rows[1]["options"]["B"] == {"text": "option B"}


@pytest.mark.parametrize("view", ["user_quiz_stats", "user_domain_stats", "quiz_review"])
def test_one_users_statistics_read_one_users_rows(quizzes: Quizzes, view: str) -> None:
    quizzes.learn.run("set local enable_seqscan = off")
    plan = "\n".join(
        line
        for (line,) in quizzes.learn.tuples(
            f"explain (costs off) select * from learn.{view} where user_id = '{quizzes.users[0]}'"
        )
    )
    assert "Index Cond: (user_id =" in plan.replace("a.user_id", "user_id")


def test_apps_and_readers_read_the_statistics(quizzes: Quizzes) -> None:
    views = ("exam_stats", "question_stats", "quiz_review", "user_domain_stats", "user_quiz_stats")
    for role in ("learn_app", "learn_readonly"):
        with quizzes.learn.role(role):
            for view in views:
                assert quizzes.learn.value(f"select count(*) from learn.{view}") > 0
