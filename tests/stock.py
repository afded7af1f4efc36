"""On a stock server no test is superuser: one role deploys, as docs/operations.md has it, and one calls.

The deployer may create roles, and objects in the database. Tests act as learn_owner through it. Functions
that backends may call are called by a login role that is a member of learn_app.
Only tests marked `stock` run there: others arrange things as superuser, or want the settings for tests.
"""

from __future__ import annotations

import os
import secrets

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.client import Learn
from toolkit.servers.throwaway import ThrowawayServer

DEPLOYER, BACKEND = "laurel_deployer", "laurel_backend"
PASSWORD = secrets.token_hex(16)
AS_OWNER = "-c role=learn_owner"


def is_stock() -> bool:
    """Whether this run is on a stock server."""
    kind = os.environ.get("DBTOOL_TEST_KIND") or os.environ.get("DBTOOL_TEST_SERVER") or ""
    return kind.startswith("stock")


def make_deployer(server: ThrowawayServer) -> None:
    """What an administrator does once for a server."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        _execute(admin, "create role {} login createrole password {}", DEPLOYER)


def deployer_url(server: ThrowawayServer, database: str) -> str:
    """The database for who deploys; an administrator has let them create in it."""
    with psycopg.connect(server.url(database), autocommit=True) as admin:
        name = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("grant create on database {} to {}").format(name, sql.Identifier(DEPLOYER)))
    return make_conninfo(server.url(database), user=DEPLOYER, password=PASSWORD)


def make_backend(deployer: str) -> None:
    """What README says to do for a backend; and let the deployer act as Laurel's other roles, as tests do."""
    with psycopg.connect(deployer, autocommit=True) as connection:
        _execute(connection, "create role {} login password {}", BACKEND)
        connection.execute(sql.SQL("grant learn_app to {}").format(sql.Identifier(BACKEND)))
        roles = connection.execute("select rolname from pg_roles where rolname ~ '^learn_'").fetchall()
        for (role,) in [*roles, (BACKEND,)]:
            connection.execute(
                sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(DEPLOYER))
            )
    Learn.caller_by_default = BACKEND


def backend_url(owner: str) -> str:
    """The same database for a backend."""
    return make_conninfo(owner, user=BACKEND, password=PASSWORD, options="")


def _execute(connection: psycopg.Connection[tuple[object, ...]], statement: str, role: str) -> None:
    connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(PASSWORD)))
