-- Before a user is deleted: what was tallied of the user is taken out again, as if the user had never
-- been there. Before, because afterwards nobody knows the week of registration. The user's row is
-- locked by now: no fact of theirs can come in between.
create or replace function learn_internal.tally_deleted_users()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'registrations', s.registered_on, '', -1
  from learn.user_stats s
  where s.user_id = old.id
  union all
  select 'active_days', d.activity_date, '', -1
  from learn.user_activity_days d
  where d.user_id = old.id and not d.is_freeze
  union all
  select distinct 'active_weeks', date_trunc('week', d.activity_date::timestamp)::date,
    to_char(date_trunc('week', s.registered_on::timestamp), 'YYYY-MM-DD'), -1
  from learn.user_activity_days d
  join learn.user_stats s on s.user_id = d.user_id
  where d.user_id = old.id and not d.is_freeze
  union all
  select 'xp', t.earned_on, t.activity_type, -sum(t.amount)
  from learn.xp_transactions t
  where t.user_id = old.id
  group by t.earned_on, t.activity_type;
  return old;
end;
$$;
comment on function learn_internal.tally_deleted_users() is
  'Row trigger: takes out of the tallies what was counted of a user, before the user is deleted.';
revoke all on function learn_internal.tally_deleted_users() from public;

create or replace trigger tally_deleted_users
  before delete on learn.users
  for each row
  execute function learn_internal.tally_deleted_users();
comment on trigger tally_deleted_users on learn.users is
  'Takes out of the tallies what was counted of the user.';
