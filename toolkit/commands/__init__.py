"""One module per command of dbtool; each exports a click command named `command`."""

from __future__ import annotations
