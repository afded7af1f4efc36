"""What the holder of a code learns, and what nobody does."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from tests.client import Certificate, Learn, Verification, moment
from tests.credentials.scene import finish, make_course

NOON = moment("2035-06-13 12:00")


@pytest.fixture
def user(learn: Learn) -> UUID:
    return learn.register_user("grace-login", email="grace@example.org", display_name=" Grace Hopper ")


@pytest.fixture
def certificate(learn: Learn, user: UUID) -> Certificate:
    return finish(learn, user, make_course(learn))


def test_whoever_holds_the_code_learns_what_the_certificate_says(
    learn: Learn, certificate: Certificate
) -> None:
    assert learn.verify_certificate(certificate.verify_code) == Verification(
        certificate_number=certificate.certificate_number,
        course_title="Smart Contracts",
        recipient="Grace Hopper",
        completed_on=date(2035, 6, 13),
        issued_at=NOON,
        is_valid=True,
        token_id=None,
    )


def test_nothing_else_is_given_away(learn: Learn, user: UUID, certificate: Certificate) -> None:
    columns = learn.value(
        "select array_agg(n order by i) from pg_proc p, unnest(p.proargnames, p.proargmodes)"
        " with ordinality a(n, m, i) where p.oid = 'learn.verify_certificate'::regproc and m = 't'"
    )
    assert columns == [
        "certificate_number",
        "course_title",
        "recipient",
        "completed_on",
        "issued_at",
        "is_valid",
        "token_id",
    ]
    text = str(learn.verify_certificate(certificate.verify_code))
    for secret in (str(user), "grace@example.org", "grace-login", certificate.verify_code):
        assert secret not in text


def test_an_unknown_code_finds_nothing(learn: Learn, certificate: Certificate) -> None:
    for code in (
        None,
        "",
        "%",
        "0" * 32,
        certificate.verify_code[:-1],
        certificate.verify_code + "0",
        certificate.certificate_number,
        "'; drop table learn.users; --",
    ):
        assert learn.verify_certificate(code) is None


def test_a_code_may_be_typed_in_groups_and_capitals(learn: Learn, certificate: Certificate) -> None:
    code = certificate.verify_code.upper()
    typed = f"  {code[:8]}-{code[8:16]} {code[16:]}\n"
    assert learn.verify_certificate(typed) == learn.verify_certificate(certificate.verify_code)


def test_a_code_from_elsewhere_keeps_its_form(learn: Learn, user: UUID) -> None:
    code = "OLD-Certificate-2019-AbCdEf"
    learn.run(
        "insert into learn.nft_certificates (user_id, course_id, certificate_number, verify_code)"
        " values (%s, %s, '2019/17', %s)",
        [user, make_course(learn), code],
    )
    found = learn.verify_certificate(code)
    assert found.certificate_number == "2019/17"


@pytest.mark.parametrize("name", [None, ""])
def test_who_shows_no_name_stays_unnamed(learn: Learn, certificate: Certificate, name: str | None) -> None:
    learn.run("update learn.users set display_name = %s where username = 'grace-login'", [name])
    found = learn.verify_certificate(certificate.verify_code)
    assert found.recipient is None


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [
        ('{"name_on_credentials": false}', None),
        ('{"name_on_credentials": true}', "Grace Hopper"),
        ('{"theme": "dark"}', "Grace Hopper"),
    ],
)
def test_learners_may_keep_their_name_off(
    learn: Learn, certificate: Certificate, preferences: str, expected: str | None
) -> None:
    learn.run("update learn.users set preferences = %s::jsonb", [preferences])
    found = learn.verify_certificate(certificate.verify_code)
    assert found.recipient == expected


def test_the_name_is_that_of_today(learn: Learn, certificate: Certificate) -> None:
    learn.run("update learn.users set display_name = 'Amazing Grace'")
    found = learn.verify_certificate(certificate.verify_code)
    assert found.recipient == "Amazing Grace"


def test_a_code_is_found_by_its_index(learn: Learn, certificate: Certificate) -> None:
    learn.run("set local enable_seqscan = off")
    plan = learn.tuples(
        "explain select * from learn.nft_certificates c where c.verify_code in ('a', lower('b'))"
    )
    assert "nft_certificates_verify_code_is_unique" in str(plan)


# ── roles ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_app_roles_verify_but_do_not_read_codes(learn: Learn, user: UUID, certificate: Certificate) -> None:
    for role in ("learn_app", "learn_readonly"):
        with learn.role(role):
            assert learn.verify_certificate(certificate.verify_code) is not None
            assert (
                learn.value("select certificate_number from learn.nft_certificates")
                == certificate.certificate_number
            )
        for query in (
            "select verify_code from learn.nft_certificates",
            "select * from learn.nft_certificates",
        ):
            with learn.fails("42501"), learn.connection.transaction():
                learn.run(f"set local role {role}")
                learn.run(query)
    with learn.role("learn_app"):
        assert learn.certificates(user) == [certificate]
    with learn.fails("42501"), learn.connection.transaction():
        learn.run("set local role learn_readonly")
        learn.certificates(user)


def test_certificates_of_an_unknown_user(learn: Learn) -> None:
    for unknown in (UUID(int=0), None):
        with learn.refuses("LX002"):
            learn.certificates(unknown)
