"""What learners do while an editor changes something: each pair of acts on content of its own.

The tests of a file share a database and its sessions, which have made their plans.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

import psycopg
import pytest

from tests.client import Learn
from tests.concurrency.sessions import Pair, Task, client, pair
from tests.conftest import FreshDatabase, owner_url
from toolkit.servers.throwaway import ThrowawayServer


class Staged(Protocol):
    """Content, and the learner who comes to it."""

    user: UUID


Stage = TypeVar("Stage", bound=Staged)
Act = Callable[[Learn, Stage], object]
Learners = Mapping[str, tuple[list[Act[Stage]], Act[Stage]]]
"""By its name, an act, and what is done before it."""


def run(statement: str, *ids: Callable[[Any], int]) -> Act[Any]:
    """An editor's statement with ids of the stage."""
    return lambda learn, stage: learn.run(statement, [number(stage) for number in ids])


def flip(table: str, number: Callable[[Any], int]) -> Act[Any]:
    """Publish what is not, or the other way round."""
    return run(f"update learn.{table} set is_published = not is_published where id = %s", number)


@dataclass(frozen=True)
class Kept:
    """Two sessions that overlap, and one that arranges and checks."""

    both: Pair
    learn: Learn


@pytest.fixture(scope="module")
def kept(server: ThrowawayServer, template: str) -> Iterator[Kept]:
    name = "laurel_overlaps"
    server.create_database(name, template=template)
    try:
        fresh = FreshDatabase(owner_url(server, name))
        with pair(fresh) as both, client(fresh) as learn:
            yield Kept(both, learn)
    finally:
        server.drop_database(name)


def overlap(
    kept: Kept,
    build: Callable[[Learn], Stage],
    learners: Learners[Stage],
    edit: Act[Stage],
    *,
    refusals: Collection[str | None],
    editor_first: bool,
    isolation: psycopg.IsolationLevel | None = None,
) -> dict[str, object]:
    """Each learner's act overlaps with the edit; returns what is wrong afterwards, by the act."""
    learn, wrong = kept.learn, dict[str, object]()
    kept.both.use(isolation)
    for name, (before, act) in learners.items():
        stage = build(learn)
        for earlier in before:
            earlier(learn, stage)

        def learner(learn: Learn, act: Act[Stage] = act, stage: Stage = stage) -> object:
            return act(learn, stage)

        def editor(learn: Learn, stage: Stage = stage) -> object:
            return edit(learn, stage)

        tasks: tuple[Task[object], Task[object]] = (editor, learner) if editor_first else (learner, editor)
        codes = kept.both.interleave(*tasks)
        editor_code, learner_code = codes if editor_first else (codes[1], codes[0])
        if isolation is not None and codes[1] == "40001":
            continue
        damage = _damage(learn, stage.user)
        if editor_code is not None or learner_code not in refusals or damage:
            wrong[name] = (editor_code, learner_code, damage)
    if damage := _damage(learn):
        wrong["everybody"] = damage
    return wrong


def _damage(learn: Learn, *user: UUID) -> list[object]:
    return [(found.check_name, found.expected, found.actual) for found in learn.check_integrity(*user)]
