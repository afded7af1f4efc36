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
