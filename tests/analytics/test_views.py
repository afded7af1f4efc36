"""What the views tell a product owner is what a recount of the facts says, refreshed or not."""

from __future__ import annotations

from collections import Counter
from datetime import date
from uuid import UUID

import pytest
from psycopg import errors

from tests.analytics.history import History
from tests.analytics.recount import VIEWS, recounted, told
from tests.client import Learn, days


def view(learn: Learn, name: str) -> list[tuple[object, ...]]:
    """The rows of one view, sorted."""
    return sorted(learn.tuples(VIEWS[name]))


@pytest.mark.parametrize("seed", range(4))
def test_every_view_says_what_a_recount_of_a_random_history_says(learn: Learn, seed: int) -> None:
    history = History(learn, seed)
    acts = Counter(history.act() for _ in range(220))
    assert acts.keys() >= {"sign up", "learn", "wait", "take back", "leave", "refresh"}
    before = recounted(learn)
    assert told(learn) == before
    assert len(before["retention"]) > 10
    assert learn.refresh_analytics() > 0
    assert told(learn) == before
    learn.rebuild_whoever()
    assert told(learn) == before
    assert learn.refresh_analytics() >= 0
    assert told(learn) == before


def test_an_empty_database_has_no_numbers_but_its_catalog(learn: Learn) -> None:
    assert learn.refresh_analytics() == 0
    assert {name for name, rows in told(learn).items() if rows} == {"badges"}
    assert {row[1:] for row in view(learn, "badges")} == {(0, 0, None)}


def test_a_late_fact_counts_on_the_day_it_happened_after_a_refresh_too(learn: Learn, user: UUID) -> None:
    learn.solve(user, learn.make_lesson())
    learn.refresh_analytics()
    learn.solve(user, learn.make_lesson(), at=learn.clock() - days(9))  # noon of 2035-06-13, a Wednesday
    assert view(learn, "daily") == [(date(2035, 6, 4), 1, 0), (date(2035, 6, 13), 1, 1)]
    assert view(learn, "weekly") == [(date(2035, 6, 4), 1, 0), (date(2035, 6, 11), 1, 1)]
    assert view(learn, "retention") == [(date(2035, 6, 11), 0, 1, 1, 1.0)]
    assert (date(2035, 6, 4), "lesson_completed", 50) in view(learn, "daily xp")


def test_a_learner_is_active_once_a_day_and_once_a_week(learn: Learn, user: UUID) -> None:
    for _ in range(3):
        learn.solve(user, learn.make_lesson())
        learn.solve(user, learn.make_lesson())
        learn.refresh_analytics()
        learn.advance(days(1))
    assert [row[1] for row in view(learn, "daily")] == [1, 1, 1]
    assert [row[1] for row in view(learn, "weekly")] == [1]


def test_days_are_those_of_the_learner(learn: Learn) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        learn.solve(learn.make_user(timezone=zone), learn.make_lesson())
    learn.set_clock("2035-06-17 11:00")  # Sunday in Samoa, 01:00 of Monday on Kiritimati
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        learn.solve(learn.make_user(timezone=zone), learn.make_lesson())
    assert view(learn, "weekly") == [(date(2035, 6, 11), 3, 3), (date(2035, 6, 18), 1, 1)]


def test_signing_up_makes_nobody_active(learn: Learn) -> None:
    learn.make_user()
    assert view(learn, "daily") == [(date(2035, 6, 13), 0, 1)]
    assert view(learn, "retention") == [(date(2035, 6, 11), 0, 1, 0, 0.0)]


def test_weeks_without_activity_are_in_the_retention(learn: Learn, user: UUID) -> None:
    learn.advance(days(14))
    learn.solve(user, learn.make_lesson())
    assert [row[1:4] for row in view(learn, "retention")] == [(0, 1, 0), (1, 1, 0), (2, 1, 1)]


def test_moving_to_another_zone_leaves_the_cohort(learn: Learn) -> None:
    learn.set_clock("2035-06-17 23:00")
    user = learn.make_user()
    before = view(learn, "retention")
    learn.run("update learn.users set timezone = 'Pacific/Kiritimati' where id = %s", [user])
    learn.rebuild_user(user)
    assert view(learn, "retention") == before


def test_a_funnel_counts_who_has_come_at_least_so_far(learn: Learn) -> None:
    course = learn.make_course(4)
    for completed in range(5):
        user = learn.make_user()
        learn.enroll_in_course(user, course)
        for lesson in learn.lessons_of(course)[:completed]:
            learn.complete_lesson(user, lesson)
    assert view(learn, "courses") == [(course.slug, 5, 4, 4, 3, 2, 1)]
    learn.make_lesson(0, course=course)  # 25 % are 20 % now; what was completed stays completed
    assert view(learn, "courses") == [(course.slug, 5, 4, 3, 2, 1, 1)]
    learn.run("delete from learn.courses")
    assert view(learn, "courses") == []


def test_a_reversal_is_a_source_below_zero(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 70)
    learn.refresh_analytics()
    learn.advance(days(1))
    learn.reverse_xp(user, learn.transactions(user)[0])
    assert view(learn, "daily xp") == [
        (date(2035, 6, 13), "xp_awarded", 70),
        (date(2035, 6, 14), "xp_reversed", -70),
    ]
    assert sum(row[2] for row in learn.tuples(VIEWS["weekly xp"])) == 0


