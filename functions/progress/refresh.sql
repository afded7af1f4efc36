-- After a change of content: what courses consist of is counted anew, and so is the progress
-- of everybody who is enrolled. Percentages are live, unlocks and completions sticky.
create or replace function learn_internal.refresh_courses(p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  perform learn_internal.count_courses(p_course_ids);

  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_course_progress p where p.course_id = any (p_course_ids))
    order by s.user_id
    for no key update
  ) l;
  if v_user_ids is not null then
    perform learn_internal.settle_courses(v_user_ids, p_course_ids);
  end if;
end;
$$;
comment on function learn_internal.refresh_courses(bigint[]) is
  'Recounts courses, and the progress of everybody enrolled in them, after a change of content.';

-- Notes the difficulties that users have completed by now. Returns the facts to write.
create or replace function learn_internal.refresh_difficulties(
  p_user_ids uuid[], p_difficulties text[]
)
returns setof learn_internal.fact
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_difficulties is null then
    return;
  end if;
  return query
  with saved as (
    insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
    select r.user_id, r.difficulty, r.last_completed_at
    from learn_internal.difficulty_recounts r
    where r.user_id = any (p_user_ids) and r.difficulty = any (p_difficulties)
    order by r.user_id, r.difficulty
    on conflict do nothing
    returning user_id, difficulty, completed_at
  )
  select s.user_id, 'difficulty_completed', 'difficulty', s.difficulty,
    jsonb_build_object('difficulty', s.difficulty), null::integer, s.completed_at
  from saved s
  order by s.user_id, s.completed_at, s.difficulty;
end;
$$;
comment on function learn_internal.refresh_difficulties(uuid[], text[]) is
  'Notes the difficulties that users have completed by now; returns the facts to write.';

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

-- After a change of content: recounts learning paths and difficulties for everybody
-- who has completed a track of them.
create or replace function learn_internal.refresh_goals(
  p_path_ids bigint[], p_difficulties text[] default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
  v_facts    learn_internal.fact[];
begin
  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_path_progress p where p.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.path_recounts r where r.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.difficulty_recounts r
      where r.difficulty = any (p_difficulties))
    order by s.user_id
    for no key update
  ) l;
  if v_user_ids is null then
    return;
  end if;

  select array_agg(f::learn_internal.fact) into v_facts
  from (
    select p.* from learn_internal.refresh_paths(v_user_ids, p_path_ids) p
    union all
    select d.* from learn_internal.refresh_difficulties(v_user_ids, p_difficulties) d
  ) f;
  perform learn_internal.write_facts(v_facts);
end;
$$;
comment on function learn_internal.refresh_goals(bigint[], text[]) is
  'Recounts learning paths and difficulties for everybody concerned, after a change of content.';

-- After a change of content: counts what tracks consist of, and recounts them for everybody who has
-- begun one.
-- Percentages are live, completions sticky. A learner who has by now completed all that is left
-- of a published track completes it.
create or replace function learn_internal.refresh_tracks(p_track_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  update learn.tracks t
  set total_items = n.total_items
  from (
    select i.id, coalesce(z.total_items, 0) as total_items
    from unnest(p_track_ids) i(id)
    left join learn_internal.track_sizes z on z.track_id = i.id
  ) n
  where t.id = n.id and t.total_items <> n.total_items;

  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_track_progress p where p.track_id = any (p_track_ids)
      union
      select r.user_id from learn_internal.track_recounts r where r.track_id = any (p_track_ids))
    order by s.user_id
    for no key update
  ) l;

  if v_user_ids is not null then
    perform learn_internal.recount_tracks(v_user_ids, p_track_ids);
  end if;

  -- A track that is new, gone, empty, or no longer published changes what its paths
  -- and its difficulty ask for.
  perform learn_internal.refresh_goals(
    (select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
      where pt.track_id = any (p_track_ids)),
    (select array_agg(distinct t.difficulty) from learn.tracks t where t.id = any (p_track_ids)));
end;
$$;
comment on function learn_internal.refresh_tracks(bigint[]) is
  'Recounts tracks, and what follows from them, for everybody concerned, '
  'after a change of content.';
