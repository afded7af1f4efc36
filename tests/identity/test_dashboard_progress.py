"""What the dashboard says of challenges, tracks and notifications."""

from __future__ import annotations

from tests.client import Learn


def test_tracks_are_told_by_difficulty_as_the_one_that_is_furthest(learn: Learn) -> None:
    user = learn.make_user()
    assert learn.dashboard(user)["track_progress"] == {}
    lessons = [learn.make_lesson(0) for _ in range(4)]
    learn.make_track(*lessons, difficulty="fundamentals")
    learn.make_track(lessons[0], lessons[1], difficulty="fundamentals")
    learn.make_track(lessons[3], difficulty="systems")
    learn.make_track(lessons[3], difficulty="concepts", published=False)
    assert learn.dashboard(user)["track_progress"] == {"fundamentals": 0, "systems": 0}
    learn.complete_lesson(user, lessons[0])
    assert learn.dashboard(user)["track_progress"] == {"fundamentals": 50, "systems": 0}
    learn.complete_lesson(user, lessons[3])
    assert learn.dashboard(user)["track_progress"] == {"fundamentals": 50, "systems": 100}


def test_completed_challenges_and_unread_notifications_are_counted(learn: Learn) -> None:
    user = learn.make_user()
    one = learn.make_plain_challenge(levels=1)
    learn.pass_level(user, one, 1)
    learn.pass_level(user, learn.make_plain_challenge(levels=2), 1)
    assert learn.dashboard(user)["challenges_completed"] == 1
    assert learn.dashboard(user)["unread_notifications"] == learn.unread_count(user) > 0
    with learn.role("learn_app"):
        learn.mark_read(user)
        assert learn.dashboard(user)["unread_notifications"] == 0
