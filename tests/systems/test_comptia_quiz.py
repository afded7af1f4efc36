"""The CompTIA quiz's documented journey: quizzes, badges, avatars, streaks and statistics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.client import AwardSummary, Learn, moment
from tests.systems.seeded import run_seeds, seeded_database
from toolkit.servers.choose import ThrowawayServer

pytestmark = pytest.mark.stock

MONDAY = moment("2035-06-11 18:00")
EXAMS = ("security", "network", "a1201", "a1202")
COUNTS = {
    "Getting Started": 3,
    "Accuracy": 4,
    "Question Milestones": 4,
    "Study Streaks": 4,
    "A+ Core 1": 2,
    "A+ Core 2": 2,
    "Network+": 2,
    "Security+": 2,
    "Levels": 4,
}


@pytest.fixture(scope="module")
def shared_database(server: ThrowawayServer, bare: str) -> Iterator[str]:
    yield from seeded_database(server, bare, "comptia_quiz")


@pytest.fixture
def quiz(learn: Learn) -> Learn:
    """The client, with the quiz's rules and question bank, on a Monday evening."""
    learn.set_clock(MONDAY)
    for exam in EXAMS:
        for number in range(10):
            learn.make_question(exam, correct="ABCD"[number % 4], domain=f"{number % 3 + 1}.1")
    return learn


def take(quiz: Learn, user: UUID, exam: str, correct: int, of: int = 10, **options: Any) -> AwardSummary:
    return quiz.submit_quiz(user, exam, quiz.answers(exam, correct, of), 300, **options)


def test_a_student_from_sign_up_to_a_chosen_avatar(quiz: Learn) -> None:
    # Signing up pays nothing; three avatars are everyone's.
    user = quiz.register_user("billie", email="billie@example.org", timezone="America/Chicago")
    assert quiz.stats(user).total_xp == 0
    mine = [row["slug"] for row in quiz.avatar_collection(user) if row["is_unlocked"]]
    assert mine == ["student", "night-owl", "coffee-mug"]

    # The first quiz: 6 of 10 right pay 60, and the badge 25. It unlocks an avatar.
    first = take(quiz, user, "security", 6)
    assert first == AwardSummary(
        user, 85, 85, 1, False, 1, ["first-quiz"], {"avatars": ["first-cable"]}, False
    )

    # 9 of 10 are a high score: 30 for the answers that are new today, 25 for the badge. 100 XP are level 2.
    second = take(quiz, user, "security", 9)
    assert second == AwardSummary(
        user, 55, 140, 2, True, 1, ["high-scorer"], {"avatars": ["sharpened-pencil"]}, False
    )

    # A perfect quiz: 100 and 20 for it, 100 for the badge.
    third = take(quiz, user, "network", 10)
    assert third == AwardSummary(
        user, 220, 360, 3, True, 1, ["flawless-exam"], {"avatars": ["bullseye"]}, False
    )

    # The new avatar is shown; one that is not unlocked is not.
    avatars = {row["slug"]: row["avatar_id"] for row in quiz.avatar_collection(user)}
    quiz.select_avatar(user, avatars["bullseye"])
    with quiz.refuses("LX010"):
        quiz.select_avatar(user, avatars["crown"])
    shown = [row["slug"] for row in quiz.avatar_collection(user) if row["is_selected"]]
    assert shown == ["bullseye"]

    # Tuesday and Wednesday: a streak of 3 days.
    quiz.set_clock(MONDAY + timedelta(days=1))
    assert take(quiz, user, "a1201", 0, 5).current_streak == 2
    quiz.set_clock(MONDAY + timedelta(days=2))
    wednesday = take(quiz, user, "a1202", 0, 5)
    assert wednesday == AwardSummary(
        user, 25, 385, 3, False, 3, ["three-day-habit"], {"avatars": ["study-lamp"]}, False
    )

    # The pages: profile, statistics, history.
    home = quiz.dashboard(user)
    assert (home["total_xp"], home["current_level"], home["current_streak"]) == (385, 3, 3)
    assert home["achievements_earned"] == 4
    stats = quiz.tuples(
        "select exam_type, quizzes_completed, questions_answered, correct_answers, accuracy_percentage,"
        " best_score, time_taken_seconds from learn.user_quiz_stats where user_id = %s order by 1",
        [user],
    )
    assert stats == [
        ("a1201", 1, 5, 0, Decimal(0), Decimal(0), 300),
        ("a1202", 1, 5, 0, Decimal(0), Decimal(0), 300),
        ("network", 1, 10, 10, Decimal(100), Decimal(100), 300),
        ("security", 2, 20, 15, Decimal(75), Decimal(90), 600),
    ]
    by_domain = "select sum(questions_answered) from learn.user_domain_stats where user_id = %s"
    assert quiz.value(by_domain, [user]) == 40
    history = quiz.tuples(
        "select exam_type, correct_answers, xp_earned from learn.quiz_attempts where user_id = %s"
        " order by completed_at desc, id desc",
        [user],
    )
    assert history == [
        ("a1202", 0, 0),
        ("a1201", 0, 0),
        ("network", 10, 120),
        ("security", 9, 30),
        ("security", 6, 60),
    ]
    review = quiz.tuples(
        "select r.position, r.is_correct, r.options ? r.correct_answer from learn.quiz_review r"
        " where r.user_id = %s and r.quiz_attempt_id = (select min(id) from learn.quiz_attempts"
        " where user_id = %s) order by 1",
        [user, user],
    )
    assert review == [(n, n <= 6, True) for n in range(1, 11)]

    # Friday, after a Thursday without a quiz: the streak begins anew, its record stays.
    quiz.set_clock(MONDAY + timedelta(days=4))
    assert quiz.calculate_user_streak(user) == 0
    assert take(quiz, user, "security", 0, 5).current_streak == 1
    assert quiz.stats(user).longest_streak == 3


