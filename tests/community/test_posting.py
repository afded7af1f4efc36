"""Discussions and replies: posting, nesting, editing, deleting, and what they count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Learn, moment
from tests.community.helpers import discussion, make_course, make_moderator, posts, reply, votes

NOON = moment("2035-06-13 12:00")


@pytest.fixture
def asker(learn: Learn) -> UUID:
    return learn.make_user()


@pytest.fixture
def helper(learn: Learn) -> UUID:
    return learn.make_user()


# ── posting ────────────────────────────────────────────────────────────────────────────────────────────────


def test_posting_a_discussion_returns_its_id_and_keeps_what_was_said(learn: Learn, asker: UUID) -> None:
    course = make_course(learn)
    summary = learn.post_discussion(
        asker, "Gas?", "Why so much?", course, "questions", ["Gas", " gas ", "EVM"], at="2035-06-13 11:00"
    )
    number = summary.unlocked["discussion_id"]
    assert summary == AwardSummary(asker, 0, 0, 1, False, 0, [], {"discussion_id": number}, False)
    rows = learn.tuples(
        "select author_id, course_id, title, content, category, tags, is_pinned, is_solved, view_count,"
        " reply_count, upvote_count, downvote_count, created_at, updated_at"
        " from learn.discussions where id = %s",
        [number],
    )
    at = moment("2035-06-13 11:00")
    assert rows == [
        (asker, course, "Gas?", "Why so much?", "questions", ["gas", "evm"], False, False, 0, 0, 0, 0, at, at)
    ]


def test_a_discussion_needs_no_course_category_or_tags(learn: Learn, asker: UUID) -> None:
    number = learn.make_discussion(asker)
    assert learn.tuples(
        "select course_id, category, tags from learn.discussions where id = %s", [number]
    ) == [(None, "general", [])]


def test_a_post_is_a_fact_of_its_author_that_makes_no_day_active(
    learn: Learn, asker: UUID, helper: UUID
) -> None:
    number = learn.make_discussion(asker)
    answer = learn.make_reply(helper, number)
    assert posts(learn, asker) == [("discussion_posted", str(number))]
    assert posts(learn, helper) == [("reply_posted", str(answer))]
    assert learn.active_days(asker) == learn.active_days(helper) == []
    assert learn.ledger(asker) == learn.ledger(helper) == []


def test_posts_pay_when_there_is_a_rule(learn: Learn, asker: UUID, helper: UUID) -> None:
    learn.run(
        "insert into learn.xp_rules (activity_type, amount) values"
        " ('discussion_posted', 3), ('reply_posted', 2), ('solution_accepted', 25)"
    )
    number = learn.make_discussion(asker)
    answer = learn.make_reply(helper, number)
    learn.accept_solution(asker, answer)
    assert learn.ledger(asker) == [(3, "discussion_posted", str(number))]
    assert learn.ledger(helper) == [(2, "reply_posted", str(answer)), (25, "solution_accepted", str(answer))]


def test_a_retried_post_is_posted_once_and_answers_with_the_same_id(
    learn: Learn, asker: UUID, helper: UUID
) -> None:
    first = learn.post_discussion(asker, key="a")
    again = learn.post_discussion(asker, key="a")
    assert (again.unlocked, again.replayed) == (first.unlocked, True)
    number = first.unlocked["discussion_id"]
    answer = learn.post_reply(helper, number, key="a")
    assert learn.post_reply(helper, number, key="a").unlocked == answer.unlocked
    assert discussion(learn, number) == (1, 0, 0, False)
    with learn.refuses("LX013"):
        learn.post_discussion(asker, "Something else", key="a")


def test_backends_cannot_record_a_post_that_was_written_already(learn: Learn, asker: UUID) -> None:
    number = learn.make_discussion(asker)
    learn.record_activity(asker, "discussion_posted", "discussion", str(number))
    assert posts(learn, asker) == [("discussion_posted", str(number))]


def test_posts_written_straight_into_the_tables_do_all_that_the_functions_do(
    learn: Learn, asker: UUID, helper: UUID
) -> None:
    rows = learn.tuples(
        "insert into learn.discussions (author_id, title, content, tags)"
        " select %s, 'Question ' || n, 'What?', '{B,a,b}' from generate_series(1, 3) n returning id, tags",
        [asker],
    )
    assert {tuple(tags) for _, tags in rows} == {("b", "a")}
    numbers = [number for number, _ in rows]
    learn.run(
        "insert into learn.replies (discussion_id, author_id, content, is_solution)"
        " select d, u, 'Answer', u = %s from unnest(%s::bigint[]) d, unnest(%s::uuid[]) u",
        [helper, numbers[:2], [asker, helper]],
    )
    assert [discussion(learn, number) for number in numbers] == [(2, 0, 0, True)] * 2 + [(0, 0, 0, False)]
    assert [kind for kind, _ in posts(learn, asker)] == ["discussion_posted"] * 3 + ["reply_posted"] * 2
    assert [kind for kind, _ in posts(learn, helper)] == ["reply_posted"] * 2 + ["solution_accepted"] * 2
    assert learn.metric(helper, "solutions_accepted") == 2


# ── nesting ────────────────────────────────────────────────────────────────────────────────────────────────


def test_replies_nest_at_any_depth_and_all_count(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    parent = None
    for depth in range(8):
        child = learn.make_reply([asker, helper][depth % 2], number, parent)
        assert reply(learn, child)[0] == parent
        parent = child
    assert discussion(learn, number) == (8, 0, 0, False)


def test_a_reply_to_one_in_another_discussion_is_refused(learn: Learn, asker: UUID) -> None:
    here, there = learn.make_discussion(asker), learn.make_discussion(asker)
    elsewhere = learn.make_reply(asker, there)
    for parent in (elsewhere, 10**15):
        with learn.refuses("LX003"):
            learn.post_reply(asker, here, parent=parent)
    with learn.fails("23503"):
        learn.run(
            "insert into learn.replies (discussion_id, author_id, parent_reply_id, content)"
            " values (%s, %s, %s, 'no')",
            [here, asker, elsewhere],
        )


def test_replies_cannot_answer_each_other_in_a_circle(learn: Learn, asker: UUID) -> None:
    number = learn.make_discussion(asker)
    first = learn.make_reply(asker, number)
    second = learn.make_reply(asker, number, first)
    for parent in (first, second):
        with learn.fails("23514"):
            learn.run("update learn.replies set parent_reply_id = %s where id = %s", [parent, first])


# ── refusals ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "arguments",
    [
        {"title": None},
        {"title": " \n"},
        {"title": "x" * 301},
        {"content": None},
        {"content": "\t"},
        {"content": "x" * 50_001},
        {"category": " "},
        {"category": "x" * 101},
        {"tags": [str(number) for number in range(11)]},
        {"tags": ["x" * 51]},
        {"tags": ["fine", None]},
        {"tags": ["fine", "  "]},
        {"at": "2035-06-13 12:06"},
        {"key": " "},
    ],
)
def test_a_discussion_that_makes_no_sense_is_refused(
    learn: Learn, asker: UUID, arguments: dict[str, Any]
) -> None:
    with learn.refuses("LX001"):
        learn.post_discussion(asker, **arguments)


def test_the_longest_post_is_accepted(learn: Learn, asker: UUID) -> None:
    tags = ["X" * 49 + str(number) for number in range(10)]
    words = " ".join(f"{number:09}" for number in range(5000))
    number = learn.make_discussion(asker, title="x" * 300, content=words, tags=[*tags, *tags])
    learn.make_reply(asker, number, content="x" * 50_000)
    assert learn.value("select cardinality(tags) from learn.discussions where id = %s", [number]) == 10


@pytest.mark.parametrize("content", [None, "", " ", "x" * 50_001])
def test_a_reply_that_makes_no_sense_is_refused(learn: Learn, asker: UUID, content: str | None) -> None:
    number = learn.make_discussion(asker)
    with learn.refuses("LX001"):
        learn.post_reply(asker, number, content)


@pytest.mark.parametrize("unknown", [None, uuid4()])
def test_posts_of_nobody_are_refused(learn: Learn, asker: UUID, unknown: UUID | None) -> None:
    number = learn.make_discussion(asker)
    calls: list[Callable[[], object]] = [
        lambda: learn.post_discussion(unknown),
        lambda: learn.post_reply(unknown, number),
        lambda: learn.edit_discussion(unknown, number, "No"),
        lambda: learn.delete_discussion(unknown, number),
        lambda: learn.vote(unknown, discussion=number),
        lambda: learn.pin_discussion(unknown, number),
    ]
    for call in calls:
        with learn.refuses("LX002"):
            call()


def test_who_is_inactive_does_nothing_in_the_community(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    other = learn.make_discussion(helper)
    answer = learn.make_reply(helper, number)
    learn.run("update learn.users set is_active = false where id = %s", [asker])
    calls: list[Callable[[], object]] = [
        lambda: learn.post_discussion(asker),
        lambda: learn.post_reply(asker, number),
        lambda: learn.edit_discussion(asker, number, "No"),
        lambda: learn.edit_reply(asker, answer, "No"),
        lambda: learn.delete_discussion(asker, number),
        lambda: learn.delete_reply(asker, answer),
        lambda: learn.vote(asker, discussion=other),
        lambda: learn.accept_solution(asker, answer),
        lambda: learn.unaccept_solution(asker, answer),
        lambda: learn.pin_discussion(asker, number),
    ]
    for call in calls:
        with learn.refuses("LX004"):
            call()


@pytest.mark.parametrize("unknown", [None, 0, 10**15])
def test_unknown_discussions_and_replies_are_refused(learn: Learn, asker: UUID, unknown: int | None) -> None:
    moderator = make_moderator(learn)
    calls: list[Callable[[], object]] = [
        lambda: learn.post_reply(asker, unknown),
        lambda: learn.edit_discussion(asker, unknown, "No"),
        lambda: learn.edit_reply(asker, unknown, "No"),
        lambda: learn.delete_discussion(asker, unknown),
        lambda: learn.delete_reply(asker, unknown),
        lambda: learn.accept_solution(asker, unknown),
        lambda: learn.unaccept_solution(asker, unknown),
        lambda: learn.pin_discussion(moderator, unknown),
        lambda: learn.view_discussion(unknown),
    ]
    for call in calls:
        with learn.refuses("LX003"):
            call()


def test_courses_that_are_unknown_or_not_published_are_not_discussed(learn: Learn, asker: UUID) -> None:
    course = make_course(learn)
    number = learn.make_discussion(asker, course=course)
    answer = learn.make_reply(asker, number)
    with learn.refuses("LX003"):
        learn.post_discussion(asker, course=10**15)
    learn.run("update learn.courses set is_published = false where id = %s", [course])
    other = learn.make_user()
    calls: list[Callable[[], object]] = [
        lambda: learn.post_discussion(asker, course=course),
        lambda: learn.post_reply(asker, number),
        lambda: learn.vote(other, discussion=number),
        lambda: learn.vote(other, reply=answer),
    ]
    for call in calls:
        with learn.refuses("LX004"):
            call()
    learn.edit_reply(asker, answer, "What is said may still be put right.")
    learn.delete_discussion(asker, number)


# ── editing ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_edit_changes_what_is_given_and_says_when(learn: Learn, asker: UUID) -> None:
    number = learn.make_discussion(asker, tags=["one"])
    texts = "select title, content, category, tags, updated_at from learn.discussions where id = %s"
    learn.set_clock("2035-06-13 13:00")
    learn.edit_discussion(asker, number)
    assert learn.tuples(texts, [number])[0][-1] == NOON
    learn.edit_discussion(asker, number, title="Better", tags=["Two", "two"])
    assert learn.tuples(texts, [number]) == [
        ("Better", "My contract does not compile.", "general", ["two"], moment("2035-06-13 13:00"))
    ]
    learn.edit_discussion(asker, number, content="Other", category="help", tags=[])
    assert learn.tuples(texts, [number])[0][:4] == ("Better", "Other", "help", [])


def test_an_edited_reply_says_when(learn: Learn, asker: UUID) -> None:
    answer = learn.make_reply(asker, learn.make_discussion(asker))
    learn.set_clock("2035-06-13 13:00")
    state = "select content, updated_at from learn.replies where id = %s"
    learn.edit_reply(asker, answer, "Try again.")
    assert learn.tuples(state, [answer]) == [("Try again.", NOON)]
    learn.edit_reply(asker, answer, "Do not.")
    assert learn.tuples(state, [answer]) == [("Do not.", moment("2035-06-13 13:00"))]


def test_edits_that_make_no_sense_are_refused(learn: Learn, asker: UUID) -> None:
    number = learn.make_discussion(asker)
    answer = learn.make_reply(asker, number)
    for arguments in ({"title": " "}, {"content": ""}, {"category": ""}, {"tags": ["x" * 51]}):
        with learn.refuses("LX001"):
            learn.edit_discussion(asker, number, **arguments)
    for content in (None, " "):
        with learn.refuses("LX001"):
            learn.edit_reply(asker, answer, content)


def test_an_edit_by_hand_says_when_and_counting_is_no_edit(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    updated = "select updated_at from learn.discussions where id = %s"
    learn.set_clock("2035-06-13 13:00")
    answer = learn.make_reply(helper, number)
    learn.vote(helper, discussion=number)
    learn.accept_solution(asker, answer)
    learn.pin_discussion(make_moderator(learn), number)
    assert learn.view_discussion(number) == 1
    assert learn.value(updated, [number]) == NOON
    learn.run("update learn.discussions set title = 'By hand' where id = %s", [number])
    assert learn.value(updated, [number]) == moment("2035-06-13 13:00")


def test_tags_written_by_hand_are_as_they_are_kept(learn: Learn, asker: UUID) -> None:
    number = learn.make_discussion(asker)
    for tags in (["Upper"], ["same", "same"], [" spaced"], [""], [None], [str(n) for n in range(11)]):
        with learn.fails("23514"):
            learn.run("update learn.discussions set tags = %s where id = %s", [tags, number])


# ── deleting ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_reply_counts_no_more_and_its_answers_stay(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    top = learn.make_reply(helper, number)
    middle = learn.make_reply(asker, number, top)
    bottom = learn.make_reply(helper, number, middle)
    other = learn.make_reply(asker, number, top)
    learn.vote(asker, reply=top)
    learn.delete_reply(helper, top)
    assert discussion(learn, number) == (3, 0, 0, False)
    assert [reply(learn, one)[0] for one in (middle, bottom, other)] == [None, middle, None]
    assert votes(learn, asker) == []


def test_a_deleted_discussion_takes_replies_and_votes_along(learn: Learn, asker: UUID, helper: UUID) -> None:
    number, other = learn.make_discussion(asker), learn.make_discussion(asker)
    parent = learn.make_reply(helper, number)
    learn.make_reply(asker, number, parent)
    learn.vote(helper, discussion=number)
    learn.vote(asker, reply=parent)
    learn.vote(helper, discussion=other)
    learn.delete_discussion(asker, number)
    assert learn.value("select count(*) from learn.replies") == 0
    assert votes(learn, asker) == []
    assert votes(learn, helper) == [(other, None, "upvote")]


def test_what_was_earned_by_a_post_stays_when_it_is_deleted(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    answer = learn.make_reply(helper, number)
    learn.accept_solution(asker, answer)
    before = posts(learn, helper)
    learn.delete_discussion(asker, number)
    assert posts(learn, helper) == before
    assert learn.metric(helper, "solutions_accepted") == 1


def test_with_a_user_go_their_posts_and_votes_and_all_counts_are_right(
    learn: Learn, asker: UUID, helper: UUID
) -> None:
    mine, theirs = learn.make_discussion(asker), learn.make_discussion(helper)
    kept = learn.make_reply(asker, mine)
    solution = learn.make_reply(helper, mine, kept)
    child = learn.make_reply(asker, mine, solution)
    learn.make_reply(helper, mine, child)
    learn.make_reply(helper, theirs)
    learn.make_reply(asker, theirs)
    learn.accept_solution(asker, solution)
    learn.vote(helper, discussion=mine)
    learn.vote(helper, "downvote", reply=kept)
    learn.vote(learn.make_user(), reply=kept)
    assert discussion(learn, mine) == (4, 1, 0, True)
    learn.value("select learn.erase_user(%s, 'delete')", [helper])
    assert discussion(learn, mine) == (2, 0, 0, False)
    assert reply(learn, child) == (None, False, 0, 0)
    assert reply(learn, kept) == (None, False, 1, 0)
    assert learn.tuples("select id from learn.discussions") == [(mine,)]


def test_deleting_everybody_leaves_posts_of_nobody(learn: Learn, asker: UUID, helper: UUID) -> None:
    for one, other in ((asker, helper), (helper, asker)):
        number = learn.make_discussion(one)
        learn.vote(other, discussion=number)
        answer = learn.make_reply(other, number, learn.make_reply(one, number))
        learn.vote(one, reply=answer)
    learn.run("delete from learn.users")
    assert (
        learn.tuples("select author_id, reply_count, upvote_count from learn.discussions")
        == [(None, 2, 0)] * 2
    )
    assert learn.tuples("select author_id, upvote_count from learn.replies") == [(None, 0)] * 4


def test_with_a_course_its_discussions_stay_and_are_about_none(learn: Learn, asker: UUID) -> None:
    course = make_course(learn)
    number = learn.make_discussion(asker, course=course)
    learn.run("delete from learn.courses where id = %s", [course])
    assert learn.value("select course_id from learn.discussions where id = %s", [number]) is None


def test_a_reply_that_moves_counts_elsewhere(learn: Learn, asker: UUID) -> None:
    here, there = learn.make_discussion(asker), learn.make_discussion(asker)
    answer = learn.make_reply(asker, here)
    learn.accept_solution(asker, answer)
    learn.run("update learn.replies set discussion_id = %s where id = %s", [there, answer])
    assert (discussion(learn, here), discussion(learn, there)) == ((0, 0, 0, False), (1, 0, 0, True))


# ── who may ────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_authors_and_moderators_edit_and_delete(learn: Learn, asker: UUID, helper: UUID) -> None:
    number = learn.make_discussion(asker)
    answer = learn.make_reply(helper, number)
    calls: list[Callable[[], object]] = [
        lambda: learn.edit_discussion(helper, number, "Mine now"),
        lambda: learn.delete_discussion(helper, number),
        lambda: learn.edit_reply(asker, answer, "You are right."),
        lambda: learn.delete_reply(asker, answer),
    ]
    for call in calls:
        with learn.refuses("LX010"):
            call()
    learn.edit_discussion(make_moderator(learn), number, "Moderated")
    learn.edit_reply(make_moderator(learn, "admin"), answer, "Moderated")
    learn.delete_reply(make_moderator(learn), answer)
    learn.delete_discussion(make_moderator(learn, "admin"), number)
    assert learn.value("select count(*) from learn.discussions") == 0


def test_only_moderators_pin(learn: Learn, asker: UUID) -> None:
    number = learn.make_discussion(asker)
    with learn.refuses("LX010"):
        learn.pin_discussion(asker, number)
    pinned = "select is_pinned from learn.discussions where id = %s"
    for moderator in (make_moderator(learn), make_moderator(learn, "admin")):
        learn.pin_discussion(moderator, number)
        assert learn.value(pinned, [number]) is True
        learn.pin_discussion(moderator, number, False)
        assert learn.value(pinned, [number]) is False
        with learn.refuses("LX001"):
            learn.pin_discussion(moderator, number, None)


def test_views_are_counted(learn: Learn, asker: UUID) -> None:
    number = learn.make_discussion(asker)
    assert [learn.view_discussion(number) for _ in range(3)] == [1, 2, 3]


def test_learn_app_calls_everything_and_writes_nothing(learn: Learn, asker: UUID, helper: UUID) -> None:
    moderator = make_moderator(learn)
    with learn.role("learn_app"):
        number = learn.make_discussion(asker, tags=["Gas"])
        answer = learn.make_reply(helper, number)
        learn.vote(helper, discussion=number)
        learn.accept_solution(asker, answer)
        learn.unaccept_solution(asker, answer)
        learn.edit_discussion(asker, number, "Gas?")
        learn.edit_reply(helper, answer, "Less.")
        learn.pin_discussion(moderator, number)
        learn.view_discussion(number)
        assert [found.discussion_id for found in learn.search_discussions("gas")] == [number]
        learn.delete_reply(helper, answer)
        learn.delete_discussion(moderator, number)
    number = learn.make_discussion(asker)
    for statement in (
        f"insert into learn.replies (discussion_id, author_id, content) values ({number}, '{asker}', 'no')",
        "update learn.discussions set upvote_count = 99",
        "delete from learn.discussion_votes",
    ):
        for role in ("learn_app", "learn_readonly"):
            with learn.fails("42501"):
                learn.run(f"set local role {role}")
                learn.run(statement)
    with learn.role("learn_readonly"):
        assert len(learn.search_discussions(None)) == 1
        with learn.fails("42501"):
            learn.view_discussion(number)
