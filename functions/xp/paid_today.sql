-- What a type of fact has paid a learner today: since midnight where the learner is, by Laurel's clock,
-- whatever the days of the facts. So nobody gets a second cap by dating facts back. Ledger rows are
-- of the moment when they were written, which leaves older partitions alone.
create or replace function learn_internal.paid_today(p_user_id uuid, p_activity_type text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_zone text;
begin
  select u.timezone into v_zone from learn.users u where u.id = p_user_id;
  return (
    select coalesce(sum(t.amount), 0)
    from learn.xp_transactions t
    where t.user_id = p_user_id and t.activity_type = p_activity_type and t.amount > 0
      and t.created_at >= date_trunc('day', learn.clock() at time zone v_zone) at time zone v_zone);
end;
$$;
comment on function learn_internal.paid_today(uuid, text) is
  'XP that a type of fact has paid a learner since midnight, by the clock.';
revoke all on function learn_internal.paid_today(uuid, text) from public;
