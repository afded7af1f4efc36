-- Shared foundations: clock, content lock, calls; operations

set role learn_owner;

-- functions/_shared/change_content.sql

-- Tables of content and rules: a change waits for the learners under way, and new ones wait for it,
-- until it commits. Keep such transactions short on a live database.
create or replace function learn_internal.change_content()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table learn_internal.content_lock in exclusive mode;
  update learn_internal.content_lock set version = version + 1;
  return null;
end;
$$;
comment on function learn_internal.change_content() is
  'Statement trigger: a change of content or rules blocks learners.';

-- functions/_shared/hold_content.sql

-- Keeps content and rules as they are until the transaction ends: the first lock of all that
-- happens to learners. It is shared and taken on the fast path, so that learners do not wait
-- for each other, only for a change of content. A caller whose snapshot is older than such a change
-- gets a serialization failure (40001) and retries.
create or replace function learn_internal.hold_content()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform from learn_internal.content_lock for share;
  end if;
end;
$$;
comment on function learn_internal.hold_content() is
  'Keeps content and rules as they are until the transaction ends.';

-- functions/_shared/hold_content_first.sql

-- Tables that refer to content and are written by learners: content is held before
-- the first row refers to it.
create or replace function learn_internal.hold_content_first()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  -- as hold_content() does it, without the price of a call
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;
  return null;
end;
$$;
comment on function learn_internal.hold_content_first() is
  'Statement trigger: keeps content as it is until the transaction ends.';

-- functions/_shared/hash_call.sql

-- What tells two calls apart: SHA-256 of the function's name and its arguments, in hex.
create or replace function learn_internal.hash_call(p_function text, p_arguments jsonb)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(p_function || p_arguments::text, 'UTF8')), 'hex');
$$;
comment on function learn_internal.hash_call(text, jsonb) is 'SHA-256 of a call, in hex.';

-- functions/_shared/begin_call.sql

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

-- functions/_shared/end_call.sql

-- The close of every public function that changes a learner's state: sums up, and keeps the answer for
-- a retry. What the call made and its caller has to know of, such as the id of a new row, stands in the
-- summary's `unlocked`, and so in the answer to a retry too.
create or replace function learn_internal.end_call(
  p_call learn_internal.call, p_made jsonb default null
)
returns learn.award_summary
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_summary learn.award_summary := learn_internal.summarize(p_call);
begin
  if p_made is not null then
    v_summary.unlocked := v_summary.unlocked || p_made;
  end if;
  if p_call.idempotency_key is not null then
    insert into learn.idempotency_keys (user_id, key, function_name, arguments_hash, response)
    values (p_call.user_id, p_call.idempotency_key, p_call.function_name,
      p_call.arguments_hash, to_jsonb(v_summary))
    on conflict do nothing;  -- only a caller with an old snapshot conflicts, and gets 40001
  end if;
  return v_summary;
end;
$$;
comment on function learn_internal.end_call(learn_internal.call, jsonb) is
  'Closes a public call: sums up, and keeps the answer for a retry. p_made: what it made, such as '
  '{"reply_id": 7}.';

-- functions/operations/setting_boolean.sql

