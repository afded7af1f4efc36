"""A shard's standby takes its place while learners move from or to it; it was behind, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.client import Learn, raises_lx
from tests.clusters import Cluster, build, discard, make_cluster, programs
from tests.conftest import ROOT
from tests.shards.conftest import require_plproxy
from tests.shards.movers import BUCKETS, SETTINGS, Ground, settle
from tests.shards.test_move import Killed
from tests.suites.payers import Payer
from tests.waiting import wait_until
from toolkit.errors import DbtoolError
from toolkit.output import Reporter
from toolkit.project.layout import Project
from toolkit.shards import check, content, moving, replicas, setup
from toolkit.shards.cluster import members

MESSAGES = """
insert into learn.outbox (topic, key, payload) select 'test', u.id::text, jsonb_build_object('user_id', u.id)
  from learn.users u
"""
RENAME = """
update learn.lessons set title = %s where id = (
  select max(id) from learn.lessons where title not in ('Missed', 'Later'))
"""
COUNT = "select count(*) filter (where title = %s), count(*) filter (where title = %s) from learn.lessons"
OPEN = "select id from learn.outbox where completed_at is null"


class Until(Reporter):
    """Ends the run when a step was noted."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.last = step

    def notice(self, text: str) -> None:
        if text.endswith(f": {self.last}"):
            raise Killed


class Town:
    """A server with proxy and home, and one for each shard, which a standby may follow."""

    def __init__(self, front: Cluster, shards: list[Cluster], ground: Ground) -> None:
        self.front, self.servers, self.ground = (
            front,
            dict(zip(("shard1", "shard2"), shards, strict=True)),
            ground,
        )
        self.proxy = front.url("proxy")
        self.payers = [Payer(self.session, ground, ground.users[one::2], one) for one in range(2)]
        self.source, self.target = self.servers

    def session(self) -> psycopg.Connection[Any]:
        """As a backend, on the proxy."""
        connection = self.front.connect("proxy")
        connection.execute("set role learn_app")
        return connection

    def act(self) -> None:
        """Every payer calls, and is answered."""
        for payer in self.payers:
            for _ in range(6):
                payer.act()

    def move(self, step: str) -> None:
        """All of the source's learners move to the target, until a step was noted: then dbtool is gone."""
        with pytest.raises(Killed):
            moving.rebalance(self.proxy, {self.source: 0}, (), Until(step))

    def sync(self, title: str) -> None:
        """A lesson that has no title of this kind yet gets it, and the shards have that."""
        with self.front.connect("home") as home, self.front.connect("proxy") as proxy:
            home.execute(RENAME, [title])
            found = members(proxy, self.proxy)[1:]
            with found[0].open() as one, found[1].open() as two:
                content.sync(home, list(zip(found, (one, two), strict=True)), 20)

    def follow(self, name: str) -> Cluster:
        """A standby of a shard's, which has everything."""
        made = self.servers[name].follow()
        made.start()
        return made

    def leave_behind(self, name: str, standby: Cluster) -> None:
        """The standby has what there is, and hears of nothing from now on."""
        with self.servers[name].connect("shard") as first, standby.connect("shard") as second:
            (lsn,) = first.execute("select pg_current_wal_lsn()::text").fetchone() or ("",)
            wait_until(
                lambda: second.execute("select pg_last_wal_replay_lsn() >= %s", (lsn,)).fetchone() == (True,)
            )
        standby.stop()

    def take_over(self, name: str, standby: Cluster) -> None:
        """The shard's server is gone for ever."""
        self.servers[name].crash()
        discard(self.servers[name])
        promote(standby)
        for payer in self.payers:
            payer.close()
        replicas.failover(self.proxy, name, standby.url("shard"), ())
        self.servers[name] = standby

    def messages(self) -> list[Any]:
        """Open messages of the outbox, of both shards."""
        found = []
        for server in self.servers.values():
            with server.connect("shard") as shard:
                found += [one for (one,) in shard.execute(OPEN).fetchall()]
        return sorted(found)


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    binaries = programs(15)
    require_plproxy(binaries)
    made = [make_cluster(binaries, SETTINGS) for _ in range(3)]
    town = None
    try:
        for each, names in zip(made, (("home", "proxy"), ("shard",), ("shard",)), strict=True):
            each.start()
            with each.connect("postgres") as connection:
                for name in names:
                    connection.execute(f"create database {name}".encode())
        front, *shards = made
        build(front.url("home"))
        urls = [each.url("shard") for each in shards]
        setup.init(Project.find(ROOT), front.url("proxy"), front.url("home"), urls, BUCKETS, Reporter())
        with front.connect("home") as home, front.connect("proxy") as proxy:
            ground = Ground(Learn(home))
            found = members(proxy, front.url("proxy"))[1:]
            with found[0].open() as one, found[1].open() as two:
                content.sync(home, list(zip(found, (one, two), strict=True)))
            ground.users = [Learn(proxy).register_user(f"learner-{number}") for number in range(24)]
        town = Town(front, shards, ground)
        town.act()
        for each in shards:
            with each.connect("shard") as shard:
                shard.execute(MESSAGES)
        moving.rebalance(town.proxy, {town.target: 0}, (), Reporter())
        yield town
    finally:
        discard(*made, *(town.servers.values() if town else ()))


