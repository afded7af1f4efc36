-- Counts newly completed items towards their tracks, and completes the tracks that this fills.
-- Increments, so that an item costs the same in a track of five items and of five thousand.
-- The caller has locked the users.
create or replace function learn_internal.advance_tracks(p_steps learn_internal.track_step[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  g           record;             -- what a user has completed of a track
  v_row       learn.user_track_progress;
  v_user_ids  uuid[] := '{}'::uuid[];
  v_track_ids bigint[] := '{}'::bigint[];
  v_at        timestamptz[] := '{}'::timestamptz[];
begin
  for g in
    select s.user_id, s.track_id, count(*)::integer as items, max(s.at) as at
    from unnest(p_steps) s
    group by s.user_id, s.track_id
    order by s.user_id, s.track_id
  loop
    update learn.user_track_progress p
    set items_completed = p.items_completed + g.items
    where p.user_id = g.user_id and p.track_id = g.track_id
    returning p.* into v_row;
    if not found then
      insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
      select g.user_id, t.id, g.items, greatest(g.items, t.total_items)
      from learn.tracks t
      where t.id = g.track_id
      returning p.* into v_row;
    end if;
    if v_row.items_completed = v_row.total_items and v_row.completed_at is null then
      if exists (select from learn.tracks t where t.id = g.track_id and t.is_published) then
        v_user_ids := v_user_ids || g.user_id;
        v_track_ids := v_track_ids || g.track_id;
        v_at := v_at || g.at;
      end if;
    end if;
  end loop;
  if cardinality(v_user_ids) > 0 then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(learn_internal.track_step[]) is
  'Counts newly completed items towards their tracks.';
revoke all on function learn_internal.advance_tracks(learn_internal.track_step[]) from public;
