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
    for v_i in 1 .. cardinality(v_user_ids) loop  -- by key: a join may be planned for a table of few rows
      update learn.user_track_progress p set completed_at = v_at[v_i]
      where p.user_id = v_user_ids[v_i] and p.track_id = v_track_ids[v_i];
    end loop;
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.recount_tracks(uuid[], bigint[]) is
  'Recounts tracks for users and completes those that are complete by now.';
