-- What a type of fact has paid a learner today, by Laurel's clock, whatever the days of the facts: so nobody gets a
-- second cap by dating facts back. A payment is of an earlier day when it is so by both clocks, that of the zone
-- of now and that of its own: so neither by hopping between zones. Ledger rows are of the moment when they
-- were written, which leaves older partitions alone.
create or replace function learn_internal.paid_today(p_user_id uuid, p_activity_type text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now       timestamptz := learn.clock();
  v_learner   record;
  v_today     timestamptz;
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
      and t.created_at >= v_today)
    + case when v_learner.zone_since > v_now - interval '2 days' then (
      select coalesce(sum(t.amount), 0)
      from learn.xp_transactions t
      where t.user_id = p_user_id and t.activity_type = p_activity_type and t.amount > 0
        and t.created_at >= v_now - interval '2 days' and t.created_at < v_today
        and t.created_at < v_learner.zone_since and exists (
          select from learn.user_timezones z
          where z.user_id = p_user_id
            and z.number = (learn_internal.local_date(p_user_id, t.created_at)).zone_number
            and (v_now at time zone z.timezone - z.day_starts_at)::date
              <= (t.created_at at time zone z.timezone - z.day_starts_at)::date))
    else 0 end;
end;
$$;
comment on function learn_internal.paid_today(uuid, text) is
  'XP that a type of fact has paid a learner today, by the clock and by the zones of now and of then.';
