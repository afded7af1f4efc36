-- Undoes migration6.sql.

set role learn_owner;

drop trigger check_timezone on learn.users;
drop function learn_internal.check_timezone();
drop trigger register_users on learn.users;
drop function learn_internal.register_users();
drop trigger process_activities on learn.activity_log;
drop function learn_internal.process_activities();
drop function learn_internal.require_timezones(p_names text[]);
drop function learn_internal.is_timezone(p_name text);
drop function learn_internal.metric_scopes(p_properties jsonb, p_scope_property text);
drop function learn_internal.number_property(p_properties jsonb, p_property text);
drop function learn_internal.is_countable(p_value jsonb);

reset role;
