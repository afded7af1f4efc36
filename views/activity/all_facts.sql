-- The facts of all times: those of the log, and those that are archived, in columns of the same types. Recounts,
-- explanations and exports read them here; what is of today is in learn.activity_log.
create or replace view learn_internal.all_facts as
select l.user_id, l.id, l.activity_type::text, l.subject_type::text, l.subject_id::text, l.properties::jsonb, l.xp,
  l.occurred_at, l.local_date, l.zone_number, l.is_qualifying, l.recorded_at, l.idempotency_key::text
from learn.activity_log l
union all
select f.user_id, f.id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp, f.occurred_at, f.local_date,
  f.zone_number, f.is_qualifying, f.recorded_at, f.idempotency_key
from learn_internal.unpacked_facts f;
comment on view learn_internal.all_facts is
  'The facts of all times, those of activity_log and those that archive_before() has packed.';
