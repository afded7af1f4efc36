"""The outbox: claimed by one worker at a time, never again once completed, given up in the end."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn, days, moment, seconds

NOON = moment("2035-06-13 12:00")


def put(learn: Learn, *keys: str, topic: str = "webhook") -> list[int]:
    """Puts messages into the outbox and returns their ids."""
    return [
        int(
            learn.value(
                "insert into learn.outbox (topic, key, payload) values (%s, %s, %s) returning id",
                [topic, key, Jsonb({"key": key})],
            )
        )
        for key in keys
    ]


def claimed(learn: Learn, *arguments: Any, **named: Any) -> list[int]:
    return [message.id for message in learn.claim_outbox(*arguments, **named)]


def test_messages_come_in_order_and_to_one_worker(learn: Learn) -> None:
    ids = put(learn, *"abcde")
    first = learn.claim_outbox(2, worker="one")
    assert [message.id for message in first] == ids[:2]
    message = first[0]
    assert (message.key, message.payload, message.attempts, message.claimed_by) == (
        "a",
        {"key": "a"},
        1,
        "one",
    )
    assert (message.claimed_at, message.available_at) == (NOON, NOON + seconds(300))
    assert claimed(learn, 2) == ids[2:4]
    assert claimed(learn) == ids[4:]
    assert claimed(learn) == []


def test_a_worker_claims_the_topics_it_knows(learn: Learn) -> None:
    webhook, mint, mail = (put(learn, "k", topic=topic)[0] for topic in ("webhook", "nft_mint", "mail"))
    assert claimed(learn, topics=["mail", "nft_mint"]) == [mint, mail]
    assert claimed(learn, topics=[]) == []
    assert claimed(learn) == [webhook]


def test_a_completed_message_is_never_claimed_again(learn: Learn) -> None:
    one, two = put(learn, "a", "b")
    claimed(learn)
    assert learn.complete_outbox([one]) == 1
    learn.advance(days(1000))
    assert claimed(learn) == [two]
    assert learn.outbox()[0].completed_at == NOON


def test_completing_again_changes_nothing(learn: Learn) -> None:
    (one,) = put(learn, "a")
    claimed(learn)
    assert learn.complete_outbox([one, one]) == 1
    before = learn.outbox()
    learn.advance(seconds(10))
    assert learn.complete_outbox([one, one + 1]) == 0
    assert learn.complete_outbox([]) == 0
    assert learn.complete_outbox(None) == 0
    assert learn.outbox() == before


def test_a_claim_runs_out_to_the_second(learn: Learn) -> None:
    (one,) = put(learn, "a")
    claimed(learn)
    learn.set_clock(NOON + seconds(299.999))
    assert claimed(learn) == []
    learn.set_clock(NOON + seconds(300))
    (again,) = learn.claim_outbox()
    assert (again.id, again.attempts) == (one, 2)
    # The one who claimed it first may still say that it is done.
    assert learn.complete_outbox([one]) == 1


def test_the_setting_says_how_long_a_claim_lasts(learn: Learn) -> None:
    (one,) = put(learn, "a")
    learn.set_setting("outbox_timeout_seconds", 1.5)
    claimed(learn)
    learn.set_clock(NOON + seconds(1.4))
    assert claimed(learn) == []
    learn.set_clock(NOON + seconds(1.5))
    assert claimed(learn) == [one]


def test_a_failed_message_rests_longer_each_time(learn: Learn) -> None:
    (one,) = put(learn, "a")
    pauses = []
    for _ in range(9):
        assert claimed(learn, worker="w") == [one]
        assert learn.fail_outbox([one], "HTTP 503", "w") == 1
        now = learn.clock()
        (message,) = learn.outbox()
        assert (message.error, message.failed_at) == ("HTTP 503", None)
        pauses.append((message.available_at - now).total_seconds())
        learn.set_clock(message.available_at - seconds(0.001))
        assert claimed(learn) == []
        learn.set_clock(message.available_at)
    assert pauses == [60 * 2**n for n in range(9)]


def test_a_pause_lasts_a_day_at_most(learn: Learn) -> None:
    learn.set_setting("outbox_max_attempts", 1000)
    (one,) = put(learn, "a")
    learn.run("update learn.outbox set attempts = 500")
    claimed(learn, worker="w")
    learn.fail_outbox([one], "no", "w")
    assert learn.outbox()[0].available_at == NOON + days(1)


def test_a_message_is_given_up_after_its_last_attempt(learn: Learn) -> None:
    learn.set_setting("outbox_max_attempts", 2)
    (one,) = put(learn, "a")
    for attempt in (1, 2):
        learn.advance(days(1))
        assert claimed(learn, worker="w") == [one]
        assert (learn.outbox()[0].failed_at is None) is True
        assert learn.fail_outbox([one], f"error {attempt}", "w") == 1
    learn.advance(days(100))
    assert claimed(learn) == []
    assert learn.fail_outbox([one], "late") == 0
    assert learn.tuples("select id, topic, key, attempts, error from learn.dead_outbox") == [
        (one, "webhook", "a", 2, "error 2")
    ]


def test_a_message_whose_workers_die_is_given_up_too(learn: Learn) -> None:
    learn.set_setting("outbox_max_attempts", 2)
    poison, other = put(learn, "poison", "other")
    for _ in range(2):
        assert claimed(learn, 1) == [poison]
        learn.advance(seconds(300))
    assert claimed(learn, 1) == [other]
    assert learn.tuples("select id, error is not null from learn.dead_outbox") == [(poison, True)]


def test_what_was_given_up_may_begin_anew_or_be_done_by_hand(learn: Learn) -> None:
    learn.set_setting("outbox_max_attempts", 1)
    one, two = put(learn, "a", "b")
    claimed(learn)
    learn.fail_outbox([one, two], "no")
    assert learn.retry_outbox([one, 0]) == 1
    assert learn.retry_outbox([one]) == 0
    assert learn.complete_outbox([two]) == 1
    assert learn.retry_outbox([two]) == 0
    (again,) = learn.claim_outbox()
    assert (again.id, again.attempts, again.failed_at) == (one, 1, None)
    assert learn.tuples("select * from learn.dead_outbox") == []


def test_a_late_worker_does_not_end_the_claim_of_the_next(learn: Learn) -> None:
    (one,) = put(learn, "a")
    claimed(learn, worker="slow")
    learn.advance(seconds(300))
    claimed(learn, worker="quick")
    until = learn.outbox()[0].available_at
    assert learn.fail_outbox([one], "too slow", "slow") == 0
    # One without a name may, but not so that a third comes in.
    assert learn.fail_outbox([one], "who?") == 1
    assert learn.outbox()[0].available_at == until
    assert claimed(learn) == []


def test_only_what_was_claimed_may_fail(learn: Learn) -> None:
    one, two = put(learn, "a", "b")
    assert learn.fail_outbox([one], "no") == 0
    claimed(learn, 1)
    learn.complete_outbox([one])
    assert learn.fail_outbox([one, two, 0], "no") == 0
    assert learn.fail_outbox([], "no") == learn.fail_outbox(None, "no") == 0
    assert claimed(learn) == [two]


@pytest.mark.parametrize("limit", [None, 0, -1, 10001])
def test_a_claim_takes_a_sensible_limit(learn: Learn, limit: int | None) -> None:
    with learn.refuses("LX001"):
        learn.claim_outbox(limit)


def test_workers_have_names_and_failures_reasons(learn: Learn) -> None:
    with learn.refuses("LX001"):
        learn.claim_outbox(worker=" ")
    for reason in (None, "", "\t"):
        with learn.refuses("LX001"):
            learn.fail_outbox([1], reason)


def test_a_message_comes_once_per_topic_and_key(learn: Learn) -> None:
    put(learn, "a")
    put(learn, "a", topic="mail")
    with learn.fails("23505"):
        put(learn, "a")
    # Completed, it is still the one.
    learn.complete_outbox([message.id for message in learn.outbox()])
    with learn.fails("23505"):
        put(learn, "a")


@pytest.mark.parametrize(
    "columns",
    [
        {"topic": "Not A Slug"},
        {"key": " "},
        {"key": "x" * 501},
        {"payload": Jsonb([1])},
        {"attempts": -1},
        {"completed_at": NOON, "failed_at": NOON},
    ],
    ids=["topic", "blank key", "long key", "payload", "attempts", "both"],
)
def test_the_table_refuses_what_is_malformed(learn: Learn, columns: dict[str, Any]) -> None:
    values = {"topic": "webhook", **columns}
    with learn.fails("23514"):
        learn.insert("outbox", "1", **values)


def test_purging_takes_what_was_completed_before(learn: Learn) -> None:
    learn.set_setting("outbox_max_attempts", 1)
    old, late, dead, open_ = put(learn, "old", "late", "dead", "open")
    claimed(learn, 3)
    learn.complete_outbox([old])
    learn.fail_outbox([dead], "no")
    learn.advance(days(1))
    learn.complete_outbox([late])
    assert learn.purge_outbox(NOON + days(1)) == 1
    assert [message.id for message in learn.outbox()] == [late, dead, open_]
    with learn.refuses("LX001"):
        learn.purge_outbox(None)


def test_completed_messages_do_not_slow_a_claim(learn: Learn) -> None:
    """Its index has the open ones only, and it is used by plans that were made when the table was empty."""
    learn.run("analyze learn.outbox")
    assert claimed(learn) == []
    learn.run(
        "insert into learn.outbox (topic, key, completed_at)"
        " select 'webhook', 'done ' || n, now() from generate_series(1, 50000) n"
    )
    ids = put(learn, "a", "b")
    claimed(learn, 1)
    before = learn.value("select pg_stat_get_xact_tuples_returned('learn.outbox'::regclass)")
    assert claimed(learn, 1) == ids[1:]
    read = learn.value("select pg_stat_get_xact_tuples_returned('learn.outbox'::regclass)") - before
    assert read == 0  # rows that were read by scanning the table


def test_workers_are_the_app_and_operators_clean_up(learn: Learn) -> None:
    put(learn, "a", "b")
    with learn.role("learn_app"):
        one, two = claimed(learn)
        learn.fail_outbox([one], "no")
        learn.complete_outbox([two])
        assert len(learn.outbox()) == 2
    for call in (
        "select learn.purge_outbox(now())",
        "select learn.retry_outbox('{1}')",
        "delete from learn.outbox",
    ):
        with learn.fails("42501"), learn.connection.transaction():
            learn.run("set local role learn_app")
            learn.run(call)
    with learn.fails("42501"), learn.connection.transaction():
        learn.run("set local role learn_readonly")
        learn.claim_outbox()
