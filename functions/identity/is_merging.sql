-- Whether merge_users() is under way: rows may change hands then. The setting says so for next to nothing.
create or replace function learn_internal.is_merging()
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(current_setting('learn_internal.merging', true), '') = 'yes'
    and learn_internal.is_running('learn.merge_users');
end;
$$;
comment on function learn_internal.is_merging() is 'Whether merge_users() is under way.';
