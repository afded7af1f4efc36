"""Whatever the owner writes into learners' rows by hand is refused, carried out, seen by check_integrity()
or means nothing to anybody: table by table and column by column, from the catalog, with all triggers on."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.calls import CALLS, make_scene, statement
from tests.client import Learn, days
from tests.operations.test_mutations import COLUMNS, DERIVED, EDITS, FACTS, Undo

# What may be edited, by table and column, and why nothing follows. "*": all of it.
FREE = {
    "what learners say and choose": """
        assessment_results.-delete course_ratings.* discussions.category discussions.content
        discussions.is_pinned discussions.tags discussions.title discussions.updated_at
        discussions.created_at replies.content
        replies.updated_at replies.created_at discussion_votes.created_at replies.is_solution
        level_attempts.design_snapshot level_attempts.feedback level_attempts.test_results
        query_submissions.query_text query_submissions.duration_ms learning_sessions.metadata
        learning_sessions.resource_id user_course_progress.preferred_difficulty users.*
        user_credentials.* user_avatars.* quiz_attempts.time_taken_seconds
        user_answers.time_spent_seconds drawn_quizzes.*""",
    "carried out: what follows is counted anew, and what was earned is remembered": """
        assessment_results.-insert daily_challenge_attempts.-delete daily_challenge_attempts.-insert
        discussions.-delete discussions.-insert discussion_votes.-delete discussion_votes.-insert
        hint_usage.-insert imported_challenge_progress.-delete
        imported_challenge_progress.-insert imported_challenge_progress.total_xp learning_sessions.-delete
        learning_sessions.-insert level_attempts.-delete level_attempts.-insert query_submissions.-delete
        query_submissions.-insert quiz_attempts.-delete quiz_attempts.-insert replies.-delete replies.-insert
        replies.discussion_id streak_freezes.-delete streak_freezes.-insert user_achievements.-insert
        user_challenge_progress.-delete user_course_progress.-delete user_course_progress.-insert
        user_difficulty_progress.-delete user_exercise_progress.-delete user_lesson_progress.*
        user_level_unlocks.-delete user_path_progress.-delete user_track_progress.-delete
        user_skills.points_allocated activity_log.-insert""",
    "notes of the moment": """
        closed_periods.-delete period_standings.-delete discussions.view_count replies.first_accepted_at
        learning_sessions.xp_earned level_attempts.xp_earned daily_challenge_attempts.xp_earned
        quiz_attempts.xp_earned
        user_achievements.evidence user_course_progress.last_activity_at user_skills.allocated_at
        user_skills.unlocked_at user_stats.last_active_at local_days.first_at local_days.last_at
        board_stretches.split_at""",
    "messages, and what the network says": """
        notifications.* outbox.* faucet_requests.-delete faucet_requests.-insert faucet_requests.error
        faucet_requests.limited_until faucet_requests.request_ip transactions.-delete
        transactions.achievement_id transactions.consensus_timestamp transactions.created_at
        transactions.error transactions.hashscan_url transactions.updated_at""",
    "limits and memory of calls: an operator may lift them, and what has paid is noted elsewhere": """
        idempotency_keys.* rate_limits.* recent_calls.* recorded_payments.* paid_questions.* wallet_nonces.*
        recorded_subjects.-insert withdrawn_facts.-insert withdrawn_facts.is_taken_back
        withdrawn_facts.withdrawn_at learner_roles.* erased_roles.* old_progress_table.*
        revoked_achievements.*""",
    "the machine": """
        board_state.* integrity_state.* integrity_findings.* content_lock.* clock_override.*
        merge_requests.* tally_changes.*""",
}
RULES = {*FACTS["content and rules"].split(), *DERIVED} - {"discussions", "replies"}
# Counts that are written as they are, and said by check_integrity().
COUNTS = {
    *("level_attempts", "daily_challenge_attempts", "quiz_attempts", "user_answers"),
    *("discussions", "replies", "user_stats", "user_metrics", "user_metric_days", "user_runs"),
    *(
        "user_activity_days",
        "local_days",
        "board_gains",
        "board_scores",
        "board_stretches",
        "tallies",
        "user_skills",
    ),
    *("user_course_progress", "user_lesson_progress", "user_challenge_progress", "user_exercise_progress"),
    *("user_track_progress", "user_path_progress"),
    *(
        "streak_freezes",
        "tally_changes",
        "clock_override",
        "metric_feeds",
        "xp_marks",
        "achievement_thresholds",
    ),
}
MORE = {
    "inet": ["'192.0.2.99'"],
    "text[]": ["'{{x}}'"],
    "bigint[]": ["'{{1}}'"],
    "time without time zone": ["'03:00'"],
}
# Calls of the scene that would take away what is to be edited, or need more than it has.
LEFT_OUT = (
    *("erase", "delete_", "revoke_", "reset_", "rebuild", "retry", "purge", "unaccept", "unenroll", "fail_"),
    *("advance_faucet", "complete_outbox", "refresh", "ensure", "lock_", "attach_"),
    "merge_",
)


@pytest.fixture
def rich(learn: Learn) -> Learn:
    """A learner with rows in nearly every table, and one with old ones, which are archived."""
    now = learn.clock()
    learn.set_clock("2035-04-01 12:00")
    learn.award_xp(learn.make_user(), 1)
    learn.set_clock(now)
    learn.set_setting("streak_freeze_every_days", 2)
    scene = make_scene(learn)
    for name in CALLS:
        if not name.startswith(LEFT_OUT):
            key = f"'{name}'".encode()
            learn.connection.execute(statement(name).replace(b"'one good call'", key), dict(scene))
    user = scene["user"]
    learn.make_metric(scene["activity"], "distinct_days")
    learn.grant_streak_freezes(user, 3)
    learn.solve(user, solved := learn.make_lesson(1))
    learn.make_path(learn.make_track(solved, difficulty="concepts"))
    course = learn.make_course(0)
    learn.complete_lesson(user, learn.make_lesson(0, course=course, level=learn.make_course_level(course)))
    for zone in ("Europe/Paris", "Pacific/Auckland"):
        learn.advance(days(2))
        learn.run("update learn.users set timezone = %s where id = %s", [zone, user])
        learn.record_activity(user, scene["activity"])
    learn.refresh_leaderboard()
    learn.refresh_analytics()
    learn.finish()
    learn.award_xp(user, 1)
    assert learn.check_integrity() == []
    return learn


def outcome(learn: Learn, edit: sql.Composed, row: str, old: Any = None) -> str:
    """What becomes of an edit, which is undone: nothing, kept, refused, seen or silent."""
    found = "nothing"
    try:
        with learn.connection.transaction():
            done = learn.connection.execute(edit, [row]).fetchall()
            if done:
                learn.finish()
                found = "kept" if old is not None and done[0][0] == old else "silent"
                if found == "silent" and learn.check_integrity():
                    found = "seen"
            raise Undo
    except Undo:
        return found
    except psycopg.Error as error:
        if (error.sqlstate or "")[:2] not in ("LX", "23"):
            raise
        return "refused"


def edits(table: sql.Identifier, columns: dict[str, str]) -> dict[str, list[sql.Composed]]:
    """By column, and for deletions and insertions of the like for another learner."""
    found = {"-delete": [sql.SQL("delete from {} where ctid = %s::tid returning 1").format(table)]}
    owner = next((name for name in ("user_id", "author_id") if name in columns), None)
    if owner is not None:
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        like = sql.SQL(
            "insert into {0} ({1}) select {1} from (select (jsonb_populate_record(null::{0}, to_jsonb(t) ||"
            " jsonb_build_object({2}, u.id))).* from {0} t, learn.users u where t.ctid = %s::tid"
            " and u.username = 'bob-of-the-scene') like_it returning 1"
        )
        found["-insert"] = [like.format(table, names, sql.Literal(owner))]
    for column, kind in columns.items():
        name = sql.Identifier(column)
        change = (
            "update {0} set {1} = {2} where ctid = %s::tid and {1} is distinct from {2} returning {1}::text"
        )
        found[column] = [
            sql.SQL(change).format(table, name, sql.SQL(edit.format(column)))
            for edit in (EDITS | MORE).get(kind, ["null"])[:2]
        ]
    return found


@pytest.mark.no_integrity
def test_every_edit_is_refused_carried_out_seen_or_free(rich: Learn) -> None:
    learn = rich
    free = {name for names in FREE.values() for name in names.split()}
    tables: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for schema, table, column, kind in learn.tuples(COLUMNS):
        if table not in RULES:
            tables[schema, table][column] = kind
    silent, broken, tried = set(), set(), set()
    for (schema, table), columns in tables.items():
        if f"{table}.*" in free:
            continue
        for row in learn.values(f"select ctid::text from {schema}.{table} order by ctid desc limit 2"):
            for what, statements in edits(sql.Identifier(schema, table), columns).items():
                place = f"{table}.{what}"
                old = None
                if what in columns:
                    query = sql.SQL("select {}::text from {} where ctid = %s::tid")
                    found = learn.connection.execute(
                        query.format(sql.Identifier(what), sql.Identifier(schema, table)), [row]
                    ).fetchone()
                    old = found and found[0]
                outcomes = {outcome(learn, one, row, old) for one in statements}
                if outcomes != {"nothing"}:
                    tried.add(table)
                silent |= {place} if "silent" in outcomes else set()
                broken |= {place} if "seen" in outcomes and table not in COUNTS else set()
    assert sorted(silent - free) == []
    assert sorted(broken) == []
    assert sorted({table for _, table in tables if f"{table}.*" not in free} - tried) == []


def test_what_is_said_of_columns_is_about_columns_that_there_are(learn: Learn) -> None:
    found = {f"{table}.{column}" for _, table, column, _ in learn.tuples(COLUMNS)}
    said = {name for names in FREE.values() for name in names.split()}
    assert {name.split(".")[0] for name in said} | COUNTS <= {name.split(".")[0] for name in found}
    assert {name for name in said if not name.endswith((".*", ".-delete", ".-insert"))} <= found
