"""Pages about a database for those who build on it: `dbtool docs`.

Plain files that open from a disk: a page per domain with its tables, functions, views and types, one of the
rules that are rows, the glossary, and a search over all. What they say comes from the catalog; which domain
an object is of, and which errors a function raises, from the project's sources.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit import __version__
from toolkit.errors import DbtoolError

if TYPE_CHECKING:
    from psycopg import Connection

HERE = Path(__file__).parent
HIDDEN = ["dbtool", "public_yoyo"]
OTHERS = "others"
"""The page of what is of no domain."""


@dataclass(frozen=True)
class Words:
    """What sources say and the catalog does not, by the names of objects."""

    domains: Mapping[str, str]
    errors: Mapping[str, str]
    glossary: str = ""
    """Markdown."""


def write(connection: Connection[Any], folder: Path, words: Words) -> int:
    """Writes the pages into a folder, replacing what is there of earlier ones; returns how many.

    Raises DbtoolError when the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "search.js").exists():
        raise DbtoolError(
            f"{folder} has other files in it", hint="Name an empty or a new folder: --output DIR."
        )
    catalog = _read(connection, "site.sql", {"hidden": HIDDEN})
    has_rules = connection.execute("select to_regclass('learn.achievements') is not null").fetchone() == (
        True,
    )
    rules = _read(connection, "rules.sql", {}) if has_rules else None
    pages = _pages(catalog, words)
    menu = [(f"{domain}.html", domain) for domain in pages]
    menu += [("rules.html", "rules")] if rules else []
    menu += [("glossary.html", "glossary")] if words.glossary else []
    home = _home(pages)
    common = {"menu": menu, "catalog": catalog, "version": __version__, "home": home}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.html"):
        old.unlink()
    render = _renderer(common)
    for domain, objects in pages.items():
        picture = _picture(objects["relations"], home)
        (folder / f"{domain}.html").write_text(render("domain", domain=domain, picture=picture, **objects))
    if rules:
        (folder / "rules.html").write_text(render("rules", rules=rules))
    if words.glossary:
        (folder / "glossary.html").write_text(render("glossary", text=_html(words.glossary)))
    (folder / "index.html").write_text(render("index", pages=pages))
    (folder / "site.css").write_text((HERE / "site.css").read_text(encoding="utf-8"), encoding="utf-8")
    found = [
        [
            each["name"],
            each.get("kind", kind.removesuffix("s")),
            f"{domain}.html#{each['name']}",
            each["comment"] or "",
        ]
        for domain, objects in pages.items()
        for kind, each in ((kind, each) for kind in objects for each in objects[kind])
    ]
    found += [
        [each["name"], "achievement", f"rules.html#{each['slug']}", each["description"]]
        for each in (rules or {}).get("achievements", [])
    ]
    script = (HERE / "site.js").read_text(encoding="utf-8")
    (folder / "search.js").write_text(f"const OBJECTS = {json.dumps(found)};\n{script}", encoding="utf-8")
    return len(menu) + 1


def can_draw() -> bool:
    """Whether there is Graphviz, which draws how tables refer to one another."""
    return shutil.which("dot") is not None


def _read(connection: Connection[Any], name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    query: Any = (HERE / name).read_text(encoding="utf-8")
    row = connection.execute(query, values or None).fetchone()
    return dict(row[0]) if row else {}


def _pages(catalog: Mapping[str, Any], words: Words) -> dict[str, dict[str, list[Any]]]:
    """The objects of each domain, in the order of the domains; each has what the sources say of it."""
    order = list(dict.fromkeys(words.domains.values()))
    taken: Counter[str] = Counter()
    pages: dict[str, dict[str, list[Any]]] = {}
    for kind in ("relations", "functions", "types"):
        for each in catalog[kind]:
            fallback = each["schema"] if not order else OTHERS
            domain = words.domains.get(each["name"], fallback)
            each["errors"] = words.errors.get(each["name"])
            taken[each["name"]] += 1  # a type may be called like a function, and functions like one another
            number = taken[each["name"]]
            each["anchor"] = each["name"] if number == 1 else f"{each['name']}-{number}"
            pages.setdefault(domain, {"relations": [], "functions": [], "types": []})[kind].append(each)
    last = len(order)
    return dict(sorted(pages.items(), key=lambda page: order.index(page[0]) if page[0] in order else last))


def _home(pages: Mapping[str, Mapping[str, list[Any]]]) -> dict[str, str]:
    """Where each object is described."""
    return {
        each["anchor"]: f"{domain}.html#{each['anchor']}"
        for domain, objects in pages.items()
        for kind in objects
        for each in objects[kind]
    }


def _renderer(common: Mapping[str, Any]) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["criteria"] = _criteria
    template = environment.get_template("site.html.j2")
    return lambda page, **values: template.render(page=page, **{**common, **values})


def _html(markdown: str) -> str:
    """Markdown as HTML, its links to other pages of the repository as plain text."""
    from markdown_it import MarkdownIt

    text = re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", markdown)
    html: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return html


def _criteria(criteria: Mapping[str, Any]) -> str:
    """Criteria of an achievement in words."""
    if "metric" in criteria:
        scope = f" of {criteria['scope']}" if criteria.get("scope") else ""
        return f"{criteria['metric'].replace('_', ' ')}{scope} ≥ {criteria['at_least']:,}"
    if "of" in criteria:
        return f"{criteria['at_least']} of: " + "; ".join(map(_criteria, criteria["of"]))
    for key, word in (("all", " and "), ("any", " or ")):
        if key in criteria:
            return word.join(map(_criteria, criteria[key]))
    return json.dumps(criteria)


def _picture(relations: list[dict[str, Any]], home: Mapping[str, str]) -> str | None:
    """How the tables of a domain refer to one another and to others, as SVG; None without Graphviz."""
    tables = {each["name"] for each in relations if each["columns"] and "table" in each["kind"]}
    edges = {
        (each["name"], other)
        for each in relations
        if each["name"] in tables
        for other in each["refers_to"] or ()
    }
    if not edges or not can_draw():
        return None
    lines = ["digraph { rankdir=LR; bgcolor=transparent"]
    lines.append("node [shape=box, style=rounded, fontname=sans, fontsize=11]")
    for name in sorted(tables | {other for _, other in edges}):
        style = "" if name in tables else ", style=dashed"
        lines.append(f'"{name}" [label="{name.split(".")[-1]}", URL="{home.get(name, "")}"{style}]')
    lines += [f'"{one}" -> "{other}"' for one, other in sorted(edges)] + ["}"]
    drawn = subprocess.run(
        ["dot", "-Tsvg"], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return re.sub(r"<title>.*?</title>\n?", "", drawn[drawn.index("<svg") :])
