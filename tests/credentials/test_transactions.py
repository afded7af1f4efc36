"""Transactions on a network outside: recorded once, moved forward only."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn, moment, seconds
from tests.credentials.scene import make_course

NOON = moment("2035-06-13 12:00")
STATES = ("pending", "submitted", "confirmed", "failed")
FORWARD = {
    ("pending", "submitted"),
    ("pending", "failed"),
    ("submitted", "confirmed"),
    ("submitted", "failed"),
}
WAYS = {
    "pending": (),
    "submitted": ("submitted",),
    "confirmed": ("submitted", "confirmed"),
    "failed": ("failed",),
}


def row(learn: Learn, tx_id: str = "t-1") -> tuple[Any, ...]:
    (found,) = learn.tuples(
        "select user_id, tx_type, amount_hbar, from_account, to_account, status, course_id,"
        " achievement_id, consensus_timestamp, hashscan_url, error, created_at, updated_at"
        " from learn.transactions where tx_id = %s",
        [tx_id],
    )
    return found


def status(learn: Learn) -> str:
    return str(learn.value("select status from learn.transactions where tx_id = 't-1'"))


def test_a_transaction_is_recorded_as_pending(learn: Learn, user: UUID) -> None:
    course = make_course(learn)
    badge = learn.value("select min(id) from learn.achievements")
    tx_id = "0.0.1234@1700000000.123456789"
    number = learn.record_transaction(
        user, tx_id, "nft_mint", "1.00000001", "0.0.2", "0.0.1234", course, badge
    )
    url = f"https://hashscan.io/testnet/transaction/{tx_id}"
    assert row(learn, tx_id) == (
        *(user, "nft_mint", Decimal("1.00000001"), "0.0.2", "0.0.1234", "pending", course, badge),
        *(None, url, None, NOON, NOON),
    )
    assert learn.value("select id from learn.transactions") == number


def test_recording_the_same_again_returns_the_same(learn: Learn, user: UUID) -> None:
    number = learn.record_transaction(user, "t-1", "faucet", "5", "0.0.2", "0.0.3")
    learn.advance_transaction("t-1", "submitted")
    assert learn.record_transaction(user, "t-1", "faucet", "5.0", "0.0.2", "0.0.3") == number
    assert status(learn) == "submitted"


def test_one_id_is_one_transaction(learn: Learn, user: UUID) -> None:
    course = make_course(learn)
    learn.record_transaction(user, "t-1", "faucet", "5", "0.0.2", "0.0.3", course)
    for other in (
        (learn.make_user(), "t-1", "faucet", "5", "0.0.2", "0.0.3", course),
        (user, "t-1", "other", "5", "0.0.2", "0.0.3", course),
        (user, "t-1", "faucet", "6", "0.0.2", "0.0.3", course),
        (user, "t-1", "faucet", "5", None, "0.0.3", course),
        (user, "t-1", "faucet", "5", "0.0.2", "0.0.4", course),
        (user, "t-1", "faucet", "5", "0.0.2", "0.0.3", make_course(learn)),
        (user, "t-1", "faucet", "5", "0.0.2", "0.0.3", None),
    ):
        with learn.refuses("LX010") as refusal:
            learn.record_transaction(*other)
        assert "t-1" in refusal.detail
    with learn.fails("23505"):
        learn.run(
            "insert into learn.transactions (user_id, tx_id, tx_type) values (%s, 't-1', 'other')",
            [learn.make_user()],
        )


@pytest.mark.parametrize(
    "arguments",
    [
        {"tx_id": None},
        {"tx_id": ""},
        {"tx_id": "has blanks"},
        {"tx_id": "x" * 201},
        {"tx_type": None},
        {"tx_type": "NFT Mint"},
        {"amount_hbar": "-0.00000001"},
        {"amount_hbar": "0.000000001"},
        {"amount_hbar": "NaN"},
        {"amount_hbar": "Infinity"},
        {"amount_hbar": "1e12"},
        {"from_account": " "},
        {"to_account": "0.0.1 0.0.2"},
    ],
    ids=str,
)
def test_malformed_transactions_are_refused(learn: Learn, user: UUID, arguments: dict[str, Any]) -> None:
    with learn.refuses("LX001"):
        learn.record_transaction(**{"user": user, "tx_id": "t-1", "tx_type": "other", **arguments})


@pytest.mark.parametrize(
    "columns",
    [
        {"tx_id": "has blanks"},
        {"tx_type": "NFT"},
        {"amount_hbar": -1},
        {"amount_hbar": "NaN"},
        {"from_account": ""},
        {"to_account": " "},
        {"status": "lost"},
        {"status": "submitted"},
        {"status": "confirmed"},
    ],
    ids=str,
)
def test_the_table_refuses_them_too(learn: Learn, user: UUID, columns: dict[str, Any]) -> None:
    values = {"user_id": user, "tx_type": "other", **columns}
    with learn.fails("23514"):
        learn.insert("transactions", "1", **values)


def test_user_course_and_achievement_have_to_exist(learn: Learn, user: UUID) -> None:
    for unknown in (UUID(int=0), None):
        with learn.refuses("LX002"):
            learn.record_transaction(unknown, "t-1")
    with learn.refuses("LX003"):
        learn.record_transaction(user, "t-1", course=0)
    with learn.refuses("LX003"):
        learn.record_transaction(user, "t-1", achievement=0)


@pytest.mark.parametrize(("start", "end"), list(product(STATES, STATES)))
def test_the_status_moves_forward_only(learn: Learn, user: UUID, start: str, end: str) -> None:
    learn.record_transaction(user, "t-1")
    for step in WAYS[start]:
        assert learn.advance_transaction("t-1", step) is True
    if start == end:
        assert learn.advance_transaction("t-1", end) is False
    elif (start, end) in FORWARD:
        assert learn.advance_transaction("t-1", end) is True
    else:
        with learn.refuses("LX010") as refusal:
            learn.advance_transaction("t-1", end)
        assert f"from {start} to {end}" in refusal.detail
        with learn.refuses("LX010"):
            learn.run("update learn.transactions set status = %s", [end])
        assert status(learn) == start
        return
    assert status(learn) == end


def test_advancing_keeps_what_the_network_said(learn: Learn, user: UUID) -> None:
    learn.record_transaction(user, "t-1")
    now = learn.advance(seconds(5))
    learn.advance_transaction("t-1", "submitted")
    learn.advance_transaction("t-1", "confirmed", "2035-06-13 12:00:03.123456")
    assert row(learn)[8] == moment("2035-06-13 12:00:03.123456")
    assert row(learn)[-2:] == (NOON, now)
    learn.record_transaction(user, "t-2")
    learn.advance_transaction("t-2", "failed", error="INSUFFICIENT_PAYER_BALANCE")
    assert row(learn, "t-2")[10] == "INSUFFICIENT_PAYER_BALANCE"


def test_advancing_takes_a_transaction_and_a_status(learn: Learn, user: UUID) -> None:
    learn.record_transaction(user, "t-1")
    for unknown in ("t-2", None):
        with learn.refuses("LX003"):
            learn.advance_transaction(unknown, "submitted")
    for no_status in ("completed", "", None):
        with learn.refuses("LX001"):
            learn.advance_transaction("t-1", no_status)


def test_the_networks_id_may_come_later_and_then_stays(learn: Learn, user: UUID) -> None:
    learn.run(
        "insert into learn.transactions (user_id, tx_type) values (%s, 'other'), (%s, 'other')", [user, user]
    )
    assert learn.value("select count(*) from learn.transactions where hashscan_url is null") == 2
    learn.run(
        "update learn.transactions set tx_id = 't-1' where id = (select min(id) from learn.transactions)"
    )
    assert row(learn)[9] == "https://hashscan.io/testnet/transaction/t-1"
    for change in ("tx_id = 't-2'", "tx_id = null", "id = default", "user_id = gen_random_uuid()"):
        with learn.refuses("LX010"):
            learn.run(f"update learn.transactions set {change} where tx_id = 't-1'")


def test_links_follow_the_setting_of_their_time(learn: Learn, user: UUID) -> None:
    learn.record_transaction(user, "t-1")
    learn.set_setting("hashscan_url", "https://hashscan.io/mainnet/")
    learn.record_transaction(user, "t-2")
    learn.run(
        "insert into learn.transactions (user_id, tx_id, tx_type, hashscan_url)"
        " values (%s, 't-3', 'other', 'https://example.org/3')",
        [user],
    )
    learn.advance_transaction("t-1", "submitted")
    assert [row(learn, tx_id)[9] for tx_id in ("t-1", "t-2", "t-3")] == [
        "https://hashscan.io/testnet/transaction/t-1",
        "https://hashscan.io/mainnet/transaction/t-2",
        "https://example.org/3",
    ]


def test_a_transaction_outlives_course_and_achievement(learn: Learn, user: UUID) -> None:
    course = make_course(learn)
    learn.make_achievement({"metric": "xp", "at_least": 10**9}, slug="minted")
    badge = learn.value("select id from learn.achievements where slug = 'minted'")
    learn.record_transaction(user, "t-1", course=course, achievement=badge)
    learn.run("delete from learn.courses where id = %s", [course])
    learn.run("delete from learn.achievements where id = %s", [badge])
    assert row(learn)[6:8] == (None, None)


def test_rows_by_the_owner_in_bulk_are_linked(learn: Learn, user: UUID) -> None:
    learn.run(
        "insert into learn.transactions (user_id, tx_id, tx_type, status)"
        " select %s, 'bulk-' || n, 'other', 'confirmed' from generate_series(1, 1000) n",
        [user],
    )
    assert (
        learn.value(
            "select count(*) from learn.transactions where hashscan_url ="
            " 'https://hashscan.io/testnet/transaction/' || tx_id"
        )
        == 1000
    )


def test_app_roles_read_transactions_and_write_none(learn: Learn, user: UUID) -> None:
    with learn.role("learn_app"):
        learn.record_transaction(user, "t-1")
        assert learn.advance_transaction("t-1", "submitted")
        assert status(learn) == "submitted"
    for statement in ("update learn.transactions set status = 'confirmed'", "delete from learn.transactions"):
        with learn.fails("42501"), learn.connection.transaction():
            learn.run("set local role learn_app")
            learn.run(statement)
