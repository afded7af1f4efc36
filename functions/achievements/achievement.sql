-- How far a user is with every active achievement (hidden ones only once earned), named in the user's language.
-- Value and target are those of criteria_progress(); nothing is at 100 percent before it is earned.
-- Errors: LX002.
create or replace function learn.achievement_progress(p_user_id uuid)
returns table (
  slug text, name text, category text, value bigint, target bigint,
  percentage numeric, earned_at timestamptz
)
language plpgsql
stable
security definer                  -- reads metrics and thresholds for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_locale text;
begin
  perform learn_internal.require_self(p_user_id);
  select u.locale into v_locale from learn.users u where u.id = p_user_id;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  return query
  select a.slug, learn.localized(a.translations, v_locale, 'name', a.name), a.category, p.value, p.target,
    case when u.earned_at is not null then 100.00
      else least(99.99, round(100.0 * p.value / p.target, 2)) end,
    u.earned_at
  from learn.achievements a
  left join learn.user_achievements u on u.user_id = p_user_id and u.achievement_id = a.id
  cross join lateral learn_internal.criteria_progress(p_user_id, a.criteria) p
  where a.is_active and (not a.is_hidden or u.earned_at is not null) or u.earned_at is not null
  order by a.system, a.display_order, a.slug;
end;
$$;
comment on function learn.achievement_progress(uuid) is
  'How far a user is with every active achievement, named in the user''s language: value of target, '
  'in percent (below 100 until it is earned), and when it was earned.';
grant execute on function learn.achievement_progress(uuid) to learn_app, learn_user, learn_readonly;

-- Id of an active achievement.
-- Errors: LX003 unknown slug; LX004 inactive.
create or replace function learn_internal.require_achievement(p_slug text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_achievement learn.achievements;
begin
  perform learn_internal.require_size('p_slug', length(p_slug), 200);
  select a.* into v_achievement from learn.achievements a where a.slug = p_slug;
  if not found then
    raise exception 'unknown achievement'
      using errcode = 'LX003', detail = format('p_slug = %s', coalesce(p_slug, 'null')),
        hint = 'Look it up in learn.achievements.';
  end if;
  if not v_achievement.is_active then
    raise exception 'the achievement is inactive'
      using errcode = 'LX004', detail = format('p_slug = %s', p_slug),
        hint = 'Set learn.achievements.is_active.';
  end if;
  return v_achievement.id;
end;
$$;
comment on function learn_internal.require_achievement(text) is
  'Id of an active achievement (LX003, LX004).';

-- Grants an achievement to everybody whose metrics deserve it by now: for a rule that came after
-- the deed. Set-based. Returns how many users earned it.
-- Errors: LX003 unknown achievement; LX004 inactive.
-- no grant: for operators, as learn_owner.
create or replace function learn.backfill_achievement(p_slug text)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_achievement_id bigint := learn_internal.require_achievement(p_slug);
  v_user_ids       uuid[];
  v_earned         bigint;
begin
  perform learn_internal.hold_content();
  select array_agg(distinct d.user_id) into v_user_ids
  from learn_internal.deserved_achievements d
  where d.achievement_id = v_achievement_id;
  if v_user_ids is null then
    return 0;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  -- Asked again under the lock: meanwhile one may have earned it, or been deprived of it.
  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select distinct on (d.user_id) d.user_id, v_achievement_id, learn.clock(),
    d.evidence || '{"is_backfill": true}'
  from learn_internal.deserved_achievements d
  where d.achievement_id = v_achievement_id and d.user_id = any (v_user_ids)
    and (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
  order by d.user_id, d.metric, d.scope
  on conflict (user_id, achievement_id) do nothing;
  get diagnostics v_earned = row_count;
  return v_earned;
end;
$$;
comment on function learn.backfill_achievement(text) is
  'Grants an achievement to everybody whose metrics deserve it by now; returns how many earned it.';

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
  v_achievement_id := learn_internal.require_achievement(p_slug);
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
  perform learn_internal.require_size('p_slug', length(p_slug), 200);
  p_reason := learn_internal.require_text('p_reason', p_reason, 2000);
  if coalesce(p_reason, '') !~ E'\\S' then
    raise exception 'an achievement is revoked for a reason'
      using errcode = 'LX001', detail = 'p_reason is blank or null', hint = 'Say why; it is kept.';
  end if;
  select a.* into v_achievement from learn.achievements a where a.slug = p_slug;
  if not found then
    raise exception 'unknown achievement'
      using errcode = 'LX003', detail = format('p_slug = %s', coalesce(p_slug, 'null')),
        hint = 'Look it up in learn.achievements.';
  end if;
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
    from learn.activity_log f
    where f.user_id = p_user_id and f.activity_type in ('achievement_earned', 'achievement_revoked')
      and (f.properties ->> 'achievement_id')::bigint = v_achievement.id
  ), payments as (
    select t.id::text as id
    from learn.xp_transactions t
    where t.user_id = p_user_id and t.activity_type = 'achievement_earned'
      and t.source_id in (select f.subject_id from facts f)
  )
  select coalesce(sum(f.xp), 0) + coalesce((
    select sum(t.amount)
    from learn.xp_transactions t
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
