-- Counts newly completed items towards the tracks that contain them. Takes parallel arrays of completions that were not
-- completed before. Increments, so that a completion costs the same in a track of five items and of five thousand.
-- Returns the facts to write: tracks, paths and difficulties that this completes.
create or replace function learn_internal.advance_tracks(
  p_user_ids uuid[], p_item_type text, p_item_ids bigint[], p_at timestamptz[]
)
returns setof learn_internal.fact
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  with gained as (
    select c.user_id, i.track_id, count(*)::integer as items, max(c.at) as at
    from unnest(p_user_ids, p_item_ids, p_at) c(user_id, item_id, at)
    join learn_internal.track_items i on i.item_type = p_item_type and i.item_id = c.item_id
    group by c.user_id, i.track_id
  ), counted as (
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select g.user_id, g.track_id, g.items, s.total_items
    from gained g
    cross join lateral (
      select coalesce(
        (select e.total_items from learn.user_track_progress e where e.user_id = g.user_id and e.track_id = g.track_id),
        (select z.total_items from learn_internal.track_sizes z where z.track_id = g.track_id)) as total_items
    ) s
    order by g.user_id, g.track_id
    on conflict (user_id, track_id) do update
      set items_completed = p.items_completed + excluded.items_completed
    returning p.user_id, p.track_id, p.items_completed, p.total_items, p.completed_at
  )
  select array_agg(c.user_id), array_agg(c.track_id), array_agg(g.at) into v_user_ids, v_track_ids, v_at
  from counted c
  join gained g on g.user_id = c.user_id and g.track_id = c.track_id
  join learn.tracks t on t.id = c.track_id and t.is_published
  where c.items_completed = c.total_items and c.completed_at is null;

  if v_user_ids is not null then
    return query select f.* from learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at) f;
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[]) is
  'Counts newly completed items towards their tracks; returns the facts to write.';
revoke all on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[]) from public;
