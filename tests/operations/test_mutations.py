"""What is edited by hand, past all triggers, is seen by check_integrity(): column by column."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from tests.calls import make_scene
from tests.client import Learn, days

# Nothing to compare these with: they are what everything else follows from, or stand for nothing.
FACTS = {
    "content and rules": "achievements avatars challenge_levels challenge_prerequisites challenges"
    " content_reviews course_levels course_prerequisites daily_challenges difficulties exam_types exercises"
    " learning_path_tracks learning_paths level_thresholds metrics notification_rules period_rewards"
    " platform_settings products questions skill_prerequisites skills track_lessons track_prerequisites"
    " xp_rules",
    "who learners are": "users user_credentials learner_roles erased_roles user_avatars"
    " idempotency_keys wallet_nonces user_timezones",
    "what they did and said": "assessment_results course_ratings daily_challenge_attempts discussion_votes"
    " hint_usage imported_challenge_progress learning_sessions level_attempts old_progress_table"
    " query_submissions drawn_quizzes paid_questions quiz_attempts user_answers",
    "what was recorded, paid, granted, revoked and issued then": "activity_log archived_facts"
    " archived_payments closed_periods faucet_requests"
    " nft_certificates notifications outbox period_standings recorded_subjects"
    " recorded_payments revoked_achievements streak_freezes transactions withdrawn_facts"
    " xp_transactions",
    "means of the machine": "audit_log board_state clock_override content_lock merge_requests"
    " integrity_findings integrity_state rate_limits recent_calls turns",
}
# Of these tables, the columns that follow from something else.
DERIVED = {
    "activity_types": "feeds_days feeds_metrics is_capped notifies pays resets_runs",
    "courses": "total_lessons total_levels total_weight",
    "discussions": "downvote_count is_solved reply_count upvote_count",
    "lessons": "is_available",
    "replies": "downvote_count first_accepted_at upvote_count",
    "tracks": "total_items",
}
# Columns of the other tables that are facts, and why.
ALSO_FACTS = {
    "user_achievements.evidence": "what it was earned by then",
    "user_challenge_progress.unlocked_at": "unlocks are sticky, and some are no facts",
    "board_stretches.split_at": "how many users make a stretch crowded: nothing but speed follows",
    "user_course_progress.last_activity_at": "sticky: lessons may have been deleted",
    "user_course_progress.preferred_difficulty": "what the learner chose",
    "user_lesson_progress.score": "what the learner reached",
    "user_lesson_progress.status": "in progress, or not: as its writer says",
    "user_lesson_progress.time_spent_seconds": "what the learner took, in a course or not",
    "user_level_unlocks.unlocked_at": "unlocks are sticky, and no facts",
    "user_stats.last_active_at": "when the learner was seen",
    "user_skills.allocated_at": "when points came",
    "user_skills.points_allocated": "points are truth; levels follow",
    "user_skills.unlocked_at": "when the first points came",
}
# What an edit of a value may be, by its type. The first that changes it and that no constraint refuses
# is tried.
EDITS = {
    "boolean": ["not {0}"],
    "integer": ["{0} + 1", "{0} - 1", "1"],
    "bigint": ["{0} + 1", "{0} - 1", "1"],
    "numeric": ["{0} + 1", "{0} - 1", "1"],
    "text": ["{0} || 'x'", "'completed'", "'in_progress'", "'x'"],
    "timestamp with time zone": ["{0} - interval '1 hour'", "'2035-06-01 00:00+00'"],
    "date": ["{0} - 1", "'2035-06-01'"],
    "integer[]": ["{0} || 4", "'{{}}'"],
    "uuid": ["gen_random_uuid()"],
    "jsonb": ["""'{{"x": 1}}'""", "'[]'"],
}
COLUMNS = """
    select n.nspname::text, c.relname::text, a.attname::text,
      format_type(coalesce(nullif(y.typbasetype, 0), y.oid), null)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      and a.attgenerated = '' and a.attidentity = ''
    join pg_type y on y.oid = a.atttypid
    where n.nspname in ('learn', 'learn_internal') and c.relkind in ('r', 'p') and not c.relispartition
    order by 1, 2, 3
