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
left join learn_internal.all_facts f on f.user_id = p.user_id
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
  from learn_internal.all_facts l
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
  from learn_internal.all_payments x
  where x.activity_type in ('challenge_level_passed', 'daily_challenge_completed')
  group by x.user_id, x.activity_type, x.source_id
) t on t.user_id = a.user_id and t.activity_type = a.activity_type and t.source_id = a.subject_id
where a.xp > coalesce(t.xp, 0);
comment on view learn_internal.challenge_damage is
  'Where progress in challenges is not what attempts and imports say, or attempts not what the '
  'ledger says; no row when all is well.';
