-- When levels or the thresholds of achievements change: the totals of XP at which something happens
-- are noted in one place, where the engine sees at a glance that nothing does.
create or replace function learn_internal.note_xp_marks()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  with marks as (
    select t.min_xp as xp from learn.level_thresholds t
    union
    select t.threshold from learn_internal.achievement_thresholds t
    where t.metric = 'xp' and t.scope = ''
  ), gone as (
    delete from learn_internal.xp_marks o
    where not exists (select from marks m where m.xp = o.xp)
  )
  insert into learn_internal.xp_marks (xp)
  select m.xp from marks m
  on conflict do nothing;
  return null;
end;
$$;
comment on function learn_internal.note_xp_marks() is
  'Statement trigger: notes the totals of XP at which something happens.';
