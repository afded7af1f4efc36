"""What a completion reads: a learner's own rows and what they refer to, however large the catalog is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client import Connection, Learn
from tests.conftest import FreshDatabase

CATALOG = """
    insert into learn.tracks (slug, title) select 'wide-' || g, 'Track' from generate_series(1, 300) g;
    insert into learn.courses (slug, title, track_id)
    select 'wide-' || g, 'Course', (select id from learn.tracks where slug = 'wide-' || g)
    from generate_series(1, 300) g;
    insert into learn.course_levels (course_id, slug, title, position)
    select c.id, 'level-' || g, 'Level', g
    from learn.courses c, generate_series(1, 5) g where c.slug like 'wide-%';
    insert into learn.lessons (slug, title, course_level_id, difficulty)
    select 'wide-' || v.id, 'Lesson', v.id, 'easy'
    from learn.course_levels v join learn.courses c on c.id = v.course_id where c.slug like 'wide-%';
    insert into learn.lessons (slug, title) select 'loose-' || g, 'Lesson' from generate_series(1, 1500) g;
    insert into learn.track_lessons (track_id, lesson_id)
    select t.id, l.id
    from generate_series(1, 300) g
    join learn.tracks t on t.slug = 'wide-' || g
    join learn.lessons l on l.slug in ('loose-' || g, 'loose-' || g + 300, 'loose-' || g + 600);
"""


@pytest.fixture
def large(fresh: FreshDatabase) -> Iterator[Learn]:
    """The client in a database with that catalog, as it is after a while: committed and analyzed."""
    with fresh.connect() as connection:
        connection.execute(CATALOG)
    with fresh.connect(autocommit=True) as connection:
        connection.execute("analyze")
    with fresh.connect() as connection:
        yield Learn(connection)


def rows_read(connection: Connection) -> int:
    """Rows that this transaction has read from tables so far, by whatever way."""
    row = connection.execute(
        "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables"
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    "lessons",
    [
        pytest.param(["loose-7", "loose-307", "loose-8"], id="a lesson of a track"),
        pytest.param(
            "select slug from learn.lessons where course_id ="
            " (select id from learn.courses where slug = 'wide-9') order by id limit 3",
            id="a lesson of a course with levels in a track",
        ),
    ],
)
def test_a_completion_reads_a_handful_of_rows_in_a_large_catalog(
    large: Learn, lessons: list[str] | str
) -> None:
    if isinstance(lessons, str):
        lessons = [slug for (slug,) in large.tuples(lessons)]
    user = large.make_user()
    costs = []
    for slug in lessons:
        lesson_id = large.value("select id from learn.lessons where slug = %s", [slug])
        before = rows_read(large.connection)
        large.run("select learn.complete_lesson(%s, %s)", [user, lesson_id])
        costs.append(rows_read(large.connection) - before)
    assert max(costs[1:]) < 350, costs
