-- Closes the learning sessions that have been open for longer than session_timeout_minutes: they
-- end when their time ran out, not completed. So do quizzes that start_quiz() drew: those with a time limit
-- when it has passed. Returns how many of both. Call it from a scheduler.
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
  v_grace    interval :=
    learn_internal.setting_number('quiz_grace_seconds') * interval '1 second';
  v_user_ids uuid[];
  v_sessions bigint;
  v_quizzes  bigint;
begin
  perform learn_internal.hold_content();
  select array_agg(u.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select l.user_id from learn.learning_sessions l
      where l.ended_at is null and l.started_at < learn.clock() - v_timeout
      union all
      select d.user_id from learn.drawn_quizzes d
      where d.closed_at is null
        and coalesce(d.ends_at + v_grace, d.started_at + v_timeout) < learn.clock())
    order by s.user_id
    for no key update
  ) u;
  update learn.learning_sessions l
  set ended_at = l.started_at + v_timeout
  where l.user_id = any (v_user_ids) and l.ended_at is null
    and l.started_at < learn.clock() - v_timeout;
  get diagnostics v_sessions = row_count;
  update learn.drawn_quizzes d
  set closed_at = coalesce(d.ends_at, d.started_at + v_timeout)
  where d.user_id = any (v_user_ids) and d.closed_at is null
    and coalesce(d.ends_at + v_grace, d.started_at + v_timeout) < learn.clock();
  get diagnostics v_quizzes = row_count;
  return v_sessions + v_quizzes;
end;
$$;
comment on function learn.close_abandoned_sessions() is
  'Closes learning sessions that have been open for longer than session_timeout_minutes, and drawn '
  'quizzes whose time is up, as not completed; returns how many.';
grant execute on function learn.close_abandoned_sessions() to learn_app;
