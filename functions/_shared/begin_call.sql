-- The opening of every public function that changes a learner's state: takes the locks in order,
-- answers a retry from its idempotency key, and notes what held before. When the result carries
-- a replay, the caller returns that and nothing else.
-- Errors: LX001 time out of bounds, blank key; LX002 unknown user; LX004 inactive user;
-- LX008 the user calls too often; LX010 a learner's own session acts for another or at another time; LX013 the key was used for another call.
create or replace function learn_internal.begin_call(
  p_function        text,
  p_user_id         uuid,
  p_arguments       jsonb,
  p_occurred_at     timestamptz,
  p_idempotency_key text
)
returns learn_internal.call
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_call      learn_internal.call;
  v_is_active boolean;
  v_max_calls integer;
  v_earlier   learn.idempotency_keys;
begin
  -- as hold_content() does it, without the price of a call
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;
  if pg_has_role(coalesce(nullif(current_setting('role'), 'none'), session_user), 'learn_user', 'usage') then
    perform learn_internal.require_self(p_user_id, p_occurred_at);
  end if;
  select s.total_xp, s.current_level into v_call.total_xp, v_call.current_level
  from learn.user_stats s
  where s.user_id = p_user_id
  for no key update;
  if not found then
    perform learn_internal.require_user(p_user_id, false);
  end if;
  select u.is_active, coalesce(p_occurred_at, o.now_is, now()),  -- the time as learn.clock() tells it
    (coalesce(o.now_is, now()) at time zone u.timezone - u.day_starts_at)::date,
    (select r.max_calls from learn.rate_limits r where r.kind = p_function)
  into v_is_active, v_call.occurred_at, v_call.today, v_max_calls
  from learn.users u
  left join learn_internal.clock_override o on o.is_only_row
  where u.id = p_user_id;
  if not v_is_active then
    raise exception 'the user is inactive'
      using errcode = 'LX004', detail = format('p_user_id = %s', p_user_id),
        hint = 'Set learn.users.is_active to let the user take part again.';
  end if;

  -- What the user gets from now on has higher ids than anybody has had so far.
  v_call.last_achievement := coalesce(
    pg_sequence_last_value('learn.user_achievements_id_seq'), 0);
  v_call.last_unlock := coalesce(pg_sequence_last_value('learn.user_level_unlocks_id_seq'), 0);
  v_call.last_challenge := coalesce(
    pg_sequence_last_value('learn.user_challenge_progress_id_seq'), 0);
  v_call.user_id := p_user_id;
  v_call.function_name := p_function;

  if p_idempotency_key is not null then
    if p_idempotency_key !~ E'\\S' or length(p_idempotency_key) > 200 then
      raise exception 'an idempotency key has 1 to 200 characters, not all of them blank'
        using errcode = 'LX001',
          detail = format('p_idempotency_key = %L has %s characters, at most 200',
            left(p_idempotency_key, 50), length(p_idempotency_key)),
          hint = 'Use a UUID made for the request, or pass null.';
    end if;
    v_call.idempotency_key := p_idempotency_key;
    v_call.arguments_hash := learn_internal.hash_call(
      p_function,
      p_arguments || jsonb_build_object('occurred_at', p_occurred_at at time zone 'UTC'));

    select k.* into v_earlier
    from learn.idempotency_keys k
    where k.user_id = p_user_id and k.key = p_idempotency_key;
    if found then
      if v_earlier.arguments_hash <> v_call.arguments_hash then
        raise exception 'the idempotency key was used for another call'
          using errcode = 'LX013',
            detail = format('key %s: %s at %s',
              p_idempotency_key, v_earlier.function_name, v_earlier.created_at),
            hint = 'Retry with the same arguments, or use a new key for a new call.';
      end if;
      v_call.replay := jsonb_populate_record(null::learn.award_summary, v_earlier.response);
      v_call.replay.replayed := true;
      return v_call;
    end if;
  end if;

  if p_occurred_at is not null then
    perform learn_internal.require_event_time(p_occurred_at);
  end if;
  if v_max_calls is not null then
    perform learn_internal.limit_rate(p_user_id, p_function);
  end if;
  return v_call;
end;
$$;
comment on function learn_internal.begin_call(text, uuid, jsonb, timestamptz, text) is
  'Opens a public call: locks the user, replays a retry (LX013 when it differs), '
  'notes what held before.';
