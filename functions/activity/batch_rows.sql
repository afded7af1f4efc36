-- The elements of a valid batch of activities as rows.
create or replace function learn_internal.batch_rows(p_batch jsonb)
returns table (
  "position" bigint, user_id uuid,
  activity_type text, subject_type text, subject_id text, properties jsonb,
  occurred_at timestamptz, idempotency_key text, arguments_hash text, first_position_of_key bigint
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select e.position, (e.value ->> 'user_id')::uuid,
    e.value ->> 'activity_type', e.value ->> 'subject_type', e.value ->> 'subject_id',
    coalesce(nullif(e.value -> 'properties', 'null'), '{}'),
    coalesce((e.value ->> 'occurred_at')::timestamptz, learn.clock()),
    e.value ->> 'idempotency_key',
    learn_internal.hash_call('record_activity', jsonb_build_object(
      'activity_type', e.value ->> 'activity_type',
      'subject_type', e.value ->> 'subject_type', 'subject_id', e.value ->> 'subject_id',
      'properties', coalesce(nullif(e.value -> 'properties', 'null'), '{}'),
      'occurred_at', (e.value ->> 'occurred_at')::timestamptz at time zone 'UTC')),
    min(e.position) over (partition by (e.value ->> 'user_id')::uuid, e.value ->> 'idempotency_key')
  from jsonb_array_elements(p_batch) with ordinality e(value, position);
$$;
comment on function learn_internal.batch_rows(jsonb) is
  'The elements of a valid batch of activities as rows.';
