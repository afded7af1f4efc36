"""Everything that the database holds about users, to compare before and after, or one way with another."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from tests.client import Learn

PROJECTIONS = (
    "learn.user_stats",
    "learn.user_metrics",
    "learn.user_activity_days",
    "learn.user_lesson_progress",
    "learn.user_exercise_progress",
    "learn.user_course_progress",
    "learn.user_level_unlocks",
    "learn.user_track_progress",
    "learn.user_path_progress",
    "learn.user_difficulty_progress",
    "learn.user_achievements",
    "learn.user_avatars",
    "learn.streak_freezes",
    "learn_internal.user_metric_days",
    "learn_internal.recorded_subjects",
)
FACTS = ("learn.activity_log", "learn.xp_transactions", "learn.query_submissions")


Snapshot = dict[str, list[dict[str, Any]]]


def differences(
    one: Snapshot, other: Snapshot
) -> dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Rows that only one of two snapshots has, by table; tables without such rows left out."""
    return {
        table: (
            [row for row in rows if row not in other[table]],
            [row for row in other[table] if row not in rows],
        )
        for table, rows in one.items()
        if rows != other[table]
    }


def snapshot(learn: Learn, users: Collection[UUID], *, without: Collection[str] = ()) -> Snapshot:
    """Rows of the users by table, in an order that does not depend on how they came; `without` some columns.

    A counter that is back at 0 is the same as one that was never written.
    """
    return {
        table: [
            row
            for (row,) in learn.tuples(
                f"select to_jsonb(t) - %s::text[] from {table} t where t.user_id = any (%s)"
                + (" and t.value <> 0" if table == "learn.user_metrics" else "")
                + " order by (to_jsonb(t) - %s::text[])::text",
                [list(without), list(users), list(without)],
            )
        ]
        for table in (*PROJECTIONS, *FACTS)
    }
