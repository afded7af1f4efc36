"""The tour of README.md, pasted into psql: it says what the page says."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise

from tests.clients.pages import BLOCK
from tests.conftest import ROOT, make_seeded
from toolkit.servers.binaries import find_psql
from toolkit.servers.throwaway import ThrowawayServer


def lines(text: str) -> list[str]:
    """What counts of what psql prints: no blanks, no numbers of rows, not the place of an error."""
    shown = (line.rstrip() for line in text.splitlines())
    return [line for line in shown if line and not re.match(r"\(\d+ rows?\)$|CONTEXT: ", line)]


def test_the_tour(server: ThrowawayServer, bare: str) -> None:
    make_seeded(server, bare, "tour", ["sql_platform"], demo=True)
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    tour = BLOCK.findall(page.split("\n## The tour")[1].split("\n## ")[0])
    statements = [body for language, body in tour if language == "sql"]
    script = "".join(f"\\echo --{number}\n{body}" for number, body in enumerate(statements))
    psql = find_psql(None)
    assert psql is not None
    done = subprocess.run(
        [psql, "-Xq", server.url("tour")],
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    said = re.split(r"^--\d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert len(said) == len(statements) > 6
    answers = 0
    for (language, body), (following, printed) in pairwise(tour):
        if (language, following) == ("sql", "console"):
            assert lines(said[statements.index(body)]) == lines(printed)
            answers += 1
        elif language == "sql":
            assert "ERROR" not in said[statements.index(body)]
    assert answers == 5
    server.drop_database("tour")
