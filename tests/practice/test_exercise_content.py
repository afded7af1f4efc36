"""What an exercise consists of, and what of it a backend may see before its learner has solved it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn

RESULT = {"columns": ["name", "price"], "rows": [["pen", 2], ["desk", None]], "is_ordered": True}


@pytest.fixture
def exercise(learn: Learn) -> int:
    lesson = learn.make_lesson(0)
    return int(
        learn.insert(
            "exercises",
            lesson_id=lesson.id,
            prompt="Show all items.",
            schema_sql="create table items (name text, price integer); insert into items values ('pen', 2)",
            solution="select * from items",
            expected_result=Jsonb(RESULT),
            hints=Jsonb(["All columns.", "select *", "select * from items"]),
        )
    )


def hints(learn: Learn, user: UUID, exercise: int) -> list[tuple[int, str]]:
    with learn.role("learn_app"):
        return [tuple(row) for row in learn.exercise_hints(user, exercise)]


def test_a_backend_reads_what_it_takes_to_run_and_judge_a_query(learn: Learn, exercise: int) -> None:
    with learn.role("learn_app"):
        ((prompt, script, expected),) = learn.tuples(
            "select prompt, schema_sql, expected_result from learn.exercises where id = %s", [exercise]
        )
    assert (prompt, expected, "insert into items" in script) == ("Show all items.", RESULT, True)


@pytest.mark.parametrize("role", ["learn_app", "learn_readonly"])
@pytest.mark.parametrize("column", ["solution", "hints", "*"])
def test_no_app_role_reads_solutions_and_hints(learn: Learn, exercise: int, role: str, column: str) -> None:
    with learn.role(role), learn.fails("42501"):
        learn.run(f"select {column} from learn.exercises")


def test_each_wrong_submission_gives_a_hint_and_solving_all_of_them(
    learn: Learn, user: UUID, exercise: int
) -> None:
    all_of_them = [(1, "All columns."), (2, "select *"), (3, "select * from items")]
    assert hints(learn, user, exercise) == []
    for number in (1, 2):
        learn.submit_query(user, exercise, False, "syntax error" if number == 1 else None)
        assert hints(learn, user, exercise) == all_of_them[:number]
    assert hints(learn, learn.make_user(), exercise) == []
    learn.submit_query(user, exercise)
    assert hints(learn, user, exercise) == all_of_them


def test_the_solution_is_for_who_has_found_one(learn: Learn, user: UUID, exercise: int) -> None:
    other = learn.make_user()
    learn.submit_query(other, exercise)
    learn.submit_query(user, exercise, False)
    learn.caller = "learn_app"
    with learn.refuses("LX007"):
        learn.exercise_solution(user, exercise)
    learn.submit_query(user, exercise)
    assert learn.exercise_solution(user, exercise) == "select * from items"


def test_an_exercise_may_do_without(learn: Learn, user: UUID) -> None:
    (plain,) = learn.make_lesson(1).exercises
    learn.submit_query(user, plain, False)
    assert hints(learn, user, plain) == []
    learn.submit_query(user, plain)
    assert learn.exercise_solution(user, plain) is None


@pytest.mark.parametrize("function", ["exercise_hints", "exercise_solution"])
def test_unknown_users_and_exercises_are_refused(
    learn: Learn, user: UUID, exercise: int, function: str
) -> None:
    for who, what, code in ((uuid4(), exercise, "LX002"), (None, exercise, "LX002"), (user, 0, "LX003")):
        with learn.refuses(code):
            learn.call(function, who, what)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("schema_sql", " "),
        ("solution", ""),
        ("hints", {"a": "b"}),
        ("hints", [1]),
        ("hints", [{"text": "x"}]),
        ("hints", None),
        ("expected_result", 5),
        ("expected_result", []),
        ("expected_result", {"columns": ["a"]}),
        ("expected_result", {"columns": [], "rows": []}),
        ("expected_result", {"columns": [1], "rows": []}),
        ("expected_result", {"columns": ["a"], "rows": {}}),
        ("expected_result", {"columns": ["a"], "rows": [1]}),
        ("expected_result", {"columns": ["a"], "rows": [[1, 2]]}),
        ("expected_result", {"columns": ["a", "b"], "rows": [[1, 2], [1]]}),
        ("expected_result", {"columns": ["a"], "rows": [[{"b": 1}]]}),
        ("expected_result", {"columns": ["a"], "rows": [[[1]]]}),
        ("expected_result", {"columns": ["a"], "rows": [], "is_ordered": "yes"}),
        ("expected_result", {"columns": ["a"], "rows": [], "colour": "red"}),
    ],
)
def test_the_shapes_are_checked(learn: Learn, exercise: int, column: str, value: Any) -> None:
    with learn.fails("23514"):
        learn.run(
            f"update learn.exercises set {column} = %s where id = %s",
            [value if isinstance(value, str) else Jsonb(value), exercise],
        )
