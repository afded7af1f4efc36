-- Content that belongs to other content: when rows come, go or move, what they belong to is
-- recounted, in the old place and in the new one.
-- Arguments of the trigger: the function that recounts, and the column of what it recounts.
create or replace function learn_internal.refresh_parents()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format(
    $query$
      select learn_internal.%1$I(array_agg(distinct r.%2$I))
      from (%3$s) r
      where r.%2$I is not null
      having count(*) > 0
    $query$, tg_argv[0], tg_argv[1],
    case tg_op
      when 'INSERT' then 'table new_rows'
      when 'DELETE' then 'table old_rows'
      else 'table new_rows union all table old_rows'
    end);
  return null;
end;
$$;
comment on function learn_internal.refresh_parents() is
  'Statement trigger of content: recounts what the rows belong to. Arguments: the function that '
  'recounts, and the column of what it recounts.';
