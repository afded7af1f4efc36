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
