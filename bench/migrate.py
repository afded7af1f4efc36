"""What `dbtool migrate` costs, beside other ways of running the same files.

Builds Laurel from nothing in new databases of one server, in turn:

- psql: `psql -f schema.sql -f migrations/migration1.sql …`, as the README has it; and the same with `-1`,
  as one transaction
- dbtool: `dbtool migrate`
- yoyo: plain `yoyo apply`, the files renamed so that it finds their order
- sqitch: `sqitch deploy`, where Sqitch is installed (Debian: sqitch libdbd-pg-perl)

then each of those that keep a history a second time, with nothing to do, and `dbtool --help`. The first
server flushes its commits, as `dbtool up` starts it; the second, the throwaway one, does not, so that the
server's share is as small as it gets and the client's weighs the most. `$DBTOOL_TEST_SERVER` names one to be
used instead of both. Prints medians in seconds, of wall time and of the client's CPU, and the ratios to psql.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from database import HERE, open_server

from toolkit.connection import parse_url
from toolkit.project.layout import Project
from toolkit.servers.binaries import find_psql
from toolkit.servers.throwaway import ThrowawayServer, existing

ROUNDS = 9


@dataclass(frozen=True)
class Way:
    """A command that builds the database; run again, it has nothing to do unless it keeps no history."""

    words: Sequence[str]
    folder: Path
    keeps_history: bool = True


@dataclass(frozen=True)
class Took:
    """Seconds of one run."""

    wall: float
    cpu: float


def ways(project: Project, folder: Path) -> dict[str, Way]:
    """The ways that there are on this machine."""
    files = [str(script.path) for script in project.scripts()]
    psql = find_psql()
    dbtool = [sys.executable, "-m", "toolkit", "--project", str(project.root)]
    found = {"dbtool": Way([*dbtool, "migrate"], folder), "yoyo": _yoyo(project, folder / "yoyo")}
    if psql:
        words = [psql, "-q", "-v", "ON_ERROR_STOP=1", *(word for file in files for word in ("-f", file))]
        found["psql"] = Way(words, folder, keeps_history=False)
        found["psql -1"] = Way([*words, "-1"], folder, keeps_history=False)
    if shutil.which("sqitch"):
        found["sqitch"] = _sqitch(project, folder / "sqitch")
    return found


def _yoyo(project: Project, folder: Path) -> Way:
    folder.mkdir()
    for script in project.scripts():
        (folder / f"{script.number:04}.sql").write_text(script.text, encoding="utf-8")
    yoyo = Path(sys.executable).parent / "yoyo"
    return Way(
        [str(yoyo), "apply", "--batch", "--no-config-file", "--database", "$YOYO", str(folder)], folder
    )


def _sqitch(project: Project, folder: Path) -> Way:
    (folder / "deploy").mkdir(parents=True)
    (folder / "sqitch.conf").write_text("[core]\n\tengine = pg\n", encoding="utf-8")
    lines = ["%syntax-version=1.0.0", "%project=laurel", ""]
    for script in project.scripts():
        text = f"begin;\n{script.text}\ncommit;\n"
        (folder / "deploy" / f"{script.id}.sql").write_text(text, encoding="utf-8")
        lines.append(f"{script.id} 2026-01-01T00:00:00Z Bench <bench@example.org> # {script.id}")
    (folder / "sqitch.plan").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Way(["sqitch", "deploy", "$SQITCH"], folder)


def environment(url: str) -> dict[str, str]:
    """What leads each program to the database."""
    given = {name: str(value) for name, value in parse_url(url).items()}
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    settings = {names[name]: value for name, value in given.items() if name in names}
    person = {"SQITCH_FULLNAME": "Bench", "SQITCH_EMAIL": "bench@example.org"}
    query = "&".join(
        f"{name}={value}" for name, value in given.items() if name in ("host", "port", "password")
    )
    yoyo = f"postgresql+psycopg://{given.get('user', '')}@/{given['dbname']}?{query}"
    tools = {"DATABASE_URL": url, "YOYO": yoyo, "SQITCH": f"db:pg:{given['dbname']}"}
    python = {"PYTHONPATH": str(HERE.parent)}
    found = {**os.environ, **settings, **person, **tools, **python}
    found.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed dbtool is compiled, as yoyo is here
    return found


def run(words: Sequence[str], folder: Path, env: Mapping[str, str]) -> Took:
    """Runs a program to its end, which must be good."""
    filled = [env[word[1:]] if word.startswith("$") else word for word in words]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(filled, cwd=folder, env=env, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stderr or done.stdout}")
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(server: ThrowawayServer, found: dict[str, Way], rounds: int) -> dict[str, dict[str, list[Took]]]:
    """Every way in turn, `rounds` times: what it takes from nothing, and with nothing to do."""
    took: dict[str, dict[str, list[Took]]] = {"build": {}, "no-op": {}}
    for _ in range(rounds):
        for name, way in list(found.items()):
            server.create_database("bench")
            env = environment(server.url("bench"))
            try:
                took["build"].setdefault(name, []).append(run(way.words, way.folder, env))
                if way.keeps_history:
                    took["no-op"].setdefault(name, []).append(run(way.words, way.folder, env))
            except RuntimeError as error:
                print(f"{name} cannot do it: {str(error).strip().splitlines()[-1]}", file=sys.stderr)
                del found[name]
            finally:
                server.drop_database("bench")
        help_ = [sys.executable, "-m", "toolkit", "--help"]
        took["no-op"].setdefault("dbtool --help", []).append(run(help_, HERE, environment(server.url())))
    return took


def main() -> int:
    """Measures, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(description="Measure dbtool migrate against named alternatives.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it runs")
    options = parser.parse_args()
    project = Project.find(HERE)
    results = {}
    kind = os.environ.get("DBTOOL_TEST_SERVER")
    for durable in [False] if kind else [True, False]:
        with (
            open_server(durable=durable) as (url, description),
            existing(url) as server,
            tempfile.TemporaryDirectory() as folder,
        ):
            found = ways(project, Path(folder))
            if "sqitch" not in found:
                print("sqitch is not installed: it is NOT measured", file=sys.stderr)
            results[description] = medians(measure(server, found, 2 if options.quick else ROUNDS))
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    for description, seconds in results.items():
        show(f"{len(project.scripts())} files, {description}", seconds)
    return 0


def medians(took: dict[str, dict[str, list[Took]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Median seconds by part and way."""
    return {
        part: {
            name: {
                "wall": statistics.median(each.wall for each in runs),
                "cpu": statistics.median(each.cpu for each in runs),
            }
            for name, runs in by_name.items()
        }
        for part, by_name in took.items()
    }


def show(title: str, seconds: dict[str, dict[str, dict[str, float]]]) -> None:
    """Two tables in Markdown."""
    psql = seconds["build"].get("psql", {}).get("wall")
    print(f"{title}\n\n| from nothing | s | client's CPU, s | x psql |\n|---|---|---|---|")
    for name, took in sorted(seconds["build"].items(), key=lambda item: item[1]["wall"]):
        ratio = f"{took['wall'] / psql:.2f}" if psql else "no psql"
        print(f"| {name} | {took['wall']:.2f} | {took['cpu']:.2f} | {ratio} |")
    print("\n| nothing to do | s | client's CPU, s |\n|---|---|---|")
    for name, took in sorted(seconds["no-op"].items(), key=lambda item: item[1]["wall"]):
        print(f"| {name} | {took['wall']:.2f} | {took['cpu']:.2f} |")
    print()


if __name__ == "__main__":
    sys.exit(main())
