"""Moving buckets between the shards of a proxy: `split`, `rebalance`, and going on with what was cut off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import DbtoolError, UsageProblem
from ..output import Reporter
from ..project.layout import Project
from ..sql.execute import Connection, exists, value
from . import content
from .cluster import ClusterMember, change_map, may_move, members, place_of, reach, release_of
from .move import Move
from .setup import add

_UNDER_WAY = (
    "select id, source, target, buckets, step from learn_proxy.moves where step not in ('done', 'given up')"
)


@dataclass(frozen=True)
class UnderWay:
    """A move that was begun and has not ended."""

    id: int
    source: int
    target: int
    buckets: list[int]
    step: str


@contextmanager
def alone(proxy_url: str) -> Iterator[Connection]:
    """The proxy, as the only one who moves learners. Raises DbtoolError when somebody else does."""
    with reach(proxy_url) as proxy:
        if not may_move(proxy):
            raise DbtoolError(
                "another dbtool is moving learners",
                hint="Wait until it has ended, or end it: it is gone on with.",
            )
        yield proxy


def under_way(proxy: Connection) -> UnderWay | None:
    """The move that has not ended, of which there is one at most."""
    row = proxy.execute(_UNDER_WAY).fetchone()
    return None if row is None else UnderWay(*row)


def named(found: Sequence[ClusterMember], name: str) -> ClusterMember:
    """The member with a name or number. Raises UsageProblem."""
    for each in found:
        if name in (each.name, str(each.number)):
            return each
    known = ", ".join(each.name for each in found)
    raise UsageProblem(f"there is no {name} behind the proxy", hint=f"It has {known}.")


def split(
    project: Project, proxy_url: str, name: str, url: str, others: Sequence[str], report: Reporter
) -> list[float]:
    """Half of a shard's buckets go to a new one; goes on where it was cut off. Returns pauses in seconds."""
    with alone(proxy_url) as proxy:
        found = members(proxy, proxy_url)
        source, place = named(found, name), place_of(url)
        current = under_way(proxy)
        target = next((each for each in found if each.place == place), None)
        if current is not None:
            if target is None or (current.source, current.target) != (source.number, target.number):
                raise _other_move(current)
        else:
            if source.is_home:
                raise UsageProblem("home has no learners to split")
            if target is None:
                target = add(project, proxy_url, url, report)
            elif target.number == source.number or _buckets_of(proxy)[target.number]:
                raise UsageProblem(
                    f"{target.name} has learners already", hint="`dbtool shards rebalance` moves some there."
                )
            half = _buckets_of(proxy)[source.number][1::2]
            if not half:
                raise UsageProblem(f"{source.name} has too few buckets to split")
            _begin(proxy, proxy_url, source.number, target.number, half)
        return [_go_on(proxy, proxy_url, others, report)]


def rebalance(
    proxy_url: str, weights: Mapping[str, float], others: Sequence[str], report: Reporter
) -> list[float]:
    """Buckets go to where the weights want them, shard by shard. Returns the pauses, in seconds."""
    pauses = []
    with alone(proxy_url) as proxy:
        shards = [each for each in members(proxy, proxy_url) if not each.is_home]
        of_number = {named(shards, name).number: weight for name, weight in weights.items()}
        if under_way(proxy) is not None:
            pauses.append(_go_on(proxy, proxy_url, others, report))
        wanted = {each.number: of_number.get(each.number, 1.0) for each in shards}
        for source, target, buckets in plan(_buckets_of(proxy), wanted):
            _begin(proxy, proxy_url, source, target, buckets)
            pauses.append(_go_on(proxy, proxy_url, others, report))
    return pauses


def abort(proxy_url: str, others: Sequence[str]) -> None:
    """Gives up what has not ended. Raises DbtoolError when learners have arrived already."""
    with alone(proxy_url) as proxy:
        current = under_way(proxy)
        if current is None:
            raise UsageProblem("no learners are being moved")
        move_of(proxy, proxy_url, current, others, Reporter()).abort(current.step)


