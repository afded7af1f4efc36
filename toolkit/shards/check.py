"""Whether the databases of a cluster agree on who is where, by which names, and are of one release."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from ..live import verify as live
from ..project.layout import Project
from ..sql.execute import denials, pin
from .cluster import members, proxy_release, reach, release_of
from .status import behind

_LEARNERS = """
select u.id::text, uuid_hash(u.id) & %s,
       concat_ws(' ', lower(u.username), lower(u.email), lower(u.evm_address), u.hedera_account_id)
  from learn.users u
"""
_PENDING = "select user_id::text from learn_shard.claims union select user_id::text from learn_shard.forwards"

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
