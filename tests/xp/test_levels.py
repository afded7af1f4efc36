"""Levels: the curve, its boundaries, announcements, and what a change of the curve does."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.client import Learn, days


def announced(learn: Learn, user: UUID) -> list[int]:
    return [int(subject or 0) for _, _, subject in learn.facts(user, "level_reached")]


@pytest.mark.parametrize(
    ("xp", "level"),
    [
        (-5, 1),
        (0, 1),
        (99, 1),
        (100, 2),
        (299, 2),
        (300, 3),
        (599, 3),
        (600, 4),
        (494_999, 99),
        (495_000, 100),
        (10**15, 100),
    ],
)
def test_a_level_starts_at_its_threshold(learn: Learn, xp: int, level: int) -> None:
    assert learn.calculate_level_from_xp(xp) == level


def test_level_l_takes_100_times_l_times_l_minus_1_halves(learn: Learn) -> None:
    for level in range(1, 101):
        threshold = 100 * level * (level - 1) // 2
        assert learn.xp_for_level(level) == threshold
        assert learn.calculate_level_from_xp(threshold) == level
        assert learn.calculate_level_from_xp(threshold - 1) == max(1, level - 1)


@pytest.mark.parametrize("level", [0, -1, 101, None])
def test_there_is_no_level_outside_the_curve(learn: Learn, level: int | None) -> None:
    with learn.refuses("LX001"):
        learn.xp_for_level(level)


def test_a_new_user_is_on_level_1(learn: Learn, user: UUID) -> None:
    assert (learn.stats(user).current_level, learn.stats(user).highest_level) == (1, 1)
    assert announced(learn, user) == []


def test_reaching_a_threshold_levels_up_and_is_a_fact(learn: Learn, user: UUID) -> None:
    assert learn.award_xp(user, 99).leveled_up is False
    summary = learn.award_xp(user, 1)
    assert (summary.current_level, summary.leveled_up) == (2, True)
    assert announced(learn, user) == [2]


def test_several_levels_at_once_are_announced_each(learn: Learn, user: UUID) -> None:
    summary = learn.award_xp(user, 1000)
    assert (summary.current_level, summary.leveled_up) == (5, True)
    assert announced(learn, user) == [2, 3, 4, 5]


def test_the_highest_level_is_the_last(learn: Learn, user: UUID) -> None:
    assert learn.award_xp(user, 1_000_000).current_level == 100
    assert learn.award_xp(user, 1_000_000).leveled_up is False
    assert announced(learn, user) == list(range(2, 101))
    assert learn.dashboard(user)["xp_to_next_level"] is None


def test_a_reversal_lowers_the_level_and_nothing_is_announced_twice(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 300)
    (paid,) = learn.transactions(user)
    summary = learn.reverse_xp(user, paid)
    assert (summary.current_level, summary.leveled_up) == (1, False)
    assert learn.stats(user).highest_level == 3
    summary = learn.award_xp(user, 600)
    assert (summary.current_level, summary.leveled_up) == (4, True)
    assert announced(learn, user) == [2, 3, 4]


def test_a_rule_may_pay_for_reaching_a_level(learn: Learn) -> None:
    learn.run("insert into learn.xp_rules (activity_type, amount) values ('level_reached', 200)")
    user = learn.make_user()
    learn.award_xp(user, 100)  # level 2: +200, level 3: +200, 500 XP
    assert learn.stats(user).total_xp == 500
    assert announced(learn, user) == [2, 3]


def test_a_changed_curve_moves_everybody_at_once_and_announces_nothing(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 150)
    learn.run("update learn.level_thresholds set min_xp = min_xp / 10 where level > 1")
    assert learn.stats(user).current_level == learn.calculate_level_from_xp(150) == 6
    assert learn.check_integrity() == []
    assert announced(learn, user) == [2]
    learn.award_xp(user, 60)  # 210: level 7
    assert announced(learn, user) == [2, 3, 4, 5, 6, 7]


def test_levels_of_an_easier_curve_are_announced_with_the_next_xp_however_little(learn: Learn) -> None:
    user = learn.make_user()
    learn.award_xp(user, 150)
    learn.run("update learn.level_thresholds set min_xp = min_xp / 10 where level > 1")
    learn.award_xp(user, 1)  # 151: still level 6
    assert announced(learn, user) == [2, 3, 4, 5, 6]


def test_a_harder_curve_takes_no_badge_and_repeats_no_announcement(learn: Learn) -> None:
    slug = learn.make_achievement({"metric": "level_reached", "at_least": 3})
    user = learn.make_user()
    learn.award_xp(user, 300)
    learn.run("update learn.level_thresholds set min_xp = min_xp * 10 where level > 1")
    assert learn.stats(user).current_level == 1
    assert slug in learn.badges(user)
    learn.award_xp(user, 3000)
    assert announced(learn, user) == [2, 3]


def test_levels_may_be_added_and_removed_at_the_end(learn: Learn, user: UUID) -> None:
    learn.run("insert into learn.level_thresholds values (101, 600000)")
    learn.award_xp(user, 700_000)
    assert learn.stats(user).current_level == 101
    learn.run("delete from learn.level_thresholds where level > 50")
    assert learn.stats(user).current_level == 50


@pytest.mark.parametrize(
    "change",
    [
        "delete from learn.level_thresholds where level = 5",
        "delete from learn.level_thresholds where level = 1",
        "delete from learn.level_thresholds",
        "update learn.level_thresholds set min_xp = 10 where level = 1",
        "update learn.level_thresholds set min_xp = 5000 where level = 3",
        "insert into learn.level_thresholds values (102, 1000000)",
        "insert into learn.level_thresholds values (101, 494999)",
    ],
)
def test_what_is_no_curve_is_refused(learn: Learn, change: str) -> None:
    with learn.refuses("LX001"):
        learn.run(change)


def test_the_curve_cannot_be_emptied_by_truncate(learn: Learn) -> None:
    with learn.refuses("LX001"):
        learn.run("truncate learn.level_thresholds")


def test_a_level_that_was_lost_again_is_no_damage_for_later_badges(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 300)
    learn.reverse_xp(user, learn.transactions(user)[0])
    learn.advance(days(1))
    slug = learn.make_achievement({"metric": "level_reached", "at_least": 3})
    assert learn.check_integrity() == []
    assert learn.backfill_achievement(slug) == 1


def test_xp_that_an_achievement_asks_for_is_heeded_wherever_it_lies_and_while_it_is_active(
    learn: Learn,
) -> None:
    """What the engine looks up at a glance follows badges that come, move, sleep and wake."""
    user = learn.make_user()
    slug = learn.make_achievement({"metric": "xp", "at_least": 37})
    assert learn.award_xp(user, 36).new_achievements == []
    assert learn.award_xp(user, 1).new_achievements == [slug]
    other = learn.make_achievement({"metric": "xp", "at_least": 41})
    learn.run(
        """update learn.achievements set criteria = '{"metric": "xp", "at_least": 45}' where slug = %s""",
        [other],
    )
    assert learn.award_xp(user, 5).new_achievements == []
    learn.run("update learn.achievements set is_active = false where slug = %s", [other])
    learn.run("update learn.achievements set is_active = true where slug = %s", [other])
    assert learn.award_xp(user, 3).new_achievements == [other]


def test_every_level_and_every_threshold_is_a_mark(learn: Learn) -> None:
    learn.make_achievement({"any": [{"metric": "xp", "at_least": 37}, {"metric": "xp", "at_least": 38}]})
    learn.run("update learn.level_thresholds set min_xp = min_xp * 10 where level > 1")
    assert learn.tuples("select xp from learn_internal.xp_marks order by xp") == learn.tuples(
        "select min_xp from learn.level_thresholds union select threshold"
        " from learn_internal.achievement_thresholds where metric = 'xp' order by 1"
    )
