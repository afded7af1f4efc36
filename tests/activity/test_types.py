"""What kinds of facts keep: their keys, once there are facts, and Laurel's own for ever."""

from __future__ import annotations

import pytest

from tests.client import Learn


def test_laurels_own_types_keep_their_keys_and_what_they_are(learn: Learn) -> None:
    """Without them a lesson would be completed, and neither paid nor counted."""
    own = learn.values("select key from learn.activity_types where is_built_in")
    assert len(own) > 35
    for key in own:
        for statement in (
            "delete from learn.activity_types where key = %s",
            "update learn.activity_types set key = key || '-x' where key = %s",
            "update learn.activity_types set is_internal = not is_internal where key = %s",
            "update learn.activity_types set happens_once = not happens_once where key = %s",
            "update learn.activity_types set is_built_in = false where key = %s",
        ):
            with learn.refuses("LX010"):
                learn.run(statement, [key])


@pytest.mark.parametrize("change", ["key = 'other'", "is_on_boards = false"])
def test_a_type_that_facts_have_stays_as_they_were_counted(learn: Learn, change: str) -> None:
    kind = learn.make_activity_type(xp=5)
    statement = f"update learn.activity_types set {change} where key = %s"
    with learn.connection.transaction(force_rollback=True):
        learn.run(statement, [kind])
    learn.record_activity(learn.make_user(), kind)
    with learn.refuses("LX001"):
        learn.run(statement, [kind])
