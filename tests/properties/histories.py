"""Random histories: a sample world, the steps that learners, editors and time take in it, and one that plays
each step on the model and on the database and compares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import strategies as st

from tests.client import AwardSummary, Learn, moment
from tests.client import Lesson as MadeLesson
from tests.client import Path as MadePath
from tests.client import Track as MadeTrack
from tests.properties import model

# Later than the seeds of any test run; within five days New York changes to summer time.
START = moment("2035-03-08 12:00")
KEYS = ("first", "second")
ZONES = (
    "UTC",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Manila",
)
MULTIPLIERS = {"beginner": Decimal(1), "medium": Decimal(2), "hard": Decimal(3), "gentle": Decimal("0.5")}
# Badges with thresholds that a short history reaches, of every form of criteria; some pay XP.
EXTRA_BADGES: dict[str, model.Badge] = {
    "two-in-a-row": model.Badge({"metric": "lesson_solve_run", "at_least": 2}, 25),
    "one-track": model.Badge({"metric": "tracks_completed", "at_least": 1}, 60),
    "xp-200": model.Badge({"metric": "xp", "at_least": 200}),
    "level-3": model.Badge({"metric": "level_reached", "at_least": 3}, 100),
    "five-days": model.Badge({"metric": "active_days", "at_least": 5}),
    "all-of-it": model.Badge(
        {
            "all": [
                {"metric": "lesson_solve_run", "at_least": 1},
                {"metric": "lessons_completed", "at_least": 2},
                {"any": [{"metric": "current_streak", "at_least": 2}, {"metric": "xp", "at_least": 300}]},
            ]
        }
    ),
    "two-of-three": model.Badge(
        {
            "at_least": 2,
            "of": [
                {"metric": "correct_answers", "at_least": 2},
                {"metric": "difficulty_completed", "scope": "intermediate", "at_least": 1},
                {"metric": "lessons_fast", "at_least": 1},
            ],
        },
        10,
    ),
}


def new_world() -> model.World:
    """Six lessons, three tracks and two paths, some overlapping; a lesson is in two tracks."""

    def lesson(
        name: str, exercises: int, difficulty: str = "beginner", xp: int | None = None
    ) -> model.Lesson:
        made = {f"{name}/{number}": True for number in range(1, exercises + 1)}
        return model.Lesson(made, xp, MULTIPLIERS[difficulty])

    return model.World(
        lessons={
            "read": lesson("read", 0),
            "select": lesson("select", 1),
            "where": lesson("where", 2, "medium", 15),
            "joins": lesson("joins", 1, "gentle", 25),
            "groups": lesson("groups", 2, "hard"),
            "essay": lesson("essay", 0, "gentle", 5),
        },
        tracks={
            "basics": model.Track({"read", "select"}, "beginner"),
            "more": model.Track({"select", "where"}, "beginner", 120),
            "deep": model.Track({"joins", "groups", "essay"}, "intermediate"),
            "empty": model.Track(set(), "advanced"),
        },
        paths={"short": model.Path({"basics"}), "long": model.Path({"basics", "more", "deep"})},
        badges={},
    )


DIFFICULTY_OF = {"where": "medium", "joins": "gentle", "groups": "hard", "essay": "gentle"}


@dataclass
class Stage:
    """A world in the database: ids by the names that the model uses."""

    learn: Learn
    lessons: dict[str, MadeLesson]
    tracks: dict[str, MadeTrack]
    paths: dict[str, MadePath]
    exercises: dict[str, int]
    badges: dict[str, model.Badge] = field(repr=False)

    @classmethod
    def build(cls, learn: Learn) -> Stage:
        """Make the sample world."""
        learn.set_clock(START)
        learn.run("insert into learn.difficulties (key, rank, xp_multiplier) values ('gentle', 1, 0.5)")
        learn.make_metric("question_answered_correctly", "distinct_days", key="days_with_answers")
        for slug, badge in EXTRA_BADGES.items():
            learn.make_achievement(badge.criteria, slug=slug, xp_reward=badge.xp_reward)
        badges = {
            slug: model.Badge(criteria, xp)
            for slug, criteria, xp in learn.tuples(
                "select slug, criteria, xp_reward from learn.achievements where is_active"
            )
        }
        world = new_world()
        lessons = {
            name: learn.make_lesson(
                len(lesson.exercises),
                slug=name,
                xp_reward=lesson.xp_reward,
                difficulty=DIFFICULTY_OF.get(name),
            )
            for name, lesson in world.lessons.items()
        }
        tracks = {
            name: learn.make_track(
                *(lessons[item] for item in sorted(track.lessons)),
                slug=name,
                difficulty=track.difficulty,
                completion_xp=track.completion_xp,
            )
            for name, track in world.tracks.items()
        }
        paths = {
            name: learn.make_path(*(tracks[item] for item in sorted(path.tracks)), slug=name)
            for name, path in world.paths.items()
        }
        exercises = {
            f"{name}/{number}": exercise
            for name, lesson in lessons.items()
            for number, exercise in enumerate(lesson.exercises, 1)
        }
        return cls(learn, lessons, tracks, paths, exercises, badges)


# ── steps ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Call:
    """A call of a public function for one of the learners, `ago` before now, perhaps with a key."""

    kind: str
    arguments: tuple[Any, ...]
    learner: int = 0
    ago: timedelta | None = None
    key: str | None = None


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    step: timedelta


@dataclass(frozen=True)
class Move:
    """A learner moves to another time zone, or lets days start at another hour."""

    timezone: str
    learner: int = 0
    hour: int = 0


@dataclass(frozen=True)
class Publish:
    """An editor publishes what is unpublished, or the other way round."""

    kind: str
    name: str


@dataclass(frozen=True)
class Relink:
    """An editor takes a lesson out of a track (a track out of a path), or puts it in."""

    kind: str
    container: str
    item: str


Step = Call | Wait | Move | Publish | Relink

_world = new_world()
_lessons = st.sampled_from(sorted(_world.lessons))
_exercises = st.sampled_from(sorted(name for lesson in _world.lessons.values() for name in lesson.exercises))
_tracks = st.sampled_from(sorted(_world.tracks))
_paths = st.sampled_from(sorted(_world.paths))
_learner = st.sampled_from([0, 0, 0, 1])
_key = st.sampled_from([None, None, None, None, *KEYS])
_ago = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.sampled_from([timedelta(seconds=s) for s in (-290, 1, 30, 59, 60, 61)]),
    st.builds(timedelta, hours=st.integers(0, 29 * 24)),
    st.sampled_from(
        [timedelta(minutes=-6), timedelta(days=31), *[timedelta(hours=24 * n) for n in range(1, 8)]]
    ),
)
_outcomes = st.sampled_from(["right", "right", "right", "wrong", "failing"])


def _calls(kind: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Call, st.just(kind), st.tuples(*arguments), _learner, _ago, _key)


_steps: st.SearchStrategy[Step] = st.one_of(
    _calls("submit", _exercises, _outcomes),
    _calls("submit", _exercises, _outcomes),
    _calls("submit", _exercises, st.just("right")),
    _calls("start_lesson", _lessons),
    _calls("complete_lesson", _lessons, st.sampled_from([None, 99, 100])),
    _calls("complete_lesson", st.sampled_from(["read", "essay"]), st.sampled_from([None, 99, 100])),
    _calls("award_xp", st.sampled_from([1, 40, 700]), st.sampled_from([None, "a", "b"])),
    _calls("reverse_xp", st.integers(0, 20)),
    _calls(
        "record_activity",
        st.sampled_from(["question_answered_correctly", "course_completed", "discussion_posted"]),
        st.sampled_from(["1", "2"]),
    ),
    _calls("grant_freezes", st.integers(1, 3)),
    st.builds(Wait, st.builds(timedelta, hours=st.integers(1, 60))),
    st.builds(Wait, st.builds(timedelta, seconds=st.integers(1, 70))),
    st.builds(Wait, st.just(timedelta(days=1))),
    st.builds(Move, st.sampled_from(ZONES), _learner, st.sampled_from([0, 0, 4, 6])),
    st.builds(Publish, st.just("lesson"), _lessons),
    st.builds(Publish, st.just("exercise"), _exercises),
    st.builds(Publish, st.just("track"), _tracks),
    st.builds(Publish, st.just("path"), _paths),
    st.builds(Relink, st.just("track"), _tracks, _lessons),
    st.builds(Relink, st.just("path"), _paths, _tracks),
)


def timed(lesson: str, seconds: int, learner: int) -> list[Step]:
    """Start a lesson, and complete it so many seconds later."""
    solving = [Call("submit", (name, "right"), learner) for name in _world.lessons[lesson].exercises]
    completing = [Call("complete_lesson", (lesson, 100), learner)]
    return [
        Call("start_lesson", (lesson,), learner),
        Wait(timedelta(seconds=seconds)),
        *(solving or completing),
    ]


_episodes: st.SearchStrategy[list[Step]] = st.one_of(
    *[_steps.map(lambda step: [step])] * 3,
    st.builds(timed, _lessons, st.sampled_from([0, 59, 60, 61]), _learner),
)
_daily: st.SearchStrategy[Step] = st.one_of(  # for long streaks: learning, waiting about a day, freezes
    st.builds(
        Call,
        st.just("record_activity"),
        st.tuples(st.just("question_answered_correctly"), st.just("1")),
        _learner,
        _ago,
    ),
    st.builds(Wait, st.builds(timedelta, hours=st.integers(12, 30))),
    st.builds(Wait, st.builds(timedelta, days=st.integers(1, 4))),
    st.builds(Call, st.just("grant_freezes"), st.tuples(st.integers(1, 2)), _learner, _ago),
    st.builds(Move, st.sampled_from(ZONES), _learner, st.sampled_from([0, 0, 4, 6])),
)
histories = st.one_of(st.lists(_episodes, max_size=10), st.lists(_episodes, min_size=30, max_size=50)).map(
    lambda episodes: [step for episode in episodes for step in episode]
)
streak_histories = st.one_of(st.lists(_daily, max_size=10), st.lists(_daily, min_size=20, max_size=60))
timezones = st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES))


# ── the play ───────────────────────────────────────────────────────────────────────────────────────────────


class Play:
    """Two learners, each as a model and in the database, who take the same steps."""

    def __init__(self, stage: Stage, zones: tuple[str, str] = ("UTC", "UTC"), freeze_every: int = 0) -> None:
        self.stage = stage
        self.learn = stage.learn
        self.world = new_world()
        self.world.badges = stage.badges
        self.world.freeze_every_days = freeze_every
        self.learn.set_setting("streak_freeze_every_days", freeze_every)
        self.clock = self.learn.set_clock(START)
        self.users = [self.learn.make_user(timezone=zone) for zone in zones]
        self.models = [model.Learner(self.world, self.clock, zone) for zone in zones]

    def take(self, step: Step) -> None:
        """Take a step in both worlds; a call must answer the same, or be refused for the same reason."""
        if isinstance(step, Call):
            self._call(step)
        elif isinstance(step, Wait):
            self.clock = self.learn.advance(step.step)
            for learner in self.models:
                learner.clock = self.clock
        elif isinstance(step, Move):
            self.models[step.learner].move(step.timezone, timedelta(hours=step.hour))
            self.learn.run(
                "update learn.users set timezone = %s, day_starts_at = make_time(%s, 0, 0) where id = %s",
                [step.timezone, step.hour, self.users[step.learner]],
            )
        else:
            if isinstance(step, Publish):
                self._publish(step)
            else:
                self._relink(step)
            for learner in self.models:
                learner.content_changed()

    def _call(self, step: Call) -> None:
        learner, user = self.models[step.learner], self.users[step.learner]
        at = None if step.ago is None else self.clock - step.ago
        arguments = step.arguments
        if step.kind == "reverse_xp":
            if not learner.ledger:
                return
            arguments = (arguments[0] % len(learner.ledger),)
        identity = (step.kind, arguments, at)
        expected: model.Summary | str
        try:
            answer = learner.retry(step.key, identity) if step.key else None
            if answer is None:
                answer = getattr(learner, step.kind)(*arguments, at)
                assert isinstance(answer, model.Summary)
                if step.key:
                    learner.with_key(step.key, identity, answer)
            expected = answer
        except model.RefusedError as refused:
            expected = refused.sqlstate

        call: Callable[..., AwardSummary] = getattr(self, f"_{step.kind}")
        actual: model.Summary | str
        try:
            with self.learn.connection.transaction():
                actual = _comparable(call(learner, user, *arguments, at=at, key=step.key))
        except psycopg.Error as error:
            actual = str(error.sqlstate or error)
        assert actual == expected, f"{step} answers {actual}, not {expected}"

    def _submit(
        self, _: model.Learner, user: UUID, exercise: str, outcome: str, **options: Any
    ) -> AwardSummary:
        return self.learn.submit_query(
            user,
            self.stage.exercises[exercise],
            outcome == "right",
            "syntax error" if outcome == "failing" else None,
            **options,
        )

    def _start_lesson(self, _: model.Learner, user: UUID, lesson: str, **options: Any) -> AwardSummary:
        return self.learn.start_lesson(user, self.stage.lessons[lesson], **options)

    def _complete_lesson(
        self, _: model.Learner, user: UUID, lesson: str, score: int | None, **options: Any
    ) -> AwardSummary:
        return self.learn.complete_lesson(user, self.stage.lessons[lesson], score, **options)

    def _award_xp(
        self, _: model.Learner, user: UUID, amount: int, source_id: str | None, **options: Any
    ) -> AwardSummary:
        return self.learn.award_xp(user, amount, source_id=source_id, **options)

    def _reverse_xp(self, learner: model.Learner, user: UUID, index: int, **options: Any) -> AwardSummary:
        """The ledger row that is in the same place among those that look the same."""
        payment = learner.ledger[index]
        place = sum(_likeness(other) == _likeness(payment) for other in learner.ledger[:index])
        found = self.learn.tuples(
            "select id from learn.xp_transactions where user_id = %s and amount = %s and source_type = %s"
            " and (source_type = 'reversal' or source_id is not distinct from %s) order by id",
            [user, payment.amount, payment.source_type, self._subject(payment)],
        )
        return self.learn.reverse_xp(user, found[place][0], **options)

    def _record_activity(
        self, _: model.Learner, user: UUID, activity_type: str, subject: str, **options: Any
    ) -> AwardSummary:
        return self.learn.record_activity(user, activity_type, "thing", subject, **options)

    def _grant_freezes(self, _: model.Learner, user: UUID, count: int, **options: Any) -> AwardSummary:
        return self.learn.grant_streak_freezes(user, count, **options)

    def _publish(self, step: Publish) -> None:
        if step.kind == "exercise":
            lesson = self.world.lessons[step.name.split("/")[0]]
            lesson.exercises[step.name] = not lesson.exercises[step.name]
            table, number = "exercises", self.stage.exercises[step.name]
        elif step.kind == "lesson":
            self.world.lessons[step.name].is_published ^= True
            table, number = "lessons", self.stage.lessons[step.name].id
        elif step.kind == "track":
            self.world.tracks[step.name].is_published ^= True
            table, number = "tracks", self.stage.tracks[step.name].id
        else:
            self.world.paths[step.name].is_published ^= True
            table, number = "learning_paths", self.stage.paths[step.name].id
        statement = f"update learn.{table} set is_published = not is_published where id = %s"
        self.learn.run(statement, [number])

    def _relink(self, step: Relink) -> None:
        if step.kind == "track":
            items = self.world.tracks[step.container].lessons
            container, item = self.stage.tracks[step.container].id, self.stage.lessons[step.item].id
            table, columns = "track_lessons", ("track_id", "lesson_id")
        else:
            items = self.world.paths[step.container].tracks
            container, item = self.stage.paths[step.container].id, self.stage.tracks[step.item].id
            table, columns = "learning_path_tracks", ("path_id", "track_id")
        if step.item in items:
            items.remove(step.item)
            statement = f"delete from learn.{table} where {columns[0]} = %s and {columns[1]} = %s"
        else:
            items.add(step.item)
            statement = f"insert into learn.{table} ({columns[0]}, {columns[1]}) values (%s, %s)"
        self.learn.run(statement, [container, item])

    def differences(self, index: int) -> dict[str, tuple[Any, Any]]:
        """Where the database and the model disagree about a learner: what each says, by name."""
        actual, expected = self.actual(index), self.expected(index)
        return {name: (actual[name], said) for name, said in expected.items() if actual[name] != said}

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────────

    def expected(self, index: int) -> dict[str, Any]:
        """What the model says a learner has."""
        learner = self.models[index]
        return {
            "total_xp": learner.total_xp,
            "current_level": model.level_for(learner.total_xp),
            "highest_level": learner.highest_level,
            "streak today": learner.streak_today,
            "longest_streak": learner.longest_streak,
            "active_days": len(learner.days),
            "freezes held": len(learner.held_freezes),
            "days": sorted(
                [(day, False) for day in learner.days] + [(day, True) for day in learner.frozen_days]
            ),
            "ledger": Counter((*_likeness(p)[:2], self._subject(p)) for p in learner.ledger),
            "metrics": {key: value for key, value in learner.metrics.items() if value},
            "badges": learner.badges,
            "lessons": learner.completed_lessons,
            "tracks": {
                name: (
                    len(items & set(learner.completed_lessons)),
                    len(items),
                    name in learner.completed_tracks,
                )
                for name in self.world.tracks
                for items in [learner.track_items(name)]
                if items & set(learner.completed_lessons) or name in learner.completed_tracks
            },
            "paths": {
                name: (
                    len(tracks & set(learner.completed_tracks)),
                    len(tracks),
                    name in learner.completed_paths,
                )
                for name in self.world.paths
                for tracks in [learner.path_items(name)]
                if tracks & set(learner.completed_tracks) or name in learner.completed_paths
            },
            "difficulties": set(learner.completed_difficulties),
        }

    def actual(self, index: int) -> dict[str, Any]:
        """What the database says a learner has."""
        user, learn = self.users[index], self.learn
        stats = learn.stats(user)._asdict()
        return {
            **{
                name: stats[name]
                for name in ("total_xp", "current_level", "highest_level", "longest_streak", "active_days")
            },
            "streak today": learn.calculate_user_streak(user),
            "freezes held": stats["streak_freezes"],
            "days": learn.active_days(user),
            "ledger": Counter(
                (amount, source_type, None if source_type == "reversal" else source_id)
                for amount, source_type, source_id in learn.ledger(user)
            ),
            "metrics": {
                (metric, scope): value
                for metric, scope, value in learn.tuples(
                    "select metric, scope, value from learn.user_metrics where user_id = %s and value <> 0",
                    [user],
                )
            },
            "badges": set(learn.badges(user)),
            "lessons": dict(
                learn.tuples(
                    "select l.slug, p.completed_at from learn.user_lesson_progress p"
                    " join learn.lessons l on l.id = p.lesson_id"
                    " where p.user_id = %s and p.completed_at is not null",
                    [user],
                )
            ),
            "tracks": {
                name: tuple(counts)
                for name, *counts in learn.tuples(
                    "select t.slug, p.items_completed, p.total_items, p.completed_at is not null"
                    " from learn.user_track_progress p join learn.tracks t on t.id = p.track_id"
                    " where p.user_id = %s and (p.items_completed > 0 or p.completed_at is not null)",
                    [user],
                )
            },
            "paths": {
                name: tuple(counts)
                for name, *counts in learn.tuples(
                    "select l.slug, p.tracks_completed, p.total_tracks, p.completed_at is not null"
                    " from learn.user_path_progress p join learn.learning_paths l on l.id = p.path_id"
                    " where p.user_id = %s and (p.tracks_completed > 0 or p.completed_at is not null)",
                    [user],
                )
            },
            "difficulties": {
                difficulty
                for (difficulty,) in learn.tuples(
                    "select difficulty from learn.user_difficulty_progress where user_id = %s", [user]
                )
            },
        }

    def _subject(self, payment: model.Payment) -> str | None:
        """The source id that the database writes."""
        name = payment.source_id
        if payment.source_type == "reversal" or name is None:
            return None
        if payment.source_type.startswith("exercise_"):
            return str(self.stage.exercises[name])
        if payment.source_type.startswith("lesson_"):
            return str(self.stage.lessons[name].id)
        if payment.source_type == "track_completed":
            return str(self.stage.tracks[name].id)
        return name


def _likeness(payment: model.Payment) -> tuple[int, str, str | None]:
    return payment.amount, payment.source_type, payment.source_id


def _comparable(summary: AwardSummary) -> model.Summary:
    return model.Summary(
        xp_awarded=summary.xp_awarded,
        total_xp=summary.total_xp,
        current_level=summary.current_level,
        leveled_up=summary.leveled_up,
        current_streak=summary.current_streak,
        new_achievements=frozenset(summary.new_achievements),
        replayed=summary.replayed,
    )
