"""import_questions(): a question bank comes in as a whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Learn


@pytest.fixture
def exam(learn: Learn) -> str:
    return learn.make_exam("wine")


def question(number: int = 1, **values: Any) -> dict[str, Any]:
    options = {"A": {"text": "red", "explanation": "because"}, "B": {"text": "white"}}
    made = {
        "exam_type": "wine",
        "external_id": f"Q-{number}",
        "domain": "1.1",
        "question_text": "Which one?",
        "correct_answer": "A",
        "options": options,
        **values,
    }
    return {name: value for name, value in made.items() if value is not ...}


def bank(learn: Learn) -> list[dict[str, Any]]:
    return learn.dicts(
        "select exam_type, external_id, domain, question_text, correct_answer, options from learn.questions"
        " order by id"
    )


def test_questions_come_in_and_are_counted(learn: Learn, exam: str) -> None:
    assert learn.import_questions([question(1), question(2)]) == (2, 0, 0)
    assert bank(learn) == [question(1), question(2)]


def test_importing_again_updates_what_differs(learn: Learn, exam: str) -> None:
    learn.import_questions([question(1), question(2), question(3)])
    ids = learn.questions(exam)
    changed = [question(1), question(2, correct_answer="B"), question(3, domain="9"), question(4)]
    assert learn.import_questions(changed) == (1, 2, 1)
    assert learn.questions(exam)[:3] == ids
    assert bank(learn) == changed
    assert learn.import_questions(changed) == (0, 0, 4)


def test_a_question_that_is_not_in_the_import_stays(learn: Learn, exam: str) -> None:
    by_hand = learn.make_question(exam)
    learn.import_questions([question(1)])
    assert learn.import_questions([question(2)]) == (1, 0, 0)
    assert len(learn.questions(exam)) == 3
    assert by_hand in learn.questions(exam)


def test_updated_at_tells_when_a_question_changed(learn: Learn, exam: str) -> None:
    learn.import_questions([question(1), question(2)])
    before = learn.set_clock("2035-07-01 12:00")
    learn.import_questions([question(1), question(2, domain="2")])
    assert learn.tuples("select external_id from learn.questions where updated_at = %s", [before]) == [
        ("Q-2",)
    ]


def test_the_same_id_is_another_question_in_another_exam(learn: Learn, exam: str) -> None:
    learn.make_exam("beer")
    assert learn.import_questions([question(1), question(1, exam_type="beer")]) == (2, 0, 0)


def test_a_question_that_was_taken_out_of_quizzes_stays_out(learn: Learn, exam: str) -> None:
    learn.import_questions([question(1)])
    learn.run("update learn.questions set is_active = false")
    learn.import_questions([question(1, domain="2")])
    assert learn.value("select is_active from learn.questions", []) is False


def test_a_domain_may_be_left_out(learn: Learn, exam: str) -> None:
    learn.import_questions([question(1, domain=...), question(2, domain=None)])
    assert [q["domain"] for q in bank(learn)] == ["", ""]


def test_an_empty_import_is_none(learn: Learn) -> None:
    assert learn.import_questions([]) == (0, 0, 0)


@pytest.mark.parametrize("nonsense", [None, {}, "text", 5, {"questions": []}])
def test_questions_are_an_array(learn: Learn, nonsense: Any) -> None:
    with learn.refuses("LX001"):
        learn.import_questions(nonsense)


@pytest.mark.parametrize(
    "bad",
    [
        7,
        None,
        [],
        "Q",
        question(2, external_id=...),
        question(2, external_id=None),
        question(2, external_id=" "),
        question(2, external_id="x" * 201),
        question(2, question_text="x" * 20_001),
        question(2, domain="x" * 201),
        question(2, options={"A": {"text": "x" * 300_000}, "B": {"text": "two"}}),
        question(2, exam_type="beer"),
        question(2, exam_type=...),
        question(2, question_text=...),
        question(2, question_text=" \n"),
        question(2, correct_answer=...),
        question(2, correct_answer="E"),
        question(2, correct_answer="a"),
        question(2, correct_answer="D"),
        question(1),
        question(2, options=...),
        question(2, options=None),
        question(2, options=[]),
        question(2, options={}),
        question(2, options={"A": {"text": "one"}}),
        question(2, options={"A": {"text": "one"}, "E": {"text": "two"}}),
        question(2, options={"A": {"text": "one"}, "a": {"text": "two"}}),
        question(2, options={"A": {"text": "one"}, "B": "two"}),
        question(2, options={"A": {"text": "one"}, "B": {}}),
        question(2, options={"A": {"text": "one"}, "B": {"text": " "}}),
        question(2, options={"A": {"text": "one"}, "B": {"text": 2}}),
        question(2, options={"A": {"text": "one"}, "B": {"text": "two", "explanation": 5}}),
    ],
    ids=repr,
)
def test_a_bad_row_is_named_and_nothing_comes_in(learn: Learn, exam: str, bad: Any) -> None:
    with learn.refuses("LX001") as refusal:
        learn.import_questions([question(1), bad, question(3)])
    assert refusal.detail.startswith("row 2: ")
    assert "\n" not in refusal.detail


def test_all_bad_rows_are_named_up_to_twenty(learn: Learn, exam: str) -> None:
    with learn.refuses("LX001") as refusal:
        learn.import_questions([question(1), 0, question(3), 0])
    assert [line.split(":")[0] for line in refusal.detail.splitlines()] == ["row 2", "row 4"]
    with learn.refuses("LX001") as refusal:
        learn.import_questions([0] * 33)
    assert len(refusal.detail.splitlines()) == 21
    assert refusal.detail.endswith("and 13 more")


def test_an_explanation_may_be_null(learn: Learn, exam: str) -> None:
    options = {"A": {"text": "one", "explanation": None}, "D": {"text": "two"}}
    assert learn.import_questions([question(1, options=options)]) == (1, 0, 0)


def test_what_the_table_itself_refuses(learn: Learn, exam: str) -> None:
    insert = (
        "insert into learn.questions (exam_type, question_text, correct_answer, options)"
        " values (%s, %s, %s, %s)"
    )
    options = '{"A": {"text": "a"}, "B": {"text": "b"}}'
    for values, code in (
        (("no-such-exam", "Which?", "A", options), "23503"),
        ((exam, " ", "A", options), "23514"),
        ((exam, "Which?", "E", options), "23514"),
        ((exam, "Which?", "C", options), "23514"),
        ((exam, "Which?", None, options), "23502"),
        ((exam, "Which?", "A", "[]"), "23514"),
        ((exam, "Which?", "A", '{"A": {"text": "a"}}'), "23514"),
    ):
        with learn.fails(code):
            learn.run(insert, values)
    learn.import_questions([question(1)])
    with learn.fails("23505"):
        learn.run(
            "insert into learn.questions (exam_type, external_id, question_text,"
            " correct_answer, options) values (%s, 'Q-1', 'Which?', 'A', %s)",
            [exam, options],
        )
    for key in ("", "Has Spaces", "UPPER"):
        with learn.fails("23514"):
            learn.run("insert into learn.exam_types (key, name) values (%s, 'x')", [key])
    with learn.fails("23514"):
        learn.run("insert into learn.exam_types (key, name) values ('x', ' ')")


def test_a_backend_imports_and_a_reader_does_not(learn: Learn, exam: str) -> None:
    with learn.role("learn_app"):
        assert learn.import_questions([question(1)]) == (1, 0, 0)
    with learn.role("learn_readonly"):
        with learn.fails("42501"):
            learn.import_questions([question(2)])
        assert len(learn.questions(exam)) == 1
