-- The achievements whose thresholds some values of a user have crossed, each of a metric, on their ways from old ones
-- to new ones (parallel arrays). The only place where thresholds are looked up by value, but for add_to_metric().
create or replace function learn_internal.crossed_thresholds(
  p_user_id uuid, p_metrics text[], p_scope text, p_old bigint[], p_new bigint[], p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select (p_user_id, t.achievement_id, p_at, jsonb_build_object(
      'metric', v.metric, 'scope', p_scope, 'value', v.new))::learn_internal.win
    from unnest(p_metrics, p_old, p_new) v(metric, old, new)
    join learn_internal.achievement_thresholds t on t.metric = v.metric and t.scope = p_scope
      and t.threshold > v.old and t.threshold <= v.new);
end;
$$;
comment on function learn_internal.crossed_thresholds(
  uuid, text[], text, bigint[], bigint[], timestamptz) is
  'The achievements whose thresholds some values have crossed on their ways from old ones to new ones.';
