"""A learner's own session, with bad intent: guessed ids, claims of any shape, leaks, pools; PostgREST."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.calls import Scene, actor, callable_by, learners_statement, readable_by
from tests.identity.test_erasing import MARKER, plant
from tests.security.test_learners import become, refused

Connection = psycopg.Connection[Any]
PAGE = Path(__file__).resolve().parents[2] / "docs/supabase.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def failure(connection: Connection, statement: bytes, scene: Scene) -> tuple[str, str]:
    """SQLSTATE and words of a refusal, without ids."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, scene)
    except psycopg.Error as error:
        told = f"{error.diag.message_primary} {error.diag.message_detail} {error.diag.message_hint}"
        return str(error.sqlstate), re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "#", told)
    return "none", ""


# ── who one is ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ("[]", None),
        ('["sub"]', None),
        ('"sub"', None),
        ("null", None),
        ("5", None),
        ('{"sub": null}', None),
        ('{"SUB": "00000000-0000-0000-0000-000000000001"}', None),
        ('[{"sub": "00000000-0000-0000-0000-000000000001"}]', None),
        ('{"sub": ""}', "LX001"),
        ('{"sub": 5}', "LX001"),
        ('{"sub": true}', "LX001"),
        ('{"sub": {"sub": "00000000-0000-0000-0000-000000000001"}}', "LX001"),
        ('{"sub": ["00000000-0000-0000-0000-000000000001"]}', "LX001"),
        ('{"sub": "\\u0000"}', "LX001"),
        ('{"sub": "00000000-0000-0000-0000-000000000001\' or true --"}', "LX001"),
        ("   ", "LX001"),
        ("\x07", "LX001"),
        ('{"sub": 1e999999}', "LX001"),
    ],
)
@pytest.mark.parametrize("setting", ["request.jwt.claims", "jwt.claims.sub"])
def test_claims_of_any_shape_are_somebody_or_nobody(
    connection: Connection, scene: Scene, claims: str, code: str | None, setting: str
) -> None:
    if setting == "jwt.claims.sub":  # as PostGraphile passes it: the value alone
        code = "LX001"
    connection.execute("select set_config(%s, %s, true)", [setting, claims])
    connection.execute("set local role learn_user")
    if code:
        refused(connection, b"select * from learn.user_stats", scene, code)
        refused(connection, b"select learn.enroll_in_course(%(user)s, %(new_course)s)", scene, code)
    else:
        assert connection.execute("select learn.current_learner()").fetchone() == (None,)
        assert connection.execute("select count(*) from learn.user_stats").fetchone() == (0,)
        refused(connection, b"select learn.enroll_in_course(%(user)s, %(new_course)s)", scene, "LX010")


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("https://learn.example.org/id", '{"sub": "auth0|5", "https://learn.example.org/id": "ME"}'),
        ("{app_metadata,learner}", '{"sub": "OTHER", "app_metadata": {"learner": "ME"}}'),
        ("", '{"sub": "OTHER", "": "ME"}'),
    ],
)
def test_the_claim_is_the_one_that_the_deployment_names(
    connection: Connection, scene: Scene, claim: str, claims: str
) -> None:
    connection.execute(
        "update learn.platform_settings set value = to_jsonb(%s::text) where key = 'learner_claim'", [claim]
    )
    for me, other in ((scene["user"], scene["author"]), (scene["author"], scene["user"])):
        token = claims.replace("ME", str(me)).replace("OTHER", str(other))
        connection.execute("select set_config('request.jwt.claims', %s, true)", [token])
        connection.execute("set local role learn_user")
        assert connection.execute("select user_id from learn.user_stats").fetchall() == [(me,)]
        connection.execute("reset role")
    connection.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{scene["user"]}"}}'])
    connection.execute("set local role learn_user")
    assert connection.execute("select user_id from learn.user_stats").fetchall() == []


def test_the_role_that_a_session_cannot_become(connection: Connection, scene: Scene) -> None:
    connection.execute("create role eve_of_the_scene login in role learn_user")
    connection.execute("set local session authorization eve_of_the_scene")
    for statement in (
        *(
            f"set local role {role}"
            for role in ("learn_app", "learn_editor", "learn_readonly", "learn_owner")
        ),
        "select set_config('role', 'learn_app', true)",
        "set local row_security = off; select * from learn.user_stats",
        "alter role eve_of_the_scene bypassrls",
        "alter table learn.user_stats disable row level security",
        "create policy mine on learn.user_stats for select using (true)",
        "insert into learn_internal.learner_roles values (gen_random_uuid(), 'eve_of_the_scene')",
        "create function learn.current_learner() returns uuid language sql return null",
        "lock table learn.user_stats in access exclusive mode",
    ):
        with pytest.raises(psycopg.Error) as caught, connection.transaction():
            connection.execute(statement.encode(), scene)
        assert caught.value.sqlstate == "42501", statement


