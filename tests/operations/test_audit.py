"""audit_log: who changed content, rules and rights, and who gave or took by hand."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.calls import make_scene, statement
from tests.client import Learn

TRAIL = (
    "select action, object, object_key, old_values, new_values, acting_role, acting_user"
    " from learn.audit_trail(%s)"
)
# What people change; the rest of learn's tables is written by Laurel, for learners.
LEARNERS = "select from pg_attribute a where a.attrelid = c.oid and a.attname in ('user_id', 'author_id')"
NOT_AUDITED = {
    "audit_log": "is the log",
    "closed_periods": "by close_period()",
    "outbox": "messages to workers",
    "products": "by dbtool seed",
    "users": "only rights: see below",
    "discussions": "learners' posts",
    "replies": "learners' posts",
}


def test_every_table_that_people_change_is_audited(learn: Learn) -> None:
    found = learn.tuples(
        "select c.relname::text,"
        " exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'audit')"
        " from pg_class c where c.relnamespace = 'learn'::regnamespace and c.relkind in ('r', 'p')"
        f" and not c.relispartition and not exists ({LEARNERS})"
    )
    assert {name for name, audited in found if not audited} == NOT_AUDITED.keys() - {
        "users",
        "discussions",
        "replies",
    }


def test_a_changed_row_says_what_was_and_what_is(learn: Learn) -> None:
    learn.run("select set_config('learn.acting_user', 'ada@example.org', true)")
    lesson = learn.make_lesson(0)
    learn.run("update learn.lessons set xp_reward = 70 where id = %s", [lesson.id])
    learn.run("update learn.lessons set xp_reward = 70, updated_at = now() where id = %s", [lesson.id])
    learn.run("delete from learn.lessons where id = %s", [lesson.id])
    made, changed, deleted = learn.tuples(
        "select action, object_key, old_values, new_values, acting_user from learn.audit_log"
        " where object = 'lessons' and object_key ->> 'id' = %s order by id",
        [str(lesson.id)],
    )
    key = {"id": lesson.id}
    assert made[:3] == ("insert", key, None)
    assert made[3]["slug"]
    assert changed == ("update", key, {"xp_reward": None}, {"xp_reward": 70}, "ada@example.org")
    assert deleted[:2] == ("delete", key)
    assert deleted[2]["xp_reward"] == 70
    assert deleted[3] is None


def test_what_laurel_keeps_up_to_date_is_no_change(learn: Learn) -> None:
    course = learn.make_course(2)
    seen = "select count(*) from learn.audit_log where object in ('courses', 'tracks') and action = 'update'"
    before = learn.value(seen)
    learn.complete_lesson(learn.make_user(), learn.lessons_of(course)[0])
    learn.run(
        "insert into learn.lessons (slug, title, course_id) values ('one-more', 'One more', %s)", [course.id]
    )
    assert learn.value(seen) == before


def test_rights_are_audited_and_nothing_personal_is(learn: Learn, user: UUID) -> None:
    learn.run(
        "update learn.users set role = 'admin', email = 'secret@example.org', bio = 'secret' where id = %s",
        [user],
    )
    learn.run("update learn.users set display_name = 'secret' where id = %s", [user])
    ((action, thing, key, old, new, _, _),) = learn.tuples(TRAIL, [user])
    assert (action, thing, key) == ("update", "users", {"id": str(user)})
    assert (old, new) == ({"role": "user"}, {"role": "admin"})


def test_whose_a_login_role_is_is_audited(learn: Learn, user: UUID) -> None:
    learn.run("insert into learn_internal.learner_roles values (%s, 'ada_logs_in')", [user])
    learn.value("select learn.erase_user(%s)", [user])
    trail = [row for row in learn.tuples(TRAIL, [user]) if row[1] == "learner_roles"]
    key = {"user_id": str(user), "role_name": "ada_logs_in"}
    assert [row[:3] for row in trail] == [(action, "learner_roles", key) for action in ("insert", "delete")]


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("award_xp", "user"),
        ("reverse_xp", "user"),
        ("grant_achievement", "user"),
        ("revoke_achievement", "user"),
        ("grant_streak_freezes", "user"),
        ("revoke_certificate", "user"),
        ("set_password_hash", "user"),
    ],
)
def test_what_is_given_and_taken_by_hand_is_audited(learn: Learn, name: str, of: str) -> None:
    scene = make_scene(learn)
    before = len(learn.tuples(TRAIL, [scene[of]]))
    with learn.role("learn_app"):
        learn.tuples(statement(name).decode(), scene)
        *_, last = learn.tuples(TRAIL, [scene[of]])
        assert len(learn.tuples(TRAIL, [scene[of]])) == before + 1
        assert last[0] == name
        assert last[5] == "learn_app"
    assert "argon" not in str(last)


@pytest.mark.parametrize("name", ["backfill_achievement", "regrade_question"])
def test_what_is_given_to_everybody_is_audited_once(learn: Learn, name: str) -> None:
    scene = make_scene(learn)
    for _ in range(2):
        learn.tuples(statement(name).decode(), scene)
    ((key, new),) = learn.tuples(
        "select object_key, new_values from learn.audit_log where action = %s", [name]
    )
    assert key in ({"slug": scene["deserved"]}, {"id": scene["question"]})
    assert new in ({"users": 2}, {"answers": 1, "take_back": False})


def test_a_call_that_fails_or_is_repeated_leaves_no_trace(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 5, source_id="prize", key="once")
    learn.award_xp(user, 5, source_id="prize", key="once")
    learn.award_xp(user, 5, source_id="prize")
    with learn.refuses("LX001"):
        learn.award_xp(user, -5)
    assert len(learn.tuples(TRAIL, [user])) == 1


def test_the_trail_outlives_its_user(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 5)
    learn.run("delete from learn.users where id = %s", [user])
    assert [row[0] for row in learn.tuples(TRAIL, [user])] == ["award_xp"]
    with learn.refuses("LX002"):
        learn.tuples(TRAIL, [uuid4()])


@pytest.mark.parametrize(
    "statement_", ["update learn.audit_log set action = 'x'", "delete from learn.audit_log"]
)
def test_the_log_is_append_only(learn: Learn, statement_: str) -> None:
    learn.award_xp(learn.make_user(), 5)
    with learn.refuses("LX009"):
        learn.run(statement_)
    with learn.refuses("LX009"):
        learn.run("truncate learn.audit_log")


def test_the_log_gets_partitions(learn: Learn) -> None:
    user: UUID = learn.make_user()
    learn.award_xp(user, 5)
    learn.value("select learn.ensure_partitions((learn.clock() + interval '40 days')::date)")
    assert learn.value("select count(*) from learn.audit_log_default") == 0
    assert [row[0] for row in learn.tuples(TRAIL, [user])] == ["award_xp"]
    with learn.role("learn_app"), learn.fails("42501"):
        learn.run("select * from learn.audit_log")
