"""Certificates: one per user and course, frozen, minted once, revoked for a reason."""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID

import pytest

from tests.client import Certificate, Learn, days, moment
from tests.credentials.scene import finish, issue, make_course

NOON = moment("2035-06-13 12:00")


@pytest.fixture
def course(learn: Learn) -> int:
    return make_course(learn)


@pytest.fixture
def certificate(learn: Learn, user: UUID, course: int) -> Certificate:
    return finish(learn, user, course)


def test_a_completed_course_gives_a_certificate(learn: Learn, user: UUID, course: int) -> None:
    finish(learn, user, course)
    (found,) = learn.certificates(user)
    assert re.fullmatch(r"LC-2035-\d{7}", found.certificate_number)
    assert re.fullmatch(r"[0-9a-f]{32}", found.verify_code)
    assert found == Certificate(
        course_id=course,
        certificate_number=found.certificate_number,
        verify_code=found.verify_code,
        course_title="Smart Contracts",
        completed_on=date(2035, 6, 13),
        issued_at=NOON,
        is_valid=True,
        revoked_reason=None,
        token_id=None,
        collection_id=None,
        serial_number=None,
        metadata_uri=None,
        tx_id=None,
        hashscan_url=None,
    )


def test_there_is_one_per_user_and_course(learn: Learn, user: UUID, certificate: Certificate) -> None:
    assert certificate.course_id is not None
    learn.advance(days(1))
    issue(learn, (user, certificate.course_id, learn.clock()), (user, certificate.course_id, NOON))
    assert learn.certificates(user) == [certificate]
    other = finish(learn, user, make_course(learn))
    theirs = finish(learn, learn.make_user(), certificate.course_id)
    assert learn.certificates(user) == [certificate, other]
    assert len({c.certificate_number for c in (certificate, other, theirs)}) == 3
    with learn.fails("23505"):
        learn.run(
            "insert into learn.nft_certificates (user_id, course_id) values (%s, %s)",
            [user, certificate.course_id],
        )


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Kiritimati", 14), ("UTC", 13), ("America/Los_Angeles", 12)]
)
def test_the_day_is_the_learners_own_at_the_time(learn: Learn, course: int, zone: str, day: int) -> None:
    at = moment("2035-06-13 05:00") if zone.startswith("America") else moment("2035-06-13 11:00")
    user = learn.make_user(timezone=zone)
    assert finish(learn, user, course, at).completed_on == date(2035, 6, day)
    learn.run("update learn.users set timezone = 'Asia/Tokyo' where id = %s", [user])
    assert learn.certificates(user)[0].completed_on == date(2035, 6, day)


def test_issuing_to_nobody_does_nothing(learn: Learn, course: int) -> None:
    before = learn.row_counts()
    for arrays in ("'{}', '{}', '{}'", "null, null, null"):
        learn.run(f"select learn_internal.issue_certificates({arrays})")
    assert learn.row_counts() == before


def test_issuing_in_bulk_is_issuing_one_by_one(learn: Learn) -> None:
    courses = [make_course(learn, f"Course {n}") for n in range(3)]
    one, two = ([learn.make_user(timezone="Asia/Tokyo") for _ in range(4)] for _ in range(2))
    for user in one:
        for course in courses:
            finish(learn, user, course, NOON)
    bulk = [(user, course, NOON) for user in two for course in courses]
    learn.run(
        "insert into learn.user_course_progress (user_id, course_id, completed_at)"
        " select u, c, %s from unnest(%s::uuid[]) u, unnest(%s::bigint[]) c",
        [NOON, two, courses],
    )
    issue(learn, *bulk)

    def seen(user: UUID) -> list[tuple[int | None, str, date]]:
        return [(c.course_id, c.course_title, c.completed_on) for c in learn.certificates(user)]

    assert {tuple(seen(user)) for user in one} == {tuple(seen(user)) for user in two}
    assert len(seen(two[0])) == 3


