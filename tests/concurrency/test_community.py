"""Many users in the same discussions: counts are right, one solution stands, and nobody is a victim."""

from __future__ import annotations

import random
from uuid import UUID

import psycopg
import pytest

from tests.client import Learn
from tests.community.helpers import discussion, posts, reply
from tests.concurrency.sessions import Task, interleave, race
from tests.conftest import FreshDatabase

CONNECTIONS = 16


def test_sixteen_voters_at_once_are_all_counted(fresh: FreshDatabase, learn: Learn) -> None:
    author = learn.make_user()
    voters = [learn.make_user() for _ in range(CONNECTIONS)]
    number = learn.make_discussion(author)
    answer = learn.make_reply(author, number)

    def vote(index: int) -> Task[object]:
        def run(learn: Learn) -> object:
            learn.vote(voters[index], "upvote", discussion=number)
            learn.vote(voters[index], "downvote", reply=answer)
            if index % 2:
                learn.vote(voters[index], "downvote", discussion=number)
            if index % 4 == 0:
                learn.vote(voters[index], "downvote", reply=answer)
            return True

        return run

    outcomes = race(fresh, [vote(index) for index in range(CONNECTIONS)])
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert discussion(learn, number) == (1, 8, 8, False)
    assert reply(learn, answer)[2:] == (0, 12)


def test_one_voter_at_sixteen_connections_has_one_vote_or_none(fresh: FreshDatabase, learn: Learn) -> None:
    author, voter = learn.make_user(), learn.make_user()
    number = learn.make_discussion(author)
    outcomes = race(fresh, [lambda learn: learn.vote(voter, discussion=number)] * (CONNECTIONS - 1))
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    told = [outcome.result.unlocked["vote"] for outcome in outcomes]
    assert (told.count("upvote"), told.count(None)) == (8, 7)
    assert discussion(learn, number) == (0, 1, 0, False)


def test_two_users_who_accept_each_others_replies_do_not_deadlock(fresh: FreshDatabase, learn: Learn) -> None:
    """Each call concerns the stats rows of both users."""
    users = [learn.make_user() for _ in range(2)]
    pairs = [
        [learn.make_reply(other, learn.make_discussion(one)) for one, other in (users, reversed(users))]
        for _ in range(40)
    ]

    def accept(index: int) -> Task[object]:
        def run(learn: Learn) -> object:
            return [learn.accept_solution(users[index], pair[index]) for pair in pairs]

        return run

    outcomes = race(fresh, [accept(0), accept(1), accept(0), accept(1)])
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert [learn.metric(user, "solutions_accepted") for user in users] == [40, 40]


def test_two_acceptances_that_overlap_wait_for_each_other(fresh: FreshDatabase, learn: Learn) -> None:
    """The first has locked both users when the second begins."""
    one, other = (learn.make_user() for _ in range(2))
    mine = learn.make_reply(other, learn.make_discussion(one))
    theirs = learn.make_reply(one, learn.make_discussion(other))
    for first, second in (
        ((one, mine), (other, theirs)),
        ((other, theirs), (one, mine)),
    ):
        codes = interleave(
            fresh,
            lambda learn, call=first: learn.accept_solution(*call),  # type: ignore[misc]
            lambda learn, call=second: learn.accept_solution(*call),  # type: ignore[misc]
        )
        assert codes == (None, None)


def test_of_replies_accepted_at_once_one_is_the_solution(fresh: FreshDatabase, learn: Learn) -> None:
    asker = learn.make_user()
    helpers = [learn.make_user() for _ in range(8)]
    number = learn.make_discussion(asker)
    answers = [learn.make_reply(helper, number) for helper in helpers]

    def accept(answer: int) -> Task[object]:
        return lambda learn: learn.accept_solution(asker, answer)

    outcomes = race(fresh, [accept(answer) for answer in answers], rounds=3)
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert discussion(learn, number) == (8, 0, 0, True)
    assert learn.value("select count(*) from learn.replies where is_solution") == 1
    for helper, answer in zip(helpers, answers, strict=True):
        assert posts(learn, helper)[1:] == [("solution_accepted", str(answer))]


