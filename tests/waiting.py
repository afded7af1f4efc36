"""Waiting for what must happen. Bounds are met only when something hangs: a machine may be slow or busy."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

PATIENCE = 180.0
"""Seconds."""


def wait_until(condition: Callable[[], object], *, every: float = 0.02) -> None:
    """Looks again and again until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)


@contextmanager
def meanwhile(works: Sequence[Callable[[threading.Event], object]]) -> Iterator[None]:
    """Each works in a thread of its own while the block lasts: until the event is set, which ends it."""
    over = threading.Event()
    with ThreadPoolExecutor(len(works)) as pool:
        going = [pool.submit(work, over) for work in works]
        try:
            yield
        finally:
            over.set()
        for each in going:
            each.result(PATIENCE)


def free_port() -> int:
    """A port that nobody listens on, and that no connection of another process gets meanwhile by chance."""
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)  # systems give from 32768 on
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
