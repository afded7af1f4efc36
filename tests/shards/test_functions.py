"""What the proxy has is derived from the catalog: every public function is of a kind."""

from __future__ import annotations

import re
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn, raises_lx
from tests.shards.conftest import SHARDS, Shards
from toolkit.errors import DbtoolError
from toolkit.shards import functions

COMMUNITY = ("discussions", "replies", "discussion_votes")


@pytest.fixture(scope="module")
def public(shards: Shards) -> dict[str, functions.PublicFunction]:
    with shards.cluster.connect("home") as home:
        return {each.name: each for each in functions.read(home)}


def test_every_public_function_is_on_the_proxy_as_it_is_on_a_shard(shards: Shards) -> None:
    """Names, parameters, defaults and results; roles are those of backends and readers."""
    query = (
        "select p.proname::text, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),"
        " array(select"
        " a.grantee::regrole::text from aclexplode(p.proacl) a where a.grantee::regrole::text in"
        " ('learn_app', 'learn_readonly') order by 1), obj_description(p.oid) is not null from pg_proc p"
        " where p.pronamespace = 'learn'::regnamespace order by 1"
    )
    with shards.open("one") as shard, shards.open("proxy") as proxy:
        expected, found = shard.tuples(query), {row[0]: row for row in proxy.tuples(query)}
    readers = set(found) - {row[0] for row in expected}
    assert "user_dashboard" in readers
    assert {name: found[name] for name in found if name not in readers} == {row[0]: row for row in expected}


def test_kinds_are_what_the_catalog_says(shards: Shards, public: dict[str, functions.PublicFunction]) -> None:
    """A routed function is one learner's, and what it does may be repeated; none of them touches a post."""
    kinds = {each.kind for each in public.values()}
    assert kinds == {"routed", "home", "both", "community", "anywhere", "sum", "located", "own", "refused"}
    with shards.open("home") as home:
        bodies = dict(
            home.tuples(
                "select proname::text, prosrc from pg_proc where pronamespace = 'learn'::regnamespace"
            )
        )
        volatile = {
            name
            for (name,) in home.tuples(
                "select proname::text from pg_proc where pronamespace = 'learn'::regnamespace"
                " and provolatile = 'v'"
            )
        }
    # what may be called twice without a key: it says how it is to be, or finds what is there
    repeatable = {
        "achievement_minted", "advance_faucet_request", "check_achievements", "check_and_unlock_challenges",
        "end_session", "mark_read", "record_transaction", "set_password_hash", "start_quiz", "start_session",
    }  # fmt: skip
    for name, each in public.items():
        if each.kind in ("routed", "both", "community"):
            assert each.names[0] == "p_user_id", name
        if each.kind == "routed":
            assert not any(re.search(rf"learn\.{table}\b", bodies[name]) for table in COMMUNITY), name
            if name in volatile:
                assert "p_idempotency_key" in each.names or name in repeatable, name
        if each.kind in ("both", "community"):
            assert "p_idempotency_key" in each.names, name
        if each.kind in ("home", "anywhere"):
            assert "xp_transactions" not in bodies[name], name
        if each.kind == "refused" and "learn_app" in each.roles:
            assert name in functions.ELSEWHERE or "outbox" in bodies[name], name


def test_a_function_of_no_kind_is_refused(shards: Shards) -> None:
    """Whoever writes a new public function that fits no kind is told before the proxy has it."""
    with shards.cluster.connect("home") as home, home.transaction(force_rollback=True):
        home.execute(
            "create function learn.brand_new(p_word text) returns text language sql as 'select p_word'"
        )
        home.execute("grant execute on function learn.brand_new(text) to learn_app")
        with pytest.raises(DbtoolError, match="brand_new"):
            functions.read(home)


