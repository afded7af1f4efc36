"""The same calls on one plain database and through a proxy on four shards, which must stay alike, ids aside.

What to call is found in the plain database (simulate/live.sql, acts.sql); learners are found by their names,
posts and payments by their order.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb, set_json_loads

from tests.client import moment
from tests.conftest import ROOT
from tests.shards.conftest import SHARDS, Shards
from toolkit.live import clients

START = moment("2035-03-05 08:00")
ID = "md5({} || ' {}')::uuid"
RETRIED = ("40001", "40P01", "57014", "LX015", "XX000")


def is_lost(error: psycopg.Error) -> bool:
    """Whether the call may have been done, or not: it has to come again."""
    code = error.sqlstate
    return code is None or code in RETRIED or code.startswith(("08", "57P"))


def differing(here: Any, there: Any, where: str = "") -> list[str]:
    """Where two answers differ, key by key."""
    if isinstance(here, dict) and isinstance(there, dict):
        keys = sorted(here.keys() | there.keys())
        return [line for key in keys for line in differing(here.get(key), there.get(key), f"{where}.{key}")]
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        pairs = enumerate(zip(here, there, strict=True))
        return [line for place, pair in pairs for line in differing(*pair, f"{where}[{place}]")]
    return [] if here == there else [f"{where.lstrip('.')}: {here} on one database, {there} on shards"]


class Twins:
    """One database and a cluster, with the same learners.

    `is_alike`: calls must be answered alike, and ids of learners follow from their names and the seed, so
    that a run is repeatable; else only the end must be alike.
    """

    def __init__(self, shards: Shards, seed: int, *, is_alike: bool = True) -> None:
        self.shards, self.dice, self.is_alike = shards, random.Random(seed), is_alike
        self.acts = [
            act
            for path in (ROOT / "simulate/live.sql", Path(__file__).parent / "acts.sql")
            for act in clients.read_acts(path.read_text(encoding="utf-8"))
            if act.function != "start_quiz"  # which draws other questions in each database
        ]
        self.sessions = {name: self._open(name) for name in ("plain", "proxy")}
        self.is_again = False
        self.owners = {name: shards.cluster.connect(name) for name in ("plain", "home", *SHARDS)}
        self.users: dict[UUID, UUID] = {}
        self.posts: dict[tuple[str, int], int] = {}
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.retries = 0
        ((self.now,),) = self._as_owner("plain", "select greatest(learn.clock(), %s)", START)
        self._name_ids(seed)
        keyed = self.run(
            "plain",
            b"select proname from pg_proc where pronamespace = 'learn'::regnamespace"
            b" and 'p_idempotency_key' = any (proargnames)",
        )
        self.keyed = {row["proname"] for row in keyed}

    def _name_ids(self, seed: int) -> None:
        """Ids of learners by their names: on one database, and on the proxy where nothing breaks."""
        with self.shards.cluster.connect("plain") as plain:
            plain.execute(
                "create or replace function public.name_id() returns trigger language plpgsql as $$"
                f" begin new.id := {ID.format('new.username', seed)}; return new; end $$;"
                " create or replace trigger name_id before insert on learn.users"
                " for each row execute function public.name_id()".encode()
            )
        if self.is_alike:
            with self.shards.cluster.connect("proxy") as proxy:
                query = "select pg_get_functiondef('learn.register_user'::regproc)"
                ((text,),) = proxy.execute(query.encode()).fetchall()
                assert "gen_random_uuid()" in text
                proxy.execute(text.replace("gen_random_uuid()", ID.format("p_username", seed)).encode())

    def _open(self, name: str) -> psycopg.Connection[Any]:
        connection = psycopg.connect(
            self.shards.url(name), autocommit=True, row_factory=dict_row, options="-c role=learn_app"
        )
        set_json_loads(lambda text: Jsonb(json.loads(text)), connection)
        return connection

    def set_time(self, later: timedelta = timedelta(hours=5)) -> None:
        """So much later, everywhere."""
        self.now += later
        for name in self.owners:
            self._as_owner(name, "select learn_internal.set_clock(%s)", self.now)

    def _as_owner(self, name: str, query: str, *arguments: Any) -> list[Any]:
        while True:
            try:
                if self.owners[name].closed:
                    self.owners[name] = self.shards.cluster.connect(name)
                return self.owners[name].execute(query.encode(), arguments).fetchall()
            except psycopg.OperationalError:  # noqa: PERF203
                time.sleep(0.05)

    def register(self, username: str) -> None:
        """The same learner in both."""
        query = "select learn.register_user(%(username)s, p_timezone => 'Asia/Manila') as id"
        values = {"username": username}
        (here,), (there,) = (self.run(name, query.encode(), values) for name in ("plain", "proxy"))
        self.users[here["id"]] = there["id"]

    def call(self) -> None:
        """One random call of both, with the same answer; no two are of the same moment."""
        self.set_time(timedelta(seconds=1))
        (act,) = self.dice.choices(self.acts, [act.weight for act in self.acts])
        here = list(self.users)[int(len(self.users) * self.dice.random() ** 1.5)]
        chances = {"user": here, "chance": self.dice.random(), "key": self.dice.randrange(1 << 30)}
        if act.function == "register_user":
            self.register(f"live-{chances['key']}")
            self.done["register_user"] += 1
            return
        rows = self.run("plain", act.pick, chances)
        found = rows[0] if rows else {"user": None}
        if found.get("user", here) not in self.users:
            return
        self.is_again = False
        call = act.call.decode()
        if act.function in self.keyed and "p_idempotency_key" not in call:
            before, _, after = call.rpartition(")")
            call = f"{before}, p_idempotency_key => '{UUID(int=self.dice.getrandbits(128))}'){after}"
        if act.function in self.keyed:  # as rows, not as one text
            call = call.replace("select learn.", "select * from learn.", 1)
        mine, refused = self._here(call, found)
        theirs, also = self._there(call, found)
        said = f"{act.function} {found}"
        if also != refused:
            self._differs(said, [f"{refused} on one database, {also} on shards"])
        if refused:
            self.refused[f"{act.function} {refused}"] += 1
            return
        self.done[act.function] += 1
        self._differs(said, differing(self._alike(mine), self._alike(theirs)))
        if act.function in ("erase_user", "merge_users"):
            self.users.pop(found.get("from", found["user"]), None)  # type: ignore[arg-type]

    def _differs(self, said: str, lines: list[str]) -> None:
        assert not (self.is_alike and lines), "\n  ".join([f"after {self.told()}, {said}:", *lines])

    def _here(self, call: str, found: dict[str, Any]) -> tuple[list[Any], str | None]:
        try:
            return self.run("plain", call.encode(), found), None
        except psycopg.Error as error:
            return [], error.sqlstate

    def _there(self, call: str, found: dict[str, Any]) -> tuple[list[Any], str | None]:
        call = re.sub(
            r"from learn\.user_dashboard where user_id = (%\(user\)s)", r"from learn.user_dashboard(\1)", call
        )
        values = dict(found)
        for name in values.keys() & {"user", "from"}:
            values[name] = self.users[values[name]]
        for kind in ("discussion", "reply"):
            if kind in values:
                values[kind] = self.posts.get((kind, values[kind]), values[kind])
        if "payment" in values:
            values["payment"] = self._payment(found["user"], values["payment"])
        try:
            return self.run("proxy", call.encode(), values), None
        except psycopg.Error as error:
            return [], error.sqlstate

    def _payment(self, user: UUID, payment: int) -> int:
        """The same payment of the same learner: by its place."""
        query = "select id from learn.xp_transactions where user_id = %s order by id"
        place = [row[0] for row in self._as_owner("plain", query, user)].index(payment)
        there = self.users[user]
        return int(self._as_owner(self.shards.shard_of(there), query, there)[place][0])

    def run(self, name: str, call: bytes, values: dict[str, Any] | None = None) -> list[Any]:
        """Again until it is answered: after a broken connection with the same key."""
        is_again = False
        while True:
            try:
                if self.sessions[name].closed:
                    self.sessions[name] = self._open(name)
                return self.sessions[name].execute(call, values).fetchall()
            except psycopg.Error as error:  # noqa: PERF203
                if is_lost(error):
                    self.retries += 1
                    self.is_again = is_again = True
                    time.sleep(0.02)
                elif is_again and error.sqlstate == "LX001" and b"register_user" in call:
                    found = self._registered(name, (values or {})["username"])
                    if found:
                        return found
                elif is_again and error.sqlstate == "LX002" and b"erase_user" in call:
                    return []
                else:
                    raise

    def _registered(self, name: str, username: str) -> list[Any]:
        """Who was registered by a call that broke: that was done, or its claim is taken back now."""
        while name == "proxy":
            try:
                self.shards.drain()
                break
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
        where = "home" if name == "proxy" else name
        rows = self._as_owner(where, "select id from learn.users where username = %s", username)
        return [{"id": id_} for (id_,) in rows]

    def _alike(self, rows: list[Any]) -> Any:
        """An answer without ids and names of databases; what a post is on either side is noted."""
        names = {there: here for here, there in self.users.items()}

        def clean(value: Any) -> Any:
            if isinstance(value, UUID):
                return names.get(value, value)
            if isinstance(value, Jsonb):
                return clean(value.obj)
            if isinstance(value, dict):
                return {
                    key: clean(one)
                    for key, one in value.items()
                    if key not in ("discussion_id", "reply_id", "quiz_id", "replayed")
                }
            return [clean(one) for one in value] if isinstance(value, (list, tuple)) else value

        return [clean(row) for row in rows]

    def told(self) -> str:
        """What was done."""
        done, refused = self.done.total(), self.refused.total()
        return f"{done + refused:,} calls of {len(self.done)} functions, {refused:,} refused alike"

    def note_posts(self) -> None:
        """Which post on home is which in the plain database: by their order."""
        for kind, table in (("discussion", "discussions"), ("reply", "replies")):
            query = f"select id from learn.{table} order by id"
            pairs = zip(self._as_owner("plain", query), self._as_owner("home", query), strict=True)
            self.posts |= {(kind, here[0]): there[0] for here, there in pairs}

    def state(self, name: str) -> Counter[str]:
        """Every row of every learner in one database, ids aside."""
        rows = [text for table in self._tables() for (text,) in self._as_owner(name, table)]
        rows = [text.replace('"granted_by": "learn_router"', '"granted_by": "postgres"') for text in rows]
        rows = [ALWAYS.sub('"id": 0', text) for text in rows]
        return Counter(NUMBERED.sub('"of": ""', text) if OF_OTHER_IDS.search(text) else text for text in rows)

    def _tables(self) -> list[str]:
        """Queries for the rows of each table of learners, with usernames for ids."""
        rows = self._as_owner("plain", TABLES, list(ELSEWHERE))
        return [
            f"select '{table} ' || u.username || ' ' || (to_jsonb(t) - '{{{dropped}}}'::text[])::text"
            f" from {table} t join learn.users u on u.id = t.{column}"
            for table, column, dropped in rows
        ]


# Ids, and what was noted when something was written: of two servers, never the same.
NOTED = (
    "user_id",
    "author_id",
    "fact_id",
    "quiz_attempt_id",
    "transaction_id",
    "discussion_id",
    "reply_id",
    "verify_code",
    "certificate_number",
    "told_in",
    "parent_reply_id",
    "xp_transaction_id",
)
NUMBERED = re.compile(
    r'"(subject_id|source_id|quiz|quiz_id|reply|discussion|action_url|key)": ("[^"]*"|[0-9]+)'
)
ALWAYS = re.compile(r'"(submission_id|attempt_id|quiz_attempt_id|transaction_id|transaction|id)": [0-9]+')
OF_OTHER_IDS = re.compile("quiz|question|discussion|reply|solution|xp_reversed|reversal|certificate|faucet")
ELSEWHERE = {
    "learn.idempotency_keys": "calls through home have theirs there",
    "learn.discussions": "on home",
    "learn.replies": "on home",
    "learn.discussion_votes": "on home",
    "learn_internal.board_gains": "merged or not yet",
    "learn_internal.board_scores": "merged or not yet",
    "learn_internal.recent_calls": "of the last minutes",
    "learn_internal.learner_roles": "none",
}
TABLES = f"""
select c.oid::regclass::text, a.attname, (select string_agg(d.attname, ',') from pg_attribute d
    where d.attrelid = c.oid
    and d.attnum > 0 and (d.attidentity <> '' or d.attname in {NOTED}))
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id'
 where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace) and c.relkind in ('r', 'p')
   and not c.relispartition and c.oid::regclass::text <> all (%s)
 order by 1
"""
