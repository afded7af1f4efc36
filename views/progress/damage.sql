-- Where learners' progress says that something was started or completed at another time than its fact, never, or
-- without a fact: a part of check_integrity(). What is remembered is passed over: it was recorded from outside, or
-- its row has been deleted and perhaps written again. So is what content no longer has.
create or replace view learn_internal.date_damage (check_name, user_id, expected, actual) as
select 'progress_is_dated_by_facts', coalesce(f.user_id, r.user_id),
  format('%s %s: %s', coalesce(f.activity_type, r.activity_type), coalesce(f.subject_id, r.subject_id),
    coalesce(f.at::text, 'never')),
  coalesce(r.at::text, 'never')
from (
  select l.user_id, l.activity_type, l.subject_type, l.subject_id, min(l.occurred_at) as at
  from learn.activity_log l
  where l.activity_type in ('lesson_completed', 'lesson_started', 'course_enrolled', 'course_completed',
      'level_completed', 'track_completed', 'path_completed', 'difficulty_completed', 'challenge_completed',
      'skill_mastered')
    and case l.subject_type
      when 'lesson' then exists (select from learn.lessons c where c.id::text = l.subject_id)
      when 'course' then exists (select from learn.courses c where c.id::text = l.subject_id)
      when 'course_level' then exists (select from learn.course_levels c where c.id::text = l.subject_id)
      when 'track' then exists (select from learn.tracks c where c.id::text = l.subject_id)
      when 'path' then exists (select from learn.learning_paths c where c.id::text = l.subject_id)
      when 'difficulty' then exists (select from learn.difficulties c where c.key = l.subject_id)
      when 'challenge' then exists (select from learn.challenges c where c.id::text = l.subject_id)
      when 'skill' then exists (select from learn.skills c where c.id::text = l.subject_id)
    end
  group by l.user_id, l.activity_type, l.subject_type, l.subject_id
) f
full join (select * from learn_internal.dated_rows d where d.at is not null) r
  on f.user_id = r.user_id and f.activity_type = r.activity_type and f.subject_type = r.subject_type
    and f.subject_id = r.subject_id
where f.at is distinct from r.at
  and (r.at is not null or f.activity_type <> 'skill_mastered' or not exists (  -- full_skills_are_mastered
    select from learn.user_skills u where u.user_id = f.user_id and u.skill_id::text = f.subject_id))
  and (f.at is not null or r.activity_type <> 'difficulty_completed')    -- it may have been renamed
  and not exists (
  select from learn_internal.recorded_subjects m
  where m.user_id = coalesce(f.user_id, r.user_id)
    and m.activity_type = coalesce(f.activity_type, r.activity_type)
    and m.subject_type = coalesce(f.subject_type, r.subject_type)
    and m.subject_id = coalesce(f.subject_id, r.subject_id))
union all
select 'achievements_are_dated_by_facts', u.user_id, format('achievement %s: %s', u.achievement_id, r.earned_at),
  u.earned_at::text
from learn.user_achievements u
join learn_internal.achievement_recounts r on r.user_id = u.user_id and r.achievement_id = u.achievement_id
where u.earned_at <> r.earned_at
union all
select 'solutions_are_dated_by_facts', p.author_id, format('reply %s: %s', p.id, f.occurred_at),
  p.first_accepted_at::text
from learn.replies p
join learn.activity_log f on f.user_id = p.author_id and f.activity_type = 'solution_accepted'
  and f.subject_type = 'reply' and f.subject_id = p.id::text
where p.first_accepted_at is distinct from f.occurred_at;
comment on view learn_internal.date_damage is
  'Where learners'' progress is dated otherwise than by its facts; no row when all is well.';

-- Where progress in lessons, courses, tracks, paths and difficulties is not what was done there:
-- the part of check_integrity() about progress.
create or replace view learn_internal.progress_damage (check_name, user_id, expected, actual) as
select 'solved_lessons_are_completed', v.user_id,
  format('lesson %s completed', v.lesson_id), 'not completed'
from learn_internal.solved_lessons v
join learn.lessons l on l.id = v.lesson_id
where not exists (
  select from learn.user_lesson_progress p
  where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
  and (l.course_id is null or exists (  -- else when they enrol
    select from learn.user_course_progress p
    where p.user_id = v.user_id and p.course_id = l.course_id))
union all
select 'completed_lessons_are_facts', p.user_id,
  format('a fact for lesson %s', p.lesson_id), 'none'
from learn.user_lesson_progress p
left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'lesson_completed'
  and f.subject_type = 'lesson' and f.subject_id = p.lesson_id::text
where p.completed_at is not null and f.id is null
union all
select 'enrolments_are_facts', p.user_id,
  format('a fact for course %s', p.course_id), 'none'
from learn.user_course_progress p
left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_enrolled'
  and f.subject_type = 'course' and f.subject_id = p.course_id::text
where f.id is null
union all
select 'course_progress_follows_from_lessons', p.user_id,
  format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
    coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
    c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
    coalesce(r.time_spent_seconds, 0)),
  format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
    p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
    p.weight_completed, p.total_weight, p.time_spent_seconds)
