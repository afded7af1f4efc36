"""The databases of a cluster, as the proxy knows them, and connections to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg.conninfo import make_conninfo

from ..connection import connect, parse_url
from ..errors import DbtoolError, UsageProblem
from ..sql.execute import Connection, value

HOME = 0
_PLACE = ("host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert", "service")
_RELEASE = """
select coalesce(max(substring(migration_id from '[0-9]+$')::integer), 0) from dbtool._yoyo_migration
"""
_NO_PROXY = "this database is no proxy of shards"
_ALONE = "select pg_try_advisory_lock(hashtextextended('learn_proxy.moves', 0))"


@dataclass(frozen=True)
class ClusterMember:
    """Home (number 0) or a shard."""

    number: int
    name: str
    place: str
    """Where it is, without user and password."""
    url: str
    """With those of the proxy's URL."""

    @property
    def is_home(self) -> bool:
        return self.number == HOME

    def open(self, *, autocommit: bool = True) -> Connection:
        """A connection of the operator."""
        return reach(self.url, autocommit=autocommit)


def reach(url: str, *, autocommit: bool = True) -> Connection:
    """A connection of the operator to the proxy, or to what is or shall be behind it."""
    return connect(url, application_name="dbtool shards", autocommit=autocommit)


def place_of(url: str) -> str:
    """Where a URL leads: as the proxy keeps it, without user and password. Raises UsageProblem."""
    given = {name: value for name, value in parse_url(url).items() if name in _PLACE}
    if "dbname" not in given and "service" not in given:
        raise UsageProblem("the URL of a home or shard names its database")
    return make_conninfo("", **{"port": 5432, **given})


def member(number: int, place: str, proxy_url: str, name: str | None = None) -> ClusterMember:
    """A member with the login of the proxy's URL."""
    given = parse_url(proxy_url)
    login = {key: given[key] for key in ("user", "password") if key in given}
    return ClusterMember(
        number, name or ("home" if number == HOME else f"shard{number}"), place, make_conninfo(place, **login)
    )


def members(proxy: Connection, proxy_url: str) -> list[ClusterMember]:
    """Home and the shards, by number. Raises UsageProblem where the database is no proxy."""
    if value(proxy, "select to_regclass('learn_proxy.shards')") is None:
        raise UsageProblem(_NO_PROXY, hint="`dbtool shards init PROXY --home URL --shard URL` makes one.")
    rows = proxy.execute("select number, connection, name from learn_proxy.shards order by number").fetchall()
    return [member(number, place, proxy_url, name) for number, place, name in rows]


def home_of(found: list[ClusterMember]) -> ClusterMember:
    """The first. Raises DbtoolError where there is none yet: init was cut off."""
    if not found or not found[0].is_home:
        raise DbtoolError("the proxy knows no home", hint="Run `dbtool shards init` again.")
    return found[0]


def release_of(connection: Connection) -> int:
    """The last migration that a member has."""
    return int(value(connection, _RELEASE))


def proxy_release(proxy: Connection) -> int | None:
    """The last migration of the home that the proxy's functions were made from; None: nobody knows."""
    if value(proxy, "select to_regprocedure('learn_proxy.release()')") is None:
        return None
    return int(value(proxy, "select learn_proxy.release()"))


def may_move(proxy: Connection) -> bool:
    """Takes the lock of who moves learners, as long as the connection lasts; whether nobody else has it."""
    return bool(value(proxy, _ALONE))


def change_map(proxy_urls: Iterable[str], update: str, values: Sequence[object]) -> None:
    """Changes on each proxy which database is asked for whom."""
    for url in proxy_urls:
        with reach(url, autocommit=False) as proxy:
            proxy.execute("set local role learn_owner")
            proxy.execute(update.encode(), values)
            proxy.execute("select learn_proxy.write_servers()")
