-- Adds to a user's metric, and finds the achievements whose thresholds that crosses.
-- The caller has locked the user.
create or replace function learn_internal.add_to_metric(
  p_user_id uuid, p_metric text, p_scope text, p_amount bigint, p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_won learn_internal.win[];
begin
  insert into learn.user_metrics as m (user_id, metric, scope, value)
  values (p_user_id, p_metric, p_scope, p_amount)
  on conflict (user_id, metric, scope) do update set value = m.value + excluded.value
  returning array(  -- as crossed_thresholds() says, without the price of another statement
    select (p_user_id, t.achievement_id, p_at, jsonb_build_object(
      'metric', p_metric, 'scope', p_scope, 'value', m.value))::learn_internal.win
    from learn_internal.achievement_thresholds t
    where t.metric = p_metric and t.scope = p_scope
      and t.threshold > m.value - p_amount and t.threshold <= m.value)
  into v_won;
  return v_won;
end;
$$;
comment on function learn_internal.add_to_metric(uuid, text, text, bigint, timestamptz) is
  'Adds to a user''s metric; returns the achievements whose thresholds that crosses.';
