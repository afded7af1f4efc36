"""An earned achievement as an NFT: asked for, and minted by a worker, by the path of certificates."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import Learn

TOKEN = ("token_id", "collection_id", "serial_number", "metadata_uri", "tx_id")


@pytest.fixture
def user(learn: Learn) -> UUID:
    learn.set_setting("nft_minting_enabled", True)
    learn.caller = "learn_app"
    return learn.make_user()


@pytest.fixture
def badge(learn: Learn, user: UUID) -> str:
    slug = learn.make_achievement({"metric": "xp", "at_least": 10})
    learn.award_xp(user, 10)
    return slug


def token(learn: Learn, user: UUID, slug: str) -> tuple[Any, ...]:
    (found,) = learn.tuples(
        f"select {', '.join('e.' + name for name in TOKEN)}, e.minted_at from learn.user_achievements e"
        " join learn.achievements a on a.id = e.achievement_id where e.user_id = %s and a.slug = %s",
        [user, slug],
    )
    return found


def test_from_the_badge_to_its_token(learn: Learn, user: UUID, badge: str) -> None:
    assert learn.outbox("nft_mint") == []
    for _ in range(2):
        learn.request_achievement_nft(user, badge)
    (message,) = learn.claim_outbox(10)
    assert (message.topic, message.payload["user_id"], message.payload["achievement"]) == (
        "nft_mint",
        str(user),
        badge,
    )
    learn.record_transaction(
        user, "0.0.5@1", "achievement_nft", achievement_id=message.payload["achievement_id"]
    )
    for new in (True, False):
        assert learn.achievement_minted(user, badge, "0.0.9", "c", 7, "ipfs://x", "0.0.5@1") is new
    learn.complete_outbox([message.id])
    assert token(learn, user, badge) == ("0.0.9", "c", 7, "ipfs://x", "0.0.5@1", learn.clock())
    learn.request_achievement_nft(user, badge)
    assert len(learn.outbox("nft_mint")) == 1


def test_there_is_none_for_a_badge_that_was_not_earned(learn: Learn, user: UUID, badge: str) -> None:
    other = learn.make_user()
    with learn.refuses("LX007"):
        learn.request_achievement_nft(other, badge)
    with learn.refuses("LX003"):
        learn.achievement_minted(other, badge, "0.0.9")
    learn.revoke_achievement(user, badge)
    with learn.refuses("LX007"):
        learn.request_achievement_nft(user, badge)
    with learn.refuses("LX003"):
        learn.achievement_minted(user, badge, "0.0.9")
    assert learn.outbox("nft_mint") == []


def test_where_nothing_is_minted_nobody_may_ask(learn: Learn, user: UUID, badge: str) -> None:
    learn.set_setting("nft_minting_enabled", False)
    with learn.refuses("LX010"):
        learn.request_achievement_nft(user, badge)


def test_a_badge_that_was_given_back_is_another(learn: Learn, user: UUID, badge: str) -> None:
    learn.request_achievement_nft(user, badge)
    learn.revoke_achievement(user, badge)
    learn.grant_achievement(user, badge)
    learn.request_achievement_nft(user, badge)
    assert len(learn.outbox("nft_mint")) == 2


def test_a_token_is_of_one_badge_or_certificate(learn: Learn, user: UUID, badge: str) -> None:
    other = learn.make_user()
    learn.award_xp(other, 10)
    learn.complete_lesson(other, learn.lessons_of(learn.make_course(1))[0])
    ((certificate,),) = learn.tuples("select certificate_number from learn.certificates(%s)", [other])
    learn.achievement_minted(user, badge, "0.0.9", serial_number=1)
    with learn.refuses("LX010"):
        learn.achievement_minted(user, badge, "0.0.9", serial_number=2)
    with learn.refuses("LX010"):
        learn.achievement_minted(other, badge, "0.0.9", serial_number=1)
    with learn.refuses("LX010"):
        learn.certificate_minted(certificate, "0.0.9", serial_number=1)
    learn.certificate_minted(certificate, "0.0.9", serial_number=2)
    with learn.refuses("LX010"):
        learn.achievement_minted(other, badge, "0.0.9", serial_number=2)
    learn.achievement_minted(other, badge, "0.0.9", serial_number=3)


def test_a_token_stays_as_it_is(learn: Learn, user: UUID, badge: str) -> None:
    learn.achievement_minted(user, badge, "0.0.9", serial_number=1)
    for change in (
        "token_id = '0.0.8'",
        "serial_number = 2",
        "token_id = null, serial_number = null, minted_at = null",
    ):
        with learn.refuses("LX010"):
            learn.run(f"update learn.user_achievements set {change} where token_id is not null")
    minted = token(learn, user, badge)
    learn.rebuild_user(user)
    assert token(learn, user, badge) == minted


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token_id": " "}, "LX001"),
        ({"token_id": None}, "LX001"),
        ({"serial_number": -1}, "LX001"),
        ({"user_id": uuid4()}, "LX002"),
        ({"slug": "unheard-of"}, "LX003"),
        ({"slug": None}, "LX003"),
        ({"tx_id": "0.0.5@404"}, "LX003"),
    ],
)
def test_what_was_minted_makes_sense(
    learn: Learn, user: UUID, badge: str, changes: dict[str, Any], code: str
) -> None:
    with learn.refuses(code):
        learn.achievement_minted(**{"user_id": user, "slug": badge, "token_id": "0.0.9"} | changes)


def test_it_is_a_call_like_others(learn: Learn, user: UUID, badge: str) -> None:
    assert learn.request_achievement_nft(user, badge, key="key").replayed is False
    assert learn.request_achievement_nft(user, badge, key="key").replayed is True
    for who, slug, code in ((uuid4(), badge, "LX002"), (user, "unheard-of", "LX003"), (user, None, "LX003")):
        with learn.refuses(code):
            learn.request_achievement_nft(who, slug)
