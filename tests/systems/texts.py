"""Achievements in words: what a description must say, and must not, by the criteria of its row.

Words, numbers and conditions are told from the criteria alone; sentences are free. `problems()` says where a
description and its criteria differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Whatever stands in a description of one of these, its criteria have to mean.
UNITS = {
    "account": r"\baccount\b",
    "category": r"\bcategor(y|ies)\b",
    "challenge": r"\bchallenges?\b",
    "course": r"\bcourses?\b",
    "daily": r"\bdaily\b",
    "day": r"\bdays?\b",
    "enrolment": r"\benrol",
    "exercise": r"\bexercises?\b",
    "full score": r"\bfull score\b",
    "in a row": r"\bin a row\b",
    "lesson": r"\blessons?\b",
    "level": r"\blevels?\b",
    "minute": r"\b(minutes?|seconds?|hours?)\b",
    "path": r"\bpath\b",
    "percent": r"%",
    "query": r"\bquer(y|ies)\b",
    "question": r"\bquestions?\b",
    "quiz": r"\bquiz(zes)?\b",
    "reply": r"\brepl(y|ies)\b",
    "solution": r"\bsolutions?\b",
    "track": r"\btracks?\b",
    "XP": r"\bXP\b",
}
# By metric: units that must be there, and units that may.
METRICS: dict[str, tuple[set[str], set[str]]] = {
    "active_days": ({"day"}, set()),
    "advanced_courses_completed": ({"course"}, {"track"}),
    "category_courses_completed": ({"course"}, set()),
    "challenge_levels_passed": ({"level"}, {"challenge"}),
    "challenges_completed": ({"challenge"}, set()),
    "correct_answers": ({"question", "quiz"}, set()),
    "course_completions": (set(), {"course"}),
    "courses_completed": ({"course"}, set()),
    "current_streak": ({"day", "in a row"}, set()),
    "daily_challenges_completed": ({"daily", "challenge"}, set()),
    "difficulty_completed": ({"track"}, set()),
    "exercises_solved": ({"query"}, set()),
    "high_score_quizzes": ({"quiz", "question", "percent"}, set()),
    "lesson_solve_run": ({"lesson", "exercise", "query", "in a row"}, set()),
    "lessons_clean": ({"lesson", "exercise", "query"}, set()),
    "lessons_completed": ({"lesson"}, set()),
    "lessons_fast": ({"lesson", "exercise"}, set()),
    "lessons_first_try": ({"lesson", "exercise"}, set()),
    "level_reached": ({"level"}, set()),
    "levels_completed": ({"level"}, set()),
    "paths_completed": ({"path"}, set()),
    "perfect_lessons": ({"lesson", "full score"}, set()),
    "perfect_quizzes": ({"quiz", "question"}, set()),
    "queries_executed": ({"query"}, set()),
    "quizzes_completed": ({"quiz", "question"}, set()),
    "registrations": ({"account"}, set()),
    "solutions_accepted": ({"reply", "solution"}, set()),
    "tier_lessons_completed": ({"lesson"}, set()),
    "track_courses_completed": ({"course", "track"}, set()),
    "tracks_completed": ({"track"}, {"course"}),
    "xp": ({"XP"}, set()),
}
# What else a text has to say for a metric.
WORDS = {
    "advanced_courses_completed": r"\badvanced\b",
    "correct_answers": r"\bcorrectly\b",
    "difficulty_completed": r"\ball\b.*\btracks\b",
    "lesson_solve_run": r"\bwithout\b",
    "lessons_clean": r"\bwithout\b",
    "lessons_first_try": r"\bfirst\b",
    "perfect_quizzes": r"\bevery question\b",
    "tracks_completed": r"\b(track|full track|tracks)\b",
}
QUIZZES = {"correct_answers", "high_score_quizzes", "perfect_quizzes", "quizzes_completed"}
EVERY, ANY = r"\b(all|both|each|every)\b", r"\b(a|an|any|either|first)\b"


def leaves(criteria: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The thresholds in criteria."""
    if "metric" in criteria:
        return [criteria]
    parts = criteria.get("all") or criteria.get("any") or criteria["of"]
    return [leaf for part in parts for leaf in leaves(part)]


def problems(
    description: str, criteria: Mapping[str, Any], titles: Mapping[str, str], settings: Mapping[str, int]
) -> list[str]:
    """Where a description does not say what the criteria mean, or says what they do not.

    `titles`: what scopes are called; `settings`: the numbers that rules take from there.
    """
    found = leaves(criteria)
    metrics = {str(leaf["metric"]) for leaf in found}
    wrong = []

    must = set().union(*(METRICS[metric][0] for metric in metrics))
    may = must.union(*(METRICS[metric][1] for metric in metrics))
    numbers = {leaf["at_least"] for leaf in found} - {1}
    words = {WORDS[metric] for metric in metrics if metric in WORDS}
    if metrics & QUIZZES:
        numbers.add(settings["quiz_minimum_questions"])
        words.add(r"\bat least\b")
    if "high_score_quizzes" in metrics:
        numbers.add(settings["quiz_high_score_percentage"])
        words.add(r"\bor more\b")

    if "of" in criteria:
        must, may = must | {"category"}, may | {"category"}
        numbers.add(criteria["at_least"])
    else:
        for metric in metrics:
            scopes = [leaf["scope"] for leaf in found if leaf["metric"] == metric and leaf.get("scope")]
            if len(scopes) > 1:
                words.add(EVERY if "all" in criteria else ANY)
            else:
                words |= {rf"{re.escape(titles[scope])}(?!\w)" for scope in scopes}
    if criteria.get("all") and len(metrics) > 1:
        words.add(r"\band\b")

    said = {unit for unit, pattern in UNITS.items() if re.search(pattern, description)}
    wrong += [f"does not say {unit}" for unit in sorted(must - said)]
    wrong += [f"says {unit}" for unit in sorted(said - may)]
    plain = description
    for title in titles.values():  # the digits of names are no thresholds
        plain = plain.replace(title, "")
    counted = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", plain)}
    if counted != numbers:
        wrong.append(f"says {sorted(counted)} and means {sorted(numbers)}")
    wrong += [f"lacks {word}" for word in sorted(words) if not re.search(word, description, re.IGNORECASE)]
    return wrong
