"""What a quiz of 90 questions costs, and whether it grows with a learner's history.

Builds Laurel in a throwaway server (`$DBTOOL_TEST_SERVER`, else the embedded one) and times
`learn.submit_quiz()` for learners with no quiz behind them and with 2,000, in turn. Prints medians and
minimums in milliseconds, and their ratio, which is what is of interest: machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any

import psycopg
from database import Connection, is_whole, open_database
from psycopg.types.json import Jsonb

QUESTIONS = 90
HISTORY = 2_000


def build(connection: Connection) -> list[dict[str, Any]]:
    """A question bank; returns the answers of a quiz, nine in ten of them right."""
    connection.execute("insert into learn.exam_types (key, name) values ('bench', 'Bench')")
    connection.execute(
        """
        insert into learn.questions
          (exam_type, external_id, domain, question_text, correct_answer, options)
        select 'bench', g::text, (g %% 5)::text, 'Question ' || g, 'A',
          '{"A": {"text": "a"}, "B": {"text": "b"}}'
        from generate_series(1, %s) g
        """,
        (QUESTIONS,),
    )
    found = connection.execute(
        "select id from learn.questions where exam_type = 'bench' order by id"
    ).fetchall()
    return [
        {"question_id": number, "answer": "B" if place % 10 == 0 else "A", "time_spent_seconds": 5}
        for place, (number,) in enumerate(found)
    ]


def make_learners(connection: Connection, name: str, count: int, quizzes: int) -> list[Any]:
    """Learners with so many quizzes behind them, spread over the last weeks."""
    users = [
        user
        for (user,) in connection.execute(
            "insert into learn.users (username) select %s || g from generate_series(1, %s) g returning id",
            (name, count),
        )
    ]
    connection.execute(
        """
        insert into learn.quiz_attempts (user_id, exam_type, total_questions, correct_answers, completed_at)
        select u, 'bench', 10, 7, now() - g * interval '20 minutes'
        from unnest(%s::uuid[]) u, generate_series(1, %s) g
        """,
        (users, quizzes),
    )
    return users


def main() -> int:
    """Measures, and prints a line or JSON."""
    parser = argparse.ArgumentParser(description="Measure a quiz of 90 questions.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it runs")
    options = parser.parse_args()
    learners, rounds = (2, 3) if options.quick else (5, 30)

    with (
        open_database("core", "comptia_quiz") as (url, description),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        answers = Jsonb(build(connection))
        groups = {
            "new": make_learners(connection, "new", learners, 0),
            "old": make_learners(connection, "old", learners, HISTORY),
        }
        connection.execute("vacuum analyze")
        times: dict[str, list[float]] = {name: [] for name in groups}
        for number in range(rounds + 2):
            connection.execute(  # another day: a question pays once on each
                "select learn_internal.set_clock(now() + %s * interval '1 day')", (number + 1,)
            )
            for place in range(learners):
                for name, users in groups.items():
                    begun = time.perf_counter()
                    connection.execute(
                        "select learn.submit_quiz(%s, 'bench', %s)", (users[place], answers), prepare=True
                    )
                    if number >= 2:  # plans and caches: with what is not measured
                        times[name].append((time.perf_counter() - begun) * 1e3)
        if not is_whole(connection):
            return 1

    result: dict[str, Any] = {
        "server": description,
        "questions": QUESTIONS,
        "median_ms": {name: round(statistics.median(values), 2) for name, values in times.items()},
        "minimum_ms": {name: round(min(values), 2) for name, values in times.items()},
        "after_2000_vs_none": round(statistics.median(times["old"]) / statistics.median(times["new"]), 3),
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return 0
    print(f"{description}\n")
    print(f"| a quiz of {QUESTIONS} questions | median ms | minimum ms |\n|---|---|---|")
    for name, text in (("new", "no quiz behind the user"), ("old", f"{HISTORY:,} quizzes behind the user")):
        print(f"| {text} | {result['median_ms'][name]} | {result['minimum_ms'][name]} |")
    print(f"\n{HISTORY:,} behind ÷ none: {result['after_2000_vs_none']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
