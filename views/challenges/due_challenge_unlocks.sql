-- Challenges that users could have unlocked and have not: active, with every prerequisite completed,
-- and every track that their track asks for. What nobody can complete keeps nobody out: an inactive challenge,
-- one without levels, an empty track. Filter by user_id: nobody else is looked at.
create or replace view learn_internal.due_challenge_unlocks as
select s.user_id, c.id as challenge_id, c.slug, c.position, c.track_id
from learn.user_stats s
cross join learn.challenges c
where c.is_active
  and not exists (
    select from learn.user_challenge_progress p
    where p.user_id = s.user_id and p.challenge_id = c.id and p.unlocked_at is not null)
  and not exists (
    select from learn.challenge_prerequisites e
    join learn.challenges r on r.id = e.prerequisite_challenge_id and r.is_active
    where e.challenge_id = c.id
      and exists (select from learn.challenge_levels l where l.challenge_id = r.id)
      and not exists (
      select from learn.user_challenge_progress p
      where p.user_id = s.user_id and p.challenge_id = r.id and p.completed_at is not null))
  and not exists (
    select from learn.track_prerequisites e
    join learn.tracks t on t.id = e.prerequisite_track_id and t.is_published
    join learn_internal.track_sizes z on z.track_id = t.id
    where e.track_id = c.track_id and not exists (
      select from learn.user_track_progress p
      where p.user_id = s.user_id and p.track_id = t.id and p.completed_at is not null));
comment on view learn_internal.due_challenge_unlocks is
  'Challenges that users have earned to unlock and have not unlocked yet.';
