-- When users lose achievements: revoked, or deleted with the user or the achievement. The tally of
-- holders follows.
create or replace function learn_internal.tally_lost_achievements()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'achievements', '-infinity', o.achievement_id::text, -count(*)
  from lost o
  group by o.achievement_id;
  return null;
end;
$$;
comment on function learn_internal.tally_lost_achievements() is
  'Statement trigger: tallies the holders of achievements that users lose.';
revoke all on function learn_internal.tally_lost_achievements() from public;

create or replace trigger achievements_lost
  after delete on learn.user_achievements
  referencing old table as lost
  for each statement
  execute function learn_internal.tally_lost_achievements();
comment on trigger achievements_lost on learn.user_achievements is 'Tallies holders.';
