-- Earns for a user every achievement that their metrics deserve by now, those that came after
-- the deed included. Returns the slugs that are new.
-- Errors: LX002; LX004 user inactive.
create or replace function learn.check_achievements(p_user_id uuid)
returns setof text
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'check_achievements', p_user_id, '{}', null, null);
begin
  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select d.user_id, d.achievement_id, v_call.occurred_at, d.evidence
  from learn_internal.deserved_achievements d
  where d.user_id = p_user_id
    and (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
  order by d.achievement_id
  on conflict (user_id, achievement_id) do nothing;

  return query select unnest((learn_internal.summarize(v_call)).new_achievements);
end;
$$;
comment on function learn.check_achievements(uuid) is
  'Earns for a user every achievement that their metrics deserve by now; returns the new slugs.';
grant execute on function learn.check_achievements(uuid) to learn_app, learn_user;
