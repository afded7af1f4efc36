"""Conventions of the built database: comments, search paths, keys, indexes."""

from __future__ import annotations

import re

import pytest

from tests.client import Learn

pytestmark = pytest.mark.stock

SCHEMAS = "('learn'::regnamespace, 'learn_internal'::regnamespace)"


def none_of(learn: Learn, query: str) -> None:
    """The query finds nothing; what it finds is the message."""
    assert learn.tuples(query.replace("$SCHEMAS", SCHEMAS)) == []


def test_every_function_has_a_comment(learn: Learn) -> None:
    none_of(
        learn,
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace in $SCHEMAS"
        " and coalesce(obj_description(p.oid, 'pg_proc'), '') = ''",
    )


def test_every_function_searches_pg_catalog_then_pg_temp(learn: Learn) -> None:
    none_of(
        learn,
        "select p.oid::regprocedure::text, p.proconfig from pg_proc p where p.pronamespace in $SCHEMAS"
        " and not coalesce(p.proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']",
    )


PARTS = re.compile(r"--[^\n]*|\"[^\"]*\"|[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'", re.DOTALL)


def test_literals_with_a_backslash_mean_the_same_in_every_session(learn: Learn) -> None:
    """Bodies are read with standard_conforming_strings as the session has it; E'…' means one thing."""
    bodies = learn.tuples(
        "select p.oid::regprocedure::text, p.prosrc from pg_proc p where p.pronamespace in " + SCHEMAS
    )
    plain = [
        (name, part)
        for name, body in bodies
        for part in PARTS.findall(body)
        if part.startswith("'") and "\\" in part
    ]
    assert plain == []


def test_one_place_says_that_a_user_is_unknown(learn: Learn) -> None:
    none_of(
        learn,
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace in $SCHEMAS"
        " and p.prosrc ~ 'errcode = ''LX002' and p.proname <> 'require_user'",
    )


def test_no_function_has_a_twin(learn: Learn) -> None:
    none_of(
        learn,
        "select p.pronamespace::regnamespace::text, p.proname from pg_proc p where p.pronamespace in $SCHEMAS"
        " group by 1, 2 having count(*) > 1",
    )


def test_parameters_are_named_with_p(learn: Learn) -> None:
    rows = learn.tuples(
        "select p.proname, n from pg_proc p, unnest(p.proargnames[1:p.pronargs]) n"
        " where p.pronamespace in " + SCHEMAS + " and p.pronargs > 0"
    )
    assert [row for row in rows if not re.fullmatch(r"p_[a-z0-9_]+", row[1])] == []


def test_functions_that_change_a_learner_end_with_time_and_key(learn: Learn) -> None:
    rows = learn.tuples(
        "select p.proname::text, p.proargnames::text[], p.proargtypes::regtype[]::text[], p.pronargdefaults"
        " from pg_proc p where p.pronamespace = 'learn'::regnamespace"
        " and p.prorettype = 'learn.award_summary'::regtype and not p.proretset"
        " and p.proname <> 'merge_users'"  # about two of them, once
    )
    assert len(rows) >= 9
    for name, arguments, types, defaults in rows:
        assert arguments[0] == "p_user_id", name
        assert arguments[-2:] == ["p_occurred_at", "p_idempotency_key"], name
        assert types[-2:] == ["timestamp with time zone", "text"], name
        assert defaults >= 2, name


def test_award_summary_is_what_callers_rely_on(learn: Learn) -> None:
    rows = learn.tuples(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = 'learn.award_summary'::regclass order by attnum"
    )
    assert rows == [
        ("user_id", "uuid"),
        ("xp_awarded", "integer"),
        ("total_xp", "bigint"),
        ("current_level", "integer"),
        ("leveled_up", "boolean"),
        ("current_streak", "integer"),
        ("new_achievements", "text[]"),
        ("unlocked", "jsonb"),
        ("replayed", "boolean"),
    ]


