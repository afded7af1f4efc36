"""How the databases of a cluster are."""

from __future__ import annotations

from typing import Any

from ..connection import connect
from ..errors import DbtoolError
from . import content
from .cluster import ClusterMember, home_of, members

_OF_EACH = """
select (select count(*) from learn.users),
       (select max(substring(migration_id from '[0-9]+$')::integer) from dbtool._yoyo_migration),
       (select count(*) from learn_shard.forwards) + (select count(*) from learn_shard.claims)
"""
_BUCKETS = "select shard, count(*) from learn_proxy.buckets group by shard"


def status(proxy_url: str) -> list[dict[str, Any]]:
    """A row for each database; `problem` says what is wrong with one, None when nothing is."""
    with connect(proxy_url, application_name="dbtool shards", autocommit=True) as proxy:
        found = members(proxy, proxy_url)
        buckets = dict(proxy.execute(_BUCKETS).fetchall())
    return [_of(each, home_of(found), buckets.get(each.number, 0)) for each in found]


def _of(each: ClusterMember, home: ClusterMember, buckets: int) -> dict[str, Any]:
    row: dict[str, Any] = {"number": each.number, "name": each.name, "place": each.place}
    row |= {"buckets": buckets, "learners": None, "migration": None, "waiting": None, "lag": None}
    try:
        with each.open() as connection:
            row["learners"], row["migration"], row["waiting"] = connection.execute(_OF_EACH).fetchone() or ()
            if each.is_home:
                return {**row, "problem": None}
            with home.open() as other:
                lag = content.lag(other, connection, content.slot_of(other, each))
    except DbtoolError as error:
        return {**row, "problem": error.message}
    behind = f"{lag.bytes} bytes, version {lag.applied} of {lag.published}"
    problem = "no replication slot on home" if lag.bytes is None else None
    return {**row, "lag": behind, "lag_bytes": lag.bytes, "is_current": lag.is_current, "problem": problem}
