"""merge_users(): two accounts of one person become one, everything once, and nothing is left of the other."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.calls import Scene, actor, callable_by, make_scene, statement
from tests.client import Learn, moment

OWNED = """
    select c.oid::regclass::text, a.attname::text, c.oid = any (learn_internal.rebuilt_tables()::oid[])
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
    where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)
      and a.attname in ('user_id', 'author_id') and not a.attisdropped
"""
COLUMN = "select count(*) from {} where {} = %s"


def rows(learn: Learn, user: UUID) -> dict[str, int]:
    """How many rows each table has of a user."""
    counted = {
        table: learn.value(COLUMN.format(table, column), [user]) for table, column, _ in learn.tuples(OWNED)
    }
    return {table: count for table, count in counted.items() if count}


def check(learn: Learn, goes: UUID, stays: UUID) -> None:
    learn.finish()
    learn.refresh_leaderboard()
    assert rows(learn, goes) == {}
    assert learn.check_integrity() == []
    before = learn.stats(stays)
    learn.rebuild_user(stays)
    assert (learn.stats(stays), learn.check_integrity()) == (before, [])


def attempt(learn: Learn, name: str, scene: Scene) -> None:
    """Make the call, if it can be made for this one, too."""
    try:
        with learn.connection.transaction():
            learn.connection.execute(statement(name), scene)
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith("LX"):
            raise


def test_two_learners_with_rows_of_every_kind(learn: Learn) -> None:
    """Each call there is was made for both, so that most tables have rows of both; in either direction."""
    scene = make_scene(learn)
    twin = {**scene, "user": scene["author"], "author": scene["user"]}
    skipped = {"erase_user", "merge_users"}
    for name in callable_by(learn.connection, "learn_app"):
        for each in (scene, twin) if actor(name, scene) and name not in skipped else ():
            attempt(learn, name, each)
    filled = {table for one in ("user", "author") for table in rows(learn, scene[one])}
    assert len(filled) > 28
    for goes, stays in (("user", "author"), ("author", "user")):
        with learn.connection.transaction(force_rollback=True):
            learn.merge_users(scene[goes], scene[stays])
            check(learn, scene[goes], scene[stays])


def test_a_table_that_nobody_has_thought_of_moves(learn: Learn) -> None:
    """The catalog says which tables there are, and their unique indexes which rows have no place."""
    goes, stays = learn.make_user(), learn.make_user()
    learn.run(
        "create table learn.pets (user_id uuid not null references learn.users on delete cascade,"
        " id bigint generated always as identity, name text not null, is_asleep boolean default false,"
        " primary key (user_id, id));"
        "create unique index on learn.pets (user_id, name) where not is_asleep;"
        "alter table learn.pets owner to learn_owner"
    )
    for user, name, is_asleep in (
        (goes, "rex", False),
        (stays, "rex", False),
        (goes, "tom", False),
        (stays, "tom", True),
    ):
        learn.run(
            "insert into learn.pets (user_id, name, is_asleep) values (%s, %s, %s)", [user, name, is_asleep]
        )
    learn.merge_users(goes, stays)
    found = learn.tuples("select user_id, name, is_asleep from learn.pets order by 2, 3")
    assert found == [(stays, "rex", False), (stays, "tom", False), (stays, "tom", True)]


def test_every_table_moves_or_is_named_as_rebuilt(learn: Learn) -> None:
    """What is rebuilt is what rebuild_users() writes, the boards, and zones of which only the dates count."""
    source = learn.value("select prosrc from pg_proc where proname = 'rebuild_users'")
    streak = learn.value(
        "select string_agg(prosrc, '') from pg_proc where proname in ('replay_user', 'recount_boards')"
    )
    rebuilt = {table for table, _, is_rebuilt in learn.tuples(OWNED) if is_rebuilt}
    assert len(rebuilt) == 9
    for table in rebuilt - {"learn.user_timezones", "learn_internal.board_scores"}:
        assert f"into {table}" in source + streak, table


@pytest.mark.parametrize("is_ahead", [True, False])
def test_the_better_result_stays_and_pays_once(learn: Learn, is_ahead: bool) -> None:
    goes, stays = learn.make_user(), learn.make_user()
    done, begun = (goes, stays) if is_ahead else (stays, goes)
    lesson, both = learn.make_lesson(0), learn.make_lesson(0)
    learn.start_lesson(begun, lesson)
    learn.advance(timedelta(hours=1))
    learn.complete_lesson(done, lesson, 80, 60)
    for user, score in ((goes, 100), (stays, 70)):
        learn.complete_lesson(user, both, score, 50)
    learn.merge_users(goes, stays)
    progress = learn.tuples(
        "select lesson_id, status, score, time_spent_seconds from learn.user_lesson_progress"
        " where user_id = %s",
        [stays],
    )
    assert sorted(progress) == [(lesson.id, "completed", 80, 60), (both.id, "completed", 100, 100)]
    paid = learn.tuples(
        "select source_type, source_id::bigint, amount from learn.xp_transactions where user_id = %s", [stays]
    )
    assert sorted(paid) == sorted(
        [
            ("lesson_completed", lesson.id, 50),
            ("lesson_completed", both.id, 50),
            ("lesson_perfect", both.id, 20),
        ]
    )
    check(learn, goes, stays)


def test_days_of_both_are_one_streak_and_repetitions_keep_their_day(learn: Learn) -> None:
    goes, stays = learn.make_user(timezone="Asia/Manila"), learn.make_user()
    lesson = learn.make_lesson(0)
    badge = learn.make_achievement({"metric": "current_streak", "at_least": 4}, xp_reward=30)
    for user in (stays, goes, stays, goes):
        learn.complete_lesson(user, lesson)
        learn.advance(timedelta(days=1))
    answer = learn.merge_users(goes, stays)
    stats = learn.stats(stays)
    assert (stats.current_streak, stats.longest_streak, stats.active_days) == (4, 4, 4)
    assert badge in answer.new_achievements
    assert (answer.xp_awarded, stats.total_xp) == (30, 80)
    check(learn, goes, stays)


def test_freezes_cover_the_days_that_both_missed(learn: Learn) -> None:
    goes, stays = learn.make_user(), learn.make_user()
    kind = learn.make_activity_type(qualifying=True)
    learn.grant_streak_freezes(goes, 1)
    learn.record_activity(goes, kind)
    learn.advance(timedelta(days=2))
    learn.record_activity(goes, kind)  # the freeze has covered the day between
    learn.record_activity(stays, kind, at=learn.clock() - timedelta(days=1))
    learn.merge_users(goes, stays)
    stats = learn.stats(stays)
    assert (stats.current_streak, stats.streak_freezes) == (3, 1)
    check(learn, goes, stays)


def test_zones_of_the_one_that_stays(learn: Learn) -> None:
    """Each day stays the date that it was; the other's zones are given up."""
    goes, stays = learn.make_user(timezone="Pacific/Kiritimati"), learn.make_user(timezone="UTC")
    kind = learn.make_activity_type(qualifying=True)
    for zone in ("Asia/Manila", "America/New_York"):
        for user in (goes, stays):
            learn.record_activity(user, kind)
            learn.update_profile(user, {"timezone": zone})
        learn.advance(timedelta(days=2))
    for user in (goes, stays):
        learn.record_activity(user, kind)
    learn.merge_users(goes, stays)
    assert learn.value("select timezone from learn.users where id = %s", [stays]) == "America/New_York"
    assert learn.stats(stays).active_days >= 3
    check(learn, goes, stays)


