-- Whether a user's metrics satisfy criteria.
create or replace function learn_internal.satisfies_criteria(p_user_id uuid, p_criteria jsonb)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_children  jsonb := coalesce(p_criteria -> 'all', p_criteria -> 'any', p_criteria -> 'of');
  v_satisfied integer;
begin
  if p_criteria ? 'metric' then
    return exists (
      select from learn_internal.reward_values v
      where v.user_id = p_user_id and v.metric = p_criteria ->> 'metric'
        and v.scope = coalesce(p_criteria ->> 'scope', '')
        and v.value >= (p_criteria ->> 'at_least')::numeric::bigint);
  end if;
  select count(*) into v_satisfied
  from jsonb_array_elements(v_children) c
  where learn_internal.satisfies_criteria(p_user_id, c.value);
  return v_satisfied >= case
    when p_criteria ? 'all' then jsonb_array_length(v_children)
    when p_criteria ? 'any' then 1
    else (p_criteria ->> 'at_least')::numeric::integer
  end;
end;
$$;
comment on function learn_internal.satisfies_criteria(uuid, jsonb) is
  'Whether a user''s metrics satisfy an achievement''s criteria.';
