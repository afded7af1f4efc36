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
  from learn_internal.type_consequences c
  where t.key = c.key and (t.pays, t.is_capped, t.feeds_metrics, t.feeds_days,
      t.resets_runs, t.notifies)
    is distinct from (c.pays, c.is_capped, c.feeds_metrics, c.feeds_days,
      c.resets_runs, c.notifies);

  delete from learn_internal.metric_feeds o
  where not exists (
    select from learn_internal.due_feeds f
    where (f.activity_type, f.metric, f.is_scoped) = (o.activity_type, o.metric, o.is_scoped));
  insert into learn_internal.metric_feeds as o
    (activity_type, metric, is_scoped, aggregate, property, filter, scope_property, is_board)
  select * from learn_internal.due_feeds f
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
