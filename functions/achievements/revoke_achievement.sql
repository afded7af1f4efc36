-- Takes an achievement away, with the XP that it paid (cut to what is there) and the avatar that
-- only it unlocked. It is not earned again by itself; grant_achievement() gives it back.
-- Errors: LX001 no reason, or the user does not have it; LX002; LX003 unknown achievement;
-- LX004 user inactive; LX013.
create or replace function learn.revoke_achievement(
  p_user_id         uuid,
  p_slug            text,
  p_reason          text,
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
  v_call        learn_internal.call := learn_internal.begin_call(
    'revoke_achievement', p_user_id, jsonb_build_object('slug', p_slug, 'reason', p_reason),
    p_occurred_at, p_idempotency_key);
  v_achievement learn.achievements;
  v_paid        bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  p_reason := learn_internal.require_text('p_reason', p_reason, 2000);
  if coalesce(p_reason, '') !~ E'\\S' then
    raise exception 'an achievement is revoked for a reason'
      using errcode = 'LX001', detail = 'p_reason is blank or null', hint = 'Say why; it is kept.';
  end if;
  v_achievement := learn_internal.require_achievement(p_slug, false);
  insert into learn.revoked_achievements (user_id, achievement_id, reason, revoked_at)
  values (p_user_id, v_achievement.id, p_reason, v_call.occurred_at)
  on conflict (user_id, achievement_id) do update
    set reason = excluded.reason, revoked_at = excluded.revoked_at;
  delete from learn.user_achievements u
  where u.user_id = p_user_id and u.achievement_id = v_achievement.id;
  if not found then
    raise exception 'the user does not have the achievement'
      using errcode = 'LX001', detail = format('p_user_id = %s, p_slug = %s', p_user_id, p_slug),
        hint = 'Look at learn.user_achievements.';
  end if;

  if v_achievement.unlocks_avatar_id is not null and not exists (
    select from learn.user_achievements u
    join learn.achievements a on a.id = u.achievement_id
    where u.user_id = p_user_id and a.unlocks_avatar_id = v_achievement.unlocks_avatar_id)
  then
    delete from learn.user_avatars v
    where v.user_id = p_user_id and v.avatar_id = v_achievement.unlocks_avatar_id;
    update learn.users u set selected_avatar_id = null
    where u.id = p_user_id and u.selected_avatar_id = v_achievement.unlocks_avatar_id;
  end if;

  -- What the achievement has paid, under whatever slug, and what has not been taken back since.
  with facts as (
    select f.subject_id, f.xp
    from learn_internal.all_facts f
    where f.user_id = p_user_id and f.activity_type in ('achievement_earned', 'achievement_revoked')
      and (f.properties ->> 'achievement_id')::bigint = v_achievement.id
  ), payments as (
    select t.id::text as id
    from learn_internal.all_payments t
    where t.user_id = p_user_id and t.activity_type = 'achievement_earned'
      and t.source_id in (select f.subject_id from facts f)
  )
  select coalesce(sum(f.xp), 0) + coalesce((
    select sum(t.amount)
    from learn_internal.all_payments t
    where t.user_id = p_user_id and t.activity_type = 'xp_reversed'
      and t.source_id in (select p.id from payments p)), 0)
  into v_paid
  from facts f;

  perform learn_internal.write_facts(
    array[(
      p_user_id, 'achievement_revoked', 'achievement', p_slug,
      jsonb_build_object('achievement_id', v_achievement.id, 'reason', p_reason),
      -least(greatest(v_paid, 0), v_call.total_xp), v_call.occurred_at
    )::learn_internal.fact],
    p_idempotency_key);
  perform learn_internal.audit('revoke_achievement', 'achievement', p_user_id,
    jsonb_build_object('slug', p_slug));
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.revoke_achievement(uuid, text, text, timestamptz, text) is
  'Takes an achievement away, with its XP (cut to what is there) and its avatar.';
grant execute on function learn.revoke_achievement(uuid, text, text, timestamptz, text)
  to learn_app;