def test_codes_of_4000_certificates_are_long_and_all_different(learn: Learn, course: int) -> None:
    learn.run(
        "with made as (insert into learn.users (username)"
        " select 'graduate ' || n from generate_series(1, 4000) n returning id)"
        " insert into learn.user_course_progress (user_id, course_id, completed_at)"
        " select id, %s, learn.clock() from made",
        [course],
    )
    learn.run(
        "select learn_internal.issue_certificates(array_agg(user_id), array_agg(course_id),"
        " array_agg(completed_at)) from learn.user_course_progress where course_id = %s",
        [course],
    )
    rows = learn.tuples(
        "select count(*), count(distinct verify_code), count(distinct certificate_number),"
        " min(length(verify_code)), max(length(verify_code))"
        " from learn.nft_certificates where course_id = %s",
        [course],
    )
    assert rows[0] == (4000, 4000, 4000, 32, 32)
    counts = learn.tuples(
        "select count(*) from learn.nft_certificates c, generate_series(1, 32) n where course_id = %s"
        " group by n, substr(verify_code, n, 1)",
        [course],
    )
    # Each of the 32 places shows all 16 digits about equally often: chi-squared of 480 degrees, sigma 31.
    assert len(counts) == 32 * 16
    assert sum((number - 250) ** 2 / 250 for (number,) in counts) < 480 + 7 * 31


def test_numbers_go_on_beyond_seven_digits(learn: Learn, user: UUID) -> None:
    learn.run("select setval('learn_internal.certificate_numbers', 123456789)")
    assert finish(learn, user, make_course(learn)).certificate_number == "LC-2035-123456790"


def test_a_certificate_says_what_was_when_it_was_issued(
    learn: Learn, user: UUID, certificate: Certificate
) -> None:
    learn.run("update learn.courses set title = 'Renamed', is_published = false")
    assert learn.certificates(user) == [certificate]


def test_a_certificate_survives_its_course(learn: Learn, user: UUID, certificate: Certificate) -> None:
    learn.run("delete from learn.courses where id = %s", [certificate.course_id])
    (found,) = learn.certificates(user)
    assert found.course_id is None
    assert (found.verify_code, found.course_title) == (certificate.verify_code, "Smart Contracts")
    seen = learn.verify_certificate(certificate.verify_code)
    assert (seen.course_title, seen.is_valid) == ("Smart Contracts", True)


def test_everything_goes_with_the_user(learn: Learn, user: UUID, certificate: Certificate) -> None:
    learn.record_transaction(user, "0.0.1@1.1", "nft_mint", course=certificate.course_id)
    learn.certificate_minted(certificate.certificate_number, "0.0.5", tx_id="0.0.1@1.1")
    learn.request_faucet(user, "0.0.77", ip="192.0.2.1")
    (request,) = learn.tuples("select id from learn.faucet_requests where user_id = %s", [user])
    learn.advance_faucet_request(user, request[0], "submitted", "0.0.1@1.1")
    learn.run("delete from learn.users where id = %s", [user])
    assert learn.verify_certificate(certificate.verify_code) is None
    for table in ("nft_certificates", "transactions", "faucet_requests"):
        assert learn.tuples(f"select * from learn.{table}") == []


def test_a_row_by_the_owner_says_the_same(learn: Learn, course: int) -> None:
    user = learn.make_user(timezone="Pacific/Kiritimati")
    learn.run("insert into learn.nft_certificates (user_id, course_id) values (%s, %s)", [user, course])
    (found,) = learn.certificates(user)
    assert (found.course_title, found.completed_on) == ("Smart Contracts", date(2035, 6, 14))
    late = make_course(learn, "Late")
    learn.run(
        "insert into learn.user_course_progress (user_id, course_id, completed_at)"
        " values (%s, %s, '2035-05-01 11:00Z')",
        [user, late],
    )
    # the completion has issued it
    assert learn.certificates(user)[1].completed_on == date(2035, 5, 2)


# ── minting ───────────────────────────────────────────────────────────────────────────────────────────────


