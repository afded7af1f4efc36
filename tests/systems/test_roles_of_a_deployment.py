"""On a stock server: who migrates is no superuser, and a backend's own login goes a short way by itself."""

from __future__ import annotations

import psycopg
import pytest

from tests import stock
from tests.client import Learn
from tests.conftest import FreshDatabase

pytestmark = [
    pytest.mark.stock,
    pytest.mark.skipif(not stock.is_stock(), reason="the roles of a deployment are those of a stock server"),
]


def test_nobody_is_a_superuser(learn: Learn) -> None:
    assert learn.tuples("select session_user::text, current_user::text") == [(stock.DEPLOYER, "learn_owner")]
    assert learn.value("select current_setting('is_superuser')") == "off"
    with learn.role(stock.BACKEND):
        assert learn.value("select current_user::text") == stock.BACKEND


def test_calls_are_made_by_the_backend(learn: Learn) -> None:
    assert learn.xp_for_level(2) == 100
    learn.run("revoke execute on function learn.xp_for_level(integer) from learn_app")
    with learn.fails("42501"):
        learn.xp_for_level(2)


def test_a_backend_logs_in_and_serves_a_learner(fresh: FreshDatabase) -> None:
    with fresh.connect() as owner:
        lesson = Learn(owner).make_lesson(1)
    with psycopg.connect(stock.backend_url(fresh.url), autocommit=True) as connection:
        learn = Learn(connection, caller=stock.BACKEND)
        user = learn.register_user("backend-user")
        assert learn.submit_query(user, lesson.exercises[0]).total_xp > 0
        with learn.fails("42501"):
            learn.run("select password_hash from learn.user_credentials")
        with learn.fails("42501"):
            learn.rebuild_user(user)