SIGNATURES = {
    "register_user": "p_username text, p_email text, p_timezone text, p_locale text, p_display_name text",
    "start_lesson": "p_user_id uuid, p_lesson_id bigint, $TAIL",
    "complete_lesson": "p_user_id uuid, p_lesson_id bigint, p_score double precision,"
    " p_time_spent_seconds integer, $TAIL",
    "submit_query": "p_user_id uuid, p_exercise_id bigint, p_query_text text, p_is_correct boolean,"
    " p_error_message text, p_duration_ms integer, $TAIL",
    "record_activity": "p_user_id uuid, p_activity_type text, p_subject_type text, p_subject_id text,"
    " p_properties jsonb, $TAIL",
    "record_activities": "p_batch jsonb",
    "award_xp": "p_user_id uuid, p_amount integer, p_source_type text, p_source_id text,"
    " p_description text, $TAIL",
    "reverse_xp": "p_user_id uuid, p_transaction_id bigint, p_reason text, $TAIL",
    "check_achievements": "p_user_id uuid",
    "achievement_progress": "p_user_id uuid",
    "why": "p_user_id uuid, p_slug text",
    "explain_xp": "p_user_id uuid, p_from date, p_to date",
    "grant_achievement": "p_user_id uuid, p_slug text, $TAIL",
    "revoke_achievement": "p_user_id uuid, p_slug text, p_reason text, $TAIL",
    "backfill_achievement": "p_slug text",
    "calculate_level_from_xp": "p_xp bigint",
    "xp_for_level": "p_level integer",
    "calculate_user_streak": "p_user_id uuid",
    "clock": "",
    "check_integrity": "p_user_id uuid",
    "rebuild_user": "p_user_id uuid",
    "rebuild_all": "",
    "ensure_partitions": "p_until date",
    "archive_before": "p_month date",
    "attach_archive": "p_from date",
    "refresh_analytics": "",
    "certificates": "p_user_id uuid",
    "verify_certificate": "p_code text",
    "certificate_credential": "p_code text",
    "achievement_credential": "p_user_id uuid, p_slug text",
    "certificate_minted": "p_certificate_number text, p_token_id text, p_collection_id text,"
    " p_serial_number bigint, p_metadata_uri text, p_tx_id text",
    "revoke_certificate": "p_certificate_number text, p_reason text",
    "record_transaction": "p_user_id uuid, p_tx_id text, p_tx_type text, p_amount_hbar numeric,"
    " p_from_account text, p_to_account text, p_course_id bigint, p_achievement_id bigint",
    "advance_transaction": "p_tx_id text, p_status text, p_consensus_timestamp timestamp with time zone,"
    " p_error text",
    "request_faucet": "p_user_id uuid, p_account text, p_amount numeric, p_ip inet, $TAIL",
    "advance_faucet_request": "p_user_id uuid, p_request_id bigint, p_status text, p_tx_id text,"
    " p_error text",
    "claim_outbox": "p_limit integer, p_topics text[], p_worker text",
    "complete_outbox": "p_ids bigint[]",
    "fail_outbox": "p_ids bigint[], p_error text, p_worker text",
    "retry_outbox": "p_ids bigint[]",
    "purge_outbox": "p_before timestamp with time zone",
    "leaderboard": "p_period text, p_metric text, p_limit integer, p_offset integer, p_on date,"
    " p_among uuid[]",
    "user_rank": "p_user_id uuid, p_period text, p_metric text, p_on date, p_among uuid[]",
    "leaderboard_around": "p_user_id uuid, p_period text, p_metric text, p_span integer, p_on date,"
    " p_among uuid[]",
    "refresh_leaderboard": "",
    "erase_user": "p_user_id uuid, p_posts text",
    "export_user": "p_user_id uuid",
    "enroll_in_course": "p_user_id uuid, p_course_id bigint, $TAIL",
    "submit_quiz": "p_user_id uuid, p_exam_type text, p_answers jsonb, p_time_taken_seconds integer, $TAIL",
    "submit_level_attempt": "p_user_id uuid, p_challenge_id bigint, p_level_number integer,"
    " p_score double precision, p_passed boolean, p_design_snapshot jsonb, p_test_results jsonb,"
    " p_time_spent_seconds integer, $TAIL",
    "use_hint": "p_user_id uuid, p_challenge_id bigint, p_level_number integer, p_hint_number integer, $TAIL",
    "submit_daily_challenge": "p_user_id uuid, p_score double precision, p_passed boolean, $TAIL",
    "check_and_unlock_challenges": "p_user_id uuid",
    "recommend_challenges": "p_user_id uuid, p_limit integer",
    "challenge_status": "p_user_id uuid",
    "select_avatar": "p_user_id uuid, p_avatar_id bigint, $TAIL",
    "allocate_skill_points": "p_user_id uuid, p_skill_id bigint, p_points integer, $TAIL",
    "merge_users": "p_from uuid, p_into uuid",
    "update_profile": "p_user_id uuid, p_profile jsonb, $TAIL",
    "record_login": "p_user_id uuid, $TAIL",
    "link_wallet": "p_user_id uuid, p_address text, p_nonce text, $TAIL",
    "audit_trail": "p_user_id uuid",
    "unenroll": "p_user_id uuid, p_course_id bigint, $TAIL",
    "reset_progress": "p_user_id uuid, p_kind text, p_id bigint, $TAIL",
    "regrade_question": "p_question_id bigint, p_take_back boolean",
    "start_quiz": "p_user_id uuid, p_exam_type text, p_questions integer, p_domains text[]",
}


