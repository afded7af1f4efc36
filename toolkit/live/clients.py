"""Simulated learners who are there now: connections that call public functions, and how long that took."""

from __future__ import annotations

import multiprocessing
import re
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..connection import connect, with_role
from ..errors import DbtoolError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection as Pipe
    from multiprocessing.sharedctypes import SynchronizedArray
    from multiprocessing.synchronize import Event

ROLE = "learn_app"
POLL_SECONDS = 0.1
MISSES = 1000
"""So many queries in a row that find nothing to do mean that there is nothing."""
_ACT = re.compile(r"^-- (\w+) ([0-9]+)\n(.*?);\n(.*?);\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Act:
    """A call, as simulate/live.sql has it."""

    function: str
    weight: int
    pick: bytes
    """Finds the arguments."""
    call: bytes


@dataclass(frozen=True)
class Load:
    """What the clients are to do."""

    url: str
    acts: Sequence[Act]
    learners: Sequence[UUID]
    clients: int
    seconds: float
    calls: int | None = None
    """Of all clients together, at most."""
    rate: float | None = None
    """Calls a second of all clients together; None: as many as they can."""
    seed: int = 1


@dataclass
class Answers:
    """Milliseconds of the calls that succeeded, by function, and what the others were refused with."""

    times: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, other: Answers) -> None:
        for function, values in other.times.items():
            self.times.setdefault(function, []).extend(values)
        self.errors.update(other.errors)
        self.seconds = max(self.seconds, other.seconds)

    def as_json(self) -> dict[str, Any]:
        names = sorted({*self.times, *(function for function, _ in self.errors)})
        calls = sum(map(len, self.times.values())) + self.errors.total()
        return {
            "calls": calls,
            "seconds": round(self.seconds, 2),
            "calls_per_second": round(calls / self.seconds, 1) if self.seconds else 0,
            "functions": [self._function(name) for name in names],
        }

    def _function(self, name: str) -> dict[str, Any]:
        times = sorted(self.times.get(name, []))
        refused = {
            code: number for (function, code), number in sorted(self.errors.items()) if function == name
        }
        shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}
        found = {
            key: round(times[min(len(times) - 1, int(share * len(times)))], 3) if times else None
            for key, share in shares.items()
        }
        mean = round(statistics.fmean(times), 3) if times else None
        return {"function": name, "calls": len(times), "mean_ms": mean, **found, "errors": refused}


def read_acts(text: str) -> list[Act]:
    """The acts of a file like simulate/live.sql."""
    return [
        Act(function, int(weight), pick.encode(), call.encode())
        for function, weight, pick, call in _ACT.findall(text)
    ]


def run(load: Load, on_progress: Callable[[float], None] = lambda _: None) -> Answers:
    """Runs the clients, each a process with a connection of its own, until time or calls are up."""
    spawn = multiprocessing.get_context("spawn")
    stop, done = spawn.Event(), spawn.Array("q", load.clients)
    pipes, processes = [], []
    for number in range(load.clients):
        ours, theirs = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_client, args=(load, number, stop, done, theirs), daemon=True)
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    outcome, begun = Answers(), time.monotonic()
    waiting: list[Any] = list(pipes)
    try:
        while waiting:
            for pipe in multiprocessing.connection.wait(waiting, POLL_SECONDS):
                waiting.remove(pipe)
                outcome.add(_received(pipe))
            share = (time.monotonic() - begun) / load.seconds
            on_progress(min(1.0, max(share, sum(done[:]) / load.calls) if load.calls else share))
    finally:
        stop.set()
        for process in processes:
            process.join(10)
    return outcome


def _received(pipe: Any) -> Answers:
    try:
        found = pipe.recv()
    except EOFError:
        raise DbtoolError("a client has ended without a word") from None
    if isinstance(found, str):
        raise DbtoolError(found)
    assert isinstance(found, Answers)
    return found


def _client(
    load: Load, number: int, stop: Event, done: SynchronizedArray[int], answer: Pipe[Any, Any]
) -> None:
    """One client, in a process of its own; Ctrl-C is for the parent, which then says stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        answer.send(_work(load, number, stop, done))
    except Exception as error:  # whatever it is, the parent reports it
        answer.send(f"client {number + 1}: {' '.join(str(error).split())}")


def _work(load: Load, number: int, stop: Event, done: SynchronizedArray[int]) -> Answers:
    import psycopg
    from psycopg.rows import dict_row
    from psycopg.types.json import set_json_loads

    chance, outcome = Random(f"{load.seed} {number}"), Answers()  # noqa: S311  no secret
    weights, learners = [act.weight for act in load.acts], list(load.learners)
    mine = None if load.calls is None else len(range(number, load.calls, load.clients))
    with connect(
        with_role(load.url, ROLE), application_name="dbtool simulate", autocommit=True, row_factory=dict_row
    ) as connection:
        connection.prepare_threshold = 0
        set_json_loads(_as_json, connection)
        begun = time.monotonic()
        misses = 0
        while not stop.is_set() and time.monotonic() - begun < load.seconds and done[number] != mine:
            (act,) = chance.choices(load.acts, weights)
            found = connection.execute(
                act.pick,
                {
                    "user": learners[int(len(learners) * chance.random() ** 1.5)],  # some come more often
                    "chance": chance.random(),
                    "key": chance.randrange(1 << 30),
                },
            ).fetchone()
            misses = 0 if found else misses + 1
            if misses > MISSES:
                raise DbtoolError("there is nothing to do: no content, or all of it is completed")
            if not found:
                continue
            before = time.perf_counter()
            try:
                connection.execute(act.call, found).fetchall()
            except psycopg.Error as error:
                if connection.closed or error.sqlstate is None:
                    raise
                outcome.errors[act.function, error.sqlstate] += 1
            else:
                taken = (time.perf_counter() - before) * 1e3
                outcome.times.setdefault(act.function, []).append(taken)
            done[number] += 1
            if load.rate:
                time.sleep(max(0, begun + done[number] * load.clients / load.rate - time.monotonic()))
        outcome.seconds = time.monotonic() - begun
    return outcome


def _as_json(text: str | bytes) -> Any:
    """JSON goes back as it came."""
    import json

    from psycopg.types.json import Jsonb

    return Jsonb(json.loads(text))
