"""archive_before() and attach_archive(): old facts take little room, and nothing else is different."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
import pytest

from tests.calls import CALLS, Scene, make_scene, statement
from tests.client import Learn
from tests.conftest import FreshDatabase

# What follows from facts, but for ids and for the moments of the machine.
NUMBERS = [
    *("learn.user_stats", "learn.user_metrics", "learn.user_activity_days", "learn.user_exercise_progress"),
    *("learn.user_lesson_progress", "learn.user_course_progress", "learn.user_level_unlocks"),
    *("learn.user_track_progress", "learn.user_path_progress", "learn.user_difficulty_progress"),
    *("learn.user_challenge_progress", "learn.user_achievements", "learn.user_avatars", "learn.user_skills"),
    *("learn.streak_freezes", "learn_internal.user_metric_days", "learn_internal.user_runs"),
    *("learn_internal.local_days", "learn_internal.withdrawn_facts", "learn_internal.board_scores"),
]
NO_NUMBERS = [
    "id",
    "fact_id",
    "withdrawn_at",
    "evidence",
    "tx_id",
    "metadata_uri",
    "minted_at",
    "unlocked_at",
]
PARTITIONS = """
    select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('learn.activity_log'::regclass, 'learn.xp_transactions'::regclass)
      and c.relname ~ '_2035_0[1-5]$' order by 1
"""
OLD = """
    select (select count(*) from learn.activity_log where recorded_at < %(until)s)
      + (select count(*) from learn.xp_transactions where created_at < %(until)s)
