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
