"""Challenges in any order of attempts, hints, unlocks and changes of content, against a plain model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client import AwardSummary, Connection, Learn, Track
from tests.client import Challenge as Made
from tests.properties.examples import examples
from tests.properties.histories import START
from tests.properties.model import RefusedError
from tests.properties.snapshots import differences, snapshot

HINTS = (1, 4, 30)


# ── the model ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Challenge:
    """What pays what; `levels` by number."""

    levels: dict[int, int]
    xp_base: int
    needs: set[int]
    track: int | None
    is_active: bool = True
    has_lost_levels: bool = False


@dataclass
class Catalog:
    """Challenges and tracks by their numbers; a track pays `track_xp` and needs other tracks."""

    challenges: list[Challenge]
    track_needs: list[set[int]]
    track_xp: list[int]

    def items(self, track: int) -> set[int]:
        return {
            number
            for number, challenge in enumerate(self.challenges)
            if challenge.track == track and challenge.is_active and challenge.levels
        }

    def has_dead_end(self) -> bool:
        """Whether some challenge waits for itself, by what it needs and by what its track needs."""

        def waits_for(number: int) -> set[int]:
            track = self.challenges[number].track
            needed = self.track_needs[track] if track is not None else set()
            return self.challenges[number].needs | {
                other for other, challenge in enumerate(self.challenges) if challenge.track in needed
            }

        def reaches(number: int, goal: int, seen: set[int]) -> bool:
            new = waits_for(number) - seen
            seen |= new
            return goal in new or any(reaches(other, goal, seen) for other in new)

        return any(reaches(number, number, set()) for number in range(len(self.challenges)))


@dataclass
class Learner:
    """What one user has done."""

    catalog: Catalog
    unlocked: set[int] = field(default_factory=set)
    passed: dict[int, set[int]] = field(default_factory=dict)
    completed: set[int] = field(default_factory=set)
    tracks: set[int] = field(default_factory=set)
    hints: set[tuple[int, int, int]] = field(default_factory=set)
    xp: int = 0

    def is_due(self, number: int) -> bool:
        challenge = self.catalog.challenges[number]
        return (
            challenge.is_active
            and number not in self.unlocked
            and all(n in self.completed or not self.catalog.challenges[n].is_active for n in challenge.needs)
            and (
                challenge.track is None
                or all(
                    t in self.tracks or not self.catalog.items(t)
                    for t in self.catalog.track_needs[challenge.track]
                )
            )
        )

    def unlock(self) -> None:
        self.unlocked |= {n for n in range(len(self.catalog.challenges)) if self.is_due(n)}

    def attempt(self, number: int, level: int, passed: bool) -> None:
        challenge = self._require(number, level)
        done = self.passed.get(number, set())
        if any(max(done, default=0) < before < level for before in challenge.levels):
            raise RefusedError("LX005")
        self._require_unlocked(number)
        self.unlocked.add(number)
        if passed and level not in done:
            self.passed[number] = done | {level}
            penalty = sum(HINTS[h - 1] for n, v, h in self.hints if (n, v) == (number, level))
            self.xp += max(0, challenge.levels[level] - penalty)
        if passed:
            self.settle(number)

    def use_hint(self, number: int, level: int, hint: int) -> None:
        self._require(number, level)
        self._require_unlocked(number)
        if hint > len(HINTS):
            raise RefusedError("LX003")
        self.hints.add((number, level, hint))

    def settle(self, number: int) -> None:
        """Complete a challenge of which every level is passed."""
        challenge = self.catalog.challenges[number]
        if number in self.completed or not challenge.levels or not self.passed.get(number):
            return
        if self.passed[number] >= set(challenge.levels):
            self.completed.add(number)
            self.xp += challenge.xp_base
            self.settle_track(challenge.track)
            self.unlock()

    def settle_track(self, track: int | None) -> None:
        """Complete a track of which every item is completed."""
        if track is None or track in self.tracks:
            return
        items = self.catalog.items(track)
        if items and items <= self.completed:
            self.tracks.add(track)
            self.xp += self.catalog.track_xp[track]
            self.unlock()

    def _require(self, number: int, level: int) -> Challenge:
        challenge = self.catalog.challenges[number]
        if level not in challenge.levels:
            raise RefusedError("LX003")
        if not challenge.is_active:
            raise RefusedError("LX004")
        return challenge

    def _require_unlocked(self, number: int) -> None:
        if number not in self.unlocked and not self.is_due(number):
            raise RefusedError("LX005")


# ── catalogs and steps ─────────────────────────────────────────────────────────────────────────────────────


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """3 to 8 challenges of 1 to 5 levels in up to 3 tracks; a challenge needs some of those before it."""
    tracks = draw(st.integers(0, 3))
    challenges = [
        Challenge(
            levels={level + 1: draw(st.sampled_from([0, 5, 40])) for level in range(draw(st.integers(1, 5)))},
            xp_base=draw(st.sampled_from([0, 100])),
            needs=draw(st.sets(st.integers(0, number - 1), max_size=2)) if number else set(),
            track=draw(st.none() | st.integers(0, tracks - 1)) if tracks else None,
        )
        for number in range(draw(st.integers(3, 8)))
    ]
    needs = [draw(st.sets(st.integers(0, n - 1), max_size=1)) if n else set() for n in range(tracks)]
    catalog = Catalog(challenges, needs, [draw(st.sampled_from([0, 70])) for _ in range(tracks)])
    for challenge in challenges:
        if catalog.has_dead_end():
            challenge.track = None
    return catalog


Step = tuple[Any, ...]
_user = st.integers(0, 1)
_challenge = st.integers(0, 7)
_steps: st.SearchStrategy[Step] = st.one_of(
    *[
        st.tuples(st.just("advance"), _user, _challenge),  # the next level of the challenge is passed
        st.tuples(st.just("finish"), _user, _challenge),  # every level of it
    ]
    * 3,
    st.tuples(st.just("attempt"), _user, _challenge, st.integers(0, 6), st.booleans()),
    st.tuples(st.just("hint"), _user, _challenge, st.integers(1, 5), st.integers(1, 4)),
    st.tuples(st.just("unlock"), _user),
    st.tuples(st.just("toggle"), _challenge),
    st.tuples(st.just("need"), _challenge, _challenge),
    st.tuples(st.just("move"), _challenge, st.none() | st.integers(0, 2)),
    st.tuples(st.just("add level"), _challenge),
    st.tuples(st.just("drop level"), _challenge),
)


class Play:
    """Two learners, each as a model and in the database, who take the same steps."""

    def __init__(self, learn: Learn, catalog: Catalog) -> None:
        self.learn, self.catalog = learn, catalog
        learn.set_clock(START)
        self.tracks: list[Track] = [learn.make_track(completion_xp=xp) for xp in catalog.track_xp]
        for number, needs in enumerate(catalog.track_needs):
            for needed in needs:
                learn.make_prerequisite(self.tracks[number], self.tracks[needed])
        self.challenges: list[Made] = []
        for number, challenge in enumerate(catalog.challenges):
            self.challenges.append(
                learn.make_challenge(
                    list(challenge.levels.values()),
                    slug=f"c{number}",
                    xp_base=challenge.xp_base,
                    track=None if challenge.track is None else self.tracks[challenge.track],
                    hints=HINTS,
                    needs=[self.challenges[needed] for needed in challenge.needs],
                )
            )
        self.users = [learn.make_user() for _ in range(2)]
        self.models = [Learner(catalog) for _ in self.users]

    def take(self, step: Step) -> None:
        kind, *rest = step
        if kind in ("attempt", "hint", "unlock", "advance", "finish"):
            self._act(kind, rest)
            return
        number = rest[0] % len(self.challenges)
        challenge, made = self.catalog.challenges[number], self.challenges[number]
        if kind == "toggle":
            challenge.is_active = not challenge.is_active
            self._write("update learn.challenges set is_active = not is_active where id = %s", made.id)
            self._settle_tracks(challenge.track)
        elif kind == "need":
            needed = rest[1] % len(self.challenges)
            if needed in challenge.needs:
                challenge.needs.discard(needed)
                self._write(
                    "delete from learn.challenge_prerequisites"
                    " where challenge_id = %s and prerequisite_challenge_id = %s",
                    *(made.id, self.challenges[needed].id),
                )
            elif needed < number:
                challenge.needs.add(needed)
                if self.catalog.has_dead_end():
                    challenge.needs.discard(needed)
                    with self.learn.refuses("LX012"):
                        self.learn.need_challenge(made, self.challenges[needed])
                else:
                    self.learn.need_challenge(made, self.challenges[needed])
        elif kind == "move":
            old, challenge.track = challenge.track, rest[1] if rest[1] in range(len(self.tracks)) else None
            new = None if challenge.track is None else self.tracks[challenge.track].id
            if self.catalog.has_dead_end():
                challenge.track = old
                with self.learn.refuses("LX012"):
                    self._write("update learn.challenges set track_id = %s where id = %s", new, made.id)
                return
            self._write("update learn.challenges set track_id = %s where id = %s", new, made.id)
            self._settle_tracks(old, challenge.track)
        elif kind == "add level":
            if len(challenge.levels) < 5 and not challenge.has_lost_levels:
                level = len(challenge.levels) + 1
                challenge.levels[level] = 9
                self.learn.make_level(made, level, xp=9, hints=HINTS)
                self._settle_tracks(challenge.track)
        elif len(challenge.levels) > 1:
            level = max(challenge.levels)
            challenge.has_lost_levels = True
            del challenge.levels[level]
            self._write(
                "delete from learn.challenge_levels where challenge_id = %s and level_number = %s",
                *(made.id, level),
            )
            for learner in self.models:
                learner.passed.get(number, set()).discard(level)
                learner.hints = {hint for hint in learner.hints if hint[:2] != (number, level)}
                learner.settle(number)
            self._settle_tracks(challenge.track)

    def differences(self, user: int) -> dict[str, tuple[object, object]]:
        """What the database says otherwise than the model: (actual, expected)."""
        model, id_ = self.models[user], self.users[user]
        rows = {
            slug: (levels, is_completed)
            for slug, levels, is_completed in self.learn.tuples(
                "select c.slug, p.levels_completed, p.completed_at is not null"
                " from learn.user_challenge_progress p join learn.challenges c on c.id = p.challenge_id"
                " where p.user_id = %s",
                [id_],
            )
        }
        hints = self.learn.tuples(
            "select c.slug, h.level_number, h.hint_number from learn.hint_usage h"
            " join learn.challenges c on c.id = h.challenge_id where h.user_id = %s",
            [id_],
        )
        tracks = self.learn.tuples(
            "select track_id from learn.user_track_progress where user_id = %s and status = 'completed'",
            [id_],
        )
        compared: dict[str, tuple[object, object]] = {
            "unlocked": (set(self.learn.unlocked_challenges(id_)), {f"c{n}" for n in model.unlocked}),
            "progress": (
                rows,
                {f"c{n}": (sorted(model.passed.get(n, set())), n in model.completed) for n in model.unlocked},
            ),
            "hints": (set(hints), {(f"c{n}", level, hint) for n, level, hint in model.hints}),
            "tracks": ({t for (t,) in tracks}, {self.tracks[t].id for t in model.tracks}),
            "xp": (self.learn.stats(id_).total_xp, model.xp),
            "completions": (self.learn.metric(id_, "challenges_completed"), len(model.completed)),
        }
        return {name: values for name, values in compared.items() if values[0] != values[1]}

    def is_told_what_to_do(self, user: int) -> bool:
        """Recommendations are open challenges, and there is one as long as one is open."""
        model = self.models[user]
        open_ = {
            f"c{n}"
            for n, challenge in enumerate(self.catalog.challenges)
            if challenge.is_active and n not in model.completed and (n in model.unlocked or model.is_due(n))
        }
        told = set(self.learn.recommend_challenges(self.users[user], 100))
        return told <= open_ and (told != set()) == (open_ != set())

    def _act(self, kind: str, rest: list[Any]) -> None:
        user, learner = self.users[rest[0]], self.models[rest[0]]
        if kind == "unlock":
            before = set(learner.unlocked)
            learner.unlock()
            found = self.learn.check_and_unlock_challenges(user)
            assert sorted(found) == sorted(self.challenges[n].id for n in learner.unlocked - before)
            return
        number = rest[1] % len(self.challenges)
        made = self.challenges[number]
        if kind == "hint":
            level, hint = rest[2:]
            self._compare(
                rest[0],
                lambda: learner.use_hint(number, level, hint),
                lambda: self.learn.use_hint(user, made, level, hint),
            )
            return
        if kind == "attempt":
            self._attempt(rest[0], number, rest[2], rest[3])
            return
        left = sorted(set(self.catalog.challenges[number].levels) - learner.passed.get(number, set()))
        for level in left if kind == "finish" else left[:1]:
            self._attempt(rest[0], number, level, True)

    def _attempt(self, user: int, number: int, level: int, passed: bool) -> None:
        self._compare(
            user,
            lambda: self.models[user].attempt(number, level, passed),
            lambda: self.learn.submit_level_attempt(self.users[user], self.challenges[number], level, passed),
        )

    def _compare(self, user: int, model: Callable[[], None], call: Callable[[], AwardSummary]) -> None:
        """A call must answer what the model says, or be refused with the same code."""
        learner = self.models[user]
        xp, unlocked = learner.xp, set(learner.unlocked)
        expected: object
        actual: object
        try:
            model()
            expected = (learner.xp - xp, learner.xp, {f"c{n}" for n in learner.unlocked - unlocked})
        except RefusedError as refused:
            expected = refused.sqlstate
        try:
            with self.learn.connection.transaction():
                summary = call()
            actual = (summary.xp_awarded, summary.total_xp, set(summary.unlocked.get("challenges", [])))
        except psycopg.Error as error:
            actual = error.sqlstate
        assert actual == expected

    def _write(self, statement: str, *arguments: Any) -> None:
        self.learn.run(statement, arguments)

    def _settle_tracks(self, *tracks: int | None) -> None:
        for learner in self.models:
            for track in tracks:
                learner.settle_track(track)


@pytest.fixture
def learn_world(db: Connection) -> Learn:
    """In a transaction that is rolled back."""
    return Learn(db)


def challenge_rows(learn: Learn, users: list[UUID]) -> list[tuple[Any, ...]]:
    return learn.tuples(
        "select to_jsonb(p) from learn.user_challenge_progress p where user_id = any (%s)"
        " order by user_id, id",
        [users],
    )


@settings(max_examples=examples(80))
@given(catalog=catalogs(), steps=st.lists(_steps, min_size=5, max_size=40))
def test_any_order_of_challenges_leaves_what_the_rules_say(
    learn_world: Learn, catalog: Catalog, steps: list[Step]
) -> None:
    learn = learn_world
    with learn.connection.transaction(force_rollback=True):
        play = Play(learn, catalog)
        for step in steps:
            play.take(step)
            assert play.differences(0) == {}, step
            assert play.is_told_what_to_do(0), step
        assert play.differences(1) == {}
        assert learn.check_integrity() == []

        before = snapshot(learn, play.users), challenge_rows(learn, play.users)
        learn.rebuild_user(play.users[0])
        learn.rebuild_whoever()
        after = snapshot(learn, play.users), challenge_rows(learn, play.users)
        assert differences(after[0], before[0]) == {}
        assert after[1] == before[1]
