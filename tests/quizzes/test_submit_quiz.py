"""submit_quiz(): graded by the question bank, paid, counted, refused when it makes no sense."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.client import AwardSummary, Learn, moment

NOON = moment("2035-06-13 12:00")


@pytest.fixture
def exam(learn: Learn) -> str:
    return learn.make_exam(questions=5)


def attempts(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    """(exam_type, total, correct, percentage, seconds, xp_earned) in order of completion."""
    return learn.tuples(
        "select exam_type, total_questions, correct_answers, score_percentage, time_taken_seconds, xp_earned"
        " from learn.quiz_attempts where user_id = %s order by completed_at, id",
        [user],
    )


def answers(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    """(position, question_id, user_answer, correct_answer, is_correct, seconds) in order."""
    return learn.tuples(
        "select position, question_id, user_answer, correct_answer, is_correct, time_spent_seconds"
        " from learn.user_answers where user_id = %s order by quiz_attempt_id, position",
        [user],
    )


def test_a_quiz_is_graded_kept_and_paid(learn: Learn, user: UUID, exam: str) -> None:
    a, b, c, _, _ = learn.questions(exam)
    quiz = [
        {"question_id": c, "answer": "A", "time_spent_seconds": 9},
        {"question_id": a, "answer": "B", "time_spent_seconds": 0},
        {"question_id": b, "answer": None},
    ]
    summary = learn.submit_quiz(user, exam, quiz, 44)
    assert summary == AwardSummary(user, 10, 10, 1, False, 1, [], {}, False)
    assert attempts(learn, user) == [(exam, 3, 1, Decimal("33.33"), 44, 10)]
    assert answers(learn, user) == [
        (1, c, "A", "A", True, 9),
        (2, a, "B", "A", False, 0),
        (3, b, None, "A", False, None),
    ]
    attempt = learn.value("select id::text from learn.quiz_attempts where user_id = %s", [user])
    assert [fact for fact in learn.facts(user) if fact[1] == "quiz"] == [
        ("question_answered_correctly", "quiz", attempt),
        ("quiz_completed", "quiz", attempt),
    ]


def test_answers_carry_the_time_of_the_quiz(learn: Learn, user: UUID, exam: str) -> None:
    learn.submit_quiz(user, exam, learn.answers(exam, 2), at="2035-06-10 08:00")
    times = learn.tuples(
        "select completed_at from learn.quiz_attempts where user_id = %(u)s union all"
        " select answered_at from learn.user_answers where user_id = %(u)s",
        {"u": user},
    )
    assert times == [(moment("2035-06-10 08:00"),)] * 6
    assert learn.active_days(user) == [(moment("2035-06-10 08:00").date(), False)]


def test_a_perfect_quiz_pays_twenty_more(learn: Learn, user: UUID, exam: str) -> None:
    assert learn.submit_quiz(user, exam, learn.answers(exam, 5)).xp_awarded == 70
    attempt = learn.value("select id::text from learn.quiz_attempts where user_id = %s", [user])
    assert learn.ledger(user) == [
        *[(10, "question_answered_correctly", attempt)] * 5,
        (20, "quiz_perfect", attempt),
    ]
    assert attempts(learn, user) == [(exam, 5, 5, Decimal(100), None, 70)]


def test_all_wrong_pays_nothing_and_is_an_active_day(learn: Learn, user: UUID, exam: str) -> None:
    assert learn.submit_quiz(user, exam, learn.answers(exam, 0)) == AwardSummary(
        user, 0, 0, 1, False, 1, [], {}, False
    )
    assert attempts(learn, user) == [(exam, 5, 0, Decimal(0), None, 0)]


def test_skipping_is_a_wrong_answer_however_it_is_said(learn: Learn, user: UUID, exam: str) -> None:
    a, b, *_ = learn.questions(exam)
    learn.submit_quiz(user, exam, [{"question_id": a, "answer": None}, {"question_id": b}])
    assert [(row[2], row[4]) for row in answers(learn, user)] == [(None, False), (None, False)]
    assert learn.value("select times_skipped from learn.question_stats where question_id = %s", [a]) == 1


def test_retakes_count_again_and_pay_for_being_perfect(learn: Learn, user: UUID, exam: str) -> None:
    for total in (70, 90, 110):
        assert learn.submit_quiz(user, exam, learn.answers(exam, 5)).total_xp == total
    assert learn.metric(user, "quizzes_completed") == 3
    assert learn.metric(user, "quizzes_completed", exam) == 3
    assert learn.metric(user, "correct_answers") == 15


@pytest.mark.parametrize(
    ("questions", "correct", "perfect", "high"),
    [(4, 4, 0, 0), (5, 5, 1, 1), (5, 4, 0, 0), (10, 9, 0, 1), (10, 8, 0, 0), (10, 10, 1, 1), (11, 10, 0, 1)],
)
def test_perfect_and_high_scores_need_enough_questions(
    learn: Learn, user: UUID, questions: int, correct: int, perfect: int, high: int
) -> None:
    exam = learn.make_exam(questions=questions)
    learn.submit_quiz(user, exam, learn.answers(exam, correct))
    assert learn.metric(user, "perfect_quizzes") == perfect
    assert learn.metric(user, "high_score_quizzes") == high


def test_what_counts_as_perfect_and_high_follows_the_settings(learn: Learn, user: UUID, exam: str) -> None:
    learn.set_setting("quiz_minimum_questions", 2)
    learn.set_setting("quiz_high_score_percentage", 50)
    learn.submit_quiz(user, exam, learn.answers(exam, 1, of=2))
    learn.submit_quiz(user, exam, learn.answers(exam, 1, of=1))
    learn.submit_quiz(user, exam, learn.answers(exam, 2, of=2))
    assert (learn.metric(user, "perfect_quizzes"), learn.metric(user, "high_score_quizzes")) == (1, 2)


def test_badges_of_one_exam_count_only_its_quizzes(learn: Learn, user: UUID, exam: str) -> None:
    other = learn.make_exam(questions=5)
    badge = learn.make_achievement({"metric": "quizzes_completed", "scope": exam, "at_least": 2})
    for name in (exam, other, other):
        assert learn.submit_quiz(user, name, learn.answers(name, 0)).new_achievements == []
    assert learn.submit_quiz(user, exam, learn.answers(exam, 0)).new_achievements == [badge]
    assert learn.metric(user, "quizzes_completed") == 4


def test_a_cap_for_the_day_cuts_inside_a_quiz(learn: Learn, user: UUID, exam: str) -> None:
    learn.run("update learn.xp_rules set daily_cap = 75 where activity_type = 'question_answered_correctly'")
    first = learn.submit_quiz(user, exam, learn.answers(exam, 4))
    second = learn.submit_quiz(user, exam, learn.answers(exam, 5))
    third = learn.submit_quiz(user, exam, learn.answers(exam, 2))
    assert [answer.xp_awarded for answer in (first, second, third)] == [40, 10 + 20, 0]
    assert [row[-1] for row in attempts(learn, user)] == [40, 30, 0]
    other = learn.make_exam(questions=3)
    assert learn.submit_quiz(user, other, learn.answers(other, 3)).xp_awarded == 25
    late = learn.submit_quiz(user, exam, learn.answers(exam, 2), at="2035-06-12 12:00")
    assert late.xp_awarded == 0  # it comes in today
    learn.set_clock("2035-06-15 12:00")
    assert learn.submit_quiz(user, exam, learn.answers(exam, 2)).xp_awarded == 20
    assert learn.metric(user, "correct_answers") == 15  # the quiz of three questions counts in no metric


def test_without_rules_nothing_is_paid_and_everything_counts(learn: Learn, user: UUID, exam: str) -> None:
    learn.run("delete from learn.xp_rules where activity_type like 'qu%%'", [])
    assert learn.submit_quiz(user, exam, learn.answers(exam, 5)).xp_awarded == 0
    assert attempts(learn, user)[0][-1] == 0
    assert learn.metric(user, "perfect_quizzes") == 1


def test_a_rule_for_taking_quizzes_is_part_of_what_the_quiz_paid(learn: Learn, user: UUID, exam: str) -> None:
    learn.run("insert into learn.xp_rules (activity_type, amount) values ('quiz_completed', 3)")
    learn.submit_quiz(user, exam, learn.answers(exam, 1))
    assert attempts(learn, user)[0][-1] == 13


def test_what_achievements_pay_is_not_part_of_what_the_quiz_paid(learn: Learn, user: UUID, exam: str) -> None:
    badge = learn.make_achievement({"metric": "quizzes_completed", "at_least": 1}, xp_reward=500)
    summary = learn.submit_quiz(user, exam, learn.answers(exam, 1))
    assert (summary.xp_awarded, summary.new_achievements, summary.leveled_up) == (510, [badge], True)
    assert attempts(learn, user)[0][-1] == 10


@pytest.mark.parametrize("number", [90, 200, 500])
def test_long_quizzes_are_one_statement(learn: Learn, user: UUID, number: int) -> None:
    exam = learn.make_exam()
    learn.run(
        "insert into learn.questions (exam_type, question_text, correct_answer, options)"
        " select %s, 'Which?', (array['A','B','C'])[1 + n %% 3], %s from generate_series(1, %s) n",
        [exam, Jsonb({letter: {"text": letter} for letter in "ABCD"}), number],
    )
    summary = learn.submit_quiz(user, exam, learn.answers(exam, number - 1))
    assert summary.xp_awarded == 10 * (number - 1)
    assert attempts(learn, user)[0][1:3] == (number, number - 1)
    assert learn.metric(user, "correct_answers") == number - 1


def test_a_quiz_has_no_more_questions_than_the_setting(learn: Learn, user: UUID, exam: str) -> None:
    learn.set_setting("quiz_maximum_questions", 4)
    with learn.refuses("LX001"):
        learn.submit_quiz(user, exam, learn.answers(exam, 5))
    learn.submit_quiz(user, exam, learn.answers(exam, 4, of=4))


def test_the_exam_must_exist(learn: Learn, user: UUID, exam: str) -> None:
    for unknown in ("no-such-exam", None, exam.upper()):
        with learn.refuses("LX003"):
            learn.submit_quiz(user, unknown, learn.answers(exam, 1))


def test_a_user_must_exist_and_be_active(learn: Learn, user: UUID, exam: str) -> None:
    with learn.refuses("LX002"):
        learn.submit_quiz(uuid4(), exam, learn.answers(exam, 1))
    with learn.refuses("LX002"):
        learn.submit_quiz(None, exam, learn.answers(exam, 1))
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.submit_quiz(user, exam, learn.answers(exam, 1))


@pytest.mark.parametrize("nonsense", [None, [], {}, "A", 1, {"question_id": 1}])
def test_answers_are_a_list_that_is_not_empty(learn: Learn, user: UUID, exam: str, nonsense: Any) -> None:
    with learn.refuses("LX001"):
        learn.submit_quiz(user, exam, nonsense)


@pytest.mark.parametrize(
    "change",
    [
        "A",
        None,
        [],
        {"question_id": None},
        {"question_id": "1"},
        {"question_id": 1.5},
        {"question_id": -1},
        {"question_id": 0},
        {"question_id": 10**17},
        {"question_id": 10**30},
        {"question_id": [1]},
        {"answer": "E"},
        {"answer": "a"},
        {"answer": ""},
        {"answer": "AB"},
        {"answer": 1},
        {"answer": ["A"]},
        {"answer": {"A": 1}},
        {"answer": True},
        {"time_spent_seconds": -1},
        {"time_spent_seconds": "9"},
        {"time_spent_seconds": 1.5},
        {"time_spent_seconds": 10**9},
        {"time_spent_seconds": []},
    ],
    ids=repr,
)
def test_an_answer_that_makes_no_sense_is_named_by_its_position(
    learn: Learn, user: UUID, exam: str, change: Any
) -> None:
    quiz: list[Any] = learn.answers(exam, 5)
    quiz[2] = {**quiz[2], **change} if isinstance(change, dict) else change
    with learn.refuses("LX001") as refusal:
        learn.submit_quiz(user, exam, quiz)
    assert refusal.detail.startswith("answer 3: ")


def test_a_question_is_answered_once_per_quiz(learn: Learn, user: UUID, exam: str) -> None:
    quiz = learn.answers(exam, 5)
    with learn.refuses("LX001") as refusal:
        learn.submit_quiz(user, exam, [*quiz, quiz[1]])
    assert refusal.detail.startswith("answer 6: ")


def test_the_first_of_several_problems_is_named(learn: Learn, user: UUID, exam: str) -> None:
    quiz: list[Any] = learn.answers(exam, 5)
    quiz[1], quiz[3] = {"question_id": 0}, "nonsense"
    with learn.refuses("LX001") as refusal:
        learn.submit_quiz(user, exam, quiz)
    assert refusal.detail.startswith("answer 2: ")


def test_questions_are_of_the_exam_and_active_and_have_the_option(
    learn: Learn, user: UUID, exam: str
) -> None:
    other = learn.make_question(learn.make_exam())
    with learn.refuses("LX001") as refusal:
        learn.submit_quiz(user, exam, [{"question_id": other, "answer": "A"}])
    assert refusal.detail.startswith("answer 1: ")

    first, second, *_ = learn.questions(exam)
    learn.run("update learn.questions set is_active = false where id = %s", [first])
    with learn.refuses("LX001"):
        learn.submit_quiz(user, exam, [{"question_id": first, "answer": "A"}])

    learn.run("update learn.questions set options = options - 'D' where id = %s", [second])
    with learn.refuses("LX001"):
        learn.submit_quiz(user, exam, [{"question_id": second, "answer": "D"}])


def test_times_are_not_negative_and_within_bounds(learn: Learn, user: UUID, exam: str) -> None:
    quiz = learn.answers(exam, 5)
    with learn.refuses("LX001"):
        learn.submit_quiz(user, exam, quiz, -1)
    for out_of_bounds in ("2035-06-13 12:06", "2035-05-01 12:00"):
        with learn.refuses("LX001"):
            learn.submit_quiz(user, exam, quiz, at=out_of_bounds)
    assert learn.submit_quiz(user, exam, quiz, 0).xp_awarded == 70


def test_a_retry_with_the_same_key_is_answered_and_changes_nothing(
    learn: Learn, user: UUID, exam: str
) -> None:
    quiz = learn.answers(exam, 5)
    first = learn.submit_quiz(user, exam, quiz, key="quiz-1")
    before = learn.row_counts()
    again = learn.submit_quiz(user, exam, quiz, key="quiz-1")
    assert again == AwardSummary(**{**first._asdict(), "replayed": True})
    assert learn.row_counts() == before
    with learn.refuses("LX013"):
        learn.submit_quiz(user, exam, quiz[:4], key="quiz-1")
    with learn.refuses("LX013"):
        learn.submit_quiz(user, exam, quiz, 5, key="quiz-1")


def test_editing_a_question_leaves_the_past_as_it_was(learn: Learn, user: UUID, exam: str) -> None:
    learn.submit_quiz(user, exam, learn.answers(exam, 5))
    question = learn.questions(exam)[0]
    learn.run("update learn.questions set correct_answer = 'D' where id = %s", [question])
    assert answers(learn, user)[0][2:5] == ("A", "A", True)
    assert learn.submit_quiz(user, exam, [{"question_id": question, "answer": "A"}]).xp_awarded == 0
    assert [row[2] for row in attempts(learn, user)] == [5, 0]


def test_deleting_a_question_leaves_its_answers(learn: Learn, user: UUID, exam: str) -> None:
    learn.submit_quiz(user, exam, learn.answers(exam, 5))
    kept = learn.questions(exam)[1:]
    learn.run("delete from learn.questions where exam_type = %s and id <> all (%s)", [exam, kept])
    assert [row[1] for row in answers(learn, user)] == [None, *kept]
    assert attempts(learn, user) == [(exam, 5, 5, Decimal(100), None, 70)]
    learn.rebuild_user(user)
    assert learn.metric(user, "correct_answers") == 5


def test_deleting_a_user_takes_quizzes_and_answers_along(learn: Learn, user: UUID, exam: str) -> None:
    learn.submit_quiz(user, exam, learn.answers(exam, 5))
    learn.run("delete from learn.users where id = %s", [user])
    assert attempts(learn, user) == answers(learn, user) == []


def test_a_rebuilt_user_is_the_same(learn: Learn, user: UUID, exam: str) -> None:
    for correct in (5, 3, 0):
        learn.submit_quiz(user, exam, learn.answers(exam, correct))
    metrics = "select metric, scope, value from learn.user_metrics where user_id = %s order by 1, 2"
    before = (learn.stats(user), learn.tuples(metrics, [user]), attempts(learn, user))
    learn.rebuild_user(user)
    assert (learn.stats(user), learn.tuples(metrics, [user]), attempts(learn, user)) == before


# ── the tables ─────────────────────────────────────────────────────────────────────────────────────────────

ATTEMPT = {"total_questions": 5, "correct_answers": 3, "time_taken_seconds": 60, "xp_earned": 0}


def insert_attempt(learn: Learn, user: UUID, exam: str, **values: Any) -> int:
    row = {"user_id": user, "exam_type": exam, **ATTEMPT, **values}
    return int(learn.insert("quiz_attempts", **row))


def test_an_attempt_written_directly_does_all_that_the_function_does(
    learn: Learn, user: UUID, exam: str
) -> None:
    called = learn.make_user()
    learn.submit_quiz(called, exam, learn.answers(exam, 5), 60)
    insert_attempt(learn, user, exam, correct_answers=5)
    assert attempts(learn, user) == attempts(learn, called)
    assert [row[:2] for row in learn.ledger(user)] == [row[:2] for row in learn.ledger(called)]
    assert learn.stats(user) == learn.stats(called)
    assert [fact[:2] for fact in learn.facts(user)] == [fact[:2] for fact in learn.facts(called)]


def test_what_a_writer_says_that_an_attempt_has_earned_is_overruled(
    learn: Learn, user: UUID, exam: str
) -> None:
    insert_attempt(learn, user, exam, correct_answers=2, xp_earned=0)
    insert_attempt(learn, user, exam, correct_answers=0, xp_earned=999)
    assert [row[-1] for row in attempts(learn, user)] == [20, 0]


def test_answers_written_directly_are_graded_whatever_their_writer_says(
    learn: Learn, user: UUID, exam: str
) -> None:
    right, wrong, lied, bare, skipped = learn.questions(exam)
    attempt = insert_attempt(learn, user, exam, correct_answers=2)
    learn.run(
        "insert into learn.user_answers (user_id, quiz_attempt_id, position, question_id, user_answer,"
        " correct_answer, is_correct) select %s, %s, r.*"
        " from (values (1, %s::bigint, 'A', 'A', true), (2, %s, 'B', 'A', false), (3, %s, 'C', 'C', true),"
        " (4, %s, 'A', null, null), (5, %s, null, 'B', false)) r",
        [user, attempt, right, wrong, lied, bare, skipped],
    )
    assert answers(learn, user) == [
        (1, right, "A", "A", True, None),
        (2, wrong, "B", "A", False, None),
        (3, lied, "C", "A", False, None),
        (4, bare, "A", "A", True, None),
        (5, skipped, None, "A", False, None),
    ]


@pytest.mark.no_integrity
def test_answers_that_do_not_add_up_are_reported(learn: Learn, user: UUID, exam: str) -> None:
    attempt = insert_attempt(learn, user, exam, total_questions=2, correct_answers=2)
    learn.run(
        "insert into learn.user_answers (user_id, quiz_attempt_id, position, question_id, user_answer)"
        " values (%s, %s, 1, %s, 'B')",
        [user, attempt, learn.questions(exam)[0]],
    )
    assert [damage.check_name for damage in learn.check_integrity()] == ["quiz_answers_add_up"]


@pytest.mark.no_integrity
def test_a_quiz_without_its_fact_is_reported(learn: Learn, user: UUID, exam: str) -> None:
    insert_attempt(learn, user, exam)
    learn.run("set local session_replication_role = replica")
    learn.run("delete from learn.activity_log where activity_type = 'quiz_completed'")
    learn.run("set local session_replication_role = origin")
    assert "quizzes_are_facts" in {damage.check_name for damage in learn.check_integrity()}


@pytest.mark.parametrize("correct", [0, 3])
@pytest.mark.no_integrity
def test_a_quiz_that_notes_more_than_it_was_paid_is_reported(
    learn: Learn, user: UUID, exam: str, correct: int
) -> None:
    insert_attempt(learn, user, exam, correct_answers=correct)
    assert learn.check_integrity() == []
    learn.run("update learn.quiz_attempts set xp_earned = xp_earned + 1")
    assert [damage.check_name for damage in learn.check_integrity()] == ["quizzes_note_what_was_paid"]


@pytest.mark.no_integrity
def test_a_quiz_that_was_changed_by_hand_is_reported(learn: Learn, user: UUID, exam: str) -> None:
    """Its metrics count what it was; and answers that are changed with it make it no better."""
    learn.submit_quiz(user, exam, learn.answers(exam, 3))
    learn.run("update learn.user_answers set user_answer = 'A', is_correct = true")
    learn.run("update learn.quiz_attempts set correct_answers = 5")
    assert [damage.check_name for damage in learn.check_integrity()] == ["quizzes_count_as_they_are"]


@pytest.mark.no_integrity
def test_a_question_that_has_paid_twice_on_a_day_is_reported(learn: Learn, user: UUID, exam: str) -> None:
    learn.submit_quiz(user, exam, learn.answers(exam, 1))
    learn.run("delete from learn_internal.paid_questions")
    learn.submit_quiz(user, exam, learn.answers(exam, 1))
    assert [damage.check_name for damage in learn.check_integrity()] == ["questions_pay_once_a_day"]


def test_what_is_taken_back_or_recorded_from_outside_leaves_the_note_of_a_quiz(
    learn: Learn, user: UUID, exam: str
) -> None:
    attempt = insert_attempt(learn, user, exam, correct_answers=3)
    learn.reverse_xp(user, learn.transactions(user)[0])
    learn.record_activity(user, "question_answered_correctly", "quiz", str(attempt))
    assert learn.value("select xp_earned from learn.quiz_attempts") == 30
    assert learn.check_integrity() == []


def test_a_thousand_attempts_in_one_statement_leave_what_single_ones_do(learn: Learn, exam: str) -> None:
    learn.run("update learn.xp_rules set daily_cap = 400 where activity_type = 'question_answered_correctly'")
    users = [learn.make_user() for _ in range(4)]
    single = [learn.make_user() for _ in range(4)]
    select = (
        "select (%s::uuid[])[1 + n %% 4], %s, 5, n %% 6, n,"
        " learn.clock() - (251 - n / 4) * interval '20 minutes'"
        " from generate_series(%s::integer, %s::integer) n"
    )
    insert = (
        "insert into learn.quiz_attempts"
        " (user_id, exam_type, total_questions, correct_answers, time_taken_seconds, completed_at) "
    )
    learn.run((insert + select), [users, exam, 0, 999])
    for number in range(1000):
        learn.run((insert + select), [single, exam, number, number])
    for one, other in zip(users, single, strict=True):
        assert attempts(learn, one) == attempts(learn, other)
        assert [row[:2] for row in learn.ledger(one)] == [row[:2] for row in learn.ledger(other)]
        assert learn.stats(one) == learn.stats(other)
        assert learn.badges(one) == learn.badges(other)
        metrics = "select metric, scope, value from learn.user_metrics where user_id = %s order by 1, 2"
        assert learn.tuples(metrics, [one]) == learn.tuples(metrics, [other])


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"total_questions": 0, "correct_answers": 0}, "23514"),
        ({"total_questions": -1}, "23514"),
        ({"correct_answers": -1}, "23514"),
        ({"correct_answers": 6}, "23514"),
        ({"time_taken_seconds": -1}, "23514"),
        ({"xp_earned": -1}, "23514"),
        ({"exam_type": "no-such-exam"}, "23503"),
        ({"user_id": UUID(int=7)}, "23503"),
        ({"exam_type": None}, "23502"),
        ({"total_questions": None}, "23502"),
    ],
    ids=repr,
)
def test_an_attempt_that_cannot_be_is_refused_by_its_table(
    learn: Learn, user: UUID, exam: str, values: dict[str, Any], constraint: str
) -> None:
    with learn.fails(constraint):
        insert_attempt(learn, user, exam, **values)
    assert attempts(learn, user) == []


def test_the_percentage_is_computed_and_cannot_be_written(learn: Learn, user: UUID, exam: str) -> None:
    with learn.fails("428C9"):
        insert_attempt(learn, user, exam, score_percentage=100)
    for total, correct, percentage in ((3, 1, "33.33"), (3, 2, "66.67"), (7, 7, "100"), (500, 1, "0.2")):
        attempt = insert_attempt(learn, user, exam, total_questions=total, correct_answers=correct)
        found = learn.value("select score_percentage from learn.quiz_attempts where id = %s", [attempt])
        assert found == Decimal(percentage)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"user_answer": "E"}, "23514"),
        ({"user_answer": "a"}, "23514"),
        ({"correct_answer": "E", "question_id": None, "is_correct": False}, "23514"),
        ({"is_correct": True, "user_answer": "B", "correct_answer": "A"}, "23514"),
        ({"is_correct": False, "user_answer": "A", "correct_answer": "A"}, "23514"),
        ({"is_correct": True, "user_answer": None, "correct_answer": "A"}, "23514"),
        ({"time_spent_seconds": -1}, "23514"),
        ({"position": None}, "23502"),
        ({"question_id": 0, "correct_answer": "A", "is_correct": True}, "23503"),
        ({"question_id": 0}, "23502"),
        ({"question_id": None}, "23502"),
        ({"quiz_attempt_id": 0}, "23503"),
    ],
    ids=repr,
)
def test_an_answer_that_cannot_be_is_refused_by_its_table(
    learn: Learn, user: UUID, exam: str, values: dict[str, Any], constraint: str
) -> None:
    row: dict[str, Any] = {
        "user_id": user,
        "quiz_attempt_id": insert_attempt(learn, user, exam),
        "position": 1,
        "question_id": learn.questions(exam)[0],
        "user_answer": "A",
        **values,
    }
    with learn.fails(constraint):
        learn.insert("user_answers", "1", **row)


def test_positions_and_questions_of_a_quiz_are_unique(learn: Learn, user: UUID, exam: str) -> None:
    learn.submit_quiz(user, exam, learn.answers(exam, 5))
    for column in ("position", "question_id"):
        with learn.fails("23505"):
            learn.run(
                f"update learn.user_answers set {column} ="
                f" (select max({column}) from learn.user_answers where user_id = %s)"
                f" where user_id = %s and position = 1",
                [user, user],
            )


def test_an_answer_belongs_to_a_quiz_of_the_same_user(learn: Learn, user: UUID, exam: str) -> None:
    attempt = insert_attempt(learn, user, exam)
    with learn.fails("23503"):
        learn.run(
            "insert into learn.user_answers (user_id, quiz_attempt_id, position, question_id, user_answer)"
            " values (%s, %s, 1, %s, 'A')",
            [learn.make_user(), attempt, learn.questions(exam)[0]],
        )


def test_deleting_a_quiz_takes_its_answers_along_and_no_xp(learn: Learn, user: UUID, exam: str) -> None:
    learn.submit_quiz(user, exam, learn.answers(exam, 5))
    learn.run("delete from learn.quiz_attempts where user_id = %s", [user])
    assert answers(learn, user) == []
    assert learn.stats(user).total_xp == 70


def test_an_exam_with_questions_or_quizzes_stays_and_may_be_renamed(
    learn: Learn, user: UUID, exam: str
) -> None:
    learn.submit_quiz(user, exam, learn.answers(exam, 5))
    with learn.fails("23503"):
        learn.run("delete from learn.exam_types where key = %s", [exam])
    learn.run("update learn.exam_types set key = 'renamed' where key = %s", [exam])
    assert attempts(learn, user)[0][0] == "renamed"
    assert len(learn.questions("renamed")) == 5


# ── roles ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_backend_may_call_and_read_and_not_write(learn: Learn, user: UUID, exam: str) -> None:
    quiz = learn.answers(exam, 5)
    with learn.role("learn_app"):
        assert learn.submit_quiz(user, exam, quiz).xp_awarded == 70
        assert len(answers(learn, user)) == 5
        for statement in (
            "update learn.quiz_attempts set xp_earned = 9",
            "delete from learn.user_answers",
            "update learn.questions set correct_answer = 'B'",
            "delete from learn.exam_types",
        ):
            with learn.fails("42501"):
                learn.run(statement)
        with learn.fails("42501"):
            insert_attempt(learn, user, exam)
    with learn.role("learn_readonly"):
        assert len(attempts(learn, user)) == 1
        with learn.fails("42501"):
            learn.submit_quiz(user, exam, quiz)


def test_a_failing_statement_of_the_caller_undoes_the_quiz(learn: Learn, user: UUID, exam: str) -> None:
    with learn.fails("22012"):
        learn.submit_quiz(user, exam, learn.answers(exam, 5))
        learn.run("select 1 / 0")
    assert attempts(learn, user) == []
    assert learn.stats(user).total_xp == 0
