-- The challenges that a user should try next: not completed, unlocked or with nothing missing, and not
-- above the user's skill level; easier ones first, then in the order of the tracks. Where all of these are done:
-- those that a track under way still needs, and then the other harder ones. So there is one until all is done.
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
    perform learn_internal.require_user(p_user_id, false);
  end if;
  if p_limit is null or p_limit not between 0 and 1000 then
    raise exception 'the limit is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s', coalesce(p_limit::text, 'null')),
        hint = 'Ask for 0 to 1000 challenges.';
  end if;
  return query
  select c.id, c.slug, c.title, c.difficulty, c.xp_base, c.estimated_minutes
  from (
    select r.*, bool_or(r.is_within) over () as has_within
    from (
      select o.*, v_skill_level = 'advanced' or o.difficulty_rank <= m.rank as is_within, exists (
        select from learn.user_track_progress p
        where p.user_id = o.user_id and p.track_id = o.track_id and p.completed_at is null) as is_under_way
      from learn_internal.open_challenges o
      left join learn.difficulties m on m.key = v_skill_level
      where o.user_id = p_user_id
    ) r
  ) q
  join learn.challenges c on c.id = q.challenge_id
  where q.is_within = q.has_within
  order by q.is_under_way and not q.has_within desc,
    q.difficulty_rank, q.track_position, q.track_id, q.position, q.challenge_id
  limit p_limit;
end;
$$;
comment on function learn.recommend_challenges(uuid, integer) is
  'Hook: challenges that a user should try next, at most p_limit: not above the user''s skill level, or, when all of '
  'these are done, the harder ones.';
grant execute on function learn.recommend_challenges(uuid, integer) to learn_app, learn_user, learn_readonly;
