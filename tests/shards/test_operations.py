"""Running a cluster: migrating and verifying all databases, and what a crash leaves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn, raises_lx
from tests.conftest import ROOT
from tests.shards.conftest import SHARDS, Shards
from toolkit.errors import DbtoolError
from toolkit.output import Reporter
from toolkit.project.layout import Project
from toolkit.shards import check, setup


def test_status_shows_every_database(shards: Shards) -> None:
    rows = check.status(shards.url())
    assert [row["name"] for row in rows] == ["home", "shard1", "shard2", "shard3", "shard4"]
    assert [row["problem"] for row in rows] == [None] * 5
    assert sum(row["buckets"] for row in rows) == 64


def test_content_was_not_copied_by_postgresql(shards: Shards) -> None:
    """Which can lose what commits on home at that moment; see test_move.py."""
    for name in SHARDS:
        with shards.open(name) as shard:
            query = "select count(*), count(srsublsn) from pg_subscription_rel"
            assert shard.run(query).fetchall() == [(2, 0)]


def test_a_registration_that_was_cut_off_leaks_no_name(shards: Shards, proxy: Learn) -> None:
    """Before the shard has the learner the names are free again; after that, the learner is there."""
    with shards.open("proxy") as owner:
        owner.run("set role learn_owner")
        for has_come in (False, True):
            user, name = uuid4(), f"cut off {has_come}"
            claim = (user, name, f"{has_come}@cut.org", "UTC", "en", None)
            owner.run("select learn_proxy.claim_user(%s, %s, %s, %s, %s, %s)", claim)
            if has_come:
                owner.run("select learn_proxy.add_user(%s, %s, %s, %s, %s, %s)", claim)
            with raises_lx("LX001"):
                proxy.register_user(name)  # the claim may still be at work
            shards.drain()
            if has_come:
                assert proxy.award_xp(user, 5).total_xp == 5
                with raises_lx("LX001"):
                    proxy.register_user(name)
            else:
                with raises_lx("LX015"):  # who comes after all is too late
                    owner.run("select learn_proxy.add_user(%s, %s, %s, %s, %s, %s)", claim)
                proxy.register_user(name)
                with raises_lx("LX002"):
                    proxy.award_xp(user, 5)


def test_a_registration_that_meets_a_move_gives_its_name_back_at_once(shards: Shards, proxy: Learn) -> None:
    """Learners of all buckets have left: whoever comes is told to come again, and may."""
    leave = (
        "insert into learn_shard.moves (number, buckets, of_buckets, state)"
        " values (1, array(select generate_series(0, 63)), 64, 'left')"
    )
    guard = "select learn_shard.guard('learn_shard.seats', 'user_id')"
    name = f"meets a move {uuid4()}"
    for word in (leave, "delete from learn_shard.moves"):
        for shard_name in SHARDS:
            with shards.open(shard_name) as shard:
                shard.run(word)
                shard.run(guard)
        if word == leave:
            with raises_lx("LX015"):
                proxy.register_user(name, email="moved@x.org")
    assert proxy.award_xp(proxy.register_user(name, email="moved@x.org"), 5).total_xp == 5


def test_what_shards_keep_of_calls_is_forgotten_in_time(shards: Shards, proxy: Learn) -> None:
    """After 30 days; what home may tell again is kept, and a learner whose seat is gone stays."""
    users = [proxy.register_user(f"forgets {uuid4()}") for _ in range(2)]
    for user in users:
        proxy.post_discussion(user, "A title", "What I said.", key="said")
    first, second = users

    def kept(user: Any) -> list[int]:
        counts = ", ".join(
            f"(select count(*) from learn_shard.{t} where user_id = %s)"
            for t in ("taken", "answers", "seats")
        )
        with shards.open(shards.shard_of(user)) as shard:
            return list(shard.tuples(f"select {counts}", [user] * 3)[0])

    assert kept(first) == kept(second) == [1, 1, 1]
    with shards.open(shards.shard_of(first)) as shard:
        for table, column in (("taken", "taken_at"), ("answers", "made_at"), ("seats", "made_at")):
            old = (
                f"update learn_shard.{table} set {column} = {column} - interval '31 days' where user_id = %s"
            )
            shard.run(old, [first])
        taken = shard.value("select forward_id from learn_shard.taken where user_id = %s", [first])
        shard.run("select learn_shard.purge(now() - interval '30 days', %s)", [taken])
    assert kept(first) == [1, 0, 0]
    shards.drain()
    assert kept(first) == [0, 0, 0]
    assert kept(second) == [1, 1, 1]
    with shards.open(shards.shard_of(first)) as shard:
        assert shard.value("select learn_shard.has_or_refuse(%s)", [first]) is True


def test_an_accepted_solution_pays_its_author_on_another_shard_once(shards: Shards, proxy: Learn) -> None:
    asker, author = proxy.register_user("asker"), proxy.register_user("author")
    while shards.shard_of(author) == shards.shard_of(asker):
        author = proxy.register_user(f"author {uuid4()}")
    asked = proxy.post_discussion(asker, idempotency_key="q")
    again = proxy.post_discussion(asker, idempotency_key="q")
    assert asked.unlocked["discussion_id"] == again.unlocked["discussion_id"]
    assert again.replayed
    reply = proxy.post_reply(author, asked.unlocked["discussion_id"]).unlocked["reply_id"]
    for _ in range(2):
        proxy.accept_solution(asker, reply)
        proxy.unaccept_solution(asker, reply)
    with shards.open(shards.shard_of(author)) as shard:
        facts = "select activity_type, count(*) from learn.activity_log where user_id = %s group by 1"
        found = dict(shard.tuples(facts, [author]))
    assert found["solution_accepted"] == 1
    assert found["reply_posted"] == 1


BESIDE = """
create function learn_proxy.id_beside(p_user_id uuid) returns uuid language sql volatile as $$
  select g.id from (select gen_random_uuid() as id from generate_series(1, 1000)) g
   where uuid_hash(g.id) & 63 = uuid_hash(p_user_id) & 63 limit 1