def test_no_nft_is_asked_for_unless_the_setting_says_so(learn: Learn, certificate: Certificate) -> None:
    assert learn.outbox() == []


def test_a_certificate_asks_for_its_nft_once(learn: Learn, user: UUID, course: int) -> None:
    learn.set_setting("nft_minting_enabled", True)
    found = finish(learn, user, course)
    issue(learn, (user, course, NOON))
    (message,) = learn.outbox()
    assert (message.topic, message.key, message.payload) == (
        "nft_mint",
        found.certificate_number,
        {"user_id": str(user), "course_id": course, "certificate_number": found.certificate_number},
    )


def test_a_row_by_the_owner_asks_for_its_nft_too(learn: Learn, user: UUID) -> None:
    learn.set_setting("nft_minting_enabled", True)
    one, two = make_course(learn), make_course(learn)
    learn.run(
        "insert into learn.nft_certificates (user_id, course_id, token_id, minted_at)"
        " values (%(u)s, %(one)s, null, null), (%(u)s, %(two)s, '0.0.9', now())",
        {"u": user, "one": one, "two": two},
    )
    assert [message.payload["course_id"] for message in learn.outbox("nft_mint")] == [one]


def test_token_data_are_written_once(learn: Learn, user: UUID, certificate: Certificate) -> None:
    number = certificate.certificate_number
    learn.record_transaction(user, "0.0.2@9.1", "nft_mint")
    data = ("0.0.5005", "0.0.5000", 12, "ipfs://metadata", "0.0.2@9.1")
    assert learn.certificate_minted(number, *data) is True
    assert learn.certificate_minted(number, *data) is False
    (found,) = learn.certificates(user)
    assert (found.token_id, found.collection_id, found.serial_number, found.metadata_uri, found.tx_id) == data
    assert found.hashscan_url == "https://hashscan.io/testnet/transaction/0.0.2@9.1"
    minted = learn.value("select minted_at from learn.nft_certificates where user_id = %s", [user])
    assert minted == NOON
    for position, other in enumerate(["0.0.6", "0.0.1", 13, "ipfs://other", None]):
        changed = [*data[:position], other, *data[position + 1 :]]
        with learn.refuses("LX010") as refusal:
            learn.certificate_minted(number, *changed)
        assert "0.0.5005" in refusal.detail


def test_a_token_belongs_to_one_certificate(learn: Learn, certificate: Certificate) -> None:
    other = finish(learn, learn.make_user(), make_course(learn))
    learn.certificate_minted(certificate.certificate_number, "0.0.5", "0.0.4", 1)
    with learn.refuses("LX010"):
        learn.certificate_minted(other.certificate_number, "0.0.5", "0.0.4", 1)
    assert learn.certificate_minted(other.certificate_number, "0.0.5", "0.0.4", 2) is True
    third = finish(learn, learn.make_user(), make_course(learn))
    with learn.fails("23505"):
        learn.run(
            "update learn.nft_certificates set token_id = '0.0.5', collection_id = '0.0.4',"
            " serial_number = 1, minted_at = now() where certificate_number = %s",
            [third.certificate_number],
        )


def test_minting_is_refused_for_what_is_unknown(learn: Learn, user: UUID, certificate: Certificate) -> None:
    number = certificate.certificate_number
    for unknown in ("LC-1999-0000001", None):
        with learn.refuses("LX003"):
            learn.certificate_minted(unknown, "0.0.5")
    learn.record_transaction(learn.make_user(), "somebody-elses")
    for tx_id in ("nobodys", "somebody-elses"):
        with learn.refuses("LX003"):
            learn.certificate_minted(number, "0.0.5", tx_id=tx_id)
    for token, serial in ((None, 1), (" ", 1), ("0.0.5", -1)):
        with learn.refuses("LX001"):
            learn.certificate_minted(number, token, serial_number=serial)
    assert learn.certificates(user) == [certificate]


