"""Makers of rules: types of activities, metrics, achievements, avatars, settings."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from psycopg.types.json import Jsonb

from tests.queries import Queries

numbers = count(1)
"""For names that no other row of the test run has."""


class Rules(Queries):
    """Makers of rules."""

    def make_activity_type(
        self,
        key: str | None = None,
        *,
        qualifying: bool = False,
        happens_once: bool = False,
        internal: bool = False,
        xp: int | None = None,
        daily_cap: int | None = None,
    ) -> str:
        """Also its XP rule, when `xp` is given."""
        key = key or f"activity_{next(numbers)}"
        self.insert(
            "activity_types",
            returning="key",
            key=key,
            is_qualifying=qualifying,
            happens_once=happens_once,
            is_internal=internal,
        )
        if xp is not None:
            self.insert("xp_rules", returning="amount", activity_type=key, amount=xp, daily_cap=daily_cap)
        return key

    def make_metric(
        self,
        activity_type: str,
        aggregate: str = "count",
        *,
        key: str | None = None,
        filter: Mapping[str, Any] | None = None,
        reset_filter: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> str:
        """`columns`: property, scope_property, reset_activity_type."""
        key = key or f"metric_{next(numbers)}"
        return str(
            self.insert(
                "metrics",
                returning="key",
                key=key,
                activity_type=activity_type,
                aggregate=aggregate,
                filter=Jsonb(filter or {}),
                reset_filter=Jsonb(reset_filter or {}),
                **columns,
            )
        )

    def make_achievement(
        self,
        criteria: Any,
        *,
        slug: str | None = None,
        xp_reward: int = 0,
        avatar: int | None = None,
        hidden: bool = False,
        active: bool = True,
        display_order: int = 1000,
    ) -> str:
        slug = slug or f"achievement-{next(numbers)}"
        return str(
            self.insert(
                "achievements",
                returning="slug",
                slug=slug,
                name=slug,
                category="Test",
                system="core",
                criteria=Jsonb(criteria),
                xp_reward=xp_reward,
                unlocks_avatar_id=avatar,
                is_hidden=hidden,
                is_active=active,
                display_order=display_order,
            )
        )

    def make_avatar(self, slug: str | None = None, *, default: bool = False) -> int:
        slug = slug or f"avatar-{next(numbers)}"
        return int(
            self.insert("avatars", slug=slug, name=slug, image_url=f"/avatars/{slug}.svg", is_default=default)
        )

    def set_setting(self, key: str, value: Any) -> None:
        self.connection.execute(
            "update learn.platform_settings set value = %s where key = %s", [Jsonb(value), key]
        )
