-- Edge tables of prerequisites: an edge that closes a cycle is refused, with the cycle in DETAIL.
-- Arguments of the trigger: the column of the dependent and the column of its prerequisite.
-- Two edges written at the same time, each harmless alone, have waited for each other before: prerequisites
-- are content (change_content()).
-- Errors: LX012.
create or replace function learn_internal.refuse_cycle()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cycle text;
begin
  execute format(
    $query$
      with recursive walk(start, node, path) as (
        select n.%1$I, n.%2$I, array[n.%1$I, n.%2$I] from new_edges n
        union all
        select w.start, e.%2$I, w.path || e.%2$I
        from walk w
        join %3$s e on e.%1$I = w.node
        where w.node <> w.start and not e.%2$I = any (w.path[2:])
      )
      select array_to_string(w.path, ' → ') from walk w where w.node = w.start limit 1
    $query$, tg_argv[0], tg_argv[1], tg_relid::regclass)
  into v_cycle;
  if v_cycle is not null then
    raise exception 'prerequisites would form a cycle'
      using errcode = 'LX012', detail = v_cycle, hint = 'Remove one of these prerequisites first.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.refuse_cycle() is
  'Statement trigger of prerequisite tables: refuses cycles (LX012). Arguments: '
  'dependent and prerequisite column.';
