-- How far the learners of each track have come: a column has those who have come at least so far.
-- Content that changes moves them, except those who have completed it.
-- Nobody enrols in a track: it is started with its first item.
create or replace view learn.track_funnel as
select c.id as track_id, c.slug, c.title, c.is_published,
  coalesce(p.started, 0) as started,
  coalesce(p.reached_25, 0) as reached_25,
  coalesce(p.reached_50, 0) as reached_50,
  coalesce(p.reached_75, 0) as reached_75,
  coalesce(p.completed, 0) as completed
from learn.tracks c
left join (
  select p.track_id,
    count(*) filter (
      where p.items_completed > 0 or p.progress_percentage >= 25
        or p.completed_at is not null) as started,
    count(*) filter (where p.progress_percentage >= 25 or p.completed_at is not null) as reached_25,
    count(*) filter (where p.progress_percentage >= 50 or p.completed_at is not null) as reached_50,
    count(*) filter (where p.progress_percentage >= 75 or p.completed_at is not null) as reached_75,
    count(p.completed_at) as completed
  from learn.user_track_progress p
  group by p.track_id
) p on p.track_id = c.id;
comment on view learn.track_funnel is
  'Per track: learners who have started, done at least 25, 50 and 75 percent, '
  'and completed it.';
grant select on learn.track_funnel to learn_app, learn_readonly;
