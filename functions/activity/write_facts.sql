-- Writes facts to the log, with the local date of each and whether it makes the day active.
-- One that happens once and that was recorded from outside already is left out.
create or replace function learn_internal.write_facts(
  p_facts learn_internal.fact[], p_idempotency_key text default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_now timestamptz := learn.clock();
begin
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying, idempotency_key, recorded_at)
  select f.user_id, f.activity_type, f.subject_type, f.subject_id,
    coalesce(f.properties, '{}'), f.xp, f.occurred_at,
    (f.occurred_at at time zone u.timezone)::date, t.is_qualifying, p_idempotency_key, v_now
  from unnest(p_facts) with ordinality
    f(user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at, position)
  join learn.users u on u.id = any (array[f.user_id])
  join learn.activity_types t on t.key = f.activity_type
  where not t.happens_once or not exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = f.user_id and r.activity_type = f.activity_type
      and r.subject_type = f.subject_type and r.subject_id = f.subject_id
    offset 0)
  order by f.position;
end;
$$;
comment on function learn_internal.write_facts(learn_internal.fact[], text) is
  'Writes facts to the log, in the given order.';
revoke all on function learn_internal.write_facts(learn_internal.fact[], text) from public;
