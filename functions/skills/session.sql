-- Starts a learning session, and returns it. While one of the same type and resource is open, that
-- one is returned and nothing changes: a repeated call does no harm and needs no key.
-- Errors: LX001 unknown type, blank resource, metadata that are no object, time out of bounds;
-- LX002; LX004 user inactive.
create or replace function learn.start_session(
  p_user_id      uuid,
  p_session_type text,
  p_resource_id  text default null,
  p_metadata     jsonb default '{}',
  p_occurred_at  timestamptz default null
)
returns learn.learning_sessions
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'start_session', p_user_id, '{}', p_occurred_at, null);
  v_session learn.learning_sessions;
begin
  perform learn_internal.require_size('p_session_type', length(p_session_type), 20);
  p_resource_id := learn_internal.require_text('p_resource_id', p_resource_id, 255, true);
  perform learn_internal.require_size('p_metadata', pg_column_size(p_metadata), 65536, 'bytes');
  if p_session_type is null
    or p_session_type not in ('challenge', 'assessment', 'lesson', 'quiz', 'course')
    or p_resource_id !~ E'\\S'
    or jsonb_typeof(p_metadata) is distinct from 'object'
  then
    raise exception 'the session makes no sense'
      using errcode = 'LX001',
        detail = format('p_session_type = %s, p_resource_id = %L, p_metadata is %s',
          coalesce(left(p_session_type, 50), 'null'), left(p_resource_id, 50),
          coalesce(jsonb_typeof(p_metadata), 'null')),
        hint = 'The type is challenge, assessment, lesson, quiz or course; a resource is named in '
          '1 to 255 characters; metadata are a JSON object.';
  end if;

  insert into learn.learning_sessions (user_id, session_type, resource_id, started_at, metadata)
  values (p_user_id, p_session_type, p_resource_id, v_call.occurred_at, p_metadata)
  on conflict (user_id, session_type, resource_id) where ended_at is null do nothing;

  select l.* into strict v_session
  from learn.learning_sessions l
  where l.user_id = p_user_id and l.session_type = p_session_type
    and l.resource_id is not distinct from p_resource_id and l.ended_at is null;
  return v_session;
end;
$$;
comment on function learn.start_session(uuid, text, text, jsonb, timestamptz) is
  'Starts a learning session and returns it; where one of the same type and resource is open, '
  'returns that one.';
grant execute on function learn.start_session(uuid, text, text, jsonb, timestamptz) to learn_app, learn_user;

-- Ends a learning session, and returns it. One that is over is returned as it is: a repeated call
-- does no harm and needs no key.
-- Errors: LX001 the end is before the start, or out of bounds, or not said whether it is completed;
-- LX002; LX003 the user has no such session; LX004 user inactive.
create or replace function learn.end_session(
  p_user_id      uuid,
  p_session_id   bigint,
  p_is_completed boolean default true,
  p_occurred_at  timestamptz default null
)
returns learn.learning_sessions
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'end_session', p_user_id, '{}', p_occurred_at, null);
  v_session learn.learning_sessions;
begin
  select l.* into v_session
  from learn.learning_sessions l
  where l.user_id = p_user_id and l.id = p_session_id;
  if not found then
    raise exception 'the user has no such session'
      using errcode = 'LX003',
        detail = format('p_user_id = %s, p_session_id = %s', p_user_id,
          coalesce(p_session_id::text, 'null')),
        hint = 'learn.start_session() returns the session''s id.';
  end if;
  if v_session.ended_at is not null then
    return v_session;
  end if;
  if p_is_completed is null or v_call.occurred_at < v_session.started_at then
    raise exception 'the session cannot end so'
      using errcode = 'LX001',
        detail = format('p_is_completed = %s, started at %s, to end at %s',
          coalesce(p_is_completed::text, 'null'), v_session.started_at, v_call.occurred_at),
        hint = 'A session ends after it starts, completed or not.';
  end if;

  update learn.learning_sessions l
  set ended_at = v_call.occurred_at, is_completed = p_is_completed
  where l.user_id = p_user_id and l.id = p_session_id;

  select l.* into strict v_session
  from learn.learning_sessions l
  where l.user_id = p_user_id and l.id = p_session_id;
  return v_session;
end;
$$;
comment on function learn.end_session(uuid, bigint, boolean, timestamptz) is
  'Ends a learning session and returns it, with its duration in seconds and the XP gained; '
  'one that is over is returned as it is.';
grant execute on function learn.end_session(uuid, bigint, boolean, timestamptz) to learn_app, learn_user;

-- Writes the facts of learning sessions that have ended (parallel arrays): of those of a minute or more. One
-- that was left open until it was closed as abandoned says nothing of how long somebody learned.
-- Errors: LX003 the setting is missing.
create or replace function learn_internal.write_session_facts(p_user_ids uuid[], p_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_timeout numeric := 60 * learn_internal.setting_number('session_timeout_minutes');
begin
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.write_facts(array_agg(
    (l.user_id, 'session_ended', 'session', l.id::text,
      jsonb_build_object('session_type', l.session_type, 'resource_id', l.resource_id,
        'seconds', l.duration_seconds, 'is_completed', l.is_completed),
      null, l.ended_at)::learn_internal.fact
    order by l.user_id, l.ended_at, l.id))
  from unnest(p_user_ids, p_ids) e(user_id, id)
  join learn.learning_sessions l on l.user_id = e.user_id and l.id = e.id
  where l.duration_seconds >= 60 and (l.is_completed or l.duration_seconds < v_timeout);
end;
$$;
comment on function learn_internal.write_session_facts(uuid[], bigint[]) is
  'Writes the facts of learning sessions of a minute or more that have ended.';