def test_public_functions_have_the_parameters_that_callers_rely_on(learn: Learn) -> None:
    tail = "p_occurred_at timestamp with time zone, p_idempotency_key text"
    found = learn.tuples(
        "select p.proname, coalesce(string_agg(n || ' ' || format_type(t, null), ', ' order by i), '')"
        " from pg_proc p left join unnest(p.proargnames[1:p.pronargs], p.proargtypes)"
        " with ordinality a(n, t, i) on true"
        " where p.pronamespace = 'learn'::regnamespace and p.proname = any (%s) group by p.oid",
        [list(SIGNATURES)],
    )
    assert dict(found) == {name: text.replace("$TAIL", tail) for name, text in SIGNATURES.items()}


def test_every_table_and_view_has_a_comment(learn: Learn) -> None:
    none_of(
        learn,
        "select c.oid::regclass::text from pg_class c where c.relnamespace in $SCHEMAS"
        " and c.relkind in ('r', 'p', 'v', 'm') and coalesce(obj_description(c.oid, 'pg_class'), '') = ''",
    )


def test_every_schema_and_type_has_a_comment(learn: Learn) -> None:
    none_of(
        learn,
        "select n.nspname::text from pg_namespace n where n.oid in $SCHEMAS"
        " and obj_description(n.oid, 'pg_namespace') is null"
        " union all select t.oid::regtype::text from pg_type t join pg_class c on c.oid = t.typrelid"
        " where t.typnamespace in $SCHEMAS and c.relkind = 'c' and obj_description(t.oid, 'pg_type') is null",
    )


def test_columns_that_say_less_than_they_mean_have_comments(learn: Learn) -> None:
    """Nulls that stand for something, units, and values as of another time than now."""
    for column in (
        "users.timezone",
        "users.is_active",
        "users.show_on_leaderboard",
        "user_stats.current_streak",
        "user_stats.highest_level",
        "tracks.completion_xp",
        "lessons.xp_reward",
        "lessons.time_limit_seconds",
        "user_lesson_progress.score",
        "user_lesson_progress.completed_at",
        "query_submissions.error_message",
        "query_submissions.duration_ms",
        "activity_log.occurred_at",
        "activity_log.local_date",
        "activity_log.xp",
        "activity_types.is_qualifying",
        "xp_transactions.source_type",
        "xp_rules.daily_cap",
        "achievements.criteria",
        "achievements.is_hidden",
        "metrics.filter",
        "user_dashboard.xp_to_next_level",
    ):
        table, name = column.split(".")
        comment = learn.value(
            "select col_description(attrelid, attnum) from pg_attribute"
            " where attrelid = %s::regclass and attname = %s",
            [f"learn.{table}", name],
        )
        assert comment, column


def test_every_key_of_a_learners_rows_begins_with_the_learner(learn: Learn) -> None:
    """Except in staging tables, whose comments say so: their rows are nobody's yet."""
    none_of(
        learn,
        "select c.oid::regclass::text, k.conname from pg_class c"
        " join pg_attribute u on u.attrelid = c.oid and u.attname = 'user_id' and not u.attisdropped"
        " join pg_constraint k on k.conrelid = c.oid and k.contype in ('p', 'u')"
        " where c.relnamespace in $SCHEMAS and c.relkind in ('r', 'p') and k.conkey[1] <> u.attnum"
        " and obj_description(c.oid, 'pg_class') !~ 'Staging:'",
    )


def test_every_table_has_a_primary_key(learn: Learn) -> None:
    none_of(
        learn,
        "select c.oid::regclass::text from pg_class c where c.relnamespace in $SCHEMAS"
        " and c.relkind in ('r', 'p') and not exists"
        " (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p')",
    )


def test_foreign_keys_lead_to_the_same_learners_rows_or_to_the_catalog(learn: Learn) -> None:
    """A key into a table of learners' rows carries user_id; learn.users itself is the learner."""
    none_of(
        learn,
        "select k.conrelid::regclass::text, k.conname from pg_constraint k"
        " join pg_attribute t on t.attrelid = k.confrelid and t.attname = 'user_id' and not t.attisdropped"
        " where k.contype = 'f' and k.connamespace in $SCHEMAS and not exists ("
        "  select from unnest(k.conkey, k.confkey) c(own, other) join pg_attribute o"
        "  on o.attrelid = k.conrelid and o.attnum = c.own"
        "  where o.attname = 'user_id' and c.other = t.attnum)",
    )


def test_a_learners_rows_go_with_the_learner(learn: Learn) -> None:
    none_of(
        learn,
        "select k.conrelid::regclass::text, k.conname from pg_constraint k"
        " join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]"
        " where k.contype = 'f' and k.confrelid = 'learn.users'::regclass and a.attname = 'user_id'"
        " and k.confdeltype <> 'c'",
    )


