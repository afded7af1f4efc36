"""check_integrity() finds damage to courses by its name, and a rebuild mends what follows from facts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Learn

PROJECTIONS = ("user_course_progress", "user_level_unlocks")


class Scene:
    """A course of two levels that one user has completed, and another that the user has begun."""

    def __init__(self, learn: Learn) -> None:
        self.learn = learn
        self.user = learn.make_user()
        for slug in ("done", "begun"):
            learn.run(
                "insert into learn.courses (slug, title, completion_xp) values (%s, %s, 30)", [slug, slug]
            )
            for number in (1, 2):
                learn.run(
                    "insert into learn.course_levels (course_id, slug, title, position)"
                    " select id, %s, 'Level', %s from learn.courses where slug = %s",
                    [f"level-{number}", number, slug],
                )
                learn.run(
                    "insert into learn.lessons (slug, title, course_level_id, difficulty)"
                    " select %s, 'Lesson', v.id, 'easy' from learn.course_levels v"
                    " join learn.courses c on c.id = v.course_id where c.slug = %s and v.position = %s",
                    [f"{slug}-{number}", slug, number],
                )
        for slug in ("done-1", "done-2", "begun-1"):
            lesson = learn.value("select id from learn.lessons where slug = %s", [slug])
            learn.complete_lesson(self.user, lesson, 80, 60)
        self.state = self.look()
        assert learn.check_integrity() == []

    def look(self) -> list[list[tuple[Any, ...]]]:
        columns = {
            "user_course_progress": "*",
            "user_level_unlocks": "course_level_id, completed_at",
        }
        return [
            self.learn.tuples(f"select {columns[table]} from learn.{table} order by 1, 2")
            for table in PROJECTIONS
        ]

    def damage(self, statement: str) -> None:
        """Runs a statement without any trigger or foreign key taking notice."""
        connection = self.learn.connection
        connection.execute("set local session_replication_role = replica")
        done = connection.execute(statement.encode())
        connection.execute("set local session_replication_role = origin")
        assert done.rowcount > 0

    def names(self) -> set[str]:
        return {row.check_name for row in self.learn.check_integrity()}


@pytest.fixture
def scene(learn: Learn) -> Scene:
    return Scene(learn)


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        (
            "course_progress_follows_from_lessons",
            "update learn.user_course_progress set lessons_completed = 0 where completed_at is not null",
        ),
        (
            "course_progress_follows_from_lessons",
            "update learn.user_course_progress set time_spent_seconds = 1",
        ),
        (
            "course_progress_follows_from_lessons",
            "update learn.user_course_progress set weight_completed = 0",
        ),
        (
            "full_courses_are_completed",
            "update learn.user_course_progress set completed_at = null where completed_at is not null",
        ),
        (
            "due_levels_are_unlocked",
            "delete from learn.user_level_unlocks where completed_at is null",
        ),
        (
            "full_levels_are_completed",
            "update learn.user_level_unlocks set completed_at = null where completed_at is not null",
        ),
    ],
)
def test_damage_to_projections_is_found_by_its_name_and_mended(
    scene: Scene, check: str, statement: str
) -> None:
    scene.damage(statement)
    assert check in scene.names()
    scene.learn.rebuild_user(scene.user)
    assert scene.learn.check_integrity() == []
    assert scene.look() == scene.state


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        ("enrolments_are_facts", "delete from learn.activity_log where activity_type = 'course_enrolled'"),
        (
            "completed_courses_are_facts",
            "delete from learn.activity_log where activity_type = 'course_completed'",
        ),
        ("course_sizes_follow_from_lessons", "update learn.courses set total_lessons = 7"),
        (
            "track_sizes_follow_from_items",
            "insert into learn.tracks (slug, title, total_items) values ('t', 'T', 7)",
        ),
        (
            "lessons_are_available_when_all_is_published",
            "update learn.lessons set is_available = false where slug = 'begun-2'",
        ),
    ],
)
@pytest.mark.no_integrity
def test_damage_to_facts_and_content_is_found_by_its_name(scene: Scene, check: str, statement: str) -> None:
    scene.damage(statement)
    assert check in scene.names()
