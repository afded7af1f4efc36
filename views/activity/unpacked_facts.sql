-- The facts that are archived, in the columns of learn.activity_log. They are unpacked by the select list: so conditions
-- on user_id reach the table, and no join is planned (see docs/engine.md#plans).
create or replace view learn_internal.unpacked_facts as
select f.user_id, f.id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp, f.occurred_at, f.local_date,
  f.zone_number, f.is_qualifying, coalesce(f.recorded_at, f.occurred_at) as recorded_at, f.idempotency_key, f.year
from (
  select a.user_id, a.year, unnest(a.id) as id, unnest(a.activity_type) as activity_type,
    unnest(a.subject_type) as subject_type, unnest(a.subject_id) as subject_id, unnest(a.properties) as properties,
    unnest(a.xp) as xp, unnest(a.occurred_at) as occurred_at, unnest(a.local_date) as local_date,
    unnest(a.zone_number) as zone_number, unnest(a.is_qualifying) as is_qualifying,
    unnest(a.recorded_at) as recorded_at, unnest(a.idempotency_key) as idempotency_key
  from learn_internal.archived_facts a
) f;
comment on view learn_internal.unpacked_facts is 'The facts that archive_before() has packed, row by row.';
