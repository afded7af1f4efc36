-- Writes facts of the past to the log: they count like others, but pay only what they carry
-- and make no day active. One that happens once and that was recorded from outside already
-- is left out.
create or replace function learn_internal.write_past_facts(p_facts learn_internal.fact[])
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, zone_number, is_qualifying)
  select f.user_id, f.activity_type, f.subject_type, f.subject_id,
    coalesce(f.properties, '{}'), coalesce(f.xp, 0), f.occurred_at,
    d.local_date, d.zone_number, false
  from unnest(p_facts) with ordinality
    f(user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at, position)
  join learn.users u on u.id = f.user_id
  cross join lateral learn_internal.local_date(f.user_id, f.occurred_at) d
  join learn.activity_types t on t.key = f.activity_type
  where not t.happens_once or not exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = f.user_id and r.activity_type = f.activity_type
      and r.subject_type = f.subject_type and r.subject_id = f.subject_id)
  order by f.position;
$$;
comment on function learn_internal.write_past_facts(learn_internal.fact[]) is
  'Writes facts that pay only what they carry and make no day active, in the given order.';
revoke all on function learn_internal.write_past_facts(learn_internal.fact[]) from public;
