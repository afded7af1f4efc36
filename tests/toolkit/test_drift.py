"""Every kind of drift is seen, and mended to clean by the printed script or said to be beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.toolkit.test_catalog import BUILD
from toolkit.live import scope, verify
from toolkit.live.scope import Reference, Texts
from toolkit.servers.throwaway import ThrowawayServer

Connection = psycopg.Connection[tuple[Any, ...]]

MORE = """
create schema "S x";
create table "S x"."T y" (id int primary key, "Col" text not null default 'a', secret text, kind app.status);
comment on table "S x"."T y" is 'Odd; it''s.';
create view "S x"."V z" with (security_barrier) as select id, "Col" from "S x"."T y" where id > 0;
create view app.first as select id, title from app.items where id > 5;
create view app.second as select id from app.first;
create materialized view app.kept as select id from app.items with no data;
create unique index kept_id on app.kept (id);
create table app.parts (d date, id int constraint part_ck check (id > 0), note text) partition by range (d);
create table app.parts_rest partition of app.parts default;
create index parts_id on app.parts (id);
create table app.base (a int not null, b text);
create table app.child (c int) inherits (app.base);
create table app.logs (id bigserial primary key, at timestamptz default now(), body text);
alter table app.logs alter body set storage external;
create unlogged table app.cache (k text primary key, v jsonb);
create table app.pairs (a int, b int, c int, primary key (a, b), constraint c_differs unique (c, a),
  constraint no_overlap exclude using btree (b with =));
alter table app.pairs add constraint to_logs foreign key (c) references app.logs on delete cascade not valid;
alter table app.pairs cluster on pairs_pkey;
alter table app.pairs replica identity using index pairs_pkey;
create table app.typed of app.point;
create domain app.word as text collate "C" default 'x' not null
  constraint word_is_short check (length(value) < 9);
comment on constraint word_is_short on domain app.word is 'Short.';
create type app.mood as enum ('bad', 'so', 'good');
comment on type app.mood is 'How.';
create type app.hours as range (subtype = time);
create sequence app.codes as int minvalue 5 maxvalue 500 start 7 cache 2 cycle;
create function app.scale(a int, b int default 2) returns int language sql immutable strict
  parallel safe cost 7 as 'select a * b';
create function app.many(n int) returns setof int language sql stable rows 9
  as 'select generate_series(1, n)';
create function app.same(int, int) returns boolean language sql immutable as 'select $1 = $2';
create function app.guard() returns trigger language plpgsql as 'begin return null; end';
create function app.mood_of(int) returns app.mood language sql immutable return 'bad'::app.mood;
create procedure app.clean(days int) language sql as 'delete from app.logs where false';
create aggregate app.longest (text) (sfunc = pg_catalog.text_larger, stype = text, sortop = >);
create operator app.=== (leftarg = int, rightarg = int, function = app.same, commutator = operator(app.===));
create operator family app.fam using btree;
create operator class app.ops for type int using btree family app.fam as
  operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int, int);
create cast (app.mood as int) with function app.mood_to_int(app.mood) as assignment;
create collation app.plain from "C";
create conversion app.conv for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1;
create text search dictionary app.stem (template = simple, accept = false);
create text search configuration app.words (copy = english);
create trigger "Guard 1" before update of body on app.logs for each row when (old.body is not null)
  execute function app.guard();
create constraint trigger late after insert on app.logs deferrable initially deferred for each row
  execute function app.guard();
