-- What a track is made of, whatever kind of item: the one definition. Only published items count,
-- and a track counts whether published or not (an unpublished one keeps its learners' numbers
-- right for the day it comes back).
create or replace view learn_internal.track_items as
select tl.track_id, 'lesson' as item_type, tl.lesson_id as item_id
from learn.track_lessons tl
join learn.lessons l on l.id = tl.lesson_id
where l.is_published;
comment on view learn_internal.track_items is
  'The published items of each track: what there is to complete.';
