"""Servers that are shared by tests: a primary with its standby, and one that has been lived in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from psycopg import sql

from tests.calls import Scene, make_scene
from tests.client import Learn
from tests.clusters import Cluster, discard, running
from tests.suites.conftest import amount as amount
from tests.suites.conftest import tell as tell
from tests.suites.payers import Payer, Place, settle


class Two(NamedTuple):
    """A primary with the scene in it, and a streaming standby."""

    primary: Cluster
    standby: Cluster
    scene: Scene


@pytest.fixture(scope="module")
def two(laurel: Cluster) -> Iterator[Two]:
    with running(laurel) as primary:
        with primary.connect() as connection, connection.transaction():
            scene = make_scene(Learn(connection))
        standby = primary.follow()
        try:
            standby.start()
            yield Two(primary, standby, scene)
        finally:
            discard(standby)


class Lived(NamedTuple):
    """A running cluster with learners who have done a bit of everything, some of them with keys."""

    cluster: Cluster
    place: Place
    payers: list[Payer]


@pytest.fixture(scope="session")
def lived(laurel: Cluster) -> Iterator[Lived]:
    with running(laurel) as cluster:
        yield live(cluster)


def live(cluster: Cluster) -> Lived:
    """Have learners live in a cluster; nobody writes to it afterwards."""
    with cluster.connect() as connection:
        with connection.transaction():
            learn = Learn(connection)
            learn.set_clock(None)
            make_scene(learn)
        place = Place(learn, users=4)
        payers = [
            Payer(cluster.connect, place, place.users[:2], 1),
            Payer(cluster.connect, place, place.users[2:], 2),
        ]
        for payer in payers:
            for _ in range(30):
                payer.act()
            payer.close()
        settle(learn, payers)
    return Lived(cluster, place, payers)


def digest(cluster: Cluster, database: str = "app") -> dict[str, tuple[int, int]]:
    """By table of Laurel's: how many rows, and all of them as a number."""
    with cluster.connect(database) as connection:
        learn = Learn(connection)
        query = sql.SQL(" union all ").join(
            sql.SQL("select {}, count(*), sum(hashtextextended(t::text, 0)) from {} t").format(
                sql.Literal(name), sql.Identifier(*name.split("."))
            )
            for name in learn.row_counts()
        )
        return {name: (count, number) for name, count, number in connection.execute(query).fetchall()}


def goes_on(cluster: Cluster, lived: Lived) -> None:
    """Learners of before and new ones act, are told what is so, and nothing is damaged."""
    payers = []
    for number, before in enumerate(lived.payers):
        payer = Payer(cluster.connect, lived.place, before.users, 10 + number)
        payer.told |= before.told
        for _ in range(15):
            payer.act()
        payer.close()
        payers.append(payer)
    with cluster.connect() as connection:
        learn = Learn(connection)
        user = learn.make_user()
        assert learn.complete_lesson(user, lived.place.lessons[5]).new_achievements == ["first-lesson"]
        settle(learn, payers)
