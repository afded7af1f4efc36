"""Damage to the days of a learner who has moved is reported, and mended from the facts."""

from __future__ import annotations

import pytest

from tests.client import Learn, days

DAYS, ZONES, ACTIVE = (
    "local_days_follow_from_facts",
    "zones_of_days_are_noted",
    "active_days_follow_from_facts",
)


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("delete from learn_internal.local_days where zone_number = 0", DAYS),
        ("delete from learn_internal.local_days", DAYS),
        ("update learn_internal.local_days set is_active = not is_active where zone_number = 1", DAYS),
        (
            "update learn_internal.local_days set last_at = last_at + interval '1h' where zone_number = 1",
            DAYS,
        ),
        ("insert into learn_internal.local_days select user_id, 9, '2035-06-01' from learn.user_stats", DAYS),
        ("update learn.user_stats set settled_zone = 1", ZONES),
        ("update learn.user_stats set last_zone_number = 0", ZONES),
        ("delete from learn.user_activity_days where flown_over > 0", ACTIVE),
        ("update learn.user_activity_days set flown_over = 0 where flown_over > 0", ACTIVE),
    ],
)
def test_damage_is_reported_and_mended(learn: Learn, statement: str, check: str) -> None:
    kind, user = learn.make_activity_type(qualifying=True), learn.make_user(timezone="America/Los_Angeles")
    learn.set_clock("2035-06-13 04:00")
    learn.record_activity(user, kind)
    learn.set_clock("2035-06-14 04:00")
    learn.record_activity(user, kind)
    learn.run("update learn.users set timezone = 'Pacific/Auckland' where id = %s", [user])
    learn.set_clock("2035-06-14 19:00")
    learn.record_activity(user, kind)
    assert learn.check_integrity() == []
    before = (learn.stats(user), learn.tuples("select * from learn.user_activity_days order by 2"))
    assert learn.stats(user).current_streak == 3
    done = learn.run(statement)
    assert done.rowcount > 0
    assert check in {damage.check_name for damage in learn.check_integrity()}
    learn.rebuild_user(user)
    assert learn.check_integrity() == []
    assert (learn.stats(user), learn.tuples("select * from learn.user_activity_days order by 2")) == before
    learn.advance(days(1))
    assert learn.record_activity(user, kind).current_streak == 4
