"""Once per learner and fact, for ever: whatever is left, reset, deleted or made again, and done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from tests.client import Challenge, Course, Learn, Lesson, Track, days

Found = TypeVar("Found")

# Tables of learners that are no progress: rows of acts that happen as often as they like, of what is
# given, and what is itself the memory or the balance of facts.
NOT_PROGRESS = {
    "activity_log": "the facts",
    "xp_transactions": "the ledger",
    "user_stats": "the balance of facts: damage to it is what check_integrity() sees",
    "user_metrics": "the same",
    "user_activity_days": "the same",
    "user_credentials": "no progress",
    "streak_freezes": "given, and no act",
    "notifications": "said, and no act",
    "idempotency_keys": "of calls",
    "user_timezones": "zones that were",
}


@dataclass
class World:
    """Something of everything that a learner can do once, and an act that does all of it."""

    owner: Learn
    app: Learn
    user: UUID
    asker: UUID
    reply: int
    plain: Lesson
    solved: Lesson
    course: Course
    levels: Course
    challenge: Challenge
    skill: int
    track: Track

    def act(self) -> int:
        """Does everything, as a backend; returns the XP that it was paid."""
        app, user = self.app, self.user
        before = self.owner.stats(user).total_xp
        app.start_lesson(user, self.plain)
        app.complete_lesson(user, self.plain, score=100)
        app.solve(user, self.solved)
        for course in (self.course, self.levels):
            app.enroll_in_course(user, course)
            for lesson in self.owner.lessons_of(course):
                app.complete_lesson(user, lesson)
        app.use_hint(user, self.challenge, 1, 1)
        app.pass_challenge(user, self.challenge)
        if self.owner.value("select count(*) from learn.daily_challenge_attempts") == 0:
            app.submit_daily_challenge(user)
        app.accept_solution(self.asker, self.reply)
        app.unaccept_solution(self.asker, self.reply)
        app.accept_solution(self.asker, self.reply)
        if self.owner.value("select sum(points_allocated) from learn.user_skills") in (None, 0):
            app.allocate_skill_points(user, self.skill, 100)
        app.award_xp(user, 5, "prize", "once")
        app.record_activity(user, "reading", "page", "12")
        app.check_achievements(user)
        app.rate_course(user, self.course, 5)
        paid: int = self.owner.stats(user).total_xp - before
        return paid

    def metrics(self) -> dict[tuple[str, str], int]:
        """What is counted."""
        return {
            (metric, scope): value
            for metric, scope, value in self.owner.tuples(
                "select metric, scope, value from learn.user_metrics where user_id = %s", [self.user]
            )
        }


@pytest.fixture
def app(learn: Learn) -> Learn:
    """The functions as a backend calls them."""
    return Learn(learn.connection, caller="learn_app")


@pytest.fixture
def world(learn: Learn, app: Learn) -> World:
    """Everything pays: whatever a type of fact is worth, it is worth once."""
    learn.make_activity_type("reading", xp=9, happens_once=True)
    learn.run(
        "insert into learn.xp_rules (activity_type, amount)"
        " select t.key, 7 from learn.activity_types t"
        " where t.happens_once and t.key not in ('xp_awarded', 'user_registered')"
        " on conflict (activity_type) do nothing"
    )
    learn.make_achievement({"metric": "courses_completed", "at_least": 1}, xp_reward=11)
    user, asker = learn.make_user(), learn.make_user()
    solved = learn.make_lesson(2)
    track = learn.make_track(solved, difficulty="concepts", completion_xp=70)
    learn.make_path(track)
    course = learn.make_course(2, track=track, completion_xp=500)
    levels = learn.make_course(0, completion_xp=300)
    for _ in range(2):
        learn.make_lesson(0, course=levels, level=learn.make_course_level(levels))
    challenge = learn.make_challenge((10, 20), track=track, hints=[5])
    learn.need_challenge(learn.make_challenge((10,)), challenge)
    learn.make_daily(challenge, learn.clock().date())
    reply = learn.make_reply(user, learn.make_discussion(asker))
    made = World(learn, app, user, asker, reply, learn.make_lesson(0), solved, course, levels, challenge,
                 learn.make_skill(), track)  # fmt: skip
    assert made.act() > 1500
    return made


def some(found: Found | None) -> Found:
    """There is one."""
    assert found is not None
    return found


def progress_tables(learn: Learn) -> list[str]:
    """Tables of learners' rows, from the catalog."""
    found: list[str] = learn.values(
        "select distinct c.relname::text from pg_constraint k join pg_class c on c.oid = k.conrelid"
        " where k.contype = 'f' and k.confrelid = 'learn.users'::regclass and not c.relispartition"
        " and c.relnamespace = 'learn'::regnamespace order by 1"
    )
    return [table for table in found if table not in NOT_PROGRESS]


