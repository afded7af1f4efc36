-- What a type of fact has paid a learner today, by Laurel's clock, whatever the days of the facts: so nobody gets a
-- second cap by dating facts back, nor by hopping between zones: see is_over(). Ledger rows are of the moment when they
-- were written, which leaves older partitions alone.
create or replace function learn_internal.paid_today(p_user_id uuid, p_activity_type text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := learn.clock();
  v_learner record;
  v_today   timestamptz;            -- when it began, where the learner is
begin
  select u.timezone, u.day_starts_at, u.zone_since into v_learner
  from learn.users u
  where u.id = p_user_id;
  v_today := (date_trunc('day', v_now at time zone v_learner.timezone - v_learner.day_starts_at)
    + v_learner.day_starts_at) at time zone v_learner.timezone;
  return (
    select coalesce(sum(t.amount), 0)
    from learn.xp_transactions t
    where t.user_id = p_user_id and t.activity_type = p_activity_type and t.amount > 0
      and t.created_at >= greatest(v_today, v_learner.zone_since))
    + case when v_learner.zone_since > v_now - interval '72 hours' then (  -- no date lasts longer, wherever
      select coalesce(sum(t.amount), 0)
      from learn.xp_transactions t
      where t.user_id = p_user_id and t.activity_type = p_activity_type and t.amount > 0
        and t.created_at >= v_now - interval '72 hours' and t.created_at < v_learner.zone_since
        and not learn_internal.is_over(p_user_id, t.created_at))
    else 0 end;
end;
$$;
comment on function learn_internal.paid_today(uuid, text) is
  'XP that a type of fact has paid a learner today, by the clock and by the zones of now and of then.';
