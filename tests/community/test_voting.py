"""vote(): one vote per user and post; the other one changes it, the same again takes it back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.client import AwardSummary, Learn
from tests.community.helpers import discussion, reply, votes


@pytest.fixture
def author(learn: Learn) -> UUID:
    return learn.make_user()


@pytest.fixture
def voter(learn: Learn) -> UUID:
    return learn.make_user()


def test_a_vote_counts_changes_and_is_taken_back(learn: Learn, author: UUID, voter: UUID) -> None:
    number = learn.make_discussion(author)
    summary = learn.vote(voter, "upvote", discussion=number)
    assert summary == AwardSummary(voter, 0, 0, 1, False, 0, [], {"vote": "upvote"}, False)
    assert discussion(learn, number) == (0, 1, 0, False)
    assert learn.vote(voter, "downvote", discussion=number).unlocked == {"vote": "downvote"}
    assert discussion(learn, number) == (0, 0, 1, False)
    assert votes(learn, voter) == [(number, None, "downvote")]
    assert learn.vote(voter, "downvote", discussion=number).unlocked == {"vote": None}
    assert discussion(learn, number) == (0, 0, 0, False)
    assert votes(learn, voter) == []
    assert learn.vote(voter, "downvote", discussion=number).unlocked == {"vote": "downvote"}


def test_votes_on_replies_count_there_and_not_in_the_discussion(
    learn: Learn, author: UUID, voter: UUID
) -> None:
    number = learn.make_discussion(author)
    answer, other = learn.make_reply(author, number), learn.make_reply(author, number)
    learn.vote(voter, reply=answer)
    learn.vote(voter, "downvote", reply=other)
    learn.vote(voter, "downvote", discussion=number)
    assert discussion(learn, number) == (2, 0, 1, False)
    assert reply(learn, answer) == (None, False, 1, 0)
    assert reply(learn, other) == (None, False, 0, 1)


def test_votes_of_many_add_up(learn: Learn, author: UUID) -> None:
    number = learn.make_discussion(author)
    for index in range(7):
        learn.vote(learn.make_user(), "upvote" if index % 3 else "downvote", discussion=number)
    assert discussion(learn, number) == (0, 4, 3, False)


def test_a_retried_vote_does_not_take_itself_back(learn: Learn, author: UUID, voter: UUID) -> None:
    number = learn.make_discussion(author)
    learn.vote(voter, discussion=number, key="k")
    again = learn.vote(voter, discussion=number, key="k")
    assert (again.unlocked, again.replayed) == ({"vote": "upvote"}, True)
    assert discussion(learn, number) == (0, 1, 0, False)


def test_votes_pay_nothing_and_are_no_facts(learn: Learn, author: UUID, voter: UUID) -> None:
    number = learn.make_discussion(author)
    before = learn.facts(voter), learn.facts(author)
    learn.vote(voter, discussion=number)
    assert (learn.facts(voter), learn.facts(author)) == before


@pytest.mark.parametrize(
    "arguments",
    [
        {"vote_type": None},
        {"vote_type": "Upvote"},
        {"vote_type": "like"},
        {"discussion": None},
        {"reply": 1},
    ],
)
def test_a_vote_that_makes_no_sense_is_refused(
    learn: Learn, author: UUID, voter: UUID, arguments: dict[str, Any]
) -> None:
    number = learn.make_discussion(author)
    with learn.refuses("LX001"):
        learn.vote(voter, **{"discussion": number, **arguments})


def test_unknown_posts_are_not_voted_on(learn: Learn, voter: UUID) -> None:
    targets: list[dict[str, Any]] = [{"discussion": 10**15}, {"reply": 10**15}]
    for target in targets:
        with learn.refuses("LX003"):
            learn.vote(voter, **target)


def test_nobody_votes_for_posts_of_their_own(learn: Learn, author: UUID) -> None:
    number = learn.make_discussion(author)
    answer = learn.make_reply(author, number)
    targets: list[dict[str, Any]] = [{"discussion": number}, {"reply": answer}]
    for target in targets:
        with learn.refuses("LX010"):
            learn.vote(author, "downvote", **target)


# ── by hand ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_vote_has_exactly_one_target_and_a_known_type(learn: Learn, author: UUID, voter: UUID) -> None:
    number = learn.make_discussion(author)
    answer = learn.make_reply(author, number)
    for target in ((number, answer, "upvote"), (None, None, "upvote"), (number, None, "like")):
        with learn.fails("23514"):
            learn.run(
                "insert into learn.discussion_votes (user_id, discussion_id, reply_id, vote_type)"
                " values (%s, %s, %s, %s)",
                [voter, *target],
            )


def test_a_user_has_one_vote_per_post(learn: Learn, author: UUID, voter: UUID) -> None:
    number = learn.make_discussion(author)
    answer = learn.make_reply(author, number)
    for target in ((number, None), (None, answer)):
        insert = (
            "insert into learn.discussion_votes (user_id, discussion_id, reply_id, vote_type)"
            " values (%s, %s, %s, %s)"
        )
        learn.run(insert, [voter, *target, "upvote"])
        with learn.fails("23505"):
            learn.run(insert, [voter, *target, "downvote"])


def test_votes_written_in_one_statement_count_like_votes_cast_one_by_one(learn: Learn, author: UUID) -> None:
    number = learn.make_discussion(author)
    answers = [learn.make_reply(author, number) for _ in range(3)]
    voters = [learn.make_user() for _ in range(6)]
    learn.run(
        "insert into learn.discussion_votes (user_id, reply_id, vote_type)"
        " select u, r, case when (n + r) %% 2 = 0 then 'upvote' else 'downvote' end"
        " from unnest(%s::uuid[]) with ordinality u(u, n), unnest(%s::bigint[]) r",
        [voters, answers],
    )
    learn.run(
        "insert into learn.discussion_votes (user_id, discussion_id, vote_type)"
        " select u, %s, 'upvote' from unnest(%s::uuid[]) u",
        [number, voters],
    )
    assert discussion(learn, number) == (3, 6, 0, False)
    assert [reply(learn, answer)[2:] for answer in answers] == [(3, 3)] * 3
    learn.run("update learn.discussion_votes set vote_type = 'downvote'")
    assert discussion(learn, number) == (3, 0, 6, False)
    assert [reply(learn, answer)[2:] for answer in answers] == [(0, 6)] * 3
    learn.run("delete from learn.discussion_votes where user_id = any (%s)", [voters[:4]])
    assert discussion(learn, number) == (3, 0, 2, False)
    assert [reply(learn, answer)[2:] for answer in answers] == [(0, 2)] * 3


def test_a_vote_stays_with_its_post(learn: Learn, author: UUID, voter: UUID) -> None:
    number = learn.make_discussion(author)
    answer = learn.make_reply(author, number)
    learn.vote(voter, discussion=number)
    with learn.refuses("LX010"):
        learn.run(
            "update learn.discussion_votes set discussion_id = null, reply_id = %s where user_id = %s",
            [answer, voter],
        )


def test_nobody_votes_for_themselves_by_hand(learn: Learn, author: UUID, voter: UUID) -> None:
    number = learn.make_discussion(author)
    answer = learn.make_reply(author, number)
    for column, post in (("discussion_id", number), ("reply_id", answer)):
        with learn.refuses("LX010"):
            learn.run(
                f"insert into learn.discussion_votes (user_id, {column}, vote_type)"
                " select u, %s, 'upvote' from unnest(%s::uuid[]) u",
                [post, [voter, author]],
            )
    assert discussion(learn, number) == (1, 0, 0, False)


def test_with_a_voter_go_their_votes(learn: Learn, author: UUID, voter: UUID) -> None:
    number = learn.make_discussion(author)
    answer = learn.make_reply(author, number)
    learn.vote(voter, discussion=number)
    learn.vote(voter, "downvote", reply=answer)
    learn.run("delete from learn.users where id = %s", [voter])
    assert discussion(learn, number) == (1, 0, 0, False)
    assert reply(learn, answer)[2:] == (0, 0)
