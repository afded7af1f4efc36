-- What a fact that a backend records pays: null is what the rule says, and 0 what is beyond the setting
-- recorded_payments_per_day. Laurel's own acts are bounded by what there is to learn; what comes from outside has made-up
-- subjects, or none. The day is the learner's, by the clock, and never goes back: moving between zones makes
-- no second one. The caller has locked the user.
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
  insert into learn_internal.recorded_payments as r (user_id, activity_type, day, facts)
  select u.id, p_activity_type, (learn.clock() at time zone u.timezone - u.day_starts_at)::date, 1
  from learn.users u
  where u.id = p_user_id
  on conflict (user_id, activity_type) do update
    set facts = case when r.day < excluded.day then 1 else r.facts + 1 end,
      day = greatest(r.day, excluded.day)
  returning r.facts into v_facts;
  return case when v_facts > learn_internal.setting_number('recorded_payments_per_day') then 0 end;
end;
$$;
comment on function learn_internal.recorded_xp(uuid, text) is
  'What a fact that a backend records pays: null, by its rule, or 0 when there were enough today.';
