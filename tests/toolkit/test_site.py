"""`dbtool docs`: pages about a database, complete, without a dead link, and looked at in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from tests.conftest import ROOT, RunDbtool
from tests.toolkit.shop import Shop
from tests.waiting import PATIENCE
from toolkit.cli import cli
from toolkit.connection import connect
from toolkit.errors import DbtoolError
from toolkit.history import seeds
from toolkit.project.layout import Project
from toolkit.report import site
from toolkit.servers.throwaway import ThrowawayServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EMPTY = {"meta", "link", "input", "br"}


class Anchors(HTMLParser):
    """The ids and links of a page; and whether its tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL))
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, self.getpos()


def read_whole(folder: Path) -> dict[str, Anchors]:
    """The pages by name, when no link is dead and the search finds every object at a place of its own."""
    found = {path.name: Anchors(path.read_text(encoding="utf-8")) for path in folder.glob("*.html")}
    searched = [
        href
        for _, _, href, _ in json.loads(
            (folder / "search.js").read_text(encoding="utf-8").split("= ", 1)[1].split(";\n", 1)[0]
        )
    ]
    dead = []
    for link in {*searched, *(link for page in found.values() for link in page.links)} - {
        "data:,",
        "site.css",
    }:
        page, _, anchor = link.partition("#")
        dead += [] if page in found and (not anchor or unquote(anchor) in found[page].ids) else [link]
    assert dead == []
    assert len(searched) == len(set(searched))
    return found


