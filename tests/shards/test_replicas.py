"""A shard with a standby: reads that go there, and a standby that takes the shard's place meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.client import Learn
from tests.clusters import Cluster, build, discard, make_cluster, programs
from tests.conftest import ROOT
from tests.shards.conftest import require_plproxy
from tests.shards.movers import BUCKETS, SETTINGS, Ground
from tests.suites.conftest import Tell
from tests.suites.conftest import tell as tell
from tests.suites.payers import Payer, acting, have_called, settle
from tests.waiting import wait_until
from toolkit.errors import UsageProblem
from toolkit.output import Reporter
from toolkit.project.layout import Project
from toolkit.shards import content, replicas, setup
from toolkit.shards.cluster import members

CLIENTS = 4


class Servers(NamedTuple):
    """One with proxy and home, one with the shard, and its standby."""

    front: Cluster
    shard: Cluster
    standby: Cluster
    ground: Ground

    @property
    def proxy(self) -> str:
        return self.front.url("proxy")


class Patient(Payer):
    """Through a proxy, a shard that is away is an XX000 of PL/Proxy's."""

    def _note(self, error: psycopg.Error, deadline: float) -> None:
        if error.sqlstate == "XX000" and time.monotonic() < deadline:
            self.failures["XX000"] += 1
            time.sleep(0.05)
        else:
            super()._note(error, deadline)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    binaries = programs(15)
    require_plproxy(binaries)
    front, shard = make_cluster(binaries, SETTINGS), make_cluster(binaries, SETTINGS)
    made = [front, shard]
    try:
        for each, names in ((front, ("home", "proxy")), (shard, ("one",))):
            each.start()
            with each.connect("postgres") as connection:
                for name in names:
                    connection.execute(f"create database {name}".encode())
        build(front.url("home"))
        one = [shard.url("one")]
        setup.init(Project.find(ROOT), front.url("proxy"), front.url("home"), one, BUCKETS, Reporter())
        with front.connect("home") as home, shard.connect("one") as connection:
            ground = Ground(Learn(home))
            with front.connect("proxy") as proxy:
                content.sync(home, [(members(proxy, front.url("proxy"))[1], connection)])
                ground.users = [Learn(proxy).register_user(f"learner-{number}") for number in range(16)]
        standby = shard.follow(slot="standby")
        made.append(standby)
        standby.set(cluster_name="standby")
        standby.start()
        yield Servers(front, shard, standby, ground)
    finally:
        discard(*made)


def session(servers: Servers) -> psycopg.Connection[Any]:
    """As a backend, on the proxy."""
    connection = servers.front.connect("proxy")
    connection.execute("set role learn_app")
    return connection


def read(servers: Servers) -> None:
    """What was written is read from the standby after waiting."""
    replicas.standby(servers.proxy, "shard1", servers.standby.url("one"), ())
    user = servers.ground.users[-1]
    with session(servers) as connection, servers.standby.connect("one") as standby:
        for number in range(10):
            Learn(connection).award_xp(user, 1)
            (lsn,) = connection.execute("select learn_reads.written_to(%s)::text", [user]).fetchone() or ("",)
            standby.execute("select pg_wal_replay_pause()" if number % 2 else "select pg_wal_replay_resume()")
            threading.Timer(0.1, resume, (servers.standby,)).start()
            connection.execute("select learn_reads.wait_for(%s, %s, '3 minutes')", [user, lsn])
            query = "select total_xp from learn_reads.user_dashboard(%s)"
            assert connection.execute(query, [user]).fetchone() == (number + 1,)
        asked = "select count(*) from pg_stat_activity where usename = 'learn_router'"
        assert standby.execute(asked).fetchone() != (0,)
    with pytest.raises(UsageProblem):
        replicas.standby(servers.proxy, "shard1", servers.shard.url("one"), ())
    with pytest.raises(UsageProblem):
        replicas.failover(servers.proxy, "shard1", servers.standby.url("one"), ())


def take_over(servers: Servers, tell: Tell) -> None:
    """The standby takes the shard's place, and nothing is lost or paid twice."""
    with servers.shard.connect("one") as connection:
        connection.execute("alter system set synchronous_standby_names = 'standby'")
        connection.execute("select pg_reload_conf()")
    users = servers.ground.users[:-1]
    payers: list[Payer] = [
        Patient(lambda: session(servers), servers.ground, users[one::CLIENTS], one) for one in range(CLIENTS)
    ]
    with acting(payers):
        have_called(payers)
        servers.shard.stop(9)
        wait_until(lambda: sum(payer.failures["XX000"] for payer in payers) > 0)
        with servers.standby.connect("one") as connection:
            connection.execute("select pg_promote()")
        replicas.failover(servers.proxy, "shard1", servers.standby.url("one"), ())
        have_called(payers)
    calls = sum(payer.calls for payer in payers)
    with servers.standby.connect("one") as connection:
        settle(Learn(connection), payers)
    tell(f"a shard's standby took over: {calls:,} calls as told")


def test_a_standby_is_read_and_takes_a_shards_place(servers: Servers, tell: Tell) -> None:
    read(servers)
    take_over(servers, tell)


def resume(cluster: Cluster) -> None:
    with cluster.connect("one") as connection:
        connection.execute("select pg_wal_replay_resume()")
