"""What the dashboard says of challenges, tracks and notifications."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID, uuid4

from tests.client import Learn


def test_each_published_track_is_told_apart(learn: Learn, user: UUID) -> None:
    assert learn.dashboard(user)["track_progress"] == {}
    lessons = [learn.make_lesson(0) for _ in range(4)]
    learn.make_track(*lessons, slug="long", difficulty="fundamentals")
    learn.make_track(lessons[0], lessons[1], slug="short", difficulty="fundamentals")
    learn.make_track(lessons[3], slug="other", difficulty="systems")
    learn.make_track(lessons[3], difficulty="concepts", published=False)
    assert learn.dashboard(user)["track_progress"] == {"long": 0, "short": 0, "other": 0}
    learn.complete_lesson(user, lessons[0])
    assert learn.dashboard(user)["track_progress"] == {"long": 25, "short": 50, "other": 0}
    learn.complete_lesson(user, lessons[3])
    assert learn.dashboard(user)["track_progress"] == {"long": 50, "short": 50, "other": 100}


def test_the_percentile_says_how_many_have_at_most_as_much(learn: Learn) -> None:
    users = [learn.make_user() for _ in range(5)]
    assert learn.dashboard(users[0])["rank_percentile"] is None
    for user, xp in zip(users, (400, 300, 300, 100, 0), strict=True):
        if xp:
            learn.award_xp(user, xp)
    for _ in range(2):
        assert [learn.rank_percentile(user) for user in users] == [100, 75, 75, 25, None]
        learn.refresh_leaderboard()
    learn.run("update learn.users set show_on_leaderboard = false where id = %s", [users[0]])
    assert [learn.rank_percentile(user) for user in users] == [None, 100, 100, Decimal("33.33"), None]
    assert learn.dashboard(users[3])["rank_percentile"] == Decimal("33.33")
    assert learn.rank_percentile(users[0], "lessons_completed") is None
    with learn.refuses("LX001"):
        learn.rank_percentile(users[1], "level_reached")
    with learn.refuses("LX002"):
        learn.rank_percentile(uuid4())


def test_what_was_begun_and_how_long_it_took_is_told(learn: Learn, user: UUID) -> None:
    one, two, _ = (learn.make_challenge((10, 10)) for _ in range(3))
    learn.submit_level_attempt(user, one, 1, time_spent_seconds=100)
    learn.submit_level_attempt(user, one, 2, time_spent_seconds=20)
    learn.submit_level_attempt(user, two, 1, passed=False, score=1)
    learn.complete_lesson(user, learn.make_lesson(0), time_spent_seconds=7)
    exam = learn.make_exam(questions=5)
    learn.submit_quiz(user, exam, learn.answers(exam, 5), time_taken_seconds=3000)
    home = learn.dashboard(user)
    assert (home["challenges_started"], home["challenge_levels_passed"], home["challenges_completed"]) == (
        2,
        2,
        1,
    )
    assert home["time_spent_seconds"] == 3127


def test_completed_challenges_and_unread_notifications_are_counted(learn: Learn, user: UUID) -> None:
    one = learn.make_plain_challenge(levels=1)
    learn.pass_level(user, one, 1)
    learn.pass_level(user, learn.make_plain_challenge(levels=2), 1)
    assert learn.dashboard(user)["challenges_completed"] == 1
    assert learn.dashboard(user)["unread_notifications"] == learn.unread_count(user) > 0
    with learn.role("learn_app"):
        learn.mark_read(user)
        assert learn.dashboard(user)["unread_notifications"] == 0