def test_a_setting_that_a_function_of_ones_own_makes_binds_who_has_a_role_of_ones_own(
    connection: Connection, scene: Scene
) -> None:
    connection.execute("create role mal_of_the_scene login in role learn_user")
    connection.execute(
        "insert into learn_internal.learner_roles (user_id, role_name) values (%s, 'mal_of_the_scene')",
        [scene["user"]],
    )
    connection.execute("set local session authorization mal_of_the_scene")
    connection.execute(
        "create function pg_temp.other(who text) returns bigint language plpgsql security definer as $$"
        " begin perform set_config('learn.user_id', who, true), set_config('jwt.claims.sub', who, true),"
        " set_config('request.jwt.claims', jsonb_build_object('sub', who)::text, true);"
        " return (select count(*) from learn.user_stats where user_id::text = who); end $$"
    )
    assert connection.execute("select pg_temp.other(%s)", [str(scene["author"])]).fetchone() == (0,)


# ── what others have ───────────────────────────────────────────────────────────────────────────────────────


def test_nothing_that_is_private_comes_out_anywhere(connection: Connection, scene: Scene) -> None:
    """A marker in every text of another learner that is no post or name: no view, table or call shows it."""
    assert plant(connection, scene["author"]) > 12
    connection.execute("set session_replication_role = replica")
    connection.execute(
        "update learn.users set username = 'bob', display_name = 'Bob', bio = null, avatar_url = null,"
        " avatar_emoji = null where id = %s",
        [scene["author"]],
    )
    for table in ("discussions", "replies"):
        connection.execute(
            f"update learn.{table} set content = 'public' where author_id = %s".encode(), [scene["author"]]
        )
    connection.execute(
        "update learn.discussions set title = 'public', tags = '{}' where author_id = %s", [scene["author"]]
    )
    connection.execute("reset session_replication_role")
    calls = callable_by(connection, "learn_user")
    relations = [
        name
        for (name,) in connection.execute(
            "select c.oid::regclass::text from pg_class c where c.relnamespace = 'learn'::regnamespace"
            " and c.relkind in ('r', 'p', 'v') and has_any_column_privilege('learn_user', c.oid, 'select')"
        )
    ]
    assert len(relations) > 40
    become(connection, scene["user"])
    shown = []
    for relation in relations:
        columns = [
            name
            for (name,) in connection.execute(
                "select quote_ident(attname) from pg_attribute where attrelid = %s::regclass and attnum > 0"
                " and not attisdropped and has_column_privilege(attrelid, attnum, 'select')",
                [relation],
            )
        ]
        rows = f"select {', '.join(columns)} from {relation}"
        found = connection.execute(
            f"select 1 from ({rows}) t where t::text ~ %s limit 1".encode(), [MARKER]
        ).fetchone()
        shown += [relation] if found else []
    for name in calls:
        if name == "wait_for_lsn":
            continue
        try:
            with connection.transaction(force_rollback=True):
                answer = str(connection.execute(learners_statement(name), scene).fetchall())
        except psycopg.Error as error:
            answer = str(error)
        shown += [name] if MARKER in answer else []
    assert shown == []


def test_views_that_learners_read_do_not_let_a_condition_look_first(
    connection: Connection, scene: Scene
) -> None:
    """A function of the learner's, cheap and talkative, sees no row that the view leaves out."""
    views = [name.split(".")[1] for name in readable_by(connection, "learn_user")]
    open_ = connection.execute(
        "select c.relname::text from pg_class c where c.relnamespace = 'learn'::regnamespace"
        " and c.relname = any (%s) and not coalesce('security_barrier=true' = any (c.reloptions), false)",
        [views],
    ).fetchall()
    assert open_ == []
    connection.execute("update learn.courses set is_published = false, title = 'a secret draft'")
    become(connection, scene["user"])
    connection.execute(
        "create function pg_temp.tell(t text) returns boolean language plpgsql cost 0.0001 as"
        " $$ begin raise warning 'saw %', t; return true; end $$"
    )
    told: list[str] = []
    connection.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
    connection.execute("select * from learn.course_catalog where pg_temp.tell(title)")
    connection.execute("select title from learn.courses where pg_temp.tell(title)")
    assert not [line for line in told if "secret" in line]


