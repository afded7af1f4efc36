"""One learner's calls through the proxy: on the shard, with the same answers as on one database."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg

from tests.client import Learn, raises_lx
from tests.shards.conftest import SHARDS, Shards

LESSON = "what-is-a-table"


def lesson_id(shards: Shards, slug: str = LESSON) -> int:
    with shards.open("home") as home:
        return int(home.value("select id from learn.lessons where slug = %s", [slug]))


def test_learners_fall_on_all_shards_and_each_is_on_one(shards: Shards, proxy: Learn) -> None:
    users = [proxy.register_user(f"spread-{number}") for number in range(24)]
    found: Counter[str] = Counter()
    for name in SHARDS:
        with shards.open(name) as shard:
            there = [
                id_ for (id_,) in shard.tuples("select id from learn.users where id = any (%s)", [users])
            ]
        assert all(shards.shard_of(user) == name for user in there)
        found[name] = len(there)
    assert sum(found.values()) == 24
    assert all(found.values())


def test_a_call_is_done_once_on_the_learners_shard(shards: Shards, proxy: Learn) -> None:
    user = proxy.register_user("once")
    lesson = lesson_id(shards)
    first = proxy.complete_lesson(user, lesson, score=100, idempotency_key="one")
    again = proxy.complete_lesson(user, lesson, score=100, idempotency_key="one")
    assert (first.xp_awarded, first.replayed) == (70, False)
    assert again.replayed
    assert again.total_xp == first.total_xp
    with shards.open(shards.shard_of(user)) as shard:
        assert (
            shard.value("select total_xp from learn.user_stats where user_id = %s", [user]) == first.total_xp
        )
    with raises_lx("LX013"):
        proxy.complete_lesson(user, lesson, score=99, idempotency_key="one")


def test_refusals_come_with_code_detail_and_hint(proxy: Learn) -> None:
    user = proxy.register_user("refused")
    with raises_lx("LX003"):
        proxy.complete_lesson(user, 999_999)
    with raises_lx("LX002"):
        proxy.complete_lesson("00000000-0000-0000-0000-000000000000", 1)
    with raises_lx("LX010"):
        proxy.lock_users([user])
    with raises_lx("LX003"):
        proxy.revoke_certificate("no such number")


def test_names_are_unique_over_all_shards(shards: Shards, proxy: Learn) -> None:
    """Without regard to case or looks, whatever shards the two would be on."""
    proxy.register_user("Zoë", email="zoe@example.org")
    for number in range(4):
        with raises_lx("LX001"):
            proxy.register_user("zoë")
        with raises_lx("LX001"):
            proxy.register_user(f"other-{number}", email="ZOE@example.org")
    with raises_lx("LX010"), shards.open("one") as shard:
        shard.run("insert into learn.users (username) values ('by hand')")


def test_content_of_home_comes_to_the_shards_and_is_refused_there(shards: Shards, proxy: Learn) -> None:
    user = proxy.register_user("late reader")
    with shards.open("home") as home:
        new = home.value(
            "insert into learn.lessons (slug, title, lesson_type, is_published, xp_reward)"
            " values ('brand-new', 'Brand new', 'reading', true, 30) returning id"
        )
    with raises_lx("LX003"):
        proxy.complete_lesson(user, new)
    shards.sync()
    assert proxy.complete_lesson(user, new).xp_awarded >= 30
    with shards.open("home") as home:
        home.run("update learn.lessons set is_published = false where id = %s", [new])
    shards.sync()
    with raises_lx("LX004"):
        proxy.complete_lesson(user, new)
    for statement in ("update learn.lessons set title = 'X'", "delete from learn.xp_rules"):
        with raises_lx("LX010"), shards.open("one") as shard:
            shard.run(statement)


def content_of(client: Learn) -> dict[str, Any]:
    rows = client.tuples("select name::text from learn_shard.content_tables()")
    return {
        name: client.tuples(
            "select to_jsonb(t) - '{created_at,updated_at,criteria_changed_at}'::text[]"
            f" from {name} t order by 1"
        )
        for (name,) in rows
    }


def test_every_shard_has_the_content_of_home_row_by_row(shards: Shards) -> None:
    with shards.open("home") as home:
        expected = content_of(home)
    assert len(expected) > 25
    assert len(expected["learn.lessons"]) > 5
    for name in SHARDS:
        with shards.open(name) as shard:
            assert content_of(shard) == expected


def test_rows_of_two_shards_never_have_the_same_id(shards: Shards) -> None:
    """Identities of learners' tables count in steps, each shard from its own number."""
    for number, name in enumerate(SHARDS, 1):
        with shards.open(name) as shard:
            rows = shard.tuples(
                "select s.seqrelid::regclass::text, s.seqincrement, nextval(s.seqrelid) %% 1024"
                " from pg_sequence s join pg_class c on c.oid = s.seqrelid"
                " where c.relnamespace = 'learn'::regnamespace and s.seqincrement > 1",
                [],
            )
        assert len(rows) > 15
        assert {(step, rest) for _, step, rest in rows} == {(1024, number)}


