"""Fixtures of the tests for sources, `new` and `check`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.toolkit.shop import Shop
from tests.waiting import PATIENCE
from toolkit.servers.throwaway import ThrowawayServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def shop(tmp_path: Path, empty_database: str) -> Shop:
    """A project whose sources are in no migration yet, and an empty database."""
    return Shop(tmp_path / "shop", empty_database)


@pytest.fixture(scope="session")
def first_migration(server: ThrowawayServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name and text of the two files that `new` makes from all sources."""
    server.create_database("first_migration")
    made_in = Shop(tmp_path_factory.mktemp("first") / "shop", server.url("first_migration"))
    made_in.new("everything")
    server.drop_database("first_migration")
    return {
        name: made_in.read(name)
        for name in ("migrations/migration1.sql", "migrations/migration1.rollback.sql")
    }


@pytest.fixture
def released(shop: Shop, first_migration: dict[str, str]) -> Shop:
    """A project with all its sources in migration 1, and an empty database."""
    shop.write({**first_migration})
    return shop


@pytest.fixture(scope="session")
def server_option(server: ThrowawayServer) -> str:
    """What `--server` takes to let a command make its databases on the server of this test session."""
    return server.url()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system. CI has it and demands it ($DBTOOL_REQUIRE_CHROMIUM)."""
    if CHROMIUM is None:
        if os.environ.get("DBTOOL_REQUIRE_CHROMIUM"):
            pytest.fail("no chromium on PATH: apt-get install chromium")
        pytest.skip("no chromium on PATH: pages were NOT looked at in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=1000 * PATIENCE
        )
        yield opened
        opened.close()