def test_what_is_not_there_and_what_is_anothers_is_refused_in_the_same_words(
    connection: Connection, scene: Scene
) -> None:
    """No error says whether somebody, or something of theirs, exists."""
    session = connection.execute(
        "select id from learn.learning_sessions where user_id = %s", [scene["author"]]
    ).fetchone()
    assert session is not None
    callable_ = callable_by(connection, "learn_user")
    become(connection, scene["user"])
    for name in callable_:
        if actor(name, scene) is None:
            continue
        told = [
            failure(
                connection,
                re.sub(rb"p_user_id => %\(\w+\)s", b"p_user_id => %(somebody)s", learners_statement(name)),
                {**scene, "somebody": somebody},
            )
            for somebody in (scene["author"], scene["moderator"], uuid4())
        ]
        assert told[0][0] == "LX010", name
        assert len({*told}) == 1, (name, told)
    ended = [
        failure(connection, b"select learn.end_session(%(user)s, %(it)s)", {**scene, "it": it})
        for it in (session[0], 987654321)
    ]
    assert ended[0] == ended[1] != ("none", "")


def test_ids_of_others_that_are_guessed(connection: Connection, scene: Scene) -> None:
    """Posts are public; what is the author's to do with them is not anybody's."""
    become(connection, scene["user"])
    for statement in (
        "learn.edit_discussion(%(user)s, %(discussion)s, p_title => 'Mine')",
        "learn.delete_discussion(%(user)s, %(discussion)s)",
        "learn.pin_discussion(%(user)s, %(discussion)s)",
        "learn.accept_solution(%(user)s, %(reply)s)",
    ):
        refused(connection, f"select {statement}".encode(), scene, "LX010")
    become(connection, scene["author"])
    refused(connection, b"select learn.edit_reply(%(author)s, %(reply)s, 'Mine.')", scene, "LX010")
    assert connection.execute("select count(*) from learn.certificates(%(author)s)", scene).fetchone() == (0,)
    assert connection.execute("select count(*) from learn.nft_certificates").fetchone() == (0,)
    refused(connection, b"select * from learn.certificates(%(user)s)", scene, "LX010")
    refused(connection, b"select verify_code from learn.nft_certificates", scene, "42501")


# ── pools ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_connection_of_a_pool_serves_one_learner_after_the_other(scene_url: tuple[str, Scene]) -> None:
    """Prepared once, with its plan: each transaction has its own learner's rows, and none has nobody's."""
    url, scene = scene_url
    query = "select user_id from learn.user_stats"
    with psycopg.connect(url, prepare_threshold=0) as pooled:
        for _ in range(7):
            for user in (scene["user"], scene["author"]):
                with pooled.transaction(force_rollback=True):
                    become(pooled, user)
                    assert pooled.execute(query, prepare=True).fetchall() == [(user,)]
            with pooled.transaction(force_rollback=True):
                become(pooled, None)
                assert pooled.execute(query, prepare=True).fetchall() == []
        pooled.execute("set role learn_user")
        pooled.execute("select set_config('learn.user_id', %s, false)", [str(scene["user"])])
        pooled.commit()
        pooled.autocommit = True
        pooled.execute("discard all")
        assert pooled.execute("select learn.current_learner(), current_user = session_user").fetchone() == (
            None,
            True,
        )


# ── PostgREST ──────────────────────────────────────────────────────────────────────────────────────────────


def call(
    connection: Connection, name: str, arguments: dict[str, Any], claims: dict[str, Any], role: str
) -> Any:
    """A request as PostgREST makes it: settings, then the function with the arguments of a JSON body."""
    connection.execute(
        "select set_config('search_path', '\"learn\", \"public\"', true), set_config('role', %s, true),"
        " set_config('request.jwt.claims', %s, true), set_config('request.method', 'POST', true),"
        " set_config('request.path', %s, true)",
        [role, json.dumps(claims), f"/rpc/{name}"],
    )
    found = connection.execute(
        "select p.proargnames[1:p.pronargs], array(select format_type(t, null) from unnest(p.proargtypes) t),"
        " p.proretset from pg_proc p where p.pronamespace = 'learn'::regnamespace and p.proname = %s",
        [name],
    ).fetchone()
    assert found is not None
    types = dict(zip(found[0], found[1], strict=True))
    named = sql.SQL(", ").join(
        sql.SQL("{0} := pgrst_args.{0}").format(sql.Identifier(each)) for each in arguments
    )
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(each), sql.SQL(types[each])) for each in arguments
    )
    body = sql.SQL("from json_to_record({}) as pgrst_args({}), lateral ").format(
        sql.Literal(json.dumps(arguments)), columns
    )
    query = sql.SQL("select coalesce(json_agg(pgrst_call), '[]') {}learn.{}({}) pgrst_call").format(
        body, sql.Identifier(name), named
    )
    answer = connection.execute(query).fetchone()
    assert answer is not None
    return answer[0] if found[2] else answer[0][0]


