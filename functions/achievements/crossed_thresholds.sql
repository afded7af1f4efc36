-- The achievements whose thresholds a user's value has crossed on its way from an old one to a new one.
-- The only place where thresholds are looked up by value.
create or replace function learn_internal.crossed_thresholds(
  p_user_id uuid, p_metric text, p_scope text, p_old bigint, p_new bigint, p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select (p_user_id, t.achievement_id, p_at, jsonb_build_object(
      'metric', p_metric, 'scope', p_scope, 'value', p_new))::learn_internal.win
    from learn_internal.achievement_thresholds t
    where t.metric = p_metric and t.scope = p_scope
      and t.threshold > p_old and t.threshold <= p_new);
end;
$$;
comment on function learn_internal.crossed_thresholds(
  uuid, text, text, bigint, bigint, timestamptz) is
  'The achievements whose thresholds a value has crossed on its way from an old one to a new one.';
