-- Undoes migration1.sql.

set role learn_owner;

drop trigger refuse_new_times on learn.idempotency_keys;
drop trigger refuse_times on learn.idempotency_keys;
drop trigger settings_updated on learn.platform_settings;
drop function learn.check_integrity(uuid);
drop function learn.ensure_partitions(date);
drop function learn.rebuild_all();
drop function learn.rebuild_user(uuid);
drop function learn_internal.begin_call(text,uuid,jsonb,timestamp with time zone,text);
drop function learn_internal.change_content();
drop function learn_internal.end_call(learn_internal.call,jsonb);
drop function learn_internal.ensure_month(name,date);
drop function learn_internal.hash_call(text,jsonb);
drop function learn_internal.hold_content();
drop function learn_internal.hold_content_first();
drop function learn_internal.is_learner();
drop function learn_internal.is_off_date(date,date);
drop function learn_internal.is_off_time(timestamp with time zone,timestamp with time zone);
drop function learn_internal.is_timestamp(text);
drop function learn_internal.lock_logs();
drop function learn_internal.merge_rows(regclass,text[],jsonb,text[]);
drop function learn_internal.rebuild_users(uuid[]);
drop function learn_internal.refuse_change();
drop function learn_internal.refuse_times();
drop function learn_internal.refuse_truncate();
drop function learn_internal.require_event_time(timestamp with time zone);
drop function learn_internal.require_possible_time(text,timestamp with time zone);
drop function learn_internal.require_self(uuid,timestamp with time zone);
drop function learn_internal.require_size(text,bigint,bigint,text);
drop function learn_internal.set_clock(timestamp with time zone);
drop function learn_internal.setting_boolean(text);
drop function learn_internal.setting_number(text);
drop function learn_internal.setting_string(text);
drop function learn_internal.settings_updated();
drop function learn_internal.summarize(learn_internal.call);
drop function learn_internal.touch_updated_at();
drop function learn_internal.use_product(text);

reset role;
