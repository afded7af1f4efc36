-- When users are made: each gets a stats row, and signing up is a fact. Several at once are an
-- import: what they earn by it, they are not notified of.
-- Errors: LX001 unknown time zone.
create or replace function learn_internal.register_users()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_quiet text := coalesce(current_setting('learn.quiet', true), '');
begin
  if not exists (select from new_users) then
    return null;
  end if;
  perform learn_internal.require_timezones(array_agg(distinct u.timezone)) from new_users u;

  insert into learn.user_stats (user_id, registered_on)
  select u.id, (u.created_at at time zone u.timezone)::date from new_users u order by u.id;
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'registrations', s.registered_on, '', count(*)
  from new_users u
  join learn.user_stats s on s.user_id = any (array[u.id])
  group by s.registered_on;

  if (select count(*) from new_users) > 1 then
    perform set_config('learn.quiet', 'on', true);
  end if;
  insert into learn.activity_log (user_id, activity_type, occurred_at, local_date, is_qualifying)
  select u.id, t.key, u.created_at, (u.created_at at time zone u.timezone)::date, t.is_qualifying
  from new_users u
  join learn.activity_types t on t.key = 'user_registered'
  order by u.id;
  perform set_config('learn.quiet', v_quiet, true);
  return null;
end;
$$;
comment on function learn_internal.register_users() is
  'Statement trigger: makes users'' stats rows and writes user_registered facts.';
revoke all on function learn_internal.register_users() from public;

create or replace trigger register_users
  after insert on learn.users
  referencing new table as new_users
  for each statement
  execute function learn_internal.register_users();
comment on trigger register_users on learn.users is
  'Makes stats rows and writes user_registered facts.';
