-- Counts newly completed items towards the tracks that contain them.
-- Takes parallel arrays of completions that were not completed before. Increments,
-- so that a completion costs the same in a track of five items and of five thousand.
-- Completes the tracks, paths and difficulties that this fills.
create or replace function learn_internal.advance_tracks(
  p_user_ids uuid[], p_item_type text, p_item_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = ''
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_items     integer[];
  v_at        timestamptz[];
  v_has_new   boolean;
begin
  select array_agg(g.user_id), array_agg(g.track_id), array_agg(g.items),
    array_agg(g.at), bool_or(g.is_new)
  into v_user_ids, v_track_ids, v_items, v_at, v_has_new
  from (
    select c.user_id, i.track_id, count(*)::integer as items, max(c.at) as at,
      bool_or(p.user_id is null) as is_new
    from unnest(p_user_ids, p_item_ids, p_at) c(user_id, item_id, at)
    cross join lateral (
      select t.track_id from learn_internal.track_items t
      where t.item_type = p_item_type and t.item_id = c.item_id
      offset 0  -- keeps this a query by key in each kind of item
    ) i
    left join learn.user_track_progress p on p.user_id = c.user_id and p.track_id = i.track_id
    group by c.user_id, i.track_id
    order by c.user_id, i.track_id
  ) g;
  if v_user_ids is null then
    return;
  end if;

  -- A first item of a track makes the row; what there is to complete is counted then,
  -- and kept by refresh_tracks().
  if v_has_new then
    perform learn_internal.begin_tracks(v_user_ids, v_track_ids);
  end if;

  with counted as (
    update learn.user_track_progress p
    set items_completed = p.items_completed + g.items
    from unnest(v_user_ids, v_track_ids, v_items, v_at) g(user_id, track_id, items, at)
    where p.user_id = g.user_id and p.track_id = g.track_id
    returning p.user_id, p.track_id, g.at,
      p.items_completed = p.total_items and p.completed_at is null as is_full
  )
  select array_agg(c.user_id), array_agg(c.track_id), array_agg(c.at)
  into v_user_ids, v_track_ids, v_at
  from counted c
  where c.is_full
    and exists (select from learn.tracks t where t.id = c.track_id and t.is_published);

  if v_user_ids is not null then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[]) is
  'Counts newly completed items towards their tracks.';
revoke all on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[])
  from public;