KEYS = """
select t.name::text, array_agg(quote_ident(a.attname)),
       (select array_agg(quote_ident(p)) from unnest(t.key) p)
  from learn_shard.content_tables() t
  join pg_index i on i.indrelid = t.name and i.indisunique and not i.indisprimary and i.indexprs is null
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
 where not a.attname = any (t.key)
 group by t.name, t.key, i.indexrelid order by 1, 2
"""
UNIQUE = """
select pg_get_indexdef(i.indexrelid), pg_get_constraintdef(k.oid) from learn_shard.content_tables() t
  join pg_index i on i.indrelid = t.name left join pg_constraint k on k.conindid = i.indexrelid order by 1, 2
"""


def exchange(home: Learn) -> list[str]:
    """Two rows of each table of content have each other's unique values."""
    done = []
    for table, columns, key in home.tuples(KEYS):
        values, keys = ", ".join(columns), ", ".join(key)
        there = " and ".join(f"{column} is not null" for column in columns)
        rows = home.tuples(f"select {keys} from {table} where {there} order by {keys} limit 2")
        if len(rows) < 2:
            continue
        some = f"({keys}) in ({', '.join(['(%s)'] * 2)})"
        swap = (
            f"update {table} t set ({values}) = (select {values} from {table} o where {some} and o <> t)"
            f" where {some}"
        )
        try:
            with home.connection.transaction():
                made = home.value("select learn_shard.drop_keys()")
                home.run(swap, [row[0] for row in rows] * 2)
                for statement in made:
                    home.run(statement)
        except psycopg.DatabaseError as error:
            if error.sqlstate != "LX001":  # a curve has an order
                raise
        else:
            done.append(table)
    return done


def test_unique_values_of_content_change_hands(shards: Shards) -> None:
    """In circles, along chains, and from rows that are gone."""
    slugs = "select id, slug from learn.lessons where slug ~ '^chain-' order by id"
    with shards.open("home") as home:
        for _ in range(2):  # there, and back again
            assert {"learn.achievements", "learn.lessons", "learn.tracks"} <= set(exchange(home))
            shards.sync()
            test_every_shard_has_the_content_of_home_row_by_row(shards)
        expected = home.tuples(UNIQUE)
        insert = (
            "insert into learn.lessons (slug, title, lesson_type) select 'chain-' || n, 'Chain', 'reading'"
            " from unnest(%s::text[]) n"
        )
        home.run(insert, [["a", "b", "c", "d"]])
        shards.sync()
        home.run("delete from learn.lessons where slug = 'chain-a'")
        for old, new in (("b", "a"), ("c", "b"), ("d", "c")):
            rename = "update learn.lessons set slug = 'chain-' || %s::text where slug = 'chain-' || %s::text"
            home.run(rename, [new, old])
        home.run(insert, [["d"]])
        chain = home.tuples(slugs)
        shards.sync()
        test_every_shard_has_the_content_of_home_row_by_row(shards)
        home.run("delete from learn.lessons where slug ~ '^chain-'")
    for name in SHARDS:
        with shards.open(name) as shard:
            assert shard.tuples(slugs) == chain
            assert shard.tuples(UNIQUE) == expected
    shards.sync()
