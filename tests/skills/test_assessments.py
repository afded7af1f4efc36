"""Assessments: the database grades, recommends, and sets the level of who comes new."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn


def questions(**categories: int) -> list[dict[str, Any]]:
    """So many questions per category, all with the answer B; their ids are caching1, caching2 …"""
    return [
        {"id": f"{category}{number}", "category": category, "correct_answer": "B"}
        for category, count in categories.items()
        for number in range(1, count + 1)
    ]


def responses(asked: list[dict[str, Any]], **right: int) -> list[dict[str, Any]]:
    """Right answers to the first so many questions of a category, wrong ones to the rest."""
    answers = []
    for question in asked:
        category = question["category"]
        number = int(question["id"].removeprefix(category))
        answers.append({"id": question["id"], "answer": "B" if number <= right.get(category, 0) else "A"})
    return answers


def result(learn: Learn, user: UUID) -> dict[str, Any]:
    """The user's latest result."""
    columns = (
        "score, skill_level_recommendation, strengths, weaknesses, track_recommendations,"
        " challenge_recommendations"
    )
    rows = learn.tuples(
        f"select {columns} from learn.assessment_results where user_id = %s order by id desc", [user]
    )
    names = ["score", "level", "strengths", "weaknesses", "tracks", "challenges"]
    return dict(zip(names, rows[0], strict=True))


def level(learn: Learn, user: UUID) -> Any:
    return learn.value("select skill_level from learn.users where id = %s", [user])


def test_answers_are_graded_by_category(learn: Learn, user: UUID) -> None:
    asked = questions(caching=5, queues=5, storage=4)
    summary = learn.submit_assessment(
        user, "periodic", asked, responses(asked, caching=4, queues=3, storage=1)
    )
    found = result(learn, user)
    assert float(found["score"]) == 57.14
    assert (found["strengths"], found["weaknesses"]) == (["caching"], ["storage"])
    assert found["level"] == "intermediate"
    assert summary.xp_awarded == 0
    assert learn.active_days(user) == [(learn.clock().date(), False)]
    assert learn.tuples(
        "select properties from learn.activity_log where activity_type = 'assessment_completed'"
    ) == [({"assessment_type": "periodic", "score": 57.14, "skill_level": "intermediate"},)]


@pytest.mark.parametrize(
    ("right", "expected"),
    [(0, "beginner"), (39, "beginner"), (40, "intermediate"), (74, "intermediate"), (75, "advanced")],
)
def test_the_score_recommends_a_level(learn: Learn, user: UUID, right: int, expected: str) -> None:
    asked = questions(caching=100)
    learn.submit_assessment(user, "initial", asked, responses(asked, caching=right))
    assert result(learn, user)["level"] == expected
    assert level(learn, user) == expected


def test_settings_move_the_borders(learn: Learn, user: UUID) -> None:
    learn.set_setting("assessment_intermediate_percentage", 10)
    learn.set_setting("assessment_advanced_percentage", 20)
    learn.set_setting("assessment_strength_percentage", 20)
    learn.set_setting("assessment_weakness_percentage", 0)
    asked = questions(caching=5)
    learn.submit_assessment(user, "initial", asked, responses(asked, caching=1))
    found = result(learn, user)
    assert (found["level"], found["strengths"], found["weaknesses"]) == ("advanced", ["caching"], [])


@pytest.mark.parametrize("kind", ["track_placement", "periodic"])
def test_a_later_assessment_raises_the_users_level_and_never_lowers_it(learn: Learn, kind: str) -> None:
    user = learn.make_user()
    asked = questions(caching=2)
    for correct, recommended, reached in (
        (1, "intermediate", "intermediate"),
        (2, "advanced", "advanced"),
        (0, "beginner", "advanced"),
    ):
        learn.submit_assessment(user, kind, asked, responses(asked, caching=correct))
        assert (result(learn, user)["level"], level(learn, user)) == (recommended, reached)
    learn.submit_assessment(user, "initial", asked, responses(asked, caching=0))
    assert level(learn, user) == "beginner"


def test_of_assessments_in_one_statement_the_latest_initial_and_those_after_it_count(learn: Learn) -> None:
    asked = questions(caching=2)
    for acts, expected in (
        ([("initial", 2), ("initial", 0), ("periodic", 1)], "intermediate"),
        ([("periodic", 2), ("initial", 1), ("periodic", 0)], "intermediate"),
        ([("periodic", 1), ("track_placement", 2), ("periodic", 0)], "advanced"),
    ):
        user = learn.make_user()
        learn.run(
            "insert into learn.assessment_results (user_id, assessment_type, questions, responses)"
            " select %s, t.kind, %s, t.said"
            " from unnest(%s::text[], %s::jsonb[]) with ordinality t(kind, said, n) order by t.n",
            [
                user,
                Jsonb(asked),
                [kind for kind, _ in acts],
                [Jsonb(responses(asked, caching=correct)) for _, correct in acts],
            ],
        )
        assert level(learn, user) == expected


