"""The view learn.health: ailments are found, and its statements mend them; learn.jobs: every job runs."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.client import Learn
from tests.concurrency.sessions import client
from tests.conftest import FreshDatabase


def findings(learn: Learn) -> list[tuple[str, str, str, str]]:
    """Without what is so on any new server: settings, and that no backend is there yet."""
    return [
        tuple(row)
        for row in learn.rows(
            "select severity, topic, subject, mend from learn.health"
            " where topic not in ('settings', 'sessions') and (topic, severity) <> ('roles', 'note')"
        )
    ]


def test_nothing_ails_a_new_database(learn: Learn) -> None:
    learn.set_clock(None)
    assert findings(learn) == []


@pytest.mark.no_integrity
@pytest.mark.parametrize(
    ("harm", "topic", "subject"),
    [
        ("alter table learn.users disable trigger keep_zone", "triggers", "keep_zone on learn.users"),
        ("update learn.user_stats set longest_streak = 9", "integrity", ""),
        ("revoke usage on schema learn from learn_app", "grants", "learn"),
        ("grant execute on function learn.clock() to public", "grants", "learn.clock()"),
        ("alter view learn.economy owner to postgres", "grants", "learn.economy"),
        ("alter table learn.users set (autovacuum_enabled = false)", "bloat", "learn.users"),
        ("alter table learn.users set (autovacuum_enabled = off)", "bloat", "learn.users"),
        (
            "create index twin on learn.user_achievements (user_id, earned_at, achievement_id);"
            "create index copy on learn.user_achievements (user_id, earned_at, achievement_id)",
            "indexes",
            "learn.copy",
        ),
        ("create unique index copy on learn.users (id)", "indexes", "learn.copy"),
        (
            "update pg_index set indisvalid = false where indexrelid = 'learn.board_scores_order'::regclass",
            "indexes",
            "learn_internal.board_scores_order",
        ),
        (
            "create sequence learn.short as smallint; select setval('learn.short', 30000)",
            "sequences",
            "learn.short",
        ),
        *(
            (
                f"{rows}; alter table learn.{table} alter id restart with 1; analyze learn.{table}",
                "sequences",
                f"learn.{table}_id_seq",
            )
            for table, rows in (
                ("outbox", "insert into learn.outbox (topic) values ('mail')"),
                ("discussions", "insert into learn.discussions (title, content) values ('Joins', 'How?')"),
                ("activity_log", "insert into learn.users (username) values ('grace')"),
            )
        ),
        (
            "insert into learn.outbox (topic, failed_at) values ('mail', now())",
            "outbox",
            "mail",
        ),
        (
            "insert into learn.notifications (user_id, type, title, created_at)"
            " select id, 'x', 'x', learn.clock() - interval '200 days' from learn.users",
            "jobs",
            "notifications",
        ),
    ],
)
def test_ailment_is_found_and_mended(learn: Learn, harm: str, topic: str, subject: str) -> None:
    learn.set_clock(None)
    learn.register_user("ada")
    learn.run(harm.replace("'learn.board_", "'learn_internal.board_"))
    found = findings(learn)
    assert {(row[1], row[2] if subject else "") for row in found} == {(topic, subject)}
    if topic == "outbox":
        return  # for somebody to look at
    mend = found[0][3].replace(" concurrently", "")  # which no transaction allows
    learn.run(mend.split("  --")[0])
    assert findings(learn) == []


def test_what_slices_have_found_is_said_until_the_learner_is_right(learn: Learn) -> None:
    learn.set_clock(None)
    user = learn.register_user("ada")
    learn.run("update learn.user_stats set longest_streak = 9")
    found = learn.rows("select check_name from learn.check_slice(1)")
    said = [subject for _, topic, subject, _ in findings(learn) if topic == "slices"]
    assert set(said) == {check for (check,) in found} != set()
    assert len(said) == len(set(said))
    learn.run("select learn.rebuild_user(%s)", [user])
    learn.rows("select * from learn.check_slice(1)")
    assert findings(learn) == []


def test_a_transaction_left_open_is_found_and_ended(fresh: FreshDatabase) -> None:
    found = "select subject, mend from learn.health where topic = 'sessions'"
    with client(fresh) as learn, fresh.connect() as forgotten:
        forgotten.execute("select from learn.users")
        learn.set_clock(None)
        assert learn.tuples(found) == []
        learn.advance(timedelta(minutes=11))
        pid = forgotten.info.backend_pid
        assert learn.tuples(found) == [(f"pid {pid}", f"select pg_terminate_backend({pid});")]
        learn.run(learn.tuples(found)[0][1])
        with pytest.raises(psycopg.errors.AdminShutdown):
            forgotten.execute("select 1")
        learn.connection.rollback()


def test_a_round_of_slices_that_does_not_end_is_seen(learn: Learn) -> None:
    learn.set_clock(None)
    for name in ("ada", "eve"):
        learn.register_user(name)
    learn.rows("select * from learn.check_slice(0.5)")
    late = "select late is not null from learn.jobs where name = 'integrity'"
    assert learn.value(late) is False
    learn.advance(timedelta(hours=49))
    assert learn.value(late) is True
    for _ in range(2):
        learn.rows("select * from learn.check_slice(0.5)")
    assert learn.value(late) is False


def test_jobs_that_do_not_run_are_seen(learn: Learn) -> None:
    learn.set_clock(None)
    user = learn.register_user("ada")
    learn.complete_lesson(user, learn.make_lesson(exercises=0))
    learn.run("set constraints all immediate")
    assert learn.rows("select name from learn.jobs where late is not null") == []
    learn.advance(timedelta(days=200))
    late = {name for (name,) in learn.rows("select name from learn.jobs where late is not null")}
    assert late >= {"partitions"}
    assert late <= {"partitions", "boards", "notifications", "integrity"}


def test_every_job_runs(learn: Learn) -> None:
    learn.run("set role learn_owner")
    for period in ("week", "month"):
        row = {"metric": "xp", "period": period, "rank_from": 1, "rank_to": 1, "xp": 5}
        learn.insert("period_rewards", returning="xp", **row)
    jobs = learn.rows("select name, command, is_wanted from learn.jobs")
    for job in jobs:
        learn.run(job.command)
    assert {job.name for job in jobs if not job.is_wanted} <= {"challenges"}
    assert len(jobs) == 11
