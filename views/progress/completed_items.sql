-- What users have completed, whatever kind of item: the other half of the definition
-- of a track's progress.
create or replace view learn_internal.completed_items as
select p.user_id, 'lesson' as item_type, p.lesson_id as item_id, p.completed_at
from learn.user_lesson_progress p
where p.completed_at is not null
union all
select p.user_id, 'course', p.course_id, p.completed_at
from learn.user_course_progress p
where p.completed_at is not null
union all
select p.user_id, 'challenge', p.challenge_id, p.completed_at
from learn.user_challenge_progress p
where p.completed_at is not null;
comment on view learn_internal.completed_items is 'The items of tracks that users have completed.';
