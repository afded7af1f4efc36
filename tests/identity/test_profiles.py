"""Profiles: what users say of themselves, wallets, verified emails, logins. All of it as a backend."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Learn, moment

WALLET, OTHER = "0x52908400098527886E0F7030069857D2E4169EE7", "0x" + "ab" * 20
PROFILE = {
    "username": "Ada",
    "email": "ada@example.org",
    "display_name": "Ada L.",
    "avatar_url": "/ada.png",
    "avatar_emoji": "🦉",
    "bio": "I like joins.",
    "locale": "fil",
    "timezone": "Asia/Manila",
    "skill_level": "advanced",
    "hedera_account_id": "0.0.1234",
    "preferences": {"theme": "dark"},
    "onboarding_completed": True,
    "show_on_leaderboard": False,
}


@pytest.fixture(autouse=True)
def backend(learn: Learn) -> None:
    learn.caller = "learn_app"


def row(learn: Learn, user: UUID) -> dict[str, Any]:
    (found,) = learn.dicts("select * from learn.users where id = %s", [user])
    return found


def test_a_user_says_everything_of_themselves(learn: Learn, user: UUID) -> None:
    facts = learn.facts(user)
    assert learn.update_profile(user, PROFILE) == AwardSummary(user, 0, 0, 1, False, 0, [], {}, False)
    assert {name: row(learn, user)[name] for name in PROFILE} == PROFILE
    assert learn.facts(user) == facts


def test_what_is_not_said_stays_and_null_takes_away(learn: Learn, user: UUID) -> None:
    learn.update_profile(user, PROFILE)
    learn.update_profile(user, {"bio": None, "preferences": {}, "email": None})
    expected = PROFILE | {"bio": None, "preferences": {}, "email": None}
    assert {name: row(learn, user)[name] for name in PROFILE} == expected
    before = row(learn, user)
    learn.update_profile(user, {})
    assert row(learn, user) == before


@pytest.mark.parametrize(
    "profile",
    [
        None,
        [],
        "bio",
        {"nickname": "ada"},
        {"bio": 5},
        {"bio": ["a"]},
        {"bio": "x" * 10001},
        {"username": None},
        {"username": " "},
        {"username": "x" * 101},
        {"username": "grace"},
        {"email": "no"},
        {"email": "GRACE@example.org"},
        {"locale": None},
        {"locale": "english!"},
        {"timezone": "Mars/Olympus"},
        {"timezone": None},
        {"day_starts_at": "abc"},
        {"day_starts_at": "25:00"},
        {"day_starts_at": "06:01"},
        {"day_starts_at": None},
        {"skill_level": "expert"},
        {"hedera_account_id": "1234"},
        {"hedera_account_id": "0.0.77"},
        {"preferences": []},
        {"preferences": None},
        {"preferences": {"x": "y" * 70000}},
        {"onboarding_completed": None},
        {"onboarding_completed": "yes"},
        {"show_on_leaderboard": 1},
        {"bio": "fine", "locale": ""},
    ],
)
def test_what_makes_no_sense_changes_nothing(learn: Learn, user: UUID, profile: Any) -> None:
    learn.update_profile(learn.make_user("Grace", email="grace@example.org"), {"hedera_account_id": "0.0.77"})
    before = row(learn, user)
    with learn.refuses("LX001"):
        learn.update_profile(user, profile)
    assert row(learn, user) == before


@pytest.mark.parametrize(
    "profile",
    [
        {"role": "admin"},
        {"is_active": False},
        {"is_verified": True},
        {"id": str(uuid4())},
        {"created_at": "2001-01-01"},
        {"last_login_at": None},
        {"last_active_at": None},
        {"selected_avatar_id": 1},
        {"evm_address": WALLET},
        {"bio": "fine", "role": "moderator"},
    ],
)
def test_what_is_not_the_users_to_say_is_refused(learn: Learn, user: UUID, profile: Any) -> None:
    before = row(learn, user)
    with learn.refuses("LX010"):
        learn.update_profile(user, profile)
    assert row(learn, user) == before


def test_a_changed_time_zone_counts_from_now_on(learn: Learn, user: UUID) -> None:
    learn.set_clock("2035-06-13 20:00")
    learn.update_profile(user, {"timezone": "Asia/Manila"})
    learn.complete_lesson(user, learn.make_lesson(0))
    assert [str(day) for day, _ in learn.active_days(user)] == ["2035-06-14"]


# ── emails ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_email_is_verified_until_it_changes(learn: Learn, user: UUID) -> None:
    learn.update_profile(user, {"email": "Ada@example.org"})
    assert not row(learn, user)["is_verified"]
    for _ in range(2):
        learn.verify_email(user, "ada@EXAMPLE.org")
        assert row(learn, user)["is_verified"]
    learn.update_profile(user, {"email": "ada@example.org", "bio": "x"})
    assert row(learn, user)["is_verified"]
    learn.update_profile(user, {"email": "new@example.org"})
    assert not row(learn, user)["is_verified"]
    with learn.refuses("LX001"):
        learn.verify_email(user, "ada@example.org")


def test_only_the_users_own_email_is_verified(learn: Learn, user: UUID) -> None:
    for email in ("ada@example.org", None, ""):
        with learn.refuses("LX001"):
            learn.verify_email(user, email)


# ── wallets ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wallet_is_linked_as_it_was_written(learn: Learn, user: UUID) -> None:
    learn.link_wallet(user, WALLET, "nonce-1")
    assert row(learn, user)["evm_address"] == WALLET
    learn.link_wallet(user, OTHER, "nonce-2")
    assert row(learn, user)["evm_address"] == OTHER
    learn.update_profile(user, {"evm_address": None})
    assert row(learn, user)["evm_address"] is None


def test_a_nonce_serves_once_for_ever(learn: Learn, user: UUID) -> None:
    other = learn.make_user()
    learn.link_wallet(user, WALLET, "nonce-1")
    for who, address in ((user, WALLET), (user, OTHER), (other, OTHER)):
        with learn.refuses("LX010"):
            learn.link_wallet(who, address, "nonce-1")
    learn.run("delete from learn.users where id = %s", [user])
    with learn.refuses("LX010"):
        learn.link_wallet(other, WALLET, "nonce-1")


def test_a_refused_link_leaves_the_nonce_unused(learn: Learn, user: UUID) -> None:
    learn.link_wallet(learn.make_user(), WALLET, "nonce-1")
    with learn.refuses("LX001") as refusal:
        learn.link_wallet(user, WALLET.lower(), "nonce-2")
    assert WALLET.lower() in refusal.detail
    learn.link_wallet(user, OTHER, "nonce-2")


@pytest.mark.parametrize(
    ("address", "nonce"),
    [
        (None, "n"),
        ("", "n"),
        (WALLET[:-1], "n"),
        (WALLET + "0", "n"),
        (WALLET[2:] + "00", "n"),
        (WALLET[:-1] + "g", "n"),
        (WALLET, None),
        (WALLET, ""),
        (WALLET, "a b"),
        (WALLET, "x" * 201),
    ],
)
def test_a_malformed_address_or_nonce_is_refused(
    learn: Learn, user: UUID, address: str | None, nonce: str | None
) -> None:
    with learn.refuses("LX001"):
        learn.link_wallet(user, address, nonce)


@pytest.mark.parametrize(
    ("column", "value"), [("evm_address", WALLET), ("email", "ada@example.org"), ("username", "Ada")]
)
def test_users_are_found_by_index_as_people_write_it(learn: Learn, column: str, value: str) -> None:
    learn.run("set local enable_seqscan = off")
    plan = "\n".join(
        learn.values(f"explain (costs off) select id from learn.users where {column} = %s", [value])
    )
    assert f"users_{column}" in plan, plan


# ── logins ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_login_is_stamped_and_is_no_learning(learn: Learn, user: UUID) -> None:
    learn.set_clock("2035-06-13 12:00")
    learn.record_login(user)
    learn.record_login(user, at="2035-06-13 11:00")
    assert (row(learn, user)["last_login_at"], row(learn, user)["last_active_at"]) == (
        moment("2035-06-13 12:00"),
        moment("2035-06-13 12:00"),
    )
    assert learn.dashboard(user)["last_login_at"] == moment("2035-06-13 12:00")
    assert learn.active_days(user) == []


# ── all of them ────────────────────────────────────────────────────────────────────────────────────────────

CALLS: dict[str, list[Any]] = {
    "update_profile": [{"bio": "x"}],
    "verify_email": ["ada@example.org"],
    "link_wallet": [WALLET, "nonce-1"],
    "record_login": [],
}


@pytest.mark.parametrize("function", CALLS)
def test_they_are_calls_like_others(learn: Learn, user: UUID, function: str) -> None:
    learn.update_profile(user, {"email": "ada@example.org"})
    assert learn.call(function, user, *CALLS[function], key="key").replayed is False
    assert learn.call(function, user, *CALLS[function], key="key").replayed is True
    with learn.refuses("LX002"):
        learn.call(function, uuid4(), *CALLS[function])
    with learn.refuses("LX001"):
        learn.call(function, user, *CALLS[function], at="2099-01-01")
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.call(function, user, *CALLS[function])
    with learn.role("learn_readonly"), learn.fails("42501"):
        learn.call(function, user, *CALLS[function])
