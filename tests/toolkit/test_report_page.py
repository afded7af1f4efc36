"""The report in a browser: Debian's Chromium, headless and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.toolkit.report_scene import database
from tests.waiting import PATIENCE
from toolkit.connection import connect
from toolkit.report import report
from toolkit.servers.choose import ThrowawayServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECTIONS = ("daily", "weekly", "retention", "streaks", "courses", "tracks", "xp", "badges")
PHONE, DESK = 360, 1280
# Shapes that are there to be seen: with a size, and a colour that the style resolves.
SHAPES = """svg => [...svg.querySelectorAll('path, rect')].filter(shape => {
  const box = shape.getBoundingClientRect(), style = getComputedStyle(shape);
  const seen = style.fill !== 'none' ? style.fill : style.stroke;
  return box.width > 1 && box.height > 1 && /^rgb\\(/.test(seen) && seen !== 'rgb(0, 0, 0)';
}).length"""


@pytest.fixture(scope="module")
def page_file(server: ThrowawayServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a database with a history."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    with database(server, template, "report_page", acts=400) as url, connect(url) as connection:
        file.write_text(report.render(report.read(connection, "postgresql://db/app", 60)), encoding="utf-8")
    return file


@pytest.fixture(params=[(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser, page_file: Path) -> Iterator[Page]:
    """The page, opened without a network; nothing is said on the console and nothing else is asked for."""
    width, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True, locale="en-GB"
    )
    context.set_default_timeout(1000 * PATIENCE)
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(page_file.as_uri())
    yield opened
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
    context.close()


def test_every_picture_is_drawn_in_the_size_of_the_screen(page: Page) -> None:
    assert page.title().startswith("Learning report")
    for name in SECTIONS:
        shown = [svg for svg in page.query_selector_all(f"#{name} svg") if svg.is_visible()]
        assert len(shown) == 1, name
        box = shown[0].bounding_box()
        assert box is not None
        assert box["width"] > 280, name
        assert box["height"] > 50, name
        assert shown[0].evaluate(SHAPES) > 0, name
        drawn = shown[0].screenshot()
        shown[0].evaluate("svg => { for (const part of svg.children) part.remove() }")
        assert drawn != shown[0].screenshot(), f"{name} is blank"


def test_nothing_is_wider_than_the_screen_with_all_tables_open(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(it => it.checkVisibility()"
        " && it.getBoundingClientRect().right > innerWidth + 1).map(it => it.outerHTML.slice(0, 90))"
    )
    assert outside == []


def test_texts_can_be_read_on_what_is_behind_them(page: Page) -> None:
    """Contrast of at least 4.5, as WCAG AA asks for, of the page's own texts in both schemes."""
    colors = page.evaluate(
        """[['body', 'body'], ['section p', 'section'], ['dt', '.tile'], ['summary', 'section']].map(
          ([text, behind]) => [getComputedStyle(document.querySelector(text)).color,
            getComputedStyle(document.querySelector(behind)).backgroundColor])"""
    )
    assert all(contrast(text, behind) >= 4.5 for text, behind in colors), colors


def test_each_picture_has_a_description_and_a_table(page: Page) -> None:
    for name in SECTIONS:
        assert page.locator(f"#{name} [role=img]").get_attribute("aria-label")
        assert page.locator(f"#{name} table tbody tr").count() > 0
        assert page.locator(f"#{name} table th[scope]").count() > 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(it => it.id)")
    assert len(ids) == len(set(ids))


def test_light_and_dark_differ(browser: Browser, page_file: Path) -> None:
    seen = set()
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        context.set_default_timeout(1000 * PATIENCE)
        opened = context.new_page()
        opened.goto(page_file.as_uri())
        seen.add(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert len(seen) == 2


def contrast(one: str, other: str) -> float:
    """The ratio that WCAG defines, 1 to 21, of two colours as `rgb(1, 2, 3)`."""

    def luminance(color: str) -> float:
        channels = [int(part) / 255 for part in color[4:-1].split(",")]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