def test_who_has_done_all_of_the_level_is_recommended_what_is_harder(learn: Learn, user: UUID) -> None:
    hard = learn.make_challenge(difficulty="advanced")
    asked = questions(caching=1)
    learn.submit_assessment(user, "initial", asked, [])
    assert result(learn, user)["challenges"] == [hard.slug]


def test_a_setting_leaves_the_users_level_alone(learn: Learn, user: UUID) -> None:
    learn.set_setting("assessment_sets_skill_level", False)
    asked = questions(caching=1)
    learn.submit_assessment(user, "initial", asked, responses(asked, caching=1))
    assert level(learn, user) == "beginner"


def test_questions_without_an_answer_count_as_wrong(learn: Learn, user: UUID) -> None:
    asked = questions(caching=4)
    learn.submit_assessment(
        user, "periodic", asked, [{"id": "caching1", "answer": "B"}, {"id": "caching2", "answer": None}]
    )
    assert float(result(learn, user)["score"]) == 25
    learn.submit_assessment(user, "periodic", asked, [])
    assert float(result(learn, user)["score"]) == 0


def test_answers_may_be_numbers_and_booleans(learn: Learn, user: UUID) -> None:
    asked = [
        {"id": "a", "category": "x", "correct_answer": 4},
        {"id": "b", "category": "x", "correct_answer": True},
    ]
    learn.submit_assessment(
        user, "periodic", asked, [{"id": "a", "answer": 4.0}, {"id": "b", "answer": "true"}]
    )
    assert float(result(learn, user)["score"]) == 50


GOOD = {"id": "q1", "category": "c", "correct_answer": "B"}


@pytest.mark.parametrize(
    ("asked", "answers", "problem"),
    [
        (None, [], "questions"),
        ({}, [], "questions"),
        ([], [], "0 questions"),
        ([GOOD] * 501, [], "501 questions"),
        (["q1"], [], "question 1"),
        ([GOOD, {**GOOD, "id": 2}], [], "question 2"),
        ([GOOD, {**GOOD, "id": " "}], [], "question 2"),
        ([{**GOOD, "id": "x" * 201}], [], "question 1"),
        ([GOOD, {**GOOD, "id": "q2"}, GOOD], [], "question 3"),
        ([{**GOOD, "category": ""}], [], "question 1"),
        ([{"id": "q1", "correct_answer": "B"}], [], "question 1"),
        ([{"id": "q1", "category": "c"}], [], "question 1"),
        ([{**GOOD, "correct_answer": None}], [], "question 1"),
        ([{**GOOD, "correct_answer": ["B"]}], [], "question 1"),
        ([GOOD], None, "responses"),
        ([GOOD], {"q1": "B"}, "responses"),
        ([GOOD], ["B"], "response 1"),
        ([GOOD], [{"id": "q1", "answer": "B"}, {"id": "q9", "answer": "B"}], "response 2"),
        ([GOOD], [{"answer": "B"}], "response 1"),
        ([GOOD], [{"id": 1, "answer": "B"}], "response 1"),
        ([GOOD], [{"id": "q1", "answer": "A"}, {"id": "q1", "answer": "B"}], "response 2"),
        ([GOOD], [{"id": "q1", "answer": {"is": "B"}}], "response 1"),
        ([GOOD], [{"id": "q1"}] * 501, "501 responses"),
    ],
)
def test_what_makes_no_sense_is_refused_saying_where(
    learn: Learn, asked: Any, answers: Any, problem: str
) -> None:
    user = learn.make_user()
    with learn.refuses("LX001") as refusal:
        learn.submit_assessment(user, "initial", asked, answers)
    assert problem in refusal.detail
    if asked is not None and answers is not None:
        with learn.fails("23514"):
            learn.run(
                "insert into learn.assessment_results (user_id, assessment_type, questions, responses)"
                " values (%s, 'initial', %s, %s)",
                [user, Jsonb(asked), Jsonb(answers)],
            )


@pytest.mark.parametrize("kind", [None, "", "final"])
def test_an_unknown_type_is_refused(learn: Learn, kind: str | None) -> None:
    with learn.refuses("LX001"):
        learn.submit_assessment(learn.make_user(), kind, [GOOD], [])


def test_users_must_be_known_and_active(learn: Learn) -> None:
    with learn.refuses("LX002"):
        learn.submit_assessment(UUID(int=7), "initial", [GOOD], [])
    user = learn.make_user()
    learn.run("update learn.users set is_active = false")
    with learn.refuses("LX004"):
        learn.submit_assessment(user, "initial", [GOOD], [])


def test_a_retry_is_graded_once(learn: Learn, user: UUID) -> None:
    assert not learn.submit_assessment(user, "initial", [GOOD], [], key="k").replayed
    assert learn.submit_assessment(user, "initial", [GOOD], [], key="k").replayed
    assert learn.value("select count(*) from learn.assessment_results") == 1


