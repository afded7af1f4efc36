"""accept_solution(), unaccept_solution(): one solution per discussion, a fact of its author once."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.client import AwardSummary, Learn, moment
from tests.community.helpers import discussion, make_moderator, posts, reply


@pytest.fixture
def asker(learn: Learn) -> UUID:
    return learn.make_user()


@pytest.fixture
def helper(learn: Learn) -> UUID:
    return learn.make_user()


def accepted(learn: Learn, user: UUID) -> list[str]:
    """Ids of the replies of a user whose acceptance is a fact."""
    return [subject for kind, subject in posts(learn, user) if kind == "solution_accepted"]


def test_an_accepted_reply_solves_the_discussion_and_is_a_fact_of_its_author(
    learn: Learn, asker: UUID, helper: UUID
) -> None:
    number = learn.make_discussion(asker)
    answer = learn.make_reply(helper, number)
    summary = learn.accept_solution(asker, answer, at="2035-06-13 11:30")
    assert summary == AwardSummary(asker, 0, 0, 1, False, 0, [], {}, False)
    assert discussion(learn, number) == (1, 0, 0, True)
    assert reply(learn, answer) == (None, True, 0, 0)
    assert learn.tuples(
        "select subject_type, subject_id, properties, occurred_at from learn.activity_log"
        " where user_id = %s and activity_type = 'solution_accepted'",
        [helper],
    ) == [("reply", str(answer), {"discussion_id": number}, moment("2035-06-13 11:30"))]
    assert accepted(learn, asker) == []
    assert learn.metric(helper, "solutions_accepted") == 1


def test_a_badge_for_solutions_goes_to_the_author_of_the_reply(
    learn: Learn, asker: UUID, helper: UUID
) -> None:
    badge = learn.make_achievement({"metric": "solutions_accepted", "at_least": 2}, xp_reward=40)
    for _ in range(2):
        number = learn.make_discussion(asker)
        assert learn.accept_solution(asker, learn.make_reply(helper, number)).new_achievements == []
    assert badge in learn.badges(helper)
    assert learn.stats(helper).total_xp == 40
    assert learn.stats(asker).total_xp == 0


def test_accepting_again_is_no_error_and_no_fact(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    answer = learn.make_reply(helper, number)
    for _ in range(2):
        learn.accept_solution(asker, answer)
    learn.unaccept_solution(asker, answer)
    assert discussion(learn, number) == (1, 0, 0, False)
    assert reply(learn, answer)[1] is False
    learn.unaccept_solution(asker, answer)
    learn.accept_solution(asker, answer)
    assert discussion(learn, number) == (1, 0, 0, True)
    assert accepted(learn, helper) == [str(answer)]


def test_another_reply_takes_the_place_of_the_solution(learn: Learn, asker: UUID, helper: UUID) -> None:
    other = learn.make_user()
    number = learn.make_discussion(asker)
    first, second = learn.make_reply(helper, number), learn.make_reply(other, number)
    for answer in (first, second, first, second):
        learn.accept_solution(asker, answer)
        assert discussion(learn, number) == (2, 0, 0, True)
        assert [reply(learn, one)[1] for one in (first, second)] == [answer == first, answer == second]
    assert (accepted(learn, helper), accepted(learn, other)) == ([str(first)], [str(second)])


def test_accepting_ones_own_reply_solves_and_is_no_fact(learn: Learn, asker: UUID) -> None:
    number = learn.make_discussion(asker)
    answer = learn.make_reply(asker, number)
    learn.accept_solution(asker, answer)
    assert discussion(learn, number) == (1, 0, 0, True)
    assert accepted(learn, asker) == []
    learn.record_activity(asker, "solution_accepted", "reply", str(answer))
    assert accepted(learn, asker) == []


def test_only_the_asker_or_a_moderator_accepts(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    answer = learn.make_reply(helper, number)
    for user in (helper, learn.make_user()):
        with learn.refuses("LX010"):
            learn.accept_solution(user, answer)
    learn.accept_solution(make_moderator(learn), answer)
    for user in (helper, learn.make_user()):
        with learn.refuses("LX010"):
            learn.unaccept_solution(user, answer)
    learn.unaccept_solution(make_moderator(learn, "admin"), answer)
    assert discussion(learn, number) == (1, 0, 0, False)


def test_a_moderator_does_not_accept_a_reply_of_their_own_to_somebody_else(learn: Learn, asker: UUID) -> None:
    moderator = make_moderator(learn)
    answer = learn.make_reply(moderator, learn.make_discussion(asker))
    with learn.refuses("LX010"):
        learn.accept_solution(moderator, answer)
    learn.accept_solution(asker, answer)
    assert accepted(learn, moderator) == [str(answer)]
    own = learn.make_discussion(moderator)
    learn.accept_solution(moderator, learn.make_reply(moderator, own))
    assert discussion(learn, own) == (1, 0, 0, True)


def test_a_retried_acceptance_answers_the_same(learn: Learn, asker: UUID, helper: UUID) -> None:
    answer = learn.make_reply(helper, learn.make_discussion(asker))
    learn.accept_solution(asker, answer, key="k")
    assert learn.accept_solution(asker, answer, key="k").replayed
    learn.unaccept_solution(asker, answer, key="l")
    assert learn.unaccept_solution(asker, answer, key="l").replayed
    with learn.refuses("LX013"):
        learn.unaccept_solution(asker, answer, key="k")


def test_without_its_solution_a_discussion_is_not_solved(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    answer = learn.make_reply(helper, number)
    learn.make_reply(asker, number)
    learn.accept_solution(asker, answer)
    learn.delete_reply(helper, answer)
    assert discussion(learn, number) == (1, 0, 0, False)


# ── by hand ────────────────────────────────────────────────────────────────────────────────────────────────


def test_solutions_written_by_hand_solve_and_are_facts_once(learn: Learn, asker: UUID, helper: UUID) -> None:
    numbers = [learn.make_discussion(asker) for _ in range(3)]
    answers = [learn.make_reply(helper, number) for number in numbers]
    learn.run("update learn.replies set is_solution = true")
    assert [discussion(learn, number) for number in numbers] == [(1, 0, 0, True)] * 3
    assert accepted(learn, helper) == [str(answer) for answer in answers]
    learn.run("update learn.replies set is_solution = false, first_accepted_at = null")
    assert [discussion(learn, number) for number in numbers] == [(1, 0, 0, False)] * 3
    learn.run("update learn.replies set is_solution = true")
    assert accepted(learn, helper) == [str(answer) for answer in answers]


def test_a_discussion_has_one_solution(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    for _ in range(2):
        learn.make_reply(helper, number)
    with learn.fails("23505"):
        learn.run("update learn.replies set is_solution = true")
