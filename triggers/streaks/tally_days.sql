-- When days become active or no longer are: they are tallied, and so are the weeks in which a user has
-- the first active day or loses the last one, by the week of the user's registration. Days of a
-- user who is being deleted are left to tally_deleted_users(), which still knows that week.
-- A statement that both inserts and updates days (on conflict do update) may have one day per user,
-- since each of the two triggers sees what the other one tallies; or settle_tallies() comes after it.
create or replace function learn_internal.tally_days()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_moves learn_internal.day_move[];
begin
  case tg_op
    when 'INSERT' then
      select array_agg((n.user_id, n.activity_date, 1)::learn_internal.day_move) into v_moves
      from new_days n
      where not n.is_freeze;
    when 'DELETE' then
      select array_agg((o.user_id, o.activity_date, -1)::learn_internal.day_move) into v_moves
      from old_days o
      join learn.users u on u.id = any (array[o.user_id])
      where not o.is_freeze;
    else
      select array_agg((m.user_id, m.activity_date, m.days)::learn_internal.day_move) into v_moves
      from (
        select n.user_id, n.activity_date, 1 as days from new_days n where not n.is_freeze
        union all
        select o.user_id, o.activity_date, -1 from old_days o where not o.is_freeze
      ) m;
  end case;
  if v_moves is null then
    return null;
  end if;

  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'active_days', m.activity_date, '', sum(m.days)
  from unnest(v_moves) m
  group by m.activity_date
  having sum(m.days) <> 0
  union all
  select 'active_weeks', w.week, to_char(date_trunc('week', s.registered_on::timestamp), 'YYYY-MM-DD'),
    sum(sign(w.days) - sign(w.days - w.moved))
  from (
    select v.user_id, v.week, v.moved, (
      select count(*)
      from learn.user_activity_days d
      where d.user_id = v.user_id and d.activity_date >= v.week and d.activity_date < v.week + 7
        and not d.is_freeze) as days
    from (
      select m.user_id, date_trunc('week', m.activity_date::timestamp)::date as week,
        sum(m.days) as moved
      from unnest(v_moves) m
      group by 1, 2
    ) v
  ) w
  join learn.user_stats s on s.user_id = any (array[w.user_id])
  group by 2, 3
  having sum(sign(w.days) - sign(w.days - w.moved)) <> 0;
  return null;
end;
$$;
comment on function learn_internal.tally_days() is
  'Statement trigger: tallies active days, and active weeks by the week of registration.';
revoke all on function learn_internal.tally_days() from public;

create or replace trigger days_inserted
  after insert on learn.user_activity_days
  referencing new table as new_days
  for each statement
  execute function learn_internal.tally_days();
comment on trigger days_inserted on learn.user_activity_days is 'Tallies active days and weeks.';

create or replace trigger days_updated
  after update on learn.user_activity_days
  referencing old table as old_days new table as new_days
  for each statement
  execute function learn_internal.tally_days();
comment on trigger days_updated on learn.user_activity_days is 'Tallies active days and weeks.';

create or replace trigger days_deleted
  after delete on learn.user_activity_days
  referencing old table as old_days
  for each statement
  execute function learn_internal.tally_days();
comment on trigger days_deleted on learn.user_activity_days is 'Tallies active days and weeks.';
