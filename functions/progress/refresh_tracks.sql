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
