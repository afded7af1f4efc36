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
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
set jit = off
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  -- A first item of a track makes the row, which knows of no more items than these: so it claims
  -- to be full, like one that is.
  with counted as (
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select c.user_id, i.track_id, count(*)::integer, count(*)::integer
    from unnest(p_user_ids, p_item_ids) c(user_id, item_id)
    cross join lateral (
      select t.track_id from learn_internal.track_items t
      where t.item_type = p_item_type and t.item_id = c.item_id
      offset 0  -- keeps this a query by key in each kind of item
    ) i
    group by c.user_id, i.track_id
    on conflict (user_id, track_id) do update
      set items_completed = p.items_completed + excluded.items_completed
    returning p.user_id, p.track_id,
      p.items_completed = p.total_items and p.completed_at is null as is_full
  )
  select array_agg(c.user_id), array_agg(c.track_id) into v_user_ids, v_track_ids
  from counted c
  where c.is_full;
  if v_user_ids is null then
    return;
  end if;

  -- What there is to complete is counted then, and kept by refresh_tracks().
  select array_agg(b.user_id), array_agg(b.track_id), array_agg(b.at)
  into v_user_ids, v_track_ids, v_at
  from learn_internal.begin_tracks(
    v_user_ids, v_track_ids, p_user_ids, p_item_type, p_item_ids, p_at) b;
  if v_user_ids is not null then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[]) is
  'Counts newly completed items towards their tracks.';
revoke all on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[])
  from public;
