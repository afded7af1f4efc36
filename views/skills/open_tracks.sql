-- Tracks that users could do now: published, with something in them, not completed, and with every
-- prerequisite completed. Filter by user_id: nobody else is looked at.
create or replace view learn_internal.open_tracks as
select s.user_id, t.id as track_id, t.slug, d.rank as difficulty_rank, t.position
from learn.user_stats s
cross join learn.tracks t
join learn.difficulties d on d.key = t.difficulty
join learn_internal.track_sizes z on z.track_id = t.id
where t.is_published
  and not exists (
    select from learn.user_track_progress p
    where p.user_id = s.user_id and p.track_id = t.id and p.completed_at is not null)
  and not exists (
    select from learn.track_prerequisites e
    join learn.tracks r on r.id = e.prerequisite_track_id and r.is_published
    join learn_internal.track_sizes y on y.track_id = r.id
    where e.track_id = t.id and not exists (
      select from learn.user_track_progress p
      where p.user_id = s.user_id and p.track_id = r.id and p.completed_at is not null));
comment on view learn_internal.open_tracks is
  'Tracks that users have not completed and could do now.';
