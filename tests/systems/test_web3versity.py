"""Web3Versity's documented flows, on a database with its seeds alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.client import AwardSummary, Learn, moment
from tests.systems.seeded import run_seeds, seeded_database
from toolkit.servers.choose import ThrowawayServer

pytestmark = pytest.mark.stock

MONDAY, TUESDAY, WEDNESDAY = "2035-06-11", "2035-06-12", "2035-06-13"
WALLET = "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B"


@pytest.fixture(scope="module")
def shared_database(server: ThrowawayServer, bare: str) -> Iterator[str]:
    yield from seeded_database(server, bare, "web3versity")


def test_a_learner_from_the_catalogue_to_a_second_course(learn: Learn) -> None:
    learn.set_clock(f"{MONDAY} 09:00")
    user = learn.register_user("nakamoto", timezone="Asia/Tokyo", display_name="N.")
    learn.run("update learn.users set evm_address = %s where id = %s", [WALLET, user])

    # Signing in with a wallet, whatever the case of its address.
    found = learn.value("select id from learn.users where lower(evm_address) = lower(%s)", [WALLET.upper()])
    assert found == user

    # Enrolment 1: the catalogue.
    assert learn.tuples(
        "select slug, lesson_count, completion_xp, is_featured, enrollment_count from learn.course_catalog"
        " where track = 'explorer' and difficulty = 'beginner' order by position"
    ) == [("blockchain-foundations", 5, 100, True, 0), ("wallets-and-keys", 4, 100, False, 0)]
    foundations, wallets = course(learn, "blockchain-foundations"), course(learn, "wallets-and-keys")

    # 2 and 3: what a course builds on, and what of it is completed.
    assert prerequisites(learn, wallets) == [("blockchain-foundations", True)]
    assert prerequisites(learn, foundations) == []
    assert completed_courses(learn, user) == []
    with learn.refuses("LX006") as refusal:
        enroll(learn, user, wallets)
    assert "blockchain-foundations" in refusal.detail

    # 4: enrolling pays nothing, and is no active day.
    assert enroll(learn, user, foundations) == AwardSummary(user, 0, 0, 1, False, 0, [], {}, False)
    assert progress(learn, user, foundations) == ("not_started", 0, 5, Decimal(0), None)

    # 5: the first lesson.
    lessons = lessons_of(learn, foundations)
    first = learn.tuples(
        "select id, slug, lesson_type, content -> 'blocks' -> 0 ->> 'type' from learn.lessons"
        " where course_id = %s order by sequence_number limit 1",
        [foundations],
    )
    assert first == [(lessons[0], "what-a-blockchain-is", "text", "text")]

    # Completing 1 and 2: the lesson pays its own XP (20), and moves the course.
    learn.set_clock(f"{MONDAY} 09:20")
    assert learn.start_lesson(user, lessons[0]) == AwardSummary(user, 0, 0, 1, False, 1, [], {}, False)
    learn.set_clock(f"{MONDAY} 09:30")
    one = learn.complete_lesson(user, lessons[0], time_spent_seconds=600)
    assert one == AwardSummary(user, 20, 20, 1, False, 1, [], {}, False)
    assert progress(learn, user, foundations) == ("in_progress", 1, 5, Decimal(20), None)

    # A full score: 25 and 20 more.
    two = learn.complete_lesson(user, lessons[1], 100, 900)
    assert two == AwardSummary(user, 45, 65, 1, False, 1, [], {}, False)

    # Again: nothing.
    again = learn.complete_lesson(user, lessons[1], 100)
    assert again == AwardSummary(user, 0, 65, 1, False, 1, [], {}, False)

    # Tuesday. 3, XP: 65 + 25 + 20 is level 2.
    learn.set_clock(f"{TUESDAY} 09:00")
    three = learn.complete_lesson(user, lessons[2], 90)
    assert three == AwardSummary(user, 25, 90, 1, False, 2, [], {}, False)
    four = learn.complete_lesson(user, lessons[3])
    assert four == AwardSummary(user, 20, 110, 2, True, 2, [], {}, False)
    assert progress(learn, user, foundations) == ("in_progress", 4, 5, Decimal(80), None)

    # The last lesson: 40 and 20 for a full score, 100 for the course, 50 for the achievement (4).
    five = learn.complete_lesson(user, lessons[4], 100)
    assert five == AwardSummary(user, 210, 320, 3, True, 2, ["first-block"], {}, False)
    done_at = moment(f"{TUESDAY} 09:00")
    assert progress(learn, user, foundations) == ("completed", 5, 5, Decimal(100), done_at)
    assert track(learn, user, "explorer") == ("in_progress", 1, 4, None)
    assert learn.ledger(user) == [
        (20, "lesson_completed", str(lessons[0])),
        (25, "lesson_completed", str(lessons[1])),
        (20, "lesson_perfect", str(lessons[1])),
        (25, "lesson_completed", str(lessons[2])),
        (20, "lesson_completed", str(lessons[3])),
        (40, "lesson_completed", str(lessons[4])),
        (20, "lesson_perfect", str(lessons[4])),
        (100, "course_completed", str(foundations)),
        (50, "achievement_earned", "first-block"),
    ]

    # The next course is open now. Its lessons arrive as rows, in one statement, and do the same:
    # 20 + 30 + 25 + 40 for lessons, 100 for the course, 75 for the second course of the track.
    assert completed_courses(learn, user) == ["blockchain-foundations"]
    learn.set_clock(f"{WEDNESDAY} 09:00")
    enroll(learn, user, wallets)
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status, completed_at)"
        " select %s, l.id, 'completed', learn.clock() from learn.lessons l where l.course_id = %s",
        [user, wallets],
    )
    stats = learn.stats(user)
    assert (stats.total_xp, stats.current_level, stats.current_streak) == (610, 4, 3)
    assert learn.badges(user) == ["first-block", "curious-explorer", "keyholder"]
    assert completed_courses(learn, user) == ["blockchain-foundations", "wallets-and-keys"]
    assert learn.tuples(
        "select xp_earned from learn.course_xp where user_id = %s order by xp_earned", [user]
    ) == [(215,), (270,)]

    # What the home page and the catalogue show.
    home = learn.dashboard(user)
    shown = ("total_xp", "current_level", "current_streak", "courses_enrolled", "courses_completed")
    assert [home[name] for name in shown] == [610, 4, 3, 2, 2]
    assert (home["lessons_completed"], home["achievements_earned"]) == (9, 3)
    assert home["current_courses"] == []
    assert [badge["slug"] for badge in home["recent_achievements"]] == learn.badges(user)[::-1]
    learn.rate_course(user, wallets, 5, "Clear and short.")
    assert learn.tuples(
        "select enrollment_count, average_rating, rating_count from learn.course_catalog where id = %s",
        [wallets],
    ) == [(1, Decimal("5.00"), 1)]


def test_a_learner_completes_both_tracks_and_earns_every_achievement(learn: Learn) -> None:
    learn.set_clock("2035-05-01 12:00")
    user = learn.register_user("everything")
    # The courses in an order that their prerequisites allow, a lesson a day and more.
    lessons = learn.tuples(
        "select l.id from learn.lessons l join learn.courses c on c.id = l.course_id"
        " order by c.position, l.sequence_number"
    )
    assert len(lessons) == 40
    for number, (lesson,) in enumerate(lessons):
        learn.set_clock(f"2035-05-{min(number + 1, 30):02} 12:00")
        learn.complete_lesson(user, lesson, 100)
    assert track(learn, user, "explorer") == ("completed", 4, 4, moment("2035-05-19 12:00"))
    assert track(learn, user, "developer") == ("completed", 4, 4, moment("2035-05-30 12:00"))
    for _ in range(10):
        asker = learn.make_user()
        learn.accept_solution(asker, learn.make_reply(user, learn.make_discussion(asker)))

    every = learn.tuples("select slug, xp_reward from learn.achievements where system = 'web3versity'")
    assert len(every) == 18
    assert sorted(learn.badges(user)) == sorted(slug for slug, _ in every)
    # 1,655 for lessons, 20 for each full score, 1,750 for courses, 800 for tracks, 1,600 for badges
    assert sum(reward for _, reward in every) == 1600
    assert learn.stats(user).total_xp == 1655 + 40 * 20 + 1750 + 800 + 1600


def test_badges_for_whole_tracks_come_also_when_a_course_is_not_published_any_more(learn: Learn) -> None:
    explorer = ("blockchain-foundations", "wallets-and-keys", "defi-essentials")
    developer = (
        *("first-smart-contract", "building-on-hedera", "smart-contract-security", "full-stack-dapp"),
    )
    early, late = learn.register_user("early"), learn.register_user("late")

    def complete(user: UUID, *slugs: str) -> set[str]:
        for slug in slugs:
            for lesson in lessons_of(learn, course(learn, slug)):
                learn.complete_lesson(user, lesson, 100)
        return {"block-explorer", "dapp-builder", "web3-graduate"} & {*learn.badges(user)}

    assert complete(early, *explorer, *developer) == {"dapp-builder"}
    learn.run("update learn.courses set is_published = false where slug = 'daos-and-governance'")
    assert complete(early) == {"block-explorer", "dapp-builder", "web3-graduate"}
    assert complete(late, *explorer) == {"block-explorer"}
    assert complete(late, *developer) == {"block-explorer", "dapp-builder", "web3-graduate"}


def test_required_prerequisites_are_asked_for_and_recommended_ones_are_not(learn: Learn) -> None:
    user = learn.register_user("hasty")
    # Blockchain foundations are recommended for the first contract, and required for wallets.
    enroll(learn, user, course(learn, "first-smart-contract"))
    for slug in ("wallets-and-keys", "building-on-hedera", "smart-contract-security", "full-stack-dapp"):
        with learn.refuses("LX006"):
            enroll(learn, user, course(learn, slug))
    # Nor does a lesson open the door.
    with learn.refuses("LX006"):
        learn.complete_lesson(user, lessons_of(learn, course(learn, "wallets-and-keys"))[0])


def test_a_completed_course_is_certified_and_minted_once(learn: Learn) -> None:
    learn.set_clock(f"{MONDAY} 12:00")
    learn.set_setting("nft_minting_enabled", True)
    learn.set_setting("issuer_name", "Web3Versity")
    learn.set_setting("issuer_url", "https://web3versity.example")
    learn.set_setting("credential_url", "https://web3versity.example/credentials/")
    user = learn.register_user("vitalina", display_name="Vitalina B.")
    for lesson in lessons_of(learn, course(learn, "blockchain-foundations")):
        assert learn.certificates(user) == []
        learn.complete_lesson(user, lesson, 100)
    (certificate,) = learn.certificates(user)
    assert certificate.completed_on == date(2035, 6, 11)

    verified = learn.verify_certificate(certificate.verify_code)
    assert (verified.recipient, verified.course_title, verified.is_valid) == (
        "Vitalina B.",
        certificate.course_title,
        True,
    )
    badge = learn.certificate_credential(certificate.verify_code)
    assert badge is not None
    assert badge["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert badge["credentialSubject"]["achievement"]["name"] == certificate.course_title

    # A worker mints it. One that comes by in the meantime finds nothing to do.
    (message,) = learn.claim_outbox(topics=["nft_mint"], worker="one")
    assert learn.claim_outbox(topics=["nft_mint"], worker="two") == []
    learn.record_transaction(user, "0.0.7@1749643200.000000001", "nft_mint")
    number = message.payload["certificate_number"]
    assert number == certificate.certificate_number
    learn.certificate_minted(number, "0.0.4711", serial_number=1, tx_id="0.0.7@1749643200.000000001")
    assert learn.complete_outbox([message.id]) == 1
    for status in ("submitted", "confirmed"):
        learn.advance_transaction("0.0.7@1749643200.000000001", status)
    (minted,) = learn.certificates(user)
    assert minted.token_id == "0.0.4711"
    assert minted.hashscan_url is not None
    learn.set_clock(f"{WEDNESDAY} 12:00")
    assert learn.claim_outbox(topics=["nft_mint"], worker="two") == []


def test_a_question_is_asked_voted_for_answered_and_solved(learn: Learn) -> None:
    learn.set_clock(f"{MONDAY} 12:00")
    asker, helper = learn.register_user("asker"), learn.register_user("helper")
    about = course(learn, "blockchain-foundations")
    discussion = learn.make_discussion(
        asker, title="What is a nonce?", course=about, category="questions", tags=["Mining", "basics"]
    )
    reply = learn.make_reply(helper, discussion, content="A number used once.")
    learn.make_reply(asker, discussion, parent=reply, content="Thanks!")
    learn.vote(asker, "upvote", reply=reply)
    learn.accept_solution(asker, reply)

    (found,) = learn.search_discussions("nonce", course=about, tags=["mining"])
    assert (found.discussion_id, found.reply_count, found.is_solved) == (discussion, 2, True)
    assert learn.tuples("select upvote_count, is_solution from learn.replies where id = %s", [reply]) == [
        (1, True)
    ]
    assert learn.metric(helper, "solutions_accepted") == 1
    assert learn.metric(asker, "solutions_accepted") == 0


def test_the_leaderboard_is_live_and_written_down_by_a_job(learn: Learn) -> None:
    learn.set_clock(f"{MONDAY} 12:00")
    first, second, hidden = (learn.register_user(name) for name in ("first", "second", "hidden"))
    learn.run("update learn.users set show_on_leaderboard = false where username = 'hidden'")
    for user, count in ((first, 3), (second, 2), (hidden, 4)):
        for lesson in lessons_of(learn, course(learn, "blockchain-foundations"))[:count]:
            learn.complete_lesson(user, lesson, 80)
    live = learn.tuples("select rank, user_id from learn.leaderboard('week')")
    assert live == [(1, first), (2, second)]
    learn.refresh_leaderboard()
    assert live == learn.tuples(
        "select rank, user_id from learn.leaderboard_entries"
        " where metric = 'xp' and period = 'all_time' order by rank limit 10"
    )


def test_missing_a_day_reads_as_a_streak_of_0_without_a_job(learn: Learn) -> None:
    learn.set_clock(f"{MONDAY} 12:00")
    user = learn.register_user("irregular")
    learn.complete_lesson(user, lessons_of(learn, course(learn, "blockchain-foundations"))[0])
    assert learn.dashboard(user)["current_streak"] == 1
    learn.set_clock(f"{WEDNESDAY} 12:00")
    assert learn.dashboard(user)["current_streak"] == 0
    assert learn.dashboard(user)["last_activity_date"] == date(2035, 6, 11)


def test_lessons_are_found_by_their_content(learn: Learn) -> None:
    found = learn.tuples(
        "select slug from learn.lessons where content @> %s::jsonb order by slug",
        ['{"blocks": [{"type": "code", "language": "solidity"}]}'],
    )
    assert [slug for (slug,) in found] == [
        "reentrancy",
        "state-and-functions",
        "testing-a-contract",
        "who-may-call",
    ]


def test_every_lesson_has_something_in_it(learn: Learn) -> None:
    kinds = learn.tuples(
        "select distinct lesson_type from learn.lessons where course_id is not null order by 1"
    )
    assert kinds == [("code",), ("interactive",), ("quiz",), ("text",)]
    assert (
        learn.tuples(
            "select slug from learn.lessons where xp_reward is null or estimated_minutes is null"
            " or jsonb_array_length(coalesce(content -> 'blocks', content -> 'questions')) = 0"
            " or lesson_type = 'quiz' and exists (select from jsonb_array_elements(content -> 'questions') q"
            " where (q ->> 'answer')::integer not between 0 and jsonb_array_length(q -> 'options') - 1)"
        )
        == []
    )


def test_the_demo_learners_hold_together(learn: Learn) -> None:
    learn.set_clock(None)
    run_seeds(learn.connection, "web3versity", demo=True)
    before = learn.row_counts()
    run_seeds(learn.connection, "web3versity", demo=True)
    assert learn.row_counts() == before
    satoshi = learn.value("select id from learn.users where username = 'satoshi'")
    assert completed_courses(learn, satoshi) == ["blockchain-foundations"]
    assert learn.badges(satoshi) == ["first-block", "no-forks"]


# ── readers ────────────────────────────────────────────────────────────────────────────────────────────────


def course(learn: Learn, slug: str) -> int:
    return int(learn.value("select id from learn.courses where slug = %s", [slug]))


def lessons_of(learn: Learn, course_id: int) -> list[int]:
    found = learn.tuples(
        "select id from learn.lessons where course_id = %s order by sequence_number", [course_id]
    )
    return [lesson for (lesson,) in found]


def enroll(learn: Learn, user: UUID, course_id: int) -> AwardSummary:
    summary: AwardSummary = learn.enroll_in_course(user, course_id)
    return summary


def prerequisites(learn: Learn, course_id: int) -> list[tuple[Any, ...]]:
    return learn.tuples(
        "select c.slug, p.is_required from learn.course_prerequisites p"
        " join learn.courses c on c.id = p.prerequisite_course_id where p.course_id = %s order by 1",
        [course_id],
    )


def completed_courses(learn: Learn, user: UUID) -> list[str]:
    found = learn.tuples(
        "select c.slug from learn.user_course_progress p join learn.courses c on c.id = p.course_id"
        " where p.user_id = %s and p.completed_at is not null order by p.completed_at",
        [user],
    )
    return [slug for (slug,) in found]


def progress(learn: Learn, user: UUID, course_id: int) -> tuple[Any, ...]:
    (found,) = learn.tuples(
        "select status, lessons_completed, total_lessons, completion_percentage, completed_at"
        " from learn.user_course_progress where user_id = %s and course_id = %s",
        [user, course_id],
    )
    return found


def track(learn: Learn, user: UUID, slug: str) -> tuple[Any, ...]:
    (found,) = learn.tuples(
        "select p.status, p.items_completed, p.total_items, p.completed_at"
        " from learn.user_track_progress p join learn.tracks t on t.id = p.track_id"
        " where p.user_id = %s and t.slug = %s",
        [user, slug],
    )
    return found
