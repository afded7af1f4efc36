-- What has happened to a user since a call began.
create or replace function learn_internal.summarize(p_call learn_internal.call)
returns learn.award_summary
language sql
stable
set search_path = ''
as $$
  select (
    s.user_id,
    (s.total_xp - p_call.total_xp)::integer,
    s.total_xp,
    s.current_level,
    s.current_level > p_call.current_level,
    learn.calculate_user_streak(s.user_id),
    coalesce(n.slugs, '{}'),
    case when n.avatars is null then '{}'::jsonb else jsonb_build_object('avatars', n.avatars) end,
    false
  )::learn.award_summary
  from learn.user_stats s
  cross join lateral (
    select array_agg(a.slug order by u.id) as slugs, (
        select jsonb_agg(v.slug order by v.display_order, v.slug)
        from learn.avatars v
        where v.id = any (array_agg(a.unlocks_avatar_id)) and not exists (  -- unlocked before by another achievement
          select from learn.user_achievements o
          join learn.achievements b on b.id = o.achievement_id
          where o.user_id = p_call.user_id and o.id <= p_call.last_achievement and b.unlocks_avatar_id = v.id)
      ) as avatars
    from learn.user_achievements u
    join learn.achievements a on a.id = u.achievement_id
    where u.user_id = s.user_id and u.id > p_call.last_achievement
  ) n
  where s.user_id = p_call.user_id;
$$;
comment on function learn_internal.summarize(learn_internal.call) is 'What has happened to a user since a call began.';
revoke all on function learn_internal.summarize(learn_internal.call) from public;
