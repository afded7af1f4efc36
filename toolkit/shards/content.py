"""Content and rules on their way from home to the shards."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from ..connection import parse_url
from ..errors import DbtoolError
from ..sql.execute import Connection
from ..sql.statements import quote
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
    (name,) = home.execute(_NAME).fetchone() or ("",)
    return f"laurel_{name}_{member.number}"


def publish(home: Connection) -> None:
    """Makes the publication, and fills what it publishes."""
    home.execute("select learn_shard.publish_content()")
    if home.execute("select from pg_publication where pubname = %s", [PUBLICATION]).fetchone() is None:
        home.execute(f"create publication {PUBLICATION} for table {_PUBLISHED}".encode())


def subscribe(home: ClusterMember, shard: Connection, slot: str, password: str) -> None:
    """Has a shard receive what home publishes; again: nothing."""
    if shard.execute("select from pg_subscription where subname = %s", [slot]).fetchone() is not None:
        return
    with home.open() as publisher, home.open() as keeper:
        copying.prepare(publisher, keeper, shard)
        found = publisher.execute("select from pg_replication_slots where slot_name = %s", [slot]).fetchone()
        if found is None:
            publisher.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])
        shard.execute(f"truncate {_PUBLISHED}".encode())
        snapshot = copying.again(lambda: copying.moment(publisher, keeper, _PUBLISHED, slot))
        for table in _PUBLISHED.split(", "):  # the version last
            copying.copy_rows(publisher, shard, snapshot, f"table {table}", table)
    place = f"{home.place} user={COPIER} password={password}"
    shard.execute(
        (
            f"create subscription {quote(slot)} connection '{place.replace(chr(39), chr(39) * 2)}'"
            f" publication {PUBLICATION}"
            f" with (create_slot = false, copy_data = false, slot_name = {quote(slot)})"
        ).encode()
    )


def unsubscribe(home: Connection, shard: Connection, slot: str) -> None:
    """Has a shard receive nothing, so that subscribe() begins anew; the slot is taken from whoever has it."""
    if shard.execute("select from pg_subscription where subname = %s", [slot]).fetchone() is not None:
        for end in ("disable", "set (slot_name = none)"):
            shard.execute(f"alter subscription {quote(slot)} {end}".encode())
        shard.execute(f"drop subscription {quote(slot)}".encode())
    query = "select active_pid from pg_replication_slots where slot_name = %s"
    while row := home.execute(query, [slot]).fetchone():
        if row[0] is None:
            home.execute("select pg_drop_replication_slot(%s)", [slot])
        else:
            home.execute("select pg_terminate_backend(%s)", row)
            time.sleep(0.02)


def lag(home: Connection, shard: Connection, slot: str) -> ContentLag:
    """How far a shard is behind."""
    bytes_ = home.execute(_LAG, [slot]).fetchone()
    published = home.execute(_VERSIONS).fetchone() or (None, None)
    received, applied = shard.execute(_VERSIONS).fetchone() or (None, None)
    return ContentLag(None if bytes_ is None else bytes_[0], published[0], received, applied)


def sync(home: Connection, shards: list[tuple[ClusterMember, Connection]], seconds: float = 60) -> int:
    """Publishes what has changed, waits until each shard has it, and applies it. Returns the version.

    Raises DbtoolError where a shard does not get it in time, and, when the others have it, where one cannot
    take it before it has home's release.
    """
    behind: list[tuple[str, psycopg.Error]] = []
    (version,) = home.execute("select learn_shard.publish_content()").fetchone() or (0,)
    for member, shard in shards:
        deadline = time.monotonic() + seconds
        while (shard.execute(_VERSIONS).fetchone() or (None,))[0] != version:
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
    return int(version)
