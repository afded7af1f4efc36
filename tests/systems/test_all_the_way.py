"""No dead ends: who does whatever is open, in random order, completes each of the products."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn
from tests.properties.snapshots import differences, snapshot
from tests.systems.learners import Learner
from tests.systems.seeded import seeded_database
from toolkit.servers.choose import ThrowawayServer

# Whether the sample content belongs to it (the documents of these describe rules, and no content), and how
# many learners go all the way.
PRODUCTS = {
    "sql_platform": (True, 3),
    "web3versity": (False, 3),
    "aralify": (False, 3),
    "comptia_quiz": (True, 3),
    "progressive_flow": (False, 1),
}
# What is left undone, of all there is to complete.
LEFT = """
    select 'lesson', l.slug from learn.lessons l where l.is_available and not exists (
      select from learn.user_lesson_progress p
      where p.user_id = %(user)s and p.lesson_id = l.id and p.status = 'completed')
    union all
    select 'level', v.slug from learn.course_levels v where v.is_published and not exists (
      select from learn.user_level_unlocks p
      where p.user_id = %(user)s and p.course_level_id = v.id and p.completed_at is not null)
    union all
    select 'course', c.slug from learn.courses c where c.is_published and not exists (
      select from learn.user_course_progress p
      where p.user_id = %(user)s and p.course_id = c.id and p.status = 'completed'
        and (p.completion_percentage, p.mastery_percentage) = (100, 100))
    union all
    select 'certificate', c.slug from learn.courses c where c.is_published and not exists (
      select from learn.nft_certificates p where p.user_id = %(user)s and p.course_id = c.id)
    union all
    select 'challenge', c.slug from learn.challenges c where c.is_active and not exists (
      select from learn.user_challenge_progress p
      where p.user_id = %(user)s and p.challenge_id = c.id and p.status = 'completed')
    union all
    select 'track', t.slug from learn.tracks t where t.is_published and not exists (
      select from learn.user_track_progress p
      where p.user_id = %(user)s and p.track_id = t.id and p.status = 'completed')
    union all
    select 'path', t.slug from learn.learning_paths t where t.is_published and not exists (
      select from learn.user_path_progress p
      where p.user_id = %(user)s and p.path_id = t.id and p.completed_at is not null)
    union all
    select 'exam', e.key from learn.exam_types e
    where exists (select from learn.questions q where q.exam_type = e.key and q.is_active) and not exists (
      select from learn.quiz_attempts a where a.user_id = %(user)s and a.exam_type = e.key)
"""
CHALLENGES = "select to_jsonb(p) from learn.user_challenge_progress p where p.user_id = %s order by p.id"


@pytest.fixture(scope="module", params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shared_database(product: str, server: ThrowawayServer, bare: str) -> Iterator[str]:
    yield from seeded_database(server, bare, product, demo=PRODUCTS[product][0])


def test_doing_whatever_is_open_completes_everything(learn: Learn, product: str) -> None:
    learn.caller = "learn_app"
    for seed in range(PRODUCTS[product][1]):
        learner = Learner(learn, Random(seed))
        acts = 0
        while learner.act():
            acts += 1
            assert acts < 2000, "there is always something open, and no end to it"
        assert acts >= 10
        assert learn.tuples(LEFT, {"user": learner.user}) == []
        told = learn.dashboard(learner.user)["track_progress"]
        assert all(percentage == 100 for percentage in told.values())
        assert unearned(learn, learner.user) == []

        before = snapshot(learn, [learner.user]), learn.values(CHALLENGES, [learner.user])
        learn.rebuild_user(learner.user)
        after = snapshot(learn, [learner.user]), learn.values(CHALLENGES, [learner.user])
        assert differences(after[0], before[0]) == {}
        assert after[1] == before[1]


def unearned(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    """Achievements whose threshold is reached and that are not there, or the other way round."""
    return [
        (row.slug, row.value, row.target)
        for row in learn.rows("select * from learn.achievement_progress(%s)", [user])
        if (row.value >= row.target) != (row.earned_at is not None)
    ]
