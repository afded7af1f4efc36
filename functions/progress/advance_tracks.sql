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
  g           learn_internal.track_step;
  v_steps     learn_internal.track_step[] := p_steps;
  v_items     integer[] := array[1];  -- how many each step is worth
  v_row       learn.user_track_progress;
  v_is_filled boolean;               -- by this step
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  if cardinality(p_steps) > 1 then
    select
      array_agg((d.user_id, d.track_id, d.at)::learn_internal.track_step
        order by d.user_id, d.track_id),
      array_agg(d.items order by d.user_id, d.track_id)
    into v_steps, v_items
    from (
      select s.user_id, s.track_id, max(s.at) as at, count(*)::integer as items
      from unnest(p_steps) s
      group by s.user_id, s.track_id
    ) d;
  end if;
  for v_i in 1 .. cardinality(v_steps) loop
    g := v_steps[v_i];
    update learn.user_track_progress p
    set items_completed = p.items_completed + v_items[v_i],
      status = case when p.completed_at is null then 'in_progress' else 'completed' end,
      -- as derive_track_progress() says, without its price
      progress_percentage = case when p.total_items = 0 then 0
        else round(100.0 * (p.items_completed + v_items[v_i]) / p.total_items, 2) end
    where p.user_id = g.user_id and p.track_id = g.track_id
    returning p.* into v_row;
    v_is_filled := false;
    if not found then  -- a load may fill a track at once; to write a row twice has its foreign keys asked again
      insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items, completed_at)
      select g.user_id, t.id, v_items[v_i], greatest(v_items[v_i], t.total_items),
        case when t.is_published and v_items[v_i] >= t.total_items then g.at end
      from learn.tracks t
      where t.id = g.track_id
      on conflict do nothing
      returning p.* into v_row;
      v_is_filled := v_row.completed_at is not null;
    elsif v_row.items_completed = v_row.total_items and v_row.completed_at is null then
      update learn.user_track_progress p
      set completed_at = g.at
      from learn.tracks t
      where p.user_id = g.user_id and p.track_id = g.track_id and t.id = g.track_id and t.is_published;
      v_is_filled := found;
    end if;
    if v_is_filled then
      v_user_ids := v_user_ids || g.user_id;
      v_track_ids := v_track_ids || g.track_id;
      v_at := v_at || g.at;
    end if;
  end loop;
  if cardinality(v_user_ids) > 0 then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(learn_internal.track_step[]) is
  'Counts newly completed items towards their tracks.';
