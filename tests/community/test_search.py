"""search_discussions(): words in any language, filters, order and pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.client import Learn
from tests.community.helpers import make_course, make_moderator


@pytest.fixture
def author(learn: Learn) -> UUID:
    return learn.make_user("author")


def found(learn: Learn, query: str | None, **arguments: Any) -> list[int]:
    return [row.discussion_id for row in learn.search_discussions(query, **arguments)]


def test_titles_count_more_than_tags_and_tags_more_than_content(learn: Learn, author: UUID) -> None:
    content = learn.make_discussion(author, title="Something", content="I read about hedera yesterday.")
    title = learn.make_discussion(author, title="Hedera accounts", content="How many?")
    tags = learn.make_discussion(author, title="Accounts", content="How many?", tags=["Hedera"])
    learn.make_discussion(author, title="Nothing", content="of the kind")
    assert found(learn, "hedera") == [title, tags, content]


def test_what_is_found_says_all_that_a_list_shows(learn: Learn, author: UUID) -> None:
    course = make_course(learn)
    number = learn.make_discussion(
        author, title="Gas", content="Why is the gas so dear?", course=course, category="help", tags=["evm"]
    )
    learn.make_reply(author, number)
    learn.view_discussion(number)
    (row,) = learn.search_discussions("GAS")
    assert (row.discussion_id, row.author_id, row.author, row.course_id) == (number, author, "author", course)
    assert (row.title, row.category, row.tags) == ("Gas", "help", ["evm"])
    assert (row.is_pinned, row.is_solved, row.view_count, row.reply_count) == (False, False, 1, 1)
    assert row.relevance > 0
    assert row.headline == "Why is the **gas** so dear"


def test_words_are_found_in_any_language_whatever_their_case(learn: Learn, author: UUID) -> None:
    filipino = learn.make_discussion(
        author, title="Paano mag-deploy ng kontrata?", content="Hindi ko alam kung ano ang mali."
    )
    german = learn.make_discussion(author, title="ÄRGER mit Verträgen", content="Was nun?")
    english = learn.make_discussion(author, title="What is this?", content="It is not that")
    assert found(learn, "KONTRATA") == [filipino]
    assert found(learn, "ang") == [filipino]
    assert found(learn, "ärger") == [german]
    assert found(learn, "this not") == [english]  # no word is too common to be found


def test_a_query_is_what_people_type_into_a_search_box(learn: Learn, author: UUID) -> None:
    one = learn.make_discussion(author, title="smart contract", content="a")
    two = learn.make_discussion(author, title="contract smart", content="b")
    three = learn.make_discussion(author, title="wallet", content="c")
    assert sorted(found(learn, "smart contract")) == [one, two]
    assert found(learn, '"smart contract"') == [one]
    assert sorted(found(learn, "wallet or smart")) == [one, two, three]
    assert found(learn, "contract -b") == [one]
    for odd in ("'; drop table learn.users; --", '"', "(((", "&|!", ":*", "\\"):
        assert found(learn, odd) == []


def test_edited_and_deleted_discussions_are_found_as_they_are(learn: Learn, author: UUID) -> None:
    number = learn.make_discussion(author, title="before")
    learn.edit_discussion(author, number, title="after", tags=["later"])
    assert (found(learn, "before"), found(learn, "after"), found(learn, "later")) == ([], [number], [number])
    learn.delete_discussion(author, number)
    assert found(learn, "after") == []


@pytest.mark.parametrize("blank", [None, "", " \n"])
def test_without_a_query_pinned_ones_come_first_and_then_the_newest(
    learn: Learn, author: UUID, blank: str | None
) -> None:
    old = learn.make_discussion(author, at="2035-06-11 12:00")
    older = learn.make_discussion(author, at="2035-06-10 12:00", content="x" * 300)
    oldest = learn.make_discussion(author, at="2035-06-09 12:00")
    learn.pin_discussion(make_moderator(learn), oldest)
    assert found(learn, blank) == [oldest, old, older]
    rows = learn.search_discussions(blank)
    assert {row.relevance for row in rows} == {0}
    assert rows[2].headline == "x" * 200


def test_a_pin_does_not_count_where_there_is_a_query(learn: Learn, author: UUID) -> None:
    pinned = learn.make_discussion(author, title="Other", content="gas")
    best = learn.make_discussion(author, title="Gas", content="gas")
    learn.pin_discussion(make_moderator(learn), pinned)
    assert found(learn, "gas") == [best, pinned]


@pytest.mark.parametrize("query", [None, "deploy"])
def test_filters_narrow_the_search(learn: Learn, author: UUID, query: str | None) -> None:
    course, other = make_course(learn), make_course(learn)
    here = learn.make_discussion(author, course=course, category="help", tags=["gas", "evm"])
    there = learn.make_discussion(author, course=other, tags=["gas"])
    nowhere = learn.make_discussion(author, category="help")
    assert found(learn, query, course=course) == [here]
    assert sorted(found(learn, query, category="help")) == [here, nowhere]
    assert sorted(found(learn, query, tags=["GAS"])) == [here, there]
    assert found(learn, query, tags=["gas", "Evm"]) == [here]
    assert sorted(found(learn, query, tags=[])) == [here, there, nowhere]
    assert found(learn, query, course=course, category="general") == []
    assert found(learn, query, course=10**15) == []


@pytest.mark.parametrize("query", [None, "deploy"])
def test_courses_that_are_not_published_are_not_searched(
    learn: Learn, author: UUID, query: str | None
) -> None:
    course = make_course(learn)
    learn.make_discussion(author, course=course)
    number = learn.make_discussion(author)
    learn.run("update learn.courses set is_published = false where id = %s", [course])
    assert found(learn, query) == [number]


@pytest.mark.parametrize("query", [None, "deploy"])
def test_pages_follow_each_other_without_gap_or_overlap(
    learn: Learn, author: UUID, query: str | None
) -> None:
    numbers = [learn.make_discussion(author) for _ in range(7)]
    pages = [found(learn, query, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert [number for page in pages for number in page] == numbers[::-1]


@pytest.mark.parametrize(
    "arguments",
    [{"limit": 0}, {"limit": 101}, {"limit": None}, {"offset": -1}, {"offset": None}, {"query": "x" * 1001}],
)
def test_pages_out_of_range_are_refused(learn: Learn, arguments: dict[str, Any]) -> None:
    with learn.refuses("LX001"):
        learn.search_discussions(**{"query": "gas", **arguments})


def test_lists_and_searches_use_indexes(learn: Learn, author: UUID) -> None:
    learn.run(
        "insert into learn.discussions (author_id, title, content, category, tags)"
        " select %s, 'word' || n, 'content', 'category' || n %% 20, array['tag' || n %% 50]"
        " from generate_series(1, 3000) n",
        [author],
    )
    learn.run("analyze learn.discussions")
    learn.run("set local enable_seqscan = off")  # of so few rows it would be the cheaper
    for query, index in (
        ("order by is_pinned desc, created_at desc, id desc limit 20", "discussions_newest"),
        (
            "where category = 'category3' order by is_pinned desc, created_at desc, id desc limit 20",
            "discussions_category",
        ),
        ("where words @@ websearch_to_tsquery('simple', 'word77')", "discussions_words"),
        ("where tags @> '{tag7}'", "discussions_tags"),
    ):
        plan = learn.tuples(f"explain select id from learn.discussions {query}")
        assert any(index in line for (line,) in plan), plan
