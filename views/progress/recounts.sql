-- Completed levels per user and course, of those that there are to complete.
create or replace view learn_internal.course_level_recounts as
select u.user_id, v.course_id, count(*)::integer as levels_completed,
  max(u.completed_at) as last_completed_at
from learn.user_level_unlocks u
join learn.course_levels v on v.id = u.course_level_id and v.is_published
where u.completed_at is not null and exists (
  select from learn.lessons s where s.course_level_id = v.id and s.is_published)
group by u.user_id, v.course_id;
comment on view learn_internal.course_level_recounts is
  'Levels completed per user and course, recounted from user_level_unlocks.';

-- Progress in courses recounted from lessons: what user_course_progress must say, for those who are
-- enrolled. Filter by user_id and course_id: both conditions reach the tables.
create or replace view learn_internal.course_recounts as
select p.user_id, l.course_id,
  (count(*) filter (where c.lesson_id is not null and p.completed_at is not null))::integer
    as lessons_completed,
  coalesce(sum(c.weight) filter (where p.completed_at is not null), 0) as weight_completed,
  coalesce(sum(p.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(p.completed_at) filter (where c.lesson_id is not null) as last_completed_at,
  greatest(max(p.started_at), max(p.completed_at)) as last_activity_at
from learn.user_lesson_progress p
join learn.lessons l on l.id = p.lesson_id and l.course_id is not null
left join learn_internal.course_lessons c on c.lesson_id = l.id and c.course_id = l.course_id
group by p.user_id, l.course_id;
comment on view learn_internal.course_recounts is
  'Lessons, XP multipliers and time per user and course, recounted from user_lesson_progress.';

-- Difficulties of which users have completed every published track that has something in it,
-- at least one.
create or replace view learn_internal.difficulty_recounts as
select p.user_id, t.difficulty, max(p.completed_at) as last_completed_at
from learn_internal.filled_tracks t
join learn.user_track_progress p on p.track_id = t.track_id and p.completed_at is not null
join (
  select f.difficulty, count(*) as tracks from learn_internal.filled_tracks f group by f.difficulty
) n on n.difficulty = t.difficulty
group by p.user_id, t.difficulty, n.tracks
having count(*) = n.tracks;
comment on view learn_internal.difficulty_recounts is
  'Difficulties whose published tracks a user has all completed.';

-- Levels of courses whose lessons users have completed: any of them or all, as the setting
-- level_completion_policy says. Whether the level was unlocked is not asked here.
create or replace view learn_internal.level_recounts as
select r.user_id, r.course_id, r.course_level_id,
  case when s.is_any then r.first_completed_at else r.last_completed_at end as completed_at
from (
  select p.user_id, c.course_id, c.course_level_id, count(*) as lessons_completed,
    min(p.completed_at) as first_completed_at, max(p.completed_at) as last_completed_at
  from learn_internal.course_lessons c
  join learn.user_lesson_progress p on p.lesson_id = c.lesson_id and p.completed_at is not null
  where c.course_level_id is not null
  group by p.user_id, c.course_id, c.course_level_id
) r
cross join (
  select coalesce(bool_or(t.value = '"any"'), true) as is_any
  from learn.platform_settings t
  where t.key = 'level_completion_policy'
) s
where s.is_any or r.lessons_completed = (
  select count(*) from learn_internal.course_lessons a
  where a.course_level_id = r.course_level_id);
comment on view learn_internal.level_recounts is
  'Levels of courses that users'' completed lessons complete, by level_completion_policy.';

-- Progress in learning paths recounted from completed tracks: what user_path_progress must say.
create or replace view learn_internal.path_recounts as
select p.user_id, pt.path_id, count(*)::integer as tracks_completed,
  max(p.completed_at) as last_completed_at
from learn.learning_path_tracks pt
join learn_internal.filled_tracks t on t.track_id = pt.track_id
join learn.user_track_progress p on p.track_id = pt.track_id and p.completed_at is not null
group by p.user_id, pt.path_id;
comment on view learn_internal.path_recounts is 'Tracks completed per user and path, recounted.';

-- Progress in tracks recounted from what users have completed: what user_track_progress must say.
create or replace view learn_internal.track_recounts as
select c.user_id, i.track_id, count(*)::integer as items_completed,
  max(c.completed_at) as last_completed_at
from learn_internal.track_items i
join learn_internal.completed_items c on c.item_type = i.item_type and c.item_id = i.item_id
group by c.user_id, i.track_id;
comment on view learn_internal.track_recounts is 'Items completed per user and track, recounted.';
