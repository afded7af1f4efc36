"""The examples of `dbtool docs`: each runs in a database of its product, and no function lacks one."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.calls import callable_by
from tests.conftest import ROOT, make_seeded
from toolkit.connection import connect
from toolkit.report import site
from toolkit.servers.throwaway import ThrowawayServer

TEXT = (ROOT / "docs/examples.sql").read_text(encoding="utf-8")
ROLES = ("learn_app", "learn_user", "learn_editor", "learn_readonly")
PRODUCTS = ("sql_platform", "web3versity", "aralify", "comptia_quiz", "progressive_flow")
SAMPLES = (
    "insert into learn.users (username) values ('zoe'), ('yan')",  # progressive_flow has no sample learners
    "insert into learn.user_achievements (user_id, achievement_id)"
    " select u.id, (select min(id) from learn.achievements) from learn.users u on conflict do nothing",
)


@pytest.fixture(scope="module")
def shown(server: ThrowawayServer, bare: str) -> Iterator[dict[str, dict[str, site.Example]]]:
    """The examples by product and function, as filled in in a database of the product with its samples."""
    found = {}
    for product in PRODUCTS:
        name = f"examples_of_{product}"
        make_seeded(server, bare, name, [product], demo=True)
        with connect(server.url(name)) as connection:
            for sample in SAMPLES:
                connection.execute(sample.encode())
            connection.commit()
            found[product] = site.read_examples(connection, TEXT)
    yield found
    for product in found:
        server.drop_database(f"examples_of_{product}")


def test_every_function_that_may_be_called_has_an_example_in_some_product(
    shown: dict[str, dict[str, site.Example]], server: ThrowawayServer
) -> None:
    with connect(server.url("examples_of_aralify")) as connection:
        called = {f"learn.{name}" for role in ROLES for name in callable_by(connection, role)}
    filled = {name for each in shown.values() for name, example in each.items() if not example.lacks}
    assert filled == called
    assert all(
        f"{name}(" in (each[name].text or "") for each in shown.values() for name in filled if each[name].text
    )


@pytest.mark.parametrize("product", PRODUCTS)
def test_what_is_shown_runs(
    shown: dict[str, dict[str, site.Example]], server: ThrowawayServer, product: str
) -> None:
    texts = [each.text for each in shown[product].values() if each.text and not each.lacks]
    assert len(texts) > 75
    with connect(server.url(f"examples_of_{product}")) as connection:
        for text in texts:
            with connection.transaction(force_rollback=True):
                try:
                    connection.execute(text.encode())
                except psycopg.Error as error:
                    pytest.fail(f"{text}\n{error}")


def test_what_a_database_lacks_is_said(empty_database: str) -> None:
    with connect(empty_database) as connection:
        connection.execute("create schema learn; create table learn.users (username text)")
        connection.commit()
        found = site.read_examples(connection, TEXT)
    assert found["learn.complete_lesson"] == site.Example(
        None, "a lesson without exercises that is open to all"
    )
    assert found["learn.register_user"].text
    assert found["learn.unread_count"].text
    assert found["learn.unread_count"].lacks == "a learner"
