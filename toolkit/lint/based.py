"""The rule for a project that stands on another: it leaves alone what that one made, hooks excepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..catalog.read import Catalog, Difference, diff, parent
from ..findings import Finding
from ..project import sources
from ..project.layout import Project, Script
from ..project.sources import ON_BASE, Sources
from ..sql.statements import Name, creates, parse

# What stands by itself in a schema, where a later version of the base may bring one of that name.
_STANDS_ALONE = ("table", "view", "materialized view", "function", "procedure", "sequence", "domain", "enum")


def findings(before: Catalog, after: Catalog, base: Project) -> Iterator[Finding]:
    """What the project's scripts changed of what was there, or put into the schemas of the base.

    Triggers, indexes and constraints on its tables, and grants to more roles, are additions.
    """
    hooks = {name.identity for name in sources.hooks_of(sources.read(base))}
    schemas = {parent(identity) for kind, identity in before.objects if kind in ("table", "function")}
    schemas.discard("public")
    for each in diff(before, after):
        message = _message(each, schemas)
        if message and each.identity.split("(")[0] not in hooks:
            yield Finding("lint", None, None, f"{each.kind} {each.identity}", message, ON_BASE)


def second_texts(project: Project, scripts: Sequence[Script], found: Sources) -> Iterator[Finding]:
    """Hooks that two scripts make: what a project on top has put in place of the first would be lost."""
    hooks = sources.hooks_of(found)
    seen: set[Name] = set()
    for script in scripts if hooks else ():
        for statement in parse(script.text):
            name = creates(statement)
            if name in hooks and name in seen:
                message = "is a hook, which a project on top may have replaced: its text stays"
                label = project.relative(script.path)
                yield Finding("script", label, statement.line, str(name), message, ON_BASE)
            seen |= {name} if name else set()


def _message(each: Difference, schemas: set[str]) -> str | None:
    if each.change == "added":
        if each.kind == "column" and parent(parent(each.identity)) in schemas:
            return "is put into a table of the base: keep it in a table of your own, with the same key"
        if each.kind in _STANDS_ALONE and parent(each.identity.split("(")[0]) in schemas:
            return (
                "stands in a schema of the base, which may bring one of that name: take a schema of your own"
            )
        return None
    if all(line.startswith(("grants: extra", "members: extra")) for line in each.details or ("",)):
        return None
    return "\n  ".join([f"is the base's, and is {each.change}", *each.details])
