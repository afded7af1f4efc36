"""check_integrity() finds damage by its name, and a rebuild mends what follows from facts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, Lesson, Path, Track, days


@dataclass
class Scene:
    """A learner with something of everything."""

    learn: Learn
    user: UUID
    lesson: Lesson
    track: Track
    path: Path
    badge: str
    state: dict[str, Any] = field(default_factory=dict)

    def look(self) -> dict[str, Any]:
        """All that is a projection of facts, and the facts."""
        user, learn = self.user, self.learn
        tables = {
            "metrics": "select metric, scope, value from learn.user_metrics"
            " where value <> 0 and user_id = %s",
            "metric days": "select metric, scope, activity_date from learn_internal.user_metric_days"
            " where user_id = %s",
            "exercises": "select * from learn.user_exercise_progress where user_id = %s",
            "lessons": "select * from learn.user_lesson_progress where user_id = %s",
            "tracks": "select * from learn.user_track_progress where user_id = %s",
            "paths": "select * from learn.user_path_progress where user_id = %s",
            "difficulties": "select * from learn.user_difficulty_progress where user_id = %s",
            "freezes": "select * from learn.streak_freezes where user_id = %s",
        }
        found: dict[str, Any] = {
            name: learn.tuples(f"{query} order by 1, 2", [user]) for name, query in tables.items()
        }
        found["stats"] = learn.stats(user)
        found["days"] = learn.active_days(user)
        found["badges"] = sorted(learn.badges(user))
        found["avatars"] = learn.avatars(user)
        found["ledger"] = learn.ledger(user)
        found["facts"] = learn.facts(user)
        return found


@pytest.fixture
def scene(learn: Learn) -> Scene:
    learn.set_clock("2035-06-10 12:00")
    user = learn.make_user("damaged", timezone="Europe/Paris")
    activity = learn.make_activity_type(qualifying=True)
    learn.make_metric(activity, "distinct_days")
    badge = learn.make_achievement(
        {"metric": "xp", "at_least": 100}, xp_reward=25, avatar=learn.make_avatar()
    )
    lesson = learn.make_lesson(2)
    track = learn.make_track(lesson, difficulty="beginner")
    path = learn.make_path(track)
    learn.solve(user, lesson, mistakes=1)
    learn.grant_streak_freezes(user, 2)
    learn.advance(days(2))
    learn.record_activity(user, activity)
    learn.award_xp(user, 300)
    learn.reverse_xp(user, learn.transactions(user)[0])
    scene = Scene(learn, user, lesson, track, path, badge)
    scene.state = scene.look()
    assert badge in scene.state["badges"]
    assert len(scene.state["metric days"]) == 1
    assert scene.state["stats"].streak_freezes == 1
    assert learn.check_integrity() == []
    return scene


def damage(scene: Scene, statement: str) -> None:
    """Runs a statement on the user's rows without any trigger or foreign key taking notice."""
    connection = scene.learn.connection
    connection.execute("set local session_replication_role = replica")
    done = connection.execute(statement.format(user=f"'{scene.user}'", track=scene.track.id).encode())
    connection.execute("set local session_replication_role = origin")
    assert done.rowcount > 0


