-- Undoes migration2.sql.

set role learn_owner;

drop trigger check_avatar on learn.users;
drop trigger check_first_avatar on learn.users;
drop trigger check_timezone on learn.users;
drop trigger lock_posts on learn.users;
drop trigger register_users on learn.users;
drop trigger take_turns on learn.users;
drop trigger tally_deleted_users on learn.users;
drop trigger users_touch on learn.users;
drop function learn.get_password_hash(uuid);
drop function learn.register_user(text,text,text,text,text);
drop function learn.select_avatar(uuid,bigint,timestamp with time zone,text);
drop function learn.set_password_hash(uuid,text);
drop function learn_internal.check_avatar();
drop function learn_internal.check_timezone();
drop function learn_internal.is_timezone(text);
drop function learn_internal.lock_posts();
drop function learn_internal.register_users();
drop function learn_internal.require_timezones(text[]);
drop function learn_internal.take_turns();
drop function learn_internal.tally_deleted_users();
drop view learn_internal.identity_damage;

reset role;
