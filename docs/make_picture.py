"""Draws docs/laurel.svg, what one call does: `python docs/make_picture.py`.

It makes the call, in a database with the SQL platform and its sample content, and counts the rows that the
transaction has written. tests/conventions/test_reference.py fails when the picture is not what comes of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "laurel.svg"
LESSON = "rename-columns"
CALL = """
select a.xp_awarded, a.current_level, a.current_streak, a.new_achievements
from learn.submit_query(
  %s, (select e.id from learn.exercises e join learn.lessons l on l.id = e.lesson_id where l.slug = %s),
  'select price * 1.2 as price_with_tax from products', p_is_correct => true) a
"""
WRITTEN = """
select coalesce(pg_partition_root(relid), relid)::regclass::text, sum(n_tup_ins), sum(n_tup_upd)
from pg_stat_xact_user_tables where schemaname = 'learn' group by 1
"""
BADGES = "select name from learn.achievements where slug = any (%s) order by array_position(%s, slug)"
SAID = {  # in the order in which the engine comes to them
    "query_submissions": "the query, and that it is right",
    "user_lesson_progress": "the lesson, completed by it",
    "user_track_progress": "how far the track is",
    "activity_log": "facts, for ever",
    "user_activity_days": "a day of the streak",
    "xp_transactions": "a ledger: what paid what",
    "user_stats": "total, level, streak",
    "user_metrics": "what badges count",
    "user_achievements": "badges, each once",
    "notifications": "what to tell the learner",
}
STYLE = """
  text { font: 17px system-ui, sans-serif; fill: #1f2328 } .code { font: 16px ui-monospace, monospace }
  .head { font-weight: 600 } .soft { fill: #59636e; font-size: 15px } .box { fill: #f6f8fa; stroke: #d1d9e0 }
  .number { font-weight: 600; text-anchor: end } .number, .badge { fill: #1a7f37 }
  .line { stroke: #59636e; stroke-width: 2; fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .soft { fill: #9198a1 } .box { fill: #151b23; stroke: #3d444d }
    .number, .badge { fill: #3fb950 } .line { stroke: #9198a1 }
  }
"""


def draw(connection: Connection) -> str:
    """The picture, of a call that is made in the open transaction."""
    (user,) = connection.execute("select learn.register_user('marie')").fetchone() or (None,)
    before = _written(connection)
    xp, level, streak, slugs = connection.execute(CALL.encode(), [user, LESSON]).fetchone() or (0, 0, 0, [])
    connection.execute("set constraints all immediate")
    rows = {}
    for table, (inserts, updates) in _written(connection).items():
        earlier = before.get(table, (0, 0))
        rows[table] = inserts - earlier[0] + (updates > earlier[1])  # one row of a table at most is updated
    badges = [name for (name,) in connection.execute(BADGES, [slugs, slugs])]
    y = 40
    parts = _text(20, y - 8, "Your backend calls a function, in any language", "head")
    parts += _box(y + 6, 84)
    parts += _text(36, y + 38, "select * from learn.submit_query(marie, exercise,", "code")
    parts += _text(36, y + 64, "  'select price * 1.2 …', p_is_correct => true)", "code")
    y += 90 + 40
    parts += _arrow(y - 36) + _text(20, y, "Laurel writes all that follows, in the same transaction", "head")
    parts += _box(y + 14, 30 * len(SAID) + 16)
    for number, (table, said) in enumerate(SAID.items()):
        line = y + 44 + 30 * number
        count = rows[table]
        parts += _text(64, line, f"{count}", "number") + _text(78, line, table, "code")
        parts += _text(296, line, said, "soft")
    y += 30 * len(SAID) + 30 + 46
    parts += _arrow(y - 42) + _text(20, y - 6, "and answers with what the learner has just earned", "head")
    lines = (len(badges) + 1) // 2
    parts += _box(y + 8, 56 + 28 * lines)
    parts += _text(36, y + 42, f"+{xp} XP · level {level} · streak {streak} · {len(badges)} badges", "head")
    for number, name in enumerate(badges):
        x, line = 36 + 250 * (number % 2), y + 73 + 28 * (number // 2)
        parts += f'<circle cx="{x + 6}" cy="{line - 5}" r="5" class="badge"/>\n' + _text(
            x + 20, line, name, "soft"
        )
    y += 72 + 28 * lines
    total = sum(rows[table] for table in SAID)
    title = f"One call writes {total} rows: {xp} XP, a streak and {len(badges)} badges"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 {y}" role="img">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n{parts}</svg>\n"
    )


def _written(connection: Connection) -> dict[str, tuple[int, int]]:
    """How many rows of each table the open transaction has inserted, and updated."""
    found = connection.execute(WRITTEN.encode())
    return {table.removeprefix("learn."): (int(one), int(other)) for table, one, other in found}


def _text(x: int, y: int, words: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" xml:space="preserve">{escape(words)}</text>\n'


def _box(y: int, height: int) -> str:
    return f'<rect x="20" y="{y}" width="520" height="{height}" rx="8" class="box"/>\n'


def _arrow(y: int) -> str:
    return f'<path d="M280 {y} v12 m-6 -6 l6 6 l6 -6" class="line"/>\n'


def main() -> None:
    """Brings the picture up to date."""
    from toolkit.history import migrations, seeds
    from toolkit.project.layout import Project
    from toolkit.servers.choose import open_throwaway

    project = Project.open(ROOT)
    with open_throwaway("embedded") as server:
        server.create_database("app")
        migrations.migrate(lambda: psycopg.connect(server.url("app")), project)
        with psycopg.connect(server.url("app")) as connection:
            seeds.seed(connection, project, ["sql_platform"], demo=True)
        with psycopg.connect(server.url("app")) as connection:
            PICTURE.write_text(draw(connection), encoding="utf-8")
            connection.rollback()


if __name__ == "__main__":
    main()