MENDED = {
    "user_has_stats": "delete from learn.user_stats where user_id = {user}",
    "total_xp_is_the_ledger_sum": "update learn.user_stats set total_xp = total_xp + 1"
    " where user_id = {user}",
    "reward_xp_is_that_of_rewards": "update learn.user_stats set reward_xp = 1 where user_id = {user}",
    "level_follows_the_curve": "update learn.user_stats set current_level = 9 where user_id = {user}",
    "levels_are_announced": "update learn.user_stats set highest_level = 9 where user_id = {user}",
    "active_days_follow_from_facts": "delete from learn.user_activity_days"
    " where user_id = {user} and not is_freeze",
    "streak_follows_from_days": "update learn.user_stats set longest_streak = 9 where user_id = {user}",
    "freezes_held_are_counted": "update learn.user_stats set streak_freezes = 9 where user_id = {user}",
    "freezes_cover_what_follows_from_days": "update learn.streak_freezes set used_on = used_on - 1"
    " where user_id = {user} and used_on is not null",
    "runs_follow_from_facts": "update learn_internal.user_runs set reset_at = '2035-01-01Z'"
    " where user_id = {user}",
    "metrics_follow_from_facts": "update learn.user_metrics set value = value + 1"
    " where user_id = {user} and metric = 'lessons_completed'",
    "metric_days_follow_from_facts": "delete from learn_internal.user_metric_days where user_id = {user}",
    "exercise_progress_follows_from_submissions": "update learn.user_exercise_progress"
    " set submissions = submissions + 1, wrong_submissions = wrong_submissions + 1 where user_id = {user}",
    "track_progress_follows_from_items": "update learn.user_track_progress set items_completed = 0"
    " where user_id = {user}",
    "full_tracks_are_completed": "update learn.user_track_progress set completed_at = null"
    " where user_id = {user}",
    "path_progress_follows_from_tracks": "update learn.user_path_progress set tracks_completed = 0"
    " where user_id = {user}",
    "full_paths_are_completed": "update learn.user_path_progress set completed_at = null"
    " where user_id = {user}",
    "full_difficulties_are_completed": "delete from learn.user_difficulty_progress where user_id = {user}",
    "achievements_follow_from_facts": "delete from learn.user_achievements where user_id = {user}",
    "registration_days_follow_from_facts": "update learn.user_stats set registered_on = registered_on - 9"
    " where user_id = {user}",
    "tallies_follow_from_rows": "delete from learn_internal.tally_changes where measure = 'active_days'",
}

OTHER_WAYS = {
    "current streak": (
        "streak_follows_from_days",
        "update learn.user_stats set current_streak = 1, longest_streak = 9",
    ),
    "last day": ("streak_follows_from_days", "update learn.user_stats set last_activity_date = null"),
    "active days": ("streak_follows_from_days", "update learn.user_stats set active_days = active_days + 1"),
    "one day too many": (
        "active_days_follow_from_facts",
        "insert into learn.user_activity_days select {user}, '2030-01-01' --",
    ),
    "a frozen day that is active": (
        "active_days_follow_from_facts",
        "update learn.user_activity_days set is_freeze = not is_freeze",
    ),
    "a metric too many": (
        "metrics_follow_from_facts",
        "insert into learn.user_metrics (user_id, metric, value) select {user}, 'quizzes_completed', 3 --",
    ),
    "a metric too few": ("metrics_follow_from_facts", "delete from learn.user_metrics"),
    "an exercise too few": (
        "exercise_progress_follows_from_submissions",
        "delete from learn.user_exercise_progress",
    ),
    "a track too few": ("track_progress_follows_from_items", "delete from learn.user_track_progress"),
    "another total": (
        "track_progress_follows_from_items",
        "update learn.user_track_progress set total_items = 7",
    ),
    "a path too few": ("path_progress_follows_from_tracks", "delete from learn.user_path_progress"),
    "another number of tracks": (
        "path_progress_follows_from_tracks",
        "update learn.user_path_progress set total_tracks = 7",
    ),
}


def names(scene: Scene) -> set[str]:
    found = scene.learn.check_integrity()
    assert {row.user_id for row in found if row.check_name != "tallies_follow_from_rows"} <= {scene.user}
    return {row.check_name for row in found}


@pytest.mark.parametrize("check", MENDED)
def test_damage_is_found_by_its_name_and_mended_by_a_rebuild(scene: Scene, check: str) -> None:
    other = scene.learn.make_user()
    damage(scene, MENDED[check])
    assert check in names(scene)
    query = "select * from learn.check_integrity({}) where user_id is not null order by 1, 3"
    found = scene.learn.tuples(query.format("null"))
    assert scene.learn.tuples(query.format("%s"), [scene.user]) == found
    assert scene.learn.tuples(query.format("%s"), [other]) == []
    scene.learn.rebuild_user(scene.user)
    assert scene.learn.check_integrity() == []
    assert scene.look() == scene.state


