"""The text that made an object, as it stands in the scripts of a project: what a rollback puts back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.catalog.objects import Live, comments_sql, definition, privileges_sql
from toolkit.errors import DbtoolError
from toolkit.project.layout import Script
from toolkit.project.sources import Piece
from toolkit.sql.statements import Name, creates, parse, replaces

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True)
class FrozenTexts:
    """The last text, in the scripts, that creates each routine, view and trigger."""

    texts: Mapping[Name, str]

    @classmethod
    def read(cls, scripts: Iterable[Script]) -> FrozenTexts:
        """Of scripts in the order in which a database runs them, all of which PostgreSQL's parser accepts."""
        texts: dict[Name, str] = {}
        for script in scripts:
            for statement in parse(script.text):
                name = creates(statement)
                if name is None:
                    continue
                text = statement.text
                if not replaces(statement):
                    text = re.sub(r"^create\b", "create or replace", text, count=1, flags=re.IGNORECASE)
                texts[name] = f"{statement.comment}\n{text};".lstrip()
        return cls(texts)

    def piece(self, conn: Connection[Any], item: Live, *, as_catalog: bool = False) -> Piece:
        """What makes the object as it is in the database now: its text, comments and grants.

        The text is the scripts', or, with `as_catalog` or where they have none, PostgreSQL's wording. Raises
        DbtoolError when there is neither (an aggregate made by dynamic SQL).
        """
        text = None if as_catalog else self.texts.get(item.name)
        if text is None:
            text = definition(conn, item)
        if text is None:
            raise DbtoolError(
                f"{item.kind} {item.identity}: cannot find the text that made it",
                hint="Write this migration by hand (dbtool new --empty).",
            )
        lines = [text, *comments_sql(item), *privileges_sql(item, item.bare, item.grants)]
        return Piece(f"{item.kind} {item.identity}", "\n".join(lines) + "\n", (item.name,))
