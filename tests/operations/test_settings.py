"""Platform settings, and the clock that everything goes by."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn, days


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("learner_claim", "sub"),
        ("max_event_age_days", 30),
        ("speed_runner_seconds", 60),
        ("streak_freeze_every_days", 0),
        ("streak_freeze_maximum", 2),
        ("outbox_timeout_seconds", 300),
        ("outbox_retry_seconds", 60),
        ("outbox_max_attempts", 10),
        ("nft_minting_enabled", False),
        ("hashscan_url", "https://hashscan.io/testnet"),
        ("faucet_interval_hours", 24),
        ("faucet_max_hbar", 100),
        ("issuer_name", ""),
        ("issuer_url", ""),
        ("credential_url", ""),
    ],
)
def test_the_settings_have_their_documented_defaults(learn: Learn, key: str, value: Any) -> None:
    rows = learn.tuples(
        "select value, value_type, description <> '' from learn.platform_settings where key = %s", [key]
    )
    kind = {bool: "boolean", int: "number", str: "string"}[type(value)]
    assert rows == [(value, kind, True)]


@pytest.mark.parametrize("value", ["60", True, None, [60], {"seconds": 60}, -1])
def test_a_setting_keeps_its_type(learn: Learn, value: Any) -> None:
    with learn.fails("23514"):
        learn.set_setting("speed_runner_seconds", value)


def test_a_setting_of_another_type_may_be_added(learn: Learn) -> None:
    learn.run(
        "insert into learn.platform_settings (key, value, value_type) values ('greeting', %s, 'string')",
        [Jsonb("hello")],
    )


def test_a_setting_that_is_missing_is_named(learn: Learn, user: UUID) -> None:
    learn.run("delete from learn.platform_settings where key = 'max_event_age_days'")
    with learn.refuses("LX003") as refusal:
        learn.award_xp(user, 1, at="2035-06-13 11:00")
    assert "max_event_age_days" in refusal.detail
    assert learn.award_xp(user, 1).xp_awarded == 1  # asks for no time


def test_the_clock_shows_the_start_of_the_transaction(learn: Learn) -> None:
    learn.set_clock(None)
    assert learn.clock() == learn.value("select now()")


def test_a_stopped_clock_stands_until_it_is_let_go(learn: Learn) -> None:
    noon = learn.set_clock("2035-06-13 12:00")
    assert learn.clock() == noon
    assert learn.set_clock("2001-01-01 00:00") == noon.replace(year=2001, month=1, day=1, hour=0)
    learn.set_clock(None)
    assert learn.clock() == learn.value("select now()")


def test_everything_goes_by_the_clock(learn: Learn) -> None:
    now = learn.advance(days(100))
    user = learn.make_user()
    learn.solve(user, learn.make_lesson(1))
    learn.award_xp(user, 1, key="k")
    times = {
        "users": "created_at",
        "activity_log": "recorded_at",
        "xp_transactions": "created_at",
        "user_achievements": "earned_at",
        "query_submissions": "submitted_at",
        "user_lesson_progress": "completed_at",
        "idempotency_keys": "created_at",
    }
    for table, column in times.items():
        owner = "id" if table == "users" else "user_id"
        found = learn.tuples(f"select distinct {column} from learn.{table} where {owner} = %s", [user])
        assert found == [(now,)], table


@pytest.mark.parametrize("key", ["nft_minting_enabled", "issuer_name", "hashscan_url", "faucet_max_hbar"])
def test_a_setting_that_credentials_miss_is_named(learn: Learn, user: UUID, key: str) -> None:
    course = learn.value("insert into learn.courses (slug, title) values ('c', 'C') returning id")
    learn.run("delete from learn.platform_settings where key = %s", [key])
    with learn.refuses("LX003") as refusal:
        if key == "nft_minting_enabled":
            learn.run(
                "insert into learn.nft_certificates (user_id, course_id) values (%s, %s)", [user, course]
            )
        elif key == "issuer_name":
            learn.achievement_credential(user, "welcome-aboard")
        elif key == "hashscan_url":
            learn.record_transaction(user, "t-1")
        else:
            learn.request_faucet(user, "0.0.1")
    assert key in refusal.detail
