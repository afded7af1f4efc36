-- Undoes migration2.sql. What its tables held is lost.

set role learn_owner;

drop trigger metrics_consequences on learn.metrics;
drop trigger keep_activity_types on learn.activity_types;
drop trigger activity_types_change on learn.activity_types;
drop trigger complete_activity on learn.activity_log;
drop trigger activity_log_default_truncate on learn.activity_log_default;
drop trigger activity_log_truncate on learn.activity_log;
drop trigger activity_log_is_append_only on learn.activity_log;
drop table learn_internal.user_metric_days;
drop table learn.user_metrics;
drop table learn_internal.metric_feeds;
drop table learn.metrics;
drop table learn_internal.recorded_subjects;
drop table learn.activity_log;
drop table learn.activity_types;
drop function learn.ensure_partitions(p_until date);
drop function learn_internal.ensure_month(p_table name, p_month date);
drop function learn_internal.lock_logs();
drop function learn_internal.keep_activity_types();
drop function learn_internal.note_consequences();
drop function learn_internal.complete_activity();
drop function learn_internal.refuse_truncate();
drop function learn_internal.refuse_change();

reset role;
