-- Published tracks with something in them: those that count in paths and difficulties.
create or replace view learn_internal.filled_tracks as
select t.id as track_id, t.difficulty
from learn.tracks t
where t.is_published
  and exists (
    select from learn_internal.track_items i
    where i.track_id = t.id
    offset 0);  -- by key, never a join with every item there is
comment on view learn_internal.filled_tracks is 'Published tracks with something in them.';
