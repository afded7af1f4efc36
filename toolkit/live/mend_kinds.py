"""The kinds of objects, as the catalog calls them."""

from __future__ import annotations

# Kinds in the order in which they are made; dropped in the opposite one, before anything is made.
ORDER = (
    "role", "schema", "extension", "enum", "domain", "composite type", "range", "type", "sequence", "table",
    "foreign table", "column", "function", "procedure", "aggregate", "view", "materialized view",
    "constraint", "index", "statistics", "rule", "trigger", "policy", "event trigger", "publication",
    "default privileges", "role setting", "database",
)  # fmt: skip
TYPES = ("enum", "domain", "composite type", "range", "type")
