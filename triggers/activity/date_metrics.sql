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
revoke all on function learn_internal.date_metrics() from public;

create or replace trigger date_metrics
  before update on learn.metrics
  for each row
  when ((old.key, old.activity_type, old.aggregate, old.property, old.filter, old.scope_property,
      old.reset_activity_type, old.reset_filter)
    is distinct from (new.key, new.activity_type, new.aggregate, new.property,
      new.filter, new.scope_property, new.reset_activity_type, new.reset_filter))
  execute function learn_internal.date_metrics();
comment on trigger date_metrics on learn.metrics is
  'Dates a metric''s definition, and keeps its key (LX001).';
