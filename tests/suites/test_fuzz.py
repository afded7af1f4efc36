"""Every parameter of every function gets whatever may be sent; each call is answered, or refused well."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql

from tests.calls import CALLS, Scene, callable_by
from tests.client import Connection, Learn
from tests.suites.conftest import Amount, Tell
from tests.suites.values import documents, values

# What PostgreSQL or the driver says of a value that is no value of its type: no function sees it.
NO_VALUE = {"22021", "22P05", "22P02"}
SEED = 20
# The scene goes on without them: whom it is about would be gone.
ENDS = {"erase_user", "merge_users"}


class Function:
    """A public function: its parameters with their types, and the arguments of its good call."""

    def __init__(self, learn: Learn, name: str) -> None:
        self.name = name
        self.types = learn._signature(name).parameters
        self.good = dict(one.split(" => ", 1) for one in re.split(r", (?=p_\w+ => )", CALLS[name]) if one)

    def statement(self, changed: Mapping[str, Any]) -> bytes:
        """The good call, but for these arguments."""
        said = {**self.good, **{name: f"%({name})s::{self.types[name]}" for name in changed}}
        arguments = ", ".join(f"{name} => {value}" for name, value in said.items())
        return f"select * from learn.{self.name}({arguments})".encode()

    def value_in(self, scene: Scene, name: str) -> Any:
        """The good value of a parameter, where it is one of the scene."""
        found = re.fullmatch(r"%\((\w+)\)s", self.good.get(name, ""))
        return scene[found[1]] if found else None

    def tries(
        self, scene: Scene, dice: random.Random, share: float, at_random: int
    ) -> Iterator[dict[str, Any]]:
        """A share of all values for each parameter; then several at once."""
        pool: dict[str, list[Any]] = {}
        for name, kind in self.types.items():
            good = self.value_in(scene, name)
            pool[name] = (
                documents(good, dice, at_random) if kind == "jsonb" else values(kind, scene, good, dice)
            )
            yield from ({name: value} for value in pool[name] if dice.random() < share)
        for _ in range(at_random if len(pool) > 1 else 0):
            chosen = dice.sample(list(pool), dice.randint(2, min(4, len(pool))))
            yield {name: dice.choice(pool[name]) for name in chosen}


def problem_of(error: psycopg.Error) -> str | None:
    """What is wrong with how a call was refused; None: nothing."""
    if error.sqlstate is None or error.sqlstate in NO_VALUE:
        return None if error.sqlstate else (None if isinstance(error, psycopg.DataError) else str(error))
    if not error.sqlstate.startswith("LX"):
        return f"{error.sqlstate} {error.diag.message_primary} [{(error.diag.context or '')[:300]}]"
    if not (error.diag.message_detail or "").strip() or not (error.diag.message_hint or "").strip():
        return f"{error.sqlstate} without DETAIL or HINT: {error.diag.message_primary}"
    if len(error.diag.message_detail or "") > 1000:
        return f"{error.sqlstate} with a DETAIL of {len(error.diag.message_detail or '')} characters"
    return None


def digest_query(learn: Learn) -> sql.Composed:
    """All rows of all tables as one number each."""
    return sql.SQL(" union all ").join(
        sql.SQL("select {}, sum(hashtextextended(t::text, 0)) from {} t").format(
            sql.Literal(name), sql.Identifier(*name.split("."))
        )
        for name in learn.row_counts()
    )


def test_every_call_is_answered_or_refused_well_and_what_is_refused_changes_nothing(
    learn: Learn, scene: Scene, amount: Amount, tell: Tell
) -> None:
    seed = amount(SEED, random.randrange(10**6))
    dice, outcomes, wrong = random.Random(seed), Counter[str](), Counter[str]()
    apps = set(callable_by(learn.connection, "learn_app"))
    digest, parameters = digest_query(learn), 0
    before = dict(learn.connection.execute(digest).fetchall())
    for number, name in enumerate(callable_by(learn.connection, "learn_owner")):
        function = Function(learn, name)
        parameters += len(function.types)
        role = "learn_app" if name in apps else "learn_owner"
        with learn.role(role):
            for changed in function.tries(scene, dice, amount(50, 100) / 100, amount(4, 100)):
                outcome = try_(learn.connection, function.statement(changed), {**scene, **changed})
                outcomes[outcome if isinstance(outcome, str) else outcome.sqlstate or "driver"] += 1
                problem = None if isinstance(outcome, str) else problem_of(outcome)
                if problem:
                    shown = {key: repr(getattr(each, "obj", each))[:60] for key, each in changed.items()}
                    wrong[f"{name}({shown}): {problem}"] += 1
        if number % 10 == 9:
            assert dict(learn.connection.execute(digest).fetchall()) == before, f"changed, {name} at last"
    assert dict(learn.connection.execute(digest).fetchall()) == before
    assert not wrong, f"{len(wrong)} wrong (seed {seed})\n" + "\n".join(wrong)
    total = outcomes.total()
    assert total >= 5000
    assert outcomes["answered"] > total / 10
    said = ", ".join(f"{number:,} {code}" for code, number in sorted(outcomes.items()))
    tell(f"{total:,} calls, {parameters} parameters of {len(CALLS)} functions (seed {seed}): {said}")


def test_what_is_answered_adds_up(learn: Learn, scene: Scene, amount: Amount, tell: Tell) -> None:
    """Calls of all kinds one after the other, kept; integrity is checked at the end, as ever."""
    seed = amount(SEED, random.randrange(10**6))
    dice, outcomes = random.Random(seed), Counter[str]()
    names = sorted({*CALLS} - ENDS)
    functions = {name: Function(learn, name) for name in names}
    tries = {
        name: [{}, *function.tries(scene, dice, 0.5, amount(10, 100))] for name, function in functions.items()
    }
    for _ in range(amount(400, 10_000)):
        name = dice.choice(names)
        changed = dice.choice(tries[name])
        outcome = try_(
            learn.connection, functions[name].statement(changed), {**scene, **changed}, is_kept=True
        )
        outcomes["answered" if isinstance(outcome, str) else outcome.sqlstate or "driver"] += 1
    assert learn.check_integrity() == [], f"seed {seed}"
    assert outcomes["answered"] > 100
    tell(f"{outcomes.total():,} calls, {outcomes['answered']:,} answered and kept (seed {seed})")


def try_(
    connection: Connection, statement: bytes, arguments: Mapping[str, Any], *, is_kept: bool = False
) -> str | psycopg.Error:
    """`answered`, with what waits for the commit, or the error."""
    try:
        with connection.transaction(force_rollback=not is_kept):
            connection.execute(statement, arguments).fetchall()
            connection.execute("set constraints all immediate; set constraints all deferred")
    except psycopg.Error as error:
        return error
    return "answered"