from learn.user_course_progress p
join learn.courses c on c.id = p.course_id
left join learn_internal.course_recounts r
  on r.user_id = p.user_id and r.course_id = p.course_id
left join learn_internal.course_level_recounts v
  on v.user_id = p.user_id and v.course_id = p.course_id
where (p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
    p.weight_completed, p.total_weight, p.time_spent_seconds)
  <> (coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
    c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
    coalesce(r.time_spent_seconds, 0))
union all
select 'full_courses_are_completed', p.user_id,
  format('course %s completed', p.course_id), 'not completed'
from learn.user_course_progress p
join learn.courses c on c.id = p.course_id and c.is_published
where p.completion_percentage = 100 and p.completed_at is null
union all
select 'completed_courses_are_facts', p.user_id,
  format('a fact for course %s', p.course_id), 'none'
from learn.user_course_progress p
left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_completed'
  and f.subject_type = 'course' and f.subject_id = p.course_id::text
where p.completed_at is not null and f.id is null
union all
select 'due_levels_are_unlocked', d.user_id, format('level %s unlocked', d.course_level_id),
  'locked'
from learn_internal.due_level_unlocks d
union all
select 'full_levels_are_completed', r.user_id, format('level %s completed', r.course_level_id),
  'not completed'
from learn_internal.level_recounts r
join learn.user_course_progress p on p.user_id = r.user_id and p.course_id = r.course_id
join learn.user_level_unlocks u
  on u.user_id = r.user_id and u.course_level_id = r.course_level_id
where u.completed_at is null
union all
select 'track_progress_follows_from_items', coalesce(r.user_id, p.user_id),
  format('track %s: %s of %s',
    coalesce(r.track_id, p.track_id), coalesce(r.items_completed, 0), coalesce(z.total_items, 0)),
  format('track %s: %s of %s',
    coalesce(r.track_id, p.track_id), coalesce(p.items_completed, 0), coalesce(p.total_items, 0))
from learn_internal.track_recounts r
full join learn.user_track_progress p on r.user_id = p.user_id and r.track_id = p.track_id
left join learn_internal.track_sizes z on z.track_id = coalesce(r.track_id, p.track_id)
where coalesce(r.items_completed, 0) <> coalesce(p.items_completed, 0)
  or coalesce(z.total_items, 0) <> coalesce(p.total_items, 0)
union all
select 'full_tracks_are_completed', p.user_id,
  format('track %s completed', p.track_id), 'not completed'
from learn.user_track_progress p
join learn.tracks t on t.id = p.track_id and t.is_published
where p.total_items > 0 and p.items_completed = p.total_items and p.completed_at is null
union all
select 'path_progress_follows_from_tracks', coalesce(r.user_id, p.user_id),
  format('path %s: %s of %s',
    coalesce(r.path_id, p.path_id), coalesce(r.tracks_completed, 0), coalesce(z.total_tracks, 0)),
  format('path %s: %s of %s',
    coalesce(r.path_id, p.path_id), coalesce(p.tracks_completed, 0), coalesce(p.total_tracks, 0))
from learn_internal.path_recounts r
full join learn.user_path_progress p on r.user_id = p.user_id and r.path_id = p.path_id
left join learn_internal.path_sizes z on z.path_id = coalesce(r.path_id, p.path_id)
where coalesce(r.tracks_completed, 0) <> coalesce(p.tracks_completed, 0)
  or coalesce(z.total_tracks, 0) <> coalesce(p.total_tracks, 0)
union all
select 'full_paths_are_completed', p.user_id,
  format('path %s completed', p.path_id), 'not completed'
from learn.user_path_progress p
join learn.learning_paths l on l.id = p.path_id and l.is_published
where p.total_tracks > 0 and p.tracks_completed = p.total_tracks and p.completed_at is null
union all
select 'full_difficulties_are_completed', r.user_id,
  format('difficulty %s completed', r.difficulty), 'not completed'
from learn_internal.difficulty_recounts r
where not exists (
  select from learn.user_difficulty_progress p
  where p.user_id = r.user_id and p.difficulty = r.difficulty);
comment on view learn_internal.progress_damage is
  'Where progress in lessons, courses, tracks, paths and difficulties is not what was done there; '
  'no row when all is well.';