def test_a_moderator_and_the_asker_who_accept_different_replies_do_not_deadlock(
    fresh: FreshDatabase, learn: Learn
) -> None:
    users = [learn.make_user() for _ in range(3)]
    asker, moderator, helper = users
    learn.run("update learn.users set role = 'moderator' where id = %s", [moderator])
    number = learn.make_discussion(asker)
    answers = [learn.make_reply(user, number) for user in (helper, asker)]

    def turn(user: UUID, order: list[int]) -> Task[object]:
        def run(learn: Learn) -> object:
            for answer in order:
                learn.accept_solution(user, answer)
            learn.unaccept_solution(user, order[-1])
            return True

        return run

    tasks = [turn(asker, answers), turn(moderator, answers[::-1])] * 2
    assert {outcome.sqlstate for outcome in race(fresh, tasks, rounds=10)} == {None}


def bulk_votes(voters: list[UUID], discussions: list[int], replies: list[int]) -> Task[object]:
    """Statements that cast and take back votes on all posts, in the given order."""

    def run(learn: Learn) -> object:
        learn.run(
            "insert into learn.discussion_votes (user_id, discussion_id, reply_id, vote_type)"
            " select u, d, r, 'upvote' from unnest(%s::uuid[]) u, unnest(%s::bigint[], %s::bigint[])"
            " with ordinality t(d, r, n) order by n, u",
            [voters, discussions + [None] * len(replies), [None] * len(discussions) + replies],
        )
        learn.run(
            "update learn.discussion_votes set vote_type = 'downvote' where user_id = any (%s)", [voters]
        )
        learn.run("delete from learn.discussion_votes where user_id = any (%s)", [voters])
        return True

    return run


def test_statements_over_many_votes_in_opposite_order_do_not_deadlock(
    fresh: FreshDatabase, learn: Learn
) -> None:
    author = learn.make_user()
    voters = [learn.make_user() for _ in range(12)]
    discussions = [learn.make_discussion(author) for _ in range(12)]
    replies = [learn.make_reply(author, number) for number in discussions]
    tasks = [
        bulk_votes(voters[:4], discussions, replies),
        bulk_votes(voters[4:8], discussions[::-1], replies[::-1]),
        bulk_votes(voters[8:], replies=replies, discussions=discussions[::-1]),
    ]
    assert {outcome.sqlstate for outcome in race(fresh, tasks, rounds=6)} == {None}
    assert {discussion(learn, number) for number in discussions} == {(1, 0, 0, False)}


@pytest.mark.parametrize("seed", range(3))
def test_everybody_does_everything_in_the_same_discussions(
    fresh: FreshDatabase, learn: Learn, seed: int
) -> None:
    """Posting, answering, voting, accepting, editing, deleting: what is gone is LX003, nothing worse."""
    users = [learn.make_user() for _ in range(6)]
    learn.run("update learn.users set role = 'moderator' where id = any (%s)", [users])
    for user in users[:3]:
        number = learn.make_discussion(user)
        for other in users:
            learn.make_reply(other, number)

    def act(index: int) -> Task[object]:
        def run(learn: Learn) -> object:
            choose = random.Random(100 * seed + index)
            user = users[index]
            for _ in range(40):
                numbers = [number for (number,) in learn.tuples("select id from learn.discussions")]
                answers = learn.tuples("select id, discussion_id from learn.replies")
                answer, number = choose.choice(answers) if answers else (0, choose.choice([*numbers, 0]))
                deed = choose.choice(
                    (
                        "reply",
                        "nested",
                        "nested",
                        "vote",
                        "vote",
                        "accept",
                        "unaccept",
                        "edit",
                        "delete",
                        "post",
                        "end",
                    )
                )
                try:
                    if deed == "reply":
                        learn.post_reply(user, choose.choice([*numbers, 0]))
                    elif deed == "nested":
                        learn.post_reply(user, number, parent=answer)
                    elif deed == "vote" and choose.random() < 0.5:
                        learn.vote(user, choose.choice(("upvote", "downvote")), reply=answer)
                    elif deed == "vote":
                        learn.vote(user, choose.choice(("upvote", "downvote")), discussion=number)
                    elif deed == "accept":
                        learn.accept_solution(user, answer)
                    elif deed == "unaccept":
                        learn.unaccept_solution(user, answer)
                    elif deed == "edit":
                        learn.edit_discussion(user, number, title=f"Edited by {index}")
                        learn.edit_reply(user, answer, f"Edited by {index}")
                    elif deed == "delete":
                        learn.delete_reply(user, answer)
                    elif deed == "post":
                        learn.view_discussion(learn.make_discussion(user))
                    elif choose.random() < 0.2:
                        learn.delete_discussion(user, number)
                except psycopg.Error as error:
                    if error.sqlstate not in ("LX003", "LX010"):
                        raise
            return True

        return run

    outcomes = race(fresh, [act(index) for index in range(len(users))])
    assert {outcome.sqlstate for outcome in outcomes} == {None}


