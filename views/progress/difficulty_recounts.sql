-- Difficulties of which users have completed every published track that has something in it,
-- at least one.
create or replace view learn_internal.difficulty_recounts as
select p.user_id, t.difficulty, max(p.completed_at) as last_completed_at
from learn.tracks t
join learn_internal.track_sizes s on s.track_id = t.id
join learn.user_track_progress p on p.track_id = t.id and p.completed_at is not null
where t.is_published
group by p.user_id, t.difficulty
having count(*) = (
  select count(*)
  from learn.tracks a
  join learn_internal.track_sizes b on b.track_id = a.id
  where a.is_published and a.difficulty = t.difficulty);
comment on view learn_internal.difficulty_recounts is
  'Difficulties whose published tracks a user has all completed.';
