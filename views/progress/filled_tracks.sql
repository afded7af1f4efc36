-- Published tracks with something in them: those that count in paths and difficulties.
create or replace view learn_internal.filled_tracks as
select t.id as track_id, t.difficulty
from learn.tracks t
where t.is_published and t.total_items > 0;
comment on view learn_internal.filled_tracks is 'Published tracks with something in them.';
