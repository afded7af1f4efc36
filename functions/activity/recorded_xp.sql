-- What a fact that a backend records pays: null is what the rule says, and 0 what is beyond the setting
-- recorded_payments_per_day. Laurel's own acts are bounded by what there is to learn; what comes from outside has made-up
-- subjects, or none. The day is the learner's, by the clock, as is_over() has it. The caller has locked the user.
create or replace function learn_internal.recorded_xp(p_user_id uuid, p_activity_type text)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_facts integer;
begin
  if not exists (
    select from learn.activity_types t where t.key = p_activity_type and t.pays > 0)
  then
    return null;
  end if;
  insert into learn_internal.recorded_payments as r (user_id, activity_type, opened_at, facts)
  values (p_user_id, p_activity_type, learn.clock(), 1)
  on conflict (user_id, activity_type) do update
    set (facts, opened_at) = (
      select case when o.is_over then 1 else r.facts + 1 end, case when o.is_over then excluded.opened_at else r.opened_at end
      from (select learn_internal.is_over(r.user_id, r.opened_at) as is_over offset 0) o)
  returning r.facts into v_facts;
  return case when v_facts > learn_internal.setting_number('recorded_payments_per_day') then 0 end;
end;
$$;
comment on function learn_internal.recorded_xp(uuid, text) is
  'What a fact that a backend records pays: null, by its rule, or 0 when there were enough today.';