def test_whatever_is_deleted_and_done_again_pays_and_counts_nothing(world: World) -> None:
    """For every table of learners' rows, and for all of them at once."""
    learn = world.owner
    assert world.act() == 0
    tables = progress_tables(learn)
    assert len(tables) > 20
    before = world.metrics()
    assert world.act() == 0
    # what is counted whenever it happens, such as runs of queries
    repeats = {key for key, value in world.metrics().items() if value != before[key]}
    refused = set()
    for deleted in [*([table] for table in tables), tables]:
        before = world.metrics()
        for table in deleted:
            column = "author_id" if table in ("discussions", "replies") else "user_id"
            try:
                with learn.connection.transaction():
                    learn.connection.execute(
                        sql.SQL("delete from learn.{} where {} = %s").format(
                            sql.Identifier(table), sql.Identifier(column)
                        ),
                        [world.user],
                    )
            except psycopg.Error as error:
                if error.sqlstate not in ("LX009", "LX010"):
                    raise
                refused.add(table)
        if "replies" in deleted:
            world.reply = learn.make_reply(world.user, learn.value("select min(id) from learn.discussions"))
            repeats |= {("replies_posted", "")}
        assert world.act() in (0, 7 if "replies" in deleted else 0), deleted
        assert {key for key, value in world.metrics().items() if value != before.get(key)} <= repeats, deleted
        assert learn.check_integrity() == [], deleted
    assert refused == {"nft_certificates", "user_achievements", "user_skills", "hint_usage"}
    learn.rebuild_whoever()
    assert world.act() == 0
    assert learn.check_integrity() == []


@pytest.mark.parametrize("kind", ["lesson", "course", "challenge", "track", "skill"])
def test_who_begins_again_keeps_what_was_earned(world: World, kind: str) -> None:
    learn, user = world.owner, world.user
    number = {
        "lesson": world.solved.id, "course": world.course.id, "challenge": world.challenge.id,
        "track": world.track.id, "skill": world.skill,
    }[kind]  # fmt: skip
    before, earned = world.metrics(), learn.badges(user)
    assert world.app.reset_progress(user, kind, number).xp_awarded == 0
    assert (world.metrics(), learn.badges(user)) == (before, earned)
    assert learn.check_integrity() == []
    assert {
        "lesson": learn.lesson_progress(user, world.solved) is None,
        "course": some(learn.course_progress(user, world.course)).lessons_completed == 0,
        "challenge": some(learn.challenge_progress(user, world.challenge)).levels_completed == [],
        "track": some(learn.track_progress(user, world.track)).items_completed < 3,
        "skill": learn.value("select sum(points_allocated) from learn.user_skills") == 0,
    }[kind]
    assert world.act() == 0
    assert some(learn.track_progress(user, world.track)).items_completed == 3
    assert some(learn.course_progress(user, world.course)).completion_percentage == 100


def test_what_is_not_completed_is_not_reset(learn: Learn, app: Learn) -> None:
    """A first try is the first one."""
    user, lesson = learn.make_user(), learn.make_lesson(1)
    app.submit_query(user, lesson.exercises[0], False)
    app.reset_progress(user, "lesson", lesson.id)
    assert app.submit_query(user, lesson.exercises[0], True).xp_awarded == 60
    for kind, number, code in (("quiz", 1, "LX001"), (None, 1, "LX001"), ("lesson", 0, "LX003")):
        with learn.refuses(code):
            app.reset_progress(user, kind, number)
    with learn.refuses("LX003"):
        app.unenroll(user, 0)


def leave_by_call(learn: Learn, app: Learn, user: UUID, course: Course) -> None:
    app.unenroll(user, course)


def leave_by_hand(learn: Learn, app: Learn, user: UUID, course: Course) -> None:
    learn.run("delete from learn.user_course_progress where user_id = %s", [user])


