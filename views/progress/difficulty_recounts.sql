-- Difficulties of which users have completed every published track that has something in it,
-- at least one.
create or replace view learn_internal.difficulty_recounts as
select p.user_id, t.difficulty, max(p.completed_at) as last_completed_at
from learn_internal.filled_tracks t
join learn.user_track_progress p on p.track_id = t.track_id and p.completed_at is not null
join (
  select f.difficulty, count(*) as tracks from learn_internal.filled_tracks f group by f.difficulty
) n on n.difficulty = t.difficulty
group by p.user_id, t.difficulty, n.tracks
having count(*) = n.tracks;
comment on view learn_internal.difficulty_recounts is
  'Difficulties whose published tracks a user has all completed.';
