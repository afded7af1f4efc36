-- Makes the rows of tracks that users have begun (parallel arrays), where there are none. What there
-- is to complete is counted once per track, and kept true by refresh_tracks().
create or replace function learn_internal.begin_tracks(p_user_ids uuid[], p_track_ids bigint[])
returns void
language plpgsql
volatile
set search_path = ''
set enable_hashjoin = on   -- joins sets with sets
as $$
begin
  insert into learn.user_track_progress (user_id, track_id, total_items)
  select g.user_id, g.track_id, z.total_items
  from unnest(p_user_ids, p_track_ids) g(user_id, track_id)
  join (
    select i.track_id, count(*) as total_items
    from learn_internal.track_items i
    where i.track_id = any (p_track_ids)
    group by i.track_id
  ) z on z.track_id = g.track_id
  on conflict (user_id, track_id) do nothing;
end;
$$;
comment on function learn_internal.begin_tracks(uuid[], bigint[]) is
  'Makes the progress rows of tracks that users have begun.';
revoke all on function learn_internal.begin_tracks(uuid[], bigint[]) from public;