def test_a_revoked_badge_has_a_holder_less(learn: Learn) -> None:
    badge = learn.make_achievement({"metric": "xp", "at_least": 10})
    user, _ = learn.make_user(), learn.make_user()
    learn.award_xp(user, 10)
    assert (badge, 1, 2, 0.5) in view(learn, "badges")
    learn.refresh_analytics()
    learn.revoke_achievement(user, badge)
    assert (badge, 0, 2, 0.0) in view(learn, "badges")


def test_who_is_deleted_was_never_there(learn: Learn) -> None:
    course = learn.make_course(2)
    users = [learn.make_user() for _ in range(3)]
    before = told(learn)
    gone = [learn.make_user(timezone="Asia/Manila") for _ in range(2)]
    for user in gone:
        learn.enroll_in_course(user, course)
        learn.solve(user, learn.lessons_of(course)[0])
        learn.refresh_analytics()
        learn.advance(days(8))
        learn.solve(user, learn.lessons_of(course)[1])
    learn.run("delete from learn.users where id = any(%s)", [gone])
    after = told(learn)
    assert {name for name in VIEWS if after[name] != before[name]} == {"retention"}
    assert {row[3] for row in after["retention"]} == {0}  # as empty weeks go by
    assert after == recounted(learn)
    learn.refresh_analytics()
    assert told(learn) == after
    assert len(users) == after["badges"][0][2]


def test_who_is_inactive_has_still_learned(learn: Learn, user: UUID) -> None:
    learn.solve(user, learn.make_lesson())
    before = told(learn)
    learn.run("update learn.users set is_active = false where id = %s", [user])
    assert told(learn) == before


def test_streaks_are_told_as_of_each_learners_today(learn: Learn) -> None:
    learn.set_clock("2035-06-13 11:30")  # one day ahead on Kiritimati
    for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        learn.solve(learn.make_user(timezone=zone), learn.make_lesson())
    rested = learn.make_user()
    learn.grant_streak_freezes(rested, 2)
    learn.solve(rested, learn.make_lesson())
    expected = {0: [(1, 4, 4)], 1: [(1, 4, 4)], 2: [(0, 3, 0), (1, 1, 4)], 4: [(0, 4, 0), (1, 0, 4)]}
    for passed in range(5):
        assert view(learn, "streaks") == recounted(learn)["streaks"]
        if passed in expected:
            assert view(learn, "streaks") == expected[passed]
        learn.advance(days(1))


def test_readers_see_numbers_and_none_of_what_is_behind_them(learn: Learn) -> None:
    learn.solve(learn.make_user(), learn.make_lesson())
    with learn.role("learn_readonly"):
        assert told(learn)["weekly"] == [(date(2035, 6, 11), 1, 1)]
        with learn.fails("42501"):
            learn.refresh_analytics()
        with learn.fails("42501"):
            learn.tuples("select * from learn_internal.tally_changes")
    with learn.role("learn_app"):
        assert learn.refresh_analytics() > 0


def test_bulk_counts_like_single_rows(learn: Learn) -> None:
    course = learn.make_course(3)
    users = [learn.make_user() for _ in range(4)]
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status, completed_at)"
        " select u, l.id, 'completed', learn.clock() - l.number * interval '3 days'"
        " from unnest(%s::uuid[]) u,"
        " (select id, row_number() over (order by id) as number from learn.lessons) l"
        " where l.id = any(%s)",
        [users, [lesson.id for lesson in learn.lessons_of(course)]],
    )
    assert told(learn) == recounted(learn)
    assert view(learn, "courses") == [(course.slug, 4, 4, 4, 4, 4, 4)]


@pytest.mark.parametrize("plans", ["as they come", "without an index"])
def test_rows_can_be_asked_for_by_their_keys(learn: Learn, plans: str) -> None:
    """The tallies of all measures are in one table: what is no date or number is not taken for one."""
    course = learn.make_course(2, track=learn.make_track())
    user = learn.make_user()
    learn.solve(user, learn.lessons_of(course)[0])
    learn.refresh_analytics()
    learn.solve(user, learn.lessons_of(course)[1])
    if plans == "without an index":
        for setting in ("indexscan", "bitmapscan"):
            learn.run(f"set local enable_{setting} = off")
    for query, found in (
        ("select active_learners from learn.cohort_retention where cohort_week = '2035-06-11'", 1),
        ("select active_learners from learn.cohort_retention where cohort_week < '2035-06-12'", 1),
        ("select completed from learn.course_funnel where course_id = %(course)s", 1),
        ("select completed from learn.course_funnel where course_id > 0 and completed > 0", 1),
        ("select completed from learn.track_funnel where track_id = %(track)s", 1),
    ):
        arguments = {"course": course.id, "track": learn.value("select max(id) from learn.tracks")}
        assert learn.value(query, arguments) == found


def test_no_tally_names_a_user(learn: Learn, user: UUID) -> None:
    learn.solve(user, learn.make_lesson())
    learn.refresh_analytics()
    rows = learn.tuples("select t::text from learn_internal.tallies t")
    assert rows
    assert not any(str(user) in row for (row,) in rows)


def test_measures_are_known_ones(learn: Learn) -> None:
    with pytest.raises(errors.CheckViolation), learn.connection.transaction():
        learn.run("insert into learn_internal.tallies values ('revenue', '2035-06-13', '', 1)")
