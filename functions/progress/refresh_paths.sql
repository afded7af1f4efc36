-- Recounts learning paths for users. Returns the facts to write: the paths that this completes.
create or replace function learn_internal.refresh_paths(p_user_ids uuid[], p_path_ids bigint[])
returns setof learn_internal.fact
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_path_ids is null then
    return;
  end if;
  return query
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
end;
$$;
comment on function learn_internal.refresh_paths(uuid[], bigint[]) is
  'Recounts learning paths for users; returns the facts to write for the ones that this completes.';
