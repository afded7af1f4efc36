"""The public functions of the proxy, generated from home's catalog: a new one needs nothing here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..catalog.objects import literal
from ..errors import DbtoolError
from ..sql.execute import Connection
from ..sql.statements import quote

ROLES = ("learn_app", "learn_readonly")
"""Who may call something on the proxy: whoever may on a shard, of these. Row-level security is a shard's."""
_FUNCTIONS = "select * from learn_shard.public_functions()"
_TYPES = "select * from learn_shard.public_types()"
_COLUMNS = """
select p.proname::text, coalesce(
         (select array_agg(quote_ident(u.name) order by place)
            from unnest(p.proargnames, p.proargmodes) with ordinality u(name, mode, place) where mode = 't'),
         (select array_agg(quote_ident(a.attname) order by a.attnum)
            from pg_type t join pg_attribute a on a.attrelid = t.typrelid
           where t.oid = p.prorettype and a.attnum > 0 and not a.attisdropped))
  from pg_proc p
 where p.pronamespace = 'learn'::regnamespace
"""
_REPORTS = "select * from learn_shard.public_reports()"
_SHARDS = "cluster 'laurel_shards';"
_ON_BUCKET, _ON_LEARNERS = "run on p_bucket;", "run on learn_proxy.bucket_of(p_user_id);"
_HOME = "cluster 'laurel_home'; run on 0;"
ELSEWHERE = {
    "lock_users": "Learners are not locked together: each call is a transaction of its own.",
    "wait_for_lsn": "A position is one of a server: ask the shard's standby itself.",
    "current_learner": "Row-level security is for sessions on a shard; through the proxy backends call.",
}
"""Why what backends may call on one database is refused on the proxy, where an outbox is not the reason."""
_HOME_CALL = (
    "select {columns} from (select p_user_id as caller,"
    " set_config('learn_shard.caller', p_user_id::text, true),"
    " set_config('learn_shard.key', p_idempotency_key, true) offset 0) c"
    " cross join lateral learn.{name}({rest}) s;"
)
_RANKS = {"xp_rank": "learn.user_rank(p_user_id)", "rank_percentile": "learn.rank_percentile(p_user_id)"}
_OUTBOX = "Each database has an outbox of its own: have workers connect to each."
_EDITORS = "Content is edited on home: connect there. `dbtool shards sync` brings it to the shards."
_OWNERS = "Each database behind the proxy has its own: `dbtool shards status` lists them."


@dataclass(frozen=True)
class PublicFunction:
    """A public function, as home has it."""

    name: str
    kind: str | None
    arguments: str
    names: list[str]
    identity: str
    result: str
    returns_set: bool
    volatility: str
    roles: list[str]
    description: str
    columns: list[str] | None = None
    """Of what it returns, where that has columns: a member of the next release may have more of them."""

    @property
    def signature(self) -> str:
        return f"learn.{quote(self.name)}({self.identity})"


def read(home: Connection) -> list[PublicFunction]:
    """Home's public functions. Raises DbtoolError where one is of no kind."""
    columns: dict[str, list[str] | None] = dict(home.execute(_COLUMNS).fetchall())
    rows = home.execute(_FUNCTIONS).fetchall()
    found = [PublicFunction(*row, columns[str(row[0])]) for row in rows]  # type: ignore[call-arg]
    lost = [each.name for each in found if each.kind is None]
    if lost:
        raise DbtoolError(
            f"the proxy does not know how to answer {', '.join(lost)}",
            hint="learn_shard.public_functions() in shards/public_functions.sql says how each is answered.",
        )
    return found


def types(home: Connection) -> Iterator[str]:
    """What makes the types that public functions return."""
    for name, columns, is_view, _, description in home.execute(_TYPES).fetchall():
        if not is_view:
            yield f"create type learn.{quote(name)} as ({columns})"
            yield f"alter type learn.{quote(name)} owner to learn_owner"
            yield f"comment on type learn.{quote(name)} is {literal(description)}"
            yield f"grant usage on type learn.{quote(name)} to {', '.join(ROLES)}"


def statements(home: Connection) -> Iterator[str]:
    """What makes the public functions. Raises DbtoolError where one is of no kind."""
    for function in read(home):
        if function.kind != "own":
            yield from _made(function)
        elif function.name == "record_activities":
            yield _helper(function, "record_on", _ON_BUCKET)
    for name, columns, is_view, roles, description in home.execute(_TYPES).fetchall():
        if is_view:
            yield from _reader(name, columns, roles, description)
    for name, columns, query, roles, description in home.execute(_REPORTS).fetchall():
        yield from _report(name, columns, query, roles, description)


def _report(name: str, columns: str, query: str | None, roles: list[str], description: str) -> Iterator[str]:
    """A view of numbers: those of all shards put together, or of home, where it is of content alone."""
    where = _HOME if query is None else f"{_SHARDS} run on all;"
    to = ", ".join(role for role in roles if role in ROLES)
    helper = f"learn_proxy.all_{name}()"
    select = f"select {names_of(columns)} from learn.{name};"  # noqa: S608
    yield (
        f"create or replace function {helper} returns table ({columns}) language plproxy volatile"
        f" security definer set search_path = pg_catalog, pg_temp as $laurel${where} {select}$laurel$"
    )
    yield f"comment on function {helper} is {literal(f'What learn.{name} is made of.')}"
    yield f"grant execute on function {helper} to {to}"
    yield f"create view learn.{name} as {query or f'select * from {helper}'}"  # noqa: S608
    yield f"alter view learn.{name} owner to learn_owner"
    yield f"comment on view learn.{name} is {literal(description)}"
    yield f"grant select on learn.{name} to {to}"