-- Reads a switch from platform_settings.
-- Errors: LX003 no such setting.
create or replace function learn_internal.setting_boolean(p_key text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value boolean;
begin
  select s.value::boolean into v_value
  from learn.platform_settings s
  where s.key = p_key and s.value_type = 'boolean';
  if not found then
    raise exception 'there is no switch %', p_key
      using errcode = 'LX003', detail = format('p_key = %s', p_key),
        hint = 'The settings there are: select * from learn.platform_settings.';
  end if;
  return v_value;
end;
$$;
comment on function learn_internal.setting_boolean(text) is
  'Value of a platform setting that is on or off.';

-- functions/operations/setting_number.sql

-- Reads a number from platform_settings.
-- Errors: LX003 no such setting.
create or replace function learn_internal.setting_number(p_key text)
returns numeric
language plpgsql
stable
security definer                  -- callable from views that an app role reads
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value numeric;
begin
  select (s.value #>> '{}')::numeric into v_value
  from learn.platform_settings s
  where s.key = p_key and s.value_type = 'number';
  if not found then
    raise exception 'there is no numeric setting %', p_key
      using errcode = 'LX003', detail = format('p_key = %s', p_key),
        hint = 'The settings there are: select * from learn.platform_settings.';
  end if;
  return v_value;
end;
$$;
comment on function learn_internal.setting_number(text) is 'Value of a numeric platform setting.';

-- functions/operations/setting_string.sql

-- Reads a text from platform_settings.
-- Errors: LX003 no such setting.
create or replace function learn_internal.setting_string(p_key text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value text;
begin
  select s.value #>> '{}' into v_value
  from learn.platform_settings s
  where s.key = p_key and s.value_type = 'string';
  if not found then
    raise exception 'there is no textual setting %', p_key
      using errcode = 'LX003', detail = format('p_key = %s', p_key),
        hint = 'The settings there are: select * from learn.platform_settings.';
  end if;
  return v_value;
end;
$$;
comment on function learn_internal.setting_string(text) is 'Value of a textual platform setting.';

-- functions/_shared/require_event_time.sql

-- Refuses a time of occurrence that lies ahead or too far back.
-- Errors: LX001.
create or replace function learn_internal.require_event_time(p_occurred_at timestamptz)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_days numeric;
begin
  if p_occurred_at is null then
    return;
  end if;
  v_days := learn_internal.setting_number('max_event_age_days');
  if p_occurred_at > learn.clock() + interval '5 minutes'
    or p_occurred_at < learn.clock() - v_days * interval '24 hours'
  then
    raise exception 'the time of the event is out of bounds'
      using errcode = 'LX001', detail = format('p_occurred_at = %s', p_occurred_at),
        hint = format(
          'It may lie at most 5 minutes ahead and %s days back (setting max_event_age_days).',
          v_days);
  end if;
end;
$$;
comment on function learn_internal.require_event_time(timestamptz) is
  'Refuses a time more than 5 minutes ahead or further back than max_event_age_days (LX001).';

-- functions/_shared/require_possible_time.sql

-- Refuses a time at which nothing can have happened: ahead of the clock, or absurdly far back.
-- Errors: LX001.
create or replace function learn_internal.require_possible_time(p_name text, p_time timestamptz)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if learn_internal.is_off_time(p_time, p_time) then
    raise exception 'a time is out of bounds'
      using errcode = 'LX001', detail = format('%s = %s', p_name, p_time),
        hint = 'What has happened is dated at most 5 minutes ahead of learn.clock(), and not before 1970.';
  end if;
end;
$$;
comment on function learn_internal.require_possible_time(text, timestamptz) is
  'Refuses a time ahead of the clock or before 1970 (LX001).';

-- functions/_shared/require_self.sql

-- Refuses what a learner's own session does for somebody else, or says about another time.
-- Whose session it is says the role that it has become (set role, as PostgREST does), else its login role: in a
-- security definer function current_user is the owner. Who is a member of learn_app is trusted, and not bound.
-- Errors: LX010.
create or replace function learn_internal.require_self(p_user_id uuid, p_occurred_at timestamptz default null)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not learn_internal.is_learner() then
    return;
  end if;
  if p_user_id is distinct from learn.current_learner() then
    raise exception 'a learner acts for nobody else'
      using errcode = 'LX010',
        detail = format('p_user_id = %s, current_learner() = %s',
          coalesce(p_user_id::text, 'null'), coalesce(learn.current_learner()::text, 'null')),
        hint = 'Pass learn.current_learner(); it comes from the login role, learn.user_id or the claim sub.';
  end if;
  if p_occurred_at is not null then
    raise exception 'a learner does not say when it happened'
      using errcode = 'LX010', detail = format('p_occurred_at = %s', p_occurred_at),
        hint = 'Leave p_occurred_at out. What was done offline is reported by a backend.';
  end if;
end;
$$;
comment on function learn_internal.require_self(uuid, timestamptz) is
  'Refuses a learner''s own session that acts for another user or says when it happened (LX010).';

-- functions/_shared/require_size.sql

-- Refuses an argument that is too large, and says what the limit is. None (null) is never too large.
-- Errors: LX001.
create or replace function learn_internal.require_size(
  p_name text, p_size bigint, p_limit bigint, p_unit text default 'characters'
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_size > p_limit then
    raise exception '% is too large', p_name
      using errcode = 'LX001',
        detail = format('%s has %s %s, at most %s', p_name, p_size, p_unit, p_limit),
        hint = 'Nothing was changed. Send less, or send it in parts.';
  end if;
end;
$$;
comment on function learn_internal.require_size(text, bigint, bigint, text) is
  'Refuses an argument that is too large (LX001); DETAIL has the limit.';

-- functions/_shared/require_text.sql

-- A text that people will see, as it is kept: composed (Unicode NFC), without blanks at its ends. Of a text of
-- many lines, what cannot be seen is left out: it comes with what is pasted. In a name or a title (p_is_line) it
-- is refused, because names that look the same would differ.
-- Errors: LX001 it is too long, or has what cannot be seen.
create or replace function learn_internal.require_text(
  p_name text, p_text text, p_limit integer, p_is_line boolean default false
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text    text;
  v_problem text;
begin
  perform learn_internal.require_size(p_name, length(p_text), p_limit);
  if learn_internal.text_problem(p_text, p_is_line) is null then
    return p_text;
  end if;
  v_text := case when p_is_line then learn_internal.trim_text(p_text)
    else learn_internal.tidy_text(p_text) end;
  v_problem := learn_internal.text_problem(v_text, p_is_line);
  if v_problem is not null then
    raise exception '% cannot be shown as it is', p_name
      using errcode = 'LX001', detail = format('%s %s', p_name, v_problem),
        hint = 'Names and titles are one line of characters that can be seen; joiners are for emoji and '
          'scripts that need them.';
  end if;
  return v_text;
end;
$$;
comment on function learn_internal.require_text(text, text, integer, boolean) is
  'A text that people will see, as it is kept; LX001 where it cannot be. p_is_line: a name or a title.';

-- functions/_shared/require_sound_facts.sql

-- Refuses a group of facts (of one type and local date) that cannot be: of an unknown type, malformed, at an impossible
-- time, or on a date on which nobody on earth was then. Late ones, which make no day active, may be on any day since.
-- Errors: LX001.
create or replace function learn_internal.require_sound_facts(
  p_type_is_known boolean, p_activity_type text, p_is_qualifying boolean, p_local_date date,
  p_recorded_at timestamptz, p_first_at timestamptz, p_last_at timestamptz, p_malformed text
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not p_type_is_known then
    raise exception 'unknown activity type'
      using errcode = 'LX001', detail = coalesce(p_activity_type, 'null'),
        hint = 'Add it to learn.activity_types first.';
  elsif p_malformed is not null then
    raise exception 'a fact is malformed'
      using errcode = 'LX001', detail = p_malformed,
        hint = 'Properties are a JSON object; a subject has both a type and an id.';
  end if;
  perform learn_internal.require_possible_time('occurred_at', least(p_first_at, p_recorded_at));
  perform learn_internal.require_possible_time(
    'occurred_at or recorded_at', greatest(p_last_at, p_recorded_at));
  if p_local_date > (p_first_at at time zone 'UTC')::date + 1
    or p_local_date < (p_last_at at time zone 'UTC')::date - 1
      and (p_is_qualifying or p_local_date < '1970-01-01')
  then
    raise exception 'a local date is that of no place'
      using errcode = 'LX001',
        detail = format('local_date = %s, occurred_at = %s', p_local_date, p_last_at at time zone 'UTC'),
        hint = 'Leave local_date out: it follows from occurred_at and the user''s time zone.';
  end if;
end;
$$;
comment on function learn_internal.require_sound_facts(
  boolean, text, boolean, date, timestamptz, timestamptz, timestamptz, text) is
  'Refuses a group of facts of an unknown type, malformed, or of an impossible time or date (LX001).';

-- functions/_shared/summarize.sql

-- What has happened to a user since a call began.
create or replace function learn_internal.summarize(p_call learn_internal.call)
returns learn.award_summary
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_summary      learn.award_summary;
  v_last_date    date;
  v_has_earned   boolean := false;
  v_has_unlocked boolean := false;
  v_has_challenges boolean := false;
  v_has_avatars  boolean;
  v_avatars      jsonb;
  -- What was got since has ids up to these: older rows may have higher ones, where a sequence began anew.
  v_to_unlock      bigint := pg_sequence_last_value('learn.user_level_unlocks_id_seq');
  v_to_challenge   bigint := pg_sequence_last_value('learn.user_challenge_progress_id_seq');
  v_to_achievement bigint := pg_sequence_last_value('learn.user_achievements_id_seq');
begin
  select s.user_id, least(s.total_xp - p_call.total_xp, 2147483647), s.total_xp,
    s.current_level, s.current_level > p_call.current_level, s.current_streak, s.last_activity_date
  into v_summary.user_id, v_summary.xp_awarded, v_summary.total_xp,
    v_summary.current_level, v_summary.leveled_up, v_summary.current_streak,
    v_last_date
  from learn.user_stats s
  where s.user_id = p_call.user_id;
  if v_last_date is null or p_call.today is null or v_last_date < p_call.today - 1 then
    v_summary.current_streak := learn.calculate_user_streak(p_call.user_id);
  end if;
  v_summary.unlocked := '{}';
  v_summary.replayed := false;
  -- Mostly nobody has got anything since: that is known without looking at tables.
  if v_to_unlock > p_call.last_unlock then
    v_has_unlocked := exists (
      select from learn.user_level_unlocks l
      where l.user_id = p_call.user_id and l.id > p_call.last_unlock and l.id <= v_to_unlock);
  end if;
  if v_to_challenge > p_call.last_challenge then
    v_has_challenges := exists (
      select from learn.user_challenge_progress c
      where c.user_id = p_call.user_id and c.id > p_call.last_challenge and c.id <= v_to_challenge);
  end if;
  if v_to_achievement > p_call.last_achievement then
    v_has_earned := exists (
      select from learn.user_achievements a
      where a.user_id = p_call.user_id and a.id > p_call.last_achievement and a.id <= v_to_achievement);
  end if;
  if v_has_unlocked then
    select jsonb_build_object('levels', jsonb_agg(
      jsonb_build_object('course', c.slug, 'level', v.slug) order by u.id))
    into v_summary.unlocked
    from learn.user_level_unlocks u
    join learn.course_levels v on v.id = u.course_level_id
    join learn.courses c on c.id = v.course_id
    where u.user_id = p_call.user_id and u.id > p_call.last_unlock and u.id <= v_to_unlock;
  end if;
  if v_has_challenges then
    select v_summary.unlocked
      || jsonb_build_object('challenges', jsonb_agg(c.slug order by p.id))
    into v_summary.unlocked
    from learn.user_challenge_progress p
    join learn.challenges c on c.id = p.challenge_id
    where p.user_id = p_call.user_id and p.id > p_call.last_challenge and p.id <= v_to_challenge;
  end if;
  if not v_has_earned then
    v_summary.new_achievements := '{}';
    return v_summary;
  end if;

  select array_agg(a.slug order by u.id), bool_or(a.unlocks_avatar_id is not null)
  into v_summary.new_achievements, v_has_avatars
  from learn.user_achievements u
  join learn.achievements a on a.id = u.achievement_id
  where u.user_id = p_call.user_id and u.id > p_call.last_achievement and u.id <= v_to_achievement;

  if not v_has_avatars then
    return v_summary;
  end if;
  -- Avatars that these achievements unlock and no earlier one had unlocked.
  select jsonb_build_object('avatars', jsonb_agg(v.slug order by v.display_order, v.slug))
  into v_avatars
  from learn.avatars v
  where exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and u.id > p_call.last_achievement and u.id <= v_to_achievement
        and a.unlocks_avatar_id = v.id)
    and not exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and (u.id <= p_call.last_achievement or u.id > v_to_achievement)
        and a.unlocks_avatar_id = v.id)
  having count(*) > 0;
  v_summary.unlocked := v_summary.unlocked || coalesce(v_avatars, '{}');
  return v_summary;
end;
$$;
comment on function learn_internal.summarize(learn_internal.call) is
  'What has happened to a user since a call began.';

-- functions/_shared/is_timestamp.sql

-- Whether a text is a point in time.
create or replace function learn_internal.is_timestamp(p_text text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return isfinite(p_text::timestamptz);
exception
  when invalid_datetime_format or datetime_field_overflow or invalid_parameter_value
    or invalid_time_zone_displacement_value
  then
    return false;
end;
$$;
comment on function learn_internal.is_timestamp(text) is
  'Whether a text is a (finite) point in time.';

-- functions/_shared/refuse_change.sql

-- Append-only tables: rows are neither changed nor deleted, except with the user
-- whose rows they are, and when they are archived.
-- Errors: LX009.
create or replace function learn_internal.refuse_change()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' and not exists (select from learn.users u where u.id = old.user_id) then
    return old;  -- goes with its user
  end if;
  if tg_op = 'UPDATE' and learn_internal.is_merging() then
    return new;
  end if;
  if tg_op = 'DELETE' and learn_internal.is_running('learn_internal.pack_archive') then
    return old;  -- to the archive
  end if;
  raise exception '% is append-only', tg_table_name
    using errcode = 'LX009',
      detail = format('%s of a row of user %s', lower(tg_op collate "C"), old.user_id),
      hint = 'Write a new row that makes up for it: XP is taken back by learn.reverse_xp().';
end;
$$;
comment on function learn_internal.refuse_change() is
  'Row trigger: refuses update and delete (LX009) while the user exists.';

-- functions/_shared/refuse_times.sql

-- Nothing is dated ahead of the clock, nor absurdly far back, however a row is written: the WHEN clauses
-- of the triggers ask is_off_time() and is_off_date(). Arguments of the trigger: the columns.
-- Errors: LX001.
create or replace function learn_internal.refuse_times()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'a time is out of bounds'
    using errcode = 'LX001', detail = (
      select tg_table_name || ': ' || string_agg(format('%s = %s', c.name, to_jsonb(new) ->> c.name), ', ')
      from unnest(tg_argv) c(name)),
      hint = 'What has happened is dated at most 5 minutes ahead of learn.clock(), and not before 1970.';
end;
$$;
comment on function learn_internal.refuse_times() is
  'Row trigger: refuses a row dated ahead of the clock or before 1970 (LX001).';

-- functions/_shared/refuse_truncate.sql

-- Append-only tables are not emptied either.
-- Errors: LX009.
create or replace function learn_internal.refuse_truncate()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '% is not truncated', tg_table_name
    using errcode = 'LX009', detail = format('truncate of %s.%s', tg_table_schema, tg_table_name),
      hint = 'Of a log, detach or drop a whole month''s partition. Rows of learners are deleted, which is remembered.';
end;
$$;
comment on function learn_internal.refuse_truncate() is
  'Statement trigger: refuses truncate (LX009).';

-- functions/_shared/set_clock.sql

-- Stops Laurel's clock at a time, or lets it run again (null). For tests; only the owner may.
create or replace function learn_internal.set_clock(p_at timestamptz)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  delete from learn_internal.clock_override;
  insert into learn_internal.clock_override (now_is) select p_at where p_at is not null;
$$;
comment on function learn_internal.set_clock(timestamptz) is
  'Stops learn.clock() at a time; null lets it run again. For tests.';

-- functions/_shared/touch_updated_at.sql

-- Keeps updated_at true on the tables that have one.
create or replace function learn_internal.touch_updated_at()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := learn.clock();
  return new;
end;
$$;
comment on function learn_internal.touch_updated_at() is
  'Row trigger: sets updated_at to the time of the change.';

-- functions/operations/check_learner.sql

-- check_integrity() of one learner, by key: planned once per session, which takes longer than to check.
create or replace function learn_internal.check_learner(p_user_id uuid)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- see docs/engine.md#plans
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
begin
  return query select * from learn_internal.damage d where d.user_id = p_user_id;
end;
$$;
comment on function learn_internal.check_learner(uuid) is
  'Where projections of one learner are not what follows from facts.';

-- functions/operations/check_everybody.sql

-- What is not as it follows from facts, of everybody (p_learners_too) or only of what is nobody's. The statements join
-- sets with sets and group them: by hashes, with memory for them, whatever is known of the tables' sizes.
create or replace function learn_internal.check_everybody(p_learners_too boolean)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
set enable_sort = off
set work_mem = '256MB'
set jit = off
as $$
declare
  v_suspects uuid[];
begin
  return query select * from learn_internal.common_damage;
  if p_learners_too then
    return query select * from learn_internal.damage_but_boards;
    v_suspects := array(select s.user_id from learn_internal.board_suspects s);
    if v_suspects <> '{}' then
      return query select * from learn_internal.board_damage d where d.user_id = any (v_suspects);
    end if;
  end if;
end;
$$;
comment on function learn_internal.check_everybody(boolean) is
  'Where projections that are nobody''s are not what follows from facts, and (p_learners_too) those of all learners.';

-- functions/operations/check_integrity.sql

-- Recomputes every projection from facts, set-based, and compares: of one user by key, or of everybody.
-- No row when all is well. Reads only.
-- Errors: LX002 unknown user.
-- no grant: for operators, as learn_owner.
create or replace function learn.check_integrity(p_user_id uuid default null)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  if p_user_id is null then
    return query select * from learn_internal.check_everybody(true);
    return;
  end if;
  perform learn_internal.require_user(p_user_id);
  return query select * from learn_internal.check_learner(p_user_id);
end;
$$;
comment on function learn.check_integrity(uuid) is
  'Recomputes every projection from facts and compares, of one user or (null) of everybody and of what belongs '
  'to nobody; no row when all is well. Reads only.';

-- functions/operations/check_slice.sql

-- Checks the next learners, a share of all, from where the last call stopped: for a scheduler. A round begins with
-- what is nobody's. Returns what it has found, and keeps it in integrity_findings until the learner is checked again.
-- Errors: LX001 p_share is not between 0 and 1.
-- no grant: for operators, as learn_owner.
create or replace function learn.check_slice(p_share double precision default 0.01)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for where it goes on
set jit = off
as $$
declare
  v_after uuid;
  v_user  uuid;
  v_limit bigint;
begin
  if p_share is null or p_share <= 0 or p_share > 1 then
    raise exception 'a slice is a share of the learners'
      using errcode = 'LX001', detail = format('p_share = %s', coalesce(p_share::text, 'null')),
        hint = 'Pass a number above 0, 1 at most: 0.01 is a hundredth.';
  end if;
  select s.checked_until into v_after from learn_internal.integrity_state s for update;
  select ceil(p_share * count(*)) into v_limit from learn.users;

  if v_after is null then
    update learn_internal.integrity_state set round_began_at = learn.clock();
    delete from learn_internal.integrity_findings f where f.about_user is null;
    return query
    insert into learn_internal.integrity_findings as f (check_name, expected, actual)
    select d.check_name, d.expected, d.actual from learn_internal.check_everybody(false) d
    returning f.check_name, f.about_user, f.expected, f.actual;
  end if;
  for v_user in
    select u.id from learn.users u
    where v_after is null or u.id > v_after
    order by u.id
    limit v_limit
  loop
    delete from learn_internal.integrity_findings f where f.about_user = v_user;
    return query
    insert into learn_internal.integrity_findings as f (check_name, about_user, expected, actual)
    select * from learn_internal.check_learner(v_user)
    returning f.check_name, f.about_user, f.expected, f.actual;
    v_after := v_user;
  end loop;
  update learn_internal.integrity_state
  set checked_until = case when exists (select from learn.users u where u.id > v_after) then v_after end;
end;
$$;
comment on function learn.check_slice(double precision) is
  'Checks the next share of the learners, from where the last call stopped, and returns what it has found: '
  'check_integrity() in slices, for a scheduler.';

-- functions/operations/ensure_month.sql

-- Makes the partition of one month of a log that is partitioned by month, and moves the rows
-- of that month out of the default partition. A table of its name that is there, filled by attach_archive(),
-- becomes the partition. Returns whether there was something to do. The caller holds the locks: see lock_logs().
create or replace function learn_internal.ensure_month(p_table name, p_month date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition name := p_table || to_char(p_month, '_YYYY_MM');
  v_default   name := p_table || '_default';
  v_time      name := case p_table when 'activity_log' then 'recorded_at' else 'created_at' end;
  v_from      timestamptz := p_month::timestamp at time zone 'UTC';
  v_until     timestamptz := (p_month + interval '1 month')::timestamp at time zone 'UTC';
begin
  if exists (select from pg_inherits i where i.inhrelid = to_regclass(format('learn.%I', v_partition))) then
    return false;
  end if;

  if to_regclass(format('learn.%I', v_partition)) is null then
    perform learn_internal.create_month(p_table, p_month);
  end if;
  execute format('alter table learn.%I disable trigger user', v_default);
  execute format(
    'with moved as (delete from learn.%1$I where %2$I >= %3$L and %2$I < %4$L returning *)
     insert into learn.%5$I select * from moved',
    v_default, v_time, v_from, v_until, v_partition);
  execute format('alter table learn.%I enable trigger user', v_default);
  execute format('alter table learn.%I attach partition learn.%I for values from (%L) to (%L)',
    p_table, v_partition, v_from, v_until);
  execute format('alter table learn.%I drop constraint is_of_the_month', v_partition);
  execute format(
    'create trigger %I before truncate on learn.%I for each statement execute function '
    'learn_internal.refuse_truncate()',
    v_partition || '_truncate', v_partition);
  if p_table = 'activity_log' then
    execute format(
      'create trigger refuse_by_hand before insert on learn.%I for each statement when (pg_trigger_depth() = 0) '
      'execute function learn_internal.refuse_by_hand(%L)',
      v_partition, 'Insert into learn.activity_log.');
  end if;
  execute format('comment on table learn.%I is %L',
    v_partition, 'Rows of ' || to_char(p_month, 'YYYY-MM') || ' (UTC).');
  perform learn_internal.hide_texts(format('learn.%I', v_partition)::regclass);
  if p_table <> 'audit_log' then  -- which is nobody's to read
    execute format('grant select on learn.%I to learn_app, learn_readonly', v_partition);
    perform learn_internal.protect_rows(
      format('learn.%I', v_partition)::regclass, 'user_id = (select learn.current_learner())');
  end if;
  return true;
end;
$$;
comment on function learn_internal.ensure_month(name, date) is
  'Makes one month''s partition of activity_log, audit_log or xp_transactions; '
  'false when it is there already.';

-- functions/operations/ensure_partitions.sql

-- Makes the monthly partitions of the log and the ledger from the current month (UTC)
-- up to the one of p_until, and for every month that has rows in a default partition.
-- Call it from a scheduler, some months ahead; without it rows go to the default
-- partitions and nothing fails.
-- Errors: LX001 p_until is missing or more than ten years ahead; 55P03 the logs could
-- not be locked: call it again.
-- no grant: for operators, as learn_owner.
create or replace function learn.ensure_partitions(p_until date)
returns integer
language plpgsql
volatile
security definer                  -- partitions belong to the owner of the table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_now    date := date_trunc('month', learn.clock())::date;
  v_tables name[];
  v_months date[];
  v_made   integer;
begin
  if p_until is null or p_until > v_now + interval '10 years' then
    raise exception 'partitions are made at most ten years ahead'
      using errcode = 'LX001', detail = format('p_until = %s', coalesce(p_until::text, 'null')),
        hint = 'Give a date some months ahead.';
  end if;

  -- One scheduler at a time. Nothing to do is the common case, and takes no lock
  -- that a writer waits for.
  perform from learn_internal.turns t where t.name = 'partitions' for update;
  select array_agg(m.name order by m.month, m.name), array_agg(m.month order by m.month, m.name)
  into v_tables, v_months
  from (
    select t.name, g.month::date as month
    from unnest(array['activity_log', 'audit_log', 'xp_transactions']::name[]) t(name)
    cross join generate_series(
      v_now::timestamp, date_trunc('month', greatest(p_until, v_now)::timestamp),
      interval '1 month') g(month)
    union
    select 'activity_log', date_trunc('month', f.recorded_at)::date
    from learn.activity_log_default f
    union
    select 'audit_log', date_trunc('month', a.created_at)::date
    from learn.audit_log_default a
    union
    select 'xp_transactions', date_trunc('month', t.created_at)::date
    from learn.xp_transactions_default t
  ) m
  where to_regclass(format('learn.%I', m.name || to_char(m.month, '_YYYY_MM'))) is null;
  if v_tables is null then
    return 0;
  end if;

  perform learn_internal.lock_logs();
  select count(*) filter (where learn_internal.ensure_month(m.name, m.month)) into v_made
  from unnest(v_tables, v_months) m(name, month);
  return v_made;
end;
$$;
comment on function learn.ensure_partitions(date) is
  'Makes the monthly partitions of activity_log, audit_log and xp_transactions up to a date; '
  'returns how many were made.';

-- functions/operations/lock_logs.sql

-- Takes every lock that making partitions needs: users (for the foreign keys), the log and the ledger.
-- Errors: 55P03, see lock_patiently().
create or replace function learn_internal.lock_logs()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.lock_patiently('
    lock table learn.users, learn.activity_types in share row exclusive mode;
    lock table learn.activity_log, learn.audit_log, learn.xp_transactions in access exclusive mode');
end;
$$;
comment on function learn_internal.lock_logs() is
  'Takes the locks that making partitions needs, all at once or none.';

-- functions/operations/merge_rows.sql

-- Brings a table up to date with rows that describe it, as seeds do: adds those that are missing and
-- updates those that differ, in one statement. Where nothing differs there is no statement at all,
-- so that no trigger fires: a change of content or rules blocks learners even when it is empty.
-- The rows are JSON objects with the same keys, which name the columns.
create or replace function learn_internal.merge_rows(
  p_table regclass,
  p_key   text[],                 -- columns by which a row is found
  p_rows  jsonb,
  p_keep  text[] default '{}'     -- columns that stay as they are where the row is there
)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_columns  text;
  v_compared text;
  v_key      text;
  v_changes  text;
  v_differs  text;
  v_is_due   boolean;
  v_count    bigint;
begin
  select string_agg(quote_ident(c.name), ', '),
    string_agg(quote_ident(c.name), ', ') filter (where c.name <> all (p_keep)),
    string_agg(quote_ident(c.name), ', ') filter (where c.name = any (p_key)),
    string_agg(format('%1$I = excluded.%1$I', c.name), ', ')
      filter (where c.name <> all (p_key || p_keep))
  into v_columns, v_compared, v_key, v_changes
  from jsonb_object_keys(p_rows -> 0) c(name);
  if v_columns is null then
    return 0;
  end if;

  v_differs := format(
    'select %1$s from jsonb_populate_recordset(null::%2$s, $1) except select %1$s from %2$s',
    v_compared, p_table);
  execute format('select exists (%s)', v_differs) into v_is_due using p_rows;
  if not v_is_due then
    return 0;
  end if;

  execute format(
    'insert into %1$s (%2$s) '
    'select %2$s from jsonb_populate_recordset(null::%1$s, $1) with ordinality '
    'where (%3$s) in (select %3$s from (%4$s) d) order by ordinality '
    'on conflict (%3$s) do %5$s',
    p_table, v_columns, v_key, v_differs, coalesce('update set ' || v_changes, 'nothing'))
  using p_rows;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function learn_internal.merge_rows(regclass, text[], jsonb, text[]) is
  'Adds rows that are missing and updates those that differ; touches nothing where none does. '
  'Returns how many.';

-- functions/operations/rebuild_users.sql

-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, courses, challenges, tracks,
-- paths and difficulties, and the tallies behind the analytics, which are everybody's.
-- Nothing is paid, earned or lost: the ledger, the log and what was earned are the facts;
-- an achievement whose row was lost is put back from the log. p_tallies: the tallies, too, which costs as much as
-- there are learners.
create or replace function learn_internal.rebuild_users(p_user_ids uuid[], p_tallies boolean default true)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for one user or for a million: plans that differ
set enable_mergejoin = off
set jit = off
set work_mem = '64MB'
as $$
declare
  v_moved uuid[];
begin
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  insert into learn.user_stats (user_id, registered_on)
  select u.id, (learn_internal.local_date(u.id, u.created_at)).local_date
  from learn.users u
  where u.id = any (p_user_ids) and not exists (select from learn.user_stats e where e.user_id = u.id)
  on conflict do nothing;
  update learn.user_stats s
  set registered_on = f.local_date
  from learn_internal.all_facts f
  where f.user_id = any (p_user_ids) and f.activity_type = 'user_registered'
    and s.user_id = f.user_id and s.registered_on <> f.local_date;

  -- Days and streaks; of those who have learned in several zones, only where they need it
  v_moved := array(
    select distinct d.user_id from learn_internal.streak_damage d
    where d.user_id = any (p_user_ids)
      and d.check_name in ('local_days_follow_from_facts', 'zones_of_days_are_noted'));
  if v_moved <> '{}' then
    delete from learn_internal.local_days d where d.user_id = any (v_moved);
    insert into learn_internal.local_days (user_id, zone_number, local_date, first_at, last_at)
    select r.user_id, r.zone_number, r.local_date, r.first_at, r.last_at
    from learn_internal.moved_learners m
    join learn_internal.local_day_recounts r on r.user_id = m.user_id
    where m.user_id = any (v_moved);
    update learn.user_stats s set last_zone_number = 0, settled_zone = 0 where s.user_id = any (v_moved);
    perform learn_internal.settle_days(m.user_id)
    from learn_internal.moved_learners m
    where m.user_id = any (v_moved);
  end if;
  delete from learn.user_activity_days d
  where d.user_id = any (p_user_ids) and (d.user_id, d.activity_date, d.is_freeze, d.flown_over) not in (
    select r.user_id, r.activity_date, r.is_freeze, r.flown_over
    from learn_internal.activity_day_recounts r
    where r.user_id = any (p_user_ids));
  insert into learn.user_activity_days as d (user_id, activity_date, is_freeze, flown_over)
  select r.user_id, r.activity_date, r.is_freeze, r.flown_over
  from learn_internal.activity_day_recounts r
  where r.user_id = any (p_user_ids) and not r.is_freeze and not exists (
    select from learn.user_activity_days e
    where e.user_id = r.user_id and e.activity_date = r.activity_date and not e.is_freeze)
  on conflict (user_id, activity_date) do update
    set is_freeze = excluded.is_freeze, flown_over = excluded.flown_over
    where (d.is_freeze, d.flown_over) <> (excluded.is_freeze, excluded.flown_over);

  perform learn_internal.settle_streak(f.user_id, null)
  from (
    select distinct z.user_id from learn.streak_freezes z where z.user_id = any (p_user_ids)
  ) f;

  -- XP, level, streak
  update learn.user_stats s
  set total_xp = x.total_xp,
    reward_xp = x.reward_xp,
    current_level = learn.calculate_level_from_xp(x.total_xp),
    highest_level = x.highest_level,
    current_streak = coalesce(d.current_streak, 0),
    longest_streak = coalesce(d.longest_streak, 0),
    active_days = coalesce(d.active_days, 0),
    last_activity_date = d.last_activity_date,
    streak_freezes = (
      select count(*) from learn.streak_freezes z
      where z.user_id = s.user_id and z.used_on is null)
  from (
    select * from learn_internal.xp_recounts r where r.user_id = any (p_user_ids)
  ) x
  left join (
    select * from learn_internal.streak_states t where t.user_id = any (p_user_ids)
  ) d on d.user_id = x.user_id
  where s.user_id = any (p_user_ids) and x.user_id = s.user_id;

  -- Metrics
  insert into learn.user_metrics (user_id, metric, scope, value)  -- those that differ
  select w.user_id, w.metric, w.scope, sum(w.due)
  from (
    select r.user_id, r.metric, r.scope, r.value as due, 0 as value
    from learn_internal.metric_recounts r
    where r.user_id = any (p_user_ids)
    union all
    select m.user_id, m.metric, m.scope, 0, m.value from learn.user_metrics m where m.user_id = any (p_user_ids)
  ) w
  group by w.user_id, w.metric, w.scope
  having sum(w.due) <> sum(w.value)
  on conflict (user_id, metric, scope) do update set value = excluded.value;
  delete from learn.user_metrics m where m.user_id = any (p_user_ids) and m.value = 0;

  delete from learn_internal.user_runs u where u.user_id = any (p_user_ids);
  insert into learn_internal.user_runs (user_id, metric, scope, reset_at, last_at)
  select r.user_id, r.metric, r.scope, r.reset_at, r.last_at
  from learn_internal.run_recounts r
  where r.user_id = any (p_user_ids);
  delete from learn_internal.user_metric_days d where d.user_id = any (p_user_ids);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date, zone_number)
  select r.user_id, r.metric, r.scope, r.activity_date, r.zone_number
  from learn_internal.metric_day_recounts r
  where r.user_id = any (p_user_ids);

  -- Progress
  delete from learn.user_exercise_progress p
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.query_submissions q
    where q.user_id = p.user_id and q.exercise_id = p.exercise_id);
  insert into learn.user_exercise_progress as p
    (user_id, exercise_id, submissions, wrong_submissions,
     failed_submissions, is_first_try, solved_at)
  select r.user_id, r.exercise_id, r.submissions, r.wrong_submissions,
    r.failed_submissions, r.is_first_try, r.solved_at
  from learn_internal.exercise_recounts r
  where r.user_id = any (p_user_ids) and not exists (
    select from learn.user_exercise_progress e
    where e.user_id = r.user_id and e.exercise_id = r.exercise_id and e.submissions = r.submissions
      and e.wrong_submissions = r.wrong_submissions and e.failed_submissions = r.failed_submissions
      and e.is_first_try = r.is_first_try and e.solved_at is not distinct from r.solved_at)
  on conflict (user_id, exercise_id) do update
    set submissions = excluded.submissions, wrong_submissions = excluded.wrong_submissions,
      failed_submissions = excluded.failed_submissions, is_first_try = excluded.is_first_try,
      solved_at = excluded.solved_at;

  update learn.user_skills u
  set current_level = r.current_level,
    highest_level = greatest(r.highest_level, r.current_level),
    mastered_at = coalesce(u.mastered_at, r.mastered_at)
  from learn_internal.skill_recounts r
  where r.user_id = any (p_user_ids) and u.user_id = r.user_id and u.skill_id = r.skill_id
    and (u.current_level, u.highest_level, u.mastered_at) is distinct from (r.current_level,
      greatest(r.highest_level, r.current_level), coalesce(u.mastered_at, r.mastered_at));

  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select r.user_id, r.achievement_id, r.earned_at, '{"is_restored": true}'
  from learn_internal.achievement_recounts r
  where r.user_id = any (p_user_ids) and not exists (
    select from learn.user_achievements a
    where a.user_id = r.user_id and a.achievement_id = r.achievement_id)
  on conflict do nothing;

  -- What was completed stays completed: the facts say so, and are not written again.
  insert into learn.user_level_unlocks as p (user_id, course_level_id, unlocked_at, completed_at)
  select c.user_id, v.id, c.completed_at, c.completed_at
  from learn_internal.completion_facts c
  join learn.course_levels v on c.activity_type = 'level_completed' and v.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, course_level_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  update learn.user_course_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'course_completed'
    and p.user_id = c.user_id and p.course_id::text = c.subject_id and p.completed_at is null;
  insert into learn.user_track_progress as p (user_id, track_id, total_items, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.tracks t on c.activity_type = 'track_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, track_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_path_progress as p (user_id, path_id, total_tracks, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.learning_paths t on c.activity_type = 'path_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, path_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
  select c.user_id, t.key, c.completed_at
  from learn_internal.completion_facts c
  join learn.difficulties t on c.activity_type = 'difficulty_completed' and t.key = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict do nothing;

  insert into learn.user_challenge_progress as p
    (user_id, challenge_id, current_level, levels_completed, unlocked_at, started_at, total_attempts,
     time_spent_seconds, best_score)
  select r.user_id, r.challenge_id, r.current_level, coalesce(r.levels_completed, '{}'),
    r.unlocked_at, r.started_at, r.total_attempts, r.time_spent_seconds, r.best_score
  from learn_internal.challenge_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, challenge_id) do update
    set current_level = excluded.current_level, levels_completed = excluded.levels_completed,
      unlocked_at = coalesce(p.unlocked_at, excluded.unlocked_at),
      started_at = excluded.started_at, total_attempts = excluded.total_attempts,
      time_spent_seconds = excluded.time_spent_seconds, best_score = excluded.best_score;
  update learn.user_challenge_progress p
  set current_level = 0, levels_completed = '{}', started_at = null, total_attempts = 0,
    time_spent_seconds = 0, best_score = null
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.level_attempts a
    where a.user_id = p.user_id and a.challenge_id = p.challenge_id)
    and not exists (
    select from learn.imported_challenge_progress i
    where i.user_id = p.user_id and i.challenge_id = p.challenge_id);
  update learn.user_challenge_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'challenge_completed'
    and p.user_id = c.user_id and p.challenge_id::text = c.subject_id and p.completed_at is null;

  perform learn_internal.recount_courses(p_user_ids);
  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;

  -- Community
  perform learn_internal.recount_posts(p_user_ids);

  -- Certificates that are missing; those that are there stay as they were issued.
  perform learn_internal.issue_certificates(
    array_agg(p.user_id), array_agg(p.course_id), array_agg(p.completed_at))
  from learn.user_course_progress p
  where p.user_id = any (p_user_ids) and p.completed_at is not null;

  -- Leaderboards and analytics
  perform learn_internal.recount_boards(array_agg(s.user_id))
  from learn_internal.board_suspects s
  where s.user_id = any (p_user_ids)
  having count(*) > 0;
  if p_tallies then
    perform learn_internal.settle_tallies();
  end if;
end;
$$;
comment on function learn_internal.rebuild_users(uuid[], boolean) is
  'Recomputes every projection of users from facts.';

-- functions/operations/rebuild_all.sql

-- Recomputes the projections of all users, and writes those of the users in whom it finds a difference: these are locked
-- until the transaction ends. Returns the number of all users.
-- no grant: for operators, as learn_owner.
create or replace function learn.rebuild_all()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_user_ids uuid[] := array(
    select distinct d.user_id from learn_internal.check_everybody(true) d
    where d.user_id is not null
    order by d.user_id);
begin
  perform learn_internal.rebuild_users(v_user_ids);
  perform from learn_internal.turns t where t.name = 'boards' for update skip locked;
  if found then
    perform learn_internal.divide_board(b.metric, b.period, b.starts_on)
    from (
      select f.metric, f.period, f.starts_on from learn_internal.board_stretches f
      union
      select s.metric, s.period, s.starts_on from learn_internal.board_scores s
    ) b;
  end if;
  return (select count(*) from learn.users);
end;
$$;
comment on function learn.rebuild_all() is
  'Recomputes the projections of all users; returns how many.';

-- functions/operations/rebuild_user.sql

-- Recomputes everything of one user that is a projection of facts. Reaches the state
-- that live processing reaches.
-- Errors: LX002.
-- no grant: for operators, as learn_owner.
create or replace function learn.rebuild_user(p_user_id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_user(p_user_id);
  perform learn_internal.rebuild_users(array[p_user_id]);
end;
$$;
comment on function learn.rebuild_user(uuid) is
  'Recomputes everything of one user that is a projection of facts.';

-- triggers/operations/settings_updated.sql

-- When settings change: levels of courses that are complete by the new level_completion_policy
-- are completed. Those that were stay so.
create or replace function learn_internal.settings_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from new_rows n
    join old_rows o on o.key = n.key
    where n.key = 'level_completion_policy' and n.value <> o.value)
  then
    lock table learn_internal.content_lock in exclusive mode;
    update learn_internal.content_lock set version = version + 1;
    perform learn_internal.refresh_courses(array_agg(distinct v.course_id))
    from learn.course_levels v having count(*) > 0;
  end if;
  return null;
end;
$$;
comment on function learn_internal.settings_updated() is
  'Statement trigger: applies a change of level_completion_policy.';

create or replace trigger settings_updated
  after update on learn.platform_settings
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.settings_updated();

-- functions/operations/use_product.sql

-- Every seed file of a product begins with a call of this, so that one database holds one product:
-- the badges, rules and boards of a second one would reach the learners of the first. Who means to
-- mix them sets dbtool.mix to on, as `dbtool seed --mix` does.
-- Errors: LX010 the database holds another product.
create or replace function learn_internal.use_product(p_name text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_held text;
begin
  if exists (select from learn.products p where p.name = p_name) then
    return;
  end if;

  lock table learn.products in share row exclusive mode;  -- of two at once, one sees the other
  select string_agg(p.name, ', ' order by p.added_at, p.name) into v_held from learn.products p;
  if v_held is not null and coalesce(current_setting('dbtool.mix', true), '') <> 'on' then
    raise exception 'the database holds another product'
      using errcode = 'LX010',
        detail = format('It holds %s; these are seeds of %s.', v_held, p_name),
        hint = 'Give each product a database of its own, or mix them knowingly: dbtool seed --mix, '
          'or set dbtool.mix = on.';
  end if;
  insert into learn.products (name) values (p_name) on conflict do nothing;
end;
$$;
comment on function learn_internal.use_product(text) is
  'Says that the database holds a product, or refuses because it holds another one.';

-- functions/_shared/is_learner.sql

-- Whether the session is a learner's own: it acts as a member of learn_user that is none of learn_app.
create or replace function learn_internal.is_learner()
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role name := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
  return pg_has_role(v_role, 'learn_user', 'usage') and not pg_has_role(v_role, 'learn_app', 'usage');
end;
$$;
comment on function learn_internal.is_learner() is
  'Whether the session acts as a member of learn_user, and not of learn_app.';

-- functions/_shared/is_off_date.sql

-- Whether one of some local dates, of which the latest and the earliest are given, is no learner's yet:
-- not even where the day begins first, 14 hours ahead of UTC; or whether it lies before 1970.
create or replace function learn_internal.is_off_date(p_latest date, p_earliest date)
returns boolean
language plpgsql                  -- keeps its plan
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_earliest < '1970-01-01', false)
    or coalesce(p_latest > (
      (coalesce((select o.now_is from learn_internal.clock_override o), now())
        + interval '14 hours 5 minutes') at time zone 'UTC')::date, false);
end;
$$;
comment on function learn_internal.is_off_date(date, date) is
  'Whether the latest or the earliest of some local dates lies ahead everywhere, or before 1970.';

-- functions/_shared/is_off_time.sql

-- Whether one of some times, of which the latest and the earliest are given, dates nothing that has
-- happened: it lies more than 5 minutes ahead of the clock, or before 1970. Infinity is one or the other.
-- Asked in the WHEN clauses of row triggers: see refuse_times().
create or replace function learn_internal.is_off_time(p_latest timestamptz, p_earliest timestamptz)
returns boolean
language plpgsql                  -- keeps its plan
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_earliest < '1970-01-01 00:00:00+00', false)
    or coalesce(p_latest > coalesce((select o.now_is from learn_internal.clock_override o), now())
      + interval '5 minutes', false);
end;
$$;
comment on function learn_internal.is_off_time(timestamptz, timestamptz) is
  'Whether the latest or the earliest of some times lies ahead of the clock or before 1970.';

-- triggers/operations/idempotency_keys.sql

-- What happens when rows of learn.idempotency_keys are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.idempotency_keys
  for each row
  when (learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');

create or replace trigger refuse_new_times
  before update of created_at on learn.idempotency_keys
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');

-- functions/operations/audit.sql

-- Writes down who did something by hand: what was changed, by which role, for whom.
create or replace function learn_internal.audit(
  p_action text, p_object text, p_about_user uuid default null, p_key jsonb default '{}',
  p_old jsonb default null, p_new jsonb default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.audit_log
    (about_user, action, object, object_key, old_values, new_values, acting_role, login_role, acting_user)
  values (p_about_user, p_action, p_object, p_key, p_old, p_new,
    coalesce(nullif(current_setting('role'), 'none'), session_user), session_user,
    left(coalesce(nullif(current_setting('learn.acting_user', true), ''),
      nullif(current_setting('learn.user_id', true), '')), 200));
end;
$$;
comment on function learn_internal.audit(text, text, uuid, jsonb, jsonb, jsonb) is
  'Writes a row of audit_log: who did what, to what, about whom.';

-- functions/operations/audit_trail.sql

-- What was done to one user by hand, the newest last: XP and achievements given and taken, rights changed.
-- Errors: LX002 nobody has that id, and nothing is known of it.
create or replace function learn.audit_trail(p_user_id uuid)
returns table (
  happened_at timestamptz, action text, object text, object_key jsonb, old_values jsonb, new_values jsonb,
  acting_role text, login_role text, acting_user text)
language plpgsql
stable
security definer                  -- no app role reads the log
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  return query
  select a.created_at, a.action, a.object, a.object_key, a.old_values, a.new_values,
    a.acting_role::text, a.login_role::text, a.acting_user
  from learn.audit_log a
  where a.about_user = p_user_id
  order by a.created_at, a.id;
  if not found then
    perform learn_internal.require_user(p_user_id);
  end if;
end;
$$;
comment on function learn.audit_trail(uuid) is
  'What was done to one user by hand, the newest last: what, by which role, for whom. Erased users have one, too.';
grant execute on function learn.audit_trail(uuid) to learn_app;

-- triggers/operations/audit_row.sql

-- Content, rules, settings and rights: who changed them is written down in learn.audit_log, row by row. These tables
-- change seldom, and by people.

-- When such a row is written: what was changed. What Laurel itself keeps up to date in them is no change.
create or replace function learn_internal.audit_row()
returns trigger
language plpgsql
volatile
security definer                  -- nobody writes the log themselves
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_kept text[] := learn_internal.kept_columns();
  v_old  jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - v_kept end;
  v_new  jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - v_kept end;
  v_about text := coalesce(v_old, v_new) ->> case tg_table_name when 'users' then 'id' when 'learner_roles' then 'user_id' end;
  v_key  jsonb;
begin
  if tg_table_name = 'users' then  -- what they may, not who they are
    select jsonb_object_agg(k, v_old -> k), jsonb_object_agg(k, v_new -> k) into v_old, v_new
    from unnest(array['id', 'role', 'is_active', 'is_verified']) k;
  end if;
  if v_old = v_new then
    return null;
  end if;
  select jsonb_object_agg(a.attname, coalesce(v_new, v_old) -> a.attname) into v_key
  from pg_index i
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
  where i.indrelid = tg_relid and i.indisprimary;
  if tg_op = 'UPDATE' then
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, v_new -> o.key) into v_old, v_new
    from jsonb_each(v_old) o
    where o.value is distinct from v_new -> o.key;
  end if;
  perform learn_internal.audit(lower(tg_op collate "C"), tg_table_name, v_about::uuid, v_key, v_old, v_new);
  return null;
end;
$$;
comment on function learn_internal.audit_row() is
  'Row trigger: writes down in audit_log who changed a row, and what.';

-- When rights of users change.
create or replace trigger audit
  after update of role, is_active, is_verified on learn.users
  for each row
  when ((old.role, old.is_active, old.is_verified) is distinct from (new.role, new.is_active, new.is_verified))
  execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.achievements
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.activity_types
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.avatars
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.challenge_levels
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.challenge_prerequisites
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.challenges
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.course_levels
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.course_prerequisites
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.courses
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.daily_challenges
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.difficulties
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.exam_types
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.exercises
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.learning_path_tracks
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.learning_paths
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.lessons
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.level_thresholds
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.metrics
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.notification_rules
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.period_rewards
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.platform_settings
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.questions
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.skill_prerequisites
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.skills
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.track_lessons
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.track_prerequisites
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.tracks
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.xp_rules
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.rate_limits
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.content_reviews
  for each row execute function learn_internal.audit_row();

-- Which login role is which learner.
create or replace trigger audit after insert or update or delete on learn_internal.learner_roles
  for each row execute function learn_internal.audit_row();

-- triggers/operations/audit_log.sql

-- What happens when rows of learn.audit_log are written.
-- Errors: LX009.

-- When somebody changes or empties the log: refused.
-- Errors: LX009.
create or replace function learn_internal.refuse_audit_change()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'audit_log is append-only'
    using errcode = 'LX009', detail = lower(tg_op collate "C"),
      hint = 'Detach a partition of a month that need not be kept any longer.';
end;
$$;
comment on function learn_internal.refuse_audit_change() is
  'Trigger: refuses update, delete and truncate of audit_log (LX009).';

create or replace trigger audit_log_is_append_only
  before update or delete on learn.audit_log
  for each row execute function learn_internal.refuse_audit_change();

create or replace trigger audit_log_truncate
  before truncate on learn.audit_log
  for each statement execute function learn_internal.refuse_audit_change();

-- triggers/operations/audit_log_default.sql

-- When someone empties the default partition: refused.
create or replace trigger audit_log_default_truncate
  before truncate on learn.audit_log_default
  for each statement execute function learn_internal.refuse_audit_change();

-- functions/_shared/limit_rate.sql

-- Counts a call of a user, and refuses it when there were as many as may be in the last seconds. A call that fails,
-- or that is a retry, is not counted. The caller has locked the user.
-- Errors: LX008, with the seconds to wait in HINT.
create or replace function learn_internal.limit_rate(p_user_id uuid, p_kind text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := learn.clock();
  v_limit learn.rate_limits;
  v_calls timestamptz[];
begin
  select r.* into v_limit from learn.rate_limits r where r.kind = p_kind;
  select array(
    select a.at from unnest(c.called_at) a(at)
    where a.at > v_now - make_interval(secs => v_limit.per_seconds)
    order by a.at)
  into v_calls
  from learn_internal.recent_calls c
  where c.user_id = p_user_id and c.kind = p_kind;
  if cardinality(v_calls) >= v_limit.max_calls then
    raise exception 'too many calls of %', p_kind
      using errcode = 'LX008',
        detail = format('%s calls in the last %s seconds, at most %s',
          cardinality(v_calls), v_limit.per_seconds, v_limit.max_calls),
        hint = format('Nothing was changed. Try again in %s seconds.', ceil(extract(epoch from
          v_calls[cardinality(v_calls) - v_limit.max_calls + 1]
          + make_interval(secs => v_limit.per_seconds) - v_now)));
  end if;
  insert into learn_internal.recent_calls as c (user_id, kind, called_at)
  values (p_user_id, p_kind, array[v_now])
  on conflict (user_id, kind) do update set called_at = coalesce(v_calls, '{}'::timestamptz[]) || v_now;
end;
$$;
comment on function learn_internal.limit_rate(uuid, text) is
  'Counts a call of a user, or refuses it (LX008) when there were too many in the seconds before.';

-- triggers/operations/rate_limits.sql

-- What happens when rows of learn.rate_limits are written.

-- When a limit is set: it must be of a function that counts.
-- Errors: LX001.
create or replace function learn_internal.check_rate_limit()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from pg_proc p
    where p.pronamespace = 'learn'::regnamespace and p.proname = new.kind and strpos(p.prosrc, 'begin_call(') > 0)
  then
    raise exception 'only calls that change a learner''s state are limited'
      using errcode = 'LX001', detail = format('kind = %s', new.kind),
        hint = 'Name a function of the schema learn that returns an award_summary, such as post_reply.';
  end if;
  return new;
end;
$$;
comment on function learn_internal.check_rate_limit() is
  'Row trigger: refuses a limit of what is not counted (LX001).';

create or replace trigger check_rate_limit
  before insert or update on learn.rate_limits
  for each row execute function learn_internal.check_rate_limit();

-- functions/_shared/trim_text.sql

-- A text composed (Unicode NFC) and without blanks of any kind at its ends.
create or replace function learn_internal.trim_text(p_text text)
returns text
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_blanks constant text :=
    E'\\u0009-\\u000D\\u0020\\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u2800\\u3000';
begin
  return regexp_replace(normalize(p_text, nfc), format('^[%1$s]+|[%1$s]+$', v_blanks), '', 'g');
end;
$$;
comment on function learn_internal.trim_text(text) is
  'A text composed (Unicode NFC) and without blanks at its ends.';

-- functions/_shared/tidy_text.sql

-- A text in the form in which texts are kept that people see: composed (Unicode NFC), without blanks at its ends,
-- and without what cannot be seen; p_is_line: in one line.
create or replace function learn_internal.tidy_text(p_text text, p_is_line boolean default false)
returns text
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_text;
begin
  if learn_internal.text_problem(v_text, p_is_line) is null then
    return v_text;
  end if;
  v_text := replace(v_text, E'\r\n', E'\n');
  if p_is_line then
    v_text := regexp_replace(v_text, E'[\\u0009-\\u000D\\u0085\\u2028\\u2029]+', ' ', 'g');
  end if;
  v_text := regexp_replace(v_text, E'[\\u0001-\\u0008\\u000B-\\u001F\\u007F-\\u009F\\u2028\\u2029]|'
    || learn_internal.hidden_characters(), '', 'g');
  return learn_internal.trim_text(v_text);
end;
$$;
comment on function learn_internal.tidy_text(text, boolean) is
  'A text as texts are kept that people see, without what cannot be seen. p_is_line: in one line.';

-- triggers/operations/put_back.sql

-- When rows are deleted by hand that only follow from others: they are put back, as these say. To begin again, delete
-- what they follow from, or call learn.reset_progress(). What goes with its learner or its content does not come here.
-- Last of all that follows a deletion: the triggers fire in the order of their names.
create or replace function learn_internal.put_back()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  select array_agg(distinct d.user_id) into v_user_ids
  from deleted_rows d
  join learn.users u on u.id = d.user_id;
  if v_user_ids is not null then
    perform learn_internal.rebuild_users(v_user_ids);
  end if;
  return null;
end;
$$;
comment on function learn_internal.put_back() is
  'Statement trigger: deleted rows that follow from others are put back.';

create or replace trigger put_back
  after delete on learn.user_exercise_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_level_unlocks
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_track_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_path_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_difficulty_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

-- triggers/operations/refuse_by_hand.sql

-- When somebody writes by hand what only follows from something else: refused. The ledger follows from facts; progress
-- and completions from what was done. A row written by hand would be half of it: neither paid, counted nor reported.
-- The engine and the triggers of other tables write inside of triggers; of functions, these write at the top.
-- Errors: LX010.
create or replace function learn_internal.refuse_by_hand()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if learn_internal.is_merging() or learn_internal.is_running(
    'learn_internal.rebuild_users', 'learn_internal.unlock_challenges', 'learn.review_content', 'learn.close_period',
    'learn_shard.close_period',  -- the same over several databases: docs/scaling.md
    'learn_internal.pack_archive', 'learn.attach_archive')
  then
    return case when tg_level = 'ROW' then coalesce(new, old) end;
  end if;
  raise exception '% is written by Laurel', tg_table_name
    using errcode = 'LX010', detail = format('%s of %s by hand', lower(tg_op collate "C"), tg_relid::regclass),
      hint = tg_argv[0];
end;
$$;
comment on function learn_internal.refuse_by_hand() is
  'Trigger: refuses what is written by hand where only Laurel writes (LX010). Argument: the hint.';

-- by row, which holds for its partitions too
create or replace trigger refuse_by_hand
  before insert on learn.xp_transactions
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('XP is paid by learn.award_xp(), and for facts, by learn.xp_rules.');

-- where facts would be no more than rows; months have the same from ensure_month()
create or replace trigger refuse_by_hand
  before insert on learn.activity_log_default
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Insert into learn.activity_log.');

create or replace trigger refuse_by_hand
  before insert on learn.user_exercise_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Insert into learn.query_submissions: progress follows.');

create or replace trigger refuse_by_hand
  after update of completed_at on learn.user_course_progress
  for each row when (pg_trigger_depth() = 0 and old.completed_at is null and new.completed_at is not null)
  execute function learn_internal.refuse_by_hand('Complete its lessons: the course follows. An enrolment may be inserted as completed.');

create or replace trigger refuse_by_hand
  before insert or update of unlocked_at, completed_at on learn.user_level_unlocks
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Complete lessons of the level before: unlocks follow.');

create or replace trigger refuse_by_hand
  before insert or update of completed_at on learn.user_track_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Complete its items: the track follows.');

create or replace trigger refuse_by_hand
  before insert or update of completed_at on learn.user_path_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Complete its tracks: the path follows.');

create or replace trigger refuse_by_hand
  before insert or update of completed_at on learn.user_difficulty_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Complete its tracks: the difficulty follows.');

create or replace trigger refuse_by_hand
  before insert or update of current_level, levels_completed, unlocked_at, started_at, completed_at on learn.user_challenge_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand(
    'Insert into learn.level_attempts, or bring old progress by learn.import_old_progress(): progress follows.');

create or replace trigger refuse_by_hand
  before insert or update or delete on learn.user_timezones
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Update timezone or day_starts_at of learn.users: what they were is kept.');

create or replace trigger refuse_by_hand
  before update on learn.closed_periods
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Standings are kept by learn.close_period().');

create or replace trigger refuse_by_hand
  before insert or update on learn.period_standings
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Standings are kept by learn.close_period().');

-- What has happened is not forgotten, and the machine keeps its parts.
create or replace trigger refuse_by_hand
  before update or delete on learn_internal.recorded_subjects
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('What was paid for once is taken back by learn.reverse_xp().');

create or replace trigger refuse_by_hand
  before delete on learn_internal.withdrawn_facts
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Correct the question, and call learn.regrade_question().');

create or replace trigger refuse_by_hand
  before delete on learn_internal.recorded_payments
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('The setting recorded_payments_per_day says how many facts pay.');

create or replace trigger refuse_by_hand
  before delete on learn_internal.board_state
  for each statement
  execute function learn_internal.refuse_by_hand('It has one row.');

create or replace trigger refuse_by_hand
  before delete on learn_internal.content_lock
  for each statement
  execute function learn_internal.refuse_by_hand('It has one row.');

create or replace trigger refuse_by_hand
  before update or delete on learn_internal.turns
  for each statement
  execute function learn_internal.refuse_by_hand('Who takes turns waits for these rows.');

-- functions/operations/wait_for_lsn.sql

-- Read your writes on a standby: waits until the server has what another one had written up to p_lsn. The writer
-- asks for that after its commit: select pg_current_wal_insert_lsn(). The statements after this one see it.
-- On a primary there is nothing to wait for. While it waits it looks again and again, and holds a snapshot, as every
-- statement does: so it gives up in time, and whoever calls it again helps a standby that waits for old snapshots.
-- Errors: LX001 an argument is missing or out of bounds, or the transaction would not see what it waits for;
-- LX014 not there in time, or from before a failover.
create or replace function learn.wait_for_lsn(p_lsn pg_lsn, p_timeout interval default '5 seconds')
returns pg_lsn
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_until timestamptz;
  v_at    pg_lsn;
  v_pause double precision := 0.001;
begin
  if p_lsn is null or p_timeout is null or p_timeout not between interval '0' and interval '1 hour' then
    raise exception 'what to wait for, and how long'
      using errcode = 'LX001',
        detail = format('p_lsn = %s, p_timeout = %s, at most 1 hour',
          coalesce(p_lsn::text, 'null'), coalesce(p_timeout::text, 'null')),
        hint = 'Pass what pg_current_wal_insert_lsn() gave after the commit, and some seconds.';
  end if;
  if pg_is_in_recovery() and current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'this transaction would not see what it waits for'
      using errcode = 'LX001',
        detail = format('transaction_isolation = %s', current_setting('transaction_isolation')),
        hint = 'Wait in a transaction of its own, before the one that reads.';
  end if;
  v_until := clock_timestamp() + p_timeout;
  loop
    v_at := case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end;
    exit when v_at >= p_lsn;
    if not pg_is_in_recovery() then
      raise exception 'this server has never been there'
        using errcode = 'LX014', detail = format('p_lsn = %s, the server is at %s and no standby', p_lsn, v_at),
          hint = 'It is of another server, or from before a failover: make the call again with its idempotency key.';
    elsif clock_timestamp() >= v_until then
      raise exception 'the standby is not there yet'
        using errcode = 'LX014',
          detail = format('p_lsn = %s, the standby is at %s after %s', p_lsn, coalesce(v_at::text, 'nothing'), p_timeout),
          hint = 'Wait again, or read from the primary.';
    end if;
    perform pg_sleep(least(v_pause, extract(epoch from v_until - clock_timestamp())));
    v_pause := least(v_pause * 1.5, 0.05);
  end loop;
  return v_at;
end;
$$;
comment on function learn.wait_for_lsn(pg_lsn, interval) is
  'Waits on a standby until it has what was written up to p_lsn (pg_current_wal_insert_lsn() of the primary after '
  'the commit), at most p_timeout (LX014). Returns where the server is.';
grant execute on function learn.wait_for_lsn(pg_lsn, interval) to learn_app, learn_user, learn_readonly;

-- views/operations/jobs.sql

-- What has to be called from a scheduler, as `dbtool schedule` prints it, and what shows that one is not.
-- No job is needed for what learners see: these keep things fast, small and ahead of time.
create or replace view learn.jobs as
with asked as (
  select learn.clock() as now_is, 10000 as many
)
select j.name, j.schedule, j.command, j.purpose, j.is_wanted, case when j.is_wanted then j.late end as late
from asked a
cross join lateral (values
  ('boards', '* * * * *', 'select learn.refresh_leaderboard()', 'merges what was gained into the boards', true,
    (select format('gains wait since %s', to_char(s.merged_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
     from learn_internal.board_state s
     where s.merged_at < a.now_is - interval '1 hour' and exists (select from learn_internal.board_gains))),
  ('analytics', '*/10 * * * *', 'select learn.refresh_analytics()', 'adds what has changed to the tallies', true,
    (select format('more than %s changes wait', a.many)
     from learn_internal.tally_changes c offset a.many limit 1)),
  ('sessions', '*/5 * * * *', 'select learn.close_abandoned_sessions()', 'closes sessions that nobody ended', true,
    (select 'a session has been open for more than a day'
     from learn.learning_sessions s
     where s.ended_at is null and s.started_at < a.now_is - interval '24 hours' limit 1)),
  ('integrity', '*/15 * * * *', 'select * from learn.check_slice(0.011)', 'checks all learners once a day, by slices', true,
    (select format('the round that began at %s has not ended',
       to_char(s.round_began_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
     from learn_internal.integrity_state s
     where s.round_began_at < a.now_is - interval '48 hours')),
  ('challenges', '10 2 * * *', 'select * from learn.schedule_daily_challenges(30)',
    'picks challenges of the day ahead', exists (select from learn.challenges c where c.is_active),
    (select 'there is no challenge for tomorrow'
     where not exists (
       select from learn.daily_challenges d where d.date > (a.now_is at time zone 'UTC')::date))),
  ('partitions', '0 3 * * *', 'select learn.ensure_partitions((now() + interval ''3 months'')::date)',
    'makes the partitions of coming months', true,
    (select format('learn.%s has no partition for %s', l.name, to_char(m.month, 'YYYY-MM'))
     from (values ('activity_log'), ('xp_transactions'), ('audit_log')) l(name)
     cross join (values (a.now_is at time zone 'UTC'), (a.now_is at time zone 'UTC' + interval '1 month')) m(month)
     where to_regclass(format('learn.%s_%s', l.name, to_char(m.month, 'YYYY_MM'))) is null
     limit 1)),
  ('keys', '20 3 * * *', 'delete from learn.idempotency_keys where created_at < now() - interval ''30 days''',
    'forgets calls that nobody repeats any more', true,
    (select 'keys are older than 60 days'
     from learn.idempotency_keys k where k.created_at < a.now_is - 60 * interval '24 hours' limit 1)),
  ('outbox', '30 3 * * *', 'select learn.purge_outbox(now() - interval ''30 days'')',
    'removes messages that are done', true,
    (select 'messages have been done for more than 60 days'
     from learn.outbox o where o.completed_at < a.now_is - 60 * interval '24 hours' limit 1)),
  ('notifications', '40 3 * * *', 'select learn.purge_notifications(now() - interval ''90 days'')',
    'removes old notifications', true,
    (select 'notifications are older than 180 days'
     from learn.notifications n where n.created_at < a.now_is - 180 * interval '24 hours' limit 1)),
  ('weeks', '0 13 * * 2', 'select learn.close_period(''week'')', 'keeps the standings of the week, and pays ranks',
    exists (select from learn.period_rewards r where r.period = 'week'),
    (select 'the last week but one is not closed'
     where not exists (
       select from learn.closed_periods c
       where c.period = 'week' and c.starts_on >= (a.now_is at time zone 'UTC')::date - 21))),
  ('months', '0 13 2 * *', 'select learn.close_period(''month'')', 'the same of the month',
    exists (select from learn.period_rewards r where r.period = 'month'),
    (select 'the last month but one is not closed'
     where not exists (
       select from learn.closed_periods c
       where c.period = 'month' and c.starts_on >= (a.now_is at time zone 'UTC' - interval '3 months')::date)))
) j(name, schedule, command, purpose, is_wanted, late);
comment on view learn.jobs is
  'What a scheduler has to call, by cron''s five fields, as learn_owner. late: what shows that a job does not run; '
  'null: nothing does. is_wanted: there is something to do for it in this product.';

-- functions/_shared/kept_columns.sql

-- The columns that Laurel itself keeps up to date in content and rules: nobody says them, and they are no change.
create or replace function learn_internal.kept_columns()
returns text[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select '{updated_at,total_items,total_lessons,total_levels,total_weight,is_available,pays,is_capped,feeds_metrics,
    feeds_days,resets_runs,notifies,criteria_changed_at}'::text[];
$$;
comment on function learn_internal.kept_columns() is
  'The columns that Laurel itself keeps up to date in content and rules.';

-- functions/_shared/require_user.sql

-- Refuses a user whom nobody knows: the one place of this error. p_is_known is what the caller has looked up already; null:
-- it is looked up here.
-- Errors: LX002.
create or replace function learn_internal.require_user(
  p_user_id  uuid,
  p_is_known boolean default null,
  p_name     text default 'p_user_id',
  p_hint     text default 'Register the user first: learn.register_user(). Who was erased is a user no more.'
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not coalesce(p_is_known, exists (select from learn.users u where u.id = p_user_id)) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('%s = %s', p_name, coalesce(p_user_id::text, 'null')), hint = p_hint;
  end if;
end;
$$;
comment on function learn_internal.require_user(uuid, boolean, text, text) is
  'Refuses a user whom nobody knows (LX002).';

-- functions/operations/pack_archive.sql

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

-- functions/operations/archive_before.sql

-- Archives the facts and payments of all months before one: packed, a row per learner and year, they take about a tenth
-- of the room, and everything that looks back still finds them (learn_internal.all_facts, all_payments). The partitions
-- of these months are gone then. Learners go on meanwhile: what is packed are months in which nothing is written any
-- more, and only to drop them the logs are locked, for a moment. Whoever erases or merges accounts waits.
-- It happens as a whole or, where it is cancelled or killed, not at all. Returns how many facts were archived.
-- Errors: LX001 no month, one that has not been over for three days, or a transaction that is not read committed;
-- 55P03 the logs could not be locked: call it again.
-- no grant: for operators, as learn_owner.
create or replace function learn.archive_before(p_month date)
returns bigint
language plpgsql
volatile
security definer                  -- partitions belong to the owner of the table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_before     timestamptz := date_trunc('month', least(p_month, '2200-01-01')::timestamp) at time zone 'UTC';
  v_partitions regclass[];
  v_partition  regclass;
  v_facts      bigint;
begin
  if p_month is null or p_month < '1970-01-01' or v_before > learn.clock() - interval '72 hours'
    or current_setting('transaction_isolation') <> 'read committed'
  then
    raise exception 'what is archived are months that have been over for three days, in a transaction that is read committed'
      using errcode = 'LX001', detail = format('p_month = %s, transaction_isolation = %s',
          coalesce(p_month::text, 'null'), current_setting('transaction_isolation')),
        hint = 'Give the first month that stays: limits of today look back so far.';
  end if;

  perform from learn_internal.turns t where t.name = 'partitions' for update;
  v_partitions := array(
    select c.oid::regclass
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('learn.activity_log'::regclass, 'learn.xp_transactions'::regclass)
      and c.relname ~ '^(activity_log|xp_transactions)_[0-9]{4}_[0-9]{2}$'
      and to_date(right(c.relname, 7), 'YYYY_MM') < v_before
    order by c.relname);
  if v_partitions <> '{}' then  -- what is over is changed by hand alone, and not while it is packed
    perform learn_internal.lock_patiently(format('lock table %s in share mode', array_to_string(v_partitions, ', ')));
  end if;
  v_facts := (select count(*) from learn.activity_log l where l.recorded_at < v_before);
  perform learn_internal.pack_archive(v_before, v_partitions);

  if v_partitions <> '{}' then
    perform learn_internal.lock_logs();
    foreach v_partition in array v_partitions loop
      execute format('drop table %s', v_partition);
    end loop;
  end if;
  return v_facts;
end;
$$;
comment on function learn.archive_before(date) is
  'Packs the facts and payments of all months before one, and drops their partitions; returns how many facts.';

-- functions/operations/fill_month.sql

-- Makes a table of what was archived of one month, as the month's partition of the log or the ledger will be, with its
-- key; or, where the month has a partition already, puts the rows into that.
-- Returns whether there is a table to attach. Errors: LX001 a table of that name is in the way.
create or replace function learn_internal.fill_month(p_table name, p_month date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition name := p_table || to_char(p_month, '_YYYY_MM');
  v_time      name := case p_table when 'activity_log' then 'recorded_at' else 'created_at' end;
  v_from      timestamptz := p_month::timestamp at time zone 'UTC';
  v_until     timestamptz := (p_month + interval '1 month')::timestamp at time zone 'UTC';
  v_is_there  boolean := to_regclass(format('learn.%I', v_partition)) is not null;
  v_columns   text;
begin
  if v_is_there and not exists (
    select from pg_inherits i where i.inhrelid = to_regclass(format('learn.%I', v_partition)))
  then
    raise exception 'a table is in the way'
      using errcode = 'LX001', detail = format('learn.%I is no partition of learn.%I', v_partition, p_table),
        hint = 'Rename or drop it: what it holds was detached by hand.';
  end if;
  v_columns := (
    select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
    from pg_attribute a
    where a.attrelid = format('learn.%I', p_table)::regclass and a.attnum > 0 and not a.attisdropped);
  if not v_is_there then
    perform learn_internal.create_month(p_table, p_month);
  end if;
  perform set_config('learn_internal.writes_facts', 'yes', true);
  execute format('insert into learn.%1$I (%2$s) overriding system value select %2$s from learn_internal.%3$I '
    'where year = %4$s and %5$I >= %6$L and %5$I < %7$L order by user_id, id',
    v_partition, v_columns, case p_table when 'activity_log' then 'unpacked_facts' else 'unpacked_payments' end,
    extract(year from p_month), v_time, v_from, v_until);
  perform set_config('learn_internal.writes_facts', '', true);
  if not v_is_there then
    execute (
      select format('alter table learn.%I add %s', v_partition, pg_get_constraintdef(k.oid))
      from pg_constraint k
      where k.conrelid = format('learn.%I', p_table)::regclass and k.contype = 'p');
  end if;
  return not v_is_there;
end;
$$;
comment on function learn_internal.fill_month(name, date) is
  'Makes a table of what was archived of one month, to be attached; false where its partition was there and has it now.';

-- functions/operations/attach_archive.sql

-- Brings facts and payments back from the archive, into partitions of their months: all of the years from that of
-- p_from on, or (null) all there are. Learners go on while the partitions are filled; then the logs are locked until
-- they are attached. As a whole or not at all. Returns how many facts are back.
-- Errors: LX001 an absurd day, a table of a month's name is in the way, or the transaction is not read committed; 55P03
-- the logs could not be locked: call it again.
-- no grant: for operators, as learn_owner.
create or replace function learn.attach_archive(p_from date default null)
returns bigint
language plpgsql
volatile
security definer                  -- partitions belong to the owner of the table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_year   integer;
  v_facts  bigint;
  v_tables name[];
  v_months date[];
begin
  if p_from < '1970-01-01' or p_from >= '2200-01-01'
    or current_setting('transaction_isolation') <> 'read committed'
  then
    raise exception 'what is attached are years from 1970 on, in a transaction that is read committed'
      using errcode = 'LX001', detail = format('p_from = %s, transaction_isolation = %s', p_from,
          current_setting('transaction_isolation')),
        hint = 'Give a day of the first year that comes back, or null for all; in a transaction of its own.';
  end if;
  v_year := coalesce(extract(year from p_from), 0);
  perform from learn_internal.turns t where t.name = 'partitions' for update;
  select coalesce(sum(cardinality(a.id)), 0) into v_facts from learn_internal.archived_facts a where a.year >= v_year;
  select array_agg(m.name), array_agg(m.month) into v_tables, v_months
  from (
    select 'activity_log' as name, date_trunc('month', f.recorded_at)::date as month
    from learn_internal.unpacked_facts f
    where f.year >= v_year
    group by 2
    union all
    select 'xp_transactions', date_trunc('month', p.created_at)::date
    from learn_internal.unpacked_payments p
    where p.year >= v_year
    group by 2
  ) m;
  select array_agg(m.name), array_agg(m.month) into v_tables, v_months
  from unnest(v_tables, v_months) m(name, month)
  where learn_internal.fill_month(m.name, m.month);
  delete from learn_internal.archived_facts a where a.year >= v_year;
  delete from learn_internal.archived_payments a where a.year >= v_year;

  if v_tables is not null then
    perform learn_internal.lock_logs();
    perform learn_internal.ensure_month(m.name, m.month) from unnest(v_tables, v_months) m(name, month);
  end if;
  return v_facts;
end;
$$;
comment on function learn.attach_archive(date) is
  'Brings archived facts and payments back into partitions: of the years from that of p_from on, or (null) all; '
  'returns how many facts.';

-- functions/operations/sequences_behind.sql

-- Sequences that are behind the ids of their table, as after a move of rows that forgot them: exact where an index leads to
-- the largest id, else by the last ANALYZE. Read it as learn.health.
create or replace function learn_internal.sequences_behind()
returns table (sequence text, relation text, is_at bigint, largest_id bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $$
declare
  v record;
begin
  for v in
    select c.oid, c.oid::regclass::text as name, a.attname as id, a.attnum as number,
      pg_get_serial_sequence(c.oid::regclass::text, a.attname) as sequence
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and not c.relispartition
    where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace) and a.attidentity <> ''
  loop
    if exists (
      select from pg_index i
      where i.indrelid = v.oid and i.indkey[0] = v.number and i.indisvalid and i.indpred is null)
    then
      execute format('select max(t.%I) from %s t', v.id, v.name) into largest_id;
    else
      select max(b.value::bigint) into largest_id
      from pg_partition_tree(v.oid) p
      join pg_class l on l.oid = p.relid and p.isleaf
      join pg_stats s on s.schemaname = l.relnamespace::regnamespace::text and s.tablename = l.relname and s.attname = v.id
      cross join unnest(s.histogram_bounds::text::text[] || s.most_common_vals::text::text[]) b(value);
    end if;
    sequence := v.sequence;
    relation := v.name;
    execute format('select s.last_value - (not s.is_called)::integer from %s s', v.sequence) into is_at;
    if largest_id > is_at then
      return next;
    end if;
  end loop;
end;
$$;
comment on function learn_internal.sequences_behind() is
  'Sequences that are behind the ids of their table. Read it as learn.health.';

-- functions/_shared/is_running.sql

-- Whether a call of one of these functions is under way: what they write is not written by hand. The context says so,
-- which nobody can set.
create or replace function learn_internal.is_running(variadic p_functions text[])
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_context text;
begin
  get diagnostics v_context = pg_context;
  v_context := replace(v_context, '"', '');  -- quote_all_identifiers quotes; the words around are those of lc_messages
  return exists (select from unnest(p_functions) f(name) where strpos(v_context, ' ' || f.name || '(') > 0);
end;
$$;
comment on function learn_internal.is_running(text[]) is 'Whether a call of one of these functions is under way.';

-- functions/operations/create_month.sql

-- Makes the table of one month of a log that is partitioned by month, with what tells that it holds nothing else:
-- where that stands, attaching it reads no rows.
create or replace function learn_internal.create_month(p_table name, p_month date)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create table learn.%1$I (like learn.%2$I including defaults including constraints,
    constraint is_of_the_month check (%3$I >= %4$L and %3$I < %5$L))',
    p_table || to_char(p_month, '_YYYY_MM'), p_table || '_default',
    case p_table when 'activity_log' then 'recorded_at' else 'created_at' end,
    p_month::timestamp at time zone 'UTC', (p_month + interval '1 month')::timestamp at time zone 'UTC');
end;
$$;
comment on function learn_internal.create_month(name, date) is
  'Makes the table of one month of activity_log, audit_log or xp_transactions, to be attached.';

-- functions/operations/lock_patiently.sql

-- Takes locks, all at once or none, as the statements say that it is given. Tries for short whiles, letting go in
-- between, so that it is never part of a deadlock and never has writers queue behind it for long.
-- Errors: 55P03 after 50 tries.
create or replace function learn_internal.lock_patiently(p_statements text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
begin
  for v_try in 1 .. 50 loop
    begin
      execute p_statements;
      return;
    exception
      when lock_not_available then
        if v_try = 50 then
          raise;
        end if;
    end;
    perform pg_sleep(0.02 * v_try);
  end loop;
end;
$$;
comment on function learn_internal.lock_patiently(text) is 'Takes locks, all at once or none, trying for short whiles.';

reset role;
