"""Who may do what: learn_app calls functions, learn_user some, learn_readonly reads, PUBLIC has nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn

# What learn_app calls; the others are for operators.
APP = {
    "achievement_credential",
    "achievement_progress",
    "advance_faucet_request",
    "advance_transaction",
    "award_xp",
    "calculate_level_from_xp",
    "calculate_user_streak",
    "certificate_credential",
    "certificate_minted",
    "certificates",
    "check_achievements",
    "claim_outbox",
    "clock",
    "complete_lesson",
    "complete_outbox",
    "fail_outbox",
    "get_password_hash",
    "grant_achievement",
    "grant_streak_freezes",
    "record_activities",
    "record_activity",
    "record_transaction",
    "register_user",
    "request_faucet",
    "reverse_xp",
    "revoke_achievement",
    "revoke_certificate",
    "set_password_hash",
    "start_lesson",
    "submit_query",
    "verify_certificate",
    "xp_for_level",
}
READONLY = {
    "achievement_credential",
    "achievement_progress",
    "calculate_level_from_xp",
    "calculate_user_streak",
    "certificate_credential",
    "clock",
    "verify_certificate",
    "xp_for_level",
}
OPERATORS = {
    "archive_before",
    "attach_archive",
    "backfill_achievement",
    "check_integrity",
    "ensure_partitions",
    "purge_outbox",
    "rebuild_all",
    "rebuild_user",
    "retry_outbox",
}
# Columns that no app role reads, of tables whose other columns it does.
SECRET_COLUMNS = {
    ("learn.exercises", "hints"),
    ("learn.exercises", "solution"),
    ("learn.faucet_requests", "request_ip"),
    ("learn.nft_certificates", "verify_code"),
}
# Who did what, and what ails the database, is for its owner.
SECRET = ("learn.user_credentials", "learn.idempotency_keys", "learn.audit_log", "learn.health", "learn.jobs")


def functions(learn: Learn, role: str) -> set[str]:
    found = learn.tuples(
        "select p.proname from pg_proc p where p.pronamespace = 'learn'::regnamespace"
        " and has_function_privilege(%s, p.oid, 'execute')",
        [role],
    )
    return {name for (name,) in found}


def tables(learn: Learn, schema: str, kinds: str = "rpv") -> list[str]:
    found = learn.tuples(
        "select c.oid::regclass::text from pg_class c where c.relnamespace = %s::regnamespace"
        " and c.relkind = any (%s) order by 1",
        [schema, list(kinds)],
    )
    return [name for (name,) in found]


def test_learn_app_may_call_what_backends_need_and_no_more(learn: Learn) -> None:
    assert functions(learn, "learn_app") >= APP
    assert not functions(learn, "learn_app") & OPERATORS


def test_learn_readonly_may_call_what_reads(learn: Learn) -> None:
    assert functions(learn, "learn_readonly") >= READONLY
    volatile = learn.tuples(
        "select p.proname from pg_proc p where p.pronamespace = 'learn'::regnamespace and p.provolatile = 'v'"
        " and has_function_privilege('learn_readonly', p.oid, 'execute')"
        " and p.proname <> 'wait_for_lsn'"  # waits, and writes nothing
    )
    assert volatile == []


def test_public_has_nothing(learn: Learn) -> None:
    for schema in ("learn", "learn_internal"):
        granted = learn.tuples(
            "select 'schema', nspname::text from pg_namespace n, aclexplode(n.nspacl) g"
            " where n.nspname = %(s)s and g.grantee = 0"
            " union all select 'function', p.oid::regprocedure::text from pg_proc p,"
            " aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g"
            " where p.pronamespace = %(s)s::regnamespace and g.grantee = 0"
            " union all select 'relation', c.oid::regclass::text from pg_class c, aclexplode(c.relacl) g"
            " where c.relnamespace = %(s)s::regnamespace and g.grantee = 0"
            " union all select 'type', t.oid::regtype::text from pg_type t"
            " left join pg_class c on c.oid = t.typrelid,"
            " aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) g"
            " where t.typnamespace = %(s)s::regnamespace and g.grantee = 0 and t.typcategory <> 'A'"
            " and (c.oid is null or c.relkind = 'c')",
            {"s": schema},
        )
        assert granted == []


@pytest.mark.parametrize("schema", ["learn", "learn_internal"])
def test_what_a_migration_forgets_to_grant_is_nobodys(learn: Learn, schema: str) -> None:
    with learn.role("learn_owner"):
        learn.run(
            f"create function {schema}.forgotten() returns integer language sql return 1;"
            f" create type {schema}.lost as (a integer); create domain {schema}.found as integer"
        )
    for role in ("public", "learn_app", "learn_user", "learn_readonly"):
        assert (
            learn.value("select has_function_privilege(%s, %s, 'execute')", [role, f"{schema}.forgotten()"])
            is False
        )
        for name in ("lost", "found"):
            assert (
                learn.value("select has_type_privilege(%s, %s, 'usage')", [role, f"{schema}.{name}"]) is False
            )


def test_every_object_is_owned_by_learn_owner(learn: Learn) -> None:
    others = learn.tuples(
        "select 'schema', n.nspname::text from pg_namespace n where n.nspname in ('learn', 'learn_internal')"
        " and n.nspowner <> 'learn_owner'::regrole"
        " union all select 'relation', c.oid::regclass::text from pg_class c"
        " where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)"
        " and c.relowner <> 'learn_owner'::regrole"
        " union all select 'function', p.oid::regprocedure::text from pg_proc p"
        " where p.pronamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)"
        " and p.proowner <> 'learn_owner'::regrole"
        " union all select 'type', t.oid::regtype::text from pg_type t"
        " where t.typnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)"
        " and t.typowner <> 'learn_owner'::regrole"
    )
    assert others == []


def test_the_roles_cannot_log_in_and_can_do_nothing_special(learn: Learn) -> None:
    roles = ["learn_app", "learn_editor", "learn_owner", "learn_readonly", "learn_user"]
    rows = learn.tuples(
        "select rolname::text, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles"
        " where rolname = any (%s) order by 1",
        [roles],
    )
    assert rows == [(role, *[False] * 5) for role in roles]
    assert learn.value("select pg_has_role('learn_app', 'learn_owner', 'member')") is False
    assert learn.value("select pg_has_role('learn_readonly', 'learn_app', 'member')") is False


@pytest.mark.parametrize("role", ["learn_app", "learn_editor", "learn_user", "learn_readonly"])
@pytest.mark.parametrize("privilege", ["insert", "update", "delete", "truncate", "references", "trigger"])
def test_no_app_role_may_write_a_table(learn: Learn, role: str, privilege: str) -> None:
    for table in [*tables(learn, "learn"), *tables(learn, "learn_internal")]:
        assert learn.value("select has_table_privilege(%s, %s, %s)", [role, table, privilege]) is False, table


@pytest.mark.parametrize("role", ["learn_app", "learn_readonly"])
def test_app_roles_read_every_public_table_but_the_secret_ones(learn: Learn, role: str) -> None:
    for table in tables(learn, "learn"):
        unreadable = learn.tuples(
            "select attname::text from pg_attribute where attrelid = %(table)s::regclass and attnum > 0"
            " and not attisdropped and not has_column_privilege(%(role)s, attrelid, attnum, 'select')",
            {"table": table, "role": role},
        )
        if table.startswith(SECRET) or (role, table) == ("learn_app", "learn.questions"):  # it has the key
            assert learn.value("select has_any_column_privilege(%s, %s, 'select')", [role, table]) is False
        else:
            expected = {column for owner, column in SECRET_COLUMNS if owner == table}
            assert {name for (name,) in unreadable} == expected, table


@pytest.mark.parametrize("role", ["learn_app", "learn_editor", "learn_user", "learn_readonly"])
def test_no_app_role_enters_learn_internal(learn: Learn, role: str) -> None:
    assert learn.value("select has_schema_privilege(%s, 'learn_internal', 'usage')", [role]) is False
    assert learn.value("select has_schema_privilege(%s, 'learn', 'create')", [role]) is False
    executable = learn.tuples(
        "select p.oid::regprocedure::text from pg_proc p"
        " where p.pronamespace = 'learn_internal'::regnamespace"
        " and has_function_privilege(%s, p.oid, 'execute')",
        [role],
    )
    assert executable == []
    for table in tables(learn, "learn_internal"):
        assert learn.value("select has_table_privilege(%s, %s, 'select')", [role, table]) is False, table


@pytest.mark.parametrize("role", ["learn_app", "learn_user", "learn_readonly"])
@pytest.mark.parametrize(
    "statement",
    [
        "select * from learn.user_credentials",
        "select * from learn.idempotency_keys",
        "select verify_code from learn.nft_certificates",
        "select request_ip from learn.faucet_requests",
        "update learn.outbox set completed_at = now()",
        "select learn.purge_outbox(now())",
        "select * from learn_internal.clock_override",
        "select learn_internal.set_clock('2001-01-01')",
        "select learn_internal.hash_call('a', '{}')",
        "insert into learn.xp_transactions (user_id, amount, source_type, earned_on)"
        " select id, 1000, 'manual', now() from learn.users",
        "insert into learn.activity_log (user_id, activity_type)"
        " select id, 'lesson_completed' from learn.users",
        "insert into learn.user_achievements (user_id, achievement_id) select u.id, a.id"
        " from learn.users u, learn.achievements a",
        "update learn.user_stats set total_xp = 1000000",
        "update learn.users set role = 'admin'",
        "update learn.xp_rules set amount = 1000000",
        "update learn.platform_settings set value = '0'",
        "delete from learn.revoked_achievements",
        "truncate learn.user_metrics",
        "select learn.rebuild_all()",
        "select * from learn.check_integrity()",
        "select learn.ensure_partitions('2030-01-01')",
        "select learn.archive_before('2020-01-01')",
        "select learn.attach_archive()",
        "select learn.backfill_achievement('lesson-master')",
        "create table learn.mine (id int)",
        "alter table learn.user_stats disable trigger all",
        "set role learn_owner; select 1",
    ],
)
def test_what_no_app_role_may_do(learn: Learn, role: str, statement: str) -> None:
    learn.make_user()
    # As a login role would be: the session itself, not only the current role, has the app's rights.
    with learn.fails("42501"):
        learn.run(f"set local session authorization {role}")
        for one in statement.split("; "):
            learn.run(one)


def test_a_learner_goes_all_the_way_with_learn_app(learn: Learn) -> None:
    lesson = learn.make_lesson(2)
    reading = learn.make_lesson(0)
    learn.make_path(learn.make_track(lesson, reading, difficulty="beginner"))
    activity = learn.make_activity_type(xp=1)
    badge = learn.make_achievement(
        {"metric": "xp", "at_least": 10**9}, xp_reward=3, avatar=learn.make_avatar()
    )
    with learn.role("learn_app"):
        user = learn.register_user("ada", email="ada@example.org")
        learn.set_password_hash(user, "$argon2id$one")
        assert learn.get_password_hash(user) == "$argon2id$one"
        learn.start_lesson(user, lesson)
        learn.submit_query(user, lesson.exercises[0], False, "no such table", key="k")
        assert learn.submit_query(user, lesson.exercises[0], False, "no such table", key="k").replayed
        learn.solve(user, lesson)
        learn.complete_lesson(user, reading, 100)
        learn.record_activity(user, activity)
        learn.record_activities([{"user_id": user, "activity_type": activity}])
        learn.award_xp(user, 500)
        learn.reverse_xp(user, learn.transactions(user)[0])
        learn.grant_streak_freezes(user)
        learn.grant_achievement(user, badge)
        learn.revoke_achievement(user, badge)
        assert learn.check_achievements(user) == []
        assert learn.achievement_progress(user)[badge].percentage == 0
        assert learn.dashboard(user)["tracks_completed"] == 1
        assert learn.calculate_user_streak(user) == 1
        assert learn.calculate_level_from_xp(100) == 2
        assert learn.xp_for_level(2) == 100
    assert learn.stats(user).total_xp == 10 + 15 + 50 + 50 + 20 + 200 + 2 + 500 - 10


READS: dict[str, Callable[[Learn, UUID], Any]] = {
    "user_dashboard": lambda learn, user: learn.dashboard(user)["total_xp"],
    "achievement_catalog": lambda learn, _: learn.value("select count(*) > 0 from learn.achievement_catalog"),
    "achievement_progress": lambda learn, user: len(learn.achievement_progress(user)),
    "calculate_user_streak": lambda learn, user: learn.calculate_user_streak(user),
    "xp_transactions": lambda learn, user: learn.ledger(user),
    "activity_log": lambda learn, user: learn.facts(user),
}


@pytest.mark.parametrize("what", READS)
def test_learn_readonly_reads_what_the_owner_reads(learn: Learn, user: UUID, what: str) -> None:
    learn.solve(user, learn.make_lesson(1))
    expected = READS[what](learn, user)
    with learn.role("learn_readonly"):
        assert READS[what](learn, user) == expected
