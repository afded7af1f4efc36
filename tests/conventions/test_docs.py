"""The pages for readers: their links lead somewhere, and the glossary has the words that are used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
SOURCES = ("functions", "triggers", "views", "toolkit", "schema.sql")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = sum(
            other == anchor or re.fullmatch(rf"{re.escape(anchor)}-\d+", other) is not None for other in found
        )
        found.add(f"{anchor}-{number}" if number else anchor)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_is_dead(page: Path) -> None:
    dead = []
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_a_dead_link_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# What it is?\n```\n# no heading\n```\n## Two\n## Two\n")
    assert anchors(page) == {"what-it-is", "two", "two-1"}
    page.write_text("[a](nowhere.md) [b](#nowhere) `[c](code)` [d](https://example.com/x)\n")
    with pytest.raises(AssertionError):
        test_no_link_is_dead(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sources_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"`((?:functions|triggers|views)/[\w/]+\.sql)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_words_of_the_glossary_are_in_use() -> None:
    glossary = ROOT / "docs/glossary.md"
    terms = re.findall(
        r"^\| \*\*(.+?)\*\*(?: \(in names: \*(.+?)\*\))?", glossary.read_text(encoding="utf-8"), re.M
    )
    assert len(terms) > 40
    files = [
        path
        for name in SOURCES
        for path in ([ROOT / name] if name.endswith("sql") else (ROOT / name).rglob("*"))
    ]
    texts = [path for path in files if path.suffix in (".sql", ".py")] + [
        page for page in PAGES if page != glossary
    ]
    words = " ".join(path.read_text(encoding="utf-8") for path in texts).lower().replace("_", " ")
    unused = [word for pair in terms for word in pair if word and not re.search(rf"\b{word}", words)]
    assert unused == []
