"""Points go into skills: as many as there are XP, each once, prerequisites first."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, days, raises_lx


@pytest.fixture
def user(learn: Learn) -> UUID:
    """A learner with 1000 XP."""
    user = learn.make_user()
    learn.award_xp(user, 1000)
    return user


def row(learn: Learn, user: UUID, skill: int) -> tuple[Any, ...]:
    """(points, level, highest level, is mastered)."""
    return learn.tuples(
        "select points_allocated, current_level, highest_level, mastered_at is not null"
        " from learn.user_skills where user_id = %s and skill_id = %s",
        [user, skill],
    )[0]


def told(learn: Learn, user: UUID) -> list[tuple[str, str | None]]:
    return [
        (kind, subject)
        for kind, _, subject in learn.facts(user)
        if kind in ("skill_level_reached", "skill_mastered")
    ]


def test_points_make_levels_and_the_last_one_is_mastery(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill(max_level=2, xp_per_level=100)
    learn.allocate_skill_points(user, skill, 99)
    assert row(learn, user, skill) == (99, 0, 0, False)
    learn.allocate_skill_points(user, skill, 1)
    assert row(learn, user, skill) == (100, 1, 1, False)
    assert told(learn, user) == [("skill_level_reached", f"{skill}:1")]
    summary = learn.allocate_skill_points(user, skill, 100)
    assert row(learn, user, skill) == (200, 2, 2, True)
    assert told(learn, user) == [
        ("skill_level_reached", f"{skill}:1"),
        ("skill_level_reached", f"{skill}:2"),
        ("skill_mastered", str(skill)),
    ]
    assert (summary.xp_awarded, summary.total_xp) == (0, 1000)
    assert learn.metric(user, "skills_mastered") == 1
    assert learn.active_days(user) == []


def test_one_allocation_may_pass_several_levels(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill(max_level=5, xp_per_level=100)
    learn.allocate_skill_points(user, skill, 350)
    assert [subject for _, subject in told(learn, user)] == [f"{skill}:{level}" for level in (1, 2, 3)]


@pytest.mark.parametrize("points", [None, 0, -1, 1001, 2**31 - 1])
def test_no_points_or_more_than_there_are_are_refused(learn: Learn, user: UUID, points: int | None) -> None:
    skill = learn.make_skill(max_level=50)
    learn.allocate_skill_points(user, skill, 1)
    with learn.refuses("LX001") as refusal:
        learn.allocate_skill_points(user, skill, points)
    assert "available: 999" in refusal.detail


def test_points_are_used_once_over_all_skills(learn: Learn, user: UUID) -> None:
    one, two = learn.make_skill(max_level=50), learn.make_skill(max_level=50)
    learn.allocate_skill_points(user, one, 600)
    with learn.refuses("LX001") as refusal:
        learn.allocate_skill_points(user, two, 401)
    assert "available: 400" in refusal.detail
    learn.allocate_skill_points(user, two, 400)
    learn.award_xp(user, 1)
    learn.allocate_skill_points(user, two, 1)


def test_more_points_than_fit_are_refused_saying_how_many_fit(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill(max_level=2, xp_per_level=100)
    learn.allocate_skill_points(user, skill, 150)
    with learn.refuses("LX001") as refusal:
        learn.allocate_skill_points(user, skill, 51)
    assert "room for: 50" in refusal.detail
    learn.allocate_skill_points(user, skill, 50)


def test_reversed_xp_leaves_points_where_they_are_and_gives_no_more(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill(max_level=50)
    learn.allocate_skill_points(user, skill, 900)
    learn.reverse_xp(user, learn.transactions(user)[0])
    with learn.refuses("LX001") as refusal:
        learn.allocate_skill_points(user, skill, 1)
    assert "available: 0" in refusal.detail
    assert learn.skill_tree(user)[next(iter(learn.skill_tree(user)))]["available_points"] == 0
    learn.run("update learn.user_skills set points_allocated = 100")
    assert row(learn, user, skill) == (100, 1, 9, False)


def test_prerequisites_at_level_0_are_named(learn: Learn, user: UUID) -> None:
    basics, nets = learn.make_skill("basics"), learn.make_skill("nets")
    skill = learn.make_skill(needs=[basics, nets])
    with learn.refuses("LX006") as refusal:
        learn.allocate_skill_points(user, skill, 1)
    assert refusal.detail.endswith("missing: basics, nets")
    learn.allocate_skill_points(user, basics, 99)
    learn.allocate_skill_points(user, nets, 100)
    with learn.refuses("LX006") as refusal:
        learn.allocate_skill_points(user, skill, 1)
    assert refusal.detail.endswith("missing: basics")
    learn.allocate_skill_points(user, basics, 1)
    learn.allocate_skill_points(user, skill, 1)


def test_a_skill_that_is_begun_stays_so_when_it_gets_a_prerequisite(learn: Learn, user: UUID) -> None:
    skill, later = learn.make_skill(), learn.make_skill()
    learn.allocate_skill_points(user, skill, 1)
    learn.run("insert into learn.skill_prerequisites values (%s, %s)", [skill, later])
    learn.allocate_skill_points(user, skill, 1)


@pytest.mark.parametrize("skill", [None, 10**12])
def test_an_unknown_skill_is_refused(learn: Learn, user: UUID, skill: int | None) -> None:
    with learn.refuses("LX003"):
        learn.allocate_skill_points(user, skill, 1)


def test_users_must_be_known_and_active(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill()
    with learn.refuses("LX002"):
        learn.allocate_skill_points(UUID(int=7), skill, 1)
    with learn.refuses("LX002"):
        learn.skill_tree(UUID(int=7))
    learn.run("update learn.users set is_active = false")
    with learn.refuses("LX004"):
        learn.allocate_skill_points(user, skill, 1)


def test_a_retry_changes_nothing_and_another_call_with_its_key_is_refused(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill()
    first = learn.allocate_skill_points(user, skill, 150, key="k")
    assert not first.replayed
    assert learn.allocate_skill_points(user, skill, 150, key="k").replayed
    assert row(learn, user, skill)[0] == 150
    with learn.refuses("LX013"):
        learn.allocate_skill_points(user, skill, 151, key="k")


def test_levels_are_dated_when_the_points_came(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill()
    early = learn.clock() - days(3)
    learn.allocate_skill_points(user, skill, 100, at=early)
    learn.allocate_skill_points(user, skill, 100, at=early + days(1))
    assert learn.tuples(
        "select occurred_at from learn.activity_log where activity_type = 'skill_level_reached' order by id"
    ) == [(early,), (early + days(1),)]
    assert learn.tuples("select unlocked_at, allocated_at from learn.user_skills") == [
        (early, early + days(1))
    ]


def test_rows_that_the_owner_writes_do_the_same(learn: Learn, user: UUID) -> None:
    basics = learn.make_skill(max_level=2)
    skill = learn.make_skill(needs=[basics])
    learn.run(
        "insert into learn.user_skills (user_id, skill_id, points_allocated)"
        " values (%s, %s, 100), (%s, %s, 200)",
        [user, skill, user, basics],
    )
    assert row(learn, user, basics) == (200, 2, 2, True)
    assert row(learn, user, skill) == (100, 1, 1, False)
    learn.run("update learn.user_skills set points_allocated = 300 where skill_id = %s", [skill])
    assert row(learn, user, skill) == (300, 3, 3, False)
    assert len(told(learn, user)) == 6


@pytest.mark.parametrize(
    ("code", "points"),
    [("LX001", 501), ("LX001", 1001), ("23514", -1)],
)
def test_rows_that_the_owner_writes_obey_the_same(learn: Learn, user: UUID, code: str, points: int) -> None:
    skill = learn.make_skill()
    insert = "insert into learn.user_skills (user_id, skill_id, points_allocated) values (%s, %s, %s)"
    with learn.fails(code):
        learn.run(insert, [user, skill, points])
    learn.run(insert, [user, skill, 1])
    with learn.fails(code):
        learn.run("update learn.user_skills set points_allocated = %s", [points])


def test_a_row_that_the_owner_writes_needs_the_prerequisites(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill(needs=[learn.make_skill()])
    with raises_lx("LX006"), learn.connection.transaction():
        learn.run("insert into learn.user_skills (user_id, skill_id) values (%s, %s)", [user, skill])


def test_bulk_is_the_same_as_one_by_one(learn: Learn) -> None:
    skills = [learn.make_skill(max_level=level) for level in (1, 2, 3)]
    users = [learn.make_user() for _ in range(20)]
    for user in users:
        learn.award_xp(user, 1000)
    for user in users[:10]:
        for skill in skills:
            learn.allocate_skill_points(user, skill, 100)
    learn.run(
        "insert into learn.user_skills (user_id, skill_id, points_allocated)"
        " select u, s, 100 from unnest(%s::uuid[]) u, unnest(%s::bigint[]) s order by s, u desc",
        [users[10:], skills],
    )
    for user in users:
        assert sorted(told(learn, user)) == sorted(told(learn, users[0]))
        assert [row(learn, user, skill) for skill in skills] == [
            (100, 1, 1, skill == skills[0]) for skill in skills
        ]
    with learn.refuses("LX001"):
        learn.run("update learn.user_skills set points_allocated = 101")


def test_points_that_are_taken_back_lower_the_level_and_tell_nothing_twice(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill(max_level=2)
    learn.allocate_skill_points(user, skill, 200)
    before = told(learn, user)
    learn.run("update learn.user_skills set points_allocated = 0")
    assert row(learn, user, skill) == (0, 0, 2, True)
    assert learn.skill_tree(user)[next(iter(learn.skill_tree(user)))]["available_points"] == 1000
    learn.allocate_skill_points(user, skill, 200)
    assert row(learn, user, skill) == (200, 2, 2, True)
    assert told(learn, user) == before


def test_users_skills_go_only_with_the_user_or_the_skill(learn: Learn, user: UUID) -> None:
    skill, other = learn.make_skill(), learn.make_skill()
    for each in (skill, other):
        learn.allocate_skill_points(user, each, 1)
    with learn.refuses("LX009"):
        learn.run("delete from learn.user_skills")
    learn.run("delete from learn.skills where id = %s", [skill])
    assert learn.value("select count(*) from learn.user_skills") == 1
    learn.run("delete from learn.users where id = %s", [user])
    assert learn.value("select count(*) from learn.user_skills") == 0


def test_levels_follow_when_a_skill_takes_other_points(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill(max_level=2, xp_per_level=100)
    learn.allocate_skill_points(user, skill, 200)
    learn.run("update learn.skills set xp_per_level = 150")
    assert row(learn, user, skill) == (200, 1, 2, True)
    learn.run("update learn.skills set xp_per_level = 50, max_level = 3")
    assert row(learn, user, skill) == (200, 3, 3, True)
    learn.run("update learn.skills set max_level = 1")
    assert row(learn, user, skill) == (200, 1, 3, True)
    assert [subject for _, subject in told(learn, user)] == [
        f"{skill}:1",
        f"{skill}:2",
        str(skill),
        f"{skill}:3",
    ]


def test_a_lower_maximum_masters_what_is_full_by_then(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill(max_level=5)
    learn.allocate_skill_points(user, skill, 250)
    learn.run("update learn.skills set max_level = 2")
    assert row(learn, user, skill) == (250, 2, 2, True)
    assert learn.metric(user, "skills_mastered") == 1


def test_cycles_of_prerequisites_and_of_parents_are_refused(learn: Learn) -> None:
    one = learn.make_skill("one")
    two = learn.make_skill("two", parent=one, needs=[one])
    three = learn.make_skill("three", parent=two, needs=[two])
    with learn.refuses("LX012"):
        learn.run("insert into learn.skill_prerequisites values (%s, %s)", [one, three])
    with learn.refuses("LX012") as refusal:
        learn.run("update learn.skills set parent_skill_id = %s where id = %s", [three, one])
    assert refusal.detail.count("→") == 3
    with learn.fails("23514"):
        learn.run("update learn.skills set parent_skill_id = id where id = %s", [one])
    with learn.fails("23514"):
        learn.run("insert into learn.skill_prerequisites values (%s, %s)", [one, one])
    learn.run("delete from learn.skills where id = %s", [one])
    assert learn.value("select parent_skill_id from learn.skills where id = %s", [two]) is None


def test_the_tree_shows_levels_points_and_what_is_missing(learn: Learn, user: UUID) -> None:
    basics = learn.make_skill("basics", category="a")
    learn.make_skill("deep", parent=basics, needs=[basics], category="b")
    learn.allocate_skill_points(user, basics, 50)
    tree = learn.skill_tree(user)
    assert list(tree) == ["basics", "deep"]
    picked = (
        "current_level",
        "points_allocated",
        "available_points",
        "points_that_fit",
        "is_unlocked",
        "is_unlockable",
        "missing_prerequisites",
        "parent",
    )
    assert [tree["basics"][name] for name in picked] == [0, 50, 950, 450, True, False, [], None]
    assert [tree["deep"][name] for name in picked] == [0, 0, 950, 500, False, False, ["basics"], "basics"]
    learn.allocate_skill_points(user, basics, 50)
    assert learn.skill_tree(user)["deep"]["is_unlockable"] is True


DAMAGE = {
    "skill_levels_follow_from_points": "update learn.user_skills set current_level = 0",
    "full_skills_are_mastered": "update learn.user_skills set mastered_at = null",
}


@pytest.mark.parametrize("check", DAMAGE)
def test_damage_is_found_and_mended(learn: Learn, user: UUID, check: str) -> None:
    skill = learn.make_skill(max_level=2)
    learn.allocate_skill_points(user, skill, 200)
    before = learn.tuples("select * from learn.user_skills")
    learn.run("set local session_replication_role = replica")
    learn.run(DAMAGE[check])
    learn.run("set local session_replication_role = origin")
    assert {damage.check_name for damage in learn.check_integrity()} == {check}
    learn.rebuild_user(user)
    assert learn.tuples("select * from learn.user_skills") == before


@pytest.mark.no_integrity
def test_mastery_without_its_fact_is_found(learn: Learn, user: UUID) -> None:
    learn.allocate_skill_points(user, learn.make_skill(max_level=1), 100)
    learn.run("set local session_replication_role = replica")
    learn.run("delete from learn.activity_log where activity_type = 'skill_mastered'")
    assert "mastered_skills_are_facts" in {damage.check_name for damage in learn.check_integrity()}


@pytest.mark.parametrize("kind", ["skill_level_reached", "skill_mastered"])
def test_levels_of_skills_are_told_by_laurel_alone(learn: Learn, user: UUID, kind: str) -> None:
    with learn.refuses("LX010"):
        learn.record_activity(user, kind, "skill", "1")


def test_learn_app_calls_and_reads_and_does_not_write(learn: Learn, user: UUID) -> None:
    skill = learn.make_skill()
    with learn.role("learn_app"):
        learn.allocate_skill_points(user, skill, 100)
        assert learn.value("select current_level from learn.user_skills") == 1
        for statement in (
            "update learn.user_skills set current_level = 5",
            "insert into learn.skills (slug, name) values ('x', 'x')",
        ):
            with learn.fails("42501"):
                learn.run(statement)
    with learn.role("learn_readonly"):
        assert len(learn.skill_tree(user)) == 1
        with learn.fails("42501"):
            learn.allocate_skill_points(user, skill, 1)
