"""A tally that is not what its rows say is found, and mended by a rebuild, written down or not."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.analytics.recount import told
from tests.client import Learn, days

MEASURES = ("registrations", "active_days", "active_weeks", "xp")
WAYS = {
    "one too many": "update learn_internal.{table} set value = value + 1 where measure = '{measure}'",
    "lost": "delete from learn_internal.{table} where measure = '{measure}'",
    "on another day": "update learn_internal.{table} set day = '2034-01-01', item = '2034-01-01:1'"
    " where measure = '{measure}' and ctid = (select max(ctid) from learn_internal.{table}"
    " where measure = '{measure}')",
}
# Rows that were changed by hand
BEHIND = [
    ("registrations", "update learn.user_stats set registered_on = registered_on - 7"),
    ("active_days", "delete from learn.user_activity_days"),
    ("active_weeks", "delete from learn.user_activity_days"),
    ("active_weeks", "update learn.user_activity_days set is_freeze = true"),
]


@pytest.fixture
def user(learn: Learn) -> UUID:
    """A learner who is counted in every measure."""
    course = learn.make_course(2, track=learn.make_track())
    learn.make_achievement({"metric": "lessons_completed", "at_least": 1}, xp_reward=5)
    made = learn.make_user()
    for lesson in learn.lessons_of(course):
        learn.complete_lesson(made, lesson)
        learn.advance(days(6))
    assert {name for (name,) in learn.tuples("select measure from learn_internal.tally_totals")} == {
        *MEASURES
    }
    return made


def broken_measures(learn: Learn) -> set[str]:
    """The measures that the check names."""
    return {
        str(row.expected).split()[0]
        for row in learn.check_integrity()
        if row.check_name == "tallies_follow_from_rows"
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("table", ["tallies", "tally_changes"])
def test_a_wrong_tally_is_found_and_mended(
    learn: Learn, user: UUID, table: str, measure: str, way: str
) -> None:
    learn.refresh_leaderboard()  # a merge tallies what was paid
    if table == "tallies":
        learn.refresh_analytics()
    before = told(learn)
    done = learn.run(WAYS[way].format(table=table, measure=measure))
    assert done.rowcount > 0
    assert broken_measures(learn) == {measure}
    learn.rebuild_user(user)
    assert learn.check_integrity() == []
    assert told(learn) == before
    learn.refresh_analytics()
    assert told(learn) == before


@pytest.mark.parametrize(("measure", "statement"), BEHIND)
def test_rows_that_were_changed_by_hand_are_missed_in_the_tally(
    learn: Learn, user: UUID, measure: str, statement: str
) -> None:
    before = told(learn)
    learn.run("set local session_replication_role = replica")
    assert learn.run(statement).rowcount > 0
    learn.run("set local session_replication_role = origin")
    assert measure in broken_measures(learn)
    learn.rebuild_user(user)
    assert learn.check_integrity() == []
    assert told(learn) == before
    learn.refresh_analytics()
    assert told(learn) == before
