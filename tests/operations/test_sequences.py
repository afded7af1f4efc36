"""No answer hangs on ids that grow: sequences may lag behind, as after a move that forgot them."""

from __future__ import annotations

from tests.client import Learn

SEQUENCES = ("user_achievements", "user_level_unlocks", "user_challenge_progress", "xp_transactions")


def test_what_a_call_has_brought_is_told_where_sequences_begin_anew(learn: Learn) -> None:
    activity = learn.make_activity_type()
    metric = learn.make_metric(activity)
    avatar = learn.make_avatar()
    slugs = [learn.make_achievement({"metric": metric, "at_least": number}) for number in (1, 2)]
    slugs.append(learn.make_achievement({"metric": metric, "at_least": 3}, avatar=avatar))
    challenge = learn.make_challenge((10, 20))
    opened = learn.make_challenge((10,))
    learn.need_challenge(opened, challenge)
    for _ in range(3):
        before = learn.make_user()
        learn.record_activity(before, activity)
        learn.check_and_unlock_challenges(before)
    user = learn.make_user()
    for number in (0, 1):
        assert learn.record_activity(user, activity).new_achievements == [slugs[number]]
    assert challenge.id in learn.check_and_unlock_challenges(user)
    for table in SEQUENCES:
        learn.run(f"alter table learn.{table} alter column id restart with 1")
    summary = learn.record_activity(user, activity)
    assert summary.new_achievements == [slugs[2]]
    assert len(summary.unlocked["avatars"]) == 1
    learn.submit_level_attempt(user, challenge, 1)
    attempt = learn.submit_level_attempt(user, challenge, 2)
    assert attempt.xp_awarded >= 20
    assert attempt.unlocked == {"challenges": [opened.slug]}
    assert learn.check_and_unlock_challenges(user) == []