def promote(standby: Cluster) -> None:
    """As it was when it stopped."""
    (standby.data / "postgresql.auto.conf").write_text("")  # nor does it follow its primary any more
    standby.start()
    with standby.connect("shard") as connection:
        connection.execute("select pg_promote()")


def test_content_that_a_standby_has_missed_comes_to_it(town: Town) -> None:
    standby = town.follow(town.source)
    town.leave_behind(town.source, standby)
    town.sync("Missed")
    town.take_over(town.source, standby)
    with standby.connect("shard") as shard:
        town.sync("Later")
        assert shard.execute(COUNT, ["Missed", "Later"]).fetchone() == (1, 1)
    town.act()


# Who is lost; the step at which its standby fell behind; where dbtool was killed; whether it can go back.
CASES = [
    ("source", "", "copy", True),
    ("source", "copy", "cut over", True),
    ("source", "cut over", "hand over", True),
    ("source", "cut over", "boards", False),
    ("source", "cut over", "totals", False),
    ("target", "", "cut over", True),
    ("target", "cut over", "hand over", True),
    ("target", "hand over", "boards", True),
    ("target", "boards", "totals", False),
]
ENDS = [(*case, end) for case in CASES for end in ("goes back", "goes on") if case[-1] or end == "goes on"]


@pytest.mark.parametrize(("lost", "behind", "step", "_", "end"), ENDS)
def test_nothing_is_lost_when_a_standby_that_was_behind_takes_over(
    town: Town, lost: str, behind: str, step: str, _: bool, end: str
) -> None:
    name = town.source if lost == "source" else town.target
    is_handed_over = step in ("boards", "totals")
    standby = town.follow(name)
    if behind:
        town.move(behind)
    town.leave_behind(name, standby)
    if lost == "target" and behind in ("", "cut over"):
        town.act()  # the slot takes it for received
    town.move(step)
    if lost == "source" and is_handed_over:
        town.act()  # on the target
    messages = town.messages()
    assert len(messages) >= len(town.ground.users)
    town.take_over(name, standby)
    if is_handed_over and behind != "boards":  # it writes for nobody who is elsewhere, or will be here again
        with standby.connect("shard") as shard, raises_lx("LX015"):
            Learn(shard).award_xp(town.ground.users[0], 1)
    elif (lost, step) != ("target", "hand over"):  # there nobody has these learners until it goes on
        town.act()
    if end == "goes back":
        moving.abort(town.proxy, ())
    else:
        moving.rebalance(town.proxy, {town.source: 0}, (), Reporter())
    assert set(messages) <= set(town.messages())
    assert len(set(town.messages())) == len(town.messages())
    town.act()
    count = settle(town.proxy, town.payers)
    assert check.verify(town.proxy) == []
    if end == "goes on":
        assert count[town.source] == 0
        town.source, town.target = town.target, town.source


def test_a_standby_without_learners_who_are_nowhere_else_is_refused(town: Town) -> None:
    standby = town.follow(town.target)
    town.move("cut over")
    town.leave_behind(town.target, standby)
    town.move("clean up")
    promote(standby)
    try:
        with pytest.raises(DbtoolError, match="lacks learners"):
            replicas.failover(town.proxy, town.target, standby.url("shard"), ())
    finally:
        discard(standby)
    moving.rebalance(town.proxy, {town.source: 0}, (), Reporter())
    assert settle(town.proxy, town.payers)[town.source] == 0
    town.source, town.target = town.target, town.source


def test_a_shard_does_not_fail_over_while_dbtool_moves_its_learners(town: Town) -> None:
    town.move("copy")
    with moving.alone(town.proxy), pytest.raises(DbtoolError, match="another dbtool"):
        replicas.failover(town.proxy, town.source, town.servers[town.source].url("shard"), ())
    moving.abort(town.proxy, ())
