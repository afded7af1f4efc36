-- Undoes migration20.sql.

set role learn_owner;

-- function learn_internal.begin_tracks(uuid[],bigint[],uuid[],text,bigint[],timestamp with time zone[])

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
as $$
begin
  return query
  with begun as (
    update learn.user_track_progress p
    set total_items = z.total_items
    from unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    join (
      select i.track_id, count(*)::integer as total_items
      from learn_internal.track_items i
      where i.track_id = any (p_track_ids)
      group by i.track_id
    ) z on z.track_id = g.track_id
    where p.user_id = g.user_id and p.track_id = g.track_id and p.total_items <> z.total_items
    returning p.user_id, p.track_id
  )
  select c.user_id, i.track_id, max(c.at)
  from unnest(p_item_user_ids, p_item_ids, p_at) c(user_id, item_id, at)
  cross join lateral (
    select t.track_id from learn_internal.track_items t
    where t.item_type = p_item_type and t.item_id = c.item_id
    offset 0  -- keeps this a query by key in each kind of item
  ) i
  join unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    on g.user_id = c.user_id and g.track_id = i.track_id
  join learn.tracks t on t.id = i.track_id and t.is_published
  where not exists (
    select from begun b where b.user_id = c.user_id and b.track_id = i.track_id)
  group by c.user_id, i.track_id;
end;
$$;
comment on function learn_internal.begin_tracks(uuid[],bigint[],uuid[],text,bigint[],timestamp with time zone[]) is 'Counts what there is to complete in tracks that users have begun; returns those that are full.';
revoke execute on function learn_internal.begin_tracks(uuid[],bigint[],uuid[],text,bigint[],timestamp with time zone[]) from public;

reset role;
