-- What is wrong with the elements of a batch of activities: their numbers from 1,
-- an SQLSTATE, and words.
create or replace function learn_internal.batch_problems(p_batch jsonb)
returns table ("position" bigint, code text, problem text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The shape first: what follows casts to uuid and timestamptz.
  return query
  select e.position, 'LX001', case
    when jsonb_typeof(e.value) <> 'object' then 'it is not a JSON object'
    when not coalesce(e.value ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
      then format('user_id is not a UUID: %s', coalesce(left(e.value ->> 'user_id', 50), 'null'))
    when e.value ->> 'occurred_at' is not null
      and not learn_internal.is_timestamp(e.value ->> 'occurred_at')
      then format('occurred_at is not a time: %s', left(e.value ->> 'occurred_at', 50))
    when e.value ->> 'idempotency_key' !~ E'\\S' or length(e.value ->> 'idempotency_key') > 200
      then 'idempotency_key is blank or longer than 200 characters'
  end
  from jsonb_array_elements(p_batch) with ordinality e(value, position)
  where jsonb_typeof(e.value) <> 'object'
    or not coalesce(e.value ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
    or e.value ->> 'occurred_at' is not null
      and not learn_internal.is_timestamp(e.value ->> 'occurred_at')
    or e.value ->> 'idempotency_key' !~ E'\\S' or length(e.value ->> 'idempotency_key') > 200;
  if found then
    return;
  end if;

  return query
  with rows as materialized (
    select b.*, u.id as known_user_id, u.is_active,
      k.arguments_hash as earlier_hash, k.function_name,
      first_value(b.arguments_hash) over (
        partition by b.user_id, b.idempotency_key order by b.position) as first_hash,
      learn_internal.activity_problem(
        b.activity_type, b.subject_type, b.subject_id, b.properties) as problem
    from learn_internal.batch_rows(p_batch) b
    left join learn.users u on u.id = b.user_id
    left join learn.idempotency_keys k on k.user_id = b.user_id and k.key = b.idempotency_key
  ), limits as materialized (
    select learn.clock() + interval '5 minutes' as latest,
      learn.clock() - learn_internal.setting_number('max_event_age_days') * interval '24 hours'
        as earliest
  ), found as (
    select r.position, case
      when r.known_user_id is null then array['LX002', format('unknown user %s', r.user_id)]
      when not r.is_active then array['LX004', format('user %s is inactive', r.user_id)]
      when r.idempotency_key is not null
        and r.arguments_hash <> coalesce(r.earlier_hash, r.first_hash)
        then array['LX013', format('the idempotency key %s was used for another call (%s)',
          r.idempotency_key, coalesce(r.function_name, 'an earlier element'))]
      when r.earlier_hash is not null then null  -- a retry
      when r.problem is not null
        then array[learn_internal.activity_problem_code(r.activity_type), r.problem]
      when r.occurred_at not between l.earliest and l.latest
        then array['LX001', format('occurred_at is out of bounds: %s', r.occurred_at)]
    end as finding
    from rows r
    cross join limits l
  )
  select f.position, f.finding[1], f.finding[2] from found f where f.finding is not null;
end;
$$;
comment on function learn_internal.batch_problems(jsonb) is
  'What is wrong with the elements of a batch of activities; no row when nothing is.';
