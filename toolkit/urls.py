"""Connection URLs of servers that dbtool runs, and of other databases on a given server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

SUPERUSER = "postgres"
PORT = 5432


def socket_url(folder: Path, dbname: str, port: int = PORT) -> str:
    """libpq URL of a database reached as superuser through the socket in a folder."""
    host = quote(str(folder), safe="")
    return f"postgresql://{SUPERUSER}@/{quote(dbname, safe='')}?host={host}&port={port}"


def with_database(url: str, dbname: str) -> str:
    """The same libpq URL or key=value string, leading to another database of the same server."""
    if not url.startswith(("postgresql://", "postgres://")):
        from psycopg.conninfo import make_conninfo

        return make_conninfo(url, dbname=dbname)
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    query = parts.query
    if any(name == "dbname" for name, _ in options):
        query = urlencode([option for option in options if option[0] != "dbname"], quote_via=quote)
    return f"{parts.scheme}://{parts.netloc}/{quote(dbname, safe='')}" + (f"?{query}" if query else "")
