"""Connections to a database, and the URLs that lead there."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from .errors import DbtoolError, UsageProblem, did_you_mean, mask_secrets

if TYPE_CHECKING:
    import psycopg

SUPERUSER = "postgres"
PORT = 5432
CONNECT_TIMEOUT_SECONDS = 10
# A server that is gone is noticed within a minute; toolkit.sql.execute asks the same of the server.
KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
# dbtool's own servers by host and port, with the folder of their data where it is known.
_own: dict[tuple[str, str], Path | None] = {}
_environment = threading.RLock()


def own_server(url: str, data: Path | None = None) -> str:
    """Declares the server of a URL to be dbtool's own, with its data in that folder; returns the URL.

    Connections to it take nothing from the environment, and end at once when they lead to another server.
    """
    _own[_address(parse_url(url))] = data
    return url


def is_own(url: str) -> bool:
    """Whether a URL leads to a server of dbtool's own."""
    return _address(parse_url(url)) in _own


def without_libpq(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without the variables by which libpq would lead a connection elsewhere."""
    return {name: value for name, value in environ.items() if not name.startswith("PG")}


def forget_environment() -> None:
    """Takes libpq's variables out of this process's environment, which works on dbtool's own servers only."""
    for name in os.environ.keys() - without_libpq(os.environ).keys():
        del os.environ[name]


@contextmanager
def _own_environment() -> Iterator[None]:
    before = dict(os.environ)
    forget_environment()
    try:
        yield
    finally:
        os.environ.update(before)


def _address(given: Mapping[str, Any]) -> tuple[str, str]:
    return str(given.get("host")), str(given.get("port") or PORT)


def connect(
    url: str, *, application_name: str = "dbtool", autocommit: bool = False, **options: Any
) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection to any libpq URL or key=value string.

    The application name holds unless the URL sets one; a host that does not answer is given up after
    10 seconds unless the URL or PGCONNECT_TIMEOUT says otherwise. Raises DbtoolError without the password.
    """
    given = parse_url(url)
    with _environment:
        if _address(given) not in _own:
            return _connect(url, given, application_name, autocommit, options)
        with _own_environment():
            connection = _connect(url, given, application_name, autocommit, options)
    data = _own[_address(given)]
    if data is not None and not _serves(connection, data):
        connection.close()
        raise DbtoolError(f"another server than dbtool's answers at {describe_url(url)}; nothing was done")
    return connection


def _serves(connection: psycopg.Connection[Any], data: Path) -> bool:
    """Whether the server has its data in that folder: by the number of its cluster.

    One whose folder was moved cannot read that any more: then by the second of its start.
    """

    def ask(query: bytes) -> int | None:
        value = connection.pgconn.exec_(query).get_value(0, 0)
        return None if value is None else int(value)

    try:
        number = ask(b"select system_identifier from pg_catalog.pg_control_system()")
        if number is not None:
            return number == int.from_bytes((data / "global/pg_control").read_bytes()[:8], sys.byteorder)
        started = ask(
            b"select trunc(extract(epoch from pg_catalog.pg_postmaster_start_time()))::pg_catalog.int8"
        )
        noted = int((data / "postmaster.pid").read_text().split("\n")[2])
    except OSError:
        return False
    return started is not None and abs(started - noted) <= 1


def _connect(
    url: str, given: Mapping[str, Any], application_name: str, autocommit: bool, options: Mapping[str, Any]
) -> psycopg.Connection[tuple[Any, ...]]:
    import psycopg

    defaults: dict[str, Any] = {"fallback_application_name": application_name, "client_encoding": "utf8"}
    if "service" not in given and "PGCONNECT_TIMEOUT" not in os.environ:
        defaults["connect_timeout"] = CONNECT_TIMEOUT_SECONDS
    if "service" not in given:
        defaults.update(KEEPALIVES)
    settings = {**defaults, **given, "client_encoding": "utf8", **options}
    try:
        return psycopg.connect("", autocommit=autocommit, prepare_threshold=None, **settings)
    except psycopg.Error as error:
        reasons = list(dict.fromkeys(line.strip() for line in str(error).splitlines() if line.strip()))
        detail = mask_secrets("\n".join(reasons))
        raise DbtoolError(f"cannot connect to {describe_url(url)}", detail=detail) from error


def parse_url(url: str) -> dict[str, Any]:
    """The settings in a libpq URL or key=value string.

    Raises UsageProblem that repeats nothing of the text: a wrong URL's parts may be parts of its password.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    scheme = re.match(r"(\w[\w+.-]*)://", url)
    if scheme:
        if scheme[1] not in ("postgresql", "postgres"):
            raise UsageProblem(
                f"a database URL begins with postgresql://, not {scheme[1]}://",
                hint="Give libpq's form, without the name of a Python driver.",
            )
        authority, _, rest = url[scheme.end() :].partition("/")
        path = rest.partition("?")[0]
        if authority.count("@") > 1 or ("@" in path and "@" not in authority):
            raise UsageProblem(
                "the database URL has a user name or password that is not percent-encoded",
                hint="Write @ as %40, / as %2F and : as %3A in it.",
            )
    try:
        given = conninfo_to_dict(url)
        if any(not _is_port(port) for port in str(given.get("port") or PORT).split(",")):
            raise UsageProblem(
                "the database URL has a port that is not a number from 1 to 65535",
                hint="Where the password has : or /, write %3A and %2F.",
            )
        return given
    except psycopg.Error:
        known = [option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()]
        names = re.findall(r"(?:\?|&)(\w+)=", url) if scheme else re.findall(r"(?:^|\s)(\w+)\s*=", url)
        unknown = [name for name in names if name not in (*known, "ssl")]
        if unknown and all(name.isidentifier() and len(name) <= 40 for name in unknown):
            near = did_you_mean(unknown[0], known)
            path = "Other libraries' schema=x is options=-csearch_path%3Dx here."
            raise UsageProblem(
                f"the database URL has a parameter that PostgreSQL does not know: {', '.join(unknown)}",
                hint=near
                or (path if "schema" in unknown else "Take it out; libpq's documentation lists all."),
            ) from None
        raise UsageProblem(
            "the database URL is not valid",
            detail="It is not shown here, since it may hold a password.",
            hint="postgresql://user:password@host:port/database?option=value with special characters"
            " percent-encoded, or 'host=… dbname=… user=…'.",
        ) from None


def _is_port(text: str) -> bool:
    return not text or (text.isdecimal() and 0 < int(text) <= 65535)


def describe_url(url: str) -> str:
    """The URL as messages show it: user, host, port and database; no password, no options."""
    given = parse_url(url)
    if "service" in given:
        return f"service {given['service']}"
    host = str(given.get("host", given.get("hostaddr", "")))
    is_socket = host.startswith(("/", "@")) or not host
    user = f"{quote(str(given['user']), safe='')}@" if "user" in given else ""
    hosts, ports = host.split(","), str(given.get("port", "")).split(",")
    if not is_socket and len(hosts) == len(ports) > 1:
        host = ",".join(f"{each}:{number}".rstrip(":") for each, number in zip(hosts, ports, strict=True))
    port = f":{ports[0]}" if ports[0] and len(ports) == 1 and not is_socket else ""
    database = quote(str(given.get("dbname", "")), safe="")
    socket = f"?host={host}" if host and is_socket else ""
    if socket and "port" in given:
        socket += f"&port={given['port']}"
    return f"postgresql://{user}{'' if is_socket else host}{port}/{database}{socket}"


def with_defaults(url: str) -> str:
    """The URL with the database, and the host, that libpq would take from the environment or by default.

    For messages: a short URL such as postgresql:/// does not say where it leads.
    """
    from psycopg import pq
    from psycopg.conninfo import make_conninfo

    given = parse_url(url)
    if "service" in given or ("dbname" in given and ("host" in given or "hostaddr" in given)):
        return url
    said = {each.keyword.decode(): each.val.decode() for each in pq.Conninfo.get_defaults() if each.val}
    found: dict[str, Any] = {
        name: said[name] for name in ("host", "port") if name in said and "host" not in given
    }
    user = given.get("user") or said.get("user")
    filled: dict[str, Any] = {"dbname": said.get("dbname") or user, **found, **given}
    return make_conninfo(url, **filled)


def with_role(url: str, role: str) -> str:
    """The URL of a connection that works as a role from its beginning, as after SET ROLE."""
    from psycopg.conninfo import make_conninfo

    given = parse_url(url).get("options") or os.environ.get("PGOPTIONS", "")
    name = re.sub(r"([\\ ])", r"\\\1", role)
    return make_conninfo(url, options=f"{given} -c role={name}".strip())


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
