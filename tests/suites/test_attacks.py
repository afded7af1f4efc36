"""Acts of every role against what is not its own: each is refused with the SQLSTATE that is documented."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.calls import Scene, callable_by, statement
from tests.security.conftest import scene_url as scene_url
from tests.security.test_learners import TRUSTED
from tests.suites import acts
from tests.suites.acts import ROLES, Act
from tests.suites.conftest import Tell

Connection = psycopg.Connection[Any]
ANY = "*"
DENIED: dict[str, str | None] = dict.fromkeys(ROLES, "42501")
# What only operators call, as the owner.
OPERATORS = {
    *("archive_before", "attach_archive", "backfill_achievement", "check_integrity", "check_slice"),
    *("ensure_partitions", "import_old_progress"),
    *("purge_notifications", "purge_outbox", "rebuild_all", "rebuild_user", "retry_outbox"),
}
# What only reads, and is for people and reports.
REPORTS = {
    *("achievement_credential", "achievement_progress", "avatar_collection", "calculate_level_from_xp"),
    *("calculate_user_streak", "certificate_credential", "challenge_status", "clock", "current_learner"),
    *("explain_xp", "export_user", "leaderboard", "leaderboard_around", "localized", "rank_percentile"),
    *("recommend_challenges", "search_discussions", "skill_tree", "streak_lengths", "unread_count"),
    *("user_rank", "verify_certificate", "wait_for_lsn", "why", "xp_for_level"),
}
# What a learner's own session has no business with, beside what TRUSTED has.
BACKENDS = {
    *("achievement_minted", "audit_trail", "close_abandoned_sessions", "erase_user", "link_wallet"),
    *("merge_users", "record_login", "refresh_analytics", "refresh_leaderboard", "schedule_daily_challenges"),
    *("streak_lengths", "verify_email"),
}
TABLES = """
    select c.oid::regclass::text, (select quote_ident(a.attname) from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      order by a.attidentity <> '', a.attnum limit 1)
    from pg_class c where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)
      and c.relkind in ('r', 'p') order by 1
"""
WRITES = (
    "insert into {0} default values",
    "update {0} set {1} = {1}",
    "delete from {0}",
    "truncate {0} cascade",
    "lock table {0} in share row exclusive mode",
    "alter table {0} disable trigger all",
    "alter table {0} disable row level security",
    "create trigger eve before update on {0} for each row"
    " execute function suppress_redundant_updates_trigger()",
    "create index on {0} ({1})",
    "copy {0} from stdin",
    "drop table {0} cascade",
)
INTERNALS = """
    select format('select learn_internal.%I(%s)', p.proname,
      (select string_agg('null::' || a.type::regtype, ', ' order by a.n)
       from unnest(p.proargtypes) with ordinality a(type, n)))
    from pg_proc p where p.pronamespace = 'learn_internal'::regnamespace and p.prokind = 'f'
      and p.prorettype <> 'trigger'::regtype and not exists (
        select from unnest(p.proargtypes) a(type) join pg_type t on t.oid = a.type where t.typtype = 'p')
    union all
    select format('select * from learn_internal.%I', c.relname) from pg_class c
    where c.relnamespace = 'learn_internal'::regnamespace and c.relkind in ('v', 'r', 'p')
    union all
    select format('select setval(%L, 1)', c.oid::regclass) from pg_class c
    where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace) and c.relkind = 'S'
    order by 1
