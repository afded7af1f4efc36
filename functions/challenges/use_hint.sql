-- Notes that a user looks at a hint of a level, counted from 1. It lowers what passing the level
-- pays; looking again is free. The text is in learn.challenge_levels.hints.
-- Errors: LX001; LX002; LX003 unknown level or hint; LX004 challenge or user inactive;
-- LX005 the challenge is locked; LX013.
create or replace function learn.use_hint(
  p_user_id         uuid,
  p_challenge_id    bigint,
  p_level_number    integer,
  p_hint_number     integer,
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
    'use_hint', p_user_id,
    jsonb_build_object('challenge_id', p_challenge_id, 'level_number', p_level_number,
      'hint_number', p_hint_number),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_challenge_level(p_challenge_id, p_level_number);

  insert into learn.hint_usage (user_id, challenge_id, level_number, hint_number, used_at)
  values (p_user_id, p_challenge_id, p_level_number, p_hint_number, v_call.occurred_at)
  on conflict do nothing;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.use_hint(uuid, bigint, integer, integer, timestamptz, text) is
  'Notes that a user looks at a hint, counted from 1, which lowers what passing the level pays; '
  'again, it is free.';
grant execute on function learn.use_hint(uuid, bigint, integer, integer, timestamptz, text)
  to learn_app, learn_user;
