"""Names that people see: one form, nothing hidden, no twins; and where a learner was seen last."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client import Connection, Learn

CALLERS = [None, "learn_app"]
# Of marie and marïe: blanks at the ends, controls, zero width, direction, other ways to write the same.
BAD = [
    "marie ",
    " marie",
    "ma\nrie",
    "ma\trie",
    "mar\u200bie",
    "\u202emarie",
    "mar\u00adie",
    "marie\u200d",
    "\ufeff",
]
BAD += [
    "\u2800",
    "\u3000",
    "mar\u2066ie",
    "marie\ufe0f",
    "ma\x01rie",
    "\U000e0041marie",
]
TWINS = ["MARIE", "\uff4darie", "MAR\u00cfE", "\u24dcarie"]
DECOMPOSED = "mari\u0308e"
GOOD = [
    "李小龍",
    "Ünal Ç.",
    "👩🏽\u200d🚀",
    "❤️",
    "1️⃣",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "ශ්\u200dරී",
    "O'Neil-Ångström",
    "葛\U000e0100",
]


@pytest.fixture(params=CALLERS, ids=["owner", "learn_app"])
def marie(request: pytest.FixtureRequest, db: Connection) -> Learn:
    """As the owner and as learn_app, where marie and marïe are registered."""
    learn = Learn(db, caller=request.param)
    learn.set_clock("2035-06-13 12:00")
    learn.register_user("marie")
    learn.register_user("mar\u00efe")
    return learn


@pytest.mark.parametrize("name", [*BAD, *TWINS, DECOMPOSED])
def test_a_name_that_looks_like_another_one_is_refused(marie: Learn, name: str) -> None:
    with marie.refuses("LX001"):
        marie.register_user(name)


@pytest.mark.parametrize("name", [*BAD, DECOMPOSED])
def test_a_row_with_such_a_name_is_refused(learn: Learn, name: str) -> None:
    for column in ("username", "display_name"):
        with learn.fails("23514"):
            learn.insert("users", **{"username": "x", column: name})


@pytest.mark.parametrize("name", TWINS)
def test_a_row_with_a_twin_is_refused(marie: Learn, name: str) -> None:
    with marie.fails("23505"):
        marie.run("insert into learn.users (username) values (%s)", [name])


@pytest.mark.parametrize("name", GOOD)
def test_names_of_all_scripts_are_taken_as_they_are(marie: Learn, name: str) -> None:
    user = marie.register_user(name, display_name=f" {name}\u00a0")
    kept = marie.tuples("select username, display_name from learn.users where id = %s", [user])
    assert kept == [(unicodedata.normalize("NFC", name),) * 2]


def test_what_cannot_be_seen_is_no_post(marie: Learn) -> None:
    user = marie.make_user()
    for title, content in (
        ("\u200b", "\u200b"),
        ("T", "\u200b \ufeff"),
        ("T\u202e", "C"),
        ("T", " \n\u3000"),
    ):
        with marie.refuses("LX001"):
            marie.post_discussion(user, title, content)
    made = marie.make_discussion(user, " Caf\u0065\u0301? ", "\ufeffOne\r\n\u200btwo\u202e \n")
    kept = marie.tuples("select title, content from learn.discussions where id = %s", [made])
    assert kept == [("Caf\u00e9?", "One\ntwo")]


def test_usernames_are_the_same_when_unicode_says_so(learn: Learn) -> None:
    """Against Python's own tables."""

    def key(text: str) -> str:
        return str(learn.value("select learn_internal.username_key(%s)", [text]))

    def merged(text: str) -> str:
        return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(text=st.text(st.characters(exclude_categories=["C", "Z", "M"]), min_size=1, max_size=12))
    def check(text: str) -> None:
        for twin in (text.upper(), text.lower(), text.swapcase(), unicodedata.normalize("NFKC", text)):
            assert (key(twin) == key(text)) is (merged(twin) == merged(text)), (text, twin)

    check()


def test_what_people_look_for_is_found_by_index(learn: Learn) -> None:
    learn.run("set local enable_seqscan = off")
    for condition in (
        "username = 'Ada'",
        "lower(username) = 'ada'",
        "email = 'ada@example.org'",
        "lower(email) = 'ada@example.org'",
        "evm_address = '0x52908400098527886E0F7030069857D2E4169EE7'",
        "lower(evm_address) = '0x52908400098527886e0f7030069857d2e4169ee7'",
        "hedera_account_id = '0.0.7'",
    ):
        plan = learn.values(f"explain select * from learn.users where {condition}")
        assert any("Index" in line for line in plan), (condition, plan)


def test_learning_is_noted_once_in_five_minutes(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(1)

    def seen() -> object:
        return learn.value("select last_active_at from learn.users where id = %s", [user])

    assert seen() is None
    start = learn.clock()
    learn.award_xp(user, 5)  # nothing that the learner does
    assert seen() is None
    updated = learn.value("select updated_at from learn.users where id = %s", [user])
    for minutes, expected in ((0, 0), (4, 0), (5, 5), (9, 5), (11, 11)):
        learn.set_clock(start + timedelta(minutes=minutes))
        learn.submit_query(user, lesson.exercises[0], False)
        assert seen() == start + timedelta(minutes=expected)
    learn.submit_query(user, lesson.exercises[0], False, at=start)  # late: no step back
    assert seen() == start + timedelta(minutes=11)
    assert learn.value("select updated_at from learn.users where id = %s", [user]) == updated


def test_rows_written_by_hand_are_seen_too(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.insert("user_lesson_progress", "user_id", user_id=user, lesson_id=lesson.id, status="completed")
    assert learn.value("select last_active_at from learn.users where id = %s", [user]) == learn.clock()
