-- Level for an amount of XP, by the curve in learn.level_thresholds. Below 0 is level 1;
-- the highest level is the cap.
create or replace function learn.calculate_level_from_xp(p_xp bigint)
returns integer
language plpgsql                  -- keeps its plan
stable
parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  return coalesce(
    (select t.level from learn.level_thresholds t
      where t.min_xp <= p_xp order by t.min_xp desc limit 1), 1);
end;
$$;
comment on function learn.calculate_level_from_xp(bigint) is
  'Level for an amount of XP, by the level curve.';
grant execute on function learn.calculate_level_from_xp(bigint) to learn_editor, learn_app, learn_user, learn_readonly;

-- Brings a user's level up to date after a payment (negative: XP that was taken back), and finds the
-- achievements whose thresholds the total or the level has crossed. A level is reached once: what was
-- reached before stays reached. The caller has locked the user; p_stats has the new total.
create or replace function learn_internal.move_level(
  p_stats learn.user_stats, p_xp bigint, p_at timestamptz
)
returns learn_internal.rise
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_level integer := learn.calculate_level_from_xp((p_stats).total_xp);
  v_rise  learn_internal.rise;
begin
  v_rise.user_id := (p_stats).user_id;
  v_rise.from_level := (p_stats).highest_level;
  v_rise.to_level := greatest((p_stats).highest_level, v_level);
  v_rise.at := p_at;
  update learn.user_stats s
  set current_level = v_level, highest_level = v_rise.to_level
  where s.user_id = (p_stats).user_id;
  v_rise.won := learn_internal.crossed_thresholds(
      v_rise.user_id, 'xp', '', (p_stats).total_xp - p_xp, (p_stats).total_xp, p_at)
    || learn_internal.crossed_thresholds(
      v_rise.user_id, 'level_reached', '', v_rise.from_level, v_rise.to_level, p_at);
  return v_rise;
end;
$$;
comment on function learn_internal.move_level(learn.user_stats, bigint, timestamptz) is
  'Brings a user''s level up to date after a payment; says which levels are new, and what they earn.';

-- XP from which a user is on a level.
-- Errors: LX001 no such level.
create or replace function learn.xp_for_level(p_level integer)
returns bigint
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_xp bigint;
begin
  select t.min_xp into v_xp from learn.level_thresholds t where t.level = p_level;
  if not found then
    raise exception 'there is no such level'
      using errcode = 'LX001', detail = format('p_level = %s', coalesce(p_level::text, 'null')),
        hint = (
          select format('Levels go from %s to %s.', min(t.level), max(t.level))
          from learn.level_thresholds t);
  end if;
  return v_xp;
end;
$$;
comment on function learn.xp_for_level(integer) is 'XP from which a user is on a level.';
grant execute on function learn.xp_for_level(integer) to learn_editor, learn_app, learn_user, learn_readonly;
