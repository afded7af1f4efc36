-- Notifications: facts that a rule names are told to the user, and to whoever listens.

set role learn_owner;

insert into learn.activity_types
  (key, description, is_qualifying, happens_once, is_internal)
values
  ('challenge_unlocked',
    'The user unlocked a challenge by completing what it asks for.', false, true, true)
-- it stays when this is rolled back, because facts of it may be in the log
on conflict (key) do nothing;

insert into learn.platform_settings (key, value, value_type, description) values
  ('notify_events', 'true', 'boolean',
    'New notifications are sent to the channel learn_events of PostgreSQL''s NOTIFY.');

alter table learn.activity_types add column notifies boolean not null default false;
comment on column learn.activity_types.notifies is
  'An active rule in notification_rules tells users of it. Kept by the triggers of that table.';

create table learn.notification_rules (
  activity_type text not null references learn.activity_types on update cascade,
  type          text not null,
  filter        jsonb not null default '{}',
  title         text not null,
  message       text,
  action_url    text,
  is_active     boolean not null default true,
  primary key (activity_type, type),
  constraint type_is_a_slug check (
    type ~ '^[a-z0-9]+([-_.:][a-z0-9]+)*$' and length(type) <= 50),
  constraint filter_is_an_object check (jsonb_typeof(filter) = 'object'),
  constraint title_is_not_blank check (title ~ '\S')
);
comment on table learn.notification_rules is
  'Which facts users are told of, and in what words. A fact is told once, by a rule with a filter '
  'rather than by one without.';
comment on column learn.notification_rules.type is
  'Kind of notification, such as achievement, streak, level_up or level_complete.';
comment on column learn.notification_rules.filter is
  'Only facts whose properties contain this are told. For achievements, what earned them counts '
  'as properties too: {"metric": "current_streak"}.';
comment on column learn.notification_rules.title is
  'Title, message and action_url may have placeholders: {name} of what the fact is about, '
  '{subject_id}, and each property of the fact, such as {level} or {slug}. What a fact does not '
  'have is left out.';
grant select on learn.notification_rules to learn_app, learn_readonly;

create table learn.notifications (
  user_id    uuid not null references learn.users on delete cascade,
  id         bigint generated always as identity,
  type       text not null,
  title      text not null,
  message    text,
  action_url text,
  is_read    boolean not null default false,
  created_at timestamptz not null default learn.clock(),
  read_at    timestamptz,
  fact_id    bigint,
  primary key (user_id, id),
  constraint type_is_a_slug check (
    type ~ '^[a-z0-9]+([-_.:][a-z0-9]+)*$' and length(type) <= 50),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint read_notifications_say_when check (is_read = (read_at is not null))
) with (fillfactor = 90);
comment on table learn.notifications is
  'What users were told, the newest with the highest id: by rules, or written by the owner.';
comment on column learn.notifications.fact_id is
  'The fact that it tells of, a row of activity_log; null: none. A fact is told once.';
create unique index notifications_tell_a_fact_once
  on learn.notifications (user_id, fact_id) where fact_id is not null;
create index notifications_recent on learn.notifications (user_id, created_at desc);
create index notifications_unread on learn.notifications (user_id, id) where not is_read;
grant select on learn.notifications to learn_app, learn_readonly;

create type learn_internal.notice as (
  user_id       uuid,
  fact_id       bigint,
  activity_type text,
  subject_type  text,
  subject_id    text,
  properties    jsonb
);
comment on type learn_internal.notice is 'A fact of which its user may be told.';

-- functions/notifications/fill_placeholders.sql

-- A text with its placeholders, {name} and the like, filled in, in one pass: what is filled in
-- is not looked at again. What there is no value for is left out.
create or replace function learn_internal.fill_placeholders(p_text text, p_values jsonb)
returns text
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
immutable
set search_path = ''
as $$
declare
  v_parts text[];
  v_text  text := '';
begin
  if p_text is null or strpos(p_text, '{') = 0 then
    return p_text;
  end if;
  -- What precedes a brace, and each piece from a brace on: as many pieces as braces, a few.
  v_parts := string_to_array(p_text, '{');
  for v_i in 1 .. cardinality(v_parts) loop
    v_text := v_text || case
      when v_i = 1 then v_parts[v_i]
      when v_parts[v_i] ~ '^[a-z0-9_]+\}' then
        coalesce(p_values ->> split_part(v_parts[v_i], '}', 1), '')
          || substr(v_parts[v_i], strpos(v_parts[v_i], '}') + 1)
      else '{' || v_parts[v_i] end;
  end loop;
  return v_text;
