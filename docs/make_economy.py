"""Writes the tables of docs/economy.md from the seeds: `python docs/make_economy.py`.

It seeds each product in a database of its own on a throwaway server. tests/systems/test_texts.py fails when
a table is not what this script would write.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "economy.md"
SYSTEMS = ("sql_platform", "web3versity", "aralify", "comptia_quiz", "progressive_flow")
HEAD = "| Act | XP each | Times a day | XP an hour | XP a day | XP in all |\n|---|---|---|---|---|---|\n"
QUERY = """
    select e.act || case when e.act like '%()%' then ': `' || e.activity_type || '`' else '' end,
      e.xp_each, e.times_a_day, e.xp_an_hour, e.xp_a_day, e.xp_in_all
    from learn.economy e order by e.act like '%()%', e.xp_in_all is null, e.activity_type, e.act
"""


def render(connection: Connection) -> str:
    """The table of the product that a database holds."""
    rows = connection.execute(QUERY.encode()).fetchall()
    cells = [
        [act, *("" if number is None else f"{number:,}" for number in numbers)] for act, *numbers in rows
    ]
    return HEAD + "".join(f"| {' | '.join(line)} |\n" for line in cells)


def table(page: str, system: str) -> str:
    """The table of a product in the page."""
    found = re.search(rf"^## {system}\n\n(?:[^|].*\n|\n)*((?:\|.*\n)*)", page, re.MULTILINE)
    assert found is not None, system
    return found[1]


def main() -> None:
    """Brings the tables up to date."""
    from toolkit.history import migrations, seeds
    from toolkit.project.layout import Project
    from toolkit.servers.choose import open_throwaway

    project = Project.open(ROOT)
    with open_throwaway("embedded") as server:
        server.create_database("empty")
        migrations.migrate(lambda: psycopg.connect(server.url("empty")), project)
        for system in SYSTEMS:
            server.create_database(system, template="empty")
            with psycopg.connect(server.url(system)) as connection:
                seeds.seed(connection, project, [system])
            with psycopg.connect(server.url(system)) as connection:
                page = PAGE.read_text(encoding="utf-8")
                old = table(page, system)
                heading = f"## {system}\n"
                before, after = page.split(heading)
                after = (
                    after.replace(old, render(connection), 1) if old else after + "\n" + render(connection)
                )
                PAGE.write_text(before + heading + after, encoding="utf-8")


if __name__ == "__main__":
    main()
