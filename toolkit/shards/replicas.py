"""Standbys of shards: reads that go there, and one that takes a shard's place."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from ..errors import UsageProblem
from ..output import Reporter
from ..sql.execute import Connection
from . import content
from .cluster import ClusterMember, change_map, member, members, place_of, reach
from .moving import UnderWay, alone, move_of, named, under_way
from .setup import password_of

# A standby may be older than the end of a move: that is gone on with.
_REOPEN = """
update learn_proxy.moves set step = case step when 'done' then 'totals' else 'give up' end
 where id = %s and step in ('done', 'given up')
   and not exists (select from learn_proxy.moves m where m.step not in ('done', 'given up'))
"""
_IN_RECOVERY = "select pg_is_in_recovery(), (select number from learn_shard.member)"


def failover(proxy_url: str, name: str, url: str, others: Sequence[str]) -> bool:
    """Sends calls to the new place of a member; returns whether a move of its learners is to be gone on with.

    Content comes anew from home; where that is away, this is to be run again when it is there.
    Raises UsageProblem where the database does not take its place, and DbtoolError while a dbtool moves its
    learners, or where it has lost some who have moved to it.
    """
    with reach(proxy_url) as proxy:
        found = members(proxy, proxy_url)
        lost = named(found, name)
        if lost.is_home:
            raise UsageProblem(
                "home's place is not changed here: the shards follow it, too",
                hint="Let its name lead to the standby (DNS, a virtual address), as for any database.",
            )
        with reach(url) as successor:
            if (row := successor.execute(_IN_RECOVERY).fetchone()) != (False, lost.number):
                raise UsageProblem(
                    f"that database is a standby, or not that of {lost.name}: {row}",
                    hint="select pg_promote(); on it first.",
                )
            ended = successor.execute("select number from learn_shard.moves").fetchone()
        if ended is not None:
            proxy.execute(_REOPEN, ended)
        update = "update learn_proxy.shards set connection = %s, standby = null where number = %s"
        new = member(lost.number, place_of(url), proxy_url)
        with ExitStack() as stack:
            if (current := _move_of(lost, proxy)) is not None:
                current = _move_of(lost, stack.enter_context(alone(proxy_url)))
            if current is not None:
                move = move_of(proxy, proxy_url, current, others, Reporter())
                move.take_over(new.url, lost.number == current.source, current.step)
            change_map((proxy_url, *others), update, (new.place, lost.number))
        with found[0].open() as home, new.open() as shard:  # home's slot takes for received what it may lack
            slot = content.slot_of(home, new)
            content.unsubscribe(home, shard, slot)
            content.subscribe(found[0], shard, slot, password_of(proxy))
    return current is not None


def _move_of(lost: ClusterMember, proxy: Connection) -> UnderWay | None:
    current = under_way(proxy)
    return current if current is not None and lost.number in (current.source, current.target) else None


def standby(proxy_url: str, name: str, url: str | None, others: Sequence[str]) -> None:
    """Has reads of a member go to its standby, or back. Raises UsageProblem where it is none."""
    with reach(proxy_url) as proxy:
        of = named(members(proxy, proxy_url), name)
    if url is not None:
        with reach(url) as found:
            if (row := found.execute(_IN_RECOVERY).fetchone()) != (True, of.number):
                raise UsageProblem(f"that database is no standby of {of.name}: {row}")
    update = "update learn_proxy.shards set standby = %s where number = %s"
    change_map((proxy_url, *others), update, (url and place_of(url), of.number))
