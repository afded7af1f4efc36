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
