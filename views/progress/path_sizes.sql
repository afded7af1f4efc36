-- How many published tracks with something in them each learning path has;
-- no row for a path without any.
create or replace view learn_internal.path_sizes as
select pt.path_id, count(*)::integer as total_tracks
from learn.learning_path_tracks pt
join learn_internal.filled_tracks t on t.track_id = pt.track_id
group by pt.path_id;
comment on view learn_internal.path_sizes is 'Number of published tracks per learning path.';
