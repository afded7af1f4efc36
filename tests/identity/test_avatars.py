"""Avatars: a user shows a default one or one that an achievement has unlocked."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from tests.client import AwardSummary, Learn, moment

NOON = moment("2035-06-13 12:00")


def selected(learn: Learn, user: UUID) -> int | None:
    found = learn.value("select selected_avatar_id from learn.users where id = %s", [user])
    assert found is None or isinstance(found, int)
    return found


def collection(learn: Learn, user: UUID) -> dict[str, tuple[Any, ...]]:
    """(is_unlocked, unlocked_at, is_selected, unlocked_by) by slug."""
    return {
        row["slug"]: (row["is_unlocked"], row["unlocked_at"], row["is_selected"], row["unlocked_by"])
        for row in learn.avatar_collection(user)
    }


def test_a_default_avatar_is_everyones(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar(default=True)
    assert learn.select_avatar(user, avatar) == AwardSummary(user, 0, 0, 1, False, 0, [], {}, False)
    assert selected(learn, user) == avatar


def test_an_avatar_is_selected_once_an_achievement_unlocks_it(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar("hat")
    badge = learn.make_achievement({"metric": "correct_answers", "at_least": 1}, avatar=avatar)
    with learn.refuses("LX010"):
        learn.select_avatar(user, avatar)
    exam = learn.make_exam(questions=5)
    earned = learn.submit_quiz(user, exam, learn.answers(exam, 1))
    assert (earned.new_achievements, earned.unlocked) == ([badge], {"avatars": ["hat"]})
    learn.select_avatar(user, avatar)
    assert selected(learn, user) == avatar
    assert collection(learn, user)["hat"] == (True, NOON, True, [badge])


def test_null_shows_none(learn: Learn, user: UUID) -> None:
    learn.select_avatar(user, learn.make_avatar(default=True))
    learn.select_avatar(user, None)
    assert selected(learn, user) is None
    learn.select_avatar(user, None)


def test_selecting_is_no_learning(learn: Learn, user: UUID) -> None:
    facts = learn.facts(user)
    learn.select_avatar(user, learn.make_avatar(default=True))
    assert learn.facts(user) == facts
    assert learn.active_days(user) == []


def test_what_cannot_be_selected(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar(default=True)
    with learn.refuses("LX003"):
        learn.select_avatar(user, 0)
    with learn.refuses("LX002"):
        learn.select_avatar(uuid4(), avatar)
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.select_avatar(user, avatar)


def test_another_users_avatar_is_not_ones_own(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar()
    badge = learn.make_achievement({"metric": "correct_answers", "at_least": 1}, avatar=avatar)
    learn.grant_achievement(learn.make_user(), badge)
    with learn.refuses("LX010"):
        learn.select_avatar(user, avatar)
    with learn.refuses("LX010"):
        learn.run("update learn.users set selected_avatar_id = %s where id = %s", [avatar, user])
    with learn.refuses("LX010"):
        learn.run("insert into learn.users (username, selected_avatar_id) values ('imposter', %s)", [avatar])


def test_the_table_takes_what_the_function_takes(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar(default=True)
    learn.run("update learn.users set selected_avatar_id = %s", [avatar])
    learn.run("insert into learn.users (username, selected_avatar_id) values ('dressed', %s)", [avatar])
    assert selected(learn, user) == avatar


def test_an_unknown_avatar_in_the_table_is_refused(learn: Learn, user: UUID) -> None:
    with learn.refuses("LX010"):
        learn.run("update learn.users set selected_avatar_id = 0 where id = %s", [user])


def test_a_deleted_avatar_is_shown_no_more(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar(default=True)
    learn.select_avatar(user, avatar)
    learn.run("delete from learn.avatars where id = %s", [avatar])
    assert selected(learn, user) is None


def test_a_revoked_achievement_takes_its_avatar_along(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar()
    badge = learn.make_achievement({"metric": "correct_answers", "at_least": 1}, avatar=avatar)
    learn.grant_achievement(user, badge)
    learn.select_avatar(user, avatar)
    learn.revoke_achievement(user, badge)
    assert selected(learn, user) is None
    with learn.refuses("LX010"):
        learn.select_avatar(user, avatar)


def test_an_avatar_that_is_no_default_any_more_stays_with_those_who_show_it(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar(default=True)
    learn.select_avatar(user, avatar)
    learn.run("update learn.avatars set is_default = false where id = %s", [avatar])
    learn.run("update learn.users set bio = 'still here' where id = %s", [user])
    assert selected(learn, user) == avatar
    learn.select_avatar(user, None)
    with learn.refuses("LX010"):
        learn.select_avatar(user, avatar)


def test_a_retry_answers_alike(learn: Learn, user: UUID) -> None:
    one, other = learn.make_avatar(default=True), learn.make_avatar(default=True)
    learn.select_avatar(user, one, key="key")
    learn.select_avatar(user, other)
    assert learn.select_avatar(user, one, key="key").replayed
    assert selected(learn, user) == other
    with learn.refuses("LX013"):
        learn.select_avatar(user, other, key="key")


def test_the_collection_shows_all_avatars_and_what_unlocks_them(learn: Learn, user: UUID) -> None:
    plain, hat, mask = (
        learn.make_avatar("plain", default=True),
        learn.make_avatar("hat"),
        learn.make_avatar("mask"),
    )
    criteria = {"metric": "correct_answers", "at_least": 1}
    learn.make_achievement(criteria, slug="second", avatar=hat, display_order=2)
    learn.make_achievement(criteria, slug="first", avatar=hat, display_order=1)
    learn.make_achievement(criteria, slug="secret", avatar=mask, hidden=True)
    learn.make_achievement(criteria, slug="retired", avatar=mask, active=False)
    learn.select_avatar(user, plain)
    assert collection(learn, user) == {
        "plain": (True, None, True, []),
        "hat": (False, None, False, ["first", "second"]),
        "mask": (False, None, False, []),
    }
    with learn.refuses("LX002"):
        learn.avatar_collection(uuid4())
    with learn.refuses("LX002"):
        learn.avatar_collection(None)


def test_nothing_is_selected_by_whom_nothing_is(learn: Learn, user: UUID) -> None:
    learn.make_avatar("plain", default=True)
    assert collection(learn, user) == {"plain": (True, None, False, [])}


def test_backends_select_and_readers_look(learn: Learn, user: UUID) -> None:
    avatar = learn.make_avatar(default=True)
    with learn.role("learn_app"):
        learn.select_avatar(user, avatar)
        with learn.fails("42501"):
            learn.run("update learn.users set selected_avatar_id = null")
        with learn.fails("42501"):
            learn.run("insert into learn.user_avatars values (%s, %s)", [user, avatar])
    with learn.role("learn_readonly"):
        assert len(learn.avatar_collection(user)) == 1
        with learn.fails("42501"):
            learn.select_avatar(user, avatar)
