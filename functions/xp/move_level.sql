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
  v_rise.won := learn_internal.crossed_thresholds(v_rise.user_id, array['xp', 'level_reached'], '',
    array[(p_stats).total_xp - p_xp, v_rise.from_level], array[(p_stats).total_xp::bigint, v_rise.to_level], p_at);
  return v_rise;
end;
$$;
comment on function learn_internal.move_level(learn.user_stats, bigint, timestamptz) is
  'Brings a user''s level up to date after a payment; says which levels are new, and what they earn.';
