-- The freezes that would keep a user's streak alive until a date, one for each day missed since the last.
-- All days or none: no row where one of them stays uncovered.
create or replace function learn_internal.covering_freezes(p_user_id uuid, p_last date, p_next date)
returns table (freeze_id bigint, missed_day date)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c.freeze_id, c.missed_day
  from (
    select f.freeze_id, f.missed_day, count(*) over () as days
    from learn_internal.freeze_days f
    where f.user_id = p_user_id and f.missed_day < p_next and f.is_held
  ) c
  where c.days = p_next - p_last - 1;
$$;
comment on function learn_internal.covering_freezes(uuid, date, date) is
  'Freezes that cover every missed day between two dates; none where they do not suffice.';

-- Gives a user streak freezes, held from a local date on, and writes the fact. Those that come late may cover
-- a day of the past. The caller has locked the user.
create or replace function learn_internal.give_streak_freezes(
  p_user_id uuid, p_date date, p_count integer, p_activity_type text, p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.streak_freezes (user_id, granted_on, is_earned)
  select p_user_id, p_date, p_activity_type = 'streak_freeze_earned'
  from generate_series(1, p_count);
  perform learn_internal.note_streak_freezes(p_user_id, p_date, p_count, p_activity_type, p_at);
end;
$$;
comment on function learn_internal.give_streak_freezes(uuid, date, integer, text, timestamptz) is
  'Gives a user streak freezes, held from a local date on, and writes the fact.';

-- Gives a user streak freezes. Each covers one day missed from today on;
-- a streak that is lost already stays lost.
-- Errors: LX001 count out of range; LX002; LX004 user inactive; LX013.
create or replace function learn.grant_streak_freezes(
  p_user_id         uuid,
  p_count           integer default 1,
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
  v_call learn_internal.call := learn_internal.begin_call(
    'grant_streak_freezes', p_user_id, jsonb_build_object('count', p_count),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if p_count is null or p_count not between 1 and 100 then
    raise exception 'from 1 to 100 freezes are granted at a time'
      using errcode = 'LX001', detail = format('p_count = %s', coalesce(p_count::text, 'null')),
        hint = 'Pass a count from 1 to 100.';
  end if;
  perform set_config('learn_internal.writes_facts', 'yes', true);  -- not by hand: see complete_activity()
  perform learn_internal.give_streak_freezes(
    p_user_id, d.local_date, p_count, 'streak_freeze_granted', v_call.occurred_at)
  from learn_internal.local_date(p_user_id, v_call.occurred_at) d;
  perform set_config('learn_internal.writes_facts', '', true);
  perform learn_internal.audit('grant_streak_freezes', 'streak_freezes', p_user_id,
    p_new => jsonb_build_object('count', p_count));
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.grant_streak_freezes(uuid, integer, timestamptz, text) is
  'Gives a user streak freezes; each covers one missed day.';
grant execute on function learn.grant_streak_freezes(uuid, integer, timestamptz, text) to learn_app;

-- Covers the missed days between two active days of a user, where the freezes in hand
-- suffice for all of them.
create or replace function learn_internal.spend_streak_freezes(
  p_user_id uuid, p_last date, p_next date, p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  with covering as (
    select c.freeze_id, c.missed_day
    from learn_internal.covering_freezes(p_user_id, p_last, p_next) c
  ), used as (
    update learn.streak_freezes f
    set used_on = c.missed_day
    from covering c
    where f.user_id = p_user_id and f.id = c.freeze_id
  ), covered as (
    insert into learn.user_activity_days (user_id, activity_date, is_freeze)
    select p_user_id, c.missed_day, true from covering c
  ), counted as (
    update learn.user_stats s
    set streak_freezes = s.streak_freezes - (select count(*) from covering)
    where s.user_id = p_user_id and exists (select from covering)
  )
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, occurred_at, local_date, is_qualifying)
  select p_user_id, 'streak_freeze_used', 'day', c.missed_day::text, p_at, c.missed_day, false
  from covering c
  order by c.missed_day;
end;
$$;
comment on function learn_internal.spend_streak_freezes(uuid, date, date, timestamptz) is
  'Covers the days a user missed between two active days, all of them or none.';
