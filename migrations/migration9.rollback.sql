-- Undoes migration9.sql.

set role learn_owner;

drop function learn.backfill_achievement(p_slug text);
drop function learn.achievement_progress(p_user_id uuid);
drop function learn.check_achievements(p_user_id uuid);
drop function learn.revoke_achievement(p_user_id uuid, p_slug text, p_reason text, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn.grant_achievement(p_user_id uuid, p_slug text, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn_internal.require_achievement(p_slug text);
drop function learn.grant_streak_freezes(p_user_id uuid, p_count integer, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn.reverse_xp(p_user_id uuid, p_transaction_id bigint, p_reason text, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn.award_xp(p_user_id uuid, p_amount integer, p_source_type text, p_source_id text, p_description text, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn.record_activities(p_batch jsonb);
drop function learn_internal.batch_problems(p_batch jsonb);
drop function learn_internal.batch_rows(p_batch jsonb);
drop function learn.record_activity(p_user_id uuid, p_activity_type text, p_subject_type text, p_subject_id text, p_properties jsonb, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn_internal.has_happened(p_user_id uuid, p_activity_type text, p_subject_type text, p_subject_id text);
drop function learn_internal.activity_problem_code(p_activity_type text);
drop function learn_internal.activity_problem(p_activity_type text, p_subject_type text, p_subject_id text, p_properties jsonb);
drop function learn.submit_query(p_user_id uuid, p_exercise_id bigint, p_query_text text, p_is_correct boolean, p_error_message text, p_duration_ms integer, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn.complete_lesson(p_user_id uuid, p_lesson_id bigint, p_score numeric, p_time_spent_seconds integer, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn.start_lesson(p_user_id uuid, p_lesson_id bigint, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn_internal.require_lesson(p_lesson_id bigint);
drop function learn.get_password_hash(p_user_id uuid);
drop function learn.set_password_hash(p_user_id uuid, p_password_hash text);
drop function learn.register_user(p_username text, p_email text, p_timezone text, p_locale text, p_display_name text);
drop function learn_internal.is_timestamp(p_text text);
drop function learn_internal.end_call(p_call learn_internal.call);
drop function learn_internal.begin_call(p_function text, p_user_id uuid, p_arguments jsonb, p_occurred_at timestamp with time zone, p_idempotency_key text);
drop function learn_internal.summarize(p_call learn_internal.call);
drop function learn_internal.require_event_time(p_occurred_at timestamp with time zone);
drop function learn_internal.hash_call(p_function text, p_arguments jsonb);
drop view learn_internal.domain_facts;
drop type learn_internal.call;
drop type learn.award_summary;

reset role;
