"""Progress of an older system is imported: it counts, pays once, and makes no day active."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, days


def load(learn: Learn, user: Any, problem: Any, levels: Any, xp: Any) -> int:
    return int(
        learn.value(
            "insert into learn.old_progress_table (user_id, problem_id, completed_levels, total_xp)"
            " values (%s, %s, %s, %s) returning id",
            [user, problem, levels, xp],
        )
    )


def progress(learn: Learn, user: UUID, challenge: int) -> tuple[Any, ...]:
    """(status, current level, levels, is unlocked, is completed, attempts)."""
    return learn.tuples(
        "select status, current_level, levels_completed, unlocked_at is not null, completed_at is not null,"
        " total_attempts from learn.user_challenge_progress where user_id = %s and challenge_id = %s",
        [user, challenge],
    )[0]


def rejections(learn: Learn) -> list[Any]:
    return [
        reason for (reason,) in learn.tuples("select rejection from learn.old_progress_table order by id")
    ]


def test_levels_and_challenges_count_and_the_total_is_the_old_one(learn: Learn, user: UUID) -> None:
    full, half, new = (learn.make_plain_challenge(slug) for slug in ("full", "half", "new"))
    load(learn, user, "full", [5, 4, 3, 2, 1], 480)
    load(learn, user, "half", [1, 2], 70)
    load(learn, user, "new", [], 0)
    assert learn.import_old_progress() == (3, 0, 0)
    assert progress(learn, user, full) == ("completed", 5, [1, 2, 3, 4, 5], True, True, 0)
    assert progress(learn, user, half) == ("in_progress", 2, [1, 2], True, False, 0)
    assert progress(learn, user, new) == ("not_started", 0, [], True, False, 0)
    assert learn.ledger(user) == [(480, "import", "full"), (70, "import", "half")]
    assert learn.stats(user).total_xp == 550
    assert learn.metric(user, "challenges_completed") == 1
    assert learn.metric(user, "challenges_completed", "caching") == 1
    assert learn.metric(user, "challenge_levels_passed") == 7
    assert learn.dashboard(user)["challenges_completed"] == 1
    assert (
        learn.tuples("select imported_at, rejection from learn.old_progress_table")
        == [(learn.clock(), None)] * 3
    )


def test_no_day_becomes_active_and_nobody_is_notified(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    learn.complete_lesson(user, lesson)
    learn.advance(days(1))
    notices, active = learn.notices(user), learn.active_days(user)
    learn.make_achievement({"metric": "challenges_completed", "at_least": 1})
    track = learn.make_track()
    learn.make_plain_challenge("one", levels=1, track=track)
    load(learn, user, "one", [1], 1000)
    learn.import_old_progress()
    assert learn.active_days(user) == active
    assert learn.stats(user).current_streak == 1
    assert learn.notices(user) == notices
    learn.award_xp(user, 5000)
    assert len(learn.notices(user)) > len(notices)


def test_badges_are_earned_and_pay(learn: Learn, user: UUID) -> None:
    badge = learn.make_achievement({"metric": "challenges_completed", "at_least": 2}, xp_reward=25)
    for slug in ("one", "two"):
        learn.make_plain_challenge(slug, levels=1)
        load(learn, user, slug, [1], 10)
    learn.import_old_progress()
    assert badge in learn.badges(user)
    assert learn.stats(user).total_xp == 45


def test_tracks_paths_and_difficulties_are_completed_unpaid(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    track = learn.make_track(difficulty="systems")
    mixed = learn.make_track(lesson, difficulty="concepts")
    path = learn.make_path(track)
    for slug, where in (("one", track), ("two", track), ("three", mixed)):
        learn.make_plain_challenge(slug, levels=2, track=where)
        load(learn, user, slug, [1, 2], 100)
    next_one = learn.make_plain_challenge(
        "next", needs=[learn.value("select id from learn.challenges where slug = 'one'")]
    )
    assert learn.import_old_progress() == (3, 0, 0)
    found = learn.track_progress(user, track)
    assert (found.status, found.items_completed, found.total_items) == ("completed", 2, 2)
    found = learn.track_progress(user, mixed)
    assert (found.status, found.items_completed, found.total_items) == ("in_progress", 1, 2)
    done = learn.path_progress(user, path)
    assert done.completed_at is not None
    assert learn.metric(user, "difficulty_completed", "systems") == 1
    assert learn.stats(user).total_xp == 300
    assert progress(learn, user, next_one)[3] is True
    assert learn.active_days(user) == []
    # What comes afterwards is paid as ever.
    learn.complete_lesson(user, lesson)
    assert ("track_completed", "track", str(mixed.id)) in learn.facts(user)
    assert learn.stats(user).total_xp == 300 + 50 + 200


def test_running_again_pays_nothing_more(learn: Learn, user: UUID) -> None:
    learn.make_plain_challenge("one", levels=2)
    load(learn, user, "one", [1], 40)
    assert learn.import_old_progress() == (1, 0, 0)
    before = (learn.facts(user), learn.ledger(user))
    learn.advance(days(1))
    assert learn.import_old_progress() == (0, 1, 0)
    assert (learn.facts(user), learn.ledger(user)) == before
    learn.run("delete from learn.old_progress_table")
    load(learn, user, "one", [1], 40)
    assert learn.import_old_progress() == (0, 1, 0)
    assert (learn.facts(user), learn.ledger(user)) == before


def test_what_has_grown_is_paid_by_the_difference(learn: Learn, user: UUID) -> None:
    challenge = learn.make_plain_challenge("one", levels=2)
    load(learn, user, "one", [1], 40)
    learn.import_old_progress()
    learn.run("update learn.old_progress_table set completed_levels = '{2,1}', total_xp = 100")
    assert learn.import_old_progress() == (1, 0, 0)
    assert learn.ledger(user) == [(40, "import", "one"), (60, "import", "one")]
    assert progress(learn, user, challenge)[0] == "completed"
    assert learn.metric(user, "challenge_levels_passed") == 2


@pytest.mark.parametrize(("levels", "xp"), [([1], 100), ([1, 2], 99), ([], 100)])
def test_what_has_shrunk_is_rejected(learn: Learn, user: UUID, levels: list[int], xp: int) -> None:
    learn.make_plain_challenge("one")
    load(learn, user, "one", [1, 2], 100)
    learn.import_old_progress()
    learn.run("update learn.old_progress_table set completed_levels = %s, total_xp = %s", [levels, xp])
    assert learn.import_old_progress() == (0, 0, 1)
    assert "with more" in rejections(learn)[0]
    assert learn.stats(user).total_xp == 100
    with learn.refuses("LX001"):
        learn.run(
            "update learn.imported_challenge_progress set completed_levels = %s, total_xp = %s", [levels, xp]
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user": None}, "user_id is null"),
        ({"user": UUID(int=7)}, "unknown user"),
        ({"problem": None}, "problem_id is null"),
        ({"problem": "no-such"}, "unknown challenge"),
        ({"levels": None}, "completed_levels is null"),
        ({"levels": [1, None]}, "completed_levels has something else than levels 1 to 5"),
        ({"levels": [0]}, "completed_levels has something else than levels 1 to 5"),
        ({"levels": [1, 6]}, "completed_levels has something else than levels 1 to 5"),
        ({"levels": [1, 2, 1]}, "completed_levels has a level twice"),
        ({"xp": None}, "total_xp is null"),
        ({"xp": -1}, "total_xp is negative"),
    ],
)
def test_rows_that_make_no_sense_stay_with_the_reason(
    learn: Learn, change: dict[str, Any], reason: str
) -> None:
    user = learn.make_user()
    learn.make_plain_challenge("one")
    learn.make_plain_challenge("two")
    good = {"user": user, "problem": "one", "levels": [1], "xp": 10}
    load(learn, *{**good, **change}.values())
    load(learn, user, "two", [1], 20)
    assert learn.import_old_progress() == (1, 0, 1)
    assert rejections(learn) == [reason, None]
    assert learn.stats(user).total_xp == 20
    # Corrected, it is imported by the next run.
    learn.run(
        "update learn.old_progress_table set user_id = %s, problem_id = 'one', completed_levels = '{1}',"
        " total_xp = 10 where rejection is not null",
        [user],
    )
    assert learn.import_old_progress() == (1, 1, 0)
    assert rejections(learn) == [None, None]
    assert learn.stats(user).total_xp == 30


def test_of_two_rows_for_the_same_the_first_good_one_is_imported(learn: Learn, user: UUID) -> None:
    learn.make_plain_challenge("one")
    load(learn, user, "one", [1], -1)
    first = load(learn, user, "one", [1], 10)
    load(learn, user, "one", [1, 2], 20)
    assert learn.import_old_progress() == (1, 0, 2)
    assert rejections(learn) == [
        "total_xp is negative",
        None,
        f"row {first} is of the same user and challenge",
    ]
    assert learn.stats(user).total_xp == 10


def test_an_empty_table_imports_nothing(learn: Learn) -> None:
    assert learn.import_old_progress() == (0, 0, 0)


def test_levels_go_on_where_the_import_ended(learn: Learn, user: UUID) -> None:
    challenge = learn.make_plain_challenge("one", levels=3)
    load(learn, user, "one", [1, 2], 75)
    learn.import_old_progress()
    assert learn.pass_level(user, challenge, 2).xp_awarded == 0
    assert learn.pass_level(user, challenge, 3).xp_awarded == 20 + 100
    assert progress(learn, user, challenge) == ("completed", 3, [1, 2, 3], True, True, 2)


def test_what_was_passed_here_before_is_not_told_again(learn: Learn, user: UUID) -> None:
    challenge = learn.make_plain_challenge("one", levels=2)
    learn.pass_level(user, challenge, 1)
    load(learn, user, "one", [1, 2], 90)
    learn.import_old_progress()
    assert progress(learn, user, challenge) == ("completed", 2, [1, 2], True, True, 1)
    assert len(learn.facts(user, "challenge_level_passed")) == 2
    assert learn.stats(user).total_xp == 20 + 90


def test_a_locked_challenge_that_was_played_elsewhere_is_unlocked(learn: Learn, user: UUID) -> None:
    challenge = learn.make_plain_challenge("one", needs=[learn.make_plain_challenge()])
    load(learn, user, "one", [1], 5)
    learn.import_old_progress()
    assert progress(learn, user, challenge)[3] is True
    learn.pass_level(user, challenge, 2)


def test_levels_that_go_later_complete_an_imported_challenge(learn: Learn, user: UUID) -> None:
    challenge = learn.make_plain_challenge("one", levels=3)
    load(learn, user, "one", [1, 2], 5)
    learn.import_old_progress()
    learn.run("delete from learn.challenge_levels where level_number = 3")
    assert progress(learn, user, challenge)[0] == "completed"


def test_a_challenge_without_levels_is_completed_by_all_five(learn: Learn, user: UUID) -> None:
    one, two = learn.make_plain_challenge("one", levels=0), learn.make_plain_challenge("two", levels=0)
    load(learn, user, "one", [1, 2, 3, 4, 5], 5)
    load(learn, user, "two", [1, 2, 3, 4], 5)
    learn.import_old_progress()
    assert (progress(learn, user, one)[0], progress(learn, user, two)[0]) == ("completed", "in_progress")


def test_rows_of_the_owner_do_the_same(learn: Learn) -> None:
    one, two = learn.make_user(), learn.make_user()
    challenge = learn.make_plain_challenge("one", levels=2)
    load(learn, one, "one", [1, 2], 60)
    learn.import_old_progress()
    learn.run(
        "insert into learn.imported_challenge_progress (user_id, challenge_id, completed_levels, total_xp)"
        " values (%s, %s, '{2,1}', 60)",
        [two, challenge],
    )
    assert progress(learn, one, challenge) == progress(learn, two, challenge)
    assert learn.facts(one) == learn.facts(two)
    assert learn.ledger(one) == learn.ledger(two)
    learn.run("delete from learn.imported_challenge_progress where user_id = %s", [two])
    assert progress(learn, two, challenge)[1:3] == (0, [])


def test_bulk_is_the_same_as_one_by_one(learn: Learn) -> None:
    users = [learn.make_user() for _ in range(30)]
    track = learn.make_track()
    slugs = [f"bulk-{number}" for number in range(4)]
    for slug in slugs:
        learn.make_plain_challenge(slug, levels=3, track=track)

    def rows(of: Sequence[UUID]) -> None:
        for user in of:
            for number, slug in enumerate(slugs):
                load(learn, user, slug, list(range(1, 4 - number % 2)), 10 * number)

    for user in users[:3]:
        rows([user])
        learn.import_old_progress()
    rows(users[3:])
    assert learn.import_old_progress() == (27 * 4, 12, 0)
    for user in users[1:]:
        assert sorted(learn.facts(user), key=str) == sorted(learn.facts(users[0]), key=str)
        assert learn.stats(user) == learn.stats(users[0])


def test_a_rebuild_keeps_what_was_imported(learn: Learn, user: UUID) -> None:
    track = learn.make_track()
    for slug, levels in (("one", [1, 2]), ("two", [1]), ("three", [])):
        learn.make_plain_challenge(slug, levels=2, track=track)
        load(learn, user, slug, levels, 10)
    learn.import_old_progress()
    columns = (
        "select challenge_id, status, current_level, levels_completed, unlocked_at, started_at, completed_at"
        " from learn.user_challenge_progress order by challenge_id"
    )
    before, facts = learn.tuples(columns), learn.facts(user)
    learn.run("set local session_replication_role = replica")
    learn.run("delete from learn.user_challenge_progress")
    learn.run("set local session_replication_role = origin")
    assert "challenge_progress_follows_from_attempts" in {row.check_name for row in learn.check_integrity()}
    learn.rebuild_user(user)
    assert learn.tuples(columns) == before
    assert learn.facts(user) == facts


def test_missing_payment_is_found(learn: Learn, user: UUID) -> None:
    learn.make_plain_challenge("one")
    learn.run("set local session_replication_role = replica")
    learn.run(
        "insert into learn.imported_challenge_progress (user_id, challenge_id, total_xp)"
        " select %s, id, 5 from learn.challenges",
        [user],
    )
    learn.run("set local session_replication_role = origin")
    assert "imported_progress_is_paid" in {row.check_name for row in learn.check_integrity()}
    learn.run("delete from learn.imported_challenge_progress")


def test_no_app_role_imports(learn: Learn) -> None:
    for role in ("learn_app", "learn_readonly"):
        with learn.role(role):
            for statement in (
                "select learn.import_old_progress()",
                "insert into learn.old_progress_table default values",
                "delete from learn.imported_challenge_progress",
            ):
                with learn.fails("42501"):
                    learn.run(statement)


def test_rules_that_pay_for_levels_and_challenges_pay_nothing_for_imported_ones(learn: Learn) -> None:
    user = learn.make_user()
    learn.run(
        "insert into learn.xp_rules (activity_type, amount) values"
        " ('challenge_level_passed', 7), ('challenge_completed', 9), ('path_completed', 11)"
    )
    track = learn.make_track()
    learn.make_path(track)
    learn.make_plain_challenge("one", levels=1, track=track)
    load(learn, user, "one", [1], 30)
    learn.import_old_progress()
    assert learn.ledger(user) == [(30, "import", "one")]
