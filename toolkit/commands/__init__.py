"""The commands of dbtool, by what they are for; cli.py says which module has which."""

from __future__ import annotations
