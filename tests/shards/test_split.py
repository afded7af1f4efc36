"""`dbtool shards split` and `rebalance`, while learners call through the proxy and dbtool is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.client import Learn
from tests.clusters import Cluster, build, discard, make_cluster, programs
from tests.conftest import ROOT
from tests.shards.conftest import require_plproxy
from tests.shards.movers import BUCKETS, SETTINGS, Ground, settle
from tests.suites.conftest import Tell
from tests.suites.conftest import tell as tell
from tests.suites.payers import Payer
from tests.waiting import PATIENCE, meanwhile
from toolkit.errors import UsageProblem
from toolkit.output import Reporter
from toolkit.project.layout import Project
from toolkit.shards import content, moving, setup
from toolkit.shards.cluster import members

STEPS = ("prepare", "copy", "cut over", "hand over", "boards", "clean up", "totals")
CLIENTS = 8
# Whoever has done the work of the step that is held waits before the next one is begun.
HOLD = """
create table public.held (step text);
create function public.hold() returns trigger language plpgsql as $$
begin
  if old.step = (select h.step from public.held h) then
    perform pg_advisory_xact_lock(7);
  end if;
  return new;
end;
$$;
create trigger hold before update on learn_proxy.moves for each row execute function public.hold();
"""


class City:
    """A proxy, home, a shard with learners and an empty database."""

    def __init__(self, cluster: Cluster, ground: Ground) -> None:
        self.cluster, self.ground = cluster, ground
        self.payers = [
            Payer(self.session, ground, ground.users[number::CLIENTS], number) for number in range(CLIENTS)
        ]
        self.longest = 0.0
        self.url = cluster.url("proxy")

    def session(self) -> psycopg.Connection[Any]:
        """As a backend."""
        connection = self.cluster.connect("proxy")
        connection.execute("set role learn_app")
        return connection

    def start(self, *words: str) -> subprocess.Popen[str]:
        """`dbtool shards …` on the proxy."""
        return subprocess.Popen(
            [sys.executable, "-m", "toolkit", "shards", *words, "--json", "--database-url", self.url],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def kill(self, step: str, *words: str) -> None:
        """The same, killed when it has done the work of a step and before it notes the next one."""
        holds = "select pid from pg_locks where locktype = 'advisory' and objid = 7 and not granted"
        with self.cluster.connect("proxy") as keeper:
            keeper.execute("select pg_advisory_lock(7)")
            keeper.execute("insert into public.held values (%s)", [step])
            running = self.start(*words)
            while (waits := keeper.execute(holds).fetchone()) is None:
                assert running.poll() is None, (step, running.communicate())
                time.sleep(0.01)
            os.kill(running.pid, signal.SIGKILL)
            running.communicate()
            keeper.execute("select pg_terminate_backend(%s, 60000)", waits)
            keeper.execute("truncate public.held")

    def run(self, *words: str) -> dict[str, Any]:
        """The same, to its end."""
        out, err = (started := self.start(*words)).communicate(timeout=PATIENCE)
        assert started.returncode == 0, err
        answer = json.loads(out)
        assert isinstance(answer, dict)
        return answer

    @contextmanager
    def learning(self) -> Iterator[None]:
        """All clients act, and ask again with the same key until they are answered."""

        def live(payer: Payer, over: threading.Event) -> None:
            while not over.is_set():
                began = time.monotonic()
                payer.act()
                self.longest = max(self.longest, time.monotonic() - began)
                over.wait(0.1)  # learners think
            payer.close()

        with meanwhile([partial(live, payer) for payer in self.payers]):
            yield

    def shards(self) -> dict[str, int]:
        """Buckets by shard, as the proxy has it."""
        query = (
            "select s.name, count(*) from learn_proxy.buckets b join learn_proxy.shards s on number = shard"
        )
        with self.cluster.connect("proxy") as proxy:
            return dict(proxy.execute(f"{query} group by 1".encode()).fetchall())

    def settle(self) -> dict[str, int]:
        """What payers were told is what the shards have, each learner on one; learners by shard."""
        return settle(self.url, self.payers)


@pytest.fixture(scope="module")
def city() -> Iterator[City]:
    binaries = programs(15)
    require_plproxy(binaries)
    cluster = make_cluster(binaries, SETTINGS)
    try:
        cluster.start()
        with cluster.connect("postgres") as connection:
            for name in ("home", "proxy"):
                connection.execute(f"create database {name}".encode())
            build(cluster.url("home"))
            for name in ("one", "two"):
                connection.execute(f"create database {name} template home".encode())
        with cluster.connect("home") as home:  # it has been in use
            home.execute("select setval('learn_internal.certificate_numbers', 5000)")
        project = Project.find(ROOT)
        one = [cluster.url("one")]
        setup.init(project, cluster.url("proxy"), cluster.url("home"), one, BUCKETS, Reporter())
        with cluster.connect("home") as home:
            ground = Ground(Learn(home))
            with cluster.connect("one") as shard:
                content.sync(home, [(moving_member(cluster), shard)])
        with cluster.connect("proxy") as proxy:
            proxy.execute(HOLD)
            ground.users = [Learn(proxy).register_user(f"learner-{number}") for number in range(64)]
        yield City(cluster, ground)
    finally:
        discard(cluster)


def moving_member(cluster: Cluster) -> Any:
    """The first shard."""
    with cluster.connect("proxy") as proxy:
        return members(proxy, cluster.url("proxy"))[1]


def split(city: City, tell: Tell) -> None:
    """Half of the shard goes to another one, and dbtool is killed at every step."""
    words = ("split", "shard1", city.cluster.url("two"))
    with city.learning():
        time.sleep(0.3)
        for step in STEPS:
            city.kill(step, *words)
        city.run(*words)
        time.sleep(0.3)
    count = city.settle()
    assert sum(count.values()) == 64
    assert min(count.values()) > 15
    for name in ("one", "two"):  # a certificate of before may come to any of them
        with city.cluster.connect(name) as shard:
            assert shard.execute(
                "select last_value > 5000 from learn_internal.certificate_numbers"
            ).fetchone() == (True,)
    tell(f"killed {len(STEPS)} times, a split ended; nobody waited for more than {city.longest:.2f} s")


def empty(city: City, tell: Tell) -> None:
    """All of it goes there, after it was thought better of."""
    words = ("rebalance", "--weight", "shard1=0")
    with city.learning():
        city.kill("copy", *words)
        with city.cluster.connect("home") as home, city.cluster.connect("one") as shard:
            home.execute("update learn.tracks set title = title || '!'")
            with pytest.raises(psycopg.Error) as waits:
                content.sync(home, [(moving_member(city.cluster), shard)])
        assert waits.value.sqlstate == "LX015"
        assert city.run("rebalance", "--abort")["aborted"] is True
        assert city.shards()["shard1"] > 15
        answer = city.run(*words)
    assert city.settle() == {"shard1": 0, "shard2": 64}
    assert answer["moves"] == 1
    tell(f"learners waited for {max(answer['pauses_seconds']):.2f} s")
    refuse_who_asks_the_old_place(city)


def refuse_who_asks_the_old_place(city: City) -> None:
    """As a proxy does that was left out: nobody is made there, given up there, or taken for erased."""
    told = '[{"id": 1, "kind": "profile", "payload": {}}]'
    with city.cluster.connect("one") as shard, city.cluster.connect("two") as other:
        for user in (city.ground.users[0], uuid4()):
            for call in (
                "take(%(user)s, %(told)s)",
                "add_user(%(user)s, 'late', null, 'UTC', 'en', null)",
                "has_or_refuse(%(user)s)",
            ):
                with pytest.raises(psycopg.Error) as refused:
                    shard.execute(f"select learn_shard.{call}".encode(), {"user": user, "told": told})
                assert refused.value.sqlstate == "LX015", call
        gone = "select count(*) from learn_shard.gone"
        assert [each.execute(gone.encode()).fetchall() for each in (shard, other)] == [[(64,)], [(0,)]]


def test_a_shard_is_split_and_emptied_while_dbtool_is_killed_and_nothing_is_lost(
    city: City, tell: Tell
) -> None:
    split(city, tell)
    empty(city, tell)


def test_buckets_are_planned_by_weight_and_as_few_as_may_be_move() -> None:
    has = {1: list(range(64)), 2: []}
    assert moving.plan(has, {1: 1, 2: 1}) == [(1, 2, list(range(32, 64)))]
    assert moving.plan(has, {1: 3, 2: 1}) == [(1, 2, list(range(48, 64)))]
    assert moving.plan({1: [0, 1], 2: [2, 3]}, {1: 1, 2: 1}) == []
    assert moving.plan({1: [0, 1, 2], 2: [3]}, {1: 0, 2: 1}) == [(1, 2, [0, 1, 2])]
    assert moving.plan({1: [0, 1, 2, 3], 2: [], 3: []}, {1: 1, 2: 1, 3: 1}) == [(1, 2, [2]), (1, 3, [3])]
    for wrong in ({1: 0.0, 2: 0.0}, {1: -1.0, 2: 3.0}):
        with pytest.raises(UsageProblem):
            moving.plan(has, wrong)
