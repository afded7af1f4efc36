-- The first time that the log says a user completed something: levels, courses, challenges,
-- tracks, paths, difficulties: all that is completed as a whole.
create or replace view learn_internal.completion_facts as
select f.user_id, f.activity_type, f.subject_id, min(f.occurred_at) as completed_at
from learn_internal.all_facts f
where f.activity_type in ('level_completed', 'course_completed', 'challenge_completed',
    'track_completed', 'path_completed', 'difficulty_completed')
  and f.subject_id is not null
group by f.user_id, f.activity_type, f.subject_id;
comment on view learn_internal.completion_facts is
  'When the log says that users completed levels, courses, challenges, tracks, paths and '
  'difficulties.';
