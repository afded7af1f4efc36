"""check_integrity() finds damage to posts by its name, and a rebuild mends their counts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn


class Scene:
    """A solved discussion with votes, between two users."""

    def __init__(self, learn: Learn) -> None:
        self.learn = learn
        self.asker, self.helper = learn.make_user(), learn.make_user()
        self.discussion = learn.make_discussion(self.asker)
        self.reply = learn.make_reply(self.helper, self.discussion)
        learn.accept_solution(self.asker, self.reply)
        learn.vote(self.helper, discussion=self.discussion)
        learn.vote(self.asker, "downvote", reply=self.reply)
        self.state = self.look()
        assert learn.check_integrity() == []

    def look(self) -> list[list[tuple[Any, ...]]]:
        return [
            self.learn.tuples(f"select * from learn.{table} order by 1, 2")
            for table in ("discussions", "replies", "discussion_votes")
        ]

    def damage(self, statement: str) -> None:
        """Runs a statement without any trigger or foreign key taking notice."""
        connection = self.learn.connection
        connection.execute("set local session_replication_role = replica")
        done = connection.execute(statement.format(user=f"'{self.helper}'").encode())
        connection.execute("set local session_replication_role = origin")
        assert done.rowcount > 0

    def found(self) -> set[tuple[str, UUID | None]]:
        return {(row.check_name, row.user_id) for row in self.learn.check_integrity()}


@pytest.fixture
def scene(learn: Learn) -> Scene:
    return Scene(learn)


@pytest.mark.parametrize(
    "change",
    ["reply_count = 3", "upvote_count = 0", "downvote_count = 1", "is_solved = false"],
)
def test_counts_of_discussions_that_are_wrong_are_found_and_mended(scene: Scene, change: str) -> None:
    scene.damage(f"update learn.discussions set {change}")
    assert scene.found() == {("discussion_counts_follow_from_rows", scene.asker)}
    scene.learn.rebuild_user(scene.asker)
    assert scene.learn.check_integrity() == []
    assert scene.look() == scene.state


@pytest.mark.parametrize("change", ["upvote_count = 1", "downvote_count = 0"])
def test_counts_of_replies_that_are_wrong_are_found_and_mended(scene: Scene, change: str) -> None:
    scene.damage(f"update learn.replies set {change}")
    assert scene.found() == {("reply_counts_follow_from_votes", scene.helper)}
    scene.learn.rebuild_all()
    assert scene.learn.check_integrity() == []
    assert scene.look() == scene.state


@pytest.mark.parametrize("activity_type", ["reply_posted", "solution_accepted"])
@pytest.mark.no_integrity
def test_facts_of_posts_that_are_missing_are_found(scene: Scene, activity_type: str) -> None:
    scene.damage(
        f"delete from learn.activity_log where activity_type = '{activity_type}' and user_id = {{user}}"
    )
    assert ("posts_are_facts", scene.helper) in scene.found()


@pytest.mark.no_integrity
def test_a_vote_for_a_post_of_ones_own_is_found(scene: Scene) -> None:
    scene.damage("update learn.discussion_votes set user_id = {user}")
    assert ("nobody_votes_for_themselves", scene.helper) in scene.found()


def test_a_rebuild_of_what_is_well_changes_nothing(scene: Scene) -> None:
    scene.learn.rebuild_whoever()
    assert scene.look() == scene.state