$$
"""


@pytest.mark.parametrize("step", ["home", "shard"])
def test_what_home_has_to_tell_is_delivered_after_a_crash(shards: Shards, proxy: Learn, step: str) -> None:
    """A proxy that dies after home has committed, or after the shard has: drain ends it, once."""
    user = proxy.register_user(f"left alone {step}")
    with shards.open("proxy") as owner:
        owner.run("set role learn_owner")
        profile = Jsonb({"username": f"Found {step}"})
        owner.run("select learn_proxy.home_update_profile(%s, %s)", [user, profile])
        owner.run("select learn_proxy.home_post_discussion(%s, 'Left', 'alone')", [user])
        if step == "shard":
            owner.run(
                "select learn_proxy.take(p.user_id, p.forwards) from learn_proxy.pending(%s, 100, null) p",
                [user],
            )
    assert shards.drain() == 1
    assert shards.drain() == 0
    with shards.open(shards.shard_of(user)) as shard:
        assert shard.value("select username from learn.users where id = %s", [user]) == f"Found {step}"
        posted = "select count(*) from learn.activity_log where activity_type = 'discussion_posted'"
        assert shard.value(f"{posted} and user_id = %s", [user]) == 1


def together(shards: Shards, proxy: Learn, count: int) -> list[UUID]:
    """So many learners of one shard."""
    users = [proxy.register_user(f"swap {uuid4()}")]
    while len(users) < count:
        user = proxy.register_user(f"swap {uuid4()}")
        if shards.shard_of(user) == shards.shard_of(users[0]):
            users.append(user)
    return users


@pytest.mark.parametrize("by", ["drain", "the first", "the last", "a post"])
@pytest.mark.parametrize("count", [2, 3])
def test_learners_of_one_shard_exchange_names_that_it_has_not_heard_of(
    shards: Shards, proxy: Learn, count: int, by: str
) -> None:
    """Neither could take the other's first: nothing waits for ever, whoever comes first."""
    users = together(shards, proxy, count)
    names = [{"username": f"name {user}", "email": f"{user}@x.org"} for user in users]
    for user, name in zip(users, names, strict=True):
        proxy.update_profile(user, name)
    with shards.open("proxy") as owner:
        owner.connection.execute("set role learn_owner")
        query = "select learn_proxy.home_update_profile(%s, %s)"
        nobody = {"username": f"no name {users[0]}", "email": None}
        owner.connection.execute(query, [users[0], Jsonb(nobody)])
        for user, name in zip([*users[1:], users[0]], names, strict=True):
            owner.connection.execute(query, [user, Jsonb(name)])
    if by == "a post":
        proxy.post_discussion(users[1], "A title", "What I said.")
    elif by != "drain":
        proxy.update_profile(users[0 if by == "the first" else -1], {"bio": "hello"})
    shards.drain()
    assert shards.drain() == 0
    with shards.open(shards.shard_of(users[0])) as shard:
        found = shard.tuples(
            "select username, email from learn.users where id = any (%s) order by array_position(%s, id)",
            [users, users],
        )
    assert found == [tuple(name.values()) for name in [names[-1], *names[:-1]]]
    assert check.verify(shards.url()) == []


