"""Two accounts on two shards become one: as on one database, and finished after a crash at any step."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from tests.client import Learn, raises_lx
from tests.shards.conftest import SHARDS, Shards
from tests.shards.test_calls import lesson_id
from toolkit.shards import check

STEPS = ("home", "pack", "take", "forget")


def two_apart(shards: Shards, proxy: Learn) -> tuple[UUID, UUID]:
    """Learners of two shards who have learned something."""
    first, second = (proxy.register_user(f"half {uuid4()}") for _ in range(2))
    while shards.shard_of(first) == shards.shard_of(second):
        second = proxy.register_user(f"half {uuid4()}")
    proxy.complete_lesson(first, lesson_id(shards), score=90, idempotency_key="lesson")
    proxy.award_xp(first, 500, source_id="prize", idempotency_key="prize")
    proxy.complete_lesson(second, lesson_id(shards), score=100, idempotency_key="other lesson")
    return first, second


def cut_off(shards: Shards, gone: UUID, stays: UUID, step: str) -> None:
    """What the proxy does of a merge, until a crash after this step."""
    with shards.open("proxy") as owner:
        owner.run("set role learn_owner")
        owner.run("select learn_proxy.home_merge_users(%s, %s)", [gone, stays])
        if step == "home":
            return
        pending = "from learn_proxy.pending(%s, 9, null) p"
        owner.run(f"select learn_proxy.bring(p.forwards) {pending}", [stays])
        if step in ("take", "forget"):
            take = f"select learn_proxy.take(%s, learn_proxy.bring(p.forwards)) {pending}"
            owner.run(take, [stays, stays])
        if step == "forget":
            owner.run("select learn_proxy.forget_learner(%s, %s)", [gone, stays])


@pytest.mark.parametrize(
    ("step", "by"), [("none", "call"), *((step, by) for step in STEPS for by in ("call", "drain"))]
)
def test_accounts_of_two_shards_become_one(shards: Shards, proxy: Learn, step: str, by: str) -> None:
    gone, stays = two_apart(shards, proxy)
    proxy.post_discussion(gone, "A title", "What I said.", key="said")
    if step != "none":
        cut_off(shards, gone, stays, step)
    if by == "call":
        summary = proxy.merge_users(gone, stays)
        assert summary.replayed == (step != "none")
    else:
        assert shards.drain() == 1
    assert shards.drain() == 0
    assert proxy.award_xp(stays, 500, source_id="prize", idempotency_key="prize").replayed
    assert proxy.complete_lesson(stays, lesson_id(shards), score=90, idempotency_key="lesson").replayed
    assert proxy.post_discussion(stays, "A title", "What I said.", key="said").replayed
    with raises_lx("LX002"):
        proxy.award_xp(gone, 5)
    for name in SHARDS:
        with shards.open(name) as shard:
            assert shard.value("select count(*) from learn_shard.departed") == 0
            assert shard.value("select count(*) from learn.users where id = %s", [gone]) == 0
    notes = proxy.tuples("select action from learn.audit_trail(%s)", [gone])
    assert notes == [("award_xp",), ("merge_users",)]


def test_what_comes_is_older_or_newer_content(shards: Shards, proxy: Learn) -> None:
    """Rows wait for content that is not there yet, and those of content that is gone go."""
    gone, stays = two_apart(shards, proxy)
    with shards.open("home") as home:
        lesson = home.value(
            "insert into learn.lessons (slug, title, lesson_type, is_published, xp_reward)"
            " values ('short-lived', 'Short-lived', 'reading', true, 30) returning id"
        )
        shards.sync()
        proxy.complete_lesson(gone, lesson)
        cut_off(shards, gone, stays, "pack")
        home.run("delete from learn.lessons where id = %s", [lesson])
    later = "update learn_shard.departed set packed = packed || jsonb_build_object('version', %s)"
    with shards.open(shards.shard_of(gone)) as shard:
        version = shard.value("select (packed -> 'version')::bigint from learn_shard.departed")
        shard.run(later, [version + 1000])
        assert shards.drain() == 0
        shard.run(later, [version])
    shards.sync()
    assert shards.drain() == 1
    with shards.open(shards.shard_of(stays)) as shard:
        lessons = shard.tuples("select lesson_id from learn.user_lesson_progress where user_id = %s", [stays])
        assert lessons == [(lesson_id(shards),)]


def test_an_account_is_merged_before_or_after_a_period_is_closed(shards: Shards, proxy: Learn) -> None:
    day = date.today() - timedelta(days=20)

    def pair() -> tuple[UUID, UUID]:
        accounts = two_apart(shards, proxy)
        for user in accounts:
            proxy.award_xp(user, 40, source_id=str(user), occurred_at=f"{day} 12:00+00")
        return accounts

    def standing(user: UUID) -> list[int]:
        with shards.open(shards.shard_of(user)) as shard:
            query = "select value from learn.period_standings where user_id = %s"
            return [value for (value,) in shard.tuples(query, [user])]

    gone, stays = pair()
    cut_off(shards, gone, stays, "pack")
    with raises_lx("LX015"):
        proxy.close_period("day", on=day)  # others have frozen their parts
    assert shards.drain() == 1
    proxy.close_period("day", on=day)
    assert standing(stays) == [80]
    day -= timedelta(days=1)
    gone, stays = pair()
    with shards.open("proxy") as owner:
        owner.run("set role learn_owner")
        owner.tuples("select * from learn_proxy.freeze_period('xp', 'day', %s)", [day])
    with raises_lx("LX015"):
        proxy.merge_users(gone, stays)
    proxy.close_period("day", on=day)
    assert proxy.merge_users(gone, stays).replayed
    assert standing(stays) == [40]


def test_names_of_an_account_that_is_on_its_way_may_have_gone_to_somebody_else(
    shards: Shards, proxy: Learn
) -> None:
    gone, stays = two_apart(shards, proxy)
    proxy.update_profile(gone, {"email": "on-the-way@x.org"})
    proxy.update_profile(stays, {"email": "stays@x.org"})
    cut_off(shards, gone, stays, "pack")
    while (new := proxy.register_user(f"new {uuid4()}")) and shards.shard_of(new) != shards.shard_of(stays):
        pass
    proxy.update_profile(new, {"email": "on-the-way@x.org"})
    assert shards.drain() == 1
    assert check.verify(shards.url()) == []


@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize("stays", [0, 1])
def test_what_came_first_was_first_whatever_the_ids_of_two_shards(
    shards: Shards, proxy: Learn, is_right: bool, stays: int
) -> None:
    """Whose ids are the larger ones begins; whether the first try was right is told by facts."""
    users = two_apart(shards, proxy)
    with shards.open("home") as home:
        exercise = home.value("select min(id) from learn.exercises where is_published")
    with shards.open(shards.shard_of(users[0])) as shard:
        shard.value(
            "select setval('learn.activity_log_id_seq', 1024 * 1024 * 100"
            " + pg_sequence_last_value('learn.activity_log_id_seq'))"
        )
    proxy.submit_query(users[0], exercise, is_right)
    proxy.submit_query(users[1], exercise, not is_right)
    proxy.merge_users(users[1 - stays], users[stays])
    with shards.open(shards.shard_of(users[stays])) as shard:
        found = shard.tuples(
            "select is_first_try, submissions from learn.user_exercise_progress"
            " where user_id = %s and exercise_id = %s",
            [users[stays], exercise],
        )
        assert found == [(is_right, 2)]
        notices = (
            "select count(*), count(f.id) from learn.notifications n"
            " left join learn.activity_log f on f.user_id = n.user_id and f.id = n.fact_id"
            " where n.user_id = %s and n.fact_id is not null"
        )
        ((count, told),) = shard.tuples(notices, [users[stays]])
        assert count == told > 0


@pytest.mark.parametrize("stays", [0, 1])
def test_a_solution_of_ones_own_pays_nothing_any_more(shards: Shards, proxy: Learn, stays: int) -> None:
    """Posts are on home, and what they have paid on the shards."""
    totals = []
    rule = "insert into learn.xp_rules (activity_type, amount) values ('solution_accepted', 25)"
    for name in ("home", "plain"):
        with shards.open(name) as database:
            database.connection.execute(f"{rule} on conflict do nothing".encode())
    shards.sync()
    with shards.open("plain", "learn_app") as plain:
        for learn in (plain, proxy):
            pair = [learn.register_user(f"own {uuid4()}") for _ in range(2)]
            asked = learn.post_discussion(pair[0]).unlocked["discussion_id"]
            reply = learn.post_reply(pair[1], asked).unlocked["reply_id"]
            learn.accept_solution(pair[0], reply)
            before = learn.award_xp(pair[1], 1).total_xp
            totals.append((before, learn.merge_users(pair[1 - stays], pair[stays]).total_xp))
    assert totals == [(26, 1)] * 2
    for name in SHARDS:
        with shards.open(name) as shard:
            assert shard.value("select count(*) from learn.discussions") == 0