def plan(has: Mapping[int, Sequence[int]], weights: Mapping[int, float]) -> list[tuple[int, int, list[int]]]:
    """Which buckets go from where to where, so that shards have what weights say; as few as may be."""
    total, whole = sum(map(len, has.values())), sum(weights.values())
    if whole <= 0 or min(weights.values()) < 0:
        raise UsageProblem("weights are not negative, and not all of them are 0")
    exact = {number: total * weight / whole for number, weight in weights.items()}
    quota = {number: int(share) for number, share in exact.items()}
    by_rest = sorted(exact, key=lambda number: (quota[number] - exact[number], -len(has.get(number, ()))))
    for number in by_rest[: total - sum(quota.values())]:
        quota[number] += 1
    spare = {number: list(has.get(number, ()))[quota[number] :] for number in quota}
    moves = []
    for target in quota:
        missing = quota[target] - len(has.get(target, ()))
        for source in quota:
            taken = spare[source][: max(missing, 0)]
            if taken:
                moves.append((source, target, taken))
                spare[source] = spare[source][len(taken) :]
                missing -= len(taken)
    return moves


def _buckets_of(proxy: Connection) -> dict[int, list[int]]:
    """By shard, those without any included."""
    rows = proxy.execute(
        "select number, array(select bucket from learn_proxy.buckets where shard = number order by 1)"
        " from learn_proxy.shards"
    ).fetchall()
    return dict(rows)


def _other_move(current: UnderWay) -> DbtoolError:
    return DbtoolError(
        f"move {current.id}, of buckets of shard {current.source} to shard {current.target}, has not ended",
        hint="Give the same command again to go on with it, or --abort; after a fail-over, with the new URL.",
    )


def _begin(proxy: Connection, proxy_url: str, source: int, target: int, buckets: list[int]) -> None:
    """Notes the move, when both shards have the same content."""
    found = {each.number: each for each in members(proxy, proxy_url)}
    with found[0].open() as home, found[source].open() as one, found[target].open() as other:
        if len({release_of(each) for each in (home, one, other)}) > 1:
            raise UsageProblem("the shards are at different releases", hint="Run `dbtool shards migrate`.")
        content.sync(home, [(found[source], one), (found[target], other)])
    proxy.execute(
        "insert into learn_proxy.moves (source, target, buckets) values (%s, %s, %s)",
        (source, target, buckets),
    )


def _go_on(proxy: Connection, proxy_url: str, others: Sequence[str], report: Reporter) -> float:
    current = under_way(proxy)
    assert current is not None
    move = move_of(proxy, proxy_url, current, others, report)
    move.run(current.step)
    return move.pause


def move_of(
    proxy: Connection, proxy_url: str, current: UnderWay, others: Sequence[str], report: Reporter
) -> Move:
    found = {each.number: each for each in members(proxy, proxy_url)}
    buckets: int = value(proxy, "select count(*)::integer from learn_proxy.buckets")

    def note(step: str) -> None:
        proxy.execute(
            "update learn_proxy.moves set step = %s, changed_at = clock_timestamp() where id = %s",
            (step, current.id),
        )
        report.notice(f"move {current.id}: {step}")

    def hand_over(forth: bool) -> None:
        update = "update learn_proxy.buckets set shard = %s where bucket = any (%s)"
        shard = current.target if forth else current.source
        change_map((proxy_url, *others), update, (shard, current.buckets))

    def is_handed_over() -> bool:
        query = "select from learn_proxy.buckets where bucket = any (%s) and shard = %s"
        return exists(proxy, query, (current.buckets, current.target))

    source, target = found[current.source], found[current.target]
    urls = (source.url, target.url)
    return Move(current.id, *urls, current.buckets, buckets, hand_over, is_handed_over, note)
