-- Progress in learning paths recounted from completed tracks: what user_path_progress must say.
create or replace view learn_internal.path_recounts as
select p.user_id, pt.path_id, count(*)::integer as tracks_completed,
  max(p.completed_at) as last_completed_at
from learn.learning_path_tracks pt
join learn_internal.filled_tracks t on t.track_id = pt.track_id
join learn.user_track_progress p on p.track_id = pt.track_id and p.completed_at is not null
group by p.user_id, pt.path_id;
comment on view learn_internal.path_recounts is 'Tracks completed per user and path, recounted.';