@pytest.mark.parametrize("way", OTHER_WAYS)
def test_other_ways_to_the_same_damage_are_found_and_mended_too(scene: Scene, way: str) -> None:
    check, statement = OTHER_WAYS[way]
    damage(scene, f"{statement} where user_id = {{user}}")
    assert check in names(scene)
    scene.learn.rebuild_user(scene.user)
    assert scene.learn.check_integrity() == []
    assert scene.look() == scene.state


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        (
            "facts_are_paid",
            "delete from learn.xp_transactions where user_id = {user} and source_type = 'manual'",
        ),
        (
            "facts_are_paid",
            "insert into learn.xp_transactions (user_id, amount, activity_type, source_type, earned_on)"
            " select {user}, 5, 'xp_awarded', 'manual', '2035-06-12'",
        ),
        (
            "completed_lessons_are_facts",
            "delete from learn.activity_log where user_id = {user} and activity_type = 'lesson_completed'",
        ),
        ("solved_lessons_are_completed", "delete from learn.user_lesson_progress where user_id = {user}"),
        (
            "achievements_follow_from_facts",
            "insert into learn.user_achievements (user_id, achievement_id)"
            " select {user}, id from learn.achievements where slug = 'lesson-master'",
        ),
        (
            "reached_achievements_are_earned",
            "insert into learn.user_metrics (user_id, metric, value) select {user}, 'quizzes_completed', 3",
        ),
    ],
)
@pytest.mark.no_integrity
def test_damage_to_the_facts_themselves_is_found_by_its_name(
    scene: Scene, check: str, statement: str
) -> None:
    if check == "reached_achievements_are_earned":
        scene.learn.make_achievement({"metric": "quizzes_completed", "at_least": 3})
        scene.learn.advance(days(1))
    damage(scene, statement)
    assert check in names(scene)


def test_every_check_is_broken_by_a_test(learn: Learn) -> None:
    """The names of the checks as the views of damage say them; check_integrity() looks at all of these."""
    views = learn.tuples(
        "select relname, pg_get_viewdef(oid) from pg_class where relname like '%%\\_damage' and relkind = 'v'"
    )
    texts = dict(views)
    parts = texts.pop("common_damage") + "".join(
        learn.value("select pg_get_viewdef(%s::regclass)", [f"learn_internal.{name}"])
        for name in ("damage", "damage_but_boards")
    )
    assert {*re.findall(r"learn_internal\.(\w+)", parts)} - {"damage_but_boards"} == {*texts}
    verb = "is|are|has|have|follows?|pay|notes?|counts?|covers?|adds?|votes"
    found = {
        name for text in texts.values() for name in re.findall(rf"'([a-z_]+_(?:{verb})_\w+)'::text", text)
    }
    broken = {
        *MENDED,
        # in tests/quizzes
        *("quizzes_are_facts", "quiz_answers_add_up", "quizzes_note_what_was_paid"),
        *("quizzes_count_as_they_are", "questions_pay_once_a_day"),
        "challenge_progress_follows_from_attempts",  # these in tests/challenges
        *("attempted_challenges_are_unlocked", "full_challenges_are_completed", "passed_levels_are_facts"),
        "attempts_note_what_was_paid",
        "facts_are_paid",
        "completed_lessons_are_facts",
        "solved_lessons_are_completed",
        "reached_achievements_are_earned",
        # in tests/community/test_integrity.py
        "discussion_counts_follow_from_rows",
        "reply_counts_follow_from_votes",
        "posts_are_facts",
        "nobody_votes_for_themselves",
        # in tests/operations/test_mutations.py
        *("achievements_are_dated_by_facts", "progress_is_dated_by_facts", "rules_are_noted"),
        "solutions_are_dated_by_facts",
        # in tests/progress/test_course_integrity.py
        "completed_courses_are_facts",
        "course_progress_follows_from_lessons",
        "course_sizes_follow_from_lessons",
        "track_sizes_follow_from_items",
        "due_levels_are_unlocked",
        "enrolments_are_facts",
        "full_courses_are_completed",
        "full_levels_are_completed",
        "lessons_are_available_when_all_is_published",
        # in tests/skills and tests/challenges/test_old_progress.py
        "assessments_are_facts",
        "full_skills_are_mastered",
        "imported_progress_is_paid",
        "mastered_skills_are_facts",
        "skill_levels_follow_from_points",
        # in tests/credentials/test_integrity.py
        "completed_courses_have_certificates",
        "pending_faucet_requests_have_a_message",
        # in tests/leaderboards/test_integrity.py
        *("boards_follow_from_facts", "stretches_of_boards_are_counted", "names_on_boards_are_usernames"),
        # in tests/streaks/test_integrity.py
        *("local_days_follow_from_facts", "zones_of_days_are_noted"),
    }
    assert found == broken


