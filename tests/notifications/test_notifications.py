"""Notifications follow from facts by rules, and leave by NOTIFY."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, days
from tests.concurrency.sessions import client
from tests.conftest import FreshDatabase


def rule(
    learn: Learn,
    activity: str,
    kind: str = "note",
    title: str = "Note",
    message: str | None = None,
    url: str | None = None,
    *,
    filter: str = "{}",
    active: bool = True,
) -> None:
    learn.run(
        "insert into learn.notification_rules (activity_type, type, filter, title, message, action_url,"
        " is_active) values (%s, %s, %s, %s, %s, %s, %s)",
        [activity, kind, filter, title, message, url, active],
    )


def test_registering_and_levels_are_told(learn: Learn, user: UUID) -> None:
    assert learn.notices(user) == [("achievement", "Achievement earned: Welcome Aboard", None)]
    learn.award_xp(user, 350)
    assert learn.notices(user)[1:] == [
        ("level_up", "Level 3", "You have reached level 3."),
    ]


def test_a_streak_is_told_as_one(learn: Learn, user: UUID) -> None:
    for _ in range(7):
        learn.solve(user, learn.make_lesson(1))
        learn.advance(days(1))
    assert ("streak", "Streak: Weekly Streak", "You have learned 7 days in a row.") in learn.notices(user)
    assert [kind for kind, title, _ in learn.notices(user) if "Weekly" in title] == ["streak"]


def test_levels_of_challenges_and_unlocks_are_told(learn: Learn, user: UUID) -> None:
    first = learn.make_plain_challenge("cache", levels=2)
    second = learn.make_plain_challenge("queue", needs=[first])
    learn.run("select learn.check_and_unlock_challenges(%s)", [user])
    before = len(learn.notices(user))
    assert before == 1  # challenges that ask for nothing are no news
    learn.pass_level(user, first, 1, passed=False)
    learn.pass_level(user, first, 1)
    learn.pass_level(user, first, 1)
    learn.pass_level(user, first, 2)
    told = [notice for notice in learn.notices(user)[before:] if notice[0] not in ("level_up", "achievement")]
    assert told == [
        ("level_complete", "Level 1 passed", "You have passed level 1 of Cache."),
        ("level_complete", "Level 2 passed", "You have passed level 2 of Cache."),
        ("challenge_unlock", "Challenge unlocked", "Queue is waiting for you."),
    ]
    assert learn.facts(user, "challenge_unlocked") == [("challenge_unlocked", "challenge", str(second))]


def test_a_challenge_of_a_track_that_asks_for_another_is_told(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    basics, deep = learn.make_track(lesson), learn.make_track()
    learn.make_prerequisite(deep, basics)
    learn.make_plain_challenge("deep", track=deep)
    learn.complete_lesson(user, lesson)
    assert [kind for kind, _, _ in learn.notices(user)].count("challenge_unlock") == 1


def test_courses_are_told(learn: Learn, user: UUID) -> None:
    course = learn.value(
        "insert into learn.courses (slug, title) values ('sql', 'All of SQL') returning id",
    )
    lesson = learn.make_lesson(0)
    learn.run(
        "update learn.lessons set course_id = %s, sequence_number = 1 where id = %s", [course, lesson.id]
    )
    learn.complete_lesson(user, lesson)
    assert ("course_completed", "Course completed", "You have completed All of SQL.") in learn.notices(user)


def test_placeholders_are_filled_from_the_fact(learn: Learn, user: UUID) -> None:
    activity = learn.make_activity_type()
    rule(
        learn,
        activity,
        title="{what}: {how}",
        message="{missing}{ {UP} {what}} {subject_type} {n} {list}",
        url="/things/{subject_id}?{xp}",
    )
    learn.record_activity(
        user, activity, "thing", "17", {"what": "{how}", "how": "50 % {what}", "n": 1.5, "list": [1, "b"]}
    )
    found = learn.tuples(
        "select type, title, message, action_url from learn.notifications"
        " where user_id = %s and type = 'note'",
        [user],
    )
    assert found == [
        ("note", "{how}: 50 % {what}", '{ {UP} {how}} thing 1.5 [1, "b"]', "/things/17?"),
    ]


def test_a_title_that_comes_out_blank_is_the_type(learn: Learn, user: UUID) -> None:
    activity = learn.make_activity_type()
    rule(learn, activity, title="{name}")
    learn.record_activity(user, activity, "course", "no number")
    learn.record_activity(user, activity)
    assert [title for kind, title, _ in learn.notices(user) if kind == "note"] == ["note", "note"]


def test_a_fact_is_told_once_by_the_rule_with_a_filter(learn: Learn, user: UUID) -> None:
    activity = learn.make_activity_type()
    rule(learn, activity, "any")
    rule(learn, activity, "big", filter='{"size": "big"}')
    rule(learn, activity, "off", filter='{"size": "small"}', active=False)
    for size in ("big", "small", "none"):
        learn.record_activity(user, activity, properties={"size": size})
    assert [kind for kind, _, _ in learn.notices(user)][1:] == ["big", "any", "any"]


def test_facts_that_no_rule_matches_are_not_told(learn: Learn, user: UUID) -> None:
    activity = learn.make_activity_type()
    rule(learn, activity, filter='{"size": "big"}')
    learn.record_activity(user, activity)
    assert len(learn.notices(user)) == 1


def test_what_types_notify_is_kept_with_them(learn: Learn) -> None:
    activity = learn.make_activity_type()

    def notifies() -> Any:
        return learn.value("select notifies from learn.activity_types where key = %s", [activity])

    assert notifies() is False
    rule(learn, activity)
    assert notifies() is True
    learn.run("update learn.notification_rules set is_active = false")
    assert notifies() is False
    assert learn.value("select count(*) from learn.activity_types where notifies") == 0
    learn.run("update learn.notification_rules set is_active = true")
    learn.run("delete from learn.notification_rules where activity_type = %s", [activity])
    assert notifies() is False


def test_several_users_at_once_get_badges_without_notifications(learn: Learn) -> None:
    learn.run("insert into learn.users (username) values ('one'), ('two')")
    assert learn.value("select count(*) from learn.user_achievements") == 2
    assert learn.value("select count(*) from learn.notifications") == 0
    learn.run("insert into learn.users (username) values ('three')")
    assert learn.value("select count(*) from learn.notifications") == 1


def test_a_transaction_can_be_quiet(learn: Learn) -> None:
    learn.run("set local learn.quiet = on")
    user = learn.make_user()
    learn.award_xp(user, 1000)
    assert learn.notices(user) == []
    learn.run("set local learn.quiet = off")
    learn.award_xp(user, 1000)
    assert len(learn.notices(user)) > 0


def test_a_replayed_call_tells_nothing(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 150, key="k")
    before = learn.notices(user)
    learn.award_xp(user, 150, key="k")
    assert learn.notices(user) == before


def test_a_rebuild_tells_nothing(learn: Learn, user: UUID) -> None:
    first = learn.make_plain_challenge(levels=1)
    learn.make_plain_challenge(needs=[first])
    learn.pass_level(user, first, 1)
    before = learn.notices(user)
    learn.run("delete from learn.user_challenge_progress where completed_at is null")
    learn.rebuild_user(user)
    assert learn.notices(user) == before


def test_bulk_tells_the_same(learn: Learn) -> None:
    one, *others = (learn.make_user() for _ in range(6))
    lesson = learn.make_lesson(0, xp_reward=300)
    learn.complete_lesson(one, lesson)
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, completed_at)"
        " select u, %s, learn.clock() from unnest(%s::uuid[]) u",
        [lesson.id, others],
    )
    for other in others:
        assert sorted(learn.notices(other), key=str) == sorted(learn.notices(one), key=str)


def test_reading(learn: Learn) -> None:
    user, other = learn.make_user(), learn.make_user()
    learn.award_xp(user, 600)
    for _ in range(2):
        learn.award_xp(user, 500)
    assert learn.unread_count(user) == 4
    assert learn.dashboard(user)["unread_notifications"] == 4
    ids = [
        number
        for (number,) in learn.tuples(
            "select id from learn.notifications where user_id = %s order by id", [user]
        )
    ]
    assert learn.mark_read(other, ids) == 0
    assert learn.mark_read(user, [ids[0], ids[0], 10**12]) == 1
    assert learn.mark_read(user, [ids[0]]) == 0
    assert learn.mark_read(user, []) == 0
    assert learn.unread_count(user) == 3
    assert learn.mark_read(user) == 3
    assert learn.mark_read(user) == 0
    assert learn.unread_count(user) == 0
    assert learn.unread_count(other) == 1
    assert learn.tuples(
        "select distinct read_at, is_read from learn.notifications where user_id = %s", [user]
    ) == [(learn.clock(), True)]


def test_unknown_users_are_refused(learn: Learn) -> None:
    for call in (learn.unread_count, learn.mark_read):
        for user in (None, UUID(int=7)):
            with learn.refuses("LX002"):
                call(user)


def test_old_ones_are_purged(learn: Learn, user: UUID) -> None:
    learn.advance(days(1))
    learn.award_xp(user, 100)
    assert learn.purge_notifications(learn.clock()) == 1
    assert [kind for kind, _, _ in learn.notices(user)] == ["level_up"]
    with learn.refuses("LX001"):
        learn.run("select learn.purge_notifications(null)")


@pytest.mark.parametrize(
    "change",
    [
        "insert into learn.notifications (user_id, type, title, is_read) values ({user}, 'x', 'x', true)",
        "update learn.notifications set read_at = learn.clock()",
        "insert into learn.notifications (user_id, type, title) values ({user}, 'x', ' ')",
        "insert into learn.notifications (user_id, type, title) values ({user}, 'A type', 'x')",
        "update learn.notification_rules set title = ''",
        "update learn.notification_rules set filter = '[]'",
    ],
)
def test_rows_that_make_no_sense_are_refused(learn: Learn, user: UUID, change: str) -> None:
    with learn.fails("23514"):
        learn.run(change.format(user=f"'{user}'"))


def test_a_fact_is_told_once_even_by_the_owner(learn: Learn, user: UUID) -> None:
    with learn.fails("23505"):
        learn.run(
            "insert into learn.notifications (user_id, type, title, fact_id)"
            " select user_id, 'again', 'Again', fact_id from learn.notifications where user_id = %s",
            [user],
        )


def test_learn_app_reads_and_marks(learn: Learn, user: UUID) -> None:
    with learn.role("learn_app"):
        assert learn.mark_read(user) == 1
        for statement in (
            "delete from learn.notifications",
            "update learn.notification_rules set is_active = false",
            "select learn.purge_notifications(now())",
        ):
            with learn.fails("42501"):
                learn.run(statement)
    with learn.role("learn_readonly"):
        assert learn.unread_count(user) == 0
        with learn.fails("42501"):
            learn.mark_read(user)


@pytest.mark.parametrize("caller", [None, "learn_app"])
def test_a_jump_of_many_levels_is_told_once(learn: Learn, caller: str | None) -> None:
    learn.caller = caller
    user = learn.make_user()
    badge = learn.make_achievement({"metric": "level_reached", "at_least": 5}, xp_reward=500)
    learn.award_xp(user, 1000)  # level 5, and by the badge, level 6
    assert [fact[2] for fact in learn.facts(user, "level_reached")] == ["2", "3", "4", "5", "6"]
    told = learn.tuples(
        "select type, title, action_url from learn.notifications where user_id = %s order by id", [user]
    )
    assert told == [
        ("achievement", "Achievement earned: Welcome Aboard", "/achievements/welcome-aboard"),
        ("level_up", "Level 6", "/profile"),
        ("achievement", f"Achievement earned: {badge}", f"/achievements/{badge}"),
    ]
    learn.award_xp(user, 10000)
    assert [notice[0] for notice in learn.notices(user)].count("level_up") == 2


def test_a_jump_of_levels_of_a_skill_is_told_once_for_each_skill(learn: Learn, user: UUID) -> None:
    rule(learn, "skill_level_reached", title="{name}: {level}")
    skills = [learn.make_skill(f"skill-of-{name}", xp_per_level=10) for name in ("ada", "bob")]
    learn.award_xp(user, 100)
    for skill in skills:
        learn.allocate_skill_points(user, skill, 50)
    assert [title for kind, title, _ in learn.notices(user) if kind == "note"] == [
        "skill-of-ada: 5",
        "skill-of-bob: 5",
    ]


def test_what_is_filled_into_a_url_is_encoded(learn: Learn) -> None:
    user, activity = learn.make_user(), learn.make_activity_type()
    rule(learn, activity, title=" {what}\u00a0".strip(), url="laurel://x/{what}?a={n}#{missing}")
    learn.record_activity(user, activity, properties={"what": " a/b?&é\u202e\n", "n": "1&admin=1"})
    ((title, url),) = learn.tuples(
        "select title, action_url from learn.notifications where user_id = %s and type = 'note'", [user]
    )
    assert title == "a/b?&é"
    assert url == "laurel://x/%20a%2Fb%3F%26%C3%A9%E2%80%AE%0A?a=1%26admin%3D1#"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "JavaScript:x", "{url}", "data:text/html,x", "a b", ""]
)
def test_a_url_leads_somewhere(learn: Learn, url: str) -> None:
    with learn.fails("23514"):
        rule(learn, "exercise_solved", url=url)
    with learn.fails("23514"):
        learn.run(
            "insert into learn.notifications (user_id, type, title, action_url) values (%s, 'x', 'x', %s)",
            [learn.make_user(), url],
        )


def test_learners_are_told_in_their_language(learn: Learn) -> None:
    course = learn.make_course(1, slug="sql")
    learn.run(
        """update learn.courses set title = 'All of SQL', translations = '{"fil": {"title": "Buong SQL"}}'"""
        " where id = %s",
        [course.id],
    )
    told = {}
    for locale in ("en", "fil-PH", "fil"):
        user = learn.make_user(locale=locale)
        learn.complete_lesson(user, learn.lessons_of(course)[0])
        ((title, message, url),) = learn.tuples(
            "select title, message, action_url from learn.notifications"
            " where user_id = %s and type = 'course_completed'",
            [user],
        )
        assert url == "/courses/sql"
        told[locale] = (title, message)
    assert told["en"] == ("Course completed", "You have completed All of SQL.")
    assert told["fil"] == told["fil-PH"] == ("Tapos na ang kurso", "Natapos mo ang Buong SQL.")
    assert (
        learn.values(
            "select type from learn.notification_rules where not translations ? 'fil' or action_url is null"
        )
        == []
    )


@pytest.fixture
def listener(fresh: FreshDatabase) -> Iterator[Any]:
    connection = fresh.connect(autocommit=True)
    connection.execute("listen learn_events")
    yield connection
    connection.close()


def heard(listener: Any) -> list[dict[str, Any]]:
    """What was sent so far: events come in the order of their commits."""
    listener.execute("notify learn_events, 'over'")
    found = []
    for event in listener.notifies():
        if event.payload == "over":
            break
        found.append(json.loads(event.payload))
    return found


def test_new_notifications_are_sent_when_the_transaction_commits(fresh: FreshDatabase, listener: Any) -> None:
    with client(fresh, autocommit=False) as learn:
        user = learn.make_user()
        learn.connection.rollback()
        assert heard(listener) == []
        user = learn.make_user()
        assert heard(listener) == []
        learn.connection.commit()
        ((number,),) = learn.tuples("select id from learn.notifications")
        assert heard(listener) == [
            {
                "event": "notifications",
                "user_id": str(user),
                "count": 1,
                "notifications": [{"id": number}],
            }
        ]
        learn.set_setting("notify_events", False)
        learn.award_xp(user, 100)
        learn.connection.commit()
        assert heard(listener) == []
        assert learn.unread_count(user) == 2


def test_what_is_sent_stays_small(fresh: FreshDatabase, listener: Any) -> None:
    with client(fresh) as learn:
        user = learn.make_user()
        heard(listener)
        learn.run(
            "insert into learn.notifications (user_id, type, title)"
            " select %s, 'news', 'News' from generate_series(1, 61)",
            [user],
        )
        (event,) = heard(listener)
        assert event["count"] == 61
        assert len(event["notifications"]) == 20
        learn.run("insert into learn.users (username) select 'bulk-' || n from generate_series(1, 101) n")
        assert heard(listener) == []
        learn.run(
            "insert into learn.notifications (user_id, type, title)"
            " select id, 'news', 'News' from learn.users"
        )
        assert heard(listener) == [{"event": "notifications", "users": 102, "count": 102}]


def test_webhooks_get_each_notification_as_a_message_once_they_are_switched_on(learn: Learn) -> None:
    user = learn.make_user()
    learn.award_xp(user, 150)
    assert learn.outbox("notification") == []
    learn.set_setting("notification_webhooks", True)
    learn.award_xp(user, 200)
    told = learn.tuples("select id, type from learn.notifications where user_id = %s order by id", [user])
    new = [(number, kind) for number, kind in told if number > told[0][0]]
    assert [message.payload for message in learn.outbox("notification")][-1] == {
        "user_id": str(user),
        "notification_id": new[-1][0],
        "type": "level_up",
    }
    assert [m.key for m in learn.claim_outbox(topics=["notification"])] == [
        f"{user} {message.payload['notification_id']}" for message in learn.outbox("notification")
    ]
