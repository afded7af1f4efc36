"""The faucet: limits per user and account, and the worker that pays."""

from __future__ import annotations

from datetime import timezone
from decimal import Decimal
from ipaddress import ip_address
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, days, moment, seconds

NOON = moment("2035-06-13 12:00")
DAY = days(1)
STATES = ("pending", "submitted", "completed", "failed")
FORWARD = {
    ("pending", "submitted"),
    ("pending", "failed"),
    ("submitted", "completed"),
    ("submitted", "failed"),
}
WAYS = {
    "pending": (),
    "submitted": ("submitted",),
    "completed": ("submitted", "completed"),
    "failed": ("failed",),
}


def newest(learn: Learn, user: UUID) -> int:
    return int(
        learn.value(
            "select id from learn.faucet_requests where user_id = %s order by id desc limit 1", [user]
        )
    )


def count(learn: Learn) -> int:
    return int(learn.value("select count(*) from learn.faucet_requests"))


def test_a_request_waits_for_a_worker(learn: Learn, user: UUID) -> None:
    summary = learn.request_faucet(user, "0.0.1234", "12.5", "2001:db8::7")
    assert (summary.user_id, summary.xp_awarded, summary.replayed) == (user, 0, False)
    number = newest(learn, user)
    assert learn.tuples(
        "select user_id, hedera_account_id, amount_hbar, tx_id, status, requested_at, limited_until,"
        " completed_at, request_ip from learn.faucet_requests"
    ) == [
        (
            *(user, "0.0.1234", Decimal("12.5"), None, "pending", NOON, NOON + DAY, None),
            ip_address("2001:db8::7"),
        )
    ]
    (message,) = learn.outbox()
    assert (message.topic, message.payload) == ("faucet", {"user_id": str(user), "request_id": number})


@pytest.mark.parametrize("amount", ["0.00000001", "1", "100", "100.00000000"])
def test_amounts_up_to_the_maximum_are_served(learn: Learn, user: UUID, amount: str) -> None:
    learn.request_faucet(user, "0.0.1", amount)
    assert learn.value("select amount_hbar from learn.faucet_requests") == Decimal(amount)


@pytest.mark.parametrize(
    "amount", [None, "0", "-1", "100.00000001", "0.000000001", "NaN", "Infinity", "1e30"]
)
def test_other_amounts_are_refused(learn: Learn, user: UUID, amount: str | None) -> None:
    with learn.refuses("LX001"):
        learn.request_faucet(user, "0.0.1", amount)


@pytest.mark.parametrize(
    "account",
    [
        *[None, "", "1234", "0.0", "0.0.", "0.0.1.2", "0.0.x", " 0.0.1", "0.0.1\n", "0.0.-1", "0.0.01"],
        *["00.0.1", "0x" + "a" * 40, "0.0." + "9" * 20],
    ],
)
def test_malformed_accounts_are_refused(learn: Learn, user: UUID, account: str | None) -> None:
    with learn.refuses("LX001"):
        learn.request_faucet(user, account)


def test_unknown_and_inactive_users_get_nothing(learn: Learn, user: UUID) -> None:
    with learn.refuses("LX002"):
        learn.request_faucet(UUID(int=0), "0.0.1")
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.request_faucet(user, "0.0.1")


def test_a_user_waits_to_the_second(learn: Learn, user: UUID) -> None:
    learn.request_faucet(user, "0.0.1")
    learn.set_clock(NOON + DAY - seconds(1))
    for account in ("0.0.1", "0.0.2"):
        with learn.refuses("LX008") as refusal:
            learn.request_faucet(user, account)
        assert "2035-06-14T12:00:00" in refusal.detail
    learn.set_clock(NOON + DAY)
    learn.request_faucet(user, "0.0.2")
    with learn.refuses("LX008"):
        learn.request_faucet(user, "0.0.3")
    assert count(learn) == 2


