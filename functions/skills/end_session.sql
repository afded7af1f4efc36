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
