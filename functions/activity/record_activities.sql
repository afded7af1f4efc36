-- Records a batch of activities, of one user or of many, in one set-based step: all or nothing.
-- Each element is {"user_id", "activity_type", "subject_type"?, "subject_id"?, "properties"?,
-- "occurred_at"?, "idempotency_key"?}. Returns one summary per user, in order of first appearance;
-- replayed: everything of that user was a retry.
-- Errors, each naming the element by its number from 1: LX001 malformed, unknown type,
-- time out of bounds; LX002; LX004 user inactive; LX010 a type that Laurel writes itself; LX013.
create or replace function learn.record_activities(p_batch jsonb)
returns setof learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_bad      record;
  v_calls    learn_internal.call[];
  v_user_ids uuid[];
begin
  perform learn_internal.require_size('p_batch', pg_column_size(p_batch), 8388608, 'bytes');
  if jsonb_typeof(p_batch) is distinct from 'array' then
    raise exception 'the batch is not a list'
      using errcode = 'LX001',
        detail = format('p_batch is %s', coalesce(jsonb_typeof(p_batch), 'null')),
        hint = 'Pass a JSON array of activities.';
  end if;
  perform learn_internal.require_size('p_batch', jsonb_array_length(p_batch), 10000, 'elements');

  perform learn_internal.hold_content();
  -- Users next, in key order.
  perform from learn.user_stats s
  where s.user_id in (
    select (e.value ->> 'user_id')::uuid
    from jsonb_array_elements(p_batch) e
    where e.value ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
  order by s.user_id
  for no key update;

  select b.position, b.code, b.problem into v_bad
  from learn_internal.batch_problems(p_batch) b
  order by b.position
  limit 1;
  if found then
    raise exception 'element % of the batch cannot be recorded', v_bad.position
      using errcode = v_bad.code, detail = format('element %s: %s', v_bad.position, v_bad.problem),
        hint = 'Nothing of the batch was recorded. Correct the element, or leave it out, '
          'and send the batch again.';
  end if;

  -- What held before, per user.
  select array_agg(
    (s.user_id, 'record_activities', null, null, null, s.total_xp, s.current_level,
      coalesce((select max(a.id) from learn.user_achievements a where a.user_id = s.user_id), 0),
      null,
      coalesce((select max(l.id) from learn.user_level_unlocks l where l.user_id = s.user_id), 0),
      coalesce((
        select max(c.id) from learn.user_challenge_progress c where c.user_id = s.user_id), 0),
      (learn.clock() at time zone l.timezone - l.day_starts_at)::date
    )::learn_internal.call order by u.first_position)
  into v_calls
  from (
    select b.user_id, min(b.position) as first_position
    from learn_internal.batch_rows(p_batch) b group by b.user_id
  ) u
  join learn.user_stats s on s.user_id = u.user_id
  join learn.users l on l.id = u.user_id;

  -- Users of whom something is new. A key that was used before is a retry.
  select array_agg(distinct b.user_id) into v_user_ids
  from learn_internal.batch_rows(p_batch) b
  where b.idempotency_key is null or not exists (
    select from learn.idempotency_keys k where k.user_id = b.user_id and k.key = b.idempotency_key);

  -- A key that was used before is a retry, and so is its second appearance here.
  perform set_config('learn_internal.writes_facts', 'yes', true);  -- not by hand: see complete_activity()
  with rows as materialized (
    select b.* from learn_internal.batch_rows(p_batch) b
  ), fresh as (
    select r.*
    from rows r
    where r.idempotency_key is null or (
      not exists (
        select from learn.idempotency_keys k
        where k.user_id = r.user_id and k.key = r.idempotency_key)
      and r.position = r.first_position_of_key)
  ), once as (
    insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
    select distinct f.user_id, f.activity_type, f.subject_type, f.subject_id
    from fresh f
    join learn.activity_types t on t.key = f.activity_type and t.happens_once
    where f.subject_id is not null
      and not learn_internal.has_happened(f.user_id, f.activity_type, f.subject_type, f.subject_id)
    order by 1, 2, 3, 4
    on conflict do nothing
    returning user_id, activity_type, subject_type, subject_id
  ), kept as (
    select f.*, t.is_qualifying,
      not t.happens_once or f.subject_id is null or (
        o.user_id is not null
        and row_number() over (
          partition by f.user_id, f.activity_type, f.subject_type, f.subject_id
          order by f.position) = 1) as is_kept
    from fresh f
    join learn.activity_types t on t.key = f.activity_type
    left join once o on o.user_id = f.user_id and o.activity_type = f.activity_type
      and o.subject_type = f.subject_type and o.subject_id = f.subject_id
  ), keyed as (
    insert into learn.idempotency_keys (user_id, key, function_name, arguments_hash)
    select f.user_id, f.idempotency_key, 'record_activity', f.arguments_hash
    from fresh f
    where f.idempotency_key is not null
    on conflict do nothing  -- only a caller with an old snapshot conflicts, and gets 40001
  )
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, zone_number, is_qualifying, idempotency_key)
  select k.user_id, k.activity_type, k.subject_type, k.subject_id, k.properties,
    learn_internal.recorded_xp(k.user_id, k.activity_type), k.occurred_at,
    d.local_date, d.zone_number, k.is_qualifying, k.idempotency_key
  from kept k
  cross join lateral learn_internal.local_date(k.user_id, k.occurred_at) d
  where k.is_kept
  order by k.position;
  perform set_config('learn_internal.writes_facts', '', true);

  -- The answers: of this call, and, where everything of a user was a retry, the first one.
  return query
  with summaries as (
    select c.position, learn_internal.summarize(c.call) as summary
    from (
      select u.position,
        (u.user_id, u.function_name, u.idempotency_key, u.arguments_hash, u.occurred_at,
          u.total_xp, u.current_level, u.last_achievement, u.replay, u.last_unlock,
          u.last_challenge, u.today
        )::learn_internal.call as call
      from unnest(v_calls) with ordinality
        u(user_id, function_name, idempotency_key, arguments_hash, occurred_at,
          total_xp, current_level, last_achievement, replay, last_unlock,
          last_challenge, today, position)
    ) c
  ), kept as (
    update learn.idempotency_keys k
    set response = to_jsonb(s.summary)
    from summaries s
    where k.user_id = (s.summary).user_id and k.response is null
  ), answers as (
    select s.position, coalesce(
      jsonb_populate_record(null::learn.award_summary, (
        select k.response || '{"replayed": true}'
        from learn_internal.batch_rows(p_batch) b
        join learn.idempotency_keys k on k.user_id = b.user_id and k.key = b.idempotency_key
        where b.user_id = (s.summary).user_id
          and (s.summary).user_id <> all (coalesce(v_user_ids, '{}'))
        order by b.position
        limit 1)),
      s.summary) as answer
    from summaries s
  )
  select (a.answer).* from answers a order by a.position;
end;
$$;
comment on function learn.record_activities(jsonb) is
  'Records a batch of activities in one step, all or nothing; returns one summary per user. '
  'Elements are {"user_id", "activity_type", "subject_type"?, "subject_id"?, "properties"?, '
  '"occurred_at"?, "idempotency_key"?}.';
grant execute on function learn.record_activities(jsonb) to learn_app;
