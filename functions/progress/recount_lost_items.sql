-- When progress in items of tracks is deleted, alone or with the item: the tracks are recounted for
-- those who had completed it. What goes with its user concerns nobody, and what goes with its item
-- is counted where the item is deleted.
-- Arguments of the trigger: the table of the items, and the column that refers to it.
create or replace function learn_internal.recount_lost_items()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
begin
  execute format(
    $query$
      select array_agg(distinct d.user_id), array_agg(distinct i.track_id)
      from deleted_rows d
      join learn.%1$I i on i.id = d.%2$I and i.track_id is not null
      join learn.users u on u.id = d.user_id
      where d.completed_at is not null
    $query$, tg_argv[0], tg_argv[1])
  into v_user_ids, v_track_ids;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$$;
comment on function learn_internal.recount_lost_items() is
  'Statement trigger: recounts the tracks of deleted progress in items. Arguments: the table of the '
  'items, and the column that refers to it.';
