"""Users: registering, what comes with a row, uniqueness, time zones, password hashes."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.client import Learn, Stats, days, moment

FRESH = Stats(0, 1, 1, 0, 0, 0, None, 0)


def test_a_registered_user_has_what_was_told_and_defaults(learn: Learn) -> None:
    user = learn.register_user(
        "ada", email="Ada@Example.org", timezone="Europe/London", locale="en-GB", display_name="Ada L."
    )
    rows = learn.tuples(
        "select username, email, timezone, locale, display_name, role, skill_level, preferences, is_active,"
        " is_verified, onboarding_completed, show_on_leaderboard, selected_avatar_id, last_login_at,"
        " created_at from learn.users where id = %s",
        [user],
    )
    assert rows == [
        (
            *("ada", "Ada@Example.org", "Europe/London", "en-GB", "Ada L.", "user", "beginner", {}, True),
            *(False, False, True, None, None, moment("2035-06-13 12:00")),
        )
    ]


def test_only_the_name_is_required(learn: Learn) -> None:
    user = learn.register_user("ada")
    assert learn.tuples("select email, timezone, locale from learn.users where id = %s", [user]) == [
        (None, "UTC", "en")
    ]


def test_a_user_comes_with_stats_a_fact_and_a_welcome(learn: Learn) -> None:
    user = learn.register_user("ada")
    assert learn.stats(user) == FRESH
    assert learn.facts(user) == [
        ("user_registered", None, None),
        ("achievement_earned", "achievement", "welcome-aboard"),
    ]
    assert learn.badges(user) == ["welcome-aboard"]


def test_a_row_written_straight_into_users_comes_with_the_same(learn: Learn) -> None:
    user = learn.value("insert into learn.users (username) values ('ada') returning id")
    assert learn.stats(user) == FRESH
    assert learn.badges(user) == ["welcome-aboard"]


def test_an_imported_account_is_as_old_as_it_says(learn: Learn) -> None:
    user = learn.value(
        "insert into learn.users (username, created_at) values ('ada', '2001-02-03 04:05+00') returning id"
    )
    assert learn.value(
        "select occurred_at from learn.activity_log where user_id = %s and activity_type = 'user_registered'",
        [user],
    ) == moment("2001-02-03 04:05")


@pytest.mark.parametrize("name", [None, "", "   ", "x" * 101])
def test_a_name_is_not_blank_or_endless(learn: Learn, name: str | None) -> None:
    with learn.refuses("LX001"):
        learn.register_user(name)


@pytest.mark.parametrize("name", ["ada", "ADA", "Ada"])
def test_a_name_is_taken_without_regard_to_case(learn: Learn, name: str) -> None:
    learn.register_user("Ada")
    with learn.refuses("LX001") as refusal:
        learn.register_user(name)
    assert "username" in refusal.detail


@pytest.mark.parametrize("email", ["ada@example.org", "ADA@EXAMPLE.ORG"])
def test_an_email_is_taken_without_regard_to_case(learn: Learn, email: str) -> None:
    learn.register_user("one", email="Ada@Example.org")
    with learn.refuses("LX001") as refusal:
        learn.register_user("two", email=email)
    assert "email" in refusal.detail


def test_many_users_may_have_no_email(learn: Learn) -> None:
    learn.register_user("one")
    learn.register_user("two")


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.org", "a da@example.org", "x" * 320 + "@b.c"])
def test_an_email_looks_like_one(learn: Learn, email: str) -> None:
    with learn.refuses("LX001"):
        learn.register_user("ada", email=email)


@pytest.mark.parametrize("locale", ["", "e", "english!", "en-"])
def test_a_locale_is_a_language_tag(learn: Learn, locale: str) -> None:
    with learn.refuses("LX001"):
        learn.register_user("ada", locale=locale)


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "GMT",
        "Europe/Paris",
        "America/Argentina/Buenos_Aires",
        "Etc/GMT+5",
        "Asia/Kolkata",
        "Pacific/Apia",
    ],
)
def test_a_time_zone_is_an_iana_name(learn: Learn, zone: str) -> None:
    learn.register_user("ada", timezone=zone)


@pytest.mark.parametrize(
    "zone",
    [
        "",
        " ",
        "Mars/Olympus",
        "Europe/Atlantis+3",
        "UTC+3",
        "+03:00",
        "CEST-2",
        "<+03>-3",
        "5",
        "Europe/Paris ",
    ],
)
def test_what_is_no_iana_name_is_refused(learn: Learn, zone: str) -> None:
    with learn.refuses("LX001"):
        learn.register_user("ada", timezone=zone)
    user = learn.make_user()
    with learn.refuses("LX001"):
        learn.run("update learn.users set timezone = %s where id = %s", [zone, user])


def test_one_bad_time_zone_stops_a_whole_import(learn: Learn) -> None:
    with learn.refuses("LX001"):
        learn.run(
            "insert into learn.users (username, timezone) values ('one', 'UTC'), ('two', 'Mars/Olympus')"
        )


@pytest.mark.parametrize(
    ("column", "value", "same"),
    [
        ("evm_address", "0x" + "aB" * 20, "0x" + "Ab" * 20),
        ("hedera_account_id", "0.0.1234", "0.0.1234"),
        ("username", "Grace", "grace"),
        ("email", "Grace@example.org", "grace@EXAMPLE.org"),
    ],
)
def test_what_names_a_user_is_unique_without_regard_to_case(
    learn: Learn, column: str, value: str, same: str
) -> None:
    one, two = learn.make_user(), learn.make_user()
    learn.run(f"update learn.users set {column} = %s where id = %s", [value, one])
    with learn.fails("23505"):
        learn.run(f"update learn.users set {column} = %s where id = %s", [same, two])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("role", "king"),
        ("skill_level", "expert"),
        ("evm_address", "0x12"),
        ("hedera_account_id", "1234"),
        ("preferences", "[]"),
    ],
)
def test_columns_hold_what_they_are_for(learn: Learn, user: UUID, column: str, value: str) -> None:
    with learn.fails("23514"):
        learn.run(f"update learn.users set {column} = %s where id = %s", [value, user])


def test_a_changed_row_says_when(learn: Learn, user: UUID) -> None:
    later = learn.advance(days(1))
    learn.run("update learn.users set bio = 'Counts.' where id = %s", [user])
    assert learn.value("select updated_at from learn.users where id = %s", [user]) == later


def test_every_call_for_an_inactive_user_is_refused(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(1)
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.start_lesson(user, lesson)
    with learn.refuses("LX004"):
        learn.complete_lesson(user, lesson)
    with learn.refuses("LX004"):
        learn.submit_query(user, lesson.exercises[0])
    learn.run("update learn.users set is_active = true where id = %s", [user])
    assert learn.submit_query(user, lesson.exercises[0]).xp_awarded > 0


# ── password hashes ────────────────────────────────────────────────────────────────────────────────────────


def test_a_password_hash_is_kept_and_replaced(learn: Learn, user: UUID) -> None:
    assert learn.get_password_hash(user) is None
    learn.set_password_hash(user, "$argon2id$one")
    assert learn.get_password_hash(user) == "$argon2id$one"
    learn.set_password_hash(user, "$argon2id$two")
    assert learn.get_password_hash(user) == "$argon2id$two"


def test_nobody_inactive_or_unknown_has_a_password(learn: Learn, user: UUID) -> None:
    learn.set_password_hash(user, "$argon2id$one")
    learn.run("update learn.users set is_active = false where id = %s", [user])
    assert learn.get_password_hash(user) is None
    assert learn.get_password_hash(uuid4()) is None


@pytest.mark.parametrize("password_hash", [None, "", " "])
def test_a_password_hash_is_not_blank(learn: Learn, user: UUID, password_hash: str | None) -> None:
    with learn.refuses("LX001"):
        learn.set_password_hash(user, password_hash)


@pytest.mark.parametrize("unknown", [None, uuid4()])
def test_a_password_hash_belongs_to_a_known_user(learn: Learn, unknown: UUID | None) -> None:
    with learn.refuses("LX002"):
        learn.set_password_hash(unknown, "$argon2id$one")
