"""Calls of several steps over databases are cut off after each: called again, nothing is lost or doubled."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.shards.conftest import Shards, running_shards
from tests.shards.cuts import ACTS, Side, set_stage
from tests.shards.test_differential import compare
from tests.shards.twins import Twins, is_lost
from tests.suites.conftest import Amount, Tell
from tests.suites.conftest import amount as amount
from tests.suites.conftest import tell as tell
from toolkit.shards import check

KILLED = ("accept_solution", "register_user", "update_profile")
EARNED = ("xp_awarded", "total_xp", "current_level", "leveled_up", "current_streak", "new_achievements")


@pytest.fixture(scope="module")
def stage() -> Iterator[Shards]:
    """A cluster of this file's own: its servers are killed, and its time stands still."""
    with running_shards("sql_platform") as made:
        set_stage(made)
        yield made


class Theatre:
    """Both sides, and what has differed."""

    def __init__(self, shards: Shards) -> None:
        self.shards = shards
        self.plain, self.proxy = Side(shards, "plain"), Side(shards, "proxy")
        owner = self.proxy.owner("proxy")
        self.on_all = {
            name.removeprefix("part_")
            for (name,) in owner.tuples(
                "select proname::text from pg_proc where pronamespace = 'cut'::regnamespace"
                " and proname ~ '^part_'"
            )
        }
        self.rounds: list[str] = []
        self.wrong: list[str] = []
        self.cuts = Counter[str]()

    def take_place(self, function: str, how: str = "", step: int = 0, *, drains: bool = False) -> list[str]:
        """One call on both sides; on the proxy it is cut off at a step and made again. Returns the steps."""
        name = f"{len(self.rounds):03} cut"
        self.rounds.append(f"{function} {how} {step} {'drained' if drains else ''}")
        calls = []
        for side in (self.plain, self.proxy):
            arguments = ACTS[function](side, name)
            keyed = {}
            if "p_idempotency_key" in side.learn._signature(function).parameters:
                keyed = {"idempotency_key": name}
            calls.append((arguments, keyed))
        expected = self.plain.learn.call(function, *calls[0][0], **calls[0][1])
        owner = self.proxy.owner("proxy").connection
        owner.execute("select setval('cut.steps', 1, false)")
        if how:
            owner.execute("insert into cut.here values (%s, %s)", [step, how])
        self.proxy.steps.clear()
        is_cut = False
        answer = None
        try:
            answer = self.proxy.client("cut off").call(function, *calls[1][0], **calls[1][1])
        except psycopg.Error as error:
            if not is_lost(error):
                raise
            is_cut = True
        steps = [said.removeprefix("step ") for said in self.proxy.steps if said.startswith("step ")]
        if how == "process" and is_cut:
            self.wait()
        self.proxy.owner("proxy").run("truncate cut.here")
        if is_cut:
            self.cuts[how] += 1
            if drains:
                self.shards.drain()
            answer = self.again(function, name, *calls[1])
        if calls[0][1]:
            told, there = ({word: getattr(one, word) for word in EARNED} for one in (expected, answer))
            if told != there:
                self.wrong.append(f"{name} {self.rounds[-1]} ({steps}): {there}, not {told}")
        return steps

    def again(self, function: str, name: str, arguments: list[Any], keyed: dict[str, Any]) -> Any:
        """As a client does who had no answer."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return self.proxy.learn.call(function, *arguments, **keyed)
            except psycopg.Error as error:  # noqa: PERF203
                assert time.monotonic() < deadline
                if function == "erase_user" and error.sqlstate == "LX002":
                    return None
                if function == "register_user" and error.sqlstate == "LX001":
                    self.shards.drain()
                    query = "select id from learn.users where username = %s"
                    if found := self.proxy.owner("home").tuples(query, [f"{name} a"]):
                        return found[0][0]
                elif not is_lost(error):
                    raise

    def wait(self) -> None:
        """Until the server has noticed that a process of its was killed, and is there again."""
        deadline = time.monotonic() + 30
        with contextlib.suppress(psycopg.OperationalError):
            while time.monotonic() < deadline:
                self.proxy.owner("proxy").run("select")
        self.plain.reset()
        self.proxy.reset()
        while not self.shards.cluster.is_up("proxy"):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_every_call_of_several_steps_is_cut_off_here(stage: Shards) -> None:
    """Whatever writes and is not one call to one database: a new one needs an act in cuts.py."""
    with stage.open("proxy") as proxy:
        names = proxy.tuples(
            "select proname::text from pg_proc p join pg_language l on l.oid = p.prolang"
            " where p.pronamespace = 'learn'::regnamespace and l.lanname <> 'plproxy'"
            " and p.prosrc !~ 'this is not done through the proxy' order by 1"
        )
    with stage.open("home") as home:
        writes = home.tuples("select name from learn_shard.public_functions() where volatility = 'volatile'")
    assert {name for (name,) in names} & {name for (name,) in writes} == ACTS.keys()


def test_calls_that_are_cut_off_at_any_step_end_as_on_one_database(
    stage: Shards, amount: Amount, tell: Tell
) -> None:
    theatre = Theatre(stage)
    both = amount(0, 1)
    for function in ACTS:
        steps = theatre.take_place(function)
        assert steps, function
        for number, step in enumerate(steps, 1):
            ways = ("session", "away", "lost") if both else (("session", "lost")[len(theatre.rounds) % 2],)
            for how in ways:
                for drains in (True, False) if both else (len(theatre.rounds) % 3 == 0,):
                    theatre.take_place(function, how, number, drains=drains)
            if step in theatre.on_all:
                theatre.take_place(function, "part", number, drains=True)
            if both or (function in KILLED and number == 2):
                theatre.take_place(function, "process", number, drains=True)
    stage.drain()
    assert stage.drain() == 0
    assert stage.ails() == []
    assert check.verify(stage.url()) == []
    assert theatre.wrong == [], "\n".join(theatre.wrong)
    compare(Twins(stage, 0))
    tell(f"{len(theatre.rounds)} calls, cut off: {dict(theatre.cuts)}")


def test_what_a_call_has_earned_is_its_answer_whoever_tells_the_shard(stage: Shards) -> None:
    """Somebody else's call comes between home and the caller's shard, drain does, or an earlier call."""
    proxy = Side(stage, "proxy")
    first, other = proxy.learners("told", 2)
    with stage.open("proxy") as owner:
        owner.run("set role learn_owner")
        for key in ("one", "two"):
            home = "select learn_proxy.home_post_discussion(%s, %s, 'What is it?', p_idempotency_key => %s)"
            owner.run(home, [first, f"A question {key}", key])
            assert proxy.learn.post_discussion(other, key=f"{key} of the other").xp_awarded == 7
            if key == "one":
                stage.drain()
    for key in ("two", "one"):
        answer = proxy.learn.post_discussion(first, f"A question {key}", "What is it?", key=key)
        assert (answer.xp_awarded, answer.replayed) == (7, True)
        assert answer.unlocked["discussion_id"]
    assert proxy.of(first).value("select total_xp from learn.user_stats where user_id = %s", [first]) == 44


def test_drain_is_cut_off_at_any_step_and_ends_it_the_next_time(stage: Shards) -> None:
    side = Side(stage, "proxy")
    owner = side.owner("proxy").connection
    caller = stage.cluster.connect("proxy")
    caller.execute("set role learn_owner")
    for step in itertools.count(1):
        poster, gone = side.learners(f"drained {step}", 2)
        half, made = uuid4(), uuid4()
        for user, called in ((half, "half"), (made, "made")):
            claim = [user, f"drained {step} {called}", f"{called}-{step}@x.org", "UTC", "en", None]
            caller.execute("select learn_proxy.claim_user(%s, %s, %s, %s, %s, %s)", claim)
        caller.execute("select learn_proxy.add_user(%s, %s, %s, %s, %s, %s)", claim)
        caller.execute("select learn_proxy.home_post_discussion(%s, 'A question', 'What is it?')", [poster])
        profile = Jsonb({"username": f"drained {step} anew"})
        caller.execute("select learn_proxy.home_update_profile(%s, %s)", [poster, profile])
        caller.execute("select learn_proxy.home_erase_user(%s, 'keep')", [gone])
        owner.execute("select setval('cut.steps', 1, false)")
        owner.execute("insert into cut.here values (%s, %s)", [step, ("lost", "session")[step % 2]])
        with contextlib.suppress(psycopg.OperationalError, psycopg.errors.InternalError_):
            stage.drain()
        (steps,) = owner.execute("select last_value from cut.steps").fetchone() or (0,)
        owner.execute("truncate cut.here")
        stage.drain()
        assert stage.drain() == 0
        assert check.verify(stage.url()) == []
        there = "select count(*) from learn.users where id = any (%s)"
        for user, count in ((half, 0), (made, 1), (gone, 0)):
            assert side.of(user).value(there, [[user]]) == count
        totals = (
            "select u.username, s.total_xp from learn.users u join learn.user_stats s on s.user_id = u.id"
        )
        found = side.of(poster).tuples(f"{totals} where u.id = %s", [poster])
        assert found == [(f"drained {step} anew", 37)]
        if steps < step:
            break
    assert step > 8
    assert stage.ails() == []
