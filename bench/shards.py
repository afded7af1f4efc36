"""Learners on one database and behind a proxy on 1, 2 and 4 shards; and what a learner's day costs.

    python bench/shards.py            both, on PostgreSQL 15 with PL/Proxy and pgbench, not flushed to disk
    python bench/shards.py --quick    a little of everything: to see that it runs

All databases are on one server of this machine, so more shards bring no more cores: what shows is the price
of routing, and whether it stays the same with more of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
from pathlib import Path
from typing import Any

import psycopg
from database import HERE, Connection

from tests.clusters import Cluster, build, discard, make_cluster, programs
from toolkit.live import clients, simulate
from toolkit.output import Reporter
from toolkit.project.layout import Project, read_sql
from toolkit.shards import setup

SHARDS = (1, 2, 4)
LESSONS, BUCKETS = 2000, 64
SETTINGS = {
    "max_connections": "200",
    "max_wal_size": "1GB",
    "max_replication_slots": "60",
    "autovacuum": "on",
}
SCRIPTS = {
    "write": "select xp_awarded from learn.complete_lesson("
    "(select id from public.bench_users where n = :u), (select id from public.bench_lessons where n = :l));",
    "read": "select learn.unread_count((select id from public.bench_users where n = :u));",
}


def make(cluster: Cluster, learners: int) -> list[str]:
    """Databases: plain, and a proxy for each number of shards. All have the same learners and lessons."""
    project = Project.find(HERE)
    with cluster.connect("postgres") as connection:
        connection.execute("create database plain")
        build(cluster.url("plain"))
        with cluster.connect("plain") as plain:
            plain.execute(
                "insert into learn.lessons (slug, title) select 'bench-' || g, 'Lesson ' || g"
                " from generate_series(1, %s) g",
                [LESSONS],
            )
        homes = [f"home{number}" for number in SHARDS]
        shards = {number: [f"shard{number}_{each}" for each in range(number)] for number in SHARDS}
        for name in (*homes, *(each for several in shards.values() for each in several)):
            connection.execute(f"create database {name} template plain".encode())
        for number in SHARDS:
            connection.execute(f"create database proxy{number}".encode())
    for number in SHARDS:
        urls = [cluster.url(name) for name in shards[number]]
        setup.init(
            project, cluster.url(f"proxy{number}"), cluster.url(f"home{number}"), urls, BUCKETS, Reporter()
        )
    names = ["plain", *(f"proxy{number}" for number in SHARDS)]
    with cluster.connect("plain") as plain:
        lessons = plain.execute("select id from learn.lessons where slug like 'bench-%'").fetchall()
    for name in names:
        with cluster.connect(name) as connection:
            users = [
                connection.execute("select learn.register_user(%s)", [f"bench-{number}"]).fetchone()
                for number in range(learners)
            ]
            fill(connection, "bench_users", "uuid", [row[0] for row in users if row])
            fill(connection, "bench_lessons", "bigint", [row[0] for row in lessons])
    with cluster.connect("postgres") as connection:
        connection.execute("vacuum analyze")
    return names


def fill(connection: Connection, table: str, kind: str, values: list[Any]) -> None:
    """A numbered list that pgbench draws from."""
    connection.execute(f"create table public.{table} (n integer primary key, id {kind})".encode())
    with connection.cursor().copy(f"copy public.{table} from stdin".encode()) as copy:
        for number, value in enumerate(values, 1):
            copy.write_row((number, value))


def run(cluster: Cluster, name: str, kind: str, number: int, seconds: int, learners: int) -> float:
    """Calls a second of so many clients."""
    script = f"\\set u random(1, {learners})\n\\set l random(1, {LESSONS})\n{SCRIPTS[kind]}\n"
    words = ("-n", "-M", "prepared", "-c", str(number), "-j", "2", "-T", str(seconds), "-f", "-")
    done = cluster.run("pgbench", *words, cluster.url(name), stdin=script)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def compare(cluster: Cluster, rounds: int, seconds: int, learners: int) -> dict[str, Any]:
    """Calls a second by database, kind and clients: medians of rounds in which the databases take turns."""
    names = make(cluster, learners)
    taken: dict[tuple[str, str, int], list[float]] = {}
    for turn in range(rounds + 1):
        for kind in SCRIPTS:
            for number in (1, 8):
                for name in names:
                    speed = run(cluster, name, kind, number, seconds if turn else 1, learners)
                    if turn:  # the first is to warm up
                        taken.setdefault((name, kind, number), []).append(speed)
    return {" ".join(map(str, key)): round(statistics.median(values)) for key, values in taken.items()}


def cpu_seconds(postmaster: int) -> float:
    """What a server's processes have used, those that have ended included."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended in this moment
        if int(folder.name) == postmaster:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def size_up(cluster: Cluster, learners: int, days: int, seconds: float) -> dict[str, Any]:
    """Storage of a simulated history, and what live calls cost on top of it."""
    project = Project.find(HERE)
    with cluster.connect("postgres") as connection:
        connection.execute("create database sized")
    build(cluster.url("sized"))
    count = "select sum(pg_total_relation_size(relid)) from pg_stat_user_tables where schemaname ~ '^learn'"
    with cluster.connect("sized") as connection:
        connection.execute(
            "insert into learn.lessons (slug, title) select 'bench-' || g, 'Lesson ' || g"
            " from generate_series(1, 500) g"
        )

        def look(query: str) -> float:
            connection.execute("select pg_stat_force_next_flush()")
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            return float(row[0])

        empty, wal = look(count), "select wal_bytes from pg_stat_wal"
        simulate.write_history(connection, project, simulate.MadeUp(learners, days))
        connection.execute("reset role")
        connection.execute("select learn.refresh_leaderboard(), learn.refresh_analytics()")
        connection.execute("vacuum analyze")
        active = look("select count(*) from learn.user_activity_days where not is_freeze")
        facts = look("select count(*) from learn.activity_log")
        bytes_ = look(count) - empty
        acts = clients.read_acts(read_sql(HERE.parent / "simulate" / "live.sql"))
        ids = simulate.learner_ids(connection, 1)
        connection.execute("checkpoint")
        wal_before, facts_before, cpu_before = look(wal), facts, cpu_seconds(cluster.pid())
        live = clients.run(clients.Load(cluster.url("sized"), acts, ids, 2, seconds, seed=2)).as_json()
        cpu = cpu_seconds(cluster.pid()) - cpu_before
        facts_after = look("select count(*) from learn.activity_log")
        return {
            "learners": learners,
            "days": days,
            "active days of a learner": round(active / learners, 2),
            "facts an active day": round(facts / active, 2),
            "bytes an active day": round(bytes_ / active),
            "bytes a fact": round(bytes_ / facts),
            "live calls": live["calls"],
            "facts a call": round((facts_after - facts_before) / live["calls"], 2),
            "WAL bytes a fact": round((look(wal) - wal_before) / (facts_after - facts_before)),
            "CPU ms a fact": round(1e3 * cpu / (facts_after - facts_before), 3),
        }


