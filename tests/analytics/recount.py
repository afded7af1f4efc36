"""The numbers of analytics, recounted in plain Python from the facts, and as the views tell them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from tests.client import Learn

Numbers = dict[str, list[tuple[Any, ...]]]
STAGES = (25, 50, 75)

VIEWS = {
    "daily": "select activity_date, active_learners, new_learners from learn.daily_active_learners",
    "weekly": "select week_start, active_learners, new_learners from learn.weekly_active_learners",
    "retention": "select cohort_week, weeks_since, learners, active_learners, share_active::float"
    " from learn.cohort_retention",
    "courses": "select slug, enrolled, started, reached_25, reached_50, reached_75, completed"
    " from learn.course_funnel",
    "tracks": "select slug, started, reached_25, reached_50, reached_75, completed from learn.track_funnel",
    "badges": "select slug, holders, learners, share::float from learn.achievement_rarity",
    "daily xp": "select earned_on, activity_type, xp from learn.daily_xp_by_source",
    "weekly xp": "select week_start, activity_type, xp from learn.weekly_xp_by_source",
    "streaks": "select days, learners, learners_at_longest from learn.streak_distribution",
}


def told(learn: Learn) -> Numbers:
    """What the views say, sorted."""
    return {name: sorted(learn.tuples(query)) for name, query in VIEWS.items()}


def monday(day: date) -> date:
    """The first day of the week."""
    return day - timedelta(days=day.weekday())


def recounted(learn: Learn) -> Numbers:
    """The same from the log, the ledger and the learners' own rows, sorted."""
    registered: dict[Any, date] = dict(
        learn.tuples(
            "select user_id, local_date from learn.activity_log where activity_type = 'user_registered'"
        )
    )
    active = set(learn.tuples("select user_id, local_date from learn.activity_log where is_qualifying"))
    ledger = learn.tuples("select earned_on, activity_type, amount from learn.xp_transactions")
    today = learn.value("select (learn.clock() at time zone 'UTC')::date")

    days, new = Counter(day for _, day in active), Counter(registered.values())
    weeks = {(user, monday(day)) for user, day in active}
    in_week, new_in_week = (
        Counter(week for _, week in weeks),
        Counter(monday(day) for day in registered.values()),
    )
    stayed = Counter((monday(registered[user]), week) for user, week in weeks)
    retention = [
        (cohort, number, size, count, round(count / size, 4))
        for cohort, size in new_in_week.items()
        for number in range((today - cohort).days // 7 + 1)
        for count in [stayed[cohort, cohort + timedelta(weeks=number)]]
    ]
    xp, xp_in_week = Counter[Any](), Counter[Any]()
    for day, source, amount in ledger:
        xp[day, source] += amount
        xp_in_week[monday(day), source] += amount

    numbers: Numbers = {
        "daily": [(day, days[day], new[day]) for day in days.keys() | new.keys()],
        "weekly": [(week, in_week[week], new_in_week[week]) for week in in_week.keys() | new_in_week.keys()],
        "retention": retention,
        "courses": _courses(learn),
        "tracks": _tracks(learn),
        "badges": _badges(learn, len(registered)),
        "daily xp": [(*key, amount) for key, amount in xp.items() if amount],
        "weekly xp": [(*key, amount) for key, amount in xp_in_week.items()],
        "streaks": _streaks(learn),
    }
    return {name: sorted(rows) for name, rows in numbers.items()}


def _reached(percentages: Iterable[tuple[float, bool]]) -> tuple[int, ...]:
    """Learners at 25, 50, 75 % and completed; each as (percentage, is completed)."""
    found = list(percentages)
    return (
        *(sum(percentage >= stage or done for percentage, done in found) for stage in STAGES),
        sum(done for _, done in found),
    )


def _courses(learn: Learn) -> list[tuple[Any, ...]]:
    rows = []
    for course, slug in learn.tuples("select id, slug from learn.courses"):
        found = learn.tuples(
            "select completion_percentage, completed_at is not null, lessons_completed > 0"
            " from learn.user_course_progress where course_id = %s",
            [course],
        )
        started = sum(done or begun for _, done, begun in found)
        rows.append((slug, len(found), started, *_reached((at, done) for at, done, _ in found)))
    return rows


def _tracks(learn: Learn) -> list[tuple[Any, ...]]:
    rows = []
    for track, slug in learn.tuples("select id, slug from learn.tracks"):
        found = learn.tuples(
            "select items_completed, total_items, completed_at is not null from learn.user_track_progress"
            " where track_id = %s",
            [track],
        )
        started = sum(done or items > 0 for items, _, done in found)
        shares = [(100 * items / total if total else 0, done) for items, total, done in found]
        rows.append((slug, started, *_reached(shares)))
    return rows


def _badges(learn: Learn, learners: int) -> list[tuple[Any, ...]]:
    holders = Counter(row[0] for row in learn.tuples("select achievement_id from learn.user_achievements"))
    return [
        (slug, holders[badge], learners, round(holders[badge] / learners, 4) if learners else None)
        for badge, slug in learn.tuples("select id, slug from learn.achievements")
    ]


def _streaks(learn: Learn) -> list[tuple[Any, ...]]:
    now, longest = Counter[int](), Counter[int]()
    for user, best in learn.tuples("select user_id, longest_streak from learn.user_stats"):
        now[learn.calculate_user_streak(user)] += 1
        longest[best] += 1
    return [(length, now[length], longest[length]) for length in now.keys() | longest.keys()]
