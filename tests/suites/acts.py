"""What may be tried to get at what is not one's own, and the SQLSTATE of the refusal.

A line is: the codes for a login role without any grant, for members of learn_readonly, learn_user and learn_app
(`-`: it is allowed; `.`: as the one before), and the statement. Names in %()s are those of the scene.
"""

from __future__ import annotations

from typing import NamedTuple

ROLES = ("unprivileged", "learn_readonly", "learn_user", "learn_app")


class Act(NamedTuple):
    """A statement, and by role the SQLSTATE that it is refused with; None: it is allowed."""

    statement: str
    codes: dict[str, str | None]


def read(lines: str) -> list[Act]:
    """The acts of a text."""
    acts = []
    for line in lines.strip().splitlines():
        *words, statement = line.split(maxsplit=len(ROLES))
        codes: list[str | None] = []
        for word in words:
            codes.append(codes[-1] if word == "." else None if word == "-" else word)
        acts.append(Act(statement, dict(zip(ROLES, codes, strict=True))))
    return acts


# Only what the owner of the database or of the server may do.
POWER = read("""
42501 . . . set role learn_owner
42501 . . . set role postgres
42501 . . . set session authorization learn_owner
42501 . . . reset session authorization; set session authorization postgres
42501 . . . set session_replication_role = replica
42501 . . . set zero_damaged_pages = on
42501 . . . set local log_statement = 'all'
42501 . . . create role eve superuser
42501 . . . alter role postgres password 'x'
42501 . . . alter role learn_app superuser
42501 . . . alter role learn_owner login password 'x'
42501 . . . grant learn_owner to current_user
42501 . . . grant pg_read_all_data to current_user
42501 . . . grant learn_app to learn_readonly
42501 . . . drop role learn_readonly
42501 . . . create schema eve
42501 . . . create event trigger eve on ddl_command_end execute function pg_catalog.unnest()
42501 . . . create publication eve for all tables
42501 . . . create subscription eve connection '' publication p with (connect = false)
42501 . . . copy (select 1) to '/tmp/eve'
42501 . . . copy (select 1) to program 'id'
42501 . . . create temporary table t (a text); copy t from '/etc/passwd'
42501 . . . select pg_read_file('/etc/passwd')
42501 . . . select pg_ls_dir('.')
42501 . . . select pg_stat_file('/etc/passwd')
42501 . . . select lo_import('/etc/passwd')
42501 . . . select lo_export(1, '/tmp/eve')
42501 . . . select pg_reload_conf()
42501 . . . select pg_rotate_logfile()
42501 . . . select pg_switch_wal()
42501 . . . select pg_create_restore_point('eve')
42501 . . . select pg_promote()
42501 . . . select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres' and pid <> pg_backend_pid()
42501 . . . select pg_create_physical_replication_slot('eve')
42501 . . . select rolpassword from pg_authid
42501 . . . select stavalues1 from pg_statistic
42501 . . . select * from pg_hba_file_rules
42501 . . . select umoptions from pg_user_mapping
42501 . . . update pg_proc set prosrc = '' where proname = 'award_xp'
42501 . . . delete from pg_class
42501 . . . insert into pg_auth_members (roleid) values (1)
42501 . . . update pg_database set datacl = null
42501 . . . comment on schema learn is 'eve'
42501 . . . comment on table learn.users is 'eve'
42501 . . . alter schema learn rename to eve
42501 . . . alter schema learn owner to current_user
42501 . . . drop schema learn cascade
42501 . . . drop schema learn_internal cascade
42501 . . . grant usage on schema learn_internal to public
42501 . . . alter default privileges for role learn_owner grant all on tables to public
42501 . . . alter default privileges for role learn_owner in schema learn grant execute on functions to public
42501 . . . reassign owned by learn_owner to current_user
42501 . . . drop owned by learn_owner
42501 . . . create table learn.eve (a integer)
42501 . . . create view learn.eve as select 1
42501 . . . create type learn.eve as (a integer)
42501 . . . create domain learn_internal.eve as text
42501 . . . create sequence learn.eve
42501 . . . create operator learn.=== (leftarg = text, rightarg = text, function = texteq)
42501 . . . create function learn.eve() returns integer language sql as 'select 1'
42501 . . . create function learn_internal.eve() returns integer language sql as 'select 1'
42501 . . . create or replace function learn.clock() returns timestamptz language sql as 'select now()'
42501 . . . alter function learn.award_xp reset search_path
42501 . . . alter function learn.award_xp owner to current_user
42501 . . . alter function learn.clock security invoker
42501 . . . drop function learn.award_xp
42501 . . . grant execute on function learn.rebuild_all to public
42501 . . . create table eve (a integer)
42501 . . . do $$ begin execute 'alter role ' || current_user || ' superuser'; end $$
42501 . . . create index on learn.users (username)
42501 . . . create statistics learn.eve on id, username from learn.users
42501 . . . create policy eve on learn.users using (true)
42501 . . . create rule eve as on select to learn.users do instead select 1
42501 . . . cluster learn.users using users_pkey
42501 . . . refresh materialized view learn.users
42501 . . . alter view learn.my_dashboard set (security_barrier = off)
42501 . . . create or replace view learn.public_profiles as select 1
42501 . . . insert into dbtool.applied_script default values
42501 . . . select * from dbtool.applied_script
42501 . . . select learn_internal.set_clock(now())
42501 . . . select learn_internal.pay()
42501 . . . select nextval('learn.lessons_id_seq')
42501 . . . select setval('learn.xp_transactions_id_seq', 1)
42501 . . . select * from learn_internal.turns for update
42501 . . . lock table learn_internal.turns in exclusive mode
42501 . . . lock table learn_internal.content_lock in access exclusive mode
""")
# On a connection that commits by itself: PostgreSQL asks for that before it asks for rights.
OUTSIDE = read("""
42501 . . . alter system set fsync = off
42501 . . . alter system set archive_command = 'id'
42501 . . . create database eve
42501 . . . alter database postgres owner to current_user
42501 . . . create tablespace eve location '/tmp'
""")
# What a caller may do to others, or say of themselves.
CALLS = read("""
42501 - . . select learn.current_learner()
42501 - . . select learn.clock()
42501 42501 42501 42501 select learn.rebuild_all()
42501 42501 42501 42501 select learn.check_integrity()
42501 42501 42501 LX001 select learn.award_xp(%(user)s, 0)
42501 42501 42501 LX001 select learn.award_xp(%(user)s, null)
42501 42501 42501 LX001 select learn.award_xp(%(user)s, 5, p_occurred_at => 'infinity')
42501 42501 42501 LX001 select learn.award_xp(%(user)s, 5, p_occurred_at => learn.clock() + interval '1 hour')
42501 42501 42501 LX001 select learn.award_xp(%(user)s, 5, p_occurred_at => learn.clock() - interval '5 years')
42501 42501 42501 LX013 select learn.award_xp(%(user)s, 5, p_idempotency_key => 'k'), learn.award_xp(%(user)s, 6, p_idempotency_key => 'k')
42501 42501 42501 LX002 select learn.award_xp('00000000-0000-0000-0000-000000000000', 5)
42501 42501 42501 LX001 select learn.reverse_xp(%(user)s, %(payment)s, '')
42501 42501 42501 LX003 select learn.reverse_xp(%(author)s, %(payment)s, 'not mine')
42501 LX003 LX010 LX003 select learn.why(%(author)s, 'no-such-achievement')
42501 42501 42501 LX003 select learn.grant_achievement(%(user)s, 'no-such-achievement')
42501 42501 LX010 - select learn.record_activity(%(user)s, 'lesson_completed')
42501 42501 LX010 . select learn.record_activity(%(user)s, 'level_reached', 'level', '99')
42501 42501 LX001 . select learn.record_activity(%(user)s, 'no_such_type')
42501 42501 LX010 - select learn.record_activity(%(author)s, %(free_activity)s)
42501 42501 LX010 - select learn.record_activity(%(user)s, %(activity)s)
42501 42501 - . select learn.record_activity(%(user)s, %(free_activity)s)
42501 42501 LX010 - select learn.complete_lesson(%(user)s, %(lesson)s, 100)
42501 42501 LX010 - select learn.complete_lesson(%(author)s, %(lesson)s)
42501 42501 - . select learn.complete_lesson(%(user)s, %(lesson)s)
42501 42501 LX010 - select learn.complete_lesson(%(user)s, %(lesson)s, p_occurred_at => learn.clock())
42501 42501 LX001 . select learn.complete_lesson(%(user)s, %(lesson)s, 101)
42501 42501 LX003 . select learn.complete_lesson(%(user)s, -1)
42501 42501 LX010 - select learn.update_profile(%(author)s, '{"bio": "eve"}')
42501 42501 LX010 . select learn.update_profile(%(user)s, '{"role": "admin"}')
42501 42501 LX010 . select learn.update_profile(%(user)s, '{"is_verified": true}')
42501 42501 LX010 . select learn.update_profile(%(user)s, '{"id": "00000000-0000-0000-0000-000000000000"}')
42501 42501 LX001 . select learn.update_profile(%(user)s, '[]')
42501 42501 LX001 . select learn.update_profile(%(user)s, '{"timezone": "Mars/Olympus"}')
42501 42501 42501 LX001 select learn.register_user('ADA-of-the-scene')
42501 42501 42501 LX001 select learn.register_user(E'eve\\u200b')
42501 42501 42501 LX001 select learn.register_user('eve', 'no address')
42501 42501 42501 LX001 select learn.set_password_hash(%(user)s, '')
42501 42501 42501 - select learn.get_password_hash(%(user)s)
42501 42501 LX010 . select learn.edit_discussion(%(user)s, %(discussion)s, 'mine')
42501 42501 LX010 - select learn.edit_discussion(%(author)s, %(discussion)s, 'mine')
42501 42501 LX010 . select learn.delete_discussion(%(user)s, %(discussion)s)
42501 42501 LX010 . select learn.delete_reply(%(author)s, %(reply)s)
42501 42501 LX010 . select learn.pin_discussion(%(user)s, %(discussion)s)
42501 42501 LX010 - select learn.pin_discussion(%(moderator)s, %(discussion)s)
42501 42501 LX010 . select learn.accept_solution(%(user)s, %(reply)s)
42501 42501 LX010 . select learn.vote(%(user)s, 'upvote', p_reply_id => %(reply)s)
42501 42501 LX001 . select learn.vote(%(user)s, 'upvote')
42501 42501 LX001 . select learn.vote(%(user)s, 'sideways', %(discussion)s)
42501 42501 LX003 . select learn.post_reply(%(user)s, -1, 'x')
42501 42501 LX001 . select learn.post_reply(%(user)s, %(discussion)s, ' ')
42501 42501 LX003 . select learn.select_avatar(%(user)s, -1)
42501 42501 LX010 . select learn.rate_course(%(user)s, %(new_course)s, 5)
42501 42501 LX001 . select learn.rate_course(%(user)s, %(course)s, 6)
42501 42501 LX003 . select learn.exercise_solution(%(user)s, -1)
42501 42501 LX007 . select learn.exercise_solution(%(user)s, %(exercise)s)
42501 42501 LX010 LX007 select learn.exercise_solution(%(author)s, %(exercise)s)
42501 42501 LX007 . select learn.request_achievement_nft(%(user)s, %(secret)s)
42501 42501 LX003 . select learn.enroll_in_course(%(user)s, -1)
42501 42501 LX001 . select learn.allocate_skill_points(%(user)s, %(skill)s, -5)
42501 42501 LX001 . select learn.allocate_skill_points(%(user)s, %(skill)s, 2147483647)
42501 42501 LX001 . select learn.submit_quiz(%(user)s, %(exam)s, '[]')
42501 42501 LX003 . select learn.submit_quiz(%(user)s, 'no exam', '[{"question_id": 1, "answer": "A"}]')
42501 42501 LX003 . select learn.use_hint(%(user)s, %(challenge)s, 1, 99)
42501 42501 - . select learn.use_hint(%(user)s, %(challenge)s, 3, 1)
42501 42501 42501 LX005 select learn.submit_level_attempt(%(user)s, %(challenge)s, 3, 100, true)
42501 42501 42501 LX001 select learn.submit_level_attempt(%(user)s, %(challenge)s, 1, 'NaN', true)
42501 42501 42501 LX001 select learn.submit_query(%(user)s, %(exercise)s, '', true)
42501 42501 42501 LX001 select learn.submit_query(%(user)s, %(exercise)s, 'select 1', true, 'an error')
42501 42501 42501 LX008 select learn.request_faucet(%(user)s, '0.0.1234', 1)
42501 42501 42501 LX001 select learn.request_faucet(%(author)s, '0.0.1234', 1000000)
42501 42501 42501 LX001 select learn.request_faucet(%(author)s, '0.0.1234', -1)
42501 42501 42501 LX010 select learn.advance_transaction(%(transaction)s, 'submitted', null), learn.advance_transaction(%(transaction)s, 'pending', null)
42501 42501 42501 LX003 select learn.certificate_minted('no certificate', '0.0.1', null, 1)
42501 42501 42501 LX001 select learn.import_questions('{}')
42501 42501 42501 LX001 select learn.close_period('century')
42501 42501 42501 LX010 select learn.link_wallet(%(user)s, '0x52908400098527886E0F7030069857D2E4169EE7', 'n'), learn.link_wallet(%(author)s, '0x8617E340B3D01FA5F11F306F4090FD50E238070D', 'n')
42501 42501 42501 LX001 select learn.link_wallet(%(user)s, 'no address', 'n')
42501 42501 42501 LX001 select learn.erase_user(%(user)s, 'everything')
42501 - LX010 - select learn.export_user(%(author)s)
42501 - LX010 - select learn.user_rank(%(author)s)
42501 - LX010 - select learn.calculate_user_streak(%(author)s)
42501 LX001 . . select learn.leaderboard('century')
42501 LX001 . . select learn.leaderboard(p_limit => -1)
42501 - . . select learn.verify_certificate('00000000000000000000000000000000')
42501 - . . select learn.search_discussions('x'' or true --')
42501 - LX010 - select learn.unread_count(%(author)s)
""")
# Columns and views that only some may read.
READS = read("""
42501 - . . select email from learn.users
42501 - 42501 - select * from learn.user_dashboard
42501 42501 42501 42501 select request_ip from learn.faucet_requests
42501 42501 42501 42501 select verify_code from learn.nft_certificates
42501 42501 42501 42501 select solution from learn.exercises
42501 42501 42501 42501 select hints from learn.exercises
42501 42501 42501 42501 select * from learn.user_credentials
42501 42501 42501 42501 select * from learn.idempotency_keys
42501 42501 42501 42501 select * from learn.audit_log
42501 - 42501 42501 select correct_answer from learn.questions
42501 - 42501 - select test_cases from learn.challenge_levels
42501 - 42501 - select value from learn.platform_settings
42501 - 42501 - select payload from learn.outbox
42501 - . . select username from learn.public_profiles
42501 - . . select id from learn.lessons
42501 42501 42501 42501 select id from learn.users for update
42501 42501 42501 42501 select * from learn_internal.learner_roles
42501 42501 42501 42501 select users from learn_internal.tallies
42501 42501 42501 42501 table learn_internal.clock_override
42501 42501 42501 42501 copy learn.user_credentials to stdout
42501 42501 42501 42501 explain select * from learn.user_credentials
42501 42501 42501 42501 create temporary view v as select * from learn.user_credentials; select * from v
42501 42501 42501 42501 create temporary table t (like learn.users); create trigger t after insert on learn.users execute function pg_catalog.suppress_redundant_updates_trigger()
""")