def test_calls_as_postgrest_makes_them(connection: Connection, scene: Scene) -> None:
    connection.execute("create role authenticator_of_the_scene noinherit login in role learn_user, learn_app")
    connection.execute("set local session authorization authenticator_of_the_scene")
    claims = {"role": "learn_user", "sub": str(scene["user"])}
    with connection.transaction(force_rollback=True):
        answer = call(
            connection,
            "complete_lesson",
            {"p_user_id": str(scene["user"]), "p_lesson_id": scene["lesson"], "p_idempotency_key": "tap 1"},
            claims,
            "learn_user",
        )
        assert (answer["user_id"], answer["replayed"]) == (str(scene["user"]), False)
    for arguments, who, code in (
        ({"p_user_id": str(scene["author"]), "p_lesson_id": scene["lesson"]}, claims, "LX010"),
        ({"p_user_id": None, "p_lesson_id": scene["lesson"]}, claims, "LX010"),
        ({"p_user_id": "", "p_lesson_id": scene["lesson"]}, claims, "22P02"),
        ({"p_user_id": ["x"], "p_lesson_id": scene["lesson"]}, claims, "22P02"),
        ({"p_user_id": str(scene["user"]), "p_lesson_id": None}, claims, "LX003"),
        ({"p_user_id": str(scene["user"]), "p_lesson_id": scene["lesson"]}, {}, "LX010"),
        ({"p_user_id": str(scene["user"]), "p_lesson_id": scene["lesson"]}, {"sub": "forged"}, "LX001"),
    ):
        with pytest.raises(psycopg.Error) as caught, connection.transaction():
            call(connection, "complete_lesson", arguments, who, "learn_user")
        assert caught.value.sqlstate == code, (arguments, who)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
        call(connection, "award_xp", {"p_user_id": str(scene["user"]), "p_amount": 5}, claims, "learn_user")
    with connection.transaction(force_rollback=True):
        worker = call(
            connection,
            "award_xp",
            {"p_user_id": str(scene["user"]), "p_amount": 5},
            {"role": "learn_app"},
            "learn_app",
        )
        assert worker["xp_awarded"] == 5


def test_every_block_of_the_page_for_supabase(connection: Connection, scene: Scene) -> None:
    """SQL as it stands there; requests as PostgREST answers them; GraphQL has a test of its own."""
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert {language for language, _ in blocks} == {"sql", "http", "graphql"}
    connection.execute(
        "create schema auth;"
        "create table auth.users (id uuid primary key, email text, raw_user_meta_data jsonb);"
        "create role authenticated; create role anon; create role service_role"
    )
    for language, text in blocks:
        if language == "sql":
            connection.execute(text.encode())
    me = uuid4()
    account = [me, "page@example.org", json.dumps({"username": "of-the-page"})]
    connection.execute("insert into auth.users values (%s, %s, %s)", account)
    names = {"{me}": str(me), "{course}": str(scene["new_course"]), "{lesson}": str(scene["lesson"])}
    answers: list[Any] = []
    connection.execute("set local role authenticated")
    for language, text in blocks:
        if language != "http":
            continue
        for name, value in names.items():
            text = text.replace(name, value)
        words, _, body = text.partition("\n")
        method, _, path = words.partition(" ")
        claims = {"role": "authenticated", "sub": str(me)}
        if method == "POST":
            answers.append(
                call(connection, path.removeprefix("/rpc/"), json.loads(body), claims, "authenticated")
            )
        else:
            view, _, columns = path.strip("/").partition("?select=")
            query = f"select json_agg(t) from (select {columns} from learn.{view}) t"
            answers += connection.execute(query.encode()).fetchone() or ()
    enrolled, completed, dashboard, board = answers
    assert enrolled["user_id"] == completed["user_id"] == str(me)
    assert [row["total_xp"] for row in dashboard] == [completed["total_xp"]]
    assert isinstance(board, list)
    connection.execute("reset role")
    connection.execute("set local role anon")
    connection.execute("select count(*) from learn.course_catalog")
    refused(connection, b"select count(*) from learn.users", scene, "42501")
    connection.execute("reset role")
    connection.execute("delete from auth.users where id = %s", [me])
    assert connection.execute("select count(*) from learn.users where id = %s", [me]).fetchone() == (0,)
