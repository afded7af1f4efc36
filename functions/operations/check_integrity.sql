-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only. Each domain has a view of its damage: what is checked is said there.
-- no grant: for operators, as learn_owner.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql                  -- keeps its plan, which takes longer to make than to run
stable
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  return query
  select * from learn_internal.identity_damage
  union all select * from learn_internal.xp_damage
  union all select * from learn_internal.streak_damage
  union all select * from learn_internal.activity_damage
  union all select * from learn_internal.catalog_damage
  union all select * from learn_internal.practice_damage
  union all select * from learn_internal.quiz_damage
  union all select * from learn_internal.challenge_damage
  union all select * from learn_internal.skill_damage
  union all select * from learn_internal.progress_damage
  union all select * from learn_internal.achievement_damage
  union all select * from learn_internal.community_damage
  union all select * from learn_internal.credential_damage
  union all select * from learn_internal.board_damage
  union all select * from learn_internal.tally_damage;
end;
$$;
comment on function learn.check_integrity() is
  'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke all on function learn.check_integrity() from public;
