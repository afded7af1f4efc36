"""How the databases of a cluster are, and whether they agree: on who is where, on names, on one release."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import DbtoolError
from ..live import verify as live
from ..project.layout import Project
from ..sql.execute import denials, pin
from . import content
from .cluster import ClusterMember, home_of, members, proxy_release, reach, release_of

_LEARNERS = """
select u.id::text, uuid_hash(u.id) & %s,
       concat_ws(' ', lower(u.username), lower(u.email), lower(u.evm_address), u.hedera_account_id)
  from learn.users u
"""
_PENDING = "select user_id::text from learn_shard.claims union select user_id::text from learn_shard.forwards"

_OF_EACH = """
select (select count(*) from learn.users),
       (select count(*) from learn_shard.forwards) + (select count(*) from learn_shard.claims)
"""
_BUCKETS = "select shard, count(*) from learn_proxy.buckets group by shard"
_OURS = ("a_shard_", "z_shard_", "a_mover_")
_STEPS = ("increment: 1 became 1024",)


def drift(project: Project, proxy_url: str, server: str | None = None) -> list[str]:
    """Where the databases are not what their migrations build, but for what `dbtool shards` has made there.

    That is built once, on a throwaway server of a kind.
    """
    with reach(proxy_url) as proxy:
        found = members(proxy, proxy_url)
    findings: list[str] = []
    with TemporaryDirectory() as folder:
        for each in found:
            with each.open(autocommit=False) as connection, denials(connection, None):
                pin(connection, local=True)
                _, drifted = live.verify(connection, project, server, Path(folder))
            findings += [f"{each.name}: {one}" for one in drifted if not _is_ours(one, each.is_home)]
    return findings


def _is_ours(one: live.Drifted, is_home: bool) -> bool:
    what = one.difference
    if what.kind == "trigger":
        return what.change == "added" and what.identity.startswith(_OURS)
    return not is_home and what.kind == "sequence" and what.details == _STEPS


def verify(proxy_url: str) -> list[str]:
    """What is wrong, a line each; reads all learners' names. What is under way counts for nothing."""
    with reach(proxy_url) as proxy:
        found = members(proxy, proxy_url)
        buckets: dict[int, int] = dict(
            proxy.execute("select bucket, shard from learn_proxy.buckets").fetchall()
        )
        releases: dict[str, int | None] = {"the proxy": proxy_release(proxy)}
    findings: list[str] = []
    home: dict[str, str] = {}
    there: dict[str, str] = {}
    pending: set[str] = set()
    release = 0
    for each in found:
        with each.open() as connection:
            rows = connection.execute(_LEARNERS, [len(buckets) - 1]).fetchall()
            releases[each.name] = here = release_of(connection)
            if each.is_home:
                release = here
                pending = {user for (user,) in connection.execute(_PENDING).fetchall()}
        for user, bucket, names in rows:
            if each.is_home:
                home[user] = names
            elif buckets[bucket] == each.number:
                there[user] = names
            else:
                findings.append(f"{each.name}: learner {user} belongs on shard {buckets[bucket]}")
    problems = ((name, behind(at, release)) for name, at in releases.items())
    findings += [f"{name}: {problem}" for name, problem in problems if problem]
    for user in sorted((home.keys() | there.keys()) - pending):
        if user not in there:
            findings.append(f"learner {user} is on no shard")
        elif user not in home:
            findings.append(f"learner {user} is not in the directory")
        elif home[user] != there[user]:
            findings.append(f"learner {user} has other names in the directory than on the shard")
    return findings


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
