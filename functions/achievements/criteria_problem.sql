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
    elsif v_metric.key = 'longest_streak' then
      return p_path || '.metric: longest_streak is for boards; current_streak counts at its longest';
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
