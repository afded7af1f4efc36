-- Keeps updated_at true on the tables that have one.
create or replace function learn_internal.touch_updated_at()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := learn.clock();
  return new;
end;
$$;
comment on function learn_internal.touch_updated_at() is
  'Row trigger: sets updated_at to the time of the change.';
