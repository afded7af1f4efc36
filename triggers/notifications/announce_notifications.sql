-- When notifications are written, whoever wrote them: they are sent to the channel learn_events,
-- where PostgreSQL delivers them when the transaction commits, to every role that listens: ids, and
-- nothing else. A message per user, or, where there
-- are more than 100 users, one for them all. Where webhooks are switched on, each is also a message
-- in the outbox, for a worker to deliver. This is the one place where notifications leave
-- the database. One that is dated ahead of the clock, or absurdly far back, is refused:
-- here, once for all rows. Of what triggers write, that is asked of its fact.
-- Errors: LX001 a time out of bounds; LX003 a setting is missing.
create or replace function learn_internal.announce_notifications()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id  uuid;                   -- of the only one, and its id
  v_id       bigint;
  v_users    bigint;
  v_webhooks boolean;
  v_events   boolean;
  v_latest   timestamptz;
  v_earliest timestamptz;
begin
  perform from new_rows offset 1;
  if not found then  -- mostly it is one: to start aggregates costs several times as much as this look
    select n.user_id, n.id, greatest(n.created_at, n.read_at), least(n.created_at, n.read_at),
      (select s.value::boolean from learn.platform_settings s where s.key = 'notification_webhooks'),
      (select s.value::boolean from learn.platform_settings s where s.key = 'notify_events')
    into v_user_id, v_id, v_latest, v_earliest, v_webhooks, v_events
    from new_rows n;
    v_users := (v_id is not null)::integer;
  else
    select count(distinct n.user_id), max(greatest(n.created_at, n.read_at)), min(least(n.created_at, n.read_at)),
      (select s.value::boolean from learn.platform_settings s where s.key = 'notification_webhooks'),
      (select s.value::boolean from learn.platform_settings s where s.key = 'notify_events')
    into v_users, v_latest, v_earliest, v_webhooks, v_events
    from new_rows n;
  end if;
  if v_users = 0 then
    return null;
  elsif pg_trigger_depth() = 1 and learn_internal.is_off_time(v_latest, v_earliest) then
    perform learn_internal.require_possible_time('created_at, read_at', v_latest);
    perform learn_internal.require_possible_time('created_at, read_at', v_earliest);
  end if;
  if v_webhooks is null then
    v_webhooks := learn_internal.setting_boolean('notification_webhooks');
  end if;
  if v_webhooks then
    insert into learn.outbox (topic, key, payload)
    select 'notification', n.user_id || ' ' || n.id,
      jsonb_build_object('user_id', n.user_id, 'notification_id', n.id, 'type', n.type)
    from new_rows n
    order by n.user_id, n.id
    on conflict (topic, key) do nothing;
  end if;
  if v_events is null then
    v_events := learn_internal.setting_boolean('notify_events');
  end if;
  if not v_events then
    return null;
  elsif v_users > 100 then
    perform pg_notify('learn_events', jsonb_build_object(
      'event', 'notifications', 'users', v_users, 'count', (select count(*) from new_rows))::text);
  elsif v_id is not null then
    perform pg_notify('learn_events', jsonb_build_object('event', 'notifications', 'user_id', v_user_id,
      'count', 1, 'notifications', jsonb_build_array(jsonb_build_object('id', v_id)))::text);
  else
    -- A payload has at most 8000 bytes: the first 20 are named, the rest is counted.
    perform pg_notify('learn_events', jsonb_build_object(
      'event', 'notifications', 'user_id', u.user_id, 'count', u.count,
      'notifications', jsonb_path_query_array(u.named, '$[0 to 19]'))::text)
    from (
      select n.user_id, count(*) as count,
        jsonb_agg(jsonb_build_object('id', n.id) order by n.id) as named
      from new_rows n
      group by n.user_id
      order by n.user_id
    ) u;
  end if;
  return null;
end;
$$;
comment on function learn_internal.announce_notifications() is
  'Statement trigger: sends new notifications to the channel learn_events and, where webhooks '
  'are switched on, to the outbox.';

create or replace trigger announce_notifications
  after insert on learn.notifications
  referencing new table as new_rows
  for each statement
  execute function learn_internal.announce_notifications();

-- A time that changes is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_new_times
  before update of created_at, read_at on learn.notifications
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.read_at is distinct from old.read_at and learn_internal.is_off_time(new.read_at, new.read_at))
  execute function learn_internal.refuse_times('created_at', 'read_at');
