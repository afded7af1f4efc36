-- Packs what was recorded before a time: a row of archived_facts, and one of archived_payments, per learner and year.
-- What is in the default partitions, of one learner or (null) of everybody, is moved; what is in the given partitions of
-- months is copied: dropping them is up to the caller, who has locked them, and has the turn of the partitions.
create or replace function learn_internal.pack_archive(
  p_before timestamptz, p_partitions regclass[], p_user_id uuid default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_hashagg = off            -- one learner after the other: hashes would hold everybody's facts
set jit = off
set work_mem = '64MB'
as $$
begin
  with moved as (
    delete from learn.activity_log_default d
    where d.recorded_at < p_before and (p_user_id is null or d.user_id = p_user_id)
    returning d.*
  )
  insert into learn_internal.archived_facts as a (user_id, year, id, activity_type, subject_type, subject_id, properties,
    xp, occurred_at, local_date, zone_number, is_qualifying, recorded_at, idempotency_key)
  select f.user_id, f.year, array_agg(f.id), array_agg(f.activity_type::text), array_agg(f.subject_type::text),
    array_agg(f.subject_id::text), array_agg(f.properties::jsonb), array_agg(f.xp), array_agg(f.occurred_at),
    array_agg(f.local_date), array_agg(f.zone_number), array_agg(f.is_qualifying),
    array_agg(nullif(f.recorded_at, f.occurred_at)), array_agg(f.idempotency_key::text)
  from (
    select o.*, extract(year from o.recorded_at at time zone 'UTC')::integer as year
    from (
      select m.* from moved m
      union all
      select l.* from learn.activity_log l
      where l.recorded_at < p_before and l.tableoid = any (p_partitions::oid[])
    ) o
    order by user_id, year, id
  ) f
  group by f.user_id, f.year
  on conflict (user_id, year) do update
    set id = a.id || excluded.id, activity_type = a.activity_type || excluded.activity_type,
      subject_type = a.subject_type || excluded.subject_type, subject_id = a.subject_id || excluded.subject_id,
      properties = a.properties || excluded.properties, xp = a.xp || excluded.xp,
      occurred_at = a.occurred_at || excluded.occurred_at, local_date = a.local_date || excluded.local_date,
      zone_number = a.zone_number || excluded.zone_number, is_qualifying = a.is_qualifying || excluded.is_qualifying,
      recorded_at = a.recorded_at || excluded.recorded_at,
      idempotency_key = a.idempotency_key || excluded.idempotency_key;

  with moved as (
    delete from learn.xp_transactions_default d
    where d.created_at < p_before and (p_user_id is null or d.user_id = p_user_id)
    returning d.*
  )
  insert into learn_internal.archived_payments as a (user_id, year, id, amount, activity_type, source_type, source_id,
    description, earned_on, created_at)
  select p.user_id, p.year, array_agg(p.id), array_agg(p.amount::integer), array_agg(p.activity_type::text),
    array_agg(p.source_type::text), array_agg(p.source_id::text), array_agg(p.description::text),
    array_agg(p.earned_on), array_agg(p.created_at)
  from (
    select o.*, extract(year from o.created_at at time zone 'UTC')::integer as year
    from (
      select m.* from moved m
      union all
      select t.* from learn.xp_transactions t
      where t.created_at < p_before and t.tableoid = any (p_partitions::oid[])
    ) o
    order by user_id, year, id
  ) p
  group by p.user_id, p.year
  on conflict (user_id, year) do update
    set id = a.id || excluded.id, amount = a.amount || excluded.amount,
      activity_type = a.activity_type || excluded.activity_type, source_type = a.source_type || excluded.source_type,
      source_id = a.source_id || excluded.source_id, description = a.description || excluded.description,
      earned_on = a.earned_on || excluded.earned_on, created_at = a.created_at || excluded.created_at;
end;
$$;
comment on function learn_internal.pack_archive(timestamptz, regclass[], uuid) is
  'Packs what was recorded before a time: moves it from the default partitions, of one learner or (null) of everybody, '
  'and copies it from those given.';
