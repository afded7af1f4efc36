-- The freezes that would keep a streak alive over the missed days between two dates:
-- the i-th freeze covers the i-th missed day and must have been held by then. All days or none:
-- no row where one of them stays uncovered.
create or replace function learn_internal.covering_freezes(p_user_id uuid, p_last date, p_next date)
returns table (freeze_id bigint, missed_day date)
language sql
stable
set search_path = ''
as $$
  with candidates as (
    select f.id, f.granted_on,
      p_last + (row_number() over (order by f.granted_on, f.id))::integer as missed_day
    from learn.streak_freezes f
    where f.user_id = p_user_id and f.used_on is null
  ), covered as (
    select c.id, c.missed_day, count(*) over () as days
    from candidates c
    where c.missed_day < p_next and c.granted_on <= c.missed_day
  )
  select c.id, c.missed_day from covered c where c.days = p_next - p_last - 1;
$$;
comment on function learn_internal.covering_freezes(uuid, date, date) is
  'Freezes that cover every missed day between two dates; none where they do not suffice.';
revoke all on function learn_internal.covering_freezes(uuid, date, date) from public;
