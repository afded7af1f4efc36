-- Progress in challenges recounted from the attempts and from what was imported: what
-- user_challenge_progress must say. Filter by user_id: the condition reaches the tables.
create or replace view learn_internal.challenge_recounts as
select p.user_id, p.challenge_id,
  array_agg(distinct p.level_number) filter (where p.passed) as levels_completed,
  coalesce(max(p.level_number) filter (where p.passed), 0) as current_level,
  count(*) filter (where p.is_attempt)::integer as total_attempts,
  coalesce(sum(p.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(p.score) as best_score,
  min(p.created_at) filter (where p.is_attempt or p.passed) as started_at,
  max(p.created_at) filter (where p.passed) as last_passed_at,
  min(p.created_at) as unlocked_at
from (
  select a.user_id, a.challenge_id, a.level_number, a.passed, true as is_attempt,
    a.time_spent_seconds, a.score, a.created_at
  from learn.level_attempts a
  union all
  select i.user_id, i.challenge_id, l.level, l.level is not null, false, null, null, i.imported_at
  from learn.imported_challenge_progress i
  left join lateral unnest(i.completed_levels) l(level) on true
) p
group by p.user_id, p.challenge_id;
comment on view learn_internal.challenge_recounts is
  'Progress per user and challenge, recounted from level_attempts and '
  'imported_challenge_progress.';

-- Where progress in challenges is not what attempts and imports say, or attempts not what the ledger
-- says: the part of check_integrity() about challenges. The ledger may have paid more than attempts
-- note: for attempts that were deleted, and for facts that a backend has recorded.
create or replace view learn_internal.challenge_damage (check_name, user_id, expected, actual) as
select 'challenge_progress_follows_from_attempts', w.user_id,
  format('challenge %s: %s', w.challenge_id,
    coalesce(max(w.progress::text) filter (where w.is_due), '({},0,0,0,,)')),
  format('challenge %s: %s', w.challenge_id, max(w.progress::text) filter (where not w.is_due))
from (
  select r.user_id, r.challenge_id, true as is_due, (coalesce(r.levels_completed, '{}'), r.current_level,
    r.total_attempts, r.time_spent_seconds, r.best_score, r.started_at) as progress
  from learn_internal.challenge_recounts r
  union all
  select p.user_id, p.challenge_id, false,
    (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds, p.best_score,
      p.started_at)
  from learn.user_challenge_progress p
) w
group by w.user_id, w.challenge_id
having coalesce(max(w.progress::text) filter (where w.is_due), '({},0,0,0,,)')
  is distinct from max(w.progress::text) filter (where not w.is_due)
union all
select 'attempted_challenges_are_unlocked', p.user_id,
  format('challenge %s unlocked', p.challenge_id), 'locked'
from learn.user_challenge_progress p
where p.unlocked_at is null
union all
select 'full_challenges_are_completed', f.user_id,
  format('challenge %s completed', f.challenge_id), 'not completed'
from learn_internal.full_challenges f
join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
where p.completed_at is null
union all
select 'passed_levels_are_facts', p.user_id,
  format('a fact for level %s of challenge %s', l, p.challenge_id), 'none'
from learn.user_challenge_progress p
cross join lateral unnest(p.levels_completed) l
left join learn.activity_log f on f.user_id = p.user_id
  and f.activity_type = 'challenge_level_passed' and f.subject_type = 'challenge_level'
  and f.subject_id = p.challenge_id || ':' || l
where f.id is null
union all
select 'imported_progress_is_paid', i.user_id,
  format('challenge %s: at least %s', i.challenge_id, i.total_xp),
  format('challenge %s: %s', i.challenge_id, coalesce(f.xp, 0))
from learn.imported_challenge_progress i
left join (
  select l.user_id, l.subject_id, sum(l.xp) as xp
  from learn.activity_log l
  where l.activity_type = 'xp_awarded' and l.subject_type = 'challenge'
    and l.properties ->> 'source_type' = 'import'
  group by l.user_id, l.subject_id
) f on f.user_id = i.user_id and f.subject_id = i.challenge_id::text
where coalesce(f.xp, 0) < i.total_xp
union all
select 'attempts_note_what_was_paid', a.user_id,
  format('%s %s: at most %s', a.activity_type, a.subject_id, coalesce(t.xp, 0)),
  format('%s %s: %s', a.activity_type, a.subject_id, a.xp)
from (
  select v.user_id, 'challenge_level_passed' as activity_type,
    v.challenge_id || ':' || v.level_number as subject_id, sum(v.xp_earned) as xp
  from learn.level_attempts v
  where v.xp_earned > 0
  group by v.user_id, v.challenge_id, v.level_number
  union all
  select d.user_id, 'daily_challenge_completed', d.daily_challenge_id::text, d.xp_earned
  from learn.daily_challenge_attempts d
  where d.xp_earned > 0
) a
left join (
  select x.user_id, x.activity_type, x.source_id, sum(x.amount) as xp
  from learn.xp_transactions x
  where x.activity_type in ('challenge_level_passed', 'daily_challenge_completed')
  group by x.user_id, x.activity_type, x.source_id
) t on t.user_id = a.user_id and t.activity_type = a.activity_type and t.source_id = a.subject_id
where a.xp > coalesce(t.xp, 0);
comment on view learn_internal.challenge_damage is
  'Where progress in challenges is not what attempts and imports say, or attempts not what the '
  'ledger says; no row when all is well.';

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

-- challenge_prerequisites_status of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_challenge_prerequisites with (security_barrier) as
select v.* from learn.challenge_prerequisites_status v where v.user_id = (select learn.current_learner());
comment on view learn.my_challenge_prerequisites is 'challenge_prerequisites_status of the learner whose session it is: see current_learner().';
grant select on learn.my_challenge_prerequisites to learn_app, learn_user, learn_readonly;

-- Daily challenges with how many took part and how they did.
create or replace view learn.daily_challenge_board with (security_barrier) as
select d.id, d.date, d.challenge_id, c.slug, c.title, c.category, c.difficulty, c.xp_base,
  d.difficulty_modifier, d.xp_multiplier, d.special_requirements,
  s.participants_count, s.passed_count, s.average_score
from learn.daily_challenges d
join learn.challenges c on c.id = d.challenge_id
cross join lateral (
  select count(*) as participants_count, count(*) filter (where a.passed) as passed_count,
    round(avg(a.score), 2) as average_score
  from learn.daily_challenge_attempts a
  where a.daily_challenge_id = d.id
) s;
comment on view learn.daily_challenge_board is
  'Daily challenges with their participants and average score in percent.';
grant select on learn.daily_challenge_board to learn_app, learn_user, learn_readonly;

-- The attempts at each daily challenge, ranked by score: 1, 2, 2, 4. Users who are on no board are
-- not on this one. Filter by daily_challenge_id: the condition reaches the table.
create or replace view learn.daily_challenge_ranks with (security_barrier) as
select a.daily_challenge_id, a.user_id, u.username, u.display_name, a.score, a.passed, a.xp_earned,
  a.completed_at, rank() over (partition by a.daily_challenge_id order by a.score desc) as rank
from learn.daily_challenge_attempts a
join learn.users u on u.id = a.user_id
where u.is_active and u.show_on_leaderboard;
comment on view learn.daily_challenge_ranks is
  'Attempts at daily challenges, ranked by score in percent.';
grant select on learn.daily_challenge_ranks to learn_app, learn_user, learn_readonly;

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
