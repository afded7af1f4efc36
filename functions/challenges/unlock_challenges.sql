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