def test_a_diligent_student_earns_every_badge_and_avatar(quiz: Learn) -> None:
    """A perfect quiz of each exam every day; the badges come when they are due."""
    user = quiz.register_user("diligent")
    earned: dict[str, int] = {}
    levels: dict[str, int] = {}
    thresholds = {"rising-candidate": 5, "exam-ready": 10, "master-candidate": 25, "exam-legend": 50}
    for day in range(1, 126):
        quiz.set_clock(MONDAY + timedelta(days=day))
        for exam in EXAMS:
            before = quiz.stats(user).current_level
            summary = take(quiz, user, exam, 10)
            for slug in summary.new_achievements:
                if slug in thresholds:
                    assert before < thresholds[slug] <= summary.current_level
                    levels[slug] = summary.current_level
                else:
                    earned[slug] = day
    assert earned == {
        "first-quiz": 1,
        "quiz-regular": 3,
        "quiz-centurion": 25,
        "high-scorer": 1,
        "consistently-excellent": 3,
        "flawless-exam": 1,
        "perfectionist": 7,
        "one-hundred-right": 3,
        "five-hundred-right": 13,
        "one-thousand-right": 25,
        "five-thousand-right": 125,
        "three-day-habit": 3,
        "study-week": 7,
        "study-month": 30,
        "hundred-days-of-study": 100,
        **{f"core-{number}-apprentice": 5 for number in (1, 2)},
        **{f"core-{number}-technician": 25 for number in (1, 2)},
        **{f"{exam}-apprentice": 5 for exam in ("network", "security")},
        **{f"{exam}-specialist": 25 for exam in ("network", "security")},
    }
    assert list(levels) == ["rising-candidate", "exam-ready", "master-candidate"]
    missing = quiz.xp_for_level(50) - quiz.stats(user).total_xp
    assert quiz.award_xp(user, missing - 1).new_achievements == []
    assert quiz.award_xp(user, 1).new_achievements == ["exam-legend"]
    assert len(quiz.badges(user)) == 27
    assert len(quiz.avatars(user)) == 15
    assert all(row["is_unlocked"] for row in quiz.avatar_collection(user))


def test_achievements_are_as_documented(quiz: Learn) -> None:
    rows = quiz.tuples(
        "select category, count(*) from learn.achievements where system = 'comptia_quiz' group by 1"
    )
    assert dict(rows) == COUNTS
    pages = quiz.tuples(
        "select category from learn.achievements where system = 'comptia_quiz' order by display_order"
    )
    assert list(dict.fromkeys(category for (category,) in pages)) == list(COUNTS)
    metrics = quiz.tuples(
        "select distinct criteria ->> 'metric' from learn.achievements where system = 'comptia_quiz'"
        " order by 1"
    )
    assert [metric for (metric,) in metrics] == [
        *("correct_answers", "current_streak", "high_score_quizzes", "level_reached", "perfect_quizzes"),
        "quizzes_completed",
    ]
    of_exams = quiz.tuples(
        "select a.category, e.name from learn.achievements a"
        " join learn.exam_types e on e.key = a.criteria ->> 'scope' where a.system = 'comptia_quiz'"
    )
    assert len(of_exams) == 8
    assert all(category == name for category, name in of_exams)
    slugs = quiz.tuples("select slug, name from learn.achievements where system = 'comptia_quiz'")
    assert all("".join(c if c.isalnum() else "-" for c in name.lower()) == slug for slug, name in slugs)


def test_avatars_are_as_documented(quiz: Learn) -> None:
    rows = quiz.tuples("select rarity, is_default, count(*) from learn.avatars group by 1, 2 order by 3, 1")
    assert rows == [
        ("common", True, 3),
        ("rare", False, 3),
        ("legendary", False, 5),
        ("epic", False, 7),
    ]
    unlocking = quiz.tuples(
        "select v.slug, count(a.id) from learn.avatars v"
        " left join learn.achievements a on a.unlocks_avatar_id = v.id"
        " where not v.is_default group by 1"
    )
    assert [count for _, count in unlocking] == [1] * 15


def test_seeding_again_changes_nothing_and_a_deployments_switches_stay(quiz: Learn) -> None:
    quiz.run("update learn.achievements set is_active = false where slug = 'exam-legend'")
    tables = ("exam_types", "avatars", "achievements", "questions")

    def rows() -> list[Any]:
        return [quiz.tuples(f"select to_jsonb(t), t.xmin::text from learn.{t} t order by 1") for t in tables]

    before = rows()
    run_seeds(quiz.connection, "comptia_quiz")
    assert rows() == before


def test_the_demo_questions_and_learners_hold_together(learn: Learn) -> None:
    learn.set_clock(None)
    run_seeds(learn.connection, "comptia_quiz", demo=True)
    counts = learn.row_counts()
    run_seeds(learn.connection, "comptia_quiz", demo=True)
    assert learn.row_counts() == counts
    numbers = dict(learn.tuples("select exam_type, count(*) from learn.questions group by 1"))
    assert set(numbers) == set(EXAMS)
    assert all(5 <= number <= 8 for number in numbers.values())
    bare = learn.tuples(
        "select q.external_id, o.key from learn.questions q cross join jsonb_each(q.options) o"
        " where coalesce(o.value ->> 'explanation', '') !~ '\\S'"
    )
    assert bare == []
    imani = learn.value("select id from learn.users where username = 'imani'")
    assert learn.metric(imani, "quizzes_completed") == 4
    assert "flawless-exam" in learn.badges(imani)
    assert "first-cable" in learn.avatars(imani)