end;
$$;
comment on function learn_internal.fill_placeholders(text, jsonb) is
  'A text with its placeholders filled in; those without a value are left out.';
revoke all on function learn_internal.fill_placeholders(text, jsonb) from public;

-- functions/notifications/mark_read.sql

-- Marks notifications of a user as read, all of them or those with the given ids, and returns how
-- many were unread. Ids that are not the user's own, or read already, change nothing.
-- It moves no reward: it returns no award_summary and may be repeated.
-- Errors: LX002 unknown user.
create or replace function learn.mark_read(p_user_id uuid, p_ids bigint[] default null)
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = ''
as $$
declare
  v_marked bigint;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  update learn.notifications n
  set is_read = true, read_at = learn.clock()
  from (
    -- in order, so that two calls do not deadlock
    select u.id from learn.notifications u
    where u.user_id = p_user_id and not u.is_read and (p_ids is null or u.id = any (p_ids))
    order by u.id
    for update
  ) u
  where n.user_id = p_user_id and n.id = u.id;
  get diagnostics v_marked = row_count;
  return v_marked;
end;
$$;
comment on function learn.mark_read(uuid, bigint[]) is
  'Marks notifications of a user as read, all or those with the given ids; returns how many '
  'were unread.';
revoke all on function learn.mark_read(uuid, bigint[]) from public;
grant execute on function learn.mark_read(uuid, bigint[]) to learn_app;

-- functions/notifications/notify_facts.sql

