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
  v_achievement_id bigint := (learn_internal.require_achievement(p_slug)).id;
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
  if v_earned > 0 then
    perform learn_internal.audit('backfill_achievement', 'achievement', null, jsonb_build_object('slug', p_slug), null,
      jsonb_build_object('users', v_earned));
  end if;
  return v_earned;
end;
$$;
comment on function learn.backfill_achievement(text) is
  'Grants an achievement to everybody whose metrics deserve it by now; returns how many earned it.';
