-- Difficulties of which users have completed every published track that has something in it,
-- at least one.
create or replace view learn_internal.difficulty_recounts as
select p.user_id, t.difficulty, max(p.completed_at) as last_completed_at
from learn_internal.filled_tracks t
join learn.user_track_progress p on p.track_id = t.track_id and p.completed_at is not null
group by p.user_id, t.difficulty
having count(*) = (
  select count(*) from learn_internal.filled_tracks f where f.difficulty = t.difficulty);
comment on view learn_internal.difficulty_recounts is
  'Difficulties whose published tracks a user has all completed.';
