-- What has happened to a user since a call began.
create or replace function learn_internal.summarize(p_call learn_internal.call)
returns learn.award_summary
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_summary      learn.award_summary;
  v_last_date    date;
  v_has_earned   boolean := false;
  v_has_unlocked boolean := false;
  v_has_challenges boolean := false;
  v_has_avatars  boolean;
  v_avatars      jsonb;
  -- What was got since has ids up to these: older rows may have higher ones, where a sequence began anew.
  v_to_unlock      bigint := pg_sequence_last_value('learn.user_level_unlocks_id_seq');
  v_to_challenge   bigint := pg_sequence_last_value('learn.user_challenge_progress_id_seq');
  v_to_achievement bigint := pg_sequence_last_value('learn.user_achievements_id_seq');
begin
  select s.user_id, least(s.total_xp - p_call.total_xp, 2147483647), s.total_xp,
    s.current_level, s.current_level > p_call.current_level, s.current_streak, s.last_activity_date
  into v_summary.user_id, v_summary.xp_awarded, v_summary.total_xp,
    v_summary.current_level, v_summary.leveled_up, v_summary.current_streak,
    v_last_date
  from learn.user_stats s
  where s.user_id = p_call.user_id;
  if v_last_date is null or p_call.today is null or v_last_date < p_call.today - 1 then
    v_summary.current_streak := learn.calculate_user_streak(p_call.user_id);
  end if;
  v_summary.unlocked := '{}';
  v_summary.replayed := false;
  -- Mostly nobody has got anything since: that is known without looking at tables.
  if v_to_unlock > p_call.last_unlock then
    v_has_unlocked := exists (
      select from learn.user_level_unlocks l
      where l.user_id = p_call.user_id and l.id > p_call.last_unlock and l.id <= v_to_unlock);
  end if;
  if v_to_challenge > p_call.last_challenge then
    v_has_challenges := exists (
      select from learn.user_challenge_progress c
      where c.user_id = p_call.user_id and c.id > p_call.last_challenge and c.id <= v_to_challenge);
  end if;
  if v_to_achievement > p_call.last_achievement then
    v_has_earned := exists (
      select from learn.user_achievements a
      where a.user_id = p_call.user_id and a.id > p_call.last_achievement and a.id <= v_to_achievement);
  end if;
  if v_has_unlocked then
    select jsonb_build_object('levels', jsonb_agg(
      jsonb_build_object('course', c.slug, 'level', v.slug) order by u.id))
    into v_summary.unlocked
    from learn.user_level_unlocks u
    join learn.course_levels v on v.id = u.course_level_id
    join learn.courses c on c.id = v.course_id
    where u.user_id = p_call.user_id and u.id > p_call.last_unlock and u.id <= v_to_unlock;
  end if;
  if v_has_challenges then
    select v_summary.unlocked
      || jsonb_build_object('challenges', jsonb_agg(c.slug order by p.id))
    into v_summary.unlocked
    from learn.user_challenge_progress p
    join learn.challenges c on c.id = p.challenge_id
    where p.user_id = p_call.user_id and p.id > p_call.last_challenge and p.id <= v_to_challenge;
  end if;
  if not v_has_earned then
    v_summary.new_achievements := '{}';
    return v_summary;
  end if;

  select array_agg(a.slug order by u.id), bool_or(a.unlocks_avatar_id is not null)
  into v_summary.new_achievements, v_has_avatars
  from learn.user_achievements u
  join learn.achievements a on a.id = u.achievement_id
  where u.user_id = p_call.user_id and u.id > p_call.last_achievement and u.id <= v_to_achievement;

  if not v_has_avatars then
    return v_summary;
  end if;
  -- Avatars that these achievements unlock and no earlier one had unlocked.
  select jsonb_build_object('avatars', jsonb_agg(v.slug order by v.display_order, v.slug))
  into v_avatars
  from learn.avatars v
  where exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and u.id > p_call.last_achievement and u.id <= v_to_achievement
        and a.unlocks_avatar_id = v.id)
    and not exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and (u.id <= p_call.last_achievement or u.id > v_to_achievement)
        and a.unlocks_avatar_id = v.id)
  having count(*) > 0;
  v_summary.unlocked := v_summary.unlocked || coalesce(v_avatars, '{}');
  return v_summary;
end;
$$;
comment on function learn_internal.summarize(learn_internal.call) is
  'What has happened to a user since a call began.';
