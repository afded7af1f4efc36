"""refresh_analytics() beside learners, readers, itself and its own death."""

from __future__ import annotations

from operator import methodcaller
from uuid import UUID

import psycopg

from tests.analytics.recount import recounted, told
from tests.client import Learn, Lesson, days
from tests.concurrency.sessions import Task, client, race, session
from tests.conftest import ROOT, FreshDatabase

REPEATABLE_READ = psycopg.IsolationLevel.REPEATABLE_READ
REFRESH = methodcaller("refresh_analytics")


def arrange(fresh: FreshDatabase, count: int = 3) -> tuple[list[UUID], list[Lesson]]:
    """Learners who have completed one of some lessons."""
    with client(fresh) as learn:
        lessons = learn.lessons_of(learn.make_course(6))
        users = [learn.make_user() for _ in range(count)]
        for user in users:
            learn.complete_lesson(user, lessons[0])
    return users, lessons


def agree(fresh: FreshDatabase) -> int:
    """The views say what a recount says; returns how many changes are not written down."""
    with client(fresh) as learn:
        assert told(learn) == recounted(learn)
        return int(learn.value("select count(*) from learn_internal.tally_changes"))


def test_what_is_open_during_a_refresh_is_counted_when_it_commits(fresh: FreshDatabase) -> None:
    """Its rows have older ids and times than the refresh, and count for a day long written down."""
    users, lessons = arrange(fresh)
    with session(fresh) as late, client(fresh) as learn:
        late.step(lambda it: it.complete_lesson(users[0], lessons[1], at=it.clock() - days(9))).result(30)
        late.step(lambda it: it.complete_lesson(users[0], lessons[2])).result(30)
        learn.complete_lesson(users[1], lessons[1])
        assert learn.refresh_analytics() > 0
        assert agree(fresh) == 0
        assert late.commit() is None
        assert agree(fresh) > 0
        assert learn.refresh_analytics() > 0
        assert agree(fresh) == 0


def test_a_transaction_that_rolls_back_is_not_counted(fresh: FreshDatabase) -> None:
    users, lessons = arrange(fresh)
    with client(fresh) as learn:
        before = told(learn)
        with session(fresh) as undone:
            undone.step(lambda it: it.complete_lesson(users[0], lessons[1])).result(30)
            learn.refresh_analytics()
            undone.rollback()
        assert told(learn) == before
    assert agree(fresh) == 0


def test_neither_readers_nor_learners_wait_for_a_refresh(fresh: FreshDatabase) -> None:
    users, lessons = arrange(fresh)
    with session(fresh) as refreshing, session(fresh) as reading, session(fresh) as learning:
        assert refreshing.step(REFRESH).result(30).result > 0
        before = reading.step(told)
        learned = learning.step(lambda it: it.complete_lesson(users[0], lessons[1]))
        left = learning.step(lambda it: it.run("delete from learn.users where id = %s", [users[1]]))
        assert before.done()
        assert learned.done()
        assert left.done()
        assert learning.commit() is None
        assert reading.step(told).result(30).result != before.result().result
        assert refreshing.commit() is None
    agree(fresh)


def test_a_reader_of_one_snapshot_sees_the_same_before_and_after(fresh: FreshDatabase) -> None:
    users, lessons = arrange(fresh)
    with session(fresh, REPEATABLE_READ) as reading, client(fresh) as learn:
        before = reading.step(told).result(30).result
        learn.refresh_analytics()
        learn.complete_lesson(users[0], lessons[1])
        learn.refresh_analytics()
        assert reading.step(told).result(30).result == before
    assert agree(fresh) == 0


def test_a_second_refresh_waits_and_takes_what_is_left(fresh: FreshDatabase) -> None:
    users, lessons = arrange(fresh)
    with session(fresh) as first, session(fresh) as second, client(fresh) as learn:
        changes = first.step(REFRESH).result(30).result
        waiting = second.step(REFRESH)
        assert not waiting.done()
        learn.complete_lesson(users[0], lessons[1], at=learn.clock() - days(1))
        assert first.commit() is None
        assert 0 < waiting.result(30).result < changes
        assert second.commit() is None
    assert agree(fresh) == 0


