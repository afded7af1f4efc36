-- When an achievement is written: its thresholds are indexed, or taken out of the index
-- while it is inactive.
create or replace function learn_internal.index_criteria()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from learn_internal.achievement_thresholds t where t.achievement_id = new.id;
  if new.is_active then
    insert into learn_internal.achievement_thresholds
      (metric, scope, threshold, achievement_id, is_sole)
    select distinct l.metric, l.scope, l.threshold, new.id, l.is_sole
    from learn_internal.criteria_leaves(new.criteria) l;
  end if;
  return null;
end;
$$;
comment on function learn_internal.index_criteria() is
  'Row trigger: indexes the thresholds of an active achievement.';
revoke all on function learn_internal.index_criteria() from public;

create or replace trigger index_criteria
  after insert or update of criteria, is_active on learn.achievements
  for each row
  execute function learn_internal.index_criteria();
comment on trigger index_criteria on learn.achievements is
  'Indexes the thresholds of an active achievement.';
