"""learn_user: a learner's own session reads its rows, acts for nobody else, and pays itself nothing."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.calls import Scene, actor, callable_by, learners_statement, readable_by
from tests.client import Learn

Connection = psycopg.Connection[Any]
ROLE = "learn_user"
# What a learner says of themselves, and only a backend knows.
TRUSTED = {
    *("advance_faucet_request", "advance_transaction", "award_xp", "certificate_minted", "claim_outbox"),
    *("close_period", "complete_outbox", "fail_outbox", "get_password_hash", "grant_achievement"),
    *("grant_streak_freezes", "import_questions", "lock_users", "record_activities", "record_transaction"),
    *(
        "register_user",
        "regrade_question",
        "request_faucet",
        "reverse_xp",
        "revoke_achievement",
        "revoke_certificate",
    ),
    *("set_password_hash", "submit_assessment", "submit_daily_challenge", "submit_level_attempt"),
    "submit_query",
}
# Views of which every row is for every learner.
PUBLIC_VIEWS = {
    *("achievement_catalog", "achievement_rarity", "course_catalog", "current_leaderboard"),
    *("daily_challenge_board", "daily_challenge_ranks", "public_profiles", "quiz_questions"),
}
OWNED = """
    select c.oid::regclass::text, a.attname::text from pg_class c
    join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
    where c.relnamespace = 'learn'::regnamespace and c.relkind in ('r', 'p')
      and (a.attname = 'user_id' or c.oid = 'learn.users'::regclass and a.attname = 'id')
