"""Texts in a reader's language, with fallback to the base text."""

from __future__ import annotations

import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn

TEXTS = {"fil": {"title": "Mga Baryabol"}, "pt-BR": {"title": "Variáveis"}, "pt": {"title": "Variáveis (PT)"}}


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("fil", "Mga Baryabol"),
        ("fil-PH", "Mga Baryabol"),
        ("fil_PH", "Mga Baryabol"),
        ("pt-BR", "Variáveis"),
        ("pt-AO", "Variáveis (PT)"),
        ("en", "Variables"),
        ("", "Variables"),
        (None, "Variables"),
        ("f", "Variables"),
    ],
)
def test_a_text_is_in_the_closest_language_there_is(learn: Learn, locale: str | None, expected: str) -> None:
    found = learn.value("select learn.localized(%s, %s, 'title', 'Variables')", [Jsonb(TEXTS), locale])
    assert found == expected


def test_a_field_that_is_not_translated_is_the_base_text(learn: Learn) -> None:
    assert learn.value("select learn.localized(%s, 'fil', 'description', 'Base')", [Jsonb(TEXTS)]) == "Base"
    assert learn.value("select learn.localized('{}', 'fil', 'title', 'Base')") == "Base"
    assert learn.value("select learn.localized(null, 'fil', 'title', 'Base')") == "Base"
    assert learn.value("select learn.localized('{}', 'fil', 'title', null)") is None


def test_the_dashboard_names_courses_in_the_language_of_the_user(learn: Learn) -> None:
    user, course = learn.register_user("marisol", locale="fil-PH"), learn.make_course(2)
    learn.run("update learn.courses set translations = %s where id = %s", [Jsonb(TEXTS), course.id])
    learn.enroll_in_course(user, course)
    assert [row["title"] for row in learn.dashboard(user)["current_courses"]] == ["Mga Baryabol"]
