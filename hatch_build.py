"""Build hook: the SQL lives at the top of the repository; inside the wheel it is `laurel_dbtool/database`.

The package is `toolkit/` in the checkout and `laurel_dbtool` in the wheel: its imports of itself are
relative. An editable install reads the checkout, SQL included, and gets one file that makes the other name
known.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "laurel_dbtool"
SQL = (
    "schema.sql",
    "schema.rollback.sql",
    *("migrations", "functions", "triggers", "views", "seeds", "simulate", "shards"),
    *("docs/glossary.md", "docs/examples.sql"),  # for `dbtool docs`
)
ALIAS = '''"""The checkout's `toolkit`, by the name that it has in the wheel."""

import toolkit
from toolkit import __version__ as __version__

__path__ = toolkit.__path__
'''


class ShipSql(BuildHookInterface[Any]):
    """Adds every part of the database that exists to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is "standard" for a wheel and "editable" for `pip install -e`."""
        if version == "editable":
            self.folder = TemporaryDirectory()  # until the hook is gone, and the wheel made
            alias = Path(self.folder.name, "__init__.py")
            alias.write_text(ALIAS, encoding="utf-8")
            build_data["force_include_editable"][str(alias)] = f"{NAME}/__init__.py"
            return
        for name in SQL:
            source = Path(self.root, name)
            if source.exists():
                build_data["force_include"][str(source)] = f"{NAME}/database/{name}"