def test_a_name_that_was_given_up_is_free_where_the_shard_has_not_heard_of_it(
    shards: Shards, proxy: Learn
) -> None:
    old = proxy.register_user("given up")
    with shards.open("proxy") as owner:
        owner.connection.execute("set role learn_owner")
        new = Jsonb({"username": "taken instead"})
        owner.connection.execute("select learn_proxy.home_update_profile(%s, %s)", [old, new])
        text = owner.value("select pg_get_functiondef('learn.register_user'::regproc)")
    with shards.open("proxy") as owner:  # the next learner is on the same shard
        there = f"learn_proxy.id_beside('{old}')"
        owner.connection.execute(BESIDE.encode())
        owner.connection.execute(text.replace("gen_random_uuid()", there).encode())
        try:
            user = proxy.register_user("given up")
        finally:
            owner.connection.execute(text.encode())
            owner.connection.execute("drop function learn_proxy.id_beside")
    assert shards.shard_of(user) == shards.shard_of(old)
    assert shards.drain() == 0
    assert check.verify(shards.url()) == []


def test_an_erasure_is_finished_and_frees_the_names(shards: Shards, proxy: Learn) -> None:
    user = proxy.register_user("to be erased", email="gone@x.org")
    answers = "select count(*) from learn_shard.answers where user_id = %s"
    proxy.post_discussion(user, "A title", "What I said.", key="said")
    with shards.open(shards.shard_of(user)) as shard:
        assert shard.value(answers, [user]) == 1
    with shards.open("proxy") as owner:
        owner.run("set role learn_owner")
        owner.run("select learn_proxy.home_erase_user(%s, 'keep')", [user])
    proxy.erase_user(user)  # again, as its caller does
    for name in SHARDS:
        with shards.open(name) as shard:
            assert shard.value("select count(*) from learn.users where id = %s", [user]) == 0
            assert shard.value(answers, [user]) == 0
    proxy.register_user("to be erased", email="gone@x.org")


def test_verify_says_who_is_not_where_the_directory_says(shards: Shards, proxy: Learn) -> None:
    assert check.verify(shards.url()) == []
    user = proxy.register_user("renamed by hand")
    rename = "update learn.users set username = %s where id = %s"
    with shards.open(shards.shard_of(user)) as shard:
        shard.run(rename, ["another name", user])
        assert [str(user) in finding for finding in check.verify(shards.url())] == [True]
        shard.run(rename, ["renamed by hand", user])


def test_verify_finds_what_migrations_do_not_build_but_for_what_sharding_adds(shards: Shards) -> None:
    assert check.drift(shards.project, shards.url()) == []
    with shards.open("two") as shard:
        shard.run("alter sequence learn.outbox_id_seq cache 7")
        shard.run("alter table learn.outbox drop constraint key_is_not_blank")
    lines = [each.splitlines()[0] for each in check.drift(shards.project, shards.url())]
    with shards.open("two") as shard:
        shard.run("alter sequence learn.outbox_id_seq cache 1")
        key = r"check (key ~ '\S' and length(key) <= 500)"
        shard.run(f"alter table learn.outbox add constraint key_is_not_blank {key}")
    assert len(lines) == 2
    assert all(line.startswith("shard2: ") for line in lines)
    assert ["outbox_id_seq" in "".join(lines), "key_is_not_blank" in "".join(lines)] == [True, True]
    assert check.drift(shards.project, shards.url()) == []


def test_migrating_goes_through_all_and_stops_at_the_first_failure(shards: Shards, tmp_path: Path) -> None:
    for name in ("migrations", "shards"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("schema.sql", "schema.rollback.sql", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    number = 1 + sum(1 for path in (ROOT / "migrations").glob("*.rollback.sql"))
    new = tmp_path / f"migrations/migration{number}.sql"
    new.write_text("create table learn_internal.tried (id bigint primary key);\n")
    new.with_suffix(".rollback.sql").write_text("drop table learn_internal.tried;\n")
    project = Project.open(tmp_path)
    with shards.open("two") as shard:
        shard.run("create table learn_internal.tried (id text)")
    with pytest.raises(DbtoolError) as caught:
        setup.migrate(project, shards.url(), Reporter())
    assert caught.value.message.startswith("shard2: ")
    there = "select to_regclass('learn_internal.tried') is not null"

    def has_it() -> list[bool]:
        found = []
        for name in ("home", *SHARDS):
            with shards.open(name) as member:
                found.append(bool(member.value(there)))
        return found

    assert has_it() == [True, True, True, False, False]
    with shards.open("proxy", "learn_app") as proxy:  # two releases side by side
        assert proxy.award_xp(proxy.register_user(f"in between {uuid4()}"), 5).total_xp == 5
    with shards.open("two") as shard:
        shard.run("drop table learn_internal.tried")
    assert setup.migrate(project, shards.url(), Reporter()) == [
        "home",
        "shard1",
        "shard2",
        "shard3",
        "shard4",
    ]
    assert has_it() == [True] * 5
