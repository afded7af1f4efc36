-- Records what a user did, of any activity type that Laurel does not write itself. A fact of a type
-- that happens once per subject is recorded once: a repeat changes nothing and is no error.
-- Errors: LX001 unknown type, half a subject, properties that are no object or hold no number where
-- a metric wants one; LX002; LX004 user inactive; LX010 a type that Laurel writes itself; LX013.
create or replace function learn.record_activity(
  p_user_id         uuid,
  p_activity_type   text,
  p_subject_type    text default null,
  p_subject_id      text default null,
  p_properties      jsonb default '{}',
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'record_activity', p_user_id,
    jsonb_build_object('activity_type', p_activity_type, 'subject_type', p_subject_type,
      'subject_id', p_subject_id, 'properties', p_properties),
    p_occurred_at, p_idempotency_key);
  v_problem text;
  v_is_once boolean;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if length(p_activity_type) > 200 or length(p_subject_type) > 100
    or length(p_subject_id) > 500 or pg_column_size(p_properties) > 65536
  then  -- tested here, without the price of calls
    perform learn_internal.require_size('p_activity_type', length(p_activity_type), 200);
    perform learn_internal.require_size('p_subject_type', length(p_subject_type), 100);
    perform learn_internal.require_size('p_subject_id', length(p_subject_id), 500);
    perform learn_internal.require_size('p_properties', pg_column_size(p_properties), 65536, 'bytes');
  end if;
  v_problem := learn_internal.activity_problem(
    p_activity_type, p_subject_type, p_subject_id, p_properties);
  if v_problem is not null then
    raise exception 'the activity cannot be recorded'
      using errcode = learn_internal.activity_problem_code(p_activity_type), detail = v_problem,
        hint = 'Activity types are rows of learn.activity_types; '
          'Laurel writes the internal ones itself, when a function such as learn.award_xp() '
          'or learn.grant_achievement() is called.';
  end if;
  if learn_internal.is_learner() and exists (
    select from learn.activity_types t
    where t.key = p_activity_type and (t.pays > 0 or t.feeds_metrics))
  then
    raise exception 'a learner does not report what pays or counts'
      using errcode = 'LX010', detail = format('p_activity_type = %s', p_activity_type),
        hint = 'Let a backend that is a member of learn_app report it.';
  end if;

  v_is_once := p_subject_id is not null and exists (
    select from learn.activity_types t where t.key = p_activity_type and t.happens_once);
  if not v_is_once or not learn_internal.has_happened(
      p_user_id, p_activity_type, p_subject_type, p_subject_id) then
    perform learn_internal.write_facts(
      array[(
        p_user_id, p_activity_type, p_subject_type, p_subject_id, p_properties,
        learn_internal.recorded_xp(p_user_id, p_activity_type), v_call.occurred_at)::learn_internal.fact],
      p_idempotency_key);
    if v_is_once then
      insert into learn_internal.recorded_subjects
        (user_id, activity_type, subject_type, subject_id)
      values (p_user_id, p_activity_type, p_subject_type, p_subject_id)
      on conflict do nothing;  -- only a caller with an old snapshot conflicts, and gets 40001
    end if;
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.record_activity(uuid, text, text, text, jsonb, timestamptz, text) is
  'Records what a user did; pays, counts and awards by the rules. Types that happen once '
  'per subject are recorded once.';
grant execute on function learn.record_activity(uuid, text, text, text, jsonb, timestamptz, text)
  to learn_app, learn_user;
