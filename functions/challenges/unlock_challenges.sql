-- Unlocks for users the challenges that they have earned. One that asked for something is a fact.
-- The caller has locked the users.
create or replace function learn_internal.unlock_challenges(p_user_ids uuid[], p_at timestamptz)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts learn_internal.fact[];
begin
  with unlocked as (
    insert into learn.user_challenge_progress as p (user_id, challenge_id, unlocked_at)
    select d.user_id, d.challenge_id, p_at
    from learn_internal.due_challenge_unlocks d
    where d.user_id = any (p_user_ids)
    order by d.user_id, d.track_id, d.position, d.challenge_id
    on conflict (user_id, challenge_id) do update set unlocked_at = excluded.unlocked_at
    returning p.user_id, p.challenge_id, p.id
  )
  select array_agg(
    (u.user_id, 'challenge_unlocked', 'challenge', u.challenge_id::text,
      jsonb_build_object('slug', c.slug, 'category', c.category, 'difficulty', c.difficulty),
      null, p_at)::learn_internal.fact
    order by u.user_id, u.id)
  into v_facts
  from unlocked u
  join learn.challenges c on c.id = u.challenge_id
  where exists (
      select from learn.challenge_prerequisites e where e.challenge_id = c.id)
    or exists (
      select from learn.track_prerequisites e where e.track_id = c.track_id);
  perform learn_internal.write_facts(v_facts);
end;
$$;
comment on function learn_internal.unlock_challenges(uuid[], timestamptz) is
  'Unlocks for users the challenges that they have earned.';

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