"""


class Undo(Exception):  # noqa: N818 - it is no error
    """The edit was looked at."""


@pytest.fixture
def scene(learn: Learn) -> UUID:
    """A learner with something of every derived table."""
    scene = make_scene(learn)
    user: UUID = scene["user"]
    learn.run("update learn.notification_rules set is_active = true")
    challenge = learn.make_challenge((10, 20))
    learn.check_and_unlock_challenges(user)
    learn.pass_challenge(user, challenge)
    learn.complete_lesson(user, scene["lesson"], 80, 60)
    learn.start_lesson(user, learn.make_lesson(0))
    path = learn.make_lesson(1)
    learn.make_path(learn.make_track(path, difficulty="concepts"))
    learn.solve(user, path)
    course = learn.make_course(0)
    for _ in range(2):
        lesson = learn.make_lesson(0, course=course, level=learn.make_course_level(course))
        learn.complete_lesson(user, lesson)
    learn.make_metric(scene["activity"], "distinct_days")
    learn.allocate_skill_points(user, learn.make_skill(max_level=1), 100)
    learn.refresh_leaderboard()
    learn.refresh_analytics()
    learn.finish()
    learn.advance(days(1))
    learn.award_xp(user, 7)
    learn.record_activity(user, scene["activity"], "page", "13", {"minutes": 1})
    learn.run("update learn.users set timezone = 'Pacific/Auckland' where id = %s", [user])
    learn.advance(days(1))
    learn.record_activity(user, scene["activity"], "page", "14")
    learn.make_achievement({"metric": "xp", "at_least": 10**7})
    assert learn.check_integrity() == []
    return user


def derived(learn: Learn) -> Iterator[tuple[str, str, str, str]]:
    facts = {table for tables in FACTS.values() for table in tables.split()}
    for schema, table, column, kind in learn.tuples(COLUMNS):
        is_derived = column in DERIVED[table].split() if table in DERIVED else table not in facts
        if is_derived and f"{table}.{column}" not in ALSO_FACTS:
            yield schema, table, column, kind


def is_seen(learn: Learn, statement: sql.Composed, row: str) -> bool | None:
    """Whether integrity sees what the statement does to a row; None where it does nothing, or is refused."""
    is_seen = None
    try:
        with learn.connection.transaction():
            if learn.connection.execute(statement, [row]).rowcount > 0:
                is_seen = learn.check_integrity() != []
            raise Undo
    except (Undo, psycopg.errors.IntegrityError):
        return is_seen


@pytest.mark.no_integrity
def test_every_edit_of_what_follows_from_something_else_is_seen(learn: Learn, scene: UUID) -> None:
    """Of some row at least: not all unlocks, say, have anything that follows from them."""
    learn.run("set local session_replication_role = replica")
    missed, rows = [], {}
    for schema, table, column, kind in derived(learn):
        name, edited = sql.Identifier(schema, table), sql.Identifier(column)
        if table not in rows:
            rows[table] = learn.values(f"select ctid::text from {schema}.{table} order by ctid limit 300")
            assert rows[table], f"no row in {table}"
            if table not in DERIVED:
                delete = sql.SQL("delete from {} where ctid = %s::tid").format(name)
                missed += [] if any(is_seen(learn, delete, row) for row in rows[table]) else [table]
        edits = [
            sql.SQL("update {0} set {1} = {2} where ctid = %s::tid and {1} is distinct from {2}").format(
                name, edited, sql.SQL(edit.format(column))
            )
            for edit in EDITS[kind]
        ]
        outcomes: list[bool | None] = []
        for edit, row in itertools.product(edits, rows[table]):
            outcomes.append(is_seen(learn, edit, row))
            if outcomes[-1]:
                break
        if True not in outcomes and False in outcomes:
            missed.append(f"{table}.{column}")
    assert missed == []


def test_what_is_said_of_columns_is_about_columns_that_there_are(learn: Learn) -> None:
    found = {f"{table}.{column}" for _, table, column, _ in learn.tuples(COLUMNS)}
    tables = {column.split(".")[0] for column in found}
    assert {table for tables_of in FACTS.values() for table in tables_of.split()} <= tables
    assert set(ALSO_FACTS) <= found
    assert {f"{table}.{column}" for table, columns in DERIVED.items() for column in columns.split()} <= found
