-- Unlocks for users the challenges that they have earned. The caller has locked the users.
create or replace function learn_internal.unlock_challenges(p_user_ids uuid[], p_at timestamptz)
returns void
language sql
volatile
set search_path = ''
as $$
  insert into learn.user_challenge_progress as p (user_id, challenge_id, unlocked_at)
  select d.user_id, d.challenge_id, p_at
  from learn_internal.due_challenge_unlocks d
  where d.user_id = any (p_user_ids)
  order by d.user_id, d.track_id, d.position, d.challenge_id
  on conflict (user_id, challenge_id) do update set unlocked_at = excluded.unlocked_at;
$$;
comment on function learn_internal.unlock_challenges(uuid[], timestamptz) is
  'Unlocks for users the challenges that they have earned.';
revoke all on function learn_internal.unlock_challenges(uuid[], timestamptz) from public;
