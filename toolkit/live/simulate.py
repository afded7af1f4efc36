"""Simulated learners. How they behave is the project's SQL (simulate/): here it is only run, day by day."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from ..errors import DbtoolError, UsageProblem
from ..project.layout import Project, read_sql
from ..sql.execute import Connection, value

TOLD_DAYS = 14
"""Of what was earned longer ago, no notifications are left."""
REAL = 20
"""So many learners that no simulation has made are real ones; fewer are samples."""
CONTENT = """
    select exists (select from learn.lessons) or exists (select from learn.challenges)
      or exists (select from learn.questions)
"""
HELD = "select name from learn.products order by added_at, name"
OTHERS = "select count(*) from learn.users where username !~ '-[0-9]+-[0-9]+$' and username !~ '^live-'"
FACTS = "select count(*) from learn.activity_log"
MONTH = """
    select learn_internal.set_clock(%(day)s::timestamp at time zone 'UTC'),
      learn.ensure_partitions(%(day)s), learn_internal.set_clock(null)
"""
ANALYZE = """
    select 'analyze ' || string_agg(c.oid::regclass::text, ', ') from pg_class c
    where c.relkind in ('r', 'p') and c.relnamespace = any ('{learn,learn_internal}'::regnamespace[])
"""
VACUUM = """
    select 'vacuum ' || string_agg(s.relid::regclass::text, ', ') from pg_stat_user_tables s
    where s.schemaname in ('learn', 'learn_internal') and s.n_dead_tup > 1000 + 0.2 * s.n_live_tup
"""
"""What autovacuum would have done in a day, which here takes a moment."""


@dataclass(frozen=True)
class MadeUp:
    """What to simulate."""

    learners: int
    days: int
    """Up to yesterday (UTC)."""
    seed: int = 1
    rate: float = 3.0
    """Acts of a session, on average, after the first."""


def folder(project: Project) -> Path:
    """The folder with the model. Raises UsageProblem where the project has none."""
    found = project.root / "simulate"
    if not found.is_dir():
        raise UsageProblem("the project has no simulate/: nothing says how its learners behave")
    return found


def held(connection: Connection) -> list[str]:
    """The products of the database. Raises DbtoolError where it is none of Laurel's."""
    if value(connection, "select to_regclass('learn.products')") is None:
        raise DbtoolError("the database is not built", hint="Run `dbtool migrate` and `dbtool seed` first.")
    return [str(name) for (name,) in connection.execute(HELD)]


def has_content(connection: Connection) -> bool:
    """Whether there is anything to learn."""
    return bool(value(connection, CONTENT))


def has_real_learners(connection: Connection) -> bool:
    """Whether more learners are there than simulations have made and samples bring."""
    return bool(value(connection, OTHERS) >= REAL)


def require_role(connection: Connection, role: str) -> None:
    """Raises DbtoolError where who connects may not act as a role."""
    user = value(connection, "select session_user where not pg_has_role(session_user, %s, 'member')", [role])
    if user is not None:
        raise DbtoolError(
            f"{user} is not a member of {role}, as which learners call",
            hint=f"Let an administrator run: grant {role} to {user};",
        )


def learner_ids(connection: Connection, seed: int) -> list[UUID]:
    """The learners of a seed, in the order in which they were thought of."""
    query = """
        select (regexp_match(u.username, '[0-9]+$'))[1]::bigint, u.id
        from learn.users u
        where u.username ~ %s
        order by 1
    """
    found = connection.execute(query, [f"-{seed}-[0-9]{{1,9}}$"]).fetchall()
    return [user for number, user in found if user == learner_id(seed, number)]


def learner_id(seed: int, number: int) -> UUID:
    """As in simulate/learners.sql."""
    return UUID(hashlib.md5(f"simulate {seed} {number}".encode(), usedforsecurity=False).hexdigest())


def write_history(
    connection: Connection,
    project: Project,
    history: MadeUp,
    on_day: Callable[[int, int], None] = lambda _done, _of: None,
) -> dict[str, Any]:
    """Lets learners learn for some days, each a transaction; returns what came of it.

    The connection is autocommit, and learn_owner's afterwards. Raises UsageProblem where the seed's
    learners are there already.
    """
    if learner_ids(connection, history.seed):
        raise UsageProblem(
            f"the database has learners of seed {history.seed} already", hint="Give another one with --seed."
        )
    begun = time.perf_counter()
    connection.execute("set role learn_owner")
    connection.execute("set jit = off")
    connection.execute("select set_config('learn_simulate.seed', %s, false)", [str(history.seed)])
    before = value(connection, FACTS)
    for name in ("learners.sql", "around.sql", "day.sql"):
        connection.execute(read_sql(folder(project) / name).encode())
    today = value(connection, "select (learn.clock() at time zone 'UTC')::date")
    planned = connection.execute(
        "select pg_temp.plan_learners(%s, (%s::date - %s), %s, %s)",
        [history.learners, today, history.days, history.days, history.rate],
    )
    days = [day for (day,) in planned.fetchall()]
    acts = 0
    for number, day in enumerate(days):
        if number == 0 or day.month != days[number - 1].month:
            connection.execute(MONTH, {"day": day})
        acts += value(connection, "select pg_temp.live_day(%s, %s)", [day, (today - day).days > TOLD_DAYS])
        connection.execute("select pg_stat_force_next_flush()")
        if (vacuum := value(connection, VACUUM)) is not None:
            connection.execute(str(vacuum).encode())
        on_day(number + 1, len(days))
    facts = value(connection, FACTS)
    connection.execute(str(value(connection, ANALYZE)).encode())
    return {
        "learners": len(learner_ids(connection, history.seed)),
        "days": history.days,
        "acts": acts,
        "facts": facts - before,
        "seconds": round(time.perf_counter() - begun, 2),
    }
