"""dbtool: builds, changes, checks and tests a PostgreSQL database that is kept as plain SQL files."""

from __future__ import annotations

__version__ = "0.1.0"
