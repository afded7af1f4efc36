-- When rules or metrics change: what each type of fact can cause is noted with the type,
-- and how it feeds metrics, a row for each value that it moves.
create or replace function learn_internal.note_consequences()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update learn.activity_types t
  set pays = c.pays, is_capped = c.is_capped, feeds_metrics = c.feeds_metrics,
    feeds_days = c.feeds_days, resets_runs = c.resets_runs, notifies = c.notifies
  from (
    select a.key,
      (select r.amount from learn.xp_rules r where r.activity_type = a.key) as pays,
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
  where t.key = c.key and (t.pays, t.is_capped, t.feeds_metrics, t.feeds_days,
      t.resets_runs, t.notifies)
    is distinct from (c.pays, c.is_capped, c.feeds_metrics, c.feeds_days,
      c.resets_runs, c.notifies);

  with feeds as (
    select m.activity_type, m.key as metric, s.is_scoped, m.aggregate, m.property, m.filter,
      case when s.is_scoped then m.scope_property end as scope_property,
      m.is_board and not s.is_scoped as is_board
    from learn.metrics m
    cross join (values (false), (true)) s(is_scoped)
    where m.activity_type is not null and m.aggregate <> 'distinct_days'
      and (m.scope_property is not null or not s.is_scoped)
  ), gone as (
    delete from learn_internal.metric_feeds o
    where not exists (
      select from feeds f
      where (f.activity_type, f.metric, f.is_scoped) = (o.activity_type, o.metric, o.is_scoped))
  )
  insert into learn_internal.metric_feeds as o
    (activity_type, metric, is_scoped, aggregate, property, filter, scope_property, is_board)
  select * from feeds
  on conflict (activity_type, metric, is_scoped) do update
    set aggregate = excluded.aggregate, property = excluded.property, filter = excluded.filter,
      scope_property = excluded.scope_property, is_board = excluded.is_board
    where (o.aggregate, o.property, o.filter, o.scope_property, o.is_board)
      is distinct from (excluded.aggregate, excluded.property, excluded.filter,
        excluded.scope_property, excluded.is_board);
  return null;
end;
$$;
comment on function learn_internal.note_consequences() is
  'Statement trigger: notes with activity types what facts can cause.';
revoke all on function learn_internal.note_consequences() from public;