def test_a_question_pays_once_a_day_and_a_badge_once(learn: Learn) -> None:
    goes, stays = learn.make_user(), learn.make_user()
    exam = learn.make_exam(questions=6)
    badge = learn.make_achievement({"metric": "quizzes_completed", "at_least": 1}, xp_reward=15)
    for user in (stays, goes):
        learn.submit_quiz(user, exam, learn.answers(exam, 4))
    learn.merge_users(goes, stays)
    assert learn.stats(stays).total_xp == 4 * 10 + 15
    assert learn.badges(stays).count(badge) == 1
    earned = learn.tuples("select xp_earned from learn.quiz_attempts where user_id = %s order by id", [stays])
    assert earned == [(40,), (0,)]
    again = learn.submit_quiz(stays, exam, learn.answers(exam, 4))
    assert again.xp_awarded == 0
    check(learn, goes, stays)


@pytest.mark.parametrize(
    ("zones", "answered", "merged", "later", "xp"),
    [
        (("Asia/Manila", "America/Lima"), "25 01:00", "26 03:00", "26 03:10", 0),  # it is over there
        (("Asia/Manila", "America/Lima"), "25 17:00", "25 18:00", "26 15:00", 0),  # not begun here
        (("America/Lima", "Asia/Manila"), "25 01:00", "26 03:00", "26 03:10", 40),
    ],
)
@pytest.mark.parametrize("has_moved", [False, True])
def test_a_question_pays_once_a_day_of_either_zone(
    learn: Learn, zones: tuple[str, str], answered: str, merged: str, later: str, xp: int, has_moved: bool
) -> None:
    learn.set_clock(moment("2027-01-20 00:00"))
    goes, stays = (learn.make_user(timezone=zone) for zone in zones)
    exam = learn.make_exam(questions=4)
    if has_moved:
        for zone in ("UTC", zones[1]):
            learn.update_profile(stays, {"timezone": zone})
    learn.set_clock(moment(f"2027-01-{answered}"))
    learn.submit_quiz(goes, exam, learn.answers(exam, 4))
    learn.set_clock(moment(f"2027-01-{merged}"))
    learn.merge_users(goes, stays)
    learn.set_clock(moment(f"2027-01-{later}"))
    assert learn.submit_quiz(stays, exam, learn.answers(exam, 4)).xp_awarded == xp
    assert learn.check_integrity() == []


