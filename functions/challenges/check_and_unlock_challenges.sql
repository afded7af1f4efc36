-- Unlocks every challenge that a user has earned, and says which ones. Completing a challenge
-- or a track does this by itself; the first ones of all are unlocked here, or by an attempt.
-- Errors: LX002; LX004 user inactive.
create or replace function learn.check_and_unlock_challenges(p_user_id uuid)
returns setof bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'check_and_unlock_challenges', p_user_id, '{}', null, null);
begin
  perform learn_internal.unlock_challenges(array[p_user_id], v_call.occurred_at);
  return query
  select p.challenge_id
  from learn.user_challenge_progress p
  where p.user_id = p_user_id and p.id > v_call.last_challenge
    and p.id <= pg_sequence_last_value('learn.user_challenge_progress_id_seq')
  order by p.id;
end;
$$;
comment on function learn.check_and_unlock_challenges(uuid) is
  'Unlocks every challenge that a user has earned; returns the ids of the newly unlocked ones.';
grant execute on function learn.check_and_unlock_challenges(uuid) to learn_app, learn_user;