def test_an_account_waits_whoever_asks(learn: Learn, user: UUID) -> None:
    learn.request_faucet(user, "0.0.1")
    other = learn.make_user()
    learn.set_clock(NOON + DAY - seconds(0.000001))
    with learn.refuses("LX008") as refusal:
        learn.request_faucet(other, "0.0.1")
    assert "2035-06-14T12:00:00" in refusal.detail
    assert str(user) not in refusal.detail
    learn.request_faucet(other, "0.0.2")
    learn.set_clock(NOON + DAY)
    learn.request_faucet(learn.make_user(), "0.0.1")


def test_hours_are_hours_when_the_clocks_change(learn: Learn) -> None:
    """On 28 October 2035 the day has 25 hours in Paris."""
    user = learn.make_user(timezone="Europe/Paris")
    learn.run("set local timezone = 'Europe/Paris'")
    start = learn.set_clock(moment("2035-10-27 12:00", "Europe/Paris")).astimezone(timezone.utc)
    learn.request_faucet(user, "0.0.1")
    learn.set_clock(start + seconds(24 * 3600 - 1))
    with learn.refuses("LX008"):
        learn.request_faucet(user, "0.0.1")
    learn.set_clock(start + seconds(24 * 3600))
    learn.request_faucet(user, "0.0.1")


def test_a_failed_request_does_not_count(learn: Learn, user: UUID) -> None:
    learn.request_faucet(user, "0.0.1")
    learn.advance_faucet_request(user, newest(learn, user), "failed", error="no funds")
    learn.request_faucet(user, "0.0.1")
    with learn.refuses("LX008"):
        learn.request_faucet(user, "0.0.1")
    assert count(learn) == 2


def test_the_settings_say_how_much_and_how_often(learn: Learn, user: UUID) -> None:
    learn.set_setting("faucet_max_hbar", 0.5)
    learn.set_setting("faucet_interval_hours", 1.5)
    with learn.refuses("LX001"):
        learn.request_faucet(user, "0.0.1", "0.51")
    learn.request_faucet(user, "0.0.1", "0.5")
    # A request limits by the setting of its own time.
    learn.set_setting("faucet_interval_hours", 0)
    learn.set_clock(NOON + seconds(5399))
    with learn.refuses("LX008"):
        learn.request_faucet(user, "0.0.1", "0.5")
    learn.set_clock(NOON + seconds(5400))
    for _ in range(3):
        learn.request_faucet(user, "0.0.1", "0.5")
    assert count(learn) == 4


def test_a_retry_is_answered_from_its_key(learn: Learn, user: UUID) -> None:
    learn.request_faucet(user, "0.0.1", "5", "192.0.2.1", key="k")
    assert learn.request_faucet(user, "0.0.1", "5.0", "198.51.100.9", key="k").replayed
    assert count(learn) == 1
    with learn.refuses("LX013"):
        learn.request_faucet(user, "0.0.1", "6", key="k")


def test_a_request_is_of_the_moment_in_which_it_comes_in(learn: Learn, user: UUID) -> None:
    """However early it is dated, it limits the next from now on."""
    learn.request_faucet(user, "0.0.1", at=NOON - days(29))
    assert learn.tuples("select requested_at, limited_until from learn.faucet_requests") == [
        (NOON, NOON + DAY)
    ]
    for number in range(28):
        with learn.refuses("LX008") as refusal:
            learn.request_faucet(user, "0.0.1", at=NOON - days(number))
        assert "2035-06-14T12:00:00" in refusal.detail
    assert count(learn) == 1
    with learn.refuses("LX001"):
        learn.request_faucet(learn.make_user(), "0.0.2", at=NOON + seconds(3600))


