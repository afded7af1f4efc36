-- Undoes migration10.sql.

set role learn_owner;

drop function learn.check_integrity();
drop function learn_internal.was_deserved_before(p_user_id uuid, p_metric text, p_scope text, p_threshold bigint, p_until timestamp with time zone);
drop function learn.rebuild_all();
drop function learn.rebuild_user(p_user_id uuid);
drop function learn_internal.rebuild_users(p_user_ids uuid[]);
drop trigger metrics_updated on learn.metrics;
drop trigger metrics_inserted on learn.metrics;
drop function learn_internal.recount_metrics();
drop trigger date_metrics on learn.metrics;
drop function learn_internal.date_metrics();
drop trigger metrics_change on learn.metrics;
drop view learn_internal.achievement_recounts;
drop view learn_internal.exercise_recounts;
drop view learn_internal.activity_day_recounts;
drop view learn_internal.xp_recounts;
drop view learn_internal.completion_facts;
drop view learn_internal.metric_day_recounts;
drop view learn_internal.metric_recounts;

reset role;