create trigger seen after insert on app.parts for each row execute function app.guard();
alter table app.logs enable row level security;
alter table app.logs force row level security;
create policy mine on app.logs as restrictive for update to pg_monitor using (id > 1) with check (id > 2);
create rule "No way" as on insert to app.cache do also select 1;
create statistics app.pair_stats (ndistinct, dependencies) on a, b from app.pairs;
create publication pubx for table app.logs (id) where (id > 5), app.pairs;
create publication pubs for tables in schema "S x" with (publish = 'insert, update');
create publication puba for all tables;
create foreign data wrapper w options (debug 'true');
create server s type 'a' version '1' foreign data wrapper w options (host 'x');
create user mapping for public server s options (u 'a', password 'secret');
create foreign table app.far (id int options (n 'x') not null, t text) server s options (t 'y');
create event trigger late_watch on ddl_command_end execute function app.watch();
alter default privileges in schema app grant select on tables to pg_monitor;
grant select on app.logs to pg_monitor with grant option;
grant update (body) on app.logs to pg_monitor;
grant usage on schema "S x" to pg_monitor;
revoke all on function app.scale(int, int) from public;
grant usage on foreign server s to pg_monitor;
comment on column app.logs.body is 'What.';
comment on constraint c_differs on app.pairs is 'Differs.';
comment on index app.parts_id is 'Fast.';
comment on view app.first is 'First.';
create function app.fourfold(n int) returns int language sql return 2 * app.twice(n);
create function public.helper() returns int language sql immutable as 'select 1';
""".replace(
    "create cast (app.mood",
    "create function app.mood_to_int(app.mood) returns int language sql immutable return 1;\n"
    "create cast (app.mood",
)

# Each is one kind of drift. Those that begin with ! are mended to clean; the others are said to be beyond
# statements, or mended as far as these go.
DRIFTS = """
! create function app.extra() returns int language sql return 1
! create view app.extra as select 1 as one
! create materialized view app.extra as select 1 as one
! create procedure app.extra() language sql as 'select 1'
! create aggregate app.extra (int) (sfunc = pg_catalog.int4pl, stype = int)
! create index on app.logs (at)
! create unique index extra on app.logs (at)
! create statistics app.extra on at, id from app.logs
! create trigger extra before insert on app.logs for each row execute function app.guard()
! create policy extra on app.logs using (true)
! create rule extra as on update to app.cache do nothing
! alter table app.logs add constraint extra check (id > 0)
! alter table app.pairs add constraint extra unique (a)
! alter table app.logs add constraint extra foreign key (id) references app.items
! alter domain app.word add constraint extra check (value <> 'y')
! alter table app.parts add constraint extra check (id < 5)
! alter table app.base add constraint extra check (a < 5)
! alter table app.parts add constraint extra unique (d, id)
! alter table app.parts add constraint extra foreign key (id) references app.items
! create trigger extra before insert on app.parts for each row execute function app.guard()
! alter function app.twice(integer) rename to thrice
create table app.extra (a int)
create table app.extra (like app.logs including all)
create sequence app.extra
create type app.extra as enum ('a')
create type app.extra as (a int)
create type app.extra as range (subtype = date)
create domain app.extra as int
create operator app.# (function = app.twice, rightarg = int)
create operator family app.extra using hash
create operator class app.extra for type int using hash as operator 1 =
create collation app.extra from "C"
create conversion app.extra for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8
create text search configuration app.extra (copy = simple)
create text search dictionary app.extra (template = simple)
create foreign table app.extra (a int) server s
create table public.theirs (a int)
create view public.theirs as select 1 as one
create function public.theirs() returns int language sql return 1
create type public.theirs as enum ('a')
create table "S x".theirs (a int)
alter table app.logs add column extra int
alter table app.cache add column extra int default 3 not null
alter type app.point add attribute z int cascade
! drop view app.second
! drop view app.first cascade
! drop view "S x"."V z"
! drop materialized view app.kept
! drop function app.scale(int, int)
! drop function app.many(int)
! drop function public.helper()
! drop procedure app.clean(int)
! drop procedure app.clean(int); drop view app.second; drop index app.parts_id
drop aggregate app.longest (text)
! drop trigger "Guard 1" on app.logs
! drop trigger late on app.logs
! drop trigger seen on app.parts
! drop policy mine on app.logs
! drop rule "No way" on app.cache
! drop statistics app.pair_stats
! drop index app.parts_id
! drop index app.kept_id
! alter table app.pairs drop constraint c_differs
! alter table app.pairs drop constraint no_overlap
! alter table app.pairs drop constraint to_logs
! alter table app.logs drop constraint logs_pkey cascade
! alter table app.parts drop constraint part_ck
! alter domain app.word drop constraint word_is_short
! drop publication pubx
! drop publication pubs
! drop publication puba
! drop event trigger late_watch
drop table app.cache
drop table app.child
drop table app.base cascade
drop table app.parts_rest
drop table "S x"."T y" cascade
drop table app.logs cascade
drop sequence app.codes
drop type app.mood cascade
drop type app.hours
drop domain app.word
drop operator app.=== (int, int)
drop operator class app.ops using btree
drop operator family app.fam using btree cascade
drop cast (app.mood as int)
drop collation app.plain
drop conversion app.conv
drop text search configuration app.words
drop text search dictionary app.stem
drop user mapping for public server s
drop foreign table app.far
drop server s cascade
drop foreign data wrapper w cascade
drop schema "S x" cascade
! drop function app.guard() cascade
drop function app.same(int, int) cascade
! alter table app.logs drop column body cascade
! alter table app.pairs drop column c cascade
! alter table app.base drop column b
! alter table app.logs alter body drop default; alter table app.logs alter at drop default
! alter table "S x"."T y" alter "Col" set default 'b'
! alter table "S x"."T y" alter "Col" drop not null
! alter table app.base alter b set not null
! alter table app.logs alter at set not null
! alter table app.cache alter v set default '{}'
! alter table app.logs alter body set storage main
! alter table app.logs alter body set compression pglz
! alter table app.logs alter body set statistics 77
! alter table app.logs alter id set (n_distinct = 5)
alter table app.child alter c type bigint
alter table app.cache alter v type json using null
alter table app.parts alter note type varchar(9)
alter table app.cache alter k type text collate "C"
alter table app.users alter id set generated by default
alter table app.users alter id drop identity
alter table app.items alter length drop expression
! alter table app.logs alter id drop default
alter table app.pairs alter a add generated always as identity
alter table app.logs rename column body to text
alter table app.logs rename to journal
! alter view app.second rename to third
! alter function app.many(int) rename to lots
! alter index app.parts_id rename to parts_ids
! alter table app.pairs rename constraint c_differs to c_unlike
! alter trigger late on app.logs rename to later
! alter policy mine on app.logs rename to ours
alter schema "S x" rename to "S y"
alter type app.mood rename to feeling
alter sequence app.codes rename to numbers2
! alter publication pubs rename to pubt
alter table app.cache set schema "S x"
! alter function app.many(int) set schema "S x"
alter table app.cache set logged
alter table app.base set unlogged
! alter table app.items set (fillfactor = 80)
! alter table app.items reset (fillfactor)
! alter table app.logs set (autovacuum_enabled = false, fillfactor = 50)
alter table app.logs set (toast.autovacuum_enabled = false)
! alter table app.logs replica identity full
! alter table app.logs replica identity nothing
alter table app.pairs replica identity full
alter table app.pairs set without cluster
alter table app.child no inherit app.base
alter table app.parts detach partition app.parts_rest
alter table app.typed not of
! alter table app.logs disable row level security
! alter table app.logs no force row level security
! alter table app.items force row level security
! alter table app.logs disable trigger "Guard 1"
! alter table app.logs enable always trigger "Guard 1"
! alter table app.parts disable trigger seen
! alter table app.cache disable rule "No way"
! alter event trigger late_watch disable
! create or replace trigger "Guard 1" before update on app.logs for each row execute function app.guard()
! alter policy mine on app.logs using (true)
! alter policy mine on app.logs with check (true)
! alter policy mine on app.logs to public
! drop policy mine on app.logs; create policy mine on app.logs as permissive for update using (id > 1)
! drop rule "No way" on app.cache; create rule "No way" as on insert to app.cache do also select 2
! drop index app.parts_id; create index parts_id on app.parts (note)
! alter index app.kept_id set (fillfactor = 50)
! alter table app.pairs alter constraint to_logs deferrable
! alter table app.pairs validate constraint to_logs
! alter table app.pairs drop constraint to_logs, add constraint to_logs foreign key (c) references app.logs
! alter table app.parts drop constraint part_ck, add constraint part_ck check (true)
! alter statistics app.pair_stats set statistics 50
! drop statistics app.pair_stats; create statistics app.pair_stats (mcv) on a, b from app.pairs
! create or replace view app.second as select id from app.first where id < 9
! create or replace view app.second as select id, 1 as more from app.first
create or replace view app.first as select id, title, 1 as more from app.items where id > 5
! alter view app.first set (security_barrier = true)
! alter view "S x"."V z" reset (security_barrier)
alter view "S x"."V z" alter "Col" set default 'x'
! alter materialized view app.kept set (fillfactor = 70)
refresh materialized view app.kept
! drop materialized view app.kept; create materialized view app.kept as select 1 as id with no data
! alter function app.scale(int, int) volatile
! alter function app.scale(int, int) called on null input
! alter function app.scale(int, int) leakproof
! alter function app.scale(int, int) parallel unsafe
! alter function app.scale(int, int) cost 8
! alter function app.many(int) rows 10
! alter function app.many(int) security definer
! alter function app.many(int) set search_path = app
! create or replace function app.many(n int) returns setof int language sql as 'select n'
! create or replace function app.scale(a int, b int default 3) returns int language sql as 'select a * b'
! drop function app.many(int); create function app.many(n int) returns int language sql as 'select n'
! drop function app.many(int); create function app.many(m int) returns setof int language sql as 'select m'
! create or replace procedure app.clean(days int) language sql as 'select 1'
! alter procedure app.clean(int) security definer
create or replace aggregate app.longest (text) (sfunc = pg_catalog.text_smaller, stype = text)
! alter sequence app.codes increment 3
! alter sequence app.codes minvalue 4 maxvalue 600
! alter sequence app.codes start 8
! alter sequence app.codes cache 9
! alter sequence app.codes no cycle
! alter sequence app.codes as bigint
! alter sequence app.codes owned by app.logs.id
! alter sequence app.logs_id_seq owned by none
! alter sequence app.logs_id_seq increment 7
! alter domain app.word set default 'y'
! alter domain app.word drop default
! alter domain app.word drop not null
! alter domain app.word rename constraint word_is_short to short
alter type app.mood add value 'best' after 'good'
alter type app.mood rename value 'so' to 'so so'
! update pg_enum set enumlabel = 'x' where false; comment on type app.mood is 'What.'
alter type app.point rename attribute x to w cascade
alter type app.point alter attribute x type bigint cascade
! alter text search configuration app.words drop mapping for asciiword
! alter text search configuration app.words alter mapping for asciiword with simple
alter text search dictionary app.stem (accept = true)
! alter operator app.===(int, int) set (restrict = eqsel)
! alter operator app.===(int, int) set (join = eqjoinsel, restrict = eqsel)
alter operator family app.fam using btree add operator 1 < (int, bigint)
alter server s options (set host 'y')
alter server s version '2'
alter foreign data wrapper w options (set debug 'false')
alter user mapping for public server s options (set password 'other')
alter foreign table app.far alter id options (set n 'y')
alter foreign table app.far options (set t 'z')
! alter foreign table app.far alter id drop not null
! alter publication pubx set table app.logs (id) where (id > 6), app.pairs
! alter publication pubx set table app.logs, app.pairs
! alter publication pubx set table app.logs (id, body) where (id > 5), app.pairs
! alter publication pubx drop table app.pairs
! alter publication pubx add table "S x"."T y"
! alter publication pubx set (publish = 'insert')
! alter publication pubx set (publish_via_partition_root = true)
! alter publication pubs set (publish = 'insert'); alter publication pubs drop tables in schema "S x"
! alter publication puba set (publish = 'delete')
! comment on table "S x"."T y" is null
! comment on column app.logs.body is 'x'
! comment on constraint c_differs on app.pairs is null
! comment on index app.parts_id is 'x'
! comment on view app.first is null
! comment on function app.scale(int, int) is 'x'
! comment on schema app is 'x'
! comment on constraint word_is_short on domain app.word is 'x'
! comment on policy mine on app.logs is 'x'
! comment on trigger late on app.logs is 'x'
! comment on rule "No way" on app.cache is 'x'
! comment on sequence app.codes is 'x'
! comment on publication pubx is 'x'
! comment on statistics app.pair_stats is 'x'
comment on operator app.=== (int, int) is 'x'
comment on server s is 'x'
! grant select on app.cache to public
! grant insert on app.logs to pg_monitor
! revoke grant option for select on app.logs from pg_monitor
! revoke update (body) on app.logs from pg_monitor
! revoke all on app.logs from pg_monitor
! grant execute on function app.scale(int, int) to public
! revoke usage on schema "S x" from pg_monitor
! grant create on schema app to public
! grant usage on sequence app.codes to pg_monitor
! revoke usage on type app.mood from public
! revoke execute on procedure app.clean(int) from public
revoke usage on foreign server s from pg_monitor
alter default privileges in schema app grant insert on tables to pg_monitor
alter default privileges in schema app revoke select on tables from pg_monitor
! alter table app.cache owner to pg_monitor
! alter table app.logs owner to pg_monitor
! alter view app.second owner to pg_monitor
! alter function app.scale(int, int) owner to pg_monitor
! alter schema "S x" owner to pg_monitor
! alter type app.mood owner to pg_monitor
! alter domain app.word owner to pg_monitor
! alter sequence app.codes owner to pg_monitor
! alter statistics app.pair_stats owner to pg_monitor
! alter materialized view app.kept owner to pg_monitor
! alter procedure app.clean(int) owner to pg_monitor
alter operator app.===(int, int) owner to pg_monitor
alter function app.scale(int, int) depends on extension plpgsql
alter index app.kept_id depends on extension plpgsql
alter trigger seen on app.parts depends on extension plpgsql
create cast (int as app.mood) with function app.mood_of(int)
create event trigger another on sql_drop execute function app.watch()
create user mapping for pg_monitor server s
alter text search configuration app.words owner to pg_monitor
alter collation app.plain owner to pg_monitor
"""
NEW_IN_18 = """
! alter table app.base rename constraint base_a_not_null to a_is_there
! comment on constraint base_a_not_null on app.base is 'x'
! alter table "S x"."T y" alter constraint "T y_Col_not_null" no inherit
! alter table app.base drop constraint base_a_not_null, add constraint base_a_not_null not null a not valid
! alter table app.base drop constraint base_a_not_null
! alter table app.base add constraint b_is_there not null b
alter table app.users rename column name to title
"""


def rows(text: str) -> list[tuple[str, bool]]:
    lines = [line for line in text.splitlines() if line]
    return [(line.removeprefix("! "), line.startswith("! ")) for line in lines]


@pytest.fixture(scope="module")
def built(server: ThrowawayServer) -> Iterator[tuple[Connection, Reference]]:
    """A database with several objects of every kind, and the reference that it is compared with."""
    text = BUILD + MORE
    server.create_database("drift_built")
    with psycopg.connect(server.url("drift_built")) as conn:
        conn.execute(text.encode())
        conn.commit()
        yield conn, scope.build(server, Texts(((0, text),)))
    server.drop_database("drift_built")


def look(conn: Connection, wanted: Reference) -> list[verify.Drifted]:
    return verify.compare(wanted, verify.read_live(conn, (conn.info.user,)))


@pytest.mark.parametrize(("change", "mended"), rows(DRIFTS) + rows(NEW_IN_18))
def test_drift_is_seen_and_mended_or_said_to_be_beyond(
    built: tuple[Connection, Reference], change: str, mended: bool
) -> None:
    conn, wanted = built
    if (change, mended) in rows(NEW_IN_18) and conn.info.server_version < 18_00_00:
        pytest.skip("NOT NULL constraints have names since PostgreSQL 18")
    try:
        conn.execute(change.encode())
        found = look(conn, wanted)
        assert found
        script = verify.script(found)
        assert bool(script) or not mended
        conn.execute(script.replace("begin;", "").replace("commit;", "").encode())
        left = look(conn, wanted)
        assert all(each.mending.words and not each.sql for each in left), list(map(str, left))
        assert bool(left) != mended, list(map(str, left))
    finally:
        conn.rollback()


def test_there_are_enough_kinds_and_nothing_is_seen_where_nothing_is(
    built: tuple[Connection, Reference],
) -> None:
    assert look(*built) == []
    built[0].rollback()
    assert len({change for change, _ in rows(DRIFTS)}) >= 200
