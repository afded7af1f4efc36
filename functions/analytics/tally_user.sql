-- Puts what is tallied of a user into the tallies, or (p_sign -1) takes it out again.
create or replace function learn_internal.tally_user(p_user_id uuid, p_sign integer)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'registrations', s.registered_on, '', p_sign
  from learn.user_stats s
  where s.user_id = p_user_id
  union all
  select 'active_days', d.activity_date, '', p_sign
  from learn.user_activity_days d
  where d.user_id = p_user_id and not d.is_freeze
  union all
  select distinct 'active_weeks', date_trunc('week', d.activity_date::timestamp)::date,
    to_char(date_trunc('week', s.registered_on::timestamp), 'YYYY-MM-DD'), p_sign
  from learn.user_activity_days d
  join learn.user_stats s on s.user_id = d.user_id
  where d.user_id = p_user_id and not d.is_freeze
  union all
  select 'xp', t.earned_on, t.activity_type, p_sign * sum(t.amount)
  from learn_internal.all_payments t
  where t.user_id = p_user_id
  group by t.earned_on, t.activity_type;
end;
$$;
comment on function learn_internal.tally_user(uuid, integer) is
  'Puts what is tallied of a user into the tallies, or takes it out again.';
