"""Credentials have the form of Open Badges 3.0, and say no more than they must.

What is required, and of what kind, is written down here from the specification
(https://www.imsglobal.org/spec/ob/v3p0, appendix B: data models).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from tests.client import Certificate, Learn, days
from tests.credentials.scene import finish, make_course

URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@pytest.fixture
def user(learn: Learn) -> UUID:
    learn.set_setting("issuer_name", "Web3Versity")
    learn.set_setting("issuer_url", "https://web3versity.example")
    learn.set_setting("credential_url", "https://web3versity.example/credentials/")
    return learn.register_user("grace-login", email="grace@example.org", display_name="Grace Hopper")


@pytest.fixture
def certificate(learn: Learn, user: UUID) -> Certificate:
    course = make_course(
        learn,
        slug="smart-contracts",
        description="Write them.",
        icon_url="https://web3versity.example/sc.png",
    )
    return finish(learn, user, course)


def text(value: Any) -> None:
    assert isinstance(value, str)


def uri(value: Any) -> None:
    assert isinstance(value, str)
    assert URI.fullmatch(value)


def kind(name: str) -> Any:
    def check(value: Any) -> None:
        assert isinstance(value, list)
        assert name in value

    return check


def follow(model: Mapping[str, tuple[bool, Any]], value: Any) -> None:
    """Every required property is there, every one that is there is known and of its kind."""
    assert isinstance(value, dict)
    assert {name for name, (required, _) in model.items() if required} <= set(value)
    for name, part in value.items():
        assert name in model, name
        check = model[name][1]
        if isinstance(check, dict):
            follow(check, part)
        else:
            check(part)


def contexts(value: Any) -> None:
    assert value[0] == "https://www.w3.org/ns/credentials/v2"
    assert re.fullmatch(r"https://purl\.imsglobal\.org/spec/ob/v3p0/context-3\.\d\.\d*\.json", value[1])


def credential_type(value: Any) -> None:
    assert "VerifiableCredential" in value
    assert {"AchievementCredential", "OpenBadgeCredential"} & set(value)


def date_time(value: Any) -> None:
    assert DATE.fullmatch(value)


def identifiers(value: Any) -> None:
    for identity in value:
        assert set(identity) >= {"type", "hashed", "identityHash", "identityType"}
        assert identity["type"] == "IdentityObject"
        assert isinstance(identity["hashed"], bool)
        assert identity["identityType"] == "name"


def image(value: Any) -> None:
    assert value == "Image"


IMAGE = {"id": (True, uri), "type": (True, image)}
CRITERIA = {"id": (False, uri), "narrative": (False, text)}
ACHIEVEMENT = {
    "id": (True, uri),
    "type": (True, kind("Achievement")),
    "achievementType": (False, text),
    "criteria": (True, CRITERIA),
    "description": (True, text),
    "image": (False, IMAGE),
    "name": (True, text),
}
SUBJECT = {
    "id": (False, uri),
    "type": (True, kind("AchievementSubject")),
    "identifier": (False, identifiers),
    "achievement": (True, ACHIEVEMENT),
}
PROFILE = {"id": (True, uri), "type": (True, kind("Profile")), "name": (False, text)}
CREDENTIAL = {
    "@context": (True, contexts),
    "id": (True, uri),
    "type": (True, credential_type),
    "name": (True, text),
    "issuer": (True, PROFILE),
    "validFrom": (True, date_time),
    "credentialSubject": (True, SUBJECT),
}


def valid(credential: Any) -> dict[str, Any]:
    follow(CREDENTIAL, credential)
    assert {"id", "identifier"} & set(credential["credentialSubject"])
    assert isinstance(credential, dict)
    return credential


def test_a_certificate_is_an_open_badge(learn: Learn, certificate: Certificate) -> None:
    base = "https://web3versity.example/credentials"
    own = f"{base}/certificates/{certificate.verify_code}"
    assert valid(learn.certificate_credential(certificate.verify_code)) == {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        ],
        "id": own,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": "Smart Contracts",
        "issuer": {"id": "https://web3versity.example", "type": ["Profile"], "name": "Web3Versity"},
        "validFrom": "2035-06-13T12:00:00Z",
        "credentialSubject": {
            "id": f"{own}#recipient",
            "type": ["AchievementSubject"],
            "identifier": [
                {
                    "type": "IdentityObject",
                    "identityType": "name",
                    "hashed": False,
                    "identityHash": "Grace Hopper",
                }
            ],
            "achievement": {
                "id": f"{base}/courses/smart-contracts",
                "type": ["Achievement"],
                "achievementType": "Course",
                "name": "Smart Contracts",
                "description": "Write them.",
                "criteria": {"narrative": "Completed the course “Smart Contracts”."},
                "image": {"id": "https://web3versity.example/sc.png", "type": "Image"},
            },
        },
    }


def test_time_is_in_utc_whatever_the_session(learn: Learn, certificate: Certificate) -> None:
    learn.run("set local timezone = 'Asia/Tokyo'")
    learn.run("set local datestyle = 'German'")
    assert valid(learn.certificate_credential(certificate.verify_code))["validFrom"] == "2035-06-13T12:00:00Z"


def test_a_credential_stays_the_same(learn: Learn, user: UUID, certificate: Certificate) -> None:
    def both() -> list[Any]:
        return [
            learn.certificate_credential(certificate.verify_code),
            learn.achievement_credential(user, "welcome-aboard"),
        ]

    before = both()
    learn.advance(days(400))
    assert both() == before


def test_without_a_course_and_a_name_it_is_valid_still(
    learn: Learn, user: UUID, certificate: Certificate
) -> None:
    learn.run("delete from learn.courses where id = %s", [certificate.course_id])
    learn.run("update learn.users set display_name = null where id = %s", [user])
    subject = valid(learn.certificate_credential(certificate.verify_code))["credentialSubject"]
    assert "identifier" not in subject
    assert subject["achievement"]["name"] == "Smart Contracts"
    assert subject["achievement"]["description"] == "Smart Contracts"


def test_there_is_none_for_unknown_and_revoked_certificates(learn: Learn, certificate: Certificate) -> None:
    for code in (None, "", "0" * 32):
        assert learn.certificate_credential(code) is None
    learn.revoke_certificate(certificate.certificate_number)
    assert learn.certificate_credential(certificate.verify_code) is None


def test_an_earned_achievement_is_an_open_badge(learn: Learn, user: UUID) -> None:
    (badge,) = learn.badges(user)
    credential = valid(learn.achievement_credential(user, badge))
    achievement = credential["credentialSubject"]["achievement"]
    name, description = learn.tuples(
        "select name, description from learn.achievements where slug = %s", [badge]
    )[0]
    assert (achievement["name"], achievement["description"]) == (name, description)
    assert achievement["criteria"] == {"narrative": description}
    assert achievement["id"] == f"https://web3versity.example/credentials/achievements/{badge}"
    assert credential["id"].startswith(achievement["id"] + "/")
    assert credential["validFrom"] == "2035-06-13T12:00:00Z"


def test_a_badge_with_little_text_is_valid_too(learn: Learn, user: UUID) -> None:
    badge = learn.make_achievement({"metric": "xp", "at_least": 10**9})
    assert learn.achievement_credential(user, badge) is None
    learn.grant_achievement(user, badge)
    achievement = valid(learn.achievement_credential(user, badge))["credentialSubject"]["achievement"]
    assert achievement["description"] == badge
    learn.run(
        "update learn.achievements set icon = 'https://web3versity.example/b.svg' where slug = %s", [badge]
    )
    achievement = valid(learn.achievement_credential(user, badge))["credentialSubject"]["achievement"]
    assert achievement["image"]["id"] == "https://web3versity.example/b.svg"
    learn.revoke_achievement(user, badge)
    assert learn.achievement_credential(user, badge) is None


def test_credentials_give_nobody_away(learn: Learn, user: UUID, certificate: Certificate) -> None:
    for credential in (
        learn.certificate_credential(certificate.verify_code),
        learn.achievement_credential(user, "welcome-aboard"),
    ):
        for secret in (str(user), "grace@example.org", "grace-login"):
            assert secret not in str(credential)


def test_two_users_have_two_credentials(learn: Learn, user: UUID) -> None:
    one = valid(learn.achievement_credential(user, "welcome-aboard"))
    two = valid(learn.achievement_credential(learn.make_user(), "welcome-aboard"))
    assert one["id"] != two["id"]
    assert one["credentialSubject"]["achievement"] == two["credentialSubject"]["achievement"]


def test_users_and_achievements_have_to_exist(learn: Learn, user: UUID) -> None:
    for unknown in (UUID(int=0), None):
        with learn.refuses("LX002"):
            learn.achievement_credential(unknown, "welcome-aboard")
    for slug in ("no-such-badge", None):
        with learn.refuses("LX003"):
            learn.achievement_credential(user, slug)


@pytest.mark.parametrize("key", ["issuer_name", "issuer_url", "credential_url"])
@pytest.mark.parametrize("value", ["", " ", "no url"])
def test_nobody_issues_credentials_before_the_settings_say_who(
    learn: Learn, user: UUID, certificate: Certificate, key: str, value: str
) -> None:
    learn.set_setting(key, value)
    if key == "issuer_name" and value == "no url":
        assert learn.certificate_credential(certificate.verify_code) is not None
        return
    with learn.refuses("LX003") as refusal:
        learn.certificate_credential(certificate.verify_code)
    assert key in refusal.detail
    with learn.refuses("LX003"):
        learn.achievement_credential(user, "welcome-aboard")


@pytest.mark.parametrize("role", ["learn_app", "learn_readonly"])
def test_app_roles_may_ask(learn: Learn, user: UUID, certificate: Certificate, role: str) -> None:
    with learn.role(role):
        assert learn.certificate_credential(certificate.verify_code) is not None
        assert learn.achievement_credential(user, "welcome-aboard") is not None
