-- What is not as it follows from facts, of everybody (p_learners_too) or only of what is nobody's. The statements join
-- sets with sets and group them: by hashes, with memory for them, whatever is known of the tables' sizes.
create or replace function learn_internal.check_everybody(p_learners_too boolean)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
set enable_sort = off
set work_mem = '256MB'
set jit = off
as $$
declare
  v_suspects uuid[];
begin
  return query select * from learn_internal.common_damage;
  if p_learners_too then
    return query select * from learn_internal.damage_but_boards;
    v_suspects := array(select s.user_id from learn_internal.board_suspects s);
    if v_suspects <> '{}' then
      return query select * from learn_internal.board_damage d where d.user_id = any (v_suspects);
    end if;
  end if;
end;
$$;
comment on function learn_internal.check_everybody(boolean) is
  'Where projections that are nobody''s are not what follows from facts, and (p_learners_too) those of all learners.';
