"""record_activities(): a batch of facts, all or nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import AwardSummary, Learn, moment


def fact(user: UUID, activity: str, **more: Any) -> dict[str, Any]:
    return {"user_id": user, "activity_type": activity, **more}


def test_a_batch_does_what_its_elements_would_do_alone(learn: Learn) -> None:
    activity = learn.make_activity_type(xp=60, qualifying=True)
    learn.make_achievement({"metric": learn.make_metric(activity), "at_least": 3}, slug="three")
    alone, batched = learn.make_user(), learn.make_user()
    times = [moment(f"2035-06-{day} 10:00") for day in (11, 12, 13)]
    for number, at in enumerate(times):
        learn.record_activity(alone, activity, "video", str(number), {"n": number}, at=at)
    (summary,) = learn.record_activities(
        [
            fact(
                batched,
                activity,
                subject_type="video",
                subject_id=str(n),
                properties={"n": n},
                occurred_at=at,
            )
            for n, at in enumerate(times)
        ]
    )
    assert summary == AwardSummary(batched, 180, 180, 2, True, 3, ["daily-learner", "three"], {}, False)
    assert sorted(learn.badges(batched)) == sorted(learn.badges(alone))
    assert learn.stats(batched) == learn.stats(alone)
    assert learn.ledger(batched) == learn.ledger(alone)
    assert learn.facts(batched, activity) == learn.facts(alone, activity)
    assert learn.active_days(batched) == learn.active_days(alone)


def test_there_is_one_summary_per_user_in_order_of_first_appearance(learn: Learn) -> None:
    activity = learn.make_activity_type(xp=1)
    users = sorted((learn.make_user() for _ in range(3)), reverse=True)
    summaries = learn.record_activities([fact(user, activity) for user in (*users, *users[::-1], users[0])])
    assert [(summary.user_id, summary.xp_awarded) for summary in summaries] == [
        (users[0], 3),
        (users[1], 2),
        (users[2], 2),
    ]


def test_an_empty_batch_has_no_summary(learn: Learn) -> None:
    assert learn.record_activities([]) == []


@pytest.mark.parametrize("batch", [{}, "text", 5, None])
def test_a_batch_is_a_list(learn: Learn, batch: Any) -> None:
    with learn.refuses("LX001"):
        learn.record_activities(batch)


def test_json_null_is_no_batch(learn: Learn) -> None:
    with learn.refuses("LX001"):
        learn.run("select * from learn.record_activities('null')")


def test_null_members_count_as_missing(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=1), learn.make_user()
    empty = {"subject_type": None, "subject_id": None, "properties": None, "occurred_at": None}
    (summary,) = learn.record_activities([fact(user, activity, **empty, idempotency_key=None)])
    assert summary.xp_awarded == 1


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ("text", "LX001"),
        ([], "LX001"),
        (None, "LX001"),
        ({"user_id": None}, "LX001"),
        ({"user_id": "me"}, "LX001"),
        ({"user_id": str(uuid4())}, "LX002"),
        ({"activity_type": "unheard_of"}, "LX001"),
        ({"activity_type": None}, "LX001"),
        ({"activity_type": "level_reached"}, "LX010"),
        ({"subject_type": "video"}, "LX001"),
        ({"subject_id": "1"}, "LX001"),
        ({"properties": [1]}, "LX001"),
        ({"properties": "text"}, "LX001"),
        ({"occurred_at": "soon"}, "LX001"),
        ({"occurred_at": "infinity"}, "LX001"),
        ({"occurred_at": "2035-13-01T00:00:00Z"}, "LX001"),
        ({"occurred_at": "2035-06-13T12:06:00Z"}, "LX001"),
        ({"occurred_at": "2035-05-14T11:59:00Z"}, "LX001"),
        ({"idempotency_key": ""}, "LX001"),
        ({"idempotency_key": "  "}, "LX001"),
        ({"idempotency_key": "k" * 201}, "LX001"),
    ],
)
def test_one_bad_element_in_the_middle_records_nothing_and_is_named(
    learn: Learn, broken: Any, code: str
) -> None:
    activity, user = learn.make_activity_type(xp=1), learn.make_user()
    element = fact(user, activity, **broken) if isinstance(broken, dict) and broken else broken
    if isinstance(broken, dict):
        element = {**fact(user, activity), **broken}
    with learn.refuses(code) as refusal:
        learn.record_activities([fact(user, activity), element, fact(user, activity)])
    assert "2" in refusal.detail
    assert learn.ledger(user) == []


def test_a_property_that_is_no_number_is_named_by_its_element(learn: Learn) -> None:
    activity, user = learn.make_activity_type(), learn.make_user()
    learn.make_metric(activity, "sum", property="minutes")
    good, bad = {"minutes": 7}, {"minutes": "many"}
    with learn.refuses("LX001") as refusal:
        learn.record_activities([fact(user, activity, properties=p) for p in (good, good, bad, good)])
    assert "3" in refusal.detail


def test_an_inactive_user_in_a_batch_is_refused(learn: Learn) -> None:
    activity, user, inactive = learn.make_activity_type(xp=1), learn.make_user(), learn.make_user()
    learn.run("update learn.users set is_active = false where id = %s", [inactive])
    with learn.refuses("LX004") as refusal:
        learn.record_activities([fact(user, activity), fact(inactive, activity)])
    assert "2" in refusal.detail


def test_a_type_that_happens_once_is_recorded_once_also_within_a_batch(learn: Learn) -> None:
    activity = learn.make_activity_type(xp=1, happens_once=True)
    user, other = learn.make_user(), learn.make_user()
    learn.record_activity(user, activity, "video", "1")
    element = {"subject_type": "video", "subject_id": "2"}
    summaries = learn.record_activities(
        [
            fact(user, activity, subject_type="video", subject_id="1"),
            fact(user, activity, **element),
            fact(user, activity, **element),
            fact(other, activity, **element),
        ]
    )
    assert [summary.xp_awarded for summary in summaries] == [1, 1]
    assert learn.facts(user, activity) == [(activity, "video", "1"), (activity, "video", "2")]


def test_a_user_is_one_however_the_id_is_spelled(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=1), learn.make_user()
    spelled = [str(user), str(user).upper()]
    (summary,) = learn.record_activities([{"user_id": one, "activity_type": activity} for one in spelled])
    assert summary.xp_awarded == 2
    (summary,) = learn.record_activities(
        [{"user_id": one, "activity_type": activity, "idempotency_key": "k"} for one in spelled]
    )
    assert summary.xp_awarded == 1


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_twice_in_one_batch_is_one_fact(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=1), learn.make_user()
    (summary,) = learn.record_activities([fact(user, activity, idempotency_key="k")] * 2)
    assert (summary.xp_awarded, summary.replayed) == (1, False)
    assert len(learn.facts(user, activity)) == 1


def test_a_key_twice_in_one_batch_with_other_contents_is_refused(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=1), learn.make_user()
    with learn.refuses("LX013") as refusal:
        learn.record_activities(
            [
                fact(user, activity, idempotency_key="k"),
                fact(user, activity, idempotency_key="k", properties={"n": 1}),
            ]
        )
    assert "2" in refusal.detail


def test_a_key_belongs_to_one_user_also_in_a_batch(learn: Learn) -> None:
    activity, users = learn.make_activity_type(xp=1), [learn.make_user(), learn.make_user()]
    summaries = learn.record_activities([fact(user, activity, idempotency_key="k") for user in users])
    assert [summary.xp_awarded for summary in summaries] == [1, 1]


def test_a_retried_batch_gets_the_first_answers_and_changes_nothing(learn: Learn) -> None:
    activity, users = (
        learn.make_activity_type(xp=100, qualifying=True),
        [learn.make_user(), learn.make_user()],
    )
    batch = [
        fact(
            user,
            activity,
            idempotency_key=f"{n}",
            occurred_at=datetime.fromisoformat("2035-06-13T09:00:00+00:00"),
        )
        for n, user in enumerate((*users, users[0]))
    ]
    first = learn.record_activities(batch)
    learn.award_xp(users[0], 1000)
    before = learn.row_counts()
    retried = learn.record_activities(batch)
    assert learn.row_counts() == before
    assert [summary.replayed for summary in retried] == [True, True]
    assert [{**summary._asdict(), "replayed": False} for summary in retried] == [
        summary._asdict() for summary in first
    ]


def test_a_batch_that_is_new_in_part_records_the_new_part(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=1), learn.make_user()
    learn.record_activities([fact(user, activity, idempotency_key="a")])
    (summary,) = learn.record_activities([fact(user, activity, idempotency_key=key) for key in "ab"])
    assert (summary.xp_awarded, summary.total_xp, summary.replayed) == (1, 2, False)


def test_a_key_is_good_for_the_single_call_and_the_batch_alike(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=1), learn.make_user()
    first = learn.record_activity(user, activity, "video", "1", {"n": 1}, at="2035-06-13 11:00", key="k")
    element = {"subject_type": "video", "subject_id": "1", "properties": {"n": 1}}
    (again,) = learn.record_activities(
        [fact(user, activity, **element, occurred_at="2035-06-13T11:00:00Z", idempotency_key="k")]
    )
    assert (again.replayed, again.total_xp) == (True, first.total_xp)
    assert len(learn.facts(user, activity)) == 1


def test_a_key_of_another_function_is_refused_in_a_batch(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=1), learn.make_user()
    learn.award_xp(user, 5, key="k")
    with learn.refuses("LX013"):
        learn.record_activities([fact(user, activity, idempotency_key="k")])


def test_a_batch_of_thousands_takes_one_step(learn: Learn) -> None:
    activity = learn.make_activity_type(xp=1, qualifying=True)
    users = [learn.make_user() for _ in range(50)]
    summaries = learn.record_activities([fact(user, activity) for user in users for _ in range(40)])
    assert {summary.xp_awarded for summary in summaries} == {40}
    assert len(summaries) == 50
