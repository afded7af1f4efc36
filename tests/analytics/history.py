"""A random history of a small product: learners of several time zones, courses, late facts, reversals."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

from tests.client import Course, Learn, Lesson, days, moment

START = moment("2035-05-30 11:00")
ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Asia/Kathmandu")


class History:
    """Acts at random, the same for the same seed."""

    def __init__(self, learn: Learn, seed: int) -> None:
        self.learn, self._random = learn, random.Random(seed)
        learn.set_clock(START)
        learn.set_setting("streak_freeze_every_days", 3)
        track = learn.make_track()
        self.courses: list[Course] = [learn.make_course(4, track=track), learn.make_course(2)]
        self.lessons: list[Lesson] = [
            lesson for course in self.courses for lesson in learn.lessons_of(course)
        ]
        learn.add_to_track(track, *self.lessons[:2])
        learn.make_achievement({"metric": "lessons_completed", "at_least": 2}, slug="two", xp_reward=5)
        learn.make_achievement({"metric": "lessons_completed", "at_least": 99}, slug="never")
        self.users: list[UUID] = []

    def act(self) -> str:
        """One step; returns what it was."""
        chance, learn = self._random, self.learn
        kinds = (
            "sign up",
            "learn",
            "learn",
            "learn",
            "wait",
            "take back",
            "award",
            "edit",
            "leave",
            "refresh",
        )
        weights = (6, 10, 10, 10, 14, 3, 3, 2, 1, 3)
        (kind,) = chance.choices(kinds, weights)
        if kind == "sign up" or not self.users:
            self.users.append(learn.make_user(timezone=chance.choice(ZONES)))
            return "sign up"
        user = chance.choice(self.users)
        if kind == "learn":
            late = chance.choice([None, None, None, learn.clock() - days(chance.randint(1, 20))])
            learn.complete_lesson(user, chance.choice(self._published()), at=late)
        elif kind == "wait":
            learn.advance(timedelta(hours=chance.choice([2, 9, 20, 40, 100])))
        elif kind == "take back":
            self._take_back(user)
        elif kind == "award":
            learn.award_xp(user, chance.randint(1, 50))
        elif kind == "edit":
            learn.run(
                "update learn.lessons set is_published = not is_published where id = %s",
                [chance.choice(self.lessons[1:]).id],
            )
        elif kind == "leave":
            self.users.remove(user)
            learn.run("delete from learn.users where id = %s", [user])
        else:
            learn.refresh_analytics()
        return kind

    def _published(self) -> list[Lesson]:
        found = {row[0] for row in self.learn.tuples("select id from learn.lessons where is_published")}
        return [lesson for lesson in self.lessons if lesson.id in found]

    def _take_back(self, user: UUID) -> None:
        paid = self.learn.tuples(
            "select id from learn.xp_transactions where user_id = %s and amount > 0"
            " and not exists (select from learn.xp_transactions r where r.user_id = %s and r.amount < 0)",
            [user, user],
        )
        if paid:
            self.learn.reverse_xp(user, self._random.choice(paid)[0])
        if "two" in self.learn.badges(user):
            self.learn.revoke_achievement(user, "two")
