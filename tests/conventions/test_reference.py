"""docs/reference.md and docs/laurel.svg say what the database says and does."""

from __future__ import annotations

import pytest

from docs.make_picture import PICTURE, draw
from docs.make_reference import PAGE, render
from tests.client import Learn
from tests.systems.seeded import run_seeds

pytestmark = pytest.mark.stock


def test_the_reference_is_what_the_database_says(learn: Learn) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(learn.connection), "run: .venv/bin/python docs/make_reference.py"


def test_the_picture_is_what_a_call_does(learn: Learn) -> None:
    run_seeds(learn.connection, "sql_platform", demo=True)
    picture = PICTURE.read_text(encoding="utf-8")
    assert picture == draw(learn.connection), "run: .venv/bin/python docs/make_picture.py"
