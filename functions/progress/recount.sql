-- Recounts tracks for users, whose stats rows the caller has locked, and completes
-- the tracks that are complete by now.
create or replace function learn_internal.recount_tracks(p_user_ids uuid[], p_track_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  with recounted as (
    select u.user_id, s.track_id, coalesce(r.items_completed, 0) as items_completed,
      s.total_items, r.last_completed_at
    from (select distinct d.user_id from unnest(p_user_ids) d(user_id)) u
    cross join (
      select t.id as track_id, coalesce(z.total_items, 0) as total_items
      from learn.tracks t
      left join learn_internal.track_sizes z on z.track_id = t.id
      where t.id = any (p_track_ids)
    ) s
    left join (  -- filtered where it is grouped: a join would group everybody's
      select * from learn_internal.track_recounts x
      where x.user_id = any (p_user_ids) and x.track_id = any (p_track_ids)
    ) r on r.user_id = u.user_id and r.track_id = s.track_id
    where r.user_id is not null or exists (
      select from learn.user_track_progress e
      where e.user_id = u.user_id and e.track_id = s.track_id)
  ), saved as (
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select r.user_id, r.track_id, r.items_completed, r.total_items
    from recounted r
    order by r.user_id, r.track_id
    on conflict (user_id, track_id) do update
      set items_completed = excluded.items_completed, total_items = excluded.total_items
    returning p.user_id, p.track_id, p.items_completed, p.total_items, p.completed_at
  )
  select array_agg(s.user_id), array_agg(s.track_id), array_agg(r.last_completed_at)
  into v_user_ids, v_track_ids, v_at
  from saved s
  join recounted r on r.user_id = s.user_id and r.track_id = s.track_id
  join learn.tracks t on t.id = s.track_id and t.is_published
  where s.total_items > 0 and s.items_completed = s.total_items and s.completed_at is null;

  if v_user_ids is not null then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.recount_tracks(uuid[], bigint[]) is
  'Recounts tracks for users and completes those that are complete by now.';

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
