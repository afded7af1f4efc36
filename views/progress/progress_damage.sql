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
select 'track_progress_follows_from_items', w.user_id,
  format('track %s: %s of %s', w.track_id, w.due, coalesce(z.total_items, 0)),
  format('track %s: %s of %s', w.track_id, w.completed, w.total)
from (
  select c.user_id, c.track_id, sum(c.due) as due, sum(c.completed) as completed, sum(c.total) as total
  from (
    select r.user_id, r.track_id, r.items_completed as due, 0 as completed, 0 as total
    from learn_internal.track_recounts r
    union all
    select p.user_id, p.track_id, 0, p.items_completed, p.total_items from learn.user_track_progress p
  ) c
  group by c.user_id, c.track_id
) w
left join learn_internal.track_sizes z on z.track_id = w.track_id
where w.due <> w.completed or coalesce(z.total_items, 0) <> w.total
union all
select 'track_progress_follows_from_items', p.user_id, format('track %s: status and percentage', p.track_id),
  format('%s of %s: %s, %s %%', p.items_completed, p.total_items, p.status, p.progress_percentage)
from learn.user_track_progress p
where p.status <> case when p.completed_at is not null then 'completed'
    when p.items_completed > 0 then 'in_progress' else 'not_started' end
  or p.progress_percentage <> coalesce(round(100.0 * p.items_completed / nullif(p.total_items, 0), 2), 0)
union all
select 'full_tracks_are_completed', p.user_id,
  format('track %s completed', p.track_id), 'not completed'
from learn.user_track_progress p
join learn.tracks t on t.id = p.track_id and t.is_published
where p.total_items > 0 and p.items_completed = p.total_items and p.completed_at is null
union all
select 'path_progress_follows_from_tracks', w.user_id,
  format('path %s: %s of %s', w.path_id, w.due, coalesce(z.total_tracks, 0)),
  format('path %s: %s of %s', w.path_id, w.completed, w.total)
from (
  select c.user_id, c.path_id, sum(c.due) as due, sum(c.completed) as completed, sum(c.total) as total
  from (
    select r.user_id, r.path_id, r.tracks_completed as due, 0 as completed, 0 as total
    from learn_internal.path_recounts r
    union all
    select p.user_id, p.path_id, 0, p.tracks_completed, p.total_tracks from learn.user_path_progress p
  ) c
  group by c.user_id, c.path_id
) w
left join learn_internal.path_sizes z on z.path_id = w.path_id
where w.due <> w.completed or coalesce(z.total_tracks, 0) <> w.total
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
