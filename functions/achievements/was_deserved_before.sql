-- Whether a user's value of a metric had reached a threshold by a point in time already,
-- as far as facts can tell; null when they cannot. For check_integrity(): such an achievement
-- is for backfill_achievement() to grant, not a fault.
create or replace function learn_internal.was_deserved_before(
  p_user_id uuid, p_metric text, p_scope text, p_threshold bigint, p_until timestamptz
)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metric learn.metrics;
  v_value  bigint;
begin
  select m.* into v_metric from learn.metrics m where m.key = p_metric;
  -- redefining a metric recounts it, and earns nothing
  p_until := greatest(p_until, v_metric.defined_at);
  if v_metric.aggregate = 'run' or p_metric = 'current_streak' then
    -- The best run of the past is not kept; but where there are no facts from before,
    -- there was none.
    return case when exists (
      select from learn_internal.all_facts f
      where f.user_id = p_user_id and f.recorded_at <= p_until
        and f.activity_type <> 'user_registered') then null
    else false end;
  end if;

  if p_metric = 'xp' then
    select sum(t.amount) into v_value
    from learn_internal.all_payments t
    where t.user_id = p_user_id and t.created_at <= p_until;
  elsif p_metric = 'level_reached' then
    select max(f.subject_id::bigint) into v_value
    from learn_internal.all_facts f
    where f.user_id = p_user_id and f.activity_type = 'level_reached' and f.recorded_at <= p_until;
  elsif p_metric = 'active_days' then
    select count(distinct f.local_date) into v_value
    from learn_internal.all_facts f
    where f.user_id = p_user_id and f.is_qualifying and f.recorded_at <= p_until;
  else
    select case v_metric.aggregate
        when 'max' then max(a.amount)
        when 'distinct_days' then count(distinct f.local_date)
        else sum(a.amount)
      end into v_value
    from learn_internal.counted_facts f
    cross join lateral (
      select case when v_metric.property is null then 1
        else learn_internal.number_property(f.properties, v_metric.property) end as amount
    ) a
    where f.user_id = p_user_id and f.activity_type = v_metric.activity_type
      and f.recorded_at <= p_until and f.properties @> v_metric.filter
      and (p_scope = '' or f.properties ->> v_metric.scope_property = p_scope);
  end if;
  return coalesce(v_value, 0) >= p_threshold;
end;
$$;
comment on function learn_internal.was_deserved_before(uuid, text, text, bigint, timestamptz) is
  'Whether a user''s metric had reached a threshold by a point in time already; '
  'null when facts cannot tell.';