def print_table(result: dict[str, Any]) -> None:
    """All of it as Markdown."""
    speeds = result["speeds"]
    names = ["plain", *(f"proxy{number}" for number in SHARDS)]
    print("| calls a second | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for kind in SCRIPTS:
        for number in (1, 8):
            plain = speeds[f"plain {kind} {number}"]
            cells = [f"{speeds[f'{name} {kind} {number}']:,}" for name in names]
            ratios = [f" ({speeds[f'{name} {kind} {number}'] / plain:.2f})" for name in names]
            shown = " | ".join(cell + ratio for cell, ratio in zip(cells, ratios, strict=True))
            print(f"| {kind}, {number} clients | {shown} |")
    print()
    for name, value in result["sizes"].items():
        print(f"- {name}: {value:,}")


def main() -> int:
    """Measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(description="Measure shards, and what a learner's day costs.")
    parser.add_argument("--json", metavar="FILE", help="write JSON to this file, too")
    parser.add_argument("--quick", action="store_true", help="a little of everything")
    options = parser.parse_args()
    rounds, seconds, learners, simulated, days = (1, 1, 40, 60, 5) if options.quick else (3, 3, 400, 1000, 60)
    cluster = make_cluster(programs(15), SETTINGS)
    try:
        cluster.start()
        result = {
            "version": psycopg.connect(cluster.url("postgres")).execute("show server_version").fetchone(),
            "cores": os.cpu_count(),
            "speeds": compare(cluster, rounds, seconds, learners),
            "sizes": size_up(cluster, simulated, days, 3 if options.quick else 20),
        }
    finally:
        discard(cluster)
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=2), encoding="utf-8")
    print_table(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
