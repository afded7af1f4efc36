"""check_integrity() misses certificates and messages; a rebuild issues the certificates."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.client import Learn
from tests.credentials.scene import finish, make_course


def names(learn: Learn) -> list[tuple[str, UUID | None]]:
    return [(row.check_name, row.user_id) for row in learn.check_integrity()]


def test_a_missing_certificate_is_found_and_issued_by_a_rebuild(learn: Learn, user: UUID) -> None:
    kept = finish(learn, user, make_course(learn))
    lost = finish(learn, user, make_course(learn, "Lost"))
    revoked = finish(learn, user, make_course(learn, "Revoked"))
    learn.revoke_certificate(revoked.certificate_number)
    delete = "delete from learn.nft_certificates where certificate_number = %s"
    with learn.refuses("LX010"):
        learn.run(delete, [lost.certificate_number])
    learn.run("set local session_replication_role = replica")
    learn.run(delete, [lost.certificate_number])
    learn.run("set local session_replication_role = origin")
    assert names(learn) == [("completed_courses_have_certificates", user)]
    learn.rebuild_user(user)
    assert learn.check_integrity() == []
    found = learn.certificates(user)
    assert [row.course_title for row in found] == ["Smart Contracts", "Revoked", "Lost"]
    assert (found[0], found[1].is_valid, found[2].completed_on) == (kept, False, lost.completed_on)
    learn.finish()
    learn.refresh_leaderboard()
    before = learn.row_counts()
    learn.rebuild_whoever()
    learn.finish()
    learn.refresh_leaderboard()
    assert learn.row_counts() == before
    assert learn.certificates(user) == found


@pytest.mark.no_integrity
def test_a_request_that_nobody_will_pay_is_found(learn: Learn, user: UUID) -> None:
    learn.request_faucet(user, "0.0.1")
    learn.run("delete from learn.outbox")
    assert names(learn) == [("pending_faucet_requests_have_a_message", user)]
    learn.rebuild_user(user)  # pays nobody
    assert learn.outbox() == []


def test_settled_requests_need_no_message(learn: Learn, user: UUID) -> None:
    learn.request_faucet(user, "0.0.1")
    (request,) = learn.tuples("select id from learn.faucet_requests")[0]
    learn.advance_faucet_request(user, request, "submitted")
    learn.run("delete from learn.outbox")
    assert learn.check_integrity() == []
