"""Standbys of shards: reads that go there, and one that takes a shard's place."""

from __future__ import annotations

from collections.abc import Sequence

from ..connection import connect
from ..errors import UsageProblem
from .cluster import change_map, members, place_of
from .moving import named

_IN_RECOVERY = "select pg_is_in_recovery(), (select number from learn_shard.member)"


def failover(proxy_url: str, name: str, url: str, others: Sequence[str]) -> None:
    """Sends calls to the new place of a member. Raises UsageProblem where it does not take its place."""
    with connect(proxy_url, application_name="dbtool shards") as proxy:
        found = members(proxy, proxy_url)
    lost = named(found, name)
    if lost.is_home:
        raise UsageProblem(
            "home's place is not changed here: the shards follow it, too",
            hint="Let its name lead to the standby (DNS, a virtual address), as for any database.",
        )
    with connect(url, application_name="dbtool shards") as successor:
        if (row := successor.execute(_IN_RECOVERY).fetchone()) != (False, lost.number):
            raise UsageProblem(
                f"that database is a standby, or not that of {lost.name}: {row}",
                hint="select pg_promote(); on it first.",
            )
    update = "update learn_proxy.shards set connection = %s, standby = null where number = %s"
    change_map((proxy_url, *others), update, (place_of(url), lost.number))


def standby(proxy_url: str, name: str, url: str | None, others: Sequence[str]) -> None:
    """Has reads of a member go to its standby, or back. Raises UsageProblem where it is none."""
    with connect(proxy_url, application_name="dbtool shards") as proxy:
        of = named(members(proxy, proxy_url), name)
    if url is not None:
        with connect(url, application_name="dbtool shards") as found:
            if (row := found.execute(_IN_RECOVERY).fetchone()) != (True, of.number):
                raise UsageProblem(f"that database is no standby of {of.name}: {row}")
    update = "update learn_proxy.shards set standby = %s where number = %s"
    change_map((proxy_url, *others), update, (url and place_of(url), of.number))