"""


def become(connection: Connection, user: object, role: str = ROLE) -> None:
    """As PostgREST does it: a login role that becomes another, and says in a setting who it is for."""
    connection.execute("select set_config('learn.user_id', %s, true)", ["" if user is None else str(user)])
    connection.execute(f"set local role {role}".encode())


def refused(connection: Connection, statement: bytes, scene: Scene, code: str) -> None:
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        connection.execute(statement, scene)
    assert caught.value.sqlstate == code, (statement, caught.value)


def test_calls_that_take_a_user_take_only_the_learner(connection: Connection, scene: Scene) -> None:
    checked = 0
    for name in callable_by(connection, ROLE):
        user = actor(name, scene)
        if user is None:
            continue
        checked += 1
        for somebody in (uuid4(), next(scene[one] for one in ("user", "author") if scene[one] != user), None):
            with connection.transaction(force_rollback=True):
                become(connection, somebody)
                refused(connection, learners_statement(name), scene, "LX010")
        with connection.transaction(force_rollback=True):
            become(connection, user)
            connection.execute(learners_statement(name), scene)
    assert checked > 30


def test_what_only_a_backend_knows_is_not_a_learners_to_call(connection: Connection) -> None:
    of_backends = {*callable_by(connection, "learn_app")}
    of_learners = {*callable_by(connection, ROLE)}
    assert of_learners < of_backends
    assert of_learners & TRUSTED == set()
    assert of_backends > TRUSTED


def test_every_table_of_learners_shows_a_learner_their_own_rows(connection: Connection, scene: Scene) -> None:
    """Also where an administrator has granted everything, and in partitions; so does none to nobody."""
    connection.execute("select learn.ensure_partitions((learn.clock() + interval '70 days')::date)")
    connection.execute("grant select on all tables in schema learn to learn_user")
    owned = connection.execute(OWNED.encode()).fetchall()
    assert len(owned) > 40
    seen = 0
    for table, column in owned:
        mine, others = (
            connection.execute(
                f"select count(*) from {table} where {column} {op} %s".encode(), [scene["user"]]
            ).fetchall()
            for op in ("=", "<>")
        )
        for user, expected in ((scene["user"], mine), (None, [(0,)]), (uuid4(), [(0,)])):
            with connection.transaction(force_rollback=True):
                become(connection, user)
                assert connection.execute(f"select count(*) from {table}".encode()).fetchall() == expected, (
                    table
                )
        for role in ("learn_app", "learn_readonly"):
            if connection.execute(
                "select has_table_privilege(%s, %s, 'select')", [role, table]
            ).fetchone() == (True,):
                with connection.transaction(force_rollback=True):
                    become(connection, scene["author"], role)
                    count = connection.execute(f"select count(*) from {table}".encode()).fetchone()
                    assert count == (mine[0][0] + others[0][0],)
        seen += others[0][0] > 0
    assert seen > 10


def test_views_show_a_learner_their_own_rows(connection: Connection, scene: Scene) -> None:
    views = {name.removeprefix("learn.") for name in readable_by(connection, ROLE)}
    assert views > PUBLIC_VIEWS
    mine = views - PUBLIC_VIEWS
    assert len(mine) >= 5
    for view in mine:
        for user in (scene["user"], scene["author"]):
            with connection.transaction(force_rollback=True):
                become(connection, user)
                found = connection.execute(f"select distinct user_id from learn.{view}".encode()).fetchall()
                assert found in ([], [(user,)]), view
        with connection.transaction(force_rollback=True):
            become(connection, None)
            assert connection.execute(f"select count(*) from learn.{view}".encode()).fetchone() == (0,)
    become(connection, scene["user"])
    assert connection.execute("select total_xp > 0 from learn.my_dashboard").fetchone() == (True,)
    refused(connection, b"select * from learn.user_dashboard", scene, "42501")


def test_a_learner_sees_of_others_what_is_public(connection: Connection, scene: Scene) -> None:
    connection.execute("update learn.users set show_on_leaderboard = false where id = %s", [scene["author"]])
    connection.execute("update learn.users set is_active = false where id = %s", [scene["moderator"]])
    become(connection, scene["user"])
    found = connection.execute(
        "select total_xp is null, current_level is null from learn.public_profiles where user_id = any (%s)",
        [[scene["author"], scene["moderator"]]],
    ).fetchall()
    assert found == [(True, True)]
    columns = {c.name for c in connection.execute("select * from learn.public_profiles").description or ()}
    assert columns & {"email", "evm_address", "hedera_account_id", "preferences", "timezone", "role"} == set()


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("courses", "is_published = false"),
        ("course_levels", "is_published = false"),
        ("lessons", "is_published = false"),
        ("exercises", "is_published = false"),
        ("tracks", "is_published = false"),
        ("challenges", "is_active = false"),
    ],
)
def test_what_is_not_published_is_not_shown(
    connection: Connection, scene: Scene, table: str, change: str
) -> None:
    def seen() -> int:
        with connection.transaction(force_rollback=True):
            become(connection, scene["user"])
            return len(connection.execute(f"select id from learn.{table}".encode()).fetchall())

    if table == "course_levels":
        connection.execute(
            "insert into learn.course_levels (course_id, slug, title, position) values (%s, 'one', 'One', 1)",
            [scene["course"]],
        )
    assert seen() > 0
    connection.execute(f"update learn.{table} set {change}".encode())
    assert seen() == 0


def test_answers_and_hints_are_not_read_from_tables(connection: Connection, scene: Scene) -> None:
    become(connection, scene["user"])
    for column in ("test_cases", "hints", "passing_criteria", "solution_approach"):
        refused(connection, f"select {column} from learn.challenge_levels".encode(), scene, "42501")
    for table in ("questions", "outbox", "platform_settings", "user_credentials", "idempotency_keys"):
        refused(connection, f"select * from learn.{table}".encode(), scene, "42501")


def test_a_learner_writes_no_table(connection: Connection) -> None:
    writable = connection.execute(
        "select c.oid::regclass::text from pg_class c where c.relnamespace in ('learn'::regnamespace,"
        " 'learn_internal'::regnamespace) and c.relkind in ('r', 'p', 'v')"
        " and has_table_privilege('learn_user', c.oid,"
        " 'insert, update, delete, truncate, references, trigger')"
    ).fetchall()
    assert writable == []
    assert connection.execute(
        "select has_schema_privilege('learn_user', 'learn_internal', 'usage')"
    ).fetchone() == (False,)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, None),
        ({"learn.user_id": "", "request.jwt.claims": ""}, None),
        ({"request.jwt.claims": "{}"}, None),
        ({"request.jwt.claims": '{"role": "learn_user"}'}, None),
        ({"request.jwt.claims": json.dumps({"sub": str(UUID(int=1))})}, UUID(int=1)),
        (
            {"learn.user_id": str(UUID(int=2)), "request.jwt.claims": json.dumps({"sub": str(UUID(int=1))})},
            UUID(int=2),
        ),
    ],
)
def test_who_the_learner_is(connection: Connection, settings: dict[str, str], expected: UUID | None) -> None:
    for name, value in settings.items():
        connection.execute("select set_config(%s, %s, true)", [name, value])
    connection.execute("set local role learn_user")
    assert connection.execute("select learn.current_learner()").fetchone() == (expected,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learn.user_id", "ada"),
        ("learn.user_id", "' or true --"),
        ("request.jwt.claims", "{"),
        ("request.jwt.claims", '{"sub": "ada"}'),
        ("request.jwt.claims", '{"sub": ["a"]}'),
    ],
)
def test_who_the_learner_is_must_be_clear(
    connection: Connection, scene: Scene, name: str, value: str
) -> None:
    connection.execute("select set_config(%s, %s, true)", [name, value])
    connection.execute("set local role learn_user")
    for statement in (b"select learn.current_learner()", b"select * from learn.user_stats"):
        refused(connection, statement, scene, "LX001")


def test_a_role_of_its_own_is_one_learner_whatever_it_sets(connection: Connection, scene: Scene) -> None:
    """A session in which the learner writes the SQL."""
    connection.execute("create role ada_of_the_scene login in role learn_user")
    connection.execute(
        "insert into learn_internal.learner_roles (user_id, role_name) values (%s, 'ada_of_the_scene')",
        [scene["user"]],
    )
    connection.execute("set local session authorization ada_of_the_scene")
    connection.execute("select set_config('learn.user_id', %s, true)", [str(scene["author"])])
    assert connection.execute("select learn.current_learner()").fetchone() == (scene["user"],)
    assert connection.execute("select user_id from learn.user_stats").fetchall() == [(scene["user"],)]
    refused(connection, b"select learn.calculate_user_streak(%(author)s)", scene, "LX010")
    refused(connection, b"set role learn_app", scene, "42501")
    # and nobody, once the learner is erased
    connection.execute("reset session authorization")
    connection.execute("select learn.erase_user(%s)", [scene["user"]])
    connection.execute("set local session authorization ada_of_the_scene")
    connection.execute("select set_config('learn.user_id', %s, true)", [str(scene["author"])])
    assert connection.execute("select learn.current_learner()").fetchone() == (None,)
    assert connection.execute("select user_id from learn.user_stats").fetchall() == []
    refused(connection, b"select learn.calculate_user_streak(%(author)s)", scene, "LX010")


def test_a_learner_says_neither_when_nor_how_well(connection: Connection, scene: Scene) -> None:
    become(connection, scene["user"])
    for arguments in (
        "p_lesson_id => %(lesson)s, p_score => 100",
        "p_lesson_id => %(lesson)s, p_occurred_at => learn.clock() - interval '1 day'",
    ):
        refused(connection, f"select learn.complete_lesson(%(user)s, {arguments})".encode(), scene, "LX010")
    refused(connection, b"select learn.record_activity(%(user)s, %(activity)s)", scene, "LX010")


def test_who_is_a_member_of_learn_app_is_trusted(connection: Connection, scene: Scene) -> None:
    """Whatever a session has set: learn.user_id binds learners only."""
    connection.execute("create role both_of_the_scene in role learn_user, learn_app")
    become(connection, scene["author"], "both_of_the_scene")
    connection.execute("select learn.complete_lesson(%(user)s, %(lesson)s, 100)", scene)


def test_a_learner_goes_all_the_way(learn: Learn) -> None:
    course = learn.make_course(2)
    ada, bob = learn.make_user("ada-alone"), learn.make_user("bob-alone")
    become(learn.connection, ada)
    learn.caller = None
    learn.enroll_in_course(ada, course)
    for lesson in learn.lessons_of(course):
        learn.start_lesson(ada, lesson)
        learn.complete_lesson(ada, lesson)
    assert learn.value("select status from learn.user_course_progress") == "completed"
    discussion = learn.make_discussion(ada)
    assert learn.tuples("select username from learn.public_profiles where user_id = %s", [bob]) == [
        ("bob-alone",)
    ]
    learn.run("reset role")
    become(learn.connection, bob)
    learn.vote(bob, discussion=discussion)
    assert learn.value("select count(*) from learn.user_course_progress") == 0
    learn.run("reset role")