@pytest.fixture(scope="module")
def pages(server: ThrowawayServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pages about Laurel with the SQL platform, its sample content and learners."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    server.create_database("site", template=template)
    with connect(server.url("site")) as connection:
        seeds.seed(connection, Project.find(ROOT), ["sql_platform"], demo=True)
    project = ["--project", str(ROOT), "--database-url", server.url("site")]
    done = CliRunner().invoke(cli, ["docs", "--output", str(folder), *project, "--json"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["pages"] == len(list(folder.glob("*.html")))
    yield folder
    server.drop_database("site")


def test_no_link_is_dead_and_every_public_object_is_described_once(
    pages: Path, server: ThrowawayServer
) -> None:
    found = read_whole(pages)
    with connect(server.url("site")) as connection:
        public = {
            name
            for (name,) in connection.execute(
                "select 'learn.' || proname from pg_proc where pronamespace = 'learn'::regnamespace union all"
                " select 'learn.' || relname from pg_class where relnamespace = 'learn'::regnamespace"
                " and relkind in ('r', 'p', 'v', 'c') and not relispartition"
            )
        }
    ids = [name for page in found.values() for name in page.ids]
    assert public <= set(ids)
    assert len([name for name in ids if "." in name]) == len({name for name in ids if "." in name})


def test_a_function_has_its_errors_an_example_and_what_it_writes(pages: Path) -> None:
    text = (pages / "progress.html").read_text(encoding="utf-8")
    article = text.split('<article id="learn.complete_lesson">')[1].split("</article>")[0]
    assert "LX007 exercises are not solved yet" in article
    assert (
        "p_lesson_id =&gt; (select id from learn.lessons where slug = &#39;what-is-a-table&#39;)" in article
    )
    assert "The example needs an exam with questions" in (pages / "quizzes.html").read_text(encoding="utf-8")
    assert '<a href="progress.html#learn.user_lesson_progress">' in article
    assert "Called by learn_app, learn_user." in article
    assert "Completes a lesson for a user" in article


def test_where_a_project_has_no_examples_they_are_calls_that_the_database_understands(
    pages: Path, server: ThrowawayServer
) -> None:
    with connect(server.url("site")) as connection:
        catalog = site._read(connection, "site.sql")
        examples = [each["example"] for each in catalog["functions"] if each["example"] and each["callers"]]
        assert len(examples) > 80
        for example in examples:
            connection.execute(f"prepare example as {example}")
            connection.execute("deallocate example")


def test_rules_are_in_words(pages: Path) -> None:
    text = (pages / "rules.html").read_text(encoding="utf-8")
    assert "queries executed ≥ 1" in text
    assert 'id="first-lesson"' in text
    assert site._criteria({"all": [{"metric": "a_b", "at_least": 1000}, {"any": []}]}) == "a b ≥ 1,000 and "


def test_other_projects_have_pages_too_and_other_files_are_not_touched(
    released: Shop, run_dbtool: RunDbtool, tmp_path: Path
) -> None:
    project = ("--project", released.root, "--database-url", released.url)
    assert run_dbtool("migrate", *project).exit_code == 0
    folder = tmp_path / "pages"
    assert run_dbtool("docs", "--output", folder, *project).exit_code == 0
    assert {"index.html", "prices.html"} <= {path.name for path in folder.iterdir()}
    assert (
        "shop.add_shipping(p_price =&gt; 1)" not in (folder / "prices.html").read_text()
    )  # the owner's alone
    (released.root / "docs").mkdir(exist_ok=True)
    (released.root / "docs/examples.sql").write_text(
        "-- :price (a price)\nselect '7' || 'e2';\n\n"
        "-- shop.add_shipping\nselect shop.add_shipping(:price);\n"
    )
    assert run_dbtool("docs", "--output", folder, *project).exit_code == 0
    assert "select shop.add_shipping(7e2);" in (folder / "prices.html").read_text()
    assert not (folder / "rules.html").exists()
    assert run_dbtool("docs", "--output", folder, *project).exit_code == 0  # again
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "index.html").write_text("mine")
    refused = run_dbtool("docs", "--output", precious, *project, code=1)
    assert "has other files in it" in refused.stderr
    assert (precious / "index.html").read_text() == "mine"


STRANGE = """
    create schema "javascript:a/b <i>"; create schema rules; create schema dbtool_own; create schema dbtools;
    create table dbtool_own.history (id int);
    create table dbtools.mine (id int);
    create table "javascript:a/b <i>"."<script>\\" (id int primary key, "it's ""it"" & </td>" int default 1);
    create table rules."a b%41#?" (id int references "javascript:a/b <i>"."<script>\\");
    comment on table rules."a b%41#?" is '</script><script>alert(1)</script>';
    create view rules."the <b>view" as select * from rules."a b%41#?";
    create function rules.twice(int) returns int language sql return $1;
    create function rules.twice(text, "a b" int) returns int language sql return 1;
"""


def test_of_strange_names_and_of_nothing(server: ThrowawayServer, tmp_path: Path) -> None:
    server.create_database("strange")
    folder = tmp_path / "pages"
    with connect(server.url("strange")) as connection:
        assert site.write(connection, folder, site.Words({}, {})) == 1
        assert set(read_whole(folder)) == {"index.html"}
        connection.execute(STRANGE)
        assert site.write(connection, folder, site.Words({}, {})) == 4
        found = read_whole(folder)
        assert {"index.html", "=rules.html", "dbtools.html"} < set(found)
        texts = "".join((folder / page).read_text(encoding="utf-8") for page in found)
        assert "alert(1)" in texts
        assert not re.search("<(script>|i>|b>|/script><script)", texts)
        assert "history" not in texts
        catalog = site._read(connection, "site.sql")
        examples = {each["example"] for each in catalog["functions"]}
        assert examples == {"select * from rules.twice(1);", "select * from rules.twice('…', \"a b\" => 1);"}
        assert texts.count("<svg") == site.can_draw()
        (folder / "glossary.html").write_text("old")
        (folder / "search.js").write_text("mine")
        with pytest.raises(DbtoolError, match="has other files in it"):
            site.write(connection, folder, site.Words({}, {}))
        with pytest.raises(OSError, match="ot a directory"):
            site.write(connection, Path("/dev/null/pages"), site.Words({}, {}))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser(pages: Path, browser: Browser, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
        offline=True,
    )
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in sorted(pages.glob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name

    page.goto((pages / "index.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("complete lesson")
    assert page.locator("#found a").first.inner_text().startswith("learn.complete_lesson")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/progress.html#learn.complete_lesson")
    assert page.locator("article:target h3").is_visible()
    page.keyboard.press("/")
    page.keyboard.type("no such thing at all")
    assert page.locator("#found").inner_text() == "nothing has these words"
    page.keyboard.press("Escape")
    assert not page.locator("#found").is_visible()
    assert said == []
    context.close()
