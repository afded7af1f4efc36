-- An earned achievement as an Open Badge; null when the user has not earned it. Its id is a hash,
-- so that it is the same each time and tells nobody the user's id.
-- Errors: LX002; LX003 unknown achievement, or a setting of the issuer is missing or empty.
create or replace function learn.achievement_credential(p_user_id uuid, p_slug text)
returns jsonb
language plpgsql
stable
security definer                  -- reads settings and names for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_achievement learn.achievements;
  v_earned_at   timestamptz;
  v_id          text;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  v_achievement := learn_internal.require_achievement(p_slug, false);
  select u.earned_at into v_earned_at
  from learn.user_achievements u
  where u.user_id = p_user_id and u.achievement_id = v_achievement.id;
  if not found then
    return null;
  end if;
  v_id := rtrim(learn_internal.setting_string('credential_url'), '/') || '/achievements/' || p_slug;
  return learn_internal.open_badge(
    v_id || '/' || left(encode(sha256(convert_to(
      p_user_id || ' ' || p_slug || ' ' || extract(epoch from v_earned_at), 'UTF8')), 'hex'), 32),
    v_earned_at, learn_internal.public_name(p_user_id),
    jsonb_strip_nulls(jsonb_build_object(
      'id', v_id,
      'type', jsonb_build_array('Achievement'),
      'achievementType', 'Badge',
      'name', v_achievement.name,
      'description', coalesce(nullif(v_achievement.description, ''), v_achievement.name),
      'criteria', jsonb_build_object('narrative',
        coalesce(nullif(v_achievement.description, ''), v_achievement.name)),
      'image', case when v_achievement.icon ~ E'^https?://\\S+$' then
        jsonb_build_object('id', v_achievement.icon, 'type', 'Image') end)));
end;
$$;
comment on function learn.achievement_credential(uuid, text) is
  'An earned achievement as an unsigned credential of Open Badges 3.0; '
  'null when the user has not earned it.';
grant execute on function learn.achievement_credential(uuid, text) to learn_app, learn_user, learn_readonly;
