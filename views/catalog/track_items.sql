-- What a track is made of, whatever kind of item: the one definition. Only what can be completed
-- counts: available lessons, published courses and active challenges with something in them. A track counts whether
-- published or not (an unpublished one keeps its learners' numbers right for the day it comes back).
create or replace view learn_internal.track_items as
select tl.track_id, 'lesson' as item_type, tl.lesson_id as item_id
from learn.track_lessons tl
join learn.lessons l on l.id = tl.lesson_id
where l.is_available
union all
select c.track_id, 'course', c.id
from learn.courses c
where c.track_id is not null and c.is_published and c.total_lessons > 0
union all
select c.track_id, 'challenge', c.id
from learn.challenges c
where c.track_id is not null and c.is_active and exists (
  select from learn.challenge_levels l where l.challenge_id = c.id);
comment on view learn_internal.track_items is
  'The published items of each track: what there is to complete.';
