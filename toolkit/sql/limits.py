"""How long a run may wait and work, and how it tries again what others' locks kept it from doing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

LOCK_SECONDS = 5.0
LOCK_RETRIES = 5
WAIT_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Limits:
    """The time limits of one run. All times are in seconds; 0 means without limit, but for `wait`."""

    wait: float = WAIT_SECONDS
    """For another run of dbtool on the same database; 0: do not wait."""
    lock: float | None = None
    """For each lock; None: what the connection says (PGOPTIONS, the role, the database), else 5 seconds."""
    retries: int = LOCK_RETRIES
    """How often what waited too long for a lock is tried again: a file, or a statement of one without
    transaction."""
    statement: float | None = None
    """For each statement; None: what the connection says, which usually is no limit."""

    def pauses(self) -> Iterator[float]:
        """The pause before each new try: half a second at first, doubled each time, and varied by half.

        They vary so that two runs that keep each other from a lock do not do so in step.
        """
        import random  # here, since every command imports this module

        for attempt in range(self.retries):
            pause = min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
            yield pause * random.uniform(0.5, 1.5)  # noqa: S311  no secret

    def settings(self) -> list[tuple[str, str, bool]]:
        """PostgreSQL's settings for it: name, value, and whether one that the connection has goes first."""
        lock = LOCK_SECONDS if self.lock is None else self.lock
        found = [("lock_timeout", _milliseconds(lock), self.lock is None)]
        if self.statement is not None:
            found.append(("statement_timeout", _milliseconds(self.statement), False))
        return found


def _milliseconds(seconds: float) -> str:
    """At least one: PostgreSQL takes 0 for no limit."""
    return f"{max(round(seconds * 1000), 1) if seconds else 0}ms"
