-- The columns that Laurel itself keeps up to date in content and rules: nobody says them, and they are no change.
create or replace function learn_internal.kept_columns()
returns text[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select '{updated_at,total_items,total_lessons,total_levels,total_weight,is_available,pays,is_capped,feeds_metrics,
    feeds_days,resets_runs,notifies,criteria_changed_at}'::text[];
$$;
comment on function learn_internal.kept_columns() is
  'The columns that Laurel itself keeps up to date in content and rules.';
