"""Two releases side by side: the next one, made up (releases.sql), comes to one database after another."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests import clusters
from tests.client import Learn, raises_lx
from tests.conftest import ROOT
from tests.shards.conftest import MAJOR, SETTINGS, Shards, require_plproxy
from toolkit.errors import DbtoolError, UsageProblem
from toolkit.history import migrations
from toolkit.output import Reporter
from toolkit.project.layout import Project
from toolkit.shards import check, moving, setup
from toolkit.shards.cluster import release_of

MEMBERS = ("home", "one", "two")
RENAMED = {
    "boards.sql": {"board_rank(": "rank_on_board("},
    "taking.sql": {
        "else f.kind not in ('erase', 'merge')": "else f.kind not in ('erase', 'merge', 'gift')",
        "elsif f.kind = 'erase' then": "elsif f.kind = 'gift' then"
        " perform learn.award_xp(p_user_id, 7, 'gift'); elsif f.kind = 'erase' then",
        "v_new.show_on_leaderboard\n": "v_new.show_on_leaderboard, pronouns = v_new.pronouns\n",
    },
    "forwards.sql": {
        "reset role;": "alter table learn_shard.forwards drop constraint if exists kind_is_known;"
        " reset role;",
    },
}


class Stopped(Exception):  # noqa: N818
    """dbtool is interrupted."""


class Stopping(Reporter):
    """Interrupts before a member is migrated."""

    def __init__(self, before: str) -> None:
        super().__init__()
        self._before = before

    def notice(self, text: str) -> None:
        if text == f"{self._before}: migrating":
            raise Stopped


@pytest.fixture(scope="module")
def shards() -> Iterator[Shards]:
    """Home and two shards of today's release, without content."""
    binaries = clusters.programs(MAJOR)
    require_plproxy(binaries)
    made = clusters.make_cluster(binaries, SETTINGS)
    try:
        made.start()
        with made.connect("postgres") as connection:
            for name in ("home", "proxy"):
                connection.execute(f"create database {name}".encode())
            migrations.migrate(lambda: psycopg.connect(made.url("home")), Project.find(ROOT))
            for name in ("one", "two"):
                connection.execute(f"create database {name} template home".encode())
        urls = [made.url(name) for name in MEMBERS]
        setup.init(Project.find(ROOT), made.url("proxy"), urls[0], urls[1:], 4, Reporter())
        yield Shards(made)
    finally:
        clusters.discard(made)