@pytest.mark.parametrize("leave", [leave_by_call, leave_by_hand])
@pytest.mark.parametrize("by_call", [True, False])
def test_leaving_a_course_and_enrolling_again(
    learn: Learn, app: Learn, leave: Callable[..., None], by_call: bool
) -> None:
    user, course = learn.make_user(), learn.make_course(1, completion_xp=500)
    (lesson,) = learn.lessons_of(course)
    assert app.complete_lesson(user, lesson).xp_awarded >= 550
    for _ in range(3):
        leave(learn, app, user, course)
        assert learn.course_progress(user, course) is None
        before = learn.stats(user).total_xp
        if by_call:
            app.enroll_in_course(user, course)
        else:
            learn.run(
                "insert into learn.user_course_progress (user_id, course_id, completed_at)"
                " values (%s, %s, learn.clock())",
                [user, course.id],
            )
        assert learn.stats(user).total_xp == before
        assert some(learn.course_progress(user, course)).status == "completed"
    assert learn.metric(user, "courses_completed") == 1
    assert len(learn.facts(user, "course_completed")) == len(learn.facts(user, "course_enrolled")) == 1
    assert learn.value("select count(*) from learn.nft_certificates") == 1


def test_a_challenge_of_the_day_that_is_scheduled_again(learn: Learn, app: Learn) -> None:
    user, challenge = learn.make_user(), learn.make_challenge((5,))
    for number in range(3):
        learn.make_daily(challenge, learn.clock().date())
        assert app.submit_daily_challenge(user).xp_awarded == (200 if number == 0 else 0)
        learn.run("delete from learn.daily_challenges")
    learn.make_daily(learn.make_challenge((5,)), learn.clock().date())
    assert app.submit_daily_challenge(user).xp_awarded == 0
    learn.advance(days(1))
    learn.make_daily(challenge, learn.clock().date())
    assert app.submit_daily_challenge(user).xp_awarded == 200
    assert learn.metric(user, "daily_challenges_completed") == 2


def test_a_level_that_is_made_again(learn: Learn, app: Learn) -> None:
    user, challenge = learn.make_user(), learn.make_challenge((40, 50))
    assert app.submit_level_attempt(user, challenge, 1).xp_awarded == 40
    learn.run("delete from learn.challenge_levels where level_number = 1")
    learn.make_level(challenge, 1, xp=40)
    assert app.submit_level_attempt(user, challenge, 1).xp_awarded == 0
    assert app.submit_level_attempt(user, challenge, 2).xp_awarded == 150
    assert learn.metric(user, "challenge_levels_passed") == 2


def test_a_lesson_that_comes_and_goes(learn: Learn, app: Learn) -> None:
    user, here, there = learn.make_user(), learn.make_course(1), learn.make_course(1, completion_xp=30)
    (lesson,), (other,) = learn.lessons_of(here), learn.lessons_of(there)
    app.complete_lesson(user, lesson)
    app.complete_lesson(user, other)
    before = learn.stats(user).total_xp
    for change in (
        "set is_published = false", "set is_published = true", f"set course_id = {there.id}",
        f"set course_id = {here.id}", "set course_id = null",
    ):  # fmt: skip
        learn.run(f"update learn.lessons {change} where id = {lesson.id}")
        app.complete_lesson(user, other)
        assert learn.stats(user).total_xp == before
    assert learn.metric(user, "lessons_completed") == 2
    assert learn.metric(user, "courses_completed") == 2


def test_one_question_is_solved_once_by_one_author(learn: Learn, app: Learn) -> None:
    """However many replies they have, and whatever becomes of these; by call and by hand."""
    learn.run("insert into learn.xp_rules (activity_type, amount) values ('solution_accepted', 50)")
    asker, helper, other = learn.make_user(), learn.make_user(), learn.make_user()
    number = learn.make_discussion(asker)
    one, two, three = (learn.make_reply(helper, number) for _ in range(3))
    app.accept_solution(asker, one)
    app.accept_solution(asker, two)
    for reply in (one, two):
        app.delete_reply(helper, reply)
    app.accept_solution(asker, three)
    learn.run("update learn.replies set is_solution = false")
    learn.run(
        "insert into learn.replies (discussion_id, author_id, content, is_solution)"
        " values (%s, %s, 'x', true)",
        [number, helper],
    )
    assert (learn.metric(helper, "solutions_accepted"), learn.stats(helper).total_xp) == (1, 50)
    app.accept_solution(asker, learn.make_reply(other, number))
    app.accept_solution(asker, learn.make_reply(helper, learn.make_discussion(asker)))
    assert (learn.metric(helper, "solutions_accepted"), learn.metric(other, "solutions_accepted")) == (2, 1)