"""
MAY = date(2035, 5, 1)


def numbers(learn: Learn) -> dict[str, Any]:
    """All that follows from the facts of all learners, and what they are."""
    learn.finish()
    learn.refresh_leaderboard()
    learn.finish()
    found: dict[str, Any] = {
        table: learn.values(
            f"select (to_jsonb(t) - %s::text[])::text from {table} t order by 1", [NO_NUMBERS]
        )
        for table in NUMBERS
    }
    found["facts"] = learn.tuples(
        "select user_id, activity_type, xp, occurred_at, local_date, is_qualifying, recorded_at"
        " from learn_internal.all_facts order by 1, 2, 4, 3, 5, 6, 7"
    )
    found["ledger"] = learn.tuples(
        "select user_id, activity_type, amount, earned_on, created_at from learn_internal.all_payments"
        " order by 1, 2, 3, 4, 5"
    )
    found["tallies"] = learn.tuples("select * from learn_internal.tally_totals order by 1, 2, 3")
    return found


def readings(learn: Learn) -> dict[str, Any]:
    """What people are shown and told, of every learner, and everything that is theirs."""
    badges = learn.values("select slug from learn.achievements where not is_hidden order by 1")
    shown: dict[str, Any] = {}
    for user in learn.values("select id from learn.users order by 1"):
        export = learn.export_user(user)
        shown[f"{user} export"] = {key: part for key, part in export.items() if key != "exported_at"}
        shown[f"{user} xp"] = learn.tuples(
            "select * from learn.explain_xp(%s, '2035-01-01', '2035-12-31')", [user]
        )
        shown[f"{user} why"] = [learn.tuples("select * from learn.why(%s, %s)", [user, b]) for b in badges]
        shown[f"{user} dashboard"] = learn.dashboard(user)
    shown["courses"] = learn.tuples("select * from learn.course_xp order by 1, 2")
    for period in ("day", "week", "month", "all_time"):
        shown[period] = learn.tuples("select * from learn.leaderboard(%s)", [period])
    return shown


def rows(learn: Learn) -> list[list[tuple[Any, ...]]]:
    tables = ("activity_log", "xp_transactions")
    return [learn.tuples(f"select * from learn.{table} order by user_id, id") for table in tables]


@pytest.fixture
def scene(learn: Learn) -> Scene:
    """Learners with rows of nearly every kind of March, who have learned on; it is June."""
    learn.set_clock("2035-03-07 12:00")
    learn.set_setting("max_event_age_days", 365)
    made = make_scene(learn)
    for name in (
        "submit_query",
        "submit_quiz",
        "submit_level_attempt",
        "grant_achievement",
        "complete_lesson",
    ):
        learn.connection.execute(statement(name).replace(b"'one good call'", f"'{name}'".encode()), made)
    learn.set_clock("2035-04-30 23:59")
    learn.award_xp(made["user"], 20)
    learn.solve(made["author"], learn.make_lesson(1))
    learn.set_clock("2035-05-01 00:00")
    learn.award_xp(made["user"], 30)
    learn.ensure_partitions(date(2035, 6, 13))  # of some months; what comes now is in the default partitions
    learn.set_clock("2035-06-13 12:00")
    learn.award_xp(made["author"], 10)
    learn.finish()
    return made


def test_nothing_is_different_once_it_is_archived_and_when_it_is_back(learn: Learn, scene: Scene) -> None:
    learn.rebuild_whoever()
    before = numbers(learn), readings(learn)
    log, partitions = rows(learn), learn.values(PARTITIONS)
    assert learn.archive_before(date(2035, 4, 2)) > 20
    assert learn.archive_before(MAY) > 0
    assert learn.archive_before(MAY) == 0
    old = {"until": MAY}
    assert learn.value(OLD, old) == 0
    assert learn.values(PARTITIONS) == ["activity_log_2035_05", "xp_transactions_2035_05"]
    assert (numbers(learn), readings(learn)) == before
    assert learn.check_integrity() == []
    learn.rebuild_whoever()
    assert (numbers(learn), readings(learn)) == before

    assert learn.attach_archive(date(2036, 1, 1)) == 0
    assert learn.attach_archive(date(2035, 7, 1)) > 20
    assert learn.attach_archive() == 0
    assert rows(learn) == log
    assert learn.values(PARTITIONS) == partitions
    assert (numbers(learn), readings(learn)) == before
    assert learn.archive_before(MAY) > 20


def outcome(learn: Learn, scene: Scene, name: str) -> tuple[Any, ...]:
    """How a call ends, and what is true then; it is rolled back."""
    sqlstate, found, damage = None, {}, []
    with learn.connection.transaction(force_rollback=True):
        try:
            with learn.connection.transaction():
                learn.connection.execute(statement(name), scene)
                learn.finish()
            found = numbers(learn)
            damage = learn.check_integrity()
        except psycopg.Error as error:
            sqlstate = error.sqlstate
    return sqlstate, found, damage


CHANGING = [
    *("award_xp", "complete_lesson", "erase_user", "grant_streak_freezes", "merge_users", "rebuild_all"),
    *("record_activities", "record_activity", "regrade_question", "reset_progress", "reverse_xp"),
    *("revoke_achievement", "submit_query", "submit_quiz", "unenroll", "update_profile", "rebuild_user"),
    *(
        "delete_discussion",
        "backfill_achievement",
        "import_old_progress",
        "close_period",
        "submit_level_attempt",
    ),
]


def test_every_call_does_the_same_with_and_without_an_archive(learn: Learn, scene: Scene) -> None:
    """Late facts too: the times that calls name are of March, and what they pay and end is archived."""
    assert set(CHANGING) < set(CALLS)
    before = {name: outcome(learn, scene, name) for name in CHANGING}
    learn.archive_before(MAY)
    for name in CHANGING:
        assert outcome(learn, scene, name) == before[name], name
    done = [name for name, (sqlstate, _, _) in before.items() if sqlstate is None]
    assert len(done) > len(CHANGING) - 4, sorted(set(CHANGING) - set(done))


def test_a_new_definition_counts_what_is_archived(learn: Learn, scene: Scene) -> None:
    learn.archive_before(MAY)
    counted = learn.value(
        "select count(*) from learn_internal.all_facts where user_id = %s and activity_type = %s",
        [scene["user"], scene["activity"]],
    )
    assert learn.metric(scene["user"], learn.make_metric(scene["activity"])) == counted > 0
    with learn.refuses("LX001"):
        learn.run("delete from learn.activity_types where key = %s", [scene["activity"]])


def test_merged_facts_are_archived_again_and_erased_ones_are_gone(learn: Learn, scene: Scene) -> None:
    learn.archive_before(MAY)
    of = "select count(*) from learn_internal.archived_facts where user_id = %s"
    learn.merge_users(scene["author"], scene["user"])
    learn.finish()
    assert learn.value(OLD, {"until": MAY}) == 0
    assert (learn.value(of, [scene["author"]]), learn.value(of, [scene["user"]])) == (0, 1)
    assert learn.check_integrity() == []
    learn.erase_user(scene["user"])
    learn.finish()
    assert learn.value(of, [scene["user"]]) == 0
    assert (
        learn.value("select count(*) from learn_internal.all_payments where user_id = %s", [scene["user"]])
        == 0
    )


def test_what_happens_once_is_not_paid_again(learn: Learn) -> None:
    learn.set_clock("2035-03-07 12:00")
    user, lesson = learn.make_user(), learn.make_lesson(0)
    kind = learn.make_activity_type(happens_once=True, xp=7)
    for _ in range(2):
        learn.complete_lesson(user, lesson)
        learn.record_activity(user, kind, "page", "1")
        learn.award_xp(user, 5, "prize", "of the day")
        paid = learn.stats(user).total_xp
        learn.set_clock("2035-06-13 12:00")
        learn.archive_before(MAY)
    assert paid == learn.stats(user).total_xp == 50 + 7 + 5


def test_caps_of_today_are_not_lifted(learn: Learn) -> None:
    """A day that is not over may have begun in the month before."""
    learn.set_clock("2035-05-31 23:00")
    user = learn.make_user(timezone="America/New_York")
    kind = learn.make_activity_type(xp=10, daily_cap=10)
    learn.record_activity(user, kind)
    for clock in ("2035-06-01 01:00", "2035-06-03 23:00"):
        learn.set_clock(clock)
        with learn.refuses("LX001"):
            learn.archive_before(date(2035, 6, 1))
    learn.set_clock("2035-06-04 00:00")
    assert learn.archive_before(date(2035, 6, 30)) > 0


@pytest.mark.parametrize("month", [None, date(2035, 7, 1), date(2036, 1, 1), date.max, date(1969, 12, 31)])
def test_only_months_that_are_over_are_archived(learn: Learn, month: date | None) -> None:
    with learn.refuses("LX001"):
        learn.archive_before(month)


@pytest.mark.parametrize(
    "edit",
    [
        "delete from learn_internal.archived_facts",
        "update learn_internal.archived_payments set amount = amount",
        "insert into learn_internal.archived_facts select * from learn_internal.archived_facts",
        "insert into learn_internal.archived_payments select * from learn_internal.archived_payments",
        "delete from learn_internal.archived_payments",
        "update learn_internal.archived_facts set xp = xp",
    ],
)
def test_the_archive_is_not_written_by_hand(learn: Learn, edit: str) -> None:
    with learn.refuses("LX010"):
        learn.run(edit)
    for table in ("archived_facts", "archived_payments"):
        with learn.refuses("LX009"):
            learn.run(f"truncate learn_internal.{table}")


def test_whatever_looks_back_reads_the_archive_too(learn: Learn) -> None:
    """Only these read log or ledger alone: what moves rows, and what looks at what it has just written."""
    found = learn.values(
        "select p.proname::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname in ('learn', 'learn_internal')"
        r" and p.prosrc ~ '(from|join) learn\.(activity_log|xp_transactions)\M'"
        " union select viewname::text from pg_views where schemaname in ('learn', 'learn_internal')"
        r" and definition ~ '(FROM|JOIN) \(*learn\.(activity_log|xp_transactions)\M' order by 1"
    )
    moving = {"all_facts", "all_payments", "archive_before", "move_facts", "pack_archive"}
    present = {"daily_challenge_attempts_inserted", "level_attempts_inserted", "notify_facts", "paid_today"}
    assert set(found) == moving | present | {"quizzes_completed", "pay_questions"}


def test_no_statistics_outlive_who_is_erased(learn: Learn) -> None:
    sampled = learn.values(
        "select distinct attname::text from pg_attribute where attrelid in ("
        "'learn_internal.archived_facts'::regclass, 'learn_internal.archived_payments'::regclass)"
        " and atttypid in ('text[]'::regtype, 'jsonb[]'::regtype)"
        " and coalesce(attstattarget, -1) <> 0 order by 1"
    )
    assert sampled == ["activity_type", "source_type"]


def test_a_table_in_the_way_is_named_and_nothing_has_happened(learn: Learn, scene: Scene) -> None:
    learn.archive_before(MAY)
    before = rows(learn)
    learn.run("create table learn.activity_log_2035_03 (note text)")
    with learn.refuses("LX001"):
        learn.attach_archive()
    learn.run("drop table learn.activity_log_2035_03")
    assert rows(learn) == before


def test_months_that_have_a_partition_get_their_rows_back_into_it(learn: Learn, scene: Scene) -> None:
    log = rows(learn)
    learn.archive_before(MAY)
    learn.run(
        "insert into learn.activity_log (user_id, activity_type, recorded_at)"
        " values (%s, 'lesson_started', '2035-03-09')",
        [scene["user"]],
    )
    learn.ensure_partitions(date(2035, 6, 1))
    learn.attach_archive()
    assert len(rows(learn)[0]) == len(log[0]) + 1
    assert rows(learn)[1] == log[1]
    assert learn.values(PARTITIONS)[:2] == ["activity_log_2035_03", "activity_log_2035_04"]


def test_an_older_snapshot_is_refused(fresh: FreshDatabase) -> None:
    connection = fresh.connect()
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    learn = Learn(connection)
    with learn.refuses("LX001"):
        learn.archive_before(date(2020, 1, 1))
    with learn.refuses("LX001"):
        learn.attach_archive()
    connection.close()
