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