def test_a_period_that_is_closed_again(learn: Learn, user: UUID) -> None:
    learn.award_xp(user, 60)
    learn.insert("period_rewards", "xp", metric="xp", period="day", rank_from=1, rank_to=1, xp=500)
    learn.advance(days(2))
    for _ in range(2):
        assert learn.close_period("day", on="2035-06-13") == 1
        assert learn.stats(user).total_xp == 560
        learn.run("delete from learn.closed_periods")


def test_an_import_that_is_deleted_and_brought_again(learn: Learn) -> None:
    user, challenge = learn.make_user(), learn.make_challenge((5, 5))

    def bring(levels: list[int], xp: int) -> int:
        learn.run(
            "insert into learn.imported_challenge_progress"
            " (user_id, challenge_id, completed_levels, total_xp) values (%s, %s, %s, %s)",
            [user, challenge.id, levels, xp],
        )
        total: int = learn.stats(user).total_xp
        learn.run("delete from learn.imported_challenge_progress")
        return total

    assert [bring([1], 60), bring([1], 60), bring([1, 2], 80), bring([1], 10)] == [60, 60, 80, 80]
    assert learn.metric(user, "challenge_levels_passed") == 2
    with learn.refuses("LX001"):
        bring([2], 100)


def test_an_achievement_goes_only_by_being_revoked(learn: Learn, user: UUID, app: Learn) -> None:
    slug = learn.make_achievement({"metric": "xp", "at_least": 10}, xp_reward=25)
    app.award_xp(user, 10)
    with learn.refuses("LX009"):
        learn.run("delete from learn.user_achievements where user_id = %s", [user])
    with learn.refuses("LX009"):
        learn.run("delete from learn.achievements where slug = %s", [slug])
    learn.revoke_achievement(user, slug)
    assert app.check_achievements(user) == []
    assert learn.stats(user).total_xp == 10


@pytest.mark.parametrize("by_call", [True, False])
def test_a_first_score_that_is_full_pays_its_bonus_once_whenever_it_comes(
    learn: Learn, app: Learn, by_call: bool
) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)

    def score(points: int | None) -> int:
        before = learn.stats(user).total_xp
        if by_call:
            app.complete_lesson(user, lesson, points)
        else:
            learn.run(
                "insert into learn.user_lesson_progress as p (user_id, lesson_id, status, score)"
                " values (%s, %s, 'completed', %s)"
                " on conflict (user_id, lesson_id) do update set score = excluded.score",
                [user, lesson.id, points],
            )
        paid: int = learn.stats(user).total_xp - before
        return paid

    assert [score(points) for points in (None, 100, 100, 20, 100)] == [50, 20, 0, 0, 0]
    learn.run("update learn.user_lesson_progress set score = null")
    assert score(100) == 0
    learn.run("delete from learn.user_lesson_progress")
    assert [score(points) for points in (None, 100, 20, 100)] == [0, 0, 0, 0]
    assert len(learn.facts(user, "lesson_perfect")) == 1


def test_a_full_score_from_the_start_pays_its_bonus_once(learn: Learn, app: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    assert app.complete_lesson(user, lesson, 100).xp_awarded == 70
    for points in (30, 100, None, 100):
        learn.run("update learn.user_lesson_progress set score = %s", [points])
    assert learn.stats(user).total_xp == 70


# Emptying these forgets nothing that pays.
HARMLESS = {
    "assessment_results", "course_ratings", "discussion_votes", "discussions", "drawn_quizzes",
    "faucet_requests", "learning_sessions", "nft_certificates", "period_standings",
    "quiz_attempts", "replies", "revoked_achievements", "transactions", "user_answers", "user_avatars",
}  # fmt: skip


def test_rows_of_learners_are_not_emptied_past_the_memory(learn: Learn) -> None:
    for table in set(progress_tables(learn)) - HARMLESS:
        with learn.refuses("LX009"):
            learn.run(f"truncate learn.{table} cascade")
