"""Content and rules on their way from home to the shards."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from ..connection import parse_url
from ..errors import DbtoolError
from ..sql.execute import Connection, exists, value
from . import copying
from .cluster import ClusterMember, release_of

PUBLICATION = "laurel_content"
COPIER = "learn_copier"
_LAG = """
select pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::bigint
  from pg_replication_slots s where s.slot_name = %s
"""
_NAME = """
select left(regexp_replace(lower(d.datname), '[^a-z0-9_]', '_', 'g'), 32) || '_' || d.oid
  from pg_database d where d.datname = current_database()
"""
_VERSIONS = """
select (select version from learn_shard.content_version), (select version from learn_shard.applied_version)
"""
_SUBSCRIBED = "select from pg_subscription where subname = %s"
_PUBLISHED = "learn_shard.content, learn_shard.content_version"


@dataclass(frozen=True)
class ContentLag:
    """How far a shard's content is behind home's."""

    bytes: int | None
    """Of WAL that the shard has not confirmed; None: there is no slot."""
    published: int | None
    received: int | None
    applied: int | None

    @property
    def is_current(self) -> bool:
        return self.published is not None and self.published == self.received == self.applied


def slot_of(home: Connection, member: ClusterMember) -> str:
    """On home's server, which may have slots of other clusters: the name says whose it is."""
    return f"laurel_{value(home, _NAME)}_{member.number}"


def publish(home: Connection) -> None:
    """Makes the publication, and fills what it publishes."""
    home.execute("select learn_shard.publish_content()")
    if not exists(home, "select from pg_publication where pubname = %s", [PUBLICATION]):
        home.execute(f"create publication {PUBLICATION} for table {_PUBLISHED}".encode())


def subscribe(home: ClusterMember, shard: Connection, slot: str, password: str) -> None:
    """Has a shard receive what home publishes; again: nothing."""
    if exists(shard, _SUBSCRIBED, [slot]):
        return
    with home.open() as publisher, home.open() as keeper:
        copying.prepare(publisher, keeper, shard)
        if not exists(publisher, "select from pg_replication_slots where slot_name = %s", [slot]):
            publisher.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])
        shard.execute(f"truncate {_PUBLISHED}".encode())
        snapshot = copying.again(lambda: copying.moment(publisher, keeper, _PUBLISHED, slot))
        for table in _PUBLISHED.split(", "):  # the version last
            copying.copy_rows(publisher, shard, snapshot, f"table {table}", table)
    place = f"{home.place} user={COPIER} password={password}"
    copying.subscribe(shard, slot, place, [PUBLICATION], slot)


def unsubscribe(home: Connection, shard: Connection, slot: str) -> None:
    """Has a shard receive nothing, so that subscribe() begins anew; the slot is taken from whoever has it."""
    if exists(shard, _SUBSCRIBED, [slot]):
        copying.drop_subscription(shard, slot)
    copying.drop_slot(home, slot)


def lag(home: Connection, shard: Connection, slot: str) -> ContentLag:
    """How far a shard is behind."""
    ((received, applied),) = shard.execute(_VERSIONS).fetchall()
    return ContentLag(value(home, _LAG, [slot]), value(home, _VERSIONS), received, applied)


def sync(home: Connection, shards: list[tuple[ClusterMember, Connection]], seconds: float = 60) -> int:
    """Publishes what has changed, waits until each shard has it, and applies it. Returns the version.

    Raises DbtoolError where a shard does not get it in time, and, when the others have it, where one cannot
    take it before it has home's release.
    """
    behind: list[tuple[str, psycopg.Error]] = []
    version: int = value(home, "select learn_shard.publish_content()")
    for member, shard in shards:
        deadline = time.monotonic() + seconds
        while value(shard, _VERSIONS) != version:
            if time.monotonic() > deadline:
                where = parse_url(member.place).get("dbname", member.name)
                raise DbtoolError(
                    f"{member.name} ({where}) has not received version {version} of the content",
                    hint="Its server's log says why the subscription does not go on.",
                )
            time.sleep(0.02)
        try:
            shard.execute("select learn_shard.apply_content()")
        except psycopg.Error as error:
            if error.sqlstate in (None, "LX015") or release_of(shard) >= release_of(home):
                raise
            behind.append((member.name, error))
    for name, said in behind:
        raise DbtoolError(
            f"{name} cannot take the content before it has home's release",
            detail=f"{said.sqlstate}: {said.diag.message_primary}; it keeps what it had",
            hint="Run `dbtool shards migrate`.",
        ) from said
    return version