def next_release(folder: Path) -> Project:
    """A copy of the project with one migration more."""
    for name in ("migrations", "shards"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("schema.sql", "schema.rollback.sql", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    number = 1 + sum(1 for path in (ROOT / "migrations").glob("*.rollback.sql"))
    new = folder / f"migrations/migration{number}.sql"
    shutil.copy(Path(__file__).with_name("releases.sql"), new)
    new.with_suffix(".rollback.sql").write_text("select 1;\n")
    for name, changes in RENAMED.items():
        path = folder / "shards" / name
        text = path.read_text(encoding="utf-8")
        for old, other in changes.items():
            assert old in text, old
            text = text.replace(old, other)
        path.write_text(text, encoding="utf-8")
    return Project.open(folder)


class Town:
    """Learners of both shards, what they do at each stage, and what they must have.

    Stages: 1 all are of today's release; 2 home has the next one, 3 the first shard, 4 both, 5 the proxy.
    """

    def __init__(self, shards: Shards) -> None:
        self.shards, self.stage = shards, 1
        with shards.open("home") as home:
            self.lessons = [home.make_lesson(0, xp_reward=10).id for _ in range(8)]
            home.run(
                "insert into learn.metrics (key, aggregate, is_board)"
                " select k, 'stat', true from unnest('{xp,current_streak,longest_streak}'::text[]) k"
            )
            self.number = release_of(home.connection)
            self.views = [row[0] for row in functions_of(home, "public_reports")]
            self.readers = [row[0] for row in functions_of(home, "public_types") if row[2]]
        shards.sync()
        with self.proxy() as proxy:
            self.users = self.on_each(proxy, "learner")
            self.waiting = self.on_each(proxy, "waits")
        self.merging: list[UUID] = []
        self.xp = dict.fromkeys([*self.users, *self.waiting], 0)
        for user in self.xp:
            self.xp[user] = self.total(user)

    def proxy(self) -> contextlib.AbstractContextManager[Learn]:
        return self.shards.open("proxy", "learn_app")

    def on_each(self, proxy: Learn, name: str) -> list[UUID]:
        """A new learner of each shard."""
        found: dict[str, UUID] = {}
        number = 0
        while len(found) < 2:
            user = proxy.register_user(f"{name} {self.stage} {number}")
            found.setdefault(self.shards.shard_of(user), user)
            number += 1
        return [found["one"], found["two"]]

    def total(self, user: UUID) -> int:
        with self.shards.open(self.shards.shard_of(user)) as shard:
            return int(shard.value("select total_xp from learn.user_stats where user_id = %s", [user]))

    def live(self) -> None:
        """A day of all kinds of calls, each answered as on one database; XP is what was answered."""
        self.stage += 1
        with self.proxy() as proxy:
            for user in self.users:
                self.learn(proxy, user)
            self.talk(proxy)
            self.read(proxy)
            self.come_and_go(proxy)
        for user in self.users:
            assert self.total(user) == self.xp[user]

    def paid(self, user: UUID, answer: Any) -> None:
        self.xp[user] += answer.xp_awarded
        assert answer.total_xp == self.xp[user]

    def learn(self, proxy: Learn, user: UUID) -> None:
        key = f"stage {self.stage}"
        lesson = self.lessons[self.stage]
        self.paid(user, proxy.complete_lesson(user, lesson, idempotency_key=key))
        again = proxy.complete_lesson(user, lesson, idempotency_key=key)
        assert (again.replayed, again.total_xp) == (True, self.xp[user])
        self.paid(user, proxy.award_xp(user, 5, source_id=key))
        name = f"named {self.stage} {user}"
        proxy.update_profile(user, {"username": name})
        for place in ("home", self.shards.shard_of(user)):
            with self.shards.open(place) as member:
                assert member.value("select username from learn.users where id = %s", [user]) == name

    def talk(self, proxy: Learn) -> None:
        asker, author = self.users
        asked = proxy.post_discussion(asker, idempotency_key=f"ask {self.stage}")
        self.paid(asker, asked)
        reply = proxy.post_reply(author, asked.unlocked["discussion_id"])
        self.paid(author, reply)
        before = self.total(author)
        proxy.accept_solution(asker, reply.unlocked["reply_id"])
        proxy.vote(asker, reply_id=reply.unlocked["reply_id"])
        self.shards.drain()
        with self.shards.open("two") as shard:
            solved = "activity_type = 'solution_accepted'"
            query = f"select count(*) from learn.activity_log where user_id = %s and {solved}"
            assert shard.value(query, [author]) == self.stage - 1
        self.xp[author] += self.total(author) - before
        self.xp[asker] = self.total(asker)
        batch = [
            {"user_id": str(user), "activity_type": "lesson_started", "subject_id": f"{self.stage}",
             "subject_type": "book", "idempotency_key": f"b {self.stage}"}
            for user in self.users
        ]  # fmt: skip
        rows = proxy.tuples("select user_id, total_xp from learn.record_activities(%s)", [Jsonb(batch)])
        assert rows == [(user, self.xp[user]) for user in self.users]

    def read(self, proxy: Learn) -> None:
        """Every reader and report of the proxy, and boards."""
        for name in self.readers:
            for user in self.users:
                for schema in ("learn", "learn_reads"):
                    proxy.tuples(f"select * from {schema}.{name}(%s)", [user])
        for name in self.views:
            proxy.tuples(f"select * from learn.{name}")
        dashboards = [proxy.rows("select * from learn.user_dashboard(%s)", [user])[0] for user in self.users]
        ranks = sorted(self.xp.values(), reverse=True)
        for user, row in zip(self.users, dashboards, strict=True):
            assert proxy.user_rank(user) == 1 + ranks.index(self.xp[user])
            assert proxy.value("select learn_reads.unread_count(%s)", [user]) == proxy.unread_count(user)
            assert {"discussions", "activity_log"} <= proxy.export_user(user)["learn"].keys()
            assert row
        page = proxy.tuples("select user_id, value from learn.leaderboard(p_limit => 100)")
        assert {(user, self.xp[user]) for user in self.users} <= set(page)
        around = proxy.tuples(
            "select user_id from learn.leaderboard_around(%s, 'all_time', 'xp', 500)", [self.users[0]]
        )
        assert len(around) == len(page)
        assert proxy.rank_percentile(self.users[0]) is not None

    def come_and_go(self, proxy: Learn) -> None:
        """Registration, a merge over shards each way, erasure; a transaction by its number."""
        first, second = self.on_each(proxy, "comes"), self.on_each(proxy, "goes")
        for into, source in zip(first, reversed(second), strict=True):
            proxy.award_xp(source, 3)
            if self.stage == 3 and into == first[1]:  # rows of a new shard are not for an old one
                with self.shards.open("one") as shard:
                    shard.insert("user_moods", "mood", user_id=source, mood="glad")
                with raises_lx("LX015") as said:
                    proxy.merge_users(source, into)
                assert "shards migrate" in said.hint
                self.merging.append(into)
                self.xp[into] = 3
                continue
            proxy.merge_users(source, into)
            assert self.total(into) == 3
            proxy.erase_user(into)

    def write(self) -> None:
        """Content is edited on home, with what its release knows, and brought to whoever can take it."""
        with self.shards.open("home") as home:
            home.run("update learn.lessons set title = %s", [f"title {self.stage}"])
            if self.stage == 2:
                home.run("update learn.lessons set mood = 'wild'")
            if self.stage == 3:
                home.run(
                    "insert into learn.achievements (slug, name, criteria, xp_reward)"
                    " values ('monk', 'Monk', %s, 50)",
                    [Jsonb({"metric": "meditations", "at_least": 2, "note": "of the next release"})],
                )
        if self.stage != 3:
            self.shards.sync()
        else:
            with pytest.raises(DbtoolError, match="shard2 cannot take the content") as caught:
                self.shards.sync()
            assert "LX011" in str(caught.value.detail)
            assert "shards migrate" in str(caught.value.hint)
        title = "select min(title) || max(title) from learn.lessons"
        for name, stage in (("one", self.stage), ("two", 2 if self.stage == 3 else self.stage)):
            with self.shards.open(name) as shard:
                assert shard.value(title) == f"title {stage}" * 2

    def meditate(self) -> None:
        """An activity that is new in the next release, and what it earns."""
        call = "select * from learn.record_activity(%s, 'meditated', 'room', %s)"
        with self.proxy() as proxy:
            for place, user in enumerate(self.users[: self.stage - 1]):
                (answer,) = proxy.rows(call, [user, f"room {self.stage}"])
                monk = self.stage == 3 + place  # it has come to the shard, and this is the second time
                assert answer.new_achievements == ["monk"] * monk
                self.paid(user, answer)
                assert proxy.user_rank(user, metric="meditations") == 1 + place
            board = proxy.tuples("select user_id from learn.leaderboard(p_metric => 'meditations')")
            assert board == [(user,) for user in self.users[: self.stage - 1]]

    def wait(self) -> None:
        """Home tells what a shard of the release before does not know: it waits, and is not lost."""
        with self.shards.open("home") as home:
            if self.stage == 2:
                for user in self.waiting:
                    tell = (
                        "insert into learn_shard.forwards (user_id, kind, payload) values (%s, 'gift', '{}')"
                    )
                    home.run(tell, [user])
                    home.run("update learn.users set pronouns = 'we' where id = %s", [user])
        self.shards.drain()
        with self.proxy() as proxy:
            for user, until in zip(self.waiting, (3, 4), strict=True):
                if self.stage < until:
                    with raises_lx("LX015") as said:
                        proxy.post_discussion(user, idempotency_key="while it waits")
                    assert "shards migrate" in said.hint
                    assert self.total(user) == self.xp[user]
                    continue
                answer = proxy.post_discussion(user, idempotency_key="while it waits")
                with self.shards.open(self.shards.shard_of(user)) as shard:
                    assert shard.value("select pronouns from learn.users where id = %s", [user]) == "we"
                    gifts = "select sum(amount) from learn.xp_transactions where source_type = 'gift'"
                    assert shard.value(f"{gifts} and user_id = %s", [user]) == 7
                assert answer.replayed == (self.stage > 2)
                assert self.total(user) == self.xp[user] + 7

    def told(self) -> None:
        """Which database is at which release."""
        new = self.number + 1
        found = [new if self.stage > place else self.number for place in (1, 2, 3, 4)]
        rows = check.status(self.shards.url())  # home, shard1, shard2
        proxy = check.of_proxy(self.shards.url())
        assert [*(row["migration"] for row in rows), proxy["migration"]] == found
        late = [
            name
            for name, at in zip(("home", "shard1", "shard2", "the proxy"), found, strict=True)
            if at != found[0]
        ]
        assert [row["name"] for row in rows if row["problem"]] == [
            name for name in late if name != "the proxy"
        ]
        said = [line for line in check.verify(self.shards.url()) if "migration" in line]
        assert sorted(line.split(":")[0] for line in said) == sorted(late)
        assert all("shards migrate" in line for line in said)


def functions_of(home: Learn, name: str) -> list[Any]:
    return home.tuples(f"select * from learn_shard.{name}()")


def test_neighbouring_releases_work_side_by_side(shards: Shards, tmp_path: Path) -> None:
    town, project = Town(shards), next_release(tmp_path)
    town.told()
    town.write()
    # a member has a release as a whole, or not at all
    last = project.root / "shards/merge.sql"
    text = last.read_text(encoding="utf-8")
    last.write_text(f"{text}select 1 / 0;\n", encoding="utf-8")
    with pytest.raises(DbtoolError, match=r"home: .*division by zero"):
        setup.migrate(project, shards.url(), Reporter())
    last.write_text(text, encoding="utf-8")
    town.told()
    with shards.open("proxy") as owner:
        begin = "insert into learn_proxy.moves (source, target, buckets) values (1, 2, '{0}')"
        owner.run(begin)
        with pytest.raises(UsageProblem, match="learners are being moved"):
            setup.migrate(project, shards.url(), Reporter())
        owner.run("delete from learn_proxy.moves")

    for before in ("shard1", "shard2", "the proxy"):
        with pytest.raises(Stopped), interrupted(before) as report:
            setup.migrate(project, shards.url(), report)
        for name in {"shard1": "", "shard2": "one", "the proxy": "one two"}[before].split():
            with shards.open(name) as shard:  # what home's editors had written there before
                assert shard.value("select min(mood) || max(mood) from learn.lessons") == "wildwild"
        town.live()
        if before == "shard2":
            with pytest.raises(UsageProblem, match="different releases"):
                moving.rebalance(shards.url(), {"shard1": 0}, (), Reporter())
            with pytest.raises(UsageProblem, match="another release"):
                setup.add(Project.find(ROOT), shards.url(), shards.url("postgres"), Reporter())
        if before == "shard1":
            with town.proxy() as proxy, raises_lx("LX001"):  # content that has not come
                proxy.run("select learn.record_activity(%s, 'meditated')", [town.users[0]])
        town.write()
        town.meditate()
        town.wait()
        town.told()
        with town.proxy() as proxy, pytest.raises(psycopg.errors.UndefinedFunction):
            proxy.run("select learn.lesson_mood(%s, 1)", [town.users[0]])

    assert setup.migrate(project, shards.url(), Reporter()) == ["home", "shard1", "shard2"]
    town.live()
    town.write()
    town.meditate()
    town.wait()
    town.told()
    with town.proxy() as proxy:
        for user in town.users:
            assert proxy.lesson_mood(user, town.lessons[0]) == "wild"
            call = "select * from learn.complete_lesson(%s, %s, p_mood => 'glad')"
            (answer,) = proxy.rows(call, [user, town.lessons[7]])
            assert answer.added == "new"
            assert answer.xp_awarded == 11
            assert proxy.rows("select * from learn.user_dashboard(%s)", [user])[0].added == "new"
    shards.drain()
    assert len(town.merging) == 1
    for user in town.merging:
        assert town.total(user) == town.xp[user]
    assert check.verify(shards.url()) == []
    for name in MEMBERS:
        with shards.open(name) as member:
            assert member.check_integrity() == []
            assert member.value("select count(*) from learn_shard.forwards") == 0


@contextlib.contextmanager
def interrupted(before: str) -> Iterator[Reporter]:
    """A run of migrate ends before a member or the proxy."""
    with contextlib.ExitStack() as stack:
        if before == "the proxy":
            stack.enter_context(mock.patch.object(setup, "write_functions", side_effect=Stopped))
        yield Stopping(before)