def assess(learn: Learn, user: UUID, right: int, **categories: int) -> dict[str, Any]:
    """So many of 4 right in the category db, and as said in others."""
    asked = questions(db=4, **dict.fromkeys(categories, 4))
    learn.submit_assessment(user, "periodic", asked, responses(asked, db=right, **categories))
    return result(learn, user)


def test_tracks_that_fit_the_level_are_recommended(learn: Learn, user: UUID) -> None:
    lessons = [learn.make_lesson(0) for _ in range(6)]
    easy = learn.make_track(lessons[0], slug="easy", difficulty="beginner")
    learn.make_track(lessons[1], slug="fundamental", difficulty="fundamentals")
    hard = learn.make_track(lessons[2], slug="systems", difficulty="systems")
    learn.make_prerequisite(hard, easy)
    learn.make_track(lessons[3], slug="hidden", difficulty="beginner", published=False)
    learn.make_track(slug="empty", difficulty="beginner")
    assert assess(learn, user, 0)["tracks"] == ["easy", "fundamental"]
    # Nothing of the level is open: the first of what is.
    assert assess(learn, user, 4)["tracks"] == ["easy"]
    learn.complete_lesson(user, lessons[0])
    assert assess(learn, user, 0)["tracks"] == ["fundamental"]
    assert assess(learn, user, 4)["tracks"] == ["systems"]


def test_no_track_is_recommended_where_there_is_none(learn: Learn) -> None:
    assert assess(learn, learn.make_user(), 0)["tracks"] == []


def test_challenges_up_to_the_level_are_recommended_weak_categories_first(learn: Learn, user: UUID) -> None:
    first = learn.make_plain_challenge("first", category="caching", levels=1)
    learn.make_plain_challenge("locked", category="queues", needs=[first])
    learn.make_plain_challenge("weak", category="queues", difficulty="beginner")
    learn.make_plain_challenge("middle", category="queues", difficulty="intermediate")
    learn.make_plain_challenge("top", category="queues", difficulty="advanced")
    learn.make_plain_challenge("off", category="queues", active=False)
    assert assess(learn, user, 0, caching=4, queues=0)["challenges"] == ["weak", "first"]
    assert assess(learn, user, 2, caching=4, queues=1)["challenges"] == ["weak", "middle", "first"]
    assert assess(learn, user, 4, caching=4, queues=1)["challenges"] == ["weak", "middle", "top", "first"]
    learn.pass_level(user, first, 1)
    assert assess(learn, user, 0, caching=0)["challenges"] == ["locked", "weak"]
    learn.set_setting("assessment_recommendations", 1)
    assert assess(learn, user, 0, caching=0)["challenges"] == ["locked"]


def test_bulk_and_rows_of_the_owner_do_the_same(learn: Learn) -> None:
    users = [learn.make_user() for _ in range(12)]
    asked = questions(caching=4)
    for number, user in enumerate(users[:6]):
        learn.submit_assessment(user, "initial", asked, responses(asked, caching=number))
    for number, user in enumerate(users[6:]):
        learn.run(
            "create temp table if not exists loaded (like learn.assessment_results including generated)"
        )
        learn.run(
            "insert into loaded (user_id, id, assessment_type, questions, responses, score,"
            " skill_level_recommendation, track_recommendations, challenge_recommendations, strengths,"
            " weaknesses, completed_at)"
            " values (%s, %s, 'initial', %s, %s, 0, '', '[]', '[]', '[]', '[]', now())",
            [user, number, Jsonb(asked), Jsonb(responses(asked, caching=number))],
        )
    learn.run(
        "insert into learn.assessment_results (user_id, assessment_type, questions, responses)"
        " select user_id, assessment_type, questions, responses from loaded order by user_id"
    )
    for one, two in zip(users[:6], users[6:], strict=True):
        assert result(learn, one) == result(learn, two)
        assert level(learn, one) == level(learn, two)
        assert len(learn.facts(two, "assessment_completed")) == 1


@pytest.mark.no_integrity
def test_an_assessment_without_its_fact_is_found(learn: Learn, user: UUID) -> None:
    learn.submit_assessment(user, "initial", [GOOD], [])
    learn.run("set local session_replication_role = replica")
    learn.run("delete from learn.activity_log where activity_type = 'assessment_completed'")
    found = {damage.check_name for damage in learn.check_integrity()}
    assert found == {"assessments_are_facts", "active_days_follow_from_facts"}


def test_learn_app_submits_and_reads(learn: Learn, user: UUID) -> None:
    with learn.role("learn_app"):
        learn.submit_assessment(user, "initial", [GOOD], [{"id": "q1", "answer": "B"}])
        assert float(result(learn, user)["score"]) == 100
        with learn.fails("42501"):
            learn.run("update learn.assessment_results set score = 0")
    with learn.role("learn_readonly"), learn.fails("42501"):
        learn.submit_assessment(user, "initial", [GOOD], [])
