-- Notes that a user has proved an email to be theirs: the backend has seen the code that it had sent there.
-- Verifying again changes nothing.
-- Errors: LX001 it is not the user's email (any more); LX002; LX004 user inactive; LX013.
create or replace function learn.verify_email(
  p_user_id         uuid,
  p_email           text,
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
    'verify_email', p_user_id, jsonb_build_object('email', p_email), p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_email', length(p_email), 320);
  if not exists (
    select from learn.users u where u.id = p_user_id and lower(u.email) = lower(p_email))
  then
    raise exception 'this is not the email of the user'
      using errcode = 'LX001', detail = format('p_email = %L', p_email),
        hint = 'It may have been changed since: learn.users.email says what it is. Send another code there.';
  end if;
  update learn.users u set is_verified = true where u.id = p_user_id and not u.is_verified;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.verify_email(uuid, text, timestamptz, text) is
  'Notes that a user has proved the email to be theirs, as long as it is the one of the profile.';
grant execute on function learn.verify_email(uuid, text, timestamptz, text) to learn_app;
