-- Challenges that users could try now: active, with levels, not completed, and unlocked or with nothing missing.
-- Filter by user_id: nobody else is looked at.
create or replace view learn_internal.open_challenges as
select s.user_id, c.id as challenge_id, c.slug, c.category, d.rank as difficulty_rank,
  t.position as track_position, c.track_id, c.position
from learn.user_stats s
cross join learn.challenges c
join learn.difficulties d on d.key = c.difficulty
left join learn.tracks t on t.id = c.track_id
where c.is_active
  and exists (select from learn.challenge_levels l where l.challenge_id = c.id)
  and not exists (
    select from learn.user_challenge_progress p
    where p.user_id = s.user_id and p.challenge_id = c.id and p.completed_at is not null)
  and (exists (
      select from learn.user_challenge_progress p
      where p.user_id = s.user_id and p.challenge_id = c.id and p.unlocked_at is not null)
    or exists (
      select from learn_internal.due_challenge_unlocks u
      where u.user_id = s.user_id and u.challenge_id = c.id));
comment on view learn_internal.open_challenges is
  'Challenges that users have not completed and could try now.';