def test_every_foreign_key_has_an_index(learn: Learn) -> None:
    """Except where the constraint's comment says why not (`no index: …`)."""
    none_of(
        learn,
        "select k.conrelid::regclass::text, k.conname from pg_constraint k where k.contype = 'f'"
        " and k.connamespace in $SCHEMAS and k.conparentid = 0"
        " and coalesce(obj_description(k.oid, 'pg_constraint'), '') !~ 'no index:'"
        " and not exists (select from pg_index i where i.indrelid = k.conrelid"
        " and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)",
    )


def test_times_are_timestamptz_and_no_number_of_money_is_a_float(learn: Learn) -> None:
    none_of(
        learn,
        "select a.attrelid::regclass::text, a.attname, format_type(a.atttypid, null) from pg_attribute a"
        " join pg_class c on c.oid = a.attrelid where c.relnamespace in $SCHEMAS and a.attnum > 0"
        " and c.relkind in ('r', 'p', 'v') and a.atttypid in"
        " ('timestamp'::regtype, 'time'::regtype, 'timetz'::regtype, 'real'::regtype,"
        " 'double precision'::regtype, 'money'::regtype, 'json'::regtype, 'bpchar'::regtype)"
        " and a.attname <> 'day_starts_at'",  # a time of the day, not a moment
    )


def test_ids_are_uuid_for_users_and_bigint_identity_else(learn: Learn) -> None:
    rows = learn.tuples(
        "select c.relname::text, format_type(a.atttypid, null), a.attidentity::text from pg_attribute a"
        " join pg_class c on c.oid = a.attrelid where c.relnamespace = 'learn'::regnamespace"
        " and c.relkind in ('r', 'p') and not c.relispartition and a.attname = 'id' order by 1"
    )
    assert ("users", "uuid", "") in rows
    assert {row[1:] for row in rows if row[0] != "users"} == {("bigint", "a")}


def test_content_is_named_by_a_unique_slug(learn: Learn) -> None:
    for table in ("learning_paths", "tracks", "lessons", "achievements", "avatars"):
        assert (
            learn.value(
                "select count(*) from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid"
                " and k.conkey = array[a.attnum] where k.conrelid = %s::regclass and k.contype = 'u'"
                " and a.attname = 'slug' and a.attnotnull",
                [f"learn.{table}"],
            )
            == 1
        ), table


def test_constraints_are_named_as_sentences(learn: Learn) -> None:
    none_of(
        learn,
        "select k.conrelid::regclass::text, k.conname from pg_constraint k where k.contype = 'c'"
        " and k.connamespace in $SCHEMAS and k.conname ~ '_check[0-9]*$'",
    )


def test_triggers_of_tables_call_functions_of_learn_internal(learn: Learn) -> None:
    none_of(
        learn,
        "select g.tgname from pg_trigger g join pg_class c on c.oid = g.tgrelid"
        " join pg_proc p on p.oid = g.tgfoid"
        " where c.relnamespace in $SCHEMAS and not g.tgisinternal"
        " and p.pronamespace <> 'learn_internal'::regnamespace",
    )


def test_new_and_old_rows_of_learners_are_matched_by_grouping(learn: Learn) -> None:
    """A join of transition tables keeps the plan of its first time: perhaps for one row, and then loops."""
    none_of(
        learn,
        "select t.tgrelid::regclass::text, t.tgname from pg_trigger t join pg_proc p on p.oid = t.tgfoid"
        " where t.tgoldtable is not null and t.tgnewtable is not null and p.pronamespace in $SCHEMAS"
        " and exists (select from pg_attribute a where a.attrelid = t.tgrelid"
        "   and a.attname in ('user_id', 'author_id'))"
        " and p.prosrc ~ ('join (' || t.tgoldtable || '|' || t.tgnewtable || ')\\M')",
    )


def test_nothing_below_a_public_function_is_compiled(learn: Learn) -> None:
    """Settings hold for all that a function calls. A view cannot have any: see learn.streak_distribution."""
    none_of(
        learn,
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'learn'::regnamespace"
        " and not coalesce(p.proconfig, '{}') @> array['jit=off']",
    )


def test_a_function_that_switches_plans_off_switches_compiling_off(learn: Learn) -> None:
    """What is switched off, and yet the only way, seems to cost 1e10: it would be compiled."""
    none_of(
        learn,
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace in $SCHEMAS"
        " and exists (select from unnest(p.proconfig) s where s ~ '^enable_.*=off$')"
        " and not p.proconfig @> array['jit=off']",
    )
