-- The challenges that a user should try next: not completed, unlocked or with nothing missing, and not
-- above the user's skill level; easier ones first, then in the order of the tracks.
-- Errors: LX001 limit out of range; LX002 unknown user.
create or replace function learn.recommend_challenges(p_user_id uuid, p_limit integer default 5)
returns table (
  id bigint, slug text, title text, difficulty text, xp_base integer, estimated_minutes integer
)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
#variable_conflict use_column
declare
  v_skill_level text;
begin
  perform learn_internal.require_self(p_user_id);
  select u.skill_level into v_skill_level from learn.users u where u.id = p_user_id;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  if p_limit is null or p_limit not between 0 and 1000 then
    raise exception 'the limit is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s', coalesce(p_limit::text, 'null')),
        hint = 'Ask for 0 to 1000 challenges.';
  end if;
  return query
  select c.id, c.slug, c.title, c.difficulty, c.xp_base, c.estimated_minutes
  from learn_internal.open_challenges o
  join learn.challenges c on c.id = o.challenge_id
  left join learn.difficulties m on m.key = v_skill_level
  where o.user_id = p_user_id and (v_skill_level = 'advanced' or o.difficulty_rank <= m.rank)
  order by o.difficulty_rank, o.track_position, o.track_id, o.position, o.challenge_id
  limit p_limit;
end;
$$;
comment on function learn.recommend_challenges(uuid, integer) is
  'Challenges that a user should try next, not above the user''s skill level, at most p_limit.';
revoke all on function learn.recommend_challenges(uuid, integer) from public;
grant execute on function learn.recommend_challenges(uuid, integer) to learn_app, learn_user, learn_readonly;