# ── what stays ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "change",
    [
        "certificate_number = 'LC-1'",
        "verify_code = repeat('a', 32)",
        "course_title = 'Another'",
        "completed_on = completed_on + 1",
        "issued_at = issued_at + interval '1 day'",
        "id = default",
        "token_id = '0.0.6'",
        "serial_number = 9",
        "token_id = null, minted_at = null, serial_number = null",
        "minted_at = minted_at + interval '1 day'",
        "revoked_at = null, revoked_reason = null",
        "revoked_reason = 'another'",
    ],
)
def test_not_even_the_owner_rewrites_a_certificate(
    learn: Learn, certificate: Certificate, change: str
) -> None:
    learn.certificate_minted(certificate.certificate_number, "0.0.5", serial_number=1)
    learn.revoke_certificate(certificate.certificate_number)
    with learn.refuses("LX010"):
        learn.run(f"update learn.nft_certificates set {change}")


def test_a_certificate_does_not_move_to_another_course(
    learn: Learn, user: UUID, certificate: Certificate
) -> None:
    other = make_course(learn)
    with learn.refuses("LX010"):
        learn.run("update learn.nft_certificates set course_id = %s", [other])
    learn.run("delete from learn.courses where id = %s", [certificate.course_id])
    with learn.refuses("LX010"):
        learn.run("update learn.nft_certificates set course_id = %s", [other])


@pytest.mark.parametrize(
    "columns",
    [
        {"certificate_number": ""},
        {"certificate_number": "has blanks"},
        {"verify_code": "short"},
        {"course_title": " "},
        {"token_id": " ", "minted_at": NOON},
        {"token_id": "0.0.5"},
        {"minted_at": NOON},
        {"serial_number": 5},
        {"metadata_uri": "ipfs://x"},
        {"token_id": "0.0.5", "minted_at": NOON, "serial_number": -1},
        {"revoked_at": NOON},
        {"revoked_reason": "none"},
        {"revoked_at": NOON, "revoked_reason": " "},
    ],
    ids=str,
)
def test_malformed_certificates_are_refused(
    learn: Learn, user: UUID, course: int, columns: dict[str, object]
) -> None:
    values = {"user_id": user, "course_id": course, **columns}
    with learn.fails("23514"):
        learn.insert("nft_certificates", "1", **values)


@pytest.mark.parametrize("column", ["certificate_number", "verify_code"])
def test_numbers_and_codes_are_unique(
    learn: Learn, user: UUID, certificate: Certificate, column: str
) -> None:
    with learn.fails("23505"):
        learn.run(
            f"insert into learn.nft_certificates (user_id, course_id, {column}) values (%s, %s, %s)",
            [learn.make_user(), certificate.course_id, getattr(certificate, column)],
        )


def test_a_transaction_that_a_certificate_names_stays(
    learn: Learn, user: UUID, certificate: Certificate
) -> None:
    learn.record_transaction(user, "t-1")
    learn.certificate_minted(certificate.certificate_number, "0.0.5", tx_id="t-1")
    with learn.fails("23503"):
        learn.run("delete from learn.transactions where tx_id = 't-1'")


# ── revoking ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_revoked_certificate_is_not_valid_and_comes_not_again(
    learn: Learn, user: UUID, certificate: Certificate
) -> None:
    assert certificate.course_id is not None
    assert learn.revoke_certificate(certificate.certificate_number, "cheated") is True
    assert learn.revoke_certificate(certificate.certificate_number, "again") is False
    issue(learn, (user, certificate.course_id, NOON))
    (found,) = learn.certificates(user)
    assert (found.is_valid, found.revoked_reason) == (False, "cheated")
    seen = learn.verify_certificate(certificate.verify_code)
    assert not seen.is_valid


def test_revoking_takes_a_certificate_and_a_reason(learn: Learn, certificate: Certificate) -> None:
    for number in ("LC-1999-0000001", None):
        with learn.refuses("LX003"):
            learn.revoke_certificate(number)
    for reason in ("", " ", None):
        with learn.refuses("LX001"):
            learn.revoke_certificate(certificate.certificate_number, reason)
