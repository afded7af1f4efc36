"""learn_editor: drafts are saved, reviewed where that is asked for, and published, by no owner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from tests.client import Learn
from tests.conftest import FreshDatabase

LEARNERS = "select from pg_attribute a where a.attrelid = c.oid and a.attname in ('user_id', 'author_id')"


@pytest.fixture
def editor(learn: Learn) -> Iterator[Learn]:
    with learn.role("learn_editor"):
        yield learn


def by(learn: Learn, name: str) -> None:
    learn.run("select set_config('learn.acting_user', %s, true)", [name])


def save(learn: Learn, table: str, **content: Any) -> dict[str, Any]:
    saved: dict[str, Any] = learn.value("select learn.save_content(%s, %s)", [table, Jsonb(content)])
    return saved


def test_a_course_from_draft_to_learners(learn: Learn, user: UUID) -> None:
    with learn.role("learn_editor"):
        by(learn, "ada")
        course = save(learn, "courses", slug="joins", title="Joins")
        lesson = save(
            learn, "lessons", slug="inner", title="Inner joins", course_id=course["id"], xp_reward=30
        )
        exercise = save(learn, "exercises", lesson_id=lesson["id"], prompt="Join.", solution="select 1")
        assert exercise["is_published"] is False
        again = save(learn, "lessons", slug="inner", title="Inner join")
        assert (again["id"], again["title"], again["xp_reward"]) == (lesson["id"], "Inner join", 30)
    seen = "select count(*) from learn.lessons where slug = 'inner'"
    learn.run("select set_config('learn.user_id', %s, true)", [str(user)])
    for role, expected in (("learn_user", 0), ("learn_editor", 1)):
        with learn.role(role):
            assert learn.value(seen) == expected
    with learn.fails("LX004"):
        learn.complete_lesson(user, lesson["id"])
    with learn.role("learn_editor"):
        for table, slug in (("courses", "joins"), ("lessons", "inner")):
            learn.publish_content(table, {"slug": slug})
    with learn.role("learn_user"):
        assert learn.value(seen) == 1
    assert learn.complete_lesson(user, lesson["id"]).xp_awarded == 30
    with learn.role("learn_editor"):
        learn.unpublish_content("lessons", {"slug": "inner"})
    assert learn.stats(user).total_xp == 30
    trail = learn.tuples(
        "select action, acting_role::text, acting_user from learn.audit_log where object = 'lessons'"
        " and object_key ->> 'id' = %s order by id",
        [str(lesson["id"])],
    )
    assert trail == [(action, "learn_editor", "ada") for action in ("insert", "update", "update", "update")]


def test_what_needs_a_review_is_approved_by_somebody_else_as_it_is(learn: Learn) -> None:
    learn.set_setting("content_needs_review", True)
    draft = {"slug": "joins"}
    with learn.role("learn_editor"):
        by(learn, "ada")
        save(learn, "courses", slug="joins", title="Joins")
        with learn.fails("LX007"):
            learn.publish_content("courses", draft)
        with learn.fails("LX007"):
            learn.review_content("courses", draft, "approve")
        learn.review_content("courses", draft, "submit", "Please.")
        with learn.fails("LX010"):
            learn.review_content("courses", draft, "approve")
        by(learn, "bob")
        learn.review_content("courses", draft, "return", "Too short.")
        with learn.fails("LX007"):
            learn.publish_content("courses", draft)
        by(learn, "ada")
        learn.review_content("courses", draft, "submit")
        save(learn, "courses", slug="joins", title="Joins, all of them")
        by(learn, "bob")
        with learn.fails("LX007"):
            learn.review_content("courses", draft, "approve")
        by(learn, "ada")
        learn.review_content("courses", draft, "submit")
        by(learn, "bob")
        learn.review_content("courses", draft, "approve")
        learn.publish_content("courses", draft)
        with learn.fails("LX010"):
            save(learn, "courses", slug="joins", title="Something else")
        state = learn.tuples("select state, submitted_by, reviewed_by from learn.content_reviews")
    assert state == [("approved", "ada", "bob")]


def test_an_approval_is_of_the_text_that_was_read(learn: Learn) -> None:
    learn.set_setting("content_needs_review", True)
    draft = {"slug": "joins"}
    with learn.role("learn_editor"):
        by(learn, "ada")
        save(learn, "courses", slug="joins", title="Joins")
        learn.review_content("courses", draft, "submit")
        by(learn, "bob")
        learn.review_content("courses", draft, "approve")
        save(learn, "courses", slug="joins", title="Not what was approved")
        with learn.fails("LX007"):
            learn.publish_content("courses", draft)


def test_who_one_is_says_the_login_role_unless_that_is_trusted(fresh: FreshDatabase) -> None:
    """Else whoever submits would say to be somebody else, and approve."""
    with fresh.connect(autocommit=True) as owner:
        Learn(owner).set_setting("content_needs_review", True)
        for name, role in (("ada_edits", "learn_editor"), ("tool_edits", "learn_editor, learn_app")):
            owner.execute(f"create role {name} login password '{name}' in role {role}".encode())
    try:
        for name, approves in (("ada_edits", False), ("tool_edits", True)):
            draft = {"slug": name.replace("_", "-")}
            login = make_conninfo(fresh.url, user=name, password=name)
            with psycopg.connect(login, autocommit=True) as connection:
                learn = Learn(connection)
                learn.value("select set_config('learn.acting_user', 'ada', false)")
                save(learn, "courses", **draft, title="Joins")
                learn.review_content("courses", draft, "submit")
                learn.value("select set_config('learn.acting_user', 'bob', false)")
                if approves:
                    learn.review_content("courses", draft, "approve")
                    learn.publish_content("courses", draft)
                else:
                    with pytest.raises(psycopg.Error, match="submitted themselves"):
                        learn.review_content("courses", draft, "approve")
    finally:
        with fresh.connect(autocommit=True) as owner:
            owner.execute("drop role ada_edits, tool_edits")


def test_a_level_from_an_old_snapshot_does_not_slip_past_an_approval(fresh: FreshDatabase) -> None:
    with fresh.connect(autocommit=True) as connection, fresh.connect() as late:
        learn = Learn(connection)
        learn.set_setting("content_needs_review", True)
        learn.value("select set_config('learn.acting_user', 'ada', false)")
        draft = save(learn, "challenges", slug="draft", title="D", category="x", difficulty="beginner")
        late.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        late.execute("select from learn.users")
        learn.review_content("challenges", {"slug": "draft"}, "submit")
        learn.value("select set_config('learn.acting_user', 'bob', false)")
        learn.review_content("challenges", {"slug": "draft"}, "approve")
        with pytest.raises(psycopg.errors.SerializationFailure):
            save(Learn(late), "challenge_levels", **LEVEL, challenge_id=draft["id"], xp_reward=5000)


LEVEL = {"level_number": 1, "level_name": "L", "requirements": [], "test_cases": [], "passing_criteria": {}}


def test_where_content_needs_a_review_nothing_has_the_effect_at_once(learn: Learn) -> None:
    challenge, lesson, track = learn.make_challenge(), learn.make_lesson(0), learn.make_track()
    learn.set_setting("content_needs_review", True)
    by(learn, "ada")
    draft = save(learn, "challenges", slug="draft", title="D", category="x", difficulty="beginner")
    link = {"track_id": track.id, "lesson_id": lesson.id}
    learn.run(
        "insert into learn.track_lessons (track_id, lesson_id) values (%(track_id)s, %(lesson_id)s)", link
    )
    for table, content in (
        ("challenge_levels", {**LEVEL, "challenge_id": challenge.id, "xp_reward": 5000}),
        ("track_lessons", {**link, "position": 7}),
        ("daily_challenges", {"challenge_id": challenge.id, "xp_multiplier": 9, "date": "2030-01-01"}),
        ("avatars", {"slug": "a", "name": "A"}),
        ("skills", {"slug": "s", "name": "S", "category": "x"}),
    ):
        with learn.refuses("LX010"):
            save(learn, table, **content)
    with learn.refuses("LX010"):
        learn.unlink_content("track_lessons", link)
    save(learn, "exam_types", key="x", name="X")
    with learn.refuses("LX007"):
        learn.publish_content("exam_types", {"key": "x"})

    # A level changes with the draft of its challenge, and that is read again.
    level = {**LEVEL, "challenge_id": draft["id"]}
    save(learn, "challenge_levels", **level, xp_reward=10)
    learn.review_content("challenges", {"slug": "draft"}, "submit")
    by(learn, "bob")
    learn.review_content("challenges", {"slug": "draft"}, "approve")
    save(learn, "challenge_levels", **level, xp_reward=5000)
    with learn.refuses("LX007"):
        learn.publish_content("challenges", {"slug": "draft"})


def test_links_have_the_effect_at_once_and_are_taken_away(learn: Learn) -> None:
    track, lesson = learn.make_track(), learn.make_lesson(0)
    link = {"track_id": track.id, "lesson_id": lesson.id}
    with learn.role("learn_editor"):
        save(learn, "track_lessons", **link, position=2)
        assert save(learn, "track_lessons", **link, position=3)["position"] == 3
        learn.unlink_content("track_lessons", link)
        with learn.fails("LX003"):
            learn.unlink_content("track_lessons", link)
        with learn.fails("LX010"):
            learn.unlink_content("lessons", {"id": lesson.id})
        with learn.fails("LX010"):
            learn.publish_content("track_lessons", link)
        save(learn, "avatars", slug="owl", name="Owl", image_url="/owl.png")
        with learn.fails("LX010"):  # an approval would mean nothing
            learn.review_content("avatars", {"slug": "owl"}, "submit")


@pytest.mark.parametrize(
    ("table", "content", "code"),
    [
        ("users", {"username": "x"}, "LX003"),
        ("user_stats", {"total_xp": 1}, "LX003"),
        ("xp_transactions", {"amount": 1}, "LX003"),
        ("xp_rules", {"activity_type": "lesson_completed", "amount": 1000}, "LX003"),
        ("platform_settings", {"key": "content_needs_review", "value": False}, "LX003"),
        ("learn_internal.clock_override", {}, "LX003"),
        (None, {}, "LX003"),
        ("courses", [], "LX001"),
        ("courses", None, "LX001"),
        ("courses", {}, "LX001"),
        ("courses", {"slug": "a", "title": "A", "nothing_such": 1}, "LX001"),
        ("courses", {"slug": "a", 'title", id) select 1 --': "A"}, "LX001"),
        ("courses", {"slug": "a", "title": " "}, "LX001"),
        ("courses", {"slug": "Not A Slug", "title": "A"}, "LX001"),
        ("courses", {"slug": "a", "title": "A", "difficulty": "unknown"}, "LX001"),
        ("courses", {"slug": "a", "title": "A", "completion_xp": "many"}, "LX001"),
        ("courses", {"id": "x", "title": "A"}, "LX001"),
        ("courses", {"id": 4711, "title": "A"}, "LX003"),
        ("courses", {"slug": "a", "title": "A", "is_published": True}, "LX010"),
        ("courses", {"slug": "a", "title": "A", "total_lessons": 9}, "LX010"),
        ("achievements", {"slug": "a", "name": "A", "criteria": {"metric": "none", "at_least": 1}}, "LX011"),
    ],
)
def test_what_an_editor_cannot_save(editor: Learn, table: str, content: Any, code: str) -> None:
    with editor.fails(code):
        editor.save_content(table, content)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("review_content('courses', '{\"slug\": \"none\"}', 'submit')", "LX003"),
        ("review_content('courses', '{\"slug\": \"none\"}', 'praise')", "LX001"),
        ("review_content('courses', '{\"slug\": \"none\"}', null)", "LX001"),
        ("review_content('users', '{}', 'submit')", "LX003"),
        ("publish_content('courses', '{\"slug\": \"none\"}')", "LX003"),
        ("publish_content('courses', null)", "LX001"),
        ("unpublish_content('users', '{}')", "LX003"),
        ("unlink_content('users', '{}')", "LX003"),
    ],
)
def test_what_makes_no_sense_is_refused(editor: Learn, call: str, code: str) -> None:
    with editor.fails(code):
        editor.run(f"select learn.{call}")


def test_an_editor_touches_no_learner_no_xp_and_no_table(learn: Learn) -> None:
    """What the role may do is content: it reads that, drafts and answers too, and writes by functions."""
    readable = learn.tuples(
        "select c.relname::text from pg_class c where c.relnamespace = 'learn'::regnamespace"
        " and c.relkind in ('r', 'p') and has_any_column_privilege('learn_editor', c.oid, 'select')"
        f" and (c.relname in ('users', 'audit_log', 'outbox', 'rate_limits') or exists ({LEARNERS}))"
    )
    assert readable == []
    writable = learn.tuples(
        "select c.oid::regclass::text from pg_class c where c.relnamespace in ('learn'::regnamespace,"
        " 'learn_internal'::regnamespace) and c.relkind in ('r', 'p', 'v')"
        " and has_table_privilege('learn_editor', c.oid,"
        " 'insert, update, delete, truncate, references, trigger')"
    )
    assert writable == []
    callable_ = learn.tuples(
        "select p.proname::text from pg_proc p where p.pronamespace in ('learn'::regnamespace,"
        " 'learn_internal'::regnamespace)"
        " and has_function_privilege('learn_editor', p.oid, 'execute') order by 1"
    )
    assert [name for (name,) in callable_] == sorted(
        {
            *("calculate_level_from_xp", "clock", "localized", "publish_content", "review_content"),
            *("save_content", "unlink_content", "unpublish_content", "xp_for_level"),
        }
    )
    with learn.role("learn_editor"):
        for statement in ("select learn.award_xp(gen_random_uuid(), 1)", "select * from learn.users"):
            with learn.fails("42501"):
                learn.run(statement)
        assert learn.value("select count(solution) from learn.exercises") is not None


def test_no_other_role_edits(learn: Learn) -> None:
    for role in ("learn_app", "learn_user", "learn_readonly"):
        for name in (
            "save_content",
            "publish_content",
            "unpublish_content",
            "unlink_content",
            "review_content",
        ):
            assert (
                learn.value(
                    "select bool_or(has_function_privilege(%s, p.oid, 'execute')) from pg_proc p"
                    " where p.pronamespace = 'learn'::regnamespace and p.proname = %s",
                    [role, name],
                )
                is False
            )
