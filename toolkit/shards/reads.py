"""Schema learn_reads of the proxy: what reads one learner, by the shard's standby where it has one."""

from __future__ import annotations

from collections.abc import Iterator

from ..sql.execute import Connection
from ..sql.statements import quote
from .functions import ROLES, names_of, read

SCHEMA = "learn_reads"
_VIEWS = "select name, columns from learn_shard.public_types() where is_view"


def statements(home: Connection) -> Iterator[str]:
    """What makes the schema anew."""
    roles = ", ".join(ROLES)
    yield f"drop schema if exists {SCHEMA} cascade"
    yield f"create schema {SCHEMA} authorization learn_owner"
    yield (
        f"comment on schema {SCHEMA} is"
        " 'What reads one learner, answered by the standby of the learner''s shard where it has one.'"
    )
    yield f"grant usage on schema {SCHEMA} to {roles}"
    for each in read(home):
        if each.kind == "routed" and each.volatility != "volatile":
            to = ", ".join(role for role in each.roles if role in ROLES)
            target = f"target learn.{quote(each.name)};"
            yield from _made(each.name, each.arguments, each.identity, each.result, target, to)
    for name, columns in home.execute(_VIEWS).fetchall():
        select = f"select {names_of(columns)} from learn.{quote(name)} where user_id = p_user_id;"  # noqa: S608
        yield from _made(name, "p_user_id uuid", "p_user_id uuid", f"table ({columns})", select, roles)
    yield from _made(
        "written_to",
        "p_user_id uuid",
        "p_user_id uuid",
        "pg_lsn",
        "select pg_current_wal_insert_lsn();",
        roles,
        cluster="laurel_shards",
    )
    waiting = "p_user_id uuid, p_lsn pg_lsn, p_timeout interval"
    select = "select learn.wait_for_lsn(p_lsn, p_timeout);"
    yield from _made("wait_for", f"{waiting} default '5 seconds'", waiting, "pg_lsn", select, roles)


def _made(
    name: str,
    arguments: str,
    identity: str,
    result: str,
    what: str,
    roles: str,
    cluster: str = "laurel_reads",
) -> Iterator[str]:
    signature = f"{SCHEMA}.{quote(name)}({identity})"
    yield (
        f"create function {SCHEMA}.{quote(name)}({arguments}) returns {result} language plproxy volatile"
        " security definer set search_path = pg_catalog, pg_temp as $laurel$"
        f"cluster '{cluster}'; run on learn_proxy.bucket_of(p_user_id); {what}$laurel$"
    )
    said = "As in learn, from the standby of the learner''s shard."
    if cluster != "laurel_reads":
        said = "How far the learner''s shard has written: for wait_for()."
    yield f"comment on function {signature} is '{said}'"
    if roles:
        yield f"grant execute on function {signature} to {roles}"