def test_who_answers_a_reply_that_is_being_deleted_is_told_so(fresh: FreshDatabase, learn: Learn) -> None:
    author, other = learn.make_user(), learn.make_user()
    number = learn.make_discussion(author)
    answers = [learn.make_reply(author, number) for _ in range(2)]
    codes = interleave(
        fresh,
        lambda learn: learn.delete_reply(author, answers[0]),
        lambda learn: learn.post_reply(other, number, parent=answers[0]),
    )
    assert codes == (None, "LX003")
    codes = interleave(
        fresh,
        lambda learn: learn.post_reply(other, number, parent=answers[1]),
        lambda learn: learn.delete_reply(author, answers[1]),
    )
    assert codes == (None, None)
    codes = interleave(
        fresh,
        lambda learn: learn.delete_discussion(author, number),
        lambda learn: learn.vote(other, discussion=number),
    )
    assert codes == (None, "LX003")


def test_a_vote_and_the_deletion_of_its_voter_or_author_add_up(fresh: FreshDatabase, learn: Learn) -> None:
    author, helper, voter = (learn.make_user() for _ in range(3))
    number = learn.make_discussion(author)
    answer = learn.make_reply(helper, number)
    learn.vote(voter, discussion=number)
    learn.vote(helper, discussion=number)

    def delete(user: UUID) -> Task[object]:
        return lambda learn: learn.run("select learn.erase_user(%s, 'delete')", [user])

    codes = interleave(fresh, delete(voter), lambda learn: learn.vote(helper, "downvote", discussion=number))
    assert codes == (None, None)
    assert discussion(learn, number) == (1, 0, 1, False)
    codes = interleave(fresh, delete(helper), lambda learn: learn.vote(author, reply=answer))
    assert codes == (None, "LX003")
    assert discussion(learn, number) == (0, 0, 0, False)


def reply_and_vote(learn: Learn, user: UUID, number: int) -> None:
    """Unless the discussion is gone or the user's own."""
    try:
        learn.post_reply(user, number)
        learn.vote(user, discussion=number)
    except psycopg.Error as error:
        if error.sqlstate not in ("LX003", "LX010"):
            raise


def test_users_are_deleted_at_once_who_took_part_in_what_goes_with_each_other(
    fresh: FreshDatabase, learn: Learn
) -> None:
    """Each has posted and voted in what goes with the others, and the others post and vote there too."""
    users = [learn.make_user() for _ in range(8)]
    numbers = [learn.make_discussion(user) for user in users]
    for number in numbers:
        for user in users:
            learn.make_reply(user, number)
            learn.vote(learn.make_user(), discussion=number)
    for user in users:
        for number, author in zip(numbers, users, strict=True):
            if user != author:
                learn.vote(user, discussion=number)

    def delete(user: UUID) -> Task[object]:
        return lambda learn: learn.run("select learn.erase_user(%s, 'delete')", [user])

    def act(user: UUID) -> Task[object]:
        def run(learn: Learn) -> object:
            for number in numbers * 2:
                reply_and_vote(learn, user, number)
            return True

        return run

    gone, stay = users[:6], users[6:]
    outcomes = race(fresh, [*(delete(user) for user in gone), *(act(user) for user in stay)])
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    kept = learn.tuples("select author_id, reply_count from learn.discussions order by id")
    assert kept == [(user, 6) for user in stay]


def test_a_rebuild_while_people_post_and_vote_changes_nothing(fresh: FreshDatabase, learn: Learn) -> None:
    author = learn.make_user()
    users = [learn.make_user() for _ in range(4)]
    numbers = [learn.make_discussion(author) for _ in range(3)]

    def act(user: UUID) -> Task[object]:
        def run(learn: Learn) -> object:
            for number in numbers * 3:
                learn.vote(user, discussion=number)
                learn.make_reply(user, number)
            return True

        return run

    tasks: list[Task[object]] = [*(act(user) for user in users), lambda learn: learn.rebuild_whoever()]
    outcomes = race(fresh, tasks)
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert {discussion(learn, number) for number in numbers} == {(12, 4, 0, False)}
