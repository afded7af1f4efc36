-- The conditions on single metrics in an achievement's criteria.
create or replace function learn_internal.criteria_leaves(p_criteria jsonb)
returns table (metric text, scope text, threshold bigint, is_sole boolean)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  with recursive nodes(node, is_root) as (
    select p_criteria, true
    union all
    select c.value, false
    from nodes n
    cross join lateral jsonb_array_elements(
      coalesce(n.node -> 'all', n.node -> 'any', n.node -> 'of')) c
    where not n.node ? 'metric'
  )
  select n.node ->> 'metric', coalesce(n.node ->> 'scope', ''),
    (n.node ->> 'at_least')::numeric::bigint, n.is_root
  from nodes n
  where n.node ? 'metric';
$$;
comment on function learn_internal.criteria_leaves(jsonb) is
  'The conditions on single metrics in an achievement''s criteria.';

-- What is wrong with an achievement's criteria; null when nothing is.
create or replace function learn_internal.criteria_problem(
  p_criteria jsonb, p_path text default '$'
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys    text[];
  v_list    text;
  v_metric  learn.metrics;
  v_child   record;
  v_problem text;
begin
  if length(p_path) > 200 then
    return 'criteria are nested too deeply';
  end if;
  if p_criteria is null or jsonb_typeof(p_criteria) <> 'object' then
    return p_path || ' is not an object';
  end if;
  select array_agg(k order by k) into v_keys from jsonb_object_keys(p_criteria) k;

  if v_keys in ('{at_least,metric}', '{at_least,metric,scope}') then
    if jsonb_typeof(p_criteria -> 'metric') <> 'string' then
      return p_path || '.metric is not a string';
    end if;
    select m.* into v_metric from learn.metrics m where m.key = p_criteria ->> 'metric';
    if not found then
      return format('%s.metric: there is no metric %s', p_path, p_criteria ->> 'metric');
    end if;
    if p_criteria ? 'scope' then
      if jsonb_typeof(p_criteria -> 'scope') <> 'string' then
        return p_path || '.scope is not a string';
      end if;
      if v_metric.scope_property is null and p_criteria ->> 'scope' <> '' then
        return format('%s.scope: the metric %s has no scopes', p_path, v_metric.key);
      end if;
    end if;
    return learn_internal.count_problem(p_criteria -> 'at_least', p_path || '.at_least');
  end if;

  v_list := case
    when v_keys = '{all}' then 'all'
    when v_keys = '{any}' then 'any'
    when v_keys = '{at_least,of}' then 'of'
  end;
  if v_list is null then
    return format('%s has the keys (%s)', p_path, array_to_string(v_keys, ', '));
  end if;
  if jsonb_typeof(p_criteria -> v_list) <> 'array'
    or jsonb_array_length(p_criteria -> v_list) = 0 then
    return format('%s.%s is not a list with something in it', p_path, v_list);
  end if;
  if v_list = 'of' then
    v_problem := learn_internal.count_problem(p_criteria -> 'at_least', p_path || '.at_least');
    if v_problem is not null then
      return v_problem;
    end if;
    if (p_criteria ->> 'at_least')::numeric > jsonb_array_length(p_criteria -> 'of') then
      return format('%s.at_least is more than there are in the list', p_path);
    end if;
  end if;
  for v_child in
    select c.value, c.position
    from jsonb_array_elements(p_criteria -> v_list) with ordinality c(value, position)
  loop
    v_problem := learn_internal.criteria_problem(
      v_child.value, format('%s.%s[%s]', p_path, v_list, v_child.position - 1));
    if v_problem is not null then
      return v_problem;
    end if;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.criteria_problem(jsonb, text) is
  'What is wrong with an achievement''s criteria, in words; null when nothing is.';

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