def test_payments_by_hand_and_what_took_them_back(learn: Learn) -> None:
    goes, stays = learn.make_user(), learn.make_user()
    for user in (goes, stays):
        learn.award_xp(user, 40, "prize", "spring")
    learn.award_xp(goes, 7)
    learn.reverse_xp(goes, learn.transactions(goes)[0], "by mistake")
    learn.merge_users(goes, stays)
    assert learn.stats(stays).total_xp == 47  # the one that was taken back is the one that is left out
    assert learn.award_xp(stays, 40, "prize", "spring").xp_awarded == 0
    check(learn, goes, stays)


def test_nobody_has_voted_for_or_answered_themselves(learn: Learn) -> None:
    goes, stays, other = (learn.make_user() for _ in range(3))
    rule = "insert into learn.xp_rules (activity_type, amount) values ('solution_accepted', 25)"
    learn.run(rule)
    for asker, helper in ((goes, stays), (stays, goes)):
        asked = learn.make_discussion(asker)
        learn.vote(helper, discussion=asked)
        reply = learn.make_reply(helper, asked)
        learn.vote(asker, reply=reply)
        learn.accept_solution(asker, reply)
    theirs = learn.make_discussion(other)
    learn.vote(stays, "upvote", discussion=theirs)
    learn.advance(timedelta(minutes=1))
    learn.vote(goes, "downvote", discussion=theirs)
    for user in (stays, goes):
        learn.accept_solution(other, learn.make_reply(user, theirs))
    learn.merge_users(goes, stays)
    assert learn.stats(stays).total_xp == 25  # for the other's discussion, once
    votes = learn.tuples(
        "select vote_type, discussion_id from learn.discussion_votes where user_id = %s", [stays]
    )
    assert votes == [("downvote", theirs)]
    counts = learn.tuples(
        "select author_id, reply_count, upvote_count, is_solved from learn.discussions order by id"
    )
    assert counts == [(stays, 1, 0, True), (stays, 1, 0, True), (other, 2, 0, True)]
    check(learn, goes, stays)


def test_the_profile_is_completed_and_roles_are_not(learn: Learn) -> None:
    goes, stays = learn.make_user(), learn.make_user("the-name-that-stays")
    learn.update_profile(goes, {"email": "Ada@example.org", "bio": "Joins.", "preferences": {"a": 1, "b": 1}})
    learn.update_profile(stays, {"preferences": {"b": 2}, "display_name": "Ada"})
    learn.verify_email(goes, "ada@example.org")
    learn.link_wallet(goes, "0x52908400098527886E0F7030069857D2E4169EE7", "n1")
    learn.set_password_hash(goes, "one")
    learn.run("update learn.users set role = 'admin' where id = %s", [goes])
    learn.merge_users(goes, stays)
    found = learn.tuples(
        "select username, email, is_verified, bio, display_name, role, evm_address, preferences"
        " from learn.users where id = %s",
        [stays],
    )
    assert found == [
        (
            *("the-name-that-stays", "Ada@example.org", True, "Joins.", "Ada", "user"),
            "0x52908400098527886E0F7030069857D2E4169EE7",
            {"a": 1, "b": 2},
        )
    ]
    assert learn.get_password_hash(stays) == "one"


