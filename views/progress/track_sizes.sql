-- How many published items each track has; no row for a track without any.
create or replace view learn_internal.track_sizes as
select i.track_id, count(*)::integer as total_items
from learn_internal.track_items i
group by i.track_id;
comment on view learn_internal.track_sizes is 'Number of published items per track.';
