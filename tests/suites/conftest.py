"""How much a suite does, and what it says of it at the end of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.parallel import COUNTS

Tell = Callable[[str], None]
Amount = Callable[[int, int], int]


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Keeps a line, such as `5,312 calls`, for the end of the run."""
    counts = request.config.stash.setdefault(COUNTS, [])
    name = request.node.path.stem.removeprefix("test_")
    return lambda line: counts.append(f"{name}: {line}")


@pytest.fixture(scope="session")
def amount(request: pytest.FixtureRequest) -> Amount:
    """The first number, or with --large the second."""
    is_large = bool(request.config.getoption("--large"))
    return lambda few, many: many if is_large else few
