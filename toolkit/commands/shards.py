"""Commands for many databases behind one proxy."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from .. import options
from ..context import Context
from ..errors import CheckFailed, UsageProblem
from ..output import print_table, say


@options.command("shards", *options.SHELL, cls=click.Group)
def shards(_context: Context) -> None:
    """Spread learners over many databases, behind a proxy with the same functions.

    Learners are on shards, content and community on home, PL/Proxy finds whose shard it is: see
    docs/scaling.md. The target of all but init is the proxy.
    """


@options.command("init", *options.TARGET, within=shards)
@click.argument("proxy")
@click.option(
    "--home", "home_url", metavar="URL", required=True, help="Content, community and the directory."
)
@click.option("--shard", "shard_urls", metavar="URL", required=True, multiple=True, help="May be repeated.")
@click.option(
    "--buckets",
    metavar="N",
    type=click.Choice([str(1 << n) for n in range(1, 11)]),
    default="64",
    show_default=True,
    help="Into how many parts learners fall that can be moved: a power of 2, for ever.",
)
def init(context: Context, proxy: str, home_url: str, shard_urls: tuple[str, ...], buckets: str) -> None:
    """Make the database PROXY a proxy before a home and shards, and bring these to today's migrations.

    PROXY is a URL, as the others are, of an empty database whose server has PL/Proxy; connect to all as a
    superuser. Home and the shards are empty, or of Laurel without learners. A database with learners becomes
    the first shard, and a copy of it home. May be repeated: what was cut off goes on.
    """
    from ..shards.setup import init

    made = init(context.project, proxy, home_url, shard_urls, int(buckets), context.reporter())
    context.answer = {"databases": [{"number": each.number, "place": each.place} for each in made]}
    context.tell(f"{len(made) - 1} shards and home are behind the proxy")


@options.command("add", *options.TARGET, within=shards)
@click.argument("url")
def add(context: Context, url: str) -> None:
    """Take the empty database URL in as a shard; learners come to it by split or rebalance."""
    from ..shards.setup import add

    new = add(context.project, context.target.url, url, context.reporter())
    context.answer = {"number": new.number, "name": new.name}
    context.tell(f"{new.name} is behind the proxy, without learners")


@options.command("status", *options.TARGET, within=shards)
def status(context: Context) -> None:
    """Show the databases: learners, buckets, how far content is behind, what is not delivered yet.

    Exit code 6 when a database does not answer, or is at another release than home.
    """
    from ..shards.check import of_proxy, status

    rows, proxy = status(context.target.url), of_proxy(context.target.url)
    context.answer = {"databases": rows, "proxy": proxy}
    if not context.as_json:
        names = ("name", "buckets", "learners", "migration", "lag", "waiting", "problem")
        shown = [
            tuple(_shown(row.get(name)) for name in names) for row in [*rows, {"name": "proxy", **proxy}]
        ]
        print_table(names, shown, [""] * len(names))
    bad = [row["name"] for row in [*rows, {"name": "proxy", **proxy}] if row["problem"]]
    if bad:
        raise CheckFailed(f"not well: {', '.join(bad)}")


@options.command("sync", *options.TARGET, within=shards)
def sync(context: Context) -> None:
    """Bring what was changed in content and rules on home to the shards, and wait until they have it.

    Run it after each change, and every minute or so.
    """
    from ..shards import cluster, content

    with ExitStack() as stack:
        proxy = stack.enter_context(context.connect())
        found = cluster.members(proxy, context.target.url)
        opened = [stack.enter_context(each.open()) for each in found]
        version = content.sync(opened[0], list(zip(found, opened, strict=True))[1:])
    context.answer = {"version": version}
    context.tell(f"all shards have version {version} of the content")


@options.command("migrate", *options.TARGET, within=shards)
def migrate(context: Context) -> None:
    """Apply pending migrations to all databases: home first, then shard by shard, at last the proxy.

    Stops at the first failure and says where; run again, it goes on there. Until it has reached a shard, that
    one works with the release before. Not while learners move.
    """
    from ..shards.setup import migrate

    done = migrate(context.project, context.target.url, context.reporter())
    context.answer = {"databases": done}
    context.tell(f"all {len(done)} databases and the proxy are up to date")


@options.command("verify", *options.TARGET, within=shards)
@options.server("Where to build them")
def verify(context: Context, server: str | None) -> None:
    """Compare the directory with the shards, and each database with what its migrations build.

    Learners, names, who is on which shard, and whose release is not home's; then what `dbtool verify` looks
    at, but for what `dbtool shards` has made there itself. Exit code 6 when something differs that is not
    under way.
    """
    from ..shards import check

    url = context.target.url
    findings = check.verify(url) + check.drift(context.project, url, server)
    context.answer = {"findings": findings}
    for finding in () if context.as_json else findings:
        say(finding)
    if findings:
        raise CheckFailed(f"{len(findings)} finding{'s' * (len(findings) > 1)}")
    context.tell("the directory and the shards agree, and all are what their migrations build")


@options.command("drain", *options.TARGET, within=shards)
@options.number(
    "--older-than",
    "SECONDS",
    click.FloatRange(min=0),
    "Registrations that began so long ago are settled.",
    60.0,
)
def drain(context: Context, older_than: float) -> None:
    """Finish what crashes have left between home and the shards. Run it every minute."""
    from ..sql.execute import value

    with context.connect(autocommit=True) as proxy:
        proxy.execute("set role learn_owner")
        query = "select learn_proxy.drain(make_interval(secs => %s))"
        count = value(proxy, query, [older_than])
    context.answer = {"learners": count}
    context.tell(f"{count} learners were told what home knew")


_also = click.option(
    "--also-proxy",
    "others",
    metavar="URL",
    multiple=True,
    help="Another proxy of the same shards, whose map changes too; may be repeated.",
)
_abort = click.option("--abort", is_flag=True, help="Go back, as long as no learners have arrived.")


@options.command("split", *options.TARGET, within=shards)
@click.argument("shard")
@click.argument("url", metavar="INTO_URL")
@_also
@_abort
def split(context: Context, shard: str, url: str, others: tuple[str, ...], abort: bool) -> None:
    """Move half of SHARD's learners to the empty database INTO_URL, while they learn.

    Nobody waits for more than some seconds. Cut off anywhere, the same command goes on. Content and jobs of
    both shards wait until it has ended.
    """
    from ..shards import moving

    proxy = context.target.url
    if abort:
        _give_up(context, others)
    else:
        _moved(context, moving.split(context.project, proxy, shard, url, others, context.reporter()))


@options.command("rebalance", *options.TARGET, within=shards)
@click.option(
    "--weight",
    "weights",
    metavar="SHARD=NUMBER",
    multiple=True,
    help="How much of all a shard has beside the others, which have 1; 0 empties it. May be repeated.",
)
@_also
@_abort
def rebalance(context: Context, weights: tuple[str, ...], others: tuple[str, ...], abort: bool) -> None:
    """Move learners between shards, while they learn, to even numbers of buckets or as the weights say."""
    from ..shards import moving

    wanted = {}
    for each in weights:
        name, _, number = each.partition("=")
        if not number.replace(".", "", 1).isdigit():
            raise UsageProblem(f"--weight is SHARD=NUMBER, not {each}")
        wanted[name] = float(number)
    if abort:
        _give_up(context, others)
    else:
        _moved(context, moving.rebalance(context.target.url, wanted, others, context.reporter()))


@options.command("failover", *options.TARGET, within=shards)
@click.argument("shard")
@click.argument("url")
@_also
def failover(context: Context, shard: str, url: str, others: tuple[str, ...]) -> None:
    """Send the calls for SHARD to the database URL from now on: its standby, which was promoted.

    Who was cut off calls again with the same idempotency key.
    """
    from ..shards import replicas

    has_move = replicas.failover(context.target.url, shard, url, others)
    context.answer = {"shard": shard, "goes_on": has_move}
    context.tell(f"calls for {shard} go to its new place")
    if has_move:
        context.tell("its learners are being moved: give that command again, or --abort")


@options.command("standby", *options.TARGET, within=shards)
@click.argument("shard")
@click.argument("url", required=False)
@_also
def standby(context: Context, shard: str, url: str | None, others: tuple[str, ...]) -> None:
    """Have the functions of schema learn_reads ask the standby URL of SHARD; without URL, SHARD itself."""
    from ..shards import replicas

    replicas.standby(context.target.url, shard, url, others)
    context.answer = {"shard": shard}
    context.tell(f"reads of {shard} go to {'its standby' if url else 'itself'}")


def _give_up(context: Context, others: tuple[str, ...]) -> None:
    from ..shards import moving

    moving.abort(context.target.url, others)
    context.answer = {"aborted": True}
    context.tell("the learners are where they were")


def _moved(context: Context, pauses: list[float]) -> None:
    context.answer = {"moves": len(pauses), "pauses_seconds": [round(pause, 3) for pause in pauses]}
    context.tell(
        f"{len(pauses)} moves; learners waited for {max(pauses):.2f} s at most"
        if pauses
        else "nothing to move"
    )


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
