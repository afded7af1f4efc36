"""The SQL for what most kinds of objects have: an owner, grants and a comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.catalog.objects import literal
from toolkit.catalog.read import Key
from toolkit.live.mend_alter import roles
from toolkit.live.mend_columns import parent
from toolkit.live.mend_kinds import TYPES

Facts = Mapping[str, Any]

_OWNED = (
    *("schema", "table", "foreign table", "sequence", "function", "procedure", "aggregate", "view"),
    *("materialized view", "statistics", "event trigger", "publication", *TYPES),
)
_GRANT_TARGET = {
    "foreign table": "table", "view": "table", "materialized view": "table", "aggregate": "function",
    **dict.fromkeys(TYPES, "type"),
}  # fmt: skip
_GRANT = re.compile(r"(?P<who>.*)=(?P<what>[A-Z ]+?)(?P<option> with grant option)?(?: by (?P<by>.*))?")


def bare(key: Key, want: Facts) -> Facts:
    """Owner, grants and comment of an object that has just been made by somebody."""
    found: dict[str, Any] = {"owner": None, "comment": None}
    if want.get("grants"):
        is_public = key[0] in ("function", "procedure", "aggregate", *TYPES)
        privilege = "USAGE" if key[0] in TYPES else "EXECUTE"
        own = [line for line in want["grants"] if line.startswith(f"{want.get('owner')}=")]
        found["grants"] = own + [f"PUBLIC={privilege}"] * is_public
    return found


def common(key: Key, want: Facts, had: Facts) -> Iterator[str]:
    """What turns owner, grants and comment from `had` into `want`."""
    kind, identity = key
    called = "type" if kind in TYPES and kind != "domain" else kind
    granted = set(had.get("grants") or [])
    if kind in _OWNED and want.get("owner") != had.get("owner"):
        yield f"alter {called} {identity} owner to {roles([want['owner']])};"
        old = f"{had['owner']}="
        granted = {f"{want['owner']}={g[len(old) :]}" if g.startswith(old) else g for g in granted}
        granted = {g.removesuffix(f" by {want['owner']}") for g in granted}
    if "grants" in want and kind != "default privileges":
        yield from _grants(key, set(want["grants"] or []), granted)
    if want.get("comment") != had.get("comment"):
        target = f"{called} {identity}"
        if kind == "database":
            text = literal(f"comment on database %I is {literal(want['comment'])}")
            yield f"do $do$ begin execute format({text}, current_database()); end $do$;"
        else:
            yield f"comment on {target} is {literal(want['comment'])};"


def _grants(key: Key, want: set[str], had: set[str]) -> Iterator[str]:
    kind, identity = key
    target = f"{_GRANT_TARGET.get(kind, kind)} {identity}"
    column = ""
    if kind == "column":
        table = parent(identity)
        target, column = f"table {table}", f" ({identity.removeprefix(table + '.')})"
    for verb, lines in (("revoke", had - want), ("grant", want - had)):
        for line in sorted(lines):
            match = _GRANT.fullmatch(line)
            assert match is not None
            who = f"{'to' if verb == 'grant' else 'from'} {roles([match['who']])}"
            option = " with grant option" if match["option"] and verb == "grant" else ""
            text = f"{verb} {match['what'].lower()}{column} on {target} {who}"
            if kind == "database":
                text = text.replace("this database", "%I")
                yield f"do $do$ begin execute format({literal(text + option)}, current_database()); end $do$;"
            elif match["by"]:
                yield f"set role {roles([match['by']])}; {text}{option}; reset role;"
            else:
                yield f"{text}{option};"
    # Taking away a grant option takes the grant as well.
    for line in sorted(want & {each.replace(" with grant option", "") for each in had - want}):
        match = _GRANT.fullmatch(line)
        assert match is not None
        yield f"grant {match['what'].lower()}{column} on {target} to {roles([match['who']])};"