"""


class Attacker:
    """Sessions of login roles, each a member of one of Laurel's or of none; what they try is rolled back."""

    def __init__(self, url: str, scene: Scene) -> None:
        self.wrong: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self._scene = scene
        self._sessions = {
            role: psycopg.connect(make_conninfo(url, user=f"eve_{role}", password="eve"), autocommit=True)
            for role in ROLES
        }
        who = str(scene["user"])
        self._sessions["learn_user"].execute("select set_config('learn.user_id', %s, false)", [who])

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()

    def try_all(self, all_acts: list[Act], *, is_outside: bool = False) -> None:
        for role, session in self._sessions.items():
            for act in all_acts:
                code = self._try(session, act.statement, is_outside)
                self.outcomes[code or "allowed"] += 1
                if act.codes[role] not in (code, ANY):
                    self.wrong.append(f"{role}: {act.statement}: {code} instead of {act.codes[role]}")

    def _try(self, session: Connection, text: str, is_outside: bool) -> str | None:
        cursor = psycopg.ClientCursor(session)  # several statements at once
        try:
            with nullcontext() if is_outside else session.transaction(force_rollback=True):
                if text.startswith("copy") and text.endswith((" stdin", " stdout")):
                    with cursor.copy(text.encode()):
                        pass
                else:
                    cursor.execute(text.encode(), self._scene if "%(" in text else None)
        except psycopg.Error as error:
            return error.sqlstate
        return None


@pytest.fixture
def attacker(scene_url: tuple[str, Scene]) -> Iterator[Attacker]:
    url, scene = scene_url
    with psycopg.connect(url, autocommit=True) as admin:
        for role in ROLES:
            admin.execute(f"create role eve_{role} login password 'eve'".encode())
            if role != "unprivileged":
                admin.execute(f"grant {role} to eve_{role}".encode())
        opened = Attacker(url, scene)
        yield opened
        opened.close()
        for role in ROLES:
            admin.execute(f"drop role eve_{role}".encode())


def test_every_act_is_refused_or_allowed_as_documented(attacker: Attacker, tell: Tell) -> None:
    written = acts.POWER + acts.CALLS + acts.READS
    attacker.try_all(written)
    attacker.try_all(acts.OUTSIDE, is_outside=True)
    assert not attacker.wrong, "\n".join(attacker.wrong)
    assert len(written) >= 190
    report(attacker, len(written + acts.OUTSIDE), "acts by hand", tell)


def test_nobody_writes_a_table_or_calls_what_is_internal(
    attacker: Attacker, scene_url: tuple[str, Scene], tell: Tell
) -> None:
    """By the catalog: so for tables and functions that are yet to come."""
    with psycopg.connect(scene_url[0]) as admin:
        tables = admin.execute(TABLES.encode()).fetchall()
        found = [Act(text, DENIED) for (text,) in admin.execute(INTERNALS.encode()).fetchall()]
    found += [Act(write.format(*table), DENIED) for table in tables for write in WRITES]
    attacker.try_all(found)
    assert not attacker.wrong, "\n".join(attacker.wrong)
    assert len(found) > 1000
    report(attacker, len(found), "acts by the catalog", tell)


def test_functions_are_for_whom_they_are_meant(
    attacker: Attacker, scene_url: tuple[str, Scene], tell: Tell
) -> None:
    """A new one is for no reports until it is said here."""
    with psycopg.connect(scene_url[0]) as admin:
        names = callable_by(admin, "learn_owner")
    denied = {
        "unprivileged": {*names},
        "learn_readonly": {*names} - REPORTS,
        "learn_user": OPERATORS | TRUSTED | BACKENDS,
        "learn_app": OPERATORS,
    }

    def expected(name: str, role: str) -> str | None:
        if name in denied[role]:
            return "42501"
        return None if name in REPORTS and role in ("learn_readonly", "learn_app") else ANY

    found = [Act(statement(name).decode(), {role: expected(name, role) for role in ROLES}) for name in names]
    attacker.try_all(found)
    assert not attacker.wrong, "\n".join(attacker.wrong)
    report(attacker, len(found), "good calls", tell)


def report(attacker: Attacker, number: int, what: str, tell: Tell) -> None:
    said = ", ".join(f"{count:,} {code}" for code, count in sorted(attacker.outcomes.items()))
    tell(f"{number:,} {what} x {len(ROLES)} roles: {said}")
