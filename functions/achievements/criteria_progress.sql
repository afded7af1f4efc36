-- How far a user is with criteria: a value of a target. Of one condition they are the metric's; of a list that
-- must all hold, those of the condition that is furthest away; of another list, how many of its conditions hold
-- of those that must.
create or replace function learn_internal.criteria_progress(
  p_user_id uuid, p_criteria jsonb, out value bigint, out target bigint
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_criteria ? 'metric' then
    target := (p_criteria ->> 'at_least')::numeric;
    value := coalesce((
      select v.value from learn_internal.reward_values v
      where v.user_id = p_user_id and v.metric = p_criteria ->> 'metric'
        and v.scope = coalesce(p_criteria ->> 'scope', '')), 0);
    if p_criteria ->> 'metric' = 'current_streak' and value < target then
      value := learn.calculate_user_streak(p_user_id);  -- as it is today, while the longest does not suffice
    end if;
  elsif p_criteria ? 'all' then
    select p.value, p.target into value, target
    from jsonb_array_elements(p_criteria -> 'all') with ordinality c(criteria, position)
    cross join lateral learn_internal.criteria_progress(p_user_id, c.criteria) p
    order by least(1, p.value::numeric / p.target), c.position
    limit 1;
  else
    target := coalesce((p_criteria ->> 'at_least')::numeric, 1);
    select count(*) filter (where learn_internal.satisfies_criteria(p_user_id, c)) into value
    from jsonb_array_elements(coalesce(p_criteria -> 'any', p_criteria -> 'of')) c;
  end if;
end;
$$;
comment on function learn_internal.criteria_progress(uuid, jsonb) is
  'How far a user is with criteria: of a list that must all hold, with the condition that is furthest away.';