def test_certificates_tokens_and_the_faucet(learn: Learn) -> None:
    goes, stays = learn.make_user(), learn.make_user()
    course = learn.make_course(1)
    badge = learn.make_achievement({"metric": "courses_completed", "at_least": 1})
    for user in (goes, stays):
        learn.complete_lesson(user, learn.lessons_of(course)[0])
        learn.request_faucet(user, "0.0.12" if user == goes else "0.0.13", 10)
    learn.record_transaction(goes, "0.0.5@1700000000.000000001", "nft")
    learn.achievement_minted(goes, badge, "0.0.78", tx_id="0.0.5@1700000000.000000001")
    codes = learn.tuples("select verify_code from learn.nft_certificates order by id")
    learn.merge_users(goes, stays)
    assert all(learn.value("select is_valid from learn.verify_certificate(%s)", [*code]) for code in codes)
    assert learn.tuples("select user_id, course_id from learn.nft_certificates order by id") == [
        (stays, None),
        (stays, course.id),
    ]
    assert (
        learn.value(
            "select token_id from learn.user_achievements where user_id = %s and token_id is not null",
            [stays],
        )
        == "0.0.78"
    )
    with learn.refuses("LX008"):
        learn.request_faucet(stays, "0.0.14", 10)
    requests = {
        message.payload["request_id"]: message.payload["user_id"]
        for message in learn.claim_outbox(9, topics=["faucet"])
    }
    assert [*requests.values()] == [str(stays)] * 2
    check(learn, goes, stays)


def test_what_is_limited_and_remembered_comes_along(learn: Learn) -> None:
    goes, stays = learn.make_user(), learn.make_user()
    learn.run("insert into learn.rate_limits values ('record_login', 2, 60)")
    first = learn.award_xp(goes, 5, key="a key")
    for user in (goes, stays):
        learn.record_login(user)
    learn.merge_users(goes, stays)
    with learn.refuses("LX008"):
        learn.record_login(stays)
    again = learn.award_xp(stays, 5, key="a key")
    assert (again.replayed, again.xp_awarded, again.user_id) == (True, first.xp_awarded, stays)


def test_merging_again_changes_nothing(learn: Learn) -> None:
    goes, stays, other = (learn.make_user() for _ in range(3))
    learn.award_xp(goes, 5)
    learn.merge_users(goes, stays)
    before = rows(learn, stays)
    again = learn.merge_users(goes, stays)
    assert (again.replayed, again.xp_awarded, rows(learn, stays)) == (True, 0, before)
    with learn.refuses("LX002"):
        learn.merge_users(goes, other)
    trail = learn.tuples("select action, object_key from learn.audit_trail(%s)", [goes])
    assert trail[-1] == ("merge_users", {"into": str(stays)})
    trail = learn.tuples("select new_values from learn.audit_trail(%s) where action = 'merge_users'", [stays])
    assert trail[0][0]["payments_left_out"] == 0


def test_refusals(learn: Learn) -> None:
    one, gone = learn.make_user(), learn.make_user()
    learn.run("update learn.users set is_active = false where id = %s", [gone])
    for code, arguments in (
        ("LX001", (one, one)),
        ("LX001", (None, one)),
        ("LX001", (one, None)),
        ("LX002", (uuid4(), one)),
        ("LX002", (one, uuid4())),
        ("LX004", (one, gone)),
        ("LX004", (gone, one)),
    ):
        with learn.refuses(code):
            learn.merge_users(*arguments)


def test_a_session_that_says_so_is_not_merging(learn: Learn) -> None:
    """The setting alone opens nothing."""
    one, other = learn.make_user(), learn.make_user()
    learn.run("select set_config('learn_internal.merging', 'yes', true)")
    with learn.refuses("LX009"):
        learn.run("update learn.activity_log set user_id = %s where user_id = %s", [other, one])


def test_imported_progress_comes_along(learn: Learn) -> None:
    """Of one challenge that only one had brought, and of one that both had."""
    one, two = learn.make_user(), learn.make_user()
    alone, both = learn.make_challenge((5, 5)), learn.make_challenge((5, 5))
    for user, challenge, levels, xp in ((one, alone, [1], 10), (one, both, [1, 2], 30), (two, both, [1], 20)):
        learn.run(
            "insert into learn.imported_challenge_progress"
            " (user_id, challenge_id, completed_levels, total_xp) values (%s, %s, %s, %s)",
            [user, challenge.id, levels, xp],
        )
    learn.merge_users(one, two)
    assert learn.tuples(
        "select challenge_id, completed_levels, total_xp from learn.imported_challenge_progress"
        " where user_id = %s order by 1",
        [two],
    ) == [(alone.id, [1], 10), (both.id, [1, 2], 30)]
    assert learn.check_integrity() == []
