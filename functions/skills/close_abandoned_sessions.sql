-- Closes the learning sessions that have been open for longer than session_timeout_minutes: they
-- end when their time ran out, not completed. Returns how many. Call it from a scheduler.
-- Errors: LX003 the setting is missing.
create or replace function learn.close_abandoned_sessions()
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_timeout  interval :=
    learn_internal.setting_number('session_timeout_minutes') * interval '1 minute';
  v_user_ids uuid[];
  v_closed   bigint;
begin
  perform learn_internal.hold_content();
  select array_agg(u.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select l.user_id from learn.learning_sessions l
      where l.ended_at is null and l.started_at < learn.clock() - v_timeout)
    order by s.user_id
    for no key update
  ) u;
  update learn.learning_sessions l
  set ended_at = l.started_at + v_timeout
  where l.user_id = any (v_user_ids) and l.ended_at is null
    and l.started_at < learn.clock() - v_timeout;
  get diagnostics v_closed = row_count;
  return v_closed;
end;
$$;
comment on function learn.close_abandoned_sessions() is
  'Closes learning sessions that have been open for longer than session_timeout_minutes, '
  'as not completed; returns how many.';
revoke all on function learn.close_abandoned_sessions() from public;
grant execute on function learn.close_abandoned_sessions() to learn_app;
