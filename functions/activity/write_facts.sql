-- Writes facts to the log, in the given order: with the local date of each and whether it makes the day
-- active. One that happens once and that is remembered is left out: it was recorded from outside, or the row that
-- said so has been deleted. Facts of the past count like others, but pay only what they carry, and make no day active.
-- Errors: LX001 a fact ahead of the clock, or before 1970.
create or replace function learn_internal.write_facts(
  p_facts learn_internal.fact[], p_idempotency_key text default null, p_is_past boolean default false
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  f               learn_internal.fact;
  v_rows          learn_internal.logged_fact[] := '{}'::learn_internal.logged_fact[];
  v_user_id       uuid;
  v_timezone      text;
  v_day_starts_at time;
  v_zone          learn_internal.local_date;
  v_zone_number   integer;
  v_zone_since    timestamptz;
  v_has_recorded  boolean;           -- facts that are remembered
  v_type          text;
  v_is_qualifying boolean;
  v_happens_once  boolean;
  v_now           timestamptz;       -- as learn.clock() tells it
  v_is_function   boolean := pg_trigger_depth() = 0;  -- that has called this
begin
  if p_facts is null then
    return;
  end if;
  foreach f in array p_facts loop
    -- Facts of a user, or of a type, mostly follow one another: these are looked up once.
    if f.user_id is distinct from v_user_id then
      select u.id, u.timezone, u.day_starts_at, u.zone_number, u.zone_since, exists (
          select from learn_internal.recorded_subjects r where r.user_id = u.id),
        t.key, t.is_qualifying, t.happens_once, coalesce((select o.now_is from learn_internal.clock_override o), now())
      into v_user_id, v_timezone, v_day_starts_at, v_zone_number, v_zone_since, v_has_recorded,
        v_type, v_is_qualifying, v_happens_once, v_now
      from learn.users u
      join learn.activity_types t on t.key = f.activity_type
      where u.id = f.user_id;
    elsif f.activity_type is distinct from v_type then
      select t.key, t.is_qualifying, t.happens_once into v_type, v_is_qualifying, v_happens_once
      from learn.activity_types t
      where t.key = f.activity_type;
    end if;
    if v_user_id is null or v_type is null then
      v_user_id := null;  -- so that the next fact is looked up whole
      continue;
    end if;
    if f.occurred_at > v_now + interval '5 minutes' or f.occurred_at < '1970-01-01 00:00:00+00' then
      perform learn_internal.require_possible_time('occurred_at', f.occurred_at);
    end if;
    if v_happens_once and v_has_recorded then
      continue when exists (
        select from learn_internal.recorded_subjects r
        where r.user_id = f.user_id and r.activity_type = f.activity_type
          and r.subject_type = f.subject_type and r.subject_id = f.subject_id);
    end if;
    if f.occurred_at < v_zone_since then
      v_zone := learn_internal.local_date(f.user_id, f.occurred_at);
    else
      v_zone.local_date := (f.occurred_at at time zone v_timezone - v_day_starts_at)::date;
      v_zone.zone_number := v_zone_number;
    end if;
    v_rows := v_rows || (
      f.user_id, f.activity_type, f.subject_type, f.subject_id, coalesce(f.properties, '{}'),
      case when p_is_past then coalesce(f.xp, 0) else f.xp end,
      f.occurred_at, v_zone.local_date, v_zone.zone_number, v_is_qualifying and not p_is_past
    )::learn_internal.logged_fact;
  end loop;

  if cardinality(v_rows) > 0 then
    if v_is_function then  -- not by hand: see complete_activity()
      perform set_config('learn_internal.writes_facts', 'yes', true);
    end if;
    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties, xp,
       occurred_at, local_date, zone_number, is_qualifying, idempotency_key, recorded_at)
    select r.user_id, r.activity_type, r.subject_type, r.subject_id, r.properties, r.xp,
      r.occurred_at, r.local_date, r.zone_number, r.is_qualifying, p_idempotency_key, v_now
    from unnest(v_rows) r;
    if v_is_function then
      perform set_config('learn_internal.writes_facts', '', true);
    end if;
  end if;
end;
$$;
comment on function learn_internal.write_facts(learn_internal.fact[], text, boolean) is
  'Writes facts to the log, in the given order; those of the past pay what they carry and make no day active.';
