-- What unlocking each active challenge takes, and how far a user is. Filter by user_id: then nobody
-- else is looked at.
create or replace view learn.challenge_prerequisites_status as
select u.id as user_id, c.id as challenge_id, c.slug as challenge_slug,
  p.unlocked_at is not null as is_unlocked, q.prerequisites, t.track_prerequisites,
  q.is_met and t.is_met as is_met
from learn.users u
cross join learn.challenges c
left join learn.user_challenge_progress p on p.user_id = u.id and p.challenge_id = c.id
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object(
      'challenge_id', r.id, 'slug', r.slug, 'completed', d.completed_at is not null)
      order by r.position, r.id), '[]') as prerequisites,
    coalesce(bool_and(d.completed_at is not null), true) as is_met
  from learn.challenge_prerequisites e
  join learn.challenges r on r.id = e.prerequisite_challenge_id and r.is_active
  left join learn.user_challenge_progress d on d.user_id = u.id and d.challenge_id = r.id
  where e.challenge_id = c.id and exists (select from learn.challenge_levels l where l.challenge_id = r.id)
) q
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object(
      'track_id', k.id, 'slug', k.slug, 'completed', d.completed_at is not null)
      order by k.position, k.id), '[]') as track_prerequisites,
    coalesce(bool_and(d.completed_at is not null), true) as is_met
  from learn.track_prerequisites e
  join learn.tracks k on k.id = e.prerequisite_track_id and k.is_published
  join learn_internal.track_sizes z on z.track_id = k.id
  left join learn.user_track_progress d on d.user_id = u.id and d.track_id = k.id
  where e.track_id = c.track_id
) t
where c.is_active;
comment on view learn.challenge_prerequisites_status is
  'What unlocking each active challenge takes and how far a user is: '
  '[{"challenge_id": 1, "slug": "…", "completed": true}, …], and the same for tracks.';
comment on column learn.challenge_prerequisites_status.is_met is
  'Nothing is missing: an attempt, or check_and_unlock_challenges(), unlocks it.';
grant select on learn.challenge_prerequisites_status to learn_app, learn_readonly;
