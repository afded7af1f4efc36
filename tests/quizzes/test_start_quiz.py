"""start_quiz(): draws what is worth asking, without the key, within a time limit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, moment

START = moment("2035-06-13 12:00")


@pytest.fixture
def user(learn: Learn) -> UUID:
    learn.set_clock(START)
    return learn.make_user()


@pytest.fixture
def exam(learn: Learn) -> str:
    exam = learn.make_exam(questions=8)
    learn.run("update learn.exam_types set seconds_per_question = 60 where key = %s", [exam])
    return exam


def drawn(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    """(questions, closed at, whether there is an attempt) in order."""
    return learn.tuples(
        "select cardinality(question_ids), closed_at, quiz_attempt_id is not null"
        " from learn.drawn_quizzes where user_id = %s order by id",
        [user],
    )


def reply(learn: Learn, questions: list[int], correct: int) -> list[dict[str, Any]]:
    return [{"question_id": q, "answer": "A" if n < correct else "B"} for n, q in enumerate(questions)]


def test_it_returns_questions_in_order_and_no_key(learn: Learn, user: UUID, exam: str) -> None:
    learn.run(
        """update learn.questions set options = options || '{"A": {"text": "a", "explanation": "right!"}}'"""
    )
    rows = learn.start_quiz(user, exam, 5)
    assert [row.position for row in rows] == [1, 2, 3, 4, 5]
    assert len({row.question_id for row in rows}) == 5
    assert {row.ends_at for row in rows} == {moment("2035-06-13 12:05")}
    assert all(option.keys() == {"text"} for row in rows for option in row.options.values())
    assert learn.stats(user).total_xp == 0
    assert learn.active_days(user) == []


def test_unseen_questions_come_first_then_wrong_ones(learn: Learn, user: UUID, exam: str) -> None:
    questions = learn.questions(exam)
    right, wrong, unseen = set(questions[:3]), set(questions[3:6]), set(questions[6:])
    learn.submit_quiz(user, exam, [{"question_id": q, "answer": "A"} for q in questions[:4]])
    learn.submit_quiz(  # what counts is the last answer: 4 is known no more, 3 is
        user, exam, [{"question_id": q, "answer": "B" if q in wrong else "A"} for q in questions[2:6]]
    )
    for _ in range(5):
        rows = [row.question_id for row in learn.start_quiz(user, exam, 8)]
        assert [set(rows[:2]), set(rows[2:5]), set(rows[5:])] == [unseen, wrong, right]


def test_the_order_is_another_each_time(learn: Learn, user: UUID, exam: str) -> None:
    orders = {tuple(row.question_id for row in learn.start_quiz(user, exam, 8)) for _ in range(8)}
    assert len(orders) > 1


def test_domains_are_the_only_ones_asked(learn: Learn, user: UUID, exam: str) -> None:
    mine = {learn.make_question(exam, domain="2.1"), learn.make_question(exam, domain="3.4")}
    learn.run(
        "update learn.questions set is_active = false where id = %s",
        [learn.make_question(exam, domain="2.1")],
    )
    assert {row.question_id for row in learn.start_quiz(user, exam, 8, ["2.1", "3.4"])} == mine
    with learn.refuses("LX003"):
        learn.start_quiz(user, exam, 8, ["9.9"])


def test_submitting_it_closes_it_and_what_was_left_out_is_wrong(learn: Learn, user: UUID, exam: str) -> None:
    questions = [row.question_id for row in learn.start_quiz(user, exam, 6)]
    learn.set_clock("2035-06-13 12:02:05")
    assert learn.submit_quiz(user, exam, reply(learn, questions[:4], 4)).xp_awarded == 40
    assert drawn(learn, user) == [(6, moment("2035-06-13 12:02:05"), True)]
    assert learn.tuples(
        "select total_questions, correct_answers, time_taken_seconds from learn.quiz_attempts"
    ) == [(6, 4, 125)]
    assert learn.tuples(
        "select question_id from learn.user_answers where user_answer is null order by position"
    ) == [(question,) for question in questions[4:]]


def test_after_its_time_it_is_not_taken(learn: Learn, user: UUID, exam: str) -> None:
    questions = [row.question_id for row in learn.start_quiz(user, exam, 5)]
    learn.set_clock("2035-06-13 12:05:11")
    with learn.refuses("LX004"):  # whatever the caller says of the time
        learn.submit_quiz(user, exam, reply(learn, questions, 5), at="2035-06-13 12:01")
    other = next(question for question in learn.questions(exam) if question not in questions)
    with learn.refuses("LX004"):  # nor with some of its questions among others
        learn.submit_quiz(user, exam, reply(learn, [other, *questions[:3]], 4))
    assert learn.submit_quiz(user, exam, reply(learn, [other], 1)).xp_awarded == 10
    learn.set_clock("2035-06-13 12:05:10")  # on the way for a few seconds
    assert learn.submit_quiz(user, exam, reply(learn, questions, 5)).xp_awarded == 70


def test_drawing_again_ends_no_time_limit(learn: Learn, user: UUID, exam: str) -> None:
    left = [row.question_id for row in learn.start_quiz(user, exam, 5)]
    learn.set_clock("2035-06-13 12:06")
    drawn_now = {row.question_id for row in learn.start_quiz(user, exam, 3)}  # the others
    rest = [question for question in left if question not in drawn_now]
    for answers in (rest, rest[:1]):
        with learn.refuses("LX004"):
            learn.submit_quiz(user, exam, reply(learn, answers, 5))
    assert learn.submit_quiz(user, exam, reply(learn, sorted(drawn_now), 3)).xp_awarded == 30
    with learn.refuses("LX004"):
        learn.submit_quiz(user, exam, reply(learn, left, 5))
    learn.set_clock("2035-06-14 12:06:01")  # a day later they are questions like others
    assert learn.submit_quiz(user, exam, reply(learn, left, 5)).xp_awarded == 70


def test_what_the_schedule_has_closed_is_not_sent_as_another_quiz(
    learn: Learn, user: UUID, exam: str
) -> None:
    left = [row.question_id for row in learn.start_quiz(user, exam, 5)]
    learn.set_clock("2035-06-13 12:06")
    assert learn.close_abandoned_sessions() == 1
    with learn.refuses("LX004"):
        learn.submit_quiz(user, exam, reply(learn, left, 5))
    assert learn.submit_quiz(learn.make_user(), exam, reply(learn, left, 5)).xp_awarded == 70


def test_an_exam_without_a_limit_has_none(learn: Learn, user: UUID) -> None:
    exam = learn.make_exam(questions=5)
    rows = learn.start_quiz(user, exam, 500)
    assert [(row.ends_at, len(rows)) for row in rows[:1]] == [(None, 5)]
    learn.set_clock("2035-06-20 12:00")
    assert learn.submit_quiz(user, exam, reply(learn, [row.question_id for row in rows], 5)).xp_awarded == 70
    assert drawn(learn, user)[0][2]


def test_one_that_was_left_is_closed_by_the_next(learn: Learn, user: UUID, exam: str) -> None:
    other = learn.make_exam(questions=1)
    for minute in (0, 2, 30):
        learn.set_clock(START.replace(minute=minute))
        learn.start_quiz(user, exam, 5)
        learn.start_quiz(user, other, 1)
    ends = learn.values("select closed_at from learn.drawn_quizzes where exam_type = %s order by id", [exam])
    assert ends == [moment("2035-06-13 12:02"), moment("2035-06-13 12:07"), None]


def test_those_whose_time_is_up_are_closed_by_a_schedule(learn: Learn, user: UUID, exam: str) -> None:
    learn.start_quiz(user, exam, 5)
    learn.start_quiz(user, learn.make_exam(questions=1), 1)
    learn.set_clock("2035-06-13 12:05:10")
    assert learn.close_abandoned_sessions() == 0
    learn.set_clock("2035-06-13 12:05:11")
    assert learn.close_abandoned_sessions() == 1
    learn.set_clock("2035-06-13 14:00:01")
    assert learn.close_abandoned_sessions() == 1
    ends = [moment("2035-06-13 12:05"), moment("2035-06-13 14:00")]
    assert drawn(learn, user) == [(5, ends[0], False), (1, ends[1], False)]


def test_answers_to_other_questions_are_a_quiz_of_their_own(learn: Learn, user: UUID, exam: str) -> None:
    asked = [row.question_id for row in learn.start_quiz(user, exam, 5)]
    other = [question for question in learn.questions(exam) if question not in asked]
    assert learn.submit_quiz(user, exam, reply(learn, [*other, asked[0]], 4)).xp_awarded == 40
    assert drawn(learn, user) == [(5, None, False)]


def test_what_makes_no_sense_is_refused(learn: Learn, user: UUID, exam: str) -> None:
    for number in (0, -1, 501, None):
        with learn.refuses("LX001"):
            learn.start_quiz(user, exam, number)
    for unknown in ("no-such-exam", None):
        with learn.refuses("LX003"):
            learn.start_quiz(user, unknown, 5)
    with learn.refuses("LX002"):
        learn.start_quiz(None, exam, 5)
    learn.run("update learn.exam_types set is_active = false where key = %s", [exam])
    with learn.refuses("LX004"):
        learn.start_quiz(user, exam, 5)
    with learn.refuses("LX004"):
        learn.submit_quiz(user, exam, learn.answers(exam, 5))
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.start_quiz(user, exam, 5)
    assert drawn(learn, user) == []


def test_the_key_is_read_by_no_app(learn: Learn, user: UUID, exam: str) -> None:
    """But in the review of an attempt."""
    drawn = [row.question_id for row in learn.start_quiz(user, exam, 3)]
    with learn.role("learn_app"):
        for column in ("correct_answer", "options", "*"):
            with learn.fails("42501"):
                learn.tuples(f"select {column} from learn.questions", [])
        columns = learn.dicts("select * from learn.quiz_questions where exam_type = %s", [exam])
        assert len(columns) == 8
        assert "correct_answer" not in columns[0]
        assert learn.tuples("select correct_answer from learn.quiz_review where user_id = %s", [user]) == []
        learn.submit_quiz(user, exam, reply(learn, drawn, 2))
        review = (
            "select correct_answer, options ->> 'A' is not null from learn.quiz_review where user_id = %s"
        )
        assert learn.tuples(review, [user]) == [("A", True)] * 3


def test_no_relation_of_an_app_holds_the_key_of_what_nobody_has_answered(
    learn: Learn, user: UUID, exam: str
) -> None:
    """Whatever views and tables there are: a word that stands in the explanations is in none of them."""
    learn.run(
        "update learn.questions set options ="
        """ '{"A": {"text": "a", "explanation": "the-key-is-here"}, "B": {"text": "b"}}'"""
    )
    learn.start_quiz(user, exam, 5)
    relations = learn.values(
        "select c.oid::regclass::text from pg_class c where c.relnamespace = 'learn'::regnamespace"
        " and c.relkind in ('r', 'p', 'v') and has_table_privilege('learn_app', c.oid, 'select')",
        [],
    )
    holding = [
        name
        for name in relations
        if learn.value(f"select count(*) from {name} r where r::text like '%%the-key-is-here%%'", []) > 0
    ]
    assert holding == []
