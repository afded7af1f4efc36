-- Undoes migration16.sql.

set role learn_owner;

drop trigger announce_notifications on learn.notifications;
drop trigger notification_rules_change on learn.notification_rules;
drop trigger notification_rules_consequences on learn.notification_rules;
drop function learn.mark_read(uuid,bigint[]);
drop function learn.purge_notifications(timestamp with time zone);
drop function learn.unread_count(uuid);
drop function learn_internal.announce_notifications();
drop function learn_internal.fill_placeholders(text,jsonb);
drop function learn_internal.notify_facts(learn_internal.notice[]);

drop type learn_internal.notice;
drop table learn.notifications;
drop table learn.notification_rules;
alter table learn.activity_types drop column notifies;
delete from learn.platform_settings where key = 'notify_events';

reset role;
