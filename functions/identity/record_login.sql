-- Notes that a user has logged in. No learning act: it makes no day active.
-- Errors: LX001 time out of bounds; LX002; LX004 user inactive; LX013.
create or replace function learn.record_login(
  p_user_id         uuid,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'record_login', p_user_id, '{}', p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  update learn.users u
  set last_login_at = greatest(u.last_login_at, v_call.occurred_at),
    last_active_at = greatest(u.last_active_at, v_call.occurred_at)
  where u.id = p_user_id;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.record_login(uuid, timestamptz, text) is
  'Notes that a user has logged in: learn.users.last_login_at. It makes no day active.';
grant execute on function learn.record_login(uuid, timestamptz, text) to learn_app;
