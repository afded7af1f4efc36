-- Puts points into a skill. A user has as many points as XP, each to be used once; the first points
-- ask for the skill's prerequisites at level 1.
-- Errors: LX001 fewer than 1 point, more than are available, or than fit; LX002;
-- LX003 unknown skill; LX004 user inactive; LX006 prerequisites at level 0; LX013.
create or replace function learn.allocate_skill_points(
  p_user_id         uuid,
  p_skill_id        bigint,
  p_points          integer,
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
  v_call      learn_internal.call := learn_internal.begin_call(
    'allocate_skill_points', p_user_id,
    jsonb_build_object('skill_id', p_skill_id, 'points', p_points),
    p_occurred_at, p_idempotency_key);
  v_skill     learn.skills;
  v_available bigint;
  v_room      bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  select k.* into v_skill from learn.skills k where k.id = p_skill_id;
  if not found then
    raise exception 'unknown skill'
      using errcode = 'LX003',
        detail = format('p_skill_id = %s', coalesce(p_skill_id::text, 'null')),
        hint = 'Look it up in learn.skills.';
  end if;
  select greatest(0, v_call.total_xp - coalesce(sum(u.points_allocated), 0)),
    greatest(0, v_skill.max_level * v_skill.xp_per_level
      - coalesce(sum(u.points_allocated) filter (where u.skill_id = p_skill_id), 0))
  into v_available, v_room
  from learn.user_skills u
  where u.user_id = p_user_id;
  if p_points is null or p_points < 1 or p_points > v_available or p_points > v_room then
    raise exception 'so many points cannot be allocated'
      using errcode = 'LX001',
        detail = format('p_points = %s; available: %s; skill %s has room for: %s',
          coalesce(p_points::text, 'null'), v_available, v_skill.slug, v_room),
        hint = 'Allocate at least 1 point, and no more than are available and fit. '
          'Each XP is one point.';
  end if;

  insert into learn.user_skills as u
    (user_id, skill_id, points_allocated, unlocked_at, allocated_at)
  values (p_user_id, p_skill_id, p_points, v_call.occurred_at, v_call.occurred_at)
  on conflict (user_id, skill_id) do update
    set points_allocated = u.points_allocated + excluded.points_allocated,
      allocated_at = excluded.allocated_at;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.allocate_skill_points(uuid, bigint, integer, timestamptz, text) is
  'Puts points into a skill, of which a user has as many as XP, each to be used once.';
grant execute on function learn.allocate_skill_points(uuid, bigint, integer, timestamptz, text)
  to learn_app, learn_user;
