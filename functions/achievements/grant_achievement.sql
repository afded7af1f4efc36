-- Gives a user an achievement whatever its criteria say, with its XP and avatar;
-- also one that was revoked. Granting one that the user has changes nothing.
-- Errors: LX002; LX003 unknown achievement; LX004 inactive achievement or user; LX013.
create or replace function learn.grant_achievement(
  p_user_id         uuid,
  p_slug            text,
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
  v_call           learn_internal.call := learn_internal.begin_call(
    'grant_achievement', p_user_id, jsonb_build_object('slug', p_slug),
    p_occurred_at, p_idempotency_key);
  v_achievement_id bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  v_achievement_id := (learn_internal.require_achievement(p_slug)).id;
  delete from learn.revoked_achievements r
  where r.user_id = p_user_id and r.achievement_id = v_achievement_id;
  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  values (p_user_id, v_achievement_id, v_call.occurred_at,
    jsonb_build_object('granted_by', session_user))
  on conflict (user_id, achievement_id) do nothing;
  if found then
    perform learn_internal.audit('grant_achievement', 'achievement', p_user_id,
      jsonb_build_object('slug', p_slug));
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.grant_achievement(uuid, text, timestamptz, text) is
  'Gives a user an achievement whatever its criteria say, with its XP and avatar.';
grant execute on function learn.grant_achievement(uuid, text, timestamptz, text) to learn_app;
