"""Aralify's documented journey, on a database with its seeds alone."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.client import AwardSummary, Learn, moment
from tests.systems.seeded import run_seeds, seeded_database
from toolkit.servers.choose import ThrowawayServer

pytestmark = pytest.mark.stock

MONDAY, TUESDAY, WEDNESDAY = "2035-06-11", "2035-06-12", "2035-06-13"
LEVELS = ("variables", "conditions", "loops", "functions", "collections")


@pytest.fixture(scope="module")
def shared_database(server: ThrowawayServer, bare: str) -> Iterator[str]:
    yield from seeded_database(server, bare, "aralify")


def test_a_learner_from_sign_up_to_a_finished_course(learn: Learn) -> None:
    # Signs up, in Filipino.
    learn.set_clock(f"{MONDAY} 09:00")
    user = learn.register_user("Malaya", email="malaya@example.ph", timezone="Asia/Manila", locale="fil")
    assert learn.badges(user) == []

    # Browses courses, in the learner's language.
    assert learn.tuples(
        "select c.slug, learn.localized(c.translations, u.locale, 'title', c.title), c.level_count,"
        " c.lesson_count from learn.course_catalog c, learn.users u where u.id = %s order by c.position",
        [user],
    ) == [
        ("python-from-zero", "Python Mula sa Simula", 5, 15),
        ("javascript-from-zero", "JavaScript Mula sa Simula", 5, 15),
    ]

    # Starts a course: its progress is there, and its first level is unlocked.
    started = enroll(learn, user, "python-from-zero")
    assert started == AwardSummary(user, 0, 0, 1, False, 0, [], levels("variables"), False)
    assert progress(learn, user) == ("not_started", 0, 5, Decimal(0), Decimal(0), None)
    assert unlocks(learn, user) == [("variables", False)]

    # Selects a difficulty. The lessons of the level that was unlocked, in the learner's language:
    assert learn.tuples(
        "select l.difficulty, learn.localized(l.translations, 'fil-PH', 'title', l.title), l.xp_reward,"
        " d.xp_multiplier, l.time_limit_seconds, l.estimated_minutes"
        " from learn.user_level_unlocks u join learn.lessons l on l.course_level_id = u.course_level_id"
        " join learn.difficulties d on d.key = l.difficulty where u.user_id = %s order by d.rank",
        [user],
    ) == [
        ("easy", "Pangalan para sa isang halaga", 20, 1, 300, 5),
        ("medium", "Mga numero at teksto", 20, 2, 600, 10),
        ("hard", "Pagpapalit at pagpo-format", 20, 3, 1200, 20),
    ]
    medium, hard = lesson(learn, "variables", "medium"), lesson(learn, "variables", "hard")
    learn.start_lesson(user, medium)
    assert lesson_status(learn, user, medium) == ("in_progress", None)

    # Completes it: 20 times 2, and 10 for the first level. The level is complete, the next one opens.
    learn.set_clock(f"{MONDAY} 09:08")
    done = learn.complete_lesson(user, medium, 80, 480)
    assert done == AwardSummary(user, 50, 50, 1, False, 1, ["unang-hakbang"], levels("conditions"), False)
    assert lesson_status(learn, user, medium) == ("completed", Decimal(80))
    assert progress(learn, user) == ("in_progress", 1, 5, Decimal("20.00"), Decimal("6.67"), None)
    assert unlocks(learn, user) == [("variables", True), ("conditions", False)]

    # The hard tier pays too, 20 times 3, once. It is mastery, not completion.
    harder = learn.complete_lesson(user, hard, 95, 1000)
    assert harder == AwardSummary(user, 60, 110, 2, True, 1, ["matapang"], {}, False)
    assert learn.complete_lesson(user, hard, 100) == AwardSummary(user, 0, 110, 2, False, 1, [], {}, False)
    assert progress(learn, user) == ("in_progress", 1, 5, Decimal("20.00"), Decimal("16.67"), None)

    # A level that is still locked.
    with learn.refuses("LX005") as refusal:
        learn.complete_lesson(user, lesson(learn, "loops", "easy"))
    assert "loops" in refusal.detail
    with learn.refuses("LX005"):
        learn.start_lesson(user, lesson(learn, "collections", "hard"))

    # Level by level, on the next days.
    learn.set_clock(f"{TUESDAY} 10:00")
    second = learn.complete_lesson(user, lesson(learn, "conditions", "easy"), 100)
    # 20, and 20 for a full score
    assert second == AwardSummary(user, 40, 150, 2, False, 2, [], levels("loops"), False)
    third = learn.complete_lesson(user, lesson(learn, "loops", "easy"))
    # 20, and 30 for three levels of Python
    assert third == AwardSummary(user, 50, 200, 2, False, 2, ["snake-charmer"], levels("functions"), False)
    learn.set_clock(f"{WEDNESDAY} 10:00")
    fourth = learn.complete_lesson(user, lesson(learn, "functions", "easy"))
    assert fourth == AwardSummary(user, 20, 220, 2, False, 3, [], levels("collections"), False)
    assert progress(learn, user) == ("in_progress", 4, 5, Decimal("80.00"), Decimal("26.67"), None)

    # The last level completes the course: 20 times 3 + 200, and 100 for the achievement.
    last = learn.complete_lesson(user, lesson(learn, "collections", "hard"))
    assert last == AwardSummary(user, 360, 580, 3, True, 3, ["pythonista"], {}, False)
    assert progress(learn, user) == (
        "completed",
        5,
        5,
        Decimal("100.00"),
        Decimal("36.67"),
        moment(f"{WEDNESDAY} 10:00"),
    )
    assert unlocks(learn, user) == [(level, True) for level in LEVELS]
    python = learn.value("select id from learn.courses where slug = 'python-from-zero'")
    assert learn.ledger(user) == [
        (40, "lesson_completed", str(medium)),
        (10, "achievement_earned", "unang-hakbang"),
        (60, "lesson_completed", str(hard)),
        (20, "lesson_completed", str(lesson(learn, "conditions", "easy"))),
        (20, "lesson_perfect", str(lesson(learn, "conditions", "easy"))),
        (20, "lesson_completed", str(lesson(learn, "loops", "easy"))),
        (30, "achievement_earned", "snake-charmer"),
        (20, "lesson_completed", str(lesson(learn, "functions", "easy"))),
        (60, "lesson_completed", str(lesson(learn, "collections", "hard"))),
        (200, "course_completed", str(python)),
        (100, "achievement_earned", "pythonista"),
    ]
    # What the course gave, achievements apart.
    assert learn.value("select xp_earned from learn.course_xp where user_id = %s", [user]) == 440

    # The tiers that are left make mastery whole, and leave the completion as it is.
    for level in LEVELS:
        for tier in ("easy", "medium", "hard"):
            learn.complete_lesson(user, lesson(learn, level, tier))
    assert progress(learn, user)[3:5] == (Decimal("100.00"), Decimal("100.00"))

    home = learn.dashboard(user)
    assert (home["courses_enrolled"], home["courses_completed"], home["lessons_completed"]) == (1, 1, 15)
    enroll(learn, user, "javascript-from-zero")
    assert [under_way["title"] for under_way in learn.dashboard(user)["current_courses"]] == [
        "JavaScript Mula sa Simula"
    ]


def test_when_all_tiers_are_asked_for_a_level_waits_for_each(learn: Learn) -> None:
    learn.set_setting("level_completion_policy", "all")
    user = learn.register_user("masinop")
    enroll(learn, user, "python-from-zero")
    for tier, unlocked in (("hard", {}), ("easy", {}), ("medium", levels("conditions"))):
        summary = learn.complete_lesson(user, lesson(learn, "variables", tier))
        assert summary.unlocked == unlocked
    assert unlocks(learn, user) == [("variables", True), ("conditions", False)]
    assert progress(learn, user)[1:5] == (1, 5, Decimal("20.00"), Decimal("20.00"))


def test_the_first_lesson_enrols_whoever_has_not_started_the_course(learn: Learn) -> None:
    user = learn.register_user("mabilis")
    summary = learn.complete_lesson(user, lesson(learn, "variables", "easy"))
    assert summary.unlocked == levels("variables", "conditions")
    assert progress(learn, user)[:3] == ("in_progress", 1, 5)


def test_every_achievement_can_be_earned(learn: Learn) -> None:
    learn.set_clock("2035-05-01 12:00")
    user = learn.register_user("lahat")
    lessons = learn.tuples(
        "select l.id from learn.lessons l join learn.courses c on c.id = l.course_id"
        " order by c.position, l.sequence_number"
    )
    assert len(lessons) == 30
    for number, (one,) in enumerate(lessons, 1):
        learn.set_clock(f"2035-05-{number:02} 12:00")
        learn.complete_lesson(user, one)
    every = learn.tuples("select slug, xp_reward from learn.achievements where system = 'aralify'")
    assert len(every) == 12
    assert sorted(learn.badges(user)) == sorted(slug for slug, _ in every)
    # 20 + 40 + 60 for each of 10 levels, 200 for each course
    assert learn.stats(user).total_xp == 1200 + 400 + sum(reward for _, reward in every)


def test_every_course_level_and_lesson_is_translated(learn: Learn) -> None:
    assert (
        learn.tuples(
            "select slug from ("
            "select slug, title, description, translations from learn.courses"
            " union all select slug, title, description, translations from learn.course_levels"
            " union all select slug, title, null, translations from learn.lessons) x"
            " where coalesce(translations -> 'fil' ->> 'title', '') !~ '[[:alpha:]]'"
            " or description is not null and (coalesce(translations -> 'fil' ->> 'description', '') = ''"
            " or translations -> 'fil' ->> 'description' = description)"
        )
        == []
    )
    # and so are the texts within lessons
    assert (
        learn.tuples(
            "select slug from learn.lessons, jsonb_array_elements(content -> 'blocks') b"
            " where b ->> 'type' in ('text', 'task')"
            " and (coalesce(b -> 'text' ->> 'en', '') = '' or coalesce(b -> 'text' ->> 'fil', '') = ''"
            " or b -> 'text' ->> 'en' = b -> 'text' ->> 'fil')"
        )
        == []
    )


def test_every_level_has_its_three_tiers(learn: Learn) -> None:
    assert learn.tuples(
        "select n, count(*) from (select count(*) as n, count(distinct difficulty) from learn.lessons"
        " group by course_level_id) x group by n"
    ) == [(3, 10)]


def test_the_demo_learners_hold_together(learn: Learn) -> None:
    learn.set_clock(None)
    run_seeds(learn.connection, "aralify", demo=True)
    before = learn.row_counts()
    run_seeds(learn.connection, "aralify", demo=True)
    assert learn.row_counts() == before
    maria = learn.value("select id from learn.users where username = 'maria'")
    assert progress(learn, maria)[:3] == ("in_progress", 2, 5)
    assert learn.badges(maria) == ["unang-hakbang", "matapang"]


# ── readers ────────────────────────────────────────────────────────────────────────────────────────────────


def levels(*slugs: str) -> dict[str, Any]:
    """What a summary says was unlocked."""
    return {"levels": [{"course": "python-from-zero", "level": slug} for slug in slugs]}


def lesson(learn: Learn, level: str, tier: str) -> int:
    return int(
        learn.value("select id from learn.lessons where slug = %s", [f"python-from-zero-{level}-{tier}"])
    )


def enroll(learn: Learn, user: UUID, slug: str) -> AwardSummary:
    course = learn.value("select id from learn.courses where slug = %s", [slug])
    summary: AwardSummary = learn.enroll_in_course(user, course)
    return summary


def lesson_status(learn: Learn, user: UUID, lesson_id: int) -> tuple[Any, ...]:
    (found,) = learn.tuples(
        "select status, score from learn.user_lesson_progress where user_id = %s and lesson_id = %s",
        [user, lesson_id],
    )
    return found


def progress(learn: Learn, user: UUID) -> tuple[Any, ...]:
    """Of Python: status, levels, of how many, completion and mastery in percent, completed_at."""
    (found,) = learn.tuples(
        "select p.status, p.levels_completed, p.total_levels, p.completion_percentage,"
        " p.mastery_percentage, p.completed_at"
        " from learn.user_course_progress p join learn.courses c on c.id = p.course_id"
        " where p.user_id = %s and c.slug = 'python-from-zero'",
        [user],
    )
    return found


def unlocks(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    """(level, whether it is completed) in order of unlocking."""
    return learn.tuples(
        "select v.slug, u.completed_at is not null from learn.user_level_unlocks u"
        " join learn.course_levels v on v.id = u.course_level_id where u.user_id = %s order by u.id",
        [user],
    )
