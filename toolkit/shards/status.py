"""How the databases of a cluster are."""

from __future__ import annotations

from typing import Any

from ..errors import DbtoolError
from . import content
from .cluster import ClusterMember, home_of, members, proxy_release, reach, release_of

_OF_EACH = """
select (select count(*) from learn.users),
       (select count(*) from learn_shard.forwards) + (select count(*) from learn_shard.claims)
"""
_BUCKETS = "select shard, count(*) from learn_proxy.buckets group by shard"


def status(proxy_url: str) -> list[dict[str, Any]]:
    """A row for each database; `problem` says what is wrong with one, None when nothing is."""
    with reach(proxy_url) as proxy:
        found = members(proxy, proxy_url)
        buckets: dict[int, int] = dict(proxy.execute(_BUCKETS).fetchall())
    return [_of(each, home_of(found), buckets.get(each.number, 0)) for each in found]


def of_proxy(proxy_url: str) -> dict[str, Any]:
    """The release that the proxy's functions are of; `problem` where home has another."""
    with reach(proxy_url) as proxy:
        migration = proxy_release(proxy)
        with home_of(members(proxy, proxy_url)).open() as home:
            return {"migration": migration, "problem": behind(migration, release_of(home))}


def behind(migration: int | None, home: int) -> str | None:
    """What is wrong with a release beside home's."""
    if migration == home:
        return None
    at = "an earlier release" if migration is None else f"migration {migration}"
    return f"{at}, home is at {home}: run `dbtool shards migrate`"


def _of(each: ClusterMember, home: ClusterMember, buckets: int) -> dict[str, Any]:
    row: dict[str, Any] = {"number": each.number, "name": each.name, "place": each.place}
    row |= {"buckets": buckets, "learners": None, "migration": None, "waiting": None, "lag": None}
    try:
        with each.open() as connection:
            row["migration"] = release_of(connection)
            row["learners"], row["waiting"] = connection.execute(_OF_EACH).fetchone() or ()
            if each.is_home:
                return {**row, "problem": None}
            with home.open() as other:
                lag = content.lag(other, connection, content.slot_of(other, each))
                late = behind(row["migration"], release_of(other))
    except DbtoolError as error:
        return {**row, "problem": error.message}
    shown = f"{lag.bytes} bytes, version {lag.applied} of {lag.published}"
    problem = "no replication slot on home" if lag.bytes is None else late
    return {**row, "lag": shown, "lag_bytes": lag.bytes, "is_current": lag.is_current, "problem": problem}