# ── the worker ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("start", "end"), list(product(STATES, STATES)))
def test_the_status_moves_forward_only(learn: Learn, user: UUID, start: str, end: str) -> None:
    learn.request_faucet(user, "0.0.1")
    request = newest(learn, user)
    for step in WAYS[start]:
        assert learn.advance_faucet_request(user, request, step) is True
    if start == end:
        assert learn.advance_faucet_request(user, request, end) is False
    elif (start, end) in FORWARD:
        assert learn.advance_faucet_request(user, request, end) is True
    else:
        with learn.refuses("LX010"):
            learn.advance_faucet_request(user, request, end)
        with learn.refuses("LX010"):
            learn.run("update learn.faucet_requests set status = %s", [end])
        end = start
    assert learn.tuples("select status, completed_at is not null from learn.faucet_requests") == [
        (end, end == "completed")
    ]


def test_a_worker_pays_a_request(learn: Learn, user: UUID) -> None:
    learn.request_faucet(user, "0.0.77", "10")
    (message,) = learn.claim_outbox(topics=["faucet"])
    request = message.payload["request_id"]
    learn.record_transaction(user, "0.0.2@7.7", "faucet", "10", "0.0.2", "0.0.77")
    assert learn.advance_faucet_request(user, request, "submitted", "0.0.2@7.7") is True
    learn.advance_transaction("0.0.2@7.7", "submitted")
    paid = learn.advance(seconds(4))
    learn.advance_transaction("0.0.2@7.7", "confirmed", paid)
    assert learn.advance_faucet_request(user, request, "completed") is True
    assert learn.complete_outbox([message.id]) == 1
    assert learn.tuples("select status, tx_id, completed_at from learn.faucet_requests") == [
        ("completed", "0.0.2@7.7", paid)
    ]


def test_a_request_has_one_transaction_of_its_user(learn: Learn, user: UUID) -> None:
    learn.request_faucet(user, "0.0.1")
    request = newest(learn, user)
    learn.record_transaction(user, "t-1")
    learn.record_transaction(user, "t-2")
    learn.record_transaction(learn.make_user(), "t-3")
    for unknown in ("t-3", "t-4"):
        with learn.refuses("LX003"):
            learn.advance_faucet_request(user, request, "submitted", unknown)
    assert learn.advance_faucet_request(user, request, "submitted", "t-1") is True
    assert learn.advance_faucet_request(user, request, "submitted", "t-1") is False
    with learn.refuses("LX010"):
        learn.advance_faucet_request(user, request, "submitted", "t-2")
    for other in (request + 1, None):
        with learn.refuses("LX003"):
            learn.advance_faucet_request(user, other, "submitted")
    with learn.refuses("LX003"):
        learn.advance_faucet_request(learn.make_user(), request, "completed")
    for status in ("confirmed", None):
        with learn.refuses("LX001"):
            learn.advance_faucet_request(user, request, status)


# ── rows by the owner ─────────────────────────────────────────────────────────────────────────────────────


def insert(learn: Learn, *rows: tuple[UUID, str, str, str]) -> None:
    """(user, account, time, status), 5 hbar each, in one statement."""
    with learn.connection.cursor() as cursor:
        values = ", ".join(["(%s, %s, %s, %s, 5)"] * len(rows))
        cursor.execute(
            "insert into learn.faucet_requests (user_id, hedera_account_id, requested_at, status,"
            f" amount_hbar) values {values}".encode(),
            [value for row in rows for value in row],
        )


def test_rows_by_the_owner_ask_a_worker_too(learn: Learn, user: UUID) -> None:
    insert(learn, (user, "0.0.1", "2035-06-13 12:00Z", "pending"))
    assert learn.value("select limited_until from learn.faucet_requests") == NOON + DAY
    assert [message.payload["request_id"] for message in learn.outbox("faucet")] == [newest(learn, user)]


