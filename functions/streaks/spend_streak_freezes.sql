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
    on conflict do nothing
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
