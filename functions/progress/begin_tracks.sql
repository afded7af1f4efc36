-- Counts what there is to complete in tracks that users seem to have filled (the first two arrays),
-- and notes it with those that they have only begun. Returns the published ones that are full,
-- and when the last of the items that were completed now (the other arrays) was.
create or replace function learn_internal.begin_tracks(
  p_user_ids uuid[], p_track_ids bigint[],
  p_item_user_ids uuid[], p_item_type text, p_item_ids bigint[], p_at timestamptz[]
)
returns table (user_id uuid, track_id bigint, at timestamptz)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
set jit = off
as $$
begin
  return query
  with begun as (
    -- the rows are there: this finds each by its key, whatever the planner makes of the arrays
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select b.user_id, b.track_id, b.total_items, b.total_items
    from (
      select s.user_id, s.track_id,
        max(s.total_items) over (partition by s.track_id) as total_items
      from (
        select g.user_id, g.track_id, null::integer as total_items
        from unnest(p_user_ids, p_track_ids) g(user_id, track_id)
        union all
        select null, t.track_id, i.total_items
        from (select distinct d.track_id from unnest(p_track_ids) d(track_id)) t
        cross join lateral (
          select count(*)::integer as total_items
          from learn_internal.track_items c
          where c.track_id = t.track_id
          offset 0  -- by key, one track after the other: each of its items once
        ) i
      ) s
    ) b
    where b.user_id is not null
    on conflict on constraint user_track_progress_pkey do update
      set total_items = excluded.total_items
      where p.total_items <> excluded.total_items
    returning p.user_id, p.track_id
  )
  -- Sets are matched by grouping them together, which takes the same time per row for any number.
  select s.user_id, s.track_id, max(s.at)
  from (
    select c.user_id, i.track_id, c.at, false as is_full, false as is_begun
    from unnest(p_item_user_ids, p_item_ids, p_at) c(user_id, item_id, at)
    cross join lateral (
      select t.track_id from learn_internal.track_items t
      where t.item_type = p_item_type and t.item_id = c.item_id
      offset 0  -- keeps this a query by key in each kind of item
    ) i
    union all
    select g.user_id, g.track_id, null, true, false
    from unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    union all
    select b.user_id, b.track_id, null, false, true
    from begun b
  ) s
  group by s.user_id, s.track_id
  having bool_or(s.is_full) and not bool_or(s.is_begun)
    and (select t.is_published from learn.tracks t where t.id = s.track_id);
end;
$$;
comment on function learn_internal.begin_tracks(
  uuid[], bigint[], uuid[], text, bigint[], timestamptz[]) is
  'Counts what there is to complete in tracks that users have begun; returns those that are full.';
revoke all on function learn_internal.begin_tracks(
  uuid[], bigint[], uuid[], text, bigint[], timestamptz[]) from public;