def test_a_refresh_that_is_killed_leaves_all_to_the_next_one(fresh: FreshDatabase) -> None:
    arrange(fresh)
    with client(fresh) as learn:
        before = told(learn)
        with session(fresh) as killed:
            changes = killed.step(REFRESH).result(30).result
            learn.value("select pg_terminate_backend(%s)", [killed.pid])
            assert killed.step(lambda it: it.value("select 1")).result(30).sqlstate == "57P01"
        assert told(learn) == before
        assert learn.refresh_analytics() == changes
        assert told(learn) == before
    assert agree(fresh) == 0


def test_a_rebuild_waits_for_a_refresh_and_counts_nothing_twice(fresh: FreshDatabase) -> None:
    users, _ = arrange(fresh)
    with session(fresh) as first, session(fresh) as second, client(fresh) as learn:
        before = told(learn)
        first.step(REFRESH).result(30)
        waiting = second.step(methodcaller("rebuild_whoever"))
        assert not waiting.done()
        assert first.commit() is None
        assert waiting.result(30).result == len(users)
        assert second.commit() is None
        assert told(learn) == before
    agree(fresh)


def test_refreshes_race_learners_departures_and_rebuilds(fresh: FreshDatabase) -> None:
    users, lessons = arrange(fresh, 12)

    def study(user: UUID) -> Task[object]:
        def run(learn: Learn) -> object:
            for number, lesson in enumerate(lessons[1:]):
                learn.complete_lesson(user, lesson, at=learn.clock() - days(number))
                learn.award_xp(user, 10)
                learn.reverse_xp(user, learn.transactions(user)[-1])
            return True

        return run

    def leave(user: UUID) -> Task[object]:
        return lambda learn: learn.run("delete from learn.users where id = %s", [user]) and True

    def refresh(learn: Learn) -> object:
        return [learn.refresh_analytics() for _ in range(12)]

    def rebuild(learn: Learn) -> object:
        for user in users[6:9]:
            learn.rebuild_user(user)
        return True

    tasks = [*map(study, users[:6]), *map(leave, users[9:]), refresh, refresh, rebuild]
    assert {outcome.sqlstate for outcome in race(fresh, tasks)} == {None}
    agree(fresh)


def test_a_learner_and_their_deletion_leave_nothing(fresh: FreshDatabase) -> None:
    """Each in its own transaction at once: the deletion waits for the fact, and takes it along."""
    users, lessons = arrange(fresh, 1)
    with session(fresh) as learning, session(fresh) as leaving:
        learning.step(lambda it: it.complete_lesson(users[0], lessons[1])).result(30)
        waiting = leaving.step(lambda it: it.run("delete from learn.users where id = %s", [users[0]]))
        assert not waiting.done()
        assert learning.commit() is None
        assert waiting.result(30).sqlstate is None
        assert leaving.commit() is None
    agree(fresh)
    with client(fresh) as learn:
        assert told(learn)["daily"] == []


def test_going_back_and_forth_over_the_migration_loses_nothing(fresh: FreshDatabase) -> None:
    from toolkit.history import migrations
    from toolkit.project.layout import Project

    arrange(fresh)
    with client(fresh) as learn:
        before = told(learn)
    project = Project.find(ROOT)
    migrations.rollback(lambda: psycopg.connect(fresh.url), project, to=ANALYTICS - 1)
    migrations.migrate(lambda: psycopg.connect(fresh.url), project)
    agree(fresh)
    with client(fresh) as learn:
        assert told(learn) == before
        learn.refresh_analytics()
    assert agree(fresh) == 0


# The migration that brings analytics
ANALYTICS = next(
    int(path.stem.removeprefix("migration"))
    for path in sorted((ROOT / "migrations").glob("migration*[0-9].sql"))
    if "function learn.refresh_analytics()" in path.read_text(encoding="utf-8")
)
