"""Prerequisites of tracks: no cycle, however long and however it is written."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.client import Learn, Track


def chain(learn: Learn, length: int) -> list[Track]:
    """Tracks of which each has the next as its prerequisite."""
    tracks = [learn.make_track() for _ in range(length)]
    for track, prerequisite in pairwise(tracks):
        learn.make_prerequisite(track, prerequisite)
    return tracks


def test_chains_and_diamonds_are_fine(learn: Learn) -> None:
    top, left, right, bottom = (learn.make_track() for _ in range(4))
    for track, prerequisite in ((top, left), (top, right), (left, bottom), (right, bottom), (top, bottom)):
        learn.make_prerequisite(track, prerequisite)
    assert learn.value("select count(*) from learn.track_prerequisites where track_id = %s", [top.id]) == 3


def test_a_track_is_not_its_own_prerequisite(learn: Learn) -> None:
    track = learn.make_track()
    with learn.fails("23514"):
        learn.make_prerequisite(track, track)


@pytest.mark.parametrize("length", [2, 3, 10])
def test_a_cycle_is_refused_naming_its_path(learn: Learn, length: int) -> None:
    tracks = chain(learn, length)
    with learn.refuses("LX012") as refusal:
        learn.make_prerequisite(tracks[-1], tracks[0])
    named = refusal.detail.split(" → ")
    assert named[0] == named[-1]
    assert sorted(named[1:]) == sorted(str(track.id) for track in tracks)


def test_a_cycle_written_by_one_statement_is_refused(learn: Learn) -> None:
    one, two = learn.make_track(), learn.make_track()
    with learn.refuses("LX012"):
        learn.run(
            "insert into learn.track_prerequisites (track_id, prerequisite_track_id)"
            " values (%s, %s), (%s, %s)",
            [one.id, two.id, two.id, one.id],
        )


def test_a_cycle_made_by_an_update_is_refused(learn: Learn) -> None:
    first, second, third = chain(learn, 3)
    other = learn.make_track()
    learn.make_prerequisite(third, other)
    with learn.refuses("LX012") as refusal:
        learn.run(
            "update learn.track_prerequisites set prerequisite_track_id = %s where track_id = %s",
            [first.id, third.id],
        )
    assert str(second.id) in refusal.detail


def test_a_cycle_that_an_edge_leads_into_is_found(learn: Learn) -> None:
    tracks = chain(learn, 4)
    with learn.refuses("LX012"):
        learn.make_prerequisite(tracks[3], tracks[1])


def test_after_an_edge_is_gone_the_other_way_round_is_fine(learn: Learn) -> None:
    first, second = chain(learn, 2)
    learn.run("delete from learn.track_prerequisites where track_id = %s", [first.id])
    learn.make_prerequisite(second, first)


def test_a_deleted_track_takes_its_edges_along(learn: Learn) -> None:
    first, second, third = chain(learn, 3)
    learn.run("delete from learn.tracks where id = %s", [second.id])
    learn.make_prerequisite(third, first)
