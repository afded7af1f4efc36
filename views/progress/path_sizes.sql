-- How many published tracks with something in them each learning path has;
-- no row for a path without any.
create or replace view learn_internal.path_sizes as
select pt.path_id, count(*)::integer as total_tracks
from learn.learning_path_tracks pt
join learn.tracks t on t.id = pt.track_id
join learn_internal.track_sizes s on s.track_id = pt.track_id
where t.is_published
group by pt.path_id;
comment on view learn_internal.path_sizes is 'Number of published tracks per learning path.';
