"""dbtool import-questions: a question bank in CSV comes in as a whole or not at all."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.client import Learn
from tests.conftest import ROOT, FreshDatabase, RunDbtool
from tests.waiting import PATIENCE
from toolkit.errors import DbtoolError
from toolkit.live.questions import import_questions

HEADER = [
    *("question_id", "exam_type", "domain", "question_text", "correct_answer"),
    *(f"option_{letter}" for letter in "abcd"),
    *(f"explanation_{letter}" for letter in "abcd"),
]
TRICKY = 'He said "yes, all\nof it", twice;\r\n"" and, \' \\ \t é 漢'


def csv_of(*rows: list[str], header: list[str] = HEADER, **options: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **{"lineterminator": "\n", **options}).writerows([header, *rows])
    return text.getvalue()


def row(number: int = 1, text: str = "Which one?", **values: str) -> list[str]:
    named = {
        "question_id": f"Q-{number}",
        "exam_type": "wine",
        "domain": "1.1",
        "question_text": text,
        "correct_answer": "A",
        "option_a": "red",
        "explanation_a": "because",
        "option_b": "white",
        **values,
    }
    return [named.get(name, "") for name in HEADER]


@pytest.fixture
def exam(learn: Learn) -> str:
    return learn.make_exam("wine")


def read(learn: Learn, folder: Path, text: str, exam: str | None = None) -> tuple[int, ...]:
    file = folder / "bank.csv"
    file.write_bytes(text.encode())
    return tuple(import_questions(learn.connection, file, exam).values())


def bank(learn: Learn) -> list[tuple[Any, ...]]:
    return learn.tuples(
        "select external_id, exam_type, domain, question_text, correct_answer, options from learn.questions"
        " order by id"
    )


OPTIONS = {"A": {"text": "red", "explanation": "because"}, "B": {"text": "white"}}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no mark", "byte order mark"])
def test_quotes_commas_and_line_breaks_come_through(
    learn: Learn, exam: str, tmp_path: Path, end: str, quoting: int, mark: str
) -> None:
    text = mark + csv_of(row(1, TRICKY), row(2), lineterminator=end, quoting=quoting)
    assert read(learn, tmp_path, text) == (2, 0, 0)
    assert bank(learn) == [
        # lines end as texts in the database do
        ("Q-1", "wine", "1.1", TRICKY.replace("\r\n", "\n"), "A", OPTIONS),
        ("Q-2", "wine", "1.1", "Which one?", "A", OPTIONS),
    ]
    for variant in (text.removesuffix(end), text + end + end):
        assert read(learn, tmp_path, variant) == (0, 0, 2)


def test_empty_lines_are_no_rows(learn: Learn, exam: str, tmp_path: Path) -> None:
    lines = csv_of(row(1), row(2)).splitlines()
    text = "\n".join(["", lines[0], "", "  ", lines[1], "," * 12, ",,", lines[2], "", ""])
    assert read(learn, tmp_path, text) == (2, 0, 0)


def test_columns_come_in_any_order_and_case_and_under_both_names(
    learn: Learn, exam: str, tmp_path: Path
) -> None:
    header = ["Option_B", " correct_answer", "QUESTION", "external_id", "option_a", "exam_type"]
    text = csv_of(["white", "B", "Which?", "7", "red", "wine"], header=header)
    assert read(learn, tmp_path, text) == (1, 0, 0)
    options = {"A": {"text": "red"}, "B": {"text": "white"}}
    assert bank(learn) == [("7", "wine", "", "Which?", "B", options)]


def test_the_exam_may_be_given_for_rows_without_one(learn: Learn, exam: str, tmp_path: Path) -> None:
    learn.make_exam("beer")
    text = csv_of(row(1, exam_type=""), row(2))
    assert read(learn, tmp_path, text, "beer") == (2, 0, 0)
    assert [key for _, key, *_ in bank(learn)] == ["beer", "wine"]


def test_a_row_may_have_fewer_cells_and_an_explanation_without_option(
    learn: Learn, exam: str, tmp_path: Path
) -> None:
    short = row(1)[: HEADER.index("explanation_a") + 1]
    assert read(learn, tmp_path, csv_of(short, row(2, explanation_c="of nothing"))) == (2, 0, 0)
    assert [set(options) for *_, options in bank(learn)] == [{"A", "B"}] * 2


def test_a_header_without_rows_is_no_questions(learn: Learn, tmp_path: Path) -> None:
    assert read(learn, tmp_path, csv_of()) == (0, 0, 0)


def test_a_bad_row_is_named_by_its_line_and_nothing_comes_in(learn: Learn, exam: str, tmp_path: Path) -> None:
    """Even where it is in a later batch; a line break in a cell counts as a line."""
    good = [row(number, "two\nlines") for number in range(700)]
    with pytest.raises(DbtoolError) as refusal:
        read(learn, tmp_path, csv_of(*good, row(700, correct_answer="X"), row(701, domain="9" * 300)))
    assert (refusal.value.detail or "").splitlines() == [
        "bank.csv:1402: its correct_answer is not one of A, B, C, D",
        "bank.csv:1403: its domain has more than 200 characters",
    ]
    assert bank(learn) == []


def test_the_same_question_twice_is_refused_across_batches(learn: Learn, exam: str, tmp_path: Path) -> None:
    with pytest.raises(DbtoolError, match=r"bank\.csv:502: the question of line 2 again"):
        read(learn, tmp_path, csv_of(*(row(number) for number in range(500)), row(0)))
    assert bank(learn) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\n",
        "\ufeff",
        csv_of(row(1), header=[*HEADER[:-1], "colour"]),
        csv_of(row(1), header=[*HEADER[:-1], ""]),
        csv_of(row(1), header=[*HEADER[:-1], "option_e"]),
        csv_of(row(1), header=[*HEADER[:-1], "domain"]),
        csv_of(row(1), header=[*HEADER[:-1], "external_id"]),
        csv_of([*row(1), "more"]),
        csv_of(row(1)) + '"open',
        csv_of(row(1)) + '"a"b,c',
        csv_of(row(1)).replace("1.1", "x" * 200_000),
    ],
    ids=lambda text: repr(text)[:40],
)
def test_a_csv_that_cannot_be_read_is_refused(learn: Learn, exam: str, tmp_path: Path, text: str) -> None:
    with pytest.raises(DbtoolError):
        read(learn, tmp_path, text)
    assert bank(learn) == []


def test_a_file_in_another_encoding_is_refused(learn: Learn, exam: str, tmp_path: Path) -> None:
    file = tmp_path / "bank.csv"
    file.write_bytes(csv_of(row(1, "Café?")).encode("latin-1"))
    with pytest.raises(DbtoolError):
        import_questions(learn.connection, file)


def test_ten_megabytes_come_in_within_seconds(
    fresh: FreshDatabase, run_dbtool: RunDbtool, tmp_path: Path
) -> None:
    with psycopg.connect(fresh.url, autocommit=True) as connection:
        Learn(connection).make_exam("wine")
    file = tmp_path / "bank.csv"
    file.write_text(csv_of(*(row(number, f"{number}? " + "why " * 130) for number in range(18_000))))
    assert file.stat().st_size > 10_000_000
    started = time.perf_counter()
    done = run_dbtool(
        "--project", ROOT, "--database-url", fresh.url, "import-questions", file, "--json", code=0
    )
    assert '"inserted": 18000' in done.stdout
    assert time.perf_counter() - started < PATIENCE - 10


def test_a_refusal_is_an_exit_code_and_a_message(
    fresh: FreshDatabase, run_dbtool: RunDbtool, tmp_path: Path
) -> None:
    file = tmp_path / "bank.csv"
    file.write_text(csv_of(row(1)))
    target = ("--project", ROOT, "--database-url", fresh.url, "import-questions")
    refused = run_dbtool(*target, file)
    assert (refused.exit_code, "bank.csv:2: there is no exam wine" in refused.stderr) == (1, True)
    assert "Traceback" not in refused.stderr
    assert run_dbtool(*target, tmp_path / "none.csv").exit_code == 2
