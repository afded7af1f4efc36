-- What happens when rows of learn.metrics are written, in the order in which triggers fire.
-- Errors: LX001.

-- When metrics are defined differently: this blocks learners.
create or replace trigger metrics_change
  before insert or update or delete on learn.metrics
  for each statement
  execute function learn_internal.change_content();

-- When a metric is redefined: the change is dated. Its key stays, because criteria name it.
-- Errors: LX001 the key changes.
create or replace function learn_internal.date_metrics()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.key <> old.key then
    raise exception 'the key of a metric does not change'
      using errcode = 'LX001', detail = format('%s to %s', old.key, new.key),
        hint = 'Criteria name metrics by key: add a new metric and change the criteria.';
  end if;
  new.defined_at := learn.clock();
  return new;
end;
$$;
comment on function learn_internal.date_metrics() is
  'Row trigger: dates a metric''s definition, and keeps its key (LX001).';

create or replace trigger date_metrics
  before update on learn.metrics
  for each row
  when ((old.key, old.activity_type, old.aggregate, old.property, old.filter, old.scope_property,
      old.reset_activity_type, old.reset_filter)
    is distinct from (new.key, new.activity_type, new.aggregate, new.property,
      new.filter, new.scope_property, new.reset_activity_type, new.reset_filter))
  execute function learn_internal.date_metrics();

-- When metrics change: what each type of fact can cause is noted with the type.
create or replace trigger metrics_consequences
  after insert or update or delete on learn.metrics
  for each statement
  execute function learn_internal.note_consequences();

-- When metrics are defined or redefined: their values are recounted from the log, for everybody. So
-- a metric that comes late knows the past; what it deserves is granted by backfill_achievement().
create or replace function learn_internal.recount_metrics()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metrics  text[];
  v_is_board boolean;  -- whether boards change too
begin
  if tg_op = 'INSERT' then
    select array_agg(n.key) filter (where n.aggregate <> 'stat'), bool_or(n.is_board)
    into v_metrics, v_is_board
    from new_metrics n;
  else
    select bool_or(n.is_board or o.is_board) into v_is_board
    from new_metrics n
    join old_metrics o on o.key = n.key
    where (o.activity_type, o.aggregate, o.property, o.filter, o.is_board)
      is distinct from (n.activity_type, n.aggregate, n.property, n.filter, n.is_board);
    select array_agg(n.key) into v_metrics
    from new_metrics n
    left join old_metrics o on o.key = n.key
      and (o.activity_type, o.aggregate, o.filter, o.reset_filter)
        = (n.activity_type, n.aggregate, n.filter, n.reset_filter)
      and o.property is not distinct from n.property
      and o.scope_property is not distinct from n.scope_property
      and o.reset_activity_type is not distinct from n.reset_activity_type
    where n.aggregate <> 'stat' and o.key is null;
  end if;
  if (v_metrics is null and v_is_board is not true)
    or not exists (select from learn_internal.all_facts)
  then
    return null;
  end if;

  -- Nobody earns anything while the values change.
  perform from learn.user_stats s order by s.user_id for no key update;
  delete from learn.user_metrics u where u.metric = any (v_metrics);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.metric = any (v_metrics) and r.value <> 0
  order by r.user_id, r.metric, r.scope;

  delete from learn_internal.user_runs u where u.metric = any (v_metrics);
  insert into learn_internal.user_runs (user_id, metric, scope, reset_at, last_at)
  select r.user_id, r.metric, r.scope, r.reset_at, r.last_at
  from learn_internal.run_recounts r
  where r.metric = any (v_metrics);
  delete from learn_internal.user_metric_days d where d.metric = any (v_metrics);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date, zone_number)
  select r.user_id, r.metric, r.scope, r.activity_date, r.zone_number
  from learn_internal.metric_day_recounts r
  where r.metric = any (v_metrics);

  if v_is_board then
    perform learn_internal.recount_boards(array_agg(s.user_id)) from learn.user_stats s;
  end if;
  return null;
end;
$$;
comment on function learn_internal.recount_metrics() is
  'Statement trigger: recounts new and redefined metrics for everybody.';

create or replace trigger metrics_inserted
  after insert on learn.metrics
  referencing new table as new_metrics
  for each statement
  execute function learn_internal.recount_metrics();

create or replace trigger metrics_updated
  after update on learn.metrics
  referencing old table as old_metrics new table as new_metrics
  for each statement
  execute function learn_internal.recount_metrics();
