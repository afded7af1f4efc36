"""docs/reference.md says what the database says."""

from __future__ import annotations

import pytest

from docs.make_reference import PAGE, render
from tests.client import Learn

pytestmark = pytest.mark.stock


def test_the_reference_is_what_the_database_says(learn: Learn) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(learn.connection), "run: .venv/bin/python docs/make_reference.py"
