-- Recounts of one user read the rows of one user

set role learn_owner;

-- functions/progress/recount_tracks.sql

-- Recounts tracks for users, whose stats rows the caller has locked, and completes
-- the tracks that are complete by now.
create or replace function learn_internal.recount_tracks(p_user_ids uuid[], p_track_ids bigint[])
returns void
language plpgsql
volatile
set search_path = ''
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
revoke all on function learn_internal.recount_tracks(uuid[], bigint[]) from public;

-- functions/progress/refresh_paths.sql

-- Recounts learning paths for users. Returns the facts to write: the paths that this completes.
create or replace function learn_internal.refresh_paths(p_user_ids uuid[], p_path_ids bigint[])
returns setof learn_internal.fact
language sql
volatile
set search_path = ''
as $$
  with recounted as (
    select u.user_id, s.path_id, coalesce(r.tracks_completed, 0) as tracks_completed,
      s.total_tracks, s.is_published, r.last_completed_at
    from (select distinct d.user_id from unnest(p_user_ids) d(user_id)) u
    cross join (
      select p.id as path_id, coalesce(z.total_tracks, 0) as total_tracks, p.is_published
      from learn.learning_paths p
      left join learn_internal.path_sizes z on z.path_id = p.id
      where p.id = any (p_path_ids)
    ) s
    left join (  -- filtered where it is grouped: a join would group everybody's
      select * from learn_internal.path_recounts x
      where x.user_id = any (p_user_ids) and x.path_id = any (p_path_ids)
    ) r on r.user_id = u.user_id and r.path_id = s.path_id
    where r.user_id is not null or exists (
      select from learn.user_path_progress e where e.user_id = u.user_id and e.path_id = s.path_id)
  ), earlier as (
    select e.user_id, e.path_id
    from learn.user_path_progress e
    join recounted r on r.user_id = e.user_id and r.path_id = e.path_id
    where e.completed_at is not null
  ), saved as (
    insert into learn.user_path_progress as p
      (user_id, path_id, tracks_completed, total_tracks, completed_at)
    select r.user_id, r.path_id, r.tracks_completed, r.total_tracks,
      case when r.is_published and r.total_tracks > 0 and r.tracks_completed = r.total_tracks
        then r.last_completed_at end
    from recounted r
    order by r.user_id, r.path_id
    on conflict (user_id, path_id) do update
      set tracks_completed = excluded.tracks_completed,
        total_tracks = excluded.total_tracks,
        completed_at = coalesce(p.completed_at, excluded.completed_at)
    returning p.user_id, p.path_id, p.completed_at
  )
  select s.user_id, 'path_completed', 'path', s.path_id::text,
    jsonb_build_object('slug', p.slug), null::integer, s.completed_at
  from saved s
  join learn.learning_paths p on p.id = s.path_id
  where s.completed_at is not null
    and not exists (select from earlier e where e.user_id = s.user_id and e.path_id = s.path_id)
  order by s.user_id, s.completed_at, s.path_id;
$$;
comment on function learn_internal.refresh_paths(uuid[], bigint[]) is
  'Recounts learning paths for users; returns the facts to write for the ones that this completes.';
revoke all on function learn_internal.refresh_paths(uuid[], bigint[]) from public;

-- views/xp/xp_recounts.sql

-- XP recounted from the ledger, and the level that it means: what user_stats must say.
-- One grouping over all sources: so a condition on user_id reaches each of them.
create or replace view learn_internal.xp_recounts as
select x.user_id, coalesce(sum(x.amount), 0)::bigint as total_xp,
  max(x.highest_level) as highest_level
from (
  select s.user_id, null::integer as amount, 1 as highest_level
  from learn.user_stats s
  union all
  select t.user_id, t.amount, null
  from learn.xp_transactions t
  union all
  select f.user_id, null, f.subject_id::integer
  from learn.activity_log f
  where f.activity_type = 'level_reached'
) x
group by x.user_id;
comment on view learn_internal.xp_recounts is
  'Total XP recounted from the ledger, and the highest level announced, per user.';

reset role;
