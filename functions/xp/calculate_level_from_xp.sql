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
