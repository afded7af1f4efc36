"""The rules of the SQL platform in plain Python: what a learner has after a history of calls.

Written from the documents and not from the SQL. It keeps no counters: XP is the sum of payments, a streak is
read off the set of days, and after each call everything that is complete by now is completed, wherever it is.
That is slow, and hard to get wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)

# What a fact pays when nothing else is said, and which facts make a day active.
PAY = {
    "exercise_solved": 10,
    "exercise_solved_first_try": 5,
    "lesson_completed": 50,
    "lesson_perfect": 20,
    "track_completed": 200,
    "question_answered_correctly": 10,
}
LEARNING_ACTS = {
    "exercise_attempted",
    "exercise_solved",
    "exercise_solved_first_try",
    "lesson_started",
    "lesson_completed",
    "lesson_perfect",
    "lesson_repeated",
    "track_completed",
    "difficulty_completed",
    "path_completed",
    "question_answered_correctly",
    "course_completed",
}
ONCE_PER_SUBJECT = {"course_completed", "discussion_posted"}
COUNTED = {  # metric of the facts that are simply counted
    "exercise_attempted": "queries_executed",
    "exercise_solved": "exercises_solved",
    "lesson_completed": "lessons_completed",
    "track_completed": "tracks_completed",
    "path_completed": "paths_completed",
    "course_completed": "courses_completed",
    "question_answered_correctly": "correct_answers",
}

Criteria = dict[str, Any]


class RefusedError(Exception):
    """The call is refused with this SQLSTATE and changes nothing."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@dataclass
class Lesson:
    """A lesson: its published exercises decide how it is completed."""

    exercises: dict[str, bool]  # name → is it published
    xp_reward: int | None = None
    multiplier: Decimal = Decimal(1)
    is_published: bool = True

    def published_exercises(self) -> list[str]:
        """Names of the exercises that must be solved."""
        return [name for name, is_published in self.exercises.items() if is_published]

    def pay(self) -> int:
        """XP for completing it, rounded half up."""
        base = Decimal(PAY["lesson_completed"] if self.xp_reward is None else self.xp_reward)
        return int((base * self.multiplier).quantize(Decimal(1), ROUND_HALF_UP))


@dataclass
class Track:
    """A track: complete when all its published lessons are, and there is one."""

    lessons: set[str]
    difficulty: str = "beginner"
    completion_xp: int | None = None
    is_published: bool = True


@dataclass
class Path:
    """A learning path: complete when all its published tracks are, those without lessons left aside."""

    tracks: set[str]
    is_published: bool = True


@dataclass
class Badge:
    """An achievement: what it asks for and what it pays."""

    criteria: Criteria
    xp_reward: int = 0


@dataclass
class World:
    """Everything there is to learn, by name."""

    lessons: dict[str, Lesson]
    tracks: dict[str, Track]
    paths: dict[str, Path]
    badges: dict[str, Badge]
    speed_runner_seconds: int = 60
    max_event_age_days: int = 30
    freeze_every_days: int = 0
    freeze_maximum: int = 2


@dataclass
class Exercise:
    """What a learner did with an exercise."""

    is_first_try: bool
    has_wrong: bool = False
    has_failed: bool = False
    solved_at: datetime | None = None


@dataclass
class Freeze:
    """A streak freeze: held from a day on, and the day that it covers once it does."""

    granted_on: date
    used_on: date | None = None
    is_earned: bool = False


@dataclass(frozen=True)
class Zone:
    """Where a learner is, and when days start there: since when, and the how-manyth."""

    number: int
    timezone: str
    day_starts_at: timedelta
    since: datetime

    def date(self, at: datetime) -> date:
        """The date there at a time."""
        return (at.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None) - self.day_starts_at).date()


@dataclass(frozen=True)
class Day:
    """An active day: by which zone, and how many dates before it were flown over."""

    zone: Zone
    flown_over: int = 0


@dataclass
class Payment:
    """A row of the ledger."""

    amount: int
    source_type: str
    source_id: str | None


@dataclass(frozen=True)
class Summary:
    """What a call answers."""

    xp_awarded: int
    total_xp: int
    current_level: int
    leveled_up: bool
    current_streak: int
    new_achievements: frozenset[str]
    replayed: bool = False


def level_for(xp: int) -> int:
    """Level for an amount of XP: level L starts at 100 * L * (L - 1) / 2; 100 is the cap."""
    level = 1
    while level < 100 and xp >= 100 * (level + 1) * level // 2:
        level += 1
    return level


