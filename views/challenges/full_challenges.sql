-- Challenges of which users have passed every level there is.
create or replace view learn_internal.full_challenges as
select p.user_id, p.challenge_id, greatest((
    select max(a.created_at) from learn.level_attempts a
    where a.user_id = p.user_id and a.challenge_id = p.challenge_id and a.passed
  ), (
    select i.imported_at from learn.imported_challenge_progress i
    where i.user_id = p.user_id and i.challenge_id = p.challenge_id
  )) as last_passed_at
from learn.user_challenge_progress p
where p.levels_completed <> '{}' and exists (
    select from learn.challenge_levels l where l.challenge_id = p.challenge_id)
  and not exists (
    select from learn.challenge_levels l
    where l.challenge_id = p.challenge_id and l.level_number <> all (p.levels_completed));
comment on view learn_internal.full_challenges is
  'Challenges of which users have passed every level.';