def test_rows_by_the_owner_keep_the_limits(learn: Learn, user: UUID) -> None:
    other, third = learn.make_user(), learn.make_user()
    for rows in (
        [(user, "0.0.1", "2035-06-13 12:00Z", "pending"), (user, "0.0.2", "2035-06-12 12:00:01Z", "pending")],
        [(user, "0.0.1", "2035-05-13 12:00Z", "pending"), (user, "0.0.2", "2035-04-12 12:00:01Z", "pending")],
        [(user, "0.0.1", "2035-06-12 12:01Z", "pending"), (other, "0.0.1", "2035-06-13 12:00Z", "completed")],
    ):
        with learn.refuses("LX008"):
            insert(learn, *rows)
    with learn.refuses("LX001"):
        learn.run(
            "insert into learn.faucet_requests (user_id, hedera_account_id, amount_hbar)"
            " values (%s, '0.0.1', 100.1)",
            [user],
        )
    insert(
        learn,
        (user, "0.0.1", "2034-06-12 12:00Z", "completed"),
        (user, "0.0.1", "2034-06-13 12:00Z", "completed"),
        (user, "0.0.1", "2034-06-13 12:00Z", "failed"),
        (other, "0.0.1", "2034-06-14 12:00Z", "completed"),
        (third, "0.0.2", "2034-06-14 12:00Z", "submitted"),
    )
    assert learn.outbox() == []  # nobody waits


def test_the_limits_hold_without_the_triggers(learn: Learn, user: UUID) -> None:
    other = learn.make_user()
    learn.run("alter table learn.faucet_requests disable trigger serve_faucet_requests")
    for second in ((user, "0.0.2"), (other, "0.0.1")):
        with learn.fails("23P01"):
            insert(learn, (user, "0.0.1", "2035-06-12 12:01Z", "completed"))
            insert(learn, (*second, "2035-06-13 12:00Z", "completed"))
            learn.run("set constraints all immediate")
    learn.run("alter table learn.faucet_requests enable trigger serve_faucet_requests")


@pytest.mark.parametrize(
    "change",
    [
        "amount_hbar = 6",
        "hedera_account_id = '0.0.9'",
        "requested_at = requested_at - interval '1 hour'",
        "id = default",
    ],
)
def test_what_was_asked_for_stays(learn: Learn, user: UUID, change: str) -> None:
    learn.request_faucet(user, "0.0.1")
    with learn.refuses("LX010"):
        learn.run(f"update learn.faucet_requests set {change}")


def test_the_address_may_be_forgotten(learn: Learn, user: UUID) -> None:
    learn.request_faucet(user, "0.0.1", ip="192.0.2.1")
    learn.run("update learn.faucet_requests set request_ip = null")
    assert learn.value("select request_ip from learn.faucet_requests") is None


@pytest.mark.parametrize(
    "columns",
    [
        {"hedera_account_id": "0.0.x"},
        {"amount_hbar": 0},
        {"amount_hbar": "NaN"},
        {"status": "confirmed"},
        {"status": "completed", "limited_until": NOON - DAY},
        {"completed_at": NOON},
    ],
    ids=str,
)
def test_the_table_refuses_what_is_malformed(learn: Learn, user: UUID, columns: dict[str, Any]) -> None:
    values = {"user_id": user, "hedera_account_id": "0.0.1", "amount_hbar": 5, **columns}
    with learn.fails("23514"):
        learn.insert("faucet_requests", "1", **values)


def test_no_app_role_reads_the_address(learn: Learn, user: UUID) -> None:
    with learn.role("learn_app"):
        learn.request_faucet(user, "0.0.1", ip="192.0.2.1")
        assert learn.value("select status from learn.faucet_requests") == "pending"
    for role in ("learn_app", "learn_readonly"):
        for query in ("select request_ip from learn.faucet_requests", "select * from learn.faucet_requests"):
            with learn.fails("42501"), learn.connection.transaction():
                learn.run(f"set local role {role}")
                learn.run(query)


@pytest.mark.parametrize("at", ["infinity", "2206-03-01", "1822-03-01"])
def test_a_request_that_is_dated_absurdly_is_refused(learn: Learn, user: UUID, at: str) -> None:
    with learn.refuses("LX001"):
        learn.connection.execute(
            "insert into learn.faucet_requests (user_id, hedera_account_id, amount_hbar, requested_at)"
            " values (%s, '0.0.77', 1, %s)",
            [user, at],
        )
