-- When rules or metrics change: what each type of fact can cause is noted with the type.
create or replace function learn_internal.note_consequences()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  update learn.activity_types t
  set pays = c.pays, is_capped = c.is_capped, feeds_metrics = c.feeds_metrics,
    feeds_days = c.feeds_days, resets_runs = c.resets_runs, notifies = c.notifies
  from (
    select a.key,
      exists (select from learn.xp_rules r where r.activity_type = a.key) as pays,
      exists (
        select from learn.xp_rules r
        where r.activity_type = a.key and r.daily_cap is not null) as is_capped,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate <> 'distinct_days') as feeds_metrics,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate = 'distinct_days') as feeds_days,
      exists (select from learn.metrics m where m.reset_activity_type = a.key) as resets_runs,
      exists (
        select from learn.notification_rules r
        where r.activity_type = a.key and r.is_active) as notifies
    from learn.activity_types a
  ) c
  where t.key = c.key
    and (t.pays, t.is_capped, t.feeds_metrics, t.feeds_days, t.resets_runs, t.notifies)
      <> (c.pays, c.is_capped, c.feeds_metrics, c.feeds_days, c.resets_runs, c.notifies);
  return null;
end;
$$;
comment on function learn_internal.note_consequences() is
  'Statement trigger: notes with activity types what facts can cause.';
revoke all on function learn_internal.note_consequences() from public;