def test_an_achievement_that_its_rows_owe_is_found(scene: Scene) -> None:
    """A user's badge taken away without a trace: the fact says that it was earned."""
    damage(
        scene,
        "delete from learn.user_achievements where user_id = {user}"
        f" and achievement_id = (select id from learn.achievements where slug = '{scene.badge}')",
    )
    assert "achievements_follow_from_facts" in names(scene)
    scene.learn.rebuild_user(scene.user)
    assert scene.look() == scene.state


def test_wrong_places_of_a_learner_do_not_cancel_out(scene: Scene) -> None:
    """Boards are compared by sums first: what leaves one sum as it is, is told by the other."""
    scene.learn.refresh_leaderboard()
    damage(
        scene,
        """
        with places as (
          select s.metric, s.period, s.starts_on, row_number() over (order by s.period) as number,
            hash_record_extended((s.metric, s.period, s.starts_on), 0) & 2147483647 as weight
          from learn_internal.board_scores s
          where s.user_id = {user} and s.metric = 'xp'
          order by s.period
          limit 2
        )
        update learn_internal.board_scores s
        set value = s.value + case p.number when 1 then o.weight else - o.weight end
        from places p
        join places o on o.number <> p.number
        where s.user_id = {user} and s.metric = p.metric and s.period = p.period and s.starts_on = p.starts_on
        """,
    )
    found = [row for row in scene.learn.check_integrity() if row.check_name == "boards_follow_from_facts"]
    assert [row.user_id for row in found] == [scene.user] * 2
    scene.learn.rebuild_user(scene.user)
    scene.learn.rebuild_all()  # stretches, too


def test_a_rebuild_of_what_is_well_changes_nothing(scene: Scene) -> None:
    scene.learn.refresh_leaderboard()
    scene.learn.finish()
    before = scene.learn.row_counts()
    scene.learn.rebuild_user(scene.user)
    scene.learn.refresh_leaderboard()
    scene.learn.finish()
    assert scene.look() == scene.state
    assert scene.learn.row_counts() == before


def test_a_rebuild_of_all_mends_all(scene: Scene) -> None:
    learn = scene.learn
    other = learn.make_user()
    learn.solve(other, learn.make_lesson(1))
    stats = learn.stats(other)
    for table in ("user_metrics", "user_activity_days", "user_track_progress", "user_exercise_progress"):
        damage(scene, f"delete from learn.{table}")
    damage(scene, "update learn.user_stats set total_xp = 1, current_level = 1")
    users = learn.value("select count(*) from learn.users")
    assert learn.rebuild_all() == users
    assert learn.check_integrity() == []
    assert scene.look() == scene.state
    assert learn.stats(other) == stats


def test_rebuilding_everything_that_was_lost_pays_nothing_twice(scene: Scene) -> None:
    for table in (
        "user_stats",
        "user_activity_days",
        "user_metrics",
        "user_exercise_progress",
        "user_track_progress",
        "user_path_progress",
        "user_difficulty_progress",
        "user_achievements",
    ):
        damage(scene, f"delete from learn.{table} where user_id = {{user}}")
    scene.learn.rebuild_user(scene.user)
    assert scene.look() == scene.state


def test_life_goes_on_after_a_rebuild(scene: Scene) -> None:
    learn, user = scene.learn, scene.user
    damage(scene, "delete from learn.user_metrics where user_id = {user}")
    learn.rebuild_user(user)
    learn.solve(user, learn.make_lesson(1))
    assert learn.metric(user, "lessons_completed") == 2


def test_a_rebuild_of_nobody_is_refused(learn: Learn) -> None:
    for unknown in (None, UUID(int=1)):
        with learn.refuses("LX002"):
            learn.rebuild_user(unknown)


def test_to_check_nobody_is_refused(learn: Learn) -> None:
    with learn.refuses("LX002"):
        learn.tuples("select * from learn.check_integrity(%s)", [UUID(int=1)])


def test_the_check_reads_only(scene: Scene) -> None:
    assert (
        scene.learn.value("select provolatile from pg_proc where oid = 'learn.check_integrity'::regproc")
        in "s"
    )
