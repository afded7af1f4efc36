"""Build hook: the SQL lives at the top of the repository; inside the wheel it is `toolkit/database`.

An editable install gets no copy: there the checkout itself is read, and a copy would only go stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SQL = (
    "schema.sql",
    "schema.rollback.sql",
    *("migrations", "functions", "triggers", "views", "seeds", "simulate"),
    *("docs/glossary.md", "docs/examples.sql"),  # for `dbtool docs`
)


class ShipSql(BuildHookInterface[Any]):
    """Adds every part of the database that exists to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is "standard" for a wheel and "editable" for `pip install -e`."""
        if version == "editable":
            return
        for name in SQL:
            source = Path(self.root, name)
            if source.exists():
                build_data["force_include"][str(source)] = f"toolkit/database/{name}"
