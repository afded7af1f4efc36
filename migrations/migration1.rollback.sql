-- Undoes migration1.sql. What its tables held is lost.

set role learn_owner;

drop function learn_internal.setting_number(p_key text);
drop table learn.idempotency_keys;
drop table learn.platform_settings;

reset role;
