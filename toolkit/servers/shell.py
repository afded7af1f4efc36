"""Calls psql on any libpq URL without a password on the command line, which all users of the machine see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolkit.connection import parse_url
from toolkit.errors import UsageProblem

# Secrets that libpq takes from a connection string only.
UNSAFE = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


@dataclass(frozen=True)
class Call:
    """A program with its arguments and its environment."""

    words: list[str]
    environment: dict[str, str]


def psql_call(psql: str, url: str, args: Sequence[str], environ: Mapping[str, str]) -> Call:
    """How to call psql on a URL or key=value string: the password goes into PGPASSWORD.

    Raises UsageProblem for a URL that is not valid or holds a secret that cannot be passed safely.
    """
    from psycopg.conninfo import make_conninfo

    given = parse_url(url)
    unsafe = [name for name in UNSAFE if given.get(name)]
    if unsafe:
        raise UsageProblem(
            f"psql would show the {unsafe[0]} of the URL to every user of this machine",
            hint="Put the connection into a service file (pg_service.conf) and give service=NAME instead.",
        )
    environment = dict(environ)
    password = given.pop("password", None)
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return Call([psql, "-d", make_conninfo("", **given), *args], environment)