def test_what_shards_need_keeps_the_conventions(shards: Shards) -> None:
    """A comment, a fixed search_path, no PUBLIC; errors of class LX with DETAIL and HINT."""
    query = (
        "select p.oid::regprocedure::text, obj_description(p.oid), p.proconfig, p.prosrc, exists (select from"
        " aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0),"
        " p.proowner::regrole::text, p.prosecdef,"
        " array(select a.grantee::regrole::text from aclexplode(p.proacl) a"
        " where a.grantee <> p.proowner) from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname = any (%s)"
    )
    rows: list[Any] = []
    with shards.open("proxy") as proxy, shards.open("one") as shard, shards.open("home") as home:
        rows += proxy.tuples(query, [["learn", "learn_proxy", "learn_reads"]])
        rows += shard.tuples(query, [["learn_shard"]])
        rows += home.tuples(query, [["learn_shard"]])
    assert len(rows) > 200
    for name, comment, settings, body, is_public, owner, is_definer, roles in rows:
        assert comment, name
        is_inlined = name == "learn_proxy.bucket_of(uuid)"  # into each routed call
        assert is_inlined or "search_path=pg_catalog, pg_temp" in (settings or []), name
        assert not is_public, name
        assert owner == "learn_owner" or not roles, name  # a superuser's is for nobody else
        raised = body.count("raise exception")
        codes = len(re.findall(r"errcode = '(?:LX|40001)", body))
        assert raised == codes == body.count("detail = ") == body.count("hint = "), name
        if name.startswith("learn_shard.") and roles:
            assert roles == ["learn_router"], name
            assert is_definer, name
    for client in ("proxy", "one", "home"):
        with shards.open(client) as member:
            assert (
                member.tuples(
                    "select c.oid::regclass::text from pg_class c"
                    " join pg_namespace n on n.oid = c.relnamespace"
                    " where n.nspname in ('learn_shard', 'learn_proxy') and c.relkind in ('r', 'v')"
                    " and obj_description(c.oid, 'pg_class') is null"
                )
                == []
            )


def test_the_router_may_do_no_more_than_backends(shards: Shards) -> None:
    """It reads and writes no table of learn_shard; a backend calls nothing of learn_proxy."""
    for name in ("home", *SHARDS):
        with shards.open(name) as member:
            assert member.tuples(
                "select r.rolsuper, r.rolcreaterole, r.rolcreatedb, array(select m.roleid::regrole::text from"
                " pg_auth_members m where m.member = r.oid) from pg_roles r where r.rolname = 'learn_router'"
            ) == [(False, False, False, ["learn_app"])]
            assert (
                member.tuples(
                    "select c.relname from pg_class c where c.relnamespace = 'learn_shard'::regnamespace"
                    " and c.relkind = 'r'"
                    " and has_table_privilege('learn_router', c.oid, 'select, insert, update')"
                )
                == []
            )
    with shards.open("proxy", "learn_app") as proxy:
        for call in ("learn_proxy.drain()", "learn_proxy.take(null, null)"):
            with pytest.raises(Exception, match="permission denied"):
                proxy.run(f"select {call}")
        with pytest.raises(Exception, match="permission denied"):
            proxy.run("select * from learn_proxy.shards")


def test_a_batch_is_recorded_on_the_shards_of_its_learners(shards: Shards, proxy: Learn) -> None:
    users = [proxy.register_user(f"batch {number}") for number in range(9)]
    with shards.open("home") as home:
        kind = home.value("select key from learn.activity_types where not is_internal order by key limit 1")
    batch = [
        {"user_id": str(user), "activity_type": kind, "idempotency_key": f"b{number}"}
        for number, user in enumerate([*users, users[0]])
    ]
    first = proxy.tuples("select user_id, replayed from learn.record_activities(%s)", [Jsonb(batch)])
    again = proxy.tuples("select user_id, replayed from learn.record_activities(%s)", [Jsonb(batch)])
    assert first == [(user, False) for user in users]
    assert again == [(user, True) for user in users]
    with raises_lx("LX001"):
        proxy.tuples("select * from learn.record_activities(%s)", [Jsonb({"no": "list"})])
    batch[3]["user_id"] = "00000000-0000-0000-0000-000000000000"
    with raises_lx("LX002"):
        proxy.tuples("select * from learn.record_activities(%s)", [Jsonb(batch)])
