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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import Connection

from .. import __version__
from ..errors import DbtoolError

HERE = Path(__file__).parent
OWN = ("index", "rules", "glossary")
"""Pages that are about no domain."""
SEARCH = "const OBJECTS = "
OTHERS = "others"
"""The page of what is of no domain."""


@dataclass(frozen=True)
class Words:
    """What sources say and the catalog does not, by the names of objects."""

    domains: Mapping[str, str]
    errors: Mapping[str, str]
    glossary: str = ""
    """Markdown."""
    examples: str = ""
    """As docs/examples.sql says."""


def write(connection: Connection[Any], folder: Path, words: Words) -> int:
    """Writes the pages into a folder, replacing what is there of earlier ones; returns how many.

    Raises DbtoolError when the folder holds something else.
    """
    search = folder / "search.js"
    is_ours = search.is_file() and search.read_bytes().startswith(SEARCH.encode())
    if folder.exists() and any(folder.iterdir()) and not is_ours:
        raise DbtoolError(
            f"{folder} has other files in it", hint="Name an empty or a new folder: --output DIR."
        )
    catalog = _read(connection, "site.sql")
    examples = read_examples(connection, words.examples)
    for each in catalog["functions"]:
        each["example"] = examples.get(each["name"]) or Example(each["callers"] and each["example"])
    rules = None
    if connection.execute("select to_regclass('learn.achievements')").fetchone() != (None,):
        rules = _read(connection, "rules.sql")
    pages = _pages(catalog, words)
    menu = [(_file(domain), domain) for domain in pages]
    menu += [("rules.html", "rules")] if rules else []
    menu += [("glossary.html", "glossary")] if words.glossary else []
    home = _home(pages)
    common = {"menu": menu, "catalog": catalog, "version": __version__, "home": home}
    found = [
        [each["name"], each.get("kind", kind.removesuffix("s")), home[each["anchor"]], each["comment"] or ""]
        for objects in pages.values()
        for kind in objects
        for each in objects[kind]
    ]
    found += [
        [each["name"], "achievement", f"rules.html#{each['slug']}", each["description"]]
        for each in (rules or {}).get("achievements", [])
    ]
    render = _renderer(common)
    texts = {  # the search first: by it the folder is known as one of these, also when this is interrupted
        "search.js": f"{SEARCH}{json.dumps(found)};\n{(HERE / 'site.js').read_text(encoding='utf-8')}",
        "site.css": (HERE / "site.css").read_text(encoding="utf-8"),
        "index.html": render("index", pages=pages),
    }
    for domain, objects in pages.items():
        picture = _picture(objects["relations"], home)
        texts[_file(domain)] = render("domain", domain=domain, picture=picture, **objects)
    if rules:
        texts["rules.html"] = render("rules", rules=rules)
    if words.glossary:
        texts["glossary.html"] = render("glossary", text=_html(words.glossary))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.html"):
        old.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(menu) + 1


def can_draw() -> bool:
    """Whether there is Graphviz, which draws how tables refer to one another."""
    return shutil.which("dot") is not None


def _read(connection: Connection[Any], name: str) -> dict[str, Any]:
    query: Any = (HERE / name).read_text(encoding="utf-8")
    ((found,),) = connection.execute(query).fetchall()
    return dict(found)


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
        each["anchor"]: f"{_file(domain)}#{quote(each['anchor'])}"
        for domain, objects in pages.items()
        for kind in objects
        for each in objects[kind]
    }


def _file(domain: str) -> str:
    """The page of a domain, or of a schema: a name for a folder and for a link, whatever that is called."""
    name = quote(domain, safe="").replace("%", "=")
    return f"{'=' * (name in OWN)}{name}.html"


def _renderer(common: Mapping[str, Any]) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"criteria": _criteria, "file": _file}
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
        label = _quoted(name.split(".", 1)[1])
        lines.append(f'{_quoted(name)} [label={label}, URL="{home.get(name, "")}"{style}]')
    lines += [f"{_quoted(one)} -> {_quoted(other)}" for one, other in sorted(edges)] + ["}"]
    drawn = subprocess.run(
        ["dot", "-Tsvg"], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return re.sub(r"<title>.*?</title>\n?", "", drawn[drawn.index("<svg") :])


def _quoted(name: str) -> str:
    """As Graphviz reads it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


_HEADING = re.compile(r"^-- (?::(?P<value>\w+) \((?P<what>.+)\)|(?P<function>\w+\.\w+))\n", re.MULTILINE)
_VALUE = re.compile(r"(?<![:\w']):(\w+)")


@dataclass(frozen=True)
class Example:
    """What to run, if there is anything, and what the database lacks for it, if there is."""

    text: str | None
    lacks: str = ""


def read_examples(connection: Connection[Any], text: str) -> dict[str, Example]:
    """The example of each function that the text has one for. Writes nothing."""
    headings = list(_HEADING.finditer(text))
    ends = [*(each.start() for each in headings), len(text)][1:]
    values: dict[str, Example] = {}
    calls: dict[str, str] = {}
    for heading, end in zip(headings, ends, strict=True):
        body = text[heading.end() : end].strip()
        if heading["value"]:
            found, *is_there = _find(connection, body) or (None, False)
            values[heading["value"]] = Example(found, "" if all(is_there) else heading["what"])
        else:
            calls[heading["function"]] = body
    return {function: _fill(call, values) for function, call in calls.items()}


def _find(connection: Connection[Any], query: str) -> tuple[Any, ...] | None:
    """What a query finds; None where there is no such thing, or this role may not read it."""
    row = None
    with (
        suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable),
        connection.transaction(),
    ):
        row = connection.execute(query.encode()).fetchone()
    return row


def _fill(call: str, values: Mapping[str, Example]) -> Example:
    used = [values[name] for name in dict.fromkeys(_VALUE.findall(call))]
    lacks = next((each.lacks for each in used if each.lacks), "")
    if any(each.text is None for each in used):
        return Example(None, next(each.lacks for each in used if each.text is None))
    return Example(_VALUE.sub(lambda match: values[match[1]].text or "", call), lacks)