def _made(each: PublicFunction) -> Iterator[str]:
    passed = ", ".join(each.names)
    if each.kind == "routed":
        yield _function(each, "plproxy", f"{_SHARDS} {_ON_LEARNERS}")
    elif each.kind == "home":
        yield _function(each, "plproxy", _HOME)
    elif each.kind == "anywhere":
        yield _function(each, "plproxy", f"{_SHARDS} run on any;")
    elif each.kind == "sum":
        yield _helper(each, f"all_{each.name}", "run on all;", f"setof {each.result}")
        yield _function(
            each,
            "sql",
            f"select sum(n)::{each.result} from learn_proxy.all_{each.name}({passed}) n;",  # noqa: S608
        )
    elif each.kind == "located":
        yield _helper(each, f"at_{each.name}", _ON_BUCKET)
        found = f"learn_proxy.bucket_with('{each.names[0]}', {each.names[0]})"
        star = "* from " if each.returns_set else ""
        yield _function(each, "sql", f"select {star}learn_proxy.at_{each.name}({found}, {passed});")
    elif each.kind in ("both", "community"):
        yield _helper(each, f"home_{each.name}", None)
        yield _helper(each, f"shard_{each.name}", _ON_LEARNERS)
        yield _function(each, "plpgsql", _two_steps(each, passed))
    else:
        hint = ELSEWHERE.get(each.name) or (
            _EDITORS if "learn_editor" in each.roles else _OUTBOX if "outbox" in each.name else _OWNERS
        )
        body = (
            "begin raise exception 'this is not done through the proxy' using errcode = 'LX010',"
            f" detail = {literal(each.signature)}, hint = {literal(hint)}; end;"
        )
        yield _function(each, "plpgsql", body)
    yield f"comment on function {each.signature} is {literal(each.description)}"
    roles = [role for role in each.roles if role in ROLES]
    if roles:
        yield f"grant execute on function {each.signature} to {', '.join(roles)}"


def _two_steps(each: PublicFunction, passed: str) -> str:
    """Home first, which has the names and the posts; then the shard, which has all that a learner earns."""
    home = f"learn_proxy.home_{each.name}({passed})"
    if each.kind == "both":
        return (
            f"begin perform {home}; perform learn_proxy.drain_learner(p_user_id);"
            f" return learn_proxy.shard_{each.name}({passed}); end;"
        )
    return f"begin return learn_proxy.settle(p_user_id, p_idempotency_key, {home}); end;"


def _function(each: PublicFunction, language: str, body: str) -> str:
    return (
        f"create or replace function learn.{quote(each.name)}({each.arguments}) returns {each.result}"
        f" language {language} volatile security definer set search_path = pg_catalog, pg_temp"
        f" as $laurel${body}$laurel$"
    )


def _helper(each: PublicFunction, name: str, run: str | None, result: str | None = None) -> str:
    """Two statements: a function of learn_proxy that a public one is made of, and its comment.

    `run` says which shards it asks; None: home.
    """
    target = f"target learn.{each.name};"
    if run is None and each.kind == "community":  # which is told whose call it is
        columns = ", ".join(f"s.{column}" for column in each.columns or ["*"])
        rest = ", ".join(["c.caller", *each.names[1:]])
        target = _HOME_CALL.format(columns=columns, name=each.name, rest=rest)
    first = ""
    if run == _ON_BUCKET:  # the shard is not told which bucket that was
        columns = ", ".join(each.columns or ["*"])
        target = f"select {columns} from learn.{each.name}({', '.join(each.names)});"  # noqa: S608
        first = "p_bucket integer, "
    where = _HOME if run is None else f"{_SHARDS} {run}"
    return (
        f"create or replace function learn_proxy.{name}({first}{each.arguments})"
        f" returns {result or each.result} language plproxy volatile set search_path = pg_catalog, pg_temp"
        f" as $laurel${where} {target}$laurel$;"
        f"comment on function learn_proxy.{name}({first}{each.identity})"
        f" is 'What learn.{each.name}() is made of.'"
    )


def _reader(name: str, columns: str, roles: list[str], description: str) -> Iterator[str]:
    """A view of learners' rows, as a function that reads one learner's; ranks are those among all shards."""
    called = f"{quote(name)}(p_user_id uuid)"
    named = names_of(columns).split(", ")
    select = f"select {names_of(columns)} from learn.{quote(name)} where user_id = p_user_id"  # noqa: S608
    is_ranked = any(column in _RANKS for column in named)
    schemas = ["learn_proxy", "learn"] if is_ranked else ["learn"]
    yield (
        f"create or replace function {schemas[0]}.{called} returns table ({columns})"
        " language plproxy volatile security definer set search_path = pg_catalog, pg_temp"
        f" as $laurel${_SHARDS} run on learn_proxy.bucket_of(p_user_id); {select};$laurel$"
    )
    if is_ranked:
        chosen = ", ".join(_RANKS.get(column, f"v.{column}") for column in named)
        yield (
            f"create or replace function learn.{called} returns table ({columns}) language sql volatile"  # noqa: S608
            " security definer set search_path = pg_catalog, pg_temp"
            f" as $laurel$select {chosen} from learn_proxy.{quote(name)}(p_user_id) v$laurel$"
        )
    for schema in schemas:
        comment = literal(f"The rows of one user: {description}")
        yield f"comment on function {schema}.{called} is {comment}"
    yield f"grant execute on function learn.{called} to {', '.join(r for r in roles if r in ROLES)}"


def names_of(columns: str) -> str:
    """The names in a list of columns with their types: a member of the next release may have more columns."""
    return ", ".join(column.split(" ")[0] for column in re.split(r", (?![^(]*\))", columns))