-- Tells users of facts by the rules: one notification for each fact that an active rule names.
-- Silent while the parameter learn.quiet is on, as in imports: `set local learn.quiet = on`.
-- The engine calls it for facts whose type says that it notifies.
create or replace function learn_internal.notify_facts(p_notices learn_internal.notice[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if current_setting('learn.quiet', true) in ('on', 'true') then
    return;
  end if;
  insert into learn.notifications (user_id, type, title, message, action_url, fact_id)
  select t.user_id, r.type,
    -- a title that comes out blank must not fail what the user has just done
    coalesce(nullif(btrim(learn_internal.fill_placeholders(r.title, t.values)), ''), r.type),
    learn_internal.fill_placeholders(r.message, t.values),
    learn_internal.fill_placeholders(r.action_url, t.values), t.fact_id
  from (
    select n.user_id, n.fact_id, n.activity_type, n.position,
      jsonb_strip_nulls(jsonb_build_object('name', d.name)) || coalesce(e.evidence, '{}')
        || n.properties
        || jsonb_build_object('subject_type', n.subject_type, 'subject_id', n.subject_id) as values
    from unnest(p_notices) with ordinality
      n(user_id, fact_id, activity_type, subject_type, subject_id, properties, position)
    cross join lateral (
      -- subjects that others record need not be numbers
      select case when split_part(n.subject_id, ':', 1) ~ '^[0-9]{1,18}$'
        then split_part(n.subject_id, ':', 1)::bigint end as id
    ) s
    cross join lateral (
      select case n.subject_type
        when 'achievement' then (
          select a.name from learn.achievements a where a.slug = n.subject_id)
        when 'challenge' then (select c.title from learn.challenges c where c.id = s.id)
        when 'challenge_level' then (select c.title from learn.challenges c where c.id = s.id)
        when 'course' then (select c.title from learn.courses c where c.id = s.id)
        when 'course_level' then (select c.title from learn.course_levels c where c.id = s.id)
        when 'lesson' then (select l.title from learn.lessons l where l.id = s.id)
        when 'track' then (select t.title from learn.tracks t where t.id = s.id)
        when 'path' then (select p.title from learn.learning_paths p where p.id = s.id)
      end as name
    ) d
    left join lateral (
      select u.evidence
      from learn.achievements a
      join learn.user_achievements u on u.user_id = n.user_id and u.achievement_id = a.id
      where n.activity_type = 'achievement_earned' and a.slug = n.subject_id
    ) e on true
  ) t
  cross join lateral (
    select k.type, k.title, k.message, k.action_url
    from learn.notification_rules k
    where k.activity_type = t.activity_type and k.is_active and t.values @> k.filter
    order by k.filter = '{}', k.type
    limit 1
  ) r
  order by t.position
  on conflict (user_id, fact_id) where fact_id is not null do nothing;
end;
$$;
comment on function learn_internal.notify_facts(learn_internal.notice[]) is
  'Tells users of facts by the rules, each fact once.';
revoke all on function learn_internal.notify_facts(learn_internal.notice[]) from public;

-- functions/notifications/purge_notifications.sql

-- Deletes the notifications that are older than a time, read or not, and returns how many. For
-- operators and schedulers.
-- Errors: LX001 no time.
create or replace function learn.purge_notifications(p_before timestamptz)
returns bigint
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_purged bigint;
begin
  if p_before is null then
    raise exception 'the time is missing'
      using errcode = 'LX001', detail = 'p_before = null',
        hint = 'To delete all notifications, pass the time of now.';
  end if;
  delete from learn.notifications n where n.created_at < p_before;
  get diagnostics v_purged = row_count;
  return v_purged;
end;
$$;
comment on function learn.purge_notifications(timestamptz) is
  'Deletes the notifications older than a time, read or not; returns how many.';
revoke all on function learn.purge_notifications(timestamptz) from public;

-- functions/notifications/unread_count.sql

-- How many notifications a user has not read.
-- Errors: LX002 unknown user.
create or replace function learn.unread_count(p_user_id uuid)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = ''
as $$
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  return (
    select count(*) from learn.notifications n where n.user_id = p_user_id and not n.is_read);
end;
$$;
comment on function learn.unread_count(uuid) is 'How many notifications a user has not read.';
revoke all on function learn.unread_count(uuid) from public;
grant execute on function learn.unread_count(uuid) to learn_app, learn_readonly;

-- triggers/notifications/announce_notifications.sql

-- When notifications are written, whoever wrote them: they are sent to the channel learn_events,
-- where PostgreSQL delivers them when the transaction commits. A message per user, or, where there
-- are more than 100 users, one for them all. This is the one place where notifications leave
-- the database: what else should carry them, such as an outbox, is called from here.
-- Errors: LX003 the setting is missing.
create or replace function learn_internal.announce_notifications()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_users bigint;
begin
  select count(distinct n.user_id) into v_users from new_rows n;
  if v_users = 0 or not learn_internal.setting_flag('notify_events') then
    return null;
  end if;
  if v_users > 100 then
    perform pg_notify('learn_events', jsonb_build_object(
      'event', 'notifications', 'users', v_users, 'count', (select count(*) from new_rows))::text);
  else
    -- A payload has at most 8000 bytes: the first 20 are named, the rest is counted.
    perform pg_notify('learn_events', u.payload::text)
    from (
      select jsonb_build_object(
        'event', 'notifications', 'user_id', n.user_id, 'count', count(*),
        'notifications', jsonb_agg(jsonb_build_object('id', n.id, 'type', n.type) order by n.id)
          filter (where n.number <= 20)) as payload
      from (
        select r.*, row_number() over (partition by r.user_id order by r.id) as number
        from new_rows r
      ) n
      group by n.user_id
      order by n.user_id
    ) u;
  end if;
  return null;
end;
$$;
comment on function learn_internal.announce_notifications() is
  'Statement trigger: sends new notifications to the channel learn_events.';
revoke all on function learn_internal.announce_notifications() from public;

create or replace trigger announce_notifications
  after insert on learn.notifications
  referencing new table as new_rows
  for each statement
  execute function learn_internal.announce_notifications();
comment on trigger announce_notifications on learn.notifications is
  'Sends them to the channel learn_events.';

-- triggers/notifications/notification_rules_change.sql

-- When rules of notifications change: learners wait.
create or replace trigger notification_rules_change
  before insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.change_content();
comment on trigger notification_rules_change on learn.notification_rules is
  'A change has learners wait.';

-- triggers/notifications/notification_rules_consequences.sql

-- When rules of notifications change: which facts are told is noted with their types.
create or replace trigger notification_rules_consequences
  after insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.note_consequences();
comment on trigger notification_rules_consequences on learn.notification_rules is
  'Notes with activity types which facts are told.';

reset role;