@dataclass
class Learner:
    """One learner in a world, and the rules as methods. A public method is a call, and answers a summary."""

    world: World
    clock: datetime
    timezone: str = "UTC"
    ledger: list[Payment] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    acts: list[tuple[int, date, datetime]] = field(default_factory=list)  # zone, date there, when
    answers_given: list[tuple[int, date, datetime]] = field(default_factory=list)  # likewise
    days: dict[date, Day] = field(default_factory=dict)
    freezes: list[Freeze] = field(default_factory=list)
    exercises: dict[str, Exercise] = field(default_factory=dict)
    started: dict[str, datetime] = field(default_factory=dict)
    completed_lessons: dict[str, datetime] = field(default_factory=dict)
    scores: dict[str, int] = field(default_factory=dict)
    completed_tracks: dict[str, datetime] = field(default_factory=dict)
    completed_paths: dict[str, datetime] = field(default_factory=dict)
    completed_difficulties: dict[str, datetime] = field(default_factory=dict)
    metrics: Counter[tuple[str, str]] = field(default_factory=Counter)
    solves: list[tuple[datetime, bool]] = field(default_factory=list)  # flawless lessons, and what ends a run
    longest_run: int = 0  # of flawless lessons: of those to which this call has added one
    badges: set[str] = field(default_factory=set)
    subjects: set[tuple[str, str]] = field(default_factory=set)
    reversed_payments: set[int] = field(default_factory=set)
    highest_level: int = 1
    answers: dict[str, tuple[object, Summary]] = field(default_factory=dict)
    _before: tuple[int, int, frozenset[str]] = (0, 1, frozenset())

    def __post_init__(self) -> None:
        """Sign up: that is a fact, and earns the badge of it."""
        self.zones = [Zone(0, self.timezone, timedelta(), self.clock)]
        self.metrics["registrations", ""] = 1
        self._settle()

    # ── what a learner has ──────────────────────────────────────────────────────────────────────────────────

    @property
    def total_xp(self) -> int:
        """Sum of the ledger."""
        return sum(payment.amount for payment in self.ledger)

    @property
    def frozen_days(self) -> set[date]:
        """Missed days that a freeze covers."""
        return {freeze.used_on for freeze in self.freezes if freeze.used_on is not None}

    @property
    def held_freezes(self) -> list[Freeze]:
        """Freezes that cover nothing yet, in the order in which they are spent."""
        held = (f for f in self.freezes if f.used_on is None)
        return sorted(held, key=lambda f: (f.granted_on, f.is_earned))

    def runs(self) -> list[tuple[date, int]]:
        """Runs of days without a gap: their last day, and how many of their days were active."""
        found: list[tuple[date, int]] = []
        previous: date | None = None
        for day in sorted({*self.days, *self.frozen_days}):
            is_active = int(day in self.days)
            flown_over = self.days[day].flown_over if day in self.days else 0
            if previous is not None and day == previous + DAY * (1 + flown_over):
                found[-1] = (day, found[-1][1] + is_active)
            else:
                found.append((day, is_active))
            previous = day
        return found

    @property
    def longest_streak(self) -> int:
        """The most active days in one run."""
        return max((days for _, days in self.runs()), default=0)

    @property
    def streak_today(self) -> int:
        """The streak as of the learner's today: 0 once a day was missed that no freeze in hand covers."""
        if not self.days:
            return 0
        last, length = self.runs()[-1]
        zones = (self.zones[-1], self.days[max(self.days)].zone)
        todays = {zone.date(self.clock) for zone in zones}
        if any(last >= today - DAY or self.covering(last, today) for today in todays):
            return length
        return 0

    def zone_at(self, at: datetime) -> Zone:
        """The zone that was the learner's at a time."""
        for zone, following in pairwise(self.zones):
            if at < following.since:
                return zone
        return self.zones[-1]

    def local_date(self, at: datetime) -> date:
        """The learner's date at a time, where the learner was then."""
        return self.zone_at(at).date(at)

    def move(self, timezone: str, day_starts_at: timedelta) -> None:
        """From now on, days are those of another place, or start at another time."""
        here = self.zones[-1]
        if (timezone, day_starts_at) != (here.timezone, here.day_starts_at):
            since = max(self.clock, here.since)
            self.zones.append(Zone(here.number + 1, timezone, day_starts_at, since))

    def covering(self, last: date, following: date, flown_over: int = 0) -> list[tuple[Freeze, date]]:
        """Freezes in hand that cover every missed day between two days, each held by then; else none."""
        missed = [last + DAY * n for n in range(1, (following - last).days - flown_over)]
        pairs = list(zip(self.held_freezes, missed, strict=False))
        if not missed or len(pairs) < len(missed) or any(f.granted_on > day for f, day in pairs):
            return []
        return pairs

    def value(self, metric: str, scope: str = "") -> int:
        """Value of a metric as achievements see it: a streak at its longest, a level at its highest."""
        if metric == "xp":
            return self.total_xp
        if metric == "level_reached":
            return self.highest_level
        if metric == "current_streak":
            return self.longest_streak
        if metric == "active_days":
            return len(self.days)
        return self.metrics[metric, scope]

    def satisfies(self, criteria: Criteria) -> bool:
        """Whether criteria hold."""
        if "metric" in criteria:
            at_least: int = criteria["at_least"]
            return self.value(criteria["metric"], criteria.get("scope", "")) >= at_least
        if "all" in criteria:
            return all(self.satisfies(child) for child in criteria["all"])
        if "any" in criteria:
            return any(self.satisfies(child) for child in criteria["any"])
        needed: int = criteria["at_least"]
        return sum(self.satisfies(child) for child in criteria["of"]) >= needed

    def track_items(self, name: str) -> set[str]:
        """The published lessons of a track."""
        return {
            lesson for lesson in self.world.tracks[name].lessons if self.world.lessons[lesson].is_published
        }

    def path_items(self, name: str) -> set[str]:
        """The published tracks of a path that have something in them."""
        tracks = self.world.paths[name].tracks
        return {
            track for track in tracks if self.world.tracks[track].is_published and self.track_items(track)
        }

    # ── calls ───────────────────────────────────────────────────────────────────────────────────────────────

    def submit(self, exercise: str, outcome: str, at: datetime | None = None) -> Summary:
        """Run a query for an exercise; outcome is right, wrong or failing."""
        when = self._open(at)
        lesson = next(lesson for lesson in self.world.lessons.values() if exercise in lesson.exercises)
        if not (lesson.exercises[exercise] and lesson.is_published):
            raise RefusedError("LX004")
        is_first_run = exercise not in self.exercises
        progress = self.exercises.setdefault(exercise, Exercise(is_first_try=outcome == "right"))
        self._fact("exercise_attempted", exercise, when)
        if outcome != "right":
            progress.has_wrong = True
            progress.has_failed = progress.has_failed or outcome == "failing"
            self._solve(when, is_flawless=False)
        elif progress.solved_at is None:
            progress.solved_at = when
            self._fact("exercise_solved", exercise, when)
            if is_first_run:
                self._fact("exercise_solved_first_try", exercise, when)
        return self._close()

    def start_lesson(self, name: str, at: datetime | None = None) -> Summary:
        """Start a lesson; starting again, or after its completion, changes nothing."""
        when = self._open(at)
        if not self.world.lessons[name].is_published:
            raise RefusedError("LX004")
        if name not in self.started and name not in self.completed_lessons:
            self.started[name] = when
            self._fact("lesson_started", name, when)
        return self._close()

    def complete_lesson(self, name: str, score: int | None, at: datetime | None = None) -> Summary:
        """Complete a lesson without unsolved exercises."""
        when = self._open(at)
        lesson = self.world.lessons[name]
        if not lesson.is_published:
            raise RefusedError("LX004")
        if name not in self.completed_lessons:
            if any(not self._is_solved(exercise) for exercise in lesson.published_exercises()):
                raise RefusedError("LX007")
            self._complete_lesson(name, when, score)
        else:
            if score == 100 and name not in self.scores and not lesson.exercises:
                self._fact("lesson_perfect", name, self.clock)  # the first score is full
            self._fact("lesson_repeated", name, when)
        if score is not None:
            self.scores[name] = max(score, self.scores.get(name, 0))
        return self._close()

    def award_xp(self, amount: int, source_id: str | None, at: datetime | None = None) -> Summary:
        """Pay XP, once per source."""
        self._open(at)
        if source_id is None or ("manual", source_id) not in self.subjects:
            if source_id is not None:
                self.subjects.add(("manual", source_id))
            self._pay(amount, "manual", source_id)
        return self._close()

    def reverse_xp(self, index: int, at: datetime | None = None) -> Summary:
        """Take back the payment at an index of the ledger, cut to what there is; once."""
        self._open(at)
        payment = self.ledger[index]
        if payment.amount < 0:
            raise RefusedError("LX001")
        if index not in self.reversed_payments:
            self.reversed_payments.add(index)
            self._pay(-min(payment.amount, self.total_xp), "reversal", None)
        return self._close()

    def record_activity(self, activity_type: str, subject: str, at: datetime | None = None) -> Summary:
        """Record a fact from outside; some types happen once per subject."""
        when = self._open(at)
        if activity_type not in ONCE_PER_SUBJECT or (activity_type, subject) not in self.subjects:
            self.subjects.add((activity_type, subject))
            self._fact(activity_type, subject, when)
        return self._close()

    def grant_freezes(self, count: int, at: datetime | None = None) -> Summary:
        """Give streak freezes, held from the local date on."""
        when = self._open(at)
        self.freezes += [Freeze(self.local_date(when)) for _ in range(count)]
        if self.days and self.local_date(when) < max(self.days):
            self._walk(self.local_date(when))
        return self._close()

    def content_changed(self) -> Summary:
        """Somebody changed the world: what is complete by now is completed."""
        self._open(None)
        return self._close()

    def with_key(self, key: str, arguments: object, answer: Summary) -> None:
        """Remember the answer of a call that carried an idempotency key."""
        self.answers[key] = (arguments, answer)

    def retry(self, key: str, arguments: object) -> Summary | None:
        """The first answer to the same call with this key, or None when the key is new."""
        if key not in self.answers:
            return None
        first_arguments, answer = self.answers[key]
        if first_arguments != arguments:
            raise RefusedError("LX013")
        return replace(answer, replayed=True)

    # ── rules ───────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self, at: datetime | None) -> datetime:
        self.longest_run = 0
        self._before = (self.total_xp, level_for(self.total_xp), frozenset(self.badges))
        if at is not None and not (
            self.clock - DAY * self.world.max_event_age_days <= at <= self.clock + timedelta(minutes=5)
        ):
            raise RefusedError("LX001")
        return at if at is not None else self.clock

    def _close(self) -> Summary:
        self._settle()
        xp, level, badges = self._before
        return Summary(
            xp_awarded=self.total_xp - xp,
            total_xp=self.total_xp,
            current_level=level_for(self.total_xp),
            leveled_up=level_for(self.total_xp) > level,
            current_streak=self.streak_today,
            new_achievements=frozenset(self.badges - badges),
        )

    def _is_solved(self, exercise: str) -> bool:
        return exercise in self.exercises and self.exercises[exercise].solved_at is not None

    def _fact(self, kind: str, subject: str, at: datetime, xp: int | None = None, scope: str = "") -> None:
        if kind in LEARNING_ACTS:
            self._make_active(at)
        amount = PAY.get(kind, 0) if xp is None else xp
        self._pay(amount, kind, subject)
        if kind in COUNTED:
            self.metrics[COUNTED[kind], ""] += 1
        if (
            kind == "question_answered_correctly"
        ):  # a metric of distinct days: by the same rule as active days
            self.answers_given.append(self._place(at))
            self.metrics["days_with_answers", ""] = len(self._chain(self.answers_given))
        if kind == "track_completed":
            self.metrics["tracks_completed", subject] += 1
        if kind == "difficulty_completed":
            self.metrics["difficulty_completed", ""] += 1
            self.metrics["difficulty_completed", scope] += 1

    def _pay(self, amount: int, source_type: str, source_id: str | None) -> None:
        if amount != 0:
            self.ledger.append(Payment(amount, source_type, source_id))
            self.highest_level = max(self.highest_level, level_for(self.total_xp))

    def _make_active(self, at: datetime) -> None:
        self.acts.append(self._place(at))
        days = self._chain(self.acts)
        changed = {day for day in {*days, *self.days} if days.get(day) != self.days.get(day)}
        self.days = days
        if changed:
            self._walk(min(changed))

    def _place(self, at: datetime) -> tuple[int, date, datetime]:
        zone = self.zone_at(at)
        return zone.number, zone.date(at), at

    def _chain(self, acts: list[tuple[int, date, datetime]]) -> dict[date, Day]:
        """The days of acts: an act opens one if it is later than the last by both clocks."""
        found: dict[date, Day] = {}
        for number, day, at in sorted(acts):
            zone, last = self.zones[number], max(found, default=None)
            if last is None or (zone == found[last].zone and day > last):
                found[day] = Day(zone)
            elif day > last and (there := found[last].zone.date(at)) > last:
                found[day] = Day(zone, max(0, (day - there).days))
        return found

    def _walk(self, first: date) -> None:
        """Spend and earn freezes from the first day on, as if everything had come in time.

        Freezes that were earned before `first` stay; later ones are earned again, or not.
        """
        every = self.world.freeze_every_days
        if every > 0:
            self.freezes = [f for f in self.freezes if not f.is_earned or f.granted_on < first]
        for freeze in self.freezes:
            freeze.used_on = None
        days, self.days = self.days, {}
        for day in sorted(days):
            if self.days:
                for freeze, missed in self.covering(max(self.days), day, days[day].flown_over):
                    freeze.used_on = missed
            self.days[day] = days[day]
            held = [freeze for freeze in self.held_freezes if freeze.granted_on < day]
            is_due = every > 0 and day >= first and self.runs()[-1][1] % every == 0
            if is_due and len(held) < self.world.freeze_maximum:
                self.freezes.append(Freeze(day, is_earned=True))

    def _solve(self, at: datetime, is_flawless: bool) -> None:
        """Note a flawless lesson, or what ends a run of them, in the order of time."""
        place = sum(when <= at for when, _ in self.solves)
        self.solves.insert(place, (at, is_flawless))
        runs = [0]
        for number, (_, lengthens) in enumerate(self.solves):
            runs[-1:] = [runs[-1] + 1] if lengthens else [runs[-1], 0]
            if number == place and lengthens:
                mine = len(runs)
        if is_flawless:
            self.longest_run = max(self.longest_run, runs[mine - 1])
        self.metrics["lesson_solve_run", ""] = runs[-1]

    def _complete_lesson(self, name: str, at: datetime, score: int | None = None) -> None:
        lesson = self.world.lessons[name]
        self.completed_lessons[name] = at
        self._fact("lesson_completed", name, at, lesson.pay())
        if name in self.started and lesson.published_exercises():
            seconds = (at - self.started[name]).total_seconds()
            if 0 <= seconds < self.world.speed_runner_seconds:
                self.metrics["lessons_fast", ""] += 1
        if not lesson.published_exercises():
            is_perfect = score == 100
        else:
            done = [self.exercises[exercise] for exercise in lesson.published_exercises()]
            is_perfect = all(exercise.is_first_try for exercise in done)
            self.metrics["lessons_first_try", ""] += int(is_perfect)
            self.metrics["lessons_clean", ""] += int(not any(exercise.has_failed for exercise in done))
            if not any(exercise.has_wrong for exercise in done):
                self._solve(at, is_flawless=True)
        if is_perfect:
            self._fact("lesson_perfect", name, at)

    def _settle(self) -> None:
        """Complete everything that is complete by now, then earn what is deserved, until nothing is new."""
        for name, lesson in self.world.lessons.items():
            exercises = lesson.published_exercises()
            if name in self.completed_lessons or not lesson.is_published or not exercises:
                continue
            if all(self._is_solved(exercise) for exercise in exercises):
                self._complete_lesson(name, _latest(self.exercises[e].solved_at for e in exercises))
        for name, track in self.world.tracks.items():
            items = self.track_items(name)
            if track.is_published and items and items <= set(self.completed_lessons):
                if name in self.completed_tracks:
                    continue
                self.completed_tracks[name] = _latest(self.completed_lessons[item] for item in items)
                self._fact("track_completed", name, self.completed_tracks[name], track.completion_xp)
        for name, path in self.world.paths.items():
            tracks = self.path_items(name)
            if name in self.completed_paths or not path.is_published or not tracks:
                continue
            if tracks <= set(self.completed_tracks):
                self.completed_paths[name] = _latest(self.completed_tracks[track] for track in tracks)
                self._fact("path_completed", name, self.completed_paths[name])
        for difficulty in {track.difficulty for track in self.world.tracks.values()}:
            asked = {
                name
                for name, track in self.world.tracks.items()
                if track.difficulty == difficulty and track.is_published and self.track_items(name)
            }
            if (
                asked
                and asked <= set(self.completed_tracks)
                and difficulty not in self.completed_difficulties
            ):
                at = _latest(self.completed_tracks[track] for track in asked)
                self.completed_difficulties[difficulty] = at
                self._fact("difficulty_completed", difficulty, at, scope=difficulty)
        while earned := [n for n in self.world.badges if n not in self.badges and self._deserves(n)]:
            for name in earned:
                self.badges.add(name)
                self._pay(self.world.badges[name].xp_reward, "achievement_earned", name)

    def _deserves(self, name: str) -> bool:
        criteria = self.world.badges[name].criteria
        if criteria.get("metric") == "lesson_solve_run" and self.longest_run >= criteria["at_least"]:
            return True  # by a run of the past, which a late one has made longer
        return self.satisfies(criteria)


def _latest(times: Iterable[datetime | None]) -> datetime:
    return max(at for at in times if at is not None)
